//! A nightly list with a refused row: what ends with exit code 0 again, and by which means.

use std::fs;

use serde_json::{Value, json};
use tenantry_oracle::Row;
use tenantry_simulator::{Fault, Operation};

use crate::harness::{
    Bench, HEADER, customers, customers_of, domain, email, row, snapshot, states, sum_of_states,
};

/// A list with an external id for each domain.
pub(crate) fn with_ids(rows: &[(&str, &str)]) -> String {
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
    assert_eq!(old.replaced_by, Some(bench.ledger().row("wingtip").id));
    let again = bench.import("crm.csv").exits(0);
    assert!(!again.stderr.contains("corrected"), "{again}");
    bench.agree();
}

/// The corrected row was created before the refused one left the list, and each night has a limit.
#[test]
fn a_correction_waits_for_consent_and_is_carried_out_then() {
    let bench = Bench::new();
    let import = |limit: &str| bench.import("crm.csv").args(["--max-new", limit]);
    bench.file("crm.csv", with_ids(&[("half-made-1", "CRM-2")]));
    import("9").exits(3);
    bench.file("crm.csv", with_ids(&[("half-made-1", "CRM-2"), ("wingtip", "CRM-2")]));
    import("9").exits(3);
    // A list that is refused replaces nothing.
    bench.file("crm.csv", with_ids(&[("wingtip", "CRM-2"), ("harborline", "CRM-1")]));
    import("0").exits(5);
    assert_eq!(bench.ledger().row("half-made-1").state, "failed");
    import("9").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 1)]));
    let again = import("9").exits(0);
    assert!(!again.stderr.contains("corrected"), "{again}");
    bench.agree();
}

/// A list of another day may count its rows from 1 again.
#[test]
fn a_row_of_another_company_replaces_no_refused_one_under_its_external_id() {
    let bench = Bench::new();
    let monday = with_ids(&[("refuse-400-3000", "1")]);
    bench.file("new.csv", &monday);
    bench.import("new.csv").exits(3);
    let tuesday = with_ids(&[("tailspin", "1")]);
    let row = tuesday.lines().last().unwrap();
    let other =
        row.replace("Harborline", "Northgate").replace("High Street", "Low Road").replace("Bell", "Ivanova");
    assert_ne!(row, other);
    bench.file("new.csv", tuesday.replace(row, &other));
    bench.import("new.csv").exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1)]));
    bench.tenantry(["acknowledge", "--gone"]).exits(0);
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

/// Another correction of the refused row comes too late, although this one waits.
#[test]
fn a_corrected_row_replaces_the_refused_one_while_it_is_held_back() {
    let bench = Bench::new();
    bench.file("crm.csv", with_ids(&[("half-made-1", "CRM-2")]));
    bench.import("crm.csv").exits(3);
    let rejected = with_ids(&[("wingtip", "CRM-2"), ("wrong", "CRM-3")]).replace(&email("wrong"), "nowhere");
    bench.file("crm.csv", rejected);
    bench.import("crm.csv").args(["--require-valid"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("superseded", 1), ("pending", 1), ("rejected", 1)]));
    bench.file("crm.csv", with_ids(&[("wingtip", "CRM-2"), ("plain", "CRM-3")]));
    bench.import("crm.csv").args(["--require-valid"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1), ("superseded", 1)]));
    bench.agree();
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

/// It is no row that was never sent: `declined` would hide the refusal, and with it the exit code.
#[test]
fn a_refused_row_whose_retry_did_nothing_is_refused_again_when_it_is_discarded() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["refuse-400-600002-one"]));
    bench.import("crm.csv").exits(3);
    let refused = bench.ledger().row("refuse-400-600002-one");
    bench.fault(Operation::Create, "refuse-400-600002-one", Fault::Throttled { retry_after_s: 60 }, 1);
    bench.tenantry(["retry", "--max-duration", "1s"]).exits(5);
    let waiting = bench.ledger().row("refuse-400-600002-one");
    assert_eq!((waiting.state.as_str(), &waiting.error_code), ("pending", &refused.error_code));
    bench.tenantry(["discard", "--all", "--yes"]).exits(0);
    assert_eq!(
        bench.ledger().row("refuse-400-600002-one"),
        Row { request_id: waiting.request_id, ..refused }
    );
    bench.import("crm.csv").exits(3);
    assert_eq!(bench.count(Operation::Create), 2);
    bench.agree();
}

