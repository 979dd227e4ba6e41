//! Validates the top-level domain of an address.
//!
//! An ending that does not exist is an error if it is one typing slip away from an ending that many addresses have, and
//! else a warning, because new ones are delegated.

use tenantry_model::nearest::distance_within;
use tenantry_model::problem::{Finding, Rule};

/// The day of IANA's list in the crate `tld`.
const LISTED_ON: &str = "2026-11-01";

/// The ending that a slip most probably means, whatever else is near.
const COMMON: &str = "com";

/// Endings that many addresses of companies have, most common first: those open to everybody, and those of large
/// countries.
#[rustfmt::skip]
const WELL_USED: [&str; 79] = [
    COMMON, "net", "org", "info", "biz", "edu", "gov", "de", "uk", "cn", "nl", "fr", "ru", "br", "eu", "it", "au", "pl", "ca",
    "jp", "in", "es", "us", "ch", "be", "se", "at", "cz", "dk", "no", "fi", "pt", "ie", "gr", "hu", "ro", "sk", "bg", "hr",
    "si", "lt", "lv", "ee", "lu", "tr", "ua", "za", "mx", "ar", "cl", "co", "pe", "nz", "kr", "tw", "hk", "sg", "my", "id",
    "th", "vn", "ph", "il", "ae", "sa", "kz", "rs", "eg", "ma", "ng", "ke", "pk", "bd", "ve", "ec", "uy", "io", "me", "tv",
];

/// The most endings that are listed as alternatives.
const ALTERNATIVES_MAX: usize = 3;

/// `address` ends in `.` and `top`.
pub(super) fn check(address: &str, top: &str) -> Option<Finding> {
    // Nearly every ending is one of the first.
    if WELL_USED.iter().any(|ending| ending.eq_ignore_ascii_case(top)) || tld::exist_case_insensitive(top) {
        return None;
    }
    let top = top.to_ascii_lowercase();
    let near: Vec<&str> =
        WELL_USED.into_iter().filter(|ending| distance_within(ending, &top, 1).is_some()).collect();
    if near.is_empty() {
        let message = format!(
            "ends in `.{top}`, which is not among the top-level domains of {LISTED_ON}; a bad address can burn the domain"
        );
        return Some(Finding::new(Rule::EmailEndingUnlisted, message));
    }
    let mut message =
        format!("ends in `.{top}`, which is not a top-level domain; a bad address can burn the domain");
    let meant = if near.contains(&COMMON) { &[COMMON][..] } else { &near };
    if (2..=ALTERNATIVES_MAX).contains(&meant.len()) {
        message += &format!("; did you mean `.{}`?", meant.join("` or `."));
    }
    let suggestion = match meant {
        [ending] => Some(format!("{}{ending}", &address[..address.len() - top.len()])),
        _ => None,
    };
    Some(Finding::new(Rule::EmailEnding, message).suggest_value(suggestion))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule with the suggestion.
    #[track_caller]
    fn check_ending(top: &str, expected: Option<(Rule, Option<&str>)>) {
        let found = check(&format!("ana@contoso.{top}"), top);
        let found = found.as_ref().map(|finding| (finding.rule, finding.suggestion.as_deref()));
        let expected = expected.map(|(rule, ending)| (rule, ending.map(|it| format!("ana@contoso.{it}"))));
        assert_eq!(found, expected.as_ref().map(|(rule, text)| (*rule, text.as_deref())), "{top}");
    }

    #[test]
    fn endings_that_exist_pass() {
        for top in
            ["com", "COM", "de", "co", "cm", "om", "ne", "museum", "photography", "xn--p1ai", "XN--P1AI"]
        {
            check_ending(top, None);
        }
        for top in WELL_USED {
            assert!(tld::exist(top), "{top}");
        }
    }

    #[test]
    fn a_slip_suggests_the_one_ending_that_is_meant() {
        for top in ["con", "CON", "cmo", "ocm", "comm", "coom", "cim", "vom", "xom", "cpm", "comn"] {
            check_ending(top, Some((Rule::EmailEnding, Some("com"))));
        }
        for (top, ending) in
            [("nett", "net"), ("orgg", "org"), ("inof", "info"), ("bizz", "biz"), ("ukk", "uk")]
        {
            check_ending(top, Some((Rule::EmailEnding, Some(ending))));
        }
    }

    #[test]
    fn a_slip_with_several_meanings_suggests_none() {
        for top in ["ed", "dd", "ogr", "eud"] {
            check_ending(top, Some((Rule::EmailEnding, None)));
        }
        let message = check("a@b.ogr", "ogr").unwrap().message;
        assert!(message.ends_with("did you mean `.org` or `.gr`?"), "{message}");
    }

    #[test]
    fn other_endings_are_warned_about() {
        for top in ["contoso", "xn--nosuch", "foobar"] {
            check_ending(top, Some((Rule::EmailEndingUnlisted, None)));
        }
    }

    #[test]
    fn the_list_is_the_one_of_its_day() {
        assert_eq!(tld::TLD.len(), 1436, "another list: write its day into `LISTED_ON`");
    }
}
