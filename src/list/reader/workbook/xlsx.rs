//! Reads `.xlsx`: a package of XML parts, of which one has the texts of all cells, one their formats, and one each sheet.
//!
//! A sheet is read as one stream, so that everything about a cell is seen at once: its value, its format, whether it
//! has a formula, and whether its row is hidden.

use std::borrow::Cow;
use std::io::{Read, Seek};

use super::number_format::{self, NumberFormat};
use super::xml::{Element, Node};
use super::{Package, ROWS_MAX, SheetName, Wanted, Which, Workbook, WorkbookError};
use crate::reader::cell_kind::CellKind;
use crate::reader::sheet::{Merge, Sheet};
use crate::validation::escaped::decode_xml;

pub(super) const WORKBOOK: &str = "xl/workbook.xml";
const RELATIONSHIPS: &str = "xl/_rels/workbook.xml.rels";

/// What cells refer to.
#[derive(Default)]
struct Context {
    strings: Strings,
    /// The formats by number, and the number of each style's format.
    formats: Vec<NumberFormat>,
    is_1904: bool,
    /// The program that wrote the file relies on another one to calculate all results.
    has_no_results: bool,
}

/// Reads the sheet with this name, or the first visible one.
pub(super) fn read<R: Read + Seek>(
    package: &mut Package<R>,
    which: Which<'_>,
) -> Result<Workbook, WorkbookError> {
    let (listed, mut context) = workbook(package)?;
    let relationships = relationships(package)?;
    let (mut sheets, mut parts) = (Vec::new(), Vec::new());
    for (sheet, id) in listed {
        let found = relationships.iter().find(|relationship| relationship.id == id);
        let relationship = found.ok_or_else(|| WorkbookError::damaged("a sheet is missing"))?;
        // A sheet of another kind, such as a chart, has no cells.
        if relationship.is("worksheet") {
            sheets.push(sheet);
            parts.push(&*relationship.part);
        }
    }
    let mut wanted = super::choose(&sheets, which)?;
    let part = |kind| relationships.iter().find(|relationship| relationship.is(kind));
    if let Some(strings) = part("sharedStrings") {
        context.strings = Strings::read(package, &strings.part)?;
    }
    if let Some(styles) = part("styles") {
        context.formats = styles_of(package, &styles.part)?;
    }
    if context.formats.is_empty() {
        context.formats.push(NumberFormat::parse(""));
    }
    for (index, wanted) in &mut wanted {
        read_sheet(package, parts[*index], &context, wanted)?;
    }
    Workbook::of(wanted.into_iter().map(|(_, wanted)| wanted), sheets)
}

fn read_sheet<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    context: &Context,
    wanted: &mut Wanted,
) -> Result<(), WorkbookError> {
    let mut xml = package.xml(part)?.ok_or_else(|| WorkbookError::damaged("a sheet is missing"))?;
    let mut reader = SheetReader::default();
    while !wanted.is_complete() {
        match xml.next()? {
            Node::Start(element) => reader.start(&element, &mut wanted.sheet)?,
            Node::Text(text) => reader.text(&text),
            Node::End(end) => reader.end(end.name(), context, &mut wanted.sheet)?,
            Node::Other => {}
            Node::EndOfDocument => break,
        }
    }
    Ok(())
}

