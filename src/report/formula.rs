//! Prevents spreadsheets from running text as formulas when they open a CSV file.
//!
//! Text from the service or from a file's name must not run when the file is opened. The operator's own cells are never
//! changed, because they must import again as they are. Passwords are not changed either, because a password with an
//! added apostrophe does not work. A password that begins with `=` therefore looks like a formula to a spreadsheet.
//! That is acceptable: the service generated the password for this one customer, no third party could influence it, and
//! it is only useful byte for byte.

use std::borrow::Cow;

/// Returns the text unchanged if it is harmless; otherwise adds an apostrophe, which makes it text.
///
/// A spreadsheet recognizes a formula by the first character of a cell, including the full-width forms of East Asian
/// keyboards; some skip blanks before it. If the list separator is a semicolon, or if the text is pasted, a text with
/// semicolons or tabs continues in the next cell, with or without quotes.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.split([';', '\t']).any(begins_a_formula) && !text.starts_with(['\t', '\r', '\n']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 1);
    for (index, part) in text.split_inclusive([';', '\t']).enumerate() {
        let is_first_of_blanks = index == 0 && text.starts_with(['\t', '\r', '\n']);
        if is_first_of_blanks || begins_a_formula(part) {
            safe.push('\'');
        }
        safe.push_str(part);
    }
    Cow::Owned(safe)
}

fn begins_a_formula(text: &str) -> bool {
    let is_passed_over =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200B}' | '\u{FEFF}' | '"');
    text.trim_start_matches(is_passed_over).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(harmless(text), expected);
        }
    }

    #[test]
    fn what_it_would_not_run_stays_as_it_is() {
        for text in ["", "plain", "1+1=2", "a-b", "me@example.com", "e; f", "'=1", "été; 5 - 3", " ", "日本"]
        {
            assert_eq!(harmless(text), text);
        }
    }
}