/// Rows that were discarded are taken up with what the list brings, in whatever state that finds or leaves them.
#[test]
fn discarded_rows_are_taken_up_in_unusual_cases_too() {
    let discarded = |rows: usize| {
        let bench = Bench::new();
        bench.file("crm.csv", customers(rows));
        bench.import("crm.csv").args(["--limit", "0"]).exits(5);
        bench.tenantry(["discard", "--all", "--yes"]).exits(0);
        bench
    };
    // They have no reseller, and another row of the list has one now.
    let bench = discarded(2);
    let header = format!("{HEADER},associated_partner_id\n");
    let rows: Vec<String> = customers(2).lines().skip(1).map(|row| format!("{row},\n")).collect();
    let rows = header + &rows.concat();
    let reseller = row("wingtip") + ",8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951\n";
    bench.file("crm.csv", rows.clone() + &reseller);
    bench.import("crm.csv").exits(3);
    assert_eq!(bench.ledger().row(&domain(1)).error_code.as_deref(), Some("mixed_resellers"));
    bench.file("crm.csv", rows);
    bench.import("crm.csv").exits(0);
    assert_eq!(bench.ledger().row(&domain(2)).state, "created");
    bench.agree();

    // Their data was erased.
    let bench = discarded(2);
    bench.file("clock", (100 * 24 * 3600).to_string());
    let forget = bench.tenantry(["forget", "--older-than", "90d", "--yes"]);
    forget.env("TENANTRY_CLOCK_OFFSET", bench.path("clock")).exits(0).says("2 declined");
    bench.import("crm.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2)]));
    bench.agree();

    // The reading died after the first batches.
    let bench = discarded(1200);
    bench.import("crm.csv").env("TENANTRY_CRASH_AT", "committed#4").run();
    assert!(bench.creations().is_empty());
    bench.import("crm.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1200)]));
    bench.agree();
}

/// A list with a refused row, which was removed from it then.
fn without_its_refused_row() -> Bench {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "half-made-1"]));
    bench.import("crm.csv").exits(3);
    bench.file("crm.csv", customers_of(["harborline"]));
    bench
}

fn status(bench: &Bench) -> Value {
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!(sum_of_states(&status), status["rows"]["total"].as_i64().unwrap(), "{status}");
    status
}

#[test]
fn a_list_whose_refused_row_was_removed_is_green_after_one_command() {
    let bench = without_its_refused_row();
    snapshot!(bench.import("crm.csv").exits(3));
    snapshot!(bench.tenantry(["acknowledge", "--gone"]).exits(0));
    let metrics = ["--metrics-file", "m.prom"];
    let summary = bench.import("crm.csv").args(["--json"]).args(metrics).exits(0).json();
    assert_eq!(summary["rows"]["failed"], 1);
    let counts = json!({ "failed": 1, "rejected": 0, "unresolved": 0, "passwords": 0 });
    assert_eq!((&summary["rows"]["acknowledged"], &summary["errors"]), (&counts, &json!([])));
    let figures = std::fs::read_to_string(bench.path("m.prom")).unwrap();
    let is_counted =
        |line: &str| line.starts_with("tenantry_rows_acknowledged{") && line.ends_with("\"failed\"} 1.0");
    assert!(figures.lines().any(is_counted), "{figures}");
    assert_eq!(status(&bench)["rows"]["acknowledged"], counts);
    snapshot!(bench.tenantry(["status"]).exits(0));
    // A second time is no mistake.
    bench.tenantry(["acknowledge", "--gone"]).exits(0).says("1 row acknowledged before.");
    bench
        .tenantry(["acknowledge", "--gone", "--undo"])
        .exits(0)
        .says("Not acknowledged any more: 1 failed row.");
    bench.import("crm.csv").exits(3);
    bench.agree();
}

