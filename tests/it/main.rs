//! The program from outside: the built binary against a service that can be made to misbehave.
//!
//! Everything but the simulator is reached the way an operator reaches it: through the command line, what it prints,
//! its exit code, and the ledger file. [`harness`] has the tools; what every run must come to, whatever went wrong on
//! the way, is written down once, in [`harness::agree`].
//!
//! Three variables make the random parts longer or repeat them: `TENANTRY_TEST_KILLS` (kills of `crash`),
//! `TENANTRY_TEST_SEED` (their moments) and `PROPTEST_CASES` (cases of `properties`). A long hunt is
//! `TENANTRY_TEST_KILLS=500 cargo test --test it random -- --nocapture`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is test code; clippy only takes the functions marked as tests for such"
)]

mod agreements;
mod auth;
mod backup;
mod check;
mod check_online;
mod cli;
mod clock_jumps;
mod crash;
mod crash_points;
mod fault_matrix;
mod gate;
mod harness;
mod hostile;
mod import;
mod ledger_trouble;
mod network;
mod outage;
mod panics;
mod properties;
mod resume;
mod rules;
mod secrets;
mod sign_in;
mod throttling;
mod unknown_outcome;
