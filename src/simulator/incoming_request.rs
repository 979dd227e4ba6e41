//! A request with its complete body.

use axum::body::to_bytes;
use axum::body::{Body, Bytes};
use axum::extract::FromRequest;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use uuid::Uuid;

use super::json_body::JsonBody;
use super::operation::Operation;
use super::request_log::Call;
use super::scenario::RequestIds;

/// The maximum size of a body: far more than any customer needs.
const MOST_BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct IncomingRequest {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// The value of the path parameter of the route.
    pub(super) parameter: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The body, if it is a JSON object.
    pub(super) order: Option<JsonBody>,
}

impl<S: Send + Sync> FromRequest<S> for IncomingRequest {
    type Rejection = StatusCode;

    async fn from_request(request: Request<Body>, _: &S) -> Result<IncomingRequest, StatusCode> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, MOST_BYTES).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
        let order = JsonBody::parse(&body);
        Ok(IncomingRequest { method, uri, parameter: String::new(), headers, body, order })
    }
}

impl IncomingRequest {
    /// The entry for the request log. If ids are optional, an id that was not sent is made here.
    pub(super) fn call(&self, operation: Operation, domain: Option<String>, ids: RequestIds) -> Call {
        let id = |name| match self.headers.get(name) {
            None => (ids == RequestIds::Optional).then(Uuid::new_v4),
            Some(sent) => sent.to_str().ok().and_then(|sent| Uuid::try_parse(sent).ok()),
        };
        Call {
            method: self.method.to_string(),
            path: self.uri.path().to_owned(),
            operation,
            domain,
            request_id: id("ms-requestid"),
            correlation_id: id("ms-correlationid"),
        }
    }

    /// The value of a header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn query(&self) -> Query {
        let query = self.uri.query().unwrap_or_default();
        Query(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The URL at which the client reached the simulator, if there is no proxy in between.
    pub(super) fn direct_url(&self) -> String {
        format!("http://{}", self.header(header::HOST.as_str()).unwrap_or_default())
    }
}

/// The query of the URL.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The value with this name, in any letter case; `None` if it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}
