//! Rows that wait, and that no list of this run contains any more although their own list was read to its end.
//!
//! They are found when all lists of the run are read: a row may have moved to another one. An export never contains all
//! rows of a list.

use std::sync::PoisonError;

use rusqlite::Transaction;

use super::super::steps::{GONE_FROM_LIST, State, StepEvent, StepKind, take_all};
use super::super::stored::{collect, is_export, is_same_list, value};
use super::super::{Ledger, Result, RowId, RunId, backup, runs};
use super::discard::never_sent;
use tenantry_model::clock;

impl Ledger {
    /// How many rows [`decline_missing`](Self::decline_missing) would decline.
    pub async fn missing(&self) -> Result<u64> {
        Ok(self.missing_rows().await?.len() as u64)
    }

    /// Declines the rows of earlier readings that were never sent and that their list no longer contains, nor another list
    /// of this run. Rows that an operator has retried stay, and so do corrections: what they replace would count again. If
    /// another list has brought known rows, or was not read to its end, it may contain them. Returns how many.
    pub async fn decline_missing(&self) -> Result<u64> {
        let rows = self.missing_rows().await?;
        if rows.is_empty() {
            return Ok(0);
        }
        self.write(move |tx| {
            let declined = (StepKind::Create, State::Pending, StepEvent::Discarded);
            with_ids(tx, &rows, |which| take_all(tx, declined, "key_domain = NULL", which, []))
        })
        .await
    }

    async fn missing_rows(&self) -> Result<Vec<RowId>> {
        let run = self.run;
        let waiting = move |tx: &Transaction<'_>| {
            let sql = format!(
                "SELECT r.id FROM customer_rows r
                  WHERE r.state = 'pending' AND r.gone_at IS NULL AND r.error_code IS NULL AND {}
                    AND r.id NOT IN (SELECT replaced_by FROM customer_rows
                                      WHERE state = 'superseded' AND replaced_by IS NOT NULL)
                    AND r.source_id IN (
                        SELECT s.id FROM sources s
                         WHERE s.id IN (SELECT source_id FROM customer_rows WHERE state = 'pending')
                           AND s.run_id <> {run} AND s.completed_at IS NOT NULL AND {}
                           AND NOT EXISTS (SELECT 1 FROM sources o
                                            WHERE o.run_id <> {run}
                                              AND (o.rows_known > 0 OR coalesce(o.read_at, o.completed_at) IS NULL)
                                              AND NOT {} AND NOT {}))",
                never_sent("r"),
                is_read_again(run),
                is_export("o"),
                is_same_list("o", "s")
            );
            collect(tx, &sql, [], |row| row.get(0))
        };
        Ok(self.not_met(self.writer.write_unsynced(waiting).await?))
    }

    /// Ends the waiting of rows that a restored copy has held back until their list came again. The lost ledger may have
    /// created their customers, so they are unresolved.
    pub async fn end_waiting(&self) -> Result<()> {
        let run = self.run;
        let held = move |tx: &Transaction<'_>| {
            let readings = format!(
                "SELECT s.id FROM sources s WHERE s.completed_at IS NULL AND s.run_id <> {run} AND {}",
                is_read_again(run)
            );
            let sql = format!(
                "SELECT id FROM customer_rows WHERE source_id IN ({readings})
                    AND (state = 'in_flight' OR state = 'pending' AND next_step = 'ask'
                         OR state = 'unresolved' AND acknowledged_at IS NULL)"
            );
            let has_some: bool = value(tx, &format!("SELECT EXISTS ({readings})"), [])?;
            has_some.then(|| collect(tx, &sql, [], |row| row.get(0))).transpose()
        };
        // Nearly no run has such readings, and what changes nothing needs no sync.
        let Some(rows) = self.writer.write_unsynced(held).await? else { return Ok(()) };
        let rows = self.not_met(rows);
        self.write(move |tx| {
            let facts = format!(
                "error_code = '{GONE_FROM_LIST}', error_status = NULL, gone_at = {},
                 error_text = 'the ledger was restored, and the list no longer contains the row'",
                clock::now().as_millisecond()
            );
            let unresolved = |from| (StepKind::Create, from, StepEvent::LookedUpInVain);
            let ended = with_ids(tx, &rows, |which| {
                take_all(tx, unresolved(State::Unresolved), &facts, which, [])?;
                backup::doubt(tx, which)?;
                take_all(tx, unresolved(State::InFlight), &facts, which, [])
            })?;
            runs::count_outcomes(tx, run, State::Unresolved, ended)?;
            // Nothing of these readings waits any more.
            let sql = format!(
                "UPDATE sources AS s SET completed_at = ?1
                  WHERE s.completed_at IS NULL AND s.run_id <> {run} AND {}
                    AND NOT EXISTS (SELECT 1 FROM customer_rows r WHERE r.source_id = s.id AND r.state IN ({}))",
                is_read_again(run),
                State::sql_list(State::is_open)
            );
            tx.execute(&sql, [clock::now().as_millisecond()])?;
            Ok(())
        })
        .await
    }

    /// Those that no list of this run has met.
    fn not_met(&self, mut rows: Vec<RowId>) -> Vec<RowId> {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|row| met.place_of(*row).is_none());
        rows
    }
}

/// The condition on a reading `s` that this run has read its list to its end, and found rows in it.
fn is_read_again(run: RunId) -> String {
    format!(
        "EXISTS (SELECT 1 FROM sources own
                  WHERE own.run_id = {run} AND own.read_at IS NOT NULL AND own.rows_read > 0 AND {}
                    AND NOT {})",
        is_same_list("s", "own"),
        is_export("own")
    )
}

/// Calls `change` with the condition that a row is one of these. In a table, because there may be many.
fn with_ids(tx: &Transaction<'_>, rows: &[RowId], change: impl FnOnce(&str) -> Result<u64>) -> Result<u64> {
    tx.execute_batch("CREATE TEMP TABLE missing (id INTEGER PRIMARY KEY)")?;
    let mut insert = tx.prepare("INSERT INTO temp.missing VALUES (?1)")?;
    for row in rows {
        insert.execute([row])?;
    }
    drop(insert);
    let changed = change("id IN (SELECT id FROM temp.missing)")?;
    tx.execute_batch("DROP TABLE temp.missing")?;
    Ok(changed)
}
