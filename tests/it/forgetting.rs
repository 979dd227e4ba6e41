//! `forget` erases personal data: nothing of it is left in the ledger's files, and nothing is sent or created because of
//! that.

use std::fs;

use rusqlite::Connection;
use tenantry_simulator::{Fault, Operation};

use crate::harness::{
    Bench, Call, HEADER, customers, customers_of, domain, email, full, row, snapshot, states,
};
#[cfg(unix)]
use crate::terminal::{Terminal, WIDE};

const AGREEMENT: &str =
    "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
const ACCEPTED: &str = "Zebulon,Quagmire,zebulon@quagmire.example.com,+44 113 496 0000,2026-08-14";

/// What may be left nowhere: of cells and customers, of a signatory, of problems, of texts of the service.
const PERSONAL: [&str; 9] = [
    "Harborline one Ltd",
    "1 High Street",
    "LS1 5HD",
    "accounts@one.example.com",
    "Quagmire",
    "zebulon@quagmire",
    "+44 113 496 0000",
    "nowhere-to-be-found",
    "accounts@halfmade1.example.com is invalid",
];

/// Two created customers, one of them with an acceptance; a refused and a rejected row.
fn list() -> String {
    let line = |domain: &str, accepted: &str| format!("{},{domain}-key,{accepted}\n", row(domain));
    let rejected = line("fabrikam", ",,,,").replace(&email("fabrikam"), "nowhere-to-be-found");
    let header = format!("{HEADER},external_id,{AGREEMENT}\n");
    [header, line("one", ACCEPTED), line("two", ",,,,"), line("half-made-1", ",,,,"), rejected].concat()
}

fn imported() -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", list());
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(3);
    bench
}

/// A hundred days later.
fn later<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.file("clock", (100 * 24 * 3600).to_string());
    bench.tenantry(args).env("TENANTRY_CLOCK_OFFSET", bench.path("clock"))
}

fn forget<'a>(bench: &'a Bench, flags: &[&str]) -> Call<'a> {
    later(bench, &["forget", "--older-than", "90d", "--yes"]).args(flags)
}

fn forget_asking(bench: &Bench) -> Call<'_> {
    later(bench, &["forget", "--older-than", "90d"]).asking()
}

fn change(bench: &Bench, sql: &str) {
    Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
}

/// The refused and the rejected row of the list.
fn acknowledge(bench: &Bench) {
    bench.tenantry(["acknowledge", "--code", "27002", "--code", "email"]).exits(0);
}

/// Which of the texts are in the ledger's file or in one beside it.
fn found(bench: &Bench, texts: &[&str]) -> Vec<String> {
    let entries = fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap());
    let of_ledger = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("ledger.db"));
    let files: Vec<Vec<u8>> = of_ledger.map(|entry| fs::read(entry.path()).unwrap()).collect();
    assert!(!files.is_empty());
    let is_in =
        |text: &&&str| files.iter().any(|file| file.windows(text.len()).any(|it| it == text.as_bytes()));
    texts.iter().filter(is_in).map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_is_erased_is_in_none_of_the_ledgers_files() {
    let bench = imported();
    acknowledge(&bench);
    // A reader keeps the log from being written into the file when a run ends.
    let reader = Connection::open(bench.ledger_path()).unwrap();
    reader.query_row("SELECT count(*) FROM customers", [], |row| row.get::<_, i64>(0)).unwrap();
    change(&bench, "UPDATE customer_rows SET made_at = made_at");
    assert_eq!(found(&bench, &PERSONAL), PERSONAL);
    let passwords: Vec<String> = bench.creations().into_iter().map(|creation| creation.password).collect();
    assert_eq!(passwords.len(), 2);
    let done = forget(&bench, &[]).exits(0);
    done.says("Erased: personal data of 4 rows (2 created, 1 failed, 1 rejected).");
    assert_eq!(found(&bench, &PERSONAL), [""; 0]);
    // What recognizes a customer is still there.
    assert_eq!(found(&bench, &["one.onmicrosoft.com", "one-key", "fabrikam-key"]).len(), 3);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("failed", 1), ("rejected", 1)]));
    assert_eq!(bench.ledger().agreements()[&full("one")], "recorded");
    drop(reader);
    bench.agree();
    forget(&bench, &[]).exits(0).says("Nothing to erase");
}

