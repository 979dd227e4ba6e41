//! Notifies others about a run: a monitoring service (`--notify-url`), a command (`--on-finish`), Prometheus
//! (`--metrics-file`).
//!
//! Each is notified once of the end of a run: success, a signal, or a failure before the run began; only a killed run
//! sends nothing. Notifications contain counts, codes and times, but no name, domain, address or free text. They cannot
//! fail a run or change its exit code: their errors are warnings, and each has a time limit.

mod metrics;
mod monitor;
mod on_finish;
mod run_summary;
mod url;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::descriptor::Descriptor;
use super::ended::Ended;
use super::replacing::{Guarded, beginning, not_over};
use super::signals::Interruption;
use super::{ExitCode, Failure, Output, args};
use crate::variables::variable;
use crate::{clock, files};
use metrics::Subject;
pub(super) use monitor::MonitorUrl;
use run_summary::RunSummary;
use url::UrlNotifier;

/// Sends the notifications of one run.
pub(super) struct RunNotifier {
    command: String,
    /// `None` if only settings that cannot be used would name it.
    ledger: Option<PathBuf>,
    /// The exit codes that count as success.
    success: Vec<ExitCode>,
    notifier: Option<UrlNotifier>,
    on_finish: Option<String>,
    metrics_file: Option<MetricsFile>,
}

impl RunNotifier {
    /// The notifier for `command`; sends nothing yet. `None` if the command is not a run, is a dry run, or runs inside
    /// the command of --on-finish: then the outer run notifies. `has_settings`: the settings could be used.
    pub(super) fn of(command: &args::Command, has_settings: bool, output: &Output) -> Option<Self> {
        let args::RunArgs { ledger, connection, submission } = command.nature().run?;
        if submission.dry_run || variable(on_finish::MARK).is_some() {
            return None;
        }
        let args::NotifyArgs { notify_url, notify_success, on_finish, metrics_file } = &submission.notify;
        let run_notifier = Self {
            command: output.command().to_owned(),
            ledger: (has_settings || ledger.ledger.is_some()).then(|| ledger.path()),
            success: [ExitCode::Done].iter().chain(notify_success).copied().collect(),
            notifier: notify_url
                .as_ref()
                .and_then(|url| UrlNotifier::new(url, connection.ca_file.as_deref())),
            on_finish: on_finish.clone(),
            metrics_file: metrics_file
                .clone()
                .map(|file| MetricsFile { file, guarded: Guarded::of_command(command) }),
        };
        let Self { notifier, on_finish, metrics_file, .. } = &run_notifier;
        (notifier.is_some() || on_finish.is_some() || metrics_file.is_some()).then_some(run_notifier)
    }

    /// Notifies that the run begins, runs it, notifies how it ended, and then prints the result. The run does not begin
    /// if its metrics file would replace a file that this program did not write.
    pub(super) async fn around(
        self,
        run: impl Future<Output = Result<Ended, Failure>>,
        output: &Output,
    ) -> Result<ExitCode, Failure> {
        let started_at = clock::now();
        // Concurrent with the run, which does not wait for it.
        let begun = self.notifier.clone().map(|notifier| {
            let (command, url) = (self.command.clone(), notifier.clone());
            (notifier, tokio::spawn(async move { url.begun(&command).await }))
        });
        let ended = match self.metrics_file.as_ref().map_or(Ok(()), MetricsFile::check) {
            Ok(()) => super::panics::caught(run).await,
            Err(refused) => Err(refused),
        };
        let exit_code = ended.as_ref().map_or_else(|failure| failure.exit_code, Ended::exit_code);
        let ledger = self.ledger.as_deref();
        let digest = RunSummary::of(&self.command, exit_code, &self.success, ledger, started_at);
        self.write_metrics(&digest, started_at);
        let telling = async {
            let notify = async {
                if let Some((notifier, begun)) = begun {
                    notifier.ended(&digest, begun).await;
                }
            };
            let finish = async {
                if let Some(command) = &self.on_finish {
                    on_finish::run(command, &digest, ledger).await;
                }
            };
            tokio::join!(notify, finish);
        };
        // Ctrl-C at this point means that the operator wants to leave.
        if Interruption::listen().unless(telling).await.is_err() {
            tracing::warn!("interrupted while notifying the monitors");
        }
        ended?.report(output)
    }

    fn write_metrics(&self, digest: &RunSummary, started_at: Timestamp) {
        let Some(metrics) = &self.metrics_file else { return };
        let file = metrics.file.display();
        // Check again: the file may have appeared during the run.
        if let Err(refused) = metrics.check() {
            let reason = refused.messages.join(": ");
            return tracing::warn!(%file, reason, "could not write the metrics file");
        }
        // Write to the target of a link, so that the link stays.
        let place = files::canonical(&metrics.file).unwrap_or_else(|_| metrics.file.clone());
        let subject = match &self.ledger {
            Some(ledger) => Subject::of(ledger, digest),
            None => std::fs::read_to_string(&place)
                .map_or_else(|_| Subject::default(), |it| Subject::in_text(&it)),
        };
        let text = metrics::text(digest, &subject, started_at, clock::now());
        if let Err(error) = crate::files::replace_readable(&place, text.as_bytes()) {
            tracing::warn!(%file, %error, "could not write the metrics file");
        }
    }
}

/// Checks whether a run may write its metrics to `file`.
pub(super) fn check_metrics_file(run: &args::RunArgs, file: &Path) -> Result<(), Failure> {
    MetricsFile { file: file.to_owned(), guarded: Guarded::of_run(run) }.check()
}

/// The file of `--metrics-file`. Every run replaces it.
struct MetricsFile {
    file: PathBuf,
    guarded: Guarded,
}

impl MetricsFile {
    /// Whether the file may be written: it does not exist, is empty, or contains metrics of this program.
    fn check(&self) -> Result<(), Failure> {
        let Self { file, guarded } = self;
        guarded.refuse_precious(file)?;
        let refused = |what| Err(not_over(file, what).with_hint("name a new file with `--metrics-file`"));
        match file.metadata() {
            // A descriptor that is already open cannot be replaced.
            Ok(there) if !there.is_file() || Descriptor::named(file).is_some() => {
                refused("it is no regular file")
            }
            Ok(there) if there.len() == 0 => Ok(()),
            Ok(_) if metrics::is_ours(&String::from_utf8_lossy(&beginning(file))) => Ok(()),
            Ok(_) => refused("Tenantry did not write it as a metrics file"),
            Err(_) if file.is_symlink() => refused("it is a link that leads nowhere"),
            // Whether the file can be created becomes known when it is written; that does not affect the run.
            Err(_) => Ok(()),
        }
    }
}
