//! One process works on a ledger at a time.
//!
//! The lock is the operating system's own, on a file beside the ledger, so it dies with its process however that
//! ends, and a leftover file means nothing. Readers do not take it: `status` works while a run goes on. Somebody may
//! remove the file all the same: see [`super::place`], and [`super::runs::newest_is_alive`].

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::place::beside;
use crate::{failpoint, private_file};

/// Held for as long as this value lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the ledger at `ledger`, or says at once that another process has it. The ledger exists by
    /// now, and the lock goes by where it really is: two names of one file must meet at one lock.
    /// Who that is stands in the ledger itself: see [`super::runs::pid_of_newest`].
    pub(super) fn acquire(ledger: &Path) -> Result<Option<Self>, Error> {
        let open = |source| Error::Open { path: ledger.to_owned(), source: Arc::new(source) };
        let path = path_beside(&ledger.canonicalize().map_err(open)?);
        let file = private_file::open_no_link(&path).map_err(|source| match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Error::ReadOnly { path: ledger.to_owned(), source: Some(Arc::new(source)) }
            }
            _ => open(source),
        })?;
        match failpoint::locks().map_err(TryLockError::Error).and_then(|()| file.try_lock()) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Whatever the system calls it (ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL): going on would be without any.
            Err(TryLockError::Error(source)) => {
                Err(Error::NoLocks { path: ledger.to_owned(), source: Some(Arc::new(source)) })
            }
        }
    }
}

pub(super) fn path_beside(ledger: &Path) -> PathBuf {
    beside(ledger, ".lock")
}
