//! Validates the postal code of a row with the pattern of its country.
//!
//! Spreadsheets read a postal code as a number and drop its leading zeros; forms drop its hyphen. If the code matches
//! with these characters restored, the restored code is suggested but never used: the row stays wrong until the
//! operator has corrected it.

use crate::validation::text::{check_marks, typographic_mark, with_plain_marks};
use tenantry_model::problem::{Finding, Rule};

use super::pattern::Pattern;
use super::rules::CountryRules;

/// A longer text is not a postal code that lost characters. This also bounds the search.
const REPAIRED_BYTES_MAX: usize = 20;

const ZEROS: &str = "000";

pub(super) fn check(text: &str, rules: &CountryRules) -> Option<Finding> {
    let form = rules.postal_code.as_ref()?;
    let plain = with_plain_marks(text);
    if form.pattern.is_match(text) {
        // A pattern takes the digits of any script.
        return check_marks(Rule::PostalCodeForm, text);
    }
    let repaired = repair(plain.as_deref().unwrap_or(text), &form.pattern, rules.postal_zeros_max);
    let country = rules.title();
    let mut message = if form.is_certain {
        format!("is not a postal code of {country}")
    } else {
        format!("does not look like a postal code of {country}")
    };
    match (&repaired, rules.postal_example) {
        (Some(_), _) if plain.is_some() => message += &format!("; it has {}", typographic_mark(text)),
        (Some((_, true)), _) => {
            message += "; it may have lost a leading zero in a spreadsheet";
        }
        (None, Some(example)) => message += &format!(", such as `{example}`"),
        _ => {}
    }
    // What is a postal code but for such a mark is certainly none with it.
    let is_certain = form.is_certain || (plain.is_some() && repaired.is_some());
    let rule = if is_certain { Rule::PostalCode } else { Rule::PostalCodeForm };
    Some(Finding::new(rule, message).suggest_value(repaired.map(|(text, _)| text)))
}

/// The postal code that was probably meant, and whether it had lost leading zeros. Removes the `.0` of a number and a
/// country code in front, places separators where the pattern needs them, and restores lost zeros.
fn repair(text: &str, pattern: &Pattern, zeros_max: usize) -> Option<(String, bool)> {
    let text = text.trim_start_matches(['〒', ' ']);
    if text.len() > REPAIRED_BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let bare = text.strip_suffix(".0").or_else(|| text.strip_suffix(",0")).unwrap_or(text);
    // No code has decimals.
    if bare.contains(',') {
        return None;
    }
    let starts = [bare, without_country(bare)];
    let zeros_max = zeros_max.min(ZEROS.len());
    for zeros in 0..=zeros_max {
        for start in starts {
            // A code that still starts with a zero has lost none.
            if zeros > 0 && !start.starts_with(|c: char| matches!(c, '1'..='9')) {
                continue;
            }
            let text = format!("{}{start}", &ZEROS[..zeros]);
            // A code with a separator was no number: it can have lost only what is before a part of the right length.
            let is_one_part = start.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let whole = if zeros == 0 || is_one_part {
                separated(&text, pattern)
            } else {
                Some(text).filter(|text| pattern.is_match(text))
            };
            if let Some(whole) = whole {
                return Some((whole, zeros > 0));
            }
        }
    }
    None
}

/// `D-70173` to `70173`.
fn without_country(text: &str) -> &str {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letters = text.len() - rest.len();
    let rest = rest.trim_start_matches(['-', ' ']);
    if letters <= 3 && rest.starts_with(|c: char| c.is_ascii_digit()) { rest } else { text }
}

