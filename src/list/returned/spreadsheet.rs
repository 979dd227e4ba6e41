//! Distinguishes what only a spreadsheet does to a cell from what people do.

use super::number::Rewritten;
use super::{date, letters, number};
use crate::validation::{is_spreadsheet_error, trim};

/// What a spreadsheet has done to a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpreadsheetChange {
    LeadingZeros,
    Plus,
    Exponent,
    Digits,
    Percent,
    Number,
    Date,
    Time,
    TruthValue,
    Formula,
    Letters,
    Encoding,
    Quotes,
}

impl SpreadsheetChange {
    /// A sentence without its full stop.
    pub(super) const fn describe(self) -> &'static str {
        match self {
            SpreadsheetChange::LeadingZeros => "a spreadsheet removed the leading zeros",
            SpreadsheetChange::Plus => "a spreadsheet removed the `+`",
            SpreadsheetChange::Exponent => "a spreadsheet wrote it as a number with an exponent",
            SpreadsheetChange::Digits => "a spreadsheet dropped digits of a long number",
            SpreadsheetChange::Percent => "a spreadsheet read it as a percentage",
            SpreadsheetChange::Number => "a spreadsheet read it as a number",
            SpreadsheetChange::Date => "a spreadsheet read it as a date",
            SpreadsheetChange::Time => "a spreadsheet read it as a time",
            SpreadsheetChange::TruthValue => "a spreadsheet read it as true or false",
            SpreadsheetChange::Formula => "a spreadsheet ran it as a formula",
            SpreadsheetChange::Letters => "letters were lost when the file was saved",
            SpreadsheetChange::Encoding => "the file was opened in another encoding",
            SpreadsheetChange::Quotes => "quotation marks were changed",
        }
    }
}

impl From<Rewritten> for SpreadsheetChange {
    fn from(rewritten: Rewritten) -> Self {
        match rewritten {
            Rewritten::LostZeros => SpreadsheetChange::LeadingZeros,
            Rewritten::LostPlus => SpreadsheetChange::Plus,
            Rewritten::AsExponent => SpreadsheetChange::Exponent,
            Rewritten::LostDigits => SpreadsheetChange::Digits,
            Rewritten::AsPercent => SpreadsheetChange::Percent,
            Rewritten::Otherwise => SpreadsheetChange::Number,
        }
    }
}

/// The words for true and false that spreadsheets write.
const TRUE: [&str; 22] = [
    "TRUE",
    "WAHR",
    "VRAI",
    "VERDADERO",
    "VERO",
    "WAAR",
    "VERDADEIRO",
    "PRAWDA",
    "PRAVDA",
    "SANT",
    "SANN",
    "SAND",
    "TOSI",
    "IGAZ",
    "ИСТИНА",
    "ІСТИНА",
    "DOĞRU",
    "ADEVĂRAT",
    "ΑΛΗΘΗΣ",
    "TÕENE",
    "PATIESS",
    "1",
];
const FALSE: [&str; 22] = [
    "FALSE",
    "FALSCH",
    "FAUX",
    "FALSO",
    "FALSO",
    "ONWAAR",
    "FALSO",
    "FAŁSZ",
    "NEPRAVDA",
    "FALSKT",
    "USANN",
    "FALSK",
    "EPÄTOSI",
    "HAMIS",
    "ЛОЖЬ",
    "ХИБНІСТЬ",
    "YANLIŞ",
    "FALS",
    "ΨΕΥΔΗΣ",
    "VÄÄR",
    "APLAMS",
    "0",
];

/// Two programs can have marked a text, one after the other. Without a limit, a cell of marks alone would fill the stack.
const MARKS_MAX: u8 = 2;

/// What a spreadsheet has made of `original`, if `now` is what only a spreadsheet would write for it. `None` if nothing
/// has changed but white space around the value, or if a person may have changed the cell: who puts lost zeros back
/// writes what no spreadsheet writes.
pub fn spreadsheet_change(original: &str, now: &str) -> Option<SpreadsheetChange> {
    change_within(original, now, MARKS_MAX)
}

