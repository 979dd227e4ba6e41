//! Formats the cell of a workbook as the spreadsheet shows it.
//!
//! The result is, where possible, what an operator would see in a CSV file saved from the workbook.

use std::borrow::Cow;

use calamine::{DataType, ExcelDateTime};

/// Excel keeps at most this many digits of a number.
const DIGITS_MAX: usize = 15;

/// The text of a cell. `format` is its number format code, if the workbook has one.
pub(super) fn text<'a>(cell: &'a impl DataType, format: Option<&str>) -> Cow<'a, str> {
    if let Some(text) = cell.get_string() {
        return Cow::Borrowed(text);
    }
    if let Some(text) = cell.get_datetime_iso().or(cell.get_duration_iso()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(if let Some(number) = cell.get_int() {
        number.to_string()
    } else if let Some(number) = cell.get_float() {
        format.and_then(|format| zeros_filled(number, format)).unwrap_or_else(|| plain(number))
    } else if let Some(moment) = cell.get_datetime() {
        iso(moment)
    } else if let Some(is_true) = cell.get_bool() {
        if is_true { "TRUE" } else { "FALSE" }.to_owned()
    } else if let Some(error) = cell.get_error() {
        error.to_string()
    } else {
        String::new()
    })
}

/// Formats a number without an exponent, and without a fraction if it is an integer.
fn plain(number: f64) -> String {
    let rounded = format!("{number:.*e}", DIGITS_MAX - 1).parse().unwrap_or(number);
    // No spreadsheet shows minus zero.
    if rounded == 0.0 { "0".to_owned() } else { format!("{rounded}") }
}

/// A number in a format of zeros, such as `00000` for a postal code. The format restores the leading zeros that the
/// number has lost. Other formats do not change which digits are shown.
fn zeros_filled(number: f64, format: &str) -> Option<String> {
    let is_of_zeros =
        format.starts_with("00") && format.chars().all(|c| matches!(c, '0' | '-' | ' ' | '\\' | '"'));
    if !is_of_zeros || number < 0.0 || number.fract() != 0.0 {
        return None;
    }
    let marks: Vec<char> = format.chars().filter(|c| !matches!(c, '\\' | '"')).collect();
    let places = marks.iter().filter(|&&c| c == '0').count();
    let digits = format!("{number:0>places$}");
    // Digits beyond the number of places go before the first place.
    let (surplus, digits) = digits.split_at(digits.len() - places);
    let mut digits = digits.chars();
    let filled = marks.into_iter().filter_map(|c| if c == '0' { digits.next() } else { Some(c) });
    Some(surplus.chars().chain(filled).collect())
}

/// ISO 8601, which means the same in every country: a day, a moment, or a time of day.
fn iso(moment: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let is_day = moment.as_f64().fract() == 0.0;
    if moment.is_duration() || moment.as_f64() < 1.0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else if is_day {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::{CellErrorType, Data, ExcelDateTimeType};

    #[track_caller]
    fn check(cell: Data, format: &str, expected: &str) {
        assert_eq!(text(&cell, Some(format)), expected, "{cell:?} as {format}");
    }

    #[test]
    fn cells_are_shown_as_in_the_spreadsheet() {
        check(Data::Empty, "General", "");
        check(Data::String(" as it is\n0123 ".to_owned()), "@", " as it is\n0123 ");
        check(Data::Float(98101.0), "General", "98101");
        check(Data::Int(7), "General", "7");
        check(Data::Float(4.97116e11), "0.00E+00", "497116000000");
        check(Data::Float(12_345_678_901_234_567.0), "General", "12345678901234600");
        check(Data::Float(0.1 + 0.2), "General", "0.3");
        check(Data::Float(-0.5), "General", "-0.5");
        check(Data::Float(-0.0), "General", "0");
        check(Data::Float(1e-7), "General", "0.0000001");
        check(Data::Bool(true), "General", "TRUE");
        check(Data::Error(CellErrorType::NA), "General", "#N/A");
        check(Data::DateTimeIso("2026-08-14".to_owned()), "General", "2026-08-14");
        let moment = |value| Data::DateTime(ExcelDateTime::new(value, ExcelDateTimeType::DateTime, false));
        check(moment(46_248.0), "dd/mm/yyyy", "2026-08-14");
        check(moment(46_248.5), "dd/mm/yyyy hh:mm", "2026-08-14T12:00:00");
        check(moment(0.25), "hh:mm", "06:00:00");
    }

    #[test]
    fn a_format_of_zeros_puts_them_back() {
        check(Data::Float(2134.0), "00000", "02134");
        check(Data::Float(98_101.0), "00000", "98101");
        check(Data::Float(1_234_567.0), "00000", "1234567");
        check(Data::Float(21_341_234.0), "00000\\-0000", "02134-1234");
        check(Data::Float(950.0), "00\"-\"000", "00-950");
        // These formats do not affect leading zeros.
        check(Data::Float(5.0), "0", "5");
        check(Data::Float(5.25), "00000", "5.25");
        check(Data::Float(5.0), "0.00", "5");
        check(Data::Float(5.0), "00.00", "5");
    }
}
