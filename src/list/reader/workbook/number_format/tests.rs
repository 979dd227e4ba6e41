use super::*;

#[track_caller]
fn check(code: &str, number: f64, expected: &str) {
    let kind = if expected == plain(number) { CellKind::Number } else { CellKind::Text };
    check_kind(code, number, expected, kind);
}

#[track_caller]
fn check_kind(code: &str, number: f64, expected: &str, kind: CellKind) {
    let shown = NumberFormat::parse(code).number(number, false);
    assert_eq!(shown, (expected.to_owned(), kind), "{number} as {code}");
}

#[test]
fn general_shows_every_digit() {
    check("General", 98101.0, "98101");
    check("General", 919_876_543_210.0, "919876543210");
    check("General", 0.1 + 0.2, "0.3");
    check("General", -0.5, "-0.5");
    check("General", -0.0, "0");
    check("", 7.0, "7");
    check("@", 2139.0, "2139");
    check("General\" km\"", 5.0, "5 km");
    check_kind("General", 1e-7, "0.0000001", CellKind::Number);
    check_kind("General", 1e-12, "0.000000000001", CellKind::Uncertain);
    check_kind("General", 1_234_567.891_234, "1234567.891234", CellKind::Uncertain);
    check_kind("General", 1_234_567_890_123_456.0, "1234567890123460", CellKind::LostDigits);
    check_kind("0", 12_345_678_901_234_567.0, "12345678901234600", CellKind::LostDigits);
}

#[test]
fn digits_take_their_places() {
    check("0", 5.0, "5");
    check("0", 2.5, "3");
    check("0", 0.4, "0");
    check("00000", 1067.0, "01067");
    check("00000", 1_234_567.0, "1234567");
    check("00000", -12.0, "-00012");
    check("0000000000", 1_234_567.0, "0001234567");
    check("00000\\-0000", 21_091_234.0, "02109-1234");
    check("00\"-\"000", 950.0, "00-950");
    check("(000) 000-0000", 6_175_550_199.0, "(617) 555-0199");
    check("###-####", 5_550_101.0, "555-0101");
    check("#####", 2139.0, "2139");
    check("#", 0.0, "");
    check("0000 0000", 12_345_678.0, "1234 5678");
    check("0#\" \"##\" \"##\" \"##\" \"##", 155_550_142.0, "01 55 55 01 42");
    check("?????", 12.0, "12");
    check("0##########", 405_550_142.0, "0405550142");
    check("0##", 5.0, "05");
    check_kind("0##", 0.0, "0", CellKind::Uncertain);
    check_kind("0??", 5.0, "5", CellKind::Uncertain);
}

#[test]
fn literals_are_shown() {
    check("\"+49 \"0", 405_550_142.0, "+49 405550142");
    check("\"+\"0", 49_405_550_142.0, "+49405550142");
    check("\\+0", 49_405_550_142.0, "+49405550142");
    check("+0", 49_405_550_142.0, "+49405550142");
    check("\\+#\\ ###\\ ###", 405_550.0, "+ 405 550");
    check("\"D-\"00000", 1067.0, "D-01067");
    check("[$-407]0", 5.0, "5");
    check("[$€-407]\\ #,##0", 5000.0, "€ 5,000");
    check("[Red]0", 5.0, "5");
    check("[Color 5]0", 5.0, "5");
    check("_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)", 5000.0, "5,000");
    check("#,##0 €", 1234.0, "1,234 €");
}

#[test]
fn decimals_groups_and_exponents() {
    check("0.00", 5.0, "5.00");
    check("0.00", 1.005, "1.01");
    check("0.00", 9.996, "10.00");
    check("0.00", 0.004, "0.00");
    check("#.##", 0.5, ".5");
    check("0.###", 5.25, "5.25");
    check("00.00", 5.0, "05.00");
    check("#,##0", 1_234_567.0, "1,234,567");
    check("#,##0", 12.0, "12");
    check("0,000", 5.0, "0,005");
    check("#,##0.00", 1_234_567.5, "1,234,567.50");
    check("0.00E+00", 497_116_000_000.0, "4.97E+11");
    check("0E+00", 0.005, "5E-03");
    check("0E+00", 2.5, "3E+00");
    check("0.00E+00", 9.999, "1.00E+01");
    check("0.00E-00", 0.0, "0.00E00");
    check_kind("0.###", 5.0, "5", CellKind::Uncertain);
    check_kind("#.##", 0.0, "0", CellKind::Uncertain);
    check("0.0\" km\"", 1.25, "1.3 km");
}

