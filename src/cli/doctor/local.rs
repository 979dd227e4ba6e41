//! Checks of this machine: settings, ledger, keys.

use std::path::Path;
use std::time::Duration;

use super::finding::Finding;
use crate::auth::SignIn;
use crate::cli::config::{self, Provenance};
use crate::cli::recipient::{self, ForeseenKey};
use crate::cli::settings::ServiceConnection;
use crate::cli::{Failure, args, settings};
use crate::files::folder_of;
use crate::ledger::{self, Environment, Queries};
use crate::report::{counted, rough};

const SETTINGS: &str = "settings";
const LEDGER: &str = "ledger";
const FOLDER: &str = "folder";
const IDENTITY: &str = "identity";
const KEY_STORE: &str = "key store";

/// A sync that takes longer makes a run slow: each commit waits for one.
const SYNC_IS_SLOW: Duration = Duration::from_secs(1);

/// Which file of settings is in use, and whether the settings contradict each other.
pub(super) fn settings(provenance: &Provenance, input: &args::InputArgs) -> Finding {
    if let Some(failure) = provenance.unusable() {
        let finding = Finding::of_failure(SETTINGS, failure);
        return finding.but("a run ends here; the other checks do not use this file");
    }
    if let Err(failure) = input.refuse_contradictions() {
        return Finding::of_failure(SETTINGS, &failure);
    }
    if let Some((name, near)) = config::misspelt_variables().into_iter().next() {
        let message = format!("{name} is not a variable of Tenantry");
        return Finding::warning(SETTINGS, message, format!("did you mean {near}?"));
    }
    match provenance.describe() {
        Some(file) => Finding::ok(SETTINGS, format!("from {file}")),
        None => Finding::ok(SETTINGS, "no settings file is used; flags and environment variables apply"),
    }
}

/// Whether the ledger can be used, and its contents. Does not take its lock.
pub(super) fn ledger(path: &Path, environment: Option<&Environment>) -> (Finding, Option<Queries>) {
    let shown = path.display();
    let queries = match Queries::open_unchanged(path) {
        Ok(Some(queries)) => queries,
        Ok(None) => {
            let message = format!(
                "`{shown}` is of an older version: the next run brings it up to date, and keeps a copy beside it"
            );
            return (Finding::ok(LEDGER, message), None);
        }
        Err(ledger::Error::Missing { .. } | ledger::Error::Empty { .. }) => {
            let message = format!("`{shown}` does not exist yet: the first import creates it");
            return (Finding::ok(LEDGER, message), None);
        }
        Err(error) => return (Finding::of_failure(LEDGER, &error.into()), None),
    };
    let finding = examined(&queries, path, environment)
        .unwrap_or_else(|error| Finding::of_failure(LEDGER, &error.into()));
    (finding, Some(queries))
}

fn examined(
    queries: &Queries,
    path: &Path,
    environment: Option<&Environment>,
) -> Result<Finding, ledger::Error> {
    queries.refuse_copy()?;
    if let Some(environment) = environment {
        queries.refuse_other(environment)?;
    }
    let counts = queries.counts()?;
    let (rows, open) = (counted(counts.total(), "row"), counts.open());
    let are = if open == 1 { "is" } else { "are" };
    let message =
        format!("`{}` has {rows}, of which {open} {are} still to be sent or settled", path.display());
    Ok(match queries.at_work() {
        Some(process) => Finding::warning(
            LEDGER,
            format!("{message}; a run is at work on it (pid {process})"),
            "wait until it ends, or start the next run with `--wait-lock 10m`",
        ),
        None => Finding::ok(LEDGER, message),
    })
}

/// Whether the folder of the ledger has what a ledger needs: new files, locks, room and syncs.
pub(super) fn folder(path: &Path, submission: &args::SubmissionArgs) -> Finding {
    let shown = folder_of(path).display();
    match ledger::try_folder(path, submission.concurrency().get() as u64) {
        Err(error) => Finding::of_failure(FOLDER, &error.into()),
        Ok(trial) if trial.sync > SYNC_IS_SLOW => Finding::warning(
            FOLDER,
            format!("`{shown}` needs {} to sync a file, and a run waits for many syncs", rough(trial.sync)),
            "put the ledger on a local disk with `--ledger PATH`",
        ),
        Ok(trial) => Finding::ok(
            FOLDER,
            format!(
                "`{shown}`: files can be created, locked and synced, and the {} MiB that a run reserves are free",
                trial.bytes.div_ceil(1 << 20)
            ),
        ),
    }
}

/// Which key the passwords of a run would be sealed to. `is_unattended`: a key that a run would create is a warning.
pub(super) fn identity(run: &args::RunArgs, queries: Option<&Queries>, is_unattended: bool) -> Finding {
    match recipient::foresee(&run.submission, queries, &run.ledger.path()) {
        Err(failure) => Finding::of_failure(IDENTITY, &failure),
        Ok(ForeseenKey::Existing { recipient, file, opens_here: true }) => Finding::ok(
            IDENTITY,
            format!(
                "passwords are sealed to {recipient}, and can be opened here with `{}`: keep a copy of that file in \
                 another place",
                file.display()
            ),
        ),
        Ok(ForeseenKey::OutOfReach(key)) => Finding::warning(IDENTITY, key.to_string(), key.hint()),
        // This is meant: a job needs the public half alone.
        Ok(ForeseenKey::Existing { recipient, file, opens_here: false }) => {
            let place = match file.as_os_str().is_empty() {
                true => "here".to_owned(),
                false => format!("in `{}`", file.display()),
            };
            Finding::ok(
                IDENTITY,
                format!(
                    "passwords can be sealed to {recipient}; this machine cannot open them (the identity is not \
                     {place})"
                ),
            )
        }
        Ok(ForeseenKey::New(file)) => {
            let file = file.display();
            let message =
                format!("there is no key for passwords yet: the first import creates one in `{file}`");
            match is_unattended {
                false => Finding::ok(IDENTITY, message),
                true => Finding::warning(
                    IDENTITY,
                    message,
                    "import one row yourself first, and keep a copy of that file; or name a public key with \
                     `--recipient`",
                ),
            }
        }
    }
}

/// Whether the place of a user's sign-in can be used.
pub(super) fn key_store(run: &args::RunArgs, connection: Option<&ServiceConnection>) -> Finding {
    match connection.map(|connection| &connection.sign_in) {
        _ if run.ledger.rehearsal.simulate.is_some() => {
            return Finding::ok(KEY_STORE, "not used by a rehearsal");
        }
        Some(SignIn::Token(_)) => {
            return Finding::ok(KEY_STORE, "not used, because TENANTRY_ACCESS_TOKEN is set");
        }
        _ => {}
    }
    let store = match settings::login(&run.connection) {
        Ok((_, _, store)) => store,
        Err(Failure { messages, .. }) => return Finding::skipped(KEY_STORE, &messages.join(": ")),
    };
    match store.key_store_answers() {
        None if store.file().exists() => {
            Finding::ok(KEY_STORE, format!("not used; the sign-in is in `{}`", store.file().display()))
        }
        None => Finding::ok(
            KEY_STORE,
            format!("not used; `tenantry login` keeps a sign-in in `{}`", store.file().display()),
        ),
        Some(Ok(())) => Finding::ok(KEY_STORE, "the key store of this machine answers"),
        Some(Err(trouble)) => Finding::warning(
            KEY_STORE,
            trouble.to_string(),
            "unlock the key store; or add `--key-store file` to `tenantry login` and to the runs",
        ),
    }
}
