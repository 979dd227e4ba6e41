//! Answers that are not the service's own: a captive portal, a proxy or a firewall spoke in its place.
//!
//! Partner Center and the sign-in service answer with JSON, or with nothing under headers of their own; neither
//! redirects. So a redirect, a page for people, and a success or a refusal without a trace of the service come from
//! something on the way. They are no verdict: not on a row, and not on a sign-in. What says by itself that it is no
//! verdict (408, 429, 5xx, whatever its page looks like) is not judged here.

use url::Url;

use super::fault::Fault;

/// What somebody looks at to tell whose an answer is.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    pub status: u16,
    pub content_type: &'a str,
    pub location: Option<&'a str>,
    /// As much as came.
    pub body: &'a [u8],
    /// Something in it comes from the service alone: a header, or an error in its shape.
    pub is_the_services: bool,
}

impl Look<'_> {
    /// Whose answer this is, where it is not the service's.
    pub fn fault(&self) -> Option<Fault> {
        let status = self.status;
        let page = || Some(Fault::WebPage { status, words: excerpt(self.body) });
        let stranger = || Some(Fault::Stranger { status, words: excerpt(self.body) });
        match status {
            300..=399 => Some(Fault::Redirect { status, to: self.location.and_then(host) }),
            407 => Some(Fault::ProxySignIn),
            // "Network Authentication Required" was made for captive portals.
            511 => page(),
            408 | 429 => None,
            200..=299 | 400..=499 if self.is_the_services => None,
            200..=299 | 400..=499 if self.is_web_page() => page(),
            200..=299 if !self.is_json() => stranger(),
            400..=499 => stranger(),
            _ => None,
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
fn host(location: &str) -> Option<String> {
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

    #[test]
    fn whose_an_answer_is() {
        let check = |status, content_type, body, expected: Option<&str>| {
            let look = Look { status, content_type, location: None, body, is_the_services: false };
            let fault = look.fault().map(|fault| format!("{fault:?}"));
            let name = fault.as_deref().map(|fault| fault.split(' ').next().unwrap());
            assert_eq!(name, expected, "{status} {content_type}");
            if !matches!(status, 300..=399 | 407 | 511) {
                assert_eq!(Look { is_the_services: true, ..look }.fault(), None, "{status} {content_type}");
            }
        };
        let (json, html) = ("application/json; charset=utf-8", "text/html");
        check(201, json, b"{\"id\":\"x\"}", None);
        check(201, "", b"\xEF\xBB\xBF {\"id\":\"x\"}", None);
        check(200, json, b"", None);
        check(200, html, b"", Some("WebPage"));
        check(200, "text/plain", PAGE, Some("WebPage"));
        check(200, json, PAGE, Some("WebPage"));
        check(200, "", b"", Some("Stranger"));
        check(204, "text/plain", b"OK", Some("Stranger"));
        check(302, html, PAGE, Some("Redirect"));
        check(403, html, PAGE, Some("WebPage"));
        check(403, json, b"{\"code\":4711}", Some("Stranger"));
        check(403, "", b"", Some("Stranger"));
        check(407, html, PAGE, Some("ProxySignIn"));
        check(511, html, PAGE, Some("WebPage"));
        for status in [400, 401, 404, 405, 409] {
            check(status, html, PAGE, Some("WebPage"));
            check(status, json, b"{\"message\":\"Not found\"}", Some("Stranger"));
            check(status, "", b"", Some("Stranger"));
        }
        for status in [408, 429, 500, 502, 503, 504] {
            check(status, html, PAGE, None);
            check(status, "", b"", None);
        }
    }

    #[test]
    fn the_words_and_the_host_are_kept() {
        let look = Look { status: 200, content_type: "", location: None, body: PAGE, is_the_services: false };
        let words = "Sign in to Hotel Wi-Fi".to_owned();
        assert_eq!(look.fault(), Some(Fault::WebPage { status: 200, words }));
        let to = |location| match (Look { status: 302, location, ..look }).fault() {
            Some(Fault::Redirect { to, .. }) => to,
            other => panic!("{other:?}"),
        };
        assert_eq!(to(Some("https://portal.hotel.example/?from=x")).as_deref(), Some("portal.hotel.example"));
        assert_eq!(to(Some("/sign-in")), None);
        assert_eq!(to(None), None);
    }
}
