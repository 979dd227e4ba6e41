//! Parses the country validation rules that the service returns (fact book 7), in both known shapes.
//!
//! `GET /v1/countryvalidationrules/{iso2}` was documented in 2015 and recorded in 2019 and 2021; in between, the lists
//! changed their names and lost a layer. Any field may be missing; a missing field changes no rule. Two recorded
//! answers are compiled in, so this module also reads the built-in rules of US and PT. Other modules fetch and store
//! the answers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The rules of the service for one country. Created by [`LiveRules::parse`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveRules {
    /// The country's code in upper case.
    #[serde(rename = "iso2Code", deserialize_with = "country_code")]
    pub(super) code: [u8; 2],
    pub(super) is_city_required: Option<bool>,
    pub(super) is_state_required: Option<bool>,
    pub(super) is_postal_code_required: Option<bool>,
    pub(super) is_registration_number_supported: Option<bool>,
    pub(super) postal_code_regex: Option<String>,
    pub(super) phone_number_regex: Option<String>,
    supported_states_list: Option<Vec<String>>,
    supported_languages_list: Option<Vec<String>>,
    supported_cultures_list: Option<Vec<String>>,
    country_calling_codes_list: Option<Vec<String>>,
    states: Option<Wrapped>,
    supported_languages: Option<Wrapped>,
    supported_cultures: Option<Wrapped>,
    country_calling_codes: Option<Wrapped>,
}

/// A list in the shape that the documentation of 2015 shows.
#[derive(Debug, Clone, Deserialize)]
struct Wrapped {
    value: Option<Vec<String>>,
}

#[derive(Debug, thiserror::Error)]
#[error("read country validation rules")]
pub struct LiveRulesError(#[from] serde_json::Error);

impl LiveRules {
    /// Parses the body of a response.
    pub fn parse(body: &str) -> Result<Self, LiveRulesError> {
        // Partner Center writes a byte order mark before some bodies (fact book 3).
        Ok(serde_json::from_str(body.trim_start_matches('\u{FEFF}'))?)
    }

    /// Whether they are the rules of the country with this code, in upper case.
    pub fn are_of(&self, code: &str) -> bool {
        self.code == code.as_bytes()
    }

    pub(super) fn states(&self) -> Option<&[String]> {
        either(&self.supported_states_list, &self.states)
    }

    pub(super) fn languages(&self) -> Option<&[String]> {
        either(&self.supported_languages_list, &self.supported_languages)
    }

    pub(super) fn cultures(&self) -> Option<&[String]> {
        either(&self.supported_cultures_list, &self.supported_cultures)
    }

    pub(super) fn calling_codes(&self) -> Option<&[String]> {
        either(&self.country_calling_codes_list, &self.country_calling_codes)
    }
}

fn country_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 2], D::Error> {
    let text = String::deserialize(deserializer)?;
    let code: Option<[u8; 2]> = text.as_bytes().try_into().ok();
    code.filter(|code| code.iter().all(u8::is_ascii_alphabetic))
        .map(|code| code.map(|byte| byte.to_ascii_uppercase()))
        .ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a country code")))
}

/// The recorded shape overrides the documented one.
fn either<'a>(recorded: &'a Option<Vec<String>>, documented: &'a Option<Wrapped>) -> Option<&'a [String]> {
    let documented = || documented.as_ref().and_then(|wrapped| wrapped.value.as_ref());
    recorded.as_ref().or_else(documented).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation, shortened and with its JSON corrected: the printed JSON is invalid.
    const DOCUMENTED: &str = r#"{
        "iso2Code": "US", "isStateRequired": true, "states": {"value": ["AK", "AL"]},
        "supportedLanguages": {"value": ["en", "es"]}, "supportedCultures": {"value": ["en-US", "es-US"]},
        "isPostalCodeRequired": true, "postalCodeRegex": "^\\d{5}(-\\d{4})?$", "isCityRequired": true,
        "phoneNumberRegex": "^\\d+$", "isRegistrationNumberSupported": false,
        "geographicRegion": "NorthAndLatinAmerica", "countryCallingCodes": {"value": ["1"]},
        "attributes": {"objectType": "CountryInformation"}
    }"#;

    /// States, languages, cultures, calling codes and the three required flags.
    #[track_caller]
    fn check(body: &str, lists: [Option<&[&str]>; 4], required: [Option<bool>; 3]) {
        let rules = LiveRules::parse(body).unwrap();
        let found = [rules.states(), rules.languages(), rules.cultures(), rules.calling_codes()];
        for (found, expected) in found.into_iter().zip(lists) {
            let expected = expected.map(|list| list.iter().map(|&item| item.to_owned()).collect());
            assert_eq!(found.map(<[String]>::to_vec), expected, "{body}");
        }
        let found = [rules.is_city_required, rules.is_state_required, rules.is_postal_code_required];
        assert_eq!(found, required, "{body}");
    }

    #[test]
    fn both_shapes_are_read() {
        check(
            include_str!("../data/country-rules-PT.json"),
            [Some(&[]), Some(&["en", "pt-PT"]), Some(&["pt-PT", "en-US"]), Some(&["351"])],
            [Some(true), Some(false), Some(true)],
        );
        check(
            DOCUMENTED,
            [Some(&["AK", "AL"]), Some(&["en", "es"]), Some(&["en-US", "es-US"]), Some(&["1"])],
            [Some(true); 3],
        );
        let both = r#"{"iso2Code":"de","states":{"value":["old"]},"supportedStatesList":["new"]}"#;
        check(both, [Some(&["new"]), None, None, None], [None; 3]);
        let bare = "\u{FEFF}{\"iso2Code\":\"de\",\"states\":{\"value\":null},\"supportedStatesList\":null}";
        check(bare, [None; 4], [None; 3]);
        assert_eq!(LiveRules::parse(bare).unwrap().code, *b"DE");
    }

    #[test]
    fn what_is_no_rules_is_an_error() {
        for body in ["", "null", "{}", r#"{"code":1}"#, r#"{"iso2Code":"DEU"}"#, r#"{"iso2Code":"é"}"#] {
            assert!(LiveRules::parse(body).is_err(), "{body}");
        }
    }
}
