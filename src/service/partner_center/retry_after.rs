//! Computes how long to wait after a 429.

use std::time::Duration;

use jiff::Timestamp;

/// Used if a 429 gives no time that can be parsed (fact book 12).
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// No wait is longer than a day, whatever the header says: a nonsense value must not stop a run for a year.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// No wait is shorter: retrying a 429 immediately would be a loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The wait that a 429 requests: the header as seconds or as an HTTP date, else the number in the text ("Try again in
/// 57 seconds."), else a minute.
pub fn wait(header: Option<&str>, text: &str, now: Timestamp) -> Duration {
    header
        .and_then(|value| seconds(value).or_else(|| until_date(value, now)))
        .or_else(|| seconds_in_text(text))
        .unwrap_or(DEFAULT_WAIT)
        .clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

fn seconds(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

fn until_date(value: &str, now: Timestamp) -> Option<Duration> {
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    // Not as `SystemTime`: Windows has none before 1601, and making one panics.
    let date = Timestamp::try_from(date).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn seconds_in_text(text: &str) -> Option<Duration> {
    let text = text.to_ascii_lowercase();
    let (_, after) = text.split_once("try again in ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood_and_nonsense_is_a_minute() {
        let now: Timestamp = "2020-07-21T04:10:58Z".parse().unwrap();
        let text = "Rate limit is exceeded. Try again in 57 seconds.";
        let cases: [(Option<&str>, &str, u64); 8] = [
            (Some("57"), "", 57),
            (Some(" 3 "), text, 3),
            (Some("Tue, 21 Jul 2020 04:11:08 GMT"), text, 10),
            (Some("Tue, 21 Jul 2020 04:10:00 GMT"), text, 1),
            (None, text, 57),
            (Some("soon"), text, 57),
            (Some("-1"), "slow down", 60),
            (Some("99999999999"), "", 86400),
        ];
        for (header, text, expected) in cases {
            assert_eq!(wait(header, text, now), Duration::from_secs(expected), "{header:?} {text:?}");
        }
    }
}
