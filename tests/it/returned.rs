//! Exports that come back from a spreadsheet: what was corrected is shown, what was damaged is not sent.

use std::fs;

use serde_json::json;
use tenantry_simulator::{Fault, Operation};

use crate::harness::{Bench, Done, customers_of, full, states};

const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,address_line2,city,\
                      postal_code,country,phone_number,our ref";

/// Cells that a spreadsheet changes: of a German and of a British customer.
const ROWS: [&str; 2] = [
    "1E5,hard1,it@hard1.example.com,de-DE,de,Jürgen,Groß,Prager Straße 1,3-4,Dresden,01067,DE,+493515550101,007",
    "Harborline Ltd,hard2,it@hard2.example.com,en-GB,en,Ana,True,1 High Street,Flat 2,Leeds,LS1 5HD,GB,,1/2",
];

/// Both rows were refused, and are exported to `failed.csv`. Returns the export.
fn exported(bench: &Bench) -> String {
    for domain in ["hard1", "hard2"] {
        bench.fault(Operation::Create, domain, Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    }
    bench.file("list.csv", format!("{HEADER}\n{}\n", ROWS.join("\n")));
    bench.import("list.csv").exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    fs::read_to_string(bench.path("failed.csv")).unwrap()
}

fn damaged(export: &str) -> String {
    export
        .replace("1E5,", "100000,")
        .replace(",3-4,", ",04. Mrz,")
        .replace(",01067,", ",1067,")
        .replace(",+493515550101,", ",4.93516E+11,")
        .replace(",007,", ",7,")
        .replace(",True,", ",WAHR,")
}

/// `count` cells are wrong, and nothing was sent since the rows were refused.
fn refuses(bench: &Bench, done: &Done, count: u64) {
    done.says(&format!("{count} × error spreadsheet_change, first on line 2: "));
    assert_eq!(bench.count(Operation::Create), 2, "{done}");
}

/// A customer was created for this domain under this name.
fn is_created(bench: &Bench, domain: &str, company: &str) -> bool {
    let domain = full(domain);
    let sql = format!(
        "SELECT count(*) FROM customers
          WHERE state = 'created' AND domain = '{domain}' AND company_name = '{company}'"
    );
    bench.ledger().number(&sql) == 1
}

#[test]
fn what_a_spreadsheet_has_changed_is_not_sent() {
    let bench = Bench::new();
    let export = exported(&bench);
    bench.tenantry(["check", "failed.csv"]).exits(0).says("also compares its rows with the ledger");
    bench.file("failed.csv", damaged(&export));
    let dry = bench.import("failed.csv").args(["--dry-run"]).exits(3);
    refuses(&bench, &dry, 5);
    assert!(dry.stdout.contains("; 5 cells were changed by a spreadsheet."), "{dry}");
    let done = bench.import("failed.csv").exits(3);
    refuses(&bench, &done, 5);
    done.says(
        "company_name: was `1E5` when it was exported; a spreadsheet wrote it as a number with an exponent",
    );
    // A column that is not sent is only shown.
    done.says("failed.csv: 1 row differs from what was exported: 1 × `our ref`; 5 cells were changed by a spreadsheet.")
        .says("  line 2: our ref: `007` → `7`");
    // The ledger has the changed cells now, and knows that they were changed.
    refuses(&bench, &bench.import("failed.csv").args(["--retry-failed"]).exits(3), 5);
    bench.tenantry(["retry", "--all"]).exits(3).says("2 rows left alone");
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    refuses(&bench, &bench.import("rejected.csv").exits(3), 5);
    let without_own: String = fs::read_to_string(bench.path("rejected.csv"))
        .unwrap()
        .lines()
        .map(|line| line.split(',').take(14).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    bench.file("copied.csv", without_own);
    refuses(&bench, &bench.import("copied.csv").exits(3), 5);
    let rejected = fs::read_to_string(bench.path("rejected.csv")).unwrap();
    assert!(rejected.contains("postal_code: was `01067` when it was exported"), "{rejected}");
    assert!(rejected.contains("(→ +493515550101)"), "{rejected}");
    let mended = rejected
        .replace("\n100000,", "\n1E5,")
        .replace(",04. Mrz,", ",3-4,")
        .replace(",1067,", ",01067,")
        .replace(",4.93516E+11,", ",+493515550101,")
        .replace(",WAHR,", ",True,");
    bench.file("rejected.csv", mended);
    let done = bench.import("rejected.csv").exits(0);
    assert!(!done.stderr.contains("differ"), "{done}");
    assert!(is_created(&bench, "hard1", "1E5"));
    bench.agree();
}

#[test]
fn a_value_that_is_meant_is_sent_where_the_rule_is_a_warning() {
    let bench = Bench::new();
    let export = exported(&bench);
    bench.file("failed.csv", export.replace("\n1E5,", "\n100000,").replace(",hard2,", ",other,"));
    bench.import("failed.csv").exits(3);
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    let import = bench.import("rejected.csv").args(["--warn", "spreadsheet_change"]).exits(0);
    import.says("1 × warning spreadsheet_change, on line 2: company_name: was `1E5`");
    assert!(is_created(&bench, "hard1", "100000"));
    bench.agree();
}

/// The correction is what the program asked for, and the cell of a text file was no more than its text.
#[test]
fn a_domain_that_became_a_date_is_corrected_in_the_export() {
    let bench = Bench::new();
    bench.file("list.csv", customers_of(["Mar-04", "Apr-05"]));
    bench.import("list.csv").exits(3).says("2 × error date_as_domain");
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    let export = fs::read_to_string(bench.path("rejected.csv")).unwrap();
    bench.file("rejected.csv", export.replace(",Mar-04,", ",mar4,"));
    bench.import("rejected.csv").exits(3).says("1 × error date_as_domain, on line 3");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("rejected", 1), ("superseded", 1)]));
    bench.tenantry(["retry", "--all", "--warn", "date_as_domain"]).exits(0);
    assert!(is_created(&bench, "apr-05", "Harborline Apr-05 Ltd"));
    bench.agree();
}

