//! What was refused or rejected, taken up again without its file; and results in files of their own.

use std::collections::BTreeMap;
use std::fs;

use tenantry_oracle::Row;
use tenantry_simulator::{Fault, Operation};

use crate::green_nights::with_ids;
use crate::harness::{
    Bench, Call, Done, HEADER, customers, customers_of, each_at_once, email, full, in_quotes, row, snapshot,
    states,
};

const RESELLER: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

fn retry<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.tenantry(["retry"]).args(args)
}

/// The next create for each domain is refused with this code; the one after that is not.
fn refuse_once(bench: &Bench, domains: &[(&str, u32)]) {
    for (domain, code) in domains {
        bench.fault(Operation::Create, domain, Fault::RefusedBefore { status: 400, code: *code }, 1);
    }
}

/// After an import of the list, of which these rows were refused with these codes.
fn refused_once(refused: &[(&str, u32)], list: impl AsRef<[u8]>) -> Bench {
    let bench = Bench::new();
    refuse_once(&bench, refused);
    bench.file("customers.csv", list);
    bench.import("customers.csv").exits(3);
    bench
}

/// Rows that were refused under two codes, one whose domain is burned, and one that is wrong.
fn refused() -> Bench {
    let bench = Bench::new();
    refuse_once(&bench, &[("phone1", 600_051), ("phone2", 600_051), ("value", 3000)]);
    let wrong = row("wrong").replace(&email("wrong"), "nowhere");
    let rows = customers_of(["phone1", "value", "half-made-1", "phone2"]) + &wrong + "\n";
    bench.file("customers.csv", rows);
    bench.import("customers.csv").exits(3);
    fs::remove_file(bench.path("customers.csv")).unwrap();
    bench
}

#[test]
fn refused_rows_are_tried_again_without_their_file() {
    let bench = refused();
    let request_ids = |bench: &Bench| -> BTreeMap<_, _> {
        ["phone1", "value", "phone2"].map(|domain| (domain, bench.ledger().row(domain).request_id)).into()
    };
    let before = request_ids(&bench);
    snapshot!(retry(&bench, &["--concurrency", "1"]).exits(3));
    let expected = states([("created", 3), ("failed", 1), ("rejected", 1)]);
    assert_eq!(bench.ledger().states(), expected, "the burned one is left alone");
    assert_eq!(bench.requests(Operation::Create, "half-made-1").len(), 1);
    let after = request_ids(&bench);
    assert!(before.iter().all(|(domain, id)| after[domain] != *id), "a definite reply has spent them");
    bench.agree();
    // Named, it is what the operator wants.
    retry(&bench, &["--domain", "half-made-1"]).exits(3).says("To be tried again: 1 failed row");
    assert_eq!(bench.requests(Operation::Create, "half-made-1").len(), 2);
    bench.agree();
}

#[test]
fn a_retry_keeps_to_the_codes_and_domains_that_are_named() {
    let bench = refused();
    let none = retry(&bench, &["--code", "600050", "--code", "email", "--domain", "unknown"]).exits(1);
    none.says("--code 600050 matches nothing; there are 600051 (2 rows), 27002 (1 row), 3000 (1 row)")
        .says("--code email matches nothing; 1 row that failed validation: add --all")
        .says("--domain unknown matches nothing; the ledger has no such row");
    assert_eq!(
        bench.ledger().number("SELECT count(*) FROM runs WHERE command = 'retry'"),
        0,
        "there was no run"
    );
    retry(&bench, &["--code", "600051", "--domain", &full("phone2")])
        .exits(3)
        .says("To be tried again: 1 failed row");
    assert_eq!(bench.ledger().row("phone2").state, "created");
    assert_eq!(bench.ledger().row("phone1").state, "failed");
    retry(&bench, &["--code", "600051"]).exits(3).says("To be tried again: 1 failed row");
    assert_eq!(bench.ledger().row("value").state, "failed");
    bench.agree();
}

/// Who mistypes a code did not ask for the rows that wait besides.
#[test]
fn a_retry_of_what_is_not_there_sends_nothing_else() {
    let bench = refused();
    bench.file("more.csv", customers_of(["more1", "more2"]));
    bench.import("more.csv").args(["--limit", "0"]).exits(5);
    let requests = bench.simulator().requests().len();
    for named in [["--code", "9999"], ["--domain", "unknown"]] {
        retry(&bench, &named).exits(1).says("matches nothing");
    }
    assert_eq!(bench.simulator().requests().len(), requests);
}

/// What `--map` and `--default` gave a row is not missing when it is sent again, whether it was refused or rejected.
#[test]
fn a_retry_judges_with_the_options_of_the_import() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000)]);
    let named = row("placeholder").replace("Ana", "Test");
    let rows = customers_of(["value"]) + &named + "\n";
    bench.file("customers.csv", rows.replace("culture", "Sprachraum").replace("language", "note"));
    let options = ["--map", "Sprachraum=culture", "--default", "language=en", "--default", "middle_name=Q"];
    bench.import("customers.csv").args(options).args(["--strict"]).exits(3);
    // The next command of an export says them, too, but for those about columns, which the import remembers.
    let status = bench.tenantry(["status"]).exits(0).stdout;
    let (_, status) = status.split_once("\nNext: ").unwrap();
    assert!(status.contains("import --ledger") && !status.contains("--map"), "{status}");
    let default = format!(" --default {}", in_quotes("middle_name=Q"));
    assert!(status.contains(&default), "{status}");
    retry(&bench, &["--default", "middle_name=Z"])
        .exits(3)
        .says("1 row left alone: with the options given now");
    assert_eq!(bench.requests(Operation::Create, "value").len(), 1);
    retry(&bench, &["--all"]).exits(0).says("To be tried again: 1 failed row, 1 rejected row.");
    let with_default = "SELECT count(*) FROM customer_rows
                         WHERE state = 'created' AND customer ->> '$.middle_name' = 'Q' AND customer ->> '$.language' = 'en'";
    assert_eq!(bench.ledger().number(with_default), 2);
    bench.agree();
}

/// A ledger of an older program does not know them.
/// Without it, the next command would make the customer one of nobody's.
#[test]
fn a_retried_row_keeps_the_reseller_of_its_import() {
    let bench = Bench::new();
    bench.file("customers.csv", format!("{HEADER}\n{}\n", row("refuse-400-3000")));
    let reseller = format!("--reseller-id {RESELLER}");
    let says_it = |done: &Done| assert!(done.stdout.contains(&reseller), "{done}");
    says_it(&bench.import("customers.csv").args(["--reseller-id", RESELLER]).with_user().exits(3));
    says_it(&bench.tenantry(["status"]).exits(0));
    says_it(&retry(&bench, &[]).with_user().exits(3));
    says_it(&bench.tenantry(["status"]).exits(0));
}

