//! Characters and texts: what is trimmed, what a cell must not contain, and how texts are compared.

use std::borrow::Borrow;
use std::ops::Range;

use tenantry_model::nearest::distance_within;
use tenantry_model::printable::{escaped, is_invisible, quoted_char};
use tenantry_model::problem::{Finding, Rule};

/// Shorter names are too similar to distinguish a typing mistake from another name.
const SLIP_CHARS_MIN: usize = 5;

/// Trims a cell.
///
/// Removes white space of any kind (Excel leaves non-breaking spaces) and the invisible marks that are copied along
/// from mail and web pages. Neither has a meaning at the ends of a value.
#[inline]
pub(crate) fn trim(cell: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if cell.is_empty() || is_plain(cell.as_bytes().first()) && is_plain(cell.as_bytes().last()) {
        return cell;
    }
    cell.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// What a text of UTF-8 is free of, so that it need not be searched for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// [`check_characters`] would find nothing. There is no control byte, and no byte that starts a control or invisible
    /// character beyond ASCII (all of U+0080 to U+00BF, U+0600 to U+063F, U+2000 to U+2FFF and U+F000 to U+FFFF start
    /// with these bytes).
    pub(super) is_plain: bool,
    pub(super) is_ascii: bool,
    /// There is no `?`, and no character that begins an escape: `&`, `<`, `_` and `\\`.
    pub(super) is_unmarked: bool,
}

impl Traits {
    /// Nearly every text has all of them.
    pub(super) const ALL: Self = Self { is_plain: true, is_ascii: true, is_unmarked: true };

    pub(super) fn of(bytes: &[u8]) -> Self {
        let lost = bytes.iter().fold(0, |lost, &byte| lost | LOST[usize::from(byte)]);
        Self { is_plain: lost & PLAIN == 0, is_ascii: lost & ASCII == 0, is_unmarked: lost & UNMARKED == 0 }
    }
}

const PLAIN: u8 = 1;
const ASCII: u8 = 2;
const UNMARKED: u8 = 4;

/// The traits that a text loses by a byte.
const LOST: [u8; 256] = {
    let mut lost = [0; 256];
    let mut byte = 0_u8;
    loop {
        let is_plain = !byte.is_ascii_control() && !matches!(byte, 0xC2 | 0xD8 | 0xE2 | 0xEF);
        let is_marked = matches!(byte, b'?' | b'&' | b'<' | b'_' | b'\\');
        lost[byte as usize] = if is_plain { 0 } else { PLAIN }
            | if byte.is_ascii() { 0 } else { ASCII }
            | if is_marked { UNMARKED } else { 0 };
        if byte == u8::MAX {
            break lost;
        }
        byte += 1;
    }
};

/// A byte that is not part of an unmarked text, or one of a few others.
fn is_marked(byte: u8) -> bool {
    /// All marks but `&` have these bits in common.
    const COMMON: u8 = b'?' & b'<' & b'_' & b'\\';
    (byte & COMMON == COMMON) & byte.is_ascii() | (byte == b'&')
}

/// The places in a text that [`Traits`] are lost at: a bit for each eight bytes, and the last one also for all after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Doubts(u64);

impl Doubts {
    const PLACE_BYTES: usize = 8;
    const PART_BYTES: usize = 8 * Self::PLACE_BYTES;

