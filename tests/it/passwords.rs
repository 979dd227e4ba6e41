//! One-time passwords at rest: each opens for its own row alone, under a key that was durable before anything was sent;
//! ledgers of before open as they did.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;
use tenantry_simulator::Operation;

use crate::harness::{Bench, customers, domain, full};

const OLD_LEDGER: &str = include_str!("../data/ledger-0005.sql");
const OLD_IDENTITY: &str = include_str!("../data/ledger-0005.identity.txt");
const OLD_PASSWORDS: &str = "company_name,domain,customer_id,user_name,password\n\
    Harborline Old One Ltd,old1.onmicrosoft.com,61f9db38-952e-4878-9bff-4b4906c6d74c,admin@old1.onmicrosoft.com,\";Bnpvkdu=-kc,\"\"\"\n\
    Harborline Old Two Ltd,old2.onmicrosoft.com,22cd28ac-e62f-496d-aa4e-f966dc185673,admin@old2.onmicrosoft.com,\"\"\"EDCuT9YE=,sH;\"\n";

/// Writes a file for its owner alone.
pub(crate) fn private_file(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// A bench whose ledger a program before data keys has made; the identity of its two passwords is `old.txt`.
pub(crate) fn with_old_ledger() -> Bench {
    let bench = Bench::new();
    private_file(&bench.path("old.txt"), OLD_IDENTITY);
    private_file(&bench.ledger_path(), "");
    let ledger = Connection::open(bench.ledger_path()).unwrap();
    ledger.execute_batch(OLD_LEDGER).unwrap();
    let api = bench.simulator().url();
    ledger
        .execute("UPDATE ledger SET api = ?1, partner_tenant_id = NULL", [api.trim_end_matches('/')])
        .unwrap();
    bench
}

fn change(bench: &Bench, sql: &str) {
    Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn the_passwords_of_a_ledger_of_before_open_as_they_did() {
    let bench = with_old_ledger();
    let opened = bench.tenantry(["credentials", "--identity", "old.txt"]).exits(0);
    assert_eq!(opened.stdout, OLD_PASSWORDS, "{opened}");
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").args(["--identity", "old.txt"]).exits(0);
    let opened = bench.tenantry(["credentials", "--identity", "old.txt"]).exits(0);
    assert!(opened.stdout.starts_with(OLD_PASSWORDS), "{opened}");
    let new = format!(",{},{}", full(&domain(1)), bench.creations()[0].customer_id);
    assert!(opened.stdout.contains(&new), "{opened}");
}

#[test]
fn a_password_that_was_put_in_the_place_of_another_does_not_open() {
    let check = |what: &str, sql: &str, unopened: &[usize]| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(4));
        bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
        change(&bench, sql);
        let done = bench.tenantry(["credentials"]).exits(1);
        let names: Vec<String> = unopened.iter().map(|n| full(&domain(*n))).collect();
        done.says(&format!("{} of 4 passwords cannot be opened", unopened.len()))
            .says("changed in the ledger, or the password of another row")
            .says(&format!("({})", names.join(", ")));
        for creation in bench.creations() {
            let is_out = done.stdout.contains(&creation.password.replace('"', "\"\""));
            assert_eq!(is_out, !names.contains(&creation.domain), "{what}, {}: {done}", creation.domain);
        }
        let recorded = bench.ledger().number("SELECT count(*) FROM opened_passwords");
        assert_eq!(recorded, 4 - unopened.len() as i64, "{what}: what did not open was not opened");
    };
    check(
        "two rows swapped",
        "CREATE TEMP TABLE was AS SELECT id, sealed_credentials AS sealed FROM customer_rows WHERE id IN (1, 2);
         UPDATE customer_rows SET sealed_credentials = (SELECT sealed FROM was WHERE was.id = 3 - customer_rows.id)
          WHERE id IN (1, 2);",
        &[1, 2],
    );
    check(
        "one copied to another row",
        "UPDATE customer_rows SET sealed_credentials = (SELECT sealed_credentials FROM customer_rows WHERE id = 4)
          WHERE id = 3",
        &[3],
    );
    check(
        "one changed",
        "UPDATE customer_rows SET sealed_credentials = CAST(sealed_credentials || x'00' AS BLOB) WHERE id = 2",
        &[2],
    );
}

