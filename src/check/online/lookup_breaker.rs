//! Stops lookups of one kind when the service stays silent for too long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::call::breaker::Breaker;
use crate::partner_center::{CallError, Outcome};
use crate::problem::Finding;
use crate::transport::NoResponse;

/// This many consecutive lookups of one kind without an answer end the lookups. Each was tried four times.
pub(super) const PATIENCE: u32 = 20;

/// A breaker for one kind of lookup. It sends no probes: once it is open, there are no more lookups of that kind.
#[derive(Debug)]
pub(super) struct LookupBreaker {
    max_outage: Duration,
    breaker: Mutex<Breaker>,
    not_asked: AtomicU64,
    /// The failure that opened the breaker.
    ended_by: OnceLock<NoResponse>,
}

impl LookupBreaker {
    /// Allows the service to be silent for `max_outage`.
    pub(super) fn new(max_outage: Duration) -> Self {
        let breaker = Mutex::new(Breaker::new(PATIENCE));
        Self { max_outage, breaker, not_asked: AtomicU64::new(0), ended_by: OnceLock::new() }
    }

    /// Runs a lookup. Without an answer, the result is what `unanswered` returns; once the breaker is open, the lookup
    /// is skipped.
    pub(super) async fn look_up(
        &self,
        question: impl Future<Output = Result<Option<Finding>, CallError>>,
        unanswered: impl FnOnce(&str) -> Finding,
    ) -> Result<Option<Finding>, CallError> {
        if self.is_over(&self.lock()) {
            self.not_asked.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(unanswered("not asked: it gave no answer for too long")));
        }
        let answer = question.await;
        let mut breaker = self.lock();
        match answer {
            Ok(finding) => {
                // A late answer does not close the breaker again.
                if !self.is_over(&breaker) {
                    breaker.answered();
                }
                Ok(finding)
            }
            Err(Outcome::Unknown(silence)) => {
                breaker.failed(false, Instant::now());
                let finding = unanswered(&silence.reason);
                if self.is_over(&breaker) {
                    self.ended_by.get_or_init(|| silence);
                }
                Ok(Some(finding))
            }
            Err(for_every_row) => Err(for_every_row),
        }
    }

    /// The number of rows that were skipped, if any.
    pub(super) fn given_up(&self) -> Option<u64> {
        Some(self.not_asked.load(Ordering::Relaxed)).filter(|rows| *rows > 0)
    }

    /// Why the breaker opened, if it did.
    pub(super) fn ended_by(&self) -> Option<NoResponse> {
        self.ended_by.get().cloned()
    }

    fn is_over(&self, breaker: &Breaker) -> bool {
        let silent_since = breaker.silent_since();
        breaker.is_open() || silent_since.is_some_and(|since| since.elapsed() > self.max_outage)
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Rule;

    #[tokio::test]
    async fn consecutive_silence_opens_the_breaker_and_an_answer_resets_it() {
        let unanswered = |reason: &str| Finding::new(Rule::DomainUnanswered, reason);
        let patience = LookupBreaker::new(Duration::from_secs(900));
        let silent = || async { Err(Outcome::Unknown("status 503".into())) };
        for _ in 1..PATIENCE {
            let finding = patience.look_up(silent(), unanswered).await.unwrap().unwrap();
            assert_eq!(finding.message, "status 503");
        }
        assert_eq!(patience.look_up(async { Ok(None) }, unanswered).await, Ok(None));
        for _ in 1..=PATIENCE {
            assert!(patience.look_up(silent(), unanswered).await.unwrap().is_some());
        }
        assert_eq!(patience.given_up(), None, "every lookup was made");
        let finding = patience.look_up(silent(), unanswered).await.unwrap().unwrap();
        assert_eq!(finding.message, "not asked: it gave no answer for too long");
        assert_eq!(patience.given_up(), Some(1));
        let patience = LookupBreaker::new(Duration::from_secs(900));
        let stopped = patience.look_up(async { Err(Outcome::Withdrawn) }, unanswered).await;
        assert_eq!(stopped, Err(Outcome::Withdrawn));
    }

    #[tokio::test]
    async fn a_long_silence_opens_the_breaker() {
        let unanswered = |reason: &str| Finding::new(Rule::DomainUnanswered, reason);
        let patience = LookupBreaker::new(Duration::ZERO);
        let silent = || async { Err(Outcome::Unknown("timed out".into())) };
        assert!(patience.look_up(silent(), unanswered).await.unwrap().is_some());
        tokio::time::sleep(Duration::from_millis(2)).await;
        let finding = patience.look_up(async { Ok(None) }, unanswered).await.unwrap().unwrap();
        assert!(finding.message.starts_with("not asked"));
    }
}
