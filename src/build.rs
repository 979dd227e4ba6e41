//! The build script: passes the commit that the program is built from to the compiler.
//!
//! The script runs again when the sources change, because the program is built again then anyway, and not with every
//! commit. A program built before its changes were committed therefore reports the previous commit "with changes".
//! Without git, or outside a clone, the program reports only its version.

use std::path::Path;
use std::process::Command;

/// The files that the program is built from.
const SOURCES: [&str; 4] = ["src", "migrations", "Cargo.toml", "Cargo.lock"];

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!(
        "cargo::rustc-env=TENANTRY_COMMIT={}",
        commit().map(|it| format!(" ({it})")).unwrap_or_default()
    );
}

#[expect(clippy::disallowed_methods, reason = "no one reads these paths")]
/// For example `abc1234 2026-11-22`, with a remark if the sources differ from that commit.
fn commit() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    // If the sources are unpacked inside another clone, the commits of that clone are not ours.
    let is_ours = Path::new(&root).canonicalize().ok() == Path::new(".").canonicalize().ok();
    let commit = git(&["show", "-s", "--format=%h %cs", "HEAD"]).filter(|_| is_ours)?;
    let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(SOURCES);
    let changes = git(&status)?;
    Some(if changes.is_empty() { commit } else { format!("{commit}, with changes") })
}

/// The output of git; `None` if git is missing or fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
