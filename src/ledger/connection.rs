//! Every connection to a ledger's file is opened here.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::trust::{self, Purpose};
use super::{Error, Result, patience, shape};
use tenantry_model::files::beside;

pub(super) fn open_file(path: &Path) -> Result<Connection> {
    if path.is_dir() {
        return Err(Error::Folder { path: path.to_owned() });
    }
    trust::check(path, Purpose::Read)?;
    refuse_log_of_another(path)?;
    connect(&plain_name(path), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Opens a file without checking its owner.
pub(super) fn connect(name: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    patience::give(&connection)?;
    shape::defend(&connection)?;
    Ok(connection)
}

/// Opens a file only for reading, as one that does not change: nothing is written beside it. `path` is canonical.
pub(super) fn open_unchanging(path: &Path) -> Result<Connection> {
    let mut url = url::Url::from_file_path(path).expect("a canonical path is absolute");
    url.set_query(Some("immutable=1"));
    connect(Path::new(url.as_str()), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// A name that SQLite always reads as a file name: without `./`, `file:…` is a URI, and `:memory:` is not a file.
pub(super) fn plain_name(path: &Path) -> PathBuf {
    Path::new(".").join(path)
}

/// Refuses a write-ahead log that belongs to another ledger. If a copy is put over a ledger after a crash, the old log
/// is still next to it, and SQLite would apply the log to the copy. A file is marked as having a log before its first
/// log is made, and a fresh copy is not marked.
///
/// Checks once per process, before the first connection: closing a file releases SQLite's own locks on it.
fn refuse_log_of_another(path: &Path) -> Result<()> {
    static LOOKED_AT: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
    const READ_VERSION_AT: usize = 19;
    const WITHOUT_LOG: u8 = 1;
    let Ok(path) = path.canonicalize() else { return Ok(()) };
    if !LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone()) {
        return Ok(());
    }
    // The log first: if there is one, the mark in the file was written before it.
    let has_log = has_log(&path);
    let mut start = [0; READ_VERSION_AT + 1];
    let is_read = File::open(&path).and_then(|mut file| file.read_exact(&mut start)).is_ok();
    if has_log && is_read && start[READ_VERSION_AT] == WITHOUT_LOG {
        return Err(Error::LogOfAnother { path });
    }
    Ok(())
}

pub(super) fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}