/// Databases write headings in capital letters. An export is no list, and contains not all rows of one.
#[test]
fn an_export_in_capital_letters_is_still_an_export() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "hard1", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.fault(Operation::Create, "hard2", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("list.csv", customers_of(["hard1", "hard2"]));
    bench.import("list.csv").exits(3);
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout;
    let (header, rows) = export.split_once('\n').unwrap();
    let [one, _] = rows.lines().collect::<Vec<_>>().try_into().unwrap();
    for rows in [rows, one] {
        bench.file("failed.csv", format!("{}\n{rows}\n", header.to_uppercase()));
        bench.import("failed.csv").exits(3);
    }
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
}

/// Some programs write a blank after each comma.
#[test]
fn an_export_has_the_columns_of_tenantry_once() {
    let bench = Bench::new();
    bench.file("list.csv", customers_of(["no domain"]));
    bench.import("list.csv").exits(3);
    let export = |name| {
        bench.tenantry(["export", "rejected", "-o", name]).exits(0);
        fs::read_to_string(bench.path(name)).unwrap()
    };
    let first = export("first.csv");
    let (header, rows) = first.split_once('\n').unwrap();
    let padded = header.replace(",tenantry_", ", tenantry_");
    bench.file("first.csv", format!("{padded}\n{}", rows.replace(",no domain,", ",still none,")));
    bench.import("first.csv").exits(3);
    assert_eq!(export("second.csv").lines().next(), Some(header.trim_end()));
}

#[test]
fn what_a_person_has_changed_is_shown_before_it_is_sent() {
    let bench = Bench::new();
    let export = exported(&bench);
    let corrected =
        export.replace(",hard1,", ",easy1,").replace("Harborline Ltd,hard2", "Harborline Trading,easy2");
    bench.file("failed.csv", corrected);
    let dry = || bench.import("failed.csv").args(["--dry-run"]);
    let words = "2 rows differ from what was exported: 2 × `domain`, 1 × `company_name`.";
    let done = dry().exits(0);
    done.says(&format!("failed.csv: {words}")).says("  line 2: domain: `hard1` → `easy1`");
    assert!(done.stdout.contains(words), "{done}");
    let columns = json!([{"column": "domain", "cells": 2}, {"column": "company_name", "cells": 1}]);
    let expected = json!({"rows": 2, "columns": columns, "by_spreadsheet": 0});
    assert_eq!(dry().args(["--json"]).exits(0).json()["plan"]["changed"], expected);
    bench.import("failed.csv").exits(0).says(words);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 2)]));
    // It is what the ledger has now.
    let again = bench.import("failed.csv").exits(0);
    assert!(!again.stderr.contains("differ"), "{again}");
    bench.agree();
}

