//! Runs a process and measures its duration, processor time and peak memory.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// What a process used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    /// Peak memory in bytes; 0 if the platform does not report it.
    pub(crate) peak: u64,
    /// Bytes of the pages of files that it changed; 0 if the platform does not report it.
    pub(crate) written: u64,
}

impl Usage {
    /// The usage minus that of another process.
    pub(crate) fn beyond(self, other: Usage) -> Usage {
        Usage { wall: self.wall.saturating_sub(other.wall), cpu: self.cpu.saturating_sub(other.cpu), ..self }
    }

    /// The usage of one process after the other.
    pub(crate) fn and(self, other: Usage) -> Usage {
        Usage {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
            peak: self.peak.max(other.peak),
            written: self.written + other.written,
        }
    }
}

/// A process that is measured, with its output in files. It is killed on drop unless it was waited for.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    /// `None` after waiting.
    child: Option<Child>,
    begun: Instant,
    output: Output,
}

/// The files for the output of a process, so that no one has to read it while it runs.
#[derive(Debug, Clone)]
struct Output {
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    name: String,
    code: Option<i32>,
    pub(crate) usage: Usage,
    output: Output,
}

impl Running {
    /// Starts the process, with its output in `folder`. No other process may use `name` at the same time.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str) -> Result<Self> {
        let path = |stream: &str| folder.join(format!("{name}.{stream}"));
        let output = Output { stdout: path("out"), stderr: path("err") };
        command.stdin(Stdio::null());
        command.stdout(File::create(&output.stdout)?).stderr(File::create(&output.stderr)?);
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        Ok(Self { name: name.to_owned(), child: Some(child), begun, output })
    }

    pub(crate) fn wait(mut self) -> Result<Ended> {
        let before = written_by_children()?;
        let used = self.child.take().context("a process is waited for once")?.wait4()?;
        let usage = Usage {
            wall: self.begun.elapsed(),
            cpu: used.rusage.utime + used.rusage.stime,
            peak: used.rusage.maxrss,
            written: written_by_children()? - before,
        };
        Ok(Ended { name: self.name.clone(), code: used.status.code(), usage, output: self.output.clone() })
    }
}

/// Bytes written by all processes that were waited for; 0 where the system does not count them.
#[cfg(target_os = "linux")]
fn written_by_children() -> Result<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    // In units of 512 bytes.
    Ok(u64::try_from(getrusage(UsageWho::RUSAGE_CHILDREN)?.block_writes())? * 512)
}

#[cfg(not(target_os = "linux"))]
fn written_by_children() -> Result<u64> {
    Ok(0)
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Ended {
    /// Returns an error unless the process ended with one of these codes.
    pub(crate) fn with_code(self, codes: &[i32]) -> Result<Self> {
        if self.code.is_some_and(|code| codes.contains(&code)) {
            return Ok(self);
        }
        let said = fs::read_to_string(&self.output.stderr).unwrap_or_default();
        bail!("{} ended with {:?}, not with {codes:?}: {said}", self.name, self.code);
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_reader(BufReader::new(File::open(&self.output.stdout)?))?)
    }
}

/// A server that prints its URL on the first line of its standard output. It is killed on drop.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("a server without standard output")?;
        let mut url = String::new();
        let read = BufReader::new(output).read_line(&mut url);
        let server = Self { child, url: url.trim().to_owned() };
        read?;
        if server.url.is_empty() {
            bail!("{command:?} ended without saying where it listens");
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
