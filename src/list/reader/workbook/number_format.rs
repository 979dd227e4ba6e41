//! Formats a value as the spreadsheet shows it, by its number format code (ECMA-376, part 1, 18.8.31).
//!
//! Programs agree on what is implemented here: digit places, literal text, groups of thousands, decimals, percent,
//! exponents, sections and conditions. The result for anything else is [`CellKind::Uncertain`], never a guess. The
//! decimal point and the comma between thousands are those of the file format, whatever the language of the program.

mod decimal;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan as _};

use crate::reader::cell_kind::CellKind;
use decimal::{DIGITS_MAX, Decimal};

/// From here on, a number has more digits than [`DIGITS_MAX`].
const LOST_FROM: f64 = 1e15;

/// The format `General` shows at most this many characters of a number with a fraction.
const GENERAL_CHARS_MAX: usize = 11;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// One parsed number format code.
#[derive(Debug)]
pub(super) struct NumberFormat {
    /// One to three sections for numbers.
    numbers: Vec<Section>,
    /// The section for texts; without one, texts are shown unchanged.
    text: Option<Section>,
}

#[derive(Debug, Default)]
struct Section {
    condition: Option<Condition>,
    tokens: Vec<Token>,
    /// It has parts of a date or of a time of day.
    has_date: bool,
    has_time: bool,
    /// It has something that programs show differently, or that is not implemented.
    is_uncertain: bool,
}

#[derive(Debug, Clone, Copy)]
struct Condition {
    is_met: fn(&f64, &f64) -> bool,
    bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// White space with the width of another character.
    Pad,
    /// `0`, `#` or `?`.
    Place(char),
    Point,
    Comma,
    Percent,
    /// `E+` or `E-`.
    Exponent(char),
    General,
    /// `@`: the text of the cell.
    Text,
}

use Token::{Comma, Exponent, General, Literal, Pad, Percent, Place, Point};

impl NumberFormat {
    pub(super) fn parse(code: &str) -> Self {
        let code = if code.is_empty() { "General" } else { code };
        let mut numbers: Vec<Section> = sections(code).map(Section::parse).collect();
        let is_for_text = |section: &Section| section.tokens.contains(&Token::Text);
        let text =
            if numbers.len() > 3 || numbers.last().is_some_and(is_for_text) { numbers.pop() } else { None };
        if numbers.is_empty() {
            numbers.push(Section { tokens: vec![General], ..Section::default() });
        }
        if numbers.len() > 3 || numbers.iter().any(is_for_text) {
            return Self { text, ..Self::unknown() };
        }
        Self { numbers, text }
    }

    /// A format whose result is not known.
    pub(super) fn unknown() -> Self {
        Self { numbers: vec![Section { is_uncertain: true, ..Section::default() }], text: None }
    }