/// One command would give the rows of one file the reseller of the other.
#[test]
fn no_single_import_is_named_for_files_that_were_told_differently() {
    let bench = Bench::new();
    for (name, options) in [("a", &["--reseller-id", RESELLER][..]), ("b", &["--allow-direct"])] {
        let file = format!("{name}.csv");
        bench.file(&file, format!("{HEADER}\n{}\n", row(&format!("refuse-400-3000-{name}"))));
        bench.import(&file).args(options).with_user().exits(3);
    }
    let status = bench.tenantry(["status"]).exits(0).stdout;
    let next = &status[status.find("Next: ").unwrap()..];
    assert!(next.contains("import the rows of each list separately"), "{status}");
    assert!(!next.contains("tenantry import"), "{status}");
}

#[test]
fn a_retry_that_cannot_know_the_options_of_the_import_asks_for_them() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000), ("kultur", 3000)]);
    bench.file("customers.csv", customers_of(["value"]));
    bench.import("customers.csv").args(["--default", "middle_name=Q"]).exits(3);
    bench.file("mapped.csv", customers_of(["kultur"]).replace("culture", "Sprachraum"));
    bench.import("mapped.csv").args(["--map", "Sprachraum=culture"]).exits(3);
    rusqlite::Connection::open(bench.ledger_path())
        .unwrap()
        .execute("UPDATE sources SET given = NULL", [])
        .unwrap();
    retry(&bench, &["--domain", "value"]).exits(3).says("1 row left alone: with the options given now");
    assert_eq!(bench.requests(Operation::Create, "value").len(), 1);
    retry(&bench, &[]).exits(2).says("use the `--map` and `--default` of the import");
    assert_eq!(bench.ledger().states(), states([("failed", 2)]));
    retry(&bench, &["--domain", "value", "--default", "middle_name=Q"])
        .exits(3)
        .says("To be tried again: 1 failed row");
    retry(&bench, &["--map", "Sprachraum=culture"]).exits(0);
    bench.agree();
}

/// Nothing of it is sent as it was judged then; each is judged by the rules and options of today.
#[test]
fn rejected_rows_are_judged_anew() {
    let bench = Bench::new();
    let named = row("placeholder").replace("Ana", "Test");
    let wrong = row("wrong").replace(&email("wrong"), "nowhere");
    bench.file("customers.csv", format!("{HEADER},note\n{named},\"a, \"\"b\"\"\"\n{wrong},\n"));
    bench.import("customers.csv").args(["--strict"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("rejected", 2)]));
    retry(&bench, &["--all", "--strict"])
        .exits(3)
        .says("No refused row is tried again")
        .says("2 rows left alone");
    assert_eq!(bench.count(Operation::Create), 0);
    retry(&bench, &["--all"]).exits(3).says("1 rejected row").says("on line 3: email");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("rejected", 1), ("superseded", 1)]));
    // It stands where it stood, in its own words.
    let exported = bench.tenantry(["export", "created"]).exits(0).stdout;
    assert!(exported.contains(",\"a, \"\"b\"\"\","), "{exported}");
    assert_eq!(bench.ledger().row("placeholder").line, 2);
    bench.agree();
}

/// A reseller that was given as an option is not forgotten: without it the row would become a direct customer.
#[test]
fn a_retried_row_goes_to_the_reseller_that_it_was_meant_for() {
    let bench = Bench::new();
    refuse_once(&bench, &[("sold", 600_051)]);
    let wrong = row("wrong").replace("Ana", "Test");
    bench.file("customers.csv", customers_of(["sold", "also"]) + &wrong + "\n");
    bench.import("customers.csv").args(["--reseller-id", RESELLER, "--strict"]).with_user().exits(3);
    retry(&bench, &["--all"]).with_user().exits(3).says("1 row left alone without a reseller");
    let partner =
        "SELECT count(*) FROM customers WHERE state = 'created' AND associated_partner_id IS NOT NULL";
    assert_eq!(bench.ledger().number(partner), 2);
    assert_eq!(bench.ledger().row("wrong").state, "rejected");
    retry(&bench, &["--all", "--reseller-id", RESELLER]).with_user().exits(0);
    assert_eq!(bench.ledger().number(partner), 3);
    bench.agree();
}

/// Whoever dies in the middle has taken up all of them or none.
#[test]
fn dying_in_the_middle_of_a_retry_loses_nothing() {
    each_at_once(
        [
            ("taken_up_again#1", false),
            ("taken_up_again#2", false),
            ("commit#2", false),
            ("commit#3", true),
            ("sending#1", true),
            ("sealed#1", true),
            ("closing", true),
        ],
        |(point, taken_up)| {
            let bench = refused();
            let died = retry(&bench, &["--all", "--concurrency", "1"]).env("TENANTRY_CRASH_AT", point).run();
            assert_eq!(died.code, None, "did not die at {point}: {died}");
            bench.agree_so_far();
            let failed = bench.ledger().states()["failed"];
            assert_eq!(failed, if taken_up { 1 } else { 4 }, "{point}");
            if taken_up {
                bench.resume().exits(3);
            } else {
                bench.resume().exits(3);
                assert_eq!(bench.ledger().states()["failed"], 4, "nobody asked for them");
                retry(&bench, &[]).exits(3);
            }
            assert_eq!(bench.ledger().states()["created"], 3, "{point}");
            bench.agree();
        },
    );
}

#[test]
fn a_refused_acceptance_is_tried_again() {
    let bench = Bench::new();
    let columns = "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
    let accepted = "Ana,Bell,ana@harborline.example.com,,2026-08-14";
    bench.file("customers.csv", format!("{HEADER},{columns}\n{},{accepted}\n", row("agreed")));
    let fault = Fault::RefusedBefore { status: 400, code: 3000 };
    bench.fault(Operation::ConfirmAgreement, "agreed", fault, 1);
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().agreements()[&full("agreed")], "failed");
    retry(&bench, &["--code", "3000"]).exits(0).says("1 agreement");
    assert_eq!(bench.ledger().agreements()[&full("agreed")], "recorded");
    bench.agree();
}

