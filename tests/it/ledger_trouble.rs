//! The ledger's own bad days: a full disk, a disk that fails, a file that is damaged or goes away. Each is a clear
//! error; nothing is sent without its record, and the next run goes on.

use std::fs;
use std::time::{Duration, Instant};
#[cfg(target_os = "linux")]
use std::{io::Write, path::Path};

use rusqlite::Connection;
use serde_json::Value;
use tenantry_simulator::{Fault, Hold, HoldPoint, Operation};

#[cfg(unix)]
use crate::harness::Call;
use crate::harness::{
    Bench, Done, SIGNALS, customers, customers_of, domain, each_at_once, eventually, signals_that_come_twice,
    states,
};

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    // From too small for the schema to large enough for nearly all.
    let mut stopped = 0;
    for pages in [5, 25, 30, 36, 42, 48, 54, 60] {
        let bench = Bench::new();
        bench.file("customers.csv", customers(150));
        let done = bench.import("customers.csv").env("TENANTRY_LEDGER_PAGES", pages.to_string()).run();
        if done.code != Some(0) {
            stopped += 1;
            assert_eq!(done.code, Some(1), "{done}");
            done.says("could not").says("free some space on the disk, then run");
            // Too small for the schema: the ledger could not be made.
            if done.stdout.is_empty() {
                done.says("could not open the ledger");
            } else {
                let next = done.stdout.lines().last().unwrap();
                assert!(next.starts_with("Next, when the cause is removed: tenantry import "), "{done}");
                assert!(next.ends_with(" customers.csv"), "{done}");
            }
        }
        bench.import("customers.csv").exits(0);
        assert_eq!(bench.ledger().states(), states([("created", 150)]));
        bench.agree();
    }
    assert!(stopped >= 5, "the disk was full only {stopped} times");
}

/// What comes back after the disk is full may bring passwords, which can be had once: room was set aside for that.
#[test]
fn a_full_disk_costs_no_answer_that_is_under_way() {
    // More than there is room for.
    const ROWS: usize = 400;
    each_at_once([2, 5, 9, 14], |pages| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(ROWS));
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        let pages = bench.ledger().number("SELECT page_count FROM pragma_page_count") + pages;
        let done = bench
            .resume()
            .args(["--concurrency", "32"])
            .env("TENANTRY_LEDGER_PAGES", pages.to_string())
            .exits(1);
        done.says("could not").says("free some space on the disk, then run");
        // What is known is shown, with the command for later.
        assert!(done.stdout.contains("The ledger now has 400 rows: "), "{done}");
        assert!(done.stdout.contains("Next, when the cause is removed: tenantry resume"), "{done}");
        let created = bench.creations().len();
        assert!((1..ROWS).contains(&created), "{pages}: {created}");
        let expected = states([("pending", ROWS - created), ("created", created)]);
        assert_eq!(bench.ledger().states(), expected, "{pages}: {done}");
        let lost = "SELECT count(*) FROM customers WHERE state = 'created' AND NOT has_credentials";
        assert_eq!(bench.ledger().number(lost), 0, "{pages}: {done}");
        bench.agree_so_far();
        assert!(!bench.path("ledger.db-reserve").exists());
        bench.resume().exits(0);
        bench.agree();
    });
}

#[test]
fn a_disk_that_fails_stops_the_run_and_loses_nothing() {
    each_at_once(1..=14, |commit: u32| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(6));
        let command = bench.import("customers.csv").args(["--concurrency", "2"]);
        let done = command.env("TENANTRY_FAIL_SYNC", commit.to_string()).exits(1);
        done.says("could not read or write the ledger").says("disk I/O error");
        let sent = bench.count(Operation::Create);
        let known = bench.ledger().attempts().iter().filter(|it| it.operation == "create").count();
        assert!(sent <= known, "sent without a record after commit {commit}");
        bench.import("customers.csv").exits(0);
        bench.agree();
    });
}

