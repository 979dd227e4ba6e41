//! Validates the domain of the new tenant, which is also the key of the row.
//!
//! The prefix has 1 to 27 characters (fact book 4.1). The characters that the service accepts are not documented.
//! Letters and digits are certain. A hyphen is allowed where a DNS label may have one, that is, inside. Whether a
//! domain is free is checked online.

use tenantry_model::customer::DomainName;
use tenantry_model::printable::quoted_char;
use tenantry_model::problem::{Finding, Rule};

use super::text::with_plain_marks;
use crate::returned::is_date;

/// The whole domain has at most 43 characters, 16 of them `.onmicrosoft.com`.
const PREFIX_CHARS_MAX: usize = 27;

/// The length of `2026-03-04`; spreadsheets write no longer date without blanks.
const ISO_DATE_BYTES: usize = 10;

/// The letters of a month in a short date.
const MONTH_LETTERS: usize = 3;

/// Parses a prefix without suffix, or a full domain under `suffix`.
pub(super) fn parse(text: &str, suffix: &str) -> Result<DomainName, Finding> {
    let prefix = without_suffix(text, suffix);
    check_prefix(prefix, suffix)
        .map_err(|message| Finding::new(Rule::Domain, message).suggest_value(suggestion(text, suffix)))?;
    Ok(full(prefix, suffix))
}

/// Is it what a spreadsheet makes of a name such as `mar4`: `Mar-04`, `4-Mar` or `2026-03-04`? Longer names of months are
/// also words, such as `mars`.
pub(crate) fn is_date_as_domain(text: &str) -> bool {
    let may_be =
        text.len() <= ISO_DATE_BYTES && text.contains('-') && text.bytes().any(|it| it.is_ascii_digit());
    let is_short = || text.bytes().filter(u8::is_ascii_alphabetic).count() <= MONTH_LETTERS;
    may_be && is_short() && is_date(text)
}

/// Finds the name of a domain that became a date.
pub(super) fn check_date(text: &str) -> Option<Finding> {
    is_date_as_domain(text).then(|| {
        let message = "is a date, which a spreadsheet makes of a name such as `mar4`; enter the name again in a column \
                       of texts";
        Finding::new(Rule::DateAsDomain, message)
    })
}

fn full(prefix: &str, suffix: &str) -> DomainName {
    let mut full = String::with_capacity(prefix.len() + 1 + suffix.len());
    full.push_str(prefix);
    full.make_ascii_lowercase();
    full.push('.');
    full.push_str(suffix);
    DomainName::from_validated(full)
}

/// The name of the domain alone, if it is directly under the suffix.
pub(super) fn without_suffix<'a>(text: &'a str, suffix: &str) -> &'a str {
    let start = text.len().checked_sub(suffix.len() + 1);
    match start.and_then(|start| text.split_at_checked(start)) {
        Some((prefix, end)) if end.starts_with('.') && end[1..].eq_ignore_ascii_case(suffix) => prefix,
        _ => text,
    }
}

fn check_prefix(prefix: &str, suffix: &str) -> Result<(), String> {
    if prefix.is_empty() {
        return Err(format!("has nothing before `.{suffix}`"));
    }
    if !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        if prefix.contains('.') {
            return Err(format!("must be a name without dots, or a name directly under `.{suffix}`"));
        }
        let c = prefix.chars().find(|&c| !c.is_ascii_alphanumeric() && c != '-').map(quoted_char);
        return Err(format!("may have letters, digits and hyphens only, not {}", c.unwrap_or_default()));
    }
    if [prefix.as_bytes().first(), prefix.as_bytes().last()].contains(&Some(&b'-')) {
        return Err("must not start or end with a hyphen".to_owned());
    }
    if prefix.len() > PREFIX_CHARS_MAX {
        return Err(format!(
            "has {} characters before the suffix; at most {PREFIX_CHARS_MAX} are allowed",
            prefix.len()
        ));
    }
    Ok(())
}

/// The name without invalid characters; for `contoso.com`, the first label. The operator must shorten a name, and choose one
/// of two.
fn suggestion(text: &str, suffix: &str) -> Option<String> {
    let plain = with_plain_marks(text);
    let text = plain.as_deref().unwrap_or(text).trim_matches([' ', ',', ';', ':', '\\']);
    let whole = match without_scheme(text) {
        // The first label of another address says nothing.
        Some(address) if without_suffix(address, suffix) == address => return None,
        Some(address) => address,
        None => text,
    };
    let prefix = without_suffix(whole, suffix);
    if prefix.contains(['@', '/', ':', ',', ';', '|', '\\']) || !prefix.is_ascii() {
        return None;
    }
    let label = prefix.split('.').find(|label| !label.is_empty() && !label.eq_ignore_ascii_case("www"))?;
    let kept: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let kept = kept.trim_matches('-');
    check_prefix(kept, suffix).ok()?;
    Some(full(kept, suffix).as_str().to_owned())
}

