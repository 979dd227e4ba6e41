//! Makes text from outside safe to print: short, and without terminal control characters.

use std::borrow::Cow;

/// The maximum length of a cell in a problem.
const SHOWN_CHARS_MAX: usize = 80;

/// Soft hyphen, zero-width characters, directional marks (including the Arabic one) and the byte order mark.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A character that is not visible, or that a terminal may interpret.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Escapes text from outside for printing on one line.
pub fn escape_for_terminal(text: &str) -> Cow<'_, str> {
    // Most texts are ASCII, where checking the bytes is faster.
    if text.is_ascii() && !text.bytes().any(|c| c.is_ascii_control()) {
        return Cow::Borrowed(text);
    }
    with(text, is_unseen, escaped)
}

/// Escapes JSON for printing, without changing its value. Inside texts, JSON already escapes the ASCII control
/// characters; outside of texts, they are JSON's own line breaks.
pub fn escape_json_for_terminal(json: &str) -> Cow<'_, str> {
    // All of these characters can be written with four digits.
    with(json, is_unseen_in_lines, |c| format!("\\u{:04x}", u32::from(c)))
}

/// Escapes text of several lines for printing.
pub fn escape_lines_for_terminal(text: &str) -> Cow<'_, str> {
    with(text, is_unseen_in_lines, escaped)
}

fn is_unseen_in_lines(c: char) -> bool {
    is_unseen(c) && c != '\n'
}

/// Replaces some characters of the text.
fn with(text: &str, is_replaced: impl Fn(char) -> bool, words: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_replaced(c) { words(c) } else { c.to_string() }).collect())
}

/// A cell as shown in a problem: short and safe to print.
pub fn truncate_for_display(cell: &[u8]) -> String {
    // Far more bytes than the shown characters need, so that a huge cell is not decoded as a whole.
    let head = &cell[..cell.len().min(SHOWN_CHARS_MAX * 8)];
    let text = String::from_utf8_lossy(head);
    let end = text.char_indices().nth(SHOWN_CHARS_MAX).map_or(text.len(), |(end, _)| end);
    let mut out = escape_for_terminal(&text[..end]).into_owned();
    if head.len() < cell.len() || end < text.len() {
        out.push('…');
    }
    out
}

/// A character as its number, or as its usual short escape.
pub fn escaped(c: char) -> String {
    match c {
        '\n' | '\r' | '\t' => c.escape_default().to_string(),
        _ => c.escape_unicode().to_string(),
    }
}

/// A character in backticks, with its code point if it may look like another one. Letters of the Latin alphabet do not,
/// with or without accents.
pub fn quoted_char(c: char) -> String {
    let shown = c.escape_debug();
    if matches!(c, '\0'..='\u{7F}' | '\u{C0}'..='\u{24F}') || shown.len() > 1 {
        return format!("`{shown}`");
    }
    format!("`{shown}` (U+{:04X})", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_looks_like_another_is_shown_with_its_code_point() {
        for (c, expected) in [
            ('_', "`_`"),
            ('ü', "`ü`"),
            ('\t', "`\\t`"),
            ('а', "`а` (U+0430)"),
            ('’', "`’` (U+2019)"),
            ('–', "`–` (U+2013)"),
            ('日', "`日` (U+65E5)"),
            ('\u{1D41A}', "`\u{1D41A}` (U+1D41A)"),
            ('\u{A0}', r"`\u{a0}`"),
        ] {
            assert_eq!(quoted_char(c), expected);
        }
    }

    #[track_caller]
    fn check_shown(cell: &[u8], expected: &str) {
        assert_eq!(truncate_for_display(cell), expected);
    }

    #[test]
    fn shows_cells_bounded_and_escaped() {
        check_shown(b"plain", "plain");
        check_shown(b"a\nb\x1b[31m", "a\\nb\\u{1b}[31m");
        check_shown("a\u{200B}".as_bytes(), "a\\u{200b}");
        check_shown(b"M\xFCller", "M\u{FFFD}ller");
        check_shown("é".repeat(81).as_bytes(), &format!("{}…", "é".repeat(80)));
        check_shown(&[b'x'; 100_000], &format!("{}…", "x".repeat(80)));
    }
}
