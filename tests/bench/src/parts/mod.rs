//! The other side of each comparison, as processes of this same program: baselines and servers.

mod commit;
mod load;
mod read;
pub(crate) mod serve;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Parser;
use serde::{Deserialize, Serialize};

/// The first argument of a process that is one of the parts.
pub(crate) const WORD: &str = "part";

/// What such a process does. It is told as JSON, which both sides read and write alike.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    /// Nothing: what starting a process takes.
    Nothing,
    /// Answers 201 to every create, until it is killed.
    Serve,
    /// Reads a file with `csv` and serde alone.
    Read { file: PathBuf },
    /// Posts the bodies of these rows, so many at once.
    Load { url: String, first: u64, requests: u64, concurrency: usize },
    /// Writes to SQLite what these rows need at least, durable, so many in a commit.
    Commit { file: PathBuf, rows: u64, group: u64 },
}

#[derive(Debug, Parser)]
struct Args {
    part: String,
}

/// A process that is this part.
pub(crate) fn command(part: &Part) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WORD).arg(serde_json::to_string(part)?);
    Ok(command)
}

/// Plays the part that the arguments of this process name.
pub(crate) fn run() -> Result<()> {
    let args = Args::parse_from(std::env::args_os().skip(1));
    match serde_json::from_str(&args.part)? {
        Part::Nothing => Ok(()),
        Part::Serve => serve::run(),
        Part::Read { file } => read::run(&file),
        Part::Load { url, first, requests, concurrency } => load::run(&url, first, requests, concurrency),
        Part::Commit { file, rows, group } => commit::run(&file, rows, group),
    }
}
