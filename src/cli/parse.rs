//! Parses values of options. Error messages show the correct form.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Command, ValueEnum as _};
use url::Url;
use uuid::Uuid;

use super::exit_code::ExitCode;
use crate::call::Rate;
use crate::customer::Field;
use crate::ledger::State;
use crate::nearest::nearest;
use crate::problem::{Kind, Rule};
use crate::reader::{Encoding, suggested_field};
use crate::submitter::MaxFailures;

/// `450/min`, `8/s` or `unlimited`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(Rate::Unlimited);
    }
    let wrong = || "write it as `450/min`, `8/s` or `unlimited`".to_owned();
    let (requests, unit) = text.split_once('/').ok_or_else(wrong)?;
    let requests: NonZeroU32 = requests.trim().parse().map_err(|_| wrong())?;
    let window = match unit.trim() {
        "s" | "sec" => Duration::from_secs(1),
        "min" | "m" => Duration::from_secs(60),
        _ => return Err(wrong()),
    };
    Ok(Rate::Limited { requests, window })
}

/// A host in the form of a URL, such as `api.example.com`, with its port unless that is the scheme's default.
pub(super) fn api_host(text: &str) -> Result<String, String> {
    let wrong = || "write it as HOST or HOST:PORT, without `https://` and without a path".to_owned();
    if text.contains(['/', '@', '?', '#', '\\']) {
        return Err(wrong());
    }
    // URLs omit the default port of their scheme. With two schemes, a port that was typed is never lost.
    let with =
        |scheme: &str| -> Result<Url, String> { format!("{scheme}://{text}/").parse().map_err(|_| wrong()) };
    let (http, https) = (with("http")?, with("https")?);
    let host = http.host_str().ok_or_else(wrong)?;
    match http.port().or(https.port()) {
        Some(port) => Ok(format!("{host}:{port}")),
        None if text.ends_with(':') => Err(wrong()),
        None => Ok(host.to_owned()),
    }
}

/// `25` or `5%`.
pub(super) fn failures(text: &str) -> Result<MaxFailures, String> {
    let wrong = || "write it as `25` or `5%`, from 1 on".to_owned();
    match text.trim().strip_suffix('%') {
        Some(percent) => match percent.trim().parse() {
            Ok(percent @ 1..=100) => Ok(MaxFailures::Percent(percent)),
            _ => Err(wrong()),
        },
        None => text.trim().parse().map(MaxFailures::Rows).map_err(|_| wrong()),
    }
}

/// The name of a state of a row.
pub(super) fn row_state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::OF_ROWS.map(State::name)).try_map(|name| name.parse::<State>())
}

/// The value of a switch: `true`, `yes`, `1`, …
pub(super) fn switch(text: &str) -> Result<bool, String> {
    let parsed = BoolishValueParser::new().parse_ref(&Command::new(""), None, OsStr::new(text.trim()));
    parsed.map_err(|_| "write `true` or `false`".to_owned())
}

/// A whole number, such as `50`.
pub(super) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "write a whole number, such as `50`".to_owned())
}

/// How much more to print, in the variable of `-v`.
pub(super) fn verbosity(text: &str) -> Result<u8, String> {
    let wrong = "write 1 for events, 2 for every attempt, or 3 for everything";
    text.trim().parse().map_err(|_| wrong.to_owned())
}

/// A whole number from 1 on.
pub(super) fn from_one<T: FromStr>(text: &str) -> Result<T, String> {
    let text = text.trim();
    let is_zero = text.trim_start_matches('+').bytes().all(|byte| byte == b'0');
    let number = text.parse().ok().filter(|_| !is_zero);
    number.ok_or_else(|| "write a whole number from 1 on, such as `8`".to_owned())
}

/// Longer times make no difference. Invariant: adding the time of an option to a clock never overflows.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// `90s`, `15m`, `4h`, `1h 30m`; at most 100 years.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    parsed
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .map(|duration| duration.min(LONGEST))
        .ok_or_else(|| "write it as `90s`, `15m` or `4h`".to_owned())
}

/// A duration in which something can happen.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|duration| match duration.is_zero() {
        true => Err("nothing can be done in no time; write it as `90s`, `15m` or `4h`".to_owned()),
        false => Ok(duration),
    })
}

