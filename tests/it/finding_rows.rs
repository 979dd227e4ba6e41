//! Rows of a ledger are found by what an operator knows of them: `list` and `show`.

use std::fs;

use serde_json::Value;

use crate::harness::{Bench, HEADER, customers, customers_of, domain, email, full, row, snapshot};

const RESELLER: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

/// A created customer, a refused one, a rejected one, and one that a corrected row has replaced. The reseller and the
/// external id have columns of their own names.
fn with_rows() -> Bench {
    let bench = Bench::new();
    let line = |domain: &str, rest: &str| format!("{},{rest}\n", row(domain));
    let rejected = line("fabrikam", "CRM-3,DE").replace(&email("fabrikam"), "nowhere");
    let header = format!("{HEADER},Our key,country\n").replacen(",country,", ",their_country,", 1);
    let rows =
        [header, line("harborline", "CRM-1,GB"), line("taken-by-others", "CRM-2,GB"), rejected].concat();
    bench.file("customers.csv", rows);
    let import = bench.import("customers.csv").args(["--concurrency", "1"]);
    import.args(["--map", "Our key=external_id", "--ignore-column", "their_country"]).exits(3);
    bench
}

fn listed(bench: &Bench, flags: &[&str]) -> Vec<String> {
    let rows = bench.tenantry(["list", "--json"]).args(flags).run().json();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["external_id"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn rows_are_listed_by_every_condition() {
    let bench = with_rows();
    let check = |flags: &[&str], expected: &[&str]| {
        assert_eq!(listed(&bench, flags), expected, "{flags:?}");
        let code = if expected.is_empty() { 1 } else { 0 };
        for form in [&["--json"][..], &[], &["-o", "-"]] {
            bench.tenantry(["list"]).args(flags).args(form).exits(code);
        }
    };
    check(&[], &["CRM-1", "CRM-2", "CRM-3"]);
    check(&["--state", "created"], &["CRM-1"]);
    check(&["--state", "failed", "--state", "rejected"], &["CRM-2", "CRM-3"]);
    check(&["--state", "superseded"], &[]);
    check(&["--country", "gb"], &["CRM-1", "CRM-2"]);
    // What is known of a rejected row is in its cells only.
    check(&["--country", "DE"], &["CRM-3"]);
    check(&["--code", "domain_taken"], &["CRM-2"]);
    check(&["--code", "email"], &["CRM-3"]);
    check(&["--search", "HARBORLINE HARBORLINE"], &["CRM-1"]);
    check(&["--search", "fabrikam"], &["CRM-3"]);
    check(&["--search", "accounts@taken"], &["CRM-2"]);
    check(&["--search", "crm-2"], &["CRM-2"]);
    check(&["--search", "crm", "--state", "failed", "--country", "GB"], &["CRM-2"]);
    check(&["--search", "crm", "--state", "failed", "--country", "DE"], &[]);
    check(&["--reseller", RESELLER], &[]);
    bench.tenantry(["list", "--state", "done"]).exits(2).says("[possible values: created");
    bench.tenantry(["list", "--json", "-o", "rows.csv"]).exits(2).says("cannot be used with");
}

#[test]
fn rows_are_listed_by_reseller() {
    let bench = Bench::new();
    let rows =
        customers_of(["one", "two"]).replace('\n', ",\n").replacen(",\n", ",associated_partner_id\n", 1);
    bench.file("customers.csv", rows.replacen(",\n", &format!(",{RESELLER}\n"), 1));
    bench.import("customers.csv").args(["--allow-direct"]).run();
    let of = |reseller: &str| bench.tenantry(["list", "--json", "--reseller", reseller]).run().json();
    let rows = of(&RESELLER.to_uppercase());
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["domain"], full("one"));
    assert_eq!(rows[0]["associated_partner_id"], RESELLER);
}

#[test]
fn a_list_has_the_columns_of_the_view() {
    let bench = with_rows();
    let ledger = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    let statement = ledger.prepare("SELECT * FROM customers").unwrap();
    let view: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let rows = bench.tenantry(["list", "--json"]).exits(0).json();
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    for column in view.iter().map(String::as_str).chain(["line"]) {
        assert!(keys.iter().any(|key| *key == column), "{column}: {keys:?}");
    }
    assert_eq!((&rows[0]["has_credentials"], &rows[1]["has_credentials"]), (&true.into(), &false.into()));
    let sql = "SELECT user_name FROM customers WHERE user_name IS NOT NULL";
    let in_view: String = ledger.query_row(sql, [], |row| row.get(0)).unwrap();
    let user_name = format!("admin@{}", full("harborline"));
    assert_eq!((in_view.as_str(), &rows[0]["user_name"]), (user_name.as_str(), &user_name.as_str().into()));
    assert_eq!((&rows[2]["line"], &rows[2]["company_name"]), (&4.into(), &"Harborline fabrikam Ltd".into()));
    bench.tenantry(["list", "-o", "rows.csv"]).exits(0).says("3 rows written to `rows.csv`.");
    let mut written = csv::Reader::from_path(bench.path("rows.csv")).unwrap();
    let header: Vec<String> = written.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header.len(), keys.len());
    assert_eq!(written.records().count(), 3);
    bench.tenantry(["list", "--search", "nothing", "-o", "none.csv"]).exits(1);
    assert!(!bench.path("none.csv").exists(), "nothing is written where nothing matches");
    bench.tenantry(["list", "-o", "rows.xlsx"]).exits(0);
    assert!(fs::read(bench.path("rows.xlsx")).unwrap().starts_with(b"PK"));
}

