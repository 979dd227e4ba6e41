//! Removes secrets that we sent from the answers that quote them.
//!
//! A gateway, or a proxy that inspects TLS, may quote a request in its error page, including the bearer token. The text
//! of an answer is shown on screens and stored in logs, the ledger and support tickets.

use memchr::memchr;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// Replaces a secret.
const STRUCK_OUT: &str = "[removed: it was sent as a secret]";

/// A shorter text could be an ordinary word, and no service that we call issues a shorter secret.
const SHORTEST_SECRET: usize = 8;

/// The longest entity of HTML for a character of ASCII: `&#x0002B;`.
const ENTITY_BYTES_MAX: usize = 9;

/// A page may quote the beginning of a long secret. What is shorter is of no use.
const SHORTEST_BEGINNING: usize = 16;

/// The secret fields in a form for the sign-in service.
const SECRET_FIELDS: [&str; 5] =
    ["client_secret", "client_assertion", "refresh_token", "device_code", "code"];

/// The secrets of one request, to be removed from every report about its answer.
pub struct SentSecrets(Vec<Zeroizing<String>>);

impl SentSecrets {
    /// The bearer token.
    pub fn of_headers(headers: &HeaderMap) -> Self {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Self::of(authorization.and_then(|value| value.strip_prefix("Bearer ")))
    }

    /// The credentials in a form.
    pub fn of_form(form: &[u8]) -> Self {
        let fields = form_urlencoded::parse(form).filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()));
        Self::of(fields.map(|(_, value)| value))
    }

    fn of(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let secrets = secrets.into_iter().map(|secret| Zeroizing::new(secret.into()));
        Self(secrets.filter(|secret| secret.len() >= SHORTEST_SECRET).collect())
    }

    /// The body without the secrets.
    pub fn struck_out_of(&self, mut body: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
        for secret in &self.0 {
            if let Some(without) = without(&body, secret.as_bytes()) {
                body = without;
            }
        }
        body
    }

    /// The header without the secrets.
    pub fn struck_out_of_text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| match without(text.as_bytes(), secret.as_bytes()) {
            Some(without) => String::from_utf8_lossy(&without).into_owned(),
            None => text,
        })
    }
}

/// The text without a secret, in any form in which pages quote it, and without the beginning of one that was cut short.
/// `None`: it has none.
fn without(text: &[u8], secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut without: Option<Zeroizing<Vec<u8>>> = None;
    let (mut from, mut at) = (0, 0);
    while let Some(start) = next_start(text, at, secret) {
        let Some(end) = end_of_quotation(text, start, secret) else {
            at = start + 1;
            continue;
        };
        // Reserves the longest possible result, so that the vector does not move as it grows.
        let longest = || text.len() + STRUCK_OUT.len() * (text.len() / SHORTEST_SECRET);
        let result = without.get_or_insert_with(|| Zeroizing::new(Vec::with_capacity(longest())));
        result.extend_from_slice(&text[from..start]);
        result.extend_from_slice(STRUCK_OUT.as_bytes());
        (from, at) = (end, end);
    }
    if let Some(result) = &mut without {
        result.extend_from_slice(&text[from..]);
    }
    without
}

/// Where a quotation may begin: at the first character of the secret, or at one that is encoded.
fn next_start(text: &[u8], from: usize, secret: &[u8]) -> Option<usize> {
    let first = *secret.first()?;
    let rest = text.get(from..)?;
    let found = match first.is_ascii_alphanumeric() {
        // Nothing encodes letters and digits, and to look for the others takes longer.
        true => memchr(first, rest),
        false => rest.iter().position(|byte| *byte == first || matches!(byte, b'%' | b'+' | b'&' | b'\\')),
    };
    found.map(|at| from + at)
}

/// The end of the quotation of a secret that begins here, whole or cut short.
fn end_of_quotation(text: &[u8], start: usize, secret: &[u8]) -> Option<usize> {
    let (end, characters) = quotation(text, start, secret);
    if characters < secret.len().min(SHORTEST_BEGINNING) {
        return None;
    }
    // A whole one may begin inside what looks like the beginning of one.
    let whole = |start: usize| Some(quotation(text, start, secret)).filter(|(_, it)| *it == secret.len());
    let later = || (start + 1..end).find_map(whole).map(|(end, _)| end);
    if characters == secret.len() { Some(end) } else { Some(later().unwrap_or(end).max(end)) }
}

