//! How a run is getting on, for those who show it. Summaries are made from the ledger, never from this.

use std::time::Duration;

/// A picture of the submission at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
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
    /// The service wants nothing from us for so long.
    pub(crate) throttled_for: Option<Duration>,
    /// The service has not answered for so long.
    pub(crate) silent_for: Option<Duration>,
    /// The run is stopping; what is under way ends.
    pub(crate) stopping: bool,
}
