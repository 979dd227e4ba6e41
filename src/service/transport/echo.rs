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
            if memmem::find(&body, secret.as_bytes()).is_some() {
                body = replaced(&body, secret.as_bytes());
            }
        }
        body
    }

    /// The header without the secrets.
    pub fn struck_out_of_text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| match secret.len() <= text.len() {
            true => text.replace(secret.as_str(), STRUCK_OUT),
            // To prepare the search for a token takes longer than to read the header.
            false => text,
        })
    }
}

fn replaced(body: &[u8], secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut rest = body;
    // Reserves the longest possible result, so that the vector does not move as it grows.
    let longest = body.len() + STRUCK_OUT.len() * (body.len() / secret.len());
    let mut without = Zeroizing::new(Vec::with_capacity(longest));
    while let Some(at) = memmem::find(rest, secret) {
        without.extend_from_slice(&rest[..at]);
        without.extend_from_slice(STRUCK_OUT.as_bytes());
        rest = &rest[at + secret.len()..];
    }
    without.extend_from_slice(rest);
    without
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
        check(&SentSecrets::of_headers(&HeaderMap::new()), "nothing", "nothing");
    }
}
