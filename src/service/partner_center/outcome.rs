//! Defines what is known after one call.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use super::codes::Class;
use crate::auth;
use crate::transport::NoResponse;

/// What is known after a call, or after an attempt to make one.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Definite: it was done, or this is the answer.
    Done(T),
    /// Definite: nothing was done. The class says what that means for other calls.
    Refused(Class, ServiceError),
    /// Definite: nothing was done, and the service accepts no requests for a while.
    Throttled { wait: Duration },
    /// Certain: the service did not start to process the request.
    NotSent(NoResponse),
    /// It may have been done, or may still be done. A lookup has no answer.
    Unknown(NoResponse),
    /// Like `Unknown`, but the answer was not from the service, so even a success means nothing.
    Intercepted(NoResponse),
    /// Not sent, because there is no token.
    NoToken(auth::Error),
    /// The run is stopping: the request was not sent, or the answer to a lookup is not waited for.
    Withdrawn,
}

/// Any outcome except [`Outcome::Done`].
pub type CallError = Outcome<Infallible>;

/// An error that the service reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    pub status: u16,
    /// Empty if the body has none.
    pub code: String,
    /// In the service's own words.
    pub text: String,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, text } = self;
        match code.as_str() {
            "" => write!(f, "HTTP {status}: {text}"),
            code => write!(f, "HTTP {status}, code {code}: {text}"),
        }
    }
}

/// What an outcome says about the service, independent of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceHealth {
    /// The service gave a verdict.
    Answered,
    /// The service gave no verdict, for this reason.
    Silent(NoResponse),
    /// The service accepts no requests for this long.
    Throttled(Duration),
    /// No request was sent to the service.
    NotAsked,
}

impl<T> Outcome<T> {
    /// What was done or answered, or why not.
    pub fn done(self) -> Result<T, CallError> {
        let mut done = None;
        let not_done = self.and_then(|value| {
            done = Some(value);
            Outcome::Withdrawn
        });
        done.ok_or(not_done)
    }

    pub fn and_then<U>(self, f: impl FnOnce(T) -> Outcome<U>) -> Outcome<U> {
        match self {
            Outcome::Done(value) => f(value),
            Outcome::Refused(class, error) => Outcome::Refused(class, error),
            Outcome::Throttled { wait } => Outcome::Throttled { wait },
            Outcome::NotSent(silence) => Outcome::NotSent(silence),
            Outcome::Unknown(silence) => Outcome::Unknown(silence),
            Outcome::Intercepted(silence) => Outcome::Intercepted(silence),
            Outcome::NoToken(error) => Outcome::NoToken(error),
            Outcome::Withdrawn => Outcome::Withdrawn,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        self.and_then(|value| Outcome::Done(f(value)))
    }

    pub fn health(&self) -> ServiceHealth {
        match self {
            Outcome::Done(_) | Outcome::Refused(..) => ServiceHealth::Answered,
            Outcome::Throttled { wait } => ServiceHealth::Throttled(*wait),
            Outcome::NotSent(silence) | Outcome::Unknown(silence) | Outcome::Intercepted(silence) => {
                ServiceHealth::Silent(silence.clone())
            }
            // A failed renewal is not retried immediately.
            Outcome::NoToken(auth::Error::Unavailable(silence)) => {
                ServiceHealth::Silent(NoResponse { is_closing: false, ..silence.clone() })
            }
            Outcome::NoToken(auth::Error::Refused { .. }) | Outcome::Withdrawn => ServiceHealth::NotAsked,
        }
    }
}

impl CallError {
    /// Why a lookup has no answer.
    pub fn into_silence(self) -> NoResponse {
        match self {
            Outcome::NotSent(silence)
            | Outcome::Unknown(silence)
            | Outcome::Intercepted(silence)
            | Outcome::NoToken(auth::Error::Unavailable(silence)) => silence,
            Outcome::NoToken(refused @ auth::Error::Refused { .. }) => refused.to_string().into(),
            Outcome::Refused(_, error) => error.text.into(),
            Outcome::Throttled { .. } => "throttled".into(),
            Outcome::Withdrawn => "interrupted".into(),
        }
    }

    /// Converts to the outcome of a call with any result type.
    pub fn of_any<T>(self) -> Outcome<T> {
        self.map(|never| match never {})
    }
}

impl<T> From<Result<T, CallError>> for Outcome<T> {
    fn from(result: Result<T, CallError>) -> Self {
        result.map_or_else(CallError::of_any, Outcome::Done)
    }
}
