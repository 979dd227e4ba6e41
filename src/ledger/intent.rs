//! The committed decision to send.
//!
//! The intent is committed before the first byte leaves. If we die between the two, `resume` finds a row in flight
//! and settles it; the other order could create a customer that nothing here remembers.

use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{OptionalExtension, Transaction};

use super::state::{self, Event, State};
use super::{AttemptId, Error, Recorder, RowId, RunId};
use crate::clock::{self, BootMoment, Moment};
use crate::ids::{CorrelationId, RequestId};

/// What an HTTP call asks of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `POST /v1/customers`.
    Create,
    /// `GET /v1/customers` with a filter on the domain.
    FindCustomer,
    /// `HEAD /v1/domains/{domain}`.
    CheckDomain,
    /// `GET /v1/agreements`.
    FindAgreement,
    /// `POST /v1/customers/{id}/agreements`.
    RecordAgreement,
}

impl Operation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::FindCustomer => "find_customer",
            Operation::CheckDomain => "check_domain",
            Operation::FindAgreement => "find_agreement",
            Operation::RecordAgreement => "record_agreement",
        }
    }
}

impl ToSql for Operation {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

/// One request that may be sent now, because the ledger knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) request_id: RequestId,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) intended_at: Moment,
}

impl Recorder {
    /// Makes the row `in_flight` and the attempt durable under the row's own request id.
    ///
    /// Invariant: no create is sent without the [`Attempt`] that this returns, and it returns only after the
    /// commit.
    pub(crate) async fn intend_create(&self, row: RowId, request_id: RequestId) -> Result<Attempt, Error> {
        let run = self.run;
        self.writer.may_intend()?;
        self.writer.write(move |tx| intend(tx, run, row, request_id)).await
    }
}

fn intend(tx: &Transaction<'_>, run: RunId, row: RowId, request_id: RequestId) -> Result<Attempt, Error> {
    let now = clock::now();
    let (from, stored): (State, Option<RequestId>) = tx
        .prepare_cached("SELECT state, request_id FROM customer_rows WHERE id = ?1")?
        .query_row([row], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?
        .ok_or_else(|| Error::Stored { row: row.0, what: "it is gone".to_owned() })?;
    if stored != Some(request_id) {
        return Err(Error::Stored {
            row: row.0,
            what: "its request id is not the one to be sent".to_owned(),
        });
    }
    let to = state::next(from, Event::Intended)?;
    let sql = if from == State::Pending {
        // The refusal of an earlier try must not be taken for one of this, should we die before its answer.
        "UPDATE customer_rows
            SET state = ?2, changed_at = ?3,
                error_code = NULL, error_status = NULL, error_text = NULL, domain_burned = 0
          WHERE id = ?1"
    } else {
        "UPDATE customer_rows SET state = ?2, changed_at = ?3 WHERE id = ?1"
    };
    tx.prepare_cached(sql)?.execute((row, to, now.as_millisecond()))?;
    begin_attempt(tx, run, row, Operation::Create, request_id)
}

/// The attempt, before its first byte is sent.
pub(super) fn begin_attempt(
    tx: &Transaction<'_>,
    run: RunId,
    row: RowId,
    operation: Operation,
    request_id: RequestId,
) -> Result<Attempt, Error> {
    let now = Moment::now();
    let correlation_id = CorrelationId::draw();
    let boot_ms = now.boot.map(BootMoment::since_boot_ms);
    tx.prepare_cached(
        "INSERT INTO http_attempts (row_id, run_id, operation, request_id, correlation_id, intended_at,
                                    intended_boot_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((row, run, operation, request_id, correlation_id, now.wall.as_millisecond(), boot_ms))?;
    Ok(Attempt { id: AttemptId(tx.last_insert_rowid()), request_id, correlation_id, intended_at: now })
}
