//! The neighbours of the program's files: other users of the machine, other names of one ledger, what somebody has put
//! into it.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::harness::{Bench, CLIENT_SECRET, customers, eventually};

/// Belongs to nobody here.
const STRANGER: u32 = 12345;

fn mode(bench: &Bench, name: &str) -> u32 {
    fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o7777
}

fn set_mode(bench: &Bench, name: &str, mode: u32) {
    fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// A ledger with a created row, and a list with a further one.
fn with_ledger() -> Bench {
    let bench = Bench::new().on_disk();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    bench.file("customers.csv", customers(2));
    bench
}

/// Neither work nor reading, and no request.
fn check_refused(bench: &Bench, why: &str, hint: &str) {
    let requests = bench.simulator().requests().len();
    for command in [
        &["import", "customers.csv"][..],
        &["resume"],
        &["import", "customers.csv", "--dry-run"],
        &["status"],
        &["export", "all"],
        &["credentials"],
    ] {
        bench.tenantry(command).exits(2).says(why).says(hint);
    }
    assert_eq!(bench.simulator().requests().len(), requests, "nothing was sent");
}

#[test]
fn a_ledger_that_others_may_write_is_refused() {
    let bench = with_ledger();
    for name in ["ledger.db", "ledger.db-wal"] {
        if name != "ledger.db" {
            bench.file(name, "");
        }
        set_mode(&bench, name, 0o606);
        check_refused(&bench, "other users may write to", "chmod go-w");
        set_mode(&bench, name, 0o600);
    }
    bench.import("customers.csv").exits(0);
}

/// As the volumes of Kubernetes are (`emptyDir`), and network shares. What is there is known to be ours by its owner.
#[test]
fn a_ledger_of_ours_is_used_where_everybody_may_replace_it() {
    let bench = with_ledger();
    let warning = "every user may replace the files in the folder of the ledger";
    set_mode(&bench, "", 0o777);
    // A key that anybody could replace is another matter.
    let other = Bench::new();
    let import = |arguments: &[&str]| {
        let call = bench.import("customers.csv").args(["--new-recipient", "--identity"]);
        call.args([other.path("identity.txt")]).args(arguments).exits(0)
    };
    let done = import(&[]);
    assert_eq!(done.stderr.matches(warning).count(), 1, "{done}");
    import(&["--ledger", "new.db"]).says(warning);
    bench.tenantry(["status"]).exits(0).says(warning);
    set_mode(&bench, "ledger.db", 0o602);
    check_refused(&bench, "other users may write to", "chmod go-w");
    set_mode(&bench, "ledger.db", 0o600);
    // As /tmp is: each may replace what is their own.
    set_mode(&bench, "", 0o1777);
    let done = import(&[]);
    assert!(!done.stderr.contains(warning), "{done}");
}

/// Root may read the ledger of another user, but not one that anybody may have put there. (Without root there is none.)
#[test]
fn a_ledger_that_anybody_may_have_put_there_is_not_even_read() {
    let bench = with_ledger();
    if chown(bench.ledger_path(), Some(STRANGER), Some(STRANGER)).is_err() {
        assert!(!rustix::process::geteuid().is_root());
        return;
    }
    set_mode(&bench, "", 0o777);
    for command in [&["status"][..], &["export", "all"], &["import", "customers.csv", "--dry-run"]] {
        bench.tenantry(command).exits(2).says("every user may replace the files").says("chmod +t");
    }
    bench.import("customers.csv").exits(2).says("belongs to another user");
    chown(bench.ledger_path(), Some(0), Some(0)).unwrap();
    bench.file("ledger.db-wal", "");
    chown(bench.path("ledger.db-wal"), Some(STRANGER), Some(STRANGER)).unwrap();
    set_mode(&bench, "ledger.db-wal", 0o600);
    check_refused(&bench, "other users may write to", "chmod go-w");
}

/// Without root nobody can make a file of another user: then the rule is held by the tables beside it alone.
#[test]
fn a_ledger_of_another_user_is_read_by_root_and_not_written() {
    let bench = with_ledger();
    if chown(bench.ledger_path(), Some(STRANGER), Some(STRANGER)).is_err() {
        assert!(!rustix::process::geteuid().is_root());
        return;
    }
    bench.tenantry(["status"]).exits(0);
    bench.tenantry(["export", "all"]).exits(0);
    let requests = bench.simulator().requests().len();
    for command in [&["import", "customers.csv"][..], &["resume"], &["credentials"]] {
        bench.tenantry(command).exits(2).says("belongs to another user").says("as the owner of the ledger");
    }
    assert_eq!(bench.simulator().requests().len(), requests, "nothing was sent");
    // A log that somebody has put beside it would be worked into it.
    chown(bench.ledger_path(), Some(0), Some(0)).unwrap();
    bench.file("ledger.db-wal", "");
    chown(bench.path("ledger.db-wal"), Some(STRANGER), Some(STRANGER)).unwrap();
    set_mode(&bench, "ledger.db-wal", 0o600);
    check_refused(&bench, "other users may write to", "chmod go-w");
}

/// A trigger that somebody has planted changed rows before they were sent.
#[test]
fn a_ledger_with_a_trigger_or_a_changed_table_is_refused_by_name() {
    let bench = with_ledger();
    let change = |sql: &str| {
        rusqlite::Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
    };
    change(
        "CREATE TRIGGER planted AFTER INSERT ON customer_rows
         BEGIN UPDATE customer_rows SET customer = replace(customer, 'Harborline', 'Stranger'); END",
    );
    check_refused(&bench, "it has a trigger `planted`", "DROP TRIGGER");
    change("DROP TRIGGER planted; ALTER TABLE customer_rows ADD COLUMN note TEXT");
    check_refused(
        &bench,
        "the table `customer_rows` was changed",
        "your own views and tables may stay, and indexes that are not unique",
    );
    change("ALTER TABLE customer_rows DROP COLUMN note");
    change(
        "CREATE VIEW mine AS SELECT domain FROM customers; CREATE INDEX my_index ON customer_rows (made_at)",
    );
    bench.import("customers.csv").exits(0);
    bench.agree();
}

#[test]
fn a_ledger_that_others_may_read_is_for_its_owner_alone_from_then_on() {
    let bench = with_ledger();
    set_mode(&bench, "ledger.db", 0o644);
    bench.import("customers.csv").exits(0).says("other users could read");
    assert_eq!(mode(&bench, "ledger.db"), 0o600);
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let bench = with_ledger();
    fs::remove_file(bench.path("ledger.db.lock")).unwrap();
    symlink(bench.path("elsewhere"), bench.path("ledger.db.lock")).unwrap();
    bench.import("customers.csv").exits(1).says("is a symbolic link");
    assert!(!bench.path("elsewhere").exists());
}

#[test]
fn folders_and_files_are_private_whatever_the_umask() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("run.log", "");
    set_mode(&bench, "run.log", 0o666);
    bench
        .import("customers.csv")
        .args(["--log-file", "run.log", "--results", "results", "--identity", "keys/mine/identity.txt"])
        .with_umask("000")
        .exits(0);
    for (name, expected) in [
        ("keys", 0o700),
        ("keys/mine", 0o700),
        ("keys/mine/identity.txt", 0o600),
        ("ledger.db", 0o600),
        ("ledger.db.lock", 0o600),
        ("run.log", 0o600),
        ("results", 0o700),
    ] {
        assert_eq!(mode(&bench, name), expected, "{name}");
    }
    let log = fs::read_to_string(bench.path("run.log")).unwrap();
    assert!(log.contains("other users could read or write this private file"), "{log}");
    bench.import("customers.csv").args(["--simulate", "--ledger", "rehearsal.db"]).with_umask("000").exits(0);
    assert_eq!(mode(&bench, "rehearsal.db.simulator"), 0o600);
}

