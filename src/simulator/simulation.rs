//! The state of a running simulator, and the data that an answer can use.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::directory::Directory;
use super::gate::Gate;
use super::hold::HoldBoard;
use super::host::PublicUrl;
use super::incoming_request::IncomingRequest;
use super::request_log::{Call, RequestLog};
use super::resellers::Resellers;
use super::scenario::{Config, Scenario};
use super::token::{Caller, DeviceCode, Tokens};

/// The state of a running simulator. Each lock guards one subject, is held only briefly and never across an await. No
/// two locks are held at the same time.
#[derive(Debug)]
pub(super) struct Simulation {
    pub(super) scenario: Scenario,
    /// The URL that clients use, if a proxy is in front.
    pub(super) public_url: Option<PublicUrl>,
    pub(super) directory: Mutex<Directory>,
    pub(super) tokens: Mutex<Tokens>,
    /// The refresh tokens that the simulator issued.
    pub(super) refresh_tokens: Mutex<HashSet<String>>,
    /// The device codes that clients poll with.
    pub(super) device_codes: Mutex<HashMap<String, DeviceCode>>,
    pub(super) resellers: Resellers,
    pub(super) gate: Mutex<Gate>,
    pub(super) requests: Mutex<RequestLog>,
    pub(super) hold: Arc<HoldBoard>,
}

/// A request and everything else that its answer may depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) arrived: &'a IncomingRequest,
    pub(super) call: &'a Call,
    /// Who sent the request, according to its token. API requests without a valid token are rejected before the answer.
    pub(super) caller: Option<Caller>,
}

impl Visit<'_> {
    /// The URL of the simulator for its clients.
    pub(super) fn own_url(&self) -> String {
        let public_url = self.simulation.public_url.as_ref();
        public_url.map_or_else(|| self.arrived.direct_url(), PublicUrl::origin)
    }
}

pub(super) fn lock<T>(subject: &Mutex<T>) -> MutexGuard<'_, T> {
    subject.lock().expect("no thread panics while it holds a lock of the simulator")
}

impl Simulation {
    pub(super) fn new(config: &Config) -> io::Result<Simulation> {
        Ok(Simulation {
            directory: Mutex::new(Directory::open(config)?),
            tokens: Mutex::default(),
            refresh_tokens: Mutex::default(),
            device_codes: Mutex::default(),
            resellers: Resellers::new(&config.scenario.resellers),
            gate: Mutex::new(Gate::new(&config.scenario)),
            requests: Mutex::new(RequestLog::new()),
            hold: Arc::new(HoldBoard::new()),
            scenario: config.scenario.clone(),
            public_url: config.public_url.clone(),
        })
    }
}
