//! Takes the lines of a file that show how it is encoded.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::Encoding;

use super::super::counting::line_breaks;
use super::super::records::RECORD_BYTES_MAX;
use super::languages::{LANGUAGES, Set};

const BUFFER_BYTES: usize = 64 * 1024;

/// How many lines with bytes beyond ASCII are taken. A line with a byte that no other had is always taken.
const LINES_MAX: usize = 120;

/// A longer line is taken in pieces, which end at the end of a cell.
const PIECE_BYTES_MAX: usize = 4 * 1024;

/// What is past this is left out: no such row is read.
const LINE_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;

/// Lines that have bytes beyond ASCII. Every byte value that the file has is in one of them, so encodings of single bytes
/// that read the sample alike read the whole file alike.
pub(super) struct Sample {
    pub(super) lines: Vec<Line>,
    has_byte: [bool; 256],
    known_cells: HashSet<Vec<u8>>,
}

#[derive(Clone)]
pub(super) struct Line {
    /// Its number, counted as elsewhere.
    pub(super) number: u64,
    /// Those with bytes beyond ASCII that no line before has.
    pub(super) cells: Vec<Vec<u8>>,
    /// The languages of its country.
    pub(super) languages: Set,
}

impl Default for Sample {
    fn default() -> Self {
        Self { lines: Vec::new(), has_byte: [false; 256], known_cells: HashSet::new() }
    }
}

impl Sample {
    pub(super) fn of(input: impl Read) -> io::Result<Self> {
        let mut sample = Self::default();
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        let (mut line, mut number, mut after_cr) = (Vec::new(), 1, false);
        loop {
            let chunk = match input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                sample.consider(number, &line);
                return Ok(sample);
            }
            // Whole lines, or all of the chunk.
            let plain = match Encoding::ascii_valid_up_to(chunk) {
                all if all == chunk.len() => all,
                upto => memchr::memrchr2(b'\n', b'\r', &chunk[..upto]).map_or(0, |end| end + 1),
            };
            if plain > 0 && line.is_ascii() {
                let chunk = &chunk[..plain];
                number += line_breaks(chunk, after_cr);
                after_cr = chunk.ends_with(b"\r");
                if let Some(end) = memchr::memrchr2(b'\n', b'\r', chunk) {
                    line.clear();
                    line.extend(&chunk[end + 1..]);
                } else {
                    line.extend(&chunk[..chunk.len().min(LINE_BYTES_MAX.saturating_sub(line.len()))]);
                }
                input.consume(plain);
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', chunk);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if end.is_none() || !line.is_empty() {
                line.extend(&part[..part.len().min(LINE_BYTES_MAX.saturating_sub(line.len()))]);
            }
            if let Some(end) = end {
                let is_continued = after_cr && end == 0 && chunk[end] == b'\n';
                sample.consider(number, if line.is_empty() { part } else { &line });
                number += u64::from(!is_continued);
                line.clear();
                after_cr = chunk[end] == b'\r';
            } else {
                after_cr = false;
            }
            let taken = part.len() + usize::from(end.is_some());
            input.consume(taken);
        }
    }

    pub(super) fn of_line(line: &Line) -> Self {
        Self { lines: vec![line.clone()], ..Self::default() }
    }

    /// A sample of these cells alone.
    pub(super) fn filtered(&self, is_meant: impl Fn(&[u8]) -> bool) -> Self {
        let lines = self.lines.iter().map(|line| {
            let cells = line.cells.iter().filter(|cell| is_meant(cell)).cloned().collect();
            Line { cells, ..line.clone() }
        });
        Self { lines: lines.collect(), ..Self::default() }
    }

    fn consider(&mut self, number: u64, line: &[u8]) {
        if line.is_ascii() {
            return;
        }
        let mut rest = line;
        while !rest.is_empty() {
            let longest = &rest[..rest.len().min(PIECE_BYTES_MAX)];
            let end =
                longest.iter().rposition(|byte| is_delimiter(*byte)).filter(|_| longest.len() < rest.len());
            let (piece, after) = rest.split_at(end.map_or(longest.len(), |end| end + 1));
            rest = after;
            self.take(number, piece);
        }
    }

    fn take(&mut self, number: u64, piece: &[u8]) {
        let mut beyond_ascii = piece.iter().filter(|byte| !byte.is_ascii());
        let is_new = beyond_ascii.any(|byte| !self.has_byte[usize::from(*byte)]);
        if !is_new && self.lines.len() >= LINES_MAX {
            return;
        }
        let new = cells(piece).filter(|cell| !cell.is_ascii() && !self.known_cells.contains(*cell));
        let new: Vec<Vec<u8>> = new.map(<[u8]>::to_vec).collect();
        if !new.is_empty() {
            piece.iter().for_each(|byte| self.has_byte[usize::from(*byte)] = true);
            self.known_cells.extend(new.iter().cloned());
            let languages = cells(piece).map(|cell| LANGUAGES.shown_by(cell)).fold(Set::default(), Set::and);
            self.lines.push(Line { number, cells: new, languages });
        }
    }
}

