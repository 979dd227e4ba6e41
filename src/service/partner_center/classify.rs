//! What any result of a call means. Total: every reply has an outcome, and a reply that cannot be understood is
//! never taken for a verdict.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::codes::{self, Class};
use super::outcome::{Outcome, ServiceError};
use super::retry_after;
use super::wire::{CustomerItem, ErrorBody, ListPage, NewTenant, Page, without_bom};
use crate::transport::middlebox::{ResponseView, excerpt};
use crate::transport::{NoResponse, Peer};

/// What came back from a call, before it is understood.
#[derive(Debug)]
pub enum Reply {
    /// Proof that the service did not begin with it: name lookup, refused connection, TLS, or a connection that was
    /// closed with the request untaken.
    NotSent(NoResponse),
    /// The connection broke, or time ran out, after the first byte may have left.
    Broken(NoResponse),
    /// A status line and headers came.
    Answer(Answer),
}

#[derive(Debug)]
pub struct Answer {
    /// Who should have given it.
    pub peer: Peer,
    pub status: u16,
    pub retry_after: Option<String>,
    pub content_type: String,
    /// Where a redirect leads to.
    pub location: Option<String>,
    /// `WWW-Authenticate`, which a 401 without a body has its reason in.
    pub challenge: Option<String>,
    /// `isMfaCompliant`, where `ValidateMfa` asked and the service tells.
    pub mfa_compliant: Option<bool>,
    /// Partner Center itself answers with an `MS-RequestId`; a gateway in front of it does not.
    pub has_request_id: bool,
    /// It carries one of the [`SIGNATURES`].
    pub is_signed: bool,
    /// `Err`: the body was cut short or too long, and why. Zeroized, because a 201 carries a password.
    pub body: Result<Zeroizing<Vec<u8>>, String>,
    /// The service's own clock where it told, else ours: what a `Retry-After` date is relative to.
    pub at: Timestamp,
}

/// Headers that Partner Center sends and that a proxy or gateway on the way does not make (fact book 2.5 and 3.2).
pub(super) const SIGNATURES: [&str; 5] =
    ["MS-RequestId", "MS-CorrelationId", "MS-CV", "MS-ServerId", "Request-Context"];

impl Answer {
    /// Why this is not an answer of the service, where something on the way gave it.
    pub(super) fn intercepted(&self) -> Option<NoResponse> {
        let look = ResponseView {
            status: self.status,
            content_type: &self.content_type,
            location: self.location.as_deref(),
            body: self.bytes(),
            has_service_headers: self.is_signed || self.is_refused_token() || self.has_service_error(),
        };
        look.silence(&self.peer)
    }

    /// A resource that takes bearer tokens says so with its 401; a proxy asks for a password.
    fn is_refused_token(&self) -> bool {
        let scheme = self.challenge.as_deref().and_then(|challenge| challenge.split_whitespace().next());
        self.status == 401 && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer"))
    }

    /// The body has the shape of the service's own errors: a code with its description (fact book 13.1, A and C). The
    /// shape of gateways has neither.
    fn has_service_error(&self) -> bool {
        let error: Result<ErrorBody, _> = serde_json::from_slice(without_bom(self.bytes()));
        error.is_ok_and(|error| error.is_the_services(self.status))
    }

    /// As much of the body as came.
    fn bytes(&self) -> &[u8] {
        self.body.as_ref().map(|body| body.as_slice()).unwrap_or_default()
    }
}

