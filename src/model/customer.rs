//! Defines the fields of a customer and the validated record.
//!
//! [`Field`] names the columns of the product contract in canonical order. Validation converts a row to a [`Customer`].
//! The ledger stores it as JSON with these names, and the Partner Center client converts it to its own wire format.
//! Nothing here reads input or uses HTTP.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// When a column must be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Always,
    /// Some countries require it, some refuse it, the others ignore it.
    ByCountry,
    /// Required if another column of the agreement is filled.
    WithTheOthers,
    Never,
}

/// Defines the table of columns as an enum, with the properties of each column.
macro_rules! columns {
    ($($field:ident $name:literal $need:ident, $wants:literal, $example:expr;)*) => {
        /// A canonical column, in the order of templates and exports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Field {
            $($field,)*
        }

        impl Field {
            /// Every canonical column, in canonical order.
            pub const ALL: [Field; 25] = [$(Field::$field,)*];

            /// The canonical header of this column.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Field::$field => $name,)*
                }
            }

            pub const fn need(self) -> Need {
                match self {
                    $(Field::$field => Need::$need,)*
                }
            }

            /// What to put into a cell of this column: a phrase without a full stop.
            pub const fn wants(self) -> &'static str {
                match self {
                    $(Field::$field => $wants,)*
                }
            }

            /// A valid value; `None` if the column is best left empty.
            pub const fn example(self) -> Option<&'static str> {
                match self {
                    $(Field::$field => $example,)*
                }
            }
        }
    };
}

// Name, need, phrase for `wants`, and example of each column. Invariant: together the examples are one valid customer,
// except for the registration number, which its country does not accept.
columns! {
    CompanyName "company_name" Always, "the customer's legal name", Some("Northwind Harbor Logistics, Inc.");
    Domain "domain" Always,
        "the initial domain, `contoso.onmicrosoft.com` or only `contoso`; unique, because it identifies \
         the row",
        Some("northwindharbor");
    Email "email" Always,
        "the e-mail address of the customer's contact", Some("ap@northwindharbor.example.com");
    Culture "culture" Always, "language and country of the invoices, such as `en-US`", Some("en-US");
    Language "language" Always, "a language as two letters, such as `en`", Some("en");
    FirstName "first_name" Always, "the first name of the contact", Some("Grace");
    LastName "last_name" Always, "the last name of the contact", Some("Okafor");
    MiddleName "middle_name" Never, "the middle name of the contact", Some("A.");
    AddressLine1 "address_line1" Always, "street and number", Some("1420 Western Avenue");
    AddressLine2 "address_line2" Never, "what does not fit in the first line, such as a suite", Some("Suite 300");
    City "city" ByCountry, "the city", Some("Seattle");
    State "state" ByCountry, "the state or province, as a code if the country has codes", Some("WA");
    PostalCode "postal_code" ByCountry,
        "the postal code; format the column as text, because a spreadsheet drops leading zeros", Some("98101");
    Country "country" Always, "the country as two letters (ISO 3166-1), such as `US`", Some("US");
    Region "region" Never, "leave it empty: Partner Center has refused good addresses because of it", None;
    PhoneNumber "phone_number" Never,
        "the phone number of the contact; format the column as text, because a spreadsheet drops leading \
         zeros",
        Some("(206) 555-0142");
    OrganizationRegistrationNumber "organization_registration_number" ByCountry,
        "the company's registration number, if its country requires one; other countries refuse it", Some("5839204109");
    AssociatedPartnerId "associated_partner_id" Never,
        "the tenant id (a GUID) of the indirect reseller; if empty, the customer is your own",
        Some("8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951");
    EnableGdapByDefault "enable_gdap_by_default" Never, "`true` or `false`; empty is `true`", Some("true");
    ExternalId "external_id" Never, "your own id for the customer; it is stored and never sent", Some("CRM-10401");
    AgreementFirstName "agreement_first_name" WithTheOthers,
        "the first name of the person who accepted the Microsoft Customer Agreement", Some("Grace");
    AgreementLastName "agreement_last_name" WithTheOthers,
        "the last name of the person who accepted the agreement", Some("Okafor");
    AgreementEmail "agreement_email" WithTheOthers,
        "the e-mail address of the person who accepted the agreement", Some("grace.okafor@northwindharbor.example.com");
    AgreementPhone "agreement_phone" Never,
        "the phone number of the person who accepted the agreement", Some("(206) 555-0142");
    AgreementDate "agreement_date" WithTheOthers,
        "the day of the acceptance, such as `2026-08-14`, or the time in UTC", Some("2026-08-14");
}

impl Field {
    /// The columns of the customer's acceptance of its agreement. Either all are empty, or all except the phone are
    /// required.
    pub const AGREEMENT: [Field; 5] = [
        Field::AgreementFirstName,
        Field::AgreementLastName,
        Field::AgreementEmail,
        Field::AgreementPhone,
        Field::AgreementDate,
    ];

    /// True if the column is required in every country (fact book 4.1): without it, or with an empty cell in it, a row
    /// cannot become a customer. City, state, postal code, phone and registration number depend on the country.
    pub const fn is_required(self) -> bool {
        matches!(self.need(), Need::Always)
    }

    /// False for the domain, which must differ between rows, and for the agreement's columns, which are never filled in
    /// for the operator.
    pub fn can_have_default(self) -> bool {
        self != Field::Domain && !Field::AGREEMENT.contains(&self)
    }
}

/// Default values for empty cells, and for files without the column (`--default`). If a field has two defaults, the
/// later one is used.
#[derive(Debug, Clone, Default)]
pub struct Defaults(Vec<(Field, String)>);

impl Defaults {
    /// Invariants of `values`: each field [can have](Field::can_have_default) a default, and the texts are trimmed and
    /// not empty.
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

/// A full initial domain in lower case, such as `contoso.onmicrosoft.com`: the key of a row.
///
/// Only validation creates it. Stored values are trusted because only validated values are stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainName(String);

impl DomainName {
    /// Wraps a domain from validation, or from the ledger, which stores only validated domains.
    pub fn from_validated(full: String) -> Self {
        debug_assert!(!full.bytes().any(|b| b.is_ascii_uppercase()), "domains are compared in lower case");
        Self(full)
    }

    /// The full domain in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A validated customer, ready to be created. Texts are trimmed; missing optional values are `None`, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub company_name: String,
    pub domain: DomainName,
    pub email: String,
    /// In the spelling of the country table, for example `en-US`.
    pub culture: String,
    /// Lower case, for example `en`.
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
    /// Tenant id of the indirect reseller; `None`: the customer is the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associated_partner_id: Option<Uuid>,
    /// Always sent, because omitting it has had different meanings at different times (fact book 4.7).
    pub enable_gdap_by_default: bool,
    /// The operator's own key; never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Not part of the create: recorded after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
}

/// The person who accepted the Microsoft Customer Agreement for the customer, and the date. This is a legal statement
/// about a real person (fact book 10): every part comes from the operator's file, and nothing has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// UTC, in the format that is sent: `2026-08-14T00:00:00.000Z`.
    pub agreed_at: String,
}
