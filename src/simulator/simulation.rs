//! What a running simulator knows, and what the answer to a request may depend on.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::directory::Directory;
use super::gate::Gate;
use super::hold::HoldBoard;
use super::incoming_request::IncomingRequest;
use super::request_log::{Call, RequestLog};
use super::resellers::Resellers;
use super::scenario::{Config, Scenario};
use super::token::{Caller, DeviceCode, Tokens};

/// Everything a running simulator knows. Each lock guards one subject, is held for moments and never over an await;
/// no two are held at once.
#[derive(Debug)]
pub(super) struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) directory: Mutex<Directory>,
    pub(super) tokens: Mutex<Tokens>,
    /// The refresh tokens that we gave out.
    pub(super) refresh_tokens: Mutex<HashSet<String>>,
    /// The codes that clients are polling with.
    pub(super) device_codes: Mutex<HashMap<String, DeviceCode>>,
    pub(super) resellers: Resellers,
    pub(super) gate: Mutex<Gate>,
    pub(super) requests: Mutex<RequestLog>,
    pub(super) hold: Arc<HoldBoard>,
}

/// A request and what else its answer may depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) arrived: &'a IncomingRequest,
    pub(super) call: &'a Call,
    /// Whose token it came with; of an API request only one that was let in gets as far as an answer.
    pub(super) caller: Option<Caller>,
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
        })
    }
}