#[test]
fn a_row_that_comes_back_to_its_list_needs_attention_again() {
    let bench = without_its_refused_row();
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(0);
    bench.import("crm.csv").exits(0);
    bench.file("crm.csv", customers_of(["harborline", "half-made-1"]));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1).says("these match: --code 27002");
    // It was in its list when it was acknowledged.
    bench.tenantry(["acknowledge", "--domain", "half-made-1"]).exits(0);
    bench.file("crm.csv", customers_of(["harborline"]));
    bench.import("crm.csv").exits(0);
    bench.file("crm.csv", customers_of(["harborline", "half-made-1"]));
    bench.import("crm.csv").exits(0);
    bench.agree();
}

#[test]
fn only_a_complete_reading_of_the_same_list_tells_that_a_row_is_gone() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "half-made-1"]));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
    bench.file("other.csv", customers_of(["wingtip"]));
    bench.import("other.csv").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
    // `retry` takes the row without its list.
    bench.tenantry(["retry", "--domain", "half-made-1"]).exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);

    let bench = Bench::new();
    bench.tenantry(["import", "-"]).stdin(customers_of(["half-made-1"])).exits(3);
    bench.tenantry(["import", "-"]).stdin(customers_of(["harborline"])).exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
}

#[test]
fn rows_in_each_state_that_needs_attention_are_acknowledged() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "lost", Fault::DropAfter, 1);
    bench.fault(Operation::Search, "lost", Fault::StatusBefore { status: 503 }, 4);
    let wrong = row("wrong").replace(&email("wrong"), "nowhere");
    bench.file("crm.csv", format!("{}{wrong}\n", customers_of(["lost", "refuse-400-3000"])));
    bench.import("crm.csv").args(["--max-attempts", "1"]).exits(6);
    let done = bench.tenantry(["acknowledge", "--domain", "lost", "--domain", "lots"]).exits(0);
    done.says("Acknowledged: 1 unresolved row.").says("--domain lots matches nothing: the ledger has no row");
    bench.resume().exits(3);
    bench.tenantry(["acknowledge", "--code", "3000"]).exits(0).says("Acknowledged: 1 failed row.");
    bench.resume().exits(3);
    bench.tenantry(["acknowledge", "--domain", "wrong.onmicrosoft.com"]).exits(0).says("1 rejected row");
    bench.resume().exits(0);
    let acknowledged = json!({ "failed": 1, "rejected": 1, "unresolved": 1, "passwords": 0 });
    assert_eq!(status(&bench)["rows"]["acknowledged"], acknowledged);
    // It is not asked about, and so never sent again, until the operator takes the acknowledgement back.
    bench.tenantry(["reconcile"]).exits(0);
    bench.tenantry(["acknowledge", "--domain", "lost", "--undo"]).exits(0);
    bench.tenantry(["reconcile"]).exits(5);
    assert_eq!(status(&bench)["rows"]["acknowledged"]["unresolved"], 0);
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn acknowledged_rows_are_not_exported_and_not_retried_unless_asked_for() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["refuse-400-3000"]));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--code", "3000"]).exits(0);
    let rows = |args: &[&str]| bench.tenantry(args).exits(0).stdout.lines().count() - 1;
    assert_eq!(rows(&["export", "failed"]), 0);
    bench.tenantry(["export", "failed"]).exits(0).says("1 acknowledged row left out");
    assert_eq!(rows(&["export", "failed", "--acknowledged"]), 1);
    assert_eq!(rows(&["export", "all"]), 1);
    let creates = || bench.count(Operation::Create);
    assert_eq!(creates(), 1);
    bench.import("crm.csv").args(["--retry-failed"]).exits(0);
    bench.tenantry(["retry"]).exits(0);
    bench
        .tenantry(["retry", "--code", "3000"])
        .exits(1)
        .says("its rows are acknowledged: add --acknowledged");
    let done = bench.tenantry(["retry", "--domain", "refuse-400-3000"]).exits(1);
    done.says("its row is acknowledged: add --acknowledged");
    assert_eq!(creates(), 1);
    // A new refusal needs attention.
    bench.tenantry(["retry", "--code", "3000", "--acknowledged"]).exits(3);
    assert_eq!(creates(), 2);
    bench.agree();
}

