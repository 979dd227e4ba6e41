//! One process works on a ledger at a time, under whatever name it reaches it.
//!
//! The lock is the operating system's own, on a file beside the ledger, so it dies with its process however that
//! ends, and a leftover file means nothing; no process id is ever taken for a lock. Readers do not take it: `status` works
//! while a run goes on. The file holds the id of the process that locked it, for people.
//!
//! A lock file that was removed, or a ledger that was renamed under a run, would let a second process in. So where the
//! system has them (Linux), the ledger itself is locked too: see [`inode`]. A second name that is there from the start, a
//! hard link or a file that is mounted by itself, brings SQLite a second write-ahead log, which destroys the ledger even
//! where the two never work at the same time: see [`names`].

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

/// The lock beside the ledger alone.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl Lock {
    /// Takes the lock of the ledger at `ledger`, or says at once that another process has it. The ledger exists by
    /// now, and the lock goes by where it really is: two names of one file must meet at one lock.
    pub(super) fn acquire(ledger: &Path) -> Result<Option<Self>> {
        let Some(mut file) = LockFile::acquire(ledger)? else { return Ok(None) };
        // Whoever locked it before is not who has the ledger now.
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
        let open = |source| Error::Open { path: ledger.to_owned(), source: Arc::new(source) };
        let path = path_beside(&ledger.canonicalize().map_err(open)?);
        let file = files::open_no_link(&path).map_err(|source| match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Error::ReadOnly { path: ledger.to_owned(), source: Some(Arc::new(source)) }
            }
            _ => Error::Open { path: path.clone(), source: Arc::new(source) },
        })?;
        match disk_faults::locks().map_err(TryLockError::Error).and_then(|()| file.try_lock()) {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Whatever the system calls it (ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL): going on would be without any.
            Err(TryLockError::Error(source)) => {
                Err(Error::NoLocks { path: ledger.to_owned(), source: Some(Arc::new(source)) })
            }
        }
    }

    /// Writes down who holds the lock. For people alone, so a full disk keeps nobody from the ledger.
    pub(super) fn sign(&mut self) {
        self.unsign();
        let file = &mut self.file;
        drop(file.rewind().and_then(|()| writeln!(file, "{}", std::process::id())));
    }

    fn unsign(&mut self) {
        drop(self.file.set_len(0));
    }
}

/// The process that locked the ledger last, as it says itself. `None`: the system does not let others read a locked
/// file, or an older program holds the lock.
pub(super) fn signed_by(ledger: &Path) -> Option<u32> {
    const LONGEST: u64 = 32;
    let file = File::open(path_beside(&ledger.canonicalize().ok()?)).ok()?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

pub(super) fn path_beside(ledger: &Path) -> PathBuf {
    beside(ledger, ".lock")
}
