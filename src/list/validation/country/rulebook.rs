//! The rules of every country: the built-in rules, overridden by fetched ones.
//!
//! The built-in rules are read once from `data/`. Countries, states and the two recorded answers are files of the fact
//! book, byte for byte. The postal codes are a table of our own, which states how certain each pattern is. Later
//! sources override earlier ones: tables, then recorded answers, then fetched answers.

use std::sync::LazyLock;

use foldhash::HashMap;

use tenantry_model::customer::Field;

use super::live::LiveRules;
use super::pattern::Pattern;
use super::rules::{CountryRules, States, ValueFormat};
use crate::validation::tables::{COUNTRIES_CSV, leak, records};

const STATES_CSV: &str = include_str!("../data/states.csv");
const POSTAL_CODES_CSV: &str = include_str!("../data/postal-codes.csv");
const RECORDED_JSON: [&str; 2] =
    [include_str!("../data/country-rules-PT.json"), include_str!("../data/country-rules-US.json")];

/// Fields that no source explicitly documents as required. The service checks the states of these countries against
/// lists when it validates an address (fact book 4.4), so an empty state is unlikely to pass. A third party adds that
/// in Canada state, city and postal code must match.
const LIKELY_REQUIRED: [(&str, Field); 5] = [
    ("CA", Field::City),
    ("CA", Field::State),
    ("CA", Field::PostalCode),
    ("CN", Field::State),
    ("MX", Field::State),
];

type Code = [u8; 2];

static BUILT_IN: LazyLock<HashMap<Code, CountryRules>> = LazyLock::new(read_built_in);

/// The rules that validate rows.
#[derive(Debug, Clone, Default)]
pub(in crate::validation) struct Rulebook {
    /// For each country with fetched rules: its built-in rules, with the fetched rules applied.
    live: HashMap<Code, CountryRules>,
    notes: Vec<String>,
}

impl Rulebook {
    /// The built-in rules, overridden by these answers.
    pub(in crate::validation) fn new(answers: &[LiveRules]) -> Self {
        let mut rulebook = Self::default();
        for answer in answers {
            let code = &answer.code;
            let built_in =
                || BUILT_IN.get(code).cloned().unwrap_or_else(|| CountryRules::bare(spelled(*code)));
            let rules = rulebook.live.entry(*code).or_insert_with(built_in);
            rules.apply(answer, &mut rulebook.notes);
        }
        rulebook
    }

    /// The rules for an alpha-2 code, in any letter case.
    pub(in crate::validation) fn country(&self, code: &str) -> Option<&CountryRules> {
        let code: Code = code.as_bytes().try_into().ok()?;
        let code = code.map(|byte| byte.to_ascii_uppercase());
        let live = if self.live.is_empty() { None } else { self.live.get(&code) };
        live.or_else(|| BUILT_IN.get(&code))
    }

    /// Which fetched rules are not used, and why.
    pub(in crate::validation) fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn read_built_in() -> HashMap<Code, CountryRules> {
    let key = |code: &str| -> Code { code.as_bytes().try_into().expect("country codes have two letters") };
    let mut countries: HashMap<Code, CountryRules> =
        records(COUNTRIES_CSV).map(|country| (key(&country[0]), CountryRules::listed(&country))).collect();
    let mut of = |code: &str, change: &dyn Fn(&mut CountryRules)| {
        change(countries.get_mut(&key(code)).expect("the compiled-in tables name listed countries"));
    };
    for (code, field) in LIKELY_REQUIRED {
        of(code, &|rules| rules.require(field, false));
    }
    for record in records(STATES_CSV) {
        of(&record[0], &|rules| add_state(rules, &record));
    }
    for record in records(POSTAL_CODES_CSV) {
        of(&record[0], &|rules| set_postal_code(rules, &record));
    }
    for body in RECORDED_JSON {
        let answer = LiveRules::parse(body).expect("the compiled-in answers are well-formed");
        of(&spelled(answer.code), &|rules| {
            // Compiled when the first row needs it, like the patterns of the tables.
            let pattern = answer.phone_number_regex.as_deref().map(|text| Pattern::built_in(leak(text)));
            rules.phone_number = pattern.map(|pattern| ValueFormat { pattern, is_certain: true });
            rules.apply(&answer, &mut Vec::new());
        });
    }
    countries
}

fn add_state(rules: &mut CountryRules, record: &csv::StringRecord) {
    let states =
        rules.states.get_or_insert_with(|| States { values: Vec::new(), is_certain: is_certain(&record[3]) });
    states.values.push(leak(&record[1]).into());
}

fn set_postal_code(rules: &mut CountryRules, record: &csv::StringRecord) {
    let pattern = Pattern::built_in(leak(&record[1]));
    rules.postal_code = Some(ValueFormat { pattern, is_certain: is_certain(&record[4]) });
    rules.postal_zeros_max = record[2].parse().expect("the compiled-in numbers are numbers");
    rules.postal_example = Some(leak(&record[3]));
}

/// Based on the `confidence` column of the tables.
fn is_certain(confidence: &str) -> bool {
    confidence == "recorded"
}

fn spelled(code: Code) -> String {
    code.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_model::problem::Rule;

    fn rules(code: &str) -> &'static CountryRules {
        BUILT_IN.get(code.as_bytes()).unwrap()
    }

    fn live(json: &str) -> Rulebook {
        Rulebook::new(&[LiveRules::parse(json).unwrap()])
    }

