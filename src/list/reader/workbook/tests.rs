//! Workbooks as programs write them, down to the XML of single cells.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use proptest::prelude::*;

use super::*;
use crate::reader::cell_kind::CellKind;

fn packed(parts: &[(&str, String)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The workbook's own part, with sheets and other settings.
fn workbook_part(sheets: &[(&str, &str)], settings: &str) -> String {
    let sheets = (1..).zip(sheets).fold(String::new(), |mut list, (number, (name, attributes))| {
        write!(list, r#"<sheet name="{name}" sheetId="{number}" r:id="rId{number}" {attributes}/>"#).unwrap();
        list
    });
    format!(r#"<workbook xmlns:r="r">{settings}<sheets>{sheets}</sheets></workbook>"#)
}

/// A workbook of Excel: the sheets with their attributes and content, the texts, and the number formats from 164 on,
/// which are those of the styles from 1 on.
fn xlsx(sheets: &[(&str, &str, &str)], settings: &str, texts: &[&str], formats: &[&str]) -> Vec<u8> {
    let mut links = r#"<Relationship Id="s" Type="x/sharedStrings" Target="sharedStrings.xml"/>
        <Relationship Id="t" Type="x/styles" Target="/xl/styles.xml"/>"#
        .to_owned();
    let (mut own, mut styles) = (String::new(), r#"<xf numFmtId="0"/>"#.to_owned());
    for (number, code) in (164..).zip(formats) {
        let code = code.replace('"', "&quot;");
        write!(own, r#"<numFmt numFmtId="{number}" formatCode="{code}"/>"#).unwrap();
        write!(styles, r#"<xf numFmtId="{number}"/>"#).unwrap();
    }
    let texts: String = texts.iter().map(|text| format!("<si>{text}</si>")).collect();
    let names: Vec<_> = sheets.iter().map(|(name, attributes, _)| (*name, *attributes)).collect();
    let mut parts = vec![
        ("xl/workbook.xml".to_owned(), workbook_part(&names, settings)),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst>{texts}</sst>")),
        (
            "xl/styles.xml".to_owned(),
            format!(
                "<styleSheet><numFmts>{own}</numFmts><cellStyleXfs><xf numFmtId=\"9\"/></cellStyleXfs>\
                 <cellXfs>{styles}</cellXfs></styleSheet>"
            ),
        ),
    ];
    for (number, (_, _, content)) in (1..).zip(sheets) {
        let kind = if content.starts_with("<chart") { "chartsheet" } else { "worksheet" };
        write!(links, r#"<Relationship Id="rId{number}" Type="x/{kind}" Target="sheets/{number}.xml"/>"#)
            .unwrap();
        parts.push((format!("xl/sheets/{number}.xml"), (*content).to_owned()));
    }
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{links}</Relationships>")));
    let parts: Vec<_> = parts.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    packed(&parts)
}

/// A workbook of LibreOffice with these tables and the styles of some.
fn ods(styles: &str, tables: &str) -> Vec<u8> {
    let content = format!(
        r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:style="s" xmlns:calcext="c">
        <office:automatic-styles>{styles}</office:automatic-styles><office:body><office:spreadsheet>
        <table:tracked-changes><table:table><table:table-row><table:table-cell><text:p>old</text:p></table:table-cell>
        </table:table-row></table:table></table:tracked-changes>{tables}
        </office:spreadsheet></office:body></office:document-content>"#
    );
    packed(&[("content.xml", content)])
}

fn open(content: &[u8], wanted: Option<&str>) -> Result<Workbook, Error> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    read(file, wanted.map_or(Which::First, Which::Named))
}

/// All rows of a sheet: `2h: a | 7 Number`. Kinds that are text are left out; `h` marks a hidden row.
fn rows(sheet: &mut Sheet) -> String {
    let mut shown = String::new();
    while let Some(record) = sheet.next() {
        let cells = record.cells().enumerate().map(|(index, cell)| {
            let text = std::str::from_utf8(cell).unwrap();
            match record.kinds.get(index).copied().unwrap_or_default() {
                CellKind::Text => text.to_owned(),
                kind => format!("{text} {kind:?}"),
            }
        });
        let hidden = if record.is_hidden { "h" } else { "" };
        let cells: Vec<_> = cells.collect();
        writeln!(shown, "{}{hidden}: {}", record.line, cells.join(" | ")).unwrap();
    }
    shown
}

#[track_caller]
fn check_rows(content: &[u8], expected: &str) {
    let mut workbook = open(content, None).unwrap();
    assert_eq!(rows(&mut workbook.sheet), expected);
}

const TEXTS: [&str; 3] = [
    "<t>first</t>",
    "<r><t>sec</t></r><r><rPr/><t>ond</t></r><rPh><t>second</t></rPh>",
    "<t xml:space=\"preserve\"> a&amp;b_x000D_ &#233;<![CDATA[<c>]]></t>",
];

#[track_caller]
fn check_cells(cells: &str, expected: &str) {
    let sheet = format!("<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>");
    let formats = ["00000", "yyyy-mm-dd", "0%", "@\" GmbH\"", "# ?/?"];
    check_rows(&xlsx(&[("a", "", &sheet)], "", &TEXTS, &formats), &format!("1: {expected}\n"));
}

#[test]
fn cells_are_what_the_sheet_shows() {
    check_cells(r#"<c t="s"><v>0</v></c><c t="s"><v>1</v></c>"#, "first | second");
    check_cells(r#"<c t="s"><v>2</v></c>"#, " a&b\r é<c>");
    check_cells(r#"<c t="inlineStr"><is><t>in</t><rPh><t>no</t></rPh></is></c>"#, "in");
    check_cells(r#"<c t="inlineStr"><v>1.0</v><is><t>Weg 1</t></is></c>"#, "Weg 1");
    check_cells(r#"<c t="inlineStr"><is><t>Weg 1</t></is><v>1.0</v></c>"#, "Weg 1");
    check_cells(r#"<c t="inlineStr"><v>Weg 1</v></c>"#, "Weg 1");
    check_cells(r#"<c><v>98101</v></c><c s="1"><v>1067</v></c>"#, "98101 Number | 01067");
    check_cells(r#"<c r="B1" s="4" t="s"><v>0</v></c>"#, " | first GmbH");
    check_cells(r#"<c s="2"><v>46248</v></c><c s="3"><v>0.5</v></c>"#, "2026-08-14 Date | 50% Percent");
    check_cells(r#"<c s="5"><v>0.5</v></c><c t="b"><v>1</v></c>"#, "0.5 Uncertain | TRUE Boolean");
    check_cells(r#"<c s="77"><v>5</v></c><c><v>NaN</v></c>"#, "5 Uncertain | NaN Uncertain");
    check_cells(r#"<c t="e"><v>#N/A</v></c><c t="d"><v>2026-08-14</v></c>"#, "#N/A Error | 2026-08-14 Date");
    check_cells("<c><v>1.2345678901234567E+18</v></c>", "1234567890123460000 LostDigits");
    check_cells(r#"<c s="1"/><c r="C1"><v/></c><c r="E1"><v>1</v></c>"#, " |  |  |  | 1 Number");
}

#[test]
fn a_formula_needs_a_result() {
    check_cells("<c><f>1+1</f><v>2</v></c>", "2 Number");
    check_cells("<c><f>1-1</f><v>0</v></c>", "0 Number");
    check_cells(r#"<c t="str"><f>A1</f><v>text</v></c>"#, "text");
    check_cells("<c><f>A1</f></c><c><f>A1</f><v></v></c>", " NoResult |  NoResult");
    check_cells(r#"<c t="str"><f t="shared" si="0"/></c>"#, " NoResult");
    // An empty text is a result.
    check_cells(r#"<c t="str"><f>""</f><v></v></c><c><v>1</v></c>"#, " | 1 Number");
    // The index of a shared text; none has these others.
    check_cells(r#"<c t="str"><f>A1</f><v>2</v></c><c t="str"><f>A1</f><v>3</v></c>"#, "2 IndexResult | 3");
    check_cells(r#"<c t="str"><f>A1</f><v>02</v></c><c t="str"><v>2</v></c>"#, "02 | 2");
}

#[test]
fn a_program_that_calculates_nothing_stores_zeros() {
    let sheet = r#"<worksheet><sheetData><row><c><f>A</f><v>0</v></c><c t="str"><f>A</f><v></v></c><c><f>A</f><v>7</v></c>
        <c><v>0</v></c></row></sheetData></worksheet>"#;
    let settings = r#"<calcPr calcId="1" fullCalcOnLoad="1"/>"#;
    check_rows(
        &xlsx(&[("a", "", sheet)], settings, &[], &[]),
        "1: 0 NoResult |  NoResult | 7 Number | 0 Number\n",
    );
}

#[test]
fn rows_can_be_hidden_and_cells_merged() {
    let sheet = r#"<x:worksheet xmlns:x="m"><x:sheetData>
        <x:row r="2"><x:c r="A2"><x:v>1</x:v></x:c><x:c r="C2"><x:v>2</x:v></x:c></x:row>
        <x:row r="3" hidden="1"><x:c r="A3"><x:v>3</x:v></x:c></x:row>
        <x:row r="5" ht="0"><x:c r="B5"><x:v>5</x:v></x:c></x:row>
        <x:row r="6" ht="15"><x:c r="A6"><x:v>6</x:v></x:c><x:c r="B6"><x:v>7</x:v></x:c></x:row></x:sheetData>
        <x:mergeCells><x:mergeCell ref="C2:C5"/><x:mergeCell ref="A6:B6"/><x:mergeCell ref="A1"/></x:mergeCells>
        </x:worksheet>"#;
    check_rows(
        &xlsx(&[("a", "", sheet)], "", &[], &[]),
        "2: 1 Number |  | 2 Number\n3h: 3 Number |  |  Covered\n5h:  | 5 Number |  Covered\n\
         6: 6 Number | 7 Covered | \n",
    );
}

#[test]
fn days_may_count_from_1904() {
    let sheet = r#"<worksheet><sheetData><row><c s="1"><v>44786</v></c></row></sheetData></worksheet>"#;
    let book = xlsx(&[("a", "", sheet)], r#"<workbookPr date1904="true"/>"#, &[], &["d.m.yyyy"]);
    check_rows(&book, "1: 2026-08-14 Date\n");
}

fn row(value: u32) -> String {
    format!(
        "<worksheet><sheetData><row><c><v>{value}</v></c></row><row><c><v>0</v></c></row></sheetData></worksheet>"
    )
}

#[test]
fn a_sheet_is_chosen_and_the_other_visible_ones_are_named() {
    #[track_caller]
    fn check(book: &[u8], wanted: Option<&str>, expected: Result<(&str, &[&str]), &str>) {
        let found = open(book, wanted).map(|mut workbook| {
            assert!(rows(&mut workbook.sheet).starts_with("1: "));
            let others = workbook.others.iter_mut().map(|(name, sheet)| {
                assert!(rows(sheet).starts_with("1: "));
                name.clone()
            });
            (workbook.name, others.collect::<Vec<_>>())
        });
        match (found, expected) {
            (Ok((name, others)), expected) => {
                let others: Vec<_> = others.iter().map(String::as_str).collect();
                assert_eq!(Ok((&*name, &others[..])), expected);
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (Err(error), Ok(_)) => panic!("{error}"),
        }
    }
    let rows = [row(1), row(2), row(3)];
    let sheets = [
        ("Chart", "", "<chartsheet/>"),
        ("Lists", r#"state="veryHidden""#, &*rows[0]),
        ("Kunden", r#"state="visible""#, &rows[1]),
        ("FR", "", &rows[2]),
    ];
    let book = xlsx(&sheets, "", &[], &[]);
    check(&book, None, Ok(("Kunden", &["FR"])));
    check(&book, Some(" fr"), Ok(("FR", &[])));
    check(&book, Some("Lists"), Ok(("Lists", &[])));
    check(&book, Some("Chart"), Err("it has `Lists`, `Kunden`, `FR`"));
    check(&xlsx(&sheets[1..2], "", &[], &[]), None, Err("not hidden; it has `Lists`"));
    let styles = r#"<style:style style:name="v"><style:table-properties table:display="true"/></style:style>
        <style:style style:name="h"><style:table-properties table:display="false"/></style:style>"#;
    let table = |name: &str, style: &str| {
        let row =
            "<table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>";
        format!(r#"<table:table table:name="{name}" table:style-name="{style}">{row}{row}</table:table>"#)
    };
    let book = ods(styles, &[table("Lists", "h"), table("Kunden", "v"), table("FR", "")].concat());
    check(&book, None, Ok(("Kunden", &["FR"])));
    check(&book, Some("lists"), Ok(("Lists", &[])));
    check(&book, Some("Chart"), Err("it has `Lists`, `Kunden`, `FR`"));
}

#[track_caller]
fn check_ods(rows: &str, expected: &str) {
    check_rows(&ods("", &format!("<table:table table:name=\"a\">{rows}</table:table>")), expected);
}

#[track_caller]
fn check_ods_cell(cell: &str, expected: &str) {
    check_ods(&format!("<table:table-row>{cell}</table:table-row>"), &format!("1: {expected}\n"));
}

#[test]
fn cells_of_libre_office_are_the_text_that_they_show() {
    let cell = |attributes: &str, content: &str| {
        format!("<table:table-cell {attributes}>{content}</table:table-cell>")
    };
    let check = |attributes: &str, content: &str, expected: &str| {
        check_ods_cell(&cell(attributes, content), expected);
    };
    let text = r#"office:value-type="string""#;
    check(text, "<text:p>one</text:p><text:p>two</text:p>", "one\ntwo");
    check(
        text,
        "<text:p>a<text:s/><text:s text:c=\"2\"/>b<text:tab/>c<text:line-break/>d</text:p>",
        "a   b\tc\nd",
    );
    check(text, "<text:p> \n a \n b<text:span>c</text:span></text:p>", "a bc");
    check(text, "<text:p>a&amp;b&#233;</text:p>", "a&bé");
    let comment = "<office:annotation><text:p>remark</text:p></office:annotation>";
    check(text, &format!("{comment}<text:p>a{comment}b</text:p>"), "ab");
    check(
        text,
        "<text:p><text:ruby><text:ruby-base>x</text:ruby-base><text:ruby-text>y</text:ruby-text></text:ruby></text:p>",
        "x",
    );
    check(r#"office:value-type="string" office:string-value="v""#, "", "v");
    let number = r#"office:value-type="float" office:value="1067" calcext:value-type="float""#;
    check(number, "<text:p>01067</text:p>", "01067");
    check(number, "<text:p>1067</text:p>", "1067 Number");
    check(number, "", "1067 Uncertain");
    check(r#"office:value-type="float" office:value="1""#, "<text:p>WAHR</text:p>", "TRUE Boolean");
    check(r#"office:value-type="float" office:value="1e17""#, "<text:p>1E+17</text:p>", "1E+17 LostDigits");
    check(r#"office:value-type="currency" office:value="5""#, "<text:p>5,00 €</text:p>", "5,00 €");
    check(r#"office:value-type="percentage" office:value="0.5""#, "<text:p>50%</text:p>", "50% Percent");
    check(
        r#"office:value-type="date" office:date-value="2026-08-14""#,
        "<text:p>14.8.26</text:p>",
        "2026-08-14 Date",
    );
    let moment = r#"office:value-type="date" office:date-value="2026-08-14T00:00:00""#;
    check(moment, "<text:p>14.8.26</text:p>", "2026-08-14 Date");
    check(
        r#"office:value-type="time" office:time-value="PT12H30M00S""#,
        "<text:p>12:30</text:p>",
        "12:30 Time",
    );
    check(
        r#"office:value-type="boolean" office:boolean-value="false""#,
        "<text:p>FALSCH</text:p>",
        "FALSE Boolean",
    );
    let error = r#"table:formula="of:=NA()" office:value-type="string" calcext:value-type="error""#;
    check(error, "<text:p>#NV</text:p>", "#NV Error");
    check(r#"table:formula="of:=A1""#, "", " NoResult");
    check(r#"table:formula="of:=A1" office:value-type="float""#, "", " NoResult");
    check(r#"table:formula="of:=A1" office:value-type="string""#, "", " NoResult");
    check(
        r#"table:formula="of:=A1" office:value-type="float" office:value="5""#,
        "<text:p>5</text:p>",
        "5 Number",
    );
    let blank = r#"table:formula="of:=A1" office:value-type="string" office:string-value="""#;
    let after = cell(text, "<text:p>x</text:p>");
    check_ods_cell(&(cell(blank, "") + &after), " | x");
}

#[test]
fn rows_of_libre_office_are_counted_hidden_and_merged() {
    let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
    let row = |attributes: &str, text: &str| {
        format!("<table:table-row {attributes}>{}</table:table-row>", cell(text))
    };
    let rows = [
        row("", "1"),
        "<table:table-row table:number-rows-repeated=\"3\"><table:table-cell table:number-columns-repeated=\"16384\"/>\
         </table:table-row>"
            .to_owned(),
        row("table:visibility=\"filter\"", "5"),
        row("table:visibility=\"collapse\" table:number-rows-repeated=\"2\"", "6"),
        format!("<table:table-row-group table:display=\"false\">{}</table:table-row-group>", row("", "8")),
        format!("<table:table-row-group>{}</table:table-row-group>", row("", "9")),
    ];
    check_ods(&rows.concat(), "1: 1\n5h: 5\n6h: 6\n7h: 6\n8h: 8\n9: 9\n");
    let merged = "<table:table-row><table:table-cell table:number-columns-repeated=\"2\"><text:p>x</text:p>\
        </table:table-cell><table:table-cell table:number-rows-spanned=\"2\" table:number-columns-spanned=\"2\">\
        <text:p>m</text:p></table:table-cell><table:covered-table-cell><text:p>no</text:p></table:covered-table-cell>\
        </table:table-row><table:table-row><table:table-cell><text:p>y</text:p></table:table-cell><table:table-cell/>\
        <table:covered-table-cell table:number-columns-repeated=\"2\"/></table:table-row>";
    let wider = merged.replacen("</table:table-row>", &(cell("z") + "</table:table-row>"), 1);
    check_ods(&wider, "1: x | x | m |  | z\n2: y |  |  Covered |  Covered | \n");
}

#[test]
fn counts_take_no_more_memory_than_a_sheet_may_have() {
    #[track_caller]
    fn check(rows: &str, expected: Result<usize, &str>) {
        let book = ods("", &format!("<table:table table:name=\"a\">{rows}</table:table>"));
        match (open(&book, None), expected) {
            (Ok(workbook), expected) => assert_eq!(Ok(workbook.sheet.rows()), expected),
            (Err(error), Err(words)) => {
                let found =
                    std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
                let found: Vec<_> = found.map(ToString::to_string).collect();
                assert!(found.join(": ").contains(words), "{found:?}");
            }
            (Err(error), Ok(_)) => panic!("{error:?}"),
        }
    }
    let row = |rows: &str, columns: &str, content: &str| {
        format!(
            "<table:table-row table:number-rows-repeated=\"{rows}\"><table:table-cell \
             table:number-columns-repeated=\"{columns}\">{content}</table:table-cell></table:table-row>"
        )
    };
    check(&row("1048576", "16384", ""), Ok(0));
    check(&row("99999999999999999999", "99999999999999999999", ""), Ok(0));
    check(&row("1", "4000000000", "<text:p>x</text:p>"), Ok(1));
    let long = format!("<text:p>{}</text:p>", "x".repeat(200_000));
    check(&row("1048576", "1", &long), Err("it is too large"));
    check(&row("4000000000", "1", "<text:p>x</text:p>"), Err("beyond the last row"));
    check(&row("1", "1", "<text:p><text:s text:c=\"4000000000\"/>x</text:p>"), Ok(1));
}

#[test]
fn what_is_no_whole_workbook_is_damaged() {
    #[track_caller]
    fn check(book: &[u8], words: &str) {
        let error = open(book, None).err().unwrap();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        let found = format!("{error}: {source}");
        assert!(found.contains(words), "{found}");
    }
    let sheet = |rows: &str| xlsx(&[("a", "", &format!("<worksheet><sheetData>{rows}"))], "", &[], &[]);
    check(&sheet("<row><c><v>1</v></c></row>"), "ends in the middle");
    check(&sheet("<row><c><v>1</c></row></sheetData></worksheet>"), "damaged");
    check(
        &sheet(r#"<row><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row></sheetData></worksheet>"#),
        "in order",
    );
    check(&sheet(r#"<row r="0"/></sheetData></worksheet>"#), "a row has no number");
    check(&sheet(r#"<row><c r="?"/></row></sheetData></worksheet>"#), "a cell has no place");
    check(
        &sheet(r#"<row r="4294967295"><c><v>1</v></c></row></sheetData></worksheet>"#),
        "beyond the last row",
    );
    check(&sheet(r#"<row><c t="s"><v>7</v></c></row></sheetData></worksheet>"#), "a text is missing");
    check(&sheet("<row><c><v>&bomb;</v></c></row></sheetData></worksheet>"), "unknown entity");
    let part = |name: &str| packed(&[(name, "<x/>".to_owned())]);
    check(&part("xl/workbook.xml"), "does not define where its sheets are");
    check(&part("content.xml"), "cannot find a sheet");
    check(&part("xl/workbook.bin"), "a binary Excel workbook (.xlsb)");
    check(&part("word/document.xml"), "a Word document");
    check(&part("encrypted-package"), "protected by a password");
    check(&part("other.txt"), "a ZIP archive");
    let manifest = "<m><file-entry><encryption-data/></file-entry></m>".to_owned();
    check(
        &packed(&[("content.xml", "?".to_owned()), ("META-INF/manifest.xml", manifest)]),
        "protected by a password",
    );
    check(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old or a password-protected Office file");
}

/// Pieces of which the parts of workbooks are made.
const PIECES: [&str; 30] = [
    "<row>",
    "<row r=\"3\" hidden=\"1\">",
    "</row>",
    "<c s=\"1\">",
    "<c r=\"B2\" t=\"s\">",
    "<c t=\"str\">",
    "<c t=\"inlineStr\"><is><t>x</t></is>",
    "</c>",
    "<f/>",
    "<v>0</v>",
    "<v>1e300</v>",
    "<v>-0.5</v>",
    "</sheetData><mergeCells><mergeCell ref=\"B9:A1\"/><mergeCell ref=\"A1:XFD1048576\"/></mergeCells><sheetData>",
    "<table:table-row>",
    "<table:table-row table:number-rows-repeated=\"3\">",
    "</table:table-row>",
    "<table:table-row-group table:display=\"false\">",
    "</table:table-row-group>",
    "<table:table-cell>",
    "<table:table-cell table:number-rows-spanned=\"4294967295\" table:number-columns-repeated=\"18446744073709551615\">",
    "<table:covered-table-cell office:value-type=\"float\" office:value=\"1e99\">",
    "</table:table-cell>",
    "<text:p>",
    "</text:p>",
    "<text:s text:c=\"9\"/>",
    "<office:annotation>",
    "</office:annotation>",
    "é&lt;&#x1F600;",
    "<table:table>",
    "</table:table>",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// `read` would hide a panic.
    #[test]
    fn no_parts_make_a_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40), cut in 0..4000_usize) {
        let pieces = pieces.concat();
        let sheet = format!("<worksheet><sheetData>{pieces}</sheetData></worksheet>");
        let sheet: String = sheet.chars().take(cut).collect();
        for book in [
            xlsx(&[("a", "", &sheet)], "", &TEXTS, &["0.00", "yyyy"]),
            ods("", &format!("<table:table table:name=\"a\">{pieces}</table:table>")),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&book).unwrap();
            file.rewind().unwrap();
            if let Ok(mut workbook) = read_file(file, Which::First) {
                rows(&mut workbook.sheet);
            }
        }
    }

    #[test]
    fn no_number_format_makes_a_panic(code in "([0#?.,;%@\"\\\\_*E+ymdhs/ é-]|\\[[^\\]]*\\]|General){0,12}", number in any::<f64>()) {
        let format = number_format::NumberFormat::parse(&code);
        for number in [number, -1.5, 0.0, 46_248.5, 1e-300, f64::MAX] {
            format.number(number, false);
        }
        format.text("é");
    }
}
