//! Fuzzes answers of Partner Center and of the sign-in service.
//!
//! Each function accepts any bytes and panics if an invariant is broken. The tests of `src/service` also run them, on
//! all saved inputs and on random ones.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use oauth2::basic::BasicTokenResponse;
use oauth2::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use tenantry_service::auth::{self, Claims, Prompt, Reason, TokenAnswer, understood};
use tenantry_service::partner_center::classify::{self, Answer, Reply};
use tenantry_service::partner_center::{Outcome, address, agreement, answers, retry_after};
use tenantry_service::transport::Peer;
use zeroize::Zeroizing;

use super::input::steered;

/// Interprets any answer of Partner Center as the answer to each kind of call.
///
/// The first line is the status and flags, for example `404 gateway html`; the body follows. A lookup has an answer
/// only if its status allows one, and a create succeeds only with an id.
pub fn answers(input: &[u8]) {
    let (words, body) = &steered(input);
    let reply = || Reply::Answer(any_answer(words, body));
    let status = any_answer(words, body).status;
    match classify::create(reply()) {
        Outcome::Refused(..) => assert!((400..500).contains(&status)),
        Outcome::Done(tenant) => {
            assert!((200..300).contains(&status) && !tenant.customer_id.trim().is_empty());
            assert!(tenant.credentials().is_none_or(|(_, password)| !password.expose_secret().is_empty()));
        }
        Outcome::Throttled { wait } => check_wait(wait),
        _ => {}
    }
    if agreement::acceptance(reply(), "someone@example.com") == Outcome::Done(()) {
        assert!((200..500).contains(&status));
    }
    check(agreement::template(reply()), status);
    check(classify::customer_page(reply()), status);
    check(classify::mfa_compliance(reply()), status);
    check(classify::domain_taken(reply()), status);
    check(address::verdict(reply()), status);
    check(answers::country_rules(reply(), "US"), status);
    check(answers::indirect_resellers(reply()), status);
    check(answers::reseller_agreement(reply()), status);
    check(answers::organization_profile(reply()), status);
}

fn check<T>(asked: Outcome<T>, status: u16) {
    match asked {
        Outcome::Done(_) => assert!(matches!(status, 200..=299 | 400 | 404), "{status}"),
        Outcome::Throttled { wait } => check_wait(wait),
        _ => {}
    }
}

/// A `Retry-After` header on the first line, followed by the text of the refusal.
pub fn retry_after(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (header, text) = text.split_once('\n').unwrap_or((&text, ""));
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        check_wait(retry_after::wait(Some(header), text, now));
        check_wait(retry_after::wait(None, text, now));
    }
}

/// No input causes a loop, or stops a run for longer than a day.
fn check_wait(wait: Duration) {
    assert!((Duration::from_secs(1)..=Duration::from_secs(24 * 3600)).contains(&wait), "{wait:?}");
}

fn any_answer(words: &[&str], body: &[u8]) -> Answer {
    let has = |flag: &str| words.contains(&flag);
    Answer {
        peer: Peer::api(&"https://api.example".parse().expect("a well-formed address")),
        location: has("redirect").then(|| "https://elsewhere.example".to_owned()),
        status: words.first().and_then(|word| word.parse().ok()).unwrap_or(200),
        retry_after: has("wait").then(|| words.last().copied().unwrap_or_default().to_owned()),
        content_type: if has("html") { "text/html" } else { "application/json" }.to_owned(),
        challenge: has("challenge").then(|| "Bearer error=\"invalid_token\"".to_owned()),
        mfa_compliant: None,
        has_request_id: !has("gateway"),
        is_signed: !has("gateway"),
        body: if has("cut") {
            Err("the answer was cut short".to_owned())
        } else {
            Ok(Zeroizing::new(body.to_vec()))
        },
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Any answer of the sign-in service, and any token.
///
/// The first line is the status; the body follows. The body is also used as a token, and as the claims of one.
pub fn sign_in(input: &[u8]) {
    let (words, body) = steered(input);
    let status = words.first().and_then(|word| word.parse().ok()).unwrap_or(StatusCode::OK);
    if let Ok(answer) = understood(status, body) {
        token_answer(&answer);
    }
    let text = String::from_utf8_lossy(body).into_owned();
    claims(format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(&text)));
    claims(text);
}

/// Parses an answer as the crate does, for each kind of request.
fn token_answer(answer: &[u8]) {
    if let Ok(token) = serde_json::from_slice::<BasicTokenResponse>(answer) {
        drop(TokenAnswer::from(token));
    }
    if let Ok(prompt) = serde_json::from_slice::<Prompt>(answer) {
        // The crate adds to the interval when it is told to slow down.
        assert!(prompt.interval().checked_add(Duration::from_secs(3600)).is_some());
    }
    if let Ok(reason) = serde_json::from_slice::<Reason>(answer) {
        assert!(matches!(auth::Error::from(reason), auth::Error::Refused { .. }));
    }
}

fn claims(token: String) {
    let claims = Claims::of(&SecretString::from(token));
    assert!(claims.tenant().is_none_or(|tenant| !tenant.to_string().is_empty()));
    assert!(claims.expires_at().is_none_or(|at| !at.to_string().is_empty()));
}
