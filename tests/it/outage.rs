//! A service that does not answer is nobody's fault: rows wait, and none is burned.

use std::net::TcpListener;
use std::time::Duration;

use tenantry_simulator::{Fault, Hold, HoldPoint, Operation, Outage, Scenario, ScriptedFault};

use crate::harness::{Bench, customers, customers_of, each_at_once, eventually, full, states};

/// An address without a service.
pub(crate) fn unused_address() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

#[test]
fn nothing_listening_leaves_every_row_pending() {
    let bench = Bench::at(&unused_address());
    bench.file("customers.csv", customers(20));
    let done = bench.import("customers.csv").args(["--max-outage", "2s"]).exits(5);
    done.says("stopped: no answer for").says("refused the connection");
    done.says("the service does not answer; trying one request at a time reason=");
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    assert_eq!(bench.ledger().states(), states([("pending", 20)]));
}

#[test]
fn a_sign_in_service_that_does_not_answer_is_an_outage_too() {
    let bench = Bench::at(&unused_address());
    bench.file("customers.csv", customers(20));
    bench.import("customers.csv").with_app().args(["--max-outage", "1s"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("pending", 20)]));
}

#[test]
fn after_a_stretch_of_503_every_row_is_created() {
    let outage = Outage { after: Duration::from_millis(100), length: Duration::from_secs(1), status: 503 };
    let latency = (Duration::from_millis(20), Duration::from_millis(20));
    let bench = Bench::with(Scenario { outage: Some(outage), latency, ..Scenario::default() });
    bench.file("customers.csv", customers(40));
    bench.import("customers.csv").args(["--concurrency", "4"]).exits(0);
    let struck = bench.simulator().requests().iter().filter(|it| it.status == Some(503)).count();
    assert!(struck > 0, "the outage struck nobody");
    assert!(struck < 40, "{struck} requests were sent into an outage");
    bench.agree();
}

#[test]
fn an_outage_that_outlasts_its_limit_is_gone_on_with_later() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(20));
    let unavailable = Fault::StatusBefore { status: 503 };
    bench.simulator().script(ScriptedFault::next(Operation::Create, unavailable).times(30));
    bench.import("customers.csv").args(["--max-outage", "1s"]).exits(5);
    let states = bench.ledger().states();
    assert_eq!(states.get("failed"), None, "{states:?}");
    bench.agree_so_far();
    bench.resume().exits(0);
    bench.agree();
}

/// Imports rows of which no create is answered with more than a 503, while every question is.
fn creates_alone_fail(rows: usize) -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers(rows));
    let unavailable = Fault::StatusBefore { status: 503 };
    bench.simulator().script(ScriptedFault::next(Operation::Create, unavailable).times(u32::MAX));
    // So impatient that in three seconds a row comes to the end of everything that the rules let it try.
    let options = ["--max-outage", "3s", "--max-attempts", "1", "--idempotency-window", "1s"];
    let done = bench.import("customers.csv").args(options).exits(5);
    done.says("stopped: no answer to a create for").says("status 503");
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    let states = bench.ledger().states();
    assert!(states.keys().all(|state| state == "pending" || state == "in_flight"), "{states:?}");
    bench.agree_so_far();
    bench.simulator().end_script();
    bench
}

#[test]
fn an_outage_of_creates_alone_burns_no_row() {
    each_at_once([1, 40], |rows| {
        let bench = creates_alone_fail(rows);
        bench.resume().exits(0);
        assert_eq!(bench.ledger().states(), states([("created", rows)]));
        bench.agree();
    });
}

#[test]
fn a_row_that_was_given_up_is_sent_again_once_asking_says_that_it_is_free() {
    let bench = creates_alone_fail(1);
    let given_up = "UPDATE customer_rows SET state = 'unresolved', ask_rounds = 2, error_code = 'unsettled'";
    rusqlite::Connection::open(bench.ledger_path()).unwrap().execute_batch(given_up).unwrap();
    bench.resume().exits(6);
    let creates = bench.count(Operation::Create);
    bench.tenantry(["reconcile"]).exits(5);
    assert_eq!(bench.count(Operation::Create), creates, "reconcile sends nothing that creates");
    assert_eq!(bench.ledger().states(), states([("in_flight", 1)]));
    bench.resume().exits(0);
    assert_eq!(bench.count(Operation::Create), creates + 1);
    bench.agree();
}

#[test]
fn questions_that_fail_hold_up_no_create() {
    let bench = Bench::new();
    let refused: Vec<String> = (0..30).map(|n| format!("refuse-400-3000-{n}")).collect();
    bench.file("customers.csv", customers_of(refused.iter().map(String::as_str)) + &rows_only(20));
    for operation in [Operation::Search, Operation::Domain] {
        let unavailable = Fault::StatusBefore { status: 503 };
        bench.simulator().script(ScriptedFault::next(operation, unavailable).times(u32::MAX));
    }
    bench.import("customers.csv").args(["--max-outage", "2s", "--concurrency", "4"]).exits(5);
    assert_eq!(bench.ledger().states()["created"], 20);
    bench.agree_so_far();
    bench.simulator().end_script();
    bench.resume().exits(3);
    bench.agree();
}

/// The lines of [`customers`] without their header.
fn rows_only(count: usize) -> String {
    customers(count).split_once('\n').unwrap().1.to_owned()
}

/// The role that the service misses is the account's (fact book 13.2), so nothing more is sent; but what was sent is
/// brought to its end, as after Ctrl-C: its answer may hold a password.
#[test]
fn what_is_in_flight_is_settled_where_rights_are_missing() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "refused", Fault::RefusedBefore { status: 403, code: 900_150 }, 1);
    // Some rows go out one after another beside the slow one, so that it has been sent before the refusal comes.
    bench.file("customers.csv", customers_of(["slow", "a", "b", "c", "refused", "later"]));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: Some(full("slow")) });
    let running = bench.import("customers.csv").args(["--concurrency", "2"]).spawn();
    bench.wait_until_held();
    eventually("another row is refused", || {
        bench.ledger().number("SELECT count(*) FROM http_attempts WHERE status = 403") == 1
    });
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(4), "{done}");
    done.says("every row would be refused like the last one").says("code 900150");
    assert_eq!(bench.ledger().states(), states([("created", 4), ("pending", 2)]));
    let sealed = "SELECT count(*) FROM customers WHERE has_credentials";
    assert_eq!(bench.ledger().number(sealed), 4);
    // The text of a refusal may name a person, and `forget` leaves the runs.
    let ended = "SELECT count(*) FROM program_runs WHERE ended = 'every row would be refused: 900150'";
    assert_eq!(bench.ledger().number(ended), 1);
    bench.agree_so_far();
    bench.resume().exits(0);
    bench.agree();
}
