//! What comes before anything is sent: dry runs, and conditions under which nothing is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use tenantry_simulator::{Fault, Hold, HoldPoint, Operation};

use crate::check::files;
use crate::harness::{
    Bench, Call, HEADER, customers, customers_of, domain, email, full, in_quotes, row, snapshot, states,
};

/// Every file below a folder but for the outputs of the tests, byte for byte.
fn contents(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    fn gather(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.path().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                gather(&entry.path(), found);
            } else if !name.contains(".output") && !name.ends_with("-shm") {
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    gather(&bench.path("."), &mut found);
    found
}

fn with_one_wrong() -> String {
    customers(3) + &row("wrong").replace(&email("wrong"), "nowhere") + "\n"
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let bench = Bench::new();
    bench.file("customers.csv", with_one_wrong());
    let dry = || bench.import("customers.csv").args(["--dry-run"]);
    snapshot!(dry().exits(3));
    assert_eq!(files(&bench), ["customers.csv".to_owned()].into(), "no ledger, no key");
    assert!(bench.simulator().requests().is_empty());
    let json = dry().args(["--json"]).exits(3).json();
    assert_eq!((&json["dry_run"], &json["plan"]["customers"]), (&json!(true), &json!(3)));
    assert_eq!((&json["rows"]["pending"], &json["rows"]["rejected"]), (&json!(3), &json!(1)));
    let run = &json["run"];
    assert_eq!((&run["exit_code"], &run["ended"]), (&json!(3), &json!("dry run")));
    assert!(run["finished_at"].is_string() && run["duration_s"].is_number(), "{run:#}");
    bench.file("customers.csv", customers(3));
    dry().exits(0);
}

/// Also where a run was killed, whose log lies beside the ledger.
#[test]
fn a_dry_run_leaves_the_ledger_as_it_is_to_the_byte() {
    let check = |bench: &Bench, dry_run: Call<'_>, code: i32, plan: &str| {
        let before = contents(bench);
        let done = dry_run.args(["--dry-run"]).exits(code);
        assert!(done.stdout.contains(plan), "{done}");
        assert!(before == contents(bench), "something was written: {done}");
        assert_eq!(before.keys().collect::<Vec<_>>(), contents(bench).keys().collect::<Vec<_>>());
    };
    let bench = Bench::new();
    bench.fault(Operation::Create, &domain(1), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", customers(3));
    let died = bench
        .import("customers.csv")
        .args(["--concurrency", "1"])
        .env("TENANTRY_CRASH_AT", "sending#2")
        .run();
    assert_eq!(died.code, None);
    bench.file("more.csv", with_one_wrong() + &row("new") + "\n");
    check(&bench, bench.import("more.csv"), 3, "3 customers will be created");
    check(&bench, bench.resume(), 0, "2 customers will be created");
    check(&bench, bench.tenantry(["retry"]), 0, "3 customers will be created");
    check(&bench, bench.tenantry(["reconcile"]), 0, "1 row will be looked up");
    #[cfg(unix)]
    {
        let link = bench.path("link.db");
        std::os::unix::fs::symlink(bench.ledger_path(), &link).unwrap();
        let link = link.to_str().unwrap();
        check(&bench, bench.resume().args(["--ledger", link]), 0, "2 customers will be created");
    }
    bench.resume().exits(3);
    check(&bench, bench.import("more.csv"), 3, "1 customer will be created");
    bench.tenantry(["retry"]).exits(0);
    check(&bench, bench.import("customers.csv"), 0, "0 customers will be created");
    check(&bench, bench.tenantry(["retry", "--all"]), 0, "0 customers will be created");
    bench.agree();
}

#[test]
fn a_dry_run_looks_on_while_a_run_goes_on() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let running = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    bench.file("more.csv", customers(4));
    bench.import("more.csv").args(["--dry-run"]).exits(0);
    if cfg!(target_os = "linux") {
        let status = bench.tenantry(["status"]).exits(0).stdout;
        assert!(status.contains("A run is working") && !status.contains("Next:"), "{status}");
    }
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
    bench.agree();
}

/// A pipe cannot bring its rows again by its name, so that nothing waits for it.
#[test]
fn a_refused_pipe_holds_nothing_back() {
    let bench = Bench::new();
    let import = |list: String| bench.tenantry(["import", "--require-valid", "-"]).stdin(list);
    import(with_one_wrong()).exits(3);
    assert!(bench.simulator().requests().is_empty());
    import(customers(2)).exits(3);
    assert_eq!(bench.creations().len(), 2);
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!(status["held_back"], json!([]));
    bench.agree();
}

#[test]
fn nothing_of_a_file_with_a_wrong_row_is_sent_where_all_have_to_be_valid() {
    let bench = Bench::new();
    bench.file("customers.csv", with_one_wrong());
    let import = |file: &str| bench.tenantry(["import", "--require-valid", file]);
    snapshot!(import("customers.csv").exits(3));
    assert!(bench.simulator().requests().is_empty());
    // Neither `resume` nor another night sends what is held back.
    bench.resume().exits(5).says(
        "3 of its rows are held back, because 1 row failed validation (--require-valid): correct the list",
    );
    import("customers.csv").exits(3);
    assert_eq!(bench.count(Operation::Create), 0);
    bench.file("customers.csv", with_one_wrong().replace("nowhere", "ana@example.com"));
    import("customers.csv").exits(0);
    assert_eq!(bench.creations().len(), 4);
    bench.agree();
}

