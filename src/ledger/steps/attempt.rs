//! The HTTP calls of a step: begun before their first byte is sent, and ended once. Questions need no intent, and are
//! recorded when they have ended.

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::super::passwords::{self, ForeignAnswer};
use super::super::{AttemptId, Error, RowId, RunId};
use tenantry_model::clock::{BootMoment, Moment};
use tenantry_model::ids::{CorrelationId, RequestId};

/// The service's own text is kept up to this many characters; its documents promise at most 1024.
const TEXT_LIMIT: usize = 4096;

/// What an HTTP call asks of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Operation {
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

/// One request that may be sent now, because the ledger knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    pub request_id: RequestId,
    pub correlation_id: CorrelationId,
    pub intended_at: Moment,
}

/// One finished HTTP call, as it is recorded.
#[derive(Debug, Clone)]
pub struct AttemptResult {
    /// The attempt that an intent has made; `None` for a question, which needs no intent.
    pub attempt: Option<AttemptId>,
    pub operation: Operation,
    pub request_id: RequestId,
    pub correlation_id: CorrelationId,
    /// `None`: it never left this machine.
    pub sent_at: Option<Timestamp>,
    pub finished_at: Timestamp,
    /// In one word, such as `created`, `refused` or `unknown`.
    pub outcome: &'static str,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub text: Option<String>,
    pub ms_cv: Option<String>,
    /// What it brought that belongs to another customer.
    pub foreign: Option<Box<ForeignAnswer>>,
}

impl AttemptResult {
    /// The success that it was answered with is not of its row, so what became of that is not known.
    pub fn belongs_to_another(&mut self, foreign: ForeignAnswer) {
        self.outcome = "unknown";
        self.text = Some(foreign.in_words());
        self.foreign = Some(Box::new(foreign));
    }

    /// A create that the service answered with a success that could not be understood, or that was another row's. What somebody on the way said
    /// in its place is `intercepted`, and nobody's success.
    pub fn is_unread_success(&self) -> bool {
        self.operation == Operation::Create
            && self.outcome == "unknown"
            && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// The call, before its first byte is sent.
pub(super) fn begin(
    tx: &Transaction<'_>,
    run: RunId,
    row: RowId,
    operation: Operation,
    request_id: RequestId,
) -> Result<Attempt, Error> {
    let intended_at = Moment::now();
    let correlation_id = CorrelationId::draw();
    let boot_ms = intended_at.boot.map(BootMoment::since_boot_ms);
    let id = insert(tx, (row, run, operation, request_id, correlation_id), intended_at.wall, boot_ms)?;
    Ok(Attempt { id, request_id, correlation_id, intended_at })
}

fn insert(
    tx: &Transaction<'_>,
    (row, run, operation, request_id, correlation_id): (RowId, RunId, Operation, RequestId, CorrelationId),
    intended_at: Timestamp,
    boot_ms: Option<u64>,
) -> Result<AttemptId, Error> {
    tx.prepare_cached(
        "INSERT INTO http_attempts (row_id, run_id, operation, request_id, correlation_id, intended_at,
                                    intended_boot_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        row,
        run,
        operation,
        request_id,
        correlation_id,
        intended_at.as_millisecond(),
        boot_ms,
    ))?;
    Ok(AttemptId(tx.last_insert_rowid()))
}

/// Invariant: an attempt gets one outcome. A second one means that our own bookkeeping is broken. That it was taken for
/// `interrupted`, by a process that did not know of this one, is none.
pub(super) fn end(tx: &Transaction<'_>, run: RunId, row: RowId, result: &AttemptResult) -> Result<(), Error> {
    let attempt = match result.attempt {
        Some(attempt) => attempt,
        None => {
            let call = (row, run, result.operation, result.request_id, result.correlation_id);
            insert(tx, call, result.sent_at.unwrap_or(result.finished_at), None)?
        }
    };
    let changed = tx
        .prepare_cached(
            "UPDATE http_attempts
                SET sent_at = ?3, finished_at = ?4, outcome = ?5, status = ?6, code = ?7, text = ?8, ms_cv = ?9
              WHERE id = ?1 AND row_id = ?2 AND (outcome IS NULL OR outcome = 'interrupted')",
        )?
        .execute(params![
            attempt,
            row,
            result.sent_at.map(Timestamp::as_millisecond),
            result.finished_at.as_millisecond(),
            result.outcome,
            result.status,
            result.code,
            result.text.as_deref().map(bounded),
            result.ms_cv
        ])?;
    if changed != 1 {
        return Err(Error::Stored { row: row.0, what: format!("attempt {attempt} already has an outcome") });
    }
    match &result.foreign {
        Some(foreign) => passwords::keep_foreign(tx, row, attempt, foreign),
        None => Ok(()),
    }
}

pub(super) fn bounded(text: &str) -> &str {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