    /// How a text is shown.
    pub(super) fn text<'a>(&self, text: &'a str) -> (Cow<'a, str>, CellKind) {
        let Some(section) = &self.text else { return (Cow::Borrowed(text), CellKind::Text) };
        let tokens = || section.tokens.iter().filter(|&&token| token != Pad);
        if tokens().eq([&Token::Text]) && !section.is_uncertain {
            return (Cow::Borrowed(text), CellKind::Text);
        }
        let mut shown = String::with_capacity(text.len() + section.tokens.len());
        for token in tokens() {
            match token {
                Token::Text => shown.push_str(text),
                Literal(c) => shown.push(*c),
                _ => return (Cow::Borrowed(text), CellKind::Uncertain),
            }
        }
        // A format that hides a text is no reason to leave the text out without a word.
        if section.is_uncertain || !tokens().any(|token| *token == Token::Text) {
            return (Cow::Borrowed(text), CellKind::Uncertain);
        }
        (Cow::Owned(shown), CellKind::Text)
    }

    /// How a number is shown. `is_1904`: days are counted from 1904, as on an old Mac.
    pub(super) fn number(&self, number: f64, is_1904: bool) -> (String, CellKind) {
        let bare = || plain(number);
        let Some((section, is_negative)) = self.section_for(number) else {
            return (bare(), CellKind::Uncertain);
        };
        if section.is_uncertain {
            return (bare(), CellKind::Uncertain);
        }
        if section.has_date || section.has_time {
            let kind = if section.has_date { CellKind::Date } else { CellKind::Time };
            return (moment(number, section.has_date, is_1904).unwrap_or_else(bare), kind);
        }
        let is_general = section.tokens.contains(&General);
        let body = if is_general { general(number.abs()) } else { section.render(number.abs()) };
        let shown = body.and_then(|body| if is_general { section.around_general(&body) } else { Some(body) });
        let Some(mut shown) = shown else { return (bare(), CellKind::Uncertain) };
        let is_empty = shown.trim().is_empty();
        // Programs disagree about the sign of what is rounded to zero. A format that hides a number is no reason to leave
        // the number out without a word.
        if (is_negative && !shown.contains(|c: char| matches!(c, '1'..='9'))) || (is_empty && number != 0.0) {
            return (bare(), CellKind::Uncertain);
        }
        if is_negative {
            shown.insert(0, '-');
        }
        let shown = shown.trim().to_owned();
        let kind =
            if section.tokens.contains(&Percent) { CellKind::Percent } else { kind_of(number, &shown) };
        (shown, kind)
    }

    /// The section for a number, and whether a minus sign goes before what it shows.
    fn section_for(&self, number: f64) -> Option<(&Section, bool)> {
        let is_negative = number < 0.0;
        if self.numbers.iter().any(|section| section.condition.is_some()) {
            // What a condition means for the sign differs.
            if is_negative {
                return None;
            }
            let last = self.numbers.len() - 1;
            let fits = |(index, section): &(usize, &Section)| match section.condition {
                Some(condition) => (condition.is_met)(&number, &condition.bound),
                None => *index == last,
            };
            let without = self.numbers[..last].iter().any(|section| section.condition.is_none());
            let found = self.numbers.iter().enumerate().find(fits).filter(|_| !without);
            return found.map(|(_, section)| (section, false));
        }
        match (&self.numbers[..], is_negative) {
            ([], _) => None,
            ([only], _) => Some((only, is_negative)),
            ([_, negative, ..], true) => Some((negative, false)),
            ([_, _, zero, ..], false) if number == 0.0 => Some((zero, false)),
            ([first, ..], false) => Some((first, false)),
        }
    }
}

/// Splits a code at the semicolons that are not quoted.
fn sections(code: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_bracketed, mut is_escaped) = (false, false, false);
    code.split(move |c| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match c {
            '"' if !is_bracketed => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '\\' | '_' | '*' if !is_bracketed => is_escaped = true,
            '[' => is_bracketed = true,
            ']' => is_bracketed = false,
            ';' => return !is_bracketed,
            _ => {}
        }
        false
    })
}