/// The outcome of a `POST /v1/customers`.
pub fn create(reply: Reply) -> Outcome<NewTenant> {
    verdict(reply, |answer, error| match answer.status {
        // 202 promises a verdict later; the documents do not say where (fact book 4).
        202 => Outcome::Unknown("accepted with 202, without a verdict".into()),
        200..=299 => new_tenant(answer),
        _ => match refusal(answer, error, |answer, error| match error.status {
            405 | 412 | 417 => Some(Class::FixTheConfiguration),
            404 if is_gateway(answer, error) => Some(Class::FixTheConfiguration),
            403 => Some(Class::Unexplained),
            409 => Some(Class::DomainTaken),
            // A 4xx that carries no code of the service's is no verdict of the service (fact book 3.3).
            400..=499 if !error.code.is_empty() => Some(Class::FixTheRow),
            _ => None,
        }) {
            Outcome::Refused(Class::FixTheRow, error) if says_taken(&error) => {
                Outcome::Refused(Class::DomainTaken, error)
            }
            outcome => outcome,
        },
    })
}

/// What every reply has in common; `understand` gets what the service itself has said.
pub(super) fn verdict<T>(
    reply: Reply,
    understand: impl FnOnce(&Answer, ServiceError) -> Outcome<T>,
) -> Outcome<T> {
    let answer = match reply {
        Reply::NotSent(silence) => return Outcome::NotSent(silence),
        Reply::Broken(silence) => return Outcome::Unknown(silence),
        Reply::Answer(answer) => answer,
    };
    match answer.intercepted() {
        Some(silence) => Outcome::Intercepted(silence),
        None => understand(&answer, service_error(&answer)),
    }
}

/// An answer that is no success, to a request that would have changed something. `unlisted` gets one whose code stands in
/// no table; `None`: it is no verdict.
pub(super) fn refusal<T>(
    answer: &Answer,
    error: ServiceError,
    unlisted: impl FnOnce(&Answer, &ServiceError) -> Option<Class>,
) -> Outcome<T> {
    let class = match error.status {
        401 => Some(Class::RenewTheToken),
        429 => return throttled(answer, &error),
        // No refusal has such a status; nobody knows what one that is in no document means.
        ..=399 | 408 | 500.. => None,
        status => codes::class(status, &error.code).or_else(|| unlisted(answer, &error)),
    };
    match class {
        Some(class) => Outcome::Refused(class, error),
        None => Outcome::Unknown(no_verdict(answer, &error)),
    }
}

/// The code of a taken domain is unknown; its text has both words (fact book 13.2).
fn says_taken(error: &ServiceError) -> bool {
    let text = error.text.to_ascii_lowercase();
    text.contains("domain") && text.contains("already")
}

/// The outcome of one page of a customer search: id and domain of each customer that has one.
pub fn customer_page(reply: Reply) -> Outcome<Page<(String, String)>> {
    let id_and_domain = |item: CustomerItem| Some((item.id, item.company_profile?.domain?));
    question(reply, |answer, error| match answer.status {
        200 => {
            read_json::<ListPage<_>>(answer, "the list of customers").map(|page| page.of_use(id_and_domain))
        }
        _ => Outcome::Unknown(no_verdict(answer, error)),
    })
}

/// The answer in a body that should be JSON; `what` it is.
pub(super) fn read_json<T: DeserializeOwned>(answer: &Answer, what: &str) -> Outcome<T> {
    match answer.body.as_ref().map(|body| serde_json::from_slice(without_bom(body))) {
        Ok(Ok(value)) => Outcome::Done(value),
        // The parser's message is left out: it can quote the body.
        Ok(Err(_)) => Outcome::Unknown(format!("{what} is no JSON that can be understood").into()),
        Err(reason) => Outcome::Unknown(reason.clone().into()),
    }
}

/// Whether the service counts the token's sign-in as done with MFA. `None`: it does not tell.
pub fn mfa_compliance(reply: Reply) -> Outcome<Option<bool>> {
    question(reply, |answer, error| match answer.status {
        200..=299 => Outcome::Done(answer.mfa_compliant),
        _ => Outcome::Unknown(no_verdict(answer, error)),
    })
}