#[test]
fn retry_failed_leaves_burned_domains_alone() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["half-made-1"]));
    bench.import("customers.csv").exits(3);
    let done = bench.import("customers.csv").args(["--retry-failed"]).exits(3);
    done.says("1 failed row not tried again, for a burned domain");
    assert_eq!(bench.count(Operation::Create), 1);
}

/// `retry` leaves burned rows alone, so it is not what is advised for them.
#[test]
fn rows_that_come_as_they_were_refused_are_told_what_helps_them() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["half-made-1", "refuse-400-3000"]));
    bench.import("customers.csv").exits(3);
    let again = bench.import("customers.csv").exits(3);
    again.says("customers.csv: 1 failed row is unchanged.");
    again.says("customers.csv: 1 failed row not tried again, for a burned domain: each needs another one.");
    bench.file("customers.csv", customers_of(["half-made-1"]));
    let burned = bench.import("customers.csv").exits(3);
    assert!(!burned.stderr.contains("tenantry retry"), "{burned}");
    assert_eq!(bench.count(Operation::Create), 2);
}

/// The rows of a rehearsal are not in the ledger of the real customers.
#[test]
fn a_rehearsal_advises_a_retry_of_the_rehearsal() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-3000"]));
    let import = || bench.import("customers.csv").args(["--simulate", "--ledger", "trial.db"]).exits(3);
    import();
    import().says("again as they are: `tenantry retry --ledger trial.db --simulate");
}

#[test]
fn results_are_written_at_the_end() {
    let bench = refused();
    let done = retry(&bench, &["--results", "out/tonight", "--limit", "1"]).exits(5);
    let files = ["created", "existing", "failed", "rejected", "unresolved", "agreements"];
    for name in files {
        let written = fs::read_to_string(bench.path(&format!("out/tonight/run-2/{name}.csv"))).unwrap();
        let exported = bench.tenantry(["export", name]).exits(0).stdout;
        assert_eq!(written, exported, "{name}");
    }
    let said = done.stdout.replace('\\', "/");
    assert!(said.contains("Files written:\n  out/tonight/run-2/created.csv (1 row)\n"), "{said}");
    // The next night has files of its own, whether or not there is anything in them.
    let summary = bench.resume().args(["--results", "out/tonight", "--json"]).exits(3).json();
    assert_eq!((&summary["files"][0]["rows"], summary["files"].as_array().unwrap().len()), (&3.into(), 6));
    let left = |folder: &str| fs::read_dir(bench.path(folder)).unwrap().count();
    assert_eq!((left("out/tonight"), left("out/tonight/run-3")), (2, 6), "nothing else is left behind");
}

#[test]
fn results_that_cannot_be_written_are_known_before_anything_is_sent() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let import = |file: &str, folder: &str| bench.import(file).args(["--results", folder]);
    import("customers.csv", "customers.csv/in").exits(1).says("could not write into the folder");
    assert!(bench.simulator().requests().is_empty());
    bench.resume().args(["--results", "."]).exits(1).says("there is no ledger");
    assert!(!bench.ledger_path().exists(), "nothing has begun");
}

#[test]
fn a_workbook_is_written_only_for_a_table_and_only_as_xlsx() {
    let bench = refused();
    let says = "of the workbooks, only .xlsx is written";
    for name in ["failed.ods", "failed.xls", "failed.XLSB", "failed.xlsm"] {
        bench.tenantry(["export", "failed", "-o", name]).exits(2).says(says).says(".xlsx or .csv");
    }
    let others: [&[&str]; 3] = [&["report"], &["credentials"], &["template", "--explain"]];
    for command in others {
        bench.tenantry(command).args(["-o", "out.xlsx"]).exits(2).says("no workbook is written");
    }
}

/// A disk that is full in the middle of an export leaves the old one whole. (Only a device that is always full can be
/// had here, so what is shown is that nothing is written in place.)
#[cfg(target_os = "linux")]
#[test]
fn an_export_that_fails_leaves_the_old_one() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let bench = refused();
    let export = |to: &str| bench.tenantry(["export", "failed", "-o", to]);
    export("/dev/full").exits(1).says("could not write");
    export("failed.csv").exits(0);
    let before = fs::metadata(bench.path("failed.csv")).unwrap();
    assert_eq!(before.permissions().mode() & 0o777, 0o600);
    fs::hard_link(bench.path("failed.csv"), bench.path("kept.csv")).unwrap();
    retry(&bench, &["--code", "3000"]).exits(3);
    export("failed.csv").args(["--force"]).exits(0);
    assert_ne!(fs::metadata(bench.path("failed.csv")).unwrap().ino(), before.ino(), "it was written beside");
    assert_eq!(fs::read_to_string(bench.path("kept.csv")).unwrap().lines().count(), 5);
}

#[test]
fn an_export_of_rejected_rows_says_what_to_write_instead() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["wrong"]).replace(",GB\n", ",UK\n"));
    bench.import("customers.csv").exits(3);
    let exported = bench.tenantry(["export", "rejected"]).exits(0).stdout;
    assert!(exported.contains("country: is not a country that Partner Center sells to (→ GB)"), "{exported}");
    assert!(exported.contains("correct the cells that tenantry_error names, and import"), "{exported}");
}

/// Nothing of it is sent any more, and the next nights end with 0.
#[test]
fn what_is_wrong_in_the_row_of_a_customer_is_no_error() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one"]));
    bench.import("customers.csv").exits(0);
    bench.file("customers.csv", customers_of(["one"]).replace(",GB", ",UK"));
    let done = bench.import("customers.csv").exits(0);
    assert!(!done.says("changes come too late").stderr.contains("× error"), "{done}");
}

/// What is imported again says what matters now: changes that come too late, and not what was corrected long ago.
#[test]
fn a_file_that_is_read_again_names_what_is_ignored_and_not_what_was_corrected() {
    let bench = Bench::new();
    let original = customers(12) + &row("wrong").replace(",GB", ",UK") + "\n";
    bench.file("customers.csv", &original);
    bench.import("customers.csv").exits(3);
    let exported = bench.tenantry(["export", "rejected"]).exits(0).stdout;
    bench.file("mended.csv", exported.replace(",UK,", ",GB,"));
    bench.import("mended.csv").exits(0);
    bench.file("customers.csv", original.replace("Harborline harborline", "Westgate harborline"));
    let again = bench.import("customers.csv").exits(0);
    let named = "changes come too late, and are ignored, on lines 2 (harborline00001.onmicrosoft.com), 3 (";
    again.says(named).says("11 (harborline00010.onmicrosoft.com), ….");
    assert!(!again.stderr.contains("error country"), "{again}");
    bench.agree();
}

