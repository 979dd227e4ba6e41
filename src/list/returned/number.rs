//! Numbers as people write them, and as spreadsheets write the same numbers.

/// An exact decimal number: `0.DIGITS` times ten to the power of `exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end; zero has none.
    digits: String,
    exponent: i64,
}

/// A number and how it is written.
#[derive(Debug, Clone)]
struct Written {
    value: Decimal,
    /// The digits that are written, leading zeros left out.
    digits: usize,
    has_plus: bool,
    has_leading_zeros: bool,
    has_fraction: bool,
    has_exponent: bool,
    has_spaces: bool,
    is_percent: bool,
}

/// What happened to a text that a spreadsheet has read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewritten {
    LostZeros,
    LostPlus,
    AsExponent,
    LostDigits,
    AsPercent,
    /// With other marks: a decimal point, groups of digits, `.0`.
    Otherwise,
}

/// A spreadsheet keeps so many digits of a number.
const DIGITS_KEPT: usize = 15;

/// A fraction that does not end is shown with at least so many digits.
const DIGITS_SHOWN_MIN: usize = 9;

/// A longer text is not a number, and a spreadsheet does not read numbers with such exponents.
const NUMBER_BYTES_MAX: usize = 64;
const EXPONENT_MAX: u64 = 400;

/// How a spreadsheet has rewritten the number in `original`; `None` if `now` is not how a spreadsheet writes it. Digits
/// that a person has put back are no rewriting.
pub(super) fn rewritten(original: &str, now: &str) -> Option<Rewritten> {
    let without_spaces = joined(original);
    // A number that a program wrote with `.0`, and groups of digits: both are what people remove.
    let is_tidied = original.strip_suffix(".0") == Some(now) || without_spaces == now;
    if is_tidied || !has_digit(original) || !has_digit(now) {
        return None;
    }
    // Whatever else is in the text: no person removes a sign or zeros and leaves all the rest.
    let is_cut = |cut: &str| cut == now && now.starts_with(|c: char| c.is_ascii_digit());
    if original.strip_prefix('+').is_some_and(is_cut) {
        return Some(Rewritten::LostPlus);
    }
    if original.starts_with('0') && is_cut(original.trim_start_matches('0')) {
        return Some(Rewritten::LostZeros);
    }
    let written = readings(now).into_iter().filter(Written::is_of_a_spreadsheet).collect::<Vec<_>>();
    let meant = readings(original).into_iter().chain(readings(&without_spaces)).collect::<Vec<_>>();
    let found = meant
        .iter()
        .flat_map(|meant| written.iter().map(move |now| (meant, now)))
        .find(|(meant, now)| is_the_same(meant, now));
    if let Some((meant, now)) = found {
        return Some(meant.rewritten_as(now));
    }
    is_fraction(original, &written).then_some(Rewritten::Otherwise)
}

/// The value of a number that is written with or without a fraction, for comparisons of dates and times.
pub(super) fn value(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    if is_plain { text.replace(',', ".").parse().ok() } else { None }
}

/// The result of a formula that adds and subtracts whole numbers, such as `+49-351-5550101`.
pub(super) fn sum(formula: &str) -> Option<i64> {
    let formula = formula.strip_prefix('=').unwrap_or(formula);
    let mut total = 0_i64;
    let mut rest = formula;
    let mut terms = 0;
    while !rest.is_empty() {
        let (sign, term) = match rest.as_bytes()[0] {
            b'+' => (1, &rest[1..]),
            b'-' => (-1, &rest[1..]),
            _ if terms == 0 => (1, rest),
            _ => return None,
        };
        let end = term.find(['+', '-']).unwrap_or(term.len());
        total = total.checked_add(sign * term[..end].trim().parse::<u32>().ok().map(i64::from)?)?;
        rest = &term[end..];
        terms += 1;
    }
    (terms > 1).then_some(total)
}

