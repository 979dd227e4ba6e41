//! Each column in words, for the person who fills in a list: what it wants, when it is needed, and an example.

use super::Field;

/// When a column has to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Always,
    /// Some countries want it, some refuse it, the rest do not care.
    ByCountry,
    /// One of the agreement's columns asks for the others.
    WithTheOthers,
    Never,
}

impl Field {
    pub fn need(self) -> Need {
        match self {
            field if field.is_required() => Need::Always,
            Field::City | Field::State | Field::PostalCode | Field::OrganizationRegistrationNumber => {
                Need::ByCountry
            }
            field if Field::AGREEMENT.contains(&field) && field != Field::AgreementPhone => {
                Need::WithTheOthers
            }
            _ => Need::Never,
        }
    }

    /// What a cell of this column has to say: a phrase, without a full stop.
    pub const fn wants(self) -> &'static str {
        match self {
            Field::CompanyName => "the customer's legal name",
            Field::Domain => {
                "the initial domain, `contoso.onmicrosoft.com` or `contoso` alone; each row its own, and the key of the row"
            }
            Field::Email => "the address of the person who is the customer's contact",
            Field::Culture => "language and country of the invoices, such as `en-US`",
            Field::Language => "the two letters of a language, such as `en`",
            Field::FirstName => "the first name of the contact",
            Field::LastName => "the last name of the contact",
            Field::MiddleName => "the middle name of the contact",
            Field::AddressLine1 => "street and number",
            Field::AddressLine2 => "what does not fit in the first line, such as a suite",
            Field::City => "the city",
            Field::State => "the state or province, by its code where the country has codes",
            Field::PostalCode => {
                "the postal code; format the column as text, or a spreadsheet drops its leading zeros"
            }
            Field::Country => "the two letters of the country (ISO 3166-1), such as `US`",
            Field::Region => "best left empty: with it the service has refused good addresses",
            Field::PhoneNumber => {
                "the phone number of the contact; format the column as text, or a spreadsheet drops its leading zeros"
            }
            Field::OrganizationRegistrationNumber => {
                "the company's registration number, where its country wants one; elsewhere it is refused"
            }
            Field::AssociatedPartnerId => {
                "the tenant id (a GUID) of the indirect reseller; without one the customer is your own"
            }
            Field::EnableGdapByDefault => "`true` or `false`; empty is `true`",
            Field::ExternalId => "your own key for the customer; it is kept and never sent",
            Field::AgreementFirstName => {
                "the first name of the person who accepted the Microsoft Customer Agreement"
            }
            Field::AgreementLastName => "the last name of the person who accepted the agreement",
            Field::AgreementEmail => "the mail address of the person who accepted the agreement",
            Field::AgreementPhone => "the phone number of the person who accepted the agreement",
            Field::AgreementDate => {
                "the day on which it was accepted, such as `2026-08-14`, or the moment in UTC"
            }
        }
    }

    /// Invariant: the examples are one good customer, but for the registration number, which its country does not take.
    /// `None` where nothing is best.
    pub const fn example(self) -> Option<&'static str> {
        Some(match self {
            Field::CompanyName => "Northwind Harbor Logistics, Inc.",
            Field::Domain => "northwindharbor",
            Field::Email => "ap@northwindharbor.example.com",
            Field::Culture => "en-US",
            Field::Language => "en",
            Field::FirstName | Field::AgreementFirstName => "Grace",
            Field::LastName | Field::AgreementLastName => "Okafor",
            Field::MiddleName => "A.",
            Field::AddressLine1 => "1420 Western Avenue",
            Field::AddressLine2 => "Suite 300",
            Field::City => "Seattle",
            Field::State => "WA",
            Field::PostalCode => "98101",
            Field::Country => "US",
            Field::Region => return None,
            Field::PhoneNumber | Field::AgreementPhone => "(206) 555-0142",
            Field::OrganizationRegistrationNumber => "5839204109",
            Field::AssociatedPartnerId => "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951",
            Field::EnableGdapByDefault => "true",
            Field::ExternalId => "CRM-10401",
            Field::AgreementEmail => "grace.okafor@northwindharbor.example.com",
            Field::AgreementDate => "2026-08-14",
        })
    }
}
