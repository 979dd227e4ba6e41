//! Parses bytes into records, with bounded buffers and an exact line count.
//!
//! `csv::Reader` has three problems. Its record grows until memory runs out if a quote is never closed. It counts
//! neither a lone CR nor the blank lines before a record. At the end of the input, it does not distinguish an open
//! quote from a closed one. So this module drives `csv_core`, the parser underneath, which leaves all three to its
//! caller. [`Row`](super::Row) and [`Header`](super::Header) interpret the cells.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

use csv_core::ReadRecordResult;

use super::block::{BLOCK_BYTES, positions};
use super::cell_kind::CellKind;
use super::counting::line_breaks;
use super::preface::Start;
use super::quotes::{Finding, QuoteFault, Quotes};

/// The maximum number of columns in a header: ten times the number of fields. A wider file is not a customer list.
pub(super) const HEADER_COLUMNS_MAX: usize = 256;

/// The maximum number of bytes that are kept of a record. A customer needs far less: the longest field has 255
/// characters. A longer record has nearly always lost a quote.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// The maximum number of cells that are kept of a record: four times the widest header. A ragged row is shown as the
/// operator wrote it, unless it is extremely wide.
pub(super) const CELLS_MAX: usize = 1024;

/// The size of one read from the input; large enough that the cost of system calls does not matter.
const INPUT_BUFFER_BYTES: usize = 128 * 1024;

/// The size of the buffer for bytes beyond the limits, which are discarded.
const OVERFLOW_BYTES: usize = 8 * 1024;

/// The parser needs at least one free element for the end of a cell.
const OVERFLOW_CELLS: usize = 64;

#[derive(Debug)]
pub(super) enum Error {
    Read(io::Error),
    /// `line` is the line on which the quote opens, and `index` is the index of its cell.
    UnclosedQuote {
        line: u64,
        index: usize,
    },
    /// The quoted cell from `line` to `last_line` contains rows of the list.
    SwallowedRows {
        line: u64,
        last_line: u64,
    },
}

/// A record in the buffers of [`Records`].
pub(super) struct Record<'a> {
    /// The physical line the record starts on, 1-based.
    pub(super) line: u64,
    pub(super) last_line: u64,
    pub(super) bytes: &'a [u8],
    /// Where each kept cell is in `bytes`.
    pub(super) spans: &'a [Span],
    /// The bytes are those of the file, delimiters and quotes included. So no cell starts or ends inside a character.
    pub(super) is_verbatim: bool,
    /// How many cells the record has; more than `spans` has if the record is over a limit.
    pub(super) found: usize,
    /// The record has more bytes than the limit.
    pub(super) is_too_long: bool,
    /// The kinds of the cells in a workbook. A missing element means text; for text files, the slice is empty.
    pub(super) kinds: &'a [CellKind],
    /// The sheet of a workbook does not show the row.
    pub(super) is_hidden: bool,
    /// The first cell whose quotes leave its value uncertain, by its index.
    pub(super) quote_fault: Option<(usize, QuoteFault)>,
}

/// Where a cell is in the bytes of its record, which has far less than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn of(cell: Range<usize>) -> Self {
        let place = |at| u32::try_from(at).expect("a record has less than 4 GiB");
        Self { start: place(cell.start), end: place(cell.end) }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The spans of cells with nothing between them.
pub(super) fn adjacent(ends: impl IntoIterator<Item = usize>) -> impl Iterator<Item = Span> {
    let mut start = 0;
    ends.into_iter().map(move |end| Span::of(std::mem::replace(&mut start, end)..end))
}

impl Record<'_> {
    /// The kept cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|cell| &self.bytes[cell.range()])
    }

    /// The record has only delimiters and white space, or the marks that DOS writes at the end of a file. A formula
    /// without a result is not nothing, and cells that are not kept may have something.
    pub(super) fn is_blank(&self) -> bool {
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || is_end_mark(byte);
        !self.is_too_long
            && self.found <= CELLS_MAX
            && self.cells().all(|cell| cell.iter().all(is_blank))
            && !self.kinds.contains(&CellKind::NoResult)
    }
}

