//! The HTTP client: one method per operation, explicit time limits, no redirects, no repeats of its own.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::classify::{self, Answer, Asked, CreateOutcome, Reply};
use super::wire::{CustomerPage, NewCustomer};
use crate::clock;
use crate::customer::Customer;
use crate::ids::{CorrelationId, RequestId};
use crate::transport::{ClientError, Fault, Network, Peer, SentSecrets, bounded_body, http_client_builder};

/// Customers asked for per page; two official clients use this number (fact book 9).
const PAGE_SIZE: u32 = 500;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    /// Such as `https://api.partnercenter.microsoft.com/`.
    pub(crate) api_url: Url,
    /// The way there.
    pub(crate) network: Network,
    /// For one whole exchange.
    pub(crate) timeout: Duration,
    /// Connections kept open.
    pub(crate) connections: usize,
}

/// One finished call: what it means, and what there is to tell about it.
#[derive(Debug)]
pub(crate) struct Exchange<T> {
    pub(crate) outcome: T,
    pub(crate) trace: Trace,
}

/// The ids of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallIds {
    pub(crate) request_id: RequestId,
    pub(crate) correlation_id: CorrelationId,
}

impl CallIds {
    /// Of a question: nothing depends on its request id being remembered.
    pub(crate) fn draw() -> Self {
        Self { request_id: RequestId::draw(), correlation_id: CorrelationId::draw() }
    }
}

/// What support asks for.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// `None`: it never left this machine, or was not taken.
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) ms_cv: Option<String>,
}

/// Talks to one API with whatever token each call is given.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    api_url: Url,
    peer: Peer,
}

impl Client {
    /// Builds the client; sends nothing.
    pub(crate) fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Fixed, so that error texts stay the same wherever it runs (fact book 3.1).
        headers.insert("X-Locale", HeaderValue::from_static("en-US"));
        headers.insert("MS-PartnerCenter-Application", HeaderValue::from_static("Tenantry"));
        let http = http_client_builder(&settings.api_url, &settings.network)?
            .default_headers(headers)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(settings.connections)
            .build()?;
        Ok(Self { http, peer: Peer::api(&settings.api_url), api_url: settings.api_url.clone() })
    }

    /// `POST /v1/customers`. The caller has made the intent durable.
    pub(crate) async fn create_customer(
        &self,
        token: &SecretString,
        ids: CallIds,
        customer: &Customer,
    ) -> Exchange<CreateOutcome> {
        let body = serde_json::to_vec(&NewCustomer::from(customer)).expect("a customer is plain data");
        let request = self
            .request(Method::POST, &["v1", "customers"], token, ids)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: classify::create(reply), trace }
    }

    /// One page of the customers whose domain begins with `domain`; of all, where there is none.
    pub(crate) async fn customers(
        &self,
        token: &SecretString,
        ids: CallIds,
        domain: Option<&str>,
        page: Option<&str>,
    ) -> Exchange<Asked<Page>> {
        let mut request = self.request(Method::GET, &["v1", "customers"], token, ids);
        match domain {
            Some(domain) => {
                let filter =
                    serde_json::json!({ "Field": "Domain", "Value": domain, "Operator": "starts_with" });
                request = request.query(&[("size", PAGE_SIZE.to_string()), ("filter", filter.to_string())]);
            }
            None => request = request.query(&[("size", "1")]),
        }
        let (reply, trace) = self.send(turn_to(page, request)).await;
        let outcome = if is_past_the_end(page, &reply) {
            Asked::Answer(Page::default())
        } else {
            classify::customer_page(reply).map(Page::from)
        };
        Exchange { outcome, trace }
    }

    /// The smallest question that a token can be tried with: does the service count its sign-in as MFA?
    pub(crate) async fn mfa_compliance(
        &self,
        token: &SecretString,
        ids: CallIds,
    ) -> Exchange<Asked<Option<bool>>> {
        let request = self.request(Method::GET, &["v1", "customers"], token, ids);
        let (reply, trace) = self.send(request.query(&[("size", "1")]).header("ValidateMfa", "true")).await;
        Exchange { outcome: classify::mfa_compliance(reply), trace }
    }

    /// `HEAD /v1/domains/{domain}`: is it taken?
    pub(crate) async fn domain_taken(
        &self,
        token: &SecretString,
        ids: CallIds,
        domain: &str,
    ) -> Exchange<Asked<bool>> {
        let request = self.request(Method::HEAD, &["v1", "domains", domain], token, ids);
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: classify::domain_taken(reply), trace }
    }

    /// Sends one request and reads whatever comes of it.
    pub(super) async fn send(&self, request: RequestBuilder) -> (Reply, Trace) {
        let sent_at = clock::now();
        let (reply, ms_cv) = match self.exchange(request).await {
            Err(error) => (failure(&self.peer, &error), None),
            Ok((response, sent)) => {
                let ms_cv = header(&response, &sent, "MS-CV");
                (Reply::Answer(read(self.peer.clone(), response, &sent).await), ms_cv)
            }
        };
        let trace = trace(&reply, sent_at, ms_cv);
        (reply, trace)
    }

    /// The answer, and what of its request must not be told again.
    async fn exchange(
        &self,
        request: RequestBuilder,
    ) -> Result<(reqwest::Response, SentSecrets), reqwest::Error> {
        let request = request.build()?;
        let sent = SentSecrets::of_headers(request.headers());
        Ok((self.http.execute(request).await?, sent))
    }

    pub(super) fn request(
        &self,
        method: Method,
        path: &[&str],
        token: &SecretString,
        ids: CallIds,
    ) -> RequestBuilder {
        let mut url = self.api_url.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(path);
        self.http
            .request(method, url)
            .header("Authorization", bearer(token))
            .header("MS-RequestId", ids.request_id.to_string())
            .header("MS-CorrelationId", ids.correlation_id.to_string())
    }
}

