//! The text encoding of an input, as far as its first bytes show it.
//!
//! A byte order mark shows the encoding, and so do the zero bytes of UTF-16 without a mark. Any other input is UTF-8
//! unless it contains invalid UTF-8. Only the whole input shows that, so [`detect_encoding`](super::detect_encoding)
//! checks it.

use std::fmt;

/// A text encoding, named as in the WHATWG standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(pub(super) &'static encoding_rs::Encoding);

impl Encoding {
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    pub const WINDOWS_1252: Self = Self(encoding_rs::WINDOWS_1252);

    /// Is every character one byte, and every byte a character?
    pub(super) fn is_single_byte(self) -> bool {
        self.0.is_single_byte()
    }

    /// The encoding with this name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()).map(Self)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The encoding that the first bytes show, or else `configured`. A mark and the zero bytes of UTF-16 override the
    /// operator's setting, because neither occurs in text of any other encoding.
    pub(super) fn of_beginning(beginning: &[u8], configured: Option<Self>) -> Option<Self> {
        let marked = encoding_rs::Encoding::for_bom(beginning).map(|(encoding, _)| Self(encoding));
        marked.or_else(|| utf_16_without_mark(beginning)).or(configured)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Looks for the first two letters of a header, which are Latin: UTF-16 puts a zero byte next to each.
fn utf_16_without_mark(beginning: &[u8]) -> Option<Encoding> {
    match beginning {
        [1..=0xFF, 0, 1..=0xFF, 0, ..] => Some(Encoding(encoding_rs::UTF_16LE)),
        [0, 1..=0xFF, 0, 1..=0xFF, ..] => Some(Encoding(encoding_rs::UTF_16BE)),
        _ => None,
    }
}
