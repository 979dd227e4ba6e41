//! How to start the simulator and how it behaves: all settings.
//!
//! A [`Scenario`] is plain data, fixed when the simulator starts. `Scenario::default()` is the simple service for
//! tests: no latency, no limit, no faults, and any token is accepted as that of a user with MFA. `named.rs` has the
//! named scenarios for rehearsals.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::faults::SeededFault;
use super::host::PublicUrl;
use super::reply::ErrorShape;
use super::resellers::Reseller;
use super::throttle::{Limit, RetryAfter};
use super::token::TokenKind;

/// All settings of the simulator's behaviour; requests and scripted faults are separate.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Seeds latencies and faults. Concurrent requests draw in order of arrival.
    pub seed: u64,
    /// The minimum and maximum time of an API request; half of it passes before the effect, half after.
    pub latency: (Duration, Duration),
    /// The rate limit over all API requests.
    pub limit: Option<Limit>,
    /// The form of `Retry-After` in a 429.
    pub retry_after: RetryAfter,
    /// Faults that strike at random.
    pub faults: Vec<SeededFault>,
    /// A period in which all API requests get the same 5xx.
    pub outage: Option<Outage>,
    /// How long an access token from the simulator is valid.
    pub token_lifetime: Duration,
    /// Are bearer tokens from elsewhere accepted, so that a test can invent one?
    pub accept_any_token: bool,
    /// Does a repeated create return the password again? The fact book (3.3) does not know.
    pub replay_password: bool,
    /// How long a request id is remembered; `None` means forever. After this time, a repeat finds its own domain taken.
    pub idempotency_memory: Option<Duration>,
    /// How long searches and lookups do not return a new customer.
    pub visibility_lag: Duration,
    /// The maximum number of customers on one page of a search.
    pub page_size: usize,
    /// Must a create name its request id and its correlation id?
    pub request_ids: RequestIds,
    /// The shape of all refusals by the API.
    pub error_shape: ErrorShape,
    /// Is `code` a text, as documented, and not a number, as in every example?
    pub codes_as_text: bool,
    /// The kind of a bearer token from elsewhere whose claims do not show its kind.
    pub unknown_token: TokenKind,
    /// Is an app-only token rejected where the documentation requires App+User (fact book 2.1)?
    pub enforce_token_kinds: bool,
    /// How API requests of a user who signed in without MFA are handled.
    pub mfa: MfaEnforcement,
    /// The certificate, as PEM, that must have signed client assertions; if `None`, any signature is accepted.
    pub client_certificate: Option<String>,
    /// Are refresh tokens from elsewhere accepted, so that a test can invent one?
    pub accept_any_refresh_token: bool,
    /// Does using a refresh token on the v2 endpoint return a new one?
    pub rotate_refresh_tokens: bool,
    /// How the sign-in of a user on another device proceeds.
    pub device_code: DeviceCodeFlow,
    /// The generation of address validation (fact book 5).
    pub address_validation: AddressValidation,
    /// The shape of the country rules (fact book 7).
    pub country_rules: CountryRules,
    /// More indirect resellers, in addition to the table in the module doc; an entry with the same id overrides the
    /// table.
    pub resellers: Vec<Reseller>,
    /// The maximum number of customers in an integration sandbox, for example 75; `None` means production.
    pub sandbox_limit: Option<usize>,
}

/// How API requests of a user who signed in without MFA are handled (fact book 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MfaEnforcement {
    /// They are accepted.
    Off,
    /// 401 with code 900421, as announced for 2026.
    Coded,
    /// 401 without a body, with the text in the reason phrase, as in 2019.
    Worded,
}

/// Whether requests name their ids (fact book 3.1 and 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestIds {
    /// A create without `MS-RequestId` or `MS-CorrelationId` is rejected, because a lost answer cannot be recovered
    /// without them.
    Required,
    /// The simulator makes an id that was not sent, as the documentation says, so that clients without ids work.
    Optional,
}

/// The device code flow (fact book 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCodeFlow {
    /// How many polls get `authorization_pending` before the user has signed in.
    pub pending_polls: u32,
    /// How many of the first of these polls get `slow_down` instead.
    pub slow_down_polls: u32,
    /// The polling interval that the client gets, in seconds.
    pub interval_s: u64,
    /// How long a device code can be redeemed.
    pub lifetime: Duration,
}

impl Default for DeviceCodeFlow {
    /// One pending poll. The interval is a fifth of the real one, to keep tests short.
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
    /// Until mid-2021: an empty 200, or 400 with code 2007.
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
    /// `states: {"value": […]}` and the like, as documented.
    Documented,
}

/// A service-wide failure, timed from the first API request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The time before the outage.
    pub after: Duration,
    /// The length of the outage.
    pub length: Duration,
    /// The status of all API replies during the outage; requests have no effect.
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
            request_ids: RequestIds::Required,
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
    /// The address to listen on; port 0 means any free port.
    pub listen: SocketAddr,
    /// The file that stores creations, so that they survive a restart.
    pub state_file: Option<PathBuf>,
    /// Opens the state file for reading and writing, and creates it if it is missing.
    pub open: fn(&Path) -> io::Result<File>,
    /// The behaviour of the service.
    pub scenario: Scenario,
    /// Only for the process that starts it: the paths start with a secret, which is part of the URL, and there is no
    /// control API. Any user of the machine can reach the address.
    pub private: bool,
    /// The URL that clients use if there is a proxy, such as a TLS proxy, in front of the simulator.
    pub public_url: Option<PublicUrl>,
    /// Also answer requests with another host name, for example behind a proxy that does not change the `Host` header.
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
            public_url: None,
            any_host: false,
        }
    }
}
