//! Lists of customers, CSV or a sheet of a workbook, to rows with their line.
//!
//! Bytes become UTF-8 ([`encoding`]), that becomes records ([`records`]), and those become rows. The records of a
//! workbook come out of memory ([`sheet`]); their lines are the numbers that the spreadsheet shows.
//!
//! Promises: memory does not grow with the file, nor with a cell of it, but for a workbook, whose size is bounded
//! instead; every record comes out as a [`Row`], if need be one with a [`RowFault`], and what stops the reading is an
//! [`Error`]; a row's line is the physical line on which its record starts, whatever the line breaks and wherever
//! quoted cells break over lines; cells are the operator's own, untrimmed. What the cells mean is left to
//! [`validation`](crate::validation).

mod aliases;
mod detect_encoding;
mod dialect;
mod encoding;
mod error;
mod header;
mod input;
mod not_a_list;
mod records;
mod row;
mod sheet;
mod shown;
mod stored;
#[cfg(test)]
mod tests;
mod text;
mod translations;
mod workbook;

use std::fmt;
use std::io::{self, Read};

use tenantry_model::customer::{Defaults, Field};

pub(crate) use aliases::fold;
pub use aliases::{aliases_of, suggested_field};
pub use dialect::is_export;
pub use encoding::Encoding;
pub use error::Error;
pub use header::Header;
pub use input::Input;
pub use records::RECORD_BYTES_MAX;
pub use row::{CELL_BYTES_MAX, Row, RowFault};
pub use stored::{from_csv, to_csv};

use records::{HEADER_COLUMNS_MAX, Record, Records};
use sheet::Sheet;
use text::{DecodedText, Rewound};

/// How much of the text is read ahead to tell the delimiter by; a longer header is told by its beginning.
const HEAD_BYTES: usize = 64 * 1024;

/// What the operator says about the file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Detected otherwise.
    pub delimiter: Option<u8>,
    /// The delimiter is meant for every file, however it was written. Otherwise one that carries columns of ours is read
    /// by what its header shows: an export comes back while the settings are about the operator's own files.
    pub is_delimiter_for_exports: bool,
    /// Detected otherwise.
    pub encoding: Option<Encoding>,
    /// The first one of a workbook otherwise.
    pub sheet: Option<String>,
    /// `--map "Column header=field"`; goes before the names we know.
    pub column_map: Vec<(String, Field)>,
    /// Fields that may be missing from the header, because an empty cell stands for something.
    pub defaults: Defaults,
}

/// How a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    Text {
        /// What separates the cells.
        delimiter: u8,
        encoding: Encoding,
    },
    Sheet {
        name: String,
    },
}

impl Layout {
    /// What separates the cells of a copy: what separates them here, if anything does.
    pub fn delimiter(&self) -> u8 {
        match self {
            Layout::Text { delimiter, .. } => *delimiter,
            Layout::Sheet { .. } => b',',
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
            Layout::Sheet { name } => return write!(f, "sheet `{name}`"),
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
    layout: Layout,
}

/// Where the records come from.
enum RecordSource<R> {
    Text(Box<Records<Rewound<DecodedText<R>>>>),
    /// `bytes` is the length of the workbook.
    Sheet {
        sheet: Sheet,
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
    /// Settles encoding and delimiter, and reads the header. Reads ahead no further than it takes to see a whole
    /// first line, so that a pipe is not waited for.
    pub fn open(input: R, options: &Options) -> Result<Self, Error> {
        let (mut text, encoding) = DecodedText::of(input, options.encoding)?;
        let head = read_head(&mut text)?;
        // No more than this, though more may have arrived: what a file means must not depend on how it arrives.
        let first_line = &head[..dialect::first_line_end(&head).unwrap_or(head.len())];
        let separator = dialect::separator_line(&head);
        let detected = dialect::detect(first_line);
        let is_export = dialect::has_own_column(first_line, detected);
        let told = options.delimiter.filter(|_| options.is_delimiter_for_exports || !is_export);
        let delimiter = told.or(separator.map(|(delimiter, _)| delimiter)).unwrap_or(detected);
        let start = separator.map_or(0, |(_, length)| length);

        let mut records = Records::new(io::Cursor::new(head).chain(text), delimiter);
        if let Err(error) = records.skip(start) {
            return Err(stopped(error, records.bytes_read(), None));
        }
        Self::of(RecordSource::Text(Box::new(records)), Layout::Text { delimiter, encoding }, options)
    }

    fn of(mut records: RecordSource<R>, layout: Layout, options: &Options) -> Result<Self, Error> {
        let header = read_header(&mut records, options)?;
        Ok(Self { records, header, layout })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many bytes of the input have been turned into rows; where it is decoded, a little more.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// Reads the next record into `row`, whose buffers are used again; false at the end. Nothing can be read after
    /// an error.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        let error = loop {
            match self.records.next() {
                // A line of delimiters alone, as Excel leaves below a list, is a blank line.
                Ok(Some(record)) if record.is_blank() => {}
                Ok(Some(record)) => {
                    row.fill(&record, self.header.columns().len());
                    return Ok(true);
                }
                Ok(None) => return Ok(false),
                Err(error) => break error,
            }
        };
        Err(stopped(error, self.bytes_read(), Some(&self.header)))
    }
}

/// The header of a file as the ledger keeps it. What `--map` says of columns that this file has not is left aside: it is
/// meant for the header of another one.
pub fn stored_header(stored: &[u8], options: &Options) -> Result<Header, Error> {
    let record = from_csv(stored);
    let names: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let is_there = |wanted: &str| {
        names.iter().any(|name| name.trim() == wanted.trim() || aliases::fold(name) == aliases::fold(wanted))
    };
    let column_map: Vec<_> =
        options.column_map.iter().filter(|(wanted, _)| is_there(wanted)).cloned().collect();
    Header::new(names, &Options { column_map, ..options.clone() }, 1)
}

/// Reads until the first line that is not blank is whole, with the lines inside its quotes.
fn read_head(input: &mut impl Read) -> Result<Vec<u8>, Error> {
    let mut head = vec![0; HEAD_BYTES];
    let mut length = 0;
    while length < head.len() {
        match input.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Read { offset: length as u64, source }),
        }
        if dialect::first_line_end(&head[..length]).is_some() {
            break;
        }
    }
    head.truncate(length);
    Ok(head)
}

fn read_header<R: Read>(records: &mut RecordSource<R>, options: &Options) -> Result<Header, Error> {
    let record = match records.next() {
        Ok(Some(record)) => record,
        Ok(None) => return Err(Error::Empty),
        Err(error) => return Err(stopped(error, records.bytes_read(), None)),
    };
    let line = record.line;
    if record.is_too_long {
        return Err(Error::HeaderTooLong { line });
    }
    if record.found > HEADER_COLUMNS_MAX {
        return Err(Error::HeaderTooWide { line, found: record.found });
    }
    let cells = row::bounds(record.ends).map(|(start, end)| &record.bytes[start..end]);
    let names = cells.enumerate().map(|(index, cell)| match std::str::from_utf8(cell) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Err(Error::HeaderNotUtf8 { line, number: index + 1 }),
    });
    Header::new(names.collect::<Result<_, _>>()?, options, line)
}

/// Puts into the operator's words what stopped the parser.
fn stopped(error: records::Error, offset: u64, header: Option<&Header>) -> Error {
    match error {
        records::Error::Read(source) => Error::Read { offset, source },
        records::Error::UnclosedQuote { line, index } => {
            let column = header.and_then(|header| header.columns().get(index));
            Error::UnclosedQuote { line, column: column.map(|column| column.name.clone()) }
        }
    }
}