#[test]
#[cfg(unix)]
fn a_ledger_that_goes_away_stops_the_run() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(4));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let running = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    fs::rename(bench.ledger_path(), bench.path("elsewhere.db")).unwrap();
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(1), "{done}");
    done.says("no longer exists").says("put it back");
    assert_eq!(bench.count(Operation::Create), 1, "nothing more is sent");
    fs::rename(bench.path("elsewhere.db"), bench.ledger_path()).unwrap();
    bench.resume().exits(0);
    bench.agree();
}

/// A run that stands still at its second row, with the first one's password in the air.
fn standing_still(bench: &Bench) -> crate::harness::Running {
    bench.file("customers.csv", customers(4));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: Some(crate::harness::full(&domain(2))) });
    let running = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    running
}

#[test]
#[cfg(unix)]
fn a_lock_that_is_removed_lets_nobody_else_in() {
    let bench = Bench::new();
    let running = standing_still(&bench);
    fs::remove_file(bench.path("ledger.db.lock")).unwrap();
    let pid = format!("in use by another process (pid {})", running.pid());
    for command in [bench.resume(), bench.import("customers.csv")] {
        command.exits(11).says(&pid).says("do not remove");
    }
    // What an earlier run wrote there, such as one on a copy that was put back with its files.
    bench.file("ledger.db.lock", "1\n");
    bench.resume().exits(11).says(&pid);
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{done}");
    bench.agree();
}

/// Windows keeps the file of a lock as long as a program has it open.
#[test]
#[cfg(windows)]
fn a_lock_in_use_cannot_be_removed_or_renamed() {
    let bench = Bench::new();
    let running = standing_still(&bench);
    let lock = bench.path("ledger.db.lock");
    assert!(fs::remove_file(&lock).is_err() && fs::rename(&lock, bench.path("elsewhere")).is_err());
    for command in [bench.resume(), bench.import("customers.csv")] {
        command.exits(11).says("in use by another process");
    }
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{done}");
    bench.agree();
}

/// The lock is somebody else's by now: what is in hand is recorded, and nothing more is sent.
#[test]
#[cfg(unix)]
fn a_lock_that_somebody_else_has_taken_ends_the_run() {
    let bench = Bench::new();
    let running = standing_still(&bench);
    fs::remove_file(bench.path("ledger.db.lock")).unwrap();
    let other = fs::File::create(bench.path("ledger.db.lock")).unwrap();
    other.lock().unwrap();
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(1), "{done}");
    done.says("lock of the ledger").says("run the same command again");
    // A process that another test is just starting may have inherited the file, and with it the lock.
    other.unlock().unwrap();
    assert_eq!(bench.ledger().states(), states([("created", 2), ("pending", 2)]));
    bench.resume().exits(0);
    bench.agree();
}

#[test]
#[cfg(unix)]
fn a_write_ahead_log_that_goes_away_stops_the_run() {
    for removed in [&["-wal", "-shm"][..], &["-wal"], &["-shm"]] {
        let bench = Bench::new();
        let running = standing_still(&bench);
        for suffix in removed {
            fs::rename(bench.path(&format!("ledger.db{suffix}")), bench.path(&format!("kept{suffix}")))
                .unwrap();
        }
        bench.simulator().release();
        let done = running.wait();
        assert_eq!(done.code, Some(1), "{done}");
        done.says("no longer exists").says("put it back");
        assert_eq!(bench.count(Operation::Create), 2, "nothing more is sent");
    }
}

#[test]
fn an_empty_file_is_nothing_to_go_on_with() {
    let bench = Bench::new();
    bench.file("ledger.db", "");
    for command in ["resume", "reconcile", "status"] {
        bench.tenantry([command]).exits(1).says("is empty").says("from a backup");
    }
    assert_eq!(fs::metadata(bench.ledger_path()).unwrap().len(), 0);
    assert!(!bench.path("ledger.db.lock").exists());
}

