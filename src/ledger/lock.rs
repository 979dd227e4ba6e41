//! One process works on a ledger at a time.
//!
//! The lock is the operating system's own, on a file beside the ledger, so it dies with its process however that
//! ends, and a leftover file means nothing. Readers do not take it: `status` works while a run goes on.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;

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
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        super::private(&mut options);
        let file = options.open(&path).map_err(open)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(open(source)),
        }
    }
}

fn path_beside(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
