//! What any result of a call means. Total: every reply has an outcome, and a reply that cannot be understood is
//! never taken for a verdict.

use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::codes::{self, Class};
use super::retry_after;
use super::wire::{CustomerPage, ErrorBody, NewTenant, without_bom};
use crate::transport::intercepted::{Look, excerpt};
use crate::transport::{Peer, Silence};

/// What came back from a call, before it is understood.
#[derive(Debug)]
pub(super) enum Reply {
    /// Proof that the service did not begin with it: name lookup, refused connection, TLS, or a connection that was
    /// closed with the request untaken.
    NotSent(Silence),
    /// The connection broke, or time ran out, after the first byte may have left.
    Broken(Silence),
    /// A status line and headers came.
    Answer(Answer),
}

#[derive(Debug)]
pub(super) struct Answer {
    /// Who should have given it.
    pub(super) peer: Peer,
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) content_type: String,
    /// Where a redirect leads to.
    pub(super) location: Option<String>,
    /// `WWW-Authenticate`, which a 401 without a body has its reason in.
    pub(super) challenge: Option<String>,
    /// `isMfaCompliant`, where `ValidateMfa` asked and the service tells.
    pub(super) mfa_compliant: Option<bool>,
    /// Partner Center itself answers with an `MS-RequestId`; a gateway in front of it does not.
    pub(super) has_request_id: bool,
    /// It carries one of the [`SIGNATURES`].
    pub(super) is_signed: bool,
    /// `Err`: the body was cut short or too long, and why. Zeroized, because a 201 carries a password.
    pub(super) body: Result<Zeroizing<Vec<u8>>, String>,
    /// The service's own clock where it told, else ours: what a `Retry-After` date is relative to.
    pub(super) at: Timestamp,
}

/// Headers that Partner Center sends and that a proxy or gateway on the way does not make (fact book 2.5 and 3.2).
pub(super) const SIGNATURES: [&str; 5] =
    ["MS-RequestId", "MS-CorrelationId", "MS-CV", "MS-ServerId", "Request-Context"];

impl Answer {
    /// Why this is not an answer of the service, where something on the way gave it.
    pub(super) fn intercepted(&self) -> Option<Silence> {
        let look = Look {
            status: self.status,
            content_type: &self.content_type,
            location: self.location.as_deref(),
            body: self.bytes(),
            is_the_services: self.is_signed || self.is_refused_token() || self.has_service_error(),
        };
        look.fault().map(|fault| fault.told_of(&self.peer))
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

/// What the service says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub(crate) status: u16,
    /// Empty where the body has none.
    pub(crate) code: String,
    /// Its own words.
    pub(crate) text: String,
}

/// What is known after one attempt to create.
#[derive(Debug)]
pub(crate) enum CreateOutcome {
    /// Definite: the tenant exists.
    Created(NewTenant),
    /// Definite: the row was refused. `domain_taken`: because somebody has the domain.
    Refused { error: ServiceError, domain_taken: bool },
    /// Definite: refused with a 403 for which one row may be at fault, or all.
    Forbidden(ServiceError),
    /// Definite: every row would be refused like this one. `rights`: because of sign-in or rights.
    Misconfigured { error: ServiceError, rights: bool },
    /// Definite: the token was not accepted.
    Unauthorized(ServiceError),
    /// Definite: nothing was done, and nothing more is wanted for a while.
    Throttled { wait: Duration },
    /// Proof that the service did not begin with it.
    NotSent(Silence),
    /// May have been done, or may still be.
    Unknown(Silence),
    /// The same, but whoever answered was not the service, so that not even a success says anything.
    Intercepted(Silence),
}

/// What is known after one question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<T> {
    Answer(T),
    Unauthorized(ServiceError),
    Misconfigured {
        error: ServiceError,
        rights: bool,
    },
    Throttled {
        wait: Duration,
    },
    /// No answer, whatever the reason; asking again may help.
    NoAnswer(Silence),
}

impl CreateOutcome {
    /// In one word, for the record.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            CreateOutcome::Created(_) => "created",
            CreateOutcome::Refused { .. } => "refused",
            CreateOutcome::Forbidden(_) => "forbidden",
            CreateOutcome::Misconfigured { .. } => "misconfigured",
            CreateOutcome::Unauthorized(_) => "unauthorized",
            CreateOutcome::Throttled { .. } => "throttled",
            CreateOutcome::NotSent(_) => "not_sent",
            CreateOutcome::Unknown(_) => "unknown",
            CreateOutcome::Intercepted(_) => "intercepted",
        }
    }
}

