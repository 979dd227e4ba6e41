//! Can a ledger be believed where it lies? Who can write to it decides what is created with the operator's token, so its
//! owner, its mode and its folder are looked at before SQLite opens it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::{Error, Result};
use tenantry_model::files::{self, FileOwner, beside};

/// What is to be done with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}

/// SQLite's own files beside a database; what they hold becomes part of it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Refuses a ledger that others may write to, and for writing one of another user. A ledger in a folder where everybody may
/// replace it (a volume of Kubernetes, a network share) has to be ours to be read too: a file that somebody put there is
/// not. Such a folder is warned about once, because what is ours can still be taken away.
pub(super) fn check(path: &Path, purpose: Purpose) -> Result<()> {
    let place = place(path);
    let is_replaceable = files::others_may_replace(&place);
    if is_replaceable {
        warn_once(&place);
    }
    let Ok(ledger) = place.metadata() else { return Ok(()) };
    if !ledger.is_file() {
        return Ok(());
    }
    if files::others_may_write(&place, &ledger) {
        return Err(Error::Exposed { path: path.to_owned() });
    }
    let is_of_another = || files::owner(&place, &ledger) == FileOwner::Another;
    if purpose == Purpose::Write && is_of_another() {
        return Err(Error::OfAnother { path: path.to_owned() });
    }
    if is_replaceable && is_of_another() {
        return Err(Error::Replaceable { path: path.to_owned() });
    }
    for companion in COMPANIONS.map(|suffix| beside(&place, suffix)) {
        let Ok(metadata) = companion.metadata() else { continue };
        if files::others_may_write(&companion, &metadata) || !files::same_owner(&ledger, &metadata) {
            return Err(Error::Exposed { path: companion });
        }
    }
    Ok(())
}

fn warn_once(place: &Path) {
    static WARNED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
    if WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned()) {
        tracing::warn!(
            ledger = %place.display(),
            "every user may replace the files in the folder of the ledger: run `chmod o-w` or `chmod +t` on the folder"
        );
    }
}

/// Takes the right to read it from others where the ledger is ours, and warns about it where it is not. The file is known
/// to be a ledger by now.
pub(super) fn narrow(path: &Path) -> Result<()> {
    let open = |source| Error::Open { path: path.to_owned(), source: Arc::new(source) };
    files::narrow_at(&place(path)).map_err(open)?.warn(path);
    Ok(())
}

/// Where a link leads; a file that is not there yet has its name.
fn place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
