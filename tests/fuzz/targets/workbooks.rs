//! Fuzzes workbooks of Excel and LibreOffice.
//!
//! Each function accepts any bytes and panics if an invariant is broken. The tests of `src/list` also run them, on all
//! saved inputs and on random ones.
//!
//! The first line of an input has the options; parts or cells follow, without the ZIP archive around them, which is made
//! here: a fuzzer would spend its time on checksums.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use tenantry_list::reader::{Given, Options, Reader, RowFault};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::input::steered;
use super::list::{BETWEEN_CELLS, Pieces, WhatWasRead, in_words, options, read_rows};

/// Separates the rows of a table in an input; UTF-8 never contains this byte.
const BETWEEN_ROWS: u8 = 0xFE;

/// Of a wider row, so many cells are kept.
const CELLS_MAX: usize = 1024;

/// The parts of an Excel workbook, in the order of an input. An input that lacks the last ones gets these.
const EXCEL: [(&str, &str); 6] = [
    ("xl/worksheets/1.xml", ""),
    ("xl/sharedStrings.xml", "<sst/>"),
    ("xl/styles.xml", "<styleSheet/>"),
    (
        "xl/workbook.xml",
        r#"<workbook><sheets><sheet name="List" r:id="1"/><sheet name="More" r:id="2"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships><Relationship Id="1" Type="x/worksheet" Target="worksheets/1.xml"/>
        <Relationship Id="2" Type="x/worksheet" Target="worksheets/2.xml"/>
        <Relationship Id="3" Type="x/sharedStrings" Target="sharedStrings.xml"/>
        <Relationship Id="4" Type="x/styles" Target="styles.xml"/></Relationships>"#,
    ),
    ("xl/worksheets/2.xml", "<worksheet/>"),
];

/// The same for an OpenDocument workbook.
const OPEN_DOCUMENT: [(&str, &str); 2] = [("content.xml", ""), ("META-INF/manifest.xml", "<manifest/>")];

/// Reading a workbook of any parts gives the same result however its bytes arrive, and nothing in it makes a panic.
pub fn workbooks(input: &[u8]) {
    let (words, parts) = steered(input);
    let is_open_document = words.contains(&"ods");
    let known = if is_open_document { &OPEN_DOCUMENT[..] } else { &EXCEL[..] };
    let mut given = parts.split(|&byte| byte == BETWEEN_CELLS);
    let parts = known.iter().map(|(name, part)| (*name, given.next().unwrap_or(part.as_bytes())));
    let book = packed(parts);
    let (options, pieces) = options(&words);
    let sheet = words.iter().find_map(|word| word.strip_prefix("sheet=")).map(str::to_owned);
    let options = Options {
        sheet: sheet.map(Given::Typed),
        refuses_further_sheets: words.contains(&"further"),
        ..options
    };
    let at_once = read_workbook(&book, book.len(), &options);
    assert_eq!(at_once, read_workbook(&book, pieces, &options), "what is read depends on how it arrives");
}

/// A table of texts is the same as a workbook of Excel and as one of LibreOffice, and every cell comes back.
pub fn tables(input: &[u8]) {
    let (words, table) = steered(input);
    let (options, _) = options(&words);
    let Ok(table) = table
        .split(|&byte| byte == BETWEEN_ROWS)
        .map(|row| row.split(|&byte| byte == BETWEEN_CELLS).map(std::str::from_utf8).collect())
        .collect::<Result<Vec<Vec<&str>>, _>>()
    else {
        return;
    };
    let excel = excel(&table);
    let read = read_workbook(&excel, excel.len(), &options);
    // The XML of LibreOffice has no form for other characters.
    if table.iter().flatten().all(|cell| cell.chars().all(|c| is_plain(c) && c != '\r')) {
        let open_document = open_document(&table);
        assert_eq!(read, read_workbook(&open_document, open_document.len(), &options), "{table:?}");
    }
    check_cells(&table, &options, read);
}

/// The rows that were read have the cells of the table, and no other row of it has any.
fn check_cells(table: &[Vec<&str>], options: &Options, (rows, error): WhatWasRead) {
    let first = usize::try_from(options.header_line.unwrap_or(1).saturating_sub(1)).unwrap_or(usize::MAX);
    let filled = |row: &[&str]| row.len() - row.iter().rev().take_while(|cell| cell.is_empty()).count();
    let mut rows = VecDeque::from(rows);
    // An export starts at its first row, and marks of its own are taken from its cells.
    if error.is_some() || table.iter().flatten().any(|cell| cell.to_lowercase().contains("tenantry")) {
        return;
    }
    let below = table.iter().enumerate().skip(first).filter(|(_, row)| filled(row) > 0).skip(1);
    for (index, cells) in below {
        let Some((line, _, found, fault)) = rows.front() else {
            assert!(cells.iter().all(|cell| is_blank(cell)), "line {} was not read", index + 1);
            continue;
        };
        match fault {
            Some(RowFault::Footer) => return,
            Some(RowFault::RecordTooLong) => {}
            _ if *line != index as u64 + 1 => {
                assert!(cells.iter().all(|cell| is_blank(cell)), "line {} was not read", index + 1);
                continue;
            }
            _ => {
                let wanted = cells.iter().map(|cell| cell.as_bytes()).chain(std::iter::repeat(&b""[..]));
                assert!(found.iter().map(Vec::as_slice).eq(wanted.take(found.len())), "{found:?} {cells:?}");
                assert!(found.len() >= filled(cells).min(CELLS_MAX), "{found:?} {cells:?}");
            }
        }
        rows.pop_front();
    }
    assert_eq!(rows, [], "there is no such row");
}

