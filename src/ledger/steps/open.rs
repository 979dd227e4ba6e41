//! The open steps of both kinds, which the ledger still has to do.
//!
//! They are read on a connection of their own, so a read that fails or takes long does not block the recording of
//! answers. A row that cannot be parsed is set aside and reported; the other rows of its batch continue.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Row};

use super::super::stored::{cell, customer_of, from_json, is_after_copy};
use super::super::{Error, Ledger, Result, RowId, disk_faults, schema};
use super::change::{EarlierRefusal, OpenStep, Refusal};
use super::work::{Work, moment};
use super::{State, StepKind};
use tenantry_model::own_code::GONE_FROM_LIST;
use tenantry_model::thread::on_thread;
use tenantry_model::{failpoint, simulated};

/// Which open steps to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    InFlight,
    Unresolved,
    Pending,
    /// Acceptances that are to be recorded for existing customers.
    Agreements,
}

/// One batch of open steps.
#[derive(Debug, Default)]
pub struct WorkBatch {
    pub work: Vec<Work>,
    /// Rows of the batch that cannot be parsed.
    pub set_aside: Vec<SetAside>,
    /// The last row that was read, parsed or not. `None`: there are no more rows.
    pub last: Option<RowId>,
}

/// A row that cannot be parsed, and so cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    pub row: RowId,
    pub line: Option<u64>,
    pub domain: Option<String>,
    /// What is wrong with it, without any content of a list.
    pub why: String,
}

impl SetAside {
    /// Describes in a few words which row it is, and why it cannot be worked on.
    pub fn describe(&self) -> String {
        let line = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        let domain = self.domain.as_ref().map(|domain| format!(" ({domain})")).unwrap_or_default();
        format!("row {}{line}{domain}: {}", self.row, self.why)
    }
}

/// Reads the open steps, in parallel with the writer.
#[derive(Debug, Clone)]
pub struct Owed {
    connection: Arc<Mutex<Connection>>,
}

impl Ledger {
    /// Opens another connection to the ledger, to read its open steps.
    pub fn owed(&self) -> Result<Owed> {
        Ok(Owed { connection: Arc::new(Mutex::new(schema::open_for_reading(self.path())?)) })
    }
}

impl Owed {
    /// Up to `limit` open steps of rows with ids above `after`, in the order in which the rows were read.
    pub async fn steps(&self, which: Open, after: RowId, limit: u32) -> Result<WorkBatch> {
        failpoint::wait_for_turn("queue_read").await;
        let connection = Arc::clone(&self.connection);
        let read = move || {
            disk_faults::queue_read()?;
            read(&connection.lock().unwrap_or_else(PoisonError::into_inner), which, after, limit)
        };
        if simulated::world().is_some() {
            return read();
        }
        on_thread("queue", read).map_err(|error| Error::Thread(Arc::new(error)))?.joined().await
    }
}

pub(super) fn read(connection: &Connection, which: Open, after: RowId, limit: u32) -> Result<WorkBatch> {
    let mut statement = connection.prepare_cached(&sql(which))?;
    let mut rows = statement.query((after, limit))?;
    let mut batch = WorkBatch::default();
    while let Some(row) = rows.next()? {
        let id: RowId = row.get(0)?;
        match load(row, id, which) {
            Ok(work) => batch.work.push(work),
            Err(why) => batch.set_aside.push(SetAside {
                row: id,
                line: row.get(1).ok(),
                domain: row.get(2).ok().flatten(),
                why,
            }),
        }
        batch.last = Some(id);
    }
    Ok(batch)
}

/// SQL: no restored copy waits for the file `s`.
pub(crate) fn is_not_held_by_a_copy() -> String {
    format!("({MAY_BE_SENT} OR {})", is_after_copy("s"))
}

/// SQL: the file `s` was read to its end, with consent.
const MAY_BE_SENT: &str = "s.completed_at IS NOT NULL";

const OF_CREATES: &str = "r.next_step, r.in_doubt_since, r.in_doubt_boot, r.last_sent_at, r.last_sent_boot,
     r.ask_rounds, r.unclear_before, r.success_unread, r.error_code, r.error_status, r.error_text, NULL,
     r.domain_burned,
     coalesce(r.in_doubt_since = (SELECT max(restored_at) FROM copies), FALSE)
         AND NOT EXISTS (SELECT 1 FROM http_attempts t WHERE t.row_id = r.id AND t.operation = 'create'),
     r.gone_at IS NOT NULL";