    pub(super) fn of(bytes: &[u8]) -> Self {
        let (parts, rest) = bytes.as_chunks();
        let mut last = [b' '; Self::PART_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        let mut doubts = 0;
        for (number, part) in parts.iter().chain([&last]).enumerate() {
            let of_part = Self::of_part(part);
            doubts |= match number {
                0..8 => of_part << (8 * number),
                _ => u64::from(of_part != 0) << 63,
            };
        }
        Self(doubts)
    }

    /// A bit for each place.
    fn of_part(part: &[u8; Self::PART_BYTES]) -> u64 {
        // Without a branch that depends on a byte, the compiler looks at many bytes at once.
        let is_doubtful = |byte: u8| !(b' '..0x7F).contains(&byte) | is_marked(byte);
        let found = part.map(|byte| u8::from(is_doubtful(byte)));
        let (places, _) = found.as_chunks();
        places.iter().rev().fold(0, |bits, place| bits << 1 | u64::from(u64::from_ne_bytes(*place) != 0))
    }

    /// Is one of these bytes at such a place?
    #[inline]
    pub(super) fn has_any(self, bytes: &Range<usize>) -> bool {
        let bit = |at: usize| (at / Self::PLACE_BYTES).min(63);
        let (first, last) = (bit(bytes.start), bit(bytes.end.saturating_sub(1)));
        self.0 >> first << first & (u64::MAX >> (63 - last)) != 0
    }
}

/// Looks for characters that no field may contain.
pub(super) fn check_characters(text: &str) -> Option<Finding> {
    if Traits::of(text.as_bytes()).is_plain {
        return None;
    }
    if text.contains(['\n', '\r']) {
        let message = "has a line break; a cell becomes one line of the customer's record";
        return Some(Finding::new(Rule::ControlCharacter, message));
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        let message = format!("has the control character `{}`", escaped(c));
        return Some(Finding::new(Rule::ControlCharacter, message));
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        let message = "has lost a letter: programs write `\u{FFFD}` for a letter that they cannot read";
        return Some(Finding::new(Rule::LostCharacter, message));
    }
    // Joiners are part of the spelling of Persian and Indic words; inside a text they are not reported.
    let c = text.chars().find(|&c| is_invisible(c) && !matches!(c, '\u{200C}' | '\u{200D}'))?;
    let without = text.chars().filter(|&c| !is_invisible(c)).collect();
    let message = format!("has the invisible character `{}`", escaped(c));
    Some(Finding::new(Rule::InvisibleCharacter, message).suggest_value(Some(without)))
}

/// The text with plain characters in place of the dashes, quotes, blanks and wide characters that word processors and
/// East Asian keyboards write; `None` if it has none of them. Codes, numbers and addresses never contain them.
pub(super) fn with_plain_marks(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let plain: String = text.chars().map(plain_mark).collect();
    (plain != text).then_some(plain)
}

/// Suggests plain characters in place of typographic ones.
pub(super) fn check_marks(rule: Rule, text: &str) -> Option<Finding> {
    let plain = with_plain_marks(text)?;
    let message = format!("has {} instead of a plain character", typographic_mark(text));
    Some(Finding::new(rule, message).suggest_value(Some(plain)))
}

/// The first character that [`with_plain_marks`] replaces, for a message.
pub(super) fn typographic_mark(text: &str) -> String {
    text.chars().find(|&c| plain_mark(c) != c).map(quoted_char).unwrap_or_default()
}

fn plain_mark(c: char) -> char {
    /// The distance of the wide forms of the ASCII characters.
    const WIDE: u32 = 0xFF01 - 0x21;
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' | '\u{FE58}' | '\u{FE63}' => '-',
        '\u{B4}' | '\u{2BC}' | '\u{2018}'..='\u{201B}' | '\u{2032}' => '\'',
        '\u{201C}'..='\u{201F}' | '\u{2033}' => '"',
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - WIDE).unwrap_or(c),
        _ => c,
    }
}

/// `Z?rich`, `?ódzka`, `??`: a program writes a question mark for a letter that its encoding does not have. Behind a word
/// it may be a question in the name of a company, `may_end` says; a name of a person or a place never is one.
pub(super) fn lost_letter(text: &str, may_end: bool) -> Option<Finding> {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() || c == '?');
    let is_lost = |(at, _): (usize, &str)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + 1..].chars().next());
        let is_end = !is_letter(after);
        is_letter(after) && before != Some('?')
            || is_letter(before) && is_end && !(may_end && after.is_none())
    };
    (text == "?" || text.match_indices('?').any(is_lost)).then(|| {
        let message = "has lost a letter: programs write `?` for a letter that their encoding does not have";
        Finding::new(Rule::LostCharacter, message)
    })
}

