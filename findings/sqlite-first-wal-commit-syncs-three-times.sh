#!/usr/bin/env bash
# SQLite 3.53.2 (bundled with rusqlite 0.40.1): a program that opens a database, commits once and closes it syncs five times.
#
# A good engineer knows that a commit in WAL mode with `synchronous=FULL` is one sync of the log, and with `NORMAL` none.
# The first commit of a connection that finds no log takes three: the log's header, the folder that names the log, and the
# commit. The last connection that closes takes two more, the log's and the database's. `NORMAL` saves only one of the five,
# because the header and the folder are synced all the same. Programs that start often and write little wait for that more
# than for their commits; two small commits in one process cost one sync more, in two processes five.
#
# Needs: a Rust toolchain, a C compiler, the crate registry, and Linux. Prints what was seen, and fails if it changes.
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
rusqlite = { version = "=0.40.1", features = ["bundled"] }
TOML
cat > src/main.rs <<'RUST'
use rusqlite::Connection;

fn main() {
    let mut words = std::env::args().skip(1);
    let synchronous = words.next().expect("FULL or NORMAL");
    let commits = words.next().expect("how many");
    let db = Connection::open("data.db").expect("a database");
    if commits == "make" {
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n)").expect("a table");
        return;
    }
    db.execute_batch(&format!("PRAGMA synchronous = {synchronous}")).expect("a setting");
    for _ in 0..commits.parse().expect("a number") {
        db.execute("INSERT INTO t VALUES (1)", []).expect("a row");
    }
    db.close().expect("closed");
}
RUST
# Counts the syncs of the process, and carries them out.
cat > count.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
static int syncs;
int fsync(int fd) { syncs++; return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { syncs++; return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
__attribute__((destructor)) static void say(void) { printf("%d\n", syncs); }
C
cc -shared -fPIC -o count.so count.c -ldl
cargo build --quiet
./target/debug/finding FULL make
seen=$(for case in "FULL 0" "FULL 1" "FULL 2" "NORMAL 1"; do
  # shellcheck disable=SC2086
  printf '%s commits: %s syncs\n' "$case" "$(LD_PRELOAD=$PWD/count.so ./target/debug/finding $case)"
done)
printf '%s\n' "$seen"
# Seen on 2026-11-30, Linux, rustc 1.95.0:
expected='FULL 0 commits: 0 syncs
FULL 1 commits: 5 syncs
FULL 2 commits: 6 syncs
NORMAL 1 commits: 4 syncs'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
