//! Copies of the ledger: whole or not there, for their owner alone, and never taken for the ledger unawares.

#[cfg(unix)]
use std::ffi::OsStr;
use std::fs;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rusqlite::Connection;
use tenantry_simulator::{Fault, Operation};

use crate::green_nights::with_ids;
use crate::harness::{Bench, customers, customers_of, domain, eventually, full, states};

fn beside(bench: &Bench, suffix: &str) -> PathBuf {
    bench.path(&format!("ledger.db{suffix}"))
}

/// The domains of all customers that were created.
fn created(bench: &Bench) -> Vec<String> {
    bench.creations().into_iter().map(|it| it.domain).collect()
}

/// As the README says it is done.
fn restore(bench: &Bench, copy: &str) {
    for suffix in ["-wal", "-shm"] {
        drop(fs::remove_file(beside(bench, suffix)));
    }
    fs::copy(bench.path(copy), bench.ledger_path()).unwrap();
}

/// The operator reads what a restored ledger holds back when it is restored, and not when the command is refused.
#[test]
fn a_refused_command_does_not_restore_a_copy() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    by_backup(&bench, "bak.db");
    restore(&bench, "bak.db");
    let elsewhere = ["--restored", "--api-url", "http://127.0.0.1:9"];
    bench.resume().args(elsewhere).exits(2).says("belongs to");
    bench.resume().exits(2).says("is a copy that was made at");
    bench.resume().args(["--restored"]).exits(5).says("2 rows may have been sent or replaced since");
}

/// Rows in flight that a restored ledger holds back are not sent, and make no room for others.
#[test]
fn rows_that_a_restored_ledger_holds_back_do_not_raise_max_new() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let died = bench.import("customers.csv").env("TENANTRY_CRASH_AT", "sending#3").run();
    assert_eq!(died.code, None);
    assert!(bench.ledger().states()["in_flight"] > 0);
    by_backup(&bench, "bak.db");
    restore(&bench, "bak.db");
    bench.resume().args(["--restored"]).exits(5);
    bench.file("other.csv", customers_of(["one1", "two1"]));
    let refused = bench.import("other.csv").args(["--max-new", "1"]).exits(5);
    refused.says("2 customers would be created, and --max-new allows 1");
}

/// The lost ledger may have replaced what the copy knows as refused, under a domain that the copy does not know.
#[test]
fn what_a_copy_knows_as_refused_is_not_tried_again_without_its_file() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "first1", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", customers_of(["first1"]));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["backup", "bak.db"]).exits(0);
    let failed = bench.tenantry(["export", "failed"]).exits(0).stdout;
    bench.file("failed.csv", failed.replace(",first1,", ",second1,"));
    bench.import("failed.csv").exits(0);

    restore(&bench, "bak.db");
    let done =
        bench.tenantry(["retry", "--yes", "--restored", "--api-url", &bench.simulator().url()]).exits(3);
    done.says("1 row left alone since the ledger was restored");
    let status = bench.tenantry(["status"]).exits(0);
    status.prints("when you have imported the files that you corrected after the backup");
    assert!(!status.stdout.contains("tenantry retry"), "{status}");
    assert_eq!(bench.creations().len(), 1);
    bench.import("failed.csv").exits(0);
    assert_eq!(bench.creations().len(), 1);
}

/// Makes a copy of the ledger with this name.
type MakeCopy = fn(&Bench, &str);

fn by_backup(bench: &Bench, copy: &str) {
    bench.tenantry(["backup", copy]).exits(0).says("remove `-wal` and `-shm`").says("--restored");
}

fn by_vacuum(bench: &Bench, copy: &str) {
    let ledger = Connection::open(bench.ledger_path()).unwrap();
    ledger.execute("VACUUM INTO ?1", [bench.path(copy).to_str().unwrap()]).unwrap();
}

