#!/usr/bin/env bash
# calamine 0.38.0 (Rust): an .ods file with line breaks between its cells is refused.
#
# OpenDocument is XML, in which white space between elements that take no text means nothing, and programs may indent it.
# The JavaScript package xlsx 0.18.5 (SheetJS) does, and spreadsheet programs open its .ods files. calamine reads the .ods
# files of LibreOffice, which writes each sheet on one line, so a good engineer who tries it with one of those expects it
# to read the format. It expects the next event after a cell to be a cell, so the first line break inside a row ends the
# reading with an error about the content ("Expecting 'table-cell', found 'Text ..."), which looks like a damaged file.
# Nothing is read wrong: the error comes when the workbook is opened.
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
calamine = "=0.38.0"
TOML
cat > src/main.rs <<'RUST'
use calamine::{Ods, open_workbook};

fn main() {
    for path in ["indented.ods", "joined.ods"] {
        let opened: Result<Ods<_>, calamine::OdsError> = open_workbook(path);
        match opened {
            Ok(_) => println!("{path}: opened"),
            Err(error) => println!("{path}: {}", error.to_string().split(',').next().unwrap()),
        }
    }
}
RUST
cat > write.js <<'JS'
const XLSX = require("xlsx");
const sheet = XLSX.utils.aoa_to_sheet([["name", "town"], ["Contoso", "Leeds"]]);
const book = XLSX.utils.book_new();
XLSX.utils.book_append_sheet(book, sheet, "list");
XLSX.writeFile(book, "indented.ods");
// The same file without the line breaks between its elements.
const zip = XLSX.CFB.read("indented.ods", { type: "file" });
const content = XLSX.CFB.find(zip, "content.xml");
content.content = Buffer.from(Buffer.from(content.content).toString("utf8").replace(/>\s+</g, "><"));
XLSX.CFB.writeFile(zip, "joined.ods", { fileType: "zip" });
JS
npm install --silent --no-fund --no-audit xlsx@0.18.5 >/dev/null
node write.js
cargo build --quiet
seen=$(./target/debug/finding)
printf '%s\n' "$seen"
# Seen on 2026-11-29, rustc 1.95.0, Node.js v20.20.2:
expected="indented.ods: Expecting 'table-cell'
joined.ods: opened"
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
