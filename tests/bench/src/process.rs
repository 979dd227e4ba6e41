//! One process from its start to its end: how long it took, how much of the processor, and how much memory at most.

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
    /// In the program and in the system for it, over all its threads.
    pub(crate) cpu: Duration,
    /// Bytes of memory at most; 0 where the platform does not tell.
    pub(crate) peak: u64,
}

impl Usage {
    /// What is left of it without what another process took.
    pub(crate) fn beyond(self, other: Usage) -> Usage {
        Usage {
            wall: self.wall.saturating_sub(other.wall),
            cpu: self.cpu.saturating_sub(other.cpu),
            peak: self.peak,
        }
    }
}

/// A process that is measured, with its output in files. It is killed where nobody waits for it.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    /// `None`: it has been waited for.
    child: Option<Child>,
    begun: Instant,
    output: Output,
}

/// Where the output of a process goes: files, so that nobody has to read along.
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
    /// Starts it, with its output in `folder` under a name that no other process uses at the same time.
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
        let used = self.child.take().context("a process is waited for once")?.wait4()?;
        let wall = self.begun.elapsed();
        let usage = Usage { wall, cpu: used.rusage.utime + used.rusage.stime, peak: used.rusage.maxrss };
        Ok(Ended { name: self.name.clone(), code: used.status.code(), usage, output: self.output.clone() })
    }
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
    /// It has to have ended with one of these.
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

/// A server that says its URL on the first line of its standard output. It is killed when this is dropped.
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
