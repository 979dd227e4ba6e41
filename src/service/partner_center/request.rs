//! Describes one operation of the API as data.
//!
//! A request has what is sent, how to interpret the answer, and the word for the outcome on record. The same request
//! can be sent several times.

use reqwest::Method;
use serde::Serialize;

use super::classify::Reply;
use super::codes::Class;
use super::outcome::{CallError, Outcome};
use super::trace::{CallIds, Trace};
use crate::auth;
use tenantry_model::clock;

/// A request with the result `T`, without token and ids.
pub struct Request<'a, T> {
    pub(super) method: Method,
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(super) body: Option<Vec<u8>>,
    pub(super) kind: RequestKind,
    pub(super) understand: Box<dyn Fn(Reply) -> Outcome<T> + Send + Sync + 'a>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    Create,
    RecordAgreement,
    /// A lookup, which changes nothing.
    Lookup,
}

impl<'a, T> Request<'a, T> {
    pub(super) fn new<const N: usize>(
        kind: RequestKind,
        method: Method,
        path: [&'a str; N],
        understand: impl Fn(Reply) -> Outcome<T> + Send + Sync + 'a,
    ) -> Self {
        Self {
            method,
            path: path.to_vec(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            kind,
            understand: Box::new(understand),
        }
    }

    /// A lookup with GET.
    pub(super) fn get<const N: usize>(
        path: [&'a str; N],
        understand: impl Fn(Reply) -> Outcome<T> + Send + Sync + 'a,
    ) -> Self {
        Self::new(RequestKind::Lookup, Method::GET, path, understand)
    }

    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("what is sent is plain data"));
        self
    }

    /// Requests the given page of a list, or the first page.
    pub(super) fn turn_to(self, page: Option<&str>) -> Self {
        match page {
            Some(page) => self.query("seekOperation", "Next").header("MS-ContinuationToken", page),
            None => self,
        }
    }

    /// The trace of this request if it was not sent.
    pub fn never_sent(&self, ids: CallIds, why: &CallError) -> Trace {
        let text = match why {
            Outcome::NotSent(silence) | Outcome::NoToken(auth::Error::Unavailable(silence)) => {
                Some(silence.reason.clone())
            }
            Outcome::NoToken(auth::Error::Refused { message, .. }) => Some(message.clone()),
            _ => None,
        };
        Trace {
            ids,
            outcome: self.kind.word(why),
            sent_at: None,
            finished_at: clock::now(),
            answered_at: None,
            status: None,
            code: None,
            text,
            ms_cv: None,
        }
    }
}

impl RequestKind {
    /// One word for an outcome, for the ledger.
    pub(super) fn word<T>(self, outcome: &Outcome<T>) -> &'static str {
        match (outcome, self) {
            (Outcome::Done(_), RequestKind::Create) => "created",
            (Outcome::Done(_), RequestKind::RecordAgreement) => "recorded",
            (Outcome::Done(_), RequestKind::Lookup) => "answered",
            (Outcome::Refused(class, _), _) => match class {
                Class::FixTheRow | Class::DomainTaken => "refused",
                Class::FixTheRights | Class::FixTheConfiguration => "misconfigured",
                Class::RenewTheToken => "unauthorized",
                Class::NotVisible => "not_visible",
                Class::Unexplained => "forbidden",
            },
            (Outcome::Throttled { .. }, _) => "throttled",
            (Outcome::NotSent(_) | Outcome::Unknown(_) | Outcome::Intercepted(_), RequestKind::Lookup) => {
                "no_answer"
            }
            (Outcome::Intercepted(_), RequestKind::Create) => "intercepted",
            (Outcome::Unknown(_) | Outcome::Intercepted(_), _) => "unknown",
            (Outcome::Withdrawn, RequestKind::Create) => "withdrawn",
            // The request may have been sent.
            (Outcome::Withdrawn, RequestKind::Lookup) => "interrupted",
            (Outcome::NotSent(_) | Outcome::NoToken(_) | Outcome::Withdrawn, _) => "not_sent",
        }
    }
}
