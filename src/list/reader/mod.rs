//! Reads lists of customers, as CSV or a sheet of a workbook, into rows with their line.
//!
//! Bytes are decoded to UTF-8 (`encoding`, `detect_encoding`, `text`), parsed into records (`records`) and turned into
//! rows. The records of a workbook come from memory (`sheet`); their lines are the row numbers that the spreadsheet
//! shows.
//!
//! This module guarantees:
//!
//! - Memory does not grow with the file or with the size of a cell. A workbook is the exception: its size is bounded.
//! - Every record becomes a [`Row`], if necessary with a [`RowFault`]. Whatever stops the reading is an [`Error`].
//! - The line of a row is the physical line on which its record starts, for every kind of line break, and also when
//!   quoted cells contain line breaks.
//! - Cells are exactly what the operator wrote, untrimmed. Marks that an export has added are taken away.
//!
//! [`validation`](crate::validation) interprets the cells.

mod aliases;
mod assign;
mod block;
mod cell_kind;
mod column_use;
mod counting;
mod detect_encoding;
mod dialect;
mod encoding;
mod error;
mod footer;
mod header;
mod headings;
mod input;
mod not_a_list;
mod preface;
mod quotes;
mod records;
mod row;
mod sheet;
mod stored;
#[cfg(test)]
mod tests;
mod text;
mod workbook;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

use tenantry_model::customer::{Defaults, Field};

pub(crate) use aliases::fold;
pub use aliases::{aliases_of, suggested_field};
pub use assign::has_column;
pub use cell_kind::CellKind;
pub use column_use::{ColumnUse, MappedColumn, SuggestedColumn};
pub use encoding::Encoding;
pub use error::{EncodingUncertain, Error, LineReadings};
pub use header::{Header, LEDGER_COLUMN, MARK_COLUMN, ROW_COLUMN, STATE_COLUMN, SURPLUS_COLUMN, is_ours};
pub use headings::Unused;
pub(crate) use headings::plain;
pub use input::{Input, is_export};
pub use quotes::QuoteFault;
pub use records::RECORD_BYTES_MAX;
pub use row::{CELL_BYTES_MAX, Row, RowFault};
pub use stored::{from_csv, to_csv};
pub use workbook::is_reading_workbook;

use preface::Preface;
use records::{CELLS_MAX, Record, Records};
use sheet::Sheet;
use text::{DecodedText, Rewound};

/// How many lines below the first one may be the header, if the first one is not.
const TITLE_LINES_MAX: usize = 20;

/// A line with so many names of columns is a header.
const HEADER_NAMES_MIN: usize = 3;

/// The settings that the operator gives for the file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Detected if `None`.
    pub delimiter: Option<Given<u8>>,
    /// Detected if `None`.
    pub encoding: Option<Given<Encoding>>,
    /// The first visible sheet of a workbook if `None`.
    pub sheet: Option<Given<String>>,
    /// A workbook with further sheets that have a usable header is refused if no sheet is asked for.
    pub refuses_further_sheets: bool,
    /// The line of the header; the lines above it are skipped. The first line with text if `None`, and in an export,
    /// which has nothing above its header.
    pub header_line: Option<u64>,
    /// `--map "Column header=field"`; overrides the built-in names.
    pub column_map: Vec<(String, Field)>,
    /// Entries of `--map` and `--ignore-column` of an earlier reading. They apply where this file has the column and
    /// nothing is given for it now.
    pub remembered: Remembered,
    /// Take the columns whose headings are in the table of headings.
    pub auto_map: bool,
    /// Columns to leave out, whatever they mean.
    pub ignored_columns: Vec<String>,
    /// A column that is left out and may be a known one is an error.
    pub strict: bool,
    /// Fields that the header may lack, because a default replaces their empty cells.
    pub defaults: Defaults,
}

/// What an earlier reading was given about columns.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    pub column_map: Vec<(String, Field)>,
    pub ignored_columns: Vec<String>,
}

