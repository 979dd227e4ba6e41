//! A request as it came, whole.

use axum::body::to_bytes;
use axum::body::{Body, Bytes};
use axum::extract::FromRequest;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};

use super::operation::Operation;
use super::request_log::Call;

/// The most that a body may have: far beyond any customer.
const MOST_BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Arrived {
    type Rejection = StatusCode;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Arrived, StatusCode> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, MOST_BYTES).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        Ok(Arrived { method: parts.method, uri: parts.uri, headers: parts.headers, body })
    }
}

impl Arrived {
    /// What goes on record.
    pub(super) fn call(&self, operation: Operation, domain: Option<String>) -> Call {
        Call::new(operation, domain, &self.method, &self.uri, &self.headers)
    }

    pub(super) fn query(&self) -> Query {
        let query = self.uri.query().unwrap_or_default();
        Query(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The address under which the simulator was reached.
    pub(super) fn own_url(&self) -> String {
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        format!("http://{}", host.unwrap_or_default())
    }
}

/// What follows the question mark.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// A value by its name, in any case, unless it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}
