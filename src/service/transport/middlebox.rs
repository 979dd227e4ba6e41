//! Recognizes answers that a captive portal, proxy or firewall gave instead of the service.
//!
//! Partner Center and the sign-in service answer with JSON, or with an empty body and headers of their own; neither of
//! them redirects. So a redirect, a web page, and a success or refusal without a sign of the service come from a
//! middlebox. They are not a verdict on a row or a sign-in. Statuses that are never a verdict (408, 429, 5xx) are not
//! examined here, whatever their body is.

use url::Url;

use super::fault::{proxy_sign_in, with_hint};
use super::{NoResponse, Peer};

/// The parts of an answer that show where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct ResponseView<'a> {
    pub status: u16,
    pub content_type: &'a str,
    pub location: Option<&'a str>,
    /// The part of the body that arrived.
    pub body: &'a [u8],
    /// The answer has something that only the service sends: a header, or an error in the service's shape.
    pub is_of_the_service: bool,
}

impl ResponseView<'_> {
    /// Describes what answered, if it was not `peer`.
    pub fn silence(&self, peer: &Peer) -> Option<NoResponse> {
        let (status, host) = (self.status, &peer.host);
        let page = || {
            self.with_excerpt(
                &format!("a web page came instead of an answer from `{host}` (status {status})"),
                peer,
            )
        };
        let stranger = || {
            let reason =
                format!("a proxy or gateway seems to have answered instead of `{host}` (status {status})");
            self.with_excerpt(&reason, peer)
        };
        Some(match status {
            300..=399 => {
                let to = self.location.and_then(host_of).map(|to| format!(" to `{to}`")).unwrap_or_default();
                let reason = format!(
                    "`{host}` answered with a redirect{to} (status {status}); redirects are not followed"
                );
                with_hint(reason, self.hint(peer))
            }
            407 => proxy_sign_in("HTTPS_PROXY", peer),
            // "Network Authentication Required" is meant for captive portals.
            511 => page(),
            408 | 429 => return None,
            200..=299 | 400..=499 if self.is_of_the_service => return None,
            200..=299 | 400..=499 if self.is_web_page() => page(),
            200..=299 if !self.is_json() => stranger(),
            400..=499 => stranger(),
            _ => return None,
        })
    }

    /// The reason, followed by the text of the answer.
    fn with_excerpt(&self, reason: &str, peer: &Peer) -> NoResponse {
        let words = excerpt(self.body);
        let colon = if words.is_empty() { "" } else { ": " };
        with_hint(format!("{reason}{colon}{words}"), self.hint(peer))
    }

    fn hint(&self, Peer { host, option }: &Peer) -> String {
        match self.status {
            404 | 405 => format!(
                "check `{option}`; if it is right, a gateway or proxy answered: wait, or ask the people \
                 who run the network"
            ),
            _ => format!(
                "open a browser on this machine and sign in to the network, or ask for access to `{host}` \
                 through the proxy; otherwise check `{option}`"
            ),
        }
    }

    fn is_web_page(&self) -> bool {
        let body = self.body.trim_ascii_start();
        let starts_with =
            |tag: &str| body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
        self.content_type.contains("html") || starts_with("<!doctype html") || starts_with("<html")
    }

    fn is_json(&self) -> bool {
        let body = self.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.body);
        self.content_type.contains("json") || matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
    }
}

/// The host of a redirect; `None` if the location is relative.
fn host_of(location: &str) -> Option<String> {
    Some(Url::parse(location).ok()?.host_str()?.to_owned())
}

/// The first words of a text that may be a web page, without the tags.
pub fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(2048)]);
    let mut words = String::new();
    let mut in_tag = false;
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                words.push(' ');
            }
            c if !in_tag => words.push(if c.is_control() { ' ' } else { c }),
            _ => {}
        }
    }
    words.split_whitespace().take(40).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &[u8] = b"\n<!DOCTYPE html><title>Sign in</title><p>to <b>Hotel</b> Wi-Fi";
    const PAGE_CAME: &str = "a web page came instead of an answer from `api.example` (status ";
    const STRANGER: &str = "a proxy or gateway seems to have answered instead of `api.example` (status ";

    fn peer() -> Peer {
        Peer::api(&"https://api.example/".parse().unwrap())
    }

    #[test]
    fn whose_an_answer_is() {
        let check = |status, content_type, body, expected: Option<&str>| {
            let look = ResponseView { status, content_type, location: None, body, is_of_the_service: false };
            let silence = look.silence(&peer());
            assert_eq!(silence.is_some(), expected.is_some(), "{status} {content_type}");
            if let (Some(silence), Some(expected)) = (silence, expected) {
                assert!(silence.reason.starts_with(expected), "{status} {content_type}: {silence}");
            }
            if !matches!(status, 300..=399 | 407 | 511) {
                assert_eq!(
                    ResponseView { is_of_the_service: true, ..look }.silence(&peer()),
                    None,
                    "{status} {content_type}"
                );
            }
        };
        let (json, html) = ("application/json; charset=utf-8", "text/html");
        check(201, json, b"{\"id\":\"x\"}", None);
        check(201, "", b"\xEF\xBB\xBF {\"id\":\"x\"}", None);
        check(200, json, b"", None);
        check(200, html, b"", Some(PAGE_CAME));
        check(200, "text/plain", PAGE, Some(PAGE_CAME));
        check(200, json, PAGE, Some(PAGE_CAME));
        check(200, "", b"", Some(STRANGER));
        check(204, "text/plain", b"OK", Some(STRANGER));
        check(302, html, PAGE, Some("`api.example` answered with a redirect (status 302)"));
        check(403, html, PAGE, Some(PAGE_CAME));
        check(403, json, b"{\"code\":4711}", Some(STRANGER));
        check(403, "", b"", Some(STRANGER));
        check(407, html, PAGE, Some("the proxy for `api.example` asks for a user name and password"));
        check(511, html, PAGE, Some(PAGE_CAME));
        for status in [400, 401, 404, 405, 409] {
            check(status, html, PAGE, Some(PAGE_CAME));
            check(status, json, b"{\"message\":\"Not found\"}", Some(STRANGER));
            check(status, "", b"", Some(STRANGER));
        }
        for status in [408, 429, 500, 502, 503, 504] {
            check(status, html, PAGE, None);
            check(status, "", b"", None);
        }
    }

    #[test]
    fn the_words_and_the_host_are_kept() {
        let look = ResponseView {
            status: 200,
            content_type: "",
            location: None,
            body: PAGE,
            is_of_the_service: false,
        };
        let reason_of = |look: ResponseView<'_>| look.silence(&peer()).unwrap().reason;
        assert_eq!(reason_of(look), format!("{PAGE_CAME}200): Sign in to Hotel Wi-Fi"));
        let to = |location| {
            let reason = reason_of(ResponseView { status: 302, location, ..look });
            let to = reason.strip_prefix("`api.example` answered with a redirect").unwrap();
            to.strip_suffix(" (status 302); redirects are not followed").unwrap().to_owned()
        };
        assert_eq!(to(Some("https://portal.hotel.example/?from=x")), " to `portal.hotel.example`");
        assert_eq!(to(Some("/sign-in")), "");
        assert_eq!(to(None), "");
    }
}
