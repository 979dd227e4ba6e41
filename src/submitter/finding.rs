//! What one step of a row has found out, in the words in which decisions are made.

use std::time::Duration;

use super::gates::Barred;
use crate::auth;
use crate::clock::Moment;
use crate::ledger::{CreatedCustomer, Refusal};
use crate::partner_center::ServiceError;
use crate::transport::Silence;

/// Why a step could not get a verdict on its row, whatever it was to do. Nothing was done by it.
#[derive(Debug)]
pub(super) enum Setback {
    /// Every row would be refused like this one. `rights`: because of sign-in or rights.
    Misconfigured {
        refusal: Refusal,
        rights: bool,
    },
    /// There is no token, and asking again will not help.
    SignInRefused {
        message: String,
        hint: String,
    },
    Throttled {
        wait: Duration,
    },
    /// Proof that the service did not begin with it.
    NotSent(Silence),
    /// The run is stopping, and it had not been sent yet.
    Withdrawn,
}

/// What is known after a create.
#[derive(Debug)]
pub(super) enum CreateFinding {
    /// It exists, and its password is sealed.
    Created(CreatedCustomer),
    Refused {
        refusal: Refusal,
        domain_taken: bool,
    },
    /// Refused with a 403 that nobody has explained.
    Forbidden(Refusal),
    /// The token was not accepted; it has been renewed.
    Unauthorized(Refusal),
    /// May have been done. `intended_at` bounds the send from below.
    Unknown {
        intended_at: Moment,
        reason: Silence,
    },
    SetBack(Setback),
}

/// What is known after asking about a domain.
#[derive(Debug)]
pub(super) enum AskFinding {
    /// One of our customers has it.
    Ours {
        customer_id: String,
    },
    /// Taken, and by none of our customers.
    Taken,
    /// Nobody has it, and the check has been proved.
    Free,
    Unanswered(Unanswered),
}

/// A question that ended without an answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It was sent, and nobody answered.
    NoAnswer(Silence),
    /// There is an answer, and nothing proves that it can be believed.
    Unprovable(Silence),
    SetBack(Setback),
}

/// What is known after trying to record the acceptance of an agreement.
#[derive(Debug)]
pub(super) enum AgreementFinding {
    /// The service has it.
    Recorded,
    Refused(Refusal),
    /// The service does not know the customer, or not yet.
    NotVisible(Refusal),
    /// Refused with a 403 that nobody has explained.
    Forbidden(Refusal),
    /// The token was not accepted; it has been renewed.
    Unauthorized,
    /// May have been done.
    Unknown(Silence),
    SetBack(Setback),
}

/// What a finding says about the service, whatever it says about the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It gave a verdict.
    Answered,
    /// It gave none, for this reason.
    Silent(Silence),
    /// It wants nothing from us for so long.
    Throttled(Duration),
    /// Nothing was asked of it.
    NotAsked,
}

impl Setback {
    pub(super) fn health(&self) -> Health {
        match self {
            Setback::Misconfigured { .. } => Health::Answered,
            Setback::Throttled { wait } => Health::Throttled(*wait),
            Setback::NotSent(silence) => Health::Silent(silence.clone()),
            Setback::SignInRefused { .. } | Setback::Withdrawn => Health::NotAsked,
        }
    }

    /// Why the request was not sent, for one that was not.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Setback::NotSent(silence) => Some(silence.reason.clone()),
            Setback::SignInRefused { message, .. } => Some(message.clone()),
            Setback::Misconfigured { .. } | Setback::Throttled { .. } | Setback::Withdrawn => None,
        }
    }
}

impl From<auth::Error> for Setback {
    fn from(error: auth::Error) -> Self {
        match error {
            auth::Error::Refused { message, hint } => Setback::SignInRefused { message, hint },
            // A renewal that failed is not tried again at once.
            auth::Error::Unavailable(silence) => Setback::NotSent(Silence { is_closing: false, ..silence }),
        }
    }
}

impl From<Barred> for Setback {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Stopping => Setback::Withdrawn,
            Barred::SignIn(error) => error.into(),
        }
    }
}

impl From<Setback> for Unanswered {
    fn from(setback: Setback) -> Self {
        Unanswered::SetBack(setback)
    }
}

impl CreateFinding {
    pub(super) fn health(&self) -> Health {
        match self {
            CreateFinding::Created(_)
            | CreateFinding::Refused { .. }
            | CreateFinding::Forbidden(_)
            | CreateFinding::Unauthorized(_) => Health::Answered,
            CreateFinding::Unknown { reason, .. } => Health::Silent(reason.clone()),
            CreateFinding::SetBack(setback) => setback.health(),
        }
    }
}

impl AskFinding {
    pub(super) fn health(&self) -> Health {
        match self {
            AskFinding::Ours { .. }
            | AskFinding::Taken
            | AskFinding::Free
            | AskFinding::Unanswered(Unanswered::Unprovable(_)) => Health::Answered,
            AskFinding::Unanswered(Unanswered::NoAnswer(silence)) => Health::Silent(silence.clone()),
            AskFinding::Unanswered(Unanswered::SetBack(setback)) => setback.health(),
        }
    }
}

impl AgreementFinding {
    pub(super) fn health(&self) -> Health {
        match self {
            AgreementFinding::Recorded
            | AgreementFinding::Refused(_)
            | AgreementFinding::NotVisible(_)
            | AgreementFinding::Forbidden(_)
            | AgreementFinding::Unauthorized => Health::Answered,
            AgreementFinding::Unknown(reason) => Health::Silent(reason.clone()),
            AgreementFinding::SetBack(setback) => setback.health(),
        }
    }
}

/// The service's error as the ledger keeps it. An error without a code goes by its status.
pub(super) fn refusal(error: ServiceError) -> Refusal {
    let code = if error.code.is_empty() { format!("http_{}", error.status) } else { error.code };
    Refusal { code, status: Some(error.status), text: error.text }
}
