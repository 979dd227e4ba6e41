//! Validates the phone number of a row with the pattern of its country, if one is known (fact book 7).
//!
//! A mismatch is always a warning, even for a pattern of the service: the recorded pattern for US rejects a leading
//! `+1`, and there is no evidence that creating a customer rejects it too. If no pattern is known, only texts that
//! cannot be a phone number are reported.

use crate::validation::text::check_marks;
use tenantry_model::problem::{Finding, Rule};

use super::rules::CountryRules;

/// The shortest national numbers have about as many digits; fillers such as `-` and `0` have fewer.
const DIGITS_MIN: usize = 4;

pub(super) fn check(text: &str, rules: &CountryRules) -> Option<Finding> {
    let form = rules.phone_number.as_ref();
    if let Some(finding) = check_marks(Rule::PhoneNumberForm, text) {
        return Some(finding);
    }
    if form.is_some_and(|form| form.pattern.is_match(text)) {
        return None;
    }
    let Some(form) = form else {
        let digits = text.chars().filter(|c| c.is_numeric()).count();
        return (digits < DIGITS_MIN)
            .then(|| Finding::new(Rule::PhoneNumberForm, "does not look like a phone number"));
    };
    let message = format!("does not look like a phone number of {}", rules.title());
    let fits = |candidate: &String| form.pattern.is_match(candidate) && may_exist(candidate, rules);
    let suggestion = simpler(text, rules).find(fits);
    Some(Finding::new(Rule::PhoneNumberForm, message).suggest_value(suggestion))
}

/// The number without its international prefix, and then only its digits. Nothing for the number of another country:
/// without its prefix it would be a number that does not exist. A text with letters has an extension. Patterns do not
/// cover extensions, and the digits of an extension must not become part of the number.
fn simpler<'a>(text: &'a str, rules: &'a CountryRules) -> impl Iterator<Item = String> + 'a {
    let national = match text.strip_prefix('+').or_else(|| text.strip_prefix("00")) {
        None => Some(text),
        Some(international) => {
            let mut codes = rules.calling_codes.iter();
            let rest = codes.find_map(|code| international.trim_start().strip_prefix(&**code));
            rest.map(|rest| rest.trim_start_matches([' ', '-', '.', '/']))
        }
    };
    national.into_iter().flat_map(|text| {
        let has_letters = text.chars().any(char::is_alphabetic);
        let digits = (!has_letters).then(|| text.chars().filter(char::is_ascii_digit).collect());
        [Some(text.to_owned()), digits].into_iter().flatten()
    })
}

/// Whether a number can exist that fits the pattern. In countries with the calling code 1, neither an area code nor an
/// exchange begins with 0 or 1.
fn may_exist(number: &str, rules: &CountryRules) -> bool {
    const CALLING_CODE: &str = "1";
    if !rules.calling_codes.iter().any(|code| &**code == CALLING_CODE) {
        return true;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix(CALLING_CODE).filter(|rest| rest.len() == 10).unwrap_or(&digits);
    [0, 3].into_iter().all(|start| !matches!(digits.as_bytes().get(start), None | Some(b'0' | b'1')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::country::Rulebook;

    /// `Ok` if the number passes, else the suggestion.
    #[track_caller]
    fn check(country: &str, text: &str, expected: Result<(), Option<&str>>) {
        let rulebook = Rulebook::default();
        let finding = super::check(text, rulebook.country(country).unwrap());
        assert!(finding.as_ref().is_none_or(|finding| finding.rule == Rule::PhoneNumberForm));
        let found = finding.as_ref().map_or(Ok(()), |finding| Err(finding.suggestion.as_deref()));
        assert_eq!(found, expected, "{country}: {text}");
    }

    #[test]
    fn numbers_of_the_united_states_follow_the_recorded_pattern() {
        for good in ["2065550142", "(206) 555-0142", "206-555-0142", "1 206 555 0142", "206.555.0142"] {
            check("US", good, Ok(()));
        }
        check("US", "+1 (206) 555-0142", Err(Some("(206) 555-0142")));
        check("US", "+12065550142", Err(Some("2065550142")));
        check("US", "001 206 555 0142", Err(Some("206 555 0142")));
        check("US", "206 555 01 42", Err(Some("2065550142")));
        check("US", "206-555-0142 ext. 7", Err(None));
        check("US", "555-0142", Err(None));
        check("US", "+44 20 7946 0018", Err(None));
        // Without its prefix, it would look like a number of this country.
        check("US", "+49 30 123456", Err(None));
        check("US", "0049 30 123456", Err(None));
        check("US", "20 65 55 01 42", Err(Some("2065550142")));
        for nowhere in ["06 55 50 14 23", "16 55 50 14 23", "20 60 55 01 42", "20 61 55 01 42"] {
            check("US", nowhere, Err(None));
        }
    }

    #[test]
    fn elsewhere_only_texts_that_are_no_number_are_reported() {
        for good in ["+49 711 5550142", "030/555-0142", "0800 CONTOSO 12", "٠١٢٣٤٥٦٧", "112 x 4"] {
            check("DE", good, Ok(()));
        }
        check("JP", "０３－１２３４－５６７８", Err(Some("03-1234-5678")));
        check("DE", "+49 40 555–0142", Err(Some("+49 40 555-0142")));
        check("US", "206–555–0142", Err(Some("206-555-0142")));
        for bad in ["-", "0", "n/a", "🙂"] {
            check("DE", bad, Err(None));
        }
    }
}
