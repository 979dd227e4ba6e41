//! Fuzzes files and their rows.
//!
//! Each function accepts any bytes and panics if an invariant is broken. The tests of `src/list` also run them, on all
//! saved inputs and on random ones.
//!
//! The first line of an input has the options, for example `delimiter=semicolon pieces=3`; the file follows.

use std::fmt::Debug;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::LazyLock;

use tenantry_list::reader::{
    CELL_BYTES_MAX, Encoding, Error, Given, Options, RECORD_BYTES_MAX, Reader, Row, RowFault, from_csv,
    to_csv,
};
use tenantry_list::validation::{Settings, Validation, Validator};
use tenantry_model::printable::is_unseen;
use tenantry_model::problem::{Severity, Strictness};

use super::input::steered;

/// How many cells of a record are kept.
const CELLS_MAX: usize = 1024;

/// Separates the cells of a stored record in an input; UTF-8 never contains this byte.
pub(super) const BETWEEN_CELLS: u8 = 0xFF;

/// Reading a file in pieces gives the same result as reading it at once, with correct lines, cells and sizes. The cells
/// are those that the parser of `csv` finds.
pub fn reader(input: &[u8]) {
    let (words, file) = steered(input);
    let (options, pieces) = options(&words);
    let at_once = read_all(Pieces::of(file, file.len()), &options);
    let in_pieces = read_all(Pieces::of(file, pieces), &options);
    assert_eq!(at_once, in_pieces, "what is read depends on how it arrives");
    let is_plain = file.is_ascii() && !file.iter().any(|byte| matches!(byte, 0 | 0x1A | b'#' | b'='));
    if let (true, None, Ok(reader)) = (is_plain, options.header_line, Reader::open(file, &options)) {
        check_cells(file, reader.layout().found_delimiter().unwrap_or(b','), &at_once.0);
    }
}

/// Compares the rows of a file, which begins with its header, with the records that another parser finds.
fn check_cells(file: &[u8], delimiter: u8, rows: &[ReadRow]) {
    let mut builder = csv::ReaderBuilder::new();
    let records =
        builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(file).into_byte_records();
    // Of a wider record, the reader does not keep all cells, and takes it for filled.
    let is_wide = |record: &csv::ByteRecord| record.len() > CELLS_MAX;
    let is_filled =
        |record: &csv::ByteRecord| is_wide(record) || record.iter().any(|cell| !cell.trim_ascii().is_empty());
    let below_header = records.flatten().filter(is_filled).skip(1);
    let is_whole = |row: &&ReadRow| matches!(row.3, None | Some(RowFault::Ragged { .. }));
    for ((line, _, cells, _), record) in rows.iter().take_while(is_whole).zip(below_header) {
        let has_marks = cells.iter().any(|cell| cell.starts_with(b"'"));
        assert!(
            has_marks || cells.iter().eq(record.iter().take(cells.len())),
            "line {line}: {cells:?} {record:?}"
        );
    }
}

/// The result of reading, in a form that can be compared.
pub(super) type WhatWasRead = (Vec<ReadRow>, Option<String>);

/// The first and the last line of a row, its cells, and its fault.
type ReadRow = (u64, u64, Vec<Vec<u8>>, Option<RowFault>);

fn read_all(file: Pieces<'_>, options: &Options) -> WhatWasRead {
    let length = file.all.len() as u64;
    match Reader::open(file, options) {
        Ok(reader) => read_rows(reader, length),
        Err(error) => (Vec::new(), Some(in_words(&error))),
    }
}

pub(super) fn read_rows(mut reader: Reader<impl Read>, length: u64) -> WhatWasRead {
    let mut rows = Vec::new();
    let (mut row, mut line) = (Row::default(), 0);
    loop {
        match reader.read(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return (rows, Some(in_words(&error))),
        }
        assert!(row.line() > line, "a row starts below the one before it");
        assert!(row.last_line() >= row.line());
        line = row.last_line().max(row.line());
        check_row(&row, *reader.header().width().start());
        let cells = row.cells().map(<[u8]>::to_owned).collect();
        rows.push((row.line(), row.last_line(), cells, row.fault()));
    }
    assert_eq!(reader.bytes_read(), length, "a file that was read to its end was read whole");
    (rows, None)
}

pub(super) fn in_words(error: &Error) -> String {
    format!("{error} {:?}", error.hint())
}

