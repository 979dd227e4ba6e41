//! What kind of service the simulator plays: every knob, and the named settings of them.
//!
//! A [`Scenario`] is plain data, fixed when the simulator starts. `Scenario::default()` is the quiet service that
//! tests build on: no latency, no limit, no faults. The named ones, for rehearsals, parse from
//! `NAME[,seed=N][,limit=none|N][,latency_ms=N]`, where the limit is in requests a minute.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::faults::{Fault, Operation, SeededFault};
use super::throttle::{Limit, RetryAfter};

/// Everything the simulator's behaviour depends on, apart from what it is sent and what is scripted while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Decides latencies and seeded faults. Concurrent requests draw in the order in which they arrive.
    pub seed: u64,
    /// The shortest and the longest time an API request takes; half of it passes before its effect, half after.
    pub latency: (Duration, Duration),
    /// The rate limit over all API requests.
    pub limit: Option<Limit>,
    /// How a 429 tells how long to wait.
    pub retry_after: RetryAfter,
    /// Faults that strike at random.
    pub faults: Vec<SeededFault>,
    /// A stretch in which the API answers nothing but one 5xx.
    pub outage: Option<Outage>,
    /// How long an access token of ours is good for.
    pub token_lifetime: Duration,
    /// Whether a bearer token that is not ours is let in, so that a test can make one up.
    pub accept_any_token: bool,
    /// Whether the repeat of a create brings the password again; the fact book (3.3) does not know.
    pub replay_password: bool,
    /// How long a request id is remembered; `None` is for ever. After it, a repeat finds its own domain taken.
    pub idempotency_memory: Option<Duration>,
    /// How long a new customer stays out of searches and lookups.
    pub visibility_lag: Duration,
    /// The most customers on one page of a search.
    pub page_size: usize,
    /// How a create is refused whose domain is taken; the fact book (13.2) does not know.
    pub domain_taken: DomainTaken,
}

/// A service-wide failure, timed from the first API request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// How long all is well first.
    pub after: Duration,
    /// How long it lasts.
    pub length: Duration,
    /// What the API answers meanwhile; nothing is done.
    pub status: u16,
}

/// The refusal of a create for a domain that exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainTaken {
    /// The HTTP status.
    pub status: u16,
    /// The code in the body.
    pub code: u32,
    /// The text in the body.
    pub description: String,
}

impl Default for DomainTaken {
    fn default() -> DomainTaken {
        DomainTaken {
            status: 409,
            code: 600_001,
            description: "The domain is already used by another tenant.".to_owned(),
        }
    }
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            seed: 0,
            latency: (Duration::ZERO, Duration::ZERO),
            limit: None,
            retry_after: RetryAfter::Seconds,
            faults: Vec::new(),
            outage: None,
            token_lifetime: Duration::from_secs(3599),
            accept_any_token: true,
            replay_password: true,
            idempotency_memory: None,
            visibility_lag: Duration::ZERO,
            page_size: 500,
            domain_taken: DomainTaken::default(),
        }
    }
}

impl Scenario {
    /// The names that [`Scenario::from_str`] knows; the first is what a rehearsal gets when it names none.
    pub const NAMES: [&'static str; 5] = ["smooth", "faulty", "throttled", "outage", "slow"];

    /// The scenario of this name, if there is one.
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
        match key {
            "seed" => self.seed = value.parse().map_err(|_| bad_value())?,
            "limit" if value == "none" => self.limit = None,
            "limit" => {
                let requests = value.parse().ok().filter(|&n| n > 0).ok_or_else(bad_value)?;
                self.limit = Some(Limit { requests, ..Limit::default() });
            }
            "latency_ms" => {
                let latency = Duration::from_millis(value.parse().map_err(|_| bad_value())?);
                self.latency = (latency, latency);
            }
            _ => return Err(ScenarioError::UnknownSetting(key.to_owned())),
        }
        Ok(())
    }
}

/// Every kind of fault at one percent. Faults that spoil the reply to a create strike creates alone.
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

/// Why a text names no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// There is no scenario of this name.
    #[error("unknown scenario `{0}`; there are {known}", known = KnownNames)]
    UnknownName(String),
    /// What follows the name is no setting.
    #[error("unknown scenario setting `{0}`; there are `seed=N`, `limit=none|N`, `latency_ms=N`")]
    UnknownSetting(String),
    /// The value does not fit the setting.
    #[error("`{value}` is no value for the scenario setting `{key}`")]
    BadValue {
        /// The setting.
        key: String,
        /// What was given.
        value: String,
    },
}

struct KnownNames;

impl fmt::Display for KnownNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in Scenario::NAMES.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}`{name}`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn an_error_lists_what_there_is() {
        let error = "smoth".parse::<Scenario>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown scenario `smoth`; there are `smooth`, `faulty`, `throttled`, `outage`, `slow`"
        );
        assert!("smooth,sead=1".parse::<Scenario>().unwrap_err().to_string().contains("`seed=N`"));
        assert!("smooth,seed=x".parse::<Scenario>().is_err());
        assert!("smooth,limit=0".parse::<Scenario>().is_err());
    }
}