#[test]
fn lists_in_words() {
    let bench = with_rows();
    let told = |args: &[&str]| format!("$ tenantry {}\n{}\n", args.join(" "), bench.tenantry(args).run());
    snapshot!(
        [
            &["list"][..],
            &["list", "--state", "created", "--json"],
            &["list", "--country", "FR"],
            &["show", "--line", "4"],
            &["show", "harborline h"],
            &["show", "harborline"],
            &["show", "ltd"],
            &["show", "nothing like it"],
        ]
        .map(told)
        .concat()
    );
}

#[test]
fn a_long_list_shows_its_beginning_and_its_number() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(60));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let shown = bench.tenantry(["list", "--state", "pending"]).exits(0);
    assert_eq!(shown.stdout.lines().count(), 1 + 50 + 2, "{shown}");
    assert!(shown.stdout.ends_with("\n50 of 60 rows; `-o FILE.csv` writes all of them\n"), "{shown}");
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert_eq!(bench.tenantry(["list", "--json"]).exits(0).json().as_array().unwrap().len(), 60);
}

#[test]
fn a_row_is_shown_by_whatever_is_known_of_it() {
    let bench = with_rows();
    let shown = |what: &[&str]| -> Vec<Value> {
        let rows = bench.tenantry(["show", "--json"]).args(what).exits(0).json();
        rows.as_array().unwrap().iter().map(|row| row["row"].clone()).collect()
    };
    let id = bench.ledger().row("harborline").customer_id.unwrap();
    for what in [
        &["harborline"][..],
        &[&full("harborline")],
        &[&id],
        &[&id.to_uppercase()],
        &["crm-1"],
        &["--row", "1"],
    ] {
        assert_eq!(shown(what), [1], "{what:?}");
    }
    for what in [&["CRM-3"][..], &["harborline FABRIKAM ltd"], &["fabrikam ltd"], &["--line", "4"]] {
        assert_eq!(shown(what), [3], "{what:?}");
    }
    assert_eq!(shown(&["Ltd"]), [1, 2, 3], "a part of the names of several");
    let fabrikam = &bench.tenantry(["show", "--json", "CRM-3"]).exits(0).json()[0];
    assert_eq!(
        (&fabrikam["company_name"], &fabrikam["country"]),
        (&"Harborline fabrikam Ltd".into(), &"DE".into())
    );
    bench.tenantry(["show", "--row", "9"]).exits(1).says("has no row with the number 9");
    bench.tenantry(["show"]).exits(2);
    bench.tenantry(["show", "x", "--row", "1"]).exits(2);
}

/// Every command of the choice shows one customer.
#[test]
fn the_commands_of_a_choice_work_as_they_stand() {
    let bench = with_rows();
    // A second row on line 2, and one without a domain.
    bench.file("more.csv", customers(1) + &row("no domain at all") + "\n");
    bench.import("more.csv").exits(3);
    let choice = bench.tenantry(["show", "--line", "2"]).exits(0).stdout;
    let commands: Vec<&str> =
        choice.lines().filter_map(|line| line.trim().strip_prefix("tenantry ")).collect();
    assert_eq!(commands.len(), 2, "{choice}");
    let third = bench.tenantry(["show", "--line", "3"]).exits(0).stdout;
    assert!(third.contains("tenantry show --row 5"), "{third}");
    let words = |command: &str| command.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (command, name) in [(commands[0], full("harborline")), (commands[1], full(&domain(1)))] {
        let shown = bench.tenantry(words(command)).exits(0).stdout;
        assert!(shown.contains(&format!("\n{name}: created (row ")), "{shown}");
    }
}