/// The sheets that the workbook lists, with the ids of their relationships, and what it says about all of them.
fn workbook<R: Read + Seek>(
    package: &mut Package<R>,
) -> Result<(Vec<(SheetName, String)>, Context), WorkbookError> {
    let mut xml = package.xml(WORKBOOK)?.ok_or_else(|| WorkbookError::damaged("it has no list of sheets"))?;
    let (mut sheets, mut context) = (Vec::new(), Context::default());
    loop {
        match xml.next()? {
            Node::Start(element) => match element.name() {
                "sheet" => {
                    let is_hidden = matches!(&*element.owned("state")?, "hidden" | "veryHidden");
                    sheets
                        .push((SheetName { name: element.owned("name")?, is_hidden }, element.owned("id")?));
                }
                "workbookPr" => context.is_1904 = element.is_true("date1904")?,
                "calcPr" => context.has_no_results = element.is_true("fullCalcOnLoad")?,
                _ => {}
            },
            Node::EndOfDocument => return Ok((sheets, context)),
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
struct Relationship {
    id: String,
    kind: String,
    part: String,
}

impl Relationship {
    fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }
}

fn relationships<R: Read + Seek>(package: &mut Package<R>) -> Result<Vec<Relationship>, WorkbookError> {
    let mut xml = package
        .xml(RELATIONSHIPS)?
        .ok_or_else(|| WorkbookError::damaged("it does not define where its sheets are"))?;
    let mut relationships = Vec::new();
    loop {
        match xml.next()? {
            Node::Start(element) if element.name() == "Relationship" => {
                let mut relationship = Relationship::default();
                element.each_attribute(|name, value| {
                    match name {
                        "Id" => relationship.id = value.into_owned(),
                        "Type" => relationship.kind = value.into_owned(),
                        "Target" => relationship.part = part_of(&value),
                        _ => {}
                    }
                    Ok(())
                })?;
                relationships.push(relationship);
            }
            Node::EndOfDocument => return Ok(relationships),
            _ => {}
        }
    }
}

/// The part that a relationship of the workbook points to.
fn part_of(target: &str) -> String {
    match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => match target.strip_prefix("../") {
            Some(above) => above.to_owned(),
            None => format!("xl/{}", target.strip_prefix("./").unwrap_or(target)),
        },
    }
}

/// The texts that cells share; all in one string, because there may be a million.
#[derive(Default)]
struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    fn read<R: Read + Seek>(package: &mut Package<R>, part: &str) -> Result<Self, WorkbookError> {
        let mut strings = Self::default();
        let Some(mut xml) = package.xml(part)? else { return Ok(strings) };
        let (mut text, mut string) = (RichText::default(), String::new());
        loop {
            match xml.next()? {
                Node::Start(element) => text.start(element.name()),
                Node::Text(piece) if text.is_shown() => string.push_str(&piece),
                Node::End(end) => {
                    text.end(end.name());
                    if end.name() == "si" {
                        strings.text.push_str(&decode_xml(&string));
                        // What a workbook unpacks to is far below 4 GiB.
                        strings.ends.push(u32::try_from(strings.text.len()).unwrap_or(u32::MAX));
                        string.clear();
                    }
                }
                Node::EndOfDocument => return Ok(strings),
                Node::Text(_) | Node::Other => {}
            }
        }
    }

    fn get(&self, index: usize) -> Option<&str> {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start as usize..*self.ends.get(index)? as usize)
    }
}

/// Where in a text the reader is: text can have several runs, and signs for its pronunciation, which are not shown in it.
#[derive(Default)]
struct RichText {
    is_text: bool,
    is_phonetic: bool,
}

impl RichText {
    fn start(&mut self, name: &str) {
        match name {
            "t" => self.is_text = true,
            "rPh" => self.is_phonetic = true,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "t" => self.is_text = false,
            "rPh" => self.is_phonetic = false,
            _ => {}
        }
    }

    fn is_shown(&self) -> bool {
        self.is_text && !self.is_phonetic
    }
}

/// The format of each style that a cell can have.
fn styles_of<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
) -> Result<Vec<NumberFormat>, WorkbookError> {
    let Some(mut xml) = package.xml(part)? else { return Ok(Vec::new()) };
    let (mut own, mut formats) = (Vec::new(), Vec::new());
    let mut list = String::new();
    let number = |element: &Element<'_>| -> Result<Option<u32>, WorkbookError> {
        Ok(element.attribute("numFmtId")?.and_then(|number| number.trim().parse().ok()))
    };
    loop {
        match xml.next()? {
            Node::Start(element) => match (&*list, element.name()) {
                (_, name @ ("numFmts" | "cellXfs" | "cellStyleXfs" | "dxfs")) => name.clone_into(&mut list),
                ("numFmts", "numFmt") => {
                    let code = element.attribute("formatCode")?.unwrap_or_default();
                    own.extend(number(&element)?.map(|number| (number, decode_xml(&code).into_owned())));
                }
                ("cellXfs", "xf") => formats.push(number(&element)?.unwrap_or(0)),
                _ => {}
            },
            Node::End(end) if end.name() == list => list.clear(),
            Node::EndOfDocument => break,
            _ => {}
        }
    }
    let format = |number: u32| {
        let own = own.iter().rev().find(|(own, _)| *own == number).map(|(_, code)| code.as_str());
        own.or_else(|| number_format::built_in(number))
            .map_or_else(NumberFormat::unknown, NumberFormat::parse)
    };
    Ok(formats.into_iter().map(format).collect())
}

/// Which text of a cell is being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    None,
    Value,
    Formula,
}

