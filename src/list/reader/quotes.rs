//! Checks the quotes of a record, which the parser accepts in any form: it reads `"a" b"` as `a b"`.
//!
//! A value with a misplaced quote has no certain reading, and a lost quote makes one cell of several rows. The check
//! jumps from quote to quote, so it costs little for a list with few of them.

use memchr::memchr;

use super::counting::{count, line_breaks};

/// What is wrong with the quotes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteFault {
    #[error("has text after its closing quote; in a quoted cell, write a quote as two (`\"\"`)")]
    TextAfter,
    #[error("has a quote after a backslash; in CSV, write a quote in a quoted cell as two (`\"\"`)")]
    Backslash,
    #[error("has a space before its opening quote; remove the space")]
    BlankBefore,
    #[error(
        "has a quote but is not quoted; put the cell in quotes, and write the quote in it as two (`\"\"`)"
    )]
    Unquoted,
}

/// What the quotes of a record show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// The cell with this 0-based index has no certain reading.
    Fault(usize, QuoteFault),
    /// A quoted cell contains what looks like rows. It starts and ends so many lines below the start of the record.
    Swallowed { first: u64, last: u64 },
}

/// What the current unquoted cell has so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Start {
    #[default]
    Empty,
    Blanks,
    /// A `=`: the quote after it belongs to a formula such as `="01067"`, which keeps a spreadsheet from making a number
    /// of a text.
    Equals,
    Formula,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Unquoted,
    Quoted,
    /// Behind a quote in a quoted cell: it closes the cell, or is the first half of a quote.
    AfterQuote,
}

/// The quotes of one record after another.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    delimiter: u8,
    /// Delimiters in a row of the list; `None` while the header is read.
    delimiters: Option<u64>,
    record: Progress,
}

/// How much of the current record has been checked.
#[derive(Debug, Default)]
struct Progress {
    place: Place,
    start: Start,
    cell: usize,
    after_cr: bool,
    /// Line breaks so far, and those before the current quoted cell.
    breaks: u64,
    opened_at: u64,
    /// The last byte in the current quoted cell.
    last: u8,
    /// Delimiters in the current line of the quoted cell, below the first line.
    in_line: u64,
    /// The most delimiters in such a line.
    most_in_line: u64,
    finding: Option<Finding>,
}

