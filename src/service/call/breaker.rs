//! Detects outages, so that rows do not fail because the service is down.
//!
//! Consecutive failures across rows open the breaker. From then on one probe at a time is sent, until the service
//! answers or nothing is left to send. Pure: the caller passes the time in.

use tokio::time::Instant;

use crate::backoff::Backoff;

/// The wait before the next probe: short enough to notice the end of an outage soon, long enough not to add to it.
const PROBES: Backoff = Backoff::up_to_s(30);

/// Whether requests may be sent freely, only as a probe, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    Free,
    /// One request, to test whether the service answers.
    Probe,
    /// No request before this moment. `None`: the result of the running probe decides.
    Closed(Option<Instant>),
}

#[derive(Debug, Clone, Default)]
pub struct Breaker {
    /// This many consecutive failures, across rows, are an outage.
    opens_after: u32,
    failures: u32,
    /// The time of the first failure. The service has been silent since then.
    silent_since: Option<Instant>,
    /// The first time since then that a connection was closed before the answer.
    closed_at: Option<Instant>,
    /// The first 429 since the last verdict.
    throttled_since: Option<Instant>,
    outage: Option<Outage>,
}

#[derive(Debug, Clone)]
struct Outage {
    probe_is_out: bool,
    next_probe_at: Instant,
    /// Probes without an answer.
    failed_probes: u32,
}

impl Breaker {
    pub fn new(opens_after: u32) -> Self {
        Self { opens_after, ..Self::default() }
    }

    pub fn passage(&self, now: Instant) -> Passage {
        match &self.outage {
            None => Passage::Free,
            Some(outage) if outage.probe_is_out => Passage::Closed(None),
            Some(outage) if now < outage.next_probe_at => Passage::Closed(Some(outage.next_probe_at)),
            Some(_) => Passage::Probe,
        }
    }

    /// Records that a probe was sent.
    pub fn probe_sent(&mut self) {
        if let Some(outage) = &mut self.outage {
            outage.probe_is_out = true;
        }
    }

    /// A request got no verdict: no connection, no answer, or 5xx.
    pub fn failed(&mut self, was_probe: bool, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.silent_since.get_or_insert(now);
        match &mut self.outage {
            Some(outage) if was_probe => {
                outage.probe_is_out = false;
                outage.failed_probes += 1;
                outage.next_probe_at = now + PROBES.wait(outage.failed_probes);
            }
            Some(_) => {}
            None if self.failures >= self.opens_after => {
                let next_probe_at = now + PROBES.wait(0);
                self.outage = Some(Outage { probe_is_out: false, next_probe_at, failed_probes: 0 });
            }
            None => {}
        }
    }

    /// A connection was closed before the answer. Servers and proxies do this when they restart: all requests in
    /// progress on the connection end together, and the next requests succeed. So a request that started before the
    /// first of them ended is not a sign of an outage. A request that starts later and ends in the same way is one.
    pub fn closed(&mut self, was_probe: bool, begun: Instant, now: Instant) {
        let first = *self.closed_at.get_or_insert(now);
        if was_probe || begun > first {
            self.failed(was_probe, now);
        } else {
            self.silent_since.get_or_insert(now);
        }
    }

    /// The service gave a verdict of any kind.
    pub fn answered(&mut self) {
        self.throttled_since = None;
        self.has_spoken();
    }

    /// The service is up, but accepts no requests now.
    pub fn throttled(&mut self, now: Instant) {
        self.throttled_since.get_or_insert(now);
        self.has_spoken();
    }

    fn has_spoken(&mut self) {
        self.failures = 0;
        self.silent_since = None;
        self.closed_at = None;
        if self.outage.take().is_some() {
            tracing::info!("the service answers again");
        }
    }

    /// A probe ended before it was sent; another probe may be sent.
    pub fn probe_withdrawn(&mut self) {
        if let Some(outage) = &mut self.outage {
            outage.probe_is_out = false;
        }
    }

    /// Since when there has been no verdict, including probes.
    pub fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Since when there have been 429s and no verdict.
    pub fn throttled_since(&self) -> Option<Instant> {
        self.throttled_since
    }

    pub fn is_open(&self) -> bool {
        self.outage.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FAILURES: u32 = 10;

    #[test]
    fn an_outage_lets_single_probes_through_until_the_service_answers() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::new(FAILURES);
        for _ in 0..FAILURES - 1 {
            breaker.failed(false, start);
        }
        assert_eq!(breaker.passage(start), Passage::Free);
        breaker.failed(false, start);
        assert_eq!(breaker.passage(start), Passage::Closed(Some(at(1))));
        assert_eq!(breaker.passage(at(1)), Passage::Probe);
        breaker.probe_sent();
        assert_eq!(breaker.passage(at(2)), Passage::Closed(None), "one probe at a time");
        breaker.failed(false, at(2));
        assert_eq!(breaker.passage(at(9)), Passage::Closed(None), "a straggler's failure is not the probe's");
        breaker.failed(true, at(10));
        assert_eq!(breaker.passage(at(11)), Passage::Closed(Some(at(12))));
        assert_eq!(breaker.silent_since(), Some(start));
        breaker.answered();
        assert_eq!(breaker.passage(at(61)), Passage::Free);
        assert_eq!(breaker.silent_since(), None);
    }

    #[test]
    fn connections_that_close_together_are_no_outage_until_the_next_ones_close_too() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::new(FAILURES);
        for round in 0..3 {
            for _ in 0..10 * FAILURES {
                breaker.closed(false, at(10 * round), at(10 * round + 1));
            }
            assert_eq!(breaker.passage(at(10 * round + 1)), Passage::Free);
            breaker.answered();
        }
        breaker.closed(false, at(40), at(41));
        for _ in 0..FAILURES - 1 {
            breaker.closed(false, at(42), at(43));
        }
        assert_eq!(breaker.passage(at(43)), Passage::Free);
        breaker.closed(false, at(42), at(43));
        assert_eq!(breaker.passage(at(43)), Passage::Closed(Some(at(44))), "it closes whatever it is sent");
        assert_eq!(breaker.silent_since(), Some(at(41)));
        breaker.probe_sent();
        breaker.closed(true, at(44), at(45));
        assert_eq!(breaker.passage(at(46)), Passage::Closed(Some(at(47))));
    }

    #[test]
    fn a_verdict_between_failures_restarts_the_count() {
        let now = Instant::now();
        let mut breaker = Breaker::new(FAILURES);
        for _ in 0..10 * FAILURES {
            breaker.failed(false, now);
            breaker.answered();
        }
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn probes_get_rarer_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(FAILURES);
        for _ in 0..FAILURES {
            breaker.failed(false, now);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let Passage::Closed(Some(next)) = breaker.passage(now) else { panic!("open") };
            waits.push((next - now).as_secs());
            now = next;
            breaker.probe_sent();
            breaker.failed(true, now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