/// No file may grow beyond a limit, so that the commit itself fails: the log, then the main file, cannot take it.
#[test]
#[cfg(unix)]
fn a_commit_that_fails_stops_the_run_and_loses_nothing() {
    let mut stopped = 0;
    for blocks in [120, 200, 400, 600, 700, 800] {
        let bench = Bench::new();
        bench.file("customers.csv", customers(150));
        let done = bench.import("customers.csv").with_largest_file(blocks).run();
        if done.code != Some(0) {
            stopped += 1;
            assert_eq!(done.code, Some(1), "{done}");
            done.says("could not").says("run the same command again");
        }
        if bench.ledger_path().exists() {
            let known = rusqlite::Connection::open(bench.ledger_path()).unwrap();
            let known =
                known.query_row("SELECT count(*) FROM http_attempts WHERE operation = 'create'", [], |row| {
                    row.get(0)
                });
            assert!(bench.count(Operation::Create) <= known.unwrap_or(0), "sent without a record: {done}");
        }
        bench.import("customers.csv").exits(0);
        bench.agree();
    }
    assert!(stopped >= 4, "the disk was full only {stopped} times");
}

/// What "durable" means, as the operating system saw it, and that nothing is synced for no promise.
#[test]
#[cfg(target_os = "linux")]
fn every_commit_that_is_a_promise_is_synced_and_no_other() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        eprintln!("strace is not here, so that nothing is seen");
        return;
    }
    let bench = Bench::new().on_disk();
    let check = |rows: usize, expected: usize| {
        bench.file("customers.csv", customers(rows));
        let done = bench.import("customers.csv").args(["--concurrency", "1"]).traced("trace.txt").run();
        let trace = fs::read_to_string(bench.path("trace.txt")).unwrap_or_default();
        if done.code != Some(0) && trace.is_empty() {
            eprintln!("strace may not trace here, so that nothing is seen: {done}");
            return;
        }
        assert_eq!(done.code, Some(0), "{done}");
        let syncs = trace.lines().filter(|line| line.contains("sync(")).count();
        assert_eq!(syncs, expected, "{rows} rows: {trace}");
    };
    const LEDGER: usize = 1;
    // With its folder.
    const KEY_PAIR: usize = 2;
    // The log with its folder.
    const LIST: usize = 2;
    // The intent of the create, and what came of it.
    const ROW: usize = 2;
    // The log, and the ledger itself.
    const END: usize = 2;
    check(1, LEDGER + KEY_PAIR + LIST + ROW + END);
    check(2, LIST + ROW + END);
    check(12, LIST + 10 * ROW + END);
    check(12, LIST + END);
}

/// Neither right after its death nor beside a later run.
#[test]
#[cfg(any(target_os = "linux", windows))]
fn a_run_that_was_killed_is_not_called_running() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").env("TENANTRY_CRASH_AT", "closing").run();
    let line = |run: &str| {
        let status = bench.tenantry(["status"]).exits(0).stdout;
        let line = status.lines().find(|line| line.trim_start().starts_with(run));
        line.unwrap_or_else(|| panic!("{status}")).to_owned()
    };
    const DIED: &str = "its end was not recorded (killed, power lost, or the ledger could not be written)";
    assert!(line("1  import").ends_with(DIED));
    let running = standing_still(&bench);
    assert!(line("1  import").ends_with(DIED));
    assert!(line("2  import").ends_with("· still running"));
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
    assert!(line("2  import").ends_with("done (exit 0)"));
    assert_eq!(bench.tenantry(["status", "--json"]).exits(0).json()["runs"][1]["ended"], Value::Null);
    bench.agree();
}

/// The original may have recorded its end, or may still be at it.
#[test]
fn a_copy_does_not_say_how_a_run_ended_that_was_under_way_when_it_was_made() {
    let bench = Bench::new();
    let running = standing_still(&bench);
    bench.tenantry(["backup", "copy.db"]).exits(0);
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
    let line = || {
        let status = bench.tenantry(["status", "--ledger", "copy.db"]).exits(0).stdout;
        let line = status.lines().find(|line| line.trim_start().starts_with("1  import"));
        line.unwrap_or_else(|| panic!("{status}")).to_owned()
    };
    const UNKNOWN: &str = "still running, or its end was not recorded";
    assert!(line().ends_with(UNKNOWN), "{}", line());
    bench.resume().args(["--restored", "--ledger", "copy.db"]).run();
    assert!(line().ends_with(UNKNOWN), "{}", line());
}