/// Customers of one page, and how to get the next.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Customer id and current default domain.
    pub(crate) customers: Vec<(String, String)>,
    pub(crate) next: Option<String>,
}

impl From<CustomerPage> for Page {
    fn from(page: CustomerPage) -> Self {
        let next = page.next_page().map(str::to_owned);
        let customers = page
            .items
            .into_iter()
            .filter_map(|item| Some((item.id, item.company_profile?.domain?)))
            .collect();
        Self { customers, next }
    }
}

fn bearer(token: &SecretString) -> HeaderValue {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    // Keeps it out of every debug output and out of HTTP/2's header tables.
    value.set_sensitive(true);
    value
}

/// The request for a further page of a list; without one, for the first.
pub(super) fn turn_to(page: Option<&str>, request: RequestBuilder) -> RequestBuilder {
    match page {
        Some(page) => request.query(&[("seekOperation", "Next")]).header("MS-ContinuationToken", page),
        None => request,
    }
}

/// Past the last page the service may say 400 with code 2000: that means done (fact book 9).
pub(super) fn is_past_the_end(page: Option<&str>, reply: &Reply) -> bool {
    page.is_some()
        && matches!(reply, Reply::Answer(answer) if answer.status == 400
            && classify::service_error(answer).code == "2000")
}

/// What there is to tell of a reply, sent off at `sent_at`.
fn trace(reply: &Reply, sent_at: Timestamp, ms_cv: Option<String>) -> Trace {
    let (status, code, text) = match reply {
        Reply::NotSent(silence) | Reply::Broken(silence) => (None, None, Some(silence.reason.clone())),
        Reply::Answer(answer) => {
            let (code, text) = told_by(answer);
            (Some(answer.status), code, text)
        }
    };
    let not_empty = |text: &String| !text.is_empty();
    Trace {
        sent_at: (!matches!(reply, Reply::NotSent(_))).then_some(sent_at),
        finished_at: clock::now(),
        status,
        code: code.filter(not_empty),
        text: text.filter(not_empty),
        ms_cv,
    }
}

/// The code and the words of an answer, whoever gave it.
fn told_by(answer: &Answer) -> (Option<String>, Option<String>) {
    if let Some(silence) = answer.intercepted() {
        (None, Some(silence.reason))
    } else if answer.status < 300 {
        (None, answer.body.as_ref().err().cloned())
    } else {
        let error = classify::service_error(answer);
        (Some(error.code), Some(error.text))
    }
}

/// Invariant: "not sent" needs proof. Anything after a connection was there counts as sent, unless the protocol says
/// that it was not taken.
fn failure(peer: &Peer, error: &reqwest::Error) -> Reply {
    let fault = Fault::of(error);
    let silence = fault.told_of(peer);
    match error.is_connect() || error.is_builder() || fault.is_not_taken() {
        true => Reply::NotSent(silence),
        false => Reply::Broken(silence),
    }
}

async fn read(peer: Peer, response: reqwest::Response, sent: &SentSecrets) -> Answer {
    let header = |name| header(&response, sent, name);
    let status = response.status().as_u16();
    let retry_after = header("Retry-After");
    let content_type = header("Content-Type").unwrap_or_default();
    let challenge = header("WWW-Authenticate");
    let location = header("Location");
    let mfa_compliant = header("isMfaCompliant").and_then(|value| value.to_ascii_lowercase().parse().ok());
    let has_request_id = response.headers().contains_key("MS-RequestId");
    let is_signed = classify::SIGNATURES.iter().any(|name| response.headers().contains_key(*name));
    let at = header("Date").and_then(|date| httpdate::parse_http_date(&date).ok());
    let at = at.and_then(|date| Timestamp::try_from(date).ok()).unwrap_or_else(clock::now);
    let body = bounded_body(response).await.map(|body| sent.struck_out_of(body));
    Answer {
        peer,
        status,
        retry_after,
        content_type,
        location,
        challenge,
        mfa_compliant,
        has_request_id,
        is_signed,
        body,
        at,
    }
}

fn header(response: &reqwest::Response, sent: &SentSecrets, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(sent.struck_out_of_text(value.to_owned()))
}

impl Trace {
    /// Of a call that was given up before it was sent.
    pub(crate) fn never_sent(reason: Option<String>) -> Self {
        Self { sent_at: None, finished_at: clock::now(), status: None, code: None, text: reason, ms_cv: None }
    }
}
