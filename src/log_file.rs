//! A log file of limited size. A full file is renamed to `F.1`, the previous `F.1` to `F.2`; the oldest is deleted.
//!
//! This is our own code because the maintained crates for log rotation abort the program if another process moves a
//! file at the same moment. If any step of the rotation fails here, logging continues in the open file; a log never
//! ends a run.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, Exposure};
use crate::outlet::OutletDevice;

/// A file holds one night with `-vv` and 50,000 rows.
const BYTES_MAX: u64 = 10 * 1024 * 1024;

/// The number of full files kept in addition to the current file.
const KEPT: u32 = 5;

/// More bytes than are needed to recognize a log.
const LOOKED_AT_BYTES: usize = 128;

/// The current log file, readable only for its owner.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    exposure: Exposure,
    /// The last write ended within a line.
    is_within_line: bool,
}

impl LogFile {
    /// Opens or creates the file for appending. An existing file becomes accessible only for its owner.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, BYTES_MAX)
    }

    fn with_limit(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let (file, exposure) = files::append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max, exposure, is_within_line: false })
    }

    /// What other users could do with the file when it was opened. The caller logs it once logging has started.
    pub(crate) fn exposure(&self) -> Exposure {
        self.exposure
    }

    fn rotate(&mut self) -> io::Result<()> {
        if !(1..=KEPT).all(|number| may_be_replaced(&self.numbered(number))) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file with one of these names is not a log",
            ));
        }
        for number in (1..KEPT).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        (self.file, _) = files::append(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        files::beside(&self.path, &format!(".{number}"))
    }
}

/// Whether these are the first bytes of a log that this program wrote. A log that a full disk truncated counts too.
pub(crate) fn is_log(beginning: &[u8]) -> bool {
    const TIME: &str = "0000-00-00T00:00:00.000000Z";
    let forms = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].into_iter().flat_map(|level| {
        let json = format!("{{\"timestamp\":\"{TIME}\",\"level\":\"{level}\"");
        [format!("{TIME} {level:>5} "), json]
    });
    let is_like = |(&byte, expected): (&u8, u8)| match expected {
        b'0' => byte.is_ascii_digit(),
        expected => byte == expected,
    };
    forms.into_iter().any(|form| beginning.iter().zip(form.bytes()).all(is_like))
}

/// Whether there is no file here, or a log that this program wrote.
fn may_be_replaced(path: &Path) -> bool {
    let mut beginning = [0; LOOKED_AT_BYTES];
    // Opening a pipe would block until another program writes to the pipe.
    if path.metadata().is_ok_and(|it| !it.is_file()) {
        return false;
    }
    match File::open(path) {
        Ok(mut file) => file.read(&mut beginning).is_ok_and(|count| is_log(&beginning[..count])),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

impl Write for LogFile {
    /// Never splits a line between two files.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        // A device or a pipe stores nothing and cannot be moved.
        if self.bytes > 0
            && self.bytes + lines.len() as u64 > self.bytes_max
            && !self.is_within_line
            && self.path.is_file()
        {
            // If rotation fails, the file grows further; the next attempt follows after another `bytes_max` bytes.
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

impl OutletDevice for LogFile {}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line fits, two lines do not.
    const LINE_BYTES: u64 = 60;

    fn line(night: u32) -> String {
        format!("2026-01-01T02:15:00.000000Z  INFO night {night:03}\n")
    }

    #[test]
    fn a_full_file_is_moved_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightly.log");
        for night in 0..20 {
            // A new process each time.
            let mut log = LogFile::with_limit(&path, LINE_BYTES).unwrap();
            log.write_all(line(night).as_bytes()).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.first().unwrap(), "nightly.log");
        assert_eq!(names.len(), 1 + KEPT as usize, "{names:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), line(19));
        assert_eq!(fs::read_to_string(folder.path().join("nightly.log.5")).unwrap(), line(14));
        #[cfg(unix)]
        for name in &names {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_log_that_cannot_be_moved_keeps_growing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightly.log");
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(folder.path().join("nightly.log.5/x")).unwrap();
        fs::write(folder.path().join("nightly.log.4"), "").unwrap();
        let mut log = LogFile::with_limit(&path, LINE_BYTES).unwrap();
        for night in 0..5 {
            log.write_all(line(night).as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 5);
    }

    #[test]
    fn a_file_that_is_no_log_is_not_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightly.log");
        let other = folder.path().join("nightly.log.2");
        fs::write(&other, "notes of the operator\n").unwrap();
        for night in 0..8 {
            let mut log = LogFile::with_limit(&path, LINE_BYTES).unwrap();
            log.write_all(line(night).as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 8);
        assert_eq!(fs::read_to_string(other).unwrap(), "notes of the operator\n");
    }

    #[test]
    fn a_log_is_known_by_its_first_line() {
        let check = |text: &str, expected: bool| assert_eq!(is_log(text.as_bytes()), expected, "{text}");
        check("", true);
        check(&line(3), true);
        check("2026-01-01T02:15:00.000123Z  WARN x", true);
        check(
            "{\"timestamp\":\"2026-01-01T02:15:00.000123Z\",\"level\":\"INFO\",\"message\":\"started\"",
            true,
        );
        // Logs that a full disk truncated.
        check("2026-01-0", true);
        check("{\"time", true);
        check("2026-01-01T02:15:00.000123Z,Contoso,contoso", false);
        check("2026-01-01 02:15:00 INFO x", false);
        check("company_name,domain", false);
        check("{\"refresh_token\":\"x\"}", false);
        check("SQLite format 3\0", false);
        check("# created: 2026-01-01T02:15:00Z", false);
        check("\n", false);
    }
}
