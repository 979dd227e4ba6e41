//! What one step of a row has found out, in the words in which decisions are made.

use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{CreatedCustomer, Refusal};
use crate::partner_center::ServiceError;
use crate::transport::Silence;

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
    /// Every row would be refused like this one.
    Misconfigured {
        refusal: Refusal,
        rights: bool,
    },
    /// The token was not accepted; it has been renewed.
    Unauthorized(Refusal),
    /// There is no token, and asking again will not help.
    SignInRefused {
        message: String,
        hint: String,
    },
    Throttled {
        wait: Duration,
    },
    /// Proof that it never left this machine.
    NotSent(Silence),
    /// The run is stopping, and it had not been sent yet.
    Withdrawn,
    /// May have been done. `intended_at` bounds the send from below.
    Unknown {
        intended_at: Timestamp,
        reason: Silence,
    },
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
    NoAnswer(Silence),
    /// "Free", and nothing proves that this check can be believed.
    Unprovable(Silence),
    Throttled {
        wait: Duration,
    },
    Misconfigured {
        refusal: Refusal,
        rights: bool,
    },
    SignInRefused {
        message: String,
        hint: String,
    },
    Withdrawn,
}

/// A question that ended without an answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    NoAnswer(Silence),
    /// There is an answer, and nothing proves that it can be believed.
    Unprovable(Silence),
    Throttled {
        wait: Duration,
    },
    Misconfigured {
        refusal: Refusal,
        rights: bool,
    },
    SignInRefused {
        message: String,
        hint: String,
    },
    Withdrawn,
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
    /// Every acceptance would be refused like this one.
    Misconfigured {
        refusal: Refusal,
        rights: bool,
    },
    /// The token was not accepted; it has been renewed.
    Unauthorized,
    /// There is no token, and asking again will not help.
    SignInRefused {
        message: String,
        hint: String,
    },
    Throttled {
        wait: Duration,
    },
    /// Proof that it never left this machine.
    NotSent(Silence),
    /// The run is stopping, and it had not been sent yet.
    Withdrawn,
    /// May have been done.
    Unknown(Silence),
}

/// What a finding says about the service, whatever it says about the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It gave a verdict.
    Answered,
    /// It gave none.
    Silent,
    /// Nothing was asked of it.
    NotAsked,
}

impl CreateFinding {
    pub(super) fn health(&self) -> Health {
        match self {
            CreateFinding::Created(_)
            | CreateFinding::Refused { .. }
            | CreateFinding::Forbidden(_)
            | CreateFinding::Misconfigured { .. }
            | CreateFinding::Unauthorized(_)
            | CreateFinding::Throttled { .. } => Health::Answered,
            CreateFinding::NotSent(_) | CreateFinding::Unknown { .. } => Health::Silent,
            CreateFinding::SignInRefused { .. } | CreateFinding::Withdrawn => Health::NotAsked,
        }
    }
}

impl AskFinding {
    pub(super) fn health(&self) -> Health {
        match self {
            AskFinding::Ours { .. }
            | AskFinding::Taken
            | AskFinding::Free
            | AskFinding::Unprovable(_)
            | AskFinding::Misconfigured { .. }
            | AskFinding::Throttled { .. } => Health::Answered,
            AskFinding::NoAnswer(_) => Health::Silent,
            AskFinding::SignInRefused { .. } | AskFinding::Withdrawn => Health::NotAsked,
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
            | AgreementFinding::Misconfigured { .. }
            | AgreementFinding::Unauthorized
            | AgreementFinding::Throttled { .. } => Health::Answered,
            AgreementFinding::NotSent(_) | AgreementFinding::Unknown(_) => Health::Silent,
            AgreementFinding::SignInRefused { .. } | AgreementFinding::Withdrawn => Health::NotAsked,
        }
    }

    /// Why there was no answer, where there was none.
    pub(super) fn reason(&self) -> Option<Silence> {
        match self {
            AgreementFinding::NotSent(reason) | AgreementFinding::Unknown(reason) => Some(reason.clone()),
            AgreementFinding::SignInRefused { message, .. } => Some(message.clone().into()),
            _ => None,
        }
    }
}

impl From<Unanswered> for AskFinding {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoAnswer(reason) => AskFinding::NoAnswer(reason),
            Unanswered::Unprovable(reason) => AskFinding::Unprovable(reason),
            Unanswered::Throttled { wait } => AskFinding::Throttled { wait },
            Unanswered::Misconfigured { refusal, rights } => AskFinding::Misconfigured { refusal, rights },
            Unanswered::SignInRefused { message, hint } => AskFinding::SignInRefused { message, hint },
            Unanswered::Withdrawn => AskFinding::Withdrawn,
        }
    }
}

/// The service's error as the ledger keeps it. An error without a code goes by its status.
pub(super) fn refusal(error: ServiceError) -> Refusal {
    let code = if error.code.is_empty() { format!("http_{}", error.status) } else { error.code };
    Refusal { code, status: Some(error.status), text: error.text }
}
