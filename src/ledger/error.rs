//! Errors of the ledger. Every one of them stops the run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::ffi;

use super::patience;
use super::steps::IllegalTransition;
use tenantry_model::shell::path_word;
use tenantry_model::{clock, files};

/// Why the ledger could not be opened, read or written, with what the operator can do about it ([`Error::hint`]).
/// Cloneable, because one failed commit fails many writes.
#[derive(Debug, Clone, thiserror::Error, strum::EnumMessage)]
pub enum Error {
    #[error("the ledger `{}` is in use by another process{}", path.display(), pid_note(*pid))]
    InUse { path: PathBuf, pid: Option<u32> },

    #[error("cannot rule out that another process works on the ledger `{}`: {why}", path.display())]
    SecondName { path: PathBuf, why: &'static str },

    #[error("there is no ledger at `{}`", path.display())]
    #[strum(message = "run `tenantry import FILE` to create one, or name another with `--ledger PATH`")]
    Missing { path: PathBuf },

    #[error("`{}` is empty", path.display())]
    #[strum(
        message = "run `tenantry import FILE` to use it as a new ledger; if it had rows before, restore it \
                   from a backup"
    )]
    Empty { path: PathBuf },

    #[error("`{}` is a copy that was made at {}: {}", path.display(), clock::local(*copied_at), unknown_since(*rows))]
    Copied { path: PathBuf, copied_at: Timestamp, rows: u64 },

    #[error("the data is erased, but `{}-wal` may still contain it: another program reads the ledger", path.display())]
    #[strum(message = "close the programs that read the ledger, and run the same command again")]
    NotCleaned { path: PathBuf },

    #[error("the log `{}-wal` belongs to another ledger", path.display())]
    LogOfAnother { path: PathBuf },

    #[error("another process now has the lock of the ledger `{}`", path.display())]
    #[strum(
        message = "its `.lock` file was removed during the run: make sure that no other process uses the \
                   ledger, then run the same command again"
    )]
    LockTaken { path: PathBuf },

    #[error("`{}` is not a Tenantry ledger", path.display())]
    #[strum(message = "name another file with `--ledger PATH`")]
    Foreign { path: PathBuf },

    #[error("other users may write to `{}`", path.display())]
    Exposed { path: PathBuf },

    #[error("the ledger `{}` belongs to another user, and every user may replace the files in its folder", path.display())]
    #[strum(message = "another user may have put it there: run the command as the owner of the ledger, or \
                   check its content and then run `chmod +t` on the folder")]
    Replaceable { path: PathBuf },

    #[error("the schema of the ledger `{}` is not Tenantry's: {what}", path.display())]
    #[strum(
        message = "undo the change with a SQLite shell (`DROP TRIGGER`, `DROP INDEX`, `ALTER TABLE … DROP COLUMN`), \
                       or restore the ledger from a backup; your own views and tables may stay, and indexes that are \
                       not unique"
    )]
    Altered { path: PathBuf, what: String },

    #[error("the ledger `{}` belongs to another user", path.display())]
    #[strum(
        message = "run the command as the owner of the ledger; root may read it (`tenantry status`) but \
                   not change it"
    )]
    OfAnother { path: PathBuf },

    #[error("the ledger `{}` is from an older version and belongs to another user, so it cannot be \
             updated", path.display())]
    #[strum(message = "run `tenantry status` once as the owner of the ledger: this updates the ledger, and \
                   then root may read it")]
    OlderOfAnother { path: PathBuf },

    #[error("`{}` is a folder, not a ledger", path.display())]
    #[strum(message = "name another file with `--ledger PATH`")]
    Folder { path: PathBuf },

    #[error("the ledger `{}` cannot be written", path.display())]
    #[strum(
        message = "make the ledger and its folder writable: check their owner and permissions, and whether \
                   the disk is mounted read-only; `status`, `show` and `export` work without writing"
    )]
    ReadOnly { path: PathBuf, source: Option<Arc<io::Error>> },

    #[error("the ledger `{}` cannot be read in its folder: {why}", path.display())]
    #[strum(
        message = "make its folder writable; or, to only read it, copy it with its `-wal` file to another \
                   folder and name the copy with `--ledger PATH`"
    )]
    Unreadable { path: PathBuf, why: &'static str },

    #[error("the ledger `{}` is in a place where files cannot be locked", path.display())]
    NoLocks { path: PathBuf, source: Option<Arc<io::Error>> },

    #[error("the ledger `{}` was written by a newer version of this program", path.display())]
    #[strum(message = "use the newer version; the ledger was not changed")]
    Newer { path: PathBuf },

    #[error("the ledger `{}` is in use by an older version of this program", path.display())]
    #[strum(message = "wait until it has ended; then the ledger is updated")]
    Older { path: PathBuf },

    #[error("the ledger `{}` belongs to {bound_to}, not to {asked}", path.display())]
    #[strum(message = "use a separate ledger for each environment: name another with `--ledger PATH`")]
    OtherEnvironment { path: PathBuf, bound_to: String, asked: String },

    #[error("could not open the ledger `{}`", path.display())]
    #[strum(message = "check that the folder exists and that you may write to it")]
    Open { path: PathBuf, source: Arc<io::Error> },

    #[error("the ledger file `{}` no longer exists", path.display())]
    #[strum(message = "it was moved, removed or replaced during the run: put it back, then run the same \
                   command again")]
    Vanished { path: PathBuf },

    #[error("the ledger `{}` is damaged: {what}", path.display())]
    #[strum(
        message = "nothing was sent: keep its files, move its `-wal` and `-shm` away, and restore it from \
                   a backup; do not import without it"
    )]
    Damaged { path: PathBuf, what: String },

    #[error("could not reserve space for the ledger `{}`", path.display())]
    #[strum(
        message = "nothing was sent: free some space on the disk, or raise the limit on the size of files (`ulimit \
                       -f`, `LimitFSIZE=`), then run the same command again; a lower `--concurrency` needs less space"
    )]
    NoRoom { path: PathBuf, source: Arc<io::Error> },

    #[error("could not write the copy `{}`", path.display())]
    Copy { path: PathBuf, source: Arc<io::Error> },

    #[error("could not copy the ledger `{}` before updating it", path.display())]
    #[strum(message = "the ledger was not changed: free space on its disk for a copy, then run the same \
                   command again")]
    NotKept { path: PathBuf, source: Arc<Error> },

    #[error("could not update the ledger `{}`", path.display())]
    Migrate { path: PathBuf, source: Arc<rusqlite::Error> },

    #[error("could not read or write the ledger")]
    Sql(#[source] Arc<rusqlite::Error>),

    #[error("could not start the ledger's thread")]
    #[strum(message = "the machine has too little memory or too many threads: run the same command again \
                       later")]
    Thread(#[source] Arc<io::Error>),

    #[error("the ledger was closed by an earlier error")]
    #[strum(message = "nothing was sent without a record: run the same command again")]
    Closed,

    #[error("row {row} of the ledger is invalid: {what}")]
    Stored { row: i64, what: String },

    #[error("the ledger has an invalid partner tenant")]
    Tenant(#[source] uuid::Error),

    #[error("row {row} of the ledger cannot be validated with these options: {why}")]
    #[strum(message = "use the `--map` and `--default` of the import that read it; no row was changed")]
    Unjudged { row: i64, why: String },

    #[error("refused to record an impossible change")]
    Illegal(#[from] IllegalTransition),
}

/// The result of a ledger operation.
pub(super) type Result<T, E = Error> = std::result::Result<T, E>;

/// The hint for content that only a change from outside, or a bug, explains.
const CHANGED: &str = "another process or person may have changed the ledger: make sure that no other \
                       process uses it, then run the same command again; if the error comes again, make a \
                       copy with `tenantry backup` and report it";

/// The hint for a full disk.
const FULL: &str =
    "free some space on the disk, then run the same command again; nothing was sent without a record";

/// The hint for a write that failed for another reason.
const FAILED: &str = "remove the cause, then run the same command again; nothing is lost";

/// The hint for a file system that has no locks, or no memory that processes share.
const NO_LOCKS: &str = "its folder may be on a network share that has no locks: put the ledger on a local disk, and name it \
                        with `--ledger PATH`; nothing was sent without a record";

/// Does SQLite report that locks or shared memory, which every local disk has, are missing?
fn is_about_locks(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map_or(0, |error| error.extended_code);
    matches!(
        code,
        ffi::SQLITE_IOERR_LOCK
            | ffi::SQLITE_IOERR_UNLOCK
            | ffi::SQLITE_IOERR_RDLOCK
            | ffi::SQLITE_IOERR_CHECKRESERVEDLOCK
            | ffi::SQLITE_IOERR_SHMOPEN
            | ffi::SQLITE_IOERR_SHMLOCK
            | ffi::SQLITE_IOERR_SHMMAP
            | ffi::SQLITE_PROTOCOL
            | ffi::SQLITE_NOLFS
    )
}

/// What a copy does not know.
fn unknown_since(rows: u64) -> String {
    match rows {
        0 => "no row was waiting in it, but rows may have been added or corrected since".to_owned(),
        rows => format!("{rows} of its rows may have been sent or replaced since"),
    }
}

fn pid_note(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Sql(Arc::new(without_room(error)))
    }
}

/// A full disk has a code of its own only if SQLite was writing the ledger. A command that only reads makes the memory
/// that processes share first, beside the ledger.
fn without_room(error: rusqlite::Error) -> rusqlite::Error {
    match error.sqlite_error() {
        Some(failure) if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None)
        }
        _ => error,
    }
}