/// The files are written although the end of the run cannot be recorded.
#[test]
fn results_of_a_run_whose_ledger_failed_are_named() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(6));
    let import = || bench.import("customers.csv").args(["--json", "--results", "out"]);
    let done = import().env("TENANTRY_FAIL_SYNC", "9").exits(1);
    done.says("disk I/O error");
    let summary = done.json();
    let files = summary["files"].as_array().unwrap();
    assert!(!files.is_empty() && files.len() == fs::read_dir(bench.path("out/run-1")).unwrap().count());
    assert_eq!(summary["run"]["exit_code"], 1, "{summary:#}");
    bench.import("customers.csv").exits(0);
    bench.agree();
}

/// The last commit of a run is that of its end.
#[test]
fn why_a_run_stopped_is_said_also_if_its_end_cannot_be_recorded() {
    let run = |fails: u32| {
        let bench = Bench::new();
        bench.fault(Operation::Create, &domain(1), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
        bench.file("customers.csv", customers(3));
        let import = bench.import("customers.csv").args(["--concurrency", "1", "--max-failures", "1"]);
        import.args(["--results", "out"]).env("TENANTRY_FAIL_SYNC", fails.to_string()).run()
    };
    let mut failed: Vec<Done> =
        (1..).map(run).take_while(|done| done.stderr.contains("disk I/O error")).collect();
    let last = failed.pop().unwrap();
    last.says("--max-failures").says("Written: `out/run-1/failed.csv` (1 row).");
    assert_eq!(last.code, Some(1));
}

#[test]
fn a_ledger_that_a_crash_has_damaged_is_not_worked_on() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(300));
    bench.import("customers.csv").env("TENANTRY_CRASH_AT", "closing").run();
    // Into the main file with everything, then nonsense over some of its pages.
    let file = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(file);
    let mut bytes = fs::read(bench.ledger_path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0xA5);
    fs::write(bench.ledger_path(), bytes).unwrap();
    let requests = bench.simulator().requests().len();
    bench
        .import("customers.csv")
        .exits(1)
        .says("is damaged")
        .says("restore it from a backup")
        .says("`-wal` and `-shm`");
    assert_eq!(bench.simulator().requests().len(), requests);
}

