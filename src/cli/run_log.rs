//! Logs the beginning and the end of each command, so that the file of `--log-file` shows every run.
//!
//! A run without events is logged too. The command line itself is not logged: the URL of `--notify-url` or the command
//! of `--on-finish` may contain a secret.

use std::time::Instant;

use super::args::{Command, Nature};
use super::config::Provenance;
use super::{ExitCode, Failure, VERSION};

/// Logs the beginning and the end of one command.
pub(super) struct RunLog {
    began: Instant,
    /// Whether to log the reason of a failure. Arguments of other commands, such as the domain of `show`, may name a
    /// person, and so may their errors.
    tells_reason: bool,
    /// Whether the exit code describes rows. It does not after a dry run.
    is_run: bool,
}

impl RunLog {
    pub(super) fn of(command: &Command) -> Self {
        let Nature { run, files, .. } = command.nature();
        Self {
            began: Instant::now(),
            tells_reason: !files.is_empty() || run.is_some(),
            is_run: run.is_some_and(|run| !run.submission.dry_run),
        }
    }

    pub(super) fn begun(command: &Command, provenance: &Provenance) {
        let Nature { run, files, .. } = command.nature();
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        tracing::info!(
            version = VERSION,
            command = provenance.command(),
            files = (!files.is_empty()).then(|| files.join(", ")),
            ledger = run.map(|run| run.ledger.path().to_string_lossy().into_owned()),
            settings = provenance.describe(),
            "started"
        );
    }

    pub(super) fn ended(&self, result: &Result<ExitCode, Failure>) {
        let exit_code = result.as_ref().map_or_else(|failure| failure.exit_code, |code| *code);
        // The causes of a refused sign-in are texts of the service, which may name persons.
        let is_told = |failure: &&Failure| self.tells_reason && failure.exit_code != ExitCode::SignIn;
        let reason = result.as_ref().err().filter(is_told);
        tracing::info!(
            exit_code = exit_code.number(),
            meaning = if self.is_run { exit_code.meaning() } else { exit_code.meaning_without_run() },
            reason = reason.and_then(|failure| failure.messages.first()),
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "ended"
        );
    }
}
