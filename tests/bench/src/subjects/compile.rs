//! Measures a full build of the program with each profile that people use.

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::figures::{seconds, time};
use crate::process::Running;
use crate::program::cargo;
use crate::table::{Findings, Line};

pub(super) fn measure() -> Result<Findings> {
    let mut findings = Findings::new("compiling");
    for profile in ["dev", "release", "dist"] {
        let folder = TempDir::new().context("could not make a folder to compile in")?;
        let mut command = cargo();
        command.args(["build", "--profile", profile, "--locked", "--quiet", "--bin", "tenantry"]);
        command.arg("--target-dir").arg(folder.path().join("target"));
        let usage = Running::start(command, folder.path(), "cargo")?.wait()?.with_code(&[0])?.usage;
        let took = format!("{} (CPU {})", time(seconds(usage.wall)), time(seconds(usage.cpu)));
        findings.push(Line::new(format!("cargo build --profile {profile}, from nothing"), took));
    }
    Ok(findings)
}
