//! A run that is over: it is recorded, and the ledger is free. What is left is to tell monitors and the person who started
//! it, in this order, because standard output may have a reader that never reads.

use super::{ExitCode, Failure, Output};

type EndReport = Box<dyn FnOnce(&Output) -> Result<ExitCode, Failure>>;

/// How a run ended.
pub(super) struct Ended {
    exit_code: ExitCode,
    /// `None`: all is told.
    telling: Option<EndReport>,
}

impl Ended {
    /// `telling` comes to this exit code too, or to a failure with it.
    pub(super) fn to_report(
        exit_code: ExitCode,
        telling: impl FnOnce(&Output) -> Result<ExitCode, Failure> + 'static,
    ) -> Self {
        Self { exit_code, telling: Some(Box::new(telling)) }
    }

    /// Nothing is left to be told.
    pub(super) fn reported(exit_code: ExitCode) -> Self {
        Self { exit_code, telling: None }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        self.exit_code
    }

    /// Prints what the person who started the run is to know.
    pub(super) fn report(self, output: &Output) -> Result<ExitCode, Failure> {
        self.telling.map_or(Ok(self.exit_code), |telling| telling(output))
    }
}
