//! Reports a run that has ended: the run is recorded, and the ledger is free.
//!
//! Monitors are notified first and the person who started the run second, because the reader of standard output may
//! never read.

use super::{ExitCode, Failure, Output};

type EndReport = Box<dyn FnOnce(&Output) -> Result<ExitCode, Failure>>;

/// How a run ended.
pub(super) struct Ended {
    exit_code: ExitCode,
    /// `None`: everything is reported.
    end_report: Option<EndReport>,
}

impl Ended {
    /// `end_report` returns this exit code too, or a failure with it.
    pub(super) fn to_report(
        exit_code: ExitCode,
        end_report: impl FnOnce(&Output) -> Result<ExitCode, Failure> + 'static,
    ) -> Self {
        Self { exit_code, end_report: Some(Box::new(end_report)) }
    }

    /// Everything is already reported.
    pub(super) fn reported(exit_code: ExitCode) -> Self {
        Self { exit_code, end_report: None }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        self.exit_code
    }

    /// Prints the report for the person who started the run.
    pub(super) fn report(self, output: &Output) -> Result<ExitCode, Failure> {
        self.end_report.map_or(Ok(self.exit_code), |end_report| end_report(output))
    }
}
