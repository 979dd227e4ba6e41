//! Any sequence of answers and restarts ends with ledger and journal in agreement.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use tenantry_simulator::{Fault, Named, Operation};

use crate::harness::{Bench, customers, domain};

const ROWS: usize = 5;

/// Goes on so often at most. Every run either ends the work or uses up faults, of which there are few.
const RUNS_AT_MOST: usize = 20;

/// How a run is ended before its time.
#[derive(Debug, Clone, Copy)]
enum Restart {
    Kill,
    /// SIGINT, which lets what is in flight finish; a kill where there is no such thing.
    Interrupt,
}

#[derive(Debug, Clone, Copy)]
struct Strike {
    fault: Fault,
    operation: Operation,
    row: usize,
    count: u32,
}

fn on_create() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::RefuseBefore,
        Fault::DropAfter,
        Fault::StatusBefore { status: 500 },
        Fault::StatusAfter { status: 504 },
        Fault::StatusAfter { status: 408 },
        Fault::Truncated,
        Fault::HtmlBefore,
        Fault::HtmlAfter,
        Fault::InvalidJson,
        Fault::WithoutId,
        Fault::AnotherCustomer { names: Named::Theirs },
        Fault::Accepted,
        Fault::StalledAfter,
        Fault::ByteOrderMark,
        Fault::Redirect,
        Fault::Unauthorized,
        Fault::Throttled { retry_after_s: 1 },
    ])
}

fn on_question() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::RefuseBefore,
        Fault::StatusBefore { status: 503 },
        Fault::HtmlBefore,
        Fault::Truncated,
        Fault::InvalidJson,
        Fault::Unauthorized,
        Fault::Throttled { retry_after_s: 1 },
    ])
}

fn strike() -> impl Strategy<Value = Strike> {
    let fault = prop_oneof![
        3 => on_create().prop_map(|fault| (fault, Operation::Create)),
        1 => on_question().prop_map(|fault| (fault, Operation::Search)),
        1 => on_question().prop_map(|fault| (fault, Operation::Domain)),
    ];
    (fault, 1..=ROWS, 1..=2u32).prop_map(|((fault, operation), row, count)| Strike {
        fault,
        operation,
        row,
        count,
    })
}

fn restart() -> impl Strategy<Value = (Restart, Duration)> {
    let kind = prop::sample::select(vec![Restart::Kill, Restart::Interrupt]);
    (kind, (20..600u64).prop_map(Duration::from_millis))
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(6, |cases| cases.parse().unwrap())
}

/// Starts or goes on, and ends it early where `restart` says so.
fn run_once(bench: &Bench, restart: Option<(Restart, Duration)>) -> Option<i32> {
    let command = if bench.ledger_path().exists() { bench.resume() } else { bench.import("customers.csv") };
    let flags = ["--max-attempts", "2", "--timeout", "2s", "--max-outage", "5s"];
    let mut running = command.with_app().args(flags).spawn();
    let Some((restart, moment)) = restart else { return running.wait().code };
    let begun = Instant::now();
    while begun.elapsed() < moment && !running.has_ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
    match restart {
        Restart::Interrupt if !running.has_ended() => {
            running.signal("INT");
            running.wait().code
        }
        Restart::Interrupt | Restart::Kill => running.kill().code,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_answers_and_restarts_ends_in_agreement(
        strikes in prop::collection::vec(strike(), 0..6),
        restarts in prop::collection::vec(restart(), 0..4),
    ) {
        let bench = Bench::new();
        bench.file("customers.csv", customers(ROWS));
        for strike in &strikes {
            bench.fault(strike.operation, &domain(strike.row), strike.fault, strike.count);
        }
        for restart in &restarts {
            run_once(&bench, Some(*restart));
        }
        // The file again, because a kill may have come before it was read.
        // What is in flight is brought to its end, so that a stalled answer is waited for.
        bench.import("customers.csv").args(["--limit", "0", "--timeout", "2s"]).with_app().run();
        bench.agree_so_far();
        let mut ended = None;
        for _ in 0..RUNS_AT_MOST {
            ended = run_once(&bench, None);
            if !matches!(ended, Some(4 | 5 | 130)) {
                break;
            }
        }
        prop_assert!(matches!(ended, Some(0 | 6)), "{ended:?}: {:#?}", bench.ledger().rows());
        bench.agree();
        // Asking settles what no answer had settled, and after that nothing is left to doubt.
        if ended == Some(6) {
            bench.tenantry(["reconcile"]).with_app().run();
            bench.resume().with_app().exits(0);
            bench.agree();
        }
    }
}
