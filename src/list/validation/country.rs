//! Checks that depend on the country of a row.
//!
//! Entry points: [`resolve`] reads the country cell and returns the rules of the country; [`resolve_culture`] and
//! [`resolve_language`] read those cells with these rules; [`check`] is called once for every row with a known country
//! (fact book 4.1, 4.3, 4.4 and 7). [`rules`] and [`rulebook`] contain the rules and their sources; rules fetched from
//! the service are merged there. Larger checks have their own modules.

mod live;
mod pattern;
mod phone_number;
mod postal_code;
mod registration_number;
mod rulebook;
mod rules;
mod state;

use std::collections::HashMap;
use std::sync::LazyLock;

use tenantry_model::customer::Field;

use super::draft::Draft;
use super::report::ProblemCollector;
use super::tables::{COUNTRIES_CSV, leak, names, records, tables};
use super::{fields, noted, text};
use crate::reader;
use tenantry_model::problem::{Finding, Rule};

use rules::{CountryRules, RuleText};

pub use live::LiveRules;
pub(super) use rulebook::Rulebook;

/// Other names of countries, with their codes, in addition to the names in the table: the short and formal names of ISO
/// 3166 (as of iso-codes 4), names in other languages, and what people write. The European Union writes `UK` and `EL` for
/// GB and GR.
const OTHER_NAMES_CSV: &str = include_str!("data/country-names.csv");

/// The names of countries in CLDR 48.2 (Unicode License v3), with their variants: of all countries in the languages of
/// the [headings](crate::reader), and of each country in its official ones. Left out are Latin ones of up to three letters,
/// what two countries or another well-known place have (Kongo, Granada), and what looks like another country misspelt: the
/// Latvian name of Niger.
const TRANSLATED_NAMES_CSV: &str = include_str!("data/country-names-cldr.csv");

/// Maps names to codes. Built when the first invalid country is looked up.
struct Names {
    /// From the table, alpha-3 and others.
    common: HashMap<String, &'static str>,
    /// With a typing mistake, one of these thousands is too often another one: Syria is `Sirija`, and Ireland `Irija`.
    translated: HashMap<String, &'static str>,
}

static CODES: LazyLock<Names> = LazyLock::new(|| {
    let folded = |csv| {
        let rows = names(csv);
        rows.flat_map(|(code, names)| names.map(move |name| (fold(name), code)))
    };
    let listed = records(COUNTRIES_CSV).flat_map(|country| {
        let code = leak(&country[0]);
        [(fold(&country[2]), code), (fold(&country[1]), code)]
    });
    Names {
        common: listed.chain(folded(OTHER_NAMES_CSV)).collect(),
        translated: folded(TRANSLATED_NAMES_CSV).collect(),
    }
});

/// The country with the code in this cell.
pub(super) fn resolve<'a>(text: &str, rulebook: &'a Rulebook) -> Result<&'a CountryRules, Finding> {
    rulebook.country(text).ok_or_else(|| {
        let message = if is_code(text) {
            "is not a country that Partner Center sells to"
        } else {
            "must be a two-letter country code (ISO 3166-1 alpha-2)"
        };
        let plain = text::with_plain_marks(text);
        let written_plainly = plain.as_deref().and_then(|code| rulebook.country(code));
        let suggestion = written_plainly.map(|country| country.code.to_string());
        let suggestion = suggestion.or_else(|| suggested_code(text).map(str::to_owned));
        Finding::new(Rule::Country, message).suggest_value(suggestion)
    })
}