    fn required(rules: &CountryRules) -> Vec<(&'static str, bool)> {
        let mut names: Vec<_> =
            rules.required.iter().map(|&(f, is_certain)| (f.name(), is_certain)).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_built_in_rules_are_those_of_the_fact_book() {
        assert_eq!(BUILT_IN.len(), 248);
        let us = rules("US");
        let states = us.states.as_ref().unwrap();
        assert_eq!((states.values.len(), states.is_certain), (51, true));
        assert_eq!(required(us), [("city", true), ("postal_code", true), ("state", true)]);
        assert_eq!(us.languages, ["en", "es"]);
        assert_eq!(required(rules("PT")), [("city", true), ("postal_code", true)]);
        assert!(rules("PT").states.is_none() && rules("PT").phone_number.is_none());
        assert_eq!(required(rules("CA")), [("city", false), ("postal_code", false), ("state", false)]);
        assert_eq!(
            required(rules("PL")),
            [("organization_registration_number", true), ("phone_number", true)]
        );
        assert_eq!(required(rules("DE")), []);
        let mandatory = BUILT_IN.values().filter(|rules| rules.takes_registration_number);
        assert_eq!(mandatory.count(), 24);
        let counts = ["CA", "AU", "AE"].map(|code| rules(code).states.as_ref().unwrap().values.len());
        assert_eq!(counts, [13, 9, 7]);
    }

    #[test]
    fn the_tables_use_known_words_for_how_well_they_know() {
        let confidences = records(STATES_CSV).map(|record| record[3].to_owned());
        for word in confidences.chain(records(POSTAL_CODES_CSV).map(|record| record[4].to_owned())) {
            assert!(["recorded", "third-party", "weak", "well-known"].contains(&&*word), "{word}");
        }
    }

    #[test]
    fn every_postal_pattern_takes_its_example_and_nothing_empty() {
        let mut patterns = 0;
        for rules in BUILT_IN.values() {
            assert!(
                rules
                    .phone_number
                    .as_ref()
                    .is_none_or(|form| ["", "é"].iter().all(|text| !form.pattern.is_match(text))),
                "{}",
                rules.code
            );
            let Some(form) = &rules.postal_code else { continue };
            patterns += 1;
            let example = rules.postal_example.unwrap();
            assert!(form.pattern.is_match(example), "{}: {example}", rules.code);
            // Beyond ASCII, another matcher is compiled.
            assert!(["", "é"].iter().all(|text| !form.pattern.is_match(text)), "{}", rules.code);
            let is_recorded = ["US", "PT"].contains(&&*rules.code);
            assert_eq!(form.is_certain, is_recorded, "{}", rules.code);
        }
        assert_eq!(patterns, 78);
    }

    #[test]
    fn the_tables_and_the_recorded_answers_agree() {
        for code in ["US", "PT"] {
            let answer = RECORDED_JSON.map(|body| LiveRules::parse(body).unwrap());
            let answer = answer.iter().find(|answer| answer.are_of(code)).unwrap();
            let listed: Vec<_> =
                records(STATES_CSV).filter(|r| &r[0] == code).map(|r| r[1].to_owned()).collect();
            assert_eq!(answer.states().unwrap(), listed);
            let pattern = records(POSTAL_CODES_CSV).find(|r| &r[0] == code).unwrap()[1].to_owned();
            assert_eq!(answer.postal_code_regex.as_ref(), Some(&pattern));
            let mut cultures = answer.cultures().unwrap().to_vec();
            let listed = records(COUNTRIES_CSV).find(|country| &country[0] == code).unwrap();
            let mut table: Vec<_> = listed[3].split('|').collect();
            cultures.sort_unstable();
            table.sort_unstable();
            assert_eq!(cultures, table);
        }
    }

    #[test]
    fn fetched_rules_win_where_they_say_something() {
        let rulebook = live(
            r#"{"iso2Code":"AU","isStateRequired":true,"supportedStatesList":["NSW"],"postalCodeRegex":"^9$"}"#,
        );
        let au = rulebook.country("au").unwrap();
        assert_eq!(required(au), [("state", true)]);
        assert_eq!(au.states.as_ref().unwrap().values, ["NSW"]);
        assert_eq!(au.state_rule(au.states.as_ref().unwrap()), Rule::State);
        assert_eq!(
            au.postal_code.as_ref().map(|form| (form.pattern.as_str(), form.is_certain)),
            Some(("^9$", true))
        );
        assert_eq!(au.cultures, rules("AU").cultures);
        assert!(rulebook.notes().is_empty());

        let rulebook = live(
            r#"{"iso2Code":"US","isCityRequired":false,"supportedStatesList":[],"postalCodeRegex":"","supportedCulturesList":[]}"#,
        );
        let us = rulebook.country("US").unwrap();
        assert_eq!(required(us), [("postal_code", true), ("state", true)]);
        assert!(us.states.is_none() && us.postal_code.is_none());
        assert_eq!(us.cultures, rules("US").cultures);
        assert!(rulebook.country("PT").unwrap().postal_code.is_some());

        let rulebook = live(
            r#"{"iso2Code":"QQ","supportedCulturesList":["qq-QQ"],"isRegistrationNumberSupported":true}"#,
        );
        let qq = rulebook.country("qq").unwrap();
        assert_eq!((&*qq.code, qq.title(), qq.takes_registration_number), ("QQ", "QQ".to_owned(), true));
    }

    #[test]
    fn a_fetched_pattern_that_cannot_be_read_leaves_a_note_and_a_warning() {
        let rulebook = live(r#"{"iso2Code":"US","postalCodeRegex":"^(?!000)\\d{5}$"}"#);
        let us = rulebook.country("US").unwrap();
        assert!(!us.postal_code.as_ref().unwrap().is_certain);
        assert!(us.phone_number.as_ref().unwrap().is_certain);
        assert_eq!(
            rulebook.notes(),
            [
                r"the service's pattern for `postal_code` of US is not used, because it cannot be read as .NET reads it: `^(?!000)\d{5}$`"
            ]
        );
    }
}
