//! For how long a service that says nothing is asked.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::asking::Unanswered;
use crate::problem::Finding;
use crate::transport::Silence;

/// So many questions of one kind without an answer in a row end the asking. Each has been asked four times.
pub(super) const PATIENCE: u32 = 20;

/// Counts the silence about one kind of question. The counts order nothing else, so any order of memory will do.
#[derive(Debug, Default)]
pub(super) struct Patience {
    max_outage: Duration,
    unanswered_in_a_row: AtomicU32,
    /// The first question without an answer since the last one with one.
    silent_since: Mutex<Option<Instant>>,
    not_asked: AtomicU64,
    /// What the last bit of patience went on.
    ended_by: OnceLock<Silence>,
}

impl Patience {
    /// For a service that may be silent for so long.
    pub(super) fn new(max_outage: Duration) -> Self {
        Self { max_outage, ..Self::default() }
    }

    /// What a question finds, or what `unanswered` makes of it where there is no answer; once the patience is over it
    /// is not asked.
    pub(super) async fn ask(
        &self,
        question: impl Future<Output = Result<Option<Finding>, Unanswered>>,
        unanswered: impl FnOnce(&str) -> Finding,
    ) -> Result<Option<Finding>, Unanswered> {
        if self.is_over() {
            self.not_asked.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(unanswered("not asked: it gave no answer for too long")));
        }
        match question.await {
            Ok(finding) => {
                self.answered();
                Ok(finding)
            }
            Err(Unanswered::NoAnswer(silence)) => {
                self.unanswered_in_a_row.fetch_add(1, Ordering::Relaxed);
                self.silent_since().get_or_insert_with(Instant::now);
                let finding = unanswered(&silence.reason);
                if self.is_over() {
                    self.ended_by.get_or_init(|| silence);
                }
                Ok(Some(finding))
            }
            Err(for_every_row) => Err(for_every_row),
        }
    }

    /// The number of rows that were not asked about, if there are any.
    pub(super) fn given_up(&self) -> Option<u64> {
        Some(self.not_asked.load(Ordering::Relaxed)).filter(|rows| *rows > 0)
    }

    /// Why the patience is over, once it is.
    pub(super) fn ended_by(&self) -> Option<&Silence> {
        self.ended_by.get()
    }

    fn is_over(&self) -> bool {
        self.unanswered_in_a_row.load(Ordering::Relaxed) >= PATIENCE
            || self.silent_since().is_some_and(|since| since.elapsed() > self.max_outage)
    }

    fn silent_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A late answer does not bring a lost patience back.
    fn answered(&self) {
        if !self.is_over() {
            self.unanswered_in_a_row.store(0, Ordering::Relaxed);
            *self.silent_since() = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Rule;

    #[tokio::test]
    async fn silence_in_a_row_ends_it_and_an_answer_starts_anew() {
        let unanswered = |reason: &str| Finding::new(Rule::DomainUnanswered, reason);
        let patience = Patience::new(Duration::from_secs(900));
        let silent = || async { Err(Unanswered::NoAnswer("status 503".into())) };
        for _ in 1..PATIENCE {
            let finding = patience.ask(silent(), unanswered).await.unwrap().unwrap();
            assert_eq!(finding.message, "status 503");
        }
        assert_eq!(patience.ask(async { Ok(None) }, unanswered).await, Ok(None));
        for _ in 1..=PATIENCE {
            assert!(patience.ask(silent(), unanswered).await.unwrap().is_some());
        }
        assert_eq!(patience.given_up(), None, "nobody went without");
        let finding = patience.ask(silent(), unanswered).await.unwrap().unwrap();
        assert_eq!(finding.message, "not asked: it gave no answer for too long");
        assert_eq!(patience.given_up(), Some(1));
        let patience = Patience::new(Duration::from_secs(900));
        let stopped = patience.ask(async { Err(Unanswered::Stopped) }, unanswered).await;
        assert_eq!(stopped, Err(Unanswered::Stopped));
    }

    #[tokio::test]
    async fn so_does_a_long_silence() {
        let unanswered = |reason: &str| Finding::new(Rule::DomainUnanswered, reason);
        let patience = Patience::new(Duration::ZERO);
        let silent = || async { Err(Unanswered::NoAnswer("timed out".into())) };
        assert!(patience.ask(silent(), unanswered).await.unwrap().is_some());
        tokio::time::sleep(Duration::from_millis(2)).await;
        let finding = patience.ask(async { Ok(None) }, unanswered).await.unwrap().unwrap();
        assert!(finding.message.starts_with("not asked"));
    }
}