#[test]
fn a_backup_is_the_ledger_of_one_moment() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(20));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: Some(crate::harness::full(&domain(20))) });
    let running = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    bench.tenantry(["backup", "copy.db"]).exits(0).says("`copy.db` is a copy of");
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
    bench.agree();
    bench.tenantry(["backup", "copy.db"]).exits(2).says("name a new file");
    // The copy is a ledger: what it has not heard of is found out by asking.
    let status = bench.tenantry(["status", "--json", "--ledger", "copy.db"]).exits(0).json();
    assert_eq!(status["rows"]["total"], 20);
    bench.resume().args(["--ledger", "copy.db", "--restored"]).exits(5);
    let done = bench.import("customers.csv").args(["--ledger", "copy.db"]).exits(0);
    assert!(done.stdout.contains("created") && bench.creations().len() == 20, "{done}");
    bench.tenantry(["backup", "nowhere/copy.db"]).exits(1).says("check that the folder exists");
    bench.tenantry(["backup", "other.db", "--ledger", "missing.db"]).exits(1).says("there is no ledger");
    assert!(!bench.path("other.db").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(bench.path("copy.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    }
}

#[test]
fn what_is_no_ledger_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.file("text.db", customers(40));
    let sqlite = |name: &str, sql: &str| {
        rusqlite::Connection::open(bench.path(name)).unwrap().execute_batch(sql).unwrap();
    };
    sqlite("other.db", "CREATE TABLE theirs (n)");
    bench.import("customers.csv").args(["--ledger", "newer.db"]).exits(0);
    sqlite("newer.db", "PRAGMA user_version = 99");
    fs::remove_file(bench.path("newer.db.lock")).unwrap();
    fs::create_dir(bench.path("folder.db")).unwrap();
    let requests = bench.simulator().requests().len();
    let table = [
        ("text.db", 2, "is not a Tenantry ledger", "name another file"),
        ("other.db", 2, "is not a Tenantry ledger", "name another file"),
        ("folder.db", 2, "is a folder, not a ledger", "name another file"),
        ("newer.db", 1, "was written by a newer version", "use the newer version"),
        // Windows only says that there is no such file.
        #[cfg(unix)]
        ("customers.csv/l.db", 1, "could not open the ledger", "check that the folder exists"),
    ];
    for (ledger, code, what, hint) in table {
        let before = fs::read(bench.path(ledger)).ok();
        for command in [&["import", "customers.csv"][..], &["resume"], &["status"], &["backup", "copy.db"]] {
            let done = bench.tenantry(command).args(["--ledger", ledger]).exits(code);
            done.says(what).says(hint);
        }
        assert_eq!(fs::read(bench.path(ledger)).ok(), before, "{ledger}");
        // The newer one is a ledger, so it is locked before it is looked at.
        let lock = bench.path(&format!("{ledger}.lock"));
        assert!(ledger == "newer.db" || !lock.exists(), "{}", lock.display());
    }
    let nowhere = bench.import("customers.csv").args(["--ledger", "nowhere/l.db"]).exits(1);
    nowhere.says("could not open the ledger").says("check that the folder exists");
    assert_eq!(bench.simulator().requests().len(), requests, "nothing was sent");
}

#[test]
fn an_empty_file_becomes_a_ledger_for_its_owner_alone() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("ledger.db", "");
    bench.tenantry(["status"]).exits(1).says("is empty");
    bench.import("customers.csv").exits(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(bench.ledger_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    bench.agree();
}

#[test]
fn where_files_cannot_be_locked_nothing_is_sent() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let done = bench.import("customers.csv").env("TENANTRY_NO_LOCKS", "1").exits(1);
    done.says("is in a place where files cannot be locked").says("network share").says("--ledger PATH");
    assert_eq!(bench.simulator().requests().len(), 0);
}

/// In a folder of its own, which can be closed to writing.
#[cfg(unix)]
struct Kept(Bench);

#[cfg(unix)]
impl Kept {
    fn call(&self, args: &[&str]) -> Call<'_> {
        self.0.tenantry(args).env("TENANTRY_LEDGER", "kept/l.db").unprivileged()
    }

    fn read(&self) -> [String; 3] {
        let commands: [&[&str]; 3] = [&["status", "--json"], &["show", &domain(1)], &["export", "all"]];
        commands.map(|command| self.call(command).exits(0).stdout)
    }

    fn change_mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.0.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What writes says that it cannot, and sends nothing.
    fn check_unwritable(&self) {
        let requests = self.0.simulator().requests().len();
        for command in [&["import", "customers.csv"][..], &["resume"]] {
            let done = self.call(command).exits(1);
            done.says("the ledger `kept/l.db` cannot be written")
                .says("make the ledger and its folder writable");
        }
        assert_eq!(self.0.simulator().requests().len(), requests, "nothing was sent");
        let done = self.call(&["credentials"]).exits(1);
        done.says("cannot be written").says("each opening of passwords is recorded in it first");
        assert!(done.stdout.is_empty(), "{done}");
    }
}

/// What SQLite has made beside it meanwhile cannot be written either.
#[cfg(unix)]
#[test]
fn a_ledger_that_is_writable_again_is_written() {
    let kept = Kept(Bench::new());
    kept.0.file("customers.csv", customers(3));
    fs::create_dir(kept.0.path("kept")).unwrap();
    kept.call(&["import", "customers.csv", "--limit", "1"]).exits(5);
    kept.change_mode("kept/l.db", 0o400);
    kept.read();
    kept.change_mode("kept/l.db", 0o600);
    kept.call(&["import", "customers.csv"]).exits(0);
}

