//! The phone number of a row against the pattern of its country, where one is known (fact book 7).
//!
//! Always a warning, whoever the pattern comes from: the recorded one for US refuses a leading `+1`, which nobody
//! has seen the creation of a customer do. Where no pattern is known, only what can be no number at all is told.

use crate::validation::text::{is_spreadsheet_number, lost_digits};
use tenantry_model::problem::{Finding, Rule};

use super::rules::CountryRules;

/// The shortest national numbers have about as many; it is fillers such as `-` and `0` that have fewer.
const DIGITS_MIN: usize = 4;

pub(super) fn check(text: &str, rules: &CountryRules) -> Option<Finding> {
    let form = rules.phone_number.as_ref();
    if form.is_some_and(|form| form.pattern.is_match(text)) {
        return None;
    }
    if is_spreadsheet_number(text) {
        return Some(lost_digits(Rule::PhoneNumberForm));
    }
    let Some(form) = form else {
        let digits = text.chars().filter(|c| c.is_numeric()).count();
        return (digits < DIGITS_MIN)
            .then(|| Finding::new(Rule::PhoneNumberForm, "does not look like a phone number"));
    };
    let message = format!("does not look like a phone number of {}", rules.title());
    let suggestion = simpler(text, rules).find(|candidate| form.pattern.is_match(candidate));
    Some(Finding::new(Rule::PhoneNumberForm, message).suggest(suggestion))
}

/// The number without the code that is dialled from abroad, and then without all that is no digit. A text with
/// letters has an extension, which has no place in a pattern and must not be pulled into the number.
fn simpler<'a>(text: &'a str, rules: &'a CountryRules) -> impl Iterator<Item = String> + 'a {
    let international = text.strip_prefix('+').or_else(|| text.strip_prefix("00"));
    let national = international.and_then(|rest| {
        let mut codes = rules.calling_codes.iter();
        codes.find_map(|code| rest.trim_start().strip_prefix(&**code))
    });
    let national = national.map(|rest| rest.trim_start_matches([' ', '-', '.', '/']));
    [national, international, Some(text)].into_iter().flatten().flat_map(|text| {
        let has_letters = text.chars().any(char::is_alphabetic);
        let digits = (!has_letters).then(|| text.chars().filter(char::is_ascii_digit).collect());
        [Some(text.to_owned()), digits].into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::country::Rulebook;

    /// `Ok` where it passes, else the suggestion.
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
        check("US", "2.06556E+09", Err(None));
    }

    #[test]
    fn elsewhere_only_what_is_no_number_is_told() {
        for good in ["+49 711 5550142", "030/555-0142", "0800 CONTOSO 12", "٠١٢٣٤٥٦٧", "112 x 4"] {
            check("DE", good, Ok(()));
        }
        for bad in ["-", "0", "n/a", "4.97116E+11", "+4,9E+11", "🙂"] {
            check("DE", bad, Err(None));
        }
    }
}