/// The culture as the tables or the country's own rules spell it. `country` is also used for the suggestion, if the
/// country of the row is known.
pub(super) fn resolve_culture<'a>(text: &str, country: Option<&'a CountryRules>) -> Result<&'a str, Finding> {
    let of_country = |country: &'a CountryRules| listed(text, &country.cultures);
    tables().culture(text).or_else(|| country.and_then(of_country)).ok_or_else(|| {
        let finding = Finding::new(Rule::Culture, "is not a culture that Partner Center lists");
        let cultures = country.map(|country| &country.cultures[..]).unwrap_or_default();
        let plain = text::with_plain_marks(text).unwrap_or_else(|| text.to_owned());
        let respelled = plain.replace('_', "-");
        let of_language = || only(cultures.iter().filter(|culture| is_same_language(culture, &respelled)));
        match tables().culture(&respelled).or_else(|| of_language().map(|culture| &**culture)) {
            Some(culture) => finding.suggest_value(Some(culture.to_owned())),
            None if cultures.is_empty() => finding,
            None => finding.advise(text::alternatives(cultures)),
        }
    })
}

/// The language as the tables or the country's own rules spell it.
pub(super) fn resolve_language<'a>(
    text: &'a str,
    culture: Option<&str>,
    country: Option<&'a CountryRules>,
) -> Result<&'a str, Finding> {
    fields::resolve_language(text, culture).or_else(|finding| {
        let own = country.and_then(|country| listed(text, &country.languages)).ok_or(finding)?;
        // A code that no table lists is hashed as the operator wrote it. Fetched rules must not change the hash.
        Ok(if text.len() == 2 { text } else { own })
    })
}

fn listed<'a>(text: &str, list: &'a [RuleText]) -> Option<&'a str> {
    list.iter().find(|listed| listed.eq_ignore_ascii_case(text)).map(|listed| &**listed)
}

/// Checks the fields that depend on the country.
pub(super) fn check<'a>(draft: &mut Draft<'a>, country: &'a CountryRules, report: &mut ProblemCollector<'_>) {
    check_listed_culture(draft[Field::Culture], country, report);
    check_listed_language(draft[Field::Language], country, report);
    for &(field, is_certain) in &country.required {
        if draft[field].is_empty() {
            report.add(field, missing(country, is_certain));
        }
    }
    if let Some(text) = draft.sound(Field::State) {
        draft.state = noted(state::resolve(text, country), Field::State, report);
    }
    let checks = [
        (Field::PostalCode, postal_code::check as fn(&str, &CountryRules) -> Option<Finding>),
        (Field::PhoneNumber, phone_number::check),
        (Field::OrganizationRegistrationNumber, registration_number::check),
    ];
    if draft.sound(Field::Region).is_some() && country.code != "MD" {
        let needs_state =
            country.states.is_some() || country.required.iter().any(|(field, _)| *field == Field::State);
        report.add(Field::Region, superfluous_region(needs_state && draft[Field::State].is_empty()));
    }
    for (field, check) in checks {
        let Some(text) = draft.sound(field) else { continue };
        let finding = check(text, country);
        if let Some(finding) = finding.or_else(|| lost_zeros(field, country, report)) {
            report.add(field, finding);
        }
    }
}

/// A number in a workbook keeps neither leading zeros nor a `+`. If the number matches a pattern, nothing is missing.
/// Without a pattern, this cannot be decided.
fn lost_zeros(field: Field, country: &CountryRules, report: &ProblemCollector<'_>) -> Option<Finding> {
    let rule = match field {
        Field::PhoneNumber if country.phone_number.is_none() => Rule::PhoneNumberForm,
        Field::OrganizationRegistrationNumber => Rule::RegistrationNumberForm,
        _ => return None,
    };
    report.is_number(field).then(|| {
        let message = "is a number in the workbook, so leading zeros and `+` are lost";
        Finding::new(rule, message).advise("format the column as text and add the missing characters")
    })
}

fn missing(country: &CountryRules, is_certain: bool) -> Finding {
    if is_certain {
        Finding::new(Rule::Required, format!("is required in {}", country.title()))
    } else {
        let message = format!(
            "is empty; Partner Center will probably refuse an address in {} without it",
            country.title()
        );
        Finding::new(Rule::RequiredLikely, message)
    }
}

/// With a region, the service rejected a valid state (fact book 4.1). The only example with a region is an address in
/// Moldova, without a state. Many lists have the state there.
fn superfluous_region(lacks_state: bool) -> Finding {
    let message = "should be empty; with it Partner Center has refused addresses as if the state were wrong";
    let advice = if lacks_state {
        "leave it empty; if it is the state, use the column for `state` with `--map`"
    } else {
        "leave it empty"
    };
    Finding::new(Rule::Region, message).advise(advice)
}