impl Section {
    fn parse(code: &str) -> Self {
        let mut section = Self::default();
        let mut has_m = false;
        let mut rest = code;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            let next = rest.chars().next();
            let skip_next = |rest: &mut &str| *rest = &rest[next.map_or(0, char::len_utf8)..];
            match c {
                '"' => {
                    let (quoted, after) = rest.split_once('"').unwrap_or((rest, ""));
                    section.tokens.extend(quoted.chars().map(Literal));
                    rest = after;
                }
                '\\' => {
                    section.tokens.extend(next.map(Literal));
                    skip_next(&mut rest);
                }
                '_' => {
                    section.tokens.push(Pad);
                    skip_next(&mut rest);
                }
                // Repeats a character to the width of the column.
                '*' => {
                    section.is_uncertain |= next != Some(' ');
                    section.tokens.push(Pad);
                    skip_next(&mut rest);
                }
                '[' => {
                    let (bracketed, after) = rest.split_once(']').unwrap_or((rest, ""));
                    section.bracket(bracketed);
                    rest = after;
                }
                '0' | '#' | '?' => section.tokens.push(Place(c)),
                '.' => section.tokens.push(Point),
                ',' => section.tokens.push(Comma),
                '%' => section.tokens.push(Percent),
                '@' => section.tokens.push(Token::Text),
                'E' | 'e' if matches!(next, Some('+' | '-')) => {
                    section.tokens.extend(next.map(Exponent));
                    skip_next(&mut rest);
                }
                'G' | 'g' if starts_with(rest, "eneral") => {
                    section.tokens.push(General);
                    rest = &rest["eneral".len()..];
                }
                'y' | 'Y' | 'd' | 'D' => section.has_date = true,
                'h' | 'H' | 's' | 'S' => section.has_time = true,
                'm' | 'M' => has_m = true,
                'A' | 'a' if starts_with(rest, "m/pm") || starts_with(rest, "/p") => section.has_time = true,
                ' ' | '$' | '-' | '+' | '(' | ')' | ':' | '^' | '&' | '\'' | '~' | '{' | '}' | '<' | '>'
                | '=' => {
                    section.tokens.push(Literal(c));
                }
                // Fractions, and what only some programs know.
                _ if c.is_ascii() => section.is_uncertain = true,
                _ => section.tokens.push(Literal(c)),
            }
        }
        // Beside hours or seconds, minutes are meant.
        section.has_date |= has_m && !section.has_time;
        // The other letters of dates mean nothing else there.
        section.is_uncertain &= !section.has_date && !section.has_time;
        section
    }

    fn bracket(&mut self, bracketed: &str) {
        let is_color = |name: &&str| bracketed.eq_ignore_ascii_case(name);
        const COLORS: [&str; 8] = ["black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"];
        if COLORS.iter().any(is_color) || starts_with(bracketed, "color") {
            return;
        }
        if let Some(currency) = bracketed.strip_prefix('$') {
            let (symbol, locale) = currency.rsplit_once('-').unwrap_or((currency, ""));
            self.tokens.extend(symbol.chars().map(Literal));
            match locale {
                _ if locale.eq_ignore_ascii_case("F800") => self.has_date = true,
                _ if locale.eq_ignore_ascii_case("F400") => self.has_time = true,
                // More digits name a calendar or other numerals.
                _ => self.is_uncertain |= locale.trim_start_matches('0').len() > 4,
            }
            return;
        }
        if let Some(condition) = Condition::parse(bracketed) {
            self.is_uncertain |= self.condition.replace(condition).is_some();
            return;
        }
        let is_elapsed = |letter: char| bracketed.chars().all(|c| c.eq_ignore_ascii_case(&letter));
        if !bracketed.is_empty() && ['h', 'm', 's'].into_iter().any(is_elapsed) {
            self.has_time = true;
        } else {
            self.is_uncertain = true;
        }
    }

    /// The literals around `General`.
    fn around_general(&self, body: &str) -> Option<String> {
        let mut shown = String::new();
        let mut is_shown = false;
        for token in &self.tokens {
            match token {
                General if !std::mem::replace(&mut is_shown, true) => shown.push_str(body),
                Literal(c) => shown.push(*c),
                Pad => shown.push(' '),
                _ => return None,
            }
        }
        Some(shown)
    }

    /// A number without its sign. `None` if programs do not agree about it.
    fn render(&self, number: f64) -> Option<String> {
        let tokens = &self.tokens[..];
        if let Some(at) = tokens.iter().position(|token| matches!(token, Exponent(_))) {
            return render_exponent(&tokens[..at], &tokens[at..], number);
        }
        let mut number = Decimal::of(number);
        number.point += 2 * i32::try_from(tokens.iter().filter(|&&token| token == Percent).count()).ok()?;
        let (whole, fraction) = match tokens.iter().position(|&token| token == Point) {
            Some(at) => (&tokens[..at], Some(&tokens[at + 1..])),
            None => (tokens, None),
        };
        let decimals = fraction.map_or(0, |tokens| tokens.iter().filter(is_place).count());
        number.round(decimals);
        let mut shown = render_whole(whole, &number.whole())?;
        if let Some(fraction) = fraction {
            // Programs differ if only the decimals have places.
            whole.iter().find(is_place)?;
            shown.push('.');
            let without_decimals = shown.len();
            render_fraction(fraction, &number.fraction(decimals), &mut shown)?;
            // Some programs leave out the point then.
            shown[without_decimals..].starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
        }
        Some(shown)
    }
}

