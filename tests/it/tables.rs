//! Tables as they go out: as CSV and as workbooks, marked and fixed, and back in.

use std::fs;
use std::io::Read as _;

use csv::StringRecord;

use crate::harness::{Bench, Call, HEADER, customers, customers_of, email, row, states};

fn check<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.tenantry(["check"]).args(args).without("TENANTRY_ACCESS_TOKEN")
}

/// Cells that spreadsheets and formats of files like to change.
const HARD: [&str; 18] = [
    "01067",
    "+49 40 1234567",
    "123456789012345678901234567890",
    "=HYPERLINK(\"https://evil.example.com\")",
    "@SUM(A1)",
    "-1",
    "'quoted",
    "'=1+1",
    "''=1+1",
    "a; =cmd|' /C calc'!A0",
    "https://example.com/?q=1&r=<2>",
    " blanks around \t",
    "two\nlines",
    "two\r\nlines and\ra return",
    "_x000D_ _x0041_",
    "日本 Ærø 🙂 e\u{301} \u{FEFF}",
    "1.2E+11",
    "\"quotes\"\u{1}\u{1f}",
];

/// A list whose last column has one of [`HARD`] in each row; its header begins with a plus sign, too.
fn hard_list(delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(HEADER.split(',').chain(["+note"])).unwrap();
    for (number, cell) in HARD.iter().enumerate() {
        let row = row(&format!("hard{number}"));
        writer.write_record(row.split(',').chain([*cell])).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The records of a file of this delimiter.
fn records(content: &[u8], delimiter: u8) -> Vec<StringRecord> {
    let content = content.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(content);
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.delimiter(delimiter).has_headers(false).flexible(true).from_reader(content);
    reader.into_records().map(Result::unwrap).collect()
}

/// The cells of the operator's own column with the hard cells, its name included, however a file has them.
fn hard_cells(bench: &Bench, file: &str) -> Vec<String> {
    let copy = "read-back.csv";
    let mut check = check(bench, &["--force", "-o", copy, file]);
    check = check.args(["-q"]);
    check.exits(0);
    let content = fs::read(bench.path(copy)).unwrap();
    let delimiter = content["company_name".len()];
    let place = HEADER.split(',').count();
    records(&content, delimiter).iter().map(|record| record[place].to_owned()).collect()
}

fn expected() -> Vec<String> {
    std::iter::once("+note").chain(HARD).map(str::to_owned).collect()
}

/// The part of a workbook.
fn part(bench: &Bench, file: &str, name: &str) -> String {
    let mut archive = zip::ZipArchive::new(fs::File::open(bench.path(file)).unwrap()).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_copy_comes_back_as_it_went_whatever_its_format() {
    for delimiter in [b',', b';'] {
        let bench = Bench::new();
        bench.file("list.csv", hard_list(delimiter));
        assert_eq!(hard_cells(&bench, "list.csv"), expected());
        check(&bench, &["-o", "copy.xlsx", "list.csv"]).exits(0);
        assert_eq!(hard_cells(&bench, "copy.xlsx"), expected());
        check(&bench, &["-o", "marked.csv", "--for-excel", "list.csv"]).exits(0);
        assert_eq!(hard_cells(&bench, "marked.csv"), expected());
        // A copy of a copy has one mark each, and a workbook none.
        check(&bench, &["-o", "again.csv", "--for-excel", "marked.csv"]).exits(0);
        assert_eq!(fs::read(bench.path("again.csv")).unwrap(), fs::read(bench.path("marked.csv")).unwrap());
        check(&bench, &["-o", "again.xlsx", "marked.csv"]).exits(0);
        assert_eq!(hard_cells(&bench, "again.xlsx"), expected());
        assert!(!part(&bench, "again.xlsx", "xl/worksheets/sheet1.xml").contains("tenantry_apostrophe"));
    }
}

#[test]
fn an_export_comes_back_as_it_went_whatever_its_format() {
    for (file, flags) in [("all.xlsx", &[][..]), ("all.csv", &["--for-excel"]), ("all.csv", &[])] {
        let bench = Bench::new();
        bench.file("list.csv", hard_list(b';'));
        bench.import("list.csv").exits(0);
        bench.tenantry(["export", "created", "-o", file]).args(flags).exits(0);
        assert_eq!(hard_cells(&bench, file), expected());
        let summary = bench.import(file).args(["--json"]).exits(0).json();
        assert_eq!(summary["run"]["skipped"], HARD.len(), "unchanged: {summary:#}");
        // What was read is what is exported the next time.
        bench.tenantry(["export", "created", "-o", "next.csv"]).exits(0);
        assert_eq!(hard_cells(&bench, "next.csv"), expected());
        bench.agree();
    }
}

#[test]
fn a_mark_is_taken_away_only_where_an_export_has_put_it() {
    let bench = Bench::new();
    bench.file("list.csv", hard_list(b','));
    check(&bench, &["-o", "marked.csv", "--for-excel", "list.csv"]).exits(0);
    let marked = fs::read_to_string(bench.path("marked.csv")).unwrap();
    assert!(marked.starts_with('\u{FEFF}') && marked.ends_with("\r\n"), "{marked:?}");
    assert!(marked.contains(",'@SUM(A1),") && marked.contains(",''=1+1,") && marked.contains(",'+note,"));
    // Without the column that says so, an apostrophe is the operator's.
    let unsaid = marked.replace("tenantry_apostrophe", "tenantry_other").replace("'+note", "+note");
    bench.file("unsaid.csv", unsaid);
    let cells = hard_cells(&bench, "unsaid.csv");
    assert_eq!(
        (cells[4].as_str(), cells[5].as_str()),
        ("'=HYPERLINK(\"https://evil.example.com\")", "'@SUM(A1)")
    );
    // So it is in a row that was added by hand.
    let added = format!("{marked}{},'+1\r\n", row("added"));
    bench.file("added.csv", added);
    let done = check(&bench, &["--json", "added.csv"]).exits(3).json();
    assert_eq!(done["problems"][0]["rule"], "ragged_row", "{done:#}");
    let width = records(marked.as_bytes(), b',')[0].len() - HEADER.split(',').count() - 1;
    bench.file("added.csv", format!("{marked}{},'+1{}\r\n", row("added"), ",".repeat(width)));
    assert_eq!(hard_cells(&bench, "added.csv").last().unwrap(), "'+1");
}

#[test]
fn text_of_the_service_is_marked_in_every_format_and_stays_so() {
    let bench = Bench::new();
    bench.file("=1+1.csv", customers(1));
    bench.import("=1+1.csv").exits(0);
    for (file, flags) in [("a.csv", &[][..]), ("b.csv", &["--for-excel"])] {
        bench.tenantry(["export", "all", "-o", file]).args(flags).exits(0);
        let exported = fs::read_to_string(bench.path(file)).unwrap();
        assert!(exported.contains(",'=1+1.csv,"), "{exported}");
        check(&bench, &["-o", "copy.csv", "--force", file]).exits(0);
        let copy = fs::read_to_string(bench.path("copy.csv")).unwrap();
        assert!(copy.contains(",'=1+1.csv,"), "{copy}");
    }
}

#[test]
fn exports_have_the_delimiter_of_their_lists() {
    let bench = Bench::new();
    let first_line = |what: &str, flags: &[&str]| {
        let exported = bench.tenantry(["export", what]).args(flags).exits(0).stdout;
        exported.lines().next().unwrap().chars().take("company_name,".len()).collect::<String>()
    };
    bench.file("one.csv", customers_of(["one"]).replace(',', ";"));
    bench.import("one.csv").args(["--results", "out"]).exits(0);
    assert_eq!(first_line("created", &[]), "company_name;");
    assert_eq!(first_line("created", &["--for-excel"]), "\u{FEFF}company_name");
    let results = fs::read_to_string(bench.path("out/run-1/created.csv")).unwrap();
    assert!(results.starts_with("company_name;"), "{results}");
    let passwords = |flags: &[&str]| bench.tenantry(["credentials"]).args(flags).exits(0).stdout;
    assert!(passwords(&[]).starts_with("company_name,domain,customer_id,"));
    assert!(passwords(&["--for-excel"]).starts_with("\u{FEFF}company_name;domain;customer_id;"));
    // Lists of both kinds have no delimiter in common.
    bench.file("two.csv", customers_of(["two"]));
    bench.import("two.csv").exits(0);
    assert_eq!(first_line("created", &[]), "company_name,");
    // What the file had is no option that would have to be given again.
    let status = bench.tenantry(["status"]).exits(0).stdout;
    assert!(!status.contains("delimiter"), "{status}");
    bench.agree();
}

#[test]
fn a_template_as_a_workbook_offers_what_can_be_chosen() {
    let bench = Bench::new();
    bench.tenantry(["template", "-o", "list.xlsx"]).exits(0).says("Written to `list.xlsx`.");
    let done = check(&bench, &["list.xlsx"]).exits(0);
    done.says("list.xlsx: read as sheet `Customers`.").says("it has a header and no rows");
    let sheet = part(&bench, "list.xlsx", "xl/worksheets/sheet1.xml");
    assert_eq!(sheet.matches("<dataValidation type=\"list\" errorStyle=\"warning\"").count(), 3, "{sheet}");
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("<autoFilter ref=\"A1:Y1\"/>"), "{sheet}");
    let choices = part(&bench, "list.xlsx", "xl/worksheets/sheet2.xml");
    let strings = part(&bench, "list.xlsx", "xl/sharedStrings.xml");
    for value in ["<t>DE</t>", "<t>az-Latn-AZ</t>", "<t>pt-PT</t>"] {
        assert!(choices.contains(value) || strings.contains(value), "{value}");
    }
    assert!(
        part(&bench, "list.xlsx", "xl/workbook.xml")
            .contains("name=\"Choices\" sheetId=\"2\" state=\"hidden\"")
    );
    // Every cell is text, also one that is still empty.
    let styles = part(&bench, "list.xlsx", "xl/styles.xml");
    assert!(sheet.contains("<col min=\"1\" max=\"1\" width=\"14.7109375\" style=\"1\""), "{sheet}");
    assert!(styles.contains("numFmtId=\"49\""), "{styles}");
}

#[test]
fn what_is_wrong_with_a_cell_stands_at_the_cell() {
    let bench = Bench::new();
    bench.file(
        "list.csv",
        format!("{HEADER}\n{}\n{}\n", row("good"), row("wrong").replace(",GB", ",Atlantis")),
    );
    check(&bench, &["-o", "copy.xlsx", "list.csv"]).exits(3);
    let country = HEADER.split(',').position(|name| name == "country").unwrap();
    let cell = format!("{}3", char::from(b'A' + u8::try_from(country).unwrap()));
    let notes = part(&bench, "copy.xlsx", "xl/comments1.xml");
    assert_eq!(notes.matches("<comment ").count(), 1, "{notes}");
    assert!(notes.contains(&format!("<comment ref=\"{cell}\"")), "{notes}");
    assert!(notes.contains("must be a two-letter country code"), "{notes}");
    let sheet = part(&bench, "copy.xlsx", "xl/worksheets/sheet1.xml");
    let style = |cell: &str| {
        let (_, rest) = sheet.split_once(&format!("<c r=\"{cell}\" s=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    assert_ne!(style(&cell), style("A3"), "it is filled");
    assert_eq!(style("A3"), style("A2"));
}

#[test]
fn what_a_workbook_cannot_hold_is_refused_with_the_way_out() {
    let bench = Bench::new();
    let long = format!("{},{}\n", row("long"), "é".repeat(32_768));
    bench.file("list.csv", format!("{HEADER},note\n{},short\n{long}", row("short")));
    let done = check(&bench, &["-o", "copy.xlsx", "list.csv"]).exits(1);
    done.says("`note` in row 3 has 32768 characters; a cell of a workbook has at most 32767");
    done.says("name a file that ends in .csv");
    assert!(!bench.path("copy.xlsx").exists(), "all or nothing");
    check(&bench, &["-o", "copy.csv", "list.csv"]).exits(0);
    bench.file("list.csv", format!("{HEADER},note\n{}", long.replacen('é', "", 1)));
    check(&bench, &["-o", "copy.xlsx", "list.csv"]).exits(0);
}

#[test]
fn an_exported_workbook_that_was_imported_can_be_replaced() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one", "refuse-400-3000-two"]));
    bench.import("customers.csv").exits(3);
    for _ in 0..2 {
        bench.tenantry(["export", "failed", "--force", "-o", "failed.xlsx"]).exits(0);
        bench.import("failed.xlsx").exits(3);
    }
    bench.tenantry(["export", "failed", "-o", "failed.xlsx"]).exits(2).says("it already exists");
    // Another workbook with rows is the operator's.
    check(&bench, &["-o", "list.xlsx", "customers.csv"]).exits(0);
    bench.import("list.xlsx").exits(3);
    let export = bench.tenantry(["export", "failed", "--force", "-o", "list.xlsx"]);
    export.exits(2).says("it is a file that rows are read from");
    bench.agree();
}

/// Columns that have other names than ours, and a sheet and an encoding that only the operator's own files have.
#[test]
fn what_was_said_of_a_list_does_not_keep_its_export_from_being_read() {
    let bench = Bench::new();
    let list = customers_of(["one", "refuse-400-3000-two"]).replace("city", "Ort");
    bench.file("customers.csv", &list);
    bench.import("customers.csv").args(["--map", "Ort=city"]).exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.xlsx"]).exits(0);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    // As Excel saves a list as "Unicode Text", and with the line that names its delimiter.
    let text = std::fs::read_to_string(bench.path("failed.csv")).unwrap();
    let utf16: Vec<u8> =
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    bench.file("utf16.csv", utf16);
    bench.file("sep.csv", format!("sep=,\n{text}"));
    for file in ["failed.xlsx", "utf16.csv", "sep.csv"] {
        let again = || bench.import(file).args(["--limit", "0"]);
        again().run().says("options of its last import apply: --map");
        // A setting describes the operator's own workbooks.
        let with_setting = again().env("TENANTRY_SHEET", "Kunden").run();
        assert!(!with_setting.stderr.contains("cannot find the sheet"), "{with_setting}");
    }
    let typed = bench.import("failed.xlsx").args(["--sheet", "Kunden"]).exits(1);
    typed.says("cannot find the sheet `Kunden`");
    bench.agree();
}

#[test]
fn an_export_without_rows_can_be_imported() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    for file in ["failed.csv", "failed.xlsx"] {
        bench.tenantry(["export", "failed", "-o", file]).exits(0);
        bench.import(file).exits(0).says("it has a header and no rows");
    }
    bench.agree();
}

#[test]
fn the_command_that_reads_a_copy_has_no_options_for_the_layout_of_the_list() {
    let bench = Bench::new();
    bench.file("list.csv", to_fix());
    let typed = ["--delimiter", "comma", "--encoding", "utf-8", "--header-line", "1"];
    let done = check(&bench, &["-o", "copy.csv", "list.csv"]).args(typed).exits(3);
    assert!(done.stdout.contains("in copy.csv, then tenantry check --api-url"), "{done}");
    bench.file("good.csv", customers_of(["one"]));
    let done = check(&bench, &["--fix", "-o", "fixed.csv", "good.csv"]).args(typed).exits(0);
    assert!(done.stdout.contains("Next: tenantry import "), "{done}");
    for option in ["--delimiter", "--encoding", "--header-line"] {
        assert!(!done.stdout.contains(option), "{done}");
    }
}

/// Rows with one answer each, one with none, and a good one.
fn to_fix() -> String {
    let named = |domain: &str, from: &str, to: &str| row(domain).replacen(from, to, 1);
    let rows = [
        row("good"),
        named("country", ",GB", ",United Kingdom"),
        named("culture", ",en-GB,", ",en_gb,"),
        named("space", ",space,", ",sp ace,"),
        named("person", ",GB", ",Atlantis"),
    ];
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

#[test]
fn suggestions_with_one_answer_are_written_into_the_copy() {
    let bench = Bench::new();
    bench.file("list.csv", to_fix());
    check(&bench, &["--fix", "list.csv"]).exits(2).says("--output");
    let done = check(&bench, &["--fix", "-o", "fixed.csv", "list.csv"]).exits(3);
    done.says("Fixed 3 cells in 3 rows");
    assert!(done.stdout.contains("5 rows: 4 good, 0 with warnings alone, 1 with errors"), "{done}");
    assert!(done.stdout.contains("Next: correct the rows with errors in fixed.csv, then"), "{done}");
    let fixed = records(&fs::read(bench.path("fixed.csv")).unwrap(), b',');
    assert_eq!(fixed[0].iter().next_back(), Some("tenantry_fixed"));
    let said: Vec<&str> = fixed.iter().skip(1).map(|record| record.iter().next_back().unwrap()).collect();
    let expected = [
        "",
        "country: United Kingdom → GB",
        "culture: en_gb → en-GB",
        "domain: sp ace → space.onmicrosoft.com",
        "",
    ];
    assert_eq!(said, expected);
    // Nothing else is changed.
    let list = to_fix().replace("United Kingdom", "GB").replace("en_gb", "en-GB");
    for (line, copied) in list.replace("sp ace,", "space.onmicrosoft.com,").lines().zip(&fixed) {
        let own: Vec<&str> = copied.iter().take(line.split(',').count()).collect();
        assert_eq!(own.join(","), line);
    }
    // What an earlier check has fixed stays said.
    check(&bench, &["--fix", "-o", "again.csv", "fixed.csv"]).exits(3).says("Nothing was fixed");
    assert_eq!(fs::read(bench.path("again.csv")).unwrap(), fs::read(bench.path("fixed.csv")).unwrap());
}

#[test]
fn a_fixed_copy_is_imported_as_it_is() {
    let list: String =
        to_fix().lines().filter(|line| !line.contains("Atlantis")).flat_map(|l| [l, "\n"]).collect();
    for copy in ["fixed.csv", "fixed.xlsx"] {
        let bench = Bench::new();
        bench.file("list.csv", &list);
        check(&bench, &["list.csv"]).exits(3);
        let done = check(&bench, &["--fix", "-o", copy, "list.csv"]).exits(0);
        let next = done.stdout.lines().last().unwrap();
        assert!(next.starts_with("Next: tenantry import") && next.ends_with(copy), "{done}");
        bench.import(copy).exits(0);
        assert_eq!(bench.ledger().states(), states([("created", 4)]));
        bench.agree();
    }
}

#[test]
fn fixed_cells_are_marked_in_a_workbook() {
    let bench = Bench::new();
    bench.file("list.csv", to_fix());
    check(&bench, &["--fix", "-o", "fixed.xlsx", "list.csv"]).exits(3);
    let notes = part(&bench, "fixed.xlsx", "xl/comments1.xml");
    assert!(notes.contains("fixed; it was `United Kingdom`"), "{notes}");
    assert_eq!(notes.matches("<comment ").count(), 4, "{notes}");
}

/// A mistake that shows only when another is mended, and rows that a fix makes the same.
#[test]
fn a_fixed_row_is_judged_as_it_is_in_the_copy() {
    let bench = Bench::new();
    let twice = format!("{}\n{}\n", row("same"), row("same").replacen(",same,", ",sa me,", 1));
    bench.file("list.csv", format!("{HEADER}\n{}", twice.replacen("Harborline", "Northgate", 1)));
    let found = check(&bench, &["--json", "--fix", "-o", "fixed.csv", "list.csv"]).exits(3).json();
    assert_eq!(found["problems"][0]["rule"], "duplicate_domain", "{found:#}");
    let copy = check(&bench, &["--json", "fixed.csv"]).exits(3).json();
    assert_eq!(copy["summary"], found["summary"]);
}

/// What could mean another customer is left to the operator, and that is said.
#[test]
fn suggestions_that_are_left_to_the_operator_are_counted_by_column() {
    let bench = Bench::new();
    let rows = [
        row("one").replacen(",GB", ",United Kingdm", 1),
        row("two").replace(&email("two"), "mailto:a@two.example.com"),
    ];
    bench.file("list.csv", format!("{HEADER}\n{}\n", rows.join("\n")));
    let done = check(&bench, &["--fix", "-o", "fixed.csv", "list.csv"]).exits(3);
    done.says("Left to you: ")
        .says("`email` (1)")
        .says("only letter case, blanks and exact names of countries");
}