/// The same columns of an agreement, which is never looked up.
const OF_AGREEMENTS: &str = "'create', iif(a.in_doubt, a.changed_at, NULL), NULL, NULL, NULL,
     0, 0, 0, NULL, NULL, NULL, a.agreement, 0, 0, 0";

fn sql(which: Open) -> String {
    let creates = |state| (OF_CREATES, "customer_rows r", "r", "r.id", state);
    // An erased row has no customer; a list has to bring it again. An acknowledged one was looked for by an operator.
    let (columns, steps, by, row, is_open) = match which {
        Open::InFlight => creates("r.state = 'in_flight'"),
        Open::Unresolved => {
            creates("r.state = 'unresolved' AND r.erased_at IS NULL AND r.acknowledged_at IS NULL")
        }
        Open::Pending => creates("r.state = 'pending'"),
        Open::Agreements => (
            OF_AGREEMENTS,
            // The index is named: SQLite would read and sort all open agreements for each batch. Its states are those
            // below.
            "agreements a INDEXED BY agreements_owed JOIN customer_rows r ON r.id = a.row_id",
            "a",
            "a.row_id",
            "a.state IN ('pending', 'in_flight') AND a.replaced_by IS NULL",
        ),
    };
    // Steps of a file that was not read to its end are left out: see `sources` in the schema. Looking up creates nothing.
    let may_go_on = if which == Open::Unresolved { is_not_held_by_a_copy() } else { MAY_BE_SENT.to_owned() };
    format!(
        "SELECT r.id, {by}.line, r.domain, r.customer, r.customer_id, {by}.request_id, {by}.state, {columns}
           FROM {steps} JOIN sources s ON s.id = {by}.source_id
          WHERE {is_open} AND {row} > ?1 AND {may_go_on} ORDER BY {row} LIMIT ?2"
    )
}

/// Parses a row of the query [`sql`].
fn load(row: &Row<'_>, id: RowId, which: Open) -> Result<Work, String> {
    let moment = |wall, boot, name| {
        let wall: Option<i64> = cell(row, wall, name)?;
        let boot = cell(row, boot, name)?;
        Ok::<_, String>(wall.map(|wall| moment(wall, boot)))
    };
    let state: State = cell(row, 6, "state")?;
    let code: Option<String> = cell(row, 15, "error code")?;
    let text: Option<String> = cell(row, 17, "error text")?;
    let is_gone = cell(row, 21, "mark of a row that is gone")? && code.as_deref() == Some(GONE_FROM_LIST);
    let refusal = match code {
        Some(code) => {
            Some(Refusal { code, status: cell(row, 16, "error status")?, text: text.unwrap_or_default() })
        }
        None => None,
    };
    // The refusal of a pending row is from an earlier try.
    let (refusal, before) = if state.is_in_doubt() { (refusal, None) } else { (None, refusal) };
    let domain_burned = cell(row, 19, "mark of a burned domain")?;
    let mut customer = customer_of(&cell::<String>(row, 3, "customer")?)?;
    let kind = match which {
        Open::InFlight | Open::Unresolved | Open::Pending => StepKind::Create,
        Open::Agreements => {
            customer.agreement = Some(from_json(&cell::<String>(row, 18, "agreement")?, "agreement")?);
            StepKind::Agreement
        }
    };
    Ok(Work {
        kind,
        is_in_flight: state == State::InFlight,
        is_begun: state == State::InFlight && !cell::<bool>(row, 20, "mark of a restored copy")?,
        is_gone,
        refused_before: before.map(|refusal| EarlierRefusal { refusal, domain_burned }),
        open: OpenStep {
            customer_id: cell(row, 4, "customer id")?,
            next_step: cell(row, 7, "next step")?,
            in_doubt_since: moment(8, 9, "first send")?,
            post_lookup_resends: cell(row, 12, "count of sends after a look-up")?,
            refusal,
        },
        last_sent_at: moment(10, 11, "last send")?,
        unclear_under_earlier_id: cell(row, 13, "mark of an earlier doubt")?,
        unparsed_success: cell(row, 14, "mark of a success")?,
        ..Work::fresh(id, cell(row, 1, "line")?, customer, cell(row, 5, "request id")?)
    })
}
