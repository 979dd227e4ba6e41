//! Keeps a copy next to a ledger before a newer program changes its schema.
//!
//! The older program can then continue with the copy if the new one disappoints. The name of a copy contains the
//! version of the new schema. A copy never replaces a file, and gets its name only when it is complete. It is a copy
//! like one of `tenantry backup`: if its schema can mark a copy, nothing is sent from it until an operator restores it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::migrations::SCRIPTS;
use super::trust::{self, Purpose};
use super::{Error, Result, connection, copies};
use tenantry_model::failpoint;
use tenantry_model::files::{self, beside};

/// Keeps a copy of the ledger at `path` as it is now. This process has locked the ledger.
///
/// # Errors
/// [`Error::NotKept`], for example if there is no room; the ledger is unchanged.
pub(super) fn keep(ledger: &Connection, path: &Path) -> Result<()> {
    let Some(copy) = free_name(ledger, &files::canonical(path).map_err(Error::open(path))?)? else {
        return Ok(());
    };
    // Under the lock only one process uses this name, so an existing file was left by a process that was killed.
    let half = beside(&copy, ".new");
    let not_kept = |error| match error {
        Error::Copy { source, .. }
            if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
        {
            Error::ReadOnly { path: path.to_owned(), source: Some(source) }
        }
        error => Error::NotKept { path: path.to_owned(), source: Arc::new(error) },
    };
    files::remove_left_behind(&half).map_err(Error::open(path))?;
    copies::write(ledger, &half, &copy).map_err(not_kept)?;
    failpoint::crash("copy_kept");
    tracing::warn!(
        copy = %copy.display(),
        "the ledger is from an older version and is updated; a copy of the old one is kept"
    );
    Ok(())
}

/// The name for a copy of the ledger at `place`. `None`: a copy of the current content was kept earlier.
fn free_name(ledger: &Connection, place: &Path) -> Result<Option<PathBuf>> {
    let now = state(ledger)?;
    for number in 1_u32.. {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let copy = beside(place, &format!(".before-v{}{number}", SCRIPTS.len()));
        if copy.symlink_metadata().is_err() {
            return Ok(Some(copy));
        }
        if state_of(&copy).is_ok_and(|state| state == now) {
            return Ok(None);
        }
    }
    Ok(None)
}

fn state_of(copy: &Path) -> Result<Vec<Value>> {
    trust::check(copy, Purpose::Write)?;
    state(&connection::open_file(copy)?)
}

/// Values that distinguish two states of a ledger: every change belongs to a run, or to an opening of passwords.
fn state(ledger: &Connection) -> Result<Vec<Value>> {
    let sql = "SELECT (SELECT user_version FROM pragma_user_version),
                      (SELECT max(ledger_id) FROM ledger),
                      (SELECT max(id) FROM program_runs),
                      (SELECT count(finished_at) FROM program_runs),
                      (SELECT count(*) FROM customer_rows),
                      (SELECT max(changed_at) FROM customer_rows),
                      (SELECT max(id) FROM http_attempts),
                      (SELECT count(outcome) FROM http_attempts),
                      (SELECT max(id) FROM openings)";
    let mut statement = ledger.prepare(sql)?;
    let columns = 0..statement.column_count();
    Ok(statement.query_row([], |row| columns.map(|column| row.get(column)).collect())?)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::super::shape;
    use super::*;

    /// A ledger of an earlier schema that a run has worked on.
    fn ledger_of_version(path: &Path, version: usize) {
        files::create_new(path).unwrap();
        let ledger = Connection::open(path).unwrap();
        for script in &SCRIPTS[..version] {
            ledger.execute_batch(script).unwrap();
        }
        ledger
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA application_id = 1414419033;
                 INSERT INTO program_runs (id, command, program_version, pid, started_at, finished_at)
                     VALUES (1, 'import', '0.1.0', 1, 0, 0);
                 INSERT INTO sources (id, run_id, path, header, started_at) VALUES (1, 1, 'a.csv', x'', 0);
                 INSERT INTO customer_rows (id, source_id, line, state, content_hash, cells, made_at, changed_at)
                     VALUES (1, 1, 2, 'failed', x'', x'', 0, 0)",
            )
            .unwrap();
        ledger.pragma_update(None, "user_version", version).unwrap();
    }

    fn version(ledger: &Connection) -> usize {
        ledger.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let names =
            std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.contains("before")).collect();
        names.sort();
        names
    }

    #[test]
    fn every_older_schema_is_kept_as_it_was() {
        for older in 1..SCRIPTS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("l.db");
            ledger_of_version(&path, older);
            assert_eq!(version(&schema::open_for_reading(&path).unwrap()), SCRIPTS.len());
            drop(schema::open_for_reading(&path).unwrap());
            let name = format!("l.db.before-v{}", SCRIPTS.len());
            assert_eq!(names(folder.path()), [name.as_str()], "once, and nothing beside it");
            let copy = Connection::open(folder.path().join(&name)).unwrap();
            assert_eq!(version(&copy), older);
            shape::check(&copy, &path).unwrap();
            let rows: i64 =
                copy.query_row("SELECT count(*) FROM customer_rows", [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 1);
            const COPIES: usize = 3;
            let marked = copy.query_row("SELECT count(*) FROM copies", [], |row| row.get::<_, u32>(0));
            assert_eq!(marked.ok(), (older >= COPIES).then_some(1), "schema {older}");
        }
    }

    #[test]
    fn a_copy_of_the_same_is_kept_and_one_of_something_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        ledger_of_version(&path, 5);
        let ledger = Connection::open(&path).unwrap();
        let check = |expected: &[&str]| {
            keep(&ledger, &path).unwrap();
            let latest = SCRIPTS.len();
            let expected: Vec<_> = expected.iter().map(|it| format!("l.db.before-v{latest}{it}")).collect();
            assert_eq!(names(folder.path()), expected);
        };
        check(&[""]);
        check(&[""]);
        // The older program continued in the meantime.
        let again = "INSERT INTO program_runs (command, program_version, pid, started_at) VALUES ('resume', '0.1.0', 1, 1)";
        ledger.execute(again, []).unwrap();
        check(&["", "-2"]);
        check(&["", "-2"]);
        let theirs = folder.path().join(format!("l.db.before-v{}-3", SCRIPTS.len()));
        std::fs::write(&theirs, "theirs").unwrap();
        ledger.execute(again, []).unwrap();
        check(&["", "-2", "-3", "-4"]);
        assert_eq!(std::fs::read_to_string(theirs).unwrap(), "theirs");
    }

    #[test]
    fn no_copy_is_kept_of_a_ledger_without_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        ledger_of_version(&path, 2);
        Connection::open(&path)
            .unwrap()
            .execute_batch("DELETE FROM customer_rows; DELETE FROM sources; DELETE FROM program_runs")
            .unwrap();
        drop(schema::open_for_reading(&path).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
