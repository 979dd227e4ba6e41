//! A domain that is said to be taken may be taken by a customer of ours that nobody sees yet (contract, section 3,
//! rule 5): it is never called failed, and nobody is told to choose another domain, before the settle delay has passed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tenantry_simulator::{Fault, Operation, Scenario};

use crate::harness::{Bench, Call, Ledger, SHORTER_WAITS, customers, customers_of, domain, states};

const TAKEN: Fault = Fault::RefusedBefore { status: 409, code: 600_001 };

/// New customers stay invisible for a while.
fn slow_to_show() -> Bench {
    Bench::with(Scenario { visibility_lag: Duration::from_secs(2) / SHORTER_WAITS, ..Scenario::default() })
}

fn with_another_ledger<'a>(bench: &'a Bench, file: &str) -> Call<'a> {
    let ledger = bench.path("second.db");
    bench.import(file).args(["--ledger", ledger.to_str().unwrap(), "--settle-delay", "3s"])
}

#[test]
fn the_customers_of_another_ledger_are_existing_and_not_taken() {
    let bench = slow_to_show();
    bench.file("customers.csv", customers(5));
    bench.import("customers.csv").exits(0);
    let done = with_another_ledger(&bench, "customers.csv").exits(0);
    assert_eq!(Ledger::open(&bench.path("second.db")).states(), states([("existing", 5)]), "{done}");
    assert_eq!(bench.creations().len(), 5);
}

#[test]
fn a_domain_that_is_taken_after_another_refusal_is_no_reason_to_choose_another_too_early() {
    let bench = slow_to_show();
    bench.file("customers.csv", customers_of(["ours"]));
    bench.import("customers.csv").exits(0);
    bench.fault(Operation::Create, "ours", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    with_another_ledger(&bench, "customers.csv").exits(0);
    assert_eq!(Ledger::open(&bench.path("second.db")).states(), states([("existing", 1)]));
}

#[test]
fn a_row_that_waits_for_the_settle_delay_holds_no_slot() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["taken-by-others", "plain"]));
    let args = ["--concurrency", "1", "--settle-delay", "1h", "--max-duration", "2s"];
    bench.import("customers.csv").args(args).exits(5);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("in_flight", 1)]));
    let status = bench.tenantry(["status"]).env("TENANTRY_SETTLE_DELAY", "1h").exits(0);
    status.prints("Left: 1 row, about 60 min (1 row waits until a new customer would be visible).");
    // Within the delay nothing is believed; after it the domain is somebody else's.
    bench.resume().exits(3);
    assert_eq!(bench.ledger().row("taken-by-others").error_code.as_deref(), Some("domain_taken"));
    bench.agree();
}

#[test]
fn taken_and_then_free_is_sent_once_more_under_the_same_id() {
    let bench = Bench::new();
    bench.fault(Operation::Create, &domain(1), TAKEN, 1);
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    let row = bench.ledger().row(&domain(1));
    assert!(row.state == "created" && row.has_credentials && row.error_code.is_none(), "{row:?}");
    let creates = bench.requests(Operation::Create, &domain(1));
    assert_eq!(creates.len(), 2);
    let settled_ms = 1000.0 / f64::from(SHORTER_WAITS);
    assert!(creates[1].at_ms - creates[0].at_ms >= settled_ms, "sent again before the settle delay");
    bench.agree();
}

#[test]
fn taken_and_then_free_and_taken_again_is_unresolved_and_never_failed() {
    let bench = Bench::new();
    bench.fault(Operation::Create, &domain(1), TAKEN, 2);
    bench.file("customers.csv", customers(1));
    let done = bench.import("customers.csv").exits(6);
    assert!(done.stdout.contains("the answers contradict each other"), "{done}");
    let row = bench.ledger().row(&domain(1));
    assert_eq!((row.state.as_str(), row.error_code.as_deref()), ("unresolved", Some("taken_then_free")));
    assert_eq!(bench.count(Operation::Create), 2);
    bench.agree();
    // Whoever asks again later lets it be sent once more.
    bench.tenantry(["reconcile"]).exits(5);
    assert_eq!(bench.count(Operation::Create), 2);
    bench.resume().exits(0);
    let ids: HashSet<_> =
        bench.requests(Operation::Create, &domain(1)).iter().map(|it| it.call.request_id).collect();
    assert_eq!(ids.len(), 1);
    assert!(bench.ledger().row(&domain(1)).has_credentials);
    bench.agree();
}

#[test]
fn a_rehearsal_waits_no_longer_than_its_own_service_needs() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["taken-by-others", "half-made-1", "plain"]));
    let begun = Instant::now();
    let rehearse = bench.import("customers.csv").args(["--simulate"]).without("TENANTRY_SETTLE_DELAY");
    rehearse.without("TENANTRY_LEDGER").exits(3);
    assert!(begun.elapsed() < Duration::from_secs(60), "it waited as for the real service");
}