/// Page by page, as SQLite's backup and a snapshot copy a ledger at rest.
fn by_snapshot(bench: &Bench, copy: &str) {
    let ledger = Connection::open(bench.ledger_path()).unwrap();
    ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::copy(bench.ledger_path(), bench.path(copy)).unwrap();
}

/// A row that was refused after the copy was made, and corrected under another domain, is no work of the copy's.
#[test]
fn a_restored_copy_creates_nothing_twice() {
    let ways: [(&str, MakeCopy); 3] =
        [("backup", by_backup), ("VACUUM INTO", by_vacuum), ("snapshot", by_snapshot)];
    for (way, make_copy) in ways {
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["first1", "plain1", "plain2"]));
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        make_copy(&bench, "bak.db");
        bench.fault(Operation::Create, "first1", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
        bench.import("customers.csv").exits(3);
        let failed = bench.tenantry(["export", "failed"]).exits(0).stdout;
        bench.file("failed.csv", failed.replace(",first1,", ",second1,"));
        bench.import("failed.csv").exits(0);
        assert_eq!(bench.creations().len(), 3);

        restore(&bench, "bak.db");
        let requests = bench.simulator().requests().len();
        if way == "backup" {
            for refused in [bench.resume(), bench.import("customers.csv"), bench.tenantry(["reconcile"])] {
                let done = refused.exits(2);
                done.says("is a copy that was made at")
                    .says("3 of its rows may have been sent or replaced since");
                done.says("--restored");
            }
        }
        bench.tenantry(["status"]).exits(0);
        let done = bench.resume().args(["--restored"]).exits(5);
        done.says("3 rows may have been sent or replaced since").says("import their files again");
        done.says("held back because the ledger was restored");
        assert_eq!(
            done.stderr.contains("`tenantry backup` did not make this backup"),
            way != "backup",
            "{done}"
        );
        bench.resume().args(["--restored"]).exits(5).says("`--restored` has no effect");
        bench.resume().exits(5);
        assert_eq!(bench.simulator().requests().len(), requests, "{way}: nothing was asked or sent");

        // The correction first, as it is said.
        bench.import("failed.csv").run();
        bench.import("customers.csv").exits(0);
        assert_eq!(bench.creations().len(), 3, "{way}");
        assert!(bench.creations().iter().all(|it| it.domain != full("first1")), "{way}");
        let states = bench.ledger().states();
        assert_eq!(states, self::states([("created", 2), ("existing", 1), ("superseded", 1)]), "{way}");
        bench.tenantry(["status"]).exits(0);
    }
}

/// Of a ledger that was itself restored once. Its later copy must not pass for that earlier one.
#[test]
fn a_copy_of_a_restored_ledger_is_restored_too() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    by_backup(&bench, "first.db");
    restore(&bench, "first.db");
    bench.import("customers.csv").args(["--restored"]).exits(0);
    bench.file("more.csv", customers(5));
    bench.import("more.csv").args(["--limit", "0"]).exits(5);
    by_vacuum(&bench, "second.db");
    bench.resume().exits(0);
    assert_eq!(bench.creations().len(), 5);

    restore(&bench, "second.db");
    let requests = bench.simulator().requests().len();
    bench.resume().args(["--restored"]).exits(5).says("2 rows may have been sent or replaced since");
    assert_eq!(bench.simulator().requests().len(), requests);
    bench.import("more.csv").exits(0);
    assert_eq!(bench.creations().len(), 5);
}

/// A ledger that was restored when one of its three rows was created, and whose list then has only this row and a new one.
/// `is_sent`: the lost ledger has created the other rows too.
fn restored_with_a_shorter_list(is_sent: bool) -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    by_backup(&bench, "bak.db");
    if is_sent {
        bench.resume().exits(0);
    }
    restore(&bench, "bak.db");
    bench.file("customers.csv", customers_of([domain(1).as_str(), "new1"]));
    bench.import("customers.csv").args(["--restored"]).exits(6).prints("Next: tenantry reconcile");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("unresolved", 2)]));
    bench
}