#[test]
fn a_password_opens_in_its_own_ledger_alone() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    bench.tenantry(["backup", "copy.db"]).exits(0);
    bench.tenantry(["credentials", "--ledger", "copy.db"]).exits(0);
    change(&bench, "UPDATE ledger SET ledger_id = '11111111-2222-4333-8444-555555555555'");
    bench.tenantry(["credentials"]).exits(1).says("2 of 2 passwords cannot be opened");
}

#[test]
fn every_opening_is_recorded_row_by_row() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    bench.tenantry(["credentials", "--domain", &domain(2)]).exits(0);
    bench.tenantry(["credentials"]).exits(0);
    let times = |row: i64| {
        bench.ledger().number(&format!("SELECT count(*) FROM opened_passwords WHERE row_id = {row}"))
    };
    assert_eq!((times(1), times(2), times(3)), (1, 2, 1));
    assert_eq!(bench.ledger().number("SELECT passwords FROM openings ORDER BY id DESC LIMIT 1"), 3);
}

/// The domains whose passwords the command gives out.
fn opened(bench: &Bench, flags: &[&str]) -> Vec<String> {
    let done = bench.tenantry(["credentials"]).args(flags).exits(0);
    let mut records = csv::Reader::from_reader(done.stdout.as_bytes());
    records.records().map(|record| record.unwrap()[1].to_owned()).collect()
}

fn domains<const N: usize>(numbers: [usize; N]) -> Vec<String> {
    numbers.iter().map(|n| full(&domain(*n))).collect()
}

#[test]
fn passwords_are_selected_by_run_and_by_whether_they_were_opened() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").exits(0);
    assert_eq!(opened(&bench, &["--run", "1", "--domain", &domain(2)]), domains([2]));
    assert_eq!(opened(&bench, &["--run", "2"]), domains([3]));
    assert_eq!(opened(&bench, &["--unopened", "--run", "2"]), domains([]));
    assert_eq!(opened(&bench, &["--unopened"]), domains([1]));
    let none = bench.tenantry(["credentials", "--unopened", "-o", "none.csv"]).exits(0);
    none.says("has no unopened passwords: `none.csv` has only its header.");
    assert_eq!(opened(&bench, &[]), domains([1, 2, 3]));
    bench
        .tenantry(["credentials", "--run", "9"])
        .exits(1)
        .says("has no run 9")
        .says("`tenantry status --ledger ");
    let header = fs::read_to_string(bench.path("none.csv")).unwrap();
    assert_eq!(header, "company_name,domain,customer_id,user_name,password\n");
}

/// Passwords of programs before data keys do not name their run.
#[test]
fn the_run_of_an_old_password_is_that_of_its_create() {
    let bench = with_old_ledger();
    let of_run =
        |run: &str| bench.tenantry(["credentials", "--identity", "old.txt", "--run", run]).exits(0).stdout;
    assert_eq!(of_run("1"), OLD_PASSWORDS);
}

/// The list of unopened passwords must have every password that was not seen yet.
#[test]
#[cfg(target_os = "linux")]
fn a_password_whose_output_was_not_written_counts_as_unopened() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    let password = |flag: &str| {
        let shown = bench.tenantry(["show", &domain(1)]).args([flag]).exits(0).stdout;
        let line = shown.lines().find(|line| line.trim_start().starts_with("password")).unwrap();
        line.trim().to_owned()
    };
    assert!(password("-q").ends_with("sealed in this ledger; never opened"));
    bench.tenantry(["credentials", "-o", "/dev/full"]).exits(1).says("could not write");
    assert!(password("-q").contains("opened, but the output was not written: open it again"));
    let nowhere = bench.tenantry(["credentials", "--unopened"]).in_shell("exec \"$0\" \"$@\" >&-").exits(1);
    nowhere.says("standard output is closed").says("no password counts as opened");
    assert_eq!(opened(&bench, &["--unopened"]), domains([1, 2]));
    assert_eq!(opened(&bench, &["--unopened"]), domains([]));
    let words = password("-q");
    assert!(words.contains("sealed in this ledger; opened 2") && words.contains(" by "), "{words}");
    // A scheduler may set none of these: the account of the process has a name, too.
    let unnamed = bench.tenantry(["credentials", "--domain", &domain(1)]).without("USER");
    unnamed.without("USERNAME").without("LOGNAME").exits(0);
    let words = password("-q");
    assert!(words.contains("sealed in this ledger; opened 2 times, last 2"), "{words}");
    assert!(words.contains(" by ") && !words.contains("unknown"), "{words}");
    let shown = bench.tenantry(["show", &domain(1), "--json"]).exits(0).json();
    let written: Vec<_> =
        shown[0]["password_openings"].as_array().unwrap().iter().map(|it| it["written"].as_bool()).collect();
    assert_eq!(written, [Some(false), Some(true), Some(true)]);
}

