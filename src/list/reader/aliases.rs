//! Every name a column may go by.
//!
//! Names are compared folded: letters and digits in lower case, so that `E-mail`, `e_mail` and `EMAIL` are one.
//! A test holds that no two fields share a name.

use std::collections::HashMap;
use std::sync::LazyLock;

use tenantry_model::customer::Field;
use tenantry_model::nearest::distance_within;

/// Beside the canonical name: the path in the REST body (`BillingProfile.` and so on, fact book 4.1), the parameter
/// of `New-PartnerCustomer`, and what spreadsheets call it.
#[rustfmt::skip]
const ALIASES: [(Field, &[&str]); Field::ALL.len()] = [
    (Field::CompanyName, &[
        "BillingProfile.CompanyName", "CompanyProfile.CompanyName", "Name", "Company", "Customer", "Customer name",
        "Organization", "Organisation", "Organization name", "Organisation name", "Legal name",
    ]),
    (Field::Domain, &[
        "CompanyProfile.Domain", "Domain name", "Domain prefix", "Tenant domain", "Primary domain", "Initial domain",
    ]),
    (Field::Email, &[
        "BillingProfile.Email", "ContactEmail", "Email address", "Mail", "Mail address", "Contact email address",
    ]),
    (Field::Culture, &["BillingProfile.Culture", "Locale"]),
    (Field::Language, &["BillingProfile.Language", "Language code", "Preferred language"]),
    (Field::FirstName, &[
        "BillingProfile.FirstName", "BillingProfile.DefaultAddress.FirstName", "ContactFirstName", "Given name",
        "Forename",
    ]),
    (Field::LastName, &[
        "BillingProfile.LastName", "BillingProfile.DefaultAddress.LastName", "ContactLastName", "Surname",
        "Family name",
    ]),
    (Field::MiddleName, &["BillingProfile.DefaultAddress.MiddleName", "ContactMiddleName"]),
    (Field::AddressLine1, &[
        "BillingProfile.DefaultAddress.AddressLine1", "BillingAddressLine1", "Address", "Address 1", "Address line",
        "Street", "Street 1", "Street address", "Billing address",
    ]),
    (Field::AddressLine2, &[
        "BillingProfile.DefaultAddress.AddressLine2", "BillingAddressLine2", "Address 2", "Street 2",
    ]),
    (Field::City, &["BillingProfile.DefaultAddress.City", "BillingAddressCity", "Town", "City/Town"]),
    (Field::State, &[
        "BillingProfile.DefaultAddress.State", "BillingAddressState", "Province", "State/Province", "State code",
    ]),
    (Field::PostalCode, &[
        "BillingProfile.DefaultAddress.PostalCode", "BillingAddressPostalCode", "Zip", "ZIP code", "Postcode",
        "ZIP/Postal code",
    ]),
    (Field::Country, &[
        "BillingProfile.DefaultAddress.Country", "BillingAddressCountry", "Country code", "Country/Region",
    ]),
    (Field::Region, &["BillingProfile.DefaultAddress.Region", "BillingAddressRegion"]),
    (Field::PhoneNumber, &[
        "BillingProfile.DefaultAddress.PhoneNumber", "BillingAddressPhoneNumber", "ContactPhoneNumber", "Phone",
        "Phone no", "Telephone", "Telephone number", "Tel", "Contact phone",
    ]),
    (Field::OrganizationRegistrationNumber, &[
        "CompanyProfile.OrganizationRegistrationNumber", "Organisation registration number", "Registration number",
        "Company registration number", "Organization registration no",
    ]),
    (Field::AssociatedPartnerId, &[
        "Associated partner", "Reseller ID", "Indirect reseller ID", "Reseller tenant ID", "Partner tenant ID",
    ]),
    (Field::EnableGdapByDefault, &["Enable GDAP", "GDAP", "GDAP by default"]),
    (Field::ExternalId, &["External reference", "External key"]),
    (Field::AgreementFirstName, &["Agreement.PrimaryContact.FirstName", "Agreement contact first name"]),
    (Field::AgreementLastName, &["Agreement.PrimaryContact.LastName", "Agreement contact last name"]),
    (Field::AgreementEmail, &["Agreement.PrimaryContact.Email", "Agreement contact email"]),
    (Field::AgreementPhone, &[
        "Agreement.PrimaryContact.PhoneNumber", "Agreement phone number", "Agreement contact phone",
    ]),
    (Field::AgreementDate, &["Agreement.DateAgreed", "Date agreed", "Agreement accepted on"]),
];

