//! What there is to tell of one call: to the ledger, and to Microsoft support.

use jiff::Timestamp;
use tenantry_model::ids::{CorrelationId, RequestId};

/// The ids of one call.
#[derive(Debug, Clone, Copy)]
pub struct CallIds {
    pub request_id: RequestId,
    pub correlation_id: CorrelationId,
}

impl CallIds {
    /// Of a question: nothing depends on its request id being remembered.
    pub fn draw() -> Self {
        Self { request_id: RequestId::draw(), correlation_id: CorrelationId::draw() }
    }
}

/// What support asks for.
#[derive(Debug, Clone)]
pub struct Trace {
    pub ids: CallIds,
    /// In one word, such as `created`, `refused` or `unknown`.
    pub outcome: &'static str,
    /// `None`: it never left this machine, or was not taken.
    pub sent_at: Option<Timestamp>,
    pub finished_at: Timestamp,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub text: Option<String>,
    pub ms_cv: Option<String>,
}
