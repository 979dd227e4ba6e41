//! A bug in the program is no excuse: a panic anywhere ends the run with words and an exit code, what others have in
//! hand is recorded first, and the next run goes on.

use tenantry_simulator::{Hold, HoldPoint, Operation};

use crate::harness::{Bench, customers, domain, each_at_once, full, states};

/// Points in every thread and task that a run has: its own, those of steps, that of the ledger.
const POINTS: [(&str, &[u32]); 14] = [
    ("migration", &[1]),
    ("identity_opened", &[1]),
    ("identity_written", &[1]),
    ("commit", &[1, 3, 6, 9]),
    ("committed", &[2, 7]),
    ("file_read", &[1]),
    ("data_key_drawn", &[1]),
    ("data_key_kept", &[1]),
    ("intended", &[1, 3]),
    ("sending", &[2]),
    ("body", &[1, 2, 4]),
    ("answered", &[1, 5]),
    ("sealed", &[1, 2, 6]),
    ("closing", &[1]),
];

#[test]
fn a_panic_anywhere_ends_the_run_and_loses_nothing() {
    let panics = POINTS.into_iter().flat_map(|(point, times)| times.iter().map(move |time| (point, time)));
    each_at_once(panics, |(point, time)| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(6));
        let import = bench.import("customers.csv").with_app().args(["--concurrency", "2"]);
        let done = import.env("TENANTRY_PANIC_AT", format!("{point}#{time}")).exits(1);
        done.says("error: a bug in tenantry ").says(", at src/").says("run the same command again");
        assert!(!done.stderr.contains("in hand"), "{point}#{time}: {done}");
        bench.import("customers.csv").with_app().exits(0);
        assert_eq!(bench.ledger().states(), states([("created", 6)]), "after {point}#{time}: {done}");
        bench.agree();
    });
}

#[test]
fn answers_on_their_way_are_recorded_although_another_row_panics() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: Some(full(&domain(1))) });
    let running = bench.import("customers.csv").env("TENANTRY_PANIC_AT", "sealed#1").spawn();
    bench.wait_until_held();
    crate::harness::eventually("the other row's answer", || {
        bench.requests(Operation::Create, &domain(2)).iter().any(|it| it.status.is_some())
    });
    crate::harness::eventually("the panic", || running.stderr().contains("a bug in tenantry"));
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(1), "{done}");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("in_flight", 1)]), "{done}");
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    bench.resume().exits(0);
    bench.agree();
}
