//! The schema of a ledger: the released scripts, and how many of them have been applied.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::shape::{self, OperatorIndex};
use super::stored::value;
use super::{Error, Result, lists};
use tenantry_model::{failpoint, files};

/// Released migrations, in order. A released file is never edited.
pub(super) const SCRIPTS: &[&str] = &[
    include_str!("../../migrations/0001_ledger.sql"),
    include_str!("../../migrations/0002_agreements.sql"),
    include_str!("../../migrations/0003_copies.sql"),
    include_str!("../../migrations/0004_given.sql"),
    include_str!("../../migrations/0005_sums.sql"),
    include_str!("../../migrations/0006_data_keys.sql"),
    include_str!("../../migrations/0007_boot_clock.sql"),
    include_str!("../../migrations/0008_declined.sql"),
    include_str!("../../migrations/0009_erasures.sql"),
    include_str!("../../migrations/0010_run_outcomes.sql"),
    include_str!("../../migrations/0011_continued.sql"),
    include_str!("../../migrations/0012_lists.sql"),
    include_str!("../../migrations/0013_also_in.sql"),
    include_str!("../../migrations/0014_list_ids.sql"),
];

/// The [`listing`](shape) of what all scripts make, as a script; a test compares the two. A new ledger is made from it,
/// and the schema of one without objects of its operator is compared with it.
pub(super) const LATEST: &str = include_str!("../../migrations/latest.sql");

/// From this version on, a list has one name however its path was given. Older ledgers have the path itself, and would
/// not recognize the list in its next reading.
const LISTS_HAVE_ONE_NAME: usize = 11;

/// From this version on, a reading has the id of its list.
const LISTS_HAVE_IDS: usize = 14;

/// How many of the scripts have been applied to a ledger.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the schema up to date in one transaction, which needs only one sync.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<()> {
    if version(connection)? < SCRIPTS.len() {
        let indexes = shape::indexes_of_operator(connection)?;
        apply(connection, &indexes).map_err(|error| match error {
            Error::Sql(source) => Error::Migrate { path: path.to_owned(), source },
            other => other,
        })?;
    }
    // Checked last, because a newer program may have migrated the ledger in the meantime.
    if version(connection)? > SCRIPTS.len() {
        return Err(Error::Newer { path: path.to_owned() });
    }
    Ok(())
}

fn apply(connection: &mut Connection, indexes: &[OperatorIndex]) -> Result<()> {
    // Some scripts create a table again that other tables refer to. SQLite changes this only outside a transaction.
    connection.pragma_update(None, "foreign_keys", false)?;
    let applied = apply_unchecked(connection, indexes);
    connection.pragma_update(None, "foreign_keys", true)?;
    applied
}

/// Without the checks of foreign keys. The operator's own indexes are kept.
fn apply_unchecked(connection: &mut Connection, indexes: &[OperatorIndex]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read inside the transaction, because another process may have applied scripts in the meantime.
    let applied = version(&transaction)?;
    let scripts = if applied == 0 { &[LATEST] } else { &SCRIPTS[applied.min(SCRIPTS.len())..] };
    for script in scripts {
        transaction.execute_batch(script)?;
        failpoint::crash("migration");
    }
    if (1..LISTS_HAVE_ONE_NAME).contains(&applied) {
        name_lists(&transaction)?;
    }
    if (1..LISTS_HAVE_IDS).contains(&applied) {
        lists::assign_all(&transaction)?;
    }
    for OperatorIndex { name, sql } in indexes {
        let is_there = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'index' AND name = ?1";
        if !transaction.query_row(is_there, [name], |row| row.get(0))? {
            transaction.execute_batch(sql)?;
        }
    }
    transaction.pragma_update(None, "user_version", applied.max(SCRIPTS.len()))?;
    Ok(transaction.commit()?)
}

/// Gives the lists of an older ledger the names by which they are known now. No SQL can: what means the same path depends
/// on the system.
fn name_lists(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare("SELECT DISTINCT path FROM sources WHERE path <> '-'")?;
    let paths = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for path in paths {
        let name = files::list_name(Path::new(&path));
        if name != path {
            transaction.execute("UPDATE sources SET path = ?2 WHERE path = ?1", (path, name))?;
        }
    }
    Ok(())
}

/// Has the file no tables?
pub(super) fn is_empty(connection: &Connection) -> Result<bool> {
    let sql = "SELECT count(*) = 0 FROM sqlite_schema WHERE type = 'table'";
    value(connection, sql, [])
}

/// Is its schema older than this program, and has a run worked on it?
pub(super) fn is_older(connection: &Connection) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM program_runs";
    Ok((1..SCRIPTS.len()).contains(&version(connection)?) && value(connection, sql, [])?)
}