/// `90d`, `12w`, `36h`; a day has 24 hours. Without minutes, because `3m` looks like three months.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "write whole days or weeks, such as `90d` or `12w`".to_owned();
    if text.contains('m') {
        return Err(wrong());
    }
    let span: jiff::Span = text.trim().parse().map_err(|_| wrong())?;
    let exact = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(exact).map(|age| age.min(LONGEST)).map_err(|_| wrong())
}

/// `Column header=field`.
pub(super) fn column(text: &str) -> Result<(String, Field), String> {
    let (header, name) = text.rsplit_once('=').ok_or("write it as `Column header=field`")?;
    Ok((header.to_owned(), field(name)?))
}

/// `field=value`, for a field that several rows can share.
pub(super) fn default(text: &str) -> Result<(Field, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as `field=value`")?;
    let field = field(name)?;
    if !field.can_have_default() {
        let why = match field {
            Field::Domain => "each row needs its own",
            _ => "an acceptance has no defaults",
        };
        return Err(format!("`{field}` has no default: {why}"));
    }
    if value.trim().is_empty() {
        return Err(format!("add the value for empty cells of `{field}`, as in `{field}=value`"));
    }
    Ok((field, value.trim().to_owned()))
}

fn field(name: &str) -> Result<Field, String> {
    let field = Field::ALL.into_iter().find(|field| field.name() == name.trim());
    field.ok_or_else(|| {
        let meant = suggested_field(name).map(|field| format!(", nearest is `{field}`")).unwrap_or_default();
        let names = Field::ALL.map(Field::name).join(", ");
        format!("`{}` is not a field{meant}; the fields are {names}", name.trim())
    })
}

/// A domain of mail addresses, in lower case.
pub(super) fn partner_domain(text: &str) -> Result<String, String> {
    let domain = text.trim().trim_start_matches('@').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if domain.contains('.') && domain.split('.').all(is_label) {
        return Ok(domain);
    }
    Err("write it as `contoso.com`".to_owned())
}

/// A rule whose problems can be warnings.
pub(super) fn warn(text: &str) -> Result<Rule, String> {
    let names = || {
        let doubts = Rule::ALL.iter().filter(|rule| rule.kind() == Kind::Doubt);
        doubts.map(|rule| rule.name()).collect::<Vec<_>>().join(", ")
    };
    match Rule::ALL.iter().find(|rule| rule.name() == text.trim()) {
        None => {
            let near = nearest(text.trim(), Rule::ALL.iter().map(|rule| rule.name()));
            let near = near.map(|near| format!(", nearest is `{near}`")).unwrap_or_default();
            Err(format!("there is no such rule{near}; the rules are {}", names()))
        }
        Some(rule) if rule.kind() == Kind::Error => Err(format!(
            "what breaks this rule cannot be sent, so it cannot be a warning; the rules are {}",
            names()
        )),
        Some(rule) => Ok(*rule),
    }
}

/// The tenant id of a reseller.
pub(super) fn tenant_id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "write it as a GUID, such as `8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951`".to_owned())
}

/// The address that a server listens on.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write it as an address and a port, such as `127.0.0.1:8787`".to_owned())
}

pub(super) const DELIMITERS: [(&str, u8); 4] =
    [("comma", b','), ("semicolon", b';'), ("tab", b'\t'), ("pipe", b'|')];

/// A delimiter by its name or as the character.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    let is_meant = |(name, byte): &&(&str, u8)| {
        text == *name || text.as_bytes() == [*byte] || (text == "\\t" && *name == "tab")
    };
    let delimiter = DELIMITERS.iter().find(is_meant).map(|(_, byte)| *byte);
    delimiter.ok_or_else(|| "one of comma, semicolon, tab, pipe".to_owned())
}

/// The name of a delimiter.
pub(super) fn delimiter_name(delimiter: u64) -> Option<&'static str> {
    DELIMITERS.iter().find(|(_, byte)| u64::from(*byte) == delimiter).map(|(name, _)| *name)
}

/// The encodings that lists are most often in.
pub(super) const COMMON_ENCODINGS: [&str; 7] =
    ["utf-8", "windows-1252", "windows-1250", "macintosh", "cp850", "shift_jis", "gbk"];

