//! `GET /v1/countryvalidationrules/{iso2}`, in both of its shapes (fact book 7).
//!
//! The rules of US and PT are recordings. The rules of other countries contain the documented cultures and little else:
//! a client must handle that any property may be missing.

use serde_json::{Value, json};

use super::reply::Reply;
use super::scenario::CountryRules;
use super::simulation::Visit;

const RECORDED: [(&str, &str); 2] =
    [("US", include_str!("data/country-rules-US.json")), ("PT", include_str!("data/country-rules-PT.json"))];

/// Each line has a country code and its cultures, the preferred culture first.
const CULTURES: &str = include_str!("data/cultures.csv");

/// The lists that have a different name in the documentation than in recorded responses.
const LISTS: [(&str, &str); 4] = [
    ("supportedStatesList", "states"),
    ("supportedLanguagesList", "supportedLanguages"),
    ("supportedCulturesList", "supportedCultures"),
    ("countryCallingCodesList", "countryCallingCodes"),
];

pub(super) fn rules(visit: &Visit<'_>) -> Reply {
    let country = &visit.arrived.parameter;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Reply::refusal(400, 2000, "The country is not a two-letter ISO code.", &[]);
    }
    let country = country.to_ascii_uppercase();
    let Some(rules) = recorded(&country).or_else(|| made_up(&country)) else {
        // The text is recorded; its status and code are not (fact book 7).
        let text = format!("No validation rules were found for the country/region {country}");
        return Reply::refusal(404, 1000, &text, &[]);
    };
    match visit.simulation.scenario.country_rules {
        CountryRules::Recorded => Reply::json(200, &rules),
        CountryRules::Documented => Reply::json(200, &as_documented(rules)),
    }
}

fn recorded(country: &str) -> Option<Value> {
    let (_, rules) = RECORDED.iter().find(|(recorded, _)| *recorded == country)?;
    Some(serde_json::from_str(rules).expect("the recorded rules are JSON"))
}

fn made_up(country: &str) -> Option<Value> {
    let mut lines = CULTURES.lines().filter_map(|line| line.split_once(','));
    let (_, cultures) = lines.find(|(known, _)| *known == country)?;
    let cultures: Vec<&str> = cultures.split('|').collect();
    let mut languages: Vec<&str> = cultures.iter().filter_map(|culture| culture.split('-').next()).collect();
    languages.dedup();
    Some(json!({
        "iso2Code": country,
        "defaultCulture": cultures.first(),
        "isStateRequired": false,
        "supportedStatesList": [],
        "supportedLanguagesList": languages,
        "supportedCulturesList": cultures,
        "isPostalCodeRequired": false,
        "isCityRequired": true,
        "attributes": { "objectType": "CountryValidationRules" },
    }))
}

fn as_documented(mut rules: Value) -> Value {
    let Some(properties) = rules.as_object_mut() else { return rules };
    for (recorded, documented) in LISTS {
        if let Some(list) = properties.remove(recorded) {
            properties.insert(documented.to_owned(), json!({ "value": list }));
        }
    }
    properties.remove("isTaxIdOptional");
    rules["resellerAgreementRegion"] = json!("AOC");
    rules["geographicRegion"] = json!("NorthAndLatinAmerica");
    rules["isRegistrationNumberSupported"] = json!(false);
    rules["attributes"]["objectType"] = json!("CountryInformation");
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_culture() {
        for line in CULTURES.lines() {
            let (country, cultures) = line.split_once(',').unwrap();
            assert!(country.len() == 2 && cultures.contains('-'), "{line}");
        }
    }
}
