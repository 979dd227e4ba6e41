//! Removes secrets that we sent from the answers that quote them.
//!
//! A gateway, or a proxy that inspects TLS, may quote a request in its error page, including the bearer token. The text
//! of an answer is shown on screens and stored in logs, the ledger and support tickets.

use memchr::memmem;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// Replaces a secret.
const STRUCK_OUT: &str = "[removed: it was sent as a secret]";

/// A shorter text could be an ordinary word, and no service that we call issues a shorter secret.
const SHORTEST_SECRET: usize = 8;

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

    /// The credentials in a form. A page may quote them as they were sent, or decoded.
    pub fn of_form(form: &[u8]) -> Self {
        let fields = form_urlencoded::parse(form).filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()));
        let values: Vec<Zeroizing<String>> = fields.map(|(_, value)| value.into_owned().into()).collect();
        Self::of(values.iter().flat_map(|value| {
            let sent: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let in_lower_case = lower_hex(&sent);
            // `~` and the blank are written otherwise in addresses.
            let in_address = sent.replace("%7E", "~").replace('+', "%20");
            [value.to_string(), sent, in_lower_case, in_address]
        }))
    }

    fn of(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let secrets = secrets.into_iter().map(|secret| Zeroizing::new(secret.into()));
        let mut secrets: Vec<_> = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
        secrets.dedup();
        Self(secrets)
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

/// `%7e` for `%7E`.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (code, rest) = part.split_at(part.len().min(2));
        text + "%" + &code.to_lowercase() + rest
    })
}

/// The text without a secret, and without the beginning of one that was cut short. `None`: it has none.
fn without(text: &[u8], secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let beginning = &secret[..secret.len().min(SHORTEST_BEGINNING)];
    // To prepare the search takes longer than to read a header that is shorter.
    if text.len() < beginning.len() || memmem::find(text, beginning).is_none() {
        return None;
    }
    let mut rest = text;
    // Reserves the longest possible result, so that the vector does not move as it grows.
    let longest = text.len() + STRUCK_OUT.len() * (text.len() / beginning.len());
    let mut without = Zeroizing::new(Vec::with_capacity(longest));
    while let Some(at) = memmem::find(rest, beginning) {
        let quoted = rest[at..].iter().zip(secret).take_while(|(quoted, sent)| quoted == sent).count();
        without.extend_from_slice(&rest[..at]);
        without.extend_from_slice(STRUCK_OUT.as_bytes());
        rest = &rest[at + quoted..];
    }
    without.extend_from_slice(rest);
    Some(without)
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
        let token = HeaderValue::from_static("Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQi");
        headers.insert(AUTHORIZATION, token);
        let bearer = SentSecrets::of_headers(&headers);
        check(&bearer, "Bearer eyJ0eXAiOiJKV1QiLCJhbGc... (truncated)", "Bearer *... (truncated)");
        check(&bearer, "eyJ0eXAiOiJKV1Q", "eyJ0eXAiOiJKV1Q");
        check(&SentSecrets::of_headers(&HeaderMap::new()), "nothing", "nothing");
    }
}
