//! Dates and times as people write them, and as spreadsheets write the same dates and times.

use jiff::Span;
use jiff::civil::Date;

use super::number;

/// The names of the months in the languages of Europe, in lower case, and abbreviations that no name begins with. A name
/// that means two months in two languages is here twice.
const MONTHS: [&str; 12] = [
    "january januar jänner janvier enero gennaio januari janeiro styczeń stycznia leden ledna január tammikuuta \
     января январь ocak ianuarie siječanj siječnja januara ιανουαρίου januarja",
    "february februar februari février febrero febbraio fevereiro luty lutego únor února február helmikuuta февраля \
     февраль şubat februarie veljača veljače februara φεβρουαρίου",
    "march märz mars marzo maart março marec marts marzec marca březen března március maaliskuuta марта март mart martie \
     ožujak ožujka μαρτίου mrz mrt",
    "april avril abril aprile kwiecień kwietnia duben dubna apríl április huhtikuuta апреля апрель nisan aprilie travanj \
     travnja aprila απριλίου",
    "may mai mayo maggio mei maio maj maja květen května máj május toukokuuta мая май mayıs svibanj svibnja μαΐου",
    "june juni juin junio giugno junho czerwiec czerwca červen června jún június kesäkuuta июня июнь haziran iunie lipanj \
     lipnja juna ιουνίου",
    "july juli juillet julio luglio julho lipiec lipca červenec července júl július heinäkuuta июля июль temmuz iulie \
     srpanj srpnja jula ιουλίου čvc",
    "august août agosto augustus sierpień sierpnia srpen srpna augusztus elokuuta августа август ağustos kolovoz kolovoza \
     augusta augusti αυγούστου",
    "september septembre septiembre setiembre settembre setembro wrzesień września září szeptember syyskuuta сентября \
     сентябрь eylül septembrie rujan rujna septembra σεπτεμβρίου",
    "october oktober octobre octubre ottobre outubro październik października říjen října október lokakuuta октября \
     октябрь ekim octombrie listopad listopada oktobra οκτωβρίου",
    "november novembre noviembre novembro listopad listopada marraskuuta ноября ноябрь kasım noiembrie studeni studenog \
     novembra νοεμβρίου",
    "december dezember décembre diciembre dicembre dezembro desember grudzień grudnia prosinec prosince joulukuuta декабря \
     декабрь aralık decembrie prosinac prosinca decembra δεκεμβρίου",
];

/// The day 0 of the two calendars of spreadsheets.
const DAY_ZERO: [Date; 2] = [jiff::civil::date(1899, 12, 30), jiff::civil::date(1904, 1, 1)];

/// The days of the years 1954 to 2119. Other numbers are seldom the number of a day.
const DAYS: std::ops::Range<i64> = 20_000..80_000;

const DAY_SECONDS: f64 = 86_400.0;

/// A date as far as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    /// With two or four digits.
    year: Option<u16>,
    month: u8,
    day: Option<u8>,
}