#[test]
fn sections_and_conditions_choose_the_format() {
    const PHONE: &str = "[<=9999999]###-####;(###) ###-####";
    check(PHONE, 6_175_550_101.0, "(617) 555-0101");
    check(PHONE, 5_550_101.0, "555-0101");
    check("[>=100000]00000-0000;00000", 21_091_234.0, "02109-1234");
    check("[>=100000]00000-0000;00000", 2109.0, "02109");
    check("0;\"minus \"0", -5.0, "minus 5");
    check("0;-0;\"none\";@", 0.0, "none");
    check("0;-0;;@", 0.0, "");
    check("00000;@", 2139.0, "02139");
    check("\"a;b \"0;0", 1.0, "a;b 1");
    check_kind(PHONE, -5.0, "-5", CellKind::Uncertain);
    check_kind(";;;", 5.0, "5", CellKind::Uncertain);
    check_kind("0;0;0;0;0", 5.0, "5", CellKind::Uncertain);
}

#[test]
fn what_programs_show_differently_is_uncertain() {
    for code in [
        "# ?/?",
        "0,",
        "0*-",
        "[DBNum1]0",
        "[$-D07041E]0",
        "##0.0E+0",
        "0x",
        "0!0",
        "[foo]0",
        "0.0.0",
        "-0",
        "490",
    ] {
        let (text, kind) = NumberFormat::parse(code).number(-0.25, false);
        assert_eq!((&*text, kind), ("-0.25", CellKind::Uncertain), "{code}");
    }
}

#[test]
fn dates_times_and_percentages_are_told() {
    for code in
        ["dd/mm/yyyy", "m/d/yy", "mmm\\-yy", "d\\-mmm", "[$-F800]dddd", "mmmm", "[$-407]d. mmmm yyyy;@"]
    {
        check_kind(code, 46_248.0, "2026-08-14", CellKind::Date);
    }
    check_kind("yyyy-mm-dd hh:mm", 46_248.5, "2026-08-14T12:00:00", CellKind::Date);
    check_kind("h:mm AM/PM", 0.25, "06:00:00", CellKind::Time);
    check_kind("mm:ss", 0.25, "06:00:00", CellKind::Time);
    check_kind("[h]:mm", 1.5, "36:00:00", CellKind::Time);
    check_kind("yyyy-mm-dd", 59.0, "1900-02-28", CellKind::Date);
    check_kind("yyyy-mm-dd", -5.0, "-5", CellKind::Date);
    check_kind("yyyy-mm-dd", 1e18, "1000000000000000000", CellKind::Date);
    check_kind("0%", 0.5, "50%", CellKind::Percent);
    check_kind("0.00%", 0.1234, "12.34%", CellKind::Percent);
    // The letters are literal here.
    check("\"day \"0", 5.0, "day 5");
    check("\\d0", 5.0, "d5");
    let old = NumberFormat::parse("yyyy-mm-dd").number(44_786.0, true);
    assert_eq!(old, ("2026-08-14".to_owned(), CellKind::Date));
}

#[test]
fn a_format_can_change_a_text() {
    let check = |code: &str, text: &str, expected: &str, kind: CellKind| {
        let shown = NumberFormat::parse(code);
        assert_eq!(shown.text(text), (expected.into(), kind), "{text} as {code}");
    };
    check("General", " as it is\n", " as it is\n", CellKind::Text);
    check("@", "0123", "0123", CellKind::Text);
    check("00000", "0123", "0123", CellKind::Text);
    check("0;-0;;@", "x", "x", CellKind::Text);
    check("_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)", "x", "x", CellKind::Text);
    check("@\" GmbH\"", "Harbor", "Harbor GmbH", CellKind::Text);
    check("\"+\"@", "49", "+49", CellKind::Text);
    check(";;;", "hidden", "hidden", CellKind::Uncertain);
    check("0;0;0;\"x\"", "y", "y", CellKind::Uncertain);
}