/// The errors of formulas without `!` and `?`, behind `#`, in the languages of Excel.
const BARE_ERRORS: [&str; 11] =
    ["N/A", "NV", "N/D", "N/B", "I/T", "YOK", "Н/Д", "HIÁNYZIK", "NENÍ_K_DISPOZICI", "Δ/Υ", "GETTING_DATA"];

/// `#N/A`, `#REF!`, `#BEZUG!`, `#¿NOMBRE?`, `Err:502`: the errors of formulas.
pub(crate) fn is_spreadsheet_error(text: &str) -> bool {
    if let Some(number) = text.strip_prefix("Err:") {
        return !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let Some(name) = text.strip_prefix('#') else { return false };
    let is_name = |name: &str| {
        let name = name.strip_prefix(['¿', '¡']).unwrap_or(name);
        name.starts_with(char::is_alphabetic)
            && name.chars().all(|c| c.is_uppercase() || matches!(c, '0'..='9' | '/' | '_'))
    };
    BARE_ERRORS.contains(&name) || name.strip_suffix(['!', '?']).is_some_and(is_name)
}

/// Decides for nearly every text.
#[inline]
pub(super) fn may_be_spreadsheet_error(text: &str) -> bool {
    matches!(text.as_bytes(), [b'#' | b'E', ..])
}

/// Finds the error of a formula.
pub(super) fn spreadsheet_error(text: &str) -> Option<Finding> {
    (may_be_spreadsheet_error(text) && is_spreadsheet_error(text))
        .then(|| Finding::new(Rule::SpreadsheetError, "is an error of a spreadsheet, not a value"))
}

/// The value of a known name that differs from the text by one mistake, both folded. `None` if two values are that
/// similar.
pub(super) fn near<'a>(text: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
    let is_near =
        |name: &str| name.chars().count() >= SLIP_CHARS_MIN && distance_within(name, text, 1).is_some();
    let mut near = known.filter(|(name, _)| is_near(name)).map(|(_, meant)| meant);
    let meant = near.next()?;
    near.all(|other| other == meant).then_some(meant)
}