/// The secret of an app, a certificate, an identity and the settings: what is believed is not writable by others.
#[test]
fn secrets_that_others_may_write_are_refused_and_those_they_may_read_narrowed() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("secret.txt", CLIENT_SECRET);
    bench.file("app.pem", include_str!("client-certificate.pem"));
    bench.file("ca.pem", include_str!("tls/authority.pem"));
    bench.file("settings.toml", "rate = '8/s'\n");
    bench.import("customers.csv").exits(0);
    let call = |file: &str| {
        let call = bench.tenantry(["import", "customers.csv"]);
        let as_app = || bench.tenantry(["whoami"]).with_app().without("TENANTRY_CLIENT_SECRET");
        match file {
            "secret.txt" => as_app().env("TENANTRY_CLIENT_SECRET_FILE", file),
            "app.pem" => as_app().env("TENANTRY_CLIENT_CERTIFICATE", file),
            "ca.pem" => call.args(["--ca-file", file]),
            "settings.toml" => call.args(["--config", file]),
            _ => bench.tenantry(["credentials"]),
        }
    };
    for file in ["secret.txt", "app.pem", "ca.pem", "settings.toml", "identity.txt"] {
        set_mode(&bench, file, 0o646);
        let done = call(file).run();
        assert!(matches!(done.code, Some(1 | 2)), "{done}");
        done.says("other users may write to");
        let is_secret = !["ca.pem", "settings.toml"].contains(&file);
        set_mode(&bench, file, 0o644);
        let done = call(file).exits(0);
        assert_eq!(done.stderr.contains("other users could read"), is_secret, "{file}: {done}");
        assert_eq!(mode(&bench, file), if is_secret { 0o600 } else { 0o644 }, "{file}");
    }
}

