//! A nightly list with a refused row: what ends with exit code 0 again, and by which means.

use crate::harness::{Bench, HEADER, row, states};

/// A list with an external id for each domain.
fn with_ids(rows: &[(&str, &str)]) -> String {
    let rows = rows.iter().map(|(domain, id)| format!("{},{id}\n", row(domain)));
    format!("{HEADER},external_id\n{}", rows.collect::<String>())
}

#[test]
fn a_row_that_is_corrected_under_its_external_id_replaces_the_refused_one() {
    let bench = Bench::new();
    bench.file("crm.csv", with_ids(&[("harborline", "CRM-1"), ("half-made-1", "CRM-2")]));
    bench.import("crm.csv").exits(3);
    bench.import("crm.csv").exits(3);
    // The CRM has another domain now.
    bench.file("crm.csv", with_ids(&[("harborline", "CRM-1"), ("wingtip", "CRM-2")]));
    let done = bench.import("crm.csv").exits(0);
    done.says(
        "crm.csv: 1 refused row corrected under the same external id: line 3 (wingtip.onmicrosoft.com) replaces \
         half-made-1.onmicrosoft.com (failed).",
    );
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 1)]));
    let rows = bench.ledger().rows();
    let old = rows.iter().find(|row| row.state == "superseded").unwrap();
    assert_eq!(old.replaced_by, Some(bench.ledger().row("wingtip").row));
    let again = bench.import("crm.csv").exits(0);
    assert!(!again.stderr.contains("corrected"), "{again}");
    bench.agree();
}

#[test]
fn a_rejected_row_without_a_valid_domain_is_corrected_under_its_external_id() {
    let bench = Bench::new();
    bench.file("crm.csv", with_ids(&[("not a domain", "CRM-1")]));
    bench.import("crm.csv").exits(3);
    bench.file("crm.csv", with_ids(&[("harborline", "CRM-1")]));
    bench
        .import("crm.csv")
        .exits(0)
        .says("line 2 (harborline.onmicrosoft.com) replaces a row without a valid domain (rejected)");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
}

/// What is not certainly the corrected row leaves the refused one as it is.
#[test]
fn an_external_id_replaces_only_a_refused_row_of_its_list_that_the_list_no_longer_contains() {
    let check = |what: &str, file: &str, now: &[(&str, &str)]| {
        let bench = Bench::new();
        bench.file("crm.csv", with_ids(&[("half-made-1", "CRM-2")]));
        bench.import("crm.csv").exits(3);
        bench.file(file, with_ids(now));
        bench.import(file).exits(3);
        assert_eq!(bench.ledger().row("half-made-1").state, "failed", "{what}");
        bench.agree();
    };
    check("the list still contains it", "crm.csv", &[("half-made-1", "CRM-2"), ("wingtip", "CRM-2")]);
    check("another list", "other.csv", &[("wingtip", "CRM-2")]);
    check("another id", "crm.csv", &[("wingtip", "CRM-3")]);
    check("two rows have the id", "crm.csv", &[("wingtip", "CRM-2"), ("harborline", "CRM-2")]);

    let bench = Bench::new();
    bench.file("crm.csv", with_ids(&[("half-made-1", "-")]));
    bench.import("crm.csv").exits(3);
    bench.file("crm.csv", with_ids(&[("wingtip", "-")]));
    bench.import("crm.csv").exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1)]));

    let bench = Bench::new();
    bench.tenantry(["import", "-"]).stdin(with_ids(&[("half-made-1", "CRM-2")])).exits(3);
    bench.tenantry(["import", "-"]).stdin(with_ids(&[("wingtip", "CRM-2")])).exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1)]), "standard input");
}

/// The wrong row was removed a night after the right one had been added.
#[test]
fn a_row_that_came_before_the_refused_one_was_removed_replaces_it() {
    let bench = Bench::new();
    bench.file("crm.csv", with_ids(&[("half-made-1", "CRM-2")]));
    bench.import("crm.csv").exits(3);
    bench.file("crm.csv", with_ids(&[("half-made-1", "CRM-2"), ("wingtip", "CRM-2")]));
    bench.import("crm.csv").exits(3);
    bench.file("crm.csv", with_ids(&[("wingtip", "CRM-2")]));
    bench.import("crm.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
}
