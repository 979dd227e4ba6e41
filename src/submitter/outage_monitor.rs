//! Tracks for each kind of step whether the service answers, throttles or is silent.
//!
//! It also decides when that has lasted too long and the run must stop. Pure: the time is passed in.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::StopReason;
use super::age::RunClock;
use super::task::{Step, Task};
use crate::call::breaker::{Breaker, Passage};
use crate::partner_center::ServiceHealth;
use crate::transport::NoResponse;

/// So many failures in a row, across rows, are an outage. A service that fails every second request has ten failures in
/// a row once in a thousand, and the probe that follows ends the outage at once.
const FAILURES: u32 = 10;

#[derive(Debug)]
pub(super) struct OutageMonitor {
    /// One per kind of step: answers to lookups do not show whether the service takes creates.
    breakers: [Breaker; Step::ALL.len()],
    /// When the service last gave a verdict on anything.
    last_verdict: Option<Instant>,
    last_no_response: HashMap<Step, NoResponse>,
    /// When a proxy first refused its user name and password. Another refusal, of a request that began later, is definite.
    password_refused: Option<Instant>,
    /// The maximum time that the service may be silent, or throttle.
    max_outage: Duration,
    start: RunClock,
}

impl OutageMonitor {
    pub(super) fn new(max_outage: Duration, start: RunClock) -> Self {
        Self {
            breakers: Step::ALL.map(|_| Breaker::new(FAILURES)),
            last_verdict: None,
            last_no_response: HashMap::new(),
            password_refused: None,
            max_outage,
            start,
        }
    }

    /// Notes the health of the service that a step has shown. Returns the reason if the run must stop.
    pub(super) fn note(&mut self, task: &Task, health: ServiceHealth, now: Instant) -> Option<StopReason> {
        let Task { step, is_probe: probe, begun, .. } = *task;
        let breaker = &mut self.breakers[step as usize];
        match health {
            ServiceHealth::Answered => {
                breaker.answered();
                self.last_verdict = Some(now);
            }
            ServiceHealth::Throttled(wait) => {
                breaker.throttled(now);
                if wait > self.max_outage {
                    return Some(self.throttling(step, Some(wait), now));
                }
            }
            ServiceHealth::Silent(silence) => {
                let was_open = breaker.is_open();
                match silence.is_closing {
                    true => breaker.closed(probe, begun, now),
                    false => breaker.failed(probe, now),
                }
                if breaker.is_open() && !was_open {
                    let NoResponse { reason, hint, .. } = &silence;
                    tracing::warn!(reason, hint, "the service does not answer; trying one request at a time");
                }
                // A proxy that has accepted the password before may be overloaded.
                let is_wrong_password = silence.is_wrong_password && self.last_verdict.is_none();
                self.last_no_response.insert(step, silence);
                if is_wrong_password {
                    let refused = *self.password_refused.get_or_insert(now);
                    if begun > refused {
                        return Some(self.outage(step, now));
                    }
                }
                // Also before the breaker opens: with few rows, ten failures may take long.
                if self.silence_deadline(step).is_some_and(|deadline| deadline <= now) {
                    return Some(self.outage(step, now));
                }
            }
            ServiceHealth::NotAsked if probe => breaker.probe_withdrawn(),
            ServiceHealth::NotAsked => {}
        }
        None
    }

    /// Are steps of this kind blocked now?
    pub(super) fn is_closed(&self, step: Step, now: Instant) -> bool {
        matches!(self.breakers[step as usize].passage(now), Passage::Closed(_))
    }

    /// Called when a step of this kind is taken. Returns true if it is a probe: then it is the only active probe.
    pub(super) fn let_pass(&mut self, step: Step, now: Instant) -> bool {
        let breaker = &mut self.breakers[step as usize];
        let is_probe = breaker.passage(now) == Passage::Probe;
        if is_probe {
            breaker.probe_sent();
        }
        is_probe
    }

    /// When the next probe may be sent.
    pub(super) fn next_probe(&self, now: Instant) -> Option<Instant> {
        let probes =
            Step::ALL.into_iter().filter_map(|step| match self.breakers[step as usize].passage(now) {
                Passage::Closed(next_probe) => next_probe,
                Passage::Free | Passage::Probe => None,
            });
        probes.min()
    }

    /// When the service will have been silent, or have throttled, for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let silence = self.open().filter_map(|step| self.silence_deadline(step));
        silence.chain(Step::ALL.into_iter().filter_map(|step| self.throttling_deadline(step))).min()
    }

    /// Why the run must stop, if such a deadline has passed.
    pub(super) fn deadline_passed(&self, now: Instant) -> Option<StopReason> {
        let has_passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        Step::ALL.into_iter().find_map(|step| {
            if self.breakers[step as usize].is_open() && has_passed(self.silence_deadline(step)) {
                Some(self.outage(step, now))
            } else if has_passed(self.throttling_deadline(step)) {
                Some(self.throttling(step, None, now))
            } else {
                None
            }
        })
    }

    /// How long an outage has lasted.
    pub(super) fn silent_for(&self, now: Instant) -> Option<Duration> {
        self.open().filter_map(|step| Some(now - self.breakers[step as usize].silent_since()?)).max()
    }

    /// The kinds of steps that have an outage.
    fn open(&self) -> impl Iterator<Item = Step> {
        Step::ALL.into_iter().filter(|step| self.breakers[*step as usize].is_open())
    }

    /// A run can create without answers to its lookups, so unanswered lookups do not stop a run while other answers
    /// arrive.
    fn silence_deadline(&self, step: Step) -> Option<Instant> {
        let since = self.breakers[step as usize].silent_since()?;
        let since = if step == Step::LookUp { self.last_verdict.max(Some(since))? } else { since };
        Some(since + self.max_outage)
    }

    fn throttling_deadline(&self, step: Step) -> Option<Instant> {
        Some(self.breakers[step as usize].throttled_since()? + self.max_outage)
    }

    fn outage(&self, step: Step, now: Instant) -> StopReason {
        let since = self.breakers[step as usize].silent_since().unwrap_or(now);
        let answered_meanwhile = self.last_verdict.is_some_and(|verdict| verdict > since);
        let to = answered_meanwhile.then_some(match step {
            Step::Create => "a create",
            Step::LookUp => "a lookup",
            Step::Agree => "the acceptance of an agreement",
        });
        let last = self.last_no_response.get(&step).cloned().unwrap_or_default();
        StopReason::Outage { lasted: now - since, last, to }
    }

    fn throttling(&self, step: Step, wait: Option<Duration>, now: Instant) -> StopReason {
        let since = self.breakers[step as usize].throttled_since().unwrap_or(now);
        StopReason::Throttled {
            since: self.start.wall_at(since),
            lasted: now - since,
            until: wait.map(|wait| self.start.wall_at(now + wait)),
        }
    }
}