/// A text that can be read as a date, perhaps in several ways.
#[derive(Debug, Default)]
struct DateText {
    readings: Vec<Reading>,
    /// It has a year or the name of a month, as every date that a spreadsheet writes.
    is_of_a_spreadsheet: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Number { value: u16, digits: usize },
    Word(&'a str),
}

/// May a spreadsheet have written this text as a date?
pub(crate) fn is_date(text: &str) -> bool {
    let text = DateText::read(text);
    text.is_of_a_spreadsheet && !text.readings.is_empty()
}

/// A spreadsheet has read `original` as a date and written it as `now`.
pub(super) fn is_rewritten_date(original: &str, now: &str) -> bool {
    let meant = DateText::read(original);
    let is_meant = |date: Date| {
        let date = Reading {
            year: u16::try_from(date.year()).ok(),
            month: date.month().unsigned_abs(),
            day: Some(date.day().unsigned_abs()),
        };
        meant.readings.iter().any(|meant| meant.may_be(date))
    };
    if !meant.readings.is_empty()
        && let Some(day) = day_number(now)
    {
        return day_zero_and(day).any(is_meant);
    }
    let shown = DateText::read(now);
    let shown_days = || {
        shown.readings.iter().filter_map(|reading| {
            Date::new(
                i16::try_from(reading.year?).ok()?,
                i8::try_from(reading.month).ok()?,
                i8::try_from(reading.day?).ok()?,
            )
            .ok()
        })
    };
    // A number in a column whose cells are shown as dates.
    if let Ok(number) = original.parse::<u32>() {
        return day_zero_and(i64::from(number)).any(|date| shown_days().any(|shown| shown == date));
    }
    shown.is_of_a_spreadsheet
        && meant.readings.iter().any(|meant| shown.readings.iter().any(|shown| meant.may_be(*shown)))
}

/// A spreadsheet has read `original` as a time and written it as `now`.
pub(super) fn is_rewritten_time(original: &str, now: &str) -> bool {
    let Some(meant) = seconds(original) else { return false };
    let is_meant = |seconds: f64| (seconds - meant).abs() < 1.0;
    if let Some(days) = number::value(now) {
        return is_meant(days * DAY_SECONDS);
    }
    // With the day 0, on which a time without a date is.
    let (date, time) = split_time(now);
    let is_day_zero =
        |date: &str| date.is_empty() || ["1899", "1900", "1904"].iter().any(|y| date.contains(y));
    let shown = time.and_then(seconds).filter(|_| is_day_zero(date));
    shown.is_some_and(|shown| is_meant(shown) || is_meant(shown + DAY_SECONDS))
}

/// Is it a day in the form that programs exchange, `2026-08-14`, perhaps with a time?
pub(super) fn is_iso(text: &str) -> bool {
    text.get(..10).is_some_and(|day| day.parse::<Date>().is_ok()) && text.as_bytes()[4] == b'-'
}

fn day_number(text: &str) -> Option<i64> {
    let whole = text.split(['.', ',']).next()?;
    let day = whole.parse().ok().filter(|day| DAYS.contains(day))?;
    number::value(text).map(|_| day)
}

fn day_zero_and(days: i64) -> impl Iterator<Item = Date> {
    let span = Span::new().try_days(days).ok();
    DAY_ZERO.into_iter().filter_map(move |zero| zero.checked_add(span?).ok())
}

impl Reading {
    /// The parts that both have are the same.
    fn may_be(self, shown: Self) -> bool {
        let is_year = match (self.year, shown.year) {
            (Some(a), Some(b)) => a == b || (a.min(b) < 100 && a % 100 == b % 100),
            _ => true,
        };
        let is_day = match (self.day, shown.day) {
            (Some(a), Some(b)) => a == b,
            // A month without a day begins with its first.
            (None, day) => day.is_none_or(|day| day == 1),
            (Some(_), None) => false,
        };
        is_year && is_day && self.month == shown.month
    }
}

impl DateText {
    fn read(text: &str) -> Self {
        let (date, time) = split_time(text);
        let has_digit = date.bytes().any(|byte| byte.is_ascii_digit());
        if !has_digit || time.is_some_and(|time| seconds(time).is_none()) {
            return Self::default();
        }
        let Some((tokens, has_unit)) = tokens(date) else { return Self::default() };
        let mut numbers = Vec::new();
        let mut months = Vec::new();
        let mut words = 0;
        for token in &tokens {
            match token {
                Token::Number { value, digits } => numbers.push((*value, *digits)),
                Token::Word(word) => {
                    words += 1;
                    months.extend(months_named(word));
                }
            }
        }
        if words > 1 || (words == 1 && months.is_empty()) {
            return Self::default();
        }
        let is_year = |(_, digits): (u16, usize)| digits == 4;
        let has_year = numbers.len() == 3 || numbers.iter().any(|number| is_year(*number));
        let is_of_a_spreadsheet = has_year || words == 1 || has_unit;
        let mut readings = Vec::new();
        let mut add = |year: Option<(u16, usize)>, month: u16, day: Option<(u16, usize)>| {
            let is_short = |number: Option<(u16, usize)>| number.is_none_or(|(_, digits)| digits <= 2);
            let year_is_one = year.is_none_or(|year| is_year(year) || year.1 <= 2);
            let day_is_one = is_short(day) && day.is_none_or(|(day, _)| (1..=31).contains(&day));
            if year_is_one && day_is_one && (1..=12).contains(&month) {
                readings.push(Reading {
                    year: year.map(|(year, _)| year),
                    month: u8::try_from(month).unwrap_or_default(),
                    day: day.and_then(|(day, _)| u8::try_from(day).ok()),
                });
            }
        };
        match (&months[..], &numbers[..]) {
            ([], &[a, b, c]) => {
                add(Some(a), b.0, Some(c));
                add(Some(c), b.0, Some(a));
                add(Some(c), a.0, Some(b));
            }
            ([], &[a, b]) => {
                add(None, a.0, Some(b));
                add(None, b.0, Some(a));
                add(Some(a), b.0, None);
                add(Some(b), a.0, None);
            }
            (months, &[a]) => {
                for &month in months {
                    add(None, month, Some(a));
                    add(Some(a), month, None);
                }
            }
            (months, &[a, b]) => {
                for &month in months {
                    add(Some(a), month, Some(b));
                    add(Some(b), month, Some(a));
                }
            }
            _ => {}
        }
        Self { readings, is_of_a_spreadsheet }
    }
}

/// The months that a word means, in full or as the beginning of a name.
fn months_named(word: &str) -> impl Iterator<Item = u16> {
    let word = word.to_lowercase();
    let is_it = move |names: &str| {
        word.chars().count() >= 3 && names.split_whitespace().any(|name| name.starts_with(&word))
    };
    (1_u16..).zip(MONTHS).filter(move |(_, names)| is_it(names)).map(|(month, _)| month)
}

/// Numbers and words, and whether the numbers have the signs for year, month and day of East Asia. `None` if the text is
/// no date, because it has other characters, or nothing but spaces between two numbers.
fn tokens(text: &str) -> Option<(Vec<Token<'_>>, bool)> {
    const PARTS_MAX: usize = 5;
    let mut tokens = Vec::new();
    let mut has_unit = false;
    let mut is_separated = true;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let class = |c: char| match c {
            '0'..='9' => 0,
            '年' | '月' | '日' | '년' | '월' | '일' => 1,
            c if c.is_alphabetic() => 2,
            c if c.is_whitespace() => 3,
            '-' | '/' | '.' | ',' | '\'' | '\u{2019}' => 4,
            _ => 5,
        };
        let kind = class(first);
        let end = rest.find(|c| class(c) != kind).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        match kind {
            0 => {
                if !is_separated || part.len() > 4 || tokens.len() == PARTS_MAX {
                    return None;
                }
                tokens.push(Token::Number { value: part.parse().ok()?, digits: part.len() });
                is_separated = false;
            }
            1 => {
                has_unit = true;
                is_separated = true;
            }
            2 => {
                is_separated = true;
                // `1st`, `1 de enero`.
                if !matches!(
                    part.to_ascii_lowercase().as_str(),
                    "st" | "nd" | "rd" | "th" | "de" | "di" | "of"
                ) {
                    tokens.push(Token::Word(part));
                }
            }
            3 => {}
            4 if part.len() == 1 || part == "\u{2019}" => is_separated = true,
            _ => return None,
        }
        rest = after;
    }
    // A month may also be at the side of a number without anything between: `MAR1`, `MAR 1`.
    Some((tokens, has_unit))
}