/// Such a row counts as no row.
fn is_blank(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_whitespace() || matches!(byte, 0x1A | 0))
}

fn read_workbook(book: &[u8], pieces: usize, options: &Options) -> WhatWasRead {
    match Reader::open_workbook(Pieces::of(book, pieces), options) {
        Ok(reader) => read_rows(reader, book.len() as u64),
        Err(error) => {
            let error = in_words(&error);
            assert!(!error.contains("not what the reader expects"), "a panic was caught");
            (Vec::new(), Some(error))
        }
    }
}

fn packed<'a>(parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name, options).expect("a short name in memory");
        archive.write_all(content).expect("memory takes it");
    }
    archive.finish().expect("memory takes it").into_inner()
}

/// The characters that XML can contain.
fn is_plain(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// A workbook as Excel writes it: texts are shared. Those of every second column are in the cell, as some programs do.
fn excel(table: &[Vec<&str>]) -> Vec<u8> {
    let (mut sheet, mut texts) = ("<worksheet><sheetData>".to_owned(), "<sst>".to_owned());
    let mut shared = 0;
    for (row, cells) in (1..).zip(table) {
        write!(sheet, r#"<row r="{row}">"#).expect("memory takes it");
        for (column, cell) in cells.iter().enumerate() {
            let text = in_excel(cell);
            if cell.is_empty() {
                sheet.push_str("<c/>");
            } else if column % 2 == 0 {
                write!(sheet, r#"<c t="s"><v>{shared}</v></c>"#).expect("memory takes it");
                write!(texts, r#"<si><t xml:space="preserve">{text}</t></si>"#).expect("memory takes it");
                shared += 1;
            } else {
                write!(sheet, r#"<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>"#)
                    .expect("memory takes it");
            }
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    texts.push_str("</sst>");
    let given = [sheet.as_bytes(), texts.as_bytes()];
    let part = |index: usize, part: &'static str| given.get(index).copied().unwrap_or(part.as_bytes());
    packed(EXCEL.iter().enumerate().map(|(index, (name, it))| (*name, part(index, it))))
}

fn in_excel(cell: &str) -> String {
    let mut text = String::new();
    for (at, c) in cell.char_indices() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '\r' => text.push_str("&#13;"),
            // What looks like the form for a character is not one.
            '_' if cell[at..].starts_with("_x") => text.push_str("_x005F_"),
            c if is_plain(c) => text.push(c),
            c => write!(text, "_x{:04X}_", u32::from(c)).expect("memory takes it"),
        }
    }
    text
}

/// A workbook as LibreOffice writes it: equal cells and equal rows that follow each other are written once.
fn open_document(table: &[Vec<&str>]) -> Vec<u8> {
    let mut content = r#"<d><spreadsheet><table name="List">"#.to_owned();
    for rows in table.chunk_by(|one, other| one == other) {
        write!(content, r#"<table-row number-rows-repeated="{}">"#, rows.len()).expect("memory takes it");
        for cells in rows[0].chunk_by(|one, other| one == other) {
            write!(content, r#"<table-cell value-type="string" number-columns-repeated="{}">"#, cells.len())
                .expect("memory takes it");
            if !cells[0].is_empty() {
                for line in cells[0].split('\n') {
                    write!(content, "<p>{}</p>", in_open_document(line)).expect("memory takes it");
                }
            }
            content.push_str("</table-cell>");
        }
        content.push_str("</table-row>");
    }
    content.push_str(r#"</table><table name="More"/></spreadsheet></d>"#);
    packed([(OPEN_DOCUMENT[0].0, content.as_bytes())].into_iter())
}

/// A blank at the beginning, at the end or after another one has an element of its own.
fn in_open_document(line: &str) -> String {
    let mut text = String::new();
    for (at, c) in line.char_indices() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '\t' => text.push_str("<tab/>"),
            ' ' if line[..at].ends_with(|c: char| c > ' ')
                && line[at + 1..].starts_with(|c: char| c > ' ') =>
            {
                text.push(' ');
            }
            ' ' => text.push_str("<s/>"),
            c => text.push(c),
        }
    }
    text
}
