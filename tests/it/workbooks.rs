//! What a workbook knows beside the text of its cells: rows that nobody sees, formulas without results, merged cells,
//! further sheets. The XML of single cells is tested beside the reader.

use crate::check::problems;
use crate::harness::{Bench, Call, HEADER, row, states};
use crate::lists::packed;

fn check<'a>(bench: &'a Bench, file: &str) -> Call<'a> {
    bench.tenantry(["check", "--json", file]).without("TENANTRY_ACCESS_TOKEN")
}

/// The cells of a row of text.
fn cells(text: &str) -> String {
    text.split(',').map(|text| format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#)).collect()
}

/// A workbook of Excel with sheets of these rows and what follows them. The second style is that of a day.
fn xlsx(sheets: &[(&str, Vec<String>, &str)]) -> Vec<u8> {
    let mut parts = vec![(
        "xl/styles.xml".to_owned(),
        r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#.to_owned(),
    )];
    let (mut names, mut links) =
        (String::new(), r#"<Relationship Id="s" Type="x/styles" Target="styles.xml"/>"#.to_owned());
    for (number, (name, rows, after)) in (1..).zip(sheets) {
        let part = format!("sheet{number}.xml");
        names += &format!(r#"<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>"#);
        links += &format!(r#"<Relationship Id="r{number}" Type="x/worksheet" Target="{part}"/>"#);
        let rows = rows.concat();
        let sheet = format!("<worksheet><sheetData>{rows}</sheetData>{after}</worksheet>");
        parts.push((format!("xl/{part}"), sheet));
    }
    let workbook = format!(r#"<workbook xmlns:r="r"><sheets>{names}</sheets></workbook>"#);
    parts.push(("xl/workbook.xml".to_owned(), workbook));
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{links}</Relationships>")));
    let parts: Vec<_> = parts.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    packed(&parts)
}

/// A good list in which some cells and rows are more than their text. `hidden` is the attribute of the last row.
fn list(hidden: &str) -> Vec<u8> {
    let good = |domain: &str| cells(&row(domain));
    let first_cell_of = |domain: &str, cell: &str| {
        let good = good(domain);
        let (_, rest) = good.split_once("</c>").unwrap();
        format!("<row>{cell}{rest}</row>")
    };
    let rows = vec![
        format!("<row>{}</row>", cells(HEADER)),
        first_cell_of("dated", r#"<c s="1"><v>46248</v></c>"#),
        first_cell_of("unknown", "<c><f>A1</f></c>"),
        format!("<row>{}</row>", good("upper")),
        first_cell_of("lower", "<c/>"),
        format!("<row {hidden}>{}</row>", good("unseen")),
    ];
    xlsx(&[("Kunden", rows, r#"<mergeCells><mergeCell ref="A4:A5"/></mergeCells>"#)])
}

#[test]
fn what_a_sheet_does_not_say_openly_is_asked_about() {
    let bench = Bench::new();
    bench.file("list.xlsx", list(r#"hidden="1""#));
    let expected = [(2, "cell_type"), (3, "formula_result"), (5, "merged_cell"), (6, "hidden_row")];
    let expected = expected.map(|(line, rule)| (line, rule.to_owned()));
    assert_eq!(problems(&check(&bench, "list.xlsx").exits(3)), expected);
    bench.import("list.xlsx").exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("rejected", 4)]));
    // An export has nothing but the text, and says so as long as nobody has looked at the row.
    bench.file("again.csv", bench.tenantry(["export", "rejected"]).exits(0).stdout.clone());
    assert_eq!(check(&bench, "again.csv").exits(3).json()["summary"]["rejected"], 4);
    // What is stored of a row is only its text, so it cannot be judged again without its file.
    bench.tenantry(["retry", "--all", "--yes"]).run();
    assert_eq!(bench.creations().len(), 1);
    // The row is shown: nothing else of it has changed.
    bench.file("list.xlsx", list(""));
    bench.import("list.xlsx").exits(3);
    assert_eq!(bench.ledger().row("unseen").state, "created");
    // The operator knows better: now each cell is what it shows.
    let warn = ["--warn", "cell_type", "--warn", "hidden_row"];
    bench.import("list.xlsx").args(warn).exits(3);
    let dated = bench.creations().into_iter().find(|made| made.domain.starts_with("dated."));
    assert!(dated.is_some_and(|made| made.body.contains("2026-08-14")));
    bench.agree();
}

/// As in the CSV that Excel saves of the same sheet.
#[test]
fn a_note_beside_the_table_is_a_warning() {
    let bench = Bench::new();
    let beside = format!("{},,,call first", row("berlin"));
    let rows = [HEADER, &beside, &row("paris")].map(|text| format!("<row>{}</row>", cells(text))).to_vec();
    bench.file("list.xlsx", xlsx(&[("Kunden", rows, "")]));
    assert_eq!(problems(&check(&bench, "list.xlsx").exits(0)), [(2, "nameless_column".to_owned())]);
}

#[test]
fn a_sheet_that_is_left_out_is_named() {
    let bench = Bench::new();
    let rows =
        |domain: &str| [HEADER, &row(domain)].map(|text| format!("<row>{}</row>", cells(text))).to_vec();
    let notes = vec![format!("<row>{}</row>", cells("see,the,other,sheets"))];
    bench.file(
        "list.xlsx",
        xlsx(&[("DE", rows("berlin"), ""), ("FR", rows("paris"), ""), ("Notes", notes, "")]),
    );
    let checked = check(&bench, "list.xlsx").exits(0);
    let found = &checked.json()["problems"];
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{checked}");
    let named = ["rule", "severity", "value"].map(|name| found[0][name].as_str().unwrap());
    assert_eq!(named, ["further_sheet", "warning", "FR"]);
    assert!(found[0]["line"].is_null(), "{checked}");
    let told = bench.tenantry(["check", "list.xlsx"]).exits(0).stdout;
    assert!(
        told.contains("list.xlsx: warning: the file has a further sheet that looks like a list"),
        "{told}"
    );
    let refused = "`DE` and `FR` both look like lists";
    check(&bench, "list.xlsx").args(["--strict"]).exits(1).says(refused).says("--sheet");
    bench.import("list.xlsx").args(["--strict"]).exits(1).says(refused);
    assert_eq!(bench.creations().len(), 0);
    for flags in [&["--strict", "--sheet", "FR"][..], &["--strict", "--warn", "further_sheet"]] {
        bench.import("list.xlsx").args(flags).exits(0);
    }
    assert_eq!(bench.creations().len(), 2);
}

/// The rows of a sheet with these customers.
fn rows(domains: &[&str]) -> Vec<String> {
    let rows = domains.iter().map(|domain| row(domain));
    let rows = std::iter::once(HEADER.to_owned()).chain(rows);
    rows.map(|text| format!("<row>{}</row>", cells(&text))).collect()
}

/// Whatever a sheet contains, it says nothing about the rows of another one.
#[test]
fn each_sheet_is_a_list_of_its_own() {
    let bench = Bench::new();
    let book = |german: &[&str]| xlsx(&[("DE", rows(german), ""), ("FR", rows(&["paris"]), "")]);
    bench.file("list.xlsx", book(&["refuse-400-3000", "berlin"]));
    // The first visible sheet, and the same one by its name.
    bench.import("list.xlsx").env("TENANTRY_CRASH_AT", "file_read").run();
    bench.import("list.xlsx").args(["--sheet", "FR"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 2)]));
    bench.import("list.xlsx").args(["--sheet", "de"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("failed", 1)]));
    bench.import("list.xlsx").args(["--sheet", "FR"]).exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(1);
    bench.file("list.xlsx", book(&["berlin"]));
    bench.import("list.xlsx").exits(3);
    bench.tenantry(["acknowledge", "--gone"]).exits(0);
    bench.agree();
    let bench = Bench::new();
    bench.file("list.xlsx", book(&["berlin"]));
    for sheet in ["DE", "FR"] {
        let held = bench.import("list.xlsx").args(["--sheet", sheet, "--max-new", "0"]).exits(5);
        held.says(&format!("`list.xlsx` (sheet `{sheet}`): 1 of its rows is held back"));
    }
    let held = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!(held["held_back"].as_array().map(Vec::len), Some(2), "{held}");
    // Another sheet may be the first one by now.
    bench.tenantry(["status"]).exits(0).prints("--max-new 1 --sheet FR list.xlsx");
    // A sheet that the workbook no longer has was renamed.
    let bench = Bench::new();
    let named = |name: &str, domains: &[&str]| xlsx(&[(name, rows(domains), ""), ("Notes", rows(&[]), "")]);
    bench.file("list.xlsx", named("November", &["berlin", "refuse-400-3000", "bonn"]));
    bench.import("list.xlsx").args(["--limit", "2"]).exits(5);
    bench.file("list.xlsx", named("December", &["berlin"]));
    bench.import("list.xlsx").exits(3).says("1 row declined");
    bench.tenantry(["acknowledge", "--gone"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("declined", 1), ("failed", 1)]));
}

/// Each of its other sheets stays the list that it was, also if all are renamed.
#[test]
fn a_sheet_is_renamed_to_one_sheet() {
    let bench = Bench::new();
    let book = |names: [&str; 2], domains: [&[&str]; 2]| {
        let [one, two] = [0, 1].map(|at| (names[at], rows(domains[at]), ""));
        bench.file("list.xlsx", xlsx(&[one, two]));
    };
    let import = |sheet: &str| bench.import("list.xlsx").args(["--sheet", sheet, "--limit", "0"]);
    book(["One", "Two"], [&["berlin", "bonn"], &["kiel"]]);
    import("One").exits(5);
    import("Two").exits(5);
    book(["Uno", "Two"], [&["berlin", "bonn"], &["kiel"]]);
    import("Two").exits(5);
    book(["Uno", "Due"], [&["berlin"], &["kiel"]]);
    import("Due").exits(5);
    assert_eq!(bench.ledger().states(), states([("pending", 3)]));
    import("Uno").exits(5).says("1 row declined");
    bench.resume().exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
}

/// Another sheet may be put before it, before it is renamed or with that.
#[test]
fn a_renamed_sheet_is_followed_through_the_readings() {
    let import = |bench: &Bench, sheets: &[(&str, &[&str])], sheet: &str| {
        let sheets: Vec<_> = sheets.iter().map(|(name, domains)| (*name, rows(domains), "")).collect();
        bench.file("list.xlsx", xlsx(&sheets));
        bench.import("list.xlsx").args(["--sheet", sheet, "--limit", "0"]).exits(5)
    };
    let bench = Bench::new();
    import(&bench, &[("One", &["berlin", "bonn"])], "One");
    let inserted: &[(&str, &[&str])] = &[("New", &["kiel"]), ("One", &["berlin", "bonn"])];
    import(&bench, inserted, "New");
    import(&bench, inserted, "One");
    import(&bench, &[("New", &["kiel", "ulm"]), ("Uno", &["berlin", "bonn"])], "New");
    assert_eq!(bench.ledger().states(), states([("pending", 4)]));
    import(&bench, &[("New", &["kiel", "ulm"]), ("Uno", &["berlin"])], "Uno").says("1 row declined");
    let bench = Bench::new();
    import(&bench, &[("One", &["berlin", "bonn"])], "One");
    import(&bench, &[("New", &["kiel"]), ("Uno", &["berlin"])], "Uno").says("1 row declined");
}

/// The list goes on in the sheet that was agreed to, and what waits for consent with the sheet that has it.
#[test]
fn a_sheet_is_put_back_beside_its_new_name() {
    let bench = Bench::new();
    let import = |sheets: &[(&str, &[&str])], sheet: &str, options: [&str; 2]| {
        let sheets: Vec<_> = sheets.iter().map(|(name, domains)| (*name, rows(domains), "")).collect();
        bench.file("list.xlsx", xlsx(&sheets));
        bench.import("list.xlsx").args(["--sheet", sheet]).args(options).exits(5)
    };
    let (waits, is_refused) = (["--limit", "0"], ["--max-new", "0"]);
    import(&[("One", &["berlin", "bonn"]), ("Two", &[])], "One", waits);
    import(&[("Uno", &["kiel", "ulm"]), ("Two", &[])], "Uno", is_refused);
    let both: &[(&str, &[&str])] = &[("One", &["berlin"]), ("Uno", &["kiel"]), ("Two", &[])];
    import(both, "One", waits).says("1 row declined");
    import(both, "Uno", waits).says("declined 1 row from an earlier reading");
    assert_eq!(bench.ledger().states(), states([("declined", 2), ("pending", 2)]));
    // It was agreed to under its new name.
    import(&[("One", &["berlin"]), ("Eins", &["kiel"]), ("Two", &[])], "Eins", waits);
    import(&[("One", &["berlin"]), ("Uno", &["kiel"]), ("Eins", &["jena"])], "Eins", waits);
    assert_eq!(bench.ledger().states(), states([("declined", 2), ("pending", 3)]));
}

/// It knows the workbook as it was when the row was read; its sheets may have other names by now.
#[test]
fn a_retry_does_not_give_a_sheet_its_old_name_back() {
    let bench = Bench::new();
    let refused = "refuse-400-3000";
    bench.file("list.xlsx", xlsx(&[("One", rows(&[refused]), ""), ("Two", rows(&[]), "")]));
    bench.import("list.xlsx").exits(3);
    let renamed = ("Uno", rows(&[refused, "bonn"]), "");
    bench.file("list.xlsx", xlsx(&[renamed.clone(), ("Two", rows(&[]), "")]));
    bench.import("list.xlsx").args(["--sheet", "Uno", "--limit", "0"]).exits(5);
    bench.tenantry(["retry", "--yes", "--limit", "0"]).exits(5);
    bench.file("list.xlsx", xlsx(&[("One", rows(&["kiel"]), ""), renamed, ("Two", rows(&[]), "")]));
    bench.import("list.xlsx").args(["--sheet", "One"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("failed", 1)]));
}

#[test]
fn a_workbook_of_an_older_kind_is_refused_with_the_way_out() {
    let bench = Bench::new();
    // The container of Excel before 2007, with the name of its content where its list of names has it.
    let mut old = vec![0; 1024];
    old[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    let name: Vec<u8> = "Workbook\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    old[512..512 + name.len()].copy_from_slice(&name);
    old[576] = u8::try_from(name.len()).unwrap();
    for (content, says) in [
        (old, "it is an Excel workbook from before 2007 (.xls)"),
        (packed(&[("xl/workbook.bin", String::new())]), "it is a binary Excel workbook (.xlsb)"),
    ] {
        bench.file("list.xlsx", content);
        check(&bench, "list.xlsx").exits(1).says(says).says("save it as an Excel workbook (.xlsx)");
        bench.import("list.xlsx").exits(1).says(says);
    }
    assert!(!bench.has_ledger());
}

#[test]
fn a_library_that_fails_on_a_workbook_is_no_bug_of_ours() {
    let bench = Bench::new();
    bench.file("list.xlsx", list(""));
    let refused = check(&bench, "list.xlsx").env("TENANTRY_PANIC_AT", "workbook").exits(1);
    refused.says("cannot read the workbook").says("save the sheet as `CSV UTF-8 (Comma delimited)`");
    assert!(!refused.stderr.contains("bug"), "{refused}");
}
