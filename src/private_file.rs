//! Files of ours that are there as a whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Puts `content` in place of what the file held, for its owner alone; folders are made. Durable when it returns: the
/// new content is written beside the file, synced and renamed, so whoever reads finds all of the old or of the new.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    crate::ledger::private(&mut options);
    replace_by(&mut options, file, content)
}

/// The same for a file that others on this machine are to read too.
pub(crate) fn replace_readable(file: &Path, content: &[u8]) -> io::Result<()> {
    replace_by(&mut OpenOptions::new(), file, content)
}

fn replace_by(options: &mut OpenOptions, file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = name_beside(file);
    options.write(true).create_new(true);
    let written = options.open(&beside).and_then(|mut out| {
        out.write_all(content)?;
        out.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, file));
    if renamed.is_err() {
        drop(fs::remove_file(&beside));
    }
    renamed.and_then(|()| crate::ledger::sync_folder_of(file))
}

/// A name for what will be `file` once it is whole.
pub(crate) fn name_beside(file: &Path) -> PathBuf {
    file.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()))
}

/// Gives what was written as `beside` the name `file`, if that is free. A link fails where the name is taken, unlike
/// renaming; some file systems have none.
pub(crate) fn take_name(beside: &Path, file: &Path) -> io::Result<()> {
    match fs::hard_link(beside, file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !file.exists() => {
            fs::rename(beside, file)
        }
        linked => linked,
    }
}