/// A run that dies before it is settled whether anything may be sent leaves nothing that `resume` would send.
#[test]
fn dying_undecided_lets_nothing_go_out() {
    let bench = Bench::new();
    for content in [with_one_wrong(), customers(3)] {
        bench.file("customers.csv", content);
        let import = || bench.tenantry(["import", "--require-valid", "customers.csv"]);
        assert_eq!(import().env("TENANTRY_CRASH_AT", "undecided").run().code, None);
        let done = bench.resume().exits(5);
        done.says("`customers.csv` was read, but the run ended before").says("3 of its rows are held back");
        assert!(done.stdout.contains(" --require-valid customers.csv\n"), "{done}");
        assert!(bench.creations().is_empty());
    }
    bench.tenantry(["import", "--require-valid", "customers.csv"]).exits(0);
    assert_eq!(bench.creations().len(), 3);
    bench.agree();
}

/// Whoever mends the wrong rows alone has not brought the others, and hears which command does.
#[test]
fn rows_held_back_beside_wrong_ones_are_not_forgotten() {
    let bench = Bench::new();
    let default = in_quotes("middle_name=Q");
    let check = |next: &str| {
        assert!(next.contains(&format!(" --default {default} --require-valid customers.csv")), "{next}")
    };
    bench.file("customers.csv", with_one_wrong());
    let import =
        |file: &str| bench.tenantry(["import", "--default", "middle_name=Q", "--require-valid", file]);
    import("customers.csv").exits(3).says("Nothing was sent; 3 rows held back.");
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    let mended =
        fs::read_to_string(bench.path("rejected.csv")).unwrap().replace("nowhere", "ana@example.com");
    bench.file("rejected.csv", mended);
    let done = bench.import("rejected.csv").args(["--require-valid"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 3), ("superseded", 1)]));
    done.says(
        "`customers.csv`: 3 of its rows are held back, because 1 row failed validation (--require-valid)",
    );
    check(done.stdout.lines().last().unwrap());
    let status = bench.tenantry(["status"]).exits(0).stdout;
    assert!(status.contains("`customers.csv`: 3 of its rows are held back"), "{status}");
    assert!(
        status.contains(&format!("Next: tenantry check --default {default} customers.csv\n")),
        "{status}"
    );
    assert!(status.contains("      then correct customers.csv and run: tenantry import"), "{status}");
    check(status.lines().last().unwrap());
    let held = &bench.tenantry(["status", "--json"]).exits(0).json()["held_back"];
    assert_eq!(held, &json!([{ "file": "customers.csv", "rows": 3, "why": "invalid" }]));
    let report = bench.tenantry(["report", "--format", "md"]).exits(0).stdout;
    assert!(report.contains("`customers.csv`: 3 of its rows are held back"), "{report}");
    check(&report);
    // The corrected row is one row.
    assert!(report.contains("1 of 4 rows are customers now; 3 still under way or waiting."), "{report}");
    assert!(
        report.contains("| **total** | **4** | ") && report.contains("| superseded, beside these | 1 | "),
        "{report}"
    );
    // The file as it is: its wrong row was mended elsewhere.
    import("customers.csv").exits(0);
    assert_eq!(bench.creations().len(), 4);
    assert_eq!(bench.tenantry(["status", "--json"]).exits(0).json()["held_back"], json!([]));
    bench.agree();
}

/// Also of a list that came empty by mistake.
#[test]
fn rows_that_a_file_no_longer_holds_are_let_go_of_and_told() {
    let bench = Bench::new();
    bench.file("customers.csv", with_one_wrong());
    bench.tenantry(["import", "--require-valid", "customers.csv"]).exits(3);
    bench.file("customers.csv", customers(1));
    let let_go =
        "customers.csv: declined 3 rows from an earlier reading, not sent and no longer in the list.";
    bench.import("customers.csv").exits(0).says(let_go);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("declined", 3)]));
    let again = bench.import("customers.csv").exits(0);
    assert!(!again.stderr.contains("declined"), "{again}");
    bench.agree();
}

/// What somebody took up again, and did not get, stays refused; the rest waits.
#[test]
fn an_acceptance_of_a_file_that_is_held_back_waits_with_it() {
    let bench = Bench::new();
    bench.file("first.csv", customers_of(["early"]));
    bench.import("first.csv").exits(0);
    let accepted = ",Ana,Bell,ana@harborline.example.com,+44 113 496 0000,2026-08-14";
    let header = "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
    let later = |address: &str| {
        let wrong = row("wrong").replace(&email("wrong"), address);
        format!("{HEADER},{header}\n{}{accepted}\n{wrong},,,,,\n", row("early"))
    };
    bench.file("later.csv", later("nowhere"));
    let import = || bench.tenantry(["import", "--require-valid", "later.csv"]);
    import().exits(3).says("0 rows and 1 acceptance held back");
    assert_eq!(bench.simulator().acceptances().len(), 0);
    bench.resume().exits(5).says("`later.csv`: 1 of its rows is held back");
    bench.file("later.csv", later("ana@example.com"));
    import().exits(0);
    assert_eq!(bench.simulator().acceptances().len(), 1);
    bench.agree();
}

