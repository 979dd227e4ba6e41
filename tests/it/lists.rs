//! Lists as spreadsheets save them: every encoding, dialect and kind of file, checked, imported and exported alike.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use tenantry_simulator::Operation;

use crate::check::problems;
use crate::harness::{Bench, Call, HEADER, customers, full, in_utf_16, row, snapshot, states};

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
    // The export has the delimiter of the list.
    let delimiter = exported.as_bytes()["company_name".len()];
    let mut reader = csv::ReaderBuilder::new();
    let mut records = reader.delimiter(delimiter).has_headers(false).from_reader(exported.as_bytes());
    let records: Vec<csv::StringRecord> = records.records().map(Result::unwrap).collect();
    let own = records[0].iter().position(|name| name.starts_with("tenantry_")).unwrap();
    records.iter().map(|record| record.iter().take(own).map(str::to_owned).collect()).collect()
}

fn in_windows_1252(text: &str) -> Vec<u8> {
    // All letters of these tests stand where Unicode has them.
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
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

/// Settings describe the operator's own lists. Our exports are read by their header, from a pipe too; what is typed
/// applies to every file.
#[test]
fn an_export_comes_back_as_it_is_whatever_the_settings_say() {
    let bench = Bench::new();
    let chinese = |text: &str| text.replace("Harborline", "华北贸易").replace("Ana", "芳");
    // As a program for `gbk` writes it.
    let in_gbk: Vec<u8> = customers(2)
        .replace("Harborline", "\u{80}")
        .replace("Ana", "\u{81}")
        .chars()
        .flat_map(|c| match c {
            '\u{80}' => b"\xBB\xAA\xB1\xB1\xC3\xB3\xD2\xD7".to_vec(),
            '\u{81}' => b"\xB7\xBC".to_vec(),
            _ => vec![u8::try_from(c).unwrap()],
        })
        .collect();
    bench.file("list.csv", &in_gbk);
    bench.file("tenantry.toml", "encoding = \"gbk\"\ndelimiter = \"comma\"\n");
    bench.import("list.csv").exits(0).says("list.csv (commas, GBK)");
    assert!(bench.creations().iter().all(|made| made.body.contains("华北贸易")));
    let exported = bench.tenantry(["export", "created"]).exits(0).stdout;
    assert_eq!(own_cells(&exported), cells(&chinese(&customers(2))));
    bench.file("export.csv", &exported);
    bench.import("export.csv").exits(0).says("2 known");
    let read_again = |copy: &str| std::fs::read_to_string(bench.path(copy)).unwrap().contains("华北贸易");
    check(&bench, "export.csv").args(["-o", "copy.csv"]).exits(0);
    assert!(read_again("copy.csv"));
    let mut piped = check(&bench, "-").args(["-o", "piped.csv"]).with_silent_input().spawn();
    piped.take_input().write_all(exported.as_bytes()).unwrap();
    assert_eq!(piped.wait().code, Some(0));
    assert!(read_again("piped.csv"));
    let typed = check(&bench, "export.csv").args(["--encoding", "gbk"]).exits(1);
    typed.says(
        "the input does not look like gbk, which is the given encoding: line 2 is `华北贸易 \
                harborline00001 Ltd` as utf-8, ",
    );
}

/// As Excel saves a list in Russia. With headings in English it is a question.
#[test]
fn known_headings_say_how_a_list_is_encoded() {
    let bench = Bench::new();
    let in_windows_1251 = |text: &str| -> Vec<u8> {
        let byte = |c| match c {
            'А'..='я' => u8::try_from(u32::from(c) - u32::from('А') + 0xC0).unwrap(),
            c => u8::try_from(c).unwrap(),
        };
        text.chars().map(byte).collect()
    };
    let english = customers(2).replace("Harborline", "Пример");
    bench.file("list.csv", in_windows_1251(&english));
    check(&bench, "list.csv").exits(1).says("cannot detect the encoding").says("--encoding windows-1251");
    let russian = english.replacen("company_name", "Компания", 1).replacen("first_name", "Имя", 1);
    bench.file("list.csv", in_windows_1251(&russian));
    bench.import("list.csv").args(["--auto-map"]).exits(0).says("list.csv (commas, windows-1251)");
    assert!(bench.creations().iter().all(|made| made.body.contains("Пример")));
}

/// A Mac's list is not told from its bytes with certainty, and `windows-1252` is not what it is.
#[test]
fn a_doubtful_encoding_is_a_question_that_an_option_answers() {
    let bench = Bench::new();
    let text = customers(1).replace("Harborline", "M\u{9f}ller");
    bench.file("list.csv", in_windows_1252(&text));
    for call in [check(&bench, "list.csv"), bench.import("list.csv")] {
        let refused = call.exits(1);
        refused
            .says("line 2 is `Müller ")
            .says("` as macintosh, `")
            .says("MŸller harborline00001 Ltd` as windows-1252");
        refused.says("`--encoding macintosh`");
    }
    check(&bench, "list.csv").args(["--encoding", "cp1252"]).exits(1).says("does not look like windows-1252");
    bench.import("list.csv").args(["--encoding", "mac-roman"]).exits(0).says("list.csv (commas, macintosh)");
    assert!(bench.creations()[0].body.contains("Müller"));
    let unknown = check(&bench, "list.csv").args(["--encoding", "cp580"]).exits(2);
    unknown.says("nearest is `cp850`");
}

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
    let piped = |content: &[u8], flags: &[&str]| {
        let mut running = check(&bench, "-").args(flags).with_silent_input().spawn();
        running.take_input().write_all(content).unwrap();
        running.wait()
    };
    let checked = piped(&western, &[]);
    assert_eq!(problems(&checked), [(3, "row_encoding".to_owned()), (4, "row_encoding".to_owned())]);
    assert!(checked.stdout.contains("--encoding"), "{checked}");
    piped(&western, &["--encoding", "windows-1252"]).says("-: read as commas, windows-1252.");
    piped(&in_utf_16(&list(), u16::to_le_bytes), &[]).says("UTF-16LE");
    piped(b"PK\x03\x04 and so on, and on", &[]).says("pass the workbook as a file");
    // A file that was redirected to us is a file.
    check(&bench, "-").stdin(western).exits(0).says("-: read as commas, windows-1252.");
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
        "a part of it is UTF-8, but most of it is not",
    );
    let dos = list().replace('ü', "\u{81}").replace('ö', "\u{94}").replace('ø', "\u{9b}");
    check_refused(&in_windows_1252(&dos), "line 4 is `Smørrebrød third Ltd` as cp850, ");
    check_refused(b"%PDF-1.7\n", "it is a PDF document");
    check_refused(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "password-protected Office file");
    check_refused(b"", "cannot find a header in an empty input");
}

