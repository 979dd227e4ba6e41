//! Writes a table as CSV or as a workbook, row by row. Callers do not know which.
//!
//! This is the one place that decides what may be changed in a cell so that a spreadsheet does not run it: see
//! [`Content`].

mod workbook;

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use csv::{Terminator, WriterBuilder};

use crate::formula;
use crate::reader::MARK_COLUMN;
use workbook::WorkbookWriter;

/// The value of [`MARK_COLUMN`] for a row with a marked cell.
const MARKED: &str = "added";

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) format: Format,
    /// CSV with a byte order mark and CRLF, and with marks on cells that a spreadsheet would run.
    pub(crate) for_excel: bool,
    /// The character between the cells of CSV.
    pub(crate) delimiter: u8,
}

impl Style {
    /// CSV with commas, if the file is not the name of a workbook.
    pub(crate) fn of(file: Option<&Path>, for_excel: bool) -> Self {
        Self { format: Format::of(file), for_excel, delimiter: b',' }
    }

    pub(crate) fn with_delimiter(self, delimiter: u8) -> Self {
        Self { delimiter, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Workbook,
}

impl Format {
    /// The format that the name of a file asks for.
    pub(crate) fn of(file: Option<&Path>) -> Self {
        let extension = file.and_then(Path::extension);
        let is_workbook = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("xlsx"));
        if is_workbook { Format::Workbook } else { Format::Csv }
    }
}

/// What a column contains, and so what may be done to its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// The operator's own cells. They are marked only with `--for-excel`, and an import takes the mark away.
    Operator,
    /// Text of Tenantry, which may quote the service. It is always marked where a spreadsheet would run it.
    Tenantry,
    /// Cells that never change: a password, or a column of an earlier export.
    Exact,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Content,
    /// What the column is for, for a workbook.
    pub(crate) note: Option<String>,
    /// The values to choose from, for a workbook. Other values remain possible.
    pub(crate) choices: Vec<&'static str>,
}

impl Column {
    pub(crate) fn new(name: impl Into<Vec<u8>>, content: Content) -> Self {
        Self { name: name.into(), content, note: None, choices: Vec::new() }
    }
}

/// A cell of a table.
#[derive(Debug, Default)]
pub(crate) struct Cell<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    pub(crate) highlight: Option<Highlight>,
}

/// How a workbook shows that there is something to know about a cell.
#[derive(Debug)]
pub(crate) struct Highlight {
    pub(crate) kind: HighlightKind,
    /// Empty for none.
    pub(crate) note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HighlightKind {
    Error,
    Warning,
    Fixed,
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self { text: Cow::Borrowed(text), highlight: None }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Vec<u8>> for Cell<'_> {
    fn from(text: Vec<u8>) -> Self {
        Self { text: Cow::Owned(text), highlight: None }
    }
}

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error(transparent)]
    Csv(#[from] csv::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("a workbook has at most {0} rows")]
    TooManyRows(u32),
    #[error("a workbook has at most {0} columns")]
    TooManyColumns(u16),
    #[error("`{column}` in row {row} has {chars} characters; a cell of a workbook has at most {max}")]
    CellTooLong { column: String, row: u32, chars: usize, max: usize },
    #[error("{0}")]
    Workbook(String),
}

impl TableError {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            TableError::TooManyRows(_) | TableError::TooManyColumns(_) | TableError::CellTooLong { .. } => {
                Some("write CSV, which has no such limit: name a file that ends in .csv")
            }
            TableError::Csv(_) | TableError::Io(_) | TableError::Workbook(_) => None,
        }
    }
}

/// A table that is being written. Keeps one row in memory.
pub(crate) struct Table<W: Write + Send> {
    columns: Vec<Content>,
    writer: Writer<W>,
}

enum Writer<W: Write + Send> {
    Csv(Box<CsvWriter<W>>),
    Workbook(Box<WorkbookWriter<W>>),
}

impl<W: Write + Send> Table<W> {
    /// Starts a table with its header.
    pub(crate) fn begin(out: W, style: Style, columns: Vec<Column>) -> Result<Self, TableError> {
        let contents = columns.iter().map(|column| column.content).collect();
        let writer = match style.format {
            Format::Csv => Writer::Csv(Box::new(CsvWriter::begin(out, style, &columns)?)),
            Format::Workbook => Writer::Workbook(Box::new(WorkbookWriter::begin(out, columns)?)),
        };
        Ok(Self { columns: contents, writer })
    }

