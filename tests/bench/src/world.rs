//! What all subjects share: a folder, the program, a server that only answers 201, and how much to do.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::Size;
use crate::parts::{self, Part};
use crate::process::{Ended, Running, Server};
use crate::program::Program;
use crate::rows::Samples;
use crate::stock::Stock;

/// Where everything is measured.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) size: Size,
    pub(crate) samples: Samples,
    pub(crate) program: Program,
    /// Answers 201 to every create, and counts. Ledgers are bound to its URL, so there is one for them all.
    pub(crate) server: Server,
    pub(crate) stock: Stock,
    // Dropped last.
    folder: TempDir,
}

impl World {
    pub(crate) fn new(program: Program, size: Size) -> Result<Self> {
        // Beside what is built, and not in the folder for temporary files, which may be memory: syncs are what costs.
        let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        std::fs::create_dir_all(&parent)?;
        let folder = tempfile::Builder::new().prefix("measuring-").tempdir_in(parent)?;
        let server = Server::start(parts::command(&Part::Serve)?)?;
        Ok(Self { size, samples: Samples::read()?, program, server, stock: Stock::default(), folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `tenantry ARGS…` against the server that only answers 201, with the ledger of this name.
    pub(crate) fn tenantry<S: AsRef<OsStr>>(
        &self,
        ledger: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = self.program.command(self.folder.path(), args);
        command
            .env("TENANTRY_LEDGER", self.path(ledger))
            .env("TENANTRY_API_URL", &self.server.url)
            .env("TENANTRY_AUTHORITY_URL", &self.server.url)
            .env("TENANTRY_RATE", "unlimited");
        command
    }

    /// The simulator, as a process of its own.
    pub(crate) fn simulator(&self, scenario: &str) -> Result<Server> {
        let args = ["simulator", "--listen", "127.0.0.1:0", "--scenario", scenario];
        Server::start(self.program.command(self.folder.path(), args))
    }

    pub(crate) fn start(&self, command: Command, name: &str) -> Result<Running> {
        Running::start(command, self.folder.path(), name)
    }

    /// Runs a command to its end, which has to be one of these codes.
    pub(crate) fn run(&self, command: Command, codes: &[i32]) -> Result<Ended> {
        self.start(command, "output")?.wait()?.with_code(codes)
    }

    /// Runs a baseline to its end.
    pub(crate) fn part(&self, part: &Part) -> Result<Ended> {
        self.run(parts::command(part)?, &[0])
    }

    /// What a server says at this URL.
    pub(crate) fn get(&self, url: &str) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build()?;
            Ok(client.get(url).send().await?.error_for_status()?.text().await?)
        })
    }

    /// Removes a ledger and what stands beside it.
    pub(crate) fn remove_ledger(&self, name: &str) {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            drop(std::fs::remove_file(self.path(&format!("{name}{suffix}"))));
        }
    }
}