impl Quotes {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, ..Self::default() }
    }

    /// From now on, the records are rows of a list with so many columns.
    pub(super) fn expect_columns(&mut self, columns: usize) {
        self.delimiters = columns.checked_sub(1).map(|delimiters| delimiters as u64);
    }

    /// Checks the next bytes of a record. At its end, returns the most important finding and starts again.
    pub(super) fn check(&mut self, bytes: &[u8], is_over: bool) -> Option<Finding> {
        let record = &mut self.record;
        let is_plain = record.place == Place::Unquoted && record.finding.is_none();
        if !(is_over && is_plain && memchr(b'"', bytes).is_none()) {
            self.follow(bytes);
        }
        if !is_over {
            return None;
        }
        self.close();
        std::mem::take(&mut self.record).finding
    }

    fn follow(&mut self, mut rest: &[u8]) {
        while let Some(&next) = rest.first() {
            match self.record.place {
                Place::AfterQuote if next == b'"' => {
                    (self.record.place, self.record.last) = (Place::Quoted, b'"');
                    rest = &rest[1..];
                }
                Place::AfterQuote => {
                    self.close();
                    // Validation reports Ctrl-Z and zero bytes, unless they are the end of the file.
                    if next != self.delimiter && !matches!(next, b'\r' | b'\n' | 0x1A | 0) {
                        let is_escape = self.record.last == b'\\';
                        self.fault(if is_escape { QuoteFault::Backslash } else { QuoteFault::TextAfter });
                    }
                }
                Place::Quoted => {
                    let quote = memchr(b'"', rest);
                    self.quoted(&rest[..quote.unwrap_or(rest.len())]);
                    rest = quote.map_or(&[], |quote| &rest[quote + 1..]);
                    if quote.is_some() {
                        self.record.place = Place::AfterQuote;
                    }
                }
                Place::Unquoted => {
                    let quote = memchr(b'"', rest);
                    self.unquoted(&rest[..quote.unwrap_or(rest.len())]);
                    rest = quote.map_or(&[], |quote| &rest[quote + 1..]);
                    if quote.is_some() {
                        self.quote();
                    }
                }
            }
        }
    }

    /// A quote outside a quoted cell.
    fn quote(&mut self) {
        match self.record.start {
            Start::Empty => {
                let record = &mut self.record;
                record.place = Place::Quoted;
                record.opened_at = record.breaks;
                (record.last, record.in_line, record.most_in_line) = (0, 0, 0);
            }
            Start::Equals => {
                self.record.start = Start::Formula;
                return;
            }
            Start::Formula => {}
            Start::Blanks => self.fault(QuoteFault::BlankBefore),
            Start::Text => self.fault(QuoteFault::Unquoted),
        }
        self.record.start = Start::Text;
    }

    fn unquoted(&mut self, bytes: &[u8]) {
        let record = &mut self.record;
        let tail = match bytes.iter().rposition(|byte| *byte == self.delimiter) {
            Some(last) => {
                record.cell +=
                    usize::try_from(count(&bytes[..=last], |byte| byte == self.delimiter)).unwrap_or(0);
                record.start = Start::Empty;
                &bytes[last + 1..]
            }
            None => bytes,
        };
        let is_blank = tail.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        record.start = match record.start {
            start if tail.is_empty() => start,
            Start::Empty | Start::Blanks if is_blank => Start::Blanks,
            Start::Empty if tail == b"=" => Start::Equals,
            Start::Formula => Start::Formula,
            _ => Start::Text,
        };
    }

    fn quoted(&mut self, bytes: &[u8]) {
        let record = &mut self.record;
        let Some(&last) = bytes.last() else { return };
        for (number, piece) in bytes.split(|byte| matches!(byte, b'\r' | b'\n')).enumerate() {
            if number > 0 {
                record.in_line = 0;
            }
            if number > 0 || record.breaks > record.opened_at {
                record.in_line += count(piece, |byte| byte == self.delimiter);
                record.most_in_line = record.most_in_line.max(record.in_line);
            }
        }
        record.breaks += line_breaks(bytes, record.after_cr);
        record.after_cr = last == b'\r';
        record.last = last;
    }

    /// Ends a quoted cell. A line in it with as many delimiters as a row of the list is a row that a lost quote hides.
    fn close(&mut self) {
        let record = &mut self.record;
        if record.place != Place::Unquoted
            && self.delimiters.is_some_and(|row| row >= 2 && record.most_in_line >= row)
        {
            record.finding = Some(Finding::Swallowed { first: record.opened_at, last: record.breaks });
        }
        record.place = Place::Unquoted;
    }

    /// The first fault of a record is kept. In a cell that contains parts of other rows, it means lost rows.
    fn fault(&mut self, fault: QuoteFault) {
        let record = &mut self.record;
        let closes = matches!(fault, QuoteFault::TextAfter | QuoteFault::Backslash);
        let is_of_rows = closes && self.delimiters.is_some() && record.most_in_line > 0;
        if is_of_rows && !matches!(record.finding, Some(Finding::Swallowed { .. })) {
            record.finding = Some(Finding::Swallowed { first: record.opened_at, last: record.breaks });
        }
        record.finding = record.finding.or(Some(Finding::Fault(record.cell, fault)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and cut at every byte.
    fn check(record: &str, expected: Option<Finding>) {
        for cut in 0..=record.len() {
            let mut quotes = Quotes::new(b',');
            quotes.expect_columns(4);
            let (head, tail) = record.as_bytes().split_at(cut);
            assert_eq!(quotes.check(head, false), None, "{record:?} cut at {cut}");
            assert_eq!(quotes.check(tail, true), expected, "{record:?} cut at {cut}");
            assert_eq!(quotes.check(b"a,b,c,d\n", true), None, "after {record:?}");
        }
    }

    #[test]
    fn quotes_where_they_belong() {
        for record in [
            "a,b,c,d\n",
            "\"a\",\"b, c\",\"\",\"d\"\r\n",
            "\"say \"\"yes\"\"\",\"\"\"\",b,\"\"\"c\"\"\"\n",
            "a,\"Suite 5,\nHarbor Street 12, Hamburg\",c,d\n",
            "\"two\r\n\r\nbreaks\",b,c,d",
            "=\"01067\",b,=\"+49 40 5550142\",=\"\"\n",
        ] {
            check(record, None);
        }
    }

    #[test]
    fn quotes_that_make_a_value_uncertain() {
        let fault = |cell, fault| Some(Finding::Fault(cell, fault));
        check("\"Harbor \"West\" GmbH\",b,c,d\n", fault(0, QuoteFault::TextAfter));
        check("a,\"b\" ,c,d\n", fault(1, QuoteFault::TextAfter));
        check("a,b,\"\"c\"\",d\n", fault(2, QuoteFault::TextAfter));
        check("a,\"say \\\"yes\\\"\",c,d\n", fault(1, QuoteFault::Backslash));
        check("a, \"b\",c,\"d\"x\n", fault(1, QuoteFault::BlankBefore));
        check("a,b,19\" rack,d\n", fault(2, QuoteFault::Unquoted));
        check("a,\"two\nlines\" b,c,d\n", fault(1, QuoteFault::TextAfter));
    }

    #[test]
    fn rows_in_a_quoted_cell() {
        let swallowed = |first, last| Some(Finding::Swallowed { first, last });
        check("a,b,c,\"d\na,b,c,\"d\n", swallowed(0, 1));
        check("\"a,b,c,d\na,b,c,d\r\na\",b,c,d\n", swallowed(0, 2));
        check("\"x\ny\",\"b,c,d\na,\"b,c\n", swallowed(1, 2));
    }
}
