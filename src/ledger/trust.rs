//! Checks whether a ledger file can be trusted, before SQLite opens it.
//!
//! A user who can write to the ledger decides what is created with the operator's token. So its owner, its mode and its
//! folder are checked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::{Error, Result};
use tenantry_model::files::{self, beside};

/// Why a ledger is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}

/// SQLite's own files next to a database; their content becomes part of the database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Refuses a ledger that others may write to, and for writing also the ledger of another user. If every user may
/// replace files in its folder (a volume of Kubernetes, a network share), the ledger must be ours for reading too:
/// another user may have put it there. There is one warning about such a folder, because even our own files can be
/// removed from it.
pub(super) fn check(path: &Path, purpose: Purpose) -> Result<()> {
    let place = place(path);
    let is_replaceable = files::others_may_replace(&place);
    if is_replaceable {
        warn_once(&place);
    }
    let Ok(ledger) = place.metadata() else { return Ok(()) };
    if ledger.is_dir() {
        return Ok(());
    }
    check_kind(path)?;
    if files::others_may_write(&place, &ledger) {
        return Err(Error::Exposed { path: path.to_owned() });
    }
    let is_of_another = || files::is_of_another(&place, &ledger);
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
        if purpose == Purpose::Write {
            // SQLite gives them the mode of the ledger, which may have been read-only for a while.
            files::let_owner_write(&companion, &metadata);
        }
    }
    Ok(())
}

/// Refuses a pipe, which waits for its other end when it is opened, and a device, beside which SQLite would make files.
pub(super) fn check_kind(path: &Path) -> Result<()> {
    match path.metadata() {
        Ok(it) if !it.is_file() && !it.is_dir() => Err(Error::Foreign { path: path.to_owned() }),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn warn_once(place: &Path) {
    static WARNED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
    if WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned()) {
        let way_out = if cfg!(windows) {
            format!("run `{}`", files::for_us_alone(files::folder_of(place)))
        } else {
            "run `chmod o-w` or `chmod +t` on the folder".to_owned()
        };
        tracing::warn!(
            ledger = %place.display(),
            "every user may replace the files in the folder of the ledger: {way_out}"
        );
    }
}

/// Makes the ledger unreadable for others if it is ours; warns if it is another user's. The file is already known to be
/// a ledger.
///
/// SQLite creates its log with the mode of the ledger. On Windows, the log would get the access list of the folder, so
/// it is created here.
pub(super) fn narrow(path: &Path) -> Result<()> {
    let place = place(path);
    files::narrow_at(&place).map_err(Error::open(path))?.warn(path);
    for companion in ["-wal", "-shm"].map(|suffix| beside(&place, suffix)) {
        if let Err(error) = files::prepare_private(&companion) {
            tracing::debug!(file = %companion.display(), %error, "a file of SQLite could not be prepared");
        }
    }
    Ok(())
}

/// The target of a link; the path itself if the file does not exist yet.
fn place(path: &Path) -> PathBuf {
    files::canonical(path).unwrap_or_else(|_| path.to_owned())
}
