//! Every connection to a ledger's file is opened here.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};

use super::trust::{self, Purpose};
use super::{Error, Result, patience, shape};
use tenantry_model::files::{self, beside, for_libraries};

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
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[cfg(not(windows))]
    let connection = Connection::open_with_flags(name, flags)?;
    // The usual one ends at 1040 bytes of a path.
    #[cfg(windows)]
    let connection = Connection::open_with_flags_and_vfs(name, flags, c"win32-longpath")?;
    patience::give(&connection)?;
    shape::defend(&connection)?;
    Ok(connection)
}

/// Opens a file only for reading, as one that does not change: nothing is written beside it.
pub(super) fn open_unchanging(path: &Path) -> Result<Connection> {
    let name = plain_name(path);
    let url =
        format!("file:{}?immutable=1", percent_encode(name.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC));
    connect(Path::new(&url), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// Copies the content of a database, as it is at one moment, into the empty file `copy`.
pub(super) fn copy_into(connection: &Connection, copy: &Path) -> Result<()> {
    let name = plain_name(copy);
    // As bytes, because the name need not be UTF-8.
    let name = ToSqlOutput::Borrowed(ValueRef::Text(name.as_os_str().as_encoded_bytes()));
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// A name that SQLite always reads as a file name: without `./`, `file:…` is a URI, and `:memory:` is not a file.
pub(super) fn plain_name(path: &Path) -> PathBuf {
    for_libraries(Path::new(".").join(path))
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
    let Ok(path) = files::canonical(path) else { return Ok(()) };
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

/// SQLite keeps the log beside the file itself, also if `path` is a link to it.
pub(super) fn has_log(path: &Path) -> bool {
    let path = files::canonical(path).unwrap_or_else(|_| path.to_owned());
    std::fs::metadata(beside(&path, "-wal")).is_ok_and(|log| log.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With signs that mean something else in an address, too. Unix has an end of its own: SQLite takes 512 bytes.
    #[test]
    fn a_path_may_be_long() {
        let root = tempfile::tempdir().unwrap();
        let folders = if cfg!(windows) { 20 } else { 6 };
        let folder = root.path().join(format!("é %41#&+{}/", "n".repeat(55)).repeat(folders));
        std::fs::create_dir_all(&folder).unwrap();
        let [ledger, copy] = ["ledger.db", "copy.db"].map(|name| folder.join(name));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&plain_name(&ledger), flags).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (n); INSERT INTO t VALUES (7)")
            .unwrap();
        connection.execute("VACUUM INTO ?1", [plain_name(&copy).to_str().unwrap()]).unwrap();
        assert!(beside(&ledger, "-wal").is_file() && copy.is_file());
        let copied = open_unchanging(&copy).unwrap();
        assert_eq!(copied.query_row("SELECT n FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
    }
}
