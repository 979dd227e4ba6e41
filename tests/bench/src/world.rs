//! Holds what all subjects share: a folder, the program, a server and the sizes.

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

/// The environment of all measurements.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) size: Size,
    pub(crate) samples: Samples,
    /// Ours, and perhaps another one.
    pub(crate) programs: Vec<Program>,
    /// Answers every create with 201, and counts. Ledgers are bound to its URL, so all share one server.
    pub(crate) server: Server,
    pub(crate) stock: Stock,
    // Dropped last.
    folder: TempDir,
}

impl World {
    pub(crate) fn new(programs: Vec<Program>, size: Size) -> Result<Self> {
        // In the build folder, because the folder for temporary files may be in memory: the cost of syncs is measured.
        let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        std::fs::create_dir_all(&parent)?;
        let folder = tempfile::Builder::new().prefix("measuring-").tempdir_in(parent)?;
        for program in &programs {
            std::fs::create_dir(folder.path().join(program.folder))?;
        }
        let server = Server::start(parts::command(&Part::Serve)?)?;
        Ok(Self { size, samples: Samples::read()?, programs, server, stock: Stock::default(), folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Our program.
    pub(crate) fn ours(&self) -> &Program {
        &self.programs[0]
    }

    /// Our program, to be run without the other one.
    pub(crate) fn ours_alone(&self) -> &[Program] {
        &self.programs[..1]
    }

    /// The file with this ledger of a program.
    pub(crate) fn ledger(&self, program: &Program, name: &str) -> PathBuf {
        self.folder.path().join(program.folder).join(name)
    }

    /// `tenantry ARGS…` with this ledger, against the server that only answers 201.
    pub(crate) fn tenantry<S: AsRef<OsStr>>(
        &self,
        program: &Program,
        ledger: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = program.command(self.folder.path(), args);
        command
            .env("TENANTRY_LEDGER", self.ledger(program, ledger))
            .env("TENANTRY_API_URL", &self.server.url)
            .env("TENANTRY_AUTHORITY_URL", &self.server.url)
            .env("TENANTRY_RATE", "unlimited");
        command
    }

    /// Starts the simulator as a separate process.
    pub(crate) fn simulator(&self, scenario: &str) -> Result<Server> {
        let args = ["simulator", "--listen", "127.0.0.1:0", "--scenario", scenario];
        Server::start(self.ours().command(self.folder.path(), args))
    }

    pub(crate) fn start(&self, command: Command, name: &str) -> Result<Running> {
        Running::start(command, self.folder.path(), name)
    }

    /// Runs a command to its end; its exit code must be one of `codes`.
    pub(crate) fn run(&self, command: Command, codes: &[i32]) -> Result<Ended> {
        self.start(command, "output")?.wait()?.with_code(codes)
    }

    /// Runs a baseline to its end.
    pub(crate) fn part(&self, part: &Part) -> Result<Ended> {
        self.run(parts::command(part)?, &[0])
    }

    /// Returns what a server answers at this URL.
    pub(crate) fn get(&self, url: &str) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build()?;
            Ok(client.get(url).send().await?.error_for_status()?.text().await?)
        })
    }

    /// Removes a ledger and the files next to it.
    pub(crate) fn remove_ledger(&self, program: &Program, name: &str) {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            drop(std::fs::remove_file(self.ledger(program, &format!("{name}{suffix}"))));
        }
    }

    /// Removes the output of an earlier command, which no program replaces unasked.
    pub(crate) fn remove(&self, output: &str) {
        drop(std::fs::remove_file(self.path(output)));
    }
}
