//! Reads a file of settings, whose content is believed: it can name a command to run and the address that secrets go to.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::cli::failure::{self, Failure};

/// No file of settings comes near this.
const BYTES_MAX: u64 = 1024 * 1024;

/// The whole content of `path`.
///
/// # Errors
/// It is no regular file, is too large, is another user's, or others may write to it or put another one in its place.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: &io::Error| {
        Failure::usage(format!("could not read the configuration file `{}`", path.display()))
            .because(failure::in_words(error))
            .with_hint("name a file that you may read with `--config F`, or take this one away")
    };
    // Before it is opened, which a device may answer with a deed; and after it, because it may be another one by then.
    refuse_odd(path, &std::fs::metadata(path).map_err(|error| unreadable(&error))?)?;
    let file = open(path).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    refuse_odd(path, &metadata)?;
    refuse_others(path, &metadata)?;
    let mut content = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut content).map_err(|error| unreadable(&error))?;
    if content.len() as u64 > BYTES_MAX {
        return Err(refused(path, "it is larger than 1 MiB"));
    }
    Ok(content)
}

/// The content of `path` as text.
pub(super) fn text(path: &Path, content: &[u8]) -> Result<String, Failure> {
    let text = str::from_utf8(content).map_err(|_| refused(path, "it is not text in UTF-8"))?;
    Ok(text.to_owned())
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("cannot use the configuration file `{}`", path.display()))
        .because(why)
        .with_hint("name a file of settings with `--config F`, or take this one away")
}

/// A pipe without a writer must not be waited for.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits());
        options.custom_flags(flags.map_err(|_| ErrorKind::InvalidInput)?);
    }
    options.open(path)
}

fn refuse_odd(path: &Path, metadata: &Metadata) -> Result<(), Failure> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(refused(path, kind(metadata)))
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "it is a folder"
    } else if kind.is_fifo() {
        "it is a named pipe"
    } else if kind.is_socket() {
        "it is a socket"
    } else {
        "it is a device"
    }
}

#[cfg(not(unix))]
fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() { "it is a folder" } else { "it is a device" }
}

/// The folders that `path` is found in: its own and, where it is a link, that of the file.
fn folders(path: &Path) -> Vec<PathBuf> {
    let folder_of = |path: &Path| match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![folder_of(path)];
    folders.extend(path.canonicalize().ok().map(|path| folder_of(&path)));
    folders
}

/// Refuses what others than this user and root could have written, or put there.
#[cfg(unix)]
fn refuse_others(path: &Path, metadata: &Metadata) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let us = rustix::process::geteuid().as_raw();
    let is_believed = |owner: u32| owner == us || owner == 0;
    let shown = path.display();
    if !is_believed(metadata.uid()) {
        return Err(refused(path, "it belongs to another user").with_hint(format!(
            "check its content; if it is yours, copy it and use the copy, or run `chown {us} {shown}`"
        )));
    }
    if others_may_write(metadata) {
        return Err(Failure::usage(format!("other users may write to the configuration file `{shown}`"))
            .because("it can name a command to run and the address that secrets go to")
            .with_hint(format!("check that its content is yours, then run `chmod go-w {shown}`")));
    }
    for folder in folders(path) {
        let Ok(metadata) = std::fs::metadata(&folder) else { continue };
        // In a folder such as /tmp only its owner can put another file in the place of one.
        let is_open = others_may_write(&metadata) && metadata.mode() & STICKY == 0;
        let (who, hint) = if !is_believed(metadata.uid()) {
            ("the folder belongs to another user", "copy the file into a folder of your own".to_owned())
        } else if is_open {
            ("other users may write to the folder", format!("run `chmod go-w {}`", folder.display()))
        } else {
            continue;
        };
        return Err(refused(path, &format!("{who}, so the file can be replaced")).with_hint(hint));
    }
    Ok(())
}

/// Others than the owner, root and a private group.
#[cfg(unix)]
fn others_may_write(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let is_private = metadata.gid() == 0 || metadata.gid() == metadata.uid();
    metadata.mode() & 0o002 != 0 || (metadata.mode() & 0o020 != 0 && !is_private)
}

#[cfg(not(unix))]
fn refuse_others(path: &Path, _metadata: &Metadata) -> Result<(), Failure> {
    // Access lists are for the system to say.
    drop(folders(path));
    Ok(())
}