/// `marks`: so many marks of a text around `original` are taken away.
fn change_within(original: &str, now: &str, marks: u8) -> Option<SpreadsheetChange> {
    // White space and invisible characters at the ends can be part of a misread letter.
    if letters::are_misread(original.trim_ascii(), now.trim_ascii()) {
        return Some(SpreadsheetChange::Encoding);
    }
    let (original, now) = (trim(original), trim(now));
    if original == now || original.is_empty() || now.is_empty() {
        return None;
    }
    if let Some(inner) = unwrapped(original).filter(|_| marks > 0) {
        return change_within(inner, now, marks - 1);
    }
    let is_hidden = now.len() > 1 && now.bytes().all(|byte| byte == b'#');
    if is_hidden || (is_spreadsheet_error(now) && !is_spreadsheet_error(original)) || is_run(original, now) {
        return Some(SpreadsheetChange::Formula);
    }
    if let Some(rewritten) = number::rewritten(original, now) {
        return Some(rewritten.into());
    }
    if date::is_rewritten_date(original, now) {
        return Some(SpreadsheetChange::Date);
    }
    if date::is_rewritten_time(original, now) {
        return Some(SpreadsheetChange::Time);
    }
    if is_truth_value(original, now) {
        return Some(SpreadsheetChange::TruthValue);
    }
    if letters::are_lost(original, now) {
        return Some(SpreadsheetChange::Letters);
    }
    are_quotes_changed(original, now).then_some(SpreadsheetChange::Quotes)
}

/// The text in `="…"` or behind a leading `'`: marks by which programs keep a text a text. Without them it is the text
/// that was meant.
fn unwrapped(text: &str) -> Option<&str> {
    let formula = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    let is_mark =
        |text: &&str| text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '=' | '@'));
    formula.or_else(|| text.strip_prefix('\'').filter(is_mark))
}

/// A formula was replaced by its result.
fn is_run(original: &str, now: &str) -> bool {
    let is_number = number::value(now.strip_prefix('-').unwrap_or(now)).is_some();
    match original.as_bytes()[0] {
        b'=' | b'@' => is_number,
        b'+' | b'-' => is_number && number::sum(original).is_some_and(|sum| sum.to_string() == now),
        _ => false,
    }
}

/// A word for true or false, in capital letters or in another language.
fn is_truth_value(original: &str, now: &str) -> bool {
    let original = original.to_uppercase();
    let is_one_of = |words: &[&str], text: &str| words.contains(&text);
    [TRUE, FALSE].iter().any(|words| {
        // `1` and `0` are how programs write them, and say no such thing themselves.
        original != words[words.len() - 1] && is_one_of(words, &original) && is_one_of(words, now)
    })
}

