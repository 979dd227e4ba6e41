//! Values that only a program writes: a spreadsheet around, in place of or into a value, or a database for none.
//!
//! The service would take them as they are, and a customer's name cannot be taken back.

use tenantry_model::customer::Field;
use tenantry_model::problem::{Finding, Rule};

use super::names::is_person;

/// What programs write for a value that they do not have, in any letter case but where that makes another word: `Nan` is
/// a town, and `none` is written by people.
const NULL_WORDS: [&str; 12] =
    ["NULL", "(null)", "<null>", "[null]", "{null}", "NAN", "<NA>", "NaT", "None", "undefined", "\\N", "n/a"];

/// The longest of [`NULL_WORDS`].
const NULL_WORD_BYTES_MAX: usize = 9;

/// The first byte decides for nearly every value, and the last one for a number, such as that of a house.
#[inline]
pub(super) fn may_be_one(value: &str) -> bool {
    match value.as_bytes() {
        [b'0'..=b'9' | b'+' | b'-', .., last] => last.is_ascii_digit(),
        [first, ..] => {
            matches!(
                first,
                b'=' | b'\''
                    | b'"'
                    | b'#'
                    | b'N'
                    | b'n'
                    | b'u'
                    | b'U'
                    | b'\\'
                    | b'('
                    | b'<'
                    | b'['
                    | b'{'
                    | b'$'
            ) || value.starts_with("System.")
                || matches!(value.as_bytes(), [b'b', b'\'' | b'"', ..])
        }
        [] => false,
    }
}

/// The rule by which a field does not take this value.
pub(crate) fn rule_of(field: Field, value: &str) -> Option<Rule> {
    check(field, value).map(|finding| finding.rule)
}

/// Finds such a value in a field.
pub(super) fn check(field: Field, value: &str) -> Option<Finding> {
    match value.as_bytes().first().filter(|_| may_be_one(value))? {
        b'=' | b'\'' | b'"' => wrapper(value),
        b'#' => too_narrow(value),
        b'0'..=b'9' | b'+' | b'-' => number(value),
        b'b' => python(value),
        _ => null_word(field, value).or_else(|| object(value)).or_else(|| python(value)),
    }
}

/// `="01067"`, `'01067` or `"Contoso"`: marks that make a value a text for a spreadsheet.
fn wrapper(value: &str) -> Option<Finding> {
    let inner = match value.strip_prefix("=\"") {
        Some(rest) => Some(rest.strip_suffix('"').filter(|inner| !inner.contains('"'))),
        None => quoted(value).or_else(|| apostrophe(value)).map(Some),
    };
    let message = "has `=\"…\"`, `'` or quotes around it, which a program added";
    Some(Finding::new(Rule::TextWrapper, message).suggest_value(inner?.map(|inner| inner.trim().to_owned())))
}

fn quoted(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

/// The value behind the apostrophe that a spreadsheet does not show. Dutch and Afrikaans names start with one too: `'t
/// Hoekje`, `'s-Hertogenbosch`.
fn apostrophe(value: &str) -> Option<&str> {
    let rest = value.strip_prefix('\'')?;
    let is_article = match rest.as_bytes() {
        [letter, b' ' | b'-', ..] => letter.is_ascii_alphabetic(),
        _ => false,
    };
    let rest = rest.strip_suffix('\'').unwrap_or(rest);
    // One that closes a quotation belongs to the value: `'Sunrise' Bakery`.
    let closes = |(at, _): (usize, &str)| !rest[at + 1..].starts_with(char::is_alphanumeric);
    (!is_article && !rest.match_indices('\'').any(closes)).then_some(rest)
}

/// `########`: what a spreadsheet shows where a column is too narrow.
fn too_narrow(value: &str) -> Option<Finding> {
    let is_it = value.len() > 1 && value.bytes().all(|byte| byte == b'#');
    is_it.then(|| {
        let message = "is what a spreadsheet shows if a column is too narrow, not the value";
        Finding::new(Rule::SpreadsheetError, message)
    })
}

/// `919876543210.0`, `2134,0` and `4.91715E+11`: numbers that were texts.
fn number(value: &str) -> Option<Finding> {
    if is_exponential(value) {
        let message = "was turned into a number by a spreadsheet and lost digits";
        return Some(Finding::new(Rule::Exponent, message));
    }
    // `1.000` is a thousand in half of Europe, and `120.00` may be an amount.
    let (whole, is_certain) = match value.as_bytes() {
        [whole @ .., b'.' | b',', b'0'] => (&value[..whole.len()], true),
        [whole @ .., b'.' | b',', b'0', b'0'] => (&value[..whole.len()], false),
        _ => return None,
    };
    let is_number = whole.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b' '));
    (is_number && whole.ends_with(|c: char| c.is_ascii_digit())).then(|| {
        let message = "ends in a decimal mark and zeros: a program turned a text into a number";
        Finding::new(Rule::FloatTail, message).suggest_value(is_certain.then(|| whole.to_owned()))
    })
}

