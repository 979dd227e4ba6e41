//! The effects of requests: customers, half-made tenants and accepted agreements.

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
    /// The one-time password in the answer.
    pub password: String,
    /// The request id of the create.
    pub request_id: Uuid,
    /// The correlation id of the create.
    pub correlation_id: Uuid,
    /// When it took effect.
    pub created_at: Timestamp,
    /// The body of the request, as it was sent.
    pub body: String,
}

impl Creation {
    /// A customer that no request created.
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

    /// The body of the request that created the customer.
    pub(super) fn order(&self) -> JsonBody {
        JsonBody::parse(self.body.as_bytes()).expect("only what parsed was created")
    }
}

/// A recorded acceptance of an agreement by a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The customer.
    pub customer_id: Uuid,
    /// The customer's domain.
    pub domain: String,
    /// The first name of the contact who accepted.
    pub first_name: String,
    /// The contact's last name.
    pub last_name: String,
    /// The contact's e-mail address.
    pub email: String,
    /// The contact's phone number, if it was sent.
    pub phone_number: Option<String>,
    /// The template id.
    pub template_id: String,
    /// The agreement type.
    pub agreement_type: String,
    /// When the agreement was accepted, as it was sent.
    pub date_agreed: String,
    /// The request id of the call that recorded it.
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
    /// A rejected create left a tenant behind: its domain is taken, but the tenant has no owner.
    HalfMade { domain: String, tenant_id: Uuid, created_at: Timestamp },
    /// A customer accepted an agreement.
    AgreementAccepted(Acceptance),
}
