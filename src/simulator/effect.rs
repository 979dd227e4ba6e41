//! What requests bring about: customers, half-made tenants and accepted agreements.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::json_body::JsonBody;

/// A create that took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creation {
    /// The domain as it was sent.
    pub domain: String,
    /// The customer's id, which is its tenant id.
    pub customer_id: Uuid,
    /// The customer's commerce id.
    pub commerce_id: Uuid,
    /// The name of the first administrator, without the domain.
    pub user_name: String,
    /// The one-time password that was answered.
    pub password: String,
    /// The request id it was made under.
    pub request_id: Uuid,
    /// The correlation id of the call that made it.
    pub correlation_id: Uuid,
    /// When it took effect.
    pub created_at: Timestamp,
    /// The body of the request, as it was sent.
    pub body: String,
}

impl Creation {
    /// A customer that no request made.
    pub(super) fn unasked(domain: String, customer_id: Uuid, commerce_id: Uuid) -> Creation {
        Creation {
            domain,
            customer_id,
            commerce_id,
            user_name: "admin".to_owned(),
            password: String::new(),
            request_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            created_at: Timestamp::UNIX_EPOCH,
            body: String::new(),
        }
    }

    /// The request that made it.
    pub(super) fn order(&self) -> JsonBody {
        JsonBody::parse(self.body.as_bytes()).expect("only what parsed was created")
    }
}

/// A customer's acceptance of an agreement that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The customer.
    pub customer_id: Uuid,
    /// Its domain.
    pub domain: String,
    /// The first name of the contact who accepted.
    pub first_name: String,
    /// The contact's last name.
    pub last_name: String,
    /// The contact's e-mail address.
    pub email: String,
    /// The contact's phone number, if it was sent.
    pub phone_number: Option<String>,
    /// Which template.
    pub template_id: String,
    /// Which agreement.
    pub agreement_type: String,
    /// When it was accepted, as it was sent.
    pub date_agreed: String,
    /// The request id it was recorded under.
    pub request_id: Option<Uuid>,
    /// The correlation id of the call that recorded it.
    pub correlation_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// One line of the state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub(super) enum Effect {
    /// A customer was created.
    Created(Creation),
    /// A refused create left a tenant behind: its domain is taken, and nobody owns it.
    HalfMade { domain: String, tenant_id: Uuid, created_at: Timestamp },
    /// A customer accepted an agreement.
    AgreementAccepted(Acceptance),
}
