//! A ledger of an older program: a copy of it is kept before it is brought up to date, and nothing is lost on the way.

use std::fs;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::harness::{Bench, HEADER, customers, row, states};
use crate::passwords::with_old_ledger;

/// Whole, in one file.
fn old_ledger() -> Bench {
    let bench = with_old_ledger();
    let ledger = Connection::open(bench.ledger_path()).unwrap();
    ledger.pragma_update(None, "journal_mode", "WAL").unwrap();
    bench
}

/// The files that were kept, or are half kept.
fn kept(bench: &Bench) -> Vec<String> {
    let names =
        fs::read_dir(bench.path("")).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("ledger.db.before-v")).collect()
}

fn version(bench: &Bench, ledger: &str) -> u32 {
    let ledger = Connection::open(bench.path(ledger)).unwrap();
    ledger.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn an_older_ledger_is_kept_beside_the_one_that_is_brought_up_to_date() {
    let bench = old_ledger();
    bench.tenantry(["status", "-q"]).exits(0);
    let [copy] = &kept(&bench)[..] else { panic!("{:?}", kept(&bench)) };
    assert_eq!(version(&bench, copy), 5);
    assert!(version(&bench, "ledger.db") > 5);
    assert_eq!(bench.tenantry(["status"]).exits(0).stderr, "", "once");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(bench.path(copy)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let bench = old_ledger();
    bench.file("customers.csv", customers(1));
    let done = bench.import("customers.csv").args(["--identity", "old.txt"]).exits(0);
    done.says("a copy of the old one is kept").says("ledger.db.before-v");
}

/// Until schema 8, a row that was discarded unsent had the state of a row that a corrected one had replaced.
#[test]
fn discarded_rows_of_an_older_ledger_are_declined() {
    const CALLS: &str = "SELECT id, row_id, run_id, request_id, outcome FROM http_attempts";
    let bench = old_ledger();
    let ledger = Connection::open(bench.ledger_path()).unwrap();
    ledger
        .execute_batch(
            r#"INSERT INTO customer_rows (id, source_id, line, domain, state, content_hash, cells, customer,
                                          replaced_by, made_at, changed_at)
               VALUES (8, 1, 8, 'discarded', 'superseded', x'08', x'', '{"external_id": "CRM-8"}', NULL, 0, 0),
                      (9, 1, 9, 'corrected', 'superseded', x'09', x'', '{"external_id": "CRM-9"}', 1, 0, 0)"#,
        )
        .unwrap();
    let before: Vec<String> = dump(&ledger, CALLS);
    bench.tenantry(["status", "-q"]).exits(0);
    let states = dump(&ledger, "SELECT domain, state, external_id FROM customers WHERE row_id > 7");
    assert_eq!(states, ["discarded|declined|CRM-8", "corrected|superseded|CRM-9"]);
    assert_eq!(dump(&ledger, CALLS)[..], before[..], "the other tables are as they were");
    let none: [&str; 0] = [];
    assert_eq!(dump(&ledger, "PRAGMA foreign_key_check"), none);
}

/// Older programs stored the path of a list as it was typed.
#[test]
fn a_list_of_an_older_ledger_is_known_by_its_one_name() {
    let bench = old_ledger();
    let ledger = Connection::open(bench.ledger_path()).unwrap();
    let typed = if cfg!(windows) { r".\customers.csv" } else { "././/customers.csv" };
    ledger
        .execute_batch(&format!(
            r#"INSERT INTO sources (id, run_id, path, header, started_at, completed_at, rows_read, rows_new)
                    SELECT 70, run_id, '{typed}', header, started_at, 1, 1, 1 FROM sources WHERE id = 1;
               INSERT INTO sources (id, run_id, path, header, started_at)
                    SELECT 71, run_id, '../a/b.csv', header, started_at FROM sources WHERE id = 1;
               INSERT INTO sources (id, run_id, path, header, started_at)
                    SELECT 72, run_id, '-', header, started_at FROM sources WHERE id = 1;
               INSERT INTO customer_rows (id, source_id, line, domain, key_domain, state, content_hash, cells, customer,
                                          error_code, error_status, made_at, changed_at)
               VALUES (8, 70, 2, 'refused', 'refused', 'failed', x'08', x'', '{{"external_id": "CRM-8"}}',
                       '2002', 400, 0, 0)"#,
        ))
        .unwrap();
    bench.tenantry(["status", "-q"]).run();
    let paths = dump(&ledger, "SELECT path FROM sources WHERE id >= 70 ORDER BY id");
    let elsewhere = if cfg!(windows) { r"..\a\b.csv" } else { "../a/b.csv" };
    assert_eq!(paths, ["customers.csv", elsewhere, "-"]);

    let row =
        customers(1).replacen("company_name", "external_id,company_name", 1).replacen('\n', "\nCRM-8,", 1);
    bench.file("customers.csv", row);
    bench.import("customers.csv").args(["--identity", "old.txt"]).exits(0);
    assert_eq!(dump(&ledger, "SELECT state FROM customer_rows WHERE id = 8"), ["superseded"]);
    let lists = dump(&ledger, "SELECT list_id FROM sources WHERE id >= 70 ORDER BY id");
    assert_eq!(lists, ["70", "71", "72", "70"]);
}

/// Older programs stored neither the full path nor the sheet, and the list may come again by another path first.
#[test]
fn a_list_of_an_older_ledger_is_one_list_by_whichever_path_it_comes() {
    let list = |domain: &str| format!("external_id,{HEADER}\nCRM-1,{}\n", row(domain));
    for absolute_first in [false, true] {
        let bench = Bench::new();
        bench.file("customers.csv", list("refuse-400-3000"));
        let full = bench.path("customers.csv");
        let (relative, absolute) = ("customers.csv", full.to_str().unwrap());
        let (first, second) = if absolute_first { (absolute, relative) } else { (relative, absolute) };
        bench.import(first).exits(3);
        let ledger = Connection::open(bench.ledger_path()).unwrap();
        ledger.execute("UPDATE sources SET full_path = NULL, list_id = NULL", []).unwrap();
        ledger.pragma_update(None, "user_version", 13).unwrap();
        ledger.execute_batch("DROP INDEX sources_by_list; ALTER TABLE sources DROP COLUMN list_id").unwrap();
        drop(ledger);
        bench.import(second).exits(3);
        bench.file("customers.csv", list("better"));
        bench.import(first).exits(0).says("corrected under the same external id");
        assert_eq!(bench.ledger().states(), states([("created", 1), ("superseded", 1)]));
        bench.agree();
    }
}

/// All rows of a query as text.
fn dump(ledger: &Connection, sql: &str) -> Vec<String> {
    let mut statement = ledger.prepare(sql).unwrap();
    let columns = statement.column_count();
    let text = |row: &rusqlite::Row<'_>| {
        let cell = |index| match row.get_ref(index).unwrap() {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            value => String::from_utf8_lossy(value.as_bytes().unwrap()).into_owned(),
        };
        Ok((0..columns).map(cell).collect::<Vec<_>>().join("|"))
    };
    statement.query_map([], text).unwrap().map(Result::unwrap).collect()
}