/// `windows-1252`, `cp850`, or another name of an encoding.
pub(super) fn encoding(text: &str) -> Result<Encoding, String> {
    Encoding::named(text).ok_or_else(|| {
        let near: Vec<_> = Encoding::names_near(text).iter().map(|name| format!("`{name}`")).collect();
        let nearest =
            if near.is_empty() { String::new() } else { format!("nearest is {}; ", near.join(" or ")) };
        let [names @ .., last] = COMMON_ENCODINGS;
        format!("{nearest}names are such as {} or {last}", names.join(", "))
    })
}

/// A country code, such as `PT`.
pub(super) fn country(text: &str) -> Result<String, String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code
        .then(|| text.to_ascii_uppercase())
        .ok_or_else(|| "write it as two letters, such as `PT`".to_owned())
}

/// The number of an exit code, such as `3`.
pub(super) fn exit_code(text: &str) -> Result<ExitCode, String> {
    let number = text.trim().parse().ok();
    let code = ExitCode::value_variants().iter().find(|code| Some(code.number()) == number);
    code.copied().ok_or_else(|| {
        let known: Vec<_> = ExitCode::value_variants().iter().map(|code| code.number().to_string()).collect();
        format!("the exit codes are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn rates() {
        let limited = |n, seconds| Rate::Limited {
            requests: NonZeroU32::new(n).unwrap(),
            window: Duration::from_secs(seconds),
        };
        let check = |text, expected: Option<Rate>| assert_eq!(rate(text).ok(), expected, "{text}");
        check("450/min", Some(limited(450, 60)));
        check("8/s", Some(limited(8, 1)));
        check("unlimited", Some(Rate::Unlimited));
        for wrong in ["450", "0/min", "-1/s", "8/h", "/min", "fast"] {
            check(wrong, None);
        }
    }

    #[test]
    fn exit_codes() {
        let check = |text, expected: Option<ExitCode>| assert_eq!(exit_code(text).ok(), expected, "{text}");
        check("0", Some(ExitCode::Done));
        check(" 143 ", Some(ExitCode::Terminated));
        for wrong in ["", "7", "-1", "done", "0,3"] {
            check(wrong, None);
        }
    }

    #[test]
    fn ages_are_days_and_weeks() {
        let check = |text: &str, hours: Option<u64>| {
            let expected = hours.map(|hours| Duration::from_secs(hours * 3600));
            assert_eq!(age(text).ok(), expected, "{text}");
        };
        check("90d", Some(90 * 24));
        check(" 2w ", Some(14 * 24));
        check("0d", Some(0));
        check("1d 12h", Some(36));
        // `m` is minutes elsewhere, and a month has no fixed length.
        for wrong in ["", "90", "3m", "3 months", "90m", "1y", "-1d", "d", "soon"] {
            check(wrong, None);
        }
    }

    #[test]
    fn most_failures() {
        let check = |text, expected: Option<MaxFailures>| assert_eq!(failures(text).ok(), expected, "{text}");
        check("25", NonZeroU64::new(25).map(MaxFailures::Rows));
        check("5%", Some(MaxFailures::Percent(5)));
        check("100 %", Some(MaxFailures::Percent(100)));
        for wrong in ["", "0", "0%", "101%", "-1", "2.5%", "five"] {
            check(wrong, None);
        }
    }

    #[test]
    fn counts() {
        let check = |text, expected: Option<u64>| assert_eq!(count(text).ok(), expected, "{text}");
        check("0", Some(0));
        check("50", Some(50));
        for wrong in ["", "-1", "50%", "1,000", "many"] {
            check(wrong, None);
        }
    }

    #[test]
    fn defaults() {
        let check = |text, expected: Option<(Field, &str)>| {
            let found = default(text).ok();
            assert_eq!(found.as_ref().map(|(field, value)| (*field, value.as_str())), expected, "{text}");
        };
        check("country=GB", Some((Field::Country, "GB")));
        check(" company_name = A=B ", Some((Field::CompanyName, "A=B")));
        for wrong in ["country", "country=", "country= ", "land=GB", "domain=a", "agreement_date=2026-08-14"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn durations() {
        let check = |text, expected: Option<u64>| {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_secs), "{text}");
        };
        check("90s", Some(90));
        check("15m", Some(900));
        check("4h", Some(14400));
        check("1h 30m", Some(5400));
        check("0s", Some(0));
        check("9223372036854775807s", Some(LONGEST.as_secs()));
        for wrong in ["", "90", "-5s", "soon"] {
            check(wrong, None);
        }
    }
}