/// How a program shows a long number. The missing digits cannot be restored. Without a sign in its exponent, the text
/// must have a mark behind its first digit: `12E11` is a door.
fn is_exponential(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_mantissa = |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b',');
    let end = text.bytes().position(|byte| !is_mantissa(byte));
    // Decides for nearly every number.
    let Some(end) = end.filter(|&end| matches!(text.as_bytes()[end], b'E' | b'e')) else { return false };
    let (mantissa, exponent) = (&text[..end], &text[end + 1..]);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = exponent.strip_prefix(['+', '-']);
    match mantissa.split_once(['.', ',']) {
        Some((first, rest)) => is_digits(first) && is_digits(rest) && is_digits(digits.unwrap_or(exponent)),
        None => is_digits(mantissa) && digits.is_some_and(is_digits),
    }
}

/// `System.Object[]`, `[object Object]`, `[]`, `(blank)` or `{{city}}`: what programs and templates write for a value that
/// is no text, or that they have not filled in.
fn object(value: &str) -> Option<Finding> {
    let is_class = value.starts_with("System.") && value.ends_with(']') && !value.contains(' ');
    let is_template = [("{{", "}}"), ("${", "}")]
        .iter()
        .any(|(start, end)| value.starts_with(start) && value.ends_with(end));
    let is_it = is_class
        || is_template
        || value.starts_with("[object ")
        || matches!(value, "[]" | "{}" | "()")
        || value.eq_ignore_ascii_case("(blank)")
        || value.eq_ignore_ascii_case("(empty)");
    is_it.then(|| Finding::new(Rule::NullWord, "is what a program writes in place of a value"))
}

/// `b'Contoso'` and `['Contoso']`: how a script in Python shows a text.
fn python(value: &str) -> Option<Finding> {
    let inner = match value.strip_prefix('[') {
        Some(list) => list.strip_suffix(']')?,
        None => value.strip_prefix('b')?,
    };
    let quote = inner.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let text = inner[1..].strip_suffix(quote)?;
    let message = "is how a program shows a text, with marks around it";
    let is_one = !text.is_empty() && !text.contains([quote, '\\']);
    Some(Finding::new(Rule::TextWrapper, message).suggest_value(is_one.then(|| text.to_owned())))
}

