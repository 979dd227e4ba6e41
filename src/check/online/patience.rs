//! For how long a service that says nothing is asked.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::asking::Unanswered;
use crate::validation::Finding;

/// So many questions of one kind without an answer in a row end the asking. Each has been asked four times.
pub(super) const PATIENCE: u32 = 20;

/// Counts the silence about one kind of question. The counts order nothing else, so any order of memory will do.
#[derive(Debug, Default)]
pub(super) struct Patience {
    unanswered_in_a_row: AtomicU32,
    not_asked: AtomicU64,
}

impl Patience {
    /// What a question finds, or what `unanswered` makes of it where there is no answer; nothing at all once the
    /// patience is over.
    pub(super) async fn ask(
        &self,
        question: impl Future<Output = Result<Option<Finding>, Unanswered>>,
        unanswered: impl FnOnce(&str) -> Finding,
    ) -> Result<Option<Finding>, Unanswered> {
        if self.is_over() {
            self.not_asked.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        match question.await {
            Ok(finding) => {
                self.answered();
                Ok(finding)
            }
            Err(Unanswered::NoAnswer(reason)) => {
                self.unanswered_in_a_row.fetch_add(1, Ordering::Relaxed);
                Ok(Some(unanswered(&reason)))
            }
            Err(for_every_row) => Err(for_every_row),
        }
    }

    /// The number of rows that were not asked about; `None` while there is patience left.
    pub(super) fn given_up(&self) -> Option<u64> {
        self.is_over().then(|| self.not_asked.load(Ordering::Relaxed))
    }

    fn is_over(&self) -> bool {
        self.unanswered_in_a_row.load(Ordering::Relaxed) >= PATIENCE
    }

    /// A late answer does not bring a lost patience back.
    fn answered(&self) {
        if !self.is_over() {
            self.unanswered_in_a_row.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::Rule;

    #[tokio::test]
    async fn silence_in_a_row_ends_it_and_an_answer_starts_anew() {
        let unanswered = |reason: &str| Finding::new(Rule::DomainUnanswered, reason);
        let patience = Patience::default();
        let silent = || async { Err(Unanswered::NoAnswer("status 503".to_owned())) };
        for _ in 1..PATIENCE {
            let finding = patience.ask(silent(), unanswered).await.unwrap().unwrap();
            assert_eq!(finding.message, "status 503");
        }
        assert_eq!(patience.ask(async { Ok(None) }, unanswered).await, Ok(None));
        for _ in 1..=PATIENCE {
            assert_eq!(patience.given_up(), None);
            assert!(patience.ask(silent(), unanswered).await.unwrap().is_some());
        }
        assert_eq!(patience.given_up(), Some(0));
        assert_eq!(patience.ask(silent(), unanswered).await, Ok(None));
        assert_eq!(patience.given_up(), Some(1));
        let stopped = Patience::default().ask(async { Err(Unanswered::Stopped) }, unanswered).await;
        assert_eq!(stopped, Err(Unanswered::Stopped));
    }
}
