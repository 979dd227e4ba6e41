//! Are the ledger's files still where they were?
//!
//! SQLite keeps writing to a file whose folder was removed or replaced under it, and says nothing: every commit
//! would succeed, and none would be found again. The same holds for its write-ahead log, and a lock that was removed
//! keeps nobody out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::{self, LockFile};
use super::{Error, Result};
use tenantry_model::files::beside;

/// A file by its name and by what the system knows it as.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    id: FileId,
}

impl OpenFile {
    fn of(path: PathBuf) -> std::io::Result<Self> {
        Ok(Self { id: file_id(&path)?, path })
    }

    /// The name leads to it still.
    fn is_there(&self) -> bool {
        file_id(&self.path).is_ok_and(|id| id == self.id)
    }
}

/// Where an open ledger lies.
#[derive(Debug)]
pub(super) struct OpenFiles {
    ledger: PathBuf,
    files: Vec<OpenFile>,
    lock: OpenFile,
    /// Taken in place of one that was removed.
    _lock_of_ours: Option<LockFile>,
}

impl OpenFiles {
    /// Of a ledger that this process has locked, and has written to since it opened it.
    pub(super) fn of(ledger: &Path) -> Result<Self> {
        let open = |source| Error::Open { path: ledger.to_owned(), source: Arc::new(source) };
        let ledger = ledger.canonicalize().map_err(open)?;
        let files = ["", "-wal", "-shm"].map(|suffix| OpenFile::of(beside(&ledger, suffix)));
        Ok(Self {
            files: files.into_iter().collect::<Result<_, _>>().map_err(open)?,
            lock: OpenFile::of(lock::path_beside(&ledger)).map_err(open)?,
            _lock_of_ours: None,
            ledger,
        })
    }

    /// # Errors
    /// [`Error::Vanished`] where a name leads to another file now, or to none; [`Error::LockTaken`] where the lock was
    /// removed and another process has a new one.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(gone) = self.files.iter().find(|file| !file.is_there()) {
            return Err(Error::Vanished { path: gone.path.clone() });
        }
        if !self.lock.is_there() {
            self.lock_again()?;
        }
        Ok(())
    }

    fn lock_again(&mut self) -> Result<()> {
        let path = self.ledger.clone();
        let Some(mut lock) = LockFile::acquire(&path)? else { return Err(Error::LockTaken { path }) };
        lock.sign();
        self._lock_of_ours = Some(lock);
        self.lock = OpenFile::of(lock::path_beside(&path))
            .map_err(|source| Error::Open { path, source: Arc::new(source) })?;
        tracing::warn!("the lock of the ledger was removed; it was made anew");
        Ok(())
    }
}

#[cfg(unix)]
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Windows does not let anybody remove or replace a file that SQLite has open.
#[cfg(not(unix))]
type FileId = ();

#[cfg(not(unix))]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    std::fs::metadata(path).map(drop)
}
