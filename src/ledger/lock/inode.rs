//! A lock on the ledger's file itself, whatever its name: on one byte that SQLite never uses.
//!
//! On Linux it is a lock of an open file description (`F_OFD_SETLK`). Every other kind of lock fails somewhere. `flock`
//! on the ledger collides with SQLite's own locks on systems that implement one by the other: the BSDs and macOS, NFS,
//! the 9p mounts of WSL and of virtual machines. A classic `fcntl` lock is lost as soon as this process closes any
//! handle to the file, which SQLite does for each connection.
//!
//! For the same reason, closing the handle of this lock would release SQLite's locks. So the handle stays open until
//! the process ends, and only the lock is released.
//!
//! On Windows it is a lock of a range of bytes (`LockFileEx`), which belongs to its handle. Other programs cannot read
//! a locked byte there, so the byte is far beyond the end of every ledger.

/// The result of locking a ledger.
#[derive(Debug)]
#[cfg_attr(
    not(any(target_os = "linux", windows)),
    expect(dead_code, reason = "other systems have no such lock")
)]
pub(crate) enum Locked {
    Ours(InodeLock),
    Another,
    /// The system has no such lock; only the lock file is left.
    Unsupported,
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{InodeLock, is_locked, lock};
#[cfg(not(any(target_os = "linux", windows)))]
pub(crate) use others::{InodeLock, is_locked, lock};
#[cfg(windows)]
pub(crate) use windows::{InodeLock, is_locked, lock};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;
    use std::sync::{Arc, LazyLock, Mutex, PoisonError};

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    use super::Locked;

    /// In the page at 1 GiB, which SQLite keeps free of data; SQLite uses its first 512 bytes for locks.
    const BYTE: libc::off_t = 0x4000_0000 + 4095;

    /// Released when it is dropped.
    #[derive(Debug)]
    pub(crate) struct InodeLock(Arc<File>);

    impl Drop for InodeLock {
        fn drop(&mut self) {
            if let Err(error) = fcntl(&*self.0, FcntlArg::F_OFD_SETLK(&byte(libc::F_UNLCK))) {
                tracing::warn!(%error, "the lock of the ledger could not be released before the end of the \
                                        program");
            }
        }
    }

    pub(crate) fn lock(ledger: &Path) -> io::Result<Locked> {
        let file = kept(ledger, true)?;
        match fcntl(&*file, FcntlArg::F_OFD_SETLK(&byte(libc::F_WRLCK))) {
            Ok(_) => Ok(Locked::Ours(InodeLock(file))),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(Locked::Another),
            // A kernel before 3.15, or an emulated one.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => Ok(Locked::Unsupported),
            Err(error) => Err(error.into()),
        }
    }

    /// Does another handle, of this process or another one, hold the lock? Does not take it. `None`: not known.
    pub(crate) fn is_locked(ledger: &Path) -> Option<bool> {
        let mut found = byte(libc::F_WRLCK);
        let asked =
            kept(ledger, false).and_then(|file| Ok(fcntl(&*file, FcntlArg::F_OFD_GETLK(&mut found))?));
        asked.ok().map(|_| i32::from(found.l_type) != libc::F_UNLCK)
    }

    fn byte(kind: i32) -> libc::flock {
        libc::flock {
            l_type: kind.try_into().expect("the kinds of locks are 0 to 2"),
            l_whence: libc::SEEK_SET.try_into().expect("it is 0"),
            l_start: BYTE,
            l_len: 1,
            l_pid: 0,
        }
    }

    /// A handle to the ledger, which is never closed.
    fn kept(ledger: &Path, writable: bool) -> io::Result<Arc<File>> {
        type Kept = HashMap<(u64, u64, bool), Arc<File>>;
        static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);
        let metadata = ledger.metadata()?;
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = kept.get(&(metadata.dev(), metadata.ino(), writable)) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::options().read(true).write(writable).open(ledger)?);
        // Another file may have the name by now.
        let metadata = file.metadata()?;
        kept.insert((metadata.dev(), metadata.ino(), writable), Arc::clone(&file));
        Ok(file)
    }
}

#[cfg(windows)]
mod windows {
    use std::fs::File;
    use std::io::{self, ErrorKind};
    use std::path::Path;
    use std::sync::Arc;

    use file_guard::{FileGuard, Lock, try_lock};

    use super::Locked;

    /// Programs of 32 and of 64 bits do not share it; between those only the lock file decides.
    const BYTE: usize = usize::MAX / 2;

    /// What Windows answers for a file system without locks of a range: not supported, or an invalid function.
    const UNSUPPORTED: [i32; 2] = [50, 1];

    /// Released when it is dropped.
    pub(crate) struct InodeLock {
        _guard: FileGuard<Arc<File>>,
    }

    impl std::fmt::Debug for InodeLock {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("InodeLock").finish_non_exhaustive()
        }
    }

    pub(crate) fn lock(ledger: &Path) -> io::Result<Locked> {
        take(ledger, Lock::Exclusive)
    }

    /// Does another handle, of this process or another one, hold the lock? Windows has no question for it: a lock that
    /// many may share is taken for a moment. `None`: not known.
    pub(crate) fn is_locked(ledger: &Path) -> Option<bool> {
        match take(ledger, Lock::Shared) {
            Ok(Locked::Another) => Some(true),
            Ok(Locked::Ours(_)) => Some(false),
            Ok(Locked::Unsupported) | Err(_) => None,
        }
    }

    fn take(ledger: &Path, lock: Lock) -> io::Result<Locked> {
        // Unlike on Unix, closing this handle later does not affect the locks of SQLite.
        let file = Arc::new(File::options().read(true).write(lock == Lock::Exclusive).open(ledger)?);
        match try_lock(file, lock, BYTE, 1) {
            Ok(guard) => Ok(Locked::Ours(InodeLock { _guard: guard })),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Locked::Another),
            Err(error) if error.raw_os_error().is_some_and(|code| UNSUPPORTED.contains(&code)) => {
                Ok(Locked::Unsupported)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
mod others {
    use std::io;
    use std::path::Path;

    use super::Locked;

    #[derive(Debug)]
    pub(crate) struct InodeLock;

    pub(crate) fn lock(_ledger: &Path) -> io::Result<Locked> {
        Ok(Locked::Unsupported)
    }

    /// There is no way to find out.
    pub(crate) fn is_locked(_ledger: &Path) -> Option<bool> {
        None
    }
}

#[cfg(any(target_os = "linux", windows))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_on_the_file_under_every_name_and_ends_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let [ledger, moved] = ["l.db", "moved.db"].map(|name| folder.path().join(name));
        std::fs::write(&ledger, "x").unwrap();
        assert_eq!(is_locked(&ledger), Some(false));
        let Locked::Ours(held) = lock(&ledger).unwrap() else { panic!("it was free") };
        assert_eq!(is_locked(&ledger), Some(true));
        assert_eq!(std::fs::read(&ledger).unwrap(), b"x", "others read it");
        std::fs::rename(&ledger, &moved).unwrap();
        assert_eq!(is_locked(&moved), Some(true));
        drop(held);
        assert_eq!(is_locked(&moved), Some(false));
        assert!(matches!(lock(&moved), Ok(Locked::Ours(_))));
    }
}
