//! The names that a column can have: a column with one of them is the field. Other headings are in [`headings`].
//!
//! Names are compared folded, as letters and digits in lower case: `E-mail`, `e_mail` and `EMAIL` are the same name. A
//! test checks that no two fields share a name.

use std::collections::HashMap;
use std::sync::LazyLock;

use tenantry_model::customer::Field;
use tenantry_model::nearest::distance_within;

use super::headings;

/// By field, in canonical order: the names in addition to the canonical name.
///
/// An alias is the path in the REST body (`BillingProfile.` and so on, fact book 4.1), the parameter of
/// `New-PartnerCustomer`, or a usual name in spreadsheets.
static ALIASES: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
    let mut aliases = vec![Vec::new(); Field::ALL.len()];
    for (meaning, _, name) in headings::names().filter(|(_, language, _)| language.is_empty()) {
        if let Some(field) = Field::ALL.into_iter().find(|field| field.name() == meaning) {
            aliases[field as usize].push(name);
        }
    }
    aliases
});

static FIELDS_BY_NAME: LazyLock<HashMap<String, Field>> = LazyLock::new(|| {
    let names = |field: Field| aliases_of(field).iter().copied().chain([field.name()]);
    Field::ALL.into_iter().flat_map(|field| names(field).map(move |name| (fold(name), field))).collect()
});

/// The names of a field in addition to its canonical name.
pub fn aliases_of(field: Field) -> &'static [&'static str] {
    &ALIASES[field as usize]
}

/// Keeps only letters and digits, in lower case, so that different spellings of a name compare equal.
pub(crate) fn fold(name: &str) -> String {
    if name.is_ascii() {
        let kept = name.bytes().filter(u8::is_ascii_alphanumeric);
        return kept.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The field with this folded name.
pub(super) fn field_named(folded: &str) -> Option<Field> {
    FIELDS_BY_NAME.get(folded).copied()
}

/// The field that a name may mean, where only canonical names are accepted.
pub fn suggested_field(name: &str) -> Option<Field> {
    let folded = fold(name);
    field_named(&folded).or_else(|| nearly(&folded).first().copied())
}

/// The fields that a folded, unknown name may be a misspelling of, in canonical order.
///
/// The limit is one mistake in a name of four letters or more, and two in a canonical name of eight letters or more.
/// Two mistakes in an alias would also match legitimate columns such as `Company ID`. Names with different digits are
/// different columns: `Address line 3` is not a misspelling of `Address line 2`.
pub(super) fn nearly(folded: &str) -> Vec<Field> {
    let is_near = |name: &str, field: Field| {
        let limit = match name.len() {
            0..=3 => return false,
            8.. if name == fold(field.name()) => 2,
            _ => 1,
        };
        let (own, theirs) = without_common_name(folded, name);
        let limit = if theirs.len() < 8 && theirs != name { 1 } else { limit };
        digits(name).eq(digits(folded)) && distance_within(own, theirs, limit).is_some()
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

/// Both without the word `name` at their ends, which makes no name like another one: `cust_name` is not `last_name`.
pub(super) fn without_common_name<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    let without = |name: &'a str| name.strip_suffix("name").filter(|rest| !rest.is_empty());
    without(one).zip(without(other)).unwrap_or((one, other))
}

fn digits(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_name_makes_no_name_like_another() {
        for other in ["cust_name", "Task name", "Item name"] {
            assert_eq!(nearly(&fold(other)), [], "{other}");
        }
        for (slip, field) in [
            ("fist_name", Field::FirstName),
            ("last_nmae", Field::LastName),
            ("compnay_name", Field::CompanyName),
        ] {
            assert_eq!(nearly(&fold(slip)), [field], "{slip}");
        }
    }

    #[test]
    fn every_name_belongs_to_one_field() {
        let names = Field::ALL.len() + Field::ALL.iter().map(|&field| aliases_of(field).len()).sum::<usize>();
        assert_eq!(FIELDS_BY_NAME.len(), names, "a name is twice in the table");
        assert!(Field::ALL.iter().all(|&field| !aliases_of(field).is_empty()));
    }

    #[test]
    fn no_known_name_is_a_slip_of_another_field() {
        for (name, &field) in FIELDS_BY_NAME.iter() {
            assert!(nearly(name).contains(&field) || name.len() < 4, "{name}");
        }
    }

    #[test]
    fn folds_what_does_not_distinguish_names() {
        assert_eq!(fold("Washington, D.C."), "washingtondc");
        assert_eq!(fold("Île-du-Prince-Édouard"), "îleduprinceédouard");
    }

    #[track_caller]
    fn check_near(name: &str, expected: &[Field]) {
        assert_eq!(nearly(&fold(name)), expected, "{name}");
    }

    #[test]
    fn slips_are_distinguished_from_other_columns() {
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
