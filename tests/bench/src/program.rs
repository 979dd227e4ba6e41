//! Finds or builds the program that is measured.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A built `tenantry`.
#[derive(Debug)]
pub(crate) struct Program {
    /// The folder of its ledgers and keys.
    pub(crate) folder: &'static str,
    path: PathBuf,
    /// The profile, if it was built here.
    profile: Option<String>,
}

/// The part of cargo's message about a built file that is needed here.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// The `cargo` that runs this process, if any.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository());
    command
}

impl Program {
    /// The program of this repository, built with `profile`.
    pub(crate) fn built_here(profile: &str) -> Result<Self> {
        Ok(Self { folder: "ours", path: build(profile)?, profile: Some(profile.to_owned()) })
    }

    /// A program that was built elsewhere.
    pub(crate) fn found(path: &Path, folder: &'static str) -> Result<Self> {
        // It runs in another folder.
        let path = std::path::absolute(path)?;
        ensure!(path.is_file(), "could not find {}", path.display());
        Ok(Self { folder, path, profile: None })
    }

    /// How the program was built, for display.
    pub(crate) fn built(&self) -> String {
        match &self.profile {
            Some(profile) => format!("built by the profile {profile}"),
            None => format!("built elsewhere ({})", self.path.display()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// `tenantry ARGS…` with `folder` as the working directory and without the user's settings, keys and proxies.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            if text.starts_with("TENANTRY_") || text.ends_with("_PROXY") {
                command.env_remove(&name);
            }
        }
        command
            .current_dir(folder)
            .args(args)
            .env("HOME", folder)
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .env("TENANTRY_IDENTITY", folder.join(self.folder).join("identity.txt"))
            .env("TENANTRY_KEY_STORE", "file")
            .env("TENANTRY_ACCESS_TOKEN", "opaque-access-token-of-the-benchmarks");
        command
    }
}

/// Builds the program with `profile` and returns its path.
fn build(profile: &str) -> Result<PathBuf> {
    let args = [
        "build",
        "--profile",
        profile,
        "--locked",
        "--bin",
        "tenantry",
        "--message-format",
        "json-render-diagnostics",
    ];
    let built = cargo().args(args).stderr(Stdio::inherit()).output().context("could not start cargo")?;
    ensure!(built.status.success(), "the program could not be built");
    let said = String::from_utf8_lossy(&built.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages
        .filter_map(|message| message.executable)
        .next_back()
        .context("cargo says of no program that it built it")
}
