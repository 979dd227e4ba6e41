//! The program from outside: the built binary against a service that can be made to misbehave.
//!
//! Everything but the simulator is reached the way an operator reaches it: through the command line, what it prints,
//! its exit code, and the ledger file. [`harness`] has the tools; what every run must come to, whatever went wrong on
//! the way, is written down once, in [`harness::agree`].
//!
//! Five variables make parts longer or repeat them: `TENANTRY_TEST_KILLS` (kills of `crash`), `TENANTRY_TEST_SEED`
//! (their moments), `TENANTRY_TEST_SEQUENCES` (of `several_lists`), `TENANTRY_STORM_MINUTES` (of `storm`) and
//! `TENANTRY_TEST_ROWS` (rows of `long_run`). A long hunt is
//! `TENANTRY_TEST_KILLS=500 cargo test --test it random -- --nocapture`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is test code; clippy only takes the functions marked as tests for such"
)]
// What only Unix has is left out there, and with it the use of some tools.
#![cfg_attr(not(unix), allow(unused_imports, dead_code))]

mod agreements;
mod answers;
mod auth;
mod backup;
mod check;
mod check_online;
mod cli;
mod clock_jumps;
mod closed_connections;
mod columns;
mod configuration;
mod consent;
mod corrections;
mod crash;
mod crash_points;
mod doctor;
mod doubles;
mod dry_run;
mod every_command;
mod fault_matrix;
mod finding_rows;
mod foreign_answers;
mod forgetting;
mod gateways;
mod green_nights;
mod harness;
mod hostile;
mod import;
mod interrupted;
mod last_send;
mod ledger_trouble;
mod limits;
mod lists;
mod long_run;
mod memory;
mod messages;
mod middlebox;
mod network;
mod nightly;
mod outage;
#[cfg(unix)]
mod output_trouble;
mod outputs;
mod panics;
mod partner_address;
mod passwords;
#[cfg(unix)]
mod picture;
mod proxies;
mod queue;
mod recipient;
mod rehearsal_privacy;
mod renewal;
mod report;
mod request_counts;
mod resume;
mod returned;
mod rules;
#[cfg(unix)]
mod scarcity;
#[cfg(unix)]
mod secret_files;
mod secrets;
mod several_lists;
mod sign_in;
mod storm;
mod surroundings;
mod tables;
mod taken;
#[cfg(unix)]
mod terminal;
mod throttling;
mod token_safety;
mod topics;
mod trust;
mod unknown_outcome;
mod unreadable;
mod upgrades;
mod words;
mod workbooks;