/// Lines move when a list is edited, but a row keeps its first one.
#[test]
fn a_line_means_the_newest_reading_of_a_list() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "wingtip"]));
    bench.import("crm.csv").exits(0);
    let show = |line| bench.tenantry(["show", "--line", line]).exits(0);
    let shown = show("2");
    assert!(shown.stdout.contains(&format!("\n{}: created", full("harborline"))), "{shown}");
    assert!(!shown.stderr.contains("read again"), "{shown}");
    // By whatever path.
    bench.file("crm.csv", customers_of(["quay", "harborline", "wingtip"]));
    bench.import(bench.path("crm.csv").to_str().unwrap()).exits(0);
    let shown = show("2");
    assert!(shown.stdout.contains(&format!("\n{}: created", full("quay"))), "{shown}");
    assert!(!shown.stdout.contains("harborline") && !shown.stderr.contains("read again"), "{shown}");
    let note = "crm.csv: the list was read again since line 3 was stored. The row may be on another line";
    show("3").says(note);
    // A reading does not store the lines of known rows, so either may be on the line.
    bench.file("crm.csv", customers_of(["harborline", "wingtip"]));
    bench.import("crm.csv").exits(0);
    let shown = show("2");
    shown.says("crm.csv: the list was read again since line 2 was stored.");
    assert!(shown.stdout.contains("harborline") && shown.stdout.contains("quay"), "{shown}");
    let other = bench.tenantry(["show", "wingtip"]).exits(0);
    assert!(!other.stderr.contains("read again"), "{other}");
}

/// The ledger has no domain for a row whose cell is invalid, but the operator knows the row by this cell.
#[test]
fn a_row_with_an_invalid_domain_is_found_by_its_cell() {
    let bench = Bench::new();
    let wrong = ["bäd-zwei", "bäd-drei.onmicrosoft.com", ""]
        .map(|cell| row("a").replacen(",a,", &format!(",{cell},"), 1));
    bench.file("customers.csv", customers(1) + &wrong.join("\n") + "\n");
    let done = bench.import("customers.csv").exits(3);
    for name in
        ["customers.csv:3: bäd-zwei · Harborline a Ltd", "customers.csv:4: bäd-drei.onmicrosoft.com · "]
    {
        assert!(done.stdout.contains(name), "{done}");
    }
    let shown = bench.tenantry(["show", "BÄD-zwei"]).exits(0);
    assert!(shown.stdout.contains("bäd-zwei: rejected (row 2, customers.csv line 3)"), "{shown}");
    let none = bench.tenantry(["retry", "--domain", "bäd-zwei"]).exits(1);
    none.says("--domain bäd-zwei matches nothing; its row failed validation: add --all");
    bench
        .tenantry(["retry", "--all", "--domain", "bäd-zwei"])
        .exits(3)
        .says("1 row left alone for failing validation");
    let acknowledge = |domain: &str| bench.tenantry(["acknowledge", "--domain", domain]);
    acknowledge("bäd").exits(1).says("the ledger has no row of the domain `bäd`");
    acknowledge(&domain(1)).exits(1).says(&format!("the row of `{}` is created", domain(1)));
    for name in ["bäd-zwei", "BÄD-drei"] {
        acknowledge(name).exits(0).says("Acknowledged: 1 rejected row.");
    }
    assert_eq!(bench.tenantry(["status", "--json"]).run().json()["rows"]["acknowledged"]["rejected"], 2);
    bench.tenantry(["acknowledge", "--undo", "--domain", "bäd-zwei"]).exits(0);
}

/// A rejected row is described with its column. `check` does not know the options of the import.
#[test]
fn a_rejected_row_says_in_which_column_it_is_wrong_and_how_to_check_its_list() {
    let bench = Bench::new();
    let wrong = |header: &str| {
        customers_of(["wrong"]).replacen("company_name", header, 1).replace(&email("wrong"), "nowhere")
    };
    let check = |file: &str, flags: &[&str], is_with_options: bool| {
        let done = bench.import(file).args(flags).exits(3);
        assert!(done.stdout.contains("(rejected), email: has no `@`"), "{done}");
        assert!(done.stdout.contains("`tenantry check FILE` lists every problem"), "{done}");
        assert_eq!(done.stdout.contains("(give it the --map, --auto-map"), is_with_options, "{done}");
    };
    bench.file("plain.csv", wrong("company_name"));
    check("plain.csv", &[], false);
    bench.file("mapped.csv", wrong("Firma"));
    check("mapped.csv", &["--map", "Firma=company_name"], true);
}

#[test]
fn a_list_says_which_rows_it_leaves_out() {
    let bench = Bench::new();
    let wrong = |domain: &str| row(domain).replace(&email(domain), "nowhere");
    bench.file("customers.csv", format!("{HEADER}\n{}\n{}\n", row("one"), wrong("two")));
    bench.import("customers.csv").exits(3);
    let all = bench.tenantry(["list"]).exits(0);
    assert!(!all.stderr.contains("Left out"), "{all}");
    bench.file("customers.csv", customers_of(["one", "two"]));
    bench.import("customers.csv").exits(0);
    for flags in [&[][..], &["-o", "rows.csv"]] {
        let listed = bench.tenantry(["list"]).args(flags).exits(0);
        listed.says("Left out: 1 superseded. `tenantry list --state superseded --ledger ");
    }
    let other = bench.tenantry(["list", "--search", "one"]).exits(0);
    assert!(!other.stderr.contains("Left out"), "{other}");
    assert!(!bench.tenantry(["list", "--json"]).exits(0).stderr.contains("Left out"));
}