#[test]
fn columns_may_be_moved_added_and_removed() {
    let bench = Bench::new();
    let export = exported(&bench);
    // The last of the own columns of the list comes first, the phone number is gone, and the state is new.
    let moved = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        let (phone, our_ref) = (cells.remove(12), cells.remove(12));
        let state = if phone == "phone_number" { "state" } else { "" };
        format!("{our_ref},{},{state}\n", cells.join(","))
    };
    let moved: String = export.lines().map(moved).collect();
    bench.file("failed.csv", moved.replace(",01067,", ",1067,"));
    let done = bench.import("failed.csv").exits(3);
    done.says(
        "1 row differs from what was exported: 1 × `phone_number`; 1 cell was changed by a spreadsheet.",
    );
    done.says("line 2: phone_number: `+493515550101` → (empty)").says("postal_code: was `01067`");
}

/// The header of the list is read as it was, also with what `--auto-map` took and `--ignore-column` left out.
#[test]
fn a_removed_column_of_an_auto_mapped_list_is_a_change() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "hard1", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    let header = HEADER.replace("phone_number", "Telefon").replace("our ref", "Phone");
    bench.file("list.csv", format!("{header}\n{}\n", ROWS[0]));
    let options = ["--auto-map", "--ignore-column", "Phone"];
    bench.import("list.csv").args(options).exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    let without_phone = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(12);
        cells.join(",") + "\n"
    };
    let export = fs::read_to_string(bench.path("failed.csv")).unwrap();
    bench.file("failed.csv", export.lines().map(without_phone).collect::<String>());
    let done = bench.import("failed.csv").args(options).args(["--dry-run"]).exits(0);
    done.says("1 row differs from what was exported: 1 × `Telefon`.");
}

/// What was done to the cells by which a row is recognized makes it no new row.
#[test]
fn changed_cells_of_tenantry_are_reported() {
    let cases = [
        ("tenantry_row", "1.23457E+11", "is no longer the number of a row"),
        ("tenantry_row", "99999", "names a row that this ledger does not have"),
        ("tenantry_ledger", "", "is empty, but `tenantry_row` is not"),
        ("tenantry_ledger", "8f2c1b7e", "is no longer the id of a ledger"),
        // Dragged over from the row above.
        ("tenantry_ledger", "{id}0", "is no longer the id of this ledger"),
    ];
    let bench = Bench::new();
    let export = exported(&bench);
    let header: Vec<&str> = export.lines().next().unwrap().split(',').collect();
    for (column, cell, expected) in cases {
        let index = header.iter().position(|name| *name == column).unwrap();
        let mut lines: Vec<String> = export.lines().map(str::to_owned).collect();
        let mut cells: Vec<&str> = lines[1].split(',').collect();
        let own = cells[index];
        let end = own.len() - 1;
        let last = if own.ends_with('0') { "1" } else { "0" };
        let cell = cell.replace("{id}0", &format!("{}{last}", &own[..end]));
        cells[index] = &cell;
        lines[1] = cells.join(",").replace(",01067,", ",1067,");
        bench.file("failed.csv", lines.join("\n") + "\n");
        let done = bench.import("failed.csv").args(["--dry-run"]).exits(3);
        done.says(&format!("1 × error changed_cell, on line 2: {column}: {expected}"));
        // It is still compared with the row of its domain.
        done.says("postal_code: was `01067` when it was exported");
    }
    // A header that was copied along is one problem.
    let header_again = export.lines().next().unwrap();
    bench.file("failed.csv", format!("{export}{header_again}\n"));
    let done = bench.import("failed.csv").args(["--dry-run"]).exits(3);
    assert!(!done.says("1 × error header_again").stderr.contains("changed_cell"), "{done}");
    // A row of the operator's own below the others is none of these.
    let new = ROWS[1].replace("hard2", "new") + &",".repeat(header.len() - HEADER.split(',').count()) + "\n";
    bench.file("failed.csv", export + &new);
    let done = bench.import("failed.csv").exits(3);
    assert!(!done.stderr.contains("changed_cell"), "{done}");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 2)]));
    // Without the column, nothing can be compared, which is said.
    bench.file(
        "nameless.csv",
        fs::read_to_string(bench.path("failed.csv")).unwrap().replace("tenantry_row", "row"),
    );
    bench.import("nameless.csv").args(["--dry-run"]).exits(0).says("because `tenantry_row` is missing.");
    // A row of another ledger cannot be compared either.
    let text = fs::read_to_string(bench.path("failed.csv")).unwrap();
    let id = text.lines().nth(1).unwrap().split(',').nth(15).unwrap();
    bench.file("foreign.csv", text.replace(id, "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951"));
    let done = bench.import("foreign.csv").args(["--dry-run"]).exits(0);
    done.says("2 × warning other_ledger, first on line 2: ");
    assert!(!done.stderr.contains("changed_cell") && !done.stderr.contains("differ"), "{done}");
}

