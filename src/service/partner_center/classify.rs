//! Turns every reply into an outcome.
//!
//! Every reply has an outcome. A reply that cannot be interpreted is never treated as a verdict.

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use tenantry_model::own_code;
use zeroize::Zeroizing;

use super::codes::{self, Class};
use super::outcome::{Outcome, ServiceError};
use super::retry_after;
use super::wire::{CustomerItem, ErrorBody, ListPage, NewTenant, Page};
use crate::transport::middlebox::{ResponseView, excerpt};
use crate::transport::{NoResponse, Peer, without_bom};

/// The raw result of a call.
#[derive(Debug)]
pub enum Reply {
    /// Certain: the service did not start to process the request. Examples: DNS or TLS failed, the connection was
    /// refused, or it was closed before the service took the request.
    NotSent(NoResponse),
    /// The connection broke or a timeout passed after the first byte may have been sent.
    Broken(NoResponse),
    /// A status line and headers arrived.
    Answer(Answer),
}

#[derive(Debug)]
pub struct Answer {
    /// The service that should have answered.
    pub peer: Peer,
    pub status: u16,
    pub retry_after: Option<String>,
    pub content_type: String,
    /// The target of a redirect.
    pub location: Option<String>,
    /// `WWW-Authenticate`: the reason of a 401 without a body.
    pub challenge: Option<String>,
    /// `isMfaCompliant`, if the request had `ValidateMfa` and the service answers it.
    pub mfa_compliant: Option<bool>,
    /// Partner Center answers with an `MS-RequestId`; a gateway in front of it does not.
    pub has_request_id: bool,
    /// The answer has at least one of the [`SIGNATURES`].
    pub is_signed: bool,
    /// `Err`: why the body was cut short or is too long. Zeroized, because a 201 contains a password.
    pub body: Result<Zeroizing<Vec<u8>>, String>,
    /// The service's clock if the answer has a date, else ours. A `Retry-After` date is relative to it.
    pub at: Timestamp,
}

/// Headers that Partner Center sends and a proxy or gateway does not (fact book 2.5 and 3.2).
pub(super) const SIGNATURES: [&str; 5] =
    ["MS-RequestId", "MS-CorrelationId", "MS-CV", "MS-ServerId", "Request-Context"];

impl Answer {
    /// Why this is not an answer of the service, if a middlebox gave it.
    pub(super) fn intercepted(&self) -> Option<NoResponse> {
        let look = ResponseView {
            status: self.status,
            content_type: &self.content_type,
            location: self.location.as_deref(),
            body: self.bytes(),
            is_of_the_service: self.is_signed || self.is_refused_token() || self.has_service_error(),
        };
        look.silence(&self.peer)
    }

    /// A resource that accepts bearer tokens names that scheme in its 401; a proxy asks for a password.
    fn is_refused_token(&self) -> bool {
        let scheme = self.challenge.as_deref().and_then(|challenge| challenge.split_whitespace().next());
        self.status == 401 && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer"))
    }

    /// The body has the shape of the service's own errors: a code and a description (fact book 13.1, A and C). A
    /// gateway's errors have neither.
    fn has_service_error(&self) -> bool {
        let error: Result<ErrorBody, _> = serde_json::from_slice(without_bom(self.bytes()));
        error.is_ok_and(|error| error.is_the_services(self.status))
    }

    /// The part of the body that arrived.
    fn bytes(&self) -> &[u8] {
        self.body.as_ref().map(|body| body.as_slice()).unwrap_or_default()
    }
}