/// Nothing waits for the other end of a pipe.
#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_is_no_ledger() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.tenantry([""; 0]).in_shell("mkfifo pipe.db").exits(0);
    for ledger in ["pipe.db", "/dev/null"] {
        for command in [&["import", "customers.csv"][..], &["resume"], &["status"], &["backup", "copy.db"]] {
            let done = bench.tenantry(command).args(["--ledger", ledger]).exits(2);
            done.says("is not a Tenantry ledger").says("name another file");
        }
        assert!(
            !bench.tenantry(["doctor", "--ledger", ledger]).run().stdout.contains("No problem was found")
        );
    }
}

/// The answers to what is under way would not fit, and a password is given out only once.
#[cfg(unix)]
#[test]
fn nothing_is_sent_where_files_may_not_become_large_enough_for_the_answers() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(60));
    let done = bench.import("customers.csv").with_largest_file(1024).exits(1);
    done.says("could not reserve space for the ledger").says("it may not grow any further").says("ulimit -f");
    assert_eq!(bench.count(Operation::Create), 0);
    bench.resume().exits(0);
    bench.agree();
}

#[cfg(unix)]
#[test]
fn a_ledger_that_cannot_be_written_can_be_read() {
    let kept = Kept(Bench::new());
    kept.0.file("customers.csv", customers(3));
    fs::create_dir(kept.0.path("kept")).unwrap();
    kept.call(&["import", "customers.csv"]).exits(0);
    let before = kept.read();
    // The file alone.
    kept.change_mode("kept/l.db", 0o400);
    assert_eq!(kept.read(), before);
    kept.check_unwritable();
    // Its folder too, as on a disk that is mounted read-only.
    kept.change_mode("kept", 0o500);
    assert_eq!(kept.read(), before);
    kept.check_unwritable();
    // The folder alone, without what the commands before have left there.
    kept.change_mode("kept", 0o700);
    for companion in ["-wal", "-shm"] {
        drop(fs::remove_file(kept.0.path(&format!("kept/l.db{companion}"))));
    }
    kept.change_mode("kept", 0o500);
    kept.change_mode("kept/l.db", 0o600);
    assert_eq!(kept.read(), before);
    kept.check_unwritable();
    kept.call(&["backup", "copy.db"]).exits(0);
    kept.call(&["credentials", "--ledger", "copy.db"]).exits(0);
    // A run that died has left its last changes beside the file, and those are not passed over.
    kept.change_mode("kept", 0o700);
    kept.call(&["resume"]).env("TENANTRY_CRASH_AT", "closing").run();
    fs::remove_file(kept.0.path("kept/l.db-shm")).unwrap();
    kept.change_mode("kept", 0o500);
    let done = kept.call(&["status"]).exits(1);
    done.says("its last changes are in the files beside it").says("copy it with its `-wal` file");
    kept.change_mode("kept", 0o700);
    kept.call(&["status"]).exits(0);
}

/// The threads that read have looked customers up, and one of them still waits for its pipe.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_reading_leaves_a_ledger_that_is_one_file() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(600));
    bench.import("customers.csv").exits(0);
    let mut running = bench.import("-").with_silent_input().spawn();
    let mut input = running.take_input();
    input.write_all(customers(600).as_bytes()).unwrap();
    let open_files = format!("/proc/{}/fd", running.pid());
    let is_log = |file: &Path| fs::read_link(file).is_ok_and(|file| file.ends_with("ledger.db-wal"));
    eventually("customers are looked up", || {
        let files = fs::read_dir(&open_files).unwrap();
        files.filter(|file| is_log(&file.as_ref().unwrap().path())).count() == 2
    });
    running.signal("INT");
    let done = running.wait();
    assert_eq!(done.code, Some(130), "{done}");
    assert!(!bench.path("ledger.db-wal").exists(), "{done}");
}

