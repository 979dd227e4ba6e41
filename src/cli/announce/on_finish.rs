//! `--on-finish`: a command that the operator wants run when a run has ended.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::digest::Digest;
use crate::cli::settings::SECRETS;
use crate::outlet;

/// Says to a `tenantry` that the command runs where it was called from.
pub(super) const MARK: &str = "TENANTRY_WITHIN_ON_FINISH";

/// A command that takes longer hangs, and with it the job of every night to come.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Runs it through the shell of the platform, with what it needs to know in its environment.
pub(super) async fn run(command: &str, digest: &Digest, ledger: &Path) {
    let mut shell = shell(command);
    for secret in SECRETS {
        shell.env_remove(secret);
    }
    // A command that itself runs us must not run itself again, wherever its settings come from.
    shell.env(MARK, "1");
    let ledger = std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned());
    shell
        .env("TENANTRY_EXIT_CODE", digest.exit_code.to_string())
        .env("TENANTRY_RUN", digest.run.as_ref().map_or_else(String::new, |run| run.id.to_string()))
        .env("TENANTRY_LEDGER", ledger)
        .env("TENANTRY_SUMMARY", digest.json())
        .stdin(Stdio::null())
        // Standard output is for our own results.
        .stdout(io::stderr())
        .kill_on_drop(true);
    #[cfg(unix)]
    shell.process_group(0);
    // What the command says comes after what was said before it.
    outlet::stderr().settle();
    match tokio::time::timeout(TIMEOUT, to_its_end(shell)).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => tracing::warn!(%status, "the command of --on-finish failed"),
        Ok(Err(error)) => tracing::warn!(%error, "could not run the command of --on-finish"),
        Err(_) => {
            tracing::warn!(
                minutes = TIMEOUT.as_secs() / 60,
                "the command of --on-finish took too long; killed"
            );
        }
    }
}

/// Where this is not awaited to its end, the shell is killed, and what it has started with it.
async fn to_its_end(mut shell: Command) -> io::Result<ExitStatus> {
    let mut child = shell.spawn()?;
    // Dropped before the shell, whose id is not given to another process meanwhile.
    let mut family = Family(child.id());
    let status = child.wait().await;
    family.0 = None;
    status
}

/// The shell and its children, killed together; `None` where it has ended.
struct Family(Option<u32>);

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(shell) = self.0 {
            kill_family(shell);
        }
    }
}

/// The shell leads a process group of its own.
#[cfg(unix)]
fn kill_family(shell: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(shell).ok().and_then(Pid::from_raw);
    if let Some(Err(error)) = group.map(|group| kill_process_group(group, Signal::KILL)) {
        tracing::warn!(%error, "what --on-finish has started could not be killed");
    }
}

#[cfg(windows)]
fn kill_family(shell: u32) {
    let killed = std::process::Command::new("taskkill")
        .args(["/T", "/F", "/PID", &shell.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = killed {
        tracing::warn!(%error, "what --on-finish has started could not be killed");
    }
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

/// `cmd` takes what stands between the outer quotation marks as it is.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.raw_arg(format!("/S /C \"{command}\""));
    shell
}