/// `contoso.onmicrosoft.com` of `https://contoso.onmicrosoft.com/`.
fn without_scheme(text: &str) -> Option<&str> {
    let schemes = ["https://", "http://", "mailto:"];
    let starts = |scheme: &&str| text.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme));
    let scheme = schemes.into_iter().find(starts)?;
    Some(text[scheme.len()..].trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX: &str = "onmicrosoft.com";

    /// `Ok` with the whole domain, `Err` with the suggestion.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, Option<&str>>) {
        let found = parse(text, SUFFIX);
        let found = found.as_ref().map(DomainName::as_str).map_err(|finding| finding.suggestion.as_deref());
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn good_domains() {
        check("contoso", Ok("contoso.onmicrosoft.com"));
        check("Contoso.OnMicrosoft.com", Ok("contoso.onmicrosoft.com"));
        check("fabrikam-2", Ok("fabrikam-2.onmicrosoft.com"));
        check("7", Ok("7.onmicrosoft.com"));
        check(&"a".repeat(27), Ok(&format!("{}.onmicrosoft.com", "a".repeat(27))));
    }

    #[test]
    fn a_letter_of_another_script_is_told_apart() {
        let message = parse("hаrbor", SUFFIX).unwrap_err().message;
        assert!(message.ends_with("not `а` (U+0430)"), "{message}");
    }

    #[test]
    fn a_name_that_became_a_date_is_found() {
        for (text, is_it) in [
            ("Mar-04", true),
            ("4-Mar", true),
            ("10-Sep", true),
            ("Mrz-04", true),
            ("2026-03-04", true),
            ("04-03-2026", true),
            ("mar4", false),
            ("mars-4", false),
            ("fabrikam-2", false),
            ("abc-12", false),
            ("24-7", false),
            ("365-24", false),
            ("2-go", false),
        ] {
            assert_eq!(is_date_as_domain(text), is_it, "{text}");
        }
    }

    #[test]
    fn bad_domains() {
        check(&"a".repeat(28), Err(None));
        check("contoso.com", Err(Some("contoso.onmicrosoft.com")));
        check("www.contoso.com", Err(Some("contoso.onmicrosoft.com")));
        check("contoso.onmicrosoft.de", Err(Some("contoso.onmicrosoft.com")));
        check("mail.contoso.onmicrosoft.com", Err(Some("mail.onmicrosoft.com")));
        check(".onmicrosoft.com", Err(None));
        check("onmicrosoft.com", Err(Some("onmicrosoft.onmicrosoft.com")));
        check("contoso_ltd", Err(Some("contosoltd.onmicrosoft.com")));
        check("contoso ltd", Err(Some("contosoltd.onmicrosoft.com")));
        check("-contoso", Err(Some("contoso.onmicrosoft.com")));
        check("contoso-", Err(Some("contoso.onmicrosoft.com")));
        check("admin@contoso.onmicrosoft.com", Err(None));
        check("https://contoso.com", Err(None));
        check("HTTPS://contoso.onmicrosoft.com/", Err(Some("contoso.onmicrosoft.com")));
        check("mailto:contoso.onmicrosoft.com", Err(Some("contoso.onmicrosoft.com")));
        check("https://login.microsoftonline.com/contoso.onmicrosoft.com", Err(None));
        check("contoso,", Err(Some("contoso.onmicrosoft.com")));
        for two in [
            "alpha.onmicrosoft.com, beta.onmicrosoft.com",
            "contoso,onmicrosoft.com",
            "alpha;beta",
            "alpha|beta",
            "alpha/beta",
            "alpha: beta",
        ] {
            check(two, Err(None));
        }
        check("harbor‑west", Err(Some("harbor-west.onmicrosoft.com")));
        check("ｃｏｎｔｏｓｏ．ｏｎｍｉｃｒｏｓｏｆｔ．ｃｏｍ", Err(Some("contoso.onmicrosoft.com")));
        check("hаrbor", Err(None));
        check("müller", Err(None));
        check("日本", Err(None));
        check("...", Err(None));
    }
}