/// How far the text quotes the secret from `start` on, and how many of its bytes.
fn quotation(text: &[u8], start: usize, secret: &[u8]) -> (usize, usize) {
    let mut end = start;
    for (characters, byte) in secret.iter().enumerate() {
        let breaks = text[end..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let next = if characters > 0 { end + breaks } else { end };
        match encoded_length(&text[next..], *byte) {
            Some(length) => end = next + length,
            None => return (end, characters),
        }
    }
    (end, secret.len())
}

/// The length of this byte at the beginning of the text: as it is, or as a form, an address, JSON or HTML has it.
fn encoded_length(text: &[u8], byte: u8) -> Option<usize> {
    let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let encoded = match text {
        [b'+', ..] if byte == b' ' => Some(1),
        // Also encoded twice: `%257E`.
        [b'%', b'2', b'5', digits @ ..] if digits.get(..2).and_then(hex) == Some(byte) => Some(5),
        [b'%', digits @ ..] if digits.get(..2).and_then(hex) == Some(byte) => Some(3),
        [b'\\', b'u', b'0', b'0', digits @ ..] if digits.get(..2).and_then(hex) == Some(byte) => Some(6),
        [b'\\', second, ..] if *second == byte => Some(2),
        [b'&', ..] => {
            let end = text.iter().take(ENTITY_BYTES_MAX).position(|byte| *byte == b';').unwrap_or(1);
            let is_it = match &text[1..end] {
                b"amp" => byte == b'&',
                b"lt" => byte == b'<',
                b"gt" => byte == b'>',
                b"quot" => byte == b'"',
                b"apos" => byte == b'\'',
                [b'#', b'x' | b'X', digits @ ..] => hex(digits) == Some(byte),
                [b'#', digits @ ..] => std::str::from_utf8(digits).is_ok_and(|it| it.parse() == Ok(byte)),
                _ => false,
            };
            is_it.then_some(end + 1)
        }
        _ => None,
    };
    encoded.or_else(|| (text.first() == Some(&byte)).then_some(1))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(sent: &SentSecrets, body: &str, expected: &str) {
        let expected = expected.replace('*', STRUCK_OUT);
        let struck = sent.struck_out_of(Zeroizing::new(body.as_bytes().to_vec()));
        assert_eq!(str::from_utf8(&struck).unwrap(), expected);
        assert_eq!(sent.struck_out_of_text(body.to_owned()), expected);
    }

    #[test]
    fn a_secret_that_was_sent_is_removed_from_the_answer() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer eyJ0.eyJh.c2ln"));
        let bearer = SentSecrets::of_headers(&headers);
        check(&bearer, "Authorization: Bearer eyJ0.eyJh.c2ln, eyJ0.eyJh.c2ln", "Authorization: Bearer *, *");
        check(&bearer, "eyJ0.eyJh", "eyJ0.eyJh");
        let form = SentSecrets::of_form(b"client_id=tenantry-app&client_secret=a%7Eb+cdefgh&code=short");
        check(&form, "tenantry-app a~b cdefgh short", "tenantry-app * short");
        let as_sent = "client_secret=a%7Eb+cdefgh&code=short, a%7eb+cdefgh, a~b%20cdefgh";
        check(&form, as_sent, "client_secret=*&code=short, *, *");
        let form = SentSecrets::of_form(b"refresh_token=kQ3vLhunter2SecretValue01%2BTAIL%2FXYZ%3D%26%22");
        for quoted in [
            r#"kQ3vLhunter2SecretValue01+TAIL/XYZ=&""#,
            "kQ3vLhunter2SecretValue01%2BTAIL%2FXYZ%3D%26%22",
            "kQ3vLhunter2SecretValue01%2bTAIL%2fXYZ%3d%26%22",
            "kQ3vLhunter2SecretValue01%252BTAIL%252FXYZ%253D%2526%2522",
            r#"kQ3vLhunter2SecretValue01\u002BTAIL\/XYZ=&\""#,
            "kQ3vLhunter2SecretValue01&#x2B;TAIL&#47;XYZ=&amp;&quot;",
            "kQ3vLhunter2Secr\r\netValue01+TAIL/X\nYZ=&\"",
        ] {
            check(&form, &format!("a={quoted} b"), "a=* b");
        }
        let zeros = SentSecrets::of_form(b"client_secret=0000000000000000real-secret");
        check(&zeros, "00000000000000000real-secret.", "*.");
        let token = HeaderValue::from_static("Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQi");
        headers.insert(AUTHORIZATION, token);
        let bearer = SentSecrets::of_headers(&headers);
        check(&bearer, "Bearer eyJ0eXAiOiJKV1QiLCJhbGc... (truncated)", "Bearer *... (truncated)");
        check(&bearer, "eyJ0eXAiOiJKV1Q", "eyJ0eXAiOiJKV1Q");
        check(&SentSecrets::of_headers(&HeaderMap::new()), "nothing", "nothing");
    }
}
