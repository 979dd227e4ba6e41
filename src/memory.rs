//! What is in memory stays there: secrets are wiped when they are done with, but a core file holds those that are not.
//!
//! What the libraries for TLS and HTTP copy into buffers of their own is not ours to wipe, so nothing may come to lie on
//! the disk. Windows writes no dump of a program unless an administrator has told Windows Error Reporting to.

use std::io;

/// Forbids core files of this process. On Linux no other process of the same user may read its memory or its
/// environment either (`/proc/PID/mem`, `/proc/PID/environ`, a debugger), and the system hands nothing to a collector of
/// core files, which a limit alone would not keep it from.
///
/// # Errors
/// The system refused; there is nothing that the program could do instead.
#[cfg(unix)]
pub(crate) fn keep_private() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    // The limit of what the program starts may be raised again.
    let maximum = getrlimit(Resource::Core).maximum;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum })?)
}

#[cfg(not(unix))]
pub(crate) fn keep_private() -> io::Result<()> {
    Ok(())
}
