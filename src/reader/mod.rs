//! CSV bytes to rows with their line.
//!
//! Promises: memory does not grow with the file, nor with a cell of it; every record comes out as a [`Row`], if
//! need be one with a [`RowFault`], and what stops the reading is an [`Error`]; a row's line is the physical line
//! on which its record starts, whatever the line breaks and wherever quoted cells break over lines; cells are the
//! operator's own, untrimmed. What the cells mean is left to [`validation`](crate::validation).

mod aliases;
mod dialect;
mod encoding;
mod error;
mod header;
mod records;
mod row;
mod stored;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use crate::customer::Field;

pub(crate) use error::Error;
pub(crate) use header::Header;
pub(crate) use records::RECORD_BYTES_MAX;
pub(crate) use row::{CELL_BYTES_MAX, Row, RowFault};
pub(crate) use stored::{from_csv, to_csv};

use header::HEADER_COLUMNS_MAX;
use records::Records;

/// How much of the input is read ahead to tell the encoding and the delimiter by; a longer header is told by its
/// beginning.
const HEAD_BYTES: usize = 64 * 1024;

/// What the operator says about the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Detected otherwise.
    pub(crate) delimiter: Option<u8>,
    /// `--map "Column header=field"`; goes before the names we know.
    pub(crate) column_map: Vec<(String, Field)>,
}

/// The input again, with the beginning that was looked at put back in front of it.
type Rewound<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// Reads a file row by row.
pub(crate) struct Reader<R> {
    records: Records<Rewound<R>>,
    header: Header,
    delimiter: u8,
}

impl<R: Read> Reader<R> {
    /// Settles encoding and delimiter, and reads the header. Reads ahead no further than it takes to see a whole
    /// first line, so that a pipe is not waited for.
    pub(crate) fn open(mut input: R, options: &Options) -> Result<Self, Error> {
        let head = read_head(&mut input)?;
        let mut start = encoding::text_start(&head)?;
        // No more than this, though more may have arrived: what a file means must not depend on how it arrives.
        let first_line = &head[start..dialect::first_line_end(&head).unwrap_or(head.len())];
        let separator = dialect::separator_line(&head[start..]);
        let told = options.delimiter.or(separator.map(|(delimiter, _)| delimiter));
        let delimiter = told.unwrap_or_else(|| dialect::detect(first_line));
        if let Some((_, length)) = separator {
            start += length;
        }

        let mut records = Records::new(io::Cursor::new(head).chain(input), delimiter);
        if let Err(error) = records.skip(start) {
            return Err(stopped(error, records.bytes_read(), None));
        }
        let header = read_header(&mut records, options)?;
        Ok(Self { records, header, delimiter })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// How many bytes of the input have been turned into rows.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// Reads the next record into `row`, whose buffers are used again; false at the end. Nothing can be read after
    /// an error.
    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
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
        Err(stopped(error, self.records.bytes_read(), Some(&self.header)))
    }
}

/// The header of a file as the ledger keeps it. What `--map` says of columns that this file has not is left aside: it is
/// meant for the header of another one.
pub(crate) fn stored_header(stored: &[u8], options: &Options) -> Result<Header, Error> {
    let record = from_csv(stored).unwrap_or_default();
    let names: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let is_there = |wanted: &str| {
        names.iter().any(|name| name.trim() == wanted.trim() || aliases::fold(name) == aliases::fold(wanted))
    };
    let column_map: Vec<_> =
        options.column_map.iter().filter(|(wanted, _)| is_there(wanted)).cloned().collect();
    Header::new(names, &column_map, 1)
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

fn read_header<R: Read>(records: &mut Records<R>, options: &Options) -> Result<Header, Error> {
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
    Header::new(names.collect::<Result<_, _>>()?, &options.column_map, line)
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
