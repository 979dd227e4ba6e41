//! Prevents spreadsheets from running text as formulas when they open a CSV file, with an apostrophe as a mark.
//!
//! Text from the service or from a file's name must not run when the file is opened, so it always gets the mark. The
//! operator's own cells get it only with `--for-excel`, and an import takes the mark away again: [`unmarked`] gives
//! back exactly the cell that [`marked`] was given. Passwords are never changed, because a password with an added
//! apostrophe does not work. A password that begins with `=` therefore looks like a formula to a spreadsheet. That is
//! acceptable: the service generated the password for this one customer, no third party could influence it, and it is
//! only useful byte for byte.

use std::borrow::Cow;

const MARK: u8 = b'\'';

/// A cell with a mark before each part that a spreadsheet would run. A part that already has marks gets one more, so
/// that [`unmarked`] can tell.
///
/// A spreadsheet recognizes a formula by the first character of a cell, including the full-width forms of East Asian
/// keyboards; some skip blanks before it. If the list separator is a semicolon, or if the text is pasted, a text with
/// semicolons or tabs continues in the next cell, with or without quotes.
pub fn marked(cell: &[u8]) -> Cow<'_, [u8]> {
    if !parts(cell).any(|(index, part)| needs_mark(index, part)) {
        return Cow::Borrowed(cell);
    }
    let mut marked = Vec::with_capacity(cell.len() + 1);
    for (index, part) in parts(cell) {
        marked.extend(needs_mark(index, part).then_some(MARK));
        marked.extend_from_slice(part);
    }
    Cow::Owned(marked)
}

/// The cell that [`marked`] was given.
pub fn unmarked(cell: &[u8]) -> Cow<'_, [u8]> {
    let has_mark = |index, part: &[u8]| part.first() == Some(&MARK) && needs_mark(index, part);
    if !parts(cell).any(|(index, part)| has_mark(index, part)) {
        return Cow::Borrowed(cell);
    }
    let mut unmarked = Vec::with_capacity(cell.len());
    for (index, part) in parts(cell) {
        unmarked.extend_from_slice(&part[usize::from(has_mark(index, part))..]);
    }
    Cow::Owned(unmarked)
}

/// What may become a cell of its own, with the separator behind it.
fn parts(cell: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    cell.split_inclusive(|byte| matches!(byte, b';' | b'\t')).enumerate()
}

/// Decides by what follows the marks, so that a mark changes nothing.
fn needs_mark(index: usize, part: &[u8]) -> bool {
    let marks = part.iter().take_while(|byte| **byte == MARK).count();
    let part = &part[marks..];
    let is_blank_first = index == 0 && matches!(part.first(), Some(b'\t' | b'\r' | b'\n'));
    is_blank_first || begins_a_formula(&String::from_utf8_lossy(part))
}

fn begins_a_formula(text: &str) -> bool {
    let is_passed_over =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200B}' | '\u{FEFF}' | '"');
    text.trim_start_matches(is_passed_over).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for (text, expected) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("@SUM(1)", "'@SUM(1)"),
            ("+1", "'+1"),
            ("-2+3", "'-2+3"),
            ("  =1+1", "'  =1+1"),
            ("\t=1+1", "'\t'=1+1"),
            ("\rplain", "'\rplain"),
            ("\n=1", "'\n=1"),
            ("\u{A0}\u{FEFF}=1", "'\u{A0}\u{FEFF}=1"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("\"=1\"", "'\"=1\""),
            ("bad; =cmd|' /C calc'!A0;", "bad;' =cmd|' /C calc'!A0;"),
            ("a\t@b", "a\t'@b"),
            // One mark more tells it from a text that had none.
            ("'=1", "''=1"),
        ] {
            assert_eq!(marked(text.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn what_it_would_not_run_stays_as_it_is() {
        for text in
            ["", "plain", "1+1=2", "a-b", "me@example.com", "e; f", "'s Hof", "été; 5 - 3", " ", "日本"]
        {
            assert_eq!(marked(text.as_bytes()), text.as_bytes());
        }
    }

    #[track_caller]
    fn check_unmarked(cell: &str, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&unmarked(cell.as_bytes())), expected);
    }

    #[test]
    fn only_a_mark_is_taken_away() {
        for text in ["'s Hof", "'", "''", "a'=1", " '=1", "plain"] {
            check_unmarked(text, text);
        }
        check_unmarked("'+49", "+49");
        check_unmarked("''+49", "'+49");
    }

    fn comes_back(cell: &[u8]) -> bool {
        unmarked(&marked(cell)) == cell
    }

    proptest! {
        #[test]
        fn a_cell_comes_back_as_it_went(cell in "['=+@;\t\r\n\" \u{FEFF}＝a]{0,8}") {
            prop_assert!(comes_back(cell.as_bytes()));
        }

        #[test]
        fn bytes_of_any_encoding_come_back_as_they_went(cell: Vec<u8>) {
            prop_assert!(comes_back(&cell));
        }
    }
}