/// Ctrl-Z, or a zero byte. At the end of a file they are the end of the text.
fn is_end_mark(byte: &u8) -> bool {
    matches!(byte, 0x1A | 0)
}

pub(super) struct Records<R> {
    input: BufReader<R>,
    /// The bytes at the start of the buffer that the last record uses; they have been counted.
    in_use: usize,
    delimiter: u8,
    /// The header has been read.
    is_in_rows: bool,
    /// A CR without a LF has ended a record, as in files of old Macs. Then a LF is far away, or not there at all.
    has_lone_cr: bool,
    parser: csv_core::Reader,
    quotes: Quotes,
    bytes: Box<[u8]>,
    ends: Box<[usize]>,
    /// The cells of the current record.
    spans: Box<[Span]>,
    overflow_bytes: Box<[u8]>,
    overflow_ends: Box<[usize]>,
    /// The line of the next unread byte.
    line: u64,
    /// The last byte was a CR, so a LF now belongs to the same line break.
    after_cr: bool,
    bytes_read: u64,
}

/// How much of the current record has been parsed.
#[derive(Default)]
struct RecordProgress {
    bytes: usize,
    ends: usize,
    found: usize,
    is_too_long: bool,
    has_too_many_cells: bool,
}

/// A record that is one line of the buffer.
struct PlainLine {
    cells: usize,
    /// Without the line break.
    bytes: usize,
    break_bytes: usize,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, delimiter: u8, start: Start) -> Self {
        Self {
            input: BufReader::with_capacity(INPUT_BUFFER_BYTES, input),
            in_use: 0,
            delimiter,
            is_in_rows: false,
            has_lone_cr: false,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            quotes: Quotes::new(delimiter),
            bytes: vec![0; RECORD_BYTES_MAX].into(),
            ends: vec![0; CELLS_MAX].into(),
            spans: vec![Span::default(); CELLS_MAX].into(),
            overflow_bytes: vec![0; OVERFLOW_BYTES].into(),
            overflow_ends: vec![0; OVERFLOW_CELLS].into(),
            line: start.line,
            after_cr: false,
            bytes_read: start.bytes,
        }
    }

    pub(super) fn input(&self) -> &R {
        self.input.get_ref()
    }

    /// How many bytes of the input have been consumed.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The line of the next record, at the earliest.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next record, or `None` at the end. Blank lines are skipped.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        self.input.consume(std::mem::take(&mut self.in_use));
        if !self.skip_line_breaks()? {
            return Ok(None);
        }
        if let Some(line) = self.find_plain_line() {
            return Ok(Some(self.plain_line(line)));
        }
        let line = self.line;
        let mut progress = RecordProgress::default();
        loop {
            let input = self.input.fill_buf().map_err(Error::Read)?;
            let is_at_end = input.is_empty();
            // A line break ends every record except one with an open quote. So at the end of the input, pass the parser
            // a line break: the result shows whether a quote is open.
            let offered = if is_at_end { b"\n" } else { input };
            let is_over = progress.is_too_long || progress.has_too_many_cells;
            let (bytes, ends) = if is_over {
                (&mut self.overflow_bytes[..], &mut self.overflow_ends[..])
            } else {
                (&mut self.bytes[progress.bytes..], &mut self.ends[progress.ends..])
            };
            let (result, taken, written, ended) = self.parser.read_record(offered, bytes, ends);
            let is_record = matches!(result, ReadRecordResult::Record | ReadRecordResult::End);
            let quotes = self.quotes.check(if is_at_end { &[] } else { &offered[..taken] }, is_record);
            if !is_at_end {
                self.consume(taken);
            }
            progress.found += ended;
            if !is_over {
                progress.bytes += written;
                progress.ends += ended;
            }
            match result {
                ReadRecordResult::InputEmpty if is_at_end => return Err(self.unclosed_quote(line, &progress)),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => progress.is_too_long = true,
                ReadRecordResult::OutputEndsFull => progress.has_too_many_cells = true,
                ReadRecordResult::Record | ReadRecordResult::End => {
                    let last_line = self.line - u64::from(!is_at_end);
                    self.has_lone_cr |=
                        self.after_cr && self.input.buffer().first().is_some_and(|next| *next != b'\n');
                    if is_at_end {
                        self.cut_end_marks(&mut progress);
                    }
                    let quote_fault = match quotes {
                        Some(Finding::Swallowed { first, last }) => {
                            return Err(Error::SwallowedRows { line: line + first, last_line: line + last });
                        }
                        Some(Finding::Fault(index, fault)) => Some((index, fault)),
                        None => None,
                    };
                    return Ok(Some(Record { quote_fault, ..self.record(line, last_line, &progress) }));
                }
            }
        }
    }

    /// Looks for the cells of a record that is one line of the buffer, as nearly all are. Its cells are quoted from their
    /// first to their last byte, or have no quote. Such a record needs no parser and no copy. The header is left to the
    /// parser, which takes a byte order mark off the first text it gets.
    fn find_plain_line(&mut self) -> Option<PlainLine> {
        if !self.is_in_rows || self.has_lone_cr {
            return None;
        }
        let buffer = self.input.buffer();
        let marks = [self.delimiter, b'"', b'\n', b'\r'];
        let ends_cell = |byte: &u8| *byte == self.delimiter || matches!(byte, b'\n' | b'\r');
        let (mut cells, mut start, mut is_quoted, mut closed_at) = (0, 0, false, None);
        for block_at in (0..).step_by(BLOCK_BYTES) {
            let rest = buffer.get(block_at as usize..).filter(|rest| !rest.is_empty())?;
            let mut found = positions(rest, marks);
            while found != 0 {
                let at = block_at + found.trailing_zeros();
                found &= found - 1;
                let byte = *buffer.get(at as usize)?;
                match byte {
                    b'"' if is_quoted => {
                        // Not the first half of a quote, and no text behind it.
                        if !buffer.get(at as usize + 1).is_some_and(ends_cell) {
                            return None;
                        }
                        (is_quoted, closed_at) = (false, Some(at));
                    }
                    b'"' if at == start => (is_quoted, start) = (true, at + 1),
                    b'"' => return None,
                    b'\n' | b'\r' if is_quoted => return None,
                    _ if is_quoted => {}
                    _ => {
                        let end = closed_at.take().unwrap_or(at);
                        *self.spans.get_mut(cells)? = Span { start, end };
                        cells += 1;
                        start = at + 1;
                        let break_bytes = match byte {
                            b'\n' => 1,
                            // Alone, a CR ends a record too.
                            b'\r' if buffer.get(start as usize) == Some(&b'\n') => 2,
                            b'\r' => return None,
                            _ => continue,
                        };
                        return Some(PlainLine { cells, bytes: at as usize, break_bytes });
                    }
                }
            }
        }
        None
    }

    /// The record that [`find_plain_line`](Self::find_plain_line) has found.
    fn plain_line(&mut self, found: PlainLine) -> Record<'_> {
        let line = self.line;
        self.in_use = found.bytes + found.break_bytes;
        self.line += 1;
        self.after_cr = false;
        self.bytes_read += self.in_use as u64;
        Record {
            line,
            last_line: line,
            bytes: &self.input.buffer()[..found.bytes],
            spans: &self.spans[..found.cells],
            is_verbatim: true,
            found: found.cells,
            is_too_long: false,
            kinds: &[],
            is_hidden: false,
            quote_fault: None,
        }
    }

    /// Takes the end marks off the last cell of a file.
    fn cut_end_marks(&mut self, progress: &mut RecordProgress) {
        let Some(last) = progress.ends.checked_sub(1) else { return };
        let start = last.checked_sub(1).map_or(0, |before| self.ends[before]);
        let cell = &self.bytes[start..self.ends[last]];
        self.ends[last] = start + cell.iter().rposition(|byte| !is_end_mark(byte)).map_or(0, |kept| kept + 1);
    }

    /// The bytes of the kept cells. A cell that was cut short is left out completely.
    fn kept(&self, progress: &RecordProgress) -> &[u8] {
        &self.bytes[..self.ends[..progress.ends].last().copied().unwrap_or(0)]
    }

    fn record(&mut self, line: u64, last_line: u64, progress: &RecordProgress) -> Record<'_> {
        let spans = adjacent(self.ends[..progress.ends].iter().copied());
        self.spans.iter_mut().zip(spans).for_each(|(place, span)| *place = span);
        Record {
            line,
            last_line,
            bytes: self.kept(progress),
            spans: &self.spans[..progress.ends],
            is_verbatim: false,
            found: progress.found,
            is_too_long: progress.is_too_long,
            kinds: &[],
            is_hidden: false,
            quote_fault: None,
        }
    }

    /// From now on, the records are rows of a list with so many columns.
    pub(super) fn expect_columns(&mut self, columns: usize) {
        self.quotes.expect_columns(columns);
        self.is_in_rows = true;
    }

    /// The quote opened after the line breaks inside the earlier cells. If some of those cells were over the limits,
    /// the error names the first line of the record.
    fn unclosed_quote(&self, line: u64, progress: &RecordProgress) -> Error {
        let breaks =
            if progress.found == progress.ends { line_breaks(self.kept(progress), false) } else { 0 };
        Error::UnclosedQuote { line: line + breaks, index: progress.found }
    }

    /// Moves to the first byte of the next record; false at the end of the input.
    fn skip_line_breaks(&mut self) -> Result<bool, Error> {
        loop {
            let input = self.input.fill_buf().map_err(Error::Read)?;
            if input.is_empty() {
                return Ok(false);
            }
            let length = input.len();
            let breaks = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(length);
            if breaks > 0 {
                self.consume(breaks);
            }
            if breaks < length {
                return Ok(true);
            }
        }
    }

    fn consume(&mut self, bytes: usize) {
        let taken = &self.input.buffer()[..bytes];
        self.line += line_breaks(taken, self.after_cr);
        if let Some(last) = taken.last() {
            self.after_cr = *last == b'\r';
        }
        self.bytes_read += bytes as u64;
        self.input.consume(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text: line, last line, cells and fault.
    fn read(text: &[u8], is_in_rows: bool) -> (Vec<String>, u64) {
        let mut records = Records::new(text, b',', Start::default());
        let mut found = Vec::new();
        loop {
            match records.next() {
                Ok(Some(it)) => {
                    let cells = it.cells().map(<[u8]>::escape_ascii).map(|cell| cell.to_string());
                    let cells: Vec<_> = cells.collect();
                    assert_eq!(it.found, cells.len());
                    found.push(format!("{}-{} {cells:?} {:?}", it.line, it.last_line, it.quote_fault));
                }
                Ok(None) => break,
                Err(error) => {
                    found.push(format!("{error:?}"));
                    break;
                }
            }
            records.is_in_rows = is_in_rows;
        }
        (found, records.bytes_read())
    }

    #[test]
    fn a_plain_line_is_read_as_the_parser_reads_it() {
        // Longer than the buffer.
        let parts = [
            "a", "bc", " ", ",", ",", ",", "\n", "\r\n", "\r", "\"x\"", "\"y, z\"", ",\"\",", "\"\"\"\"",
            "\"y,\n\"", "\0", "\u{FEFF}", "ü",
        ];
        let mut state = 1_u32;
        let mut text = String::new();
        while text.len() < 3 * INPUT_BUFFER_BYTES {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(parts[state as usize / 7 % parts.len()]);
        }
        let (plain, parsed) = (read(text.as_bytes(), true), read(text.as_bytes(), false));
        assert!(plain.0.len() > 1000);
        for (plain, parsed) in plain.0.iter().zip(&parsed.0) {
            assert_eq!(plain, parsed);
        }
        assert_eq!((plain.0.len(), plain.1), (parsed.0.len(), parsed.1));
    }
}