fn check_row(row: &Row, columns: usize) {
    let bytes: usize = row.cells().map(<[u8]>::len).sum();
    assert!(bytes <= RECORD_BYTES_MAX);
    if row.fault().is_none() {
        assert!(row.cells().len() >= columns);
        assert!(row.cells().all(|cell| cell.len() <= CELL_BYTES_MAX));
        assert!((0..columns).all(|index| row.text(index).is_some()));
    }
    assert!(from_csv(&to_csv(row.cells())).iter().eq(row.cells()), "the ledger keeps it");
}

/// One that takes what it can, and a strict one.
static VALIDATORS: LazyLock<(Validator, Validator)> = LazyLock::new(|| {
    let strictness = Strictness { strict: true, warn: Vec::new() };
    let strict = Settings { strictness, takes_agreements: false, ..Settings::default() };
    (Validator::new(Settings::default()), Validator::new(strict))
});

/// Every row of a file has a consistent validation, whatever its cells contain.
pub fn rows(input: &[u8]) {
    let (words, file) = steered(input);
    let (options, _) = options(&words);
    let Ok(mut reader) = Reader::open(file, &options) else { return };
    let header = reader.header().clone();
    let (lenient, strict) = &*VALIDATORS;
    let mut row = Row::default();
    while reader.read(&mut row).unwrap_or(false) {
        let validation = lenient.validate(&header, &row);
        check_validation(&validation, &row);
        let again = lenient.validate(&header, &row);
        assert_eq!(all(&validation), all(&again), "the same row, the same validation");
        let strictly = strict.validate(&header, &row);
        check_validation(&strictly, &row);
        assert!(!strictly.is_good() || validation.is_good(), "strict is stricter");
    }
}

fn all<'a>(validation: &'a Validation<'_>) -> impl PartialEq + Debug + use<'a> {
    let customers = (validation.customer(), validation.beside_agreement());
    (validation.domain.as_ref(), customers, &validation.problems, validation.content_hash())
}

fn check_validation(validation: &Validation<'_>, row: &Row) {
    let is_rejected = validation.problems.iter().any(|problem| problem.severity == Severity::Error);
    let customer = validation.customer();
    assert_eq!(customer.is_none(), is_rejected, "{:?}", validation.problems);
    assert_eq!(validation.is_good(), !is_rejected);
    assert!(validation.beside_agreement().is_none() || is_rejected);
    if let Some(customer) = &customer {
        assert_eq!(Some(&customer.domain), validation.domain.as_ref());
    }
    for problem in &validation.problems {
        assert_eq!(problem.line, row.line());
        assert!(!problem.value.contains(is_unseen), "{problem:?}");
        assert!(!problem.message.contains(|c: char| c.is_control()), "{problem:?}");
    }
}

/// A record in the ledger is read as it was written; arbitrary bytes do no harm.
pub fn stored(input: &[u8]) {
    let cells: Vec<&[u8]> = input.split(|&byte| byte == BETWEEN_CELLS).collect();
    let record = from_csv(&to_csv(&cells));
    assert!(record.iter().eq(cells), "{record:?}");
    // Every stored record has at least one cell.
    let record = from_csv(input);
    if !record.is_empty() {
        assert_eq!(from_csv(&to_csv(&record)), record);
    }
}

/// The options of an input, and the size of the pieces in which its file arrives.
pub(super) fn options(words: &[&str]) -> (Options, usize) {
    let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let delimiter = value("delimiter").and_then(|name| match name {
        "comma" => Some(b','),
        "semicolon" => Some(b';'),
        "tab" => Some(b'\t'),
        "pipe" => Some(b'|'),
        _ => None,
    });
    let delimiter = delimiter.map(Given::Typed);
    let encoding = value("encoding").and_then(Encoding::named).map(Given::Typed);
    let pieces = value("pieces").and_then(|value| value.parse().ok()).unwrap_or(1);
    let header_line = value("header-line").and_then(|line| line.parse().ok());
    let auto_map = words.contains(&"auto-map");
    (Options { delimiter, encoding, header_line, auto_map, ..Options::default() }, pieces)
}

/// A file that arrives in pieces, as through a pipe.
pub(super) struct Pieces<'a> {
    all: &'a [u8],
    at: usize,
    size: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(all: &'a [u8], size: usize) -> Self {
        Self { all, at: 0, size: size.max(1) }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.all.get(self.at..).unwrap_or_default();
        let size = self.size.min(rest.len()).min(buffer.len());
        buffer[..size].copy_from_slice(&rest[..size]);
        self.at += size;
        Ok(size)
    }
}

impl Seek for Pieces<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut cursor = io::Cursor::new(self.all);
        cursor.set_position(self.at as u64);
        cursor.seek(to)?;
        self.at = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        Ok(cursor.position())
    }
}
