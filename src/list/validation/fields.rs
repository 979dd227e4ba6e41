//! Rules for single fields that apply in every country.

use uuid::Uuid;

use tenantry_model::customer::Field;

use super::report::ProblemCollector;
use super::tables::tables;
use super::text::Traits;
use super::{email, escaped, misread, names, program_value, scripts, text};
use tenantry_model::problem::{Finding, Rule};

/// Fact book 4.5: more characters than this cause a warning, although the API's own limit is 50.
const NAME_CHARS_ADVISED: usize = 40;

/// The maximum number of characters of a field (fact book 4.1 and 4.5), if a limit is known.
pub const fn chars_max(field: Field) -> Option<usize> {
    match field {
        Field::CompanyName => Some(255),
        Field::FirstName
        | Field::LastName
        | Field::MiddleName
        | Field::AgreementFirstName
        | Field::AgreementLastName => Some(50),
        Field::AddressLine1 | Field::AddressLine2 => Some(200),
        // The other fields have a format that limits them, or their limit is unknown or depends on the country.
        // External ids are never sent.
        _ => None,
    }
}

/// Checks presence, characters, length and the format of some fields. True if the value exists and can be checked
/// further.
#[inline]
pub(super) fn check(
    field: Field,
    value: &str,
    traits: impl Fn() -> Traits,
    report: &mut ProblemCollector<'_>,
) -> bool {
    if value.is_empty() {
        if field.is_required() {
            report.add(field, Finding::new(Rule::Required, "is required"));
        }
        return false;
    }
    let traits = traits();
    // Decides for most values.
    has_no_reason(field, value, traits) || check_value(field, value, traits, report)
}

/// Nothing about the value is a reason for one of the rules in [`check_value`].
#[inline]
fn has_no_reason(field: Field, value: &str, traits: Traits) -> bool {
    // No field allows less than is advised for names.
    traits == Traits::ALL
        && form(field).is_none()
        && value.len() <= NAME_CHARS_ADVISED
        && !names::may_be_formula(value)
        && !text::may_be_spreadsheet_error(value)
        && !program_value::may_be_one(value)
}

/// The check of a field's own form, if it has one.
fn form(field: Field) -> Option<fn(&str) -> Option<Finding>> {
    match field {
        Field::CompanyName => Some(names::check_company),
        Field::FirstName | Field::LastName | Field::AgreementFirstName | Field::AgreementLastName => {
            Some(names::check_person)
        }
        Field::Email | Field::AgreementEmail => Some(email::check),
        _ => None,
    }
}

fn check_value(field: Field, value: &str, traits: Traits, report: &mut ProblemCollector<'_>) -> bool {
    if !traits.is_ascii && is_rejected(misread::check(value), field, report) {
        return false;
    }
    if !traits.is_plain
        && let Some(finding) = text::check_characters(value)
    {
        let is_control = finding.rule == Rule::ControlCharacter;
        // The second line of an address has a separate column.
        let is_broken_address = is_control && field == Field::AddressLine1 && value.contains(['\n', '\r']);
        let advice = || format!("move the second line to `{}`", Field::AddressLine2);
        report.add(field, if is_broken_address { finding.advise(advice()) } else { finding });
        if is_control {
            return false;
        }
    }
    if is_spoilt(field, value, traits, report) {
        return false;
    }
    if let Some(finding) = check_length(field, value) {
        report.add(field, finding);
    }
    let finding = form(field).and_then(|check| check(value));
    if let Some(finding) = finding.or_else(|| names::formula_start(field, value)) {
        report.add(field, finding);
    }
    true
}

/// Reports what no person wrote like this: programs did, on the value's way into the list. True if it is an error; a warning
/// hides no other finding.
fn is_spoilt(field: Field, value: &str, traits: Traits, report: &mut ProblemCollector<'_>) -> bool {
    // These have their own form.
    let has_form = matches!(field, Field::Email | Field::AgreementEmail | Field::ExternalId);
    let is_company = field == Field::CompanyName;
    let mut is_wrong = |finding| is_rejected(finding, field, report);
    is_wrong(text::spreadsheet_error(value))
        || is_wrong(program_value::check(field, value))
        || !traits.is_unmarked && is_wrong(escaped::check(value))
        || !traits.is_unmarked && !has_form && is_wrong(text::lost_letter(value, is_company))
        || !traits.is_ascii && is_wrong(scripts::check(value))
}

/// Reports a finding; true if it is an error.
pub(super) fn is_rejected(finding: Option<Finding>, field: Field, report: &mut ProblemCollector<'_>) -> bool {
    let Some(finding) = finding else { return false };
    let is_error = report.is_error(finding.rule);
    report.add(field, finding);
    is_error
}

fn check_length(field: Field, value: &str) -> Option<Finding> {
    let max = chars_max(field)?;
    // No text has more characters than bytes.
    if value.len() <= max.min(NAME_CHARS_ADVISED) {
        return None;
    }
    let chars = value.chars().count();
    if chars > max {
        let message = format!("has {chars} characters; at most {max} are allowed");
        return Some(Finding::new(Rule::Length, message));
    }
    let is_name = matches!(field, Field::FirstName | Field::LastName | Field::MiddleName);
    (is_name && chars > NAME_CHARS_ADVISED).then(|| {
        let message = format!("has {chars} characters; more than {NAME_CHARS_ADVISED} may be refused");
        Finding::new(Rule::NameLength, message)
    })
}

