//! Validates the columns of the customer's acceptance of the Microsoft Customer Agreement.
//!
//! Usually all of these columns are empty. If one is filled, the row makes a legal statement about a real person (fact
//! book 10), so every missing part is an error: no part is made up, and no part is sent without the others.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use tenantry_model::customer::{Agreement, Field};

use super::draft::Draft;
use super::report::ProblemCollector;
use super::{Settings, noted};
use tenantry_model::problem::{Finding, Rule};

/// A date without a time means its midnight in UTC; in the far east, the day begins this much earlier.
const DAY_BEGINS_EARLIER: Duration = Duration::from_secs(14 * 3600);

/// The agreement's documentation shows an acceptance of 2018 (fact book 10).
const FIRST_YEAR: i16 = 2018;

/// The acceptance, if its columns are filled and valid.
pub(super) fn check(
    draft: &Draft<'_>,
    settings: &Settings,
    report: &mut ProblemCollector<'_>,
) -> Option<Agreement> {
    let first = Field::AGREEMENT.into_iter().find(|&field| !draft[field].is_empty())?;
    if !settings.takes_agreements {
        let message = "cannot be recorded, because this cloud has no agreements";
        let finding = Finding::new(Rule::AgreementCloud, message).advise("empty the agreement columns");
        report.add(first, finding);
        return None;
    }
    for field in Field::AGREEMENT {
        if field != Field::AgreementPhone && draft[field].is_empty() {
            let message = format!("is required with `{first}`: who accepted the agreement, and when");
            let finding = Finding::new(Rule::AgreementIncomplete, message);
            report.add(field, finding.advise("fill it, or empty the other agreement columns"));
        }
    }
    let agreed_at = draft
        .sound(Field::AgreementDate)
        .and_then(|text| noted(parse_date(text, settings.now), Field::AgreementDate, report))?;
    Some(Agreement {
        first_name: draft.sound(Field::AgreementFirstName)?.to_owned(),
        last_name: draft.sound(Field::AgreementLastName)?.to_owned(),
        email: draft.sound(Field::AgreementEmail)?.to_owned(),
        phone_number: draft.sound(Field::AgreementPhone).map(str::to_owned),
        agreed_at: agreed_at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
    })
}

/// A day (`2026-08-14`) or a moment (`2026-08-14T09:30:00Z`). A date that could mean two days is an error.
fn parse_date(text: &str, now: Timestamp) -> Result<Timestamp, Finding> {
    let is_day = text.len() == "2026-08-14".len();
    let agreed_at = if is_day {
        text.parse::<Date>().and_then(|day| day.to_zoned(TimeZone::UTC)).map(|midnight| midnight.timestamp())
    } else {
        text.parse::<Timestamp>()
    };
    let agreed_at = agreed_at.map_err(|_| {
        Finding::new(Rule::AgreementDate, "must be a date such as `2026-08-14`")
            .suggest_value(turned_round(text))
    })?;
    let latest = if is_day { now.saturating_add(DAY_BEGINS_EARLIER) } else { Ok(now) };
    let message = if latest.is_ok_and(|latest| agreed_at > latest) {
        "is in the future; the agreement cannot have been accepted then"
    } else if agreed_at.to_zoned(TimeZone::UTC).year() < FIRST_YEAR {
        "is before the agreement existed; it cannot have been accepted then"
    } else {
        return Ok(agreed_at);
    };
    Err(Finding::new(Rule::AgreementDate, message))
}

/// `2026-08-14` for the formats that spreadsheets use: `14.08.2026`, `8/14/2026`, `2026/8/14`, also with a time after
/// the date. `None` if the day and the month could be swapped.
fn turned_round(text: &str) -> Option<String> {
    let day = text.split([' ', 'T']).next()?;
    let mut parts = day.split(['.', '/', '-']).map(|part| part.parse::<i16>());
    let (first, second, third) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let date = |year: i16, month: i16, day: i16| {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok().filter(|_| year >= FIRST_YEAR)
    };
    let candidates = [date(first, second, third), date(third, first, second), date(third, second, first)];
    let mut dates = candidates.into_iter().flatten();
    let found = dates.next()?;
    dates.all(|other| other == found).then(|| found.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let now: Timestamp = "2026-08-14T12:00:00Z".parse().unwrap();
        #[track_caller]
        fn check(now: Timestamp, text: &str, expected: Result<&str, Option<&str>>) {
            let parsed = parse_date(text, now).map(|at| at.to_string()).map_err(|finding| finding.suggestion);
            let parsed = parsed.as_deref().map_err(|suggestion| suggestion.as_deref());
            assert_eq!(parsed, expected, "{text}");
        }
        check(now, "2026-08-13", Ok("2026-08-13T00:00:00Z"));
        check(now, "2018-06-14T00:00:00.000Z", Ok("2018-06-14T00:00:00Z"));
        check(now, "2018-06-14T02:00:00+02:00", Ok("2018-06-14T00:00:00Z"));
        // In New Zealand it is already the next day.
        check(now, "2026-08-15", Ok("2026-08-15T00:00:00Z"));
        check(now, "2026-08-16", Err(None));
        check(now, "2026-02-30", Err(None));
        check(now, "14.08.2026", Err(Some("2026-08-14")));
        check(now, "8/14/2026", Err(Some("2026-08-14")));
        check(now, "5/5/2026", Err(Some("2026-05-05")));
        check(now, "4/5/2026", Err(None));
        check(now, "yesterday", Err(None));
        check(now, "46248", Err(None));
        check(now, "2026-08-14T13:00:00Z", Err(None));
        check(now, "2026/8/14", Err(Some("2026-08-14")));
        check(now, "2026-8-4", Err(Some("2026-08-04")));
        check(now, "2026-08-14 00:00:00", Err(Some("2026-08-14")));
        check(now, "1026-08-14", Err(None));
        check(now, "-002026-01-01T00:00:00Z", Err(None));
    }
}
