//! Going on with what the ledger holds, without the file.

use std::collections::HashSet;

use tenantry_simulator::{Fault, Hold, HoldPoint, Operation};

use crate::harness::{Bench, customers, customers_of, domain, states};

/// A bench with one row that was being sent when the program was killed at `at`.
fn killed_at(at: HoldPoint) -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.simulator().hold(Hold { at, domain: None });
    let running = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    running.kill();
    bench.simulator().release();
    bench
}

#[test]
fn the_intent_is_in_the_ledger_before_the_service_has_the_request() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let running = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    let (row, attempts) = (bench.ledger().row(&domain(1)), bench.ledger().attempts());
    let sent = &bench.simulator().requests()[0].call;
    assert_eq!(row.state, "in_flight");
    assert_eq!(attempts[0].request_id, sent.request_id.unwrap().to_string());
    assert_eq!(attempts[0].correlation_id, sent.correlation_id.unwrap().to_string());
    assert_eq!(row.request_id.as_ref(), Some(&attempts[0].request_id));
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
    bench.agree();
}

#[test]
fn a_row_in_flight_is_repeated_under_its_own_request_id() {
    let bench = killed_at(HoldPoint::Received);
    bench.resume().exits(0).says("1 request to be settled before anything else");
    let ids: HashSet<_> =
        bench.requests(Operation::Create, &domain(1)).iter().map(|it| it.call.request_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(bench.count(Operation::Search), 0, "within the window there is nothing to ask");
    bench.agree();
}

#[test]
fn past_the_idempotency_window_it_is_asked_about_first() {
    let bench = killed_at(HoldPoint::Created);
    bench.resume().args(["--idempotency-window", "0s"]).exits(0);
    assert_eq!(bench.requests(Operation::Create, &domain(1)).len(), 1, "found, so not sent again");
    let row = bench.ledger().row(&domain(1));
    assert!(row.state == "created" && !row.has_credentials, "{row:?}");
    bench.agree_but_for_old_ids();
}

#[test]
fn past_the_idempotency_window_and_not_there_it_is_asked_about_and_then_sent_again() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.fault(Operation::Create, &domain(1), Fault::StatusBefore { status: 500 }, 1);
    bench.import("customers.csv").args(["--idempotency-window", "0s"]).exits(0);
    let requests = bench.simulator().requests();
    let order: Vec<Operation> = requests.iter().map(|it| it.call.operation).collect();
    assert_eq!(order.first(), Some(&Operation::Create));
    assert_eq!(order.get(1), Some(&Operation::Search));
    assert_eq!(order.get(2), Some(&Operation::Domain));
    assert_eq!(order.last(), Some(&Operation::Create));
    assert_eq!(requests.first().unwrap().call.request_id, requests.last().unwrap().call.request_id);
    bench.agree();
}

#[test]
fn resume_goes_on_after_a_limit() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(10));
    bench.import("customers.csv").args(["--limit", "4"]).exits(5).says("Stopped at --limit");
    assert_eq!(bench.ledger().states(), states([("created", 4), ("pending", 6)]));
    std::fs::remove_file(bench.path("customers.csv")).unwrap();
    bench.resume().args(["--limit", "1"]).exits(5);
    bench.resume().exits(0);
    assert_eq!(bench.count(Operation::Create), 10);
    bench.agree();
}

#[test]
fn resume_stops_when_its_time_is_up() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(50));
    let done = bench.import("customers.csv").args(["--rate", "5/s", "--max-duration", "1s"]).exits(5);
    done.says("stopped at --max-duration");
    bench.agree_so_far();
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn with_nothing_left_it_sends_nothing() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    let requests = bench.simulator().requests().len();
    bench.resume().exits(0);
    assert_eq!(bench.simulator().requests().len(), requests);
}

#[test]
fn what_failed_stays_failed() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-3000"]));
    bench.import("customers.csv").exits(3);
    bench.resume().exits(3);
    assert_eq!(bench.count(Operation::Create), 1);
    bench.agree();
}
