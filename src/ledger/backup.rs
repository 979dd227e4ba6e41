//! Copying the ledger, and restoring it from a copy.
//!
//! A copy does not know what happened to its open rows after it was made: they may have been sent, refused, replaced by
//! corrected rows under another domain, or declined. So a copy is marked as a copy, and nothing is sent from it until
//! an operator restores it. A copy that was made in another way (SQLite's backup, `VACUUM INTO`, a snapshot of the files)
//! has no mark, so the operator must say that it is one; then it is marked and restored in the same way. Its open rows
//! are then held back, like the rows of a file that was not read to its end, until the operator imports their files again.
//! Each held row is looked up before it is sent.
//!
//! The API cannot say whether a row was corrected under another domain. So a corrected row that names a held row by its
//! `tenantry_row` replaces the held row, unless its export says that the row was sent: see [`super::ingest`].

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::steps::{self, STANDING, State, StepEvent, StepKind};
use super::{Environment, Error, Ledger, Result, copies, runs, schema};
use tenantry_model::clock;
use tenantry_model::files::name_beside;

/// Copies the ledger at `path` to the new file `copy`, as it is at one moment, even during a run. The copy gets its
/// name only when it is complete, durable and equal to the ledger.
pub fn backup(path: &Path, copy: &Path) -> Result<()> {
    let write = |source| Error::Copy { path: copy.to_owned(), source: Arc::new(source) };
    if copy.symlink_metadata().is_ok() {
        return Err(write(io::ErrorKind::AlreadyExists.into()));
    }
    if copy.to_str().is_none() {
        return Err(write(io::Error::new(io::ErrorKind::InvalidInput, "its name is not text (UTF-8)")));
    }
    let connection = schema::open_for_reading(path)?;
    connection.pragma_update(None, "query_only", false)?;
    copies::write(&connection, &name_beside(copy), copy)
}

/// A copy that was restored.
#[derive(Debug, Clone, Copy)]
pub struct Restored {
    /// When it was made. Without a mark, the time of the last entry in it.
    pub copied_at: Timestamp,
    /// [`backup`] made it, so it had a mark.
    pub was_marked: bool,
    /// Rows without an outcome. The copy cannot know what happened to them.
    pub rows: u64,
}

fn has_no_outcome(state: State) -> bool {
    state.is_open() || state.is_in_doubt()
}

fn marked(connection: &Connection) -> Result<Option<Restored>> {
    let sql = format!(
        "SELECT max(copied_at), (SELECT count(*) FROM customer_rows WHERE state IN ({}))
           FROM copies WHERE restored_at IS NULL HAVING count(*) > 0",
        State::sql_list(has_no_outcome)
    );
    let marked = connection.query_row(&sql, [], |row| {
        Ok(Restored { copied_at: clock::from_ms(row.get(0)?), was_marked: true, rows: row.get(1)? })
    });
    Ok(marked.optional()?)
}

/// Marks a file as the copy that the operator says it is. `None`: it was restored already, and nothing has changed since.
fn mark(connection: &Connection, now: i64) -> Result<Option<Restored>> {
    let sql = "SELECT (SELECT coalesce(max(restored_at), -1) FROM copies),
                      max((SELECT coalesce(max(started_at), 0) FROM sources),
                          (SELECT coalesce(max(changed_at), 0) FROM customer_rows),
                          (SELECT coalesce(max(changed_at), 0) FROM agreements),
                          (SELECT coalesce(max(max(intended_at, coalesce(finished_at, 0))), 0) FROM http_attempts))";
    let (restored_at, changed_at): (i64, i64) = connection.query_row(sql, [], |row| row.try_into())?;
    if restored_at > changed_at {
        return Ok(None);
    }
    connection.execute(
        "INSERT INTO copies (copied_at, last_run) SELECT ?1, coalesce(max(id), 0) FROM program_runs",
        [if changed_at > 0 { changed_at } else { now }],
    )?;
    Ok(marked(connection)?.map(|restored| Restored { was_marked: false, ..restored }))
}

/// Refuses a copy that was not restored yet.
pub(super) fn refuse(connection: &Connection, path: &Path) -> Result<()> {
    marked(connection)?.map_or(Ok(()), |Restored { copied_at, rows, .. }| {
        Err(Error::Copied { path: path.to_owned(), copied_at, rows })
    })
}

/// Makes the copy at `path` the ledger, unless it is bound to another environment. `None`: the file was restored before, and
/// nothing has changed since.
pub fn restore(path: &Path, environment: &Environment) -> Result<Option<Restored>> {
    schema::must_hold_something(path)?;
    schema::refuse_foreign(path)?;
    let Some((_lock, mut connection)) = schema::open_alone(path)? else {
        return Err(Error::InUse { path: path.to_owned(), pid: runs::at_work(path) });
    };
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(bound) = schema::bound_to(&tx)? {
        schema::refuse_other(&bound, path, environment)?;
    }
    let now = clock::now().as_millisecond();
    let restored = match marked(&tx)? {
        Some(restored) => restored,
        None => match mark(&tx, now)? {
            Some(restored) => restored,
            None => return Ok(None),
        },
    };
    // The refusal of an earlier try says nothing about what the lost ledger has done since.
    tx.execute(
        "UPDATE customer_rows
            SET next_step = 'ask', unclear_before = 1, error_code = NULL, error_status = NULL, error_text = NULL
          WHERE state = 'pending'",
        [],
    )?;
    tx.execute(
        "UPDATE customer_rows
            SET next_step = 'ask', in_doubt_since = coalesce(in_doubt_since, ?1), last_sent_at = ?2,
                last_sent_boot = NULL
          WHERE state = 'in_flight'",
        (restored.copied_at.as_millisecond(), now),
    )?;
    // The lost ledger may have sent it just before its end, so that its customer is not visible yet.
    tx.execute(
        "UPDATE customer_rows SET last_sent_at = ?1, last_sent_boot = NULL WHERE state = 'unresolved'",
        [now],
    )?;
    let sql = format!(
        "UPDATE sources SET completed_at = NULL
          WHERE id IN (SELECT source_id FROM customer_rows WHERE state IN ({})
                       UNION SELECT source_id FROM agreements WHERE state = 'pending' AND {STANDING})",
        State::sql_list(has_no_outcome)
    );
    tx.execute(&sql, [])?;
    tx.execute("UPDATE copies SET restored_at = ?1 WHERE restored_at IS NULL", [now])?;
    tx.commit()?;
    Ok(Some(restored))
}

impl Ledger {
    /// Marks the held rows of a restored copy as in doubt if their files were imported again with consent: the lost
    /// ledger may have sent these rows.
    pub async fn doubt_restored(&self) -> Result<()> {
        let is_released = "source_id IN (SELECT id FROM sources WHERE completed_at IS NOT NULL)";
        self.write(|tx| doubt(tx, is_released)).await
    }
}

/// Marks the held rows that match `which` as in doubt.
pub(super) fn doubt(tx: &Transaction<'_>, which: &str) -> Result<()> {
    steps::take_all(
        tx,
        (StepKind::Create, State::Pending, StepEvent::Intended),
        // The refusal of an earlier try is not part of what is looked up now.
        "error_code = NULL, error_status = NULL, error_text = NULL, domain_burned = 0,
         in_doubt_since = (SELECT max(restored_at) FROM copies),
         last_sent_at = (SELECT max(restored_at) FROM copies), in_doubt_boot = NULL, last_sent_boot = NULL",
        &format!("next_step = 'ask' AND {which}"),
    )?;
    Ok(())
}
