//! Checks that the ledger's files are still where they were.
//!
//! SQLite keeps writing to a file that was removed, or replaced together with its folder, without an error: every
//! commit would succeed, and none could be found later. The same applies to its write-ahead log. And a lock file that
//! was removed keeps no other process out.

use std::path::{Path, PathBuf};

use super::lock::{self, LockFile};
use super::{Error, Result};
use tenantry_model::files::{self, beside};

/// A file by its name and by its id in the file system.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    id: FileId,
}

impl OpenFile {
    fn of(path: PathBuf) -> std::io::Result<Self> {
        Ok(Self { id: file_id(&path)?, path })
    }

    /// Does the name still lead to this file?
    fn is_there(&self) -> bool {
        file_id(&self.path).is_ok_and(|id| id == self.id)
    }
}

/// The files of an open ledger.
#[derive(Debug)]
pub(super) struct OpenFiles {
    ledger: PathBuf,
    files: Vec<OpenFile>,
    lock: OpenFile,
    /// The write-ahead log as the operator would name it.
    log: PathBuf,
    /// Taken instead of one that was removed.
    _lock_of_ours: Option<LockFile>,
}

impl OpenFiles {
    /// For a ledger that this process has locked, and has written to since opening it.
    pub(super) fn of(ledger: &Path) -> Result<Self> {
        let open = Error::open(ledger);
        let given = beside(ledger, "-wal");
        let ledger = files::canonical(ledger).map_err(open)?;
        // Of a ledger that is named by a link, it is beside the ledger itself.
        let log = if given.exists() { given } else { beside(&ledger, "-wal") };
        let files = ["", "-wal", "-shm"].map(|suffix| OpenFile::of(beside(&ledger, suffix)));
        Ok(Self {
            files: files.into_iter().collect::<Result<_, _>>().map_err(open)?,
            lock: OpenFile::of(lock::path_beside(&ledger)).map_err(open)?,
            _lock_of_ours: None,
            log,
            ledger,
        })
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// # Errors
    /// [`Error::Vanished`] if a name leads to another file now, or to none; [`Error::LockTaken`] if the lock file was
    /// removed and another process has a new one.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(gone) = self.files.iter().find(|file| !file.is_there()) {
            return Err(Error::Vanished { path: gone.path.clone() });
        }
        if !self.lock.is_there() {
            self.retake_lock()?;
        }
        Ok(())
    }

    fn retake_lock(&mut self) -> Result<()> {
        let path = self.ledger.clone();
        let Some(mut lock) = LockFile::acquire(&path)? else { return Err(Error::LockTaken { path }) };
        lock.sign();
        self._lock_of_ours = Some(lock);
        self.lock = OpenFile::of(lock::path_beside(&path)).map_err(Error::open(&path))?;
        tracing::warn!("the lock file of the ledger was removed; it was created again");
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

/// Windows does not allow removing or replacing a file that SQLite has open.
#[cfg(not(unix))]
type FileId = ();

#[cfg(not(unix))]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    std::fs::metadata(path).map(drop)
}
