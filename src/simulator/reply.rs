//! A reply in the shapes of the fact book (13.1), before it is sent.
//!
//! A [`Reply`] is complete and in memory, so that a fault can still change it. A [`Delivery`] defines how it is sent;
//! it is passed as an extension of the HTTP response to `delivery.rs` and `server.rs`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::Delivery;

/// The shape of a refusal's body (fact book 13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// The shape that the documentation has for the refusal.
    Documented,
    /// A: `code`, `description`, `data`, `source`.
    Service,
    /// B: `statusCode`, `message`, without the headers of the service.
    Gateway,
    /// C: `code`, `message`, `description`, `errorName` and more.
    Newer,
    /// D: no body.
    Empty,
    /// E: a page of HTML.
    Page,
}

/// Status, headers and the whole body.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The reason phrase, if it is not the usual one.
    reason: Option<&'static str>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Is the reply from the service itself, and not from a gateway or proxy in front of it?
    pub(super) from_service: bool,
    /// If the body is a refusal by the service: its content, so that the body can get another shape.
    refusal: Option<Refusal>,
}

/// The content of a refusal by the service, independent of the shape.
#[derive(Debug, Clone)]
struct Refusal {
    code: u32,
    code_as_text: bool,
    description: String,
    details: Vec<String>,
    source: &'static str,
    /// Used in shape C; `Some` if shape C is the documented one.
    error_name: Option<&'static str>,
}

impl Reply {
    fn with_body(status: u16, content_type: &'static str, body: Vec<u8>) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Reply { headers, body, ..Reply::empty(status) }
    }

    /// No body, as for every reply to a HEAD (shape D).
    pub(super) fn empty(status: u16) -> Reply {
        Reply {
            status: status_code(status),
            reason: None,
            headers: HeaderMap::new(),
            body: Vec::new(),
            from_service: true,
            refusal: None,
        }
    }

    /// A JSON body from the service itself.
    pub(super) fn json(status: u16, body: &Value) -> Reply {
        Reply::with_body(status, "application/json; charset=utf-8", body.to_string().into_bytes())
    }

    /// A plain text for people.
    pub(super) fn text(text: &str) -> Reply {
        Reply::with_body(200, "text/plain; charset=utf-8", text.as_bytes().to_vec())
    }

    /// A refusal by the service (shape A).
    pub(super) fn refusal(status: u16, code: u32, description: &str, details: &[String]) -> Reply {
        Reply::refusal_by("PartnerFD", status, code, description, details)
    }

    /// A refusal by another component of the service.
    pub(super) fn refusal_by(
        source: &'static str,
        status: u16,
        code: u32,
        description: &str,
        details: &[String],
    ) -> Reply {
        let (description, details) = (description.to_owned(), details.to_vec());
        let refusal = Refusal { code, code_as_text: false, description, details, source, error_name: None };
        Reply { refusal: Some(refusal), ..Reply::empty(status) }.shaped(ErrorShape::Documented, false)
    }

    /// The same refusal by a newer component of the service (shape C), as in `agreement-duplicate-600061.json`.
    pub(super) fn by_newer_part(self, error_name: &'static str) -> Reply {
        let refusal = self.refusal.map(|refusal| Refusal { error_name: Some(error_name), ..refusal });
        Reply { refusal, ..self }.shaped(ErrorShape::Documented, false)
    }

    /// A refusal by the service in another shape; all other replies stay unchanged.
    pub(super) fn shaped(self, shape: ErrorShape, code_as_text: bool) -> Reply {
        let Some(mut refusal) = self.refusal else { return self };
        refusal.code_as_text |= code_as_text;
        let status = self.status.as_u16();
        let shaped = match shape {
            ErrorShape::Gateway => Reply::from_gateway(status, &refusal.description),
            ErrorShape::Empty => Reply::empty(status),
            ErrorShape::Page => Reply::page(status),
            ErrorShape::Documented if refusal.error_name.is_some() => Reply::json(status, &refusal.newer()),
            ErrorShape::Newer => Reply::json(status, &refusal.newer()),
            ErrorShape::Documented | ErrorShape::Service => Reply::json(status, &refusal.of_service()),
        };
        let mut headers = self.headers;
        headers.remove(header::CONTENT_TYPE);
        headers.extend(shaped.headers);
        Reply { headers, refusal: Some(refusal), ..shaped }
    }

    /// A refusal by the gateway in front of the service (shape B); it has no `MS-` headers.
    pub(super) fn from_gateway(status: u16, message: &str) -> Reply {
        let body = json!({ "statusCode": status, "message": message });
        let reply = Reply::with_body(status, "application/json", body.to_string().into_bytes());
        Reply { from_service: false, ..reply }
    }

    /// An error page of a proxy in front of the gateway (shape E).
    pub(super) fn page(status: u16) -> Reply {
        let title = status_code(status);
        let page = format!(
            "<!DOCTYPE html>\r\n<html><head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1>\
             </center><hr></body></html>\r\n"
        );
        let reply = Reply::with_body(status, "text/html", page.into_bytes());
        Reply { from_service: false, ..reply }
    }

    /// Sets another reason phrase, which HTTP/2 would drop.
    pub(super) fn with_reason(self, reason: &'static str) -> Reply {
        Reply { reason: Some(reason), ..self }
    }

    /// Adds a header. The value must be printable ASCII.
    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Reply {
        let value = HeaderValue::from_str(value).expect("callers pass printable ASCII");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Adds the headers with which support finds a call; ids that were not sent are generated (fact book 3.2).
    pub(super) fn traced(self, request_id: Option<Uuid>, correlation_id: Option<Uuid>) -> Reply {
        let mut vector = [0u8; 12];
        rand::rng().fill(&mut vector);
        let vector = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vector);
        self.with_header("ms-requestid", &request_id.unwrap_or_else(Uuid::new_v4).to_string())
            .with_header("ms-correlationid", &correlation_id.unwrap_or_else(Uuid::new_v4).to_string())
            .with_header("ms-cv", &format!("{vector}.0"))
            .with_header("ms-serverid", "202010223")
            .with_header("request-context", "appId=cid-v1:03ce8ca8-8373-4021-8f25-d5dd45c7b12f")
    }

    /// The HTTP response that delivers this reply in this way.
    pub(super) fn deliver(mut self, delivery: Delivery) -> Response<Body> {
        // Set explicitly, because a reply that is cut or sent slowly must still declare its full length.
        self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        let (body, on_the_wire) = delivery.apply(self.body);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(ReasonPhrase::from_static(reason.as_bytes()));
        }
        if let Some(on_the_wire) = on_the_wire {
            response.extensions_mut().insert(on_the_wire);
        }
        response
    }
}

impl Refusal {
    fn code(&self) -> Value {
        if self.code_as_text { json!(self.code.to_string()) } else { json!(self.code) }
    }

    fn of_service(&self) -> Value {
        json!({
            "code": self.code(),
            "description": self.description,
            "data": self.details,
            "source": self.source,
        })
    }

    fn newer(&self) -> Value {
        json!({
            "code": self.code(),
            "message": self.description,
            "description": self.description,
            "errorName": self.error_name.unwrap_or("RequestRefused"),
            "isRetryable": self.code == 800_003,
            "parameters": {},
            "errorMessageExtended": format!("InternalErrorCode={}", self.code),
        })
    }
}

/// Statuses come from constants, scripts and `refuse-` domains; an invalid HTTP status becomes 500.
fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
