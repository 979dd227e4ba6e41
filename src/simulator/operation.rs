//! The kinds of requests, as the request log, the faults and the token checks distinguish them.

use serde::{Deserialize, Serialize};

/// A kind of request.
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
    /// `GET /v1/customers/{id}/profiles/company`, and the same with `billing`.
    CustomerProfile,
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
    /// `GET /{tenant}/v2.0/.well-known/openid-configuration`, and the keys that it names.
    Discovery,
    /// Any other request; it gets the 404 of the gateway.
    Other,
}

impl Operation {
    /// Does the request need a token? All API requests do.
    pub(super) fn needs_token(self) -> bool {
        !self.is_sign_in() && self != Operation::Other
    }

    /// Must the token be that of a user (fact book 2.1)?
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

    /// Does the request go to the token authority?
    pub(super) fn is_sign_in(self) -> bool {
        matches!(self, Operation::Token | Operation::DeviceCode | Operation::Discovery)
    }
}
