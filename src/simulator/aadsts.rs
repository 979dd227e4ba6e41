//! Error responses of the token authority: `error`, and the number after `AADSTS` (fact book 2.7).

use serde_json::json;
use uuid::Uuid;

use super::reply::Reply;

/// An error response of the token authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: &'static str,
    /// The number after `AADSTS`.
    pub(super) code: u32,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Refusal {
        Refusal { status, error, code, text: text.into() }
    }

    pub(super) fn missing(parameter: &str) -> Refusal {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Refusal::new(400, "invalid_request", 900_144, text)
    }

    pub(super) fn invalid_client(code: u32, text: impl Into<String>) -> Refusal {
        Refusal::new(401, "invalid_client", code, text)
    }

    pub(super) fn invalid_grant(code: u32, text: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_grant", code, text)
    }

    /// The response of the authority during a temporary failure.
    pub(super) fn unavailable(status: u16) -> Refusal {
        let text = "A transient error has occurred. Please try again.";
        Refusal::new(status, "temporarily_unavailable", 90_033, text)
    }

    /// Shape F of the fact book, as in `token-error-400.http`.
    pub(super) fn reply(&self) -> Reply {
        let (trace_id, correlation_id) = (Uuid::new_v4(), Uuid::new_v4());
        let timestamp = crate::clock::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let description = format!(
            "AADSTS{}: {}\r\nTrace ID: {trace_id}\r\nCorrelation ID: {correlation_id}\r\nTimestamp: {timestamp}",
            self.code, self.text
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
        });
        Reply::json(self.status, &body)
    }
}