impl Error {
    /// The error for a file of the ledger at `path` that cannot be opened or made.
    pub(super) fn open(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Error::Open { path: path.to_owned(), source: Arc::new(source) }
    }

    /// Is the disk full, or the quota used up? SQLite has one code for a full disk and a general one for the quota.
    pub(super) fn is_about_room(&self) -> bool {
        let Error::Sql(error) = self else { return false };
        let code = error.sqlite_error().map_or(0, |error| error.extended_code);
        matches!(code, ffi::SQLITE_FULL | ffi::SQLITE_IOERR_WRITE)
    }

    /// Did another program keep the ledger locked for too long? A failed wait closes the ledger for all later writes.
    pub fn is_locked(&self) -> bool {
        use rusqlite::ErrorCode;
        match self {
            Error::Sql(error) | Error::Migrate { source: error, .. } => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            Error::NotKept { source, .. } => source.is_locked(),
            Error::Closed => patience::has_given_up(),
            _ => false,
        }
    }

    /// There is no ledger.
    pub fn is_missing(&self) -> bool {
        matches!(self, Error::Missing { .. })
    }

    /// The same error with the path `ledger`, for when the opened file is a private copy of that ledger. Only this
    /// process knows the new file, and its schema is up to date, so the other errors cannot occur.
    pub fn of_ledger_at(mut self, ledger: &Path) -> Self {
        if let Error::Missing { path }
        | Error::Empty { path }
        | Error::Copied { path, .. }
        | Error::Altered { path, .. }
        | Error::ReadOnly { path, .. }
        | Error::NoLocks { path, .. }
        | Error::Newer { path }
        | Error::OtherEnvironment { path, .. }
        | Error::Open { path, .. }
        | Error::Damaged { path, .. } = &mut self
        {
            ledger.clone_into(path);
        }
        self
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        use rusqlite::ErrorCode;
        use strum::EnumMessage;
        let text = match self {
            Error::InUse { path, .. } => {
                return Some(format!(
                    "wait until it ends, or use `--wait-lock 10m`; do not remove its `.lock` file; `tenantry status \
                     --ledger {}` works now, too",
                    path_word(path)
                ));
            }
            Error::SecondName { path, .. } => {
                let path = path_word(path);
                let shown_by = if cfg!(windows) {
                    format!("fsutil hardlink list {path}")
                } else {
                    format!("find / -samefile {path}")
                };
                return Some(format!(
                    "SQLite stores recent changes in files named after the ledger, so the ledger may have \
                     only one name: remove the other name (`{shown_by}` shows it), or mount the folder of \
                     the ledger instead of the file"
                ));
            }
            Error::Exposed { path } => {
                return Some(format!(
                    "rows that another user wrote would be created with your sign-in: check the content of the ledger, \
                     then run `{}`",
                    files::for_us_alone(path)
                ));
            }
            Error::Replaceable { path } if cfg!(windows) => {
                return Some(format!(
                    "another user may have put it there: run the command as the owner of the ledger, or check its \
                     content and then run `{}`",
                    files::for_us_alone(files::folder_of(path))
                ));
            }
            Error::LogOfAnother { path } => {
                let path = path.display();
                return Some(format!(
                    "it was left by an interrupted run on the ledger that was here before: move \
                     `{path}-wal` and `{path}-shm` away, then run again; nothing was changed"
                ));
            }
            Error::Copied { rows, .. } => {
                let held = match rows {
                    0 => "the rows that were refused are not retried",
                    _ => "these rows are held back",
                };
                return Some(format!(
                    "if the original ledger still exists, use it; if this copy replaces it, run `tenantry resume --restored` \
                     once, or an import with `--restored`: {held} until you import their files again, corrected files first (`tenantry help restore`)"
                ));
            }
            Error::NoLocks { .. } => NO_LOCKS,
            Error::Stored { .. } | Error::Tenant(_) | Error::Illegal(_) => CHANGED,
            error if error.is_locked() => {
                "another program has kept the ledger locked: close it, then run the same command again"
            }
            Error::Copy { source, .. } => match source.kind() {
                io::ErrorKind::AlreadyExists => "name a new file",
                io::ErrorKind::InvalidInput => "use another name",
                _ => "check that the folder exists, that you may write to it, and that it has free space",
            },
            Error::Open { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
                io::ErrorKind::FileTooLarge => FAILED,
                _ => self.get_message()?,
            },
            Error::Sql(error) | Error::Migrate { source: error, .. } if is_about_locks(error) => NO_LOCKS,
            Error::Sql(error) | Error::Migrate { source: error, .. } => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => FULL,
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    "check that you may write to the ledger and to its folder"
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    "keep its files, move its `-wal` and `-shm` away, and restore the ledger from a \
                     backup; do not import again without it"
                }
                Some(_) | None => FAILED,
            },
            error => error.get_message()?,
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_whatever_sqlite_was_writing() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            let error = Error::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            let Error::Sql(cause) = &error else { panic!("{error:?}") };
            assert!(cause.to_string().contains("database or disk is full"), "{code}: {cause}");
            assert!(error.hint().unwrap().starts_with("free some space on the disk"), "{code}");
        }
    }

    #[test]
    fn every_error_with_locks_gets_the_hint_about_locks() {
        let hint =
            |code| Error::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).hint().unwrap();
        let about_locks = [
            ffi::SQLITE_IOERR_LOCK,
            ffi::SQLITE_IOERR_RDLOCK,
            ffi::SQLITE_IOERR_UNLOCK,
            ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_IOERR_SHMLOCK,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_PROTOCOL,
        ];
        for code in about_locks {
            assert!(hint(code).contains("network share"), "{code}");
        }
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_FULL, ffi::SQLITE_BUSY] {
            assert!(!hint(code).contains("network share"), "{code}");
        }
    }
}
