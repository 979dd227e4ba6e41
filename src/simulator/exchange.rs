//! The life of one request, whatever it asks for: arrival, limit, outage, fault, hold, effect, reply.
//!
//! The order of the gates is visible in one place, [`Simulation::exchange`], and nothing else waits. A request that
//! has arrived is carried through even if its client has gone, because that is what makes an outcome unknown.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{io, mem};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::Config;
use super::create;
use super::delivery::Delivery;
use super::device::DeviceCodes;
use super::directory::Directory;
use super::faults::{self, Fault, FaultPlan};
use super::hold::{HoldBoard, HoldPoint};
use super::operation::Operation;
use super::refresh::RefreshTokens;
use super::reply::Reply;
use super::request_log::{Call, RequestLog};
use super::resellers::Resellers;
use super::rights;
use super::scenario::Scenario;
use super::throttle::{SlidingWindow, whole_seconds};
use super::token::{Caller, Tokens};

/// Everything a running simulator knows. Each lock guards one subject, is held for moments and never over an await;
/// no two are held at once.
#[derive(Debug)]
pub(super) struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) directory: Mutex<Directory>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) refresh_tokens: Mutex<RefreshTokens>,
    pub(super) device_codes: Mutex<DeviceCodes>,
    pub(super) resellers: Resellers,
    pub(super) gate: Mutex<Gate>,
    pub(super) requests: Mutex<RequestLog>,
    pub(super) hold: Arc<HoldBoard>,
}

/// What the effect of a request may depend on beside its own content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) call: &'a Call,
    /// Whose token it came with; of an API request only one that was let in gets this far.
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

    /// Takes a request through its gates; `perform` does what it asks for, at one instant.
    pub(super) async fn exchange(
        &self,
        call: Call,
        headers: &HeaderMap,
        perform: impl FnOnce(Visit<'_>) -> Reply,
    ) -> Response<Body> {
        let caller = Caller::of(headers, self.scenario.unknown_token);
        let record = lock(&self.requests).arrived(call.clone(), caller.map(|caller| caller.kind));
        let admission = lock(&self.gate).admit(&call, &self.scenario);
        let (mut reply, delivery, fault) = match admission {
            Admission::TurnedAway(reply) => (self.shaped(reply), Delivery::Whole, None),
            Admission::Admitted { fault, latency } => {
                let visit = Visit { call: &call, caller };
                let (reply, delivery) = self.carry_out(visit, headers, fault, latency, perform).await;
                (reply, delivery, fault)
            }
        };
        let status = (!delivery.is_withheld()).then_some(reply.status.as_u16());
        lock(&self.requests).answered(record, status, fault);
        if call.is_api() && reply.from_service {
            reply = reply.traced(call.request_id, call.correlation_id);
            reply = rights::with_mfa_verdict(reply, headers, caller);
        }
        if call.method == Method::HEAD.as_str() {
            mem::take(&mut reply.body);
        }
        reply.deliver(delivery)
    }

    async fn carry_out(
        &self,
        visit: Visit<'_>,
        headers: &HeaderMap,
        fault: Option<Fault>,
        latency: Duration,
        perform: impl FnOnce(Visit<'_>) -> Reply,
    ) -> (Reply, Delivery) {
        let call = visit.call;
        let holdable = call.operation == Operation::Create;
        if holdable {
            Arc::clone(&self.hold).pass(HoldPoint::Received, call.domain.clone()).await;
        }
        if let Some((reply, delivery)) = fault.and_then(|fault| fault.instead(call, &self.scenario)) {
            if fault == Some(Fault::Unauthorized) {
                lock(&self.tokens).expire(headers);
            }
            return (self.shaped(reply), delivery);
        }
        pass_time(latency / 2).await;
        let refusal = rights::refusal(self, call.operation, visit.caller, headers);
        let reply = self.shaped(refusal.unwrap_or_else(|| perform(visit)));
        pass_time(latency / 2).await;
        let holdable = holdable && reply.status.is_success();
        if holdable {
            Arc::clone(&self.hold).pass(HoldPoint::Created, call.domain.clone()).await;
        }
        match fault {
            Some(fault) => {
                let other = || {
                    let newest = lock(&self.directory).newest_but(call.domain.as_deref());
                    newest.unwrap_or_else(create::of_a_stranger)
                };
                fault.spoil(reply, other)
            }
            None if holdable && self.hold.stops_half_way(call.domain.as_deref()) => {
                let hold = Arc::clone(&self.hold).pass(HoldPoint::HalfAnswered, call.domain.clone());
                (reply, Delivery::Halves(Box::pin(hold)))
            }
            None => (reply, Delivery::Whole),
        }
    }

    fn shaped(&self, reply: Reply) -> Reply {
        reply.shaped(self.scenario.error_shape, self.scenario.codes_as_text)
    }
}

/// Sleeps, unless there is nothing to sleep for: tokio rounds even a zero sleep up to its next millisecond.
async fn pass_time(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep(span).await;
    }
}

/// What decides about a request on arrival.
#[derive(Debug)]
pub(super) struct Gate {
    window: Option<SlidingWindow>,
    pub(super) faults: FaultPlan,
    latency_rng: StdRng,
    /// When the first API request came; outages are timed from then on.
    first_request: Option<Instant>,
}

enum Admission {
    TurnedAway(Reply),
    Admitted { fault: Option<Fault>, latency: Duration },
}

impl Gate {
    fn new(scenario: &Scenario) -> Gate {
        Gate {
            window: scenario.limit.map(SlidingWindow::new),
            faults: FaultPlan::new(scenario.faults.clone(), scenario.seed),
            // Another sequence than that of the faults, so that adding a fault does not change the latencies.
            latency_rng: StdRng::seed_from_u64(scenario.seed.wrapping_add(1)),
            first_request: None,
        }
    }

    fn admit(&mut self, call: &Call, scenario: &Scenario) -> Admission {
        let now = Instant::now();
        let mut latency = Duration::ZERO;
        if call.is_api() {
            if let Some(Err(wait)) = self.window.as_mut().map(|window| window.admit(now)) {
                return Admission::TurnedAway(scenario.retry_after.refusal(whole_seconds(wait)));
            }
            let since_first = now - *self.first_request.get_or_insert(now);
            let outage = scenario
                .outage
                .filter(|outage| (outage.after..outage.after + outage.length).contains(&since_first));
            if let Some(outage) = outage {
                return Admission::TurnedAway(faults::unavailable(outage.status));
            }
            let (shortest, longest) = scenario.latency;
            latency = self.latency_rng.random_range(shortest..=longest.max(shortest));
        }
        let fault = self.faults.draw(call.operation, call.domain.as_deref());
        Admission::Admitted { fault, latency }
    }
}
