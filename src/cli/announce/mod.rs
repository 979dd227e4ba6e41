//! Who hears of a run besides the person at the terminal: a monitoring service (`--notify-url`), a command
//! (`--on-finish`) and Prometheus (`--metrics-file`).
//!
//! Each is told once how a run ended, however it ended short of a kill: done, stopped by a signal, or failed before it
//! began. They hear counts, codes and times and never a name, a domain, an address or anybody's words. None of them
//! can fail a run or change its exit code; what goes wrong with them is a warning, and none can hold it up for long.

mod digest;
mod metrics;
mod notify;
mod on_finish;

use std::path::PathBuf;

use jiff::Timestamp;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::settings;
use super::signals::Interruption;
use crate::clock;
use digest::Digest;
use notify::Notifier;

/// Tells of one run.
pub(super) struct Announcer {
    command: &'static str,
    ledger: PathBuf,
    notifier: Option<Notifier>,
    on_finish: Option<String>,
    metrics_file: Option<PathBuf>,
}

impl Announcer {
    /// For a run of `command`; nothing is told yet.
    pub(super) fn of(
        command: &'static str,
        args::Run { ledger, connection, submission }: &args::Run,
    ) -> Self {
        let args::Announcements { notify_url, on_finish, metrics_file } = &submission.announcements;
        // What did not happen is not told, and what the command of --on-finish does is told by whoever called it.
        if submission.dry_run || std::env::var_os(on_finish::MARK).is_some() {
            let ledger = settings::ledger_path(ledger);
            return Self { command, ledger, notifier: None, on_finish: None, metrics_file: None };
        }
        Self {
            command,
            ledger: settings::ledger_path(ledger),
            notifier: notify_url.as_ref().and_then(|url| Notifier::new(url, connection.ca_file.as_deref())),
            on_finish: on_finish.clone(),
            metrics_file: metrics_file.clone(),
        }
    }

    /// Tells that the run begins, lets it run, and tells how it ended.
    pub(super) async fn around(
        self,
        run: impl Future<Output = Result<ExitCode, Failure>>,
    ) -> Result<ExitCode, Failure> {
        if self.notifier.is_none() && self.on_finish.is_none() && self.metrics_file.is_none() {
            return run.await;
        }
        let started_at = clock::now();
        // Beside the run, which waits for nobody.
        let begun = self.notifier.clone().map(|notifier| {
            let command = self.command;
            tokio::spawn(async move { notifier.begun(command).await })
        });
        let ended = super::panics::caught(run).await;
        let exit_code = ended.as_ref().map_or_else(|failure| failure.exit_code, |code| *code);
        let digest = Digest::of(self.command, exit_code, &self.ledger, started_at);
        self.write_metrics(&digest, started_at);
        let telling = async {
            if let Some(begun) = begun {
                // In this order, or the service believes that we still run. A panic of the task was told elsewhere.
                drop(begun.await);
            }
            tokio::join!(self.notify(&digest), self.finish(&digest));
        };
        // Whoever presses Ctrl-C now wants to leave.
        if Interruption::listen().unless(telling).await.is_err() {
            tracing::warn!("interrupted while telling how the run ended");
        }
        ended
    }

    async fn notify(&self, digest: &Digest) {
        if let Some(notifier) = &self.notifier {
            notifier.ended(digest).await;
        }
    }

    async fn finish(&self, digest: &Digest) {
        if let Some(command) = &self.on_finish {
            on_finish::run(command, digest, &self.ledger).await;
        }
    }

    fn write_metrics(&self, digest: &Digest, started_at: Timestamp) {
        if let Some(file) = &self.metrics_file {
            let text = metrics::text(digest, &self.ledger, started_at, clock::now());
            if let Err(error) = crate::private_file::replace_readable(file, text.as_bytes()) {
                let file = file.display();
                tracing::warn!(%file, %error, "could not write the metrics file");
            }
        }
    }
}