/// Settings that are about the operator's own files make no export of ours unreadable; a flag is about the file beside it.
#[test]
fn an_export_comes_back_whatever_delimiter_is_set() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000)]);
    bench.file("tenantry.toml", "delimiter = \"semicolon\"\n");
    bench.file("customers.csv", customers_of(["value"]).replace(',', ";"));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    bench.import("failed.csv").args(["--delimiter", "comma"]).exits(1).says("could not read `failed.csv`");
    bench
        .import("failed.csv")
        .env("TENANTRY_DELIMITER", "tab")
        .exits(3)
        .says("failed.csv (semicolons): 1 row read");
    // What the settings say is no flag of the next command, where it would beat the header.
    let checked = bench.tenantry(["check", "failed.csv"]).exits(0);
    assert!(!checked.stdout.contains("--delimiter"), "{checked}");
    // As a spreadsheet saves it in countries whose decimals have a point.
    let saved = fs::read_to_string(bench.path("failed.csv")).unwrap().replace(';', ",");
    bench.file("saved.csv", saved);
    bench.import("saved.csv").args(["--retry-failed"]).env("TENANTRY_DELIMITER", "tab").exits(0);
    bench.file("other.csv", customers_of(["other"]));
    bench.import("other.csv").exits(1).says("could not read `other.csv`");
    bench.agree();
}

/// A list whose rows are changed, and not sent.
fn change_unsent(bench: &Bench, from: &str, to: &str) {
    let list = fs::read_to_string(bench.path("customers.csv")).unwrap();
    bench.file("customers.csv", list.replace(from, to));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
}

#[test]
fn what_was_refused_is_refused_again_if_its_correction_is_discarded() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000)]);
    let before = customers_of(["value"]) + &row("wrong").replace(&email("wrong"), "nowhere") + "\n";
    bench.file("customers.csv", &before);
    bench.import("customers.csv").exits(3);
    change_unsent(&bench, "Harborline", "Northgate");
    let wrong = bench.ledger().row("wrong").state;
    assert_eq!(wrong, "rejected", "it is still wrong");
    change_unsent(&bench, "nowhere", &email("wrong"));
    assert_eq!(bench.ledger().states(), states([("pending", 2), ("superseded", 3)]));
    bench.tenantry(["discard", "--all", "--yes"]).exits(0).says("2 rows");
    assert_eq!(
        bench.ledger().states(),
        states([("failed", 1), ("rejected", 1), ("declined", 2), ("superseded", 1)])
    );
    bench.tenantry(["status"]).exits(0).prints("Next: tenantry export failed");
    // As it was refused, it is not sent again.
    bench.file("customers.csv", before);
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.requests(Operation::Create, "value").len(), 1);
    bench.tenantry(["retry"]).exits(3);
    assert_eq!(bench.ledger().row("value").state, "created");
    bench.agree();
}

#[test]
fn a_row_that_may_have_been_sent_stays_as_it_was() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["value"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let sql = "UPDATE customer_rows SET unclear_before = 1;
               INSERT INTO http_attempts (row_id, run_id, operation, request_id, correlation_id, intended_at, outcome)
               SELECT 1, 1, 'create', request_id, request_id, 1, 'unknown' FROM customer_rows";
    rusqlite::Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
    change_unsent(&bench, "Harborline", "Northgate");
    assert_eq!(bench.ledger().states(), states([("pending", 1)]));
    bench.tenantry(["discard", "--all", "--yes"]).exits(1).says("may have been sent and cannot be discarded");
    bench.import("customers.csv").exits(0).prints("1 row changed");
    assert_eq!(bench.creations().len(), 1);
}

/// The files of a run count as one, each time.
#[test]
fn the_same_files_again_change_nothing() {
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["one", "two"]));
    let other = row("two").replacen("Harborline", "Northgate", 1);
    bench.file("b.csv", format!("{HEADER}\n{other}\n{}\n", row("three")));
    let import = || bench.import("a.csv").args(["b.csv"]);
    import().args(["--limit", "1"]).exits(5);
    for _ in 0..2 {
        let done = import().exits(3);
        assert_eq!(bench.ledger().states(), states([("created", 3), ("rejected", 1)]));
        assert!(!done.stdout.contains("no longer in its list"), "{done}");
    }
    assert_eq!(bench.creations().len(), 3);
    assert!(
        bench.creations().iter().all(|it| !it.body.contains("Northgate")),
        "the first row is the one that counts"
    );
    // A refused row that another list of the run still has is not gone.
    refuse_once(&bench, &[("four", 3000)]);
    bench.file("a.csv", customers_of(["one", "two", "four"]));
    bench.file("b.csv", customers_of(["four"]));
    import().exits(3);
    for (a, b) in [("one", "four"), ("four", "one")] {
        bench.file("a.csv", customers_of([a]));
        bench.file("b.csv", customers_of([b]));
        assert_eq!(
            bench
                .ledger()
                .number("SELECT count(*) FROM customer_rows WHERE gone_at IS NOT NULL AND state = 'failed'"),
            0
        );
        import().exits(3);
    }
    bench.agree();
}

#[test]
fn an_export_is_in_the_order_of_the_list_whichever_reading_brought_its_rows() {
    let bench =
        refused_once(&[("one", 3000), ("two", 3000), ("three", 3000)], customers_of(["one", "two", "three"]));
    refuse_once(&bench, &[("one", 3000)]);
    let list =
        customers_of(["one"]).replace("Harborline", "Northgate") + &row("two") + "\n" + &row("three") + "\n";
    bench.file("customers.csv", list);
    bench.import("customers.csv").exits(3);
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout;
    let order: Vec<usize> = ["one", "two", "three"].map(|it| export.find(&format!(",{it},")).unwrap()).into();
    assert!(order.is_sorted(), "{export}");
    bench
        .tenantry(["show", "--line", "3", "--file", "./customers.csv"])
        .exits(0)
        .prints("two.onmicrosoft.com");
    let quiet = bench.import("customers.csv").args(["--dry-run", "-q", "--retry-failed"]).exits(0);
    assert_eq!((quiet.stdout, quiet.stderr), (String::new(), String::new()));
}

