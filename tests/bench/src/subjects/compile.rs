//! Compiling the program as it is released, from nothing.

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::figures::{seconds, time};
use crate::process::Running;
use crate::program::cargo;
use crate::table::{Findings, Line};

pub(super) fn measure() -> Result<Findings> {
    let folder = TempDir::new().context("could not make a folder to compile in")?;
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--quiet", "--bin", "tenantry", "--target-dir"]);
    command.arg(folder.path().join("target"));
    let usage = Running::start(command, folder.path(), "cargo")?.wait()?.with_code(&[0])?.usage;
    let mut findings = Findings::new("compiling");
    let took = format!("{} (CPU {})", time(seconds(usage.wall)), time(seconds(usage.cpu)));
    findings.push(Line::new("cargo build --release, from nothing", took));
    Ok(findings)
}