/// What the operator says about the layout of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<T> {
    /// For this command: it applies to every file.
    Typed(T),
    /// In a setting, which describes the operator's own files. It does not apply to a file with `tenantry_` columns,
    /// because an export can come back under the same settings.
    Set(T),
}

impl<T> Given<T> {
    fn for_file(self, is_ours: bool) -> Option<T> {
        match self {
            Given::Typed(value) => Some(value),
            Given::Set(value) => (!is_ours).then_some(value),
        }
    }
}

/// How a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    Text {
        /// The character that separates the cells.
        delimiter: u8,
        encoding: Encoding,
    },
    Sheet {
        name: String,
        /// Other visible sheets with a usable header, which are not read; only if no sheet was asked for.
        further: Vec<String>,
        /// The names of all sheets of the workbook.
        all: Vec<String>,
    },
}

impl Layout {
    /// Other sheets with known columns, which are not read.
    pub fn further_sheets(&self) -> &[String] {
        match self {
            Layout::Text { .. } => &[],
            Layout::Sheet { further, .. } => further,
        }
    }

    /// The name of the sheet.
    pub fn found_sheet(&self) -> Option<&str> {
        match self {
            Layout::Text { .. } => None,
            Layout::Sheet { name, .. } => Some(name),
        }
    }

    /// The names of all sheets of the workbook.
    pub fn sheets(&self) -> &[String] {
        match self {
            Layout::Text { .. } => &[],
            Layout::Sheet { all, .. } => all,
        }
    }

    /// The delimiter of the file, which its copies and exports keep; a sheet has none.
    pub fn found_delimiter(&self) -> Option<u8> {
        match self {
            Layout::Text { delimiter, .. } => Some(*delimiter),
            Layout::Sheet { .. } => None,
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Layout::Text { delimiter: b',', encoding: Encoding::UTF_8 }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (delimiter, encoding) = match self {
            Layout::Text { delimiter, encoding } => (*delimiter, *encoding),
            Layout::Sheet { name, further, .. } => {
                write!(f, "sheet `{name}`")?;
                return if further.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; not read, although they look like lists: `{}`", further.join("`, `"))
                };
            }
        };
        match delimiter {
            b',' => f.write_str("commas"),
            b';' => f.write_str("semicolons"),
            b'\t' => f.write_str("tabs"),
            other => write!(f, "separated by `{}`", char::from(other)),
        }?;
        if encoding == Encoding::UTF_8 { Ok(()) } else { write!(f, ", {encoding}") }
    }
}

/// Reads a file row by row.
pub struct Reader<R> {
    records: RecordSource<R>,
    header: Header,
    /// The index of [`MARK_COLUMN`].
    mark_column: Option<usize>,
    layout: Layout,
    /// A row that can be no footer has been read.
    has_rows: bool,
    /// Rows that have been read ahead, to see whether they are a footer.
    ahead: VecDeque<Row>,
    /// Why nothing more can be read, after the rows ahead.
    end: Option<Result<(), Error>>,
}

/// The source of the records.
enum RecordSource<R> {
    Text(Box<Records<Rewound<DecodedText<R>>>>),
    /// `bytes` is the length of the workbook.
    Sheet {
        sheet: Box<Sheet>,
        bytes: u64,
    },
}

impl<R: Read> RecordSource<R> {
    fn next(&mut self) -> Result<Option<Record<'_>>, records::Error> {
        match self {
            RecordSource::Text(records) => records.next(),
            RecordSource::Sheet { sheet, .. } => Ok(sheet.next()),
        }
    }

    /// The line of the next record, at the earliest.
    fn line(&self) -> u64 {
        match self {
            RecordSource::Text(records) => records.line(),
            RecordSource::Sheet { sheet, .. } => sheet.line(),
        }
    }

    fn bytes_read(&self) -> u64 {
        match self {
            RecordSource::Text(records) => {
                let (_, text) = records.input().get_ref();
                text.bytes_taken(records.bytes_read())
            }
            RecordSource::Sheet { sheet, bytes } => sheet.share_taken(*bytes),
        }
    }
}

