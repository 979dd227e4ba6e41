//! A Partner Center of our own: a real HTTP server for rehearsals and tests.
//!
//! It plays the token authority, customer creation, customer search and lookup, and the domain check, as the
//! documents in the fact book describe them, including what goes wrong. Promises: a domain exists once; a request
//! id creates at most one customer; what was answered survives a restart where there is a state file; the rate
//! limit is strict over every window. It shares no type with `partner_center`, because a wrong field name must not
//! agree with itself. Left out: users who sign in (App+User), addresses, country rules, resellers, agreements.
//!
//! # Data that brings about a refusal
//!
//! | in a create | answer |
//! | --- | --- |
//! | a required field missing or blank | 400 `2001`, the JSON paths in `data` |
//! | `userCredentials` set, malformed domain, `associatedPartnerId` that is no GUID | 400 `3000` |
//! | no `MS-RequestId` or `MS-CorrelationId`, other Content-Type, no JSON object | 400 `2000` |
//! | a request id that made another customer | 400 `3000` |
//! | domain `refuse-STATUS-CODE` or `refuse-STATUS-CODE-anything` | that refusal, nothing is made |
//! | domain `taken…`, `microsoft.onmicrosoft.com`, `contoso.onmicrosoft.com` | taken by a stranger, HEAD says 200 |
//! | domain `ours…` | taken, and searches find it as our customer |
//! | domain `half-made…`, or an e-mail address that ends in one letter | 400 `27002` `NotificationEmailAddress`, and the domain is gone |
//! | country AQ, BV, HM | 400 `20000` |
//! | no phone number for one of the 24 registration countries, such as IN | 400 `600051` |
//! | no organization registration number for one of those | 400 `600049` |
//! | an organization registration number for any other country | 400 `600002` |
//! | region `NA` for US | 400 `27002` `StateInvalid` |
//!
//! A domain that is taken is refused as [`DomainTaken`] says, by default with 409 `600001`. Elsewhere: client secret
//! `wrong-secret` (401 AADSTS7000215) and `expired-secret` (401 AADSTS7000222); a tenant id that is none of our
//! customers (403 `20002` if the tenant exists, else 404 `60003`).
//!
//! # Control API
//!
//! | request | body |
//! | --- | --- |
//! | `GET /_simulator/journal` | `[{"domain", "customer_id", "commerce_id", "user_name", "password", "request_id", "correlation_id", "created_at", "body"}]`, `body` being the text of the request |
//! | `GET /_simulator/requests` | `[{"at_ms", "at", "method", "path", "operation", "domain", "request_id", "correlation_id", "status", "fault"}]`, `fault` being `null` or as below |
//! | `PUT /_simulator/faults` | `[{"kind": "drop_after", "operation": "create", "domain": "a.onmicrosoft.com", "count": 2}]`; replaces the script; `domain` and `count` (1) may be absent |
//! | `PUT /_simulator/hold` | `{"at": "received", "domain": "a.onmicrosoft.com"}`; `at` is `received`, `created` or `half_answered`; `domain` may be absent |
//! | `GET /_simulator/hold` | `{"state": "idle"}`, or `{"state": "armed" or "held", "at", "domain"}` |
//! | `DELETE /_simulator/hold` | none; releases what is held |
//!
//! `kind` is a variant of [`Fault`] in snake case, with its fields beside it: `{"kind": "status_after", "status":
//! 504, …}`, `{"kind": "throttled", "retry_after_s": 2, …}`. `operation` is a variant of [`Operation`] likewise.

mod aadsts;
mod address;
mod agreements;
mod arrived;
mod assertion;
mod authority;
mod control;
mod country;
mod create;
mod delivery;
mod device;
mod directory;
mod exchange;
mod faults;
mod hold;
mod lookup;
mod marks;
mod named;
mod operation;
mod order;
mod profile;
mod records;
mod refresh;
mod refusals;
mod render;
mod reply;
mod request_log;
mod resellers;
mod rfc3339;
mod rights;
mod routes;
mod scenario;
mod server;
mod state_file;
mod throttle;
mod token;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::exchange::{Simulation, lock};
use self::server::Lifeline;

pub use self::agreements::Acceptance;
pub use self::directory::Creation;
pub use self::faults::{Fault, ScriptedFault, SeededFault};
pub use self::hold::{Hold, HoldPoint};
pub use self::named::ScenarioError;
pub use self::operation::Operation;
pub use self::reply::ErrorShape;
pub use self::request_log::{Call, RequestRecord};
pub use self::resellers::{Reseller, ResellerState};
pub use self::scenario::{
    AddressValidation, CountryRules, DeviceCodeFlow, DomainTaken, MfaEnforcement, Outage, Scenario,
};
pub use self::throttle::{Limit, RetryAfter};
pub use self::token::{PARTNER_DOMAIN, PARTNER_TENANT_ID, TokenKind};

/// How to start a simulator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where creations are kept, so that they survive a restart.
    pub state_file: Option<PathBuf>,
    /// What kind of service to play.
    pub scenario: Scenario,
}

impl Default for Config {
    fn default() -> Config {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Config { listen, state_file: None, scenario: Scenario::default() }
    }
}

/// A running simulator. It stops when it is dropped; [`Simulator::stop`] also waits until it has.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    simulation: Arc<Simulation>,
    stopping: DropGuard,
    /// Closes when the last task has ended; nothing is ever sent.
    gone: mpsc::Receiver<Infallible>,
}

impl Simulator {
    /// Starts to listen, on the current tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be bound, or the state file cannot be opened, is in use or is damaged.
    pub async fn start(config: Config) -> io::Result<Simulator> {
        let simulation = Arc::new(Simulation::new(config.scenario, config.state_file.as_deref())?);
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let (alive, gone) = mpsc::channel(1);
        let lifeline = Lifeline { stopping: stopping.clone(), alive };
        tokio::spawn(server::accept(listener, Arc::clone(&simulation), lifeline));
        Ok(Simulator { address, simulation, stopping: stopping.drop_guard(), gone })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of both the API and the token authority.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every create that took effect, oldest first, those of earlier runs on the same state file included.
    pub fn creations(&self) -> Vec<Creation> {
        lock(&self.simulation.directory).creations()
    }

    /// Every acceptance of an agreement that was recorded, oldest first, those of earlier runs likewise.
    pub fn acceptances(&self) -> Vec<Acceptance> {
        lock(&self.simulation.directory).acceptances.all()
    }

    /// Every request since the start, in the order of arrival; of very many, the newest 200,000.
    pub fn requests(&self) -> Vec<RequestRecord> {
        lock(&self.simulation.requests).all()
    }

    /// Adds a fault to the script.
    pub fn script(&self, fault: ScriptedFault) {
        lock(&self.simulation.gate).faults.script(fault);
    }

    /// Arms a hold for the next create that matches it.
    pub fn hold(&self, hold: Hold) {
        self.simulation.hold.arm(hold);
    }

    /// Returns once a create stands still at the hold that was armed.
    pub async fn wait_until_held(&self) {
        self.simulation.hold.wait_until_held().await;
    }

    /// Lets the held create go on, or disarms the hold.
    pub fn release(&self) {
        self.simulation.hold.release();
    }

    /// Closes the listener and every connection, abandons what is under way, and returns when nothing runs.
    pub async fn stop(mut self) {
        drop(self.stopping);
        while self.gone.recv().await.is_some() {}
    }
}
