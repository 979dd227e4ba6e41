#!/usr/bin/env bash
# ssfmt 0.1.2 (Rust): a number format that hides a number shows it.
#
# In the formats of spreadsheets an empty section shows nothing: `;;;` hides every value of a cell, `0;-0;;@` hides zeros,
# and `0;;` hides negative numbers. Lists use them for cells that a reader of the sheet must not see. ssfmt implements
# these formats after the JavaScript package ssf, so a good engineer expects what ssf 0.11.2 gives: an empty text. ssfmt
# treats an empty section as `General` and returns the number, without an error, so a program that wants "what the sheet
# shows" takes a value that nobody saw. Other empty results, such as zero under `#`, are right. Look for empty sections
# before you call it.
#
# Needs: a Rust toolchain, Node.js with npm, and the registries of both. Prints what was seen, and fails if it changes.
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
ssfmt = "=0.1.2"
TOML
cat > src/main.rs <<'RUST'
fn main() {
    let options = ssfmt::FormatOptions::default();
    for (format, value) in [(";;;", 5.0), ("0;-0;;@", 0.0), ("0;;", -3.0), ("#", 0.0)] {
        println!("{format} {value} {:?}", ssfmt::format(value, format, &options).unwrap());
    }
}
RUST
cat > ssf.js <<'JS'
const { format } = require("ssf");
for (const [code, value] of [[";;;", 5], ["0;-0;;@", 0], ["0;;", -3], ["#", 0]]) {
  console.log(code, value, JSON.stringify(format(code, value)));
}
JS
cargo build --quiet
npm install --silent --no-fund --no-audit ssf@0.11.2 >/dev/null
seen="ssfmt
$(./target/debug/finding)
ssf
$(node ssf.js)"
printf '%s\n' "$seen"
# Seen on 2026-11-29, rustc 1.95.0, Node.js v20.20.2:
expected='ssfmt
;;; 5 "5"
0;-0;;@ 0 "0"
0;; -3 "-3"
# 0 ""
ssf
;;; 5 ""
0;-0;;@ 0 ""
0;; -3 ""
# 0 ""'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
