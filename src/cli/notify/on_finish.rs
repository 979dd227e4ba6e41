//! `--on-finish`: runs a command of the operator after a run has ended.
//!
//! The command's output goes to standard error, and never waits for the reader of standard error.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::run_summary::RunSummary;
use tenantry_model::thread::on_thread;

use crate::cli::settings::SECRETS;
use crate::message::{self, Level, Message};
use crate::printable::escape_for_terminal;
use crate::{limits, outlet};

/// Tells a `tenantry` started by the command that it runs inside `--on-finish`.
pub(super) const MARK: &str = "TENANTRY_WITHIN_ON_FINISH";

/// A command that takes longer hangs, and would block the runs of all following nights.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Processes that the command leaves running can keep its output open forever. Output is read for this long after the
/// command has ended.
const SAID_WITHIN: Duration = Duration::from_millis(500);

/// The most bytes of a line that is passed on; longer lines are split.
const LINE_MAX: u64 = 64 * 1024;

/// Runs the command in the shell of the platform, with the result of the run in its environment.
pub(super) async fn run(command: &str, digest: &RunSummary, ledger: Option<&Path>) {
    let mut shell = shell(command);
    for secret in SECRETS {
        shell.env_remove(secret);
    }
    // If the command runs this program, that run must not run the command again, wherever its settings come from.
    shell.env(MARK, "1");
    let ledger = ledger.map(|ledger| std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned()));
    shell
        .env("TENANTRY_EXIT_CODE", digest.exit_code.to_string())
        .env("TENANTRY_SUCCESS", digest.success.to_string())
        .env("TENANTRY_RUN", digest.run.as_ref().map_or_else(String::new, |run| run.id.to_string()))
        .env("TENANTRY_LEDGER", ledger.unwrap_or_default())
        .env("TENANTRY_SUMMARY", digest.json())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    #[cfg(unix)]
    shell.process_group(0);
    // Earlier output comes before the output of the command.
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

/// Runs the shell until it exits. If this future is dropped earlier, the shell and its children are killed.
async fn to_its_end(mut shell: Command) -> io::Result<ExitStatus> {
    // One pipe for both streams keeps their order. Standard output is reserved for our own results.
    let (said, says) = io::pipe()?;
    shell.stdout(says.try_clone()?).stderr(says);
    let runtime = tokio::runtime::Handle::current();
    let mut child = limits::with_every_signal(|| {
        let _entered = runtime.enter();
        shell.spawn()
    })??;
    // Closes our end of the pipe; otherwise the pipe would never end.
    drop(shell);
    let passing_on = on_thread("on-finish", move || pass_on(said))?;
    // Dropped before the child, so its process id cannot be reused in the meantime.
    let mut family = Family(child.id());
    let status = child.wait().await;
    family.0 = None;
    if tokio::time::timeout(SAID_WITHIN, passing_on.joined()).await.is_err() {
        tracing::debug!("the command of --on-finish has left something running, which is heard no longer");
    }
    status
}

/// Passes on the output line by line until all writers have closed the pipe. Errors of our own standard error do not
/// affect the writers.
fn pass_on(said: impl Read) {
    let mut said = BufReader::new(said);
    let mut line = Vec::new();
    while let Ok(1..) = said.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        // `cmd` ends its lines with CRLF.
        let text = text.trim_end_matches(['\r', '\n']);
        outlet::stderr().write(match message::is_json() {
            true => Message { source: Some("on-finish"), ..Message::new(Level::Info, text) }.line(),
            false => format!("{}\n", escape_for_terminal(text)),
        });
        line.clear();
    }
}

/// The shell and its children, killed together; `None` after the shell has exited.
struct Family(Option<u32>);

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(shell) = self.0 {
            kill_family(shell);
        }
    }
}

/// The shell leads its own process group.
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

/// `cmd` takes the text between the outer quotation marks literally.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.raw_arg(format!("/S /C \"{command}\""));
    shell
}
