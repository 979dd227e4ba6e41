//! A token is renewed beside the work: while the sign-in service hangs or fails, the one that is there is used to its
//! end.

use std::time::Duration;

use tenantry_simulator::{Fault, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, customers, eventually};

/// Tokens that live for so long, and no others.
fn bench(token_lifetime: Duration, rows: usize) -> Bench {
    let bench = Bench::with(Scenario { token_lifetime, accept_any_token: false, ..Scenario::default() });
    bench.file("customers.csv", customers(rows));
    bench
}

const GENTLY: [&str; 4] = ["--rate", "25/s", "--concurrency", "4"];

#[test]
fn creates_go_on_while_a_renewal_hangs() {
    let bench = bench(Duration::from_secs(4), 90);
    let running = bench.import("customers.csv").with_app().args(GENTLY).spawn();
    eventually("it creates", || !bench.creations().is_empty());
    bench.simulator().script(ScriptedFault::next(Operation::Token, Fault::StalledBefore));
    eventually("the renewal begins", || bench.count(Operation::Token) == 2);
    let before = bench.creations().len();
    eventually("creates go on", || bench.creations().len() >= before + 5);
    let requests = bench.simulator().requests();
    let renewal = requests.iter().rfind(|it| it.call.operation == Operation::Token).unwrap();
    assert_eq!(renewal.status, None, "they waited for the renewal");
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{done}");
    bench.agree();
}

/// A request that is on its way when its token ends is refused, which one that is sent later is every time.
#[test]
fn a_token_that_cannot_be_renewed_is_used_to_its_end_and_then_waited_for() {
    assert!((0..4).any(|_| refused_where_none_is_renewed() == 0), "it was used after its end");
}

/// How many requests were refused for their token.
fn refused_where_none_is_renewed() -> usize {
    let bench = bench(Duration::from_secs(2), 200);
    let import = bench.import("customers.csv").with_app().args(GENTLY).env("TENANTRY_MAX_OUTAGE", "1s");
    let running = import.spawn();
    eventually("it creates", || !bench.creations().is_empty());
    let failure = ScriptedFault::next(Operation::Token, Fault::StatusBefore { status: 503 });
    bench.simulator().script(failure.times(1000));
    let done = running.wait();
    assert_eq!(done.code, Some(5), "{done}");
    done.says("could not be renewed early").says("status 503");
    let refused = bench.simulator().requests().iter().filter(|it| it.status == Some(401)).count();
    bench.agree_so_far();
    bench.simulator().end_script();
    bench.resume().with_app().env("TENANTRY_RATE", "unlimited").exits(0);
    bench.agree();
    refused
}
