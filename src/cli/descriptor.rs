//! Recognizes names of descriptors that this process already has open, such as `/dev/stdout`.
//!
//! The file behind a descriptor is never replaced: the process that opened it, usually a shell, may write more to it.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
use crate::files::{self, folder_of};

/// The descriptor that a name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there are no such names"))]
pub(super) enum Descriptor {
    Stdout,
    Stderr,
    Other,
}

impl Descriptor {
    /// The descriptor that `path` refers to, by its name or through links. The file that standard output is redirected
    /// to is standard output under any name.
    #[cfg(unix)]
    pub(super) fn named(path: &Path) -> Option<Self> {
        let mut name = path.to_owned();
        // A cycle of links never ends.
        for _ in 0..LINKS {
            let Ok(folder) = files::canonical(folder_of(&name)) else { break };
            if is_of_descriptors(&folder) {
                return match name.file_name()?.to_str()?.parse::<u32>().ok()? {
                    1 => Some(Self::Stdout),
                    2 => Some(Self::Stderr),
                    _ => Some(Self::Other),
                };
            }
            let Ok(to) = name.read_link() else { break };
            name = folder.join(to);
        }
        is_stdout(path).then_some(Self::Stdout)
    }

    /// On Windows, only the null device has such a name. It holds nothing, but may look like a file.
    #[cfg(not(unix))]
    pub(super) fn named(path: &Path) -> Option<Self> {
        let name = path.to_str()?.to_ascii_lowercase();
        ["nul", "nul:", r"\\.\nul"].contains(&&*name).then_some(Self::Other)
    }
}

/// A standard stream as a separate file, which shares the position of the original.
#[cfg(unix)]
pub(super) fn duplicate(stream: impl std::os::fd::AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
pub(super) fn duplicate(stream: impl std::os::windows::io::AsHandle) -> io::Result<File> {
    stream.as_handle().try_clone_to_owned().map(File::from)
}

/// The same limit as in Linux.
#[cfg(unix)]
const LINKS: usize = 40;

/// Whether this folder (links resolved) contains a name for each descriptor of this process.
#[cfg(unix)]
fn is_of_descriptors(folder: &Path) -> bool {
    let is_of_this_process = || files::canonical("/proc/self").is_ok_and(|it| folder.starts_with(it));
    folder == Path::new("/dev/fd") || (folder.ends_with("fd") && is_of_this_process())
}

#[cfg(unix)]
fn is_stdout(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let stdout = duplicate(io::stdout()).and_then(|it| it.metadata());
    let (Ok(there), Ok(stdout)) = (path.metadata(), stdout) else {
        return false;
    };
    (there.dev(), there.ino()) == (stdout.dev(), stdout.ino())
}

/// Was standard output closed when the program began? The Rust runtime then opens the null device in its place, for reading
/// too, unlike a shell that redirects to it.
#[cfg(unix)]
pub(super) fn stdout_is_closed() -> bool {
    let flags = rustix::fs::fcntl_getfl(io::stdout());
    flags.is_ok_and(|flags| flags.contains(rustix::fs::OFlags::RDWR)) && is_stdout(Path::new("/dev/null"))
}

/// Writing fails on Windows, as it should.
#[cfg(not(unix))]
pub(super) fn stdout_is_closed() -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_open_is_known_by_its_names_and_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, expected: Option<Descriptor>| {
            assert_eq!(Descriptor::named(&folder.path().join(name)), expected, "{name}");
        };
        check("/dev/stdout", Some(Descriptor::Stdout));
        check("/dev/fd/1", Some(Descriptor::Stdout));
        check("/dev/../dev/stderr", Some(Descriptor::Stderr));
        check("/dev/fd/2", Some(Descriptor::Stderr));
        check("/dev/fd/7", Some(Descriptor::Other));
        #[cfg(target_os = "linux")]
        for name in ["/proc/self/fd/1", "/proc/thread-self/fd/1"] {
            check(name, Some(Descriptor::Stdout));
        }
        symlink("/dev/stdout", folder.path().join("link")).unwrap();
        symlink("link", folder.path().join("longer")).unwrap();
        symlink("ring", folder.path().join("ring")).unwrap();
        std::fs::write(folder.path().join("1"), "").unwrap();
        check("link", Some(Descriptor::Stdout));
        check("longer", Some(Descriptor::Stdout));
        for name in ["ring", "1", "none", "no/folder", "/dev/fd", "/dev"] {
            check(name, None);
        }
    }
}