impl<R: Read> Reader<R> {
    /// Determines the encoding and the delimiter, and reads the header. Reads ahead only to the end of the first line,
    /// so that it does not wait for more of a pipe.
    pub fn open(mut input: R, options: &Options) -> Result<Self, Error> {
        let beginning = text::read_beginning(&mut input)?;
        if let Some(foreign) = not_a_list::recognize(&beginning) {
            return Err(Error::Foreign(foreign));
        }
        let shown = Encoding::of_beginning(&beginning);
        let beginning = preface::read_beginning(beginning, &mut input)?;
        let told = options.encoding.and_then(|given| given.for_file(preface::is_ours(&beginning)));
        let encoding = shown.or(told).unwrap_or(Encoding::UTF_8);
        let mut text = DecodedText::of(beginning, input, encoding);
        let Preface { head, delimiter: separator, start, is_export } =
            preface::read(&mut text, options.header_line)?;
        // Use only the first line, even if more text has arrived: the result must not depend on how the input arrives.
        let first_line = &head[..dialect::first_line_end(&head).unwrap_or(head.len())];
        let told = options.delimiter.and_then(|given| given.for_file(is_export));
        let delimiter = told.or(separator).unwrap_or_else(|| dialect::detect(first_line));
        let records = Records::new(io::Cursor::new(head).chain(text), delimiter, start);
        Self::of(RecordSource::Text(Box::new(records)), Layout::Text { delimiter, encoding }, options)
    }

    fn of(mut records: RecordSource<R>, layout: Layout, options: &Options) -> Result<Self, Error> {
        let header = read_header(&mut records, options)?;
        if let RecordSource::Text(records) = &mut records {
            records.expect_columns(*header.width().start());
        }
        let mark_column = header.own_column(MARK_COLUMN);
        let ahead = VecDeque::new();
        Ok(Self { records, header, mark_column, layout, has_rows: false, ahead, end: None })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many bytes of the input have been turned into rows; a little more if the input is decoded.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// Reads the next record into `row` and reuses its buffers; returns false at the end. After an error, nothing more
    /// can be read.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        if let Some(mut next) = self.ahead.pop_front() {
            std::mem::swap(row, &mut next);
            return Ok(true);
        }
        if let Some(end) = self.end.take() {
            return end.map(|()| false);
        }
        match self.next_row(row)? {
            None => Ok(false),
            Some(is_after_gap) => {
                if !footer::may_begin(row, &self.header) {
                    self.has_rows = true;
                } else if self.has_rows {
                    self.look_for_footer(row, is_after_gap);
                }
                Ok(true)
            }
        }
    }

    /// Reads the next row that is not blank, and whether blank lines are above it; `None` at the end.
    fn next_row(&mut self, row: &mut Row) -> Result<Option<bool>, Error> {
        let mut is_after_gap = false;
        let error = loop {
            let line = self.records.line();
            match self.records.next() {
                // Excel leaves lines that have only delimiters below a list. They count as blank lines.
                Ok(Some(record)) if record.is_blank() => is_after_gap = true,
                Ok(Some(record)) => {
                    row.fill(&record, &self.header.width());
                    if let Some(index) = self.mark_column {
                        row.unmark(index, &self.header);
                    }
                    if self.header.is_named_by(row) && !self.header.has_columns_of(row) {
                        return Err(Error::OtherHeader { line: row.line() });
                    }
                    return Ok(Some(is_after_gap || row.line() > line));
                }
                Ok(None) => return Ok(None),
                Err(error) => break error,
            }
        };
        Err(stopped(error, self.bytes_read(), Some(&self.header)))
    }

    /// Reads ahead from `first`, which has only one filled cell. If the rest of the file is like it, it is a footer and
    /// becomes one row at fault.
    fn look_for_footer(&mut self, first: &mut Row, is_after_gap: bool) {
        let mut is_certain = is_after_gap || footer::is_usual(first);
        let mut last_line = first.last_line();
        while self.ahead.len() < footer::ROWS_MAX {
            let mut next = Row::default();
            match self.next_row(&mut next) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.end = Some(Ok(()));
                    if is_certain {
                        self.ahead.clear();
                        first.become_footer(last_line);
                    }
                    return;
                }
                Err(error) => {
                    self.end = Some(Err(error));
                    return;
                }
            }
            let may_go_on = footer::may_begin(&next, &self.header);
            is_certain |= footer::is_usual(&next);
            last_line = next.last_line();
            self.ahead.push_back(next);
            if !may_go_on {
                return;
            }
        }
    }
}

