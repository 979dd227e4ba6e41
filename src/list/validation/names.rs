//! Naming rules of the Partner Center portal (fact book 4.5).
//!
//! It is not known whether the API enforces these rules, so all of them are warnings.

use tenantry_model::customer::Field;
use tenantry_model::problem::{Finding, Rule};

/// Legal forms, which are not a name without other words. Compared without case, dots, slashes and spaces.
#[rustfmt::skip]
const LEGAL_FORMS: [&str; 28] = [
    "ab", "ag", "as", "bv", "co", "corp", "corporation", "eurl", "gmbh", "inc", "incorporated", "kft", "kg", "limited",
    "llc", "llp", "ltd", "ltda", "nv", "oy", "plc", "pty", "ptyltd", "sa", "sarl", "spa", "spzoo", "srl",
];

/// The length of the longest legal form with dots and spaces; most names are longer and are not checked.
const LEGAL_FORM_BYTES_MAX: usize = 14;

const INTERNET_ENDINGS: [&str; 5] = [".com", ".net", ".org", ".info", ".biz"];

/// The length of the longest of them.
const INTERNET_ENDING_BYTES_MAX: usize = 5;

#[rustfmt::skip]
const PLACEHOLDERS: [&str; 12] = [
    "admin", "administrator", "anonymous", "asdf", "first", "firstname", "last", "lastname",
    "nobody", "test", "unknown", "user",
];

pub(super) fn check_company(name: &str) -> Option<Finding> {
    company_dislike(name).map(|dislike| Finding::new(Rule::CompanyForm, dislike))
}

fn company_dislike(name: &str) -> Option<&'static str> {
    if name.chars().nth(1).is_none() {
        return Some("has only one character");
    }
    if !name.chars().any(char::is_alphanumeric) {
        return Some("has no letter and no digit");
    }
    let is_second_blank = name.chars().nth(1).is_some_and(char::is_whitespace);
    if is_second_blank && name.split_whitespace().all(is_single_character) {
        return Some("is single characters with spaces in between");
    }
    if is_one_character_repeated(name) {
        return Some("is one character repeated");
    }
    if name.len() <= LEGAL_FORM_BYTES_MAX && is_legal_form(name) {
        return Some("is a legal form without a name");
    }
    let has_ending = |ending: &&str| {
        let start = name.len().checked_sub(ending.len());
        start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    // Decides for nearly every name.
    let may_have_ending = name.bytes().rev().take(INTERNET_ENDING_BYTES_MAX).any(|byte| byte == b'.');
    if may_have_ending && INTERNET_ENDINGS.iter().any(has_ending) {
        return Some("ends like an internet address; use the legal name");
    }
    None
}

fn is_single_character(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(char::is_alphanumeric) && chars.next().is_none()
}

fn is_one_character_repeated(name: &str) -> bool {
    let first = name.chars().next();
    name.chars().all(|c| Some(c) == first) && name.chars().nth(2).is_some()
}

fn is_legal_form(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '.' | '/' | ' ')).flat_map(char::to_lowercase);
    LEGAL_FORMS.iter().any(|form| letters.clone().eq(form.chars()))
}

/// For a first or last name.
pub(super) fn check_person(name: &str) -> Option<Finding> {
    person_dislike(name).map(|dislike| Finding::new(Rule::NameForm, dislike))
}

fn person_dislike(name: &str) -> Option<&'static str> {
    if !name.chars().any(char::is_alphabetic) {
        return Some("has no letter");
    }
    let mut chars = name.chars();
    if let (Some(only), None) = (chars.next(), chars.next())
        && !is_east_asian(only)
    {
        return Some("has only one character");
    }
    // They start with few letters, and so do few names.
    let first = name.as_bytes().first().map(u8::to_ascii_lowercase);
    let may_be_placeholder = matches!(first, Some(b'a' | b'f' | b'l' | b'n' | b't' | b'u'));
    if may_be_placeholder && PLACEHOLDERS.iter().any(|placeholder| name.eq_ignore_ascii_case(placeholder)) {
        return Some("looks like a placeholder; use a real contact");
    }
    if !name.is_ascii() && name.chars().any(is_emoji) {
        return Some("has an emoji");
    }
    None
}

/// Han and Hangul. The documented exception is for Chinese names only, but a Korean family name is also one syllable.
fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// The name of a person.
pub(super) fn is_person(field: Field) -> bool {
    matches!(
        field,
        Field::FirstName
            | Field::LastName
            | Field::MiddleName
            | Field::AgreementFirstName
            | Field::AgreementLastName
    )
}

/// A name that a spreadsheet would take for a formula, or that is one.
pub(super) fn formula_start(field: Field, value: &str) -> Option<Finding> {
    let is_name = || {
        is_person(field)
            || matches!(field, Field::CompanyName | Field::AddressLine1 | Field::AddressLine2 | Field::City)
    };
    (may_be_formula(value) && is_name())
        .then(|| Finding::new(Rule::FormulaStart, "starts like a formula, not like a name"))
}

#[inline]
pub(super) fn may_be_formula(value: &str) -> bool {
    matches!(value.as_bytes(), [b'=' | b'+' | b'-' | b'@', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dislike: fn(&str) -> Option<&'static str>, names: &[&str], is_disliked: bool) {
        for name in names {
            assert_eq!(dislike(name).is_some(), is_disliked, "{name}: {:?}", dislike(name));
        }
    }

    #[test]
    fn company_names() {
        check(
            company_dislike,
            &["Contoso", "3M", "日本商事", "A & B", "Comcom", "AA", "Inca", "Østfjord AS"],
            false,
        );
        check(
            company_dislike,
            &["X", "***", "1 2 3", "xxx", "LLC", "Inc.", "Sp. z o.o.", "GmbH", "contoso.COM"],
            true,
        );
    }

    #[test]
    fn the_shortcuts_fit_the_tables() {
        assert_eq!(INTERNET_ENDINGS.iter().map(|ending| ending.len()).max(), Some(INTERNET_ENDING_BYTES_MAX));
        for placeholder in PLACEHOLDERS {
            assert!(
                person_dislike(placeholder).is_some()
                    && person_dislike(&placeholder.to_uppercase()).is_some()
            );
        }
    }

    #[test]
    fn names_of_contacts() {
        check(person_dislike, &["Bo", "Ng", "林", "김", "Zoë", "O'Neil", "Testa", "D'Arcy"], false);
        check(person_dislike, &["B", "é", "42", "--", "Test", "ADMIN", "nobody", "Ana 🙂"], true);
    }
}