/// A culture that is listed only for other countries is still sent, because the list dates from 2022.
fn check_listed_culture(culture: &str, country: &CountryRules, report: &mut ProblemCollector<'_>) {
    let cultures = &country.cultures;
    if cultures.is_empty() || listed(culture, cultures).is_some() {
        return;
    }
    // A culture that is not listed anywhere has already been reported.
    if tables().culture(culture).is_some() {
        let message = format!("is not listed for {}", country.title());
        // The culture may be what the customer wants.
        let finding = Finding::new(Rule::CultureCountry, message).advise(text::alternatives(cultures));
        report.add(Field::Culture, finding);
    }
}

/// The recorded lists of languages contain `pt-PT` next to `en`, so only the part before the hyphen is compared (fact
/// book 7). It is not known whether the service enforces these lists.
fn check_listed_language(language: &str, country: &CountryRules, report: &mut ProblemCollector<'_>) {
    let languages = &country.languages;
    if languages.is_empty() || languages.iter().any(|listed| is_same_language(listed, language)) {
        return;
    }
    if tables().language(language).is_some() {
        let mut known: Vec<&str> = languages.iter().map(|listed| primary(listed)).collect();
        known.dedup();
        let message = format!("is not a language listed for {}", country.title());
        let finding = Finding::new(Rule::LanguageCountry, message).advise(text::alternatives(&known));
        report.add(Field::Language, finding);
    }
}

fn is_same_language(one: &str, other: &str) -> bool {
    primary(one).eq_ignore_ascii_case(primary(other))
}

/// The element of a sequence that has no other.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// `pt` of `pt-PT`.
fn primary(language: &str) -> &str {
    language.split_once('-').map_or(language, |(primary, _)| primary)
}

fn is_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn suggested_code(text: &str) -> Option<&'static str> {
    let common = || CODES.common.iter().map(|(name, &code)| (name.as_str(), code));
    code_named(text).or_else(|| text::near(&fold(text), common()))
}

/// The code of the country with this name.
fn code_named(text: &str) -> Option<&'static str> {
    let exact = |name: &str| CODES.common.get(name).or_else(|| CODES.translated.get(name)).copied();
    let folded = fold(text);
    // With an accent, three letters are no code: Muş is a town.
    let is_code = folded.len() > 3 || text.is_ascii();
    exact(&folded).filter(|_| is_code).or_else(|| exact(&in_natural_order(text)?))
}

/// `Korea, Republic of` and `Korea (the Republic of)`, as ISO 3166 writes them, folded like `Republic of Korea`.
fn in_natural_order(name: &str) -> Option<String> {
    let (head, rest) = name.split_once([',', '('])?;
    Some(fold(rest) + &fold(head))
}

/// Is the text, without a typing mistake, a name of the country with this code?
pub(super) fn is_name_of(text: &str, code: &str) -> bool {
    code_named(text) == Some(code)
}

