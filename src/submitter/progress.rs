//! How a run is getting on, for those who show it. Summaries are made from the ledger, never from this.

use std::collections::HashSet;
use std::time::Duration;

use crate::ledger::{RowId, SetAside};

/// A picture of the submission at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SubmissionProgress {
    /// Open rows at the start.
    pub(crate) total: u64,
    /// Rows that have been settled since.
    pub(crate) settled: u64,
    pub(crate) created: u64,
    /// Refused, or found to exist already, or left unresolved.
    pub(crate) not_created: u64,
    /// Steps under way.
    pub(crate) under_way: usize,
    /// Rows that wait for a repeat or a question.
    pub(crate) waiting: usize,
    /// Those of them that wait until a new customer would be visible.
    pub(crate) settling: usize,
    /// The service wants nothing from us for so long.
    pub(crate) throttled_for: Option<Duration>,
    /// The service has not answered for so long.
    pub(crate) silent_for: Option<Duration>,
    /// The run is stopping; what is under way ends.
    pub(crate) stopping: bool,
}

/// Rows that cannot be understood: how many there are, and the first of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut {
    pub(crate) count: u64,
    pub(crate) first: Vec<SetAside>,
    /// All of them: a part of the queue is read twice.
    rows: HashSet<RowId>,
}

impl LeftOut {
    /// So many are named. It is a person who looks into each, and the log names them all.
    const NAMED: usize = 10;

    pub(super) fn add(&mut self, row: SetAside) {
        if !self.rows.insert(row.row) {
            return;
        }
        tracing::error!(
            row = row.row.0,
            line = row.line,
            why = row.why,
            "a row cannot be understood and is left out"
        );
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(row);
        }
    }
}
