//! The schema of a ledger: the released scripts, and what is wrong where they cannot be applied.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations, SchemaVersion};

use super::Error;
use tenantry_model::failpoint;

/// Released migrations, in order. A released file is never edited.
pub(super) const SCRIPTS: &[&str] = &[
    include_str!("../../migrations/0001_ledger.sql"),
    include_str!("../../migrations/0002_agreements.sql"),
    include_str!("../../migrations/0003_copies.sql"),
    include_str!("../../migrations/0004_given.sql"),
    include_str!("../../migrations/0005_sums.sql"),
    include_str!("../../migrations/0006_data_keys.sql"),
    include_str!("../../migrations/0007_boot_clock.sql"),
];

pub(super) static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    let up = |sql: &&'static str| {
        M::up_with_hook(sql, |_: &Transaction<'_>| {
            failpoint::crash("migration");
            Ok(())
        })
    };
    Migrations::new(SCRIPTS.iter().map(up).collect())
});

/// Brings the schema to what this program wants: all of it as one transaction, for one sync, where nothing is there yet.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let has_version = !matches!(MIGRATIONS.current_version(connection), Ok(SchemaVersion::NoneSet));
    if has_version || !is_empty(connection)? {
        return MIGRATIONS.to_latest(connection).map_err(|error| migration_error(error, path));
    }
    make_schema(connection)
        .map_err(|source| Error::Migrate { path: path.to_owned(), source: Arc::new(source) })
}

fn make_schema(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for script in SCRIPTS {
        transaction.execute_batch(script)?;
        failpoint::crash("migration");
    }
    transaction.pragma_update(None, "user_version", SCRIPTS.len())?;
    transaction.commit()
}

/// Has nobody put a table into it?
pub(super) fn is_empty(connection: &Connection) -> Result<bool, Error> {
    let sql = "SELECT count(*) = 0 FROM sqlite_schema WHERE type = 'table'";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Is its schema older than this program, and has a run worked on it?
pub(super) fn is_older(connection: &Connection) -> Result<bool, Error> {
    let was_made = matches!(MIGRATIONS.current_version(connection), Ok(SchemaVersion::Inside(_)));
    let is_pending = matches!(MIGRATIONS.pending_migrations(connection), Ok(1..));
    let sql = "SELECT count(*) > 0 FROM program_runs";
    Ok(was_made && is_pending && connection.query_row(sql, [], |row| row.get(0))?)
}

pub(super) fn migration_error(error: rusqlite_migration::Error, path: &Path) -> Error {
    use rusqlite_migration::{Error as Migration, MigrationDefinitionError};
    match error {
        Migration::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => {
            Error::Newer { path: path.to_owned() }
        }
        // Its own message would quote the whole migration.
        Migration::RusqliteError { err, .. } => {
            Error::Migrate { path: path.to_owned(), source: Arc::new(err) }
        }
        error => Error::Migrations { path: path.to_owned(), source: Arc::new(error) },
    }
}