/// The list was another one only by mistake.
#[test]
fn rows_that_come_back_after_a_restore_are_sent() {
    let bench = restored_with_a_shorter_list(false);
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").exits(6).prints("Next: tenantry reconcile");
    bench.tenantry(["reconcile"]).exits(5).prints("Next: tenantry resume");
    bench.resume().exits(0);
    bench.agree();
    assert_eq!(bench.creations().len(), 4);
}

/// The lost ledger may have created them, or something else in their place.
#[test]
fn rows_that_their_list_no_longer_contains_after_a_restore_are_looked_up_and_not_sent() {
    let bench = restored_with_a_shorter_list(true);
    bench.tenantry(["reconcile"]).exits(5).prints("Next: tenantry resume");
    bench.resume().exits(0);
    assert_eq!(bench.creations().len(), 4);
    assert_eq!(bench.ledger().states(), states([("created", 4)]));

    let bench = restored_with_a_shorter_list(false);
    bench.tenantry(["reconcile"]).exits(6).prints("its list no longer contains it");
    bench.resume().exits(6);
    let shown = bench.tenantry(["show", &domain(2)]).exits(0);
    shown.prints("its list no longer contains the row, so it is not sent again");
    assert_eq!(bench.creations().len(), 2);
    bench.tenantry(["acknowledge", "--gone"]).exits(0);
    bench.tenantry(["status"]).exits(0);
    bench.agree();
}

/// A row that has moved to another list of the same run is not gone, and one that a list which was refused has adopted
/// is found as well.
#[test]
fn rows_that_are_held_back_are_looked_for_in_all_lists_of_a_run() {
    let restored = || {
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["one", "two", "three"]));
        bench.import("customers.csv").args(["--limit", "1"]).exits(5);
        by_backup(&bench, "bak.db");
        restore(&bench, "bak.db");
        bench
    };
    let bench = restored();
    bench.file("customers.csv", customers_of(["one"]));
    bench.file("other.csv", customers_of(["two", "three"]));
    bench.import("customers.csv").args(["other.csv", "--restored"]).exits(0);
    assert_eq!(bench.creations().len(), 3);
    let bench = restored();
    bench.import("customers.csv").args(["--restored"]).env("TENANTRY_CRASH_AT", "file_read").run();
    bench.file("customers.csv", customers_of(["one", "two"]));
    bench.import("customers.csv").exits(6).prints("Next: tenantry reconcile");
    bench.tenantry(["reconcile"]).exits(6);
    assert_eq!(bench.creations().len(), 2);
}

/// The word that a copy takes the ledger's place is kept until the other process has gone, and heard once.
#[test]
fn a_restored_copy_waits_for_the_lock_too() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    bench.tenantry(["backup", "bak.db"]).exits(0);
    restore(&bench, "bak.db");
    // Whoever holds the lock, and does not write.
    let lock =
        fs::File::options().create(true).read(true).append(true).open(bench.path("ledger.db.lock")).unwrap();
    lock.lock().unwrap();
    let restored =
        |patience: &str| bench.import("customers.csv").args(["--restored", "--wait-lock", patience]);
    restored("0s").exits(11);
    let waiting = restored("1m").spawn();
    eventually("it waits", || waiting.stderr().contains("Waiting for up to 1 min"));
    assert_eq!(bench.ledger().number("SELECT count(*) FROM copies WHERE restored_at IS NULL"), 1);
    lock.unlock().unwrap();
    let done = waiting.wait();
    assert_eq!(done.code, Some(0), "{done}");
    assert_eq!(done.says("This ledger is a backup of").stderr.matches("is a backup of").count(), 1);
    assert_eq!(bench.ledger().number("SELECT count(*) FROM copies WHERE restored_at IS NOT NULL"), 1);
    assert_eq!(bench.creations().len(), 3);
    bench.agree();
}

