//! Connections that are closed in an orderly way: no failure of the service, and no row's fault.

use crate::harness::{Bench, Done, customers, states};
use crate::middlebox::{AUTHORITY, GOAWAY, Gate, Manner, REFUSED_STREAM};

fn bench_behind(rows: usize, manner: Manner) -> (Bench, Gate) {
    let bench = Bench::new();
    bench.file("customers.csv", customers(rows));
    bench.file("authority.pem", AUTHORITY);
    let gate = Gate::before(bench.simulator().address(), manner);
    (bench, gate)
}

fn outcomes(bench: &Bench, outcome: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM http_attempts WHERE outcome = '{outcome}'");
    bench.ledger().number(&sql)
}

#[track_caller]
fn was_no_outage(done: &Done) {
    assert!(!done.stderr.contains("does not answer"), "{done}");
}

#[test]
fn what_http2_says_was_not_taken_is_sent_again_at_once() {
    for frame in [GOAWAY, REFUSED_STREAM] {
        let (bench, gate) = bench_behind(3, Manner::Http2(frame, 6));
        let import = bench.import("customers.csv").env("TENANTRY_API_URL", gate.url("https"));
        // One send without a verdict, and a row would be asked about.
        let careful = ["--ca-file", "authority.pem", "--concurrency", "1", "--max-attempts", "1"];
        was_no_outage(&import.args(careful).exits(0));
        assert_eq!(bench.ledger().states(), states([("created", 3)]));
        assert_eq!((outcomes(&bench, "not_sent"), outcomes(&bench, "unknown")), (6, 0));
        assert_eq!(outcomes(&bench, "created"), 3);
        bench.agree_so_far();
    }
}

#[test]
fn a_kept_connection_that_closes_on_a_request_is_no_outage() {
    // So few that none of them meets a used connection many times in a row, each with a longer wait.
    let (bench, gate) = bench_behind(12, Manner::ClosesAfter(1));
    let import = bench.import("customers.csv").env("TENANTRY_API_URL", gate.url("http"));
    // So few that a busy machine cannot make ten failures in a row of them.
    was_no_outage(&import.args(["--concurrency", "4"]).exits(0));
    assert_eq!(bench.ledger().states(), states([("created", 12)]));
    assert!(outcomes(&bench, "unknown") > 0, "no connection was used twice");
    bench.agree_so_far();
}

#[test]
fn a_service_that_closes_every_connection_is_an_outage() {
    let (bench, gate) = bench_behind(3, Manner::ClosesAfter(0));
    let import = bench.import("customers.csv").env("TENANTRY_API_URL", gate.url("http"));
    import.env("TENANTRY_MAX_OUTAGE", "1s").exits(5).says("closed the connection before it answered");
    assert_eq!(bench.ledger().states(), states([("in_flight", 3)]));
    gate.turn(Manner::Pass);
    bench.resume().env("TENANTRY_API_URL", gate.url("http")).exits(0);
    bench.agree();
}
