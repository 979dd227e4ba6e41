//! The kinds of request that are told apart, on record, by faults and by what their token must be.

use serde::{Deserialize, Serialize};

/// The kinds of request that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /v1/customers`.
    Create,
    /// `GET /v1/customers`.
    Search,
    /// `GET /v1/customers/{id}`.
    Lookup,
    /// `HEAD /v1/domains/{domain}`.
    Domain,
    /// `POST /v1/validations/address`.
    Address,
    /// `GET /v1/countryvalidationrules/{iso2}`.
    CountryRules,
    /// `GET /v1/relationships`.
    Resellers,
    /// `GET /v1/compliance/csp/agreementstatus`.
    AgreementStatus,
    /// `GET /v1/agreements`.
    AgreementTemplates,
    /// `POST /v1/customers/{id}/agreements`.
    ConfirmAgreement,
    /// `GET /v1/customers/{id}/agreements`.
    Agreements,
    /// `GET /v1/auditrecords`.
    AuditRecords,
    /// `GET /v1/profiles/organization`.
    Profile,
    /// `POST /{tenant}/oauth2/v2.0/token`, and the same without `v2.0`.
    Token,
    /// `POST /{tenant}/oauth2/v2.0/devicecode`.
    DeviceCode,
    /// Anything else; it gets the gateway's 404.
    Other,
}

impl Operation {
    /// Whether it takes a token, which all of the API does.
    pub(super) fn needs_token(self) -> bool {
        !matches!(self, Operation::Token | Operation::DeviceCode | Operation::Other)
    }

    /// Whether that token has to be a user's (fact book 2.1).
    pub(super) fn needs_user(self) -> bool {
        matches!(
            self,
            Operation::Resellers
                | Operation::AgreementStatus
                | Operation::AgreementTemplates
                | Operation::ConfirmAgreement
                | Operation::Agreements
                | Operation::Profile
        )
    }

    /// Whether it goes to the token authority.
    pub(super) fn is_sign_in(self) -> bool {
        matches!(self, Operation::Token | Operation::DeviceCode)
    }
}
