//! A server that answers every request with 201, a customer and its password, and counts requests.
//!
//! It uses at most one core and takes only the domain from a request, so that the benchmark measures the program.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// The path that returns the number of requests, without counting itself.
pub(crate) const COUNT: &str = "/count";

const REQUEST_ID: HeaderName = HeaderName::from_static("ms-requestid");
const CORRELATION_ID: HeaderName = HeaderName::from_static("ms-correlationid");

pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(accept()))
}

async fn accept() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    let requests = Rc::new(Cell::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::task::spawn_local(serve(stream, Rc::clone(&requests)));
    }
}

async fn serve(stream: TcpStream, requests: Rc<Cell<u64>>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| answer(request, &requests));
    // A client that disconnects is not an error.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    request: Request<Incoming>,
    requests: &Cell<u64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == COUNT {
        return Ok(Response::new(Full::from(requests.get().to_string())));
    }
    requests.set(requests.get() + 1);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut response = Response::new(Full::from(customer(requests.get(), domain(&body))));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json; charset=utf-8"));
    for name in [REQUEST_ID, CORRELATION_ID] {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    Ok(response)
}

/// The domain in the body of a create.
fn domain(body: &[u8]) -> &str {
    let domain = std::str::from_utf8(body).ok().and_then(|body| body.split_once(r#""domain":""#));
    domain.and_then(|(_, rest)| rest.split_once('"')).map_or("", |(domain, _)| domain)
}

/// A customer like the one in `tests/wire/create-customer-201.http`, with its own id and this domain.
fn customer(number: u64, domain: &str) -> String {
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    format!(
        r#"{{"id":"{id}","commerceId":"{id}","companyProfile":{{"tenantId":"{id}","domain":"{domain}","attributes":{{"objectType":"CustomerCompanyProfile"}}}},"billingProfile":{{"id":"d17c0275-da92-5c33-9032-782ef1d0b69b","email":"test@outlook.com","culture":"en-US","language":"en","companyName":"test company","defaultAddress":{{"country":"US","city":"Redmond","state":"WA","addressLine1":"One Microsoft Way","postalCode":"98052","firstName":"Test","lastName":"Test","phoneNumber":""}},"attributes":{{"etag":"5920358838484612121","objectType":"CustomerBillingProfile"}}}},"enableGDAPByDefault":true,"relationshipToPartner":"none","userCredentials":{{"userName":"admin","password":"=;;n.=s9Z"}},"attributes":{{"objectType":"Customer"}}}}"#
    )
}
