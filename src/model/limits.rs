//! What the operating system may refuse more of: files that are open at once, threads, and the size of a file.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

/// What the program takes without its connections is about 20.
#[cfg(unix)]
const FEWEST_DESCRIPTORS: u64 = 64;

/// Something that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Files and connections that this process may have open.
    Descriptors,
    /// The same, of the whole machine.
    DescriptorsOfAll,
    Threads,
}

impl Resource {
    /// What the error of a file or a connection says ran out, if it says so.
    pub fn of(error: &io::Error) -> Option<Self> {
        let code = error.raw_os_error()?;
        #[cfg(unix)]
        let (own, all) = (rustix::io::Errno::MFILE.raw_os_error(), rustix::io::Errno::NFILE.raw_os_error());
        // WSAEMFILE, and ERROR_TOO_MANY_OPEN_FILES.
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

    /// Others have no part in it, so that it does not come free by itself.
    pub fn is_of_this_process(self) -> bool {
        self == Self::Descriptors
    }

    /// What ran out, as a fragment.
    pub fn words(self) -> &'static str {
        match self {
            Self::Descriptors => "this process may not open more files and connections",
            Self::DescriptorsOfAll => "this machine has no room for more open files and connections",
            Self::Threads => "this system starts no further thread for this user",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Descriptors => "raise the limit (`ulimit -n 4096`), or use a lower `--concurrency`",
            Self::DescriptorsOfAll => "end other programs, or raise the limit of the system (`fs.file-max`)",
            Self::Threads => {
                "end other programs of this user, or raise the limit (`ulimit -u`, or the limit of the container)"
            }
        }
    }
}

/// What a panic of the runtime was for want of.
static WANTED: OnceLock<Resource> = OnceLock::new();

/// What a panic at `file` of the source was for want of, if it was. The runtime panics where it has no thread or no
/// descriptor to begin with, and its panics have no type, so this tries whether one can be had.
pub fn wanted_at(file: &str) -> Option<Resource> {
    if !file.contains("tokio") {
        return None;
    }
    // It wants two at once, and begins with more.
    let descriptors: io::Result<Vec<_>> = (0..4).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    let descriptor = descriptors.err().and_then(|error| Resource::of(&error));
    let thread = thread::Builder::new().spawn(|| ()).err().map(|_| Resource::Threads);
    descriptor.or(thread).map(|wanted| *WANTED.get_or_init(|| wanted))
}

/// What such a panic was for want of, where there has been one.
pub fn wanted() -> Option<Resource> {
    WANTED.get().copied()
}

/// How many files this process may have open, where that is too few to work with: what fails then may say many things,
/// and seldom this.
pub fn few_descriptors() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        getrlimit(Resource::Nofile).current.filter(|most| *most < FEWEST_DESCRIPTORS)
    }
    #[cfg(not(unix))]
    None
}

/// Why a folder takes no files, where its disk has no room for them or their names. SQLite says of that only that it
/// cannot open what it makes beside a ledger.
pub fn no_room_in(folder: &Path) -> Option<io::Error> {
    // As many as SQLite makes.
    let made: io::Result<Vec<_>> = (0..3).map(|_| tempfile::tempfile_in(folder)).collect();
    let is_room =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    made.err().filter(is_room)
}

/// Makes of two things that end or stop a process mere errors, or nothing: a write beyond the largest size that a file may
/// have (SIGXFSZ) fails, and a write to the terminal of another job (SIGTTOU, where `stty tostop` asks for it) is done.
///
/// To be called before there is a second thread and before anything is written: each thread has it from the one that
/// starts it. So would a program; see [`with_every_signal`].
pub fn survive_writes() {
    #[cfg(unix)]
    if let Err(error) = of_writes().thread_block() {
        tracing::debug!(%error, "SIGXFSZ and SIGTTOU are left to the system");
    }
}

/// Starts something in which every signal does what it does elsewhere. It takes a thread of its own: in another one a
/// signal may wait that would end us here.
///
/// # Errors
/// There is no thread to be had.
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
    fn what_ran_out_is_told_by_the_number_of_an_error() {
        let of = |code| Resource::of(&io::Error::from_raw_os_error(code));
        assert_eq!(of(24), Some(Resource::Descriptors));
        assert_eq!(of(23), Some(Resource::DescriptorsOfAll));
        assert_eq!(of(2), None);
        assert_eq!(Resource::of(&io::Error::other("no number")), None);
    }
}
