//! What an attempt means for its step, as those say who decide on it.

use super::super::passwords::Sealed;
use super::StepEvent;
use tenantry_model::clock::Moment;
use tenantry_model::ids::RequestId;

/// What is to be done next for an open row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NextStep {
    /// Send the create, under the row's own request id.
    #[default]
    Create,
    /// Ask whether the customer exists, or the domain is taken, before anything is sent.
    Ask,
}

/// Why a row was refused, or why nobody could tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Partner Center's code, or a word of ours such as `domain_taken`.
    pub code: String,
    pub status: Option<u16>,
    /// The service's own words.
    pub text: String,
}

impl Refusal {
    /// One that no status of the service stands for.
    pub fn of_ours(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), status: None, text: text.into() }
    }
}

/// A customer that exists now.
#[derive(Debug, Clone)]
pub struct CreatedCustomer {
    /// The domain that the answer names, which its password is bound to; `None`: it names none, or there is no answer.
    pub named_domain: Option<String>,
    pub customer_id: String,
    pub commerce_id: Option<String>,
    pub user_name: Option<String>,
    /// The password, sealed; `None` where the service's answer was lost.
    pub sealed_credentials: Option<Sealed>,
}

impl CreatedCustomer {
    /// One that we found: it has no password that we know.
    pub fn found(customer_id: String) -> Self {
        Self { named_domain: None, customer_id, commerce_id: None, user_name: None, sealed_credentials: None }
    }
}

/// How a step that is owed stands.
#[derive(Debug, Clone, Default)]
pub struct OpenStep {
    /// First send under the request id whose outcome is unknown.
    pub in_doubt_since: Option<Moment>,
    pub next_step: NextStep,
    /// Times that a send after asking (not there, and free) was unclear again.
    pub post_lookup_resends: u32,
    /// A definite refusal that is being followed by a question.
    pub refusal: Option<Refusal>,
    /// Of a row that is created, and whose agreement is owed; the request id is then that of the agreement. Of a row in
    /// flight: it was found among our customers, and one more send may bring its password.
    pub customer_id: Option<String>,
}

/// What an attempt means for its step.
#[derive(Debug, Clone)]
pub enum RowChange {
    /// Definite: nothing was done under the request id, or under `new_request_id` from now on.
    NothingDone { new_request_id: Option<RequestId>, post_lookup_resends: u32 },
    /// Still owed: repeat, or ask.
    StillOpen(OpenStep),
    /// Created by us.
    Created(CreatedCustomer),
    /// The service has the agreement, from this send or an earlier one.
    Recorded,
    /// Was already our customer.
    Existing { customer_id: String },
    /// Definitely refused. `domain_burned`: the domain is taken since.
    Refused { refusal: Refusal, domain_burned: bool },
    /// Asking did not settle it; the reason is in the refusal's text.
    AskedInVain { reason: Refusal },
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
            RowChange::AskedInVain { .. } => StepEvent::AskedInVain,
        }
    }
}

/// What was recorded of a change.
#[derive(Debug)]
pub enum Recorded {
    /// The change.
    AsAsked,
    /// This one: the customer that was found is recorded for another row.
    Instead(RowChange),
    /// The success belongs to another row, whose customer id it carries: it is kept with its attempt, and what became of
    /// the row is not known. `intended_at` bounds the send from below.
    Foreign { intended_at: Moment },
}