    /// Writes a row with a cell for each column.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<(), TableError> {
        let cells = self.columns.iter().zip(cells);
        match &mut self.writer {
            Writer::Csv(csv) => csv.row(cells),
            Writer::Workbook(workbook) => {
                workbook.row(cells.map(|(content, cell)| Cell {
                    text: safe(*content, cell.text),
                    highlight: cell.highlight,
                }))
            }
        }
    }

    /// Passes the rows so far on to the output. A workbook passes on nothing before its end.
    pub(crate) fn flush(&mut self) -> Result<(), TableError> {
        match &mut self.writer {
            Writer::Csv(csv) => Ok(csv.writer.flush()?),
            Writer::Workbook(_) => Ok(()),
        }
    }

    /// Writes what is left. The table is complete only after that.
    pub(crate) fn end(self) -> Result<(), TableError> {
        match self.writer {
            Writer::Csv(csv) => csv.end(),
            Writer::Workbook(workbook) => workbook.end(),
        }
    }
}

/// The cell as it is written; the cells of a workbook need no mark, because they are text by their type.
fn safe(content: Content, cell: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match content {
        Content::Tenantry => with_mark(cell),
        Content::Operator | Content::Exact => cell,
    }
}

fn with_mark(cell: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match formula::marked(&cell) {
        Cow::Owned(marked) => Cow::Owned(marked),
        Cow::Borrowed(_) => cell,
    }
}

struct CsvWriter<W: Write> {
    writer: csv::Writer<W>,
    /// The operator's cells are marked, and the last column says where.
    marks: bool,
}

impl<W: Write> CsvWriter<W> {
    fn begin(mut out: W, style: Style, columns: &[Column]) -> Result<Self, TableError> {
        if style.for_excel {
            out.write_all(b"\xEF\xBB\xBF")?;
        }
        let terminator = if style.for_excel { Terminator::CRLF } else { Terminator::Any(b'\n') };
        let writer = WriterBuilder::new().terminator(terminator).delimiter(style.delimiter).from_writer(out);
        let marks = style.for_excel && columns.iter().any(|column| column.content == Content::Operator);
        let mut csv = Self { writer, marks };
        for column in columns {
            csv.field(column.content, Cow::Borrowed(&column.name))?;
        }
        csv.end_record(MARK_COLUMN)?;
        Ok(csv)
    }

    fn row<'a, 'c>(
        &mut self,
        cells: impl Iterator<Item = (&'c Content, Cell<'a>)>,
    ) -> Result<(), TableError> {
        let mut is_marked = false;
        for (content, cell) in cells {
            is_marked |= self.field(*content, cell.text)?;
        }
        self.end_record(if is_marked { MARKED } else { "" })
    }

    /// Writes a cell; true if it is the operator's and got a mark.
    fn field(&mut self, content: Content, cell: Cow<'_, [u8]>) -> Result<bool, TableError> {
        let is_operators = self.marks && content == Content::Operator;
        let before = cell.len();
        let cell = if is_operators { with_mark(cell) } else { safe(content, cell) };
        self.writer.write_field(&cell)?;
        Ok(is_operators && cell.len() > before)
    }

    fn end_record(&mut self, marks: &str) -> Result<(), TableError> {
        if self.marks {
            self.writer.write_field(marks)?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    fn end(mut self) -> Result<(), TableError> {
        Ok(self.writer.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { format: Format::Csv, for_excel: false, delimiter: b';' };

    #[track_caller]
    fn check(style: Style, rows: &[[&str; 3]], expected: &str) {
        let columns = [("=own", Content::Operator), ("ours", Content::Tenantry), ("exact", Content::Exact)];
        let columns = columns.map(|(name, content)| Column::new(name, content)).to_vec();
        let mut out = Vec::new();
        let mut table = Table::begin(&mut out, style, columns).unwrap();
        for row in rows {
            table.row(row.map(Cell::from)).unwrap();
        }
        table.end().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_mark_stands_only_where_it_may() {
        let rows = [["+1", "+2", "+3"], ["a;b", "", "\"x"]];
        check(PLAIN, &rows, "=own;ours;exact\n+1;'+2;+3\n\"a;b\";;\"\"\"x\"\n");
        let for_excel = Style { for_excel: true, delimiter: b',', ..PLAIN };
        let expected =
            "\u{FEFF}'=own,ours,exact,tenantry_apostrophe\r\n'+1,'+2,+3,added\r\na;b,,\"\"\"x\",\r\n";
        check(for_excel, &rows, expected);
    }

    #[test]
    fn the_name_of_a_file_decides() {
        let check = |name: &str, expected| assert_eq!(Format::of(Some(Path::new(name))), expected, "{name}");
        check("a.xlsx", Format::Workbook);
        check("a.b/a.XLSX", Format::Workbook);
        check("a.csv", Format::Csv);
        check("xlsx", Format::Csv);
        check("/dev/stdout", Format::Csv);
        assert_eq!(Format::of(None), Format::Csv);
    }
}