/// A container's secret belongs to root and is for all to read. (Without root there is no file of another user to read.)
#[test]
fn a_secret_of_another_user_is_warned_about_and_used() {
    let bench = Bench::new();
    bench.file("secret.txt", CLIENT_SECRET);
    set_mode(&bench, "secret.txt", 0o444);
    if chown(bench.path("secret.txt"), Some(STRANGER), Some(STRANGER)).is_err() {
        assert!(!rustix::process::geteuid().is_root());
        return;
    }
    let call = bench.tenantry(["whoami"]).with_app().without("TENANTRY_CLIENT_SECRET");
    call.env("TENANTRY_CLIENT_SECRET_FILE", "secret.txt")
        .exits(0)
        .says("other users may read this private file");
    assert_eq!(mode(&bench, "secret.txt"), 0o444);
}

#[cfg(target_os = "linux")]
#[test]
fn a_secret_that_is_a_pipe_is_not_waited_for() {
    let bench = Bench::new();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        bench.path("pipe"),
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let call = bench.tenantry(["whoami"]).with_app().without("TENANTRY_CLIENT_SECRET");
    call.env("TENANTRY_CLIENT_SECRET_FILE", "pipe").exits(2).says("is not a regular file");
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    bench.tenantry(["credentials", "--identity", "/dev/zero"]).exits(1).says("is not a regular file");
}

/// Two imports under two names of one ledger sent everything twice, and destroyed it.
#[test]
fn a_ledger_with_a_second_name_is_refused_under_both() {
    let bench = with_ledger();
    fs::hard_link(bench.ledger_path(), bench.path("second.db")).unwrap();
    let requests = bench.simulator().requests().len();
    for ledger in ["ledger.db", "second.db"] {
        for command in [&["import", "customers.csv"][..], &["resume"], &["credentials"]] {
            let done = bench.tenantry(command).args(["--ledger", ledger]).exits(2);
            done.says("it has a second name (a hard link)").says("-samefile");
        }
    }
    assert_eq!(bench.simulator().requests().len(), requests, "nothing was sent");
    // A program that copies may have made the name for a moment.
    let waiting = bench.import("customers.csv").args(["--wait-lock", "1m"]).spawn();
    eventually("it waits", || waiting.stderr().contains("Waiting for up to 1 min"));
    fs::remove_file(bench.path("second.db")).unwrap();
    let done = waiting.wait();
    assert_eq!(done.code, Some(0), "{done}");
    bench.agree();
}

/// The write-ahead log of the run has the old name, so that the new one lacks the newest changes.
#[cfg(target_os = "linux")]
#[test]
fn a_ledger_that_is_renamed_under_a_run_lets_nobody_else_in() {
    use tenantry_simulator::{Hold, HoldPoint, Operation};
    let bench = Bench::new().on_disk();
    bench.file("customers.csv", customers(4));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let running = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    fs::hard_link(bench.ledger_path(), bench.path("second.db")).unwrap();
    bench.import("customers.csv").args(["--ledger", "second.db"]).exits(11).says("in use by another process");
    // It would show a ledger without the run.
    bench.tenantry(["status", "--ledger", "second.db"]).exits(2).says("it has a second name (a hard link)");
    fs::remove_file(bench.path("second.db")).unwrap();
    fs::rename(bench.ledger_path(), bench.path("renamed.db")).unwrap();
    bench
        .import("customers.csv")
        .args(["--ledger", "renamed.db"])
        .exits(11)
        .says("in use by another process");
    fs::rename(bench.path("renamed.db"), bench.ledger_path()).unwrap();
    assert_eq!(bench.count(Operation::Create), 1);
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
    bench.agree();
}