/// Folds a name without accents and its articles (`Netherlands (the)`), and with the abbreviations of its words in full.
fn fold(name: &str) -> String {
    let words = name.replace('&', " and ");
    let words = words.split(|c: char| !c.is_alphanumeric()).map(reader::plain);
    words
        .map(|word| match word.as_str() {
            "the" => String::new(),
            "st" => "saint".to_owned(),
            _ => word,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Ok` with the code, `Err` with the suggestion.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, Option<&str>>) {
        let rulebook = Rulebook::default();
        let found = resolve(text, &rulebook);
        let found =
            found.as_ref().map(|country| &*country.code).map_err(|finding| finding.suggestion.as_deref());
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
            ("Korea, Republic of", "KR"),
            ("Korea (the Republic of)", "KR"),
            ("Moldova, Republic of", "MD"),
            ("Bolivia (Plurinational State of)", "BO"),
            ("Tanzania, the United Republic of", "TZ"),
            ("Taiwan, Province of China", "TW"),
            ("Taiwan (Province of China)", "TW"),
            ("Lao People's Democratic Republic (the)", "LA"),
            ("United Kingdom of Great Britain and Northern Ireland (the)", "GB"),
            ("United States of America (the)", "US"),
            ("Netherlands (Kingdom of the)", "NL"),
            ("Congo (the)", "CG"),
            ("Congo (the Democratic Republic of the)", "CD"),
            ("Virgin Islands (British)", "VG"),
            ("Virgin Islands (U.S.)", "VI"),
            ("Slovak Republic", "SK"),
            ("St. Lucia", "LC"),
            ("St Vincent & the Grenadines", "VC"),
            ("Federal Republic of Germany", "DE"),
            ("ＤＥ", "DE"),
            ("Frankreich", "FR"),
            ("Oesterreich", "AT"),
            ("Türkei", "TR"),
            ("Turkei", "TR"),
            ("Vereinigtes Königreich", "GB"),
            ("Reino Unido", "GB"),
            ("ESTADOS UNIDOS", "US"),
            ("Etats-Unis", "US"),
            ("Pays-Bas", "NL"),
            ("Niemcy", "DE"),
            ("Česká republika", "CZ"),
            ("日本", "JP"),
            ("中國", "CN"),
            ("대한민국", "KR"),
            ("Украина", "UA"),
            ("Ελλάδα", "GR"),
            ("ישראל", "IL"),
            ("مصر", "EG"),
            ("السعودية", "SA"),
            ("भारत", "IN"),
            ("США", "US"),
            ("EE. UU.", "US"),
            ("Großbritannien", "GB"),
        ] {
            check(text, Err(Some(code)));
        }
        // Syria and a city, which are near names in other languages.
        for text in ["Sirija", "Leeds", "Murcia", "Norfolk", "VK", "RA", "RU.", "EU", "CAD", "Muş"] {
            check(text, Err(None));
        }
        for text in ["KP", "CU", "ZZ", "Atlantis", "D", "12", "🙂", "(", "the"] {
            check(text, Err(None));
        }
        // Countries that Partner Center does not sell to, and a name that two have used.
        for text in
            ["Korea (the Democratic People's Republic of)", "Iran (Islamic Republic of)", "Republic of China"]
        {
            check(text, Err(None));
        }
    }

    #[test]
    fn every_name_leads_to_one_listed_country() {
        for (name, code) in CODES.common.iter().chain(&CODES.translated) {
            assert!(Rulebook::default().country(code).is_some(), "{name}");
        }
        // The maps would hide a second one.
        for csv in [OTHER_NAMES_CSV, TRANSLATED_NAMES_CSV] {
            for (code, names) in names(csv) {
                names.for_each(|name| assert_eq!(code_named(name), Some(code), "{name}"));
            }
        }
        assert!(CODES.translated.len() > 5000, "{}", CODES.translated.len());
    }

    #[track_caller]
    fn check_culture(text: &str, country: &str, expected: Result<&str, Option<&str>>) {
        let rulebook = Rulebook::default();
        let found = resolve_culture(text, rulebook.country(country));
        let suggestion = |finding: &Finding| finding.suggestion.clone().or(finding.advice.clone());
        let found = found.as_deref().map_err(suggestion);
        assert_eq!(found.as_ref().map(|it| *it).map_err(Option::as_deref), expected, "{text:?}");
    }

    #[test]
    fn cultures_are_spelled_as_listed_or_suggested() {
        check_culture("en-US", "US", Ok("en-US"));
        check_culture("EN-us", "US", Ok("en-US"));
        check_culture("en_us", "US", Err(Some("en-US")));
        check_culture("en–US", "US", Err(Some("en-US")));
        check_culture("en-CA", "CA", Err(Some("en-US")));
        check_culture("de", "CH", Err(Some("de-CH")));
        check_culture("German", "CH", Err(Some("de-CH, fr-CH, it-CH or en-US")));
        check_culture("de", "ZZ", Err(None));
    }
}
