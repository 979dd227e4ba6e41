//! A ledger of any released schema, as its program left it when it was killed in the middle of a list.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::harness::{Bench, Call};
use crate::passwords::private_file;

/// Until then each password was sealed by itself, which no program does today.
const KEYS_OF_RUNS: usize = 6;

/// Until then the path of a list was stored as it was typed.
const LISTS_HAVE_ONE_NAME: usize = 11;

/// The released scripts, oldest first.
pub(super) fn scripts() -> Vec<String> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap();
    let mut paths: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| {
        path.file_name().unwrap().to_str().unwrap().starts_with(|it: char| it.is_ascii_digit())
    });
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Lets `import` be killed when it has answers, and writes what it left into a ledger of an older schema.
pub(super) fn make(bench: &Bench, schema: usize, import: Call<'_>) {
    let moment = if schema < KEYS_OF_RUNS { "answered" } else { "answered#3" };
    import.args(["--concurrency", "1"]).env("TENANTRY_CRASH_AT", moment).run();
    let path = bench.path("old.db");
    private_file(&path, "");
    let old = Connection::open(&path).unwrap();
    old.pragma_update(None, "foreign_keys", false).unwrap();
    old.execute_batch(&scripts()[..schema].concat()).unwrap();
    old.execute("ATTACH ?1 AS now", [bench.ledger_path().to_str().unwrap()]).unwrap();
    for table in texts(&old, "SELECT name FROM main.sqlite_schema WHERE type = 'table'") {
        let columns = texts(
            &old,
            &format!(
                "SELECT name FROM pragma_table_info('{table}', 'main')
                  WHERE name IN (SELECT name FROM pragma_table_info('{table}', 'now'))"
            ),
        )
        .join(", ");
        old.execute_batch(&format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}"))
            .unwrap();
    }
    if schema < LISTS_HAVE_ONE_NAME {
        old.execute("UPDATE main.sources SET path = './' || path", []).unwrap();
    }
    old.execute_batch("DETACH now; PRAGMA application_id = 1414419033; PRAGMA journal_mode = WAL").unwrap();
    old.pragma_update(None, "user_version", schema).unwrap();
    drop(old);
    fs::rename(path, bench.ledger_path()).unwrap();
}

/// A copy of it was kept before it was brought up to date.
pub(super) fn is_kept(bench: &Bench, schema: usize) -> bool {
    let version = |path| {
        let ledger = Connection::open(path).unwrap();
        ledger.pragma_query_value(None, "user_version", |row| row.get::<_, usize>(0)).unwrap()
    };
    let files = fs::read_dir(bench.path("")).unwrap().map(|file| file.unwrap().path());
    let is_copy = |path: &std::path::PathBuf| path.to_str().unwrap().contains("ledger.db.before-v");
    files.filter(is_copy).any(|path| version(path) == schema)
}

fn texts(ledger: &Connection, sql: &str) -> Vec<String> {
    let mut statement = ledger.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
