//! What the ledger owes: the rows, and the acceptances of agreements, that wait for their next step.
//!
//! They are read on a connection of their own. A reading that fails, or takes long, stops nobody who records answers.
//! A row that cannot be understood is set aside and named; the others of its batch go on.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Row};

use super::outcome::Refusal;
use super::recovery::Work;
use super::state::State;
use super::{Error, Ledger, RowId, agreement, schema};
use crate::clock::{self, Moment};
use crate::customer::Customer;
use crate::failpoint;

/// Which open rows to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    InFlight,
    Unresolved,
    Pending,
}

/// One batch of what is owed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) work: Vec<Work>,
    /// Rows of the batch that cannot be understood.
    pub(crate) set_aside: Vec<SetAside>,
    /// The last row that was looked at, whatever came of it. `None`: there is none any more.
    pub(crate) last: Option<RowId>,
}

/// A row that cannot be understood, and so not be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetAside {
    pub(crate) row: RowId,
    pub(crate) line: Option<u64>,
    pub(crate) domain: Option<String>,
    /// What is wrong with it, without anything that a list holds.
    pub(crate) why: String,
}

impl SetAside {
    /// What it is, and why it cannot be worked on, in a few words.
    pub(crate) fn in_words(&self) -> String {
        let line = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        let domain = self.domain.as_ref().map(|domain| format!(" ({domain})")).unwrap_or_default();
        format!("row {}{line}{domain}: {}", self.row, self.why)
    }
}

/// Reads what is owed, beside the one who writes.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    connection: Arc<Mutex<Connection>>,
}

impl Ledger {
    /// Opens the ledger once more, to read what it owes.
    pub(crate) fn owed(&self) -> Result<Owed, Error> {
        Owed::open(self.path())
    }
}

impl Owed {
    fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { connection: Arc::new(Mutex::new(schema::open_for_reading(path)?)) })
    }

    /// Up to `limit` open rows with ids above `after`, in the order in which they were read.
    pub(crate) async fn rows(&self, which: Open, after: RowId, limit: u32) -> Result<Batch, Error> {
        self.read(move |connection| open_rows(connection, which, after, limit)).await
    }

    /// Up to `limit` acceptances that are owed, of rows with ids above `after`.
    pub(crate) async fn agreements(&self, after: RowId, limit: u32) -> Result<Batch, Error> {
        self.read(move |connection| agreement::open(connection, after, limit)).await
    }

    async fn read(
        &self,
        job: impl FnOnce(&Connection) -> Result<Batch, Error> + Send + 'static,
    ) -> Result<Batch, Error> {
        failpoint::wait_for_turn("queue_read").await;
        let connection = Arc::clone(&self.connection);
        let reading = tokio::task::spawn_blocking(move || {
            super::disk_faults::queue_read()?;
            job(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match reading.await {
            Ok(batch) => batch,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Closed),
        }
    }
}

impl Batch {
    /// Adds a row that was read, or what is known of one that could not be.
    pub(super) fn add(&mut self, row: RowId, read: Result<Work, SetAside>) {
        match read {
            Ok(work) => self.work.push(work),
            Err(set_aside) => self.set_aside.push(set_aside),
        }
        self.last = Some(row);
    }
}

const COLUMNS: &str = "r.id, r.line, r.customer, r.request_id, r.next_step, r.in_doubt_since, r.last_sent_at,
     r.ask_rounds, r.error_code, r.error_status, r.error_text, r.unclear_before,
     r.success_unread, r.domain, r.customer_id, r.in_doubt_boot, r.last_sent_boot";

fn open_rows(connection: &Connection, which: Open, after: RowId, limit: u32) -> Result<Batch, Error> {
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
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((state, after, limit))?;
    let mut batch = Batch::default();
    while let Some(row) = rows.next()? {
        let id: RowId = row.get(0)?;
        let read = load(row, id, state).map_err(|why| SetAside {
            row: id,
            line: row.get(1).ok(),
            domain: row.get(13).ok().flatten(),
            why,
        });
        batch.add(id, read);
    }
    Ok(batch)
}

fn load(row: &Row<'_>, id: RowId, state: State) -> Result<Work, String> {
    let moment =
        |wall, boot, name| {
            let wall: Option<i64> = cell(row, wall, name)?;
            let boot: Option<String> = cell(row, boot, name)?;
            Ok::<_, String>(wall.map(|wall| Moment {
                wall: clock::from_ms(wall),
                boot: boot.and_then(|boot| boot.parse().ok()),
            }))
        };
    let customer: String = cell(row, 2, "customer")?;
    let code: Option<String> = cell(row, 8, "error code")?;
    let text: Option<String> = cell(row, 10, "error text")?;
    let refusal = match (state, code) {
        // A pending row may carry an old refusal of an earlier try; it is no part of the present one.
        (State::InFlight | State::Unresolved, Some(code)) => {
            Some(Refusal { code, status: cell(row, 9, "error status")?, text: text.unwrap_or_default() })
        }
        _ => None,
    };
    Ok(Work {
        next_step: cell(row, 4, "next step")?,
        in_doubt_since: moment(5, 15, "first send")?,
        last_sent_at: moment(6, 16, "last send")?,
        ask_rounds: cell(row, 7, "count of questions")?,
        unclear_before: cell(row, 11, "mark of an earlier doubt")?,
        success_unread: cell(row, 12, "mark of a success")?,
        refusal,
        is_in_flight: state == State::InFlight,
        customer_id: cell(row, 14, "customer id")?,
        ..Work::fresh(id, cell(row, 1, "line")?, customer_of(&customer)?, cell(row, 3, "request id")?)
    })
}

/// One value of a row; `name` is what a person calls it.
pub(super) fn cell<T: rusqlite::types::FromSql>(
    row: &Row<'_>,
    index: usize,
    name: &str,
) -> Result<T, String> {
    row.get(index).map_err(|_| format!("its {name} cannot be understood"))
}

/// A customer as it is stored.
pub(super) fn customer_of(json: &str) -> Result<Customer, String> {
    from_json(json, "customer")
}

/// The parser's message is left out: it can quote what the list holds.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(json: &str, name: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| {
        format!("its {name} is no JSON that can be understood (at column {})", error.column())
    })
}

/// SQL for a field of a stored customer, by the column that holds the customer: NULL where that cannot be understood,
/// so that one such row stops no sum over all of them.
pub(super) fn field_of(column: &str, field: &str) -> String {
    format!("CASE WHEN json_valid({column}) THEN json_extract({column}, '$.{field}') END")
}