/// Parses the header of a file as the ledger stores it. Entries of `--map` and `--ignore-column` for columns that this
/// file does not have are ignored, because they are meant for the header of another file.
pub fn stored_header(stored: &[u8], options: &Options) -> Result<Header, Error> {
    let record = from_csv(stored);
    let names: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let is_there = |wanted: &str| {
        names.iter().any(|name| name.trim() == wanted.trim() || aliases::fold(name) == aliases::fold(wanted))
    };
    let column_map = options.column_map.iter().filter(|(wanted, _)| is_there(wanted)).cloned().collect();
    let ignored_columns = options.ignored_columns.iter().filter(|wanted| is_there(wanted)).cloned().collect();
    Header::new(names, &Options { column_map, ignored_columns, ..options.clone() }, 1)
}

fn read_header<R: Read>(records: &mut RecordSource<R>, options: &Options) -> Result<Header, Error> {
    let record = match records.next() {
        Ok(Some(record)) => record,
        Ok(None) => {
            return Err(options.header_line.map_or(Error::Empty, |line| Error::HeaderBelowEnd { line }));
        }
        Err(error) => return Err(stopped(error, records.bytes_read(), None)),
    };
    let line = record.line;
    if record.is_too_long {
        return Err(Error::HeaderTooLong { line });
    }
    if record.found > CELLS_MAX {
        return Err(Error::HeaderTooWide { line, found: record.found });
    }
    if let Some((index, fault)) = record.quote_fault {
        return Err(Error::HeaderQuotes { line, number: index + 1, fault });
    }
    let names = record.cells().enumerate().map(|(index, cell)| match std::str::from_utf8(cell) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Err(Error::HeaderNotUtf8 { line, number: index + 1 }),
    });
    let known = names_in(&record);
    Header::new(header::unmarked(names.collect::<Result<_, _>>()?), options, line).map_err(
        |error| match error {
            Error::Header { line, faults, found, would_auto_map, .. } => {
                // A row of groups above the header, such as `Address`, has some of its names.
                let least = usize::max(HEADER_NAMES_MIN, 2 * known);
                let header_below = find_header(records, least);
                Error::Header { line, faults, found, would_auto_map, header_below }
            }
            error => error,
        },
    )
}

/// How many cells of a record are names of columns.
fn names_in(record: &Record<'_>) -> usize {
    let names = record.cells().filter_map(|cell| std::str::from_utf8(cell).ok());
    names.filter(|name| headings::is_name(name)).count()
}

/// The line below the first one that has the most names of columns, if it has at least so many.
fn find_header<R: Read>(records: &mut RecordSource<R>, least: usize) -> Option<u64> {
    let mut best: Option<(usize, u64)> = None;
    for _ in 0..TITLE_LINES_MAX {
        let Ok(Some(record)) = records.next() else { break };
        let names = names_in(&record);
        if names >= least && best.is_none_or(|(most, _)| names > most) {
            best = Some((names, record.line));
        }
    }
    best.map(|(_, line)| line)
}

/// Converts an error of the parser into one that names the line and column.
fn stopped(error: records::Error, offset: u64, header: Option<&Header>) -> Error {
    match error {
        records::Error::Read(source) => Error::Read { offset, source },
        records::Error::UnclosedQuote { line, index } => {
            let column = header.and_then(|header| header.columns().get(index));
            Error::UnclosedQuote { line, column: column.map(|column| column.name.clone()) }
        }
        records::Error::SwallowedRows { line, last_line } => Error::SwallowedRows { line, last_line },
    }
}