#[test]
fn a_nightly_list_is_not_taken_up_anew() {
    let bench = imported();
    acknowledge(&bench);
    forget(&bench, &[]).exits(0);
    let requests = bench.simulator().requests().len();
    let rows = bench.ledger().rows().len();
    for flags in [&[][..], &["--retry-failed"]] {
        let summary = bench.import("customers.csv").args(["--json"]).args(flags).run().json();
        assert_eq!(summary["run"]["skipped"], 4, "{summary:#}");
        assert_eq!(bench.ledger().rows().len(), rows);
        assert_eq!(bench.simulator().requests().len(), requests, "{flags:?}: nothing is sent");
    }
    // A changed row is recognized by its domain.
    bench.file("customers.csv", list().replace("Harborline one Ltd", "Harborline One Ltd"));
    bench.import("customers.csv").run();
    assert_eq!(bench.ledger().rows().len(), rows);
    bench.agree();
}

#[test]
fn what_may_need_work_is_kept() {
    let bench = imported();
    let done = forget(&bench, &["--passwords"]).exits(0);
    done.says("Erased: personal data of 2 rows (2 created).")
        .says("Kept: 2 older rows that may need work (1 failed, 1 rejected)")
        .says("`tenantry acknowledge --code CODE --ledger ");
    assert_eq!(found(&bench, &["nowhere-to-be-found", "Harborline one Ltd"]), ["nowhere-to-be-found"]);
    // Nothing is old enough now.
    bench.tenantry(["forget", "--older-than", "90d", "--yes"]).exits(0).says("Nothing to erase");
    bench.agree();
}

#[test]
fn a_row_waits_for_its_agreement() {
    let bench = imported();
    change(&bench, "UPDATE agreements SET state = 'failed', error_code = '1'");
    let done = forget(&bench, &[]).exits(0);
    done.says("personal data of 1 row (1 created)")
        .says("Kept: 1 older row whose customer agreement is not recorded.");
    assert_eq!(found(&bench, &["Quagmire", "Harborline two Ltd"]), ["Quagmire"]);
    bench.tenantry(["acknowledge", "--code", "1"]).exits(0);
    forget(&bench, &[]).exits(0).says("personal data of 1 row (1 created)");
    assert_eq!(found(&bench, &["Quagmire"]), [""; 0]);
    // Without its data it cannot be tried again.
    let requests = bench.simulator().requests().len();
    bench
        .tenantry(["retry", "--domain", "one", "--acknowledged"])
        .exits(3)
        .says("1 row left alone: `tenantry forget` has erased");
    assert_eq!(bench.simulator().requests().len(), requests);
}

