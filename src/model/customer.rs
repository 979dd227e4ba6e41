//! What we know about a customer before it exists: the canonical fields and the validated record.
//!
//! [`Field`] names the columns of the product contract in their canonical order. [`Customer`] is what validation
//! makes of a row, what the ledger stores (as JSON, by these names) and what the Partner Center client turns into
//! its own wire format. Nothing here reads input or knows HTTP.

mod explained;

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use explained::Need;

/// A canonical column, in the order in which templates and exports write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    CompanyName,
    Domain,
    Email,
    Culture,
    Language,
    FirstName,
    LastName,
    MiddleName,
    AddressLine1,
    AddressLine2,
    City,
    State,
    PostalCode,
    Country,
    Region,
    PhoneNumber,
    OrganizationRegistrationNumber,
    AssociatedPartnerId,
    EnableGdapByDefault,
    ExternalId,
    AgreementFirstName,
    AgreementLastName,
    AgreementEmail,
    AgreementPhone,
    AgreementDate,
}

impl Field {
    /// Every canonical column, in canonical order.
    pub const ALL: [Field; 25] = [
        Field::CompanyName,
        Field::Domain,
        Field::Email,
        Field::Culture,
        Field::Language,
        Field::FirstName,
        Field::LastName,
        Field::MiddleName,
        Field::AddressLine1,
        Field::AddressLine2,
        Field::City,
        Field::State,
        Field::PostalCode,
        Field::Country,
        Field::Region,
        Field::PhoneNumber,
        Field::OrganizationRegistrationNumber,
        Field::AssociatedPartnerId,
        Field::EnableGdapByDefault,
        Field::ExternalId,
        Field::AgreementFirstName,
        Field::AgreementLastName,
        Field::AgreementEmail,
        Field::AgreementPhone,
        Field::AgreementDate,
    ];

    /// The columns of the customer's acceptance of its agreement: none of them is needed, or all but the phone.
    pub const AGREEMENT: [Field; 5] = [
        Field::AgreementFirstName,
        Field::AgreementLastName,
        Field::AgreementEmail,
        Field::AgreementPhone,
        Field::AgreementDate,
    ];

    /// The canonical header of this column.
    pub const fn name(self) -> &'static str {
        match self {
            Field::CompanyName => "company_name",
            Field::Domain => "domain",
            Field::Email => "email",
            Field::Culture => "culture",
            Field::Language => "language",
            Field::FirstName => "first_name",
            Field::LastName => "last_name",
            Field::MiddleName => "middle_name",
            Field::AddressLine1 => "address_line1",
            Field::AddressLine2 => "address_line2",
            Field::City => "city",
            Field::State => "state",
            Field::PostalCode => "postal_code",
            Field::Country => "country",
            Field::Region => "region",
            Field::PhoneNumber => "phone_number",
            Field::OrganizationRegistrationNumber => "organization_registration_number",
            Field::AssociatedPartnerId => "associated_partner_id",
            Field::EnableGdapByDefault => "enable_gdap_by_default",
            Field::ExternalId => "external_id",
            Field::AgreementFirstName => "agreement_first_name",
            Field::AgreementLastName => "agreement_last_name",
            Field::AgreementEmail => "agreement_email",
            Field::AgreementPhone => "agreement_phone",
            Field::AgreementDate => "agreement_date",
        }
    }

    /// True where a file without this column, or a row with an empty cell in it, cannot become a customer
    /// anywhere in the world (fact book 4.1). City, state, postal code, phone and registration number depend on
    /// the country.
    pub const fn is_required(self) -> bool {
        matches!(
            self,
            Field::CompanyName
                | Field::Domain
                | Field::Email
                | Field::Culture
                | Field::Language
                | Field::FirstName
                | Field::LastName
                | Field::AddressLine1
                | Field::Country
        )
    }

    /// False for the key of a row, which no two rows share, and for the acceptance of the agreement, of which nothing
    /// is made up.
    pub fn can_have_default(self) -> bool {
        self != Field::Domain && !Field::AGREEMENT.contains(&self)
    }
}

/// What empty cells of a field stand for, and rows of files without its column (`--default`). Of two for one field
/// the later one holds.
#[derive(Debug, Clone, Default)]
pub struct Defaults(Vec<(Field, String)>);

impl Defaults {
    /// Invariant of `values`: the fields [can have](Field::can_have_default) one, and the texts are trimmed and not
    /// empty.
    pub fn new(mut values: Vec<(Field, String)>) -> Self {
        values.reverse();
        values.sort_by_key(|(field, _)| *field);
        values.dedup_by_key(|(field, _)| *field);
        Self(values)
    }

    pub fn of(&self, field: Field) -> Option<&str> {
        self.iter().find_map(|(its, text)| (its == field).then_some(text))
    }

    pub fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        self.0.iter().map(|(field, text)| (*field, text.as_str()))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A full initial domain, lower-cased, such as `contoso.onmicrosoft.com`: the key of a row.
///
/// Made by validation alone; stored values are trusted because only validated ones are stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainName(String);

impl DomainName {
    /// Wraps a domain that validation (or the ledger, which stores only validated ones) has vouched for.
    pub fn from_validated(full: String) -> Self {
        debug_assert!(!full.bytes().any(|b| b.is_ascii_uppercase()), "domains are compared in lower case");
        Self(full)
    }

    /// The whole domain, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A validated customer, ready to be created. Texts are trimmed; absent optional values are `None`, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub company_name: String,
    pub domain: DomainName,
    pub email: String,
    /// Spelled as the country table spells it, such as `en-US`.
    pub culture: String,
    /// Lower case, such as `en`.
    pub language: String,
    pub first_name: String,
    pub last_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    pub address_line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_registration_number: Option<String>,
    /// Tenant id of the indirect reseller; `None` makes the customer the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associated_partner_id: Option<Uuid>,
    /// Always sent, because leaving it out has meant different things at different times (fact book 4.7).
    pub enable_gdap_by_default: bool,
    /// The operator's own key; never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// No part of the creation: recorded after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
}

/// Who accepted the Microsoft Customer Agreement for the customer, and when. A legal statement about a real person
/// (fact book 10): every part comes from the operator's file, and nothing has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// UTC, as it is sent: `2026-08-14T00:00:00.000Z`.
    pub agreed_at: String,
}
