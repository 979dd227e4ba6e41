//! The runs: who worked on the ledger, when, and how it ended.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{Error, RunId, schema};
use crate::clock;

/// How a run ended, for the record.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) exit_code: u8,
    /// In a few words, such as `done` or `interrupted`.
    pub(crate) words: String,
}

pub(super) fn begin(connection: &Connection, command: &str) -> Result<RunId, Error> {
    connection.execute(
        "INSERT INTO program_runs (command, program_version, pid, started_at) VALUES (?1, ?2, ?3, ?4)",
        (command, env!("CARGO_PKG_VERSION"), std::process::id(), clock::now().as_millisecond()),
    )?;
    Ok(RunId(connection.last_insert_rowid()))
}

pub(super) fn finish(tx: &Transaction<'_>, run: RunId, ending: &Ending) -> Result<(), Error> {
    tx.execute(
        "UPDATE program_runs SET finished_at = ?2, exit_code = ?3, ended = ?4 WHERE id = ?1",
        (run, clock::now().as_millisecond(), ending.exit_code, &ending.words),
    )?;
    Ok(())
}

/// Did the newest run end without saying so?
pub(super) fn newest_died(connection: &Connection) -> Result<bool, Error> {
    let sql = "SELECT finished_at IS NULL FROM program_runs ORDER BY id DESC LIMIT 1";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// The process id of the newest run, which is the one that holds the lock if anybody does. Best effort: it only
/// makes a refusal more helpful.
pub(super) fn pid_of_newest(path: &Path) -> Option<u32> {
    let connection = schema::open_for_reading(path).ok()?;
    connection
        .query_row("SELECT pid FROM program_runs ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .optional()
        .ok()
        .flatten()
}