/// Their list has to bring the data again, after the acknowledgement was undone.
#[test]
fn erased_rows_are_worked_on_again_as_the_hints_say() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    for n in 1..=3 {
        bench.fault(Operation::Create, &domain(n), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    }
    bench.import("customers.csv").exits(3);
    bench.tenantry(["acknowledge", "--code", "3000"]).exits(0);
    forget(&bench, &[]).exits(0);
    let requests = bench.simulator().requests().len();
    bench.import("customers.csv").args(["--retry-failed"]).exits(0);
    bench
        .tenantry(["retry", "--acknowledged", "--yes"])
        .exits(0)
        .says("3 rows left alone: `tenantry forget` has erased their data. Undo their acknowledgement with `tenantry acknowledge --undo");
    assert_eq!(bench.simulator().requests().len(), requests, "nothing is sent");
    // One of them is in doubt.
    change(&bench, "UPDATE customer_rows SET state = 'unresolved', in_doubt_since = changed_at WHERE id = 3");
    bench.tenantry(["acknowledge", "--undo", "--code", "3000"]).exits(0).says(
        "Not acknowledged any more: 2 failed rows, 1 unresolved row. `tenantry forget` has erased the data of 3 rows: to \
         work on them, import their list with `--retry-failed`. For unresolved rows, run `tenantry reconcile",
    );
    // Nothing is known of the row that is in doubt, so it is neither sent nor looked up.
    bench.tenantry(["reconcile"]).run();
    assert_eq!(bench.simulator().requests().len(), requests);
    bench.import("customers.csv").args(["--retry-failed"]).exits(6);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("unresolved", 1)]));
    assert_eq!(bench.creations().len(), 2);
    let before = bench.simulator().requests().len();
    bench.tenantry(["reconcile"]).run();
    assert!(bench.simulator().requests().len() > before, "it is looked up");
    assert_eq!(bench.creations().len(), 2, "and not sent");
    bench.resume().exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 3)]));
}

#[test]
fn only_passwords_that_were_opened_are_erased() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    bench.tenantry(["credentials", "--domain", &domain(1)]).exits(0);
    bench.tenantry(["credentials", "--domain", &domain(2)]).exits(0);
    // Opened again a short time ago.
    later(&bench, &["credentials", "--domain", &domain(2)]).exits(0);
    forget(&bench, &["--passwords"]).exits(0).says("of 3 rows (3 created) and 1 opened password.");
    let left = bench.tenantry(["credentials"]).exits(0).stdout;
    assert!(!left.contains(&domain(1)) && left.contains(&domain(2)) && left.contains(&domain(3)), "{left}");
    let shown = bench.tenantry(["show", &domain(1)]).exits(0).stdout;
    assert!(shown.contains("by `tenantry forget`; opened 2"), "{shown}");
    // It is not lost, so there is no warning.
    let status = bench.tenantry(["status"]).exits(0);
    assert!(!status.to_string().contains("without a password"), "{status}");
    let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
    assert_eq!(summary["created_without_credentials"], 0);
}

#[test]
fn a_forget_that_was_interrupted_has_erased_all_or_nothing_and_is_finished_by_the_next() {
    for (point, is_erased) in [("erasing", false), ("erased", true), ("rewritten", true)] {
        let bench = imported();
        acknowledge(&bench);
        let died = forget(&bench, &[]).env("TENANTRY_CRASH_AT", point).run();
        assert_eq!(died.code, None, "{point}: {died}");
        let erased = bench.ledger().number("SELECT count(*) FROM customer_rows WHERE erased_at IS NOT NULL");
        assert_eq!(erased, if is_erased { 4 } else { 0 }, "{point}");
        let done = forget(&bench, &[]).exits(0);
        match is_erased {
            true => done.says("was interrupted").says("Nothing to erase"),
            false => done.says("personal data of 4 rows"),
        };
        assert_eq!(found(&bench, &PERSONAL), [""; 0], "{point}");
        let owed = bench.ledger().number("SELECT count(*) FROM erasures WHERE cleaned_at IS NULL");
        assert_eq!(owed, 0, "{point}");
        bench.agree();
    }
}