/// The tenant id of a reseller, in any common format of a GUID, also with braces: all formats mean the same value.
/// Programs write all zeros for "no value", so that GUID is rejected.
pub(super) fn parse_guid(text: &str) -> Result<Uuid, Finding> {
    let wrong = match Uuid::try_parse(text) {
        Ok(guid) if !guid.is_nil() => return Ok(guid),
        Ok(_) => "is all zeros; use the reseller's tenant id",
        Err(_) => "is not a GUID; use the reseller's tenant id",
    };
    let plain = text::with_plain_marks(text).filter(|plain| Uuid::try_parse(plain).is_ok());
    Err(Finding::new(Rule::Guid, wrong).suggest_value(plain))
}

/// Is the text one of the words that [`parse_boolean`] knows?
pub(crate) fn is_boolean(text: &str) -> bool {
    parse_boolean(text).is_ok()
}

pub(super) fn parse_boolean(text: &str) -> Result<bool, Finding> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&["true", "yes", "1", "y", "on"]) {
        Ok(true)
    } else if is_one_of(&["false", "no", "0", "n", "off"]) {
        Ok(false)
    } else {
        Err(Finding::new(Rule::Boolean, "must be `true` or `false`"))
    }
}

/// The language as the service's lists spell it, or a finding that suggests the language of the row's culture.
///
/// The list of languages is derived from the cultures and may be incomplete (fact book 7). So a well-formed code that
/// is not listed only causes a warning.
pub(super) fn resolve_language(text: &str, culture: Option<&str>) -> Result<&'static str, Finding> {
    tables().language(text).ok_or_else(|| {
        let of_culture = culture.and_then(|culture| culture.split('-').next());
        let (rule, message) = if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            (Rule::LanguageUnlisted, "is not a language that Partner Center is known to accept")
        } else {
            (Rule::Language, "must be a two-letter language code such as `en`")
        };
        let finding = Finding::new(rule, message);
        match of_culture {
            // `nb-NO` or `nb_NO`; another text may name another language.
            Some(language) if names_language(text, language) => {
                finding.suggest_value(Some(language.to_owned()))
            }
            Some(language) => finding.advise(language),
            None => finding,
        }
    })
}

/// Is the text this language with a country behind it?
fn names_language(text: &str, language: &str) -> bool {
    text.split(['-', '_']).next().is_some_and(|primary| primary.eq_ignore_ascii_case(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters() {
        #[track_caller]
        fn check(field: Field, chars: usize, expected: Option<Rule>) {
            assert_eq!(check_length(field, &"é".repeat(chars)).map(|finding| finding.rule), expected);
        }
        check(Field::CompanyName, 255, None);
        check(Field::CompanyName, 256, Some(Rule::Length));
        check(Field::FirstName, 40, None);
        check(Field::FirstName, 41, Some(Rule::NameLength));
        check(Field::LastName, 51, Some(Rule::Length));
        check(Field::AddressLine1, 200, None);
        check(Field::AddressLine2, 201, Some(Rule::Length));
        check(Field::City, 1000, None);
    }

    #[test]
    fn guids() {
        #[track_caller]
        fn check(text: &str, is_good: bool) {
            assert_eq!(parse_guid(text).is_ok(), is_good, "{text}");
        }
        check("2ca7e1e4-3b0f-4f0e-9d3c-6a1f5a1f9b11", true);
        check("{2CA7E1E4-3B0F-4F0E-9D3C-6A1F5A1F9B11}", true);
        check("2ca7e1e43b0f4f0e9d3c6a1f5a1f9b11", true);
        check("00000000-0000-0000-0000-000000000000", false);
        check("2ca7e1e4-3b0f-4f0e-9d3c-6a1f5a1f9b1", false);
        check("1234567", false);
    }

    #[test]
    fn booleans() {
        #[track_caller]
        fn check(text: &str, expected: Option<bool>) {
            assert_eq!(parse_boolean(text).ok(), expected, "{text}");
        }
        check("TRUE", Some(true));
        check("yes", Some(true));
        check("1", Some(true));
        check("Off", Some(false));
        check("0", Some(false));
        check("maybe", None);
        check("2", None);
    }

    #[test]
    fn languages() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, (Rule, Option<&str>, Option<&str>)>) {
            let found = resolve_language(text, Some("nb-NO"));
            let found =
                found.as_deref().map_err(|it| (it.rule, it.suggestion.as_deref(), it.advice.as_deref()));
            assert_eq!(found, expected, "{text}");
        }
        check("EN", Ok("en"));
        check("nb", Ok("nb"));
        check("nb-NO", Err((Rule::Language, Some("nb"), None)));
        check("NB_no", Err((Rule::Language, Some("nb"), None)));
        // Another language than that of the culture may be meant.
        check("NO", Err((Rule::LanguageUnlisted, None, Some("nb"))));
        check("no", Err((Rule::LanguageUnlisted, None, Some("nb"))));
        check("Norwegian", Err((Rule::Language, None, Some("nb"))));
    }
}
