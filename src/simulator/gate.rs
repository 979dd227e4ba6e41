//! Decides on arrival of a request: the rate limit, an outage, and the fault that strikes.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::faults::{Fault, FaultPlan};
use super::refusals;
use super::reply::Reply;
use super::request_log::Call;
use super::scenario::Scenario;
use super::throttle::{SlidingWindow, whole_seconds};

#[derive(Debug)]
pub(super) struct Gate {
    window: Option<SlidingWindow>,
    pub(super) faults: FaultPlan,
    latency_rng: StdRng,
    /// When the first API request arrived; outages are timed from this moment.
    first_request: Option<Instant>,
}

impl Gate {
    pub(super) fn new(scenario: &Scenario) -> Gate {
        Gate {
            window: scenario.limit.map(SlidingWindow::new),
            faults: FaultPlan::new(scenario.faults.clone(), scenario.seed),
            // A separate sequence from the faults, so that an added fault does not change the latencies.
            latency_rng: StdRng::seed_from_u64(scenario.seed.wrapping_add(1)),
            first_request: None,
        }
    }

    /// The fault and the latency of an admitted request, or the reply that rejects it.
    pub(super) fn admit(
        &mut self,
        call: &Call,
        scenario: &Scenario,
    ) -> Result<(Option<Fault>, Duration), Box<Reply>> {
        let now = Instant::now();
        let mut latency = Duration::ZERO;
        if call.is_api() {
            if let Some(Err(wait)) = self.window.as_mut().map(|window| window.admit(now)) {
                return Err(Box::new(scenario.retry_after.refusal(whole_seconds(wait))));
            }
            let since_first = now - *self.first_request.get_or_insert(now);
            let outage = scenario
                .outage
                .filter(|outage| (outage.after..outage.after + outage.length).contains(&since_first));
            if let Some(outage) = outage {
                return Err(Box::new(refusals::unavailable(outage.status)));
            }
            let (shortest, longest) = scenario.latency;
            latency = self.latency_rng.random_range(shortest..=longest.max(shortest));
        }
        Ok((self.faults.draw(call.operation, call.domain.as_deref()), latency))
    }
}