#[test]
fn a_program_that_reads_keeps_the_log_from_being_cleaned() {
    let bench = imported();
    let reader = Connection::open(bench.ledger_path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    let done = forget(&bench, &[]).env("TENANTRY_LOCK_PATIENCE", "1").exits(1);
    done.says("the data is erased, but")
        .says("-wal` may still contain it")
        .says("run the same command again");
    drop(reader);
    forget(&bench, &[]).exits(0).says("was interrupted");
    assert_eq!(found(&bench, &["Harborline one Ltd"]), [""; 0]);
}

#[test]
fn copies_that_still_have_the_data_are_named_and_can_be_cleaned_too() {
    let bench = imported();
    bench.tenantry(["backup", "copy.db"]).exits(0);
    bench.file("other.csv", customers_of(["other"]));
    bench.import("other.csv").args(["--ledger", "other.db"]).exits(0);
    let done = forget(&bench, &[]).exits(0);
    done.says("These copies of the ledger still have the data").says("copy.db`");
    assert!(!done.stderr.contains("other.db"), "{done}");
    let is_in_copy = || fs::read(bench.path("copy.db")).unwrap().windows(8).any(|it| it == b"Quagmire");
    assert!(is_in_copy());
    forget(&bench, &["--ledger", "copy.db"]).exits(0).says("personal data of 2 rows");
    assert!(!is_in_copy());
    bench.resume().args(["--ledger", "copy.db"]).exits(2).says("is a copy that was made at");
}

#[test]
fn it_needs_consent_and_the_ledger_for_itself() {
    let bench = imported();
    let before = fs::read(bench.ledger_path()).unwrap();
    // Neither the environment nor settings, which are about creating customers, agree to that.
    bench.trusts("yes = true\n");
    let unattended = forget_asking(&bench).unattended().env("TENANTRY_YES", "true");
    unattended.exits(2).says("cannot ask whether to erase data").says("`--yes`");
    assert_eq!(fs::read(bench.ledger_path()).unwrap(), before);
    bench.tenantry(["forget"]).exits(2).says("--older-than");
    bench
        .tenantry(["forget", "--older-than", "soon"])
        .exits(2)
        .says("write whole days or weeks, such as `90d` or `12w`");
    // `m` is minutes elsewhere: it must not be taken for months.
    bench.tenantry(["forget", "--older-than", "3m", "--yes"]).exits(2).says("write whole days or weeks");
    bench
        .tenantry(["forget", "--older-than", "90d", "--yes", "--ledger", "none.db"])
        .exits(1)
        .says("there is no ledger");
    assert!(!bench.path("none.db").exists());
}

#[cfg(unix)]
#[test]
fn it_says_what_it_will_do_and_asks() {
    let bench = imported();
    let terminal = Terminal::start(forget_asking(&bench), WIDE);
    terminal.shows("this erases: personal data of 2 rows (2 created)");
    terminal.shows("Erased data cannot be restored. Erase it? (yes/no)");
    // Another command does not get in between.
    bench.resume().exits(11);
    terminal.types("no\r");
    let screen = terminal.ends_with(5);
    assert!(screen.contains("Nothing was erased: you said no."), "{screen}");
    assert_eq!(found(&bench, &["Harborline one Ltd"]).len(), 1);
    let terminal = Terminal::start(forget_asking(&bench), WIDE);
    terminal.shows("Erase it? (yes/no)");
    terminal.types("yes\r");
    terminal.ends_with(0);
    assert_eq!(found(&bench, &["Harborline one Ltd"]), [""; 0]);
}

#[test]
fn every_command_says_that_the_data_was_erased() {
    let bench = imported();
    acknowledge(&bench);
    forget(&bench, &[]).exits(0);
    bench.file("again.csv", customers_of(["three"]).replace("Harborline three Ltd", "Harborline one Ltd"));
    let told = |args: &[&str]| format!("$ tenantry {}\n{}\n", args.join(" "), bench.tenantry(args).run());
    snapshot!(
        [
            &["show", "one"][..],
            &["show", "fabrikam-key"],
            &["list"],
            &["export", "created"],
            &["export", "failed", "--acknowledged"],
            &["export", "all", "-o", "all.csv"],
            &["credentials"],
            &["status"],
            &["import", "again.csv", "--dry-run"],
        ]
        .map(told)
        .concat()
    );
}

/// A row that was rejected because of another row of its list is not sent without its data.
#[test]
fn a_row_that_was_wrong_beside_another_stays_rejected() {
    let bench = Bench::new();
    let rows =
        customers_of(["one", "two"]).replace('\n', ",\n").replacen(",\n", ",associated_partner_id\n", 1);
    bench.file("customers.csv", rows.replacen(",\n", ",8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951\n", 1));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["acknowledge", "--code", "mixed_resellers"]).exits(0);
    forget(&bench, &[]).exits(0);
    let requests = bench.simulator().requests().len();
    bench.import("customers.csv").args(["--allow-direct"]).run();
    assert_eq!(bench.ledger().row("two").state, "rejected");
    assert_eq!(bench.simulator().requests().len(), requests);
}

