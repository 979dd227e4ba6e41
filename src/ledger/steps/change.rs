//! What an attempt means for its step, as decided by the submitter.

use super::super::passwords::Sealed;
use super::StepEvent;
use tenantry_model::clock::Moment;
use tenantry_model::ids::RequestId;

/// What to do next for an open row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NextStep {
    /// Send the create, under the row's own request id.
    #[default]
    Create,
    /// Look up whether the customer exists, or the domain is taken, before anything is sent. Ledgers have always had this
    /// word for it.
    #[strum(serialize = "ask")]
    LookUp,
}

/// Why a row was refused, or why its outcome could not be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Partner Center's code, or one of our own such as `domain_taken`.
    pub code: String,
    pub status: Option<u16>,
    /// The service's own text.
    pub text: String,
}

impl Refusal {
    /// A refusal without a status of the service.
    pub fn of_ours(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), status: None, text: text.into() }
    }
}

/// The refusal of an earlier try, which a row that is tried again has until it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRefusal {
    pub refusal: Refusal,
    pub domain_burned: bool,
}

/// A customer that exists now.
#[derive(Debug, Clone)]
pub struct CreatedCustomer {
    /// The domain that the answer names; its password is bound to it. `None`: the answer names none, or there is no
    /// answer.
    pub named_domain: Option<String>,
    pub customer_id: String,
    pub commerce_id: Option<String>,
    pub user_name: Option<String>,
    /// The sealed password; `None` if the service's answer was lost.
    pub sealed_credentials: Option<Sealed>,
}

impl CreatedCustomer {
    /// A customer that a lookup found: its password is not known.
    pub fn found(customer_id: String) -> Self {
        Self { named_domain: None, customer_id, commerce_id: None, user_name: None, sealed_credentials: None }
    }
}

/// The details of an open step.
#[derive(Debug, Clone, Default)]
pub struct OpenStep {
    /// The first send under the request id whose outcome is unknown.
    pub in_doubt_since: Option<Moment>,
    pub next_step: NextStep,
    /// How often a send was unclear again after a lookup (no customer, and the domain free).
    pub post_lookup_resends: u32,
    /// A definite refusal that a lookup has to follow.
    pub refusal: Option<Refusal>,
    /// If the row is created and its agreement is open: the customer; the request id is then that of the agreement. If
    /// the row is in flight: a lookup found it among our customers, and one more send may bring its password.
    pub customer_id: Option<String>,
}

/// What an attempt means for its step.
#[derive(Debug, Clone)]
pub enum RowChange {
    /// Definite: nothing was done under the request id. If `new_request_id` is given, it is used from now on. The row is
    /// as it was before its send, with what it was refused for then.
    NothingDone {
        new_request_id: Option<RequestId>,
        post_lookup_resends: u32,
        refused_before: Option<EarlierRefusal>,
    },
    /// Still open: send again, or look up.
    StillOpen(OpenStep),
    /// Created by one of our sends.
    Created(CreatedCustomer),
    /// The service has the agreement, from this send or an earlier one.
    Recorded,
    /// Was already our customer before.
    Existing { customer_id: String },
    /// Definitely refused. `domain_burned`: the domain is taken now.
    Refused { refusal: Refusal, domain_burned: bool },
    /// The lookups did not settle it; the reason is in the refusal's text.
    LookedUpInVain { reason: Refusal },
}

impl RowChange {
    pub(super) fn event(&self) -> StepEvent {
        match self {
            RowChange::NothingDone { .. } => StepEvent::NothingDone,
            RowChange::StillOpen(_) => StepEvent::StillOpen,
            RowChange::Created(_) => StepEvent::Created,
            RowChange::Recorded => StepEvent::Recorded,
            RowChange::Existing { .. } => StepEvent::FoundExisting,
            RowChange::Refused { .. } => StepEvent::Refused,
            RowChange::LookedUpInVain { .. } => StepEvent::LookedUpInVain,
        }
    }
}

/// What was recorded for a change.
#[derive(Debug)]
pub enum Recorded {
    /// The change as given.
    AsAsked,
    /// This change instead: the customer that was found is recorded for another row.
    Instead(RowChange),
    /// The success belongs to another row, which has its customer id. It is stored with its attempt, and the outcome of
    /// this row is not known. The send was at or after `intended_at`.
    Foreign { intended_at: Moment },
}