/// The outcome of `POST /v1/customers`.
pub fn create(reply: Reply) -> Outcome<NewTenant> {
    verdict(reply, |answer| match answer.status {
        // 202 promises a verdict later; the documentation does not say where (fact book 4).
        202 => Outcome::Unknown("accepted with status 202, without a result".into()),
        200..=299 => new_tenant(answer),
        _ => match refusal(answer, service_error(answer), |answer, error| match error.status {
            405 | 412 | 417 => Some(Class::FixTheConfiguration),
            404 if is_gateway(answer, error) => Some(Class::FixTheConfiguration),
            403 => Some(Class::Unexplained),
            409 => Some(Class::DomainTaken),
            // A 4xx without one of the service's codes is not a verdict of the service (fact book 3.3).
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

/// The common part of all replies; `understand` gets the answers that the service itself gave.
pub(super) fn verdict<T>(reply: Reply, understand: impl FnOnce(&Answer) -> Outcome<T>) -> Outcome<T> {
    let answer = match reply {
        Reply::NotSent(silence) => return Outcome::NotSent(silence),
        Reply::Broken(silence) => return Outcome::Unknown(silence),
        Reply::Answer(answer) => answer,
    };
    match answer.intercepted() {
        Some(silence) => Outcome::Intercepted(silence),
        None => understand(&answer),
    }
}

/// The outcome of an unsuccessful answer to a request that changes something. `unlisted` classifies errors that are not
/// in the table of codes; `None`: not a verdict.
pub(super) fn refusal<T>(
    answer: &Answer,
    error: ServiceError,
    unlisted: impl FnOnce(&Answer, &ServiceError) -> Option<Class>,
) -> Outcome<T> {
    let class = match error.status {
        401 => Some(Class::RenewTheToken),
        429 => return throttled(answer, &error),
        // No refusal has one of these statuses, and undocumented ones have no known meaning.
        ..=399 | 408 | 500.. => None,
        status => codes::class(status, &error.code).or_else(|| unlisted(answer, &error)),
    };
    match class {
        Some(class) => Outcome::Refused(class, error),
        None => Outcome::Unknown(no_verdict(answer, &error)),
    }
}

/// The code for a taken domain is unknown; its text contains both words (fact book 13.2).
fn says_taken(error: &ServiceError) -> bool {
    let text = error.text.to_ascii_lowercase();
    text.contains("domain") && text.contains("already")
}

const CUSTOMERS: &str = "the list of customers";

/// The outcome of one page of a customer search: id and domain of each customer that has a domain.
pub fn customer_page(reply: Reply) -> Outcome<Page<(String, String)>> {
    let id_and_domain = |item: CustomerItem| Some((item.id, item.company_profile?.domain?));
    lookup(reply, |answer, error| match answer.status {
        200 => read_page(answer, CUSTOMERS).map(|page| page.of_use(id_and_domain)),
        _ => Outcome::Unknown(no_verdict(answer, error)),
    })
}

/// Parses a page of a list. `what` names it in an error.
pub(super) fn read_page<T: DeserializeOwned>(answer: &Answer, what: &str) -> Outcome<ListPage<T>> {
    read_json(answer, what).and_then(|page: ListPage<T>| match page.is_list(answer.is_signed) {
        true => Outcome::Done(page),
        false => Outcome::Unknown(
            format!("{what} does not look like one of Partner Center; a gateway may have given it").into(),
        ),
    })
}

/// Parses a body that should be JSON. `what` names the answer in an error.
pub(super) fn read_json<T: DeserializeOwned>(answer: &Answer, what: &str) -> Outcome<T> {
    match answer.body.as_ref().map(|body| serde_json::from_slice(without_bom(body))) {
        Ok(Ok(value)) => Outcome::Done(value),
        // The parser's message is left out because it can quote the body.
        Ok(Err(_)) => Outcome::Unknown(format!("{what} is not valid JSON").into()),
        Err(reason) => Outcome::Unknown(reason.clone().into()),
    }
}

/// Does the service count the token's sign-in as MFA? `None`: the answer does not say.
pub fn mfa_compliance(reply: Reply) -> Outcome<Option<bool>> {
    lookup(reply, |answer, error| match answer.status {
        200..=299 => read_page(answer, CUSTOMERS).map(|_: ListPage<IgnoredAny>| answer.mfa_compliant),
        _ => Outcome::Unknown(no_verdict(answer, error)),
    })
}

/// The old form of the MFA refusal: its text is in the reason phrase, which HTTP/2 does not transmit (fact book 2.5).
fn asks_for_mfa(answer: &Answer) -> bool {
    let challenge = answer.challenge.as_deref().unwrap_or_default();
    answer.status == 401
        && answer.body.as_ref().is_ok_and(|body| body.is_empty())
        && challenge.contains("invalid_token")
}

/// The outcome of `HEAD /v1/domains/{domain}`: is the domain taken? Only an empty 404 of the service itself means
/// "free", and only a 200 with its headers "taken" (fact book 6): a gateway may answer everything with 200.
pub fn domain_taken(reply: Reply) -> Outcome<bool> {
    lookup(reply, |answer, error| match answer.status {
        200 if answer.is_signed => Outcome::Done(true),
        404 if !is_gateway(answer, error) => Outcome::Done(false),
        _ => no_answer(answer, error),
    })
}

/// The outcome of a reply that is not an answer to its lookup. If a gateway reports an unknown path, the address is
/// wrong.
pub(super) fn no_answer<T>(answer: &Answer, error: &ServiceError) -> Outcome<T> {
    match answer.status {
        404 if is_gateway(answer, error) => Outcome::Refused(Class::FixTheConfiguration, error.clone()),
        _ => Outcome::Unknown(no_verdict(answer, error)),
    }
}

/// The common part of all lookups; `understand` gets the answers that are specific to one.
pub(super) fn lookup<T>(
    reply: Reply,
    understand: impl FnOnce(&Answer, &ServiceError) -> Outcome<T>,
) -> Outcome<T> {
    verdict(reply, |answer| {
        let error = service_error(answer);
        match (answer.status, codes::class(answer.status, &error.code)) {
            (401, _) => Outcome::Refused(Class::RenewTheToken, error),
            (429, _) => throttled(answer, &error),
            (403, Some(Class::FixTheRights)) => Outcome::Refused(Class::FixTheRights, error),
            _ => understand(answer, &error),
        }
    })
}

/// The error in a body of any shape; code and text are empty if there is none.
pub(super) fn service_error(answer: &Answer) -> ServiceError {
    let body = without_bom(answer.bytes());
    let (code, text) = match serde_json::from_slice::<ErrorBody>(body) {
        _ if asks_for_mfa(answer) => {
            let text = "401 without a body, `WWW-Authenticate` says `invalid_token`";
            (own_code::MFA_REQUIRED.to_owned(), text.to_owned())
        }
        // The gateway uses `statusCode`; the service's own codes are in `code`.
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
        // The parser's message is left out because it can quote the body, which contains a password.
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