#[test]
fn a_row_is_corrected_once_in_a_run() {
    let bench = Bench::new();
    refuse_once(&bench, &[("one", 3000), ("two", 3000)]);
    let other = row("two").replacen("Harborline", "Northgate", 1) + "\n";
    bench.file("customers.csv", customers_of(["one"]) + &other);
    bench.import("customers.csv").exits(3);
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout;
    let (head, rows) = export.split_once('\n').unwrap();
    let first = rows.lines().next().unwrap();
    let to = |domain: &str| first.replace(",one,", &format!(",{domain},"));
    // In one file, with the domain of another row; and in two files.
    bench.file("a.csv", format!("{head}\n{}\n{}\n", to("three"), to("two")));
    bench.file("b.csv", format!("{head}\n{}\n", to("four")));
    let done = bench.import("a.csv").args(["b.csv"]).exits(3);
    done.prints("a row can be corrected only once").says("changes come too late, and are ignored, on line 2");
    let expected = states([("created", 1), ("failed", 1), ("rejected", 1), ("superseded", 1)]);
    assert_eq!(bench.ledger().states(), expected);
    // Nor later, as they are or as an export of what was rejected.
    let rejected = bench.tenantry(["export", "rejected"]).exits(0).stdout;
    bench.file("rejected.csv", rejected);
    for file in ["b.csv", "a.csv", "rejected.csv"] {
        bench.import(file).exits(3);
        assert_eq!((bench.creations().len(), bench.ledger().states()), (1, expected.clone()), "{file}");
    }
    let changed = fs::read_to_string(bench.path("rejected.csv")).unwrap().replace("Harborline", "Southgate");
    bench.file("rejected.csv", changed);
    for _ in 0..2 {
        bench.import("rejected.csv").exits(3).prints("it does not say which one");
        assert_eq!(bench.creations().len(), 1);
    }
    assert_eq!(bench.ledger().row("three").state, "created");
    bench.agree();
}

/// It has the domain of its row, so that it is known what it corrects although a cell says it no longer.
#[test]
fn a_correction_with_a_changed_cell_can_be_corrected_by_its_own_export() {
    let bench = refused_once(&[("one", 3000)], customers_of(["one"]));
    // Changed twice, each time in the export of what had become of it.
    for (state, name) in [("failed", "Northgate"), ("rejected", "Eastgate")] {
        let export = bench.tenantry(["export", state]).exits(0).stdout;
        let (head, rows) = export.split_once('\n').unwrap();
        let at = head.split(',').position(|name| name == "tenantry_row").unwrap();
        let mut cells: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
        (cells[0], cells[at]) = (name, "first");
        bench.file("changed.csv", format!("{head}\n{}\n", cells.join(",")));
        bench.import("changed.csv").exits(3).prints("is no longer the number of a row");
    }
    bench.file("rejected.csv", changed(&bench, "rejected", &[(",one,", ",two,")]));
    bench.import("rejected.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 3)]));
    bench.agree();
}

/// Dropped once, refused, and refused again.
#[test]
fn a_refused_row_that_was_in_doubt_can_be_corrected_under_another_domain() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "one", Fault::RefuseBefore, 1);
    bench.fault(Operation::Create, "one", Fault::RefusedBefore { status: 400, code: 3000 }, 2);
    bench.file("customers.csv", customers_of(["one"]));
    bench.import("customers.csv").exits(3);
    retry(&bench, &[]).exits(3);
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout;
    bench.file("failed.csv", export.replace(",one,", ",two,"));
    bench.import("failed.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
}

/// One folder for each reseller, and a script that imports the list in each.
#[test]
fn lists_of_one_name_in_two_folders_are_two_lists() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000)]);
    let list = |domain: &str| format!("{HEADER},external_id\n{},1001\n", row(domain));
    for folder in ["one", "two"] {
        fs::create_dir(bench.path(folder)).unwrap();
    }
    bench.file("one/customers.csv", list("value"));
    bench.file("two/customers.csv", list("other"));
    let import = |folder: &str| bench.import("customers.csv").in_folder(folder);
    import("one").exits(3);
    let done = import("two").exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1)]), "{done}");
    assert!(!done.stdout.contains("no longer in its list"), "{done}");
    // However the path is written.
    bench.file("one/customers.csv", list("corrected"));
    bench.import("one/customers.csv").exits(0).says("replaces value.onmicrosoft.com (failed)");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 1)]));
    // What one list leaves unsent, the other does not take away.
    bench.file("one/customers.csv", list("unsent"));
    import("one").args(["--max-new", "0"]).exits(5);
    let next = bench.path("one/customers.csv").display().to_string();
    import("two").exits(5).prints(&next);
    let discard = |list: &str| bench.tenantry(["discard", "--list", list, "--yes"]);
    discard("customers.csv").in_folder("two").exits(1).says("no pending row matches");
    let shown = |list: &str| bench.tenantry(["show", "--line", "2", "--file", list]);
    shown(&next).exits(0).prints("unsent");
    shown("two/customers.csv").exits(0).prints("other");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("pending", 1), ("superseded", 1)]));
    bench.agree_so_far();
}

#[test]
fn a_row_that_changes_back_is_tried_again() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000)]);
    let before = customers_of(["value"]);
    bench.file("customers.csv", &before);
    bench.import("customers.csv").exits(3);
    bench.file("customers.csv", before.replace(&email("value"), "nowhere"));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().states(), states([("rejected", 1), ("superseded", 1)]));
    // Whatever it was in between.
    bench.file("customers.csv", before.replace(&email("value"), "elsewhere"));
    bench.import("customers.csv").exits(3);
    bench.file("customers.csv", &before);
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 3)]));
    bench.agree();
}

#[test]
fn an_unresolved_row_is_looked_up_until_there_were_answers() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["value"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    bench.resume().args(["--limit", "0"]).exits(5);
    let ledger = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    let sql = "UPDATE customer_rows SET state = 'unresolved', in_doubt_since = changed_at;
               INSERT INTO http_attempts (row_id, run_id, operation, request_id, correlation_id, intended_at, outcome)
               SELECT 1, id, 'find_customer', 'r' || id, 'c' || id, id, 'unknown' FROM program_runs";
    ledger.execute_batch(sql).unwrap();
    bench.tenantry(["status"]).exits(0).prints("Next: tenantry reconcile");
    ledger.execute_batch("UPDATE http_attempts SET outcome = 'answered'").unwrap();
    bench.tenantry(["status"]).exits(0).prints("tenantry acknowledge --domain");
}

