//! What the ledger owes: rows that an earlier run left in flight, and rows that wait for their first send.
//!
//! An attempt without an outcome is one whose program died. It may have been sent at any moment from its intent
//! to now, so the doubt begins at the intent and the last send counts as now: each bound errs on the careful side.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, Transaction};

use super::outcome::Refusal;
use super::state::State;
use super::{Error, Ledger, RequestId, RowId, agreement, runs};
use crate::clock;
use crate::customer::Customer;

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
    pub(crate) in_doubt_since: Option<Timestamp>,
    /// No create under the request id was sent later than this.
    pub(crate) last_sent_at: Option<Timestamp>,
    /// Times that a send after asking (not there, and free) was unclear again.
    pub(crate) ask_rounds: u32,
    /// A create for this domain was unclear under an earlier request id.
    pub(crate) unclear_before: bool,
    /// The service once said that it had created it, in an answer that could not be read.
    pub(crate) success_unread: bool,
    /// A definite refusal that is being followed by a question.
    pub(crate) refusal: Option<Refusal>,
    /// Of a row that is created, and whose agreement is owed; the request id is then that of the agreement.
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
            customer_id: None,
        }
    }
}

/// Which open rows to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    InFlight,
    Unresolved,
    Pending,
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

    /// Up to `limit` open rows with ids above `after`, in the order in which they were read.
    pub(crate) async fn open_rows(&self, which: Open, after: RowId, limit: u32) -> Result<Vec<Work>, Error> {
        self.write(move |tx| open_rows(tx, which, after, limit)).await
    }
}

pub(super) fn recover(tx: &Transaction<'_>) -> Result<u64, Error> {
    // The partial index on open attempts keeps this from reading the whole story of a large ledger.
    let now = clock::now().as_millisecond();
    tx.execute(
        "UPDATE customer_rows
            SET in_doubt_since = coalesce(in_doubt_since, dead.since), last_sent_at = ?1
           FROM (SELECT row_id, min(intended_at) AS since FROM http_attempts
                  WHERE outcome IS NULL AND operation = 'create' GROUP BY row_id) AS dead
          WHERE customer_rows.id = dead.row_id AND state = 'in_flight'",
        [now],
    )?;
    agreement::recover(tx)?;
    runs::forget_counts_of_open_calls(tx)?;
    let closed = tx.execute("UPDATE http_attempts SET outcome = 'interrupted' WHERE outcome IS NULL", [])?;
    Ok(closed as u64)
}

const COLUMNS: &str = "r.id, r.line, r.customer, r.request_id, r.next_step, r.in_doubt_since, r.last_sent_at,
     r.ask_rounds, r.error_code, r.error_status, r.error_text, r.unclear_before,
     r.success_unread";

fn open_rows(tx: &Transaction<'_>, which: Open, after: RowId, limit: u32) -> Result<Vec<Work>, Error> {
    let state = match which {
        Open::InFlight => State::InFlight,
        Open::Unresolved => State::Unresolved,
        Open::Pending => State::Pending,
    };
    // Rows of a file that was not read to its end stay: see `sources` in the schema.
    let sql = format!(
        "SELECT {COLUMNS} FROM customer_rows r JOIN sources s ON s.id = r.source_id
          WHERE r.state = ?1 AND r.id > ?2 AND s.completed_at IS NOT NULL ORDER BY r.id LIMIT ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query((state, after, limit))?;
    let mut work = Vec::new();
    while let Some(row) = rows.next()? {
        work.push(load(row, state)?);
    }
    Ok(work)
}

fn load(row: &Row<'_>, state: State) -> Result<Work, Error> {
    let id: RowId = row.get(0)?;
    let customer = stored_customer(id, row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
    let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(clock::from_ms));
    let code: Option<String> = row.get(8)?;
    let text: Option<String> = row.get(10)?;
    let refusal = match (state, code) {
        // A pending row may carry an old refusal of an earlier try; it is no part of the present one.
        (State::InFlight, Some(code)) => {
            Some(Refusal { code, status: row.get(9)?, text: text.unwrap_or_default() })
        }
        _ => None,
    };
    Ok(Work {
        next_step: row.get(4)?,
        in_doubt_since: time(5)?,
        last_sent_at: time(6)?,
        ask_rounds: row.get(7)?,
        unclear_before: row.get(11)?,
        success_unread: row.get(12)?,
        refusal,
        ..Work::fresh(id, row.get(1)?, customer, row.get(3)?)
    })
}

pub(super) fn stored_customer(row: RowId, json: &str) -> Result<Customer, Error> {
    serde_json::from_str(json).map_err(|error| Error::Stored {
        row: row.0,
        what: format!("its customer is no JSON of ours: {error}"),
    })
}
