//! Logs all requests in order of arrival, for tests and for debugging a run.
//!
//! The log is bounded and only in memory. Data that must survive a restart is in the directory (`directory.rs`).

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::faults::Fault;
use super::operation::Operation;
use super::token::TokenKind;

/// How many of the newest requests are kept: enough for every test, and a few dozen MB at most.
const KEPT: usize = 200_000;

/// What identifies a request, as far as the request shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The kind of request.
    pub operation: Operation,
    /// The domain: from the body of a create, the filter of a search or the path of a domain check.
    pub domain: Option<String>,
    /// Its `MS-RequestId`.
    pub request_id: Option<Uuid>,
    /// Its `MS-CorrelationId`.
    pub correlation_id: Option<Uuid>,
}

impl Call {
    /// Does the request go to the API and not to the token authority? Limit, outages and latency apply only to the API.
    pub(super) fn is_api(&self) -> bool {
        self.path.starts_with("/v1/")
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestRecord {
    /// When it arrived, in milliseconds since the simulator started.
    pub at_ms: f64,
    /// When it arrived, on the wall clock.
    pub at: Timestamp,
    /// The request itself.
    #[serde(flatten)]
    pub call: Call,
    /// The kind of its token; `None` if it had no token.
    pub token: Option<TokenKind>,
    /// The status of the reply; `None` until there is one, and always if a fault withheld the reply.
    pub status: Option<u16>,
    /// The fault that struck it.
    pub fault: Option<Fault>,
}

#[derive(Debug)]
pub(super) struct RequestLog {
    started: Instant,
    records: VecDeque<RequestRecord>,
    /// How many records were discarded, which is also the number of the first record kept.
    dropped: usize,
}

impl RequestLog {
    pub(super) fn new() -> RequestLog {
        RequestLog { started: Instant::now(), records: VecDeque::new(), dropped: 0 }
    }

    /// Adds a record and returns its number, for [`RequestLog::answered`].
    pub(super) fn arrived(&mut self, call: Call, token: Option<TokenKind>) -> usize {
        if self.records.len() == KEPT {
            self.records.pop_front();
            self.dropped += 1;
        }
        let at_ms = self.started.elapsed().as_secs_f64() * 1000.0;
        let at = crate::clock::now();
        self.records.push_back(RequestRecord { at_ms, at, call, token, status: None, fault: None });
        self.dropped + self.records.len() - 1
    }

    pub(super) fn answered(&mut self, number: usize, status: Option<u16>, fault: Option<Fault>) {
        let index = number.checked_sub(self.dropped);
        if let Some(record) = index.and_then(|index| self.records.get_mut(index)) {
            record.status = status;
            record.fault = fault;
        }
    }

    pub(super) fn all(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }
}
