//! A machine's clock that is set a day forward or back, while a run goes on and between two runs. Whatever it says,
//! nothing goes under a new request id while an outcome is unknown, "not there" is not believed before the settle
//! delay has really passed, and nothing waits for a clock to catch up. Where the machine was not started anew between two
//! runs, the jump makes no difference at all.
//!
//! Debug builds alone can be told that the clock is off.

#![cfg(debug_assertions)]

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use tenantry_simulator::{Fault, Operation, RetryAfter, Scenario};

use crate::harness::{Bench, Call, Running, SHORTER_WAITS, customers_of, domain, eventually, full};

const DAY: i64 = 86_400;
const SETTLE_DELAY: Duration = Duration::from_secs(2);
const MAX_ATTEMPTS: usize = 3;

/// Made by its first send, and repeated until it hears so.
const REPEATED: &str = "repeated";
/// Made by its last send, and asked about before it is listed.
const LATE: &str = "late";
/// Not made by any send, and sent once more after asking.
const ABSENT: &str = "absent";

fn bench() -> Bench {
    let bench = Bench::with(Scenario {
        visibility_lag: SETTLE_DELAY - Duration::from_secs(1),
        retry_after: RetryAfter::HttpDate,
        // Renewed again and again, before and after the jump.
        token_lifetime: Duration::from_secs(2),
        ..Scenario::default()
    });
    bench.fault(Operation::Create, REPEATED, Fault::DropAfter, 2);
    bench.fault(Operation::Create, LATE, Fault::RefuseBefore, 2);
    bench.fault(Operation::Create, LATE, Fault::DropAfter, 1);
    bench.fault(Operation::Create, ABSENT, Fault::RefuseBefore, 3);
    bench.fault(Operation::Create, &domain(1), Fault::Throttled { retry_after_s: 1 }, 1);
    bench.file("customers.csv", customers_of([REPEATED, LATE, ABSENT, &domain(1)]));
    set_clock(&bench, 0);
    bench
}

/// So many seconds ahead of the time that it is.
fn set_clock(bench: &Bench, seconds: i64) {
    // Whole at every moment, because the program may read it at any.
    fs::write(bench.path("half"), seconds.to_string()).unwrap();
    // On Windows, a file is not replaced while it is read.
    eventually("the clock is set", || fs::rename(bench.path("half"), bench.path("clock")).is_ok());
}

fn begin(call: Call<'_>, bench: &Bench) -> Running {
    let settle_delay = format!("{}s", (SETTLE_DELAY * SHORTER_WAITS).as_secs());
    call.with_app()
        .env("TENANTRY_CLOCK_OFFSET", bench.path("clock"))
        .args(["--max-attempts", &MAX_ATTEMPTS.to_string(), "--settle-delay", &settle_delay])
        .spawn()
}

fn wait_for_sends_in_vain(bench: &Bench, domain: &str, count: i64) {
    let sql = format!(
        "SELECT count(*) FROM attempts WHERE domain = '{}' AND operation = 'create' AND outcome = 'unknown'",
        full(domain)
    );
    eventually("it was sent so often", || bench.ledger_path().exists() && number(bench, &sql) >= count);
}

/// While the program may be making the ledger's tables.
fn number(bench: &Bench, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap_or_default()
}

/// `asked_for`: the id under which [`LATE`] was made was still fresh when it was found, so that a last send has brought
/// its password.
fn holds(bench: &Bench, asked_for: bool) {
    let ledger = bench.ledger();
    for domain in [REPEATED, LATE, ABSENT] {
        let row = ledger.row(domain);
        assert_eq!(row.state, "created", "{row:?}");
        assert_eq!(row.has_credentials, domain != LATE || asked_for, "{row:?}");
        let creates = bench.requests(Operation::Create, domain);
        let ids: HashSet<_> = creates.iter().map(|it| it.call.request_id).collect();
        assert_eq!(ids.len(), 1, "{domain} went under several request ids");
    }
    let creates = bench.requests(Operation::Create, ABSENT);
    assert_eq!(creates.len(), MAX_ATTEMPTS + 1);
    let waited_ms = creates[MAX_ATTEMPTS].at_ms - creates[MAX_ATTEMPTS - 1].at_ms;
    assert!(waited_ms / 1000.0 >= SETTLE_DELAY.as_secs_f64(), "believed gone after {waited_ms} ms");
    if asked_for { bench.agree() } else { bench.agree_but_for_old_ids() }
}

/// The clock jumps when [`ABSENT`] was sent so often.
fn jumps_within_a_run(seconds: i64, after_sends: i64) {
    let bench = bench();
    let running = begin(bench.import("customers.csv"), &bench);
    wait_for_sends_in_vain(&bench, ABSENT, after_sends);
    set_clock(&bench, seconds);
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{done}");
    holds(&bench, true);
}

#[test]
fn forward_within_a_run() {
    jumps_within_a_run(DAY, 1);
    jumps_within_a_run(DAY, 3);
}

#[test]
fn back_within_a_run() {
    jumps_within_a_run(-DAY, 1);
    jumps_within_a_run(-DAY, 3);
}

const BOOT: &str = "TENANTRY_BOOT_ID";
const FIRST_BOOT: &str = "0f6e2c1a-0000-4000-8000-000000000001";
const SECOND_BOOT: &str = "0f6e2c1a-0000-4000-8000-000000000002";

/// The second run is in the boot of this id.
fn jumps_between_runs(seconds: i64, boot: &str, asked_for: bool) {
    let bench = bench();
    let running = begin(bench.import("customers.csv").env(BOOT, FIRST_BOOT), &bench);
    eventually("those are created that can be so soon", || {
        bench.ledger_path().exists()
            && number(&bench, "SELECT count(*) FROM customer_rows WHERE state = 'created'") == 2
    });
    wait_for_sends_in_vain(&bench, ABSENT, 3);
    wait_for_sends_in_vain(&bench, LATE, 3);
    running.kill();
    set_clock(&bench, seconds);
    let done = begin(bench.resume().env(BOOT, boot), &bench).wait();
    assert_eq!(done.code, Some(0), "{done}");
    holds(&bench, asked_for);
}

#[test]
fn forward_between_runs() {
    jumps_between_runs(DAY, SECOND_BOOT, false);
}

#[test]
fn back_between_runs() {
    // The ledger tells that it is later than the clock says.
    jumps_between_runs(-DAY, SECOND_BOOT, true);
}

#[cfg(target_os = "linux")]
#[test]
fn between_two_runs_of_one_boot() {
    for seconds in [DAY, -DAY] {
        jumps_between_runs(seconds, FIRST_BOOT, true);
    }
}

/// What made resume ask where it could repeat.
#[cfg(target_os = "linux")]
#[test]
fn a_jump_between_two_runs_of_one_boot_makes_nobody_ask() {
    use tenantry_simulator::{Hold, HoldPoint};
    for seconds in [DAY, -DAY] {
        let bench = Bench::new();
        set_clock(&bench, 0);
        bench.file("customers.csv", customers_of([REPEATED]));
        bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
        let running = begin(bench.import("customers.csv"), &bench);
        bench.wait_until_held();
        running.kill();
        bench.simulator().release();
        set_clock(&bench, seconds);
        let done = begin(bench.resume(), &bench).wait();
        assert_eq!(done.code, Some(0), "{done}");
        assert_eq!(bench.count(Operation::Search), 0, "it was asked about: {done}");
        assert!(bench.ledger().row(REPEATED).has_credentials);
        bench.agree();
    }
}