/// As where a row was copied down and got another domain: it would be a customer of its own.
#[test]
fn a_row_corrects_one_row_and_a_second_one_is_an_error() {
    let bench = Bench::new();
    let export = exported(&bench);
    let twice: Vec<_> = export.lines().take(2).map(|line| line.replace(",hard1,", ",hard11,")).collect();
    let copy = twice[1].replace(",hard11,", ",hard12,");
    bench.file("failed.csv", format!("{}\n{}\n{copy}\n", twice[0], twice[1]));
    let done = bench.import("failed.csv").exits(3);
    done.says("1 × error changed_cell, on line 3: tenantry_row: is on an earlier line too");
    assert!(is_created(&bench, "hard11", "1E5") && bench.count(Operation::Create) == 3, "{done}");
    // The same line again is the same row again.
    bench.file("failed.csv", format!("{}\n{}\n{}\n", twice[0], twice[1], twice[1]));
    assert!(!bench.import("failed.csv").exits(3).stderr.contains("changed_cell"), "{done}");
    assert_eq!(bench.count(Operation::Create), 3);
}

/// Of many changed domains three are shown, so that a changed name is not hidden by them.
#[test]
fn changes_of_each_column_are_shown() {
    let bench = Bench::new();
    let domains: Vec<String> = (1..=8).map(|number| format!("many{number}")).collect();
    for domain in &domains {
        bench.fault(Operation::Create, domain, Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    }
    bench.file("list.csv", customers_of(domains.iter().map(String::as_str)));
    bench.import("list.csv").exits(3);
    let export = bench.tenantry(["export", "failed"]).exits(0).stdout.clone();
    let changed = export.replace(",many", ",more").replace("Harborline many8 Ltd", "Seaside Ltd");
    bench.file("failed.csv", changed);
    let done = bench.import("failed.csv").args(["--dry-run"]).exits(0);
    done.says("line 9: company_name: `Harborline many8 Ltd` → `Seaside Ltd`").says("… and 5 more changes");
}

/// As where only some columns were sorted.
#[test]
fn a_row_that_names_another_one_corrects_neither() {
    let bench = Bench::new();
    let export = exported(&bench);
    let swapped = export.replace(",1,", ",0,").replace(",2,", ",1,").replace(",0,", ",2,");
    assert_ne!(swapped, export);
    bench.file("failed.csv", swapped.replace(",hard1,", ",easy1,").replace(",hard2,", ",easy2,"));
    let done = bench.import("failed.csv").exits(3);
    let words = "tenantry_row: names a row with another company, domain and e-mail address";
    done.says(&format!("2 × error changed_cell, first on line 2: {words}"));
    assert_eq!(bench.ledger().states(), states([("failed", 2), ("rejected", 2)]));
    assert_eq!(bench.count(Operation::Create), 2);
}
