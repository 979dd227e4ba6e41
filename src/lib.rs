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
//! Each part that has a boundary is a crate of its own under `src`, so that the compiler checks the boundary:
//!
//! | crate | what it does | what it never uses |
//! | --- | --- | --- |
//! | `model` | shared types: customers, problems, ids, the clock, private files, text escaped for printing | SQL, HTTP, a runtime |
//! | `list` | turns a file into validated rows: `reader`, `validation`, and `reading`, which runs both on several cores and keeps the order | SQL, HTTP, a runtime |
//! | `ledger` | stores the queue in one SQLite file, and has the only SQL: `ingest`, `steps`, `query` | HTTP, lists |
//! | `service` | talks to Partner Center: `call` sends every request to the API (rate, token, retry), `partner_center` has its paths, bodies and error codes with their advice, `auth` signs in, `transport` builds clients and explains network errors | lists, the ledger |
//! | `simulator` | simulates Partner Center for rehearsals and tests | any code of the client |
//!
//! The root package joins them:
//!
//! - `intake` reads a file into the ledger, to the end of the file, before anything is sent. So every problem and the
//!   total are known first, and memory does not grow with the file. `intake::decide` is the one place that decides what
//!   happens to a row: `import` calls it with what the ledger knows, `check` with an index in memory, `retry` with stored
//!   rows. `intake::returned` compares rows of an export that come back with what went out.
//! - `submitter` takes open rows and brings each to an outcome. `credentials` seals the passwords.
//! - `check` validates without a ledger. `country_rules` caches the address rules of countries.
//! - `report` shows what the ledger contains.
//! - `cli` has a file or a folder for each command; a few share one. A command turns arguments into settings (`cli/args`,
//!   `cli/config`: flag, environment, `tenantry.toml`), prints, and returns the exit code; the commands that send share
//!   `cli/session`. `cli/next_command` names the command to run next. `cli/notify` reports the end of a run to monitors.
//! - `telemetry` logs, to standard error or to a `log_file` of limited size. `message` formats what people see on
//!   standard error, as text or as JSON. `outlet` writes to standard error without
//!   making the work wait. `variables` reads environment variables that are not options. `memory` keeps secrets off the disk.
//!
//! # What is always true
//!
//! - No create is sent without a committed intent: the row is `in_flight` under a durable request id before the
//!   first byte leaves (WAL with `synchronous=FULL`). The same is true of the acceptance of an agreement.
//! - A call that changes the ledger returns after the commit. Its result is durable then; what means nothing before a
//!   later commit becomes durable with that one: the beginning of a run, the rows of a file before its end, a data key
//!   before the first intent.
//! - A row keeps one request id while its outcome is unknown. It gets another only after a definite answer,
//!   or after two lookups found that the customer does not exist.
//! - One table (`src/ledger/steps/state.rs`) has the legal changes of state of both steps of a row, the create and the
//!   recording of its agreement. `created`, `existing`, `superseded`,
//!   `recorded` and `withdrawn` never change; `declined` only if a list brings the row again.
//! - No attempt gets a second outcome, and no row is ever removed. `forget` erases personal data of finished rows, but not
//!   what recognizes them: ids, domains, external ids and content hashes.
//! - A success is reported only when its ids and its sealed password are durable.
//! - A service-wide problem leaves rows `pending` or `in_flight`, never `failed`.
//! - Nothing of a file is sent before the file was read to its end and the required consent was given.
//! - Every row that a run reads is counted as new, known or an equal duplicate; otherwise the run exits with 1.
//! - Status, summaries and exports read the ledger, never the counters behind the progress bar.
//! - No failure of standard error, standard output or a log costs a row, a password or an exit code.
//! - Deliberately absent: redirects, retries inside the HTTP client, a second writer, the wall clock outside
//!   `clock`, printing outside `cli`, `outlet` and `telemetry`, and any way to write a secret to a log.
//!
//! # Glossary
//!
//! | word | meaning |
//! | --- | --- |
//! | list, source | a file of rows; the ledger's record of that file |
//! | row | one line of a list, and its record in the ledger; its key is its domain |
//! | problem | what validation found in a row: an error, or a warning |
//! | validate | apply the rules of `list::validation` to one row; the result is a `Validation` |
//! | candidate | a row as ingest gets it: validated, not yet stored |
//! | ingest | store the rows of a source in the ledger |
//! | decide | choose what happens to a row, from its `Validation` and what is known of its domain |
//! | fingerprint | a domain and a hash of the content: recognizes a customer without comparing cells |
//! | returned, original | a row of an export that comes back; what the export gave out |
//! | standing | the row that counts for its domain; `superseded` and `declined` rows are history |
//! | adopt | a row that an interrupted reading stored now belongs to the file that brings it again |
//! | step | a create, or the recording of an acceptance; each has a state |
//! | open, owed | of a step: the next run sends it or looks it up |
//! | settled | of a step: a run brought it to an end |
//! | intent | the durable record that a step is about to be sent |
//! | attempt | one request for a step, and its result |
//! | outcome | what is known after a request: done, refused, throttled, unknown, … |
//! | verdict | what an outcome means for the row: settle, repeat, look up, or stop the run |
//! | in doubt | sent, and the outcome is unknown; `unresolved` if lookups did not settle it |
//! | look up | send a request that changes nothing, such as: does this customer exist? |
//! | reconcile | settle rows in doubt by lookups only |
//! | settle delay | how long a new customer may stay invisible to lookups |
//! | refusal | a definite "no" to a step, with the service's code |
//! | burned | of a domain: a refused create may have used it up, so a retry needs another |
//! | hold, release, discard | keep rows unsent; let them be sent; decide that they are not sent: `declined` |
//! | gone | of a refused row: the last complete reading of its list did not contain it |
//! | acknowledge | mark a refused row, or a lost password, as known: it keeps its state and needs no attention |
//! | consent | the operator's "yes" to a plan, or `--yes` |
//! | erase, forget | remove personal data of finished rows from the ledger; `forget` is the command |
//! | opening | of passwords: one call of `credentials`; a password counts as opened when its output was written |
//! | reseller, direct | the indirect reseller that a customer belongs to; a customer without one |
//! | agreement, acceptance | the Microsoft Customer Agreement, and the record that a customer accepted it |
//! | `mpa_status` | whether a reseller signed the Microsoft Partner Agreement, which is another one |
//! | identity, recipient | the private key that opens passwords; its public half, to which they are sealed |
//! | data key | the key of one run that seals its passwords; it is itself sealed to the recipient |
//! | breaker | stops new requests while the service does not answer, and lets a probe through |
//! | backoff, pacer | the wait before a retry; what keeps requests below the rate |
//! | middlebox | a proxy, gateway or captive portal that answers instead of the service |
//! | restored | of a ledger: a copy that may lack what was sent after it was made |
//! | rehearsal | a run against the simulator (`--simulate`) |

mod check;
mod cli;
mod country_rules;
mod credentials;
mod intake;
mod log_file;
mod memory;
mod message;
mod outlet;
mod report;
mod submitter;
mod telemetry;
mod variables;

use tenantry_ledger as ledger;
use tenantry_list::{reader, reading, returned, validation};
use tenantry_model::{
    clock, customer, failpoint, files, folders, formula, ids, limits, nearest, own_code, printable, problem,
};
use tenantry_service::{auth, backoff, call, partner_center, transport};

/// Carries out the command of these arguments, the first of which names the program, on the runtime of the caller, and
/// returns its exit code. For a test that simulates the world around the program.
pub fn run_inside(arguments: &[std::ffi::OsString]) -> impl Future<Output = u8> {
    cli::run_inside(arguments)
}

#[cfg(any(test, feature = "fuzzing"))]
pub use cli::fuzzed;

/// Runs the program with the arguments of this process and says how it should exit.
pub fn run() -> std::process::ExitCode {
    cli::run()
}