#[test]
fn a_run_that_creates_nothing_leaves_no_data_key() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let keys = || bench.ledger().number("SELECT count(*) FROM data_keys");
    bench.import("customers.csv").args(["--dry-run"]).exits(0);
    assert!(!bench.has_ledger());
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    bench.tenantry(["reconcile"]).exits(5);
    assert_eq!(keys(), 0);
    bench.resume().exits(0);
    assert_eq!(keys(), 1);
    bench.import("customers.csv").exits(0);
    assert_eq!(keys(), 1, "nothing was left to create");
    bench.agree();
}

#[test]
fn the_data_key_is_durable_before_anything_is_sent() {
    for (point, keys) in [("data_key_drawn", 0), ("data_key_kept", 1), ("intended", 1)] {
        let bench = Bench::new();
        bench.file("customers.csv", customers(2));
        let died = bench.import("customers.csv").env("TENANTRY_CRASH_AT", point).run();
        assert_eq!(died.code, None, "{died}");
        assert_eq!(bench.ledger().number("SELECT count(*) FROM data_keys"), keys, "{point}");
        assert_eq!(bench.count(Operation::Create), 0, "{point}");
        bench.resume().exits(0);
        bench.agree();
    }
}

#[test]
fn passwords_that_a_spreadsheet_takes_for_formulas_are_counted() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(40));
    bench.import("customers.csv").exits(0);
    let of_formulas =
        bench.creations().iter().filter(|it| it.password.starts_with(['=', '+', '-', '@'])).count();
    let warning = match of_formulas {
        1 => "1 password begins with = + - or @".to_owned(),
        count => format!("{count} passwords begin with = + - or @"),
    };
    for flags in [&["-o", "passwords.csv"][..], &["--for-excel"]] {
        let opened = bench.tenantry(["credentials"]).args(flags).exits(0);
        assert_eq!(opened.stderr.contains(&warning), of_formulas > 0, "{of_formulas}: {opened}");
        assert_eq!(opened.stderr.contains("Data > From Text/CSV"), of_formulas > 0, "{opened}");
    }
    // A script reads what it is given.
    assert!(!bench.tenantry(["credentials"]).exits(0).stderr.contains("begin"));
}

/// They may contain passwords. One that another process writes, or that may be one, stays.
#[test]
fn what_a_killed_process_was_writing_is_removed() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    let left: Vec<_> = [
        ".tenantry-unfinished-AbCd01",
        ".tenantry-unfinished-AbCd02",
        ".tenantry-unfinished-AbCd03",
        ".tenantry-secret",
    ]
    .map(|name| bench.path(bench.file(name, "secret")))
    .into_iter()
    .map(|path| (fs::File::options().write(true).open(&path).unwrap(), path))
    .collect();
    for (file, path) in &left {
        if !path.ends_with(".tenantry-unfinished-AbCd02") {
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
    }
    left[2].0.lock().unwrap();
    bench.tenantry(["credentials", "-o", "passwords.csv"]).exits(0);
    let is_there: Vec<_> = left.iter().map(|(_, path)| path.exists()).collect();
    assert_eq!(is_there, [false, true, true, true]);
}
