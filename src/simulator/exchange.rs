//! Processes one request: arrival, limit, outage, fault, hold, effect, reply.
//!
//! [`Simulation::exchange`] defines the order of these steps, and only these steps wait. A request that has arrived is
//! completed even if its client has disconnected, because that is what makes an outcome unknown.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Response};

use super::create;
use super::delivery::Delivery;
use super::faults::Fault;
use super::hold::HoldPoint;
use super::incoming_request::IncomingRequest;
use super::operation::Operation;
use super::reply::Reply;
use super::request_log::Call;
use super::rights;
use super::simulation::{Simulation, Visit, lock};
use super::strike::Strike;
use super::token::Caller;

/// The operation of a request; it takes effect at one instant.
pub(super) type Answer = fn(&Visit<'_>) -> Reply;

impl Simulation {
    /// Takes a request through all steps.
    pub(super) async fn exchange(
        &self,
        call: Call,
        arrived: &IncomingRequest,
        answer: Answer,
    ) -> Response<Body> {
        let caller = Caller::of(&arrived.headers, self.scenario.unknown_token);
        let record = lock(&self.requests).arrived(call.clone(), caller.map(|caller| caller.kind));
        let admission = lock(&self.gate).admit(&call, &self.scenario);
        let (mut reply, delivery, fault) = match admission {
            Err(reply) => (self.shaped(*reply), Delivery::Whole, None),
            Ok((fault, latency)) => {
                let visit = Visit { simulation: self, arrived, call: &call, caller };
                let (reply, delivery) = self.carry_out(visit, fault, latency, answer).await;
                (reply, delivery, fault)
            }
        };
        let is_withheld = matches!(delivery, Delivery::Withheld(_));
        let status = (!is_withheld).then_some(reply.status.as_u16());
        lock(&self.requests).answered(record, status, fault);
        if call.is_api() && reply.from_service {
            reply = reply.traced(call.request_id, call.correlation_id);
            reply = rights::with_mfa_verdict(reply, &arrived.headers, caller);
        }
        if arrived.method == Method::HEAD {
            mem::take(&mut reply.body);
        }
        reply.deliver(delivery)
    }

    async fn carry_out(
        &self,
        visit: Visit<'_>,
        fault: Option<Fault>,
        latency: Duration,
        answer: Answer,
    ) -> (Reply, Delivery) {
        let call = visit.call;
        let holdable = call.operation == Operation::Create;
        if holdable {
            Arc::clone(&self.hold).pass(HoldPoint::Received, call.domain.clone()).await;
        }
        let spoil = match fault.map(|fault| fault.strike(call, &self.scenario)) {
            Some(Strike::Before(reply, delivery)) => {
                if fault == Some(Fault::Unauthorized) {
                    lock(&self.tokens).expire(&visit.arrived.headers);
                }
                return (self.shaped(*reply), delivery);
            }
            Some(Strike::After(spoil)) => Some(spoil),
            None => None,
        };
        pass_time(latency / 2).await;
        let reply = self.shaped(rights::refusal(&visit).unwrap_or_else(|| answer(&visit)));
        pass_time(latency / 2).await;
        let holdable = holdable && reply.status.is_success();
        if holdable {
            Arc::clone(&self.hold).pass(HoldPoint::Created, call.domain.clone()).await;
        }
        match spoil {
            Some(spoil) => spoil(reply, &|| {
                let newest = lock(&self.directory).newest_but(call.domain.as_deref());
                newest.unwrap_or_else(create::of_a_stranger)
            }),
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

/// Sleeps unless the span is zero: tokio rounds even a zero sleep up to the next millisecond.
async fn pass_time(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep(span).await;
    }
}
