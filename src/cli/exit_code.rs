//! Defines the exit codes for scripts and schedulers. Mirrors section 4 of the product contract.

use clap::ValueEnum;

use crate::submitter::Signal;

/// The exit codes, documented, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// Every row is created or existing.
    Done = 0,
    /// Could not do the job; the message says why.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Done, but some rows are rejected or failed.
    SomeRefused = 3,
    /// Sign-in is needed, has expired or was refused.
    SignIn = 4,
    /// Stopped early, and resumable.
    Stopped = 5,
    /// Done, but some rows are unresolved.
    SomeUnresolved = 6,
    /// The ledger is in use.
    InUse = 11,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
    /// Terminated by SIGTERM.
    Terminated = 143,
}

impl ExitCode {
    /// The meaning after a run, in a few words.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            ExitCode::Done => "done: every row is created or existing, except acknowledged ones",
            ExitCode::Failed => "could not do the job",
            ExitCode::Usage => "wrong usage or configuration",
            ExitCode::SomeRefused => "done, but some rows are rejected or failed",
            ExitCode::SignIn => "sign-in is needed, has expired or was refused",
            ExitCode::Stopped => "stopped early; tenantry resume goes on",
            ExitCode::SomeUnresolved => "done, but some rows are unresolved",
            ExitCode::InUse => "another process works on this ledger",
            ExitCode::Interrupted => "interrupted; tenantry resume goes on",
            ExitCode::Terminated => "terminated; tenantry resume goes on",
        }
    }

    /// The meaning after other commands, which do not change rows of a ledger.
    pub(crate) const fn meaning_without_run(self) -> &'static str {
        match self {
            ExitCode::Done => "done",
            ExitCode::SomeRefused => "done, but there is something to correct",
            ExitCode::Stopped => "stopped early",
            ExitCode::Interrupted => "interrupted",
            ExitCode::Terminated => "terminated",
            _ => self.meaning(),
        }
    }

    pub(crate) const fn number(self) -> u8 {
        self as u8
    }
}

impl From<Signal> for ExitCode {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => ExitCode::Interrupted,
            Signal::Terminate => ExitCode::Terminated,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code.number())
    }
}