static FIELDS_BY_NAME: LazyLock<HashMap<String, Field>> = LazyLock::new(|| {
    let aliases =
        ALIASES.iter().flat_map(|&(field, names)| names.iter().map(move |name| (fold(name), field)));
    Field::ALL.iter().map(|&field| (fold(field.name()), field)).chain(aliases).collect()
});

/// What a field may be called beside its canonical name.
pub fn aliases_of(field: Field) -> &'static [&'static str] {
    ALIASES[field as usize].1
}

/// Letters and digits alone, in lower case: how names are compared that people spell in many ways.
pub(crate) fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The field of a folded name.
pub(super) fn field_named(folded: &str) -> Option<Field> {
    FIELDS_BY_NAME.get(folded).copied()
}

/// The field that a name may mean where only canonical ones are taken.
pub fn field_meant(name: &str) -> Option<Field> {
    let folded = fold(name);
    field_named(&folded).or_else(|| nearly(&folded).first().copied())
}

/// The fields whose names a folded, unknown name is taken for a slip of, in canonical order.
///
/// One slip in a name of four letters or more, two in a canonical name of eight or more: two slips off an alias
/// would also catch honest columns such as `Company ID`. Names with other digits are other columns: `Address line 3`
/// is no slip of `Address line 2`.
pub(super) fn nearly(folded: &str) -> Vec<Field> {
    let is_near = |name: &str, field: Field| {
        let limit = match name.len() {
            0..=3 => return false,
            8.. if name == fold(field.name()) => 2,
            _ => 1,
        };
        digits(name).eq(digits(folded)) && distance_within(folded, name, limit).is_some()
    };
    let mut fields: Vec<Field> = FIELDS_BY_NAME
        .iter()
        .filter(|&(name, &field)| is_near(name, field))
        .map(|(_, &field)| field)
        .collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn digits(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_belongs_to_one_field() {
        let names = Field::ALL.len() + ALIASES.iter().map(|(_, names)| names.len()).sum::<usize>();
        assert_eq!(FIELDS_BY_NAME.len(), names, "a name stands twice in the table");
        for (index, (field, _)) in ALIASES.iter().enumerate() {
            assert_eq!(*field, Field::ALL[index], "the table is in canonical order");
        }
    }

    #[test]
    fn no_known_name_is_a_slip_of_another_field() {
        for (name, &field) in FIELDS_BY_NAME.iter() {
            assert!(nearly(name).contains(&field) || name.len() < 4, "{name}");
        }
    }

    #[test]
    fn folds_what_does_not_tell_names_apart() {
        assert_eq!(fold("Washington, D.C."), "washingtondc");
        assert_eq!(fold("Île-du-Prince-Édouard"), "îleduprinceédouard");
    }

    #[track_caller]
    fn check_near(name: &str, expected: &[Field]) {
        assert_eq!(nearly(&fold(name)), expected, "{name}");
    }

    #[test]
    fn slips_are_told_from_other_columns() {
        check_near("Domian", &[Field::Domain]);
        check_near("compny_nmae", &[Field::CompanyName]);
        check_near("adress_line1", &[Field::AddressLine1]);
        check_near("ctiy", &[Field::City]);
        check_near("middel name", &[Field::MiddleName]);
        check_near("Address line 3", &[]);
        check_near("Email 2", &[]);
        check_near("company_id", &[]);
        check_near("account_manager", &[]);
        check_near("status", &[]);
        check_near("notes", &[]);
        check_near("what_is_wrong", &[]);
    }
}
