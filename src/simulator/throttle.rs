//! The rate limit: a strict sliding window.
//!
//! Guarantee: no window of the configured length, wherever it starts, has more admitted requests than the limit. A
//! token bucket would admit up to twice as many across a boundary, and would accept a client that the real service
//! would reject. Rejected requests also count, unless the scenario says otherwise, because the documentation says so
//! (fact book 12).

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::reply::Reply;

/// The maximum number of requests in a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The maximum number of requests in one window; at least 1.
    pub requests: usize,
    /// The length of the window.
    pub window: Duration,
    /// Does a rejected request count like an admitted one?
    pub count_rejected: bool,
}

impl Default for Limit {
    /// The documented limit for the customer resource: 500 requests per minute (fact book 12).
    fn default() -> Limit {
        Limit { requests: 500, window: Duration::from_secs(60), count_rejected: true }
    }
}

/// The form of the wait in a 429. The body has the seconds in every form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `Retry-After: 57`, the documented form.
    Seconds,
    /// `Retry-After: Tue, 21 Jul 2020 04:10:58 GMT`.
    HttpDate,
    /// No `Retry-After` header.
    Absent,
    /// `Retry-After: soon`.
    Nonsense,
}

impl RetryAfter {
    /// The gateway's 429 as in `throttled-429.http`.
    pub(super) fn refusal(self, wait_s: u64) -> Reply {
        let message = format!("Rate limit is exceeded. Try again in {wait_s} seconds.");
        let reply = Reply::from_gateway(429, &message);
        match self {
            RetryAfter::Seconds => reply.with_header("retry-after", &wait_s.to_string()),
            RetryAfter::HttpDate => {
                let until = std::time::SystemTime::from(crate::clock::now()) + Duration::from_secs(wait_s);
                reply.with_header("retry-after", &httpdate::fmt_http_date(until))
            }
            RetryAfter::Absent => reply,
            RetryAfter::Nonsense => reply.with_header("retry-after", "soon"),
        }
    }
}

/// The arrival times that still count, oldest first; never more than the limit.
#[derive(Debug)]
pub(super) struct SlidingWindow {
    limit: Limit,
    counted: VecDeque<Instant>,
}

impl SlidingWindow {
    pub(super) fn new(limit: Limit) -> SlidingWindow {
        SlidingWindow { limit, counted: VecDeque::new() }
    }

    /// Counts a request that arrives at `now`. `Err` has the wait after which a request would be admitted.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        while self.counted.front().is_some_and(|&oldest| oldest + self.limit.window <= now) {
            self.counted.pop_front();
        }
        let full = self.counted.len() >= self.limit.requests;
        if full && !self.limit.count_rejected {
            return Err(self.wait(now));
        }
        if full {
            // Only the newest `requests` times decide when the next request fits. So the log stays bounded, however
            // often a client retries.
            self.counted.pop_front();
        }
        self.counted.push_back(now);
        if full { Err(self.wait(now)) } else { Ok(()) }
    }

    fn wait(&self, now: Instant) -> Duration {
        self.counted.front().map_or(Duration::ZERO, |&oldest| (oldest + self.limit.window) - now)
    }
}

/// Whole seconds, rounded up: a client that waits this long must not be too early.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn limit(count_rejected: bool) -> Limit {
        Limit { requests: 5, window: Duration::from_millis(100), count_rejected }
    }

    /// Replays random arrivals and checks every window that starts at an admitted request; these windows have the most
    /// requests.
    fn check_strict(count_rejected: bool, seed: u64) {
        let limit = limit(count_rejected);
        let mut window = SlidingWindow::new(limit);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut now = Instant::now();
        let mut admitted = Vec::new();
        for _ in 0..2000 {
            now += Duration::from_millis(rng.random_range(0..60));
            if window.admit(now).is_ok() {
                admitted.push(now);
            }
        }
        assert!(admitted.len() > 100, "seed {seed}: nearly everything was rejected");
        for (index, &start) in admitted.iter().enumerate() {
            let held = admitted[index..].iter().take_while(|&&at| at < start + limit.window).count();
            assert!(held <= limit.requests, "seed {seed}: a window held {held}");
        }
    }

    #[test]
    fn no_window_holds_more_than_the_limit() {
        for seed in 0..20 {
            check_strict(true, seed);
            check_strict(false, seed);
        }
    }

    #[test]
    fn the_wait_is_enough_and_not_too_long() {
        for count_rejected in [true, false] {
            let mut window = SlidingWindow::new(limit(count_rejected));
            let start = Instant::now();
            for offset_ms in 0..5 {
                window.admit(start + Duration::from_millis(offset_ms)).unwrap();
            }
            let now = start + Duration::from_millis(50);
            let wait = window.admit(now).unwrap_err();
            assert!(window.admit(now + wait).is_ok());
        }
    }

    #[test]
    fn a_client_that_hammers_stays_out_only_where_rejections_count() {
        let still_out = |count_rejected| {
            let mut window = SlidingWindow::new(limit(count_rejected));
            let start = Instant::now();
            (0..40u64).filter(|step| window.admit(start + Duration::from_millis(step * 10)).is_err()).count()
        };
        assert_eq!(still_out(true), 35);
        assert!(still_out(false) < 25);
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2001)), 3);
        assert_eq!(whole_seconds(Duration::from_secs(57)), 57);
    }
}
