//! What depends on the country of a row.
//!
//! Entry points: [`resolve`] reads the country cell, and [`check`] is called once for every row whose country is
//! known. Today that is the culture alone; the rules of single countries (state, city, postal code, phone and
//! registration number; fact book 4.3, 4.4 and 7) belong into `check` too.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::customer::Field;
use crate::nearest::distance_within;

use super::draft::Draft;
use super::problem::{Finding, Report, Rule};
use super::tables::{Country, tables};
use super::text;

/// What countries are called beside their names in the table, folded. `UK` and `EL` are what the European Union
/// writes for GB and GR.
#[rustfmt::skip]
const OTHER_NAMES: [(&str, &str); 62] = [
    ("uk", "GB"), ("greatbritain", "GB"), ("britain", "GB"), ("england", "GB"), ("scotland", "GB"), ("wales", "GB"),
    ("northernireland", "GB"), ("el", "GR"), ("us", "US"), ("unitedstatesofamerica", "US"), ("america", "US"),
    ("emirates", "AE"), ("uae", "AE"), ("argentine", "AR"), ("osterreich", "AT"), ("österreich", "AT"),
    ("belgique", "BE"), ("belgie", "BE"), ("belgië", "BE"), ("brasil", "BR"), ("suisse", "CH"), ("schweiz", "CH"),
    ("svizzera", "CH"), ("ivorycoast", "CI"), ("cotedivoire", "CI"), ("capeverde", "CV"), ("curacao", "CW"),
    ("czechrepublic", "CZ"), ("ceskarepublika", "CZ"), ("deutschland", "DE"), ("danmark", "DK"), ("espana", "ES"),
    ("españa", "ES"), ("suomi", "FI"), ("hongkong", "HK"), ("magyarorszag", "HU"), ("italia", "IT"),
    ("southkorea", "KR"), ("republicofkorea", "KR"), ("lietuva", "LT"), ("latvija", "LV"), ("macedonia", "MK"),
    ("burma", "MM"), ("macau", "MO"), ("macao", "MO"), ("mexico", "MX"), ("méxico", "MX"), ("holland", "NL"),
    ("netherlands", "NL"), ("nederland", "NL"), ("norge", "NO"), ("polska", "PL"), ("palestine", "PS"),
    ("reunion", "RE"), ("russianfederation", "RU"), ("sverige", "SE"), ("swaziland", "SZ"), ("turkey", "TR"),
    ("turkiye", "TR"), ("vatican", "VA"), ("vietnam", "VN"), ("aland", "AX"),
];

/// Names (of the table, alpha-3 and others) to codes. Built when the first bad country asks for it.
static CODES_BY_NAME: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let listed = tables().countries().flat_map(|c| [(fold(c.name), c.code), (fold(c.alpha3), c.code)]);
    let other = OTHER_NAMES.iter().map(|&(name, code)| (name.to_owned(), code));
    listed.chain(other).collect()
});

/// The country that a cell names by its code.
pub(super) fn resolve(text: &str) -> Result<&'static Country, Finding> {
    tables().country(text).ok_or_else(|| {
        let message = if is_code(text) {
            "is no code of a country that Partner Center sells to"
        } else {
            "must be a two-letter country code (ISO 3166-1 alpha-2)"
        };
        Finding::new(Rule::Country, message).suggest(code_meant(text).map(str::to_owned))
    })
}

/// Checks what depends on the country, and spells it as the service does.
pub(super) fn check(draft: &mut Draft<'_>, country: &Country, report: &mut Report<'_>) {
    check_listed_culture(draft[Field::Culture], country, report);
}

/// The culture as the table spells it. `country` is for the suggestion, where the row has a good one.
pub(super) fn resolve_culture(text: &str, country: Option<&Country>) -> Result<&'static str, Finding> {
    tables().culture(text).ok_or_else(|| {
        let respelled = tables().culture(&text.replace('_', "-"));
        let suggestion =
            respelled.map(str::to_owned).or_else(|| country.map(|c| text::alternatives(&c.cultures)));
        Finding::new(Rule::Culture, "is no culture that Partner Center lists").suggest(suggestion)
    })
}

/// A culture that is listed, but for other countries, is sent all the same: the list is of 2022.
fn check_listed_culture(culture: &str, country: &Country, report: &mut Report<'_>) {
    let is_elsewhere = tables().culture(culture).is_some() && !country.cultures.contains(&culture);
    if is_elsewhere {
        let message = format!("is not listed for {} ({})", country.name, country.code);
        let suggestion = Some(text::alternatives(&country.cultures));
        report.add(Field::Culture, Finding::new(Rule::CultureCountry, message).suggest(suggestion));
    }
}

fn is_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn code_meant(text: &str) -> Option<&'static str> {
    let folded = fold(text);
    if let Some(code) = CODES_BY_NAME.get(&folded) {
        return Some(code);
    }
    // One slip in a name. Where two countries are that near, neither is more than a guess.
    let mut near = CODES_BY_NAME
        .iter()
        .filter(|&(name, _)| name.chars().count() >= 5 && distance_within(name, &folded, 1).is_some());
    let (_, code) = near.next()?;
    near.all(|(_, other)| other == code).then_some(*code)
}

fn fold(name: &str) -> String {
    let folded: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    // `Netherlands, The` and `The Gambia`.
    folded.strip_prefix("the").map_or(folded.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Ok` with the code, `Err` with the suggestion.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, Option<&str>>) {
        let found = resolve(text);
        let found =
            found.as_ref().map(|country| country.code).map_err(|finding| finding.suggestion.as_deref());
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn countries_go_by_their_code() {
        check("DE", Ok("DE"));
        check("de", Ok("DE"));
        check("NA", Ok("NA"));
        check("XK", Ok("XK"));
    }

    #[test]
    fn other_names_of_countries_are_suggestions() {
        for (text, code) in [
            ("UK", "GB"),
            ("United Kingdom", "GB"),
            ("GBR", "GB"),
            ("usa", "US"),
            ("U.S.A.", "US"),
            ("EL", "GR"),
            ("Germany", "DE"),
            ("Deutschland", "DE"),
            ("Germny", "DE"),
            ("Türkiye", "TR"),
            ("Turkey", "TR"),
            ("The Netherlands", "NL"),
            ("Netherlands, The", "NL"),
            ("South Korea", "KR"),
            ("Côte d'Ivoire", "CI"),
        ] {
            check(text, Err(Some(code)));
        }
        for text in ["KP", "CU", "ZZ", "Atlantis", "D", "12", "🙂"] {
            check(text, Err(None));
        }
    }

    #[test]
    fn other_names_lead_to_listed_countries() {
        for (name, code) in OTHER_NAMES {
            assert!(tables().country(code).is_some(), "{name}");
            assert_eq!(fold(name), name);
        }
    }

    #[track_caller]
    fn check_culture(text: &str, country: &str, expected: Result<&str, Option<&str>>) {
        let found = resolve_culture(text, tables().country(country));
        assert_eq!(found.as_deref().map_err(|finding| finding.suggestion.as_deref()), expected, "{text:?}");
    }

    #[test]
    fn cultures_are_spelled_as_listed_or_suggested() {
        check_culture("en-US", "US", Ok("en-US"));
        check_culture("EN-us", "US", Ok("en-US"));
        check_culture("en_us", "US", Err(Some("en-US")));
        check_culture("en-CA", "CA", Err(Some("fr-CA or en-US")));
        check_culture("de", "CH", Err(Some("de-CH, fr-CH, it-CH or en-US")));
        check_culture("de", "ZZ", Err(None));
    }
}