fn has_digit(text: &str) -> bool {
    text.len() <= NUMBER_BYTES_MAX && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn joined(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn is_the_same(meant: &Written, now: &Written) -> bool {
    if meant.value == now.value {
        return true;
    }
    let digits = if now.has_exponent || (now.has_fraction && now.digits >= DIGITS_SHOWN_MIN) {
        now.digits
    } else if now.digits > DIGITS_KEPT {
        DIGITS_KEPT
    } else {
        return false;
    };
    [meant.value.rounded(digits), meant.value.cut(digits)].contains(&now.value)
        || (digits == DIGITS_KEPT && meant.value.as_float() == now.value.as_float())
}

/// `1/2` as `0.5`.
fn is_fraction(original: &str, written: &[Written]) -> bool {
    let Some((above, below)) = original.split_once('/') else { return false };
    let parts = [above, below].map(|part| part.parse::<u16>().ok().map(f64::from));
    let [Some(above), Some(below)] = parts else { return false };
    let is_it = |now: &Written| now.value.as_float().is_some_and(|now| (now - above / below).abs() < 1e-6);
    below > 0.0 && written.iter().any(is_it)
}

/// What the text means where decimals have a point, and where they have a comma.
fn readings(text: &str) -> Vec<Written> {
    ['.', ','].into_iter().filter_map(|decimal_mark| Written::read(text, decimal_mark)).collect()
}

impl Written {
    fn read(text: &str, decimal_mark: char) -> Option<Self> {
        let is_currency = |c: char| matches!(c, '$' | '€' | '£' | '¥') || c.is_whitespace();
        let text = text.trim_matches(is_currency);
        let in_brackets = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let text = in_brackets.unwrap_or(text);
        let (is_minus, text) = match text.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let has_plus = text.starts_with('+') && !is_minus;
        let text =
            text.strip_prefix('+').filter(|_| has_plus).unwrap_or(text).trim_start_matches(is_currency);
        let percent = text.strip_suffix('%').map(str::trim_end);
        let text = percent.unwrap_or(text);
        let (mantissa, exponent) = match text.split_once(['E', 'e']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let power: i64 = match exponent {
            Some(exponent) => exponent.parse().ok()?,
            None => 0,
        };
        let (whole, fraction) = mantissa.split_once(decimal_mark).unwrap_or((mantissa, ""));
        let (whole, has_spaces) = ungrouped(whole, decimal_mark)?;
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || power.unsigned_abs() > EXPONENT_MAX {
            return None;
        }
        let digits = whole.clone() + fraction;
        let significant = digits.trim_start_matches('0');
        let leading = digits.len() - significant.len();
        let exponent = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + power;
        let exponent = if percent.is_some() { exponent - 2 } else { exponent };
        let value = Decimal::new(is_minus || in_brackets.is_some(), significant, exponent);
        Some(Self {
            value,
            digits: significant.len(),
            has_plus,
            has_leading_zeros: whole.len() > 1 && whole.starts_with('0'),
            has_fraction: !fraction.is_empty(),
            has_exponent: text.len() > mantissa.len(),
            has_spaces,
            is_percent: percent.is_some(),
        })
    }

    /// No spreadsheet writes a plus, leading zeros or plain spaces between groups of digits.
    fn is_of_a_spreadsheet(&self) -> bool {
        !self.has_plus && !self.has_leading_zeros && !self.has_spaces
    }

    fn rewritten_as(&self, now: &Self) -> Rewritten {
        match self {
            _ if now.has_exponent => Rewritten::AsExponent,
            _ if now.value != self.value => Rewritten::LostDigits,
            Written { has_plus: true, .. } => Rewritten::LostPlus,
            Written { has_leading_zeros: true, .. } => Rewritten::LostZeros,
            Written { has_exponent: true, .. } => Rewritten::AsExponent,
            _ if self.is_percent || now.is_percent => Rewritten::AsPercent,
            _ => Rewritten::Otherwise,
        }
    }
}

/// The digits without the marks between groups of three, and whether spaces were among the marks.
fn ungrouped(whole: &str, decimal_mark: char) -> Option<(String, bool)> {
    let is_mark = |c: char| {
        c != decimal_mark && matches!(c, '.' | ',' | '\'' | '\u{2019}' | ' ' | '\u{A0}' | '\u{202F}')
    };
    if whole.is_empty() || !whole.chars().all(|c| c.is_ascii_digit() || is_mark(c)) {
        return None;
    }
    let mark = whole.chars().find(|c| is_mark(*c));
    if let Some(mark) = mark {
        let mut groups = whole.split(mark);
        let is_first = groups.next().is_some_and(|first| (1..=3).contains(&first.len()));
        if !is_first || !groups.all(|group| group.len() == 3) {
            return None;
        }
    }
    let digits: String = whole.chars().filter(|c| Some(*c) != mark).collect();
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some((digits, mark == Some(' ')))
}

impl Decimal {
    /// `0.DIGITS` times ten to the power of `exponent`.
    fn new(is_negative: bool, digits: &str, exponent: i64) -> Self {
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Self { is_negative: false, digits, exponent: 0 };
        }
        Self { is_negative, digits, exponent }
    }

    /// The first `count` digits, the rest left out.
    fn cut(&self, count: usize) -> Self {
        let digits = self.digits.get(..count).unwrap_or(&self.digits);
        Self::new(self.is_negative, digits, self.exponent)
    }

    /// The first `count` digits, rounded.
    fn rounded(&self, count: usize) -> Self {
        let is_up = self.digits.as_bytes().get(count).is_some_and(|digit| *digit >= b'5');
        let mut digits = self.digits.get(..count).unwrap_or(&self.digits).as_bytes().to_vec();
        let mut carry = is_up;
        for digit in digits.iter_mut().rev() {
            if !carry {
                break;
            }
            carry = *digit == b'9';
            *digit = if carry { b'0' } else { *digit + 1 };
        }
        let digits: String = digits.into_iter().map(char::from).collect();
        match carry {
            true => Self::new(self.is_negative, &format!("1{digits}"), self.exponent + 1),
            false => Self::new(self.is_negative, &digits, self.exponent),
        }
    }

    fn as_float(&self) -> Option<f64> {
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}0.{}e{}", self.digits, self.exponent).parse().ok()
    }
}