/// As a container has it that is given the ledger by itself: its log would stay in the container.
#[cfg(target_os = "linux")]
#[test]
fn a_ledger_that_is_mounted_as_a_single_file_is_refused() {
    let bench = with_ledger();
    fs::create_dir(bench.path("container")).unwrap();
    bench.file("container/l.db", "");
    let call = bench.import("customers.csv").args(["--ledger", "container/l.db"]);
    let done = call.with_mounted("ledger.db", "container/l.db").run();
    if done.code == Some(1) && done.stderr.contains("cannot mount here") {
        eprintln!(
            "nothing can be mounted here, so that the rule is held by the table beside it alone: {done}"
        );
        return;
    }
    assert_eq!(done.code, Some(2), "{done}");
    done.says("it is mounted as a single file").says("mount the folder of the ledger");
    assert_eq!(bench.creations().len(), 1);
    bench.import("customers.csv").exits(0);
    bench.agree();
}

/// After a reboot, or much later, another process has the id of one that was killed.
#[test]
fn a_process_id_that_was_given_away_again_keeps_nobody_from_the_ledger() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let other = bench.tenantry(["simulator", "--listen", "127.0.0.1:0"]).spawn();
    eventually("it runs", || other.stdout().contains("http://"));
    bench.import("customers.csv").args(["--concurrency", "1"]).env("TENANTRY_CRASH_AT", "sending#2").run();
    fs::write(bench.path("ledger.db.lock"), format!("{}\n", other.pid())).unwrap();
    let ledger = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    assert_eq!(ledger.execute("UPDATE program_runs SET pid = ?1", [other.pid()]), Ok(1));
    drop(ledger);
    let status = bench.tenantry(["status"]).exits(0).stdout;
    assert!(!status.contains("A run is at work"), "{status}");
    bench.resume().exits(0);
    bench.agree();
}

/// The folders of dry runs, each with what it holds.
fn copies(bench: &Bench) -> Vec<(u32, Vec<String>)> {
    let folders = fs::read_dir(bench.path("tmp")).unwrap();
    let copies = folders.map(|folder| {
        let folder = folder.unwrap().path();
        let files = fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        for name in &names {
            let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
        }
        (fs::metadata(&folder).unwrap().permissions().mode() & 0o777, names)
    });
    copies.collect()
}

/// A copy of the whole ledger was left for all to read, and for good.
#[test]
fn the_copy_of_a_dry_run_is_private_and_goes_away_even_after_a_crash() {
    let bench = with_ledger();
    fs::create_dir(bench.path("tmp")).unwrap();
    let import = |file: &str| bench.import(file).env("TMPDIR", bench.path("tmp"));
    for point in ["migrated", "committed"] {
        let dry_run = import("customers.csv").args(["--dry-run"]).env("TENANTRY_CRASH_AT", point);
        assert_eq!(dry_run.with_umask("000").run().code, None);
        let [(0o700, names)] = &copies(&bench)[..] else { panic!("{:?}", copies(&bench)) };
        assert!(names.contains(&"ledger.db".to_owned()), "{names:?}");
        // One that is at work keeps its copy.
        let at_work = import("-").args(["--dry-run"]).with_silent_input().spawn();
        eventually("it has its copy, and the other one is gone", || {
            let copies = copies(&bench);
            copies.len() == 1 && copies[0].1.contains(&"ledger.db-wal".to_owned())
        });
        import("customers.csv").exits(0);
        assert_eq!(copies(&bench).len(), 1);
        at_work.kill();
        import("customers.csv").exits(0);
        assert_eq!(copies(&bench), []);
    }
    import("customers.csv").args(["--dry-run"]).exits(0);
    assert_eq!(copies(&bench), []);
    bench.agree();
}

/// SQLite was given a name in which what is not UTF-8 was replaced.
#[cfg(target_os = "linux")]
#[test]
fn a_dry_run_takes_a_folder_for_temporary_files_with_any_name() {
    use std::os::unix::ffi::OsStrExt;
    let bench = with_ledger();
    let folder = bench.path("").join(std::ffi::OsStr::from_bytes(b"t\xFCmp"));
    fs::create_dir(&folder).unwrap();
    bench.import("customers.csv").args(["--dry-run"]).env("TMPDIR", folder).exits(0);
}

#[test]
fn a_dry_run_knows_a_ledger_by_the_name_that_it_was_given() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    for name in ["file:x.db?mode=memory", ":memory:"] {
        bench.import("customers.csv").args(["--ledger", name, "--limit", "0"]).exits(5);
        let call = bench.import("customers.csv").args(["--ledger", name, "--dry-run", "--json"]);
        // A folder for temporary files may have such a name too.
        fs::create_dir_all(bench.path("file:tmp?mode=memory")).unwrap();
        let plan = call.env("TMPDIR", "file:tmp?mode=memory").exits(0).json();
        assert_eq!(plan["rows"]["pending"], 2, "{name}");
    }
}
