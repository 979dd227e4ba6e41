//! Reads a settings file only if its content can be trusted: it can name a command to run and an address for secrets.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::failure::{self, Failure};
use crate::cli::input::near_path;
use crate::cli::shell::quoted;
use crate::files::{Refused, read_settings, text_of};

/// The whole content of `path`.
///
/// # Errors
/// The file is not a regular file, is too large, belongs to another user, or other users can write to it or
/// replace it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: &io::Error| {
        let hint = match (error.kind(), near_path(path)) {
            (ErrorKind::NotFound, Some(near)) => format!("did you mean {}?", quoted(&near.to_string_lossy())),
            (ErrorKind::NotFound, None) => "check the name and the folder of the file".to_owned(),
            _ => "name a file that you may read with `--config F`, or remove this one".to_owned(),
        };
        Failure::usage(format!("could not read the configuration file `{}`", path.display()))
            .because(failure::describe(error))
            .with_hint(hint)
    };
    // Check before opening, because opening a device can have side effects.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(unusable(path, kind(&metadata)));
    }
    read_settings(path).map_err(|error| match Refused::of(&error) {
        Some(Refused::TooLarge(_)) => unusable(path, "it is larger than 1 MiB"),
        Some(refused) => unusable(path, &refused.to_string()).with_hint(refused.hint(path)),
        None => unreadable(&error),
    })
}

/// The text of a file in UTF-8 or UTF-16, without its byte order mark.
pub(super) fn text(path: &Path, content: &[u8]) -> Result<Zeroizing<String>, Failure> {
    text_of(content).map_err(|not_text| unusable(path, &not_text.to_string()).with_hint("save it as UTF-8"))
}

/// The failure for a file that cannot be used, with a hint.
pub(super) fn unusable(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("cannot use the configuration file `{}`", path.display()))
        .because(why)
        .with_hint("name a file of settings with `--config F`, or remove this one")
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
