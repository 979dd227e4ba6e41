//! Checks of what a run from a scheduler would refuse, or would do unnoticed.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use super::finding::Finding;
use crate::auth::{Claims, SignIn};
use crate::cli::config::Provenance;
use crate::cli::consent::Consent;
use crate::cli::results::Results;
use crate::cli::settings::ServiceConnection;
use crate::cli::{ExitCode, args, notify};
use crate::clock;

const CONSENT: &str = "consent";
const LASTS: &str = "sign-in lasts";
const STARTS_IN: &str = "starts in";
const RESULTS: &str = "results";
const METRICS: &str = "metrics";
const NOTIFICATION: &str = "notification";

/// A token that ends within this time may not live until the next run.
const NEXT_RUN_IS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// All checks, in the order in which a run would meet them.
pub(super) fn check(
    run: &args::RunArgs,
    provenance: &Provenance,
    connection: Option<&ServiceConnection>,
) -> Vec<Finding> {
    let checks = [
        Some(consent(run)),
        Some(starts_in(run, provenance)),
        connection.map(|connection| sign_in_lasts(&connection.sign_in)),
        run.submission.results.as_deref().map(results),
        run.submission.notify.metrics_file.as_deref().map(|file| metrics(run, file)),
        Some(notification(&run.submission.notify)),
    ];
    checks.into_iter().flatten().collect()
}

/// A scheduled run cannot ask whether to create customers.
fn consent(run: &args::RunArgs) -> Finding {
    if !Consent::is_needed(run) {
        return Finding::ok(CONSENT, "the run need not ask whether to create customers");
    }
    Finding::error(
        CONSENT,
        ExitCode::Usage,
        "a run without a terminal cannot ask whether to create customers, and ends before it reads the list",
        "add `--yes`, or `yes = true` to the settings",
    )
}

/// A scheduler may start the run in another folder, where it would make a new ledger.
fn starts_in(run: &args::RunArgs, provenance: &Provenance) -> Finding {
    let ledger = run.ledger.path();
    let found = provenance.found_in_working_folder().map(Path::to_owned);
    let relative: Vec<PathBuf> =
        [ledger.is_relative().then_some(ledger), found].into_iter().flatten().collect();
    if relative.is_empty() {
        return Finding::ok(STARTS_IN, "the ledger and the settings are found from every folder");
    }
    let names = relative.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" and ");
    let folder = std::env::current_dir().map(|folder| format!(" `{}`", folder.display())).unwrap_or_default();
    Finding::warning(
        STARTS_IN,
        format!("{names}: found only if the run starts in this folder{folder}, as this user"),
        "let the scheduler start the run there; or give whole paths to `--ledger` and `--config`",
    )
}

/// Whether the sign-in still works when the next run starts.
fn sign_in_lasts(sign_in: &SignIn) -> Finding {
    let instead =
        "sign in with `tenantry login` or a client secret instead, or set a fresh token before each run";
    match sign_in {
        SignIn::Token(token) => match Claims::of(token).expires_at() {
            Some(end) if end.duration_since(clock::now()) < NEXT_RUN_IS_WITHIN => Finding::error(
                LASTS,
                ExitCode::SignIn,
                format!(
                    "the token in TENANTRY_ACCESS_TOKEN ends at {}, and cannot be renewed",
                    clock::local(end)
                ),
                instead,
            ),
            _ => Finding::warning(LASTS, "the token in TENANTRY_ACCESS_TOKEN cannot be renewed", instead),
        },
        SignIn::AppOnly(_) => {
            Finding::ok(LASTS, "each run signs in again, until its client secret or certificate expires")
        }
        SignIn::AppAndUser { .. } => {
            Finding::ok(LASTS, "each run renews the sign-in; it ends after 90 days without a run")
        }
    }
}

/// Whether the files of `--results` can be written.
fn results(folder: &Path) -> Finding {
    match Results::try_folder(folder) {
        Ok(()) => Finding::ok(RESULTS, format!("`{}` can be written", folder.display())),
        Err(failure) => Finding::of_failure(RESULTS, &failure),
    }
}

/// Whether the file of `--metrics-file` may be replaced, and is found by the collector.
fn metrics(run: &args::RunArgs, file: &Path) -> Finding {
    match notify::check_metrics_file(run, file) {
        Ok(()) if file.extension().is_none_or(|extension| extension != "prom") => Finding::warning(
            METRICS,
            format!("`{}`: node_exporter reads only files that end in .prom", file.display()),
            "let the name end in .prom",
        ),
        Ok(()) => Finding::ok(METRICS, format!("`{}` can be replaced", file.display())),
        Err(failure) => Finding::of_failure(METRICS, &failure),
    }
}

/// Whether anything reports a run that fails. The address is not called: a monitor would take the call for a run.
fn notification(notify: &args::NotifyArgs) -> Finding {
    let ways = [
        notify.notify_url.as_ref().map(|url| format!("--notify-url at {}", url.host())),
        notify.on_finish.as_ref().map(|_| "--on-finish".to_owned()),
        notify.metrics_file.as_ref().map(|_| "--metrics-file".to_owned()),
    ];
    let ways: Vec<String> = ways.into_iter().flatten().collect();
    if ways.is_empty() {
        return Finding::warning(
            NOTIFICATION,
            "no monitor is notified if a run fails or does not start",
            "add `--notify-url`, `--on-finish` or `--metrics-file`, or watch the exit code of the job",
        );
    }
    let reported = format!("the end of each run is reported by {}", ways.join(", "));
    match &notify.notify_url {
        Some(url) if url.is_readable_by_others() => Finding::warning(
            NOTIFICATION,
            format!("{reported}; others in your network can read the address and the figures"),
            "use https for `--notify-url` if the monitor supports it",
        ),
        _ => Finding::ok(NOTIFICATION, reported),
    }
}
