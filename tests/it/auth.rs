//! Signing in: tokens that expire, secrets that are refused, and who may read what holds secrets.

use std::fs;
use std::time::Duration;

use tenantry_simulator::{Fault, Operation, Scenario};

use crate::harness::{Bench, customers, customers_of, domain, states};

/// Only tokens of the simulator's own, good for `lifetime`.
fn strict(lifetime: Duration) -> Scenario {
    Scenario { token_lifetime: lifetime, accept_any_token: false, ..Scenario::default() }
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let bench = Bench::with(strict(Duration::from_secs(2)));
    bench.file("customers.csv", customers(80));
    let gently = ["--rate", "25/s", "--concurrency", "4"];
    bench.import("customers.csv").with_app().args(gently).exits(0);
    let refused = bench.simulator().requests().iter().filter(|it| it.status == Some(401)).count();
    assert_eq!(refused, 0, "it was renewed too late");
    let tokens = bench.count(Operation::Token);
    assert!((2..=4).contains(&tokens), "{tokens} tokens for a run of three seconds");
    bench.agree();
}

#[test]
fn a_token_does_not_grow_old_while_its_request_waits_for_its_turn() {
    let bench = Bench::with(strict(Duration::from_secs(2)));
    bench.file("customers.csv", customers(80));
    // All slots are taken, and each waits two to three seconds for its turn: longer than a token is good for.
    let crowded = ["--rate", "25/s", "--concurrency", "64"];
    bench.import("customers.csv").with_app().args(crowded).exits(0);
    let refused = bench.simulator().requests().iter().filter(|it| it.status == Some(401)).count();
    assert_eq!(refused, 0, "it was asked for too early");
    bench.agree();
}

#[test]
fn a_token_that_expires_in_mid_run_is_renewed_once_for_all() {
    let latency = (Duration::from_millis(50), Duration::from_millis(50));
    let bench = Bench::with(Scenario { latency, ..strict(Duration::from_secs(3599)) });
    bench.file("customers.csv", customers(60));
    bench.fault(Operation::Create, &domain(20), Fault::Unauthorized, 1);
    bench.import("customers.csv").with_app().args(["--concurrency", "16"]).exits(0);
    assert_eq!(bench.count(Operation::Token), 2);
    assert_eq!(bench.ledger().states(), states([("created", 60)]));
    bench.agree();
}

#[test]
fn a_second_401_stops_the_run() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.fault(Operation::Create, &domain(1), Fault::Unauthorized, 2);
    bench.import("customers.csv").with_app().args(["--concurrency", "1"]).exits(4);
    assert_eq!(bench.ledger().row(&domain(1)).state, "pending");
    bench.resume().with_app().exits(0);
    bench.agree();
}

#[test]
fn a_wrong_secret_is_refused_with_its_reason() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let wrong =
        bench.import("customers.csv").with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret").exits(4);
    wrong.says("AADSTS7000215").says("hint: check --client-id and the client secret");
    assert_eq!(bench.ledger().states(), states([("pending", 3)]));
    bench.resume().with_app().exits(0);
    bench.agree();
}

#[test]
fn a_token_that_is_handed_in_and_refused_leaves_the_rows_pending() {
    let bench = Bench::with(strict(Duration::from_secs(60)));
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").exits(4).says("put a new one into TENANTRY_ACCESS_TOKEN");
    assert_eq!(bench.ledger().states(), states([("pending", 3)]));
}

#[test]
fn without_any_way_to_sign_in_it_says_what_is_missing() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let done = bench.import("customers.csv").without("TENANTRY_ACCESS_TOKEN").exits(4);
    done.says("cannot sign in without --tenant-id and --client-id");
}

#[test]
fn a_refusal_that_every_row_would_get_stops_the_run() {
    let bench = Bench::new();
    // 900421: the token carries no MFA claim (fact book 13.2).
    let rows = ["refuse-401-900421", "harborline-a", "harborline-b"];
    bench.file("customers.csv", customers_of(rows));
    bench.import("customers.csv").with_app().args(["--concurrency", "1"]).exits(4);
    assert_eq!(bench.ledger().states(), states([("pending", 3)]));
}

#[test]
fn an_unexplained_403_stops_the_run_after_five() {
    let bench = Bench::new();
    let rows: Vec<String> = (0..8).map(|n| format!("refuse-403-77-{n}")).collect();
    bench.file("customers.csv", customers_of(rows.iter().map(String::as_str)));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(4);
    assert_eq!(bench.ledger().states(), states([("pending", 8)]));
    assert_eq!(bench.count(Operation::Create), 5);
}

#[cfg(unix)]
#[test]
fn what_holds_secrets_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--log-file", "run.log"]).exits(0);
    bench.tenantry(["credentials", "-o", "passwords.csv"]).exits(0);
    for name in ["ledger.db", "identity.txt", "passwords.csv", "run.log"] {
        let mode = fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}
