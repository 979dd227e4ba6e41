//! What can go wrong with the ledger. Every one of these stops the run.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::agreement::IllegalChange;
use super::state::IllegalTransition;

/// Why the ledger could not be opened, read or written. Cloneable, because one failed commit fails many writes.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    #[error("the ledger `{}` is in use by another process{}", path.display(), pid_note(*pid))]
    InUse { path: PathBuf, pid: Option<u32> },

    #[error("there is no ledger at `{}`", path.display())]
    Missing { path: PathBuf },

    #[error("`{}` is not a ledger of this program", path.display())]
    Foreign { path: PathBuf },

    #[error("the ledger `{}` was written by a newer version of this program", path.display())]
    Newer { path: PathBuf },

    #[error("the ledger `{}` is in use by an older version of this program", path.display())]
    Older { path: PathBuf },

    #[error("the ledger `{}` belongs to {bound_to}, not to {asked}", path.display())]
    OtherEnvironment { path: PathBuf, bound_to: String, asked: String },

    #[error("could not open the ledger `{}`", path.display())]
    Open { path: PathBuf, source: Arc<io::Error> },

    #[error("the ledger `{}` is not there any more", path.display())]
    Vanished { path: PathBuf },

    #[error("the ledger `{}` is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },

    #[error("could not write the copy `{}`", path.display())]
    Copy { path: PathBuf, source: Arc<io::Error> },

    #[error("could not bring the ledger `{}` up to date", path.display())]
    Migrate { path: PathBuf, source: Arc<rusqlite::Error> },

    #[error("could not bring the ledger `{}` up to date", path.display())]
    Migrations { path: PathBuf, source: Arc<rusqlite_migration::Error> },

    #[error("could not read or write the ledger")]
    Sql(#[source] Arc<rusqlite::Error>),

    #[error("could not start the ledger's thread")]
    Thread(#[source] Arc<io::Error>),

    #[error("the ledger was closed by an earlier error")]
    Closed,

    #[error("row {row} of the ledger cannot be understood: {what}")]
    Stored { row: i64, what: String },

    #[error("refused to record an impossible change")]
    Illegal(#[from] IllegalTransition),

    #[error("refused to record an impossible change")]
    IllegalAgreement(#[from] IllegalChange),
}

fn pid_note(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Sql(Arc::new(error))
    }
}

impl Error {
    /// What the operator can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        use rusqlite::ErrorCode;
        let text = match self {
            Error::InUse { .. } => "wait until it ends; `tenantry status` works meanwhile",
            Error::Missing { .. } => "`tenantry import FILE` makes one; `--ledger PATH` names another",
            Error::Foreign { .. } => "name another file with `--ledger PATH`",
            Error::Older { .. } => "wait until that has ended; the ledger is brought up to date then",
            Error::Newer { .. } => "use the newer program; the ledger was not touched",
            Error::OtherEnvironment { .. } => {
                "use one ledger for each environment: name another with `--ledger PATH`"
            }
            Error::Open { .. } => "check that the folder exists and that you may write to it",
            Error::Damaged { .. } => {
                "nothing was sent: restore it from a backup, or keep it and ask; do not import without it"
            }
            Error::Copy { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                "name a file that is not there yet"
            }
            Error::Copy { .. } => {
                "check that the folder exists, that you may write to it, and that it has room"
            }
            Error::Vanished { .. } => {
                "it was moved, removed or replaced while we worked on it: put it back, then run `tenantry resume`"
            }
            Error::Migrations { .. } => {
                "the ledger was left as it was; keep a copy before you try anything else"
            }
            Error::Sql(error) | Error::Migrate { source: error, .. } => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => {
                    "make room on the disk, then run `tenantry resume`; nothing was sent without a record"
                }
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    "check that you may write to the ledger and to its folder"
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another program holds the ledger open for writing: close it and run again"
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    "restore the ledger from a backup; do not import again without one"
                }
                Some(_) | None => "run `tenantry resume` when the cause is mended; nothing is lost",
            },
            Error::Closed => "nothing was sent without a record: run `tenantry resume`",
            Error::Thread(_) | Error::Stored { .. } | Error::Illegal(_) | Error::IllegalAgreement(_) => {
                return None;
            }
        };
        Some(text.to_owned())
    }
}
