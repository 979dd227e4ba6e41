//! Copies of the ledger, and what is taken out of it.

use std::fs;

use crate::harness::{Bench, customers};

/// What was counted and recorded is what comes out, though a run brings more meanwhile.
#[cfg(unix)]
#[test]
fn passwords_are_opened_as_of_one_moment() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    let pipe = bench.path("passwords");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // It waits for a reader once the opening is recorded.
    let opening = bench.tenantry(["credentials", "-o", "passwords"]).spawn();
    let recorded = "SELECT count(*) FROM openings";
    crate::harness::eventually("the opening is recorded", || bench.ledger().number(recorded) == 1);
    bench.file("more.csv", customers(5));
    bench.import("more.csv").exits(0);
    let passwords = fs::read_to_string(&pipe).unwrap();
    assert_eq!(passwords.lines().count(), 1 + 2, "{passwords}");
    drop(opening);
}