#[test]
fn a_list_that_cannot_be_read_after_others_leaves_totals_and_the_next_command() {
    let bench = Bench::new();
    bench.file("a.csv", customers(2));
    bench.file("b.csv", "no,header\n1,2\n");
    bench.file("c.csv", customers_of(["later"]));
    let done = bench.import("a.csv").args(["b.csv", "c.csv", "--results", "out"]).exits(1);
    done.says("could not read `b.csv`").prints("The ledger now has 2 rows: 2 pending.");
    done.prints("Next, when the cause is removed: tenantry import ").prints(" a.csv b.csv c.csv");
    assert_eq!(bench.count(Operation::Create), 0);
    // It has read nothing.
    let done = bench.import("b.csv").exits(1);
    assert_eq!(done.stdout, "", "{done}");
    bench.file("b.csv", customers_of(["between"]));
    bench.import("a.csv").args(["b.csv", "c.csv"]).exits(0);
    bench.agree();
}

/// Nothing came of them, so that nothing was written before.
#[test]
fn known_rows_before_a_fault_of_their_file_are_counted() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(600));
    bench.import("customers.csv").exits(0);
    bench.file("broken.csv", customers(600) + "\"never closed,");
    bench.import("broken.csv").exits(1);
    let ledger = rusqlite::Connection::open(bench.path("ledger.db")).unwrap();
    let sql = "SELECT rows_read, skipped FROM runs ORDER BY run_id DESC LIMIT 1";
    let sums: (u32, u32) = ledger.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(sums, (500, 500), "whole batches");
}

/// An index that only the end of a run reads is dropped while the run waits for an answer.
#[test]
fn a_ledger_that_cannot_be_read_at_the_end_of_a_run_costs_no_results() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let run = bench.import("customers.csv").args(["--results", "out"]).spawn();
    bench.wait_until_held();
    let other = Connection::open(bench.ledger_path()).unwrap();
    let index = "SELECT sql FROM sqlite_schema WHERE name = 'rows_gone'";
    let index: String = other.query_row(index, [], |row| row.get(0)).unwrap();
    other.execute_batch("DROP INDEX rows_gone").unwrap();
    bench.simulator().release();
    let done = run.wait();
    assert_eq!(done.code, Some(1), "{done}");
    done.says("The summary is missing, because the ledger cannot be read now: ").says("run `tenantry status");
    done.says("no such index: rows_gone");
    other.execute_batch(&index).unwrap();
    let end: (u8, String) = other
        .query_row("SELECT exit_code, ended FROM program_runs", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((end.0, end.1.contains("rows_gone")), (1, true), "{}", end.1);
    assert_eq!(bench.ledger().states(), states([("created", 2)]));
    bench.agree();
}

const IS_LOCKED: &str = "another program has the ledger open and locked";

/// A SQLite shell with a transaction that somebody has begun and forgotten.
#[test]
fn a_lock_of_another_program_is_waited_for() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let other = Connection::open(bench.ledger_path()).unwrap();
    let lock = || other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unlock = || other.execute_batch("ROLLBACK").unwrap();
    // While it opens the ledger.
    lock();
    let waiting = bench.resume().args(["--limit", "1"]).spawn();
    eventually("it says that it waits", || waiting.stderr().contains(IS_LOCKED));
    unlock();
    let done = waiting.wait();
    assert_eq!((done.code, done.stderr.matches(IS_LOCKED).count()), (Some(5), 1), "{done}");
    // While an answer with a password arrives.
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let waiting = bench.resume().spawn();
    bench.wait_until_held();
    lock();
    bench.simulator().release();
    eventually("it says that it waits", || waiting.stderr().contains(IS_LOCKED));
    unlock();
    assert_eq!(waiting.wait().code, Some(0));
    bench.agree();

    lock();
    let done = bench.import("customers.csv").env("TENANTRY_LOCK_PATIENCE", "1").exits(1);
    done.says("another program has kept the ledger locked").says("close it, then run the same command again");
    unlock();
    bench.import("customers.csv").exits(0);
}

