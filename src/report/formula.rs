//! Text of others in a CSV file that a spreadsheet will open.
//!
//! What came from the service, or from a file's name, must not run when the file is opened. The operator's own cells
//! are never touched, because they have to import again as they are; neither is a password, because one with a mark in
//! front of it signs nobody in. A password that begins with `=` therefore looks like a formula to a spreadsheet: it was
//! made by the service for this one customer, no third party had a say in it, and byte for byte is what it is good for.

use std::borrow::Cow;

/// The same text where it is harmless, else with an apostrophe that makes text of it.
///
/// A spreadsheet takes a cell for a formula by its first character, also in the full width of East Asian keyboards, and
/// some look behind blanks. Where lists are separated by semicolons, and in those pasted from tabs, a text goes on as
/// the next cell behind each of them, quotes or not.
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
