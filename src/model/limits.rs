//! Detects limits of the operating system: open files, threads, room for temporary files, and the size of a file.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

/// The program uses about 20 in addition to its connections.
#[cfg(unix)]
const FEWEST_DESCRIPTORS: u64 = 64;

/// A resource that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Open files and connections of this process.
    Descriptors,
    /// Open files and connections of the whole machine.
    DescriptorsOfAll,
    Threads,
    /// Room for temporary files.
    TemporaryRoom,
}

impl Resource {
    /// The resource that ran out according to an error of a file or connection, if any.
    pub fn of(error: &io::Error) -> Option<Self> {
        let code = error.raw_os_error()?;
        #[cfg(unix)]
        let (own, all) = (rustix::io::Errno::MFILE.raw_os_error(), rustix::io::Errno::NFILE.raw_os_error());
        // WSAEMFILE and ERROR_TOO_MANY_OPEN_FILES.
        #[cfg(windows)]
        let (own, all) = (10_024, 4);
        if code == own {
            Some(Self::Descriptors)
        } else if code == all {
            Some(Self::DescriptorsOfAll)
        } else {
            None
        }
    }

    /// True if only this process uses the resource, so that waiting does not free it.
    pub fn is_of_this_process(self) -> bool {
        self == Self::Descriptors
    }

    /// What ran out, as a sentence fragment.
    pub fn words(self) -> &'static str {
        match self {
            Self::Descriptors => "this process may not open more files and connections",
            Self::DescriptorsOfAll => "this system cannot open more files and connections",
            Self::Threads => "this system does not start another thread for this user",
            Self::TemporaryRoom => "there is no space left in the folder for temporary files",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Descriptors => "raise the limit (`ulimit -n 4096`), or use a lower `--concurrency`",
            Self::DescriptorsOfAll => "end other programs, or raise the limit of the system (`fs.file-max`)",
            Self::Threads => {
                "end other programs of this user, or raise the limit (`ulimit -u`, or the limit of the container)"
            }
            Self::TemporaryRoom => {
                "free some space in the folder for temporary files, or use another folder (`TMPDIR`; on \
                 Windows `TEMP`)"
            }
        }
    }
}

/// The resource that was missing when a library panicked.
static WANTED: OnceLock<Resource> = OnceLock::new();

/// The resource that was missing, if the panic was in the source file `file`. The runtime panics if it has no thread or
/// descriptor to start with, and the writer of workbooks if its temporary file cannot grow. Panics have no type, so this
/// tests whether the resources are available now.
pub fn wanted_at(file: &str) -> Option<Resource> {
    let wanted = if file.contains("tokio") {
        wanted_by_runtime()
    } else if file.contains("rust_xlsxwriter") {
        no_temporary_room().then_some(Resource::TemporaryRoom)
    } else {
        None
    };
    wanted.map(|wanted| *WANTED.get_or_init(|| wanted))
}

/// The panicking writer still has its file, so what it lacked is still missing.
fn no_temporary_room() -> bool {
    const MORE_THAN_A_BUFFER: usize = 64 << 10;
    let written = tempfile::tempfile().and_then(|mut file| file.write_all(&[b' '; MORE_THAN_A_BUFFER]));
    written.err().is_some_and(|error| is_want_of_room(&error))
}

fn wanted_by_runtime() -> Option<Resource> {
    // The runtime needs two at once, and more to start.
    let descriptors: io::Result<Vec<_>> = (0..4).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    let descriptor = descriptors.err().and_then(|error| Resource::of(&error));
    let thread = thread::Builder::new().spawn(|| ()).err().map(|_| Resource::Threads);
    descriptor.or(thread)
}

/// The resource that was missing at an earlier panic, if any.
pub fn wanted() -> Option<Resource> {
    WANTED.get().copied()
}

/// The limit of open files of this process, if it is too low to work with. The errors that follow from it seldom name
/// the cause.
pub fn few_descriptors() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        getrlimit(Resource::Nofile).current.filter(|most| *most < FEWEST_DESCRIPTORS)
    }
    #[cfg(not(unix))]
    None
}

/// Why no files can be created in a folder, if its disk has no space for files or names. SQLite reports only that it
/// cannot open its files next to a ledger.
pub fn no_room_in(folder: &Path) -> Option<io::Error> {
    // The number of files that SQLite creates.
    let made: io::Result<Vec<_>> = (0..3).map(|_| tempfile::tempfile_in(folder)).collect();
    made.err().filter(is_want_of_room)
}

fn is_want_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Keeps two signals from ending or stopping the process. A write beyond the maximum size of a file (SIGXFSZ) becomes
/// an error. A write to the terminal of another job (SIGTTOU, with `stty tostop`) succeeds.
///
/// Call it before a second thread starts and before anything is written: each thread inherits the signal mask from the
/// thread that starts it. A child process inherits it too; see [`with_every_signal`].
pub fn survive_writes() {
    #[cfg(unix)]
    if let Err(error) = of_writes().thread_block() {
        tracing::debug!(%error, "SIGXFSZ and SIGTTOU are left to the system");
    }
}

/// Starts a child process with both signals unblocked. Uses a separate thread: unblocking them in this thread could
/// deliver a pending signal, which would end the process.
///
/// # Errors
/// No thread is available.
pub fn with_every_signal<T: Send>(start: impl FnOnce() -> T + Send) -> io::Result<T> {
    let start = || {
        #[cfg(unix)]
        if let Err(error) = of_writes().thread_unblock() {
            tracing::debug!(%error, "SIGXFSZ and SIGTTOU stay blocked in what is started");
        }
        start()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, start)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(unix)]
fn of_writes() -> nix::sys::signal::SigSet {
    use nix::sys::signal::{SigSet, Signal};
    [Signal::SIGXFSZ, Signal::SIGTTOU].into_iter().collect::<SigSet>()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_error_identifies_what_ran_out() {
        let of = |code| Resource::of(&io::Error::from_raw_os_error(code));
        assert_eq!(of(24), Some(Resource::Descriptors));
        assert_eq!(of(23), Some(Resource::DescriptorsOfAll));
        assert_eq!(of(2), None);
        assert_eq!(Resource::of(&io::Error::other("no number")), None);
    }
}
