//! Reads the text of a small secret file as editors save it.

use zeroize::Zeroizing;

/// The text of a small file as editors and PowerShell save it: UTF-8, or UTF-16 with its mark; without the mark.
pub(crate) fn text_of(content: &[u8]) -> Option<Zeroizing<String>> {
    // Never grows, so that no copy of its beginning stays in memory.
    let mut text = Zeroizing::new(String::with_capacity(2 * content.len()));
    let unit: fn([u8; 2]) -> u16 = match content {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        [0xEF, 0xBB, 0xBF, utf_8 @ ..] | utf_8 => {
            text.push_str(str::from_utf8(utf_8).ok()?);
            // UTF-16 without a mark is valid UTF-8 with zero bytes.
            return Some(text).filter(|text| !text.contains('\0'));
        }
    };
    let (units, rest) = content.as_chunks::<2>();
    for char in char::decode_utf16(units[1..].iter().copied().map(unit)) {
        text.push(char.ok()?);
    }
    Some(text).filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_editors_save_it() {
        let check = |content: &[u8], expected: Option<&str>| {
            assert_eq!(text_of(content).as_deref().map(String::as_str), expected, "{content:?}");
        };
        let utf_16 = |text: &str, encode: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(encode).collect()
        };
        check(b"a~b\r\n", Some("a~b\r\n"));
        check("\u{FEFF}a~b".as_bytes(), Some("a~b"));
        check(&utf_16("\u{FEFF}a~\u{1F511}", u16::to_le_bytes), Some("a~\u{1F511}"));
        check(&utf_16("\u{FEFF}a~b", u16::to_be_bytes), Some("a~b"));
        check(&utf_16("a~b", u16::to_le_bytes), None);
        check(b"\xFF\xFEa\0b", None);
        check(b"a\xE4", None);
    }
}
