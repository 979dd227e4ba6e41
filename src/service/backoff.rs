//! Computes the wait before a retry: it doubles each time, up to a limit.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenantry_model::{failpoint, simulated};
use url::Url;

use crate::transport::is_loopback;

/// Tests divide every wait by this number.
static SHORTER: AtomicU32 = AtomicU32::new(1);

/// Shortens waits if a test requests it and the API is on this machine.
pub fn shorten_for_tests(api_url: &Url) {
    SHORTER.store(times_shorter(failpoint::number("TENANTRY_SHORTER_WAITS"), api_url), Ordering::Relaxed);
}

/// Waits of a real service are never shortened: a repeat that comes too early could create a customer twice.
fn times_shorter(requested: Option<u32>, api_url: &Url) -> u32 {
    requested.filter(|times| *times > 0 && is_loopback(api_url)).unwrap_or(1)
}

/// The wait, divided by the factor that a test has set.
pub fn shortened(wait: Duration) -> Duration {
    wait / SHORTER.load(Ordering::Relaxed)
}

/// A random number, uniform in 0..1, for the jitter of a wait.
pub fn chance() -> f64 {
    simulated::world().map_or_else(rand::random, |world| (world.chance)())
}

/// Waits that grow from one retry to the next.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// From one second up to `seconds`.
    pub const fn up_to_s(seconds: u64) -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(seconds) }
    }

    /// The wait before retry number `repeat`, counted from 0.
    pub fn wait(self, repeat: u32) -> Duration {
        shortened(self.first.saturating_mul(1 << repeat.min(16)).min(self.longest))
    }

    /// A random wait up to [`Self::wait`] ("full jitter"), so that calls that failed together are not retried together.
    /// `chance` is uniform in 0..1.
    pub fn jittered(self, repeat: u32, chance: f64) -> Duration {
        self.wait(repeat).mul_f64(chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_shortened_only_for_a_service_on_this_machine() {
        let check = |requested, url: &str, expected| {
            assert_eq!(times_shorter(requested, &url.parse().unwrap()), expected, "{requested:?} {url}");
        };
        check(Some(4), "http://127.0.0.1:8787", 4);
        check(Some(4), "https://localhost", 4);
        check(Some(4), "https://api.partnercenter.microsoft.com", 1);
        check(Some(4), "http://192.0.2.1", 1);
        check(Some(0), "http://127.0.0.1:8787", 1);
        check(None, "http://127.0.0.1:8787", 1);
    }

    #[test]
    fn waits_double_up_to_their_bound() {
        for (longest, repeat, expected) in
            [(30, 0, 1), (30, 1, 2), (30, 4, 16), (30, 5, 30), (60, 3, 8), (60, 6, 60), (60, u32::MAX, 60)]
        {
            let wait = Backoff::up_to_s(longest).wait(repeat);
            assert_eq!(wait, Duration::from_secs(expected), "{longest} {repeat}");
        }
    }

    #[test]
    fn jitter_stays_below_the_wait() {
        for (repeat, chance, expected_ms) in
            [(0, 1.0, 1000), (0, 0.5, 500), (3, 1.0, 8000), (6, 1.0, 60_000), (99, 1.0, 60_000), (9, 0.0, 0)]
        {
            let wait = Backoff::up_to_s(60).jittered(repeat, chance);
            assert_eq!(wait, Duration::from_millis(expected_ms), "{repeat} {chance}");
        }
    }
}
