//! Marks which options the suggested next command repeats; the mark is set where the option is defined.

use clap::builder::ArgExt;

/// Without this mark, an option is repeated if it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The option decides what the command works on, for whom and by which rules. It is also repeated if the
    /// environment set it, because the next command may be pasted into another environment.
    Always,
    /// The same, but only for the real service. A rehearsal does not repeat it.
    AtService,
    /// The option is about one call: its output, limits, retries and notifications.
    Never,
}

impl ArgExt for Repeat {}