#[test]
fn a_changed_row_ends_the_acknowledgement() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["refuse-400-3000"]));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--domain", "refuse-400-3000"]).exits(0);
    bench.import("crm.csv").exits(0);
    let changed = customers_of(["refuse-400-3000"]).replace("Harborline", "Harbour");
    bench.file("crm.csv", changed);
    bench.import("crm.csv").exits(3);
    bench.agree();
}

#[test]
fn a_lost_password_that_was_reset_is_not_announced_any_more() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "lost", Fault::DropAfter, 3);
    bench.file("crm.csv", customers_of(["lost"]));
    let done = bench.import("crm.csv").args(["--max-attempts", "2"]).exits(0);
    assert!(done.stdout.contains("Then run `tenantry acknowledge --code password_lost --ledger "), "{done}");
    bench.tenantry(["acknowledge", "--gone"]).exits(1).says("these match: --code password_lost");
    bench
        .tenantry(["acknowledge", "--code", "password_lost"])
        .exits(0)
        .says("Acknowledged: 1 lost password.");
    let done = bench.import("crm.csv").exits(0);
    assert!(!done.stdout.contains("ATTENTION"), "{done}");
    assert!(done.stdout.contains("1 created (1 lost password acknowledged)"), "{done}");
    let acknowledged = json!({ "failed": 0, "rejected": 0, "unresolved": 0, "passwords": 1 });
    assert_eq!(status(&bench)["rows"]["acknowledged"], acknowledged);
    // It is a customer all the same.
    assert_eq!(bench.tenantry(["export", "created"]).exits(0).stdout.lines().count(), 2);
    bench.tenantry(["acknowledge", "--code", "password_lost", "--undo"]).exits(0);
    assert!(bench.import("crm.csv").exits(0).stdout.contains("ATTENTION"));
    bench.agree_so_far();
}

#[test]
fn what_cannot_be_acknowledged_is_said() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "half-made-1"]));
    bench.import("crm.csv").exits(3);
    snapshot!(bench.tenantry(["acknowledge", "--domain", "harborline"]).exits(1));
    snapshot!(bench.tenantry(["acknowledge"]).exits(2));
    bench.tenantry(["acknowledge", "--code", "27002", "--domain", "harborline"]).exits(1);
    bench.tenantry(["acknowledge", "--code", "27002", "--undo"]).exits(1).says("no acknowledged row matches");
    bench.agree();
}

/// A list of three rows of which two wait.
fn with_waiting_rows() -> Bench {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "wingtip", "quay"]));
    bench.import("crm.csv").args(["--limit", "1", "--concurrency", "1"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 2)]));
    bench
}

#[test]
fn pending_rows_are_discarded_without_their_list() {
    let bench = with_waiting_rows();
    snapshot!(bench.tenantry(["discard", "--domain", "wingtip", "--yes"]).exits(0));
    assert_eq!(bench.ledger().states(), states([("created", 1), ("declined", 1), ("pending", 1)]));
    bench.tenantry(["discard", "--list", "crm.csv", "--yes"]).exits(0).says("1 row declined");
    bench.resume().exits(0);
    assert_eq!(bench.count(Operation::Create), 1);
    snapshot!(bench.tenantry(["discard", "--all", "--yes"]).exits(1));
    bench.tenantry(["discard", "--yes"]).exits(2);
    // The list brings them again: they are the same rows.
    let again = "crm.csv: 2 declined rows to be sent again.";
    bench.import("crm.csv").exits(0).says(again);
    assert_eq!(bench.ledger().states(), states([("created", 3)]));
    bench.agree();
}

#[test]
fn rows_are_not_discarded_without_a_yes() {
    let bench = with_waiting_rows();
    let before = fs::read(bench.ledger_path()).unwrap();
    let done = bench.tenantry(["discard", "--all"]).unattended().exits(2);
    done.says("cannot ask whether to discard rows").says("add `--yes`");
    bench.tenantry(["discard", "--list", "erp.csv"]).unattended().exits(1).says("no pending row matches");
    assert!(before == fs::read(bench.ledger_path()).unwrap(), "the ledger was touched");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 2)]));
    bench.resume().exits(0);
    bench.agree();
}