/// The alternatives of a suggestion: `a, b or c`.
pub(super) fn alternatives<S: Borrow<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [only] => only.borrow().to_owned(),
        [first @ .., last] => format!("{} or {}", first.join(", "), last.borrow()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_model::printable::is_unseen;

    #[track_caller]
    fn check_trim(cell: &str, expected: &str) {
        assert_eq!(trim(cell), expected, "{cell:?}");
    }

    #[test]
    fn doubts_are_where_a_trait_is_lost() {
        for (at, doubtful) in ["ü", "?", "&", "<", "_", "\\", "\u{7F}", "\t", "\0"].into_iter().enumerate() {
            for start in (at..700).step_by(7) {
                let text =
                    format!("{}{doubtful}{}", "a,B@.".repeat(140).get(..start).unwrap(), "z 9".repeat(9));
                let doubts = Doubts::of(text.as_bytes());
                let end = start + doubtful.len();
                assert_ne!(Traits::of(doubtful.as_bytes()), Traits::ALL);
                assert!(
                    doubts.has_any(&(start..end)) && doubts.has_any(&(0..text.len())),
                    "{start} {doubtful}"
                );
                assert!(doubts.has_any(&(start.saturating_sub(3)..start + 1)));
                assert!(start < 8 || !doubts.has_any(&(0..start.min(500) - 7)));
                assert!(end > 500 || !doubts.has_any(&(end + 7..text.len().min(500))));
            }
        }
        assert_eq!(Doubts::of("Contoso Ltd., 1 Pine St".repeat(50).as_bytes()), Doubts::default());
    }

    #[test]
    fn trims_what_cannot_be_seen_and_nothing_else() {
        check_trim("Contoso", "Contoso");
        check_trim("  Contoso Ltd \t", "Contoso Ltd");
        check_trim("\u{A0}Contoso\u{A0}Ltd\u{A0}", "Contoso\u{A0}Ltd");
        check_trim("\u{FEFF}Contoso\u{200B}", "Contoso");
        check_trim("\u{202A}+44 20\u{202C}", "+44 20");
        check_trim("\u{3000}日本\u{3000}", "日本");
        check_trim(" \u{200B}\r\n", "");
        check_trim("", "");
    }

    #[track_caller]
    fn check_finding(text: &str, expected: Option<Rule>) {
        assert_eq!(check_characters(text).map(|finding| finding.rule), expected, "{text:?}");
    }

    #[test]
    fn plain_bytes_hide_nothing() {
        for c in ('\0'..=char::MAX).filter(|&c| is_unseen(c)) {
            assert!(!Traits::of(c.to_string().as_bytes()).is_plain, "{c:?}");
        }
    }

    #[test]
    fn finds_characters_that_no_field_can_hold() {
        check_finding("Smith & Sons", None);
        check_finding("日本 Ærø", None);
        check_finding("می\u{200C}خواهم", None);
        check_finding("a\nb", Some(Rule::ControlCharacter));
        check_finding("a\0b", Some(Rule::ControlCharacter));
        check_finding("a\u{85}b", Some(Rule::ControlCharacter));
        check_finding("M\u{FFFD}ller", Some(Rule::LostCharacter));
        check_finding("a\u{200B}b", Some(Rule::InvisibleCharacter));
        check_finding("a\u{202E}b", Some(Rule::InvisibleCharacter));
    }

    #[test]
    fn typographic_marks_become_plain_ones() {
        for (text, plain) in [
            ("00–950", "00-950"),
            ("98101’", "98101'"),
            ("１００－０００５", "100-0005"),
            ("ｈｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "he@example.com"),
            ("+49\u{A0}40", "+49 40"),
            ("de−DE", "de-DE"),
        ] {
            assert_eq!(with_plain_marks(text).as_deref(), Some(plain));
        }
        for text in ["", "98101-1234", "é", "а", "日本"] {
            assert_eq!(with_plain_marks(text), None);
        }
        assert_eq!(typographic_mark("00–950’"), "`–` (U+2013)");
    }

    #[test]
    fn a_question_mark_in_a_word_is_a_lost_letter() {
        for text in [
            "Z?rich",
            "?ódzka",
            "??",
            "????? ???",
            "Prager Stra?e 1",
            "???1-1-1",
            "S?hne AG",
            "Citt? di",
            "A ?? B",
        ] {
            assert!(lost_letter(text, true).is_some(), "{text}");
        }
        for text in ["Gro?", "Citt?"] {
            assert!(lost_letter(text, false).is_some() && lost_letter(text, true).is_none(), "{text}");
        }
        assert!(lost_letter("?", true).is_some());
        for text in ["", "5?", "No. ? 5", "Contoso"] {
            assert!(lost_letter(text, false).is_none(), "{text}");
        }
    }

    #[test]
    fn knows_what_a_formula_gives_that_came_to_nothing() {
        for text in [
            "#N/A",
            "#NV",
            "#REF!",
            "#BEZUG!",
            "#DIV/0!",
            "#NAME?",
            "#SPILL!",
            "#¿NOMBRE?",
            "#¡VALOR!",
            "#¡DIV/0!",
            "#YOK",
            "#Н/Д",
            "Err:502",
        ] {
            assert!(is_spreadsheet_error(text), "{text}");
        }
        for text in ["", "#", "#1!", "#12 High Street", "#hashtag!", "# N/A", "Err:", "Err:x", "N/A"] {
            assert!(!is_spreadsheet_error(text), "{text}");
        }
    }

    #[test]
    fn lists_alternatives() {
        assert_eq!(alternatives::<&str>(&[]), "");
        assert_eq!(alternatives(&["a"]), "a");
        assert_eq!(alternatives(&["a", "b", "c"]), "a, b or c");
    }
}
