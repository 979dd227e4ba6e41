//! Is the ledger still where it was?
//!
//! SQLite keeps writing to a file whose folder was removed or replaced under it, and says nothing: every commit
//! would succeed, and none would be found again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;

/// A file by its name and by what the system knows it as.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    id: FileId,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let id = file_id(path)
            .map_err(|source| Error::Open { path: path.to_owned(), source: Arc::new(source) })?;
        Ok(Self { path: path.to_owned(), id })
    }

    /// # Errors
    /// [`Error::Vanished`] where the name leads to another file now, or to none.
    pub(super) fn check(&self) -> Result<(), Error> {
        match file_id(&self.path) {
            Ok(id) if id == self.id => Ok(()),
            Ok(_) | Err(_) => Err(Error::Vanished { path: self.path.clone() }),
        }
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
