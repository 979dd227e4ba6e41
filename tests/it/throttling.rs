//! Our own rate, and the service's word to slow down.

use std::time::Duration;

use tenantry_simulator::{Fault, Limit, Operation, RetryAfter, Scenario, ScriptedFault};

use crate::harness::{Bench, customers, customers_of, domain, eventually, full, states};

/// The simulator's clock starts counting when a request arrives, ours when it leaves; on a busy machine that is this
/// much apart at most.
const SLACK_MS: f64 = 100.0;

#[test]
fn a_rate_below_the_limit_is_never_throttled() {
    let limit = Limit { requests: 50, window: Duration::from_millis(500), count_rejected: true };
    let bench = Bench::with(Scenario { limit: Some(limit), ..Scenario::default() });
    bench.file("customers.csv", customers(150));
    let summary = bench.import("customers.csv").args(["--rate", "75/s", "--json"]).exits(0).json();
    assert_eq!(summary["run"]["throttled"], 0);
    let requests = bench.simulator().requests();
    assert!(requests.iter().all(|it| it.status == Some(201)), "{requests:#?}");
    let seconds = (requests.last().unwrap().at_ms - requests[0].at_ms) / 1000.0;
    assert!(seconds >= 149.0 / 75.0 - 0.1, "150 requests in {seconds} s are more than 75 a second");
    bench.agree();
}

/// A rate of 6,000 a minute at a latency of 3 s needs 300.
#[test]
fn slow_answers_do_not_keep_a_run_below_its_rate() {
    const ROWS: usize = 100;
    let bench = Bench::new();
    bench.file("customers.csv", customers(ROWS));
    bench.simulator().script(ScriptedFault::next(Operation::Create, Fault::StalledBefore).times(100));
    let running = bench.import("customers.csv").args(["--rate", "500/s"]).spawn();
    eventually("all creates are out at once", || bench.count(Operation::Create) == ROWS);
    running.kill();
    bench.agree_so_far();
}

#[test]
fn questions_count_like_creates() {
    let bench = Bench::new();
    let taken: Vec<String> = (0..10).map(|n| format!("taken-{n}")).collect();
    bench.file("customers.csv", customers_of(taken.iter().map(String::as_str)));
    bench.import("customers.csv").args(["--rate", "20/s"]).exits(3);
    let requests = bench.simulator().requests();
    let seconds = (requests.last().unwrap().at_ms - requests[0].at_ms) / 1000.0;
    #[expect(clippy::cast_precision_loss, reason = "a handful of requests")]
    let least = (requests.len() - 1) as f64 / 20.0 - 0.1;
    assert!(requests.len() >= 30 && seconds >= least, "{} requests in {seconds} s", requests.len());
    bench.agree();
}

#[test]
fn limits_that_are_exceeded_lose_no_row() {
    let limit = Limit { requests: 15, window: Duration::from_millis(500), count_rejected: true };
    let bench = Bench::with(Scenario { limit: Some(limit), ..Scenario::default() });
    bench.file("customers.csv", customers(40));
    let summary = bench.import("customers.csv").args(["--rate", "60/s", "--json"]).exits(0).json();
    assert!(summary["run"]["throttled"].as_u64().unwrap() > 0, "{summary:#}");
    bench.agree();
}

/// Has the third create throttled for a second, and returns for how long there was silence then.
fn silence_after_429(retry_after: RetryAfter) -> f64 {
    let bench = Bench::with(Scenario { retry_after, ..Scenario::default() });
    bench.file("customers.csv", customers(6));
    bench.fault(Operation::Create, &domain(3), Fault::Throttled { retry_after_s: 1 }, 1);
    // With one slot nothing can be on its way when the 429 comes, so the pause is seen exactly.
    let summary = bench.import("customers.csv").args(["--concurrency", "1", "--json"]).exits(0).json();
    assert_eq!(summary["run"]["throttled"], 1);
    bench.agree();
    let requests = bench.simulator().requests();
    let throttled = requests.iter().position(|it| it.status == Some(429)).unwrap();
    requests[throttled + 1].at_ms - requests[throttled].at_ms
}

#[test]
fn a_429_pauses_the_whole_tenant() {
    let silence = silence_after_429(RetryAfter::Seconds);
    assert!(silence >= 1000.0 - SLACK_MS, "{silence} ms");
}

#[test]
fn retry_after_may_be_a_date() {
    // A date has whole seconds, so up to one of them is lost in writing it.
    let silence = silence_after_429(RetryAfter::HttpDate);
    assert!((0.0..3000.0).contains(&silence), "{silence} ms");
}

#[test]
fn without_retry_after_the_text_tells() {
    for retry_after in [RetryAfter::Absent, RetryAfter::Nonsense] {
        let silence = silence_after_429(retry_after);
        assert!((1000.0 - SLACK_MS..20_000.0).contains(&silence), "{retry_after:?}: {silence} ms");
    }
}

#[test]
fn a_row_that_waits_holds_no_slot() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(10));
    // That each of three waits of up to 1, 2 and 4 s is shorter than one create is as good as impossible.
    bench.fault(Operation::Create, &domain(1), Fault::StatusBefore { status: 500 }, 3);
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    let first = full(&domain(1));
    let tries = bench.simulator().requests();
    assert!(
        tries[..4].iter().any(|it| it.call.domain.as_ref() != Some(&first)),
        "no row behind it went first"
    );
    bench.agree();
}

/// Imports five rows of which every create is throttled, for as long as the program bears it.
fn throttled_for_good(retry_after_s: u64, max_outage: &str, says: &str) {
    let bench = Bench::new();
    bench.file("customers.csv", customers(5));
    let throttled = Fault::Throttled { retry_after_s };
    bench.simulator().script(ScriptedFault::next(Operation::Create, throttled).times(u32::MAX));
    let options = ["--max-outage", max_outage, "--concurrency", "2", "--max-duration", "20s"];
    let done = bench.import("customers.csv").args(options).exits(5);
    done.says("stopped: throttled since 20").says(says);
    assert_eq!(bench.ledger().states(), states([("pending", 5)]));
    bench.simulator().end_script();
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn throttling_without_end_is_an_outage() {
    throttled_for_good(1, "4s", "no request was accepted for");
}

#[test]
fn a_wait_that_outlasts_the_longest_outage_is_not_waited_for() {
    throttled_for_good(86_000, "15m", "Partner Center wants no request before 20");
}