/// Its refused row was in doubt before: that says nothing about the values of its correction.
#[test]
fn the_correction_of_a_row_that_was_in_doubt_can_be_discarded() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "value", Fault::RefuseBefore, 1);
    refuse_once(&bench, &[("value", 3000)]);
    bench.file("customers.csv", customers_of(["value"]));
    bench.import("customers.csv").exits(3);
    change_unsent(&bench, "Harborline", "Northgate");
    change_unsent(&bench, "Northgate", "Southgate");
    assert_eq!(bench.ledger().states(), states([("pending", 1), ("superseded", 2)]));
    bench.tenantry(["discard", "--all", "--yes"]).exits(0);
    // Also behind a correction that was corrected unsent.
    let expected = states([("declined", 1), ("failed", 1), ("superseded", 1)]);
    assert_eq!(bench.ledger().states(), expected);
    bench.file("customers.csv", customers_of(["value"]));
    bench.import("customers.csv").exits(3).says("1 failed row is unchanged");
    bench.agree();
}

/// Another list has its domain meanwhile.
#[test]
fn what_was_corrected_takes_no_key_back() {
    let bench = refused_once(&[("value", 3000)], customers_of(["value"]));
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout;
    bench.file("failed.csv", export.replace(",value,", ",other,"));
    bench.import("failed.csv").args(["--limit", "0"]).exits(5);
    bench.file("more.csv", customers_of(["value"]).replacen("Harborline", "Northgate", 1));
    bench.import("more.csv").args(["--limit", "0"]).exits(5);
    bench.tenantry(["discard", "--domain", "other", "--yes"]).exits(0);
    let expected = states([("declined", 1), ("pending", 1), ("superseded", 1)]);
    assert_eq!(bench.ledger().states(), expected);
    bench.tenantry(["resume"]).exits(0);
    assert_eq!(bench.creations().len(), 1);
}

#[test]
fn an_exported_row_takes_no_domain_of_another_row() {
    let bench = Bench::new();
    refuse_once(&bench, &[("value", 3000), ("other", 3000)]);
    let other = row("other").replacen("Harborline", "Northgate", 1) + "\n";
    bench.file("customers.csv", customers_of(["value"]) + &other + &row("made") + "\n");
    bench.import("customers.csv").exits(3);
    let export = bench.tenantry(["export", "all"]).exits(0).stdout;
    let only = |domain: &str, new: &str| {
        let [domain, new] = [domain, new].map(|domain| format!(",{domain},"));
        let is_wanted = |line: &&str| line.contains(&domain) || line.starts_with("company_name");
        let rows: String = export.lines().filter(is_wanted).map(|line| format!("{line}\n")).collect();
        bench.file("one.csv", rows.replace(&domain, &new));
        bench.import("one.csv")
    };
    only("made", "again").exits(3).says("changes come too late, and are ignored, on line 2");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 2)]));
    for _ in 0..2 {
        let other = only("other", "value").exits(3);
        other.prints("is the domain of another row of the ledger, row 1, which is failed");
        // It takes the place of the row that it corrects, so that no retry sends that beside it.
        let expected = states([("created", 1), ("failed", 1), ("rejected", 1), ("superseded", 1)]);
        assert_eq!((bench.ledger().states(), bench.creations().len()), (expected, 1));
    }
    retry(&bench, &["--all", "--limit", "0"]).exits(5);
    let expected = states([("created", 1), ("pending", 1), ("rejected", 1), ("superseded", 1)]);
    assert_eq!(bench.ledger().states(), expected);
    bench.tenantry(["discard", "--all", "--yes"]).exits(0);
    // What is corrected can be corrected again in the same file, sent or not.
    refuse_once(&bench, &[("second", 3000)]);
    only("other", "second").exits(3);
    only("other", "third").args(["--limit", "0"]).exits(5);
    only("other", "fourth").exits(3);
    assert_eq!(bench.ledger().row("fourth").state, "created");
    let expected = states([("created", 2), ("failed", 1), ("superseded", 4)]);
    assert_eq!(bench.ledger().states(), expected);
    bench.agree();
}

#[test]
fn what_is_unresolved_is_looked_up_whatever_its_list_waits_for() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["value"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let sql = "UPDATE customer_rows SET state = 'unresolved', in_doubt_since = changed_at;
               UPDATE sources SET completed_at = NULL";
    rusqlite::Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
    bench.tenantry(["reconcile"]).run();
    assert_eq!(bench.ledger().row("value").state, "in_flight");
    assert!(bench.count(Operation::Search) > 0);
}

#[test]
fn status_says_what_to_do_about_what_is_left() {
    let bench = refused();
    let next = |bench: &Bench| {
        let status = bench.tenantry(["status"]).env("TENANTRY_CLIENT_ID", "an-app").exits(0).stdout;
        status[status.find("Next: ").unwrap()..].trim_end().to_owned()
    };
    let failed = next(&bench);
    assert!(failed.starts_with("Next: tenantry export failed --ledger"), "{failed}");
    assert!(failed.contains("or, if the cause is gone: tenantry retry --ledger"), "{failed}");
    assert!(failed.ends_with(" --client-id an-app") && failed.contains(" --authority-url http"), "{failed}");
    let fixed = bench.tenantry(["export", "failed"]).exits(0).stdout.replace(",half-made-1,", ",another,");
    bench.file("failed.csv", fixed);
    bench.import("failed.csv").args(["--retry-failed"]).exits(3);
    assert!(next(&bench).starts_with("Next: tenantry export rejected"), "{}", next(&bench));
}

#[test]
fn a_plan_of_many_groups_is_cut_short() {
    let bench = Bench::new();
    let reseller = |n: usize| format!("8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a9{n:02}");
    let rows = (0..14).map(|n| format!("{},{}\n", row(&format!("sold{n}")), reseller(n)));
    bench.file("customers.csv", format!("{HEADER},associated_partner_id\n") + &rows.collect::<String>());
    let plan = bench.import("customers.csv").args(["--dry-run"]).exits(0).stdout;
    assert!(plan.contains("14 customers will be created"), "{plan}");
    assert_eq!(plan.matches("  GB  reseller").count(), 10, "{plan}");
    assert!(plan.contains("          4  in 4 more groups\n"), "{plan}");
}

