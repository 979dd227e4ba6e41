//! Any bytes as what the sign-in service answers, and as a token; see [`crate::fuzzing`].

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oauth2::basic::BasicTokenResponse;
use oauth2::http::StatusCode;
use secrecy::SecretString;

use super::Error;
use super::claims::Claims;
use super::device_code::Prompt;
use super::endpoint::{TokenAnswer, understood};
use super::errors::Reason;

/// The first line is the status; the body follows. It is also taken for a token, and for the claims of one.
pub(crate) fn sign_in(words: &[&str], body: &[u8]) {
    let status = words.first().and_then(|word| word.parse().ok()).unwrap_or(StatusCode::OK);
    if let Ok(answer) = understood(status, body) {
        answers(&answer);
    }
    let text = String::from_utf8_lossy(body).into_owned();
    claims(format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(&text)));
    claims(text);
}

/// As the crate reads an answer, by the kind of request that it is to.
fn answers(answer: &[u8]) {
    if let Ok(token) = serde_json::from_slice::<BasicTokenResponse>(answer) {
        drop(TokenAnswer::from(token));
    }
    if let Ok(prompt) = serde_json::from_slice::<Prompt>(answer) {
        // What the crate does to an interval when it is told to slow down.
        assert!(prompt.interval().checked_add(std::time::Duration::from_secs(3600)).is_some());
    }
    if let Ok(reason) = serde_json::from_slice::<Reason>(answer) {
        assert!(matches!(Error::from(reason), Error::Refused { .. }));
    }
}

fn claims(token: String) {
    let claims = Claims::of(&SecretString::from(token));
    assert!(claims.tenant().is_none_or(|tenant| !tenant.to_string().is_empty()));
    assert!(claims.expires_at().is_none_or(|at| !at.to_string().is_empty()));
}
