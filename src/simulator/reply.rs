//! An answer before it goes out, in the shapes of the fact book (13.1), and the ways it can be delivered.
//!
//! A [`Reply`] is whole and in memory, so that a fault can still spoil it. What becomes of it on the wire is a
//! [`Delivery`], which travels as an extension of the HTTP response to `delivery.rs` and `server.rs`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use rand::RngExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::Delivery;

/// Status, headers and the whole body.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the service itself answers, as opposed to what stands in front of it.
    pub(super) from_service: bool,
}

impl Reply {
    fn with_body(status: u16, content_type: &'static str, body: Vec<u8>) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Reply { status: status_code(status), headers, body, from_service: true }
    }

    /// No body, as every answer to a HEAD has it (shape D).
    pub(super) fn empty(status: u16) -> Reply {
        let status = status_code(status);
        Reply { status, headers: HeaderMap::new(), body: Vec::new(), from_service: true }
    }

    /// A JSON body of the service itself.
    pub(super) fn json(status: u16, body: &Value) -> Reply {
        Reply::with_body(status, "application/json; charset=utf-8", body.to_string().into_bytes())
    }

    /// A refusal by the service (shape A).
    pub(super) fn refusal(status: u16, code: u32, description: &str, details: &[String]) -> Reply {
        let body =
            json!({ "code": code, "description": description, "data": details, "source": "PartnerFD" });
        Reply::json(status, &body)
    }

    /// A refusal by the gateway in front of the service (shape B); it carries no `MS-` headers.
    pub(super) fn from_gateway(status: u16, message: &str) -> Reply {
        let body = json!({ "statusCode": status, "message": message });
        let reply = Reply::with_body(status, "application/json", body.to_string().into_bytes());
        Reply { from_service: false, ..reply }
    }

    /// What a proxy in front of the gateway says when it is unhappy (shape E).
    pub(super) fn bad_gateway_page() -> Reply {
        let page = "<!DOCTYPE html>\r\n<html><head><title>502 Bad Gateway</title></head>\r\n<body><center>\
                    <h1>502 Bad Gateway</h1></center><hr></body></html>\r\n";
        let reply = Reply::with_body(502, "text/html", page.as_bytes().to_vec());
        Reply { from_service: false, ..reply }
    }

    /// Adds a header. The value must be printable ASCII.
    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Reply {
        let value = HeaderValue::from_str(value).expect("callers pass printable ASCII");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Adds the headers by which support finds a call again; ids that were not sent are made up (fact book 3.2).
    pub(super) fn traced(self, request_id: Option<Uuid>, correlation_id: Option<Uuid>) -> Reply {
        let mut vector = [0u8; 12];
        rand::rng().fill(&mut vector);
        let vector = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vector);
        self.with_header("ms-requestid", &request_id.unwrap_or_else(Uuid::new_v4).to_string())
            .with_header("ms-correlationid", &correlation_id.unwrap_or_else(Uuid::new_v4).to_string())
            .with_header("ms-cv", &format!("{vector}.0"))
            .with_header("ms-serverid", "202010223")
    }

    /// The HTTP response that delivers this reply in the given way.
    pub(super) fn deliver(mut self, delivery: Delivery) -> Response<Body> {
        // Said outright, because a reply that is cut or dribbled out must still announce its full length.
        self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        let (body, on_the_wire) = delivery.apply(self.body);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(on_the_wire) = on_the_wire {
            response.extensions_mut().insert(on_the_wire);
        }
        response
    }
}

/// Statuses come from our own constants, scripts and `refuse-` domains; one that HTTP cannot carry shows as a 500.
fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
