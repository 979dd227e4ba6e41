//! Any bytes as what a call brought; see [`crate::fuzzing`].

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::classify::{Answer, Reply};
use super::outcome::Outcome;
use super::{address, agreement, answers, classify, retry_after};
use crate::transport::Peer;

/// The first line is status and flags, such as `404 gateway html`; the body follows. Whatever comes, a question has an
/// answer only where its status allows one, and a create is one only with an id.
pub(crate) fn answers(words: &[&str], body: &[u8]) {
    let reply = || Reply::Answer(answer(words, body));
    let status = answer(words, body).status;
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

pub(crate) fn retry_after(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (header, text) = text.split_once('\n').unwrap_or((&text, ""));
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        check_wait(retry_after::wait(Some(header), text, now));
        check_wait(retry_after::wait(None, text, now));
    }
}

/// Nothing that anybody says makes a loop, or parks a run for longer than a day.
fn check_wait(wait: Duration) {
    assert!((Duration::from_secs(1)..=Duration::from_secs(24 * 3600)).contains(&wait), "{wait:?}");
}

fn answer(words: &[&str], body: &[u8]) -> Answer {
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
