//! How to start the simulator, and what kind of service it plays: every knob.
//!
//! A [`Scenario`] is plain data, fixed when the simulator starts. `Scenario::default()` is the quiet service that
//! tests build on: no latency, no limit, no faults, and whatever token is let in as that of a user with MFA. The
//! named settings of the knobs, for rehearsals, are in `named.rs`.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::faults::SeededFault;
use super::reply::ErrorShape;
use super::resellers::Reseller;
use super::throttle::{Limit, RetryAfter};
use super::token::TokenKind;

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
    /// The shape of every body of a refusal by the API.
    pub error_shape: ErrorShape,
    /// Whether `code` is a text, as the documentation says, and not a number, as every example has it.
    pub codes_as_text: bool,
    /// What a bearer token is that is not ours and does not say of itself what it is.
    pub unknown_token: TokenKind,
    /// Whether an app-only token is refused where the documents ask for App+User (fact book 2.1).
    pub enforce_token_kinds: bool,
    /// What becomes of the API requests of a user who signed in without MFA.
    pub mfa: MfaEnforcement,
    /// The certificate, as PEM, that client assertions must be signed with; where `None`, any signature will do.
    pub client_certificate: Option<String>,
    /// Whether a refresh token that is not ours is redeemed, so that a test can make one up.
    pub accept_any_refresh_token: bool,
    /// Whether redeeming a refresh token on the v2 endpoint brings a new one.
    pub rotate_refresh_tokens: bool,
    /// How long a user takes who signs in elsewhere.
    pub device_code: DeviceCodeFlow,
    /// Which generation of address validation answers (fact book 5).
    pub address_validation: AddressValidation,
    /// In which of its two shapes the country rules come (fact book 7).
    pub country_rules: CountryRules,
    /// Indirect resellers beside those of the module doc's table, or in their place where the id is one of theirs.
    pub resellers: Vec<Reseller>,
    /// The most customers of an integration sandbox, as 75; `None` is production.
    pub sandbox_limit: Option<usize>,
}

/// What becomes of the API requests of a user who signed in without MFA (fact book 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MfaEnforcement {
    /// They are let in.
    Off,
    /// 401 with code 900421, as announced for 2026.
    Coded,
    /// 401 with no body, the text in the reason phrase, as in 2019.
    Worded,
}

/// The device code flow (fact book 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCodeFlow {
    /// How often polling answers `authorization_pending` before the user is done.
    pub pending_polls: u32,
    /// How many of those answer `slow_down` instead, the first ones.
    pub slow_down_polls: u32,
    /// The seconds between two polls that the client is told.
    pub interval_s: u64,
    /// How long a device code can be redeemed.
    pub lifetime: Duration,
}

impl Default for DeviceCodeFlow {
    /// One pending answer; the interval is a fifth of the real one, for the sake of the tests that wait for it.
    fn default() -> DeviceCodeFlow {
        DeviceCodeFlow {
            pending_polls: 1,
            slow_down_polls: 0,
            interval_s: 1,
            lifetime: Duration::from_secs(900),
        }
    }
}

/// A generation of address validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressValidation {
    /// To mid 2021: an empty 200, or 400 with code 2007.
    First,
    /// Since then: 200 with a status.
    Second,
}

/// A shape of the country rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountryRules {
    /// `supportedStatesList: […]` and the like, as recorded in 2019 and 2021.
    Recorded,
    /// `states: {"value": […]}` and the like, as the page has it.
    Documented,
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
            error_shape: ErrorShape::Documented,
            codes_as_text: false,
            unknown_token: TokenKind::AppAndUser,
            enforce_token_kinds: true,
            mfa: MfaEnforcement::Off,
            client_certificate: None,
            accept_any_refresh_token: true,
            rotate_refresh_tokens: true,
            device_code: DeviceCodeFlow::default(),
            address_validation: AddressValidation::Second,
            country_rules: CountryRules::Recorded,
            resellers: Vec::new(),
            sandbox_limit: None,
        }
    }
}

/// How to start a simulator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where creations are kept, so that they survive a restart.
    pub state_file: Option<PathBuf>,
    /// Opens the state file to be read and written, and makes it where it is missing.
    pub open: fn(&Path) -> io::Result<File>,
    /// What kind of service to play.
    pub scenario: Scenario,
    /// For the process that starts it alone: it answers under a secret path, which is part of its URL, and has no control
    /// API. Any user of the machine can reach the address.
    pub private: bool,
    /// Answer those too who name it by another host, as behind a proxy or a relay that does not change the name.
    pub any_host: bool,
}

impl Default for Config {
    fn default() -> Config {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let open =
            |path: &Path| File::options().read(true).write(true).create(true).truncate(false).open(path);
        Config {
            listen,
            state_file: None,
            open,
            scenario: Scenario::default(),
            private: false,
            any_host: false,
        }
    }
}