impl Condition {
    fn parse(bracketed: &str) -> Option<Self> {
        type Comparison = fn(&f64, &f64) -> bool;
        const COMPARISONS: [(&str, Comparison); 6] = [
            ("<=", f64::le),
            (">=", f64::ge),
            ("<>", f64::ne),
            ("<", f64::lt),
            (">", f64::gt),
            ("=", f64::eq),
        ];
        let (is_met, bound) = COMPARISONS
            .into_iter()
            .find_map(|(sign, is_met)| Some((is_met, bracketed.strip_prefix(sign)?)))?;
        Some(Self { is_met, bound: bound.trim().parse().ok()? })
    }
}

fn is_place(token: &&Token) -> bool {
    matches!(token, Place(_))
}

fn starts_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|it| it.eq_ignore_ascii_case(beginning))
}

/// The digits before the point, from right to left: those that have no place precede the first place.
fn render_whole(tokens: &[Token], digits: &str) -> Option<String> {
    let first = tokens.iter().position(|token| is_place(&token));
    let last = tokens.iter().rposition(|token| is_place(&token));
    let (Some(first), Some(last)) = (first, last) else {
        // Only literals: they are shown for any number.
        return tokens.iter().map(literal).collect();
    };
    let places = &tokens[first..=last];
    let has_groups = places.contains(&Comma);
    let are_together = places.iter().all(|token| is_place(&token) || *token == Comma);
    if (has_groups && !are_together) || tokens[..first].contains(&Comma) || tokens[last..].contains(&Comma) {
        return None;
    }
    let is_zero = digits.is_empty();
    let mut digits = digits.chars().rev();
    // Everything in reverse.
    let mut shown: Vec<char> = Vec::new();
    let mut placed = 0;
    let mut place = |digit: char, shown: &mut Vec<char>| {
        if has_groups && placed > 0 && placed % 3 == 0 {
            shown.push(',');
        }
        placed += 1;
        shown.push(digit);
    };
    let mut has_gap = false;
    for token in places.iter().rev() {
        match token {
            Place(kind) => match (digits.next(), kind) {
                (Some(digit), _) => place(digit, &mut shown),
                // Programs differ about such a place to the right of a zero.
                (None, '0') if has_gap => return None,
                (None, '0') => place('0', &mut shown),
                (None, kind) => {
                    has_gap |= is_zero || *kind == '?';
                    if *kind == '?' {
                        shown.push(' ');
                    }
                }
            },
            Comma => {}
            other => shown.push(literal(other)?),
        }
    }
    for digit in digits {
        place(digit, &mut shown);
    }
    let before = tokens[..first].iter().map(literal);
    let after = tokens[last + 1..].iter().map(literal);
    before.chain(shown.into_iter().rev().map(Some)).chain(after).collect()
}

/// The digits after the point; zeros at the end have no place of the kind `#`.
fn render_fraction(tokens: &[Token], digits: &str, shown: &mut String) -> Option<()> {
    let significant = digits.trim_end_matches('0').len();
    let mut digits = digits.chars().enumerate();
    for token in tokens {
        match token {
            Place(kind) => match (digits.next()?, kind) {
                ((index, digit), kind) if index < significant || *kind == '0' => shown.push(digit),
                (_, '?') => shown.push(' '),
                _ => {}
            },
            other => shown.push(literal(other)?),
        }
    }
    Some(())
}