#[test]
fn dying_while_a_ledger_is_brought_up_to_date_leaves_one_whole_copy() {
    for point in ["copied", "copy_kept", "migration", "migration#2", "migrated"] {
        let bench = old_ledger();
        let died = bench.tenantry(["status"]).env("TENANTRY_CRASH_AT", point).run();
        assert_eq!(died.code, None, "{point}: {died}");
        bench.tenantry(["status"]).exits(0);
        let kept = kept(&bench);
        // A ledger that got half the way is kept as that too.
        let (fewest, most) = if point == "migration#2" { (1, 2) } else { (1, 1) };
        assert!((fewest..=most).contains(&kept.len()), "{point}: {kept:?}");
        assert!(kept.iter().all(|name| !name.ends_with(".new")), "{point}: {kept:?}");
        assert!(kept.iter().any(|name| version(&bench, name) == 5), "{point}: {kept:?}");
    }
}

#[test]
#[cfg(unix)]
fn without_room_for_a_copy_the_ledger_stays_as_it_is() {
    let bench = old_ledger();
    let before = fs::read(bench.ledger_path()).unwrap();
    let done = bench.tenantry(["status"]).with_largest_file(80).exits(1);
    done.says("could not copy the ledger").says("free space on its disk");
    assert_eq!(fs::read(bench.ledger_path()).unwrap(), before);
    assert_eq!(kept(&bench), [""; 0]);
    bench.tenantry(["status"]).exits(0);
}

#[test]
fn a_dry_run_leaves_an_older_ledger_as_it_is() {
    let bench = old_ledger();
    bench.file("customers.csv", customers(1));
    let before = fs::read(bench.ledger_path()).unwrap();
    let done = bench.import("customers.csv").args(["--dry-run", "--identity", "old.txt"]).exits(0);
    assert!(!done.stderr.contains("before-v"), "{done}");
    assert_eq!(fs::read(bench.ledger_path()).unwrap(), before);
    assert_eq!(kept(&bench), [""; 0]);
}

/// Root may read the ledger of another user, but not change it, and leaves nothing that keeps that user from it.
#[test]
#[cfg(unix)]
fn an_older_ledger_of_another_user_is_left_alone() {
    const STRANGER: u32 = 12345;
    let bench = old_ledger();
    if std::os::unix::fs::chown(bench.ledger_path(), Some(STRANGER), Some(STRANGER)).is_err() {
        assert!(!rustix::process::geteuid().is_root());
        return;
    }
    let done = bench.tenantry(["status"]).exits(2);
    done.says("from an older version and belongs to another user").says("as the owner of the ledger");
    assert_eq!(version(&bench, "ledger.db"), 5);
    assert!(!bench.path("ledger.db.lock").exists());
}

/// The room that a killed run had set aside may be all that a full disk has left.
#[test]
fn what_a_killed_run_set_aside_goes_before_anything_is_written() {
    let bench = old_ledger();
    bench.file("ledger.db-reserve", "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(bench.path("ledger.db-reserve"), private).unwrap();
    }
    assert_eq!(bench.resume().env("TENANTRY_CRASH_AT", "copied").run().code, None);
    assert!(!bench.path("ledger.db-reserve").exists());
}
