//! Defines the trace of a call, for the ledger and for Microsoft support.

use jiff::Timestamp;
use tenantry_model::ids::{CorrelationId, RequestId};

/// The ids of one call.
#[derive(Debug, Clone, Copy)]
pub struct CallIds {
    pub request_id: RequestId,
    pub correlation_id: CorrelationId,
}

impl CallIds {
    /// New ids for a lookup: its request id need not be remembered.
    pub fn draw() -> Self {
        Self { request_id: RequestId::draw(), correlation_id: CorrelationId::draw() }
    }
}

/// What Microsoft support needs to find a call.
#[derive(Debug, Clone)]
pub struct Trace {
    pub ids: CallIds,
    /// One word, for example `created`, `refused` or `unknown`.
    pub outcome: &'static str,
    /// `None`: the request was not sent, or the service did not take it.
    pub sent_at: Option<Timestamp>,
    pub finished_at: Timestamp,
    /// The service's clock when it answered (the header `Date`).
    pub answered_at: Option<Timestamp>,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub text: Option<String>,
    pub ms_cv: Option<String>,
}
