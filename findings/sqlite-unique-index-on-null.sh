#!/usr/bin/env bash
# SQLite 3.53.2 (bundled with rusqlite 0.40.1): a UNIQUE column that is NULL in most rows makes `IS NULL` slow.
#
# A good engineer knows that a UNIQUE column may hold NULL any number of times, and that SQLite chooses among indexes by
# what it expects each to leave. For `WHERE unique_column IS NULL AND other_column = ?` it expects one row of the unique
# index, as it does for `unique_column = ?`, and takes it, although another index fits `other_column` and leaves far fewer:
# the query reads every row whose unique column is NULL. Looked up once for each row, a table of such rows is filled in
# quadratic time. `ANALYZE` does not help a table that is being filled; `INDEXED BY`, or a `+` before the column, does.
#
# Needs: a Rust toolchain, a C compiler and the crate registry. Prints what was seen, and fails if it changes.
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

fn plan(db: &Connection, condition: &str) -> String {
    let sql = format!("EXPLAIN QUERY PLAN SELECT id FROM t WHERE {condition}");
    db.query_row(&sql, [], |row| row.get::<_, String>(3)).expect("a plan")
}

fn main() {
    let db = Connection::open_in_memory().expect("a database");
    db.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT UNIQUE, hash INTEGER NOT NULL);
         CREATE INDEX t_by_hash ON t (hash);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO t (key, hash) SELECT NULL, i FROM n;",
    )
    .expect("5000 rows without a key, each with a hash of its own");
    println!("SQLite {}", rusqlite::version());
    println!("key IS NULL AND hash = 7: {}", plan(&db, "key IS NULL AND hash = 7"));
    println!("+key IS NULL AND hash = 7: {}", plan(&db, "+key IS NULL AND hash = 7"));
}
RUST
seen=$(cargo run --quiet)
printf '%s\n' "$seen"
# Seen on 2026-11-29, rustc 1.95.0:
expected='SQLite 3.53.2
key IS NULL AND hash = 7: SEARCH t USING INDEX sqlite_autoindex_t_1 (key=?)
+key IS NULL AND hash = 7: SEARCH t USING INDEX t_by_hash (hash=?)'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
