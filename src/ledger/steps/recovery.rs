//! Recovers what an earlier run has left behind.
//!
//! An attempt without an outcome means that its program died. It may have been sent at any time between its intent and
//! now. So the doubt begins at the intent, and the last send counts as now: both bounds are on the safe side.

use jiff::Timestamp;
use rusqlite::Transaction;

use super::super::stored::value;
use super::super::{Ledger, Result};
use super::work::stored;
use tenantry_model::clock::{self, Moment};

impl Ledger {
    /// Closes the attempts that a dead run left open and puts their steps in doubt. Returns the number of attempts.
    pub async fn recover(&self) -> Result<u64> {
        self.write(recover).await
    }

    /// The latest time among the most recent calls. The present time cannot be earlier.
    pub async fn newest_time(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT max(coalesce(finished_at, intended_at))
                     FROM (SELECT * FROM http_attempts ORDER BY id DESC LIMIT 256)";
        let newest: Option<i64> = self.write(move |tx| value(tx, sql, [])).await?;
        Ok(newest.map(clock::from_ms))
    }
}

pub(crate) fn recover(tx: &Transaction<'_>) -> Result<u64> {
    // The partial index on open attempts avoids reading all attempts of a large ledger.
    let (now, boot) = stored(Some(Moment::now()));
    tx.execute(
        "UPDATE customer_rows
            SET in_doubt_since = coalesce(in_doubt_since, dead.since),
                in_doubt_boot = CASE WHEN in_doubt_since IS NULL THEN dead.boot ELSE in_doubt_boot END,
                last_sent_at = ?1, last_sent_boot = ?2
           FROM (SELECT a.row_id, min(a.intended_at) AS since, r.boot_id || ':' || a.intended_boot_ms AS boot
                   FROM http_attempts a JOIN program_runs r ON r.id = a.run_id
                  WHERE a.outcome IS NULL AND a.operation = 'create' GROUP BY a.row_id) AS dead
          WHERE customer_rows.id = dead.row_id AND state = 'in_flight'",
        (now, boot),
    )?;
    tx.execute(
        "UPDATE agreements SET in_doubt = 1
          WHERE state = 'in_flight'
            AND row_id IN (SELECT row_id FROM http_attempts WHERE outcome IS NULL AND operation = 'record_agreement')",
        [],
    )?;
    let closed = tx.execute("UPDATE http_attempts SET outcome = 'interrupted' WHERE outcome IS NULL", [])?;
    Ok(closed as u64)
}
