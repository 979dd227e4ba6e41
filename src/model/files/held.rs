//! Recognizes files that another program has open.
//!
//! On Windows, a program can keep others from a file while it has the file open, as spreadsheets do. Other systems have no
//! such errors.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`.
const HELD: [i32; 2] = [32, 33];

/// Whether the operation failed because another program has the file open.
pub fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error().is_some_and(|code| HELD.contains(&code))
}

/// Checks that no other program keeps `file` from being replaced.
///
/// # Errors
/// Only errors that [`is_held`] recognizes.
pub fn refuse_held(file: &Path) -> io::Result<()> {
    if !cfg!(windows) {
        return Ok(());
    }
    match OpenOptions::new().write(true).open(file) {
        Err(error) if is_held(&error) => Err(error),
        _ => Ok(()),
    }
}

/// The cause of `error`, with which `file` was not replaced. If another program has the file open, Windows says only
/// "access denied".
pub(super) fn cause(error: io::Error, file: &Path) -> io::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => refuse_held(file).err().unwrap_or(error),
        _ => error,
    }
}

#[cfg(all(test, windows))]
mod tests {
    use std::fs;
    use std::os::windows::fs::OpenOptionsExt;

    use super::*;
    use crate::files::replace;

    #[test]
    fn an_open_file_is_not_replaced_and_the_error_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("failed.csv");
        // A spreadsheet lets others read; other programs share nothing.
        for share in [0x1, 0] {
            fs::write(&file, "old").unwrap();
            let holder = OpenOptions::new().read(true).share_mode(share).open(&file).unwrap();
            assert!(is_held(&refuse_held(&file).unwrap_err()), "{share}");
            assert!(is_held(&replace(&file, b"new").unwrap_err()), "{share}");
            drop(holder);
            refuse_held(&file).unwrap();
            replace(&file, b"new").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        }
    }
}