/// The old form of the MFA refusal: its words stand in the reason phrase, which HTTP/2 drops (fact book 2.5).
fn asks_for_mfa(answer: &Answer) -> bool {
    let challenge = answer.challenge.as_deref().unwrap_or_default();
    answer.status == 401
        && answer.body.as_ref().is_ok_and(|body| body.is_empty())
        && challenge.contains("invalid_token")
}

/// The outcome of `HEAD /v1/domains/{domain}`: is it taken? Only an empty 404 of the service itself says "free"
/// (fact book 6).
pub fn domain_taken(reply: Reply) -> Outcome<bool> {
    question(reply, |answer, error| match answer.status {
        200 => Outcome::Done(true),
        404 if !is_gateway(answer, error) => Outcome::Done(false),
        _ => no_answer(answer, error),
    })
}

/// A reply that does not answer its question. Where a gateway says that there is no such path, the address is wrong.
pub(super) fn no_answer<T>(answer: &Answer, error: &ServiceError) -> Outcome<T> {
    match answer.status {
        404 if is_gateway(answer, error) => Outcome::Refused(Class::FixTheConfiguration, error.clone()),
        _ => Outcome::Unknown(no_verdict(answer, error)),
    }
}

/// What every question has in common; `understand` gets whatever may be an answer to this one.
pub(super) fn question<T>(
    reply: Reply,
    understand: impl FnOnce(&Answer, &ServiceError) -> Outcome<T>,
) -> Outcome<T> {
    verdict(reply, |answer, error| match (answer.status, codes::class(answer.status, &error.code)) {
        (401, _) => Outcome::Refused(Class::RenewTheToken, error),
        (429, _) => throttled(answer, &error),
        (403, Some(Class::FixTheRights)) => Outcome::Refused(Class::FixTheRights, error),
        _ => understand(answer, &error),
    })
}

/// The error that a body tells of, in whatever shape; code and text are empty where there is none.
pub(super) fn service_error(answer: &Answer) -> ServiceError {
    let body = without_bom(answer.bytes());
    let (code, text) = match serde_json::from_slice::<ErrorBody>(body) {
        _ if asks_for_mfa(answer) => {
            let text = "401 without a body, `WWW-Authenticate` says `invalid_token`";
            (codes::MFA_REQUIRED.to_owned(), text.to_owned())
        }
        // `statusCode` is the gateway's word; the service's own codes stand in `code`.
        Ok(parsed) => (parsed.code.clone().unwrap_or_default(), parsed.text()),
        Err(_) if answer.status >= 300 && !answer.content_type.contains("json") => {
            (String::new(), excerpt(body))
        }
        Err(_) => Default::default(),
    };
    ServiceError { status: answer.status, code, text }
}

fn is_gateway(answer: &Answer, error: &ServiceError) -> bool {
    error.code.is_empty() && (!answer.bytes().is_empty() || !answer.has_request_id)
}

fn new_tenant(answer: &Answer) -> Outcome<NewTenant> {
    let why = match answer.body.as_ref().map(|body| NewTenant::parse(body)) {
        Ok(Some(tenant)) => return Outcome::Done(tenant),
        // The parser's message is left out: it can quote the body, which holds a password.
        Ok(None) => "no customer id in the answer",
        Err(reason) => reason,
    };
    Outcome::Unknown(format!("status {}, but {why}", answer.status).into())
}

fn throttled<T>(answer: &Answer, error: &ServiceError) -> Outcome<T> {
    Outcome::Throttled { wait: retry_after::wait(answer.retry_after.as_deref(), &error.text, answer.at) }
}

pub(super) fn no_verdict(answer: &Answer, error: &ServiceError) -> NoResponse {
    let mut reason = format!("status {}", answer.status);
    for part in [&error.code, &error.text] {
        if !part.is_empty() {
            reason.push_str(": ");
            reason.push_str(part);
        }
    }
    if let Err(cut) = &answer.body {
        reason.push_str("; ");
        reason.push_str(cut);
    }
    reason.into()
}

#[cfg(test)]
mod tests;
