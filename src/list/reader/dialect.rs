//! Detects the delimiter from the first lines of the file.

use super::header::{ROW_COLUMN, is_ours};
use super::headings;

/// The delimiters in use, most likely first: the first one is used if the header has a single column.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A line that a program writes above the header, with the delimiter that it sets and its length with the line break:
/// `sep=;` for Excel, also in quotes, and the type of the objects that PowerShell writes (`#TYPE …`).
pub(super) fn line_of_program(text: &[u8]) -> Option<(Option<u8>, usize)> {
    let length = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    let (line, rest) = text.split_at(length);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let delimiter = match line {
        &[b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter]
            if delimiter == b'\t' || delimiter.is_ascii_punctuation() && delimiter != b'"' =>
        {
            Some(delimiter)
        }
        [b'#', b'T', b'Y', b'P', b'E', b' ', ..] => None,
        _ => return None,
    };
    let line_break = match rest {
        [b'\r', b'\n', ..] => 2,
        [] => 0,
        _ => 1,
    };
    Some((delimiter, length + line_break))
}

/// Where the first non-blank line ends; `None` if its end has not arrived yet. A line break between quotes does not end
/// a line, whatever the delimiter next to the quotes is.
pub(super) fn first_line_end(head: &[u8]) -> Option<usize> {
    let text = head.trim_ascii_start();
    let mut is_quoted = false;
    let length = text.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted && matches!(byte, b'\r' | b'\n')
    })?;
    Some(head.len() - text.len() + length)
}

/// The delimiter that gives the header the most known columns and then the most columns.
pub(super) fn detect(text: &[u8]) -> u8 {
    // All that the text does not have read it alike, so the likeliest of them stands for them.
    let is_there = |delimiter: &u8| text.contains(delimiter);
    let absent = DELIMITERS.into_iter().find(|delimiter| !is_there(delimiter));
    let candidates =
        DELIMITERS.into_iter().filter(|delimiter| is_there(delimiter) || Some(*delimiter) == absent);
    // `max_by_key` returns the last of equal elements.
    let likeliest_last = candidates.rev();
    likeliest_last.max_by_key(|&delimiter| score(text, delimiter)).unwrap_or(DELIMITERS[0])
}

/// Does the header have a column that Tenantry adds to exports and copies?
pub(super) fn has_own_column(text: &[u8], delimiter: u8) -> bool {
    let header = header(text, delimiter).unwrap_or_default();
    header.iter().filter_map(|cell| std::str::from_utf8(cell).ok()).any(is_ours)
}

/// The text from the header on, without what a program wrote above it.
pub(super) fn from_header_on(text: &[u8]) -> &[u8] {
    let mut text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    while let Some((_, length)) = line_of_program(text) {
        text = &text[length..];
    }
    text
}

/// Is this the beginning of a file that `tenantry export` wrote? Decided by the header.
pub(super) fn is_export_text(text: &[u8]) -> bool {
    let text = from_header_on(text);
    let first_line = &text[..first_line_end(text).unwrap_or(text.len())];
    let header = header(first_line, detect(first_line)).unwrap_or_default();
    is_export_header(header.iter())
}

/// Is this the header of a file that `tenantry export` wrote?
pub(super) fn is_export_header<'a>(mut names: impl Iterator<Item = &'a [u8]>) -> bool {
    names.any(|name| name.trim_ascii().eq_ignore_ascii_case(ROW_COLUMN.as_bytes()))
}

fn header(text: &[u8], delimiter: u8) -> Option<csv::ByteRecord> {
    let mut header = csv::ByteRecord::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text);
    matches!(reader.read_byte_record(&mut header), Ok(true)).then_some(header)
}

fn score(text: &[u8], delimiter: u8) -> (usize, usize) {
    let Some(header) = header(text, delimiter) else { return (0, 0) };
    let names = header.iter().filter_map(|cell| std::str::from_utf8(cell).ok());
    let known = names.filter(|name| headings::is_name(name)).count();
    (known, header.len())
}
