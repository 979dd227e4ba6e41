//! The build script: tells the program which commit it is built from.
//!
//! It runs again when the sources change, when the program is built again anyway, and not with every commit: a program
//! built before its changes were committed says of itself that it is the commit before with changes. Without git, or
//! outside a clone, the program has its version alone.

use std::path::Path;
use std::process::Command;

/// What the program is made from.
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

/// Such as `abc1234 2026-11-22`, with a remark where the sources differ from it.
fn commit() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    // Unpacked inside somebody else's clone, its commits say nothing about us.
    let is_ours = Path::new(&root).canonicalize().ok() == Path::new(".").canonicalize().ok();
    let commit = git(&["show", "-s", "--format=%h %cs", "HEAD"]).filter(|_| is_ours)?;
    let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(SOURCES);
    let changes = git(&status)?;
    Some(if changes.is_empty() { commit } else { format!("{commit}, with changes") })
}

/// What git says; `None` where it is not there or cannot tell.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
