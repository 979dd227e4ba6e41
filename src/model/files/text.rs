//! Decodes small text files as editors and shells save them.

use zeroize::Zeroizing;

/// The file is not text in an encoding that is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is neither UTF-8 nor UTF-16 with a byte order mark")]
pub struct NotText;

/// The text of a file in UTF-8, or in UTF-16 with its byte order mark; without the mark. Editors on Windows and PowerShell
/// write both.
///
/// # Errors
/// The file has another encoding, or is damaged.
pub fn text_of(content: &[u8]) -> Result<Zeroizing<String>, NotText> {
    // Never grows, so that no copy of its beginning stays in memory: the text may be a secret.
    let mut text = Zeroizing::new(String::with_capacity(2 * content.len()));
    let unit: fn([u8; 2]) -> u16 = match content {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        [0xEF, 0xBB, 0xBF, utf_8 @ ..] | utf_8 => {
            text.push_str(str::from_utf8(utf_8).map_err(|_| NotText)?);
            // UTF-16 without a mark is valid UTF-8 with zero bytes.
            return if text.contains('\0') { Err(NotText) } else { Ok(text) };
        }
    };
    let (units, rest) = content.as_chunks::<2>();
    for char in char::decode_utf16(units[1..].iter().copied().map(unit)) {
        text.push(char.map_err(|_| NotText)?);
    }
    if rest.is_empty() { Ok(text) } else { Err(NotText) }
}

/// Does a file have `mark`, an ASCII text, in an encoding in which a secret may be saved?
pub fn mentions(content: &[u8], mark: &str) -> bool {
    content.windows(mark.len()).any(|part| part == mark.as_bytes())
        || text_of(content).is_ok_and(|text| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_editors_save_it() {
        let check = |content: &[u8], expected: Option<&str>| {
            let text = text_of(content).ok();
            assert_eq!(text.as_deref().map(String::as_str), expected, "{content:?}");
        };
        let utf_16 = |text: &str, encode: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(encode).collect()
        };
        check(b"a~b\r\n", Some("a~b\r\n"));
        check(b"", Some(""));
        check("\u{FEFF}a~b".as_bytes(), Some("a~b"));
        check(&utf_16("\u{FEFF}a~\u{1F511}", u16::to_le_bytes), Some("a~\u{1F511}"));
        check(&utf_16("\u{FEFF}a~b", u16::to_be_bytes), Some("a~b"));
        check(&utf_16("a~b", u16::to_le_bytes), None);
        check(b"\xFF\xFEa\0b", None);
        check(b"a\xE4", None);
    }
}
