//! Reads `.ods`: one XML part with all sheets, in which every cell has the text that it shows.
//!
//! Equal cells and equal rows that follow each other are written once, with a count. A small file can name more cells
//! than any memory holds, so counts are only carried out where there is content, and within the limits of a [`Sheet`].

use std::io::{BufRead, Read, Seek};
use std::ops::Range;

use super::number_format;
use super::xml::{Element, Node, Xml};
use super::{Package, ROWS_MAX, SheetName, Wanted, Which, Workbook, WorkbookError};
use crate::reader::cell_kind::CellKind;
use crate::reader::records::{CELLS_MAX, RECORD_BYTES_MAX};
use crate::reader::sheet::{Merge, Sheet};

pub(super) const CONTENT: &str = "content.xml";
const MANIFEST: &str = "META-INF/manifest.xml";

/// Reads the sheet with this name, or the first visible one.
pub(super) fn read<R: Read + Seek>(
    package: &mut Package<R>,
    which: Which<'_>,
) -> Result<Workbook, WorkbookError> {
    if is_encrypted(package)? {
        return Err(WorkbookError::Protected);
    }
    let Which::Named(_) = which else {
        // Known before the sheets that follow: the first visible one is the list.
        let mut has_list = matches!(which, Which::HeaderOfFirst);
        let (sheets, read) = walk(package, |_, sheet| {
            let is_header = !sheet.is_hidden && std::mem::replace(&mut has_list, true);
            (!sheet.is_hidden).then(|| Wanted { name: sheet.name.clone(), is_header, ..Wanted::default() })
        })?;
        super::choose(&sheets, which)?;
        return Workbook::of(read, sheets);
    };
    let (sheets, _) = walk(package, |_, _| None)?;
    let mut wanted = super::choose(&sheets, which)?;
    let (_, read) = walk(package, |index, _| {
        let at = wanted.iter().position(|(wanted, _)| *wanted == index)?;
        Some(wanted.swap_remove(at).1)
    })?;
    Workbook::of(read, sheets)
}

/// Walks from sheet to sheet. Reads those for which `wanted`, which gets the index too, returns something to fill.
fn walk<R: Read + Seek>(
    package: &mut Package<R>,
    mut wanted: impl FnMut(usize, &SheetName) -> Option<Wanted>,
) -> Result<(Vec<SheetName>, Vec<Wanted>), WorkbookError> {
    let mut xml = package.xml(CONTENT)?.ok_or_else(|| WorkbookError::damaged("it has no sheets"))?;
    let (mut sheets, mut read) = (Vec::new(), Vec::new());
    let (mut style, mut hidden_styles) = (String::new(), Vec::new());
    // The depth of the element that has the sheets. Other tables, such as those of earlier versions or of links, are
    // deeper in it.
    let mut spreadsheet = None;
    loop {
        let before = xml.depth();
        let sheet = match xml.next()? {
            Node::Start(element) => match element.name() {
                "table" if spreadsheet == Some(before) => {
                    let is_hidden = hidden_styles.contains(&element.owned("style-name")?);
                    SheetName { name: element.owned("name")?, is_hidden }
                }
                "spreadsheet" if spreadsheet.is_none() => {
                    spreadsheet = Some(before + 1);
                    continue;
                }
                "style" => {
                    style = element.owned("name")?;
                    continue;
                }
                "table-properties" if element.attribute("display")?.as_deref() == Some("false") => {
                    hidden_styles.push(style.clone());
                    continue;
                }
                _ => continue,
            },
            Node::EndOfDocument => return Ok((sheets, read)),
            _ => continue,
        };
        if let Some(mut wanted) = wanted(sheets.len(), &sheet) {
            read_table(&mut xml, &mut wanted)?;
            read.push(wanted);
        }
        sheets.push(sheet);
    }
}

/// The parts of a file that has a password are listed with their key derivation.
fn is_encrypted<R: Read + Seek>(package: &mut Package<R>) -> Result<bool, WorkbookError> {
    let Some(mut xml) = package.xml(MANIFEST)? else { return Ok(false) };
    loop {
        match xml.next()? {
            Node::Start(element) if element.name() == "encryption-data" => return Ok(true),
            Node::EndOfDocument => return Ok(false),
            _ => {}
        }
    }
}

/// Reads a sheet whose start was just read, to its end.
fn read_table(xml: &mut Xml<impl BufRead>, wanted: &mut Wanted) -> Result<(), WorkbookError> {
    let table = xml.depth();
    let mut reader = TableReader::default();
    loop {
        let before = xml.depth();
        match xml.next()? {
            Node::Start(element) => reader.start(&element, before + 1)?,
            Node::Text(text) => reader.text(&text),
            Node::End(_) if before == table => return Ok(()),
            Node::End(_) => {
                if reader.end(before)? && !wanted.is_complete() {
                    reader.row.store(&mut wanted.sheet)?;
                }
            }
            Node::Other | Node::EndOfDocument => {}
        }
    }
}