/// `0.00E+00`, with one digit before the point.
fn render_exponent(mantissa: &[Token], exponent: &[Token], number: f64) -> Option<String> {
    let decimals = match mantissa {
        [Place('0')] => 0,
        [Place('0'), Point, decimals @ ..] if decimals.iter().all(|&token| token == Place('0')) => {
            decimals.len()
        }
        _ => return None,
    };
    let [Exponent(sign), places @ ..] = exponent else { return None };
    if places.is_empty() || !places.iter().all(|&token| token == Place('0')) {
        return None;
    }
    let mut number = Decimal::of(number);
    let mut exponent = if number.digits.is_empty() { 0 } else { number.point - 1 };
    number.point -= exponent;
    number.round(decimals);
    if number.point > 1 {
        (number.point, exponent) = (1, exponent + 1);
    }
    let (whole, fraction) = (number.digit(0), number.fraction(decimals));
    let point = if decimals > 0 { "." } else { "" };
    let sign = match (exponent < 0, sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, _) => "",
    };
    Some(format!("{whole}{point}{fraction}E{sign}{:0>width$}", exponent.abs(), width = places.len()))
}

/// What a token shows that is neither a place nor an order for the whole section.
fn literal(token: &Token) -> Option<char> {
    match token {
        Literal(c) => Some(*c),
        Pad => Some(' '),
        Percent => Some('%'),
        _ => None,
    }
}

/// The kind of a number that is shown as this text.
pub(super) fn kind_of(number: f64, shown: &str) -> CellKind {
    if number.abs() >= LOST_FROM {
        CellKind::LostDigits
    } else if shown == plain(number) {
        CellKind::Number
    } else {
        CellKind::Text
    }
}

/// All digits, without an exponent.
pub(super) fn plain(number: f64) -> String {
    let rounded = format!("{number:.*e}", DIGITS_MAX - 1).parse().unwrap_or(number);
    // No spreadsheet shows minus zero.
    if rounded == 0.0 { "0".to_owned() } else { format!("{rounded}") }
}

/// A number without its sign in the format `General`. A whole number is shown with all its digits, although a narrow
/// column, or Excel from twelve digits on, shows an exponent: no digit is lost, and the width of a column means nothing.
/// `None` if the digits of a fraction are cut off somewhere.
fn general(number: f64) -> Option<String> {
    let shown = plain(number);
    let is_whole = !shown.contains('.');
    (number.is_finite() && (is_whole || shown.len() <= GENERAL_CHARS_MAX)).then_some(shown)
}

/// ISO 8601, which means the same in every country: a day, a moment, or a time of day. `None` for what is no date.
fn moment(number: f64, has_date: bool, is_1904: bool) -> Option<String> {
    if !(0.0..3_000_000.0).contains(&number) {
        return None;
    }
    // A fraction of a second is the error of the number.
    let seconds = SignedDuration::from_secs_f64((number * SECONDS_PER_DAY).round());
    if !has_date || number < 1.0 {
        let (hours, rest) = (seconds.as_hours(), seconds.as_secs() % 3600);
        return Some(format!("{hours:02}:{:02}:{:02}", rest / 60, rest % 60));
    }
    let first = if is_1904 {
        Date::constant(1904, 1, 1)
    } else if number < 60.0 {
        Date::constant(1899, 12, 31)
    } else {
        // Excel counts the 29th of February 1900, which did not exist.
        Date::constant(1899, 12, 30)
    };
    let moment =
        DateTime::from_parts(first, Time::midnight()).checked_add(seconds.as_secs().seconds()).ok()?;
    Some(if moment.time() == Time::midnight() { moment.date().to_string() } else { moment.to_string() })
}

/// The code of a format that every program knows by its number; `None` for those that depend on the language.
pub(super) fn built_in(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "General",
        1 => "0",
        2 => "0.00",
        3 => "#,##0",
        4 => "#,##0.00",
        9 => "0%",
        10 => "0.00%",
        11 => "0.00E+00",
        37 | 38 => "#,##0 ;(#,##0)",
        39 | 40 => "#,##0.00;(#,##0.00)",
        49 => "@",
        // Dates, also those of East Asia.
        14..=17 | 22 | 27..=36 | 50..=58 => "yyyy-mm-dd",
        18..=21 | 45..=47 => "hh:mm:ss",
        _ => return None,
    })
}
