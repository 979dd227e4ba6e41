//! Rows that wait, and that no list contains any more although their own list was read to its end.
//!
//! The readings have [marked](IngestSession::mark_gone) them. What follows waits until all lists of the run are read,
//! because a row may have moved to another one, and until the operator has agreed to them.

use rusqlite::Transaction;

use super::super::steps::{State, StepEvent, StepKind, take_all};
use super::super::stored::{is_after_copy, is_export, is_no_retry, is_same_list, value};
use super::super::{Ledger, Result, RunId, backup, runs};
#[cfg(doc)]
use super::IngestSession;
use super::consent::AwaitingConsent;
use super::discard::never_sent;
use tenantry_model::clock;
use tenantry_model::own_code::GONE_FROM_LIST;

impl Ledger {
    /// How many rows [`decline_missing`](Self::decline_missing) would decline after consent to `what`.
    pub async fn missing(&self, what: AwaitingConsent) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM ({})", missing(&what.sources(self.run)));
        self.writer.write_unsynced(move |tx| value(tx, &sql, [])).await
    }

    /// Declines the rows of earlier readings that were never sent and that their list no longer contains, nor any other
    /// list, by the last readings that were agreed to. Rows that an operator has retried stay, and so do corrections of what
    /// was sent, which would count again. Returns how many.
    pub async fn decline_missing(&self) -> Result<u64> {
        // What this run has read is released by now. Nearly no run has such rows, and what changes nothing needs no sync.
        if self.missing(AwaitingConsent::OfThisRun).await? == 0 {
            return Ok(0);
        }
        let missing = missing(&AwaitingConsent::OfThisRun.sources(self.run));
        let declined = (StepKind::Create, State::Pending, StepEvent::Discarded);
        self.write(move |tx| {
            hand_over(tx, &missing)?;
            take_all(tx, declined, "key_domain = NULL", &format!("id IN ({missing})"))
        })
        .await
    }

    /// Ends the waiting of rows that a restored copy has held back until their list came again. The lost ledger may have
    /// created their customers, so they are unresolved.
    pub async fn end_waiting(&self) -> Result<()> {
        let run = self.run;
        let readings = format!(
            "SELECT id FROM sources
              WHERE completed_at IS NULL AND run_id <> {run}
                AND list_id IN (SELECT own.list_id FROM sources own
                                 WHERE own.run_id = {run} AND own.rows_read > 0 AND {})",
            is_reading("own")
        );
        let has_some = format!("SELECT EXISTS ({readings})");
        // Nearly no run has such readings.
        if !self.writer.write_unsynced(move |tx| value(tx, &has_some, [])).await? {
            return Ok(());
        }
        self.write(move |tx| end_waiting(tx, run, &readings)).await
    }
}

/// `readings`: a query for the ids of those that a restored copy holds back, and whose list was read again.
fn end_waiting(tx: &Transaction<'_>, run: RunId, readings: &str) -> Result<()> {
    let which = format!("gone_at IS NOT NULL AND source_id IN ({readings})");
    let facts = format!(
        "error_code = '{GONE_FROM_LIST}', error_status = NULL,
         error_text = 'the ledger was restored, and the list no longer contains the row'"
    );
    let unresolved = |from| (StepKind::Create, from, StepEvent::LookedUpInVain);
    let unanswered = format!("acknowledged_at IS NULL AND {which}");
    take_all(tx, unresolved(State::Unresolved), &facts, &unanswered)?;
    backup::doubt(tx, &which)?;
    let ended = take_all(tx, unresolved(State::InFlight), &facts, &which)?;
    runs::count_outcomes(tx, run, State::Unresolved, ended)?;
    // Nothing of these readings waits any more.
    let sql = format!(
        "UPDATE sources AS s SET completed_at = ?1
          WHERE s.id IN ({readings})
            AND NOT EXISTS (SELECT 1 FROM customer_rows r WHERE r.source_id = s.id AND r.state IN ({}))",
        State::sql_list(State::is_open)
    );
    tx.execute(&sql, [clock::now().as_millisecond()])?;
    Ok(())
}

