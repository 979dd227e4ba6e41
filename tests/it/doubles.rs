//! One customer under two domains: in a list, and against the ledger.

use serde_json::json;
use tenantry_simulator::{Fault, Operation};

use crate::check::problems;
use crate::harness::{Bench, HEADER, row};

/// A row for a domain, with the company and the external id of others.
fn of(domain: &str, company: &str, external_id: &str) -> String {
    format!("{},{external_id}\n", row(domain).replace(&format!("Harborline {domain}"), company))
}

fn list(rows: &[String]) -> String {
    format!("{HEADER},external_id\n{}", rows.concat())
}

#[test]
fn one_customer_under_two_domains_is_a_warning_that_names_both_lines() {
    let bench = Bench::new();
    bench.file(
        "one.csv",
        list(&[
            of("first", "Harbor Works", "CRM-1"),
            of("second", "Quay Traders", "CRM-1"),
            of("third", "HARBOR-WORKS", "CRM-2"),
            of("fourth", "Pier Books", "CRM-3"),
        ]),
    );
    bench.file("two.csv", list(&[of("fifth", "Pier Books", "")]));
    let checked = bench.tenantry(["check", "--json", "one.csv", "two.csv"]).exits(0);
    let found = problems(&checked);
    let double = |line: u64| (line, "duplicate_company".to_owned());
    assert_eq!(found, [double(2), double(3), double(4)]);
    let text = bench.tenantry(["check", "one.csv", "two.csv"]).exits(0).stdout;
    for words in [
        "one.csv:3: warning: external_id: is already on line 2, under another domain [duplicate_company]",
        "one.csv:4: warning: company_name: is already on line 2 with the same address, under another domain",
        "two.csv:2: warning: company_name: is already on line 5 of `one.csv` with the same address",
    ] {
        assert!(text.contains(words), "{text}");
    }
    // An import judges alike, and keeps it with the rows.
    let strict = bench.import("one.csv").args(["--strict", "--dry-run", "--json"]).exits(3).json();
    assert_eq!((&strict["rows"]["pending"], &strict["rows"]["rejected"]), (&json!(2), &json!(2)));
    bench
        .tenantry(["import", "one.csv", "two.csv"])
        .exits(0)
        .says("2 × warning duplicate_company, first on line 3");
    assert_eq!(bench.ledger().problems(), found);
    assert_eq!(bench.creations().len(), 5);
    bench.agree();
}

/// The row alone does not show that it is a double.
#[test]
fn a_double_that_strict_rejects_is_not_sent_by_a_strict_retry() {
    let bench = Bench::new();
    bench.file(
        "list.csv",
        list(&[of("first", "Harbor Works", "CRM-1"), of("second", "Quay Traders", "CRM-1")]),
    );
    bench.import("list.csv").args(["--strict"]).exits(3);
    bench.tenantry(["retry", "--all", "--strict"]).exits(3).says("1 row left alone for failing validation");
    assert_eq!(bench.creations().len(), 1);
    bench.tenantry(["retry", "--all"]).exits(0);
    assert_eq!(bench.creations().len(), 2);
    bench.agree();
}

#[test]
fn a_customer_that_the_ledger_has_under_another_domain_is_shown() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "refused", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    let old = [
        of("first", "Harbor Works", "CRM-1"),
        of("second", "Quay Traders", "CRM-2"),
        of("refused", "Pier Books", "CRM-3"),
    ];
    bench.file("old.csv", list(&old));
    bench.import("old.csv").exits(3);
    let new = [
        of("third", "Dock Tools", "CRM-2"),
        of("fourth", "Harbor Works", "CRM-9"),
        of("fifth", "Pier Books", "CRM-3"),
        of("sixth", "Mole Foods", "CRM-10"),
    ];
    bench.file("new.csv", list(&new));
    let dry = bench.import("new.csv").args(["--dry-run"]).exits(0);
    assert!(
        dry.stdout.contains(
            "2 rows look like customers that the ledger has under another domain (same external id, or same name and \
             address):\n  line 2: third.onmicrosoft.com and second.onmicrosoft.com\n  \
             line 3: fourth.onmicrosoft.com and first.onmicrosoft.com\n"
        ),
        "{dry}"
    );
    let plan = bench.import("new.csv").args(["--dry-run", "--json"]).exits(0).json()["plan"].clone();
    assert_eq!((&plan["customers"], &plan["doubles"]), (&json!(4), &json!(2)));
    // It is no problem of a row, not even with --strict.
    let unattended = bench.import("new.csv").args(["--strict"]).exits(3);
    unattended
        .says("2 rows look like customers that the ledger has under another domain")
        .says("\n  line 2: third.");
    assert_eq!(bench.ledger().problems(), []);
    assert_eq!(bench.creations().len(), 2 + 4);
    // Nothing is new, so there is nothing to compare.
    let again = bench.import("new.csv").args(["--dry-run"]).exits(0);
    assert!(!again.stdout.contains("look like"), "{again}");
    bench.agree();
}
