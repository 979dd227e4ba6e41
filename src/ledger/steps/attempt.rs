//! The HTTP calls of a step.
//!
//! A call that changes something is recorded before its first byte is sent, and gets one outcome. Lookups need no
//! intent; they are recorded when they have ended.

use jiff::Timestamp;
use rusqlite::{ToSql, Transaction, params_from_iter};

use super::super::passwords::{self, ForeignAnswer};
use super::super::stored::{Value, assignments, insert};
use super::super::{AttemptId, Error, Result, RowId, RunId};
use tenantry_model::clock::{BootMoment, Moment};
use tenantry_model::ids::{CorrelationId, RequestId};

/// The service's own text is stored up to this many characters; its documentation promises at most 1024.
const TEXT_LIMIT: usize = 4096;

/// The kind of an HTTP call.
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

/// A request that may be sent now, because the ledger has recorded it.
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
    /// The attempt that an intent has made; `None` for a lookup, which needs no intent.
    pub attempt: Option<AttemptId>,
    pub operation: Operation,
    pub request_id: RequestId,
    pub correlation_id: CorrelationId,
    /// `None`: it was never sent.
    pub sent_at: Option<Timestamp>,
    pub finished_at: Timestamp,
    /// One word, such as `created`, `refused` or `unknown`.
    pub outcome: &'static str,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub text: Option<String>,
    pub ms_cv: Option<String>,
    /// The part of the answer that belongs to another customer.
    pub foreign: Option<Box<ForeignAnswer>>,
}

impl AttemptResult {
    /// Marks a success that does not belong to its row, so the outcome of its row is not known.
    pub fn belongs_to_another(&mut self, foreign: ForeignAnswer) {
        self.outcome = "unknown";
        self.text = Some(foreign.describe());
        self.foreign = Some(Box::new(foreign));
    }

    /// Is this a create that the service answered with a success that could not be parsed, or that belongs to another
    /// row? An answer of a middlebox does not count: its outcome is `intercepted`.
    pub fn is_unread_success(&self) -> bool {
        self.operation == Operation::Create
            && self.outcome == "unknown"
            && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Records the call, before its first byte is sent.
pub(super) fn begin(
    tx: &Transaction<'_>,
    run: RunId,
    row: RowId,
    operation: Operation,
    request_id: RequestId,
) -> Result<Attempt> {
    let intended_at = Moment::now();
    let correlation_id = CorrelationId::draw();
    let values: [Value<'_>; 7] = [
        ("row_id", &row),
        ("run_id", &run),
        ("operation", &operation),
        ("request_id", &request_id),
        ("correlation_id", &correlation_id),
        ("intended_at", &intended_at.wall.as_millisecond()),
        ("intended_boot_ms", &intended_at.boot.map(BootMoment::since_boot_ms)),
    ];
    let id = insert(tx, "http_attempts", &values)?;
    Ok(Attempt { id: AttemptId(id), request_id, correlation_id, intended_at })
}

/// Invariant: an attempt gets one outcome. A second one means that our own bookkeeping is broken. Exception:
/// `interrupted` may be overwritten, because another process wrote it without knowing that this one was still running.
pub(super) fn end(tx: &Transaction<'_>, run: RunId, row: RowId, result: &AttemptResult) -> Result<()> {
    let values: [Value<'_>; 7] = [
        ("sent_at", &result.sent_at.map(Timestamp::as_millisecond)),
        ("finished_at", &result.finished_at.as_millisecond()),
        ("outcome", &result.outcome),
        ("status", &result.status),
        ("code", &result.code),
        ("text", &result.text.as_deref().map(bounded)),
        ("ms_cv", &result.ms_cv),
    ];
    let attempt = match result.attempt {
        Some(attempt) => {
            let sql = format!(
                "UPDATE http_attempts SET {}
                  WHERE id = ? AND row_id = ? AND (outcome IS NULL OR outcome = 'interrupted')",
                assignments(&values)
            );
            let key: [&dyn ToSql; 2] = [&attempt, &row];
            let parameters = params_from_iter(values.iter().map(|(_, value)| *value).chain(key));
            if tx.prepare_cached(&sql)?.execute(parameters)? == 0 {
                let what = format!("attempt {attempt} already has an outcome");
                return Err(Error::Stored { row: row.0, what });
            }
            attempt
        }
        None => {
            let call: [Value<'_>; 6] = [
                ("row_id", &row),
                ("run_id", &run),
                ("operation", &result.operation),
                ("request_id", &result.request_id),
                ("correlation_id", &result.correlation_id),
                ("intended_at", &result.sent_at.unwrap_or(result.finished_at).as_millisecond()),
            ];
            AttemptId(insert(tx, "http_attempts", &[&call, &values[..]].concat())?)
        }
    };
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