impl<T> Asked<T> {
    /// In one word, for the record.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Asked::Answer(_) => "answered",
            Asked::Unauthorized(_) => "unauthorized",
            Asked::Misconfigured { .. } => "misconfigured",
            Asked::Throttled { .. } => "throttled",
            Asked::NoAnswer(_) => "no_answer",
        }
    }

    /// The same with another answer.
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Asked<U> {
        self.and_then(|value| Asked::Answer(f(value)))
    }

    pub(super) fn and_then<U>(self, f: impl FnOnce(T) -> Asked<U>) -> Asked<U> {
        match self {
            Asked::Answer(value) => f(value),
            Asked::Unauthorized(error) => Asked::Unauthorized(error),
            Asked::Misconfigured { error, rights } => Asked::Misconfigured { error, rights },
            Asked::Throttled { wait } => Asked::Throttled { wait },
            Asked::NoAnswer(reason) => Asked::NoAnswer(reason),
        }
    }
}

/// The outcome of a `POST /v1/customers`.
pub(super) fn create(reply: Reply) -> CreateOutcome {
    let answer = match reply {
        Reply::NotSent(silence) => return CreateOutcome::NotSent(silence),
        Reply::Broken(silence) => return CreateOutcome::Unknown(silence),
        Reply::Answer(answer) => answer,
    };
    if let Some(silence) = answer.intercepted() {
        return CreateOutcome::Intercepted(silence);
    }
    let error = service_error(&answer);
    match answer.status {
        // 202 promises a verdict later; the documents do not say where (fact book 4).
        202 => CreateOutcome::Unknown("accepted with 202, without a verdict".into()),
        200..=299 => new_tenant(&answer),
        401 => CreateOutcome::Unauthorized(error),
        // No refusal has such a status; nobody knows what one that is in no document means.
        ..=399 | 408 | 500.. => CreateOutcome::Unknown(no_verdict(&answer, &error)),
        429 => throttled(&answer, &error, |wait| CreateOutcome::Throttled { wait }),
        status => match (codes::class(status, &error.code), status) {
            (Some(Class::FixTheRights), _) => CreateOutcome::Misconfigured { error, rights: true },
            (Some(Class::FixTheConfiguration), _) | (None, 405 | 412 | 417) => {
                CreateOutcome::Misconfigured { error, rights: false }
            }
            (None, 404) if is_gateway(&answer, &error) => {
                CreateOutcome::Misconfigured { error, rights: false }
            }
            (None, 403) => CreateOutcome::Forbidden(error),
            (Some(Class::DomainTaken), _) | (None, 409) => {
                CreateOutcome::Refused { error, domain_taken: true }
            }
            (Some(Class::FixTheRow), _) => refused(error),
            // A 4xx that carries no code of the service's is no verdict of the service (fact book 3.3).
            (None, 400..=499) if !error.code.is_empty() => refused(error),
            (None, _) => CreateOutcome::Unknown(no_verdict(&answer, &error)),
        },
    }
}

/// The outcome of one page of a customer search: matches of `domain` by exact comparison, and the next page.
pub(super) fn customer_page(reply: Reply) -> Asked<CustomerPage> {
    question(reply, |answer, error| match answer.status {
        200 => read_json(answer, "the list of customers"),
        _ => Asked::NoAnswer(no_verdict(answer, error)),
    })
}

/// The answer in a body that should be JSON; `what` it is.
pub(super) fn read_json<T: DeserializeOwned>(answer: &Answer, what: &str) -> Asked<T> {
    match answer.body.as_ref().map(|body| serde_json::from_slice(without_bom(body))) {
        Ok(Ok(value)) => Asked::Answer(value),
        // The parser's message is left out: it can quote the body.
        Ok(Err(_)) => Asked::NoAnswer(format!("{what} is no JSON that can be understood").into()),
        Err(reason) => Asked::NoAnswer(reason.clone().into()),
    }
}