/// The date and the time of a text; without a date, the time alone.
fn split_time(text: &str) -> (&str, Option<&str>) {
    let Some(colon) = text.find(':') else { return (text, None) };
    let before = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
    let date = before.trim_end_matches(['T', ' ']);
    (date, Some(text[before.len()..].trim_end_matches('Z')))
}

/// `3:30`, `03:30:00`, `3:30 PM` in seconds.
fn seconds(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (clock, half) = match lower.strip_suffix('m').and_then(|rest| {
        let half = rest.chars().next_back().filter(|c| matches!(c, 'a' | 'p'))?;
        Some((rest[..rest.len() - 1].trim_end(), half))
    }) {
        Some((clock, half)) => (clock, Some(half)),
        None => (lower.as_str(), None),
    };
    let mut parts = clock.split(':');
    let is_number =
        |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let hours: f64 = parts.next().filter(is_number)?.parse().ok()?;
    let minutes: f64 = parts.next().filter(is_number).filter(|part| part.len() <= 2)?.parse().ok()?;
    let seconds: f64 = match parts.next() {
        Some(part) => number::value(part)?,
        None => 0.0,
    };
    if parts.next().is_some() || minutes >= 60.0 || seconds >= 60.0 {
        return None;
    }
    let hours = match half {
        Some(_) if !(1.0..=12.0).contains(&hours) => return None,
        Some('p') => hours % 12.0 + 12.0,
        Some(_) => hours % 12.0,
        None => hours,
    };
    Some(hours * 3600.0 + minutes * 60.0 + seconds)
}