#[test]
fn a_copy_over_a_crashed_ledger_is_not_mixed_with_what_is_left_of_that() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").exits(0);
    bench.tenantry(["backup", "bak.db"]).exits(0);
    bench.file("more.csv", customers(200));
    bench.import("more.csv").env("TENANTRY_CRASH_AT", "closing").run();
    assert!(fs::metadata(beside(&bench, "-wal")).unwrap().len() > 0);
    fs::copy(bench.path("bak.db"), bench.ledger_path()).unwrap();
    let commands: [&[&str]; 4] =
        [&["resume"], &["import", "customers.csv", "--restored"], &["status"], &["credentials"]];
    for command in commands {
        let done = bench.tenantry(command).exits(1);
        done.says("belongs to another ledger").says("-shm` away");
    }
    assert_eq!(fs::read(bench.ledger_path()).unwrap(), fs::read(bench.path("bak.db")).unwrap());
    restore(&bench, "bak.db");
    bench.import("more.csv").args(["--restored"]).exits(0);
    assert_eq!(bench.creations().len(), 200);
}

#[cfg(unix)]
#[test]
fn a_copy_has_the_name_that_it_was_given() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    for name in ["file:x.db?mode=memory", ":memory:", "file:y.db"] {
        bench.tenantry(["backup", name]).exits(0);
        let status = bench.tenantry(["status", "--json", "--ledger", name]).exits(0).json();
        assert_eq!(status["rows"]["created"], 2, "{name}");
        assert!(fs::metadata(bench.path(name)).unwrap().len() > 4096);
    }
    bench.import("customers.csv").args(["--ledger", "file:l.db"]).run();
    assert!(bench.path("file:l.db").exists() && !bench.path("l.db").exists());
    let name = OsStr::from_bytes(b"not-\xff-text.db");
    bench.tenantry([OsStr::new("backup"), name]).exits(1).says("not text").says("another name");
    assert!(!bench.path("").join(name).exists());
}

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

#[test]
fn a_copy_is_whole_or_not_there() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    bench.tenantry(["backup", "copy.db"]).env("TENANTRY_CRASH_AT", "copied").run();
    assert!(!bench.path("copy.db").exists(), "an interrupted copy has no name of a whole one");
    bench.tenantry(["backup", "copy.db"]).exits(0);
    bench.tenantry(["status", "--ledger", "copy.db"]).exits(0);
}

/// The copy has a row that was to be tried again; the lost ledger has corrected it under another domain.
#[test]
fn a_correction_of_the_lost_ledger_replaces_what_the_copy_would_try_again() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "first1", Fault::RefusedBefore { status: 400, code: 3000 }, 2);
    bench.file("customers.csv", customers_of(["first1"]));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["retry", "--yes", "--limit", "0"]).exits(5);
    by_backup(&bench, "bak.db");
    bench.resume().exits(3);
    let failed = bench.tenantry(["export", "failed"]).exits(0).stdout;
    bench.file("failed.csv", failed.replace(",first1,", ",second1,"));
    bench.import("failed.csv").exits(0);

    restore(&bench, "bak.db");
    bench.import("failed.csv").args(["--restored"]).run();
    bench.import("customers.csv").run();
    bench.resume().run();
    assert_eq!(created(&bench), [full("second1")], "created twice");
}

/// A row that was refused before the copy, and corrected under another domain after it, must not be tried again.
#[test]
fn a_copy_in_which_nothing_waits_is_refused_too() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "first1", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", customers_of(["first1", "plain1"]));
    bench.import("customers.csv").exits(3);
    by_backup(&bench, "bak.db");
    let failed = bench.tenantry(["export", "failed"]).exits(0).stdout;
    bench.file("failed.csv", failed.replace(",first1,", ",second1,"));
    bench.import("failed.csv").exits(0);

    restore(&bench, "bak.db");
    let done = bench.tenantry(["retry", "--yes"]).exits(2);
    done.says("no row was waiting in it, but rows may have been added or corrected since");
    done.says("the rows that were refused are not retried until you import their files again");
    bench
        .tenantry(["status"])
        .exits(0)
        .prints("Next, if this copy takes the place of its original: tenantry resume --restored");
    bench.tenantry(["doctor"]).run().prints("ERROR    ledger");
    bench.tenantry(["retry", "--yes", "--restored"]).run();
    assert!(bench.creations().iter().all(|it| it.domain != full("first1")), "created twice");
    bench.import("failed.csv").run();
    assert_eq!(bench.creations().len(), 2);
}

