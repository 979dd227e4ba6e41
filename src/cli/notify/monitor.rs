//! The address of a monitor, which may be a pattern.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use super::run_summary::RunSummary;
use crate::transport::{is_loopback, may_be_private};

/// What a pattern may contain.
const PLACEHOLDERS: [&str; 3] = ["status", "code", "message"];

/// All characters that have a meaning in a URL, or no place in it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The address of `--notify-url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MonitorUrl {
    url: Url,
    /// Whether the path or the query has a placeholder.
    is_pattern: bool,
}

impl MonitorUrl {
    /// https for any host; http for this machine and for hosts in the operator's own network. A name is accepted here;
    /// nothing is sent if it has a public address.
    ///
    /// # Errors
    /// How to write it. The text itself is a secret, so no error quotes it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "write it as https://HOST/PATH; http:// is only for this machine and for private addresses such as 192.168.1.5"
                .to_owned()
        };
        let url: Url = text.trim().parse().map_err(|_| wrong())?;
        if !(url.scheme() == "https" || url.scheme() == "http" && may_be_private(&url)) {
            return Err(wrong());
        }
        if !placeholders(&url[..Position::BeforePath]).is_empty() {
            return Err("a placeholder may be in the path and after the `?`, not before".to_owned());
        }
        if !placeholders(&url[Position::AfterQuery..]).is_empty() {
            return Err("a placeholder may not be after the `#`, which is never sent".to_owned());
        }
        let found = placeholders(&url[Position::BeforePath..Position::AfterQuery]);
        if found.iter().any(|name| !PLACEHOLDERS.contains(&name.as_str())) {
            return Err("the placeholders are {status}, {code} and {message}".to_owned());
        }
        Ok(Self { is_pattern: !found.is_empty(), url })
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether others in the network can read the figures, and the address, which is enough to send notifications.
    pub(crate) fn is_readable_by_others(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    /// A pattern has no place for the start of a run, and takes GET requests.
    pub(super) fn is_pattern(&self) -> bool {
        self.is_pattern
    }

    pub(super) fn as_url(&self) -> &Url {
        &self.url
    }

    /// The address of an event: `start`, `fail`, or success.
    pub(super) fn with_suffix(&self, suffix: Option<&str>) -> Url {
        let mut url = self.url.clone();
        if let (Some(suffix), Ok(mut path)) = (suffix, url.path_segments_mut()) {
            path.pop_if_empty().push(suffix);
        }
        url
    }

    /// The pattern with the result of the run in it.
    pub(super) fn filled(&self, digest: &RunSummary) -> Url {
        let status = if digest.success { "up" } else { "down" };
        let values = [status.to_owned(), digest.exit_code.to_string(), digest.sentence()];
        let (before, after) =
            (&self.url[..Position::BeforePath], &self.url[Position::BeforePath..Position::AfterQuery]);
        let mut filled = with_braces(after);
        for (name, value) in PLACEHOLDERS.iter().zip(values) {
            let value = utf8_percent_encode(&value, ENCODED).to_string();
            filled = filled.replace(&format!("{{{name}}}"), &value);
        }
        // What is filled in has no character with a meaning.
        format!("{before}{filled}").parse().unwrap_or_else(|_| self.url.clone())
    }
}

/// With braces as they are. A URL encodes braces in its path, but not in its query, and may be given with either case.
fn with_braces(part: &str) -> String {
    let plain = [("%7B", "{"), ("%7b", "{"), ("%7D", "}"), ("%7d", "}")];
    plain.iter().fold(part.to_owned(), |part, (encoded, brace)| part.replace(encoded, brace))
}

/// The names between braces.
fn placeholders(part: &str) -> Vec<String> {
    let part = with_braces(part);
    let pieces = part.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    pieces.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit_code: u8, success: bool) -> RunSummary {
        let meaning = "done, but 1 & 2 are 100% wrong";
        RunSummary { command: "import".to_owned(), exit_code, meaning, success, standing: None, run: None }
    }

    #[test]
    fn the_suffix_goes_to_the_path() {
        let check = |url: &str, expected: &str| {
            let monitor = MonitorUrl::parse(url).unwrap();
            assert_eq!(monitor.with_suffix(Some("fail")).as_str(), expected);
            assert_eq!(monitor.with_suffix(None), url.parse().unwrap());
        };
        check("https://hc.example/ping/abc", "https://hc.example/ping/abc/fail");
        check("https://hc.example/ping/abc/?team=1", "https://hc.example/ping/abc/fail?team=1");
        check("https://hc.example", "https://hc.example/fail");
    }

    #[test]
    fn a_pattern_is_filled_in() {
        let check = |pattern: &str, exit_code: u8, success: bool, expected: &str| {
            let monitor = MonitorUrl::parse(pattern).unwrap();
            assert!(monitor.is_pattern(), "{pattern}");
            assert_eq!(monitor.filled(&ended(exit_code, success)).as_str(), expected, "{pattern}");
        };
        let message = "done%2C%20but%201%20%26%202%20are%20100%25%20wrong";
        let kuma = "https://kuma.example/api/push/abc?status={status}&msg={message}&ping=";
        let filled =
            |status| format!("https://kuma.example/api/push/abc?status={status}&msg={message}&ping=");
        check(kuma, 0, true, &filled("up"));
        check(kuma, 4, false, &filled("down"));
        check("https://hc.example/ping/abc/{code}", 3, false, "https://hc.example/ping/abc/3");
        check("https://hc.example/{code}/{message}", 3, false, &format!("https://hc.example/3/{message}"));
        check("https://hc.example/{code}?{code}={code}#top", 3, true, "https://hc.example/3?3=3");
        check("https://hc.example/%7bcode%7d?s=%7Bstatus%7d", 3, true, "https://hc.example/3?s=up");
        assert!(!MonitorUrl::parse("https://hc.example/ping?a={}&b={1}").unwrap().is_pattern());
    }

    #[test]
    fn an_address_is_encrypted_or_in_the_own_network() {
        let check = |url: &str, expected: Option<bool>| {
            let readable = MonitorUrl::parse(url).ok().map(|monitor| monitor.is_readable_by_others());
            assert_eq!(readable, expected, "{url}");
        };
        check("https://hc.example/x", Some(false));
        check("http://127.0.0.1:3001/x", Some(false));
        check("http://192.168.1.5:3001/x", Some(true));
        check("http://kuma:3001/x", Some(true));
        check("http://nas.lan/x", Some(true));
        for refused in [
            "http://ai./x",
            "http://8.8.8.8/x",
            "ftp://127.0.0.1/x",
            "hc.example/x",
            "https://{code}.example/x",
            "https://user:{code}@hc.example/x",
            "https://hc.example/x?state={state}",
            "https://hc.example/x?code={code}#{code}",
            "https://hc.example/x#%7bcode%7d",
        ] {
            check(refused, None);
        }
    }
}