/// A query for the ids of the missing rows. `agreed`: a query for the readings that count although they are not complete.
pub(in super::super) fn missing(agreed: &str) -> String {
    let is_agreed =
        |reading: &str| format!("({reading}.completed_at IS NOT NULL OR {reading}.id IN ({agreed}))");
    let gone = "customer_rows INDEXED BY rows_gone";
    format!(
        "WITH last AS MATERIALIZED (
             SELECT s.id, max(own.read_at) AS read_at
               FROM sources s JOIN sources own ON {}
              WHERE s.id IN (SELECT source_id FROM {gone} WHERE gone_at IS NOT NULL AND state = 'pending')
                AND s.completed_at IS NOT NULL AND own.run_id <> s.run_id AND {} AND {}
              GROUP BY s.id),
              elsewhere AS MATERIALIZED (
             SELECT s.id FROM sources s
              WHERE s.id IN (SELECT value FROM {gone}, json_each(also_in)
                              WHERE gone_at IS NOT NULL AND state = 'pending')
                AND {}
                AND NOT EXISTS (SELECT 1 FROM sources later WHERE later.id > s.id AND {} AND {} AND {}))
         SELECT r.id FROM customer_rows r INDEXED BY rows_gone
           JOIN last ON last.id = r.source_id AND last.read_at >= r.gone_at
          WHERE r.gone_at IS NOT NULL AND r.state = 'pending' AND r.error_code IS NULL AND {}
            AND NOT EXISTS (SELECT 1 FROM json_each(r.also_in) WHERE value IN (SELECT id FROM elsewhere))
            AND r.id NOT IN ({CORRECTIONS})",
        is_same_list("s", "own"),
        is_reading("own"),
        is_agreed("own"),
        is_agreed("s"),
        is_same_list("later", "s"),
        is_reading("later"),
        is_agreed("later"),
        never_sent("r")
    )
}

/// Gives those of the `missing` rows that a held list contains to that list: they wait for it, and are declined or sent with
/// it. The cells of a row belong to its header, so the two must have the same.
fn hand_over(tx: &Transaction<'_>, missing: &str) -> Result<()> {
    let held = format!(
        "FROM json_each(customer_rows.also_in) met JOIN sources s ON s.id = met.value
        WHERE s.completed_at IS NULL AND s.read_at IS NOT NULL AND s.let_go_at IS NULL AND {}
          AND s.header = (SELECT own.header FROM sources own WHERE own.id = customer_rows.source_id)
          AND NOT EXISTS (SELECT 1 FROM sources later WHERE later.id > s.id AND {} AND {})",
        is_after_copy("s"),
        is_same_list("later", "s"),
        is_reading("later")
    );
    let sql = format!(
        "UPDATE customer_rows SET gone_at = NULL, source_id = (SELECT max(s.id) {held})
          WHERE id IN ({missing}) AND EXISTS (SELECT 1 {held})"
    );
    tx.execute(&sql, [])?;
    Ok(())
}

/// A query for the rows that have replaced one that the service has refused, or that may have been sent, at once or one
/// after the other. Nothing is owed for one that was only rejected here.
const CORRECTIONS: &str = "WITH RECURSIVE correction (id) AS (
        SELECT replaced_by FROM customer_rows
         WHERE state = 'superseded' AND replaced_by IS NOT NULL
           AND (error_code IS NOT NULL AND request_id IS NOT NULL OR in_doubt_since IS NOT NULL OR unclear_before OR success_unread)
         UNION
        SELECT old.replaced_by FROM correction JOIN customer_rows old ON old.id = correction.id
         WHERE old.state = 'superseded' AND old.replaced_by IS NOT NULL)
    SELECT id FROM correction";

/// The condition on a reading that it has read a list to its end. An export never contains all rows of a list.
pub(super) fn is_reading(reading: &str) -> String {
    format!("{reading}.read_at IS NOT NULL AND NOT {} AND {}", is_export(reading), is_no_retry(reading))
}
