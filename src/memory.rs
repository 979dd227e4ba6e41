//! Keeps secrets in memory from reaching the disk: disables core files.
//!
//! Secrets are wiped after use, but a core file would contain those still in use. Buffers inside the TLS and HTTP
//! libraries cannot be wiped by this program at all. Windows writes no dump of a program unless an administrator
//! configures Windows Error Reporting to do so.

use std::io;

/// Disables core files for this process. On Linux this also stops other processes of the same user from reading its
/// memory or environment (`/proc/PID/mem`, `/proc/PID/environ`, a debugger), and the kernel passes nothing to a core
/// file collector, which a resource limit alone would not prevent.
///
/// # Errors
/// The system refused. The program has no alternative.
#[cfg(unix)]
pub(crate) fn keep_private() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    // Keep the maximum, so that child processes can raise their own limit again.
    let maximum = getrlimit(Resource::Core).maximum;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum })?)
}

#[cfg(not(unix))]
pub(crate) fn keep_private() -> io::Result<()> {
    Ok(())
}
