//! Secrets that come back. A gateway, or a proxy that inspects TLS, may quote a request in its error page, the bearer
//! token included; and what an answer says ends up on screens, in logs, in the ledger and in support tickets.

use memchr::memmem;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// What stands in a secret's place.
const STRUCK_OUT: &str = "[struck out: it was sent as a secret]";

/// Anything shorter is not told from an ordinary word, and is no secret that any service of ours gives out.
const SHORTEST_SECRET: usize = 8;

/// The fields of a form of the sign-in service that are secret.
const SECRET_FIELDS: [&str; 5] =
    ["client_secret", "client_assertion", "refresh_token", "device_code", "code"];

/// The secrets of one request, to be struck out of whatever is told about its answer.
pub struct SentSecrets(Vec<Zeroizing<String>>);

impl SentSecrets {
    /// The bearer token.
    pub fn of_headers(headers: &HeaderMap) -> Self {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Self::of(authorization.and_then(|value| value.strip_prefix("Bearer ")))
    }

    /// The proofs in a form.
    pub fn of_form(form: &[u8]) -> Self {
        let fields = form_urlencoded::parse(form).filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()));
        Self::of(fields.map(|(_, value)| value))
    }

    fn of(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let secrets = secrets.into_iter().map(|secret| Zeroizing::new(secret.into()));
        Self(secrets.filter(|secret| secret.len() >= SHORTEST_SECRET).collect())
    }

    /// A body as it may be told of.
    pub fn struck_out_of(&self, mut body: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
        for secret in &self.0 {
            if memmem::find(&body, secret.as_bytes()).is_some() {
                body = replaced(&body, secret.as_bytes());
            }
        }
        body
    }

    /// A header as it may be told of.
    pub fn struck_out_of_text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret.as_str(), STRUCK_OUT))
    }
}

fn replaced(body: &[u8], secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut rest = body;
    // Never longer than the whole and what stands in a shorter secret's place, so it does not move as it grows.
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
    fn what_was_sent_as_a_secret_is_not_told_again() {
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
