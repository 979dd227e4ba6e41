//! Only one process at a time works on a ledger, whatever name it opens the ledger by.
//!
//! The lock is the operating system's own, on a file next to the ledger. It ends with its process however that ends,
//! and a leftover file means nothing; a process id is never used as a lock. Readers do not take it: `status` works
//! during a run. The file contains the id of the process that locked it, for people.
//!
//! If a lock file was removed, or a ledger was renamed during a run, a second process could get in. So where the system
//! supports it (Linux and Windows), the ledger itself is locked too: see [`inode`]. Windows also refuses to remove a
//! lock file that is in use. A second name that existed from the start (a
//! hard link, or a file that is mounted by itself) gives SQLite a second write-ahead log. That destroys the ledger even
//! if the two processes never work at the same time: see [`names`].

mod inode;
mod names;

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Error, Result, disk_faults};
use tenantry_model::files::{self, beside};

pub(super) use inode::is_locked;
pub(super) use names::refuse_second;

/// Held for as long as this value lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: LockFile,
    _ledger: Option<inode::InodeLock>,
}

/// Only the lock file next to the ledger.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl Lock {
    /// Takes the lock of the ledger at `ledger`. Returns `None` at once if another process has it. The ledger must
    /// exist. The lock is placed next to the canonical path: two names of one file must use the same lock.
    pub(super) fn acquire(ledger: &Path) -> Result<Option<Self>> {
        let Some(mut file) = LockFile::acquire(ledger)? else { return Ok(None) };
        // The last process that locked it does not have the ledger now.
        file.unsign();
        let locked = inode::lock(ledger).map_err(|source| match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Error::ReadOnly { path: ledger.to_owned(), source: Some(Arc::new(source)) }
            }
            _ => Error::NoLocks { path: ledger.to_owned(), source: Some(Arc::new(source)) },
        })?;
        let ledger = match locked {
            inode::Locked::Ours(lock) => Some(lock),
            inode::Locked::Unsupported => None,
            inode::Locked::Another => return Ok(None),
        };
        file.sign();
        Ok(Some(Self { _file: file, _ledger: ledger }))
    }
}

impl LockFile {
    pub(super) fn acquire(ledger: &Path) -> Result<Option<Self>> {
        let path = path_beside(&files::canonical(ledger).map_err(Error::open(ledger))?);
        let file = files::open_no_link(&path).map_err(|source| match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Error::ReadOnly { path: ledger.to_owned(), source: Some(Arc::new(source)) }
            }
            _ => Error::open(&path)(source),
        })?;
        match disk_faults::locks().map_err(TryLockError::Error).and_then(|()| file.try_lock()) {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Whatever the system calls it (ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL): continuing would mean working without
            // a lock.
            Err(TryLockError::Error(source)) => {
                Err(Error::NoLocks { path: ledger.to_owned(), source: Some(Arc::new(source)) })
            }
        }
    }

    /// Writes down which process holds the lock. It is only for people, so errors such as a full disk are ignored.
    pub(super) fn sign(&mut self) {
        self.unsign();
        let file = &mut self.file;
        drop(file.rewind().and_then(|()| writeln!(file, "{}", std::process::id())));
    }

    fn unsign(&mut self) {
        drop(self.file.set_len(0));
    }
}

/// The process that last locked the ledger, as recorded in the lock file. `None`: the system does not let others read a
/// locked file, or an older program holds the lock.
pub(super) fn signed_by(ledger: &Path) -> Option<u32> {
    const LONGEST: u64 = 32;
    let file = File::open(path_beside(&files::canonical(ledger).ok()?)).ok()?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

pub(super) fn path_beside(ledger: &Path) -> PathBuf {
    beside(ledger, ".lock")
}
