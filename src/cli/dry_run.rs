//! A dry run goes the way of a run, on a copy of the ledger that goes away with it.
//!
//! The copy is for its owner alone from its first byte. A process that is killed leaves it behind, so each copy has a lock
//! that its process holds for as long as it lives, and the next run of any command removes those whose lock is free.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::failure::Failure;
use super::settings::LedgerChoice;
use crate::ledger;
use crate::private_file::{self, Owner};

/// How the folder of a copy begins, in the folder for temporary files.
const PREFIX: &str = "tenantry-dry-run-";

const LOCK: &str = "lock";

/// A folder that is removed by another process at the moment it is made is made again.
const TRIES: u32 = 10;

/// The folder that a copy is in; both are removed when it is dropped.
#[derive(Debug)]
pub(super) struct Copy {
    // Windows removes no file that is open.
    _lock: File,
    folder: TempDir,
}

/// Puts a copy in place of the ledger. A ledger that is not there is not made; the copy is then made as it would be.
pub(super) fn copy(choice: &mut LedgerChoice) -> Result<Copy, Failure> {
    let made = Copy::new().map_err(|error| {
        Failure::io("could not make a folder for the copy of the ledger that a dry run works on", &error)
    })?;
    let copy = made.folder.path().join("ledger.db");
    ledger::copy_untouched(&choice.path, &copy)?;
    choice.path = copy;
    Ok(made)
}

impl Copy {
    fn new() -> io::Result<Self> {
        let mut swept = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..TRIES {
            let folder = private_folder()?;
            let lock = private_file::create_new(&folder.path().join(LOCK));
            match lock.map(|lock| (lock.try_lock(), lock)) {
                // Where there are no locks, nobody can find this one free.
                Ok((Ok(()) | Err(TryLockError::Error(_)), lock)) => return Ok(Self { _lock: lock, folder }),
                // Another process has just found it without a lock, or unlocked.
                Ok((Err(TryLockError::WouldBlock), _)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => swept = error,
                Err(error) => return Err(error),
            }
        }
        Err(swept)
    }
}

fn private_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Removes the copies of dry runs of this user that were killed. What cannot be removed is tried again by the next run.
pub(super) fn remove_left_behind() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_copy && let Err(error) = remove_if_left_behind(&entry.path()) {
            tracing::debug!(folder = %entry.path().display(), %error, "a copy of a dry run could not be removed");
        }
    }
}

fn remove_if_left_behind(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || private_file::owner(folder, &metadata) == Owner::Another {
        return Ok(());
    }
    match File::open(folder.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => {
                drop(lock);
                fs::remove_dir_all(folder)
            }
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
        },
        // It was killed, or is about to make the lock, and notices: there is nothing in it yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir(folder),
        Err(error) => Err(error),
    }
}