/// A word for "no value". A person may be called Null.
fn null_word(field: Field, value: &str) -> Option<Finding> {
    if value.len() > NULL_WORD_BYTES_MAX {
        return None;
    }
    let is_it = |word: &str| match word {
        "NAN" => value != "Nan" && value.eq_ignore_ascii_case("NAN"),
        "None" if is_person(field) => value.eq_ignore_ascii_case(word),
        "None" | "NaT" | "\\N" => value == word,
        word => value.eq_ignore_ascii_case(word),
    };
    NULL_WORDS.into_iter().find(|word| is_it(word))?;
    if is_person(field) {
        let message = "means \"no value\" in a program, unless it is a name";
        return Some(Finding::new(Rule::NullName, message));
    }
    let finding = Finding::new(Rule::NullWord, "means \"no value\" in a program");
    // A required cell needs its value, and not nothing.
    Some(if field.is_required() { finding } else { finding.suggest_value(Some(String::new())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_value(value: &str, expected: Option<(Rule, Option<&str>)>) {
        for field in [Field::CompanyName, Field::PhoneNumber, Field::ExternalId] {
            let found = check(field, value);
            let found = found.as_ref().map(|finding| (finding.rule, finding.suggestion.as_deref()));
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn marks_that_make_a_text() {
        for (value, inner) in [
            ("=\"01067\"", "01067"),
            ("=\"+49 40 5550142\"", "+49 40 5550142"),
            ("=\" Contoso \"", "Contoso"),
            ("'01067", "01067"),
            ("'Harbor Works GmbH", "Harbor Works GmbH"),
            ("'Harbor Works'", "Harbor Works"),
            ("'Rosie's Bakery", "Rosie's Bakery"),
            ("'L'Oréal", "L'Oréal"),
            ("'+49 40", "+49 40"),
            ("\"Contoso\"", "Contoso"),
        ] {
            check_value(value, Some((Rule::TextWrapper, Some(inner))));
        }
        for value in ["=\"Acme\" & \" Ltd\"", "=\"Acme"] {
            check_value(value, Some((Rule::TextWrapper, None)));
        }
        for value in [
            "'t Hoekje",
            "'s-Hertogenbosch",
            "'S Gravenhage",
            "'Sunrise' Bakery",
            "=A2",
            "\"West\" Wind",
            "\"A\" and \"B\"",
        ] {
            check_value(value, None);
        }
    }

    #[test]
    fn numbers_that_were_texts() {
        for (value, whole) in [
            ("411004.0", "411004"),
            ("919876543210.0", "919876543210"),
            ("+49 30 123.0", "+49 30 123"),
            ("0.0", "0"),
            ("2134,0", "2134"),
            ("493515550000,0", "493515550000"),
        ] {
            check_value(value, Some((Rule::FloatTail, Some(whole))));
        }
        check_value("120.00", Some((Rule::FloatTail, None)));
        check_value("120,00", Some((Rule::FloatTail, None)));
        for value in ["4.91715E+11", "2,73185E+13", "+4.9E+11", "3E+10", "1.00E+05", "4.25555E9", "1e-7"] {
            check_value(value, Some((Rule::Exponent, None)));
        }
        for value in [
            "12",
            "12.5",
            "1.2.0 GmbH",
            "12.",
            "+",
            "-",
            "12E11",
            "1.2E+",
            "2015/184623/07",
            "3E+",
            "10.0.0.0",
        ] {
            check_value(value, None);
        }
    }

    #[test]
    fn values_that_a_program_shows() {
        for value in [
            "System.Object[]",
            "System.Collections.Generic.List`1[System.String]",
            "[object Object]",
            "[]",
            "(blank)",
            "{{city}}",
            "${CITY}",
        ] {
            check_value(value, Some((Rule::NullWord, None)));
        }
        for (value, text) in [
            ("b'Harbor Works'", Some("Harbor Works")),
            ("['Ana']", Some("Ana")),
            ("[\"Ana\"]", Some("Ana")),
            ("['Ana', 'Bea']", None),
            ("b''", None),
        ] {
            check_value(value, Some((Rule::TextWrapper, text)));
        }
        for value in
            ["Systemhaus", "System.Net GmbH", "b'gosh", "[Harbor] Works", "{x} Labs", "$mart", "(blank) Ltd"]
        {
            check_value(value, None);
        }
    }

    #[test]
    fn values_that_are_none() {
        for value in
            ["NULL", "null", "Null", "nan", "NaN", "None", "undefined", "\\N", "<NA>", "(null)", "N/A", "NaT"]
        {
            for (field, expected) in [
                (Field::CompanyName, (Rule::NullWord, None)),
                (Field::PhoneNumber, (Rule::NullWord, Some(String::new()))),
                (Field::LastName, (Rule::NullName, None)),
            ] {
                let found = check(field, value).map(|finding| (finding.rule, finding.suggestion));
                assert_eq!(found, Some(expected), "{field}: {value}");
            }
        }
        for value in ["Nan", "NA", "none", "Nat", "\\n", "Nullarbor", "Undefined Behaviour", "(x)", "N"] {
            check_value(value, None);
        }
        for value in ["##", "########"] {
            check_value(value, Some((Rule::SpreadsheetError, None)));
        }
        for value in ["#", "#1", "# 12 High Street", ""] {
            check_value(value, None);
        }
    }
}
