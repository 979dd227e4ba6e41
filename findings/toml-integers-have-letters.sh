#!/usr/bin/env bash
# toml 1.2.2 (Rust): a number with `_` may have letters, and is an integer.
#
# TOML allows `_` between digits, so `1_000` is a number and `100r0` is none. A good engineer takes a parsed
# `DeValue::Integer` for digits of its radix. After a `_`, the parser no longer looks at the digits: `1_00r0` is a decimal
# integer with the text `100r0`, without an error. A program that keeps the text, to show it or to pass it on, passes on
# letters. Deserializing refuses it, but the error is "integer number overflowed", which sends the reader after a number
# that is too large. Parse the text of each integer before you use it.
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
toml = "=1.2.2"
toml_parser = "=1.1.6"
TOML
cat > src/main.rs <<'RUST'
use toml::de::{DeTable, DeValue};

fn main() {
    for text in ["limit = 1_000", "limit = 1_00r0", "limit = 100r0"] {
        let parsed = match DeTable::parse(text) {
            Ok(table) => match table.get_ref()["limit"].get_ref() {
                DeValue::Integer(number) => format!("integer {} of radix {}", number.as_str(), number.radix()),
                other => format!("{other:?}"),
            },
            Err(error) => format!("error: {}", error.message()),
        };
        let deserialized = match toml::from_str::<toml::Table>(text) {
            Ok(table) => table["limit"].to_string(),
            Err(error) => format!("error: {}", error.message()),
        };
        println!("{text} | {parsed} | {deserialized}");
    }
}
RUST
seen=$(cargo run --quiet)
printf '%s\n' "$seen"
# Seen on 2026-11-30, rustc 1.95.0:
expected='limit = 1_000 | integer 1000 of radix 10 | 1000
limit = 1_00r0 | integer 100r0 of radix 10 | error: integer number overflowed
limit = 100r0 | error: string values must be quoted, expected literal string | error: string values must be quoted, expected literal string'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
