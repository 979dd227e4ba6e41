#!/usr/bin/env bash
# tracing-subscriber 0.3.23 (Rust): a log that goes to a file writes to standard error when the file takes no more.
#
# A good engineer who gives `tracing_subscriber::fmt()` a file as its writer expects standard error to stay untouched: a
# line that cannot be written is lost, or counted somewhere. The builder of `fmt()` turns `log_internal_errors` on, so each
# lost line prints a line of its own with `eprintln!` ("[tracing-subscriber] Unable to write an event ..."), which a
# scheduler then mails, and which itself has nowhere to go where standard error is full or closed too. The same layer made
# with `fmt::Layer::default()` has it off, so which of the two a program uses decides what happens. Turn it off with
# `.log_internal_errors(false)`, and let the writer count what it loses.
#
# Needs: a Rust toolchain and the crate registry. Prints what was seen, and fails if it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
tracing = "=0.1.44"
tracing-subscriber = "=0.3.23"
TOML
cat > src/main.rs <<'RUST'
use std::io::{self, Write};

use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

/// A log file on a disk without room.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() {
    let log = || tracing::info!("one line");
    match std::env::args().nth(1).as_deref() {
        Some("builder") => tracing::subscriber::with_default(fmt().with_writer(|| Full).finish(), log),
        _ => {
            let layer = fmt::Layer::default().with_writer(|| Full);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        }
    }
}
RUST
cargo build --quiet
lines() { ./target/debug/finding "$1" 2>&1 >/dev/null | grep -c '^\[tracing-subscriber\] Unable to write an event' || true; }
seen="lines on standard error with fmt(): $(lines builder)
lines on standard error with fmt::Layer: $(lines layer)"
printf '%s\n' "$seen"
# Seen on 2026-11-28, rustc 1.95.0:
expected='lines on standard error with fmt(): 1
lines on standard error with fmt::Layer: 0'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
