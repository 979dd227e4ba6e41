//! The decimal digits of a number, rounded as spreadsheets do.

/// A spreadsheet keeps at most this many digits of a number.
pub(super) const DIGITS_MAX: usize = 15;

/// A number as its decimal digits, as far as a spreadsheet keeps them.
pub(super) struct Decimal {
    pub(super) digits: Vec<u8>,
    /// How many digits are before the decimal point; negative if zeros follow the point.
    pub(super) point: i32,
}

impl Decimal {
    pub(super) fn of(number: f64) -> Self {
        let formatted = format!("{number:.*e}", DIGITS_MAX - 1);
        let (digits, exponent) = formatted.split_once('e').unwrap_or((&formatted, "0"));
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).collect();
        let is_zero = digits.iter().all(|&digit| digit == b'0');
        let point = exponent.parse::<i32>().unwrap_or(0) + 1;
        if is_zero { Self { digits: Vec::new(), point: 0 } } else { Self { digits, point } }
    }

    /// Rounds half away from zero, as spreadsheets do.
    pub(super) fn round(&mut self, decimals: usize) {
        let kept = i64::from(self.point) + i64::try_from(decimals).unwrap_or(i64::MAX / 2);
        let Ok(kept) = usize::try_from(kept) else {
            self.digits.clear();
            return;
        };
        if kept >= self.digits.len() {
            return;
        }
        let rounds_up = self.digits[kept] >= b'5';
        self.digits.truncate(kept);
        if !rounds_up {
            return;
        }
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
        self.point += 1;
    }

    pub(super) fn digit(&self, index: i32) -> char {
        let digit = usize::try_from(index).ok().and_then(|index| self.digits.get(index));
        digit.map_or('0', |&digit| char::from(digit))
    }

    /// The digits before the point; none if there is only a zero.
    pub(super) fn whole(&self) -> String {
        if self.digits.is_empty() {
            String::new()
        } else {
            (0..self.point).map(|index| self.digit(index)).collect()
        }
    }

    pub(super) fn fraction(&self, decimals: usize) -> String {
        let decimals = i32::try_from(decimals).unwrap_or(i32::MAX);
        (0..decimals).map(|index| self.digit(self.point.saturating_add(index))).collect()
    }
}
