//! The named scenarios, and the parser for a name with settings.
//!
//! The text is `NAME[,SETTING=VALUE]…`; [`SETTINGS`] lists the settings.

use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::faults::{Fault, SeededFault};
use super::operation::Operation;
use super::scenario::{Outage, Scenario};
use super::throttle::Limit;
use super::token::TokenKind;

/// The settings after the name. The limit is in requests per minute; `token` sets the kind of unknown tokens.
const SETTINGS: &str = "`seed=N`, `limit=none|N`, `latency_ms=N`, `lag_s=N`, `mfa=off|coded|worded`, \
                        `token=app|user|user-without-mfa`, `address=first|second`, \
                        `rules=recorded|documented`, `errors=documented|service|gateway|newer|empty|page`, \
                        `codes=number|text`, `ids=required|optional`, `pending_polls=N`, `slow_down_polls=N`, \
                        `sandbox_limit=none|N`";

impl Scenario {
    /// The names that [`Scenario::from_str`] accepts; the first is the default for a rehearsal.
    pub const NAMES: [&'static str; 5] = ["smooth", "faulty", "throttled", "outage", "slow"];

    /// The scenario with this name, if it exists.
    fn named(name: &str) -> Option<Scenario> {
        let smooth = Scenario {
            latency: (Duration::from_millis(20), Duration::from_millis(60)),
            limit: Some(Limit::default()),
            ..Scenario::default()
        };
        match name {
            "smooth" => Some(smooth),
            "faulty" => Some(Scenario {
                faults: a_bit_of_everything(),
                visibility_lag: Duration::from_secs(5),
                ..smooth
            }),
            "throttled" => {
                let limit = Limit { requests: 20, window: Duration::from_secs(5), count_rejected: true };
                Some(Scenario { limit: Some(limit), ..smooth })
            }
            "outage" => {
                let outage =
                    Outage { after: Duration::from_secs(3), length: Duration::from_secs(15), status: 503 };
                Some(Scenario { outage: Some(outage), ..smooth })
            }
            "slow" => Some(Scenario { latency: (Duration::from_secs(3), Duration::from_secs(3)), ..smooth }),
            _ => None,
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ScenarioError> {
        let bad_value = || ScenarioError::BadValue { key: key.to_owned(), value: value.to_owned() };
        let number = || value.parse::<u64>().ok();
        let understood = match key {
            "seed" => number().map(|seed| self.seed = seed),
            "limit" => count(value)
                .map(|requests| self.limit = requests.map(|requests| Limit { requests, ..Limit::default() })),
            "latency_ms" => number().map(Duration::from_millis).map(|span| self.latency = (span, span)),
            "lag_s" => lag(value).map(|lag| self.visibility_lag = lag),
            "pending_polls" => value.parse().ok().map(|polls| self.device_code.pending_polls = polls),
            "slow_down_polls" => value.parse().ok().map(|polls| self.device_code.slow_down_polls = polls),
            "sandbox_limit" => count(value).map(|limit| self.sandbox_limit = limit),
            "mfa" => word(value).map(|mfa| self.mfa = mfa),
            "token" => match value {
                "app" => Some(TokenKind::AppOnly),
                "user" => Some(TokenKind::AppAndUser),
                "user-without-mfa" => Some(TokenKind::AppAndUserWithoutMfa),
                _ => None,
            }
            .map(|kind| self.unknown_token = kind),
            "address" => word(value).map(|generation| self.address_validation = generation),
            "rules" => word(value).map(|shape| self.country_rules = shape),
            "ids" => word(value).map(|ids| self.request_ids = ids),
            "errors" => word(value).map(|shape| self.error_shape = shape),
            "codes" => matches!(value, "number" | "text").then(|| self.codes_as_text = value == "text"),
            _ => return Err(ScenarioError::UnknownSetting(key.to_owned())),
        };
        understood.ok_or_else(bad_value)
    }
}

/// The variant with this name.
fn word<T: DeserializeOwned>(value: &str) -> Option<T> {
    serde_json::from_value(value.into()).ok()
}

/// Seconds, at most one year, so that no clock overflows.
fn lag(value: &str) -> Option<Duration> {
    const LONGEST_S: u64 = 365 * 24 * 3600;
    value.parse().ok().filter(|seconds| *seconds <= LONGEST_S).map(Duration::from_secs)
}

/// A number above zero, or `none`.
fn count(value: &str) -> Option<Option<usize>> {
    if value == "none" {
        return Some(None);
    }
    value.parse().ok().filter(|&count| count > 0).map(Some)
}

/// Every kind of fault at one percent. Faults that change the reply to a create strike only creates.
fn a_bit_of_everything() -> Vec<SeededFault> {
    let anywhere = [
        Fault::RefuseBefore,
        Fault::StatusBefore { status: 500 },
        Fault::StatusBefore { status: 503 },
        Fault::StatusBefore { status: 408 },
        Fault::HtmlBefore,
        Fault::SlowBody,
        Fault::ByteOrderMark,
        Fault::Unauthorized,
        Fault::Throttled { retry_after_s: 1 },
    ];
    let on_create = [
        Fault::DropAfter,
        Fault::StatusAfter { status: 500 },
        Fault::StatusAfter { status: 504 },
        Fault::HtmlAfter,
        Fault::Truncated,
        Fault::InvalidJson,
        Fault::WithoutId,
        Fault::Accepted,
    ];
    let seeded = |fault, operation| SeededFault { fault, operation, probability: 0.01 };
    let anywhere = anywhere.into_iter().map(|fault| seeded(fault, None));
    anywhere.chain(on_create.into_iter().map(|fault| seeded(fault, Some(Operation::Create)))).collect()
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Scenario, ScenarioError> {
        let mut parts = text.split(',').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let mut scenario =
            Scenario::named(name).ok_or_else(|| ScenarioError::UnknownName(name.to_owned()))?;
        for setting in parts {
            let (key, value) =
                setting.split_once('=').ok_or_else(|| ScenarioError::UnknownSetting(setting.to_owned()))?;
            scenario.set(key.trim(), value.trim())?;
        }
        Ok(scenario)
    }
}

/// Why a text is not a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// No scenario has this name.
    #[error("unknown scenario `{0}`; the scenarios are {known}", known = known_names())]
    UnknownName(String),
    /// A text after the name is not a setting.
    #[error("unknown scenario setting `{0}`; the settings are {SETTINGS}")]
    UnknownSetting(String),
    /// The value is invalid for the setting.
    #[error("`{value}` is not a value of the scenario setting `{key}`")]
    BadValue {
        /// The setting.
        key: String,
        /// The value that was given.
        value: String,
    },
}

fn known_names() -> String {
    Scenario::NAMES.map(|name| format!("`{name}`")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::{AddressValidation, CountryRules, ErrorShape, MfaEnforcement, RequestIds};
    use super::*;

    #[test]
    fn every_name_parses_and_settings_override() {
        for name in Scenario::NAMES {
            name.parse::<Scenario>().unwrap();
        }
        let scenario: Scenario = "smooth, seed=42,limit=none,latency_ms=5".parse().unwrap();
        assert_eq!(scenario.seed, 42);
        assert_eq!(scenario.limit, None);
        assert_eq!(scenario.latency.0, Duration::from_millis(5));
        let text = "smooth,mfa=coded,token=app,address=first,rules=documented,errors=newer,codes=text,lag_s=9,\
                    pending_polls=3,slow_down_polls=2,sandbox_limit=75,ids=optional";
        let scenario: Scenario = text.parse().unwrap();
        assert_eq!(scenario.mfa, MfaEnforcement::Coded);
        assert_eq!(scenario.unknown_token, TokenKind::AppOnly);
        assert_eq!(scenario.address_validation, AddressValidation::First);
        assert_eq!(scenario.country_rules, CountryRules::Documented);
        assert_eq!((scenario.error_shape, scenario.codes_as_text), (ErrorShape::Newer, true));
        assert_eq!(scenario.visibility_lag, Duration::from_secs(9));
        assert_eq!((scenario.device_code.pending_polls, scenario.device_code.slow_down_polls), (3, 2));
        assert_eq!(scenario.sandbox_limit, Some(75));
        assert_eq!(scenario.request_ids, RequestIds::Optional);
    }

    #[test]
    fn a_lag_that_no_clock_can_hold_is_no_value() {
        assert!("smooth,lag_s=18446744073709551615".parse::<Scenario>().is_err());
    }

    #[test]
    fn an_error_lists_what_there_is() {
        let error = "smoth".parse::<Scenario>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown scenario `smoth`; the scenarios are `smooth`, `faulty`, `throttled`, `outage`, `slow`"
        );
        assert!("smooth,sead=1".parse::<Scenario>().unwrap_err().to_string().contains("`seed=N`"));
        assert!("smooth,mfa=perhaps".parse::<Scenario>().is_err());
        assert!("smooth,seed=x".parse::<Scenario>().is_err());
        assert!("smooth,limit=0".parse::<Scenario>().is_err());
    }
}
