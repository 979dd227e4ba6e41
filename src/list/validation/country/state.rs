//! Validates the state of a row with the list of its country (fact book 4.4).
//!
//! The service requires the exact spelling of its list, and the lists differ in kind: codes in US and CA, full names in
//! AU. A value in another letter case is changed to the listed spelling. Another name of a listed state (`California`,
//! `NSW`) is a finding that suggests the listed one.

use std::sync::LazyLock;

use crate::reader::fold;
use crate::validation::tables::names;
use crate::validation::text;
use tenantry_model::problem::Finding;

use super::rules::{CountryRules, States};

/// Territories of the United States that are separate countries in Partner Center's list.
const US_TERRITORIES: [&str; 6] = ["AS", "GU", "MP", "PR", "UM", "VI"];

/// Other names of each state, by country. This table is our own and only used for suggestions; it is read when the
/// first invalid state is looked up.
static NAMES: LazyLock<Vec<(&str, Vec<&str>)>> = LazyLock::new(|| {
    names(include_str!("../data/state-names.csv")).map(|(code, names)| (code, names.collect())).collect()
});

/// The state as the country's list spells it; the text unchanged if the country has no list.
pub(super) fn resolve<'a>(text: &'a str, rules: &'a CountryRules) -> Result<&'a str, Finding> {
    let Some(states) = &rules.states else { return Ok(text) };
    let listed = states.values.iter().find(|value| value.eq_ignore_ascii_case(text));
    listed.map(|value| &**value).ok_or_else(|| unlisted(text, states, rules))
}

#[cold]
fn unlisted(text: &str, states: &States, rules: &CountryRules) -> Finding {
    let country = rules.title();
    let territory = US_TERRITORIES.iter().find(|code| rules.code == "US" && code.eq_ignore_ascii_case(text));
    let message = match territory {
        Some(code) => {
            format!("is a country of its own in Partner Center: write `{code}` into the country column")
        }
        None if states.is_certain => format!("is not a state that Partner Center lists for {country}"),
        None => format!("is not on the list of states for {country} that Partner Center is said to use"),
    };
    let suggestion = if territory.is_none() { listed_for(text, states, rules) } else { None };
    Finding::new(rules.state_rule(states), message).suggest_value(suggestion)
}

/// The listed state that the text names in another way or with one typing mistake, if only one state is that similar.
fn listed_for(text: &str, states: &States, rules: &CountryRules) -> Option<String> {
    let folded = fold(text);
    let known: Vec<(String, &str)> = states
        .values
        .iter()
        .flat_map(|value| names_of(value, &rules.code).map(move |name| (name, &**value)))
        .collect();
    let same = known.iter().find(|(name, _)| *name == folded).map(|&(_, value)| value);
    let near = || text::near(&folded, known.iter().map(|(name, value)| (name.as_str(), *value)));
    same.or_else(near).map(str::to_owned)
}

/// Every name of a listed state, folded; the listed name comes first.
fn names_of(value: &str, country: &str) -> impl Iterator<Item = String> {
    let own = fold(value);
    let is_it = |names: &&(&str, Vec<&str>)| names.0 == country && names.1.iter().any(|n| fold(n) == own);
    let others = NAMES.iter().find(is_it).map_or(&[][..], |(_, names)| names);
    std::iter::once(own).chain(others.iter().map(|name| fold(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::country::Rulebook;
    use crate::validation::country::live::LiveRules;
    use tenantry_model::problem::Rule;

    #[track_caller]
    fn check_with(
        rulebook: &Rulebook,
        country: &str,
        text: &str,
        expected: Result<&str, (Rule, Option<&str>)>,
    ) {
        let found = resolve(text, rulebook.country(country).unwrap());
        let found = found.as_deref().map_err(|finding| (finding.rule, finding.suggestion.as_deref()));
        assert_eq!(found, expected, "{country}: {text}");
    }

    #[track_caller]
    fn check(country: &str, text: &str, expected: Result<&str, (Rule, Option<&str>)>) {
        check_with(&Rulebook::default(), country, text, expected);
    }

    #[test]
    fn listed_states_are_spelled_as_listed() {
        check("US", "WA", Ok("WA"));
        check("US", "wa", Ok("WA"));
        check("CA", "qc", Ok("QC"));
        check("AU", "new south wales", Ok("New South Wales"));
        check("DE", "Bayern", Ok("Bayern"));
        check("CN", "北京", Ok("北京"));
        check("PT", "whatever", Ok("whatever"));
    }

    #[test]
    fn other_names_of_states_are_suggestions() {
        for (country, text, value) in [
            ("US", "Washington", "WA"),
            ("US", "Wash.", "WA"),
            ("US", "washington, d.c.", "DC"),
            ("US", "Californa", "CA"),
            ("US", "New-York", "NY"),
            ("US", "W.A.", "WA"),
        ] {
            check(country, text, Err((Rule::State, Some(value))));
        }
        for (country, text, value) in [
            ("CA", "Québec", "QC"),
            ("CA", "PQ", "QC"),
            ("CA", "Ontaro", "ON"),
            ("AU", "NSW", "New South Wales"),
            ("AU", "Queenslnad", "Queensland"),
            ("AE", "Dubai", "DU"),
        ] {
            check(country, text, Err((Rule::StateUnlisted, Some(value))));
        }
        for text in ["PR", "gu", "AE", "XX", "W", "🙂", "Bavaria"] {
            check("US", text, Err((Rule::State, None)));
        }
    }

    #[test]
    fn a_fetched_list_of_full_names_is_understood_by_codes() {
        let answer = r#"{"iso2Code":"CA","supportedStatesList":["Ontario","Quebec"]}"#;
        let rulebook = Rulebook::new(&[LiveRules::parse(answer).unwrap()]);
        check_with(&rulebook, "CA", "ontario", Ok("Ontario"));
        check_with(&rulebook, "CA", "ON", Err((Rule::StateUnlisted, Some("Ontario"))));
        check_with(&rulebook, "CA", "Québec", Err((Rule::StateUnlisted, Some("Quebec"))));
    }

    #[test]
    fn a_territory_is_pointed_to_its_own_country() {
        let finding = resolve("pr", Rulebook::default().country("US").unwrap()).unwrap_err();
        assert!(finding.message.ends_with("write `PR` into the country column"), "{}", finding.message);
    }

    #[test]
    fn every_listed_state_has_names_of_its_own() {
        for country in ["US", "CA", "AU", "AE"] {
            let rulebook = Rulebook::default();
            let states = rulebook.country(country).unwrap().states.as_ref().unwrap();
            let names: Vec<String> =
                states.values.iter().flat_map(|value| names_of(value, country).skip(1)).collect();
            let mut own: Vec<&String> = names.iter().collect();
            own.sort_unstable();
            own.dedup();
            assert_eq!(own.len(), names.len(), "{country}");
            assert_eq!(NAMES.iter().filter(|(of, _)| *of == country).count(), states.values.len());
        }
    }
}
