//! Lists as spreadsheets save them: every encoding, dialect and kind of file, checked, imported and exported alike.

use std::collections::BTreeMap;

use crate::check::problems;
use crate::harness::{Bench, Call, HEADER, customers, full, row};

fn check<'a>(bench: &'a Bench, file: &str) -> Call<'a> {
    bench.tenantry(["check", "--json", file]).without("TENANTRY_ACCESS_TOKEN")
}

/// A good list of three customers; two have letters beyond ASCII, and one a comma and a line break in a cell.
fn list() -> String {
    let named = |domain: &str, name: &str| row(domain).replacen("Harborline", name, 1);
    let second = named("second", "\"Müller, Söhne").replacen(" Ltd", " Ltd\"", 1);
    let third = format!("{},\"call\nfirst\"", named("third", "Smørrebrød"));
    format!("{HEADER},notes\n{},\n{second},\n{third}\n", row("first"))
}

/// What came of a list: the bodies that were sent, and the operator's own cells as they were exported.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    bodies: BTreeMap<String, String>,
    cells: Vec<Vec<String>>,
}

/// Checks, imports and exports a list; both commands must read it as `says`.
#[track_caller]
fn outcome(name: &str, content: &[u8], flags: &[&str], says: &str) -> Outcome {
    let bench = Bench::new();
    bench.file(name, content);
    check(&bench, name).args(flags).exits(0).says(says);
    bench.import(name).args(flags).exits(0).says(says);
    bench.agree();
    let bodies = bench.creations().into_iter().map(|made| (made.domain.clone(), made.body.clone())).collect();
    let exported = bench.tenantry(["export", "all"]).exits(0).stdout;
    Outcome { bodies, cells: own_cells(&exported) }
}

/// The cells of an export that are not ours, in the order of the rows' own.
fn own_cells(exported: &str) -> Vec<Vec<String>> {
    let mut records = csv::ReaderBuilder::new().has_headers(false).from_reader(exported.as_bytes());
    let records: Vec<csv::StringRecord> = records.records().map(Result::unwrap).collect();
    let own = records[0].iter().position(|name| name.starts_with("tenantry_")).unwrap();
    records.iter().map(|record| record.iter().take(own).map(str::to_owned).collect()).collect()
}

fn in_windows_1252(text: &str) -> Vec<u8> {
    // All letters of these tests stand where Unicode has them.
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn in_utf_16(text: &str, encode: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(encode).collect()
}

#[test]
fn the_same_customers_from_every_encoding_and_dialect() {
    let text = list();
    let expected = outcome("list.csv", text.as_bytes(), &[], "");
    assert!(expected.bodies[&full("second")].contains("Müller, Söhne second Ltd"));
    assert_eq!(expected.cells[3][12], "call\nfirst");
    // As Excel saves `Unicode Text`, and as it saves `CSV` in Western Europe.
    let tabs = text.replace(',', "\t").replace("Müller\t", "Müller,");
    let little = in_utf_16(&format!("\u{FEFF}{tabs}"), u16::to_le_bytes);
    assert_eq!(outcome("list.txt", &little, &[], "tabs, UTF-16LE"), expected);
    let semicolons = text.replace(',', ";").replace("Müller;", "Müller,");
    let western = in_windows_1252(&format!("sep=;\n{semicolons}\n\n;;;;;;;;;;;;\n"));
    assert_eq!(outcome("list.csv", &western, &[], "semicolons, windows-1252"), expected);
    let big = in_utf_16(&text, u16::to_be_bytes);
    assert_eq!(outcome("list.csv", &big, &[], "commas, UTF-16BE"), expected);
    // As a Mac did once: lone carriage returns. The one in the cell is the operator's.
    let returns = text.replace('\n', "\r").replace("call\r", "call\n");
    assert_eq!(outcome("list.csv", returns.as_bytes(), &[], ""), expected);
    let told = ["--encoding", "windows-1252", "--delimiter", "semicolon"];
    assert_eq!(outcome("list.csv", &western, &told, "semicolons, windows-1252"), expected);
}

/// What was ASCII for megabytes may end in a letter that is not.
#[test]
fn the_last_row_tells_the_encoding() {
    let bench = Bench::new();
    let last = in_windows_1252(&row("last").replacen("Harborline", "Müller", 1));
    bench.file("list.csv", [customers(5000).as_bytes(), &last].concat());
    check(&bench, "list.csv").exits(0).says("list.csv: read as commas, windows-1252.");
    bench.import("list.csv").args(["--limit", "0"]).exits(5);
    assert_eq!(bench.ledger().number("SELECT count(*) FROM customers WHERE state = 'pending'"), 5001);
    assert_eq!(
        bench.ledger().number("SELECT count(*) FROM customers WHERE company_name = 'Müller last Ltd'"),
        1
    );
}

/// A pipe cannot be looked through beforehand: what is not UTF-8 there is an error of its row, with the way out.
#[test]
fn what_comes_through_a_pipe_is_utf_8_unless_told() {
    let bench = Bench::new();
    let western = in_windows_1252(&list());
    let call = |flags: &[&str]| check(&bench, "-").args(flags).stdin(western.clone());
    let checked = call(&[]).exits(3);
    assert_eq!(problems(&checked), [(3, "row_encoding".to_owned()), (4, "row_encoding".to_owned())]);
    assert!(checked.stdout.contains("--encoding"), "{checked}");
    call(&["--encoding", "windows-1252"]).exits(0).says("-: read as commas, windows-1252.");
    check(&bench, "-").stdin(in_utf_16(&list(), u16::to_le_bytes)).exits(0).says("UTF-16LE");
}

#[test]
fn what_cannot_be_told_is_no_guess() {
    #[track_caller]
    fn check_refused(content: &[u8], says: &str) {
        let bench = Bench::new();
        bench.file("list.csv", content);
        check(&bench, "list.csv").exits(1).says(says);
        bench.import("list.csv").exits(1).says(says);
        assert_eq!(bench.creations().len(), 0);
    }
    let (utf_8, western) = (list(), in_windows_1252(&list()));
    let more = in_windows_1252(&row("ä").replacen("Harborline", "Öäü ä", 1));
    check_refused(
        &[utf_8.as_bytes(), &western, &more].concat(),
        "some of it is UTF-8, and more of it is not",
    );
    let dos = list().replace('ü', "\u{81}").replace('ö', "\u{94}").replace('ø', "\u{9b}");
    check_refused(&in_windows_1252(&dos), "it is neither UTF-8 nor Windows-1252");
    check_refused(b"%PDF-1.7\n", "it is a PDF document");
    check_refused(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "password-protected Office file");
    check_refused(b"", "cannot find a header in an empty input");
}
