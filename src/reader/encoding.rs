//! What the first bytes of a file say about its encoding.
//!
//! UTF-8 is read, with or without a byte order mark. The rest is recognized so far as it can be, and refused.
//! This is the place for a transcoder: [`Reader::open`](super::Reader::open) asks here before anything else looks
//! at a byte, so a decoder that wraps the input needs no change further on.

use super::error::{Error, Foreign};

pub(super) const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";
const UTF16_BOMS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// How many bytes to skip before the text starts.
pub(super) fn text_start(head: &[u8]) -> Result<usize, Error> {
    if UTF16_BOMS.iter().any(|bom| head.starts_with(bom)) {
        return Err(Error::Foreign(Foreign::Utf16));
    }
    if head.starts_with(ZIP_MAGIC) {
        return Err(Error::Foreign(Foreign::Workbook));
    }
    // UTF-16 without a mark: every other byte of Latin letters is zero, and CSV has no zero bytes.
    if head.iter().take(2).any(|&byte| byte == 0) {
        return Err(Error::Foreign(Foreign::Utf16));
    }
    Ok(if head.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 })
}
