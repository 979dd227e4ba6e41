//! Tries out the folder of a ledger, and leaves nothing in it.

use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Error, Result, disk_faults, reserve};
use tenantry_model::files::{self, folder_of};

/// A folder in which a ledger can work.
#[derive(Debug, Clone, Copy)]
pub struct FolderTrial {
    /// The room that a run reserves, which was free.
    pub bytes: u64,
    /// How long a sync took. Each commit waits for one.
    pub sync: Duration,
}

/// Checks that files beside `ledger` can be made, locked, and filled with the room that a run reserves for `answers`
/// requests under way. The file that it uses has no name, so nothing is left behind. The ledger and its lock are not
/// touched.
///
/// # Errors
/// The error that a run would end with.
pub fn try_folder(ledger: &Path, answers: u64) -> Result<FolderTrial> {
    let bytes = reserve::bytes_for(answers);
    let failed = |source: io::Error| {
        let (path, is_about_room) = (ledger.to_owned(), reserve::is_about_room(&source));
        let source = Arc::new(source);
        if is_about_room { Error::NoRoom { path, source } } else { Error::Open { path, source } }
    };
    let file = files::create_unnamed(folder_of(ledger)).map_err(failed)?;
    match disk_faults::locks().map_err(TryLockError::Error).and_then(|()| file.try_lock()) {
        Ok(()) | Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => {
            return Err(Error::NoLocks { path: ledger.to_owned(), source: Some(Arc::new(source)) });
        }
    }
    reserve::fill(&file, bytes).map_err(failed)?;
    let begun = Instant::now();
    file.sync_all().map_err(failed)?;
    Ok(FolderTrial { bytes, sync: begun.elapsed() })
}