/// The rows of an export with these changes, each of a text.
fn changed(bench: &Bench, what: &str, changes: &[(&str, &str)]) -> String {
    let export = bench.tenantry(["export", what]).exits(0).stdout;
    changes.iter().fold(export, |rows, (old, new)| {
        assert!(rows.contains(old), "{old}: {rows}");
        rows.replace(old, new)
    })
}

/// Rows that fail validation, until their country is right.
fn wrong(domains: &[&str]) -> String {
    customers_of(domains.iter().copied()).replace(",GB\n", ",Nowhere\n")
}

#[test]
fn a_second_correction_stays_rejected_whatever_domain_it_gets() {
    let bench = refused_once(&[("one", 3000)], customers_of(["one"]));
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout;
    let (head, row) = export.split_once('\n').unwrap();
    let [two, three] = ["two", "three"].map(|it| row.replace(",one,", &format!(",{it},")));
    bench.file("fix.csv", format!("{head}\n{two}{three}"));
    for _ in 0..3 {
        bench.import("fix.csv").exits(3);
        let expected = states([("created", 1), ("rejected", 1), ("superseded", 1)]);
        assert_eq!(bench.ledger().states(), expected);
    }
    for domain in ["four", "five"] {
        let rows = changed(&bench, "rejected", &[]);
        let own = if rows.contains(",three,") { ",three," } else { ",four," };
        bench.file("again.csv", rows.replace(own, &format!(",{domain},")));
        for _ in 0..2 {
            bench.import("again.csv").args(["--retry-failed"]).exits(3);
            assert_eq!(bench.creations().len(), 1, "{domain}");
        }
    }
    bench.agree();
}

#[test]
fn a_correction_with_the_domain_of_another_line_takes_the_place_of_its_row() {
    let bench = refused_once(&[("two", 3000), ("three", 3000)], customers_of(["two", "three"]));
    bench.file("fix.csv", changed(&bench, "failed", &[(",two,", ",new,"), (",three,", ",new,")]));
    bench.import("fix.csv").exits(3);
    let expected = states([("created", 1), ("rejected", 1), ("superseded", 2)]);
    assert_eq!(bench.ledger().states(), expected);
    assert_eq!(bench.tenantry(["export", "failed"]).exits(0).stdout.lines().count(), 1, "the header");
    bench.file("again.csv", changed(&bench, "rejected", &[(",new,", ",newer,")]));
    bench.import("again.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 3)]));
    bench.agree();
}

#[test]
fn an_exported_customer_with_a_wrong_domain_is_no_new_row() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one"]));
    bench.import("customers.csv").exits(0);
    bench.file("again.csv", changed(&bench, "created", &[(",one,", ",n e w,")]));
    bench.import("again.csv").exits(0).says("changes come too late");
    assert_eq!(bench.ledger().states(), states([("created", 1)]));
}

#[test]
fn two_corrections_of_a_row_are_not_both_sent_where_one_needs_consent() {
    let by_id = |domain: &str| with_ids(&[(domain, "CRM-1")]);
    let bench = refused_once(&[("one", 3000)], by_id("one"));
    bench.file("fix.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.file("customers.csv", by_id("three"));
    bench.import("customers.csv").args(["fix.csv", "--max-new", "5"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
}

#[test]
fn a_correction_that_was_declined_with_its_list_gives_its_row_back() {
    let by_id = |domain: &str| with_ids(&[(domain, "CRM-1")]);
    let bench = refused_once(&[("one", 3000)], by_id("one"));
    bench.file("customers.csv", by_id("three"));
    bench.import("customers.csv").args(["--max-new", "0"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("pending", 1), ("superseded", 1)]));
    bench.tenantry(["discard", "--all", "--yes"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("declined", 1), ("failed", 1)]));
    bench.agree();
}

#[test]
fn the_original_list_does_not_undo_a_correction_that_waits() {
    let bench = Bench::new();
    bench.file("customers.csv", wrong(&["one"]));
    bench.import("customers.csv").exits(3);
    bench.file("fix.csv", changed(&bench, "rejected", &[("Nowhere", "GB")]));
    // After the correction in the same run, and in a later run.
    bench.import("fix.csv").args(["customers.csv", "--limit", "0"]).exits(5);
    bench.import("customers.csv").exits(0).says("corrected before: the corrections are kept");
    bench.import("fix.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
}

#[test]
fn a_row_of_before_a_correction_takes_no_domain_from_another_company() {
    let bench =
        refused_once(&[("one", 3000)], customers_of(["one"]) + wrong(&["two"]).split_once('\n').unwrap().1);
    bench.file("two.csv", changed(&bench, "rejected", &[("Nowhere", "GB"), (",two,", ",newer,")]));
    bench.import("two.csv").exits(3);
    bench.file("one.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.import("one.csv").args(["--limit", "0"]).exits(5);
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 2)]));
    bench.agree();
}