/// The cells of a line. Quotation marks also end a cell here.
fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A pipe is also the second byte of characters in East Asian encodings.
    let has_others = line.iter().any(|byte| matches!(byte, b',' | b';' | b'\t'));
    line.split(
        move |byte| if has_others { is_delimiter(*byte) && *byte != b'|' } else { is_delimiter(*byte) },
    )
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b'\t' | b'|' | b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &[u8]) -> Vec<u64> {
        Sample::of(text).unwrap().lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn lines_are_numbered_as_elsewhere() {
        assert_eq!(numbers(b"a\n\xE4\n\nb\n\xF6"), [2, 5]);
        assert_eq!(numbers(b"a\r\n\xE4\r\n\r\nb\r\n\xF6"), [2, 5]);
        assert_eq!(numbers(b"a\r\xE4\r\rb\r\xF6"), [2, 5]);
    }

    #[test]
    fn the_size_of_a_read_changes_nothing() {
        let rows: Vec<Vec<u8>> = (0..9000)
            .map(|row| {
                [b"Contoso,Leeds".as_slice(), if row % 1000 == 999 { b",\xE4\r\n" } else { b"\r\n" }].concat()
            })
            .collect();
        let text = rows.concat();
        let expected: Vec<u64> = vec![1000];
        assert_eq!(numbers(&text), expected);
        for from in 0..40 {
            let text = [&b"x".repeat(BUFFER_BYTES - from), &b"\r\n\r\nb,\xE4"[..]].concat();
            assert_eq!(numbers(&text), [3], "{from}");
        }
    }

    #[test]
    fn a_line_with_a_new_byte_is_always_taken() {
        let many: Vec<u8> =
            (0..10 * LINES_MAX).flat_map(|line| [format!("{line}").as_bytes(), b"\xE4\n"].concat()).collect();
        let sample = Sample::of(&[&many[..], b"a\n\xF6\n\xF6\n"].concat()[..]).unwrap();
        assert_eq!(sample.lines.len(), LINES_MAX + 1);
        assert_eq!(sample.lines[LINES_MAX].cells, [b"\xF6"]);
    }

    #[test]
    fn a_cell_is_taken_once() {
        let sample = Sample::of(&b"\xE4,a\nb,\xE4\n\xE4;\xF6,DE"[..]).unwrap();
        let cells: Vec<_> = sample.lines.iter().map(|line| (line.number, line.cells.clone())).collect();
        assert_eq!(cells, [(1, vec![b"\xE4".to_vec()]), (3, vec![b"\xF6".to_vec()])]);
        assert_eq!(sample.lines[1].languages, LANGUAGES.named("de"));
    }

    #[test]
    fn a_long_line_is_taken_in_pieces() {
        let long = [b"\xE4,".repeat(PIECE_BYTES_MAX), b"\xFC\n\xF6".to_vec()].concat();
        let sample = Sample::of(&long[..]).unwrap();
        assert_eq!(numbers(&long), [1, 1, 2]);
        assert_eq!(sample.lines[1].cells, [b"\xFC"]);
        assert_eq!(numbers(&b"\xE4".repeat(PIECE_BYTES_MAX * 3)), [1]);
    }
}