/// A customer under a second domain is still recognized by its external id.
#[test]
fn an_erased_customer_is_recognized_by_its_external_id() {
    let bench = imported();
    forget(&bench, &[]).exits(0);
    bench.file(
        "more.csv",
        list().replace(",one,", ",one-again,").lines().take(2).collect::<Vec<_>>().join("\n"),
    );
    let plan = bench.import("more.csv").args(["--dry-run"]).exits(0).to_string();
    assert!(plan.contains("line 2: one-again.onmicrosoft.com and one.onmicrosoft.com"), "{plan}");
    assert!(
        plan.contains("2 customers of the ledger could be compared with these rows by external id only"),
        "{plan}"
    );
}

/// An export from before the erasing comes back: what a spreadsheet changed in it cannot be found out any more.
#[test]
fn a_row_that_comes_back_after_its_data_was_erased_says_that_it_cannot_be_compared() {
    let bench = imported();
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    acknowledge(&bench);
    forget(&bench, &[]).exits(0);
    let exported = fs::read_to_string(bench.path("failed.csv")).unwrap();
    bench.file("failed.csv", exported.replace(",half-made-1,", ",whole-1,"));
    let done = bench.import("failed.csv").run();
    done.says("1 row cannot be compared with what was exported: `tenantry forget` has erased it.");
    assert_eq!(bench.ledger().row("whole-1").state, "created");
    assert_eq!(bench.ledger().states(), states([("created", 3), ("rejected", 1), ("superseded", 1)]));
    bench.agree();
}

/// An acceptance that comes later is recorded: it needs the customer, which the list brings again.
#[test]
fn an_agreement_that_comes_later_is_recorded_for_an_erased_customer() {
    let bench = imported();
    forget(&bench, &[]).exits(0);
    bench.file("customers.csv", list().replace("two-key,,,,,", &format!("two-key,{ACCEPTED}")));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().agreements()[&full("two")], "recorded");
    assert_eq!(bench.simulator().acceptances().len(), 2);
    assert_eq!(found(&bench, &["Quagmire"]).len(), 1);
    let shown = bench.tenantry(["show", "two"]).exits(0).stdout;
    assert!(shown.contains("a list brought the customer again"), "{shown}");
    forget(&bench, &[]).exits(0).says("personal data of 1 row (1 created)");
    assert_eq!(found(&bench, &["Quagmire", "Harborline two Ltd"]), [""; 0]);
    bench.agree();
}

/// It was acknowledged and erased, and counts again. Its list has what an export needs.
#[test]
fn an_erased_row_that_is_wrong_is_stored_again_when_its_list_comes() {
    let bench = Bench::new();
    let wrong = row("wrong").replace(&email("wrong"), "nowhere");
    bench.file("customers.csv", format!("{HEADER}\n{wrong}\n"));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["acknowledge", "--domain", "wrong"]).exits(0);
    later(&bench, &["forget", "--older-than", "1d", "--yes"]).exits(0);
    bench.import("customers.csv").exits(0);
    bench.tenantry(["acknowledge", "--undo", "--domain", "wrong"]).exits(0);
    bench.import("customers.csv").exits(3);
    let again = bench.tenantry(["export", "rejected"]).exits(0).stdout.replace("nowhere", &email("wrong"));
    bench.file("rejected.csv", again);
    bench.import("rejected.csv").exits(0);
    assert_eq!(bench.ledger().row("wrong").state, "created");
    bench.agree();
}
