//! What the next command repeats of this one, said where an option is defined.

use clap::builder::ArgExt;

/// An option without this mark is repeated where it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It decides what is worked on, for whom and by which rules. It is repeated also where the environment gave it: the
    /// next command may be pasted where the environment is another one.
    Always,
    /// The same, for the real service. A rehearsal does not repeat it.
    AtService,
    /// It is about one call: what the call prints, how far it goes, how hard it tries, and who hears of it.
    Never,
}

impl ArgExt for Repeat {}