/// The state of reading one sheet. An element that is being read is known by its depth.
#[derive(Default)]
struct TableReader {
    row: Row,
    row_depth: Option<usize>,
    cell: Cell,
    cell_depth: Option<usize>,
    paragraph_depth: Option<usize>,
    /// Something inside a paragraph that does not belong to its text, such as a comment.
    skipped_depth: Option<usize>,
    /// The groups of rows that are folded in.
    hidden_groups: Vec<usize>,
}

/// The cells of a row.
#[derive(Default)]
struct Row {
    /// The 0-based index.
    index: u32,
    repeated: u32,
    is_hidden: bool,
    text: String,
    cells: Vec<RowCell>,
    /// The column of the next cell.
    column: usize,
    merges: Vec<Merge>,
}

struct RowCell {
    columns: Range<usize>,
    text: Range<usize>,
    kind: CellKind,
}

/// What is known about the current cell.
#[derive(Default)]
struct Cell {
    /// Where its text begins in the text of its row.
    start: usize,
    repeated: usize,
    has_paragraph: bool,
    is_covered: bool,
    has_formula: bool,
    is_error: bool,
    form: Option<Form>,
    /// The value, without its format.
    value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Percent,
    Date,
    Time,
    Boolean,
}

impl TableReader {
    fn start(&mut self, element: &Element<'_>, depth: usize) -> Result<(), WorkbookError> {
        let name = element.name();
        if self.skipped_depth.is_some() {
            return Ok(());
        }
        if self.paragraph_depth.is_some() {
            match name {
                "s" => {
                    let count = element.attribute("c")?.and_then(|count| count.parse().ok()).unwrap_or(1);
                    self.row.write(&" ".repeat(usize::min(count, RECORD_BYTES_MAX)));
                }
                "tab" => self.row.write("\t"),
                "line-break" => self.row.write("\n"),
                "annotation" | "note" | "ruby-text" | "frame" | "custom-shape" => {
                    self.skipped_depth = Some(depth)
                }
                _ => {}
            }
            return Ok(());
        }
        if let Some(cell) = self.cell_depth {
            // Deeper ones belong to comments and drawings.
            if name == "p" && depth == cell + 1 {
                if std::mem::replace(&mut self.cell.has_paragraph, true) {
                    self.row.write("\n");
                }
                self.paragraph_depth = Some(depth);
            }
            return Ok(());
        }
        match name {
            "table-row-group" if element.attribute("display")?.as_deref() == Some("false") => {
                self.hidden_groups.push(depth);
            }
            "table-row" => {
                self.row_depth = Some(depth);
                let repeated = element.attribute("number-rows-repeated")?;
                let visibility = element.attribute("visibility")?;
                let is_hidden = matches!(visibility.as_deref(), Some("collapse" | "filter"));
                self.row.begin(count(repeated.as_deref()), is_hidden || !self.hidden_groups.is_empty());
            }
            "table-cell" | "covered-table-cell" if self.row_depth.is_some() => {
                self.cell_depth = Some(depth);
                self.start_cell(element, name == "covered-table-cell")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start_cell(&mut self, element: &Element<'_>, is_covered: bool) -> Result<(), WorkbookError> {
        self.cell = Cell { start: self.row.text.len(), repeated: 1, is_covered, ..Cell::default() };
        let cell = &mut self.cell;
        let (mut rows, mut columns) = (1, 1);
        element.each_attribute(|name, value| {
            let local = name.split_once(':').map_or(name, |(_, local)| local);
            match local {
                "number-columns-repeated" => cell.repeated = count(Some(&value)) as usize,
                "number-rows-spanned" => rows = count(Some(&value)),
                "number-columns-spanned" => columns = count(Some(&value)) as usize,
                "formula" => cell.has_formula = true,
                // LibreOffice says in an attribute of its own that a text is an error.
                "value-type" if &*value == "error" => cell.is_error = true,
                "value-type" => {
                    cell.form = Some(match &*value {
                        "float" | "currency" => Form::Number,
                        "percentage" => Form::Percent,
                        "date" => Form::Date,
                        "time" => Form::Time,
                        "boolean" => Form::Boolean,
                        _ => Form::Text,
                    });
                }
                "value" | "date-value" | "time-value" | "boolean-value" | "string-value" => {
                    cell.value = Some(value.into_owned());
                }
                _ => {}
            }
            Ok(())
        })?;
        if rows > 1 || columns > 1 {
            let (row, column) = (self.row.index, self.row.column);
            self.row.merges.push(Merge {
                rows: row..=row.saturating_add(rows - 1),
                columns: column..=column.saturating_add(columns - 1),
            });
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.paragraph_depth.is_none() || self.skipped_depth.is_some() {
            return;
        }
        // White space in a row is one blank, and none at the beginning; more of it has elements of its own.
        let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let before = self.row.text[self.cell.start..].bytes().next_back().unwrap_or(b'\n');
        let mut is_after_blank = is_blank(before);
        for piece in text.split_inclusive([' ', '\t', '\r', '\n']) {
            let word = piece.trim_end_matches([' ', '\t', '\r', '\n']);
            self.row.write(word);
            is_after_blank &= word.is_empty();
            if word.len() < piece.len() && !std::mem::replace(&mut is_after_blank, true) {
                self.row.write(" ");
            }
        }
    }

    /// The element at this depth ends. True if it is a row.
    fn end(&mut self, depth: usize) -> Result<bool, WorkbookError> {
        let is_end = |element: &mut Option<usize>| element.take_if(|it| *it == depth).is_some();
        if is_end(&mut self.skipped_depth) || is_end(&mut self.paragraph_depth) {
            return Ok(false);
        }
        if is_end(&mut self.cell_depth) {
            self.cell.finish(&mut self.row);
            return Ok(false);
        }
        self.hidden_groups.retain(|group| *group != depth);
        if !is_end(&mut self.row_depth) {
            return Ok(false);
        }
        if !self.row.cells.is_empty() && self.row.index.saturating_add(self.row.repeated) > ROWS_MAX {
            return Err(WorkbookError::beyond_end());
        }
        Ok(true)
    }
}

impl Row {
    fn begin(&mut self, repeated: u32, is_hidden: bool) {
        self.index = self.index.saturating_add(self.repeated);
        (self.repeated, self.is_hidden, self.column) = (repeated, is_hidden, 0);
        self.text.clear();
        self.cells.clear();
        self.merges.clear();
    }

    /// Of a row that is too long, the beginning is enough.
    fn write(&mut self, text: &str) {
        if self.text.len() <= RECORD_BYTES_MAX {
            self.text.push_str(text);
        }
    }

    fn store(&mut self, sheet: &mut Sheet) -> Result<(), WorkbookError> {
        self.merges.drain(..).for_each(|merge| sheet.merge(merge));
        let repeated = if self.cells.is_empty() { 0 } else { self.repeated };
        for index in self.index..self.index + repeated {
            for cell in &self.cells {
                let text = &self.text[cell.text.clone()];
                // Beyond the limit, only the last column counts, as the width of the row.
                let last = cell.columns.end - 1;
                let kept = cell.columns.start..cell.columns.end.min(CELLS_MAX);
                for column in kept.chain((last >= CELLS_MAX).then_some(last)) {
                    sheet.push(index, column, text, cell.kind)?;
                }
            }
            if self.is_hidden {
                sheet.hide(index);
            }
        }
        Ok(())
    }
}

impl Cell {
    /// Adds the cell to its row.
    fn finish(&mut self, row: &mut Row) {
        let columns = row.column..row.column.saturating_add(self.repeated);
        row.column = columns.end;
        let (shown, kind) = self.shown(&row.text[self.start..]);
        if let Some(shown) = shown {
            row.text.truncate(self.start);
            row.write(&shown);
        }
        let text = self.start..row.text.len();
        if self.is_covered || (text.is_empty() && !kind.is_doubtful()) {
            row.text.truncate(self.start);
        } else {
            row.cells.push(RowCell { columns, text, kind });
        }
    }

    /// What the cell shows, if that is another text than the one of its paragraphs, and its kind.
    fn shown(&self, text: &str) -> (Option<String>, CellKind) {
        let value = self.value.as_deref();
        let instead = || value.filter(|_| !self.has_paragraph).map(str::to_owned);
        let number =
            value.and_then(|value| value.trim().parse::<f64>().ok()).filter(|number| number.is_finite());
        if self.is_error {
            return (None, CellKind::Error);
        }
        // A program that cannot calculate leaves out the result, its type, or both.
        let is_missing = match self.form {
            None => true,
            Some(Form::Text) => value.is_none() && !self.has_paragraph,
            Some(_) => value.is_none(),
        };
        if self.has_formula && is_missing {
            return (None, CellKind::NoResult);
        }
        match (self.form, number) {
            (None | Some(Form::Text), _) => (instead(), CellKind::Text),
            (Some(Form::Date), _) => {
                let day = value.map(|value| value.strip_suffix("T00:00:00").unwrap_or(value).to_owned());
                (day, CellKind::Date)
            }
            (Some(Form::Time), _) => (instead(), CellKind::Time),
            (Some(Form::Percent), _) => (instead(), CellKind::Percent),
            (Some(Form::Boolean), _) => (Some(word(value == Some("true"))), CellKind::Boolean),
            (Some(Form::Number), Some(number)) if is_word(text) && (number == 0.0 || number == 1.0) => {
                (Some(word(number == 1.0)), CellKind::Boolean)
            }
            (Some(Form::Number), Some(number)) if self.has_paragraph => {
                (None, number_format::kind_of(number, text))
            }
            // How the number is shown depends on its format.
            (Some(Form::Number), Some(number)) => (Some(number_format::plain(number)), CellKind::Uncertain),
            (Some(Form::Number), None) => (instead(), CellKind::Uncertain),
        }
    }
}

/// LibreOffice writes a truth value as a number whose text is a word, in any language.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(char::is_alphabetic)
}

fn word(is_true: bool) -> String {
    if is_true { "TRUE" } else { "FALSE" }.to_owned()
}

/// How often something is there; once, unless the attribute says more.
fn count(attribute: Option<&str>) -> u32 {
    let count = attribute.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(1).max(1);
    u32::try_from(count).unwrap_or(u32::MAX)
}
