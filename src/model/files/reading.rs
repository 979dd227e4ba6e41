//! Reads files that a run trusts: secrets, keys, settings.
//!
//! A user who can write such a file controls the program.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::access::{refuse_strangers, refuse_unexcused_strangers};
use super::{Refused, narrow, others_may_write};

/// Much larger than any secret, key, certificate chain or settings file.
const BYTES_MAX: u64 = 1024 * 1024;

/// A bundle of all public certificate authorities has 0.3 MB.
const TRUSTED_BYTES_MAX: u64 = 16 * BYTES_MAX;

/// Reads a secret. If others may read the file, its mode is narrowed if it is ours; otherwise a warning is logged. `is_it`:
/// another file, whose name was given by mistake, keeps its mode.
///
/// # Errors
/// Also [`Refused`]: the file is not regular, is too large, belongs to another user, or others may write to it or
/// replace it. As root, or on a read-only mount in a container, another user's file is accepted with a warning.
pub fn read_secret(path: &Path, is_it: impl FnOnce(&[u8]) -> bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path, BYTES_MAX)?;
    refuse_unexcused_strangers(path, &file.metadata()?)?;
    // Never grows, so that no copy of its beginning stays in memory.
    let room = usize::try_from(file.metadata()?.len()).unwrap_or_default() + 1;
    let mut secret = Zeroizing::new(Vec::with_capacity(room));
    take_all(&file, BYTES_MAX, &mut secret)?;
    if is_it(&secret) {
        narrow(&file, path)?.warn(path);
    }
    Ok(secret)
}

/// Reads a file that is not secret but trusted: certificate authorities.
///
/// # Errors
/// Like [`read_secret`].
pub fn read_trusted(path: &Path) -> io::Result<Vec<u8>> {
    read(path, TRUSTED_BYTES_MAX, refuse_unexcused_strangers)
}

/// Reads settings. Like [`read_trusted`], but another user's file is always refused, because settings can run a
/// command.
///
/// # Errors
/// Like [`read_secret`].
pub fn read_settings(path: &Path) -> io::Result<Vec<u8>> {
    read(path, BYTES_MAX, refuse_strangers)
}

fn read(
    path: &Path,
    bytes_max: u64,
    refuse: fn(&Path, &Metadata) -> Result<(), Refused>,
) -> io::Result<Vec<u8>> {
    let file = open(path, bytes_max)?;
    refuse(path, &file.metadata()?)?;
    let mut content = Vec::new();
    take_all(&file, bytes_max, &mut content)?;
    Ok(content)
}

fn open(path: &Path, bytes_max: u64) -> io::Result<File> {
    // Checked before opening, because opening a device may have side effects, and after it, because the file may have
    // been replaced.
    refuse_odd(&path.metadata()?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // Must not wait for a pipe's writer, and must not make a terminal our controlling terminal.
    #[cfg(unix)]
    super::flags(&mut options, rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    refuse_odd(&metadata)?;
    if metadata.len() > bytes_max {
        return Err(Refused::TooLarge(bytes_max).into());
    }
    if others_may_write(&super::canonical(path).unwrap_or_else(|_| path.to_owned()), &metadata) {
        return Err(Refused::Writable.into());
    }
    Ok(file)
}

fn refuse_odd(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.is_file() { Ok(()) } else { Err(Refused::NotRegular.into()) }
}

fn take_all(file: &File, bytes_max: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let read = file.take(bytes_max + 1).read_to_end(into)?;
    if read as u64 > bytes_max { Err(Refused::TooLarge(bytes_max).into()) } else { Ok(()) }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_narrowed_and_a_writable_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.txt");
        let check = |mode: u32, expected: Result<u32, Refused>| {
            fs::write(&file, "secret").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_secret(&file, |_| true).map_err(|error| Refused::of(&error).unwrap());
            let mode_after = |_| fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(read.map(mode_after), expected, "{mode:o}");
        };
        check(0o600, Ok(0o600));
        check(0o400, Ok(0o400));
        check(0o644, Ok(0o600));
        check(0o444, Ok(0o400));
        check(0o602, Err(Refused::Writable));
        check(0o666, Err(Refused::Writable));
    }

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| Refused::of(&read_secret(path, |_| true).unwrap_err());
        assert_eq!(refused(Path::new("/dev/zero")), Some(Refused::NotRegular));
        assert_eq!(read_secret(folder.path(), |_| true).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(BYTES_MAX + 1).unwrap();
        fs::set_permissions(&large, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(refused(&large), Some(Refused::TooLarge(BYTES_MAX)));
    }
}
