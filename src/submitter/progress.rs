//! The progress of a run, for display. Summaries come from the ledger, never from here.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::ledger::{RowId, SetAside};

/// A snapshot of the submission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SubmissionProgress {
    /// Open rows at the start.
    pub(crate) total: u64,
    /// Rows settled since then.
    pub(crate) settled: u64,
    pub(crate) created: u64,
    /// Rows that were refused, existed already, or stayed unresolved.
    pub(crate) not_created: u64,
    /// Active steps.
    pub(crate) under_way: usize,
    /// Rows that wait for a retry or a lookup.
    pub(crate) waiting: usize,
    /// Of `waiting`: rows that wait until a new customer would be visible.
    pub(crate) settling: usize,
    /// When the last of them may be looked up.
    pub(crate) settled_by: Option<Instant>,
    /// How long the service wants no more requests.
    pub(crate) throttled_for: Option<Duration>,
    /// How long the service has not answered.
    pub(crate) silent_for: Option<Duration>,
    /// The run is stopping; active steps are completed.
    pub(crate) stopping: bool,
}

/// Rows that cannot be parsed: their number, and the first of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut {
    pub(crate) count: u64,
    pub(crate) first: Vec<SetAside>,
    /// The ids of all of them, because a part of the queue is read twice.
    rows: HashSet<RowId>,
}

impl LeftOut {
    /// How many are listed. A person has to look into each of them, and the log lists all.
    const NAMED: usize = 10;

    pub(super) fn add(&mut self, row: SetAside) {
        if !self.rows.insert(row.row) {
            return;
        }
        tracing::error!(
            row = row.row.0,
            line = row.line,
            why = row.why,
            "a row in the ledger is invalid and is skipped"
        );
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(row);
        }
    }
}