/// Whether the service counts the token's sign-in as done with MFA. `None`: it does not tell.
pub(super) fn mfa_compliance(reply: Reply) -> Asked<Option<bool>> {
    question(reply, |answer, error| match answer.status {
        200..=299 => Asked::Answer(answer.mfa_compliant),
        _ => Asked::NoAnswer(no_verdict(answer, error)),
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
pub(super) fn domain_taken(reply: Reply) -> Asked<bool> {
    question(reply, |answer, error| match answer.status {
        200 => Asked::Answer(true),
        404 if !is_gateway(answer, error) => Asked::Answer(false),
        _ => no_answer(answer, error),
    })
}

/// A reply that does not answer its question. Where a gateway says that there is no such path, the address is wrong.
pub(super) fn no_answer<T>(answer: &Answer, error: &ServiceError) -> Asked<T> {
    match answer.status {
        404 if is_gateway(answer, error) => Asked::Misconfigured { error: error.clone(), rights: false },
        _ => Asked::NoAnswer(no_verdict(answer, error)),
    }
}

/// What every question has in common; `understand` gets whatever may be an answer to this one.
pub(super) fn question<T>(
    reply: Reply,
    understand: impl FnOnce(&Answer, &ServiceError) -> Asked<T>,
) -> Asked<T> {
    let answer = match reply {
        Reply::NotSent(silence) | Reply::Broken(silence) => return Asked::NoAnswer(silence),
        Reply::Answer(answer) => answer,
    };
    if let Some(silence) = answer.intercepted() {
        return Asked::NoAnswer(silence);
    }
    let error = service_error(&answer);
    match (answer.status, codes::class(answer.status, &error.code)) {
        (401, _) => Asked::Unauthorized(error),
        (429, _) => throttled(&answer, &error, |wait| Asked::Throttled { wait }),
        (403, Some(Class::FixTheRights)) => Asked::Misconfigured { error, rights: true },
        _ => understand(&answer, &error),
    }
}

/// The error that a body tells of, in whatever shape; code and text are empty where there is none.
pub(super) fn service_error(answer: &Answer) -> ServiceError {
    let body = answer.body.as_ref().map(|body| without_bom(body)).unwrap_or_default();
    if asks_for_mfa(answer) {
        return ServiceError {
            status: answer.status,
            code: codes::MFA_REQUIRED.to_owned(),
            text: "401 without a body, `WWW-Authenticate` says `invalid_token`".to_owned(),
        };
    }
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(parsed) => ServiceError {
            status: answer.status,
            text: parsed.text(),
            // `statusCode` is the gateway's word; the service's own codes stand in `code`.
            code: parsed.code.unwrap_or_default(),
        },
        Err(_) if answer.status >= 300 && !answer.content_type.contains("json") => {
            ServiceError { status: answer.status, code: String::new(), text: excerpt(body) }
        }
        Err(_) => ServiceError { status: answer.status, code: String::new(), text: String::new() },
    }
}

fn is_gateway(answer: &Answer, error: &ServiceError) -> bool {
    let body = answer.body.as_ref().map(|body| body.len()).unwrap_or_default();
    error.code.is_empty() && (body > 0 || !answer.has_request_id)
}

fn refused(error: ServiceError) -> CreateOutcome {
    // The code of a taken domain is unknown; its text has both words (fact book 13.2).
    let text = error.text.to_ascii_lowercase();
    let domain_taken = text.contains("domain") && text.contains("already");
    CreateOutcome::Refused { error, domain_taken }
}

fn new_tenant(answer: &Answer) -> CreateOutcome {
    let body = match &answer.body {
        Ok(body) => body,
        Err(reason) => {
            return CreateOutcome::Unknown(format!("status {}, but {reason}", answer.status).into());
        }
    };
    match NewTenant::parse(body) {
        Some(tenant) => CreateOutcome::Created(tenant),
        // The parser's message is left out: it can quote the body, which holds a password.
        None => CreateOutcome::Unknown(
            format!("status {}, but no customer id in the answer", answer.status).into(),
        ),
    }
}

pub(super) fn throttled<T>(answer: &Answer, error: &ServiceError, outcome: impl FnOnce(Duration) -> T) -> T {
    outcome(retry_after::wait(answer.retry_after.as_deref(), &error.text, answer.at))
}

pub(super) fn no_verdict(answer: &Answer, error: &ServiceError) -> Silence {
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
