//! Rows that wait, and that no list of this run contains any more although their own list was read to its end.
//!
//! They are found when all lists of the run are read: a row may have moved to another one. An export never contains all
//! rows of a list, and each sheet of a workbook is a list of its own.

use std::sync::PoisonError;

use rusqlite::Transaction;

use super::super::steps::{GONE_FROM_LIST, State, StepEvent, StepKind, take_all};
use super::super::stored::{collect, is_same_list, update, value};
use super::super::{Ledger, Result, RowId, RunId, SourceId, backup, runs};
use super::discard::never_sent;
use tenantry_model::clock;

/// Rows that were declined because their list no longer contains them.
#[derive(Debug, Default)]
pub struct DeclinedRows(Vec<RowId>);

impl DeclinedRows {
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ledger {
    /// Declines the rows of earlier readings that were never sent and that their list no longer contains, nor another list
    /// of this run. Rows that an operator has retried stay, and so do corrections: what they replace would count again. If
    /// another list has brought known rows since, it may contain them.
    pub async fn decline_missing(&self) -> Result<DeclinedRows> {
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
                                            WHERE o.id > s.id AND o.run_id <> {run} AND o.rows_known > 0 AND NOT {}
                                              AND NOT instr(o.header, 'tenantry_row')))",
                never_sent("r"),
                is_read_again(run),
                is_same_list("o", "s")
            );
            collect(tx, &sql, [], |row| row.get(0))
        };
        let rows = self.not_met(self.writer.write_unsynced(waiting).await?);
        if rows.is_empty() {
            return Ok(DeclinedRows::default());
        }
        let declined = rows.clone();
        self.write(move |tx| {
            let declined = (StepKind::Create, State::Pending, StepEvent::Discarded);
            with_ids(tx, &rows, |which| take_all(tx, declined, "key_domain = NULL", which, []))
        })
        .await?;
        Ok(DeclinedRows(declined))
    }

    /// Makes these rows pending again, because the list that no longer contains them is not to be sent either.
    pub async fn undo_decline(&self, rows: DeclinedRows) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(move |tx| {
            let taken_up = (StepKind::Create, State::Declined, StepEvent::TakenUp);
            with_ids(tx, &rows.0, |which| take_all(tx, taken_up, "key_domain = domain", which, []))
        })
        .await
        .map(drop)
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
                    AND (state = 'in_flight' OR state = 'pending' AND next_step = 'ask')"
            );
            let has_some: bool = value(tx, &format!("SELECT EXISTS ({readings})"), [])?;
            Ok((has_some, if has_some { collect(tx, &sql, [], |row| row.get(0))? } else { Vec::new() }))
        };
        let (has_some, rows) = self.writer.write_unsynced(held).await?;
        if !has_some {
            return Ok(());
        }
        let rows = self.not_met(rows);
        self.write(move |tx| {
            let facts = format!(
                "error_code = '{GONE_FROM_LIST}', error_status = NULL, gone_at = {},
                 error_text = 'the ledger was restored, and the list no longer contains the row'",
                clock::now().as_millisecond()
            );
            let unresolved = (StepKind::Create, State::InFlight, StepEvent::LookedUpInVain);
            let ended = with_ids(tx, &rows, |which| {
                backup::doubt(tx, which)?;
                take_all(tx, unresolved, &facts, which, [])
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

    /// Gives the pending rows of earlier readings that lists of this run contain to these readings, so that they are held
    /// back together. A row of another header cannot be read by this one, and stays.
    pub(super) async fn adopt_waiting(&self) -> Result<()> {
        let run = self.run;
        let waiting = move |tx: &Transaction<'_>| {
            let sql = format!(
                "SELECT r.id, own.id FROM customer_rows r JOIN sources s ON s.id = r.source_id
                   JOIN sources own ON own.run_id = {run} AND own.header = s.header AND {}
                  WHERE r.state = 'pending' AND r.next_step = 'create' AND s.run_id <> {run}",
                is_same_list("s", "own")
            );
            collect(tx, &sql, [], |row| row.try_into())
        };
        let waiting: Vec<(RowId, SourceId)> = self.writer.write_unsynced(waiting).await?;
        let met: Vec<(RowId, SourceId, u32)> = {
            let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
            let placed =
                waiting.into_iter().filter_map(|(row, source)| Some((row, source, met.place_of(row)?.1)));
            placed.collect()
        };
        self.write(move |tx| {
            for (row, source, line) in &met {
                update(tx, "customer_rows", row, &[("source_id", source), ("line", line)])?;
            }
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

/// The condition on a reading `s` that this run has read its list to its end, the same sheet of it, and found rows in it.
fn is_read_again(run: RunId) -> String {
    format!(
        "EXISTS (SELECT 1 FROM sources own
                  WHERE own.run_id = {run} AND own.read_at IS NOT NULL AND own.rows_read > 0 AND {}
                    AND json_extract(own.given, '$.sheet') IS json_extract(s.given, '$.sheet')
                    AND NOT instr(own.header, 'tenantry_row'))",
        is_same_list("s", "own")
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