/// The state of reading one sheet.
#[derive(Default)]
struct SheetReader {
    is_in_data: bool,
    /// The 0-based position of the next cell, if it does not name its own.
    row: u32,
    column: u32,
    is_hidden: bool,
    has_row: bool,
    cell: CellContent,
    part: Part,
    rich_text: RichText,
}

#[derive(Default)]
struct CellContent {
    form: Form,
    style: usize,
    value: String,
    /// There is an element for the value, although it may be empty.
    has_value: bool,
    /// It has a text of its own.
    has_text: bool,
    has_formula: bool,
}

/// How the value of a cell is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Number,
    SharedText,
    InlineText,
    /// The text that a formula results in.
    Result,
    Boolean,
    Error,
    Date,
}

impl SheetReader {
    fn start(&mut self, element: &Element<'_>, sheet: &mut Sheet) -> Result<(), WorkbookError> {
        let name = element.name();
        if !self.is_in_data {
            match name {
                "sheetData" => self.is_in_data = true,
                "mergeCell" => {
                    let range = element.attribute("ref")?.unwrap_or_default();
                    merge(&range).into_iter().for_each(|merge| sheet.merge(merge));
                }
                _ => {}
            }
            return Ok(());
        }
        match name {
            "c" => self.start_cell(element)?,
            "v" => {
                self.part = Part::Value;
                self.cell.has_value = true;
            }
            "f" => {
                self.part = Part::Formula;
                self.cell.has_formula = true;
            }
            "row" => self.start_row(element)?,
            // Some programs leave an old value beside the text, which spreadsheets do not show.
            "is" if self.cell.form == Form::InlineText => {
                self.cell.has_text = true;
                self.cell.value.clear();
                self.rich_text.start(name);
            }
            _ => self.rich_text.start(name),
        }
        Ok(())
    }

    fn start_row(&mut self, element: &Element<'_>) -> Result<(), WorkbookError> {
        if std::mem::replace(&mut self.has_row, true) {
            self.row = self.row.saturating_add(1);
        }
        (self.column, self.is_hidden) = (0, false);
        element.each_attribute(|name, value| {
            match name {
                "r" => {
                    let number = value.parse().ok().and_then(|number: u32| number.checked_sub(1));
                    self.row = number.ok_or_else(|| WorkbookError::damaged("a row has no number"))?;
                }
                "hidden" => self.is_hidden |= matches!(&*value, "1" | "true"),
                // A row without height cannot be seen either.
                "ht" => self.is_hidden |= value.parse() == Ok(0.0),
                _ => {}
            }
            Ok(())
        })
    }