/// Far less than the time for which a lock is waited for.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_signal_ends_the_wait_for_a_lock_while_the_ledger_is_opened() {
    each_at_once(SIGNALS, |&(signal, code)| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(2));
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        let other = Connection::open(bench.ledger_path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let waiting = bench.resume().spawn();
        eventually("it says that it waits", || waiting.stderr().contains(IS_LOCKED));
        let begun = Instant::now();
        waiting.signal(signal);
        let done = waiting.wait();
        assert_eq!(done.code, Some(code), "{done}");
        assert!(begun.elapsed() < SOON, "{:?}: {done}", begun.elapsed());
        done.says("interrupted while waiting for the ledger").says("close that program");
        other.execute_batch("ROLLBACK").unwrap();
        bench.resume().exits(0);
        bench.agree();
    });
}

#[test]
fn the_second_signal_ends_the_wait_for_a_lock_in_the_middle_of_a_run() {
    each_at_once(signals_that_come_twice(), |&(signal, code)| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(2));
        bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
        let mut waiting = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
        bench.wait_until_held();
        let other = Connection::open(bench.ledger_path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        bench.simulator().release();
        eventually("it says that it waits", || waiting.stderr().contains(IS_LOCKED));
        let begun = Instant::now();
        eventually("the second signal ends it", || {
            waiting.signal(signal);
            std::thread::sleep(Duration::from_millis(20));
            waiting.has_ended()
        });
        let done = waiting.wait();
        assert_eq!(done.code, Some(code), "{done}");
        assert!(begun.elapsed() < SOON, "{:?}: {done}", begun.elapsed());
        done.says("left at once").says("the end of this run is not recorded");
        other.execute_batch("ROLLBACK").unwrap();
        bench.resume().exits(0);
        bench.agree();
    });
}

/// The first signal lets what is under way be recorded, although it takes long.
#[test]
fn the_first_signal_waits_for_a_lock_while_answers_are_recorded() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let waiting = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    waiting.signal("INT");
    let other = Connection::open(bench.ledger_path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    bench.simulator().release();
    eventually("it says that it waits", || waiting.stderr().contains(IS_LOCKED));
    other.execute_batch("ROLLBACK").unwrap();
    let done = waiting.wait();
    assert_eq!(done.code, Some(130), "{done}");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 1)]), "{done}");
    bench.resume().exits(0);
    bench.agree();
}

/// After that, what else the command opens is waited for only for a moment.
#[test]
fn a_lock_is_waited_for_once_in_a_command() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let other = Connection::open(bench.ledger_path()).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let import = bench.import("customers.csv").args(["--metrics-file", "run.prom"]);
    let done = import.env("TENANTRY_LOCK_PATIENCE", "4").exits(1);
    assert_eq!(done.stderr.matches(IS_LOCKED).count(), 1, "{done}");
    done.says("another program has kept the ledger locked");
    let done = bench.tenantry(["status"]).env("TENANTRY_LOCK_PATIENCE", "1").exits(1);
    done.says("another program has kept the ledger locked: close it, then run the same command again");
    assert!(!done.stderr.contains("nothing was sent"), "{done}");
}

#[test]
fn a_run_that_ends_at_a_lock_names_the_next_command() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let waiting = bench.resume().args(["--concurrency", "1"]).env("TENANTRY_LOCK_PATIENCE", "1").spawn();
    bench.wait_until_held();
    let other = Connection::open(bench.ledger_path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    bench.simulator().release();
    let done = waiting.wait();
    assert_eq!(done.code, Some(1), "{done}");
    done.says("run the next command soon");
    assert!(done.stdout.contains("when the cause is removed: tenantry resume"), "{done}");
    other.execute_batch("ROLLBACK").unwrap();
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn a_log_that_grows_because_of_another_reader_is_reported_once() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(12));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let reader = Connection::open(bench.ledger_path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customer_rows").unwrap();
    let done = bench.resume().args(["--rate", "2/s"]).env("TENANTRY_LARGE_LOG", "20000").exits(0);
    let words = "grows, because another program keeps reading the ledger; close that program";
    assert_eq!(done.stderr.matches(words).count(), 1, "{done}");
    done.says(&format!("file={}-wal", bench.ledger_path().display()));
    bench.agree();
}
