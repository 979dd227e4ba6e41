//! Creates customers in Microsoft Partner Center from CSV files: nothing twice, nothing lost, every row accounted
//! for.
//!
//! ```text
//! FILE ─► reader ─► validation ─► ledger (pending) ─► submitter ─► call ─► partner_center ─► the service
//!              └────── intake ──────┘   ▲    │             │
//!                                       └────┼── outcome ◄─┘
//!                                            └► report: status · show · export · page · summary
//! ```
//!
//! Each part that has a boundary is a crate of its own under `src`, so that the compiler holds it:
//!
//! | crate | what it is | what it never has |
//! | --- | --- | --- |
//! | `model` | the ground: customers and their problems, ids, the clock, private files, text made safe to print | SQL, HTTP, a runtime |
//! | `list` | a file to validated rows: `reader`, `validation`, and `reading`, which does both on several cores in order | SQL, HTTP, a runtime |
//! | `ledger` | the queue, one SQLite file, and the only SQL: taking rows in, their steps, queries | HTTP, lists |
//! | `service` | the way to Partner Center: `call` is the one way out (gates, rate, token), `partner_center` alone knows the API, `auth` has tokens, `transport` says what went wrong on the way | lists, the ledger |
//! | `simulator` | Partner Center for rehearsals and tests | anything of the client |
//!
//! The program itself joins them. `intake` streams a file into the ledger, to its end before anything is sent, so that every
//! problem and the total are known first and memory does not grow with the file. `intake::decide` is the one place that says
//! what becomes of a row; `check` asks it too, without a ledger, and `retry` for what the ledger keeps, without a file.
//! `submitter` takes open rows and brings each to an outcome, with passwords sealed by `credentials`. `country_rules` keeps
//! what was asked about countries. `report` says what the ledger holds. `cli` has one file a command: arguments to settings
//! (`cli/config`: flag, environment, `tenantry.toml`), one call, print, exit code; `cli/next_command` names the command to
//! type next, from what was typed and what the ledger keeps; `cli/notify` tells monitors how a run ended. `telemetry` logs,
//! into a `log_file` that stays small. `outlet` writes what is for people, so that nobody waits for standard error or a log.
//! `variables` reads our own of the environment. `memory` keeps what the program knows off the disk.
//!
//! # What is always true
//!
//! - No create is sent without a committed intent: the row is `in_flight` under a durable request id before the
//!   first byte leaves (WAL with `synchronous=FULL`). The same holds for the acceptance of an agreement.
//! - A caller that has had the ledger change something holds a durable result: it is handed out after the commit.
//! - One request id per row for as long as its outcome is unknown; another is drawn only after a definite answer,
//!   or after asking has said twice that the customer is not there.
//! - One table (`src/ledger/steps/state.rs`) knows the legal changes of state of both steps of a row, the create and the
//!   recording of its agreement; `created`, `existing`, `superseded`, `recorded` and `withdrawn` have no way out.
//! - No attempt gets a second outcome, and no row is ever removed.
//! - A success is reported only when its ids and its sealed password are durable.
//! - A service-wide problem leaves rows `pending` or `in_flight`, never `failed`.
//! - Nothing is sent of a file that was not read to its end, nor before those agreed who were to be asked.
//! - Rows read are the rows of all states and the equal duplicates; a run that finds it otherwise exits 1.
//! - Status, summaries and exports read the ledger, never the counters behind the progress bar.
//! - Nothing that happens to standard error, standard output or a log costs a row, a password or an exit code.
//! - Deliberately absent: redirects, repeats inside the HTTP client, a second writer, the wall clock outside
//!   `clock`, printing outside `cli`, and any way to write a secret to a log.

mod check;
mod cli;
mod country_rules;
mod credentials;
mod intake;
mod log_file;
mod memory;
mod outlet;
mod report;
mod submitter;
mod telemetry;
mod variables;

use tenantry_ledger as ledger;
use tenantry_list::{reader, reading, validation};
use tenantry_model::{clock, customer, failpoint, files, ids, limits, nearest, printable, problem};
use tenantry_service::{auth, backoff, call, partner_center, transport};

/// Runs the program with the arguments of this process and says how it should exit.
pub fn run() -> std::process::ExitCode {
    cli::run()
}
