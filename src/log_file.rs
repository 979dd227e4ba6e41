//! A log file that stays small: at a limit it becomes `F.1`, the one before that `F.2`, and the oldest goes.
//!
//! Written by ourselves, because the kept crates for it abort the program where another process moves a file at the
//! same moment. Here whatever fails, the log goes on in the file that is open; a log never ends a run.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::outlet::Device;
use crate::private_file::{self, Exposure};

/// A night with `-vv` and 50,000 rows fits into one.
const BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Full files that are kept beside the one that is written.
const KEPT: u32 = 5;

/// The file that is written, for its owner alone.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    exposure: Exposure,
    /// What was written last had no end yet.
    is_within_line: bool,
}

impl LogFile {
    /// Opens the file, or makes it, and goes on at its end. An older one is for its owner alone from now on.
    ///
    /// # Errors
    /// It cannot be opened for writing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, BYTES_MAX)
    }

    fn with_limit(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let (file, exposure) = private_file::append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max, exposure, is_within_line: false })
    }

    /// What others could do with the file when it was opened, to be told once there is a log.
    pub(crate) fn exposure(&self) -> Exposure {
        self.exposure
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        (self.file, _) = private_file::append(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

impl Write for LogFile {
    /// Keeps each line in one file.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        // A device or a pipe holds nothing, and cannot be moved.
        if self.bytes > 0
            && self.bytes + lines.len() as u64 > self.bytes_max
            && !self.is_within_line
            && self.path.is_file()
        {
            // Where it cannot be moved it grows, and is tried again when it has grown by as much once more.
            drop(self.rotate());
            self.bytes = 0;
        }
        let written = self.file.write(lines)?;
        self.bytes += written as u64;
        self.is_within_line = lines[..written].last().is_some_and(|&last| last != b'\n');
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Device for LogFile {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_moved_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightly.log");
        for night in 0..20 {
            // A new process each time.
            let mut log = LogFile::with_limit(&path, 16).unwrap();
            log.write_all(format!("night {night:03}\n").as_bytes()).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.first().unwrap(), "nightly.log");
        assert_eq!(names.len(), 1 + KEPT as usize, "{names:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "night 019\n");
        assert_eq!(fs::read_to_string(folder.path().join("nightly.log.5")).unwrap(), "night 014\n");
        #[cfg(unix)]
        for name in &names {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_log_that_cannot_be_moved_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightly.log");
        // Something stands in the way that no file can replace.
        fs::create_dir_all(folder.path().join("nightly.log.5/x")).unwrap();
        fs::write(folder.path().join("nightly.log.4"), "").unwrap();
        let mut log = LogFile::with_limit(&path, 16).unwrap();
        for night in 0..5 {
            log.write_all(format!("night {night:03}\n").as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 5);
    }
}
