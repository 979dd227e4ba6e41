//! What an earlier run has left behind, and what a row that is owed a step depends on.
//!
//! An attempt without an outcome is one whose program died. It may have been sent at any moment from its intent
//! to now, so the doubt begins at the intent and the last send counts as now: each bound errs on the careful side.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::Transaction;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::outcome::Refusal;
use super::{Error, Ledger, RowId, agreement};
use crate::clock::{self, Moment};
use crate::customer::Customer;
use crate::ids::RequestId;
use crate::problem::Problem;

/// What is to be done next for an open row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Send the create, under the row's own request id.
    Create,
    /// Ask whether the customer exists, or the domain is taken, before anything is sent.
    Ask,
}

impl NextStep {
    const fn name(self) -> &'static str {
        match self {
            NextStep::Create => "create",
            NextStep::Ask => "ask",
        }
    }
}

impl FromStr for NextStep {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [NextStep::Create, NextStep::Ask]
            .into_iter()
            .find(|step| step.name() == name)
            .ok_or_else(|| format!("unknown next step `{name}`"))
    }
}

impl ToSql for NextStep {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for NextStep {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: String| FromSqlError::other(std::io::Error::other(error)))
    }
}

/// An open row, with everything that the next step depends on.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) row: RowId,
    /// Physical line in the file it came from, as people know it.
    pub(crate) line: u64,
    pub(crate) customer: Customer,
    pub(crate) request_id: RequestId,
    pub(crate) next_step: NextStep,
    /// First send under the request id whose outcome is unknown.
    pub(crate) in_doubt_since: Option<Moment>,
    /// No create under the request id was sent later than this.
    pub(crate) last_sent_at: Option<Moment>,
    /// Times that a send after asking (not there, and free) was unclear again.
    pub(crate) ask_rounds: u32,
    /// A create for this domain was unclear under an earlier request id.
    pub(crate) unclear_before: bool,
    /// The service once said that it had created it, in an answer that could not be read.
    pub(crate) success_unread: bool,
    /// A definite refusal that is being followed by a question.
    pub(crate) refusal: Option<Refusal>,
    /// Something may have been sent for it already.
    pub(crate) is_in_flight: bool,
    /// Of a row that is created, and whose agreement is owed; the request id is then that of the agreement. Of a row in
    /// flight: it was found among our customers, and one more send may bring its password.
    pub(crate) customer_id: Option<String>,
}

impl Work {
    /// A row of which nothing has been sent under `request_id`.
    pub(crate) fn fresh(row: RowId, line: u64, customer: Customer, request_id: RequestId) -> Self {
        Self {
            row,
            line,
            customer,
            request_id,
            next_step: NextStep::Create,
            in_doubt_since: None,
            last_sent_at: None,
            ask_rounds: 0,
            unclear_before: false,
            success_unread: false,
            refusal: None,
            is_in_flight: false,
            customer_id: None,
        }
    }
}

impl Ledger {
    /// Closes the attempts that a dead run left open and puts their rows in doubt. Returns how many there were.
    pub(crate) async fn recover(&self) -> Result<u64, Error> {
        self.write(recover).await
    }

    /// The latest time that the last calls were stored with: it was at least so late already.
    pub(crate) async fn newest_time(&self) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT max(coalesce(finished_at, intended_at))
                     FROM (SELECT * FROM http_attempts ORDER BY id DESC LIMIT 256)";
        let newest: Option<i64> = self.write(move |tx| Ok(tx.query_row(sql, [], |row| row.get(0))?)).await?;
        Ok(newest.map(clock::from_ms))
    }
}

pub(super) fn recover(tx: &Transaction<'_>) -> Result<u64, Error> {
    // The partial index on open attempts keeps this from reading the whole story of a large ledger.
    let now = Moment::now();
    tx.execute(
        "UPDATE customer_rows
            SET in_doubt_since = coalesce(in_doubt_since, dead.since),
                in_doubt_boot = CASE WHEN in_doubt_since IS NULL THEN dead.boot ELSE in_doubt_boot END,
                last_sent_at = ?1, last_sent_boot = ?2
           FROM (SELECT a.row_id, min(a.intended_at) AS since, r.boot_id || ':' || a.intended_boot_ms AS boot
                   FROM http_attempts a JOIN program_runs r ON r.id = a.run_id
                  WHERE a.outcome IS NULL AND a.operation = 'create' GROUP BY a.row_id) AS dead
          WHERE customer_rows.id = dead.row_id AND state = 'in_flight'",
        (now.wall.as_millisecond(), now.boot.map(|boot| boot.to_string())),
    )?;
    agreement::recover(tx)?;
    let closed = tx.execute("UPDATE http_attempts SET outcome = 'interrupted' WHERE outcome IS NULL", [])?;
    Ok(closed as u64)
}

/// What was found wrong with a row, as it is stored.
///
/// # Errors
/// Where it cannot be read: a row must not pass for one without problems.
pub(super) fn stored_problems(row: RowId, json: Option<&str>) -> Result<Vec<Problem>, Error> {
    json.map_or(Ok(Vec::new()), serde_json::from_str)
        .map_err(|error| Error::Stored { row: row.0, what: format!("its problems cannot be read: {error}") })
}
