//! Runs the baselines and servers as processes of this executable.

mod commit;
mod load;
mod multiply;
mod open;
mod read;
pub(crate) mod serve;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Parser;
use serde::{Deserialize, Serialize};

/// The first argument of a process that runs a part.
pub(crate) const WORD: &str = "part";

/// What the process does. Passed as JSON, so that both sides use the same format.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    /// Does nothing: measures the start of a process.
    Nothing,
    /// Answers every create with 201, until it is killed.
    Serve,
    /// Reads a file with only `csv` and serde.
    Read { file: PathBuf },
    /// Posts the bodies of these rows, `concurrency` at once.
    Load { url: String, first: u64, requests: u64, concurrency: usize },
    /// Writes the minimum for these rows to SQLite, durably, with `group` rows per commit.
    Commit { file: PathBuf, rows: u64, group: u64 },
    /// Decrypts this many passwords.
    Open { passwords: u64 },
    /// Multiplies the rows of a ledger until it has this many.
    Multiply { ledger: PathBuf, rows: u64 },
}

#[derive(Debug, Parser)]
struct Args {
    part: String,
}

/// The command that runs this part.
pub(crate) fn command(part: &Part) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WORD).arg(serde_json::to_string(part)?);
    Ok(command)
}

/// Runs the part in the arguments of this process.
pub(crate) fn run() -> Result<()> {
    let args = Args::parse_from(std::env::args_os().skip(1));
    match serde_json::from_str(&args.part)? {
        Part::Nothing => Ok(()),
        Part::Serve => serve::run(),
        Part::Read { file } => read::run(&file),
        Part::Load { url, first, requests, concurrency } => load::run(&url, first, requests, concurrency),
        Part::Commit { file, rows, group } => commit::run(&file, rows, group),
        Part::Open { passwords } => open::run(passwords),
        Part::Multiply { ledger, rows } => multiply::run(&ledger, rows),
    }
}