/// The run could not sign in, so it sent nothing.
#[test]
fn a_retried_row_that_is_discarded_is_refused_as_before() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "refuse-400-3000"]));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["retry"]).with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret").exits(4);
    assert_eq!(bench.ledger().row("refuse-400-3000").state, "pending");
    let done = bench.tenantry(["discard", "--all", "--yes"]).exits(0);
    done.says("Discarded: 1 row refused as before (refuse-400-3000.onmicrosoft.com). `tenantry retry");
    assert!(!done.stderr.contains("import their list again"), "{done}");
    assert_eq!(bench.ledger().row("refuse-400-3000").state, "failed");
    bench.resume().exits(3);
    bench.import("crm.csv").exits(3);
    assert_eq!(bench.requests(Operation::Create, "refuse-400-3000").len(), 1, "its list does not send it");
    bench.agree();
}

#[test]
fn a_refused_acceptance_is_acknowledged() {
    let bench = Bench::new();
    let accepted = ",Ana,Bell,ana@harborline.example.com,+44 113 496 0000,2026-08-14";
    let header = "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
    let list = |domain: &str| format!("{HEADER},{header}\n{}{accepted}\n", row(domain));
    bench.fault(Operation::ConfirmAgreement, "wrong", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("crm.csv", list("wrong"));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--code", "3000"]).exits(0).says("Acknowledged: 1 refused agreement.");
    let done = bench.import("crm.csv").args(["--retry-failed"]).exits(0);
    let words = "Customer agreements: 0 recorded, 0 refused, 0 still to be recorded. 1 acknowledged.";
    assert!(done.stdout.contains(words), "{done}");
    assert_eq!(status(&bench)["agreements"]["acknowledged"], 1);
    let rows = |args: &[&str]| bench.tenantry(args).exits(0).stdout.lines().count() - 1;
    assert_eq!(rows(&["export", "agreements"]), 0);
    assert_eq!(rows(&["export", "agreements", "--acknowledged"]), 1);
    bench.tenantry(["retry", "--acknowledged"]).exits(0).says("1 agreement");
    assert_eq!(bench.ledger().agreements().values().collect::<Vec<_>>(), ["recorded"]);
    bench.agree();

    // Its row was removed from the list.
    let bench = Bench::new();
    bench.fault(Operation::ConfirmAgreement, "wrong", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("crm.csv", list("wrong"));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
    bench.file("crm.csv", list("right"));
    bench.import("crm.csv").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(0).says("Acknowledged: 1 refused agreement.");
    bench.import("crm.csv").exits(0);
    bench.agree();
}

#[cfg(unix)]
mod on_a_terminal {
    use super::with_waiting_rows;
    use crate::harness::states;
    use crate::terminal::{Terminal, WIDE};

    #[test]
    fn rows_are_discarded_after_a_yes() {
        let bench = with_waiting_rows();
        for (answer, code, now) in [
            ("n\r", 5, states([("created", 1), ("pending", 2)])),
            ("y\r", 0, states([("created", 1), ("declined", 2)])),
        ] {
            let terminal = Terminal::start(bench.tenantry(["discard", "--all"]).asking(), WIDE);
            terminal.shows(
                "Discard 2 rows (wingtip.onmicrosoft.com, quay.onmicrosoft.com)? They are not sent. (yes/no)",
            );
            terminal.types(answer);
            terminal.ends_with(code);
            assert_eq!(bench.ledger().states(), now);
        }
        bench.agree();
    }
}

/// With a domain, and without a valid one.
#[test]
fn acknowledged_rows_are_not_announced_again() {
    let bench = Bench::new();
    let list = customers_of(["harborline", "wingtip", "not a domain"]).replace(&email("wingtip"), "nowhere");
    bench.file("crm.csv", list);
    bench.import("crm.csv").exits(3).says("2 rejected").says("× error domain").says("× error email");
    bench.import("crm.csv").exits(3).says("2 rejected rows are unchanged");
    bench.tenantry(["acknowledge", "--code", "domain", "--code", "email"]).exits(0);
    let done = bench.import("crm.csv").exits(0);
    assert!(!done.stderr.contains("unchanged") && !done.stderr.contains('×'), "{done}");
    bench.agree();
}