/// A cell as a workbook keeps it.
#[derive(Clone)]
enum Cell {
    Text(String),
    /// The number, and the place of its format among those of [`STYLES`].
    Number(&'static str, usize),
    /// What a formula gave.
    Formula(&'static str),
    Error(&'static str),
    Nothing,
}

/// Rows by the numbers that the spreadsheet shows.
type Rows = Vec<(u32, Vec<Cell>)>;

/// `General`, `00000` and a date.
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<numFmts count="1"><numFmt numFmtId="164" formatCode="00000"/></numFmts>
<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

/// The parts of a file, packed.
pub(crate) fn packed(parts: &[(&str, String)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A workbook of Excel: its sheets, each with its state and its rows by their numbers.
fn xlsx(sheets: &[(&str, &str, Rows)]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let packages = "http://schemas.openxmlformats.org/package/2006/relationships";
    let (mut strings, mut names, mut links, mut parts) =
        (Vec::new(), String::new(), String::new(), Vec::new());
    for (number, (name, state, rows)) in (1..).zip(sheets) {
        writeln!(names, r#"<sheet name="{name}" sheetId="{number}" state="{state}" r:id="rId{number}"/>"#)
            .unwrap();
        let link =
            format!(r#"Id="rId{number}" Type="{office}/worksheet" Target="worksheets/sheet{number}.xml""#);
        writeln!(links, "<Relationship {link}/>").unwrap();
        let mut data = String::new();
        for (row, cells) in rows {
            let cells = cells.iter().zip('A'..='Z').map(|(cell, column)| match cell {
                Cell::Text(text) => {
                    strings.push(text.clone());
                    format!(r#"<c r="{column}{row}" t="s"><v>{}</v></c>"#, strings.len() - 1)
                }
                Cell::Number(number, style) => {
                    format!(r#"<c r="{column}{row}" s="{style}"><v>{number}</v></c>"#)
                }
                Cell::Formula(value) => {
                    format!(r#"<c r="{column}{row}" t="str"><f>LOWER("X")</f><v>{value}</v></c>"#)
                }
                Cell::Error(error) => format!(r#"<c r="{column}{row}" t="e"><f>1/0</f><v>{error}</v></c>"#),
                Cell::Nothing => format!(r#"<c r="{column}{row}" s="1"/>"#),
            });
            writeln!(data, r#"<row r="{row}">{}</row>"#, cells.collect::<String>()).unwrap();
        }
        let sheet = format!(r#"<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>"#);
        parts.push((format!("xl/worksheets/sheet{number}.xml"), sheet));
    }
    let strings: String = strings.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    writeln!(links, r#"<Relationship Id="rIdS" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>"#)
        .unwrap();
    writeln!(links, r#"<Relationship Id="rIdT" Type="{office}/styles" Target="styles.xml"/>"#).unwrap();
    let whole =
        format!(r#"<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/>"#);
    let relationships = |links: &str| format!(r#"<Relationships xmlns="{packages}">{links}</Relationships>"#);
    let mut all = vec![
        ("_rels/.rels", relationships(&whole)),
        (
            "xl/workbook.xml",
            format!(r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>"#),
        ),
        ("xl/_rels/workbook.xml.rels", relationships(&links)),
        ("xl/styles.xml", STYLES.to_owned()),
        ("xl/sharedStrings.xml", format!(r#"<sst xmlns="{main}">{strings}</sst>"#)),
    ];
    all.extend(parts.iter().map(|(name, content)| (name.as_str(), content.clone())));
    packed(&all)
}

/// A sheet of LibreOffice, all of it text.
fn ods(rows: &[Vec<String>]) -> Vec<u8> {
    let row = |cells: &Vec<String>| {
        let cell = |text: &String| {
            format!(
                r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
            )
        };
        format!("<table:table-row>{}</table:table-row>", cells.iter().map(cell).collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    let name = "urn:oasis:names:tc:opendocument:xmlns";
    let content = format!(
        r#"<office:document-content xmlns:office="{name}:office:1.0" xmlns:table="{name}:table:1.0"
        xmlns:text="{name}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Kunden">{rows}
        <table:table-row table:number-rows-repeated="1048000"><table:table-cell
        table:number-columns-repeated="16384"/></table:table-row>
        </table:table></office:spreadsheet></office:body></office:document-content>"#
    );
    let media = "application/vnd.oasis.opendocument.spreadsheet";
    let manifest = format!(
        r#"<manifest:manifest xmlns:manifest="{name}:manifest:1.0"><manifest:file-entry
        manifest:full-path="/" manifest:media-type="{media}"/></manifest:manifest>"#
    );
    packed(&[("mimetype", media.to_owned()), ("META-INF/manifest.xml", manifest), ("content.xml", content)])
}

/// The cells of a file of commas without quotes.
fn cells(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn texts(rows: &[Vec<String>]) -> Rows {
    let row = |cells: &Vec<String>| cells.iter().cloned().map(Cell::Text).collect();
    (1..).zip(rows).map(|(number, cells)| (number, row(cells))).collect()
}

#[test]
fn the_same_customers_from_a_workbook() {
    let text = customers(3).replace("Harborline harborline00002", "Müller");
    let expected = outcome("list.csv", text.as_bytes(), &[], "");
    let rows = cells(&text);
    let decoy = vec![(1, vec![Cell::Text("none of ours".to_owned())])];
    let book = xlsx(&[
        ("Lists", "hidden", decoy.clone()),
        ("Kunden", "visible", texts(&rows)),
        ("x", "visible", decoy),
    ]);
    assert_eq!(outcome("list.xlsx", &book, &[], "sheet `Kunden`"), expected);
    // By what is in it, whatever it is called.
    assert_eq!(outcome("list.csv", &book, &["--sheet", "kunden"], "sheet `Kunden`"), expected);
    assert_eq!(outcome("list.ods", &ods(&rows), &[], "sheet `Kunden`"), expected);
    let bench = Bench::new();
    bench.file("list.xlsx", &book);
    let refused = check(&bench, "list.xlsx").args(["--sheet", "Customers"]).exits(1);
    refused.says("cannot find the sheet `Customers` in the workbook; it has `Lists`, `Kunden`, `x`");
    check(&bench, "-").stdin(book).exits(0).says("-: read as sheet `Kunden`.");
}

/// A cover or instructions come first, or an empty sheet.
#[test]
fn a_list_on_another_sheet_is_named() {
    let rows = texts(&cells(&customers(3)));
    let cover = vec![(1, vec![Cell::Text("Customers of 2026".to_owned())])];
    for first in [cover, Vec::new()] {
        let bench = Bench::new();
        bench.file("list.xlsx", xlsx(&[("Readme", "visible", first), ("Kunden", "visible", rows.clone())]));
        let refused = check(&bench, "list.xlsx").exits(1);
        refused.says("cannot find a list of customers in the sheet `Readme`; it may be in `Kunden`");
        check(&bench, "list.xlsx").args(["--sheet", "Kunden"]).exits(0);
        // One that needs options to be read.
        let rows = texts(&cells(&customers(3).replacen("domain", "Tenant", 1)));
        let first = vec![(1, vec![Cell::Text("Welcome".to_owned())])];
        bench.file("list.xlsx", xlsx(&[("Readme", "visible", first), ("Kunden", "visible", rows)]));
        check(&bench, "list.xlsx").exits(1).says("it may be in `Kunden`");
    }
    // No sheet looks like a list.
    let bench = Bench::new();
    let chart = vec![(1, vec![Cell::Text("Sales".to_owned())])];
    bench.file("list.xlsx", xlsx(&[("Dashboard", "visible", Vec::new()), ("Data", "visible", chart)]));
    let refused = check(&bench, "list.xlsx").exits(1);
    refused
        .says("in the sheet `Dashboard`: it is empty; all sheets are `Dashboard`, `Data`")
        .says("`--sheet`");
}

/// What a spreadsheet does to cells, and what is said of it, with the numbers of its rows.
#[test]
fn cells_come_as_they_are_shown() {
    let text = |text: &str| Cell::Text(text.to_owned());
    let header = format!("{HEADER},phone_number,since");
    let row = |domain: Cell,
               country: &str,
               culture: &str,
               city: &str,
               state: &str,
               postal_code: Cell,
               phone: Cell| {
        let (name, email) = (text("Harborline Ltd"), text("accounts@harborline.example.com"));
        let person =
            [text(culture), text("en"), text("Ana"), text("Bell"), text("1 High Street"), text(city)];
        let rest = [text(state), postal_code, text(country), phone, Cell::Number("46248", 2)];
        [name, domain, email].into_iter().chain(person).chain(rest).collect::<Vec<_>>()
    };
    let boston = |domain, postal_code, phone| row(domain, "US", "en-US", "Boston", "MA", postal_code, phone);
    let dresden = |domain, phone| row(domain, "DE", "de-DE", "Dresden", "", Cell::Number("1067", 1), phone);
    let rows = vec![
        (1, header.split(',').map(text).collect()),
        // A format of zeros shows what the number has lost; without one it is lost.
        (2, boston(text("first"), Cell::Number("2134", 1), Cell::Number("2065550142", 0))),
        (5, boston(Cell::Formula("second"), Cell::Number("2134", 0), Cell::Number("2.065550142E9", 0))),
        (6, boston(Cell::Error("#DIV/0!"), Cell::Number("2134", 1), Cell::Nothing)),
        (9, dresden(text("fourth"), Cell::Number("3515550142", 0))),
        (12, vec![Cell::Nothing, Cell::Nothing]),
    ];
    let bench = Bench::new();
    bench.file("list.xlsx", xlsx(&[("Sheet1", "visible", rows)]));
    let checked = check(&bench, "list.xlsx").exits(3);
    let found = problems(&checked);
    let expected = [(5, "postal_code"), (6, "spreadsheet_error"), (9, "phone_number_form")];
    assert_eq!(found, expected.map(|(line, rule)| (line, rule.to_owned())), "{checked}");
    assert!(checked.stdout.contains("\"suggestion\":\"02134\""), "{checked}");
    bench.import("list.xlsx").exits(3);
    let exported = own_cells(&bench.tenantry(["export", "all"]).exits(0).stdout);
    let column = |name: &str| {
        let index = exported[0].iter().position(|cell| cell == name).unwrap();
        exported[1..].iter().map(|row| row[index].clone()).collect::<Vec<_>>()
    };
    assert_eq!(column("postal_code"), ["02134", "2134", "02134", "01067"]);
    assert_eq!(column("phone_number"), ["2065550142", "2065550142", "", "3515550142"]);
    assert_eq!(column("since"), ["2026-08-14"; 4]);
    assert_eq!(bench.ledger().row("fourth").line, 9);
    // The export, mended, is a list again.
    let rejected = bench.tenantry(["export", "rejected"]).exits(0).stdout;
    bench.file("mended.csv", rejected.replace("#DIV/0!", "third").replace(",2134,", ",02134,"));
    bench.import("mended.csv").exits(0);
    assert_eq!(bench.creations().len(), 4);
}

#[test]
fn a_workbook_that_cannot_be_read_says_what_to_do() {
    #[track_caller]
    fn check_refused(content: &[u8], says: &[&str]) {
        let bench = Bench::new();
        bench.file("list.xlsx", content);
        let refused = check(&bench, "list.xlsx").exits(1);
        for words in says {
            refused.says(words);
        }
    }
    let save = "save the sheet as `CSV UTF-8 (Comma delimited)`";
    let book = xlsx(&[("a", "hidden", Vec::new()), ("b", "veryHidden", Vec::new())]);
    check_refused(
        &book,
        &["cannot find a sheet in the workbook that is not hidden; it has `a`, `b`", "--sheet"],
    );
    check_refused(&book[..book.len() / 2], &["cannot read the workbook: it is damaged", save]);
    check_refused(&xlsx(&[("a", "visible", Vec::new())]), &["cannot find a header in an empty input"]);
    let part = |name| packed(&[(name, "<x/>".to_owned())]);
    check_refused(&part("word/document.xml"), &["it is a Word document", "use a list in CSV"]);
    check_refused(&part("photo.txt"), &["it is a ZIP archive", "unpack it first"]);
    check_refused(&part("xl/workbook.xml"), &["cannot read the workbook: it is damaged"]);
    // Small as a file, and huge unpacked.
    let bomb = packed(&[("xl/workbook.xml", " ".repeat(257 * 1024 * 1024))]);
    assert!(bomb.len() < 1024 * 1024);
    check_refused(&bomb, &["it is too large (more than 256 MiB unpacked)", save]);
}

/// A default fills what is empty or missing, counts as what the row says, and leaves the operator's cells alone.
#[test]
fn an_empty_cell_stands_for_what_was_told() {
    let bench = Bench::new();
    let without = |text: &str| -> String {
        let keep = |line: &str| line.rsplit_once(',').unwrap().0.replace(",Leeds,", ",,") + "\n";
        text.lines().map(keep).collect()
    };
    let text = without(&customers(2)).replacen(",,", ",York,", 1);
    bench.file("list.csv", &text);
    check(&bench, "list.csv").exits(1).says("no column for `country`");
    let told = ["--default", "country=GB", "--default", "city=Leeds"];
    check(&bench, "list.csv").args(told).exits(0);
    // What is wrong by itself is refused at once; what depends on the row is reported with it, as a bad cell is.
    for country in ["UK", "United Kingdom"] {
        let refused = bench.import("list.csv").args(["--default", &format!("country={country}")]).exits(2);
        refused
            .says(&format!("`--default country={country}` is invalid"))
            .says("give `--default country=GB`");
    }
    assert!(!bench.ledger_path().exists(), "the list was read");
    let wrong = ["--default", "country=GB", "--default", "city=NULL"];
    let bad = check(&bench, "list.csv").args(wrong).exits(3);
    assert!(
        bad.stdout.contains("it comes from `--default`") && bad.stdout.contains("\"value\":\"NULL\""),
        "{bad}"
    );
    bench.import("list.csv").args(wrong).exits(3);
    let retried = bench.tenantry(["retry", "--all", "--default", "country=UK"]).exits(2);
    retried.says("`--default country=UK` is invalid");
    bench.import("list.csv").args(told).exits(0);
    bench.agree();
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 1)]));
    assert!(bench.creations().iter().all(|made| made.body.contains(r#""country":"GB""#)));
    let cities: Vec<bool> =
        bench.creations().iter().map(|made| made.body.contains(r#""city":"Leeds""#)).collect();
    assert_eq!(cities.iter().filter(|is_leeds| **is_leeds).count(), 1, "the cell goes before the default");
    assert_eq!(own_cells(&bench.tenantry(["export", "created"]).exits(0).stdout), cells(&text));
    // The same again is known, whether the value stands in the cell or for it.
    let again = bench.import("list.csv").args(told).exits(0);
    again.says("2 known");
    let reseller = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let twice = format!("associated_partner_id={reseller}");
    let contradiction = ["--default", &twice, "--reseller-id", reseller];
    bench.import("list.csv").args(contradiction).exits(2).says("given twice");
    bench.import("list.csv").args(["--default", "domain=contoso"]).exits(2).says("each row needs its own");
}

/// What a template holds is what a list needs: filled in, it is a good one.
#[test]
fn a_template_filled_in_is_a_list() {
    let bench = Bench::new();
    let header = bench.tenantry(["template"]).exits(0).stdout;
    assert!(header.starts_with("company_name,domain,email,") && header.lines().count() == 1, "{header}");
    bench.tenantry(["template", "--for-excel", "-o", "list.csv"]).exits(0).says("Written to `list.csv`.");
    let written = std::fs::read(bench.path("list.csv")).unwrap();
    assert_eq!(written, format!("\u{FEFF}{}\r\n", header.trim_end()).as_bytes());
    let refused = bench.tenantry(["template", "-o", "list.csv"]).exits(2);
    refused.says("it already exists");
    let columns = header.trim_end().split(',');
    let filled =
        columns.map(|name| HEADER.split(',').position(|known| known == name).map_or("", |at| GOOD[at]));
    let filled = filled.collect::<Vec<_>>().join(",");
    bench.file("list.csv", [&written, filled.as_bytes()].concat());
    check(&bench, "list.csv").exits(0);
    snapshot!(bench.tenantry(["template", "--explain"]).exits(0));
}

/// The cells of a good row under [`HEADER`].
const GOOD: [&str; 12] = [
    "Fabrikam",
    "fabrikam",
    "ana@fabrikam.example.com",
    "en-GB",
    "en",
    "Ana",
    "Bell",
    "1 High Street",
    "Leeds",
    "",
    "LS1 5HD",
    "GB",
];

/// A lost quote makes one cell of several rows, and nobody can know which rows there are.
#[test]
fn a_quote_that_hides_rows_ends_the_reading_and_nothing_is_sent() {
    let bench = Bench::new();
    let mut rows: Vec<String> = customers(5).lines().map(|line| format!("{line},")).collect();
    rows[0] += "notes";
    rows[2] += "\"urgent";
    rows[4] += "\"ask Bob";
    bench.file("customers.csv", rows.join("\n") + "\n");
    let refused = "a quote opens on line 3, the next quote is on line 5";
    bench.tenantry(["check", "customers.csv"]).exits(1).says(refused).says("check both quotes");
    bench.import("customers.csv").exits(1).says(refused);
    assert_eq!(bench.count(Operation::Create), 0);
}

/// A value with a misplaced quote has no certain reading. Its row stays refused, through exports too, until an operator
/// looks at it.
#[test]
fn a_row_with_misplaced_quotes_is_rejected_wherever_it_goes() {
    let bench = Bench::new();
    let wrong = row("wrong").replacen("Harborline wrong Ltd", "\"Harborline \"West\" Ltd\"", 1);
    bench.file("customers.csv", format!("{HEADER}\n{}\n{wrong}\n", row("good")));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("rejected", 1)]));
    let exported = bench.tenantry(["export", "rejected"]).exits(0).stdout.clone();
    assert!(exported.contains("(misplaced quotes)"), "{exported}");
    bench.file("again.csv", exported);
    bench.import("again.csv").exits(3);
    assert_eq!(bench.count(Operation::Create), 1);
    bench.agree();
}

/// Inch marks are meant. With `--warn`, also with `--strict`, such a value is sent as it stands, and the option is kept
/// with the list.
#[test]
fn a_rule_that_is_wrong_for_a_list_can_be_a_warning() {
    let bench = Bench::new();
    let inches = row("inches").replacen("Harborline inches Ltd", "Pipes 5\" Ltd", 1);
    bench.file("customers.csv", format!("{HEADER}\n{inches}\n"));
    check(&bench, "customers.csv").exits(3);
    let done = check(&bench, "customers.csv").args(["--strict", "--warn", "quotes"]).exits(0);
    assert_eq!(done.json()["problems"][0]["severity"], "warning", "{done}");
    bench.import("customers.csv").args(["--warn", "quotes"]).exits(0);
    assert!(bench.creations()[0].body.contains("Pipes 5\\\" Ltd"), "{:?}", bench.creations());
    check(&bench, "customers.csv").args(["--warn", "quote"]).exits(2).says("the rules are quotes");
    check(&bench, "customers.csv").args(["--warn", "required"]).exits(2).says("cannot be sent");
    bench.agree();
}
