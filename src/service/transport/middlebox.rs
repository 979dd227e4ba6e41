//! Answers that are not the service's own: a captive portal, a proxy or a firewall spoke in its place.
//!
//! Partner Center and the sign-in service answer with JSON, or with nothing under headers of their own; neither
//! redirects. So a redirect, a page for people, and a success or a refusal without a trace of the service come from
//! something on the way. They are no verdict: not on a row, and not on a sign-in. What says by itself that it is no
//! verdict (408, 429, 5xx, whatever its page looks like) is not judged here.

use url::Url;

use super::fault::{proxy_sign_in, told};
use super::{NoResponse, Peer};

/// What somebody looks at to tell whose an answer is.
#[derive(Debug, Clone, Copy)]
pub struct ResponseView<'a> {
    pub status: u16,
    pub content_type: &'a str,
    pub location: Option<&'a str>,
    /// As much as came.
    pub body: &'a [u8],
    /// Something in it comes from the service alone: a header, or an error in its shape.
    pub has_service_headers: bool,
}

impl ResponseView<'_> {
    /// What came in place of an answer of `peer`, where this is none.
    pub fn silence(&self, peer: &Peer) -> Option<NoResponse> {
        let (status, host) = (self.status, &peer.host);
        let page = || {
            self.told(&format!("a web page came in place of an answer of `{host}` (status {status})"), peer)
        };
        let stranger = || {
            let reason = format!(
                "something on the way answered in place of `{host}` (status {status}), and not as the service does"
            );
            self.told(&reason, peer)
        };
        Some(match status {
            300..=399 => {
                let to = self.location.and_then(host_of).map(|to| format!(" to `{to}`")).unwrap_or_default();
                let reason = format!(
                    "`{host}` answered with a redirect{to} (status {status}), which is never followed"
                );
                told(reason, self.hint(peer))
            }
            407 => proxy_sign_in("HTTPS_PROXY", peer),
            // "Network Authentication Required" was made for captive portals.
            511 => page(),
            408 | 429 => return None,
            200..=299 | 400..=499 if self.has_service_headers => return None,
            200..=299 | 400..=499 if self.is_web_page() => page(),
            200..=299 if !self.is_json() => stranger(),
            400..=499 => stranger(),
            _ => return None,
        })
    }

    /// The reason with the words of the answer.
    fn told(&self, reason: &str, peer: &Peer) -> NoResponse {
        let words = excerpt(self.body);
        let colon = if words.is_empty() { "" } else { ": " };
        told(format!("{reason}{colon}{words}"), self.hint(peer))
    }

    fn hint(&self, Peer { host, option }: &Peer) -> String {
        match self.status {
            404 | 405 => format!(
                "check `{option}`; if it is right, a gateway or proxy answered: wait, or ask the people who run the \
                 network"
            ),
            _ => format!(
                "open a browser on this machine and sign in to its network, or have the proxy let `{host}` through; \
                 else check `{option}`"
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

/// The host that a redirect names; one that names none stays where it is.
fn host_of(location: &str) -> Option<String> {
    Some(Url::parse(location).ok()?.host_str()?.to_owned())
}

/// The first words of a text that may be a web page. Tags are of no use to anybody.
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
    const PAGE_CAME: &str = "a web page came in place of an answer of `api.example` (status ";
    const STRANGER: &str = "something on the way answered in place of `api.example` (status ";

    fn peer() -> Peer {
        Peer::api(&"https://api.example/".parse().unwrap())
    }

    #[test]
    fn whose_an_answer_is() {
        let check = |status, content_type, body, expected: Option<&str>| {
            let look =
                ResponseView { status, content_type, location: None, body, has_service_headers: false };
            let silence = look.silence(&peer());
            assert_eq!(silence.is_some(), expected.is_some(), "{status} {content_type}");
            if let (Some(silence), Some(expected)) = (silence, expected) {
                assert!(silence.reason.starts_with(expected), "{status} {content_type}: {silence}");
            }
            if !matches!(status, 300..=399 | 407 | 511) {
                assert_eq!(
                    ResponseView { has_service_headers: true, ..look }.silence(&peer()),
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
        check(
            407,
            html,
            PAGE,
            Some("the proxy on the way to `api.example` asks for a user name and password"),
        );
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
            has_service_headers: false,
        };
        let told = |look: ResponseView<'_>| look.silence(&peer()).unwrap().reason;
        assert_eq!(told(look), format!("{PAGE_CAME}200): Sign in to Hotel Wi-Fi"));
        let to = |location| {
            let told = told(ResponseView { status: 302, location, ..look });
            let to = told.strip_prefix("`api.example` answered with a redirect").unwrap();
            to.strip_suffix(" (status 302), which is never followed").unwrap().to_owned()
        };
        assert_eq!(to(Some("https://portal.hotel.example/?from=x")), " to `portal.hotel.example`");
        assert_eq!(to(Some("/sign-in")), "");
        assert_eq!(to(None), "");
    }
}
