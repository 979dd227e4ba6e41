//! Runs a dry run on a temporary copy of the ledger.
//!
//! The copy is accessible only for its owner from its first byte. A killed process leaves its copy behind. Therefore
//! each copy has a lock that its process holds while it lives, and the next run of any command removes copies whose
//! lock is free.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::failure::Failure;
use crate::files;
use crate::ledger;

/// The prefix of the copy's folder, in the folder for temporary files.
const PREFIX: &str = "tenantry-dry-run-";

const LOCK: &str = "lock";

/// Attempts to create a folder, in case another process removes it at the same moment.
const TRIES: u32 = 10;

/// A copy and its folder; both are removed when it is dropped.
#[derive(Debug)]
pub(super) struct LedgerCopy {
    // Dropped before the folder, because Windows cannot remove an open file.
    _lock: File,
    folder: TempDir,
}

impl LedgerCopy {
    /// Copies a ledger. A missing ledger is not created; the copy is created as the ledger would be.
    pub(super) fn of(ledger: &Path) -> Result<Self, Failure> {
        let made = Self::new().map_err(|error| {
            Failure::io("could not make a folder for the copy of the ledger that a dry run works on", &error)
        })?;
        ledger::copy_untouched(ledger, &made.path())?;
        Ok(made)
    }

    /// The path of the copy.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn new() -> io::Result<Self> {
        let mut swept = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..TRIES {
            let folder = private_folder()?;
            let lock = files::create_new(&folder.path().join(LOCK));
            match lock.map(|lock| (lock.try_lock(), lock)) {
                // If the file system has no locks, no process can find this lock free.
                Ok((Ok(()) | Err(TryLockError::Error(_)), lock)) if is_there(&folder) => {
                    return Ok(Self { _lock: lock, folder });
                }
                // Another process took the lock first and removed the folder.
                Ok((Ok(()) | Err(TryLockError::Error(_)), _)) => {}
                // Another process has just found the folder without a lock, or unlocked.
                Ok((Err(TryLockError::WouldBlock), _)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => swept = error,
                Err(error) => return Err(error),
            }
        }
        Err(swept)
    }
}

/// Whether the lock is still where it was created. No process removes it from now on, because this process holds it.
fn is_there(folder: &TempDir) -> bool {
    folder.path().join(LOCK).exists()
}

fn private_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    // Folders follow the umask, unlike files (tempfile 3.27, `findings/tempfile-folders-follow-the-umask.sh`).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Removes copies left behind by killed dry runs of this user. The next run retries what cannot be removed.
pub(super) fn remove_left_behind() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_copy && let Err(error) = remove_if_left_behind(&entry.path()) {
            tracing::debug!(folder = %entry.path().display(), %error, "a copy of a dry run could not be removed");
        }
    }
}

/// Holds the lock until the folder is gone: a run that is about to lock the folder must not use a folder that
/// disappears.
#[cfg(not(windows))]
fn remove(folder: &Path, lock: File) -> io::Result<()> {
    let removed = fs::remove_dir_all(folder);
    drop(lock);
    removed
}

/// Windows cannot remove an open file.
#[cfg(windows)]
fn remove(folder: &Path, lock: File) -> io::Result<()> {
    drop(lock);
    fs::remove_dir_all(folder)
}

fn remove_if_left_behind(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || files::is_of_another(folder, &metadata) {
        return Ok(());
    }
    match File::open(folder.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => remove(folder, lock),
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
        },
        // Its process was killed, or is about to create the lock and will notice. The folder is still empty.
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir(folder),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A starting run has its whole folder, or finds that the folder is gone.
    #[cfg(not(windows))]
    #[test]
    fn a_folder_is_locked_until_it_is_gone() {
        const FILES: usize = 400;
        // Under a name that other runs ignore.
        let folder = tempfile::tempdir().unwrap();
        let lock = files::create_new(&folder.path().join(LOCK)).unwrap();
        for number in 1..FILES {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        let count = || fs::read_dir(folder.path()).map_or(0, Iterator::count);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while folder.path().exists() {
                    remove_if_left_behind(folder.path()).ok();
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            });
            loop {
                if lock.try_lock().is_err() {
                    continue;
                }
                let before = count();
                std::thread::sleep(std::time::Duration::from_millis(1));
                let after = count();
                assert!(before == after && [0, FILES].contains(&after), "{before} then {after}");
                lock.unlock().unwrap();
                if after == 0 {
                    break;
                }
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn a_lock_in_a_folder_that_is_gone_is_no_lock() {
        let folder = private_folder().unwrap();
        let lock = files::create_new(&folder.path().join(LOCK)).unwrap();
        assert!(is_there(&folder));
        drop(lock);
        remove_if_left_behind(folder.path()).unwrap();
        assert!(!is_there(&folder));
    }
}
