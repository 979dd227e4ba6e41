//! How the bytes of an input stand for its text.
//!
//! A byte order mark tells, and so do the zero bytes of UTF-16 without one. The rest is UTF-8 unless it cannot be;
//! only who sees the whole input can tell that, which is left to [`census`](super::census).

use std::fmt;

/// An encoding of text, by the names of the WHATWG standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(pub(super) &'static encoding_rs::Encoding);

impl Encoding {
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    pub const WINDOWS_1252: Self = Self(encoding_rs::WINDOWS_1252);

    /// Is every letter one byte, and every byte a letter?
    pub(super) fn is_single_byte(self) -> bool {
        self.0.is_single_byte()
    }

    /// The encoding that goes by this name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()).map(Self)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What the first bytes say of the encoding. A mark and the zero bytes of UTF-16 go before what the operator told:
    /// neither is part of a text in any other encoding.
    pub(super) fn of_beginning(beginning: &[u8], told: Option<Self>) -> Option<Self> {
        let marked = encoding_rs::Encoding::for_bom(beginning).map(|(encoding, _)| Self(encoding));
        marked.or_else(|| utf_16_without_mark(beginning)).or(told)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Two letters of a header, which are Latin, with the zero byte that UTF-16 puts beside each.
fn utf_16_without_mark(beginning: &[u8]) -> Option<Encoding> {
    match beginning {
        [1..=0xFF, 0, 1..=0xFF, 0, ..] => Some(Encoding(encoding_rs::UTF_16LE)),
        [0, 1..=0xFF, 0, 1..=0xFF, ..] => Some(Encoding(encoding_rs::UTF_16BE)),
        _ => None,
    }
}