    fn start_cell(&mut self, element: &Element<'_>) -> Result<(), WorkbookError> {
        let cell = &mut self.cell;
        (cell.form, cell.style) = (Form::Number, 0);
        (cell.has_value, cell.has_text, cell.has_formula) = (false, false, false);
        cell.value.clear();
        let (row, column) = (&mut self.row, &mut self.column);
        element.each_attribute(|name, value| {
            match name {
                "r" => {
                    (*row, *column) =
                        position(&value).ok_or_else(|| WorkbookError::damaged("a cell has no place"))?;
                }
                "s" => cell.style = value.parse().unwrap_or(usize::MAX),
                "t" => {
                    cell.form = match &*value {
                        "s" => Form::SharedText,
                        "inlineStr" => Form::InlineText,
                        "str" => Form::Result,
                        "b" => Form::Boolean,
                        "e" => Form::Error,
                        "d" => Form::Date,
                        _ => Form::Number,
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        if self.row >= ROWS_MAX { Err(WorkbookError::beyond_end()) } else { Ok(()) }
    }

    fn text(&mut self, text: &str) {
        let is_inline = self.cell.form == Form::InlineText && self.rich_text.is_shown();
        let is_value = self.part == Part::Value && !self.cell.has_text;
        if self.is_in_data && (is_value || is_inline) {
            self.cell.value.push_str(text);
        }
    }

    fn end(&mut self, name: &str, context: &Context, sheet: &mut Sheet) -> Result<(), WorkbookError> {
        match name {
            "v" | "f" => self.part = Part::None,
            "c" => {
                let (text, kind) = self.cell.shown(context)?;
                sheet.push(self.row, self.column as usize, &text, kind)?;
                self.column = self.column.saturating_add(1);
            }
            "row" if self.is_hidden => sheet.hide(self.row),
            "sheetData" => self.is_in_data = false,
            _ => self.rich_text.end(name),
        }
        Ok(())
    }
}

impl CellContent {
    fn shown<'a>(&'a self, context: &'a Context) -> Result<(Cow<'a, str>, CellKind), WorkbookError> {
        let value = self.value.as_str();
        // Where the program that wrote the file has calculated nothing, it may have stored a zero.
        let is_missing = match self.form {
            Form::Result => !self.has_value,
            _ => value.is_empty(),
        };
        if self.has_formula && (is_missing || (context.has_no_results && matches!(value, "" | "0"))) {
            return Ok((Cow::Borrowed(value), CellKind::NoResult));
        }
        let format = context.formats.get(self.style);
        Ok(match self.form {
            _ if value.is_empty() => (Cow::Borrowed(""), CellKind::Text),
            Form::SharedText => {
                let text = value.trim().parse().ok().and_then(|index| context.strings.get(index));
                as_text(
                    Cow::Borrowed(text.ok_or_else(|| WorkbookError::damaged("a text is missing"))?),
                    format,
                )
            }
            Form::Result if self.has_formula && context.strings.has(value) => {
                (Cow::Borrowed(value), CellKind::IndexResult)
            }
            Form::InlineText | Form::Result => as_text(decode_xml(value), format),
            Form::Boolean => {
                (Cow::Borrowed(if value.trim() == "1" { "TRUE" } else { "FALSE" }), CellKind::Boolean)
            }
            Form::Error => (Cow::Borrowed(value), CellKind::Error),
            Form::Date => (Cow::Borrowed(value), CellKind::Date),
            Form::Number => match (value.trim().parse::<f64>(), format) {
                (Ok(number), Some(format)) if number.is_finite() => {
                    let (text, kind) = format.number(number, context.is_1904);
                    (Cow::Owned(text), kind)
                }
                _ => (Cow::Borrowed(value), CellKind::Uncertain),
            },
        })
    }
}

fn as_text<'a>(text: Cow<'a, str>, format: Option<&NumberFormat>) -> (Cow<'a, str>, CellKind) {
    match (text, format) {
        (Cow::Borrowed(text), Some(format)) => format.text(text),
        (Cow::Owned(text), Some(format)) => {
            let (shown, kind) = format.text(&text);
            (Cow::Owned(shown.into_owned()), kind)
        }
        (text, None) => (text, CellKind::Text),
    }
}

impl Strings {
    /// The value could be the index of one of these texts, as some programs store it for a formula.
    fn has(&self, value: &str) -> bool {
        let is_number =
            value.bytes().all(|byte| byte.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
        is_number && value.parse().is_ok_and(|index: usize| index < self.ends.len())
    }
}

/// The 0-based row and column of `C12`.
fn position(place: &str) -> Option<(u32, u32)> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, row) = place.split_at(letters);
    // A column has three letters at most.
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let column =
        letters.bytes().fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'@'));
    Some((row.parse::<u32>().ok()?.checked_sub(1)?, column - 1))
}

/// The cells of `A2:B4`, whichever two corners are named.
fn merge(range: &str) -> Option<Merge> {
    let (one, other) = range.split_once(':')?;
    let ((row, column), (other_row, other_column)) = (position(one)?, position(other)?);
    let columns = column.min(other_column) as usize..=column.max(other_column) as usize;
    Some(Merge { rows: row.min(other_row)..=row.max(other_row), columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_cells() {
        assert_eq!(position("A1"), Some((0, 0)));
        assert_eq!(position("c12"), Some((11, 2)));
        assert_eq!(position("XFD1048576"), Some((1_048_575, 16_383)));
        for wrong in ["", "A", "A0", "12", "ABCD1", "A-1", "É1"] {
            assert_eq!(position(wrong), None, "{wrong}");
        }
        let expected = Some(Merge { rows: 1..=3, columns: 16..=17 });
        for corners in ["Q2:R4", "R4:Q2", "R2:Q4"] {
            assert_eq!(merge(corners), expected, "{corners}");
        }
        assert_eq!(merge("Q2"), None);
    }

    #[test]
    fn parts_are_found_from_where_the_workbook_is() {
        let check = |target: &str, expected: &str| assert_eq!(part_of(target), expected);
        check("worksheets/sheet1.xml", "xl/worksheets/sheet1.xml");
        check("/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml");
        check("./sharedStrings.xml", "xl/sharedStrings.xml");
        check("../custom/sheet.xml", "custom/sheet.xml");
    }
}