#[test]
fn a_mixed_file_is_not_valid_again_and_again() {
    let bench = Bench::new();
    let reseller = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let mixed: String = customers(2)
        .lines()
        .zip([",associated_partner_id", ",", &format!(",{reseller}")])
        .map(|(line, end)| format!("{line}{end}\n"))
        .collect();
    bench.file("mixed.csv", mixed);
    for _night in 0..2 {
        bench.tenantry(["import", "--require-valid", "mixed.csv"]).with_user().exits(3);
        assert_eq!(bench.count(Operation::Create), 0);
    }
}

#[test]
fn a_retry_of_rows_that_are_not_all_valid_changes_nothing() {
    let bench = Bench::new();
    bench.fault(Operation::Create, &domain(1), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", with_one_wrong());
    bench.import("customers.csv").exits(3);
    let before = bench.ledger().states();
    bench
        .tenantry(["retry", "--all", "--require-valid"])
        .exits(3)
        .says("nothing was sent: 1 row failed validation");
    assert_eq!(bench.ledger().states(), before);
    // Nor does it get lost between two files that nobody agreed to.
    bench.import("customers.csv").args(["--retry-failed", "--require-valid"]).exits(3);
    assert_eq!(bench.ledger().states(), before);
    bench.tenantry(["retry", "--require-valid"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 3), ("rejected", 1)]));
    bench.agree();
}

/// A correction that was let go unsent has corrected nothing: the row that it was to replace is read again.
#[test]
fn a_correction_that_was_let_go_hides_nothing() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "first", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", customers_of(["first"]));
    bench.import("customers.csv").exits(3);
    let corrected = customers_of(["first"]).replace("Harborline", "Westgate");
    bench.file("corrected.csv", corrected + &row("wrong").replace(",GB", ",XX") + "\n");
    bench.tenantry(["import", "--require-valid", "corrected.csv"]).exits(3);
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().row("first").state, "created");
    bench.agree();
}

#[test]
fn a_run_with_too_many_refusals_stops() {
    let bench = Bench::new();
    let refused: Vec<String> = (0..30).map(|n| format!("r{n:02}")).collect();
    for domain in &refused {
        bench.fault(Operation::Create, domain, Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    }
    bench.file("customers.csv", customers_of(refused.iter().map(String::as_str)));
    let import =
        |most: &str| bench.import("customers.csv").args(["--concurrency", "1", "--max-failures", most]);
    import("5").exits(5).says("stopped at --max-failures: 5 rows of this run refused");
    assert_eq!(bench.ledger().states(), states([("failed", 5), ("pending", 25)]));
    // Of each run anew; and fewer than 20 rows are no share of anything.
    import("10%").exits(5).says("20 rows of this run refused");
    assert_eq!(bench.ledger().states(), states([("failed", 25), ("pending", 5)]));
    // With the last row nothing is left to be stopped.
    import("5").exits(3);
    bench.agree();
    let wrong = bench.import("customers.csv").args(["--max-failures", "0"]).exits(2);
    assert!(wrong.stderr.contains("`25` or `5%`"), "{wrong}");
}

/// The process and the ledger must say the same.
#[test]
fn results_that_cannot_be_written_leave_the_exit_code_of_the_run() {
    for (domain, code) in [("one", 0), ("refuse-400-3000-one", 3)] {
        a_run_without_its_results(domain, code);
    }
}

fn a_run_without_its_results(domain: &str, code: i32) {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["held", domain]));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: Some(full("held")) });
    let running = bench.import("customers.csv").args(["--results", "out"]).spawn();
    bench.wait_until_held();
    fs::remove_dir_all(bench.path("out")).unwrap();
    bench.file("out", "somebody else's");
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(code), "{done}");
    done.says("could not write into the folder `out` of --results");
    done.says("to write the rows elsewhere, run `tenantry export all");
    assert_eq!(bench.ledger().number("SELECT exit_code FROM program_runs"), i64::from(code));
    bench.agree();
}

/// Problems that only the other rows of the list make are reported with the others.
#[test]
fn every_kind_of_problem_is_in_the_plan() {
    let bench = Bench::new();
    let again = row(&domain(1)).replacen("Harborline", "Other", 1);
    let reseller = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let rows = format!("{}{again}\n", customers(2)).replace('\n', ",\n");
    let rows =
        rows.replacen(",\n", ",associated_partner_id\n", 1).replacen(",\n", &format!(",{reseller}\n"), 1);
    bench.file("customers.csv", rows);
    let planned = bench.import("customers.csv").args(["--dry-run"]).exits(3);
    planned.says("1 × error duplicate_domain, on line 4: ").says("1 × error mixed_resellers, on line 3: ");
}
