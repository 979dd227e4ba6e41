//! A service that does not answer is nobody's fault: rows wait, and none is burned.

use std::net::TcpListener;
use std::time::Duration;

use tenantry::simulator::{Fault, Operation, Outage, Scenario, ScriptedFault};

use crate::harness::{Bench, customers, states};

/// An address on which nobody listens.
pub(crate) fn nobody() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

#[test]
fn nothing_listening_leaves_every_row_pending() {
    let bench = Bench::at(&nobody());
    bench.file("customers.csv", customers(20));
    let done = bench.import("customers.csv").args(["--max-outage", "2s"]).exits(5);
    done.says("stopped: no answer for").says("refused the connection");
    done.says("the service does not answer; sending single probes reason=");
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    assert_eq!(bench.ledger().states(), states([("pending", 20)]));
}

#[test]
fn a_sign_in_service_that_does_not_answer_is_an_outage_too() {
    let bench = Bench::at(&nobody());
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