/// The text unchanged, or without its separators, or with one separator elsewhere: the first form that matches the
/// pattern.
fn separated(text: &str, pattern: &Pattern) -> Option<String> {
    let joined: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let joined = joined.to_ascii_uppercase();
    let split =
        |at: usize| [" ", "-"].map(|separator| format!("{}{separator}{}", &joined[..at], &joined[at..]));
    let mut candidates =
        [text.to_owned(), joined.clone()].into_iter().chain((1..joined.len()).flat_map(split));
    candidates.find(|candidate| pattern.is_match(candidate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::country::Rulebook;

    #[track_caller]
    fn check(country: &str, text: &str, expected: Option<(Rule, Option<&str>)>) {
        let rulebook = Rulebook::default();
        let finding = super::check(text, rulebook.country(country).unwrap());
        let found = finding.as_ref().map(|finding| (finding.rule, finding.suggestion.as_deref()));
        assert_eq!(found, expected, "{country}: {text}");
    }

    #[test]
    fn good_postal_codes_pass() {
        for (country, text) in [
            ("US", "98101"),
            ("US", "98101-1234"),
            ("PT", "8000-283"),
            ("GB", "EH2 2PQ"),
            ("GB", "eh22pq"),
            ("IE", "D6W XY00"),
            ("NL", "1016BR"),
            ("JP", "1000005"),
            // No pattern is known for these countries.
            ("HK", "whatever"),
            ("AE", "00000"),
        ] {
            check(country, text, None);
        }
    }

    #[test]
    fn lost_zeros_come_back_as_a_suggestion() {
        check("US", "2134", Some((Rule::PostalCode, Some("02134"))));
        check("US", "2134.0", Some((Rule::PostalCode, Some("02134"))));
        check("US", "2134,0", Some((Rule::PostalCode, Some("02134"))));
        check("US", "2134,1", Some((Rule::PostalCode, None)));
        check("DE", "8033,1", Some((Rule::PostalCodeForm, None)));
        check("US", "501", Some((Rule::PostalCode, Some("00501"))));
        check("US", "2134-1234", Some((Rule::PostalCode, Some("02134-1234"))));
        for text in ["98101-12", "98101-123", "1-23"] {
            check("US", text, Some((Rule::PostalCode, None)));
        }
        for (country, text, whole) in [
            ("DE", "1067", "01067"),
            ("FR", "1000", "01000"),
            ("IT", "118", "00118"),
            ("ES", "8012", "08012"),
            ("FI", "100", "00100"),
            ("AU", "800", "0800"),
            ("NO", "150", "0150"),
            ("MX", "6000", "06000"),
            ("SG", "48580", "048580"),
            ("BR", "1014000", "01014000"),
            ("JP", "600001", "0600001"),
            ("PL", "950", "00-950"),
            ("PR", "901", "00901"),
        ] {
            check(country, text, Some((Rule::PostalCodeForm, Some(whole))));
        }
    }

    #[test]
    fn what_no_number_lost_is_not_made_up() {
        check("US", "12", Some((Rule::PostalCode, None)));
        check("US", "0213", Some((Rule::PostalCode, None)));
        check("US", "981011", Some((Rule::PostalCode, None)));
        check("PT", "800", Some((Rule::PostalCode, None)));
        check("AT", "602", Some((Rule::PostalCodeForm, None)));
        check("DE", "106", Some((Rule::PostalCodeForm, None)));
        check("GB", "Leeds", Some((Rule::PostalCodeForm, None)));
        check("US", &"1".repeat(21), Some((Rule::PostalCode, None)));
        check("US", "é", Some((Rule::PostalCode, None)));
    }

    #[test]
    fn separators_and_country_codes_are_put_right() {
        check("US", "981011234", Some((Rule::PostalCode, Some("98101-1234"))));
        check("US", "98101 1234", Some((Rule::PostalCode, Some("98101-1234"))));
        check("US", "WA 98101", Some((Rule::PostalCode, Some("98101"))));
        check("JP", "〒100-0005", Some((Rule::PostalCodeForm, Some("100-0005"))));
        check("PT", "8000283", Some((Rule::PostalCode, Some("8000-283"))));
        check("PT", "8000 283", Some((Rule::PostalCode, Some("8000-283"))));
        check("DE", "D-70173", Some((Rule::PostalCodeForm, Some("70173"))));
        check("PL", "80831", Some((Rule::PostalCodeForm, Some("80-831"))));
        check("CZ", "110-00", Some((Rule::PostalCodeForm, Some("11000"))));
        check("CA", "H3B-4W8", Some((Rule::PostalCodeForm, Some("H3B4W8"))));
        check("NL", "NL-1016 BR", Some((Rule::PostalCodeForm, Some("1016 BR"))));
    }

    #[test]
    fn typographic_marks_are_errors_with_the_plain_code() {
        for (country, text, plain) in [
            ("US", "98101’", "98101"),
            ("US", "98101–1234", "98101-1234"),
            ("PT", "1200–168", "1200-168"),
            ("PL", "00–950", "00-950"),
            ("DE", "20457’", "20457"),
            ("DE", "‘20457", "20457"),
            ("JP", "１００－０００５", "100-0005"),
            ("JP", "１００ー０００５", "100-0005"),
        ] {
            check(country, text, Some((Rule::PostalCode, Some(plain))));
        }
        // Wide digits match the pattern, as they do in the service's dialect.
        check("DE", "２０４５７", Some((Rule::PostalCodeForm, Some("20457"))));
        let message = super::check("00–950", Rulebook::default().country("PL").unwrap()).unwrap().message;
        assert!(message.ends_with("; it has `–` (U+2013)"), "{message}");
    }

    #[test]
    fn the_message_says_what_may_have_happened() {
        let rulebook = Rulebook::default();
        let message = |text| super::check(text, rulebook.country("US").unwrap()).unwrap().message;
        assert!(message("2134").contains("lost a leading zero"));
        assert!(message("x").ends_with("is not a postal code of United States (US), such as `98101`"));
    }
}