/// Only the row that Partner Center has refused can be corrected without asking about it.
#[test]
fn a_correction_does_not_replace_a_held_row_that_the_lost_ledger_may_have_created() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["first1"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    by_backup(&bench, "bak.db");
    bench.resume().exits(0);
    let all = bench.tenantry(["export", "all"]).exits(0).stdout;
    bench.file("all.csv", all.replace(",first1,", ",second1,"));

    restore(&bench, "bak.db");
    bench.resume().args(["--restored"]).exits(5);
    bench.import("all.csv").exits(5).says("changes come too late");
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.creations().len(), 1);
    assert_eq!(bench.ledger().row("first1").state, "created");
}

/// In the lost ledger it was found to be refused, and corrected under another domain.
#[test]
fn an_unresolved_row_of_a_copy_is_held_back_too() {
    let by_id = |domain: &str| with_ids(&[(domain, "CRM-1")]);
    let bench = Bench::new();
    bench.fault(Operation::Create, "first1", Fault::RefuseBefore, 1);
    bench.fault(Operation::Search, "first1", Fault::StatusBefore { status: 503 }, 4);
    bench.file("customers.csv", by_id("first1"));
    bench.import("customers.csv").args(["--max-attempts", "1"]).exits(6);
    by_backup(&bench, "bak.db");
    bench.fault(Operation::Create, "first1", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.tenantry(["reconcile"]).exits(5);
    bench.resume().exits(3);
    bench.file("customers.csv", by_id("second1"));
    bench.import("customers.csv").exits(0);

    restore(&bench, "bak.db");
    let restored = bench.resume().args(["--restored"]).exits(6);
    restored.says("1 row may have been sent or replaced since").prints("unlimited customers.csv\n");
    let asked = |bench: &Bench| bench.requests(Operation::Search, "first1").len();
    let before = asked(&bench);
    bench.tenantry(["reconcile"]).exits(6).prints("unlimited customers.csv\n");
    assert_eq!(asked(&bench), before, "its list may have replaced it");
    // Its list does not have it any more.
    bench.import("customers.csv").exits(6).prints("Next: tenantry reconcile");
    bench.tenantry(["reconcile"]).exits(6).prints("its list no longer contains it");
    bench.tenantry(["reconcile"]).exits(6).prints("acknowledge --domain first1");
    bench.resume().run();
    assert_eq!(created(&bench), [full("second1")], "created twice");
}

/// That the lost ledger may have sent them is no reason to send them all.
#[test]
fn a_limit_holds_for_the_rows_of_a_restored_copy() {
    let rows = ["one1", "two1", "three1", "four1", "five1"];
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(rows));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    by_backup(&bench, "bak.db");
    restore(&bench, "bak.db");
    bench.import("customers.csv").args(["--restored", "--limit", "2"]).exits(5);
    assert_eq!(bench.creations().len(), 2);
    bench.resume().exits(0);
    assert_eq!(bench.creations().len(), rows.len());
}

/// In the lost ledger it was corrected unsent.
#[test]
fn a_correction_of_what_was_not_sent_replaces_a_held_row() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["first1"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    by_backup(&bench, "bak.db");
    let all = bench.tenantry(["export", "all"]).exits(0).stdout;
    bench.file("all.csv", all.replace(",first1,", ",second1,"));
    bench.import("all.csv").exits(0);

    restore(&bench, "bak.db");
    bench.resume().args(["--restored"]).exits(5);
    bench.import("all.csv").exits(0);
    bench.import("customers.csv").exits(0);
    assert_eq!(created(&bench), [full("second1")], "created twice");
}
