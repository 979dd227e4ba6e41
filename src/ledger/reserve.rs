//! Room on the disk that is reserved for answers to open requests.
//!
//! A create that was sent is answered even if the disk is full by then, and the answer may contain a password that the
//! service gives out only once. So a file of real blocks lies next to the ledger while a run sends. It is removed when
//! a write fails for lack of room: the answers to open requests are recorded in its place, and nothing more is sent.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use rand::Rng;

use super::Error;
use tenantry_model::files::{self, beside};

/// The most that recording one answer takes, in the write-ahead log and in the file: about a dozen pages of 4 KiB for
/// the row, its attempt and their indexes, and a few for a long text of the service.
const BYTES_PER_ANSWER: u64 = 96 * 1024;

/// For everything else that is written until the end of a run.
const MARGIN_BYTES: u64 = 1024 * 1024;

/// The room that a run with so many requests under way reserves.
pub(super) fn bytes_for(answers: u64) -> u64 {
    answers * BYTES_PER_ANSWER + MARGIN_BYTES
}

/// A file that takes up room until it is dropped.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// Reserves room for `answers`. `None`: the file cannot be made for another reason than lack of room; then nothing
    /// is reserved.
    ///
    /// # Errors
    /// The disk has not enough room, or files may not become so large.
    pub(super) fn make(ledger: &Path, answers: u64) -> Result<Option<Self>, io::Error> {
        let bytes = bytes_for(answers);
        let path = path_of(ledger)?;
        remove_left_behind(ledger);
        // On an error, only a file that was made here is removed, not another one with its name.
        let made = files::create_new(&path).map(|file| (file, Self { path, bytes }));
        match made.and_then(|(file, reserve)| fill(&file, bytes).map(|()| reserve)) {
            Ok(reserve) => Ok(Some(reserve)),
            Err(error) if is_about_room(&error) || error.kind() == io::ErrorKind::FileTooLarge => Err(error),
            Err(error) => {
                tracing::debug!(%error, "no space could be reserved for answers under way");
                Ok(None)
            }
        }
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Removes the file of a run that was killed. Called before anything is written: it may be all the room that is left.
pub(super) fn remove_left_behind(ledger: &Path) {
    if let Err(error) = path_of(ledger).and_then(|path| files::remove_left_behind(&path)) {
        tracing::debug!(%error, "the space that an earlier run had reserved could not be freed");
    }
}

fn path_of(ledger: &Path) -> io::Result<PathBuf> {
    Ok(beside(&files::canonical(ledger)?, "-reserve"))
}

pub(super) fn is_about_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Fills it with real blocks: a file that is only extended takes up none.
pub(super) fn fill(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            // Not every file system supports it.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            filled => return Ok(filled?),
        }
    }
    write(file, bytes)
}

/// Writes random bytes, which no file system can compress.
fn write(mut file: &File, bytes: u64) -> io::Result<()> {
    const CHUNK: usize = 64 * 1024;
    let mut noise = vec![0; CHUNK];
    for _ in 0..bytes.div_ceil(CHUNK as u64) {
        rand::rng().fill_bytes(&mut noise);
        file.write_all(&noise)?;
    }
    file.sync_all()
}

/// The room of the ledger's thread: the reserve, and whether it was released.
#[derive(Debug, Default)]
pub(super) struct Room {
    reserve: Mutex<Option<Reserve>>,
    ran_out: OnceLock<Error>,
}

impl Room {
    /// Keeps `reserve` until the disk is full.
    pub(super) fn keep(&self, reserve: Option<Reserve>) {
        *self.reserve.lock().unwrap_or_else(PoisonError::into_inner) = reserve;
    }

    /// Called when the disk is full, according to `error`. Releases the reserve and returns its size; `None`: there is
    /// none.
    pub(super) fn give_up(&self, error: &Error) -> Option<u64> {
        let reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.ran_out.get_or_init(|| error.clone());
        Some(reserve.bytes)
    }

    /// Why nothing more may be sent, once the reserve was released.
    pub(super) fn ran_out(&self) -> Option<&Error> {
        self.ran_out.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_takes_up_real_room_and_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("l.db");
        fs::write(&ledger, "").unwrap();
        drop(files::create_new(&folder.path().join("l.db-reserve")).unwrap());
        let reserve = Reserve::make(&ledger, 2).unwrap().unwrap();
        let file = fs::metadata(folder.path().join("l.db-reserve")).unwrap();
        assert!(file.len() >= 2 * BYTES_PER_ANSWER + MARGIN_BYTES);
        #[cfg(unix)]
        assert!(std::os::unix::fs::MetadataExt::blocks(&file) * 512 >= reserve.bytes);
        drop(reserve);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_the_operator_with_its_name_stays() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [ledger, theirs] = ["l.db", "l.db-reserve"].map(|name| folder.path().join(name));
        fs::write(&ledger, "").unwrap();
        fs::write(&theirs, "theirs").unwrap();
        fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Reserve::make(&ledger, 1).unwrap().is_none());
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    }

    #[test]
    fn noise_takes_up_real_room_too() {
        let file = tempfile::tempfile().unwrap();
        write(&file, 100_000).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 128 * 1024);
    }
}