#[test]
fn a_rejected_correction_is_met_when_it_comes_again_although_its_domain_is_a_customer_now() {
    let bench =
        refused_once(&[("one", 3000)], customers_of(["one"]) + wrong(&["two"]).split_once('\n').unwrap().1);
    bench.file("one.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.file("two.csv", changed(&bench, "rejected", &[("Nowhere", "GB")]));
    bench.import("one.csv").exits(3);
    bench.import("two.csv").exits(3);
    let expected = states([("created", 1), ("rejected", 1), ("superseded", 2)]);
    for _ in 0..2 {
        bench.import("one.csv").exits(3);
        assert_eq!(bench.ledger().states(), expected);
        let is_lost = |row: &Row| row.state == "rejected" && row.is_gone;
        assert!(!bench.ledger().rows().iter().any(is_lost), "its list has it");
    }
    bench.agree();
}

/// The correction waits under another domain: what comes as it was before does not take it back, or both would be sent.
#[test]
fn a_list_that_is_put_back_does_not_send_what_its_waiting_correction_replaces() {
    let by_id = |domain: &str| with_ids(&[(domain, "CRM-1")]);
    let failed = || refused_once(&[("one", 3000)], by_id("one"));
    // In its own list.
    let bench = failed();
    bench.file("customers.csv", by_id("two"));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    bench.file("customers.csv", by_id("one"));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
    // In another list, which is held back.
    let bench = failed();
    bench.file("fix.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.import("customers.csv").args(["fix.csv", "--max-new", "0"]).exits(5);
    bench.import("customers.csv").args(["fix.csv"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
    // In its own list, which is held back: that is declined, and the row is refused as before.
    let bench = failed();
    bench.file("customers.csv", by_id("two"));
    bench.import("customers.csv").args(["--max-new", "0"]).exits(5);
    bench.file("customers.csv", by_id("one"));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().states(), states([("declined", 1), ("failed", 1)]));
    assert_eq!(bench.count(Operation::Create), 1);
    bench.agree();
}

#[test]
fn the_last_of_several_lists_counts_while_nothing_is_sent() {
    let bench = Bench::new();
    let right = customers_of(["one"]);
    let wrong = right.replace("High Street", "Wrong Road");
    for (name, list) in [("a.csv", &right), ("b.csv", &wrong), ("c.csv", &right)] {
        bench.file(name, list);
        bench.import(name).args(["--limit", "0"]).exits(5);
    }
    bench.resume().exits(0);
    assert!(bench.creations()[0].body.contains("1 High Street"));
}

#[test]
fn what_was_refused_counts_again_when_no_other_row_has_its_domain_any_more() {
    let bench = refused_once(&[("one", 3000)], customers_of(["one"]));
    bench.file("fix.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.import("fix.csv").args(["--limit", "0"]).exits(5);
    bench.file("more.csv", customers_of(["one"]).replacen("Harborline", "Northgate", 1));
    bench.import("more.csv").args(["--limit", "0"]).exits(5);
    bench.tenantry(["discard", "--domain", "two", "--yes"]).exits(0);
    bench.tenantry(["discard", "--domain", "one", "--yes"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("declined", 2), ("failed", 1)]));
}

/// An export has some rows of a list: what it does not have is not missing.
#[test]
fn what_an_export_no_longer_contains_is_sent() {
    let bench = refused_once(&[("one", 3000), ("two", 3000)], customers_of(["one", "two"]));
    let export = || bench.tenantry(["export", "failed"]).exits(0).stdout.clone();
    bench.file("failed.csv", export().replace("High Street", "Long Street"));
    bench.import("failed.csv").args(["--limit", "1"]).exits(5);
    bench.file("failed.csv", export());
    bench.import("failed.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 2)]));
    bench.agree();
}

/// Some of its rows may be left for later.
#[test]
fn what_an_export_no_longer_contains_is_not_gone() {
    let refused = ["one", "two", "one", "two"].map(|domain| (domain, 3000));
    let bench = refused_once(&refused, customers_of(["one", "two"]));
    bench.file("fix.csv", changed(&bench, "failed", &[("High Street", "Long Street")]));
    bench.import("fix.csv").exits(3);
    let one: Vec<_> =
        changed(&bench, "failed", &[("Long", "Short")]).lines().take(2).map(str::to_owned).collect();
    bench.file("fix.csv", one.join("\n"));
    bench.import("fix.csv").exits(3);
    assert_eq!(bench.creations().len(), 1);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
}

/// What the operator has retried although its list does not contain it is wanted.
#[test]
fn a_row_that_was_retried_after_it_was_gone_is_sent() {
    let bench = refused_once(&[("one", 3000)], customers_of(["one", "two"]));
    bench.file("customers.csv", customers_of(["two"]));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["retry", "--yes", "--limit", "0", "--api-url", &bench.simulator().url()]).exits(5);
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2)]));
    bench.agree();
}

/// Its company is a customer under another domain, whatever else changes in the list of before.
#[test]
fn a_changed_row_of_the_list_does_not_undo_its_correction() {
    let by_id = |phone: &str| format!("{HEADER},phone_number,external_id\n{},{phone},CRM-1\n", row("one"));
    let bench = refused_once(&[("one", 3000)], by_id("+44 113 496 0001"));
    bench.file("fix.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.import("fix.csv").exits(0);
    bench.file("customers.csv", by_id("+44 113 496 0002"));
    for _ in 0..2 {
        bench.import("customers.csv").exits(0).says("changes come too late, and are ignored, on line 2");
    }
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    // The list of the next day has another name, and a pipe has none.
    let changed_again = by_id("+44 113 496 0003");
    bench.file("customers-2.csv", &changed_again);
    bench.import("customers-2.csv").exits(0).says("are ignored, on line 2");
    bench.import("-").stdin(changed_again).exits(0).says("are ignored, on line 2");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    bench.agree();
    // After a retry by its export, which the row belongs to from then on.
    let bench = refused_once(&[("one", 3000), ("one", 3000)], by_id("+44 113 496 0001"));
    bench.file("failed.csv", changed(&bench, "failed", &[]));
    bench.import("failed.csv").args(["--retry-failed"]).exits(3);
    bench.file("fix.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.import("fix.csv").exits(0);
    bench.file("customers.csv", by_id("+44 113 496 0002"));
    bench.import("customers.csv").exits(0).says("changes come too late, and are ignored, on line 2");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
    // While the correction waits, and in the run that brings it.
    let bench = refused_once(&[("one", 3000)], by_id("+44 113 496 0001"));
    bench.file("fix.csv", changed(&bench, "failed", &[(",one,", ",two,")]));
    bench.file("customers.csv", by_id("+44 113 496 0002"));
    bench.import("fix.csv").args(["customers.csv"]).exits(0);
    assert_eq!(bench.creations().into_iter().map(|it| it.domain).collect::<Vec<_>>(), [full("two")]);
}

/// A company that has the domain, or the external id, of what was corrected is another one if its row says so.
#[test]
fn a_row_that_only_has_the_domain_of_a_corrected_one_is_created() {
    let wrong = |domain: &str, id: &str| with_ids(&[(domain, id)]).replace(&email(domain), "nowhere");
    let night = |bench: &Bench, list: String, code: i32| {
        bench.file("customers.csv", list);
        bench.import("customers.csv").exits(code);
    };
    // The domain was meant for a company with another external id, which has one of its own now.
    let bench = Bench::new();
    night(&bench, wrong("one", "CRM-1"), 3);
    night(&bench, wrong("one", "CRM-9"), 3);
    night(&bench, with_ids(&[("nine", "CRM-9")]), 0);
    night(&bench, with_ids(&[("nine", "CRM-9"), ("one", "CRM-1")]), 0);
    assert_eq!(bench.creations().len(), 2);
    // The list has both under one external id.
    let bench = Bench::new();
    night(&bench, wrong("one", "CRM-1"), 3);
    night(&bench, with_ids(&[("two", "CRM-1")]), 0);
    night(&bench, with_ids(&[("two", "CRM-1"), ("one", "CRM-1")]), 0);
    assert_eq!(bench.creations().len(), 2);
}
