#!/usr/bin/env bash
# tempfile 3.27.0 (Rust): a temporary file is for its owner alone, a temporary folder is not.
#
# A good engineer knows `mkdtemp`, which makes a folder of mode 0700 in C, Python and Perl whatever the umask says, and sees
# that `tempfile`'s files have 0600. `tempfile::tempdir()` makes its folder with 0777 less the umask: 0755 with the usual
# umask of 022. Whatever is made in it by another library (a database with its log, an unpacked archive) is then as open
# as that library makes it. Ask for the mode: `Builder::new().permissions(Permissions::from_mode(0o700)).tempdir()`.
#
# Needs: a Rust toolchain, the crate registry, and a Unix. Prints what was seen, and fails if it changes.
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
tempfile = "=3.27.0"
TOML
cat > src/main.rs <<'RUST'
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

fn main() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let asked = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().expect("a folder");
    println!("file {:o}", mode(file.path()));
    println!("folder {:o}", mode(folder.path()));
    println!("folder with permissions {:o}", mode(asked.path()));
}
RUST
cargo build --quiet
umask 022
seen=$(./target/debug/finding)
printf '%s\n' "$seen"
# Seen on 2026-11-28, Linux, rustc 1.95.0:
expected='file 600
folder 755
folder with permissions 700'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
