//! A customer that was made, and whose answer was lost: before its password is given up, one more send under the same
//! request id asks for it (contract, section 3, rule 2).

use std::collections::HashSet;

use tenantry_oracle::Row;
use tenantry_simulator::{Fault, Operation};

use crate::harness::{Bench, Call, customers_of};

const UNHEARD: Fault = Fault::StatusAfter { status: 504 };

/// A row that is made by its first send and never hears so, in as many sends as a run makes before it asks.
fn unheard(sends: u32) -> Bench {
    let bench = Bench::new();
    bench.fault(Operation::Create, "lost", UNHEARD, sends);
    bench.file("customers.csv", customers_of(["lost", "other"]));
    bench
}

fn sent(bench: &Bench) -> usize {
    let creates = bench.requests(Operation::Create, "lost");
    let ids: HashSet<_> = creates.iter().map(|it| it.call.request_id).collect();
    assert_eq!(ids.len(), 1, "{creates:#?}");
    creates.len()
}

fn lost(bench: &Bench) -> Row {
    bench.ledger().row("lost")
}

#[test]
fn one_row_that_meets_nothing_but_504s_ends_with_its_password() {
    let bench = unheard(3);
    // That send counts against neither of these.
    bench.import("customers.csv").args(["--max-attempts", "3", "--limit", "1"]).exits(5);
    let row = lost(&bench);
    assert!(row.state == "created" && row.has_credentials, "{row:?}");
    assert_eq!(sent(&bench), 4);
    bench.agree_so_far();
}

#[test]
fn whatever_the_last_send_is_answered_it_is_the_last() {
    for (fault, expected) in [
        (UNHEARD, 2),
        (Fault::DropAfter, 2),
        (Fault::RefusedBefore { status: 400, code: 3000 }, 2),
        (Fault::RefusedBefore { status: 409, code: 600_001 }, 2),
    ] {
        let bench = unheard(1);
        bench.fault(Operation::Create, "lost", fault, 1);
        let done = bench.import("customers.csv").args(["--max-attempts", "1"]).exits(0);
        assert!(done.stdout.contains("ATTENTION: 1 created customer without a password"), "{done}");
        let row = lost(&bench);
        assert!(row.state == "created" && !row.has_credentials, "{fault:?}: {row:?}");
        assert_eq!(sent(&bench), expected, "{fault:?}");
        bench.agree();
    }
}

#[test]
fn what_did_nothing_does_not_count_as_the_last_send() {
    for fault in [Fault::Throttled { retry_after_s: 1 }, Fault::Unauthorized] {
        let bench = unheard(1);
        bench.fault(Operation::Create, "lost", fault, 1);
        bench.import("customers.csv").with_app().args(["--max-attempts", "1"]).exits(0);
        assert!(lost(&bench).has_credentials, "{fault:?}");
        bench.agree();
    }
}

#[test]
fn a_row_that_resume_finds_is_asked_about_and_sent_once_more() {
    let bench = unheard(1);
    let waits = ["--max-attempts", "1", "--settle-delay", "1h", "--max-duration", "1s"];
    bench.import("customers.csv").args(waits).exits(5);
    assert_eq!(lost(&bench).state, "in_flight");
    // Asking alone creates nothing, and leaves it to a run that may.
    let done = bench.tenantry(["reconcile"]).exits(5);
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    let row = lost(&bench);
    assert!(row.state == "in_flight" && row.customer_id.is_some(), "{row:?}");
    assert_eq!(sent(&bench), 1);
    let searches = bench.count(Operation::Search);
    bench.resume().exits(0);
    assert_eq!(bench.count(Operation::Search), searches, "what was found is not asked about again");
    assert!(lost(&bench).has_credentials);
    assert_eq!(sent(&bench), 2);
    bench.agree();
}

#[test]
fn a_row_that_reconcile_gets_no_answer_about_is_left_to_a_run_that_sends() {
    let bench = unheard(1);
    let waits = ["--max-attempts", "1", "--settle-delay", "1h", "--max-duration", "1s"];
    bench.import("customers.csv").args(waits).exits(5);
    // As often as it asks.
    bench.fault(Operation::Search, "lost", Fault::StatusBefore { status: 503 }, 4);
    let done = bench.tenantry(["reconcile"]).exits(5);
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    assert_eq!(lost(&bench).state, "in_flight");
    bench.resume().exits(0);
    assert!(lost(&bench).has_credentials);
    bench.agree();
}

#[test]
fn what_was_found_and_has_grown_old_is_settled_without_a_send() {
    let bench = unheard(1);
    let waits = ["--max-attempts", "1", "--settle-delay", "1h", "--max-duration", "1s"];
    bench.import("customers.csv").args(waits).exits(5);
    bench.tenantry(["reconcile"]).exits(5);
    let old = |call: Call<'_>| call.args(["--idempotency-window", "0s"]).exits(0);
    old(bench.resume());
    let row = lost(&bench);
    assert!(row.state == "created" && !row.has_credentials, "{row:?}");
    assert_eq!(sent(&bench), 1);
    bench.agree_but_for_old_ids();
}

#[cfg(debug_assertions)]
#[test]
fn dying_at_the_last_send_leaves_it_to_the_next_run() {
    for (point, time) in [("intended", 2), ("sending", 2), ("answered", 2), ("sealed", 1)] {
        let bench = Bench::new();
        bench.fault(Operation::Create, "lost", UNHEARD, 1);
        bench.file("customers.csv", customers_of(["lost"]));
        let died = bench.import("customers.csv").args(["--max-attempts", "1"]);
        let died = died.env("TENANTRY_CRASH_AT", format!("{point}#{time}")).run();
        assert_eq!(died.code, None, "did not die at {point}#{time}: {died}");
        let row = lost(&bench);
        assert!(row.state == "in_flight" && row.customer_id.is_some(), "{row:?}");
        bench.resume().exits(0);
        assert!(lost(&bench).has_credentials, "after {point}");
        assert!(sent(&bench) <= 3, "after {point}");
        bench.agree();
    }
}
