//! Sends requests over HTTP, with timeouts, and without redirects or retries.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::classify::{self, Answer, Reply};
use super::outcome::Outcome;
use super::request::Request;
use super::trace::{CallIds, Trace};
use crate::transport::{ClientError, Http, Network, Peer, SendError, SentSecrets, bounded_body};
use tenantry_model::clock;

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// For example `https://api.partnercenter.microsoft.com/`.
    pub api_url: Url,
    /// Proxies and certificate authorities.
    pub network: Network,
    /// The timeout of one whole exchange.
    pub timeout: Duration,
    /// The maximum number of idle connections that are kept open.
    pub connections: usize,
}

/// One finished call: its outcome and its trace.
#[derive(Debug)]
pub struct Exchange<T> {
    pub outcome: Outcome<T>,
    pub trace: Trace,
}

/// Sends requests to one API. Each call passes its own token.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    api_url: Url,
    peer: Peer,
}

impl Client {
    /// Builds the client. Sends nothing.
    pub fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Fixed, so that error texts have the same language everywhere (fact book 3.1).
        headers.insert("X-Locale", HeaderValue::from_static("en-US"));
        headers.insert("MS-PartnerCenter-Application", HeaderValue::from_static("Tenantry"));
        let http = Http::new(&settings.api_url, &settings.network, settings.timeout, |builder| {
            builder.default_headers(headers).pool_max_idle_per_host(settings.connections)
        })?;
        Ok(Self { http, peer: Peer::api(&settings.api_url), api_url: settings.api_url.clone() })
    }

    /// Sends one request and interprets the reply.
    pub async fn send<T>(&self, request: &Request<'_, T>, token: &SecretString, ids: CallIds) -> Exchange<T> {
        let sent_at = clock::now();
        let (reply, ms_cv, answered_at) = match self.exchange(request, token, ids).await {
            Err(error) => (failure(&self.peer, error), None, None),
            Ok((response, sent)) => {
                let (ms_cv, date) = (header(&response, &sent, "MS-CV"), date(&response, &sent));
                (Reply::Answer(read(self.peer.clone(), response, &sent, date).await), ms_cv, date)
            }
        };
        let trace = Trace { ms_cv, answered_at, ..trace(&reply, ids, sent_at) };
        let outcome = (request.understand)(reply);
        let trace = Trace { outcome: request.kind.word(&outcome), ..trace };
        Exchange { outcome, trace }
    }

    /// Returns the response, and the secrets of the request, which must not appear in reports about it.
    async fn exchange<T>(
        &self,
        request: &Request<'_, T>,
        token: &SecretString,
        ids: CallIds,
    ) -> Result<(reqwest::Response, SentSecrets), SendError> {
        let mut url = self.api_url.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(&request.path);
        let mut builder = self
            .http
            .request(request.method.clone(), url)
            .query(&request.query)
            .header("Authorization", bearer(token))
            .header("MS-RequestId", ids.request_id.to_string())
            .header("MS-CorrelationId", ids.correlation_id.to_string());
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let request = builder.build()?;
        let sent = SentSecrets::of_headers(request.headers());
        Ok((self.http.execute(request).await?, sent))
    }
}

fn bearer(token: &SecretString) -> HeaderValue {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    // Hides the value from debug output, and keeps it out of HTTP/2's header tables.
    value.set_sensitive(true);
    value
}

/// The trace of a reply to a request that was sent at `sent_at`.
fn trace(reply: &Reply, ids: CallIds, sent_at: Timestamp) -> Trace {
    let (status, code, text) = match reply {
        Reply::NotSent(silence) | Reply::Broken(silence) => (None, None, Some(silence.reason.clone())),
        Reply::Answer(answer) => {
            let (code, text) = code_and_text(answer);
            (Some(answer.status), code, text)
        }
    };
    let not_empty = |text: &String| !text.is_empty();
    Trace {
        ids,
        outcome: "",
        sent_at: (!matches!(reply, Reply::NotSent(_))).then_some(sent_at),
        finished_at: clock::now(),
        answered_at: None,
        status,
        code: code.filter(not_empty),
        text: text.filter(not_empty),
        ms_cv: None,
    }
}

/// The code and the text of an answer, from the service or a middlebox.
fn code_and_text(answer: &Answer) -> (Option<String>, Option<String>) {
    if let Some(silence) = answer.intercepted() {
        (None, Some(silence.reason))
    } else if answer.status < 300 {
        (None, answer.body.as_ref().err().cloned())
    } else {
        let error = classify::service_error(answer);
        (Some(error.code), Some(error.text))
    }
}

fn failure(peer: &Peer, error: SendError) -> Reply {
    match error.explain(peer) {
        (silence, true) => Reply::NotSent(silence),
        (silence, false) => Reply::Broken(silence),
    }
}

async fn read(
    peer: Peer,
    response: reqwest::Response,
    sent: &SentSecrets,
    date: Option<Timestamp>,
) -> Answer {
    let header = |name| header(&response, sent, name);
    Answer {
        peer,
        status: response.status().as_u16(),
        retry_after: header("Retry-After"),
        content_type: header("Content-Type").unwrap_or_default(),
        location: header("Location"),
        challenge: header("WWW-Authenticate"),
        mfa_compliant: header("isMfaCompliant").and_then(|value| value.to_ascii_lowercase().parse().ok()),
        has_request_id: response.headers().contains_key("MS-RequestId"),
        is_signed: classify::SIGNATURES.iter().any(|name| response.headers().contains_key(*name)),
        at: date.unwrap_or_else(clock::now),
        body: bounded_body(response).await.map(|body| sent.struck_out_of(body)),
    }
}

/// The header `Date`.
fn date(response: &reqwest::Response, sent: &SentSecrets) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(&header(response, sent, "Date")?).ok()?;
    Timestamp::try_from(date).ok()
}

fn header(response: &reqwest::Response, sent: &SentSecrets, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(sent.struck_out_of_text(value.to_owned()))
}
