#!/usr/bin/env bash
# csv 1.4.0 (Rust): the error of a write that found no room has no source.
#
# A good engineer reports an error with its causes by walking `std::error::Error::source()`, and looks there for the
# `std::io::Error` to tell a full disk or a closed pipe from a bad record. `csv::Error` implements `Error` without
# `source()`: for an I/O error the chain ends at the `csv::Error`, although `csv::Error::kind()` holds the
# `std::io::Error`. A program that decides by the chain (a closed pipe is no failure, a full disk has a hint of its own)
# decides wrongly as soon as the bytes go through csv, and only there. Ask `kind()`, or unwrap the error before it is
# passed on.
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
csv = "=1.4.0"
TOML
cat > src/main.rs <<'RUST'
use std::error::Error;
use std::io::{self, Write};

/// A disk without room.
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
    let mut writer = csv::WriterBuilder::new().buffer_capacity(8).from_writer(Full);
    let error = writer.write_record(["a cell that is longer than the buffer"]).expect_err("there is no room");
    println!("the csv::Error holds an io::Error: {}", matches!(error.kind(), csv::ErrorKind::Io(_)));
    println!("its source() is one: {}", error.source().is_some_and(|cause| cause.is::<io::Error>()));
    println!("its source() is anything: {}", error.source().is_some());
}
RUST
seen=$(cargo run --quiet)
printf '%s\n' "$seen"
# Seen on 2026-11-28, rustc 1.95.0:
expected='the csv::Error holds an io::Error: true
its source() is one: false
its source() is anything: false'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
