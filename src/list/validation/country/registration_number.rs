//! Validates the organization registration number of a row (fact book 4.3).
//!
//! Some countries require it; for all others, the service rejects it (600002). Its format is not known for any country;
//! only a third party documents its length.

use std::ops::RangeInclusive;

use crate::validation::text::check_marks;
use tenantry_model::problem::{Finding, Rule};

use super::rules::CountryRules;

const CHARS: RangeInclusive<usize> = 5..=22;

pub(super) fn check(text: &str, rules: &CountryRules) -> Option<Finding> {
    if !rules.takes_registration_number {
        let message =
            format!("must be empty for customers in {}: Partner Center refuses it there", rules.title());
        let finding = Finding::new(Rule::RegistrationNumberCountry, message);
        return Some(finding.advise(
            "leave it empty, or the whole column out with `--ignore-column`, unless the country is wrong",
        ));
    }
    if let Some(finding) = check_marks(Rule::RegistrationNumberForm, text) {
        return Some(finding);
    }
    let chars = text.chars().count();
    (!CHARS.contains(&chars)).then(|| {
        let message =
            format!("has {chars} characters; these numbers have {} to {}", CHARS.start(), CHARS.end());
        Finding::new(Rule::RegistrationNumberForm, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::country::Rulebook;
    use crate::validation::country::live::LiveRules;

    #[track_caller]
    fn check(country: &str, text: &str, expected: Option<Rule>) {
        let rulebook = Rulebook::default();
        let finding = super::check(text, rulebook.country(country).unwrap());
        assert_eq!(finding.map(|finding| finding.rule), expected, "{country}: {text}");
    }

    #[test]
    fn the_number_is_taken_where_it_is_mandatory_alone() {
        for country in [
            "AM", "AZ", "BY", "HU", "KZ", "KG", "MD", "RU", "TJ", "UZ", "UA", "TH", "VN", "TR", "PL", "ZA",
            "IN", "BR", "IQ", "MM", "SS", "SA", "AE", "VE",
        ] {
            check(country, "5839204109", None);
        }
        for country in ["US", "GB", "DE", "PT", "NA"] {
            check(country, "5839204109", Some(Rule::RegistrationNumberCountry));
        }
        check("HU", "1234", Some(Rule::RegistrationNumberForm));
        check("HU", "12345", None);
        check("HU", &"1".repeat(22), None);
        check("HU", &"1".repeat(23), Some(Rule::RegistrationNumberForm));
    }

    #[test]
    fn the_service_can_say_that_it_takes_one() {
        let answer = r#"{"iso2Code":"DE","isRegistrationNumberSupported":true}"#;
        let rulebook = Rulebook::new(&[LiveRules::parse(answer).unwrap()]);
        assert_eq!(super::check("HRB 12345", rulebook.country("DE").unwrap()), None);
    }
}
