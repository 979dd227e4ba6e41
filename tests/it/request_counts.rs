//! A request is a call that left this machine or may have: every place that counts them gives one number, also of a run
//! that was killed.

use serde_json::Value;
use tenantry_simulator::{Fault, Operation};

use crate::harness::{Bench, Done, customers, domain, eventually, full, states};

/// What each place says of the newest run, one after the other.
fn counts_of(bench: &Bench, run: i64) -> Vec<(&'static str, u64)> {
    let view = bench.ledger().number(&format!("SELECT requests FROM runs WHERE run_id = {run}"));
    let of_run = |runs: &Value| {
        let run = runs.as_array().unwrap().iter().find(|it| it["id"] == run).unwrap();
        run["requests"].as_u64().unwrap()
    };
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    let report = bench.tenantry(["report", "--format", "json", "--run", &run.to_string()]).exits(0).json();
    let sum = |list: &Value, field: &str| -> u64 {
        list.as_array().unwrap().iter().map(|it| it[field].as_u64().unwrap()).sum()
    };
    let shown: u64 = bench
        .ledger()
        .rows()
        .iter()
        .map(|row| {
            let domain = row.domain.clone().unwrap();
            let story = bench.tenantry(["show", &domain, "--json"]).exits(0).json();
            let calls = story[0]["attempts"].as_array().unwrap().clone();
            calls.iter().filter(|call| call["run"] == run).count() as u64
        })
        .sum();
    vec![
        ("the view `runs`", u64::try_from(view).unwrap()),
        ("status --json", of_run(&status["runs"])),
        ("the runs of the report", of_run(&report["runs"])),
        ("the calls of the report", sum(&report["calls"], "sent")),
        ("the timeline of the report", sum(&report["timeline"]["parts"], "requests")),
        ("show", shown),
    ]
}

#[track_caller]
fn agree_on(counts: Vec<(&'static str, u64)>, expected: usize, when: &str) {
    for (place, count) in counts {
        assert_eq!(count, expected as u64, "{place}, {when}");
    }
}

#[test]
fn a_killed_run_has_one_count_of_requests_wherever_it_is_asked_for() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(8));
    for n in 5..=8 {
        bench.fault(Operation::Create, &domain(n), Fault::StalledAfter, 1);
    }
    let running = bench.import("customers.csv").args(["--concurrency", "8"]).spawn();
    eventually("half of the rows are answered, and the others are sent", || {
        bench.count(Operation::Create) == 8
            && bench.has_ledger()
            && bench.ledger().states() == states([("created", 4), ("in_flight", 4)])
    });
    running.kill();
    agree_on(counts_of(&bench, 1), 8, "after the kill");

    let done: Done = bench.resume().args(["--json", "--metrics-file", "run.prom"]).exits(0);
    agree_on(counts_of(&bench, 1), 8, "after a later run has closed its calls");
    let later = bench.simulator().requests().len() - 8;
    agree_on(counts_of(&bench, 2), later, "of the later run");
    assert_eq!(done.json()["run"]["requests"], later, "{done}");
    let metrics = std::fs::read_to_string(bench.path("run.prom")).unwrap();
    let metric = metrics.lines().find(|line| line.starts_with("tenantry_last_run_requests{")).unwrap();
    assert_eq!(metric.rsplit(' ').next().unwrap().parse::<f64>().unwrap(), later as f64, "{metric}");
    assert_eq!(bench.requests(Operation::Create, &full(&domain(8))).len(), 2);
    bench.agree();
}
