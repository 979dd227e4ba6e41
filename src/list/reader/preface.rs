//! Reads what is above the header of a text file, and finds where the header starts.
//!
//! Excel and PowerShell write a line of their own there (`sep=;`, `#TYPE …`), and other programs write titles, which
//! `--header-line` skips.

use std::io::{self, Read};

use super::counting::line_breaks;
use super::dialect;
use super::error::Error;

/// How much text is read ahead to detect the delimiter; of a longer header, only the beginning is used.
const HEAD_BYTES: usize = 64 * 1024;

/// The size of one read.
const READ_BYTES: usize = 8 * 1024;

/// Where the records of a file start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) line: u64,
    /// How many bytes of text are above.
    pub(super) bytes: u64,
}

impl Default for Start {
    fn default() -> Self {
        Self { line: 1, bytes: 0 }
    }
}

/// Reads on after the first bytes of an input to the end of the first line of the header.
pub(super) fn read_beginning(mut beginning: Vec<u8>, input: &mut impl Read) -> Result<Vec<u8>, Error> {
    let mut read = [0; READ_BYTES];
    let is_whole = |text: &[u8]| dialect::first_line_end(dialect::from_header_on(text)).is_some();
    while !is_whole(&beginning) && beginning.len() < HEAD_BYTES {
        match input.read(&mut read) {
            Ok(0) => break,
            Ok(length) => beginning.extend_from_slice(&read[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Read { offset: beginning.len() as u64, source }),
        }
    }
    Ok(beginning)
}

/// Does the header in this beginning of an input have a column that Tenantry adds to exports and copies? Their encoding
/// is known, so this is seen before it is.
pub(super) fn is_ours(beginning: &[u8]) -> bool {
    let text = dialect::from_header_on(beginning);
    let first_line = &text[..dialect::first_line_end(text).unwrap_or(text.len())];
    dialect::has_own_column(first_line, dialect::detect(first_line))
}

/// The beginning of a file.
#[derive(Debug)]
pub(super) struct Preface {
    /// The text from the header on, as far as it has been read: the whole first line, unless it is very long.
    pub(super) head: Vec<u8>,
    /// The delimiter that a `sep=` line sets.
    pub(super) delimiter: Option<u8>,
    pub(super) start: Start,
    /// The header has columns that Tenantry adds to exports.
    pub(super) is_export: bool,
}

/// Text that has been read, and where it starts.
struct Ahead<'a, R> {
    input: &'a mut R,
    head: Vec<u8>,
    start: Start,
    is_at_end: bool,
}

/// Reads up to the end of the first line of the header and no further, so that it does not wait for more of a pipe.
pub(super) fn read(input: &mut impl Read, header_line: Option<u64>) -> Result<Preface, Error> {
    let mut ahead = Ahead { input, head: Vec::new(), start: Start::default(), is_at_end: false };
    let mut delimiter = None;
    ahead.fill_line()?;
    while let Some((separator, length)) = dialect::line_of_program(&ahead.head) {
        if ahead.may_go_on_at(length) {
            ahead.fill()?;
            continue;
        }
        delimiter = separator.or(delimiter);
        ahead.skip(length);
        ahead.fill_line()?;
    }
    let first_line = &ahead.head[..dialect::first_line_end(&ahead.head).unwrap_or(ahead.head.len())];
    let is_export =
        dialect::has_own_column(first_line, delimiter.unwrap_or_else(|| dialect::detect(first_line)));
    if let Some(line) = header_line.filter(|line| *line > ahead.start.line && !is_export) {
        ahead.skip_to(line)?;
        ahead.fill_line()?;
    }
    Ok(Preface { head: ahead.head, delimiter, start: ahead.start, is_export })
}

impl<R: Read> Ahead<'_, R> {
    /// Reads until the first non-blank line is complete, including line breaks inside its quotes.
    fn fill_line(&mut self) -> Result<(), Error> {
        while !self.is_at_end && self.head.len() < HEAD_BYTES && dialect::first_line_end(&self.head).is_none()
        {
            self.fill()?;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Error> {
        let mut read = [0; READ_BYTES];
        match self.input.read(&mut read) {
            Ok(0) => self.is_at_end = true,
            Ok(length) => self.head.extend_from_slice(&read[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(Error::Read { offset: self.start.bytes + self.head.len() as u64, source });
            }
        }
        Ok(())
    }

    /// The line break that ends the first `bytes` bytes may have a second half that has not arrived yet.
    fn may_go_on_at(&self, bytes: usize) -> bool {
        !self.is_at_end && self.head.len() == bytes && self.head.ends_with(b"\r")
    }

    /// Leaves out the first bytes, which are whole lines.
    fn skip(&mut self, bytes: usize) {
        self.start.line += line_breaks(&self.head[..bytes], false);
        self.start.bytes += bytes as u64;
        self.head.drain(..bytes);
    }

    /// Leaves out all lines above this one.
    fn skip_to(&mut self, line: u64) -> Result<(), Error> {
        while self.start.line < line {
            let line_break = self.head.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            match line_break {
                Some(index) if self.may_go_on_at(index + 1) => self.fill()?,
                Some(index) => {
                    let is_pair = self.head[index..].starts_with(b"\r\n");
                    self.skip(index + 1 + usize::from(is_pair));
                }
                None if self.is_at_end => return Err(Error::HeaderBelowEnd { line }),
                None => {
                    // Only the end of a long line is needed.
                    let kept = self.head.len();
                    self.start.bytes += kept as u64;
                    self.head.clear();
                    self.fill()?;
                }
            }
        }
        Ok(())
    }
}