/// Quotation marks were doubled, escaped, or replaced by those of printed text.
fn are_quotes_changed(original: &str, now: &str) -> bool {
    if !original.contains(['"', '\'']) {
        return false;
    }
    let is_escaped = |by: &str| original.contains('"') && original.replace('"', by) == now;
    let is_quoted = |inner: &str| inner == original || inner == original.replace('"', "\"\"");
    let quoted = now.strip_prefix('"').and_then(|now| now.strip_suffix('"'));
    let plain = |c: char| match c {
        '\u{2018}' | '\u{2019}' | '\u{201A}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' => '"',
        _ => c,
    };
    is_escaped("\"\"")
        || is_escaped("\\\"")
        || quoted.is_some_and(is_quoted)
        || now.chars().map(plain).eq(original.chars())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SpreadsheetChange::*;
    use super::*;

    proptest! {
        #[test]
        fn no_text_is_too_odd(
            original in "[0-9+eE.,/:% \\-='\"a-fT#日é]{0,14}|[0-9]{0,40}|.{0,8}",
            now in "[0-9+eE.,/:% \\-='\"a-fT#日é]{0,14}|[0-9]{0,40}|.{0,8}",
        ) {
            let _ = spreadsheet_change(&original, &now);
            prop_assert_eq!(spreadsheet_change(&original, &original), None);
        }
    }

    #[test]
    fn marks_within_marks_do_not_fill_the_stack() {
        let original = format!("{}7{}", "=\"".repeat(20_000), "\"".repeat(20_000));
        let _ = spreadsheet_change(&original, "8");
    }

    #[track_caller]
    fn check(original: &str, now: &str, expected: Option<SpreadsheetChange>) {
        assert_eq!(spreadsheet_change(original, now), expected, "{original:?} came back as {now:?}");
    }

    /// Every text of `now` is what a spreadsheet made of the original.
    #[track_caller]
    fn made(original: &str, now: &[&str], expected: SpreadsheetChange) {
        for now in now {
            check(original, now, Some(expected));
        }
    }

    /// Every text of `now` is what a person may have written in place of the original.
    #[track_caller]
    fn by_hand(original: &str, now: &[&str]) {
        for now in now {
            check(original, now, None);
        }
    }

    #[test]
    fn zeros_and_signs() {
        made("01067", &["1067", "1067.0", "1,067", "1.067", "1067,00"], LeadingZeros);
        made("00012", &["12"], LeadingZeros);
        made("0049", &["49"], LeadingZeros);
        made("007", &["7"], LeadingZeros);
        made("0351 5550101", &["3515550101", "351 5550101"], LeadingZeros);
        made("00000191000139", &["191000139"], LeadingZeros);
        made("+49", &["49"], Plus);
        made("+7", &["7", "7.0"], Plus);
        made("+493515550101", &["493515550101"], Plus);
        made("+49 351 5550101", &["493515550101", "49 351 5550101"], Plus);
        made("+0049", &["49"], Plus);
        made("+49/351", &["49/351"], Plus);
        // Back, or to something else.
        by_hand("1067", &["01067", "D-01067", "1068", "10670"]);
        by_hand("493515550101", &["+493515550101", "+49 351 5550101", "0351 5550101"]);
        by_hand("01067", &["01067", "01068", "1068", "O1067", "01067-1234"]);
        by_hand("0049 351 5550101", &["+49 351 5550101", "+493515550101"]);
        by_hand("+49 351 5550101", &["+493515550101", "+49-351-5550101", "+49 351 5550102", "0351 5550101"]);
        by_hand("98101", &["98101-1234", "981 01", "98 101"]);
        by_hand("560001", &["560 001"]);
        by_hand("10 000", &["10000"]);
        by_hand("0", &["1", "00"]);
    }

    #[test]
    fn exponents_and_digits() {
        made(
            "123456789012",
            &["1.23457E+11", "1,23457E+11", "1.2E+11", "1.23456789012E+011", "1E+11"],
            Exponent,
        );
        made("+491715550101", &["4.91716E+11", "4.92E+11", "4,91715550101E+11"], Exponent);
        made("+49 171 5550101", &["4.92E+11"], Exponent);
        made("1E5", &["100000", "1.00E+05", "1E+05", "100000.0", "100,000"], Exponent);
        made("12e3", &["12000", "1.20E+04"], Exponent);
        made("0012345678901234567", &["1.23456789012346E+016"], Exponent);
        made("0012345678901234567", &["12345678901234500", "12345678901234600"], Digits);
        made("1234567890123456", &["1234567890123450", "1234567890123460", "1.234.567.890.123.460"], Digits);
        made("12345678901234567", &["12345678901234568", "12345678901234600"], Digits);
        made("0.12345678901234567", &["0.123456789", "0,123456789012346"], Digits);
        by_hand("1.23457E+11", &["123456789012"]);
        by_hand("4.92E+11", &["+49 171 5550101", "491715550101"]);
        by_hand("123456789012", &["123456789013", "1.24E+11", "1.23457E+12"]);
        by_hand("1234567890123456", &["1234567890123457", "123456789012345"]);
    }

    #[test]
    fn numbers_and_percentages() {
        made("5%", &["0.05", "0,05", "5.00%", "5,00 %", "5 %"], Percent);
        made("10%", &["0.1", "10.00%"], Percent);
        made("123", &["123.0", "123,00"], Number);
        made("1,234.50", &["1234.5", "1234,5", "1.234,50"], Number);
        made("1.000", &["1", "1000", "1,000"], Number);
        made("1.5", &["1,5", "1.50"], Number);
        made("1234", &["1,234", "1.234", "1\u{A0}234", "1\u{202F}234", "1'234", "1234.00"], Number);
        made("$5", &["5", "5.00", "$5.00"], Number);
        made("(425)", &["-425"], Number);
        made("1/2", &["0.5", "0,5"], Number);
        by_hand("919876543210.0", &["919876543210", "+919876543210"]);
        by_hand("123.0", &["123", "0123"]);
        by_hand("Suite 5", &["5", "Suite 05"]);
        by_hand("5", &["50%", "55", "6", "5a", "Suite 5"]);
        by_hand("1.5", &["15", "1.6", "1-5"]);
        by_hand("12", &["12a", "12-14", "13.0"]);
    }

    #[test]
    fn dates() {
        made(
            "1/2",
            &[
                "01.02.2026",
                "1-Feb",
                "2026-02-01",
                "2-Jan",
                "Jan 02",
                "01. Feb",
                "1. Februar",
                "01/02/26",
                "1/2/2026",
                "2026/1/2",
                "1-févr.",
                "1 feb.",
                "Feb 01",
                "2026-02-01 00:00:00",
                "2026-02-01T00:00:00",
                "46054",
                "1月2日",
                "2026年1月2日",
                "1월 2일",
                "01.02.26",
                "Jan-2002",
                "44592.0",
            ],
            Date,
        );
        made(
            "3-4",
            &["03.04.2026", "4-Mar", "3. Apr", "Mar-04", "04. Mrz", "2026-03-04", "3-kwi", "3.апр"],
            Date,
        );
        made("MAR1", &["01. Mrz", "1-Mar", "Mrz 01", "2026-03-01", "Mar-01", "01.03.2026"], Date);
        made("12 March", &["12-Mar", "12. Mrz", "12.03.2026", "2026-03-12"], Date);
        made("12-05", &["05. Dez", "12-May", "2026-05-12", "2026-12-05", "05.12.2026"], Date);
        made("12.05", &["12. Mai", "12.05.2026"], Date);
        made("1.2.", &["01.02.2026", "1. Feb"], Date);
        made("5.1.2026", &["2026-01-05", "05.01.26", "5-Jan-26", "46027", "05. Jan 2026"], Date);
        made("2026-01-05", &["05.01.2026", "1/5/2026", "5/1/26", "46027", "46027.0", "05-Jan-26"], Date);
        made("01/05/2026", &["05.01.2026", "01.05.2026", "2026-05-01", "2026-01-05 00:00:00"], Date);
        made("3-4", &["0001-03-04 00:00:00"], Date);
        made("12-50", &["Dec-50", "01.12.1950", "Dez 50"], Date);
        made("1/2026", &["Jan 26", "01.01.2026", "2026-01-01"], Date);
        made("46054", &["01.02.2026", "2026-02-01"], Date);
        by_hand("3-4", &["3/4", "Flat 3-4", "3-5", "3", "4-3", "34", "3 to 4", "Unit 3-4, 2nd floor"]);
        by_hand("1/2", &["1-2", "12", "1/2a", "01.03.2026", "3-Mar"]);
        by_hand("12 March", &["12 March Road", "12 Marsh", "12 Market", "12 April", "12", "14 March"]);
        by_hand("01. Mrz", &["3-1", "1/3"]);
        by_hand("2026-01-05", &["2026-01-06", "06.01.2026", "2025-01-05"]);
        by_hand("030/5550103", &["030 5550103", "+49 30 5550103"]);
        by_hand("May Lee", &["May Ling", "5"]);
        by_hand("46054", &["46055", "01.02.2027"]);
    }

    #[test]
    fn times() {
        made(
            "3:30",
            &["03:30:00", "03:30", "3:30 AM", "0.145833333", "0,145833333333333", "3:30:00 AM"],
            Time,
        );
        made(
            "12:30",
            &["12:30:00", "0.520833333", "12:30 PM", "1899-12-30 12:30:00", "1900-01-00 12:30:00"],
            Time,
        );
        made("16:9", &["16:09:00", "16:09"], Time);
        made("25:00", &["25:00:00", "1.041666667", "1900-01-01 01:00:00"], Time);
        by_hand("3:30", &["3:45", "15:30", "3.30", "3:30 to 4:30"]);
        by_hand("12:30", &["2026-01-05 12:31"]);
    }

    #[test]
    fn truth_values() {
        made("true", &["TRUE", "WAHR", "1"], TruthValue);
        made("True", &["TRUE", "VRAI"], TruthValue);
        made("TRUE", &["WAHR", "1", "ИСТИНА"], TruthValue);
        made("wahr", &["WAHR", "TRUE"], TruthValue);
        made("false", &["FALSE", "FALSCH", "0", "FAŁSZ"], TruthValue);
        by_hand("true", &["false", "FALSE", "yes", "True"]);
        by_hand("1", &["TRUE", "0"]);
        by_hand("wahr", &["true", "ja"]);
    }

    #[test]
    fn formulas() {
        made("=SUM(1)", &["1", "#NAME?", "Err:508", "1.5"], Formula);
        made("+49-351-5550101", &["-5550403"], Formula);
        made("-5-3", &["-8"], Formula);
        made("+49 (351) 555", &["#ERROR!", "#NAME?", "Err:509"], Formula);
        made("@handle", &["#NAME?"], Formula);
        made("123456789012", &["########"], Formula);
        by_hand("=SUM(1)", &["Sum", ""]);
        by_hand("#N/A", &["Leeds", "#REF!"]);
        by_hand("=\"01067\"", &["01067"]);
        by_hand("'01067", &["01067"]);
        made("=\"01067\"", &["1067"], LeadingZeros);
        made("'+49351", &["49351"], Plus);
        by_hand("'Harbor Works GmbH", &["Harbor Works GmbH"]);
    }

    #[test]
    fn letters_and_encodings() {
        made("Łódź", &["?ódz", "?ód?", "��d�", "????d??"], Letters);
        made("Å", &["?", "??"], Letters);
        made("Zürich", &["Z?rich", "Z�rich", "Z_rich", "Z³rich", "Z¸rich"], Letters);
        made("株式会社", &["????", "____"], Letters);
        made("Müller", &["MŸller"], Letters);
        made("MÜNCHENER", &["MšNCHENER"], Letters);
        made("Müller", &["MÃ¼ller", "M├╝ller", "MĂĽller", "M√ºller", "MГјller"], Encoding);
        made("①", &["â‘\u{A0}"], Encoding);
        made("株式", &["æ\u{A0}ªå¼\u{8F}"], Encoding);
        by_hand("MÃ¼ller", &["Müller", "Muller"]);
        by_hand("Z?rich", &["Zürich", "Zurich"]);
        by_hand("MŸller", &["Müller"]);
        by_hand("Zürich", &["Zurich", "Zuerich", "Basel", "ZÜRICH", "Zürich AG"]);
        by_hand("Gyõri", &["Győri"]);
        by_hand("Süd–West", &["Süd-West"]);
    }

    #[test]
    fn quotes() {
        made("The \"Best\" Ltd", &["The \"\"Best\"\" Ltd", "The \\\"Best\\\" Ltd", "The “Best” Ltd"], Quotes);
        made("O'Brien", &["O’Brien", "\"O'Brien\""], Quotes);
        by_hand("Harbor West\" GmbH", &["Harbor West GmbH", "\"Harbor West\" GmbH"]);
        by_hand("OBrien", &["O'Brien", "O’Brien"]);
        by_hand("O’Brien", &["O'Brien"]);
    }

    #[test]
    fn what_a_person_does() {
        by_hand(
            "Harborline",
            &["Harborline", " Harborline ", "Harborline Ltd", "HARBORLINE", "", "Westgate"],
        );
        by_hand("", &["Harborline", "0", "1/2/2026"]);
        by_hand(" 01067 ", &["01067"]);
        by_hand("UK", &["GB"]);
        by_hand("taken01", &["harbor01", "taken-01"]);
    }
}
