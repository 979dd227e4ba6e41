//! Tests the authority: every grant on both endpoints, and every kind of refusal.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::{DeviceCodeFlow, Scenario};
use super::client::{Answer, Client, start};

const SCOPE: &str = "https://api.partnercenter.microsoft.com/user_impersonation offline_access";
pub(super) const APP_SCOPE: &str = "https://api.partnercenter.microsoft.com/.default";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn claims(answer: &Answer) -> Value {
    let body = answer.json();
    let payload = body["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub(super) fn check_refused(answer: &Answer, error: &str, code: u32) {
    let body = answer.json();
    assert_eq!((&body["error"], &body["error_codes"]), (&json!(error), &json!([code])), "{body}");
    let description = body["error_description"].as_str().unwrap();
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
}

pub(super) async fn redeem(client: Client, refresh_token: &str) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "an-app"),
        ("client_secret", "secret"),
        ("refresh_token", refresh_token),
        ("scope", SCOPE),
    ];
    client.sign_in("v2.0/token", &form).await
}

#[tokio::test]
async fn tokens_say_whether_a_user_stands_behind_them() {
    let (_simulator, client) = start(Scenario::default()).await;
    let app = claims(&client.token("secret", APP_SCOPE).await);
    assert_eq!((&app["idtyp"], &app["appid"], &app["scp"]), (&json!("app"), &json!("an-app"), &Value::Null));
    assert_eq!(app["aud"], "https://api.partnercenter.microsoft.com");
    let user = claims(&redeem(client, "any").await);
    assert_eq!((&user["scp"], &user["idtyp"]), (&json!("user_impersonation"), &Value::Null));
    assert_eq!(user["amr"], json!(["pwd", "mfa"]));
    assert_eq!(user["upn"], "admin@tailspinpartner.onmicrosoft.com");
    assert!(user["oid"].is_string() && user["exp"].is_i64() && user["tid"].is_string());
    assert_eq!(claims(&redeem(client, "no-mfa").await)["amr"], json!(["pwd"]));
}

#[tokio::test]
async fn the_old_endpoint_names_a_resource_and_answers_numbers_as_text() {
    let (_simulator, client) = start(Scenario::default()).await;
    let ask = async |resource: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "an-app"),
            ("client_secret", "secret"),
            ("resource", resource),
        ];
        client.sign_in("token", &form).await
    };
    let issued = ask("https://api.partnercenter.microsoft.com").await.json();
    assert_eq!(issued["expires_in"], "3599");
    assert!(issued["expires_on"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
    check_refused(&ask("https://elsewhere.example").await, "invalid_resource", 500_011);
}

#[tokio::test]
async fn a_refresh_token_rotates_and_stays_good() {
    let scenario = Scenario { accept_any_refresh_token: false, ..Scenario::default() };
    let (_simulator, client) = start(scenario).await;
    check_refused(&redeem(client, "made-up").await, "invalid_grant", 9_002_313);
    let first = device_sign_in(client, "an-app").await.json()["refresh_token"].as_str().unwrap().to_owned();
    let second = redeem(client, &first).await.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    for token in [&first, &second] {
        assert_eq!(redeem(client, token).await.status, Some(200));
    }
}

#[tokio::test]
async fn a_refresh_token_need_not_rotate() {
    let scenario = Scenario { rotate_refresh_tokens: false, ..Scenario::default() };
    let (_simulator, client) = start(scenario).await;
    assert_eq!(redeem(client, "any").await.json().get("refresh_token"), None);
}

#[tokio::test]
async fn refresh_tokens_are_refused_by_what_they_start_with() {
    let (_simulator, client) = start(Scenario::default()).await;
    for (token, error, code) in [
        ("expired-refresh", "invalid_grant", 700_082),
        ("revoked-1", "invalid_grant", 50_173),
        ("mfa-needed", "interaction_required", 50_076),
        ("consent-needed", "consent_required", 65_001),
        ("blocked", "interaction_required", 53_003),
    ] {
        let answer = redeem(client, token).await;
        assert_eq!(answer.status, Some(400));
        check_refused(&answer, error, code);
    }
}

#[tokio::test]
async fn clients_are_refused_by_their_id() {
    let (_simulator, client) = start(Scenario::default()).await;
    let ask = async |client_id: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("refresh_token", "any"),
            ("scope", SCOPE),
        ];
        client.sign_in("v2.0/token", &form).await
    };
    assert_eq!(ask("an-app").await.status, Some(200), "a public client has no secret");
    for unknown in ["unknown-app", "C11E0000-0000-4000-8000-000000000001"] {
        check_refused(&ask(unknown).await, "unauthorized_client", 700_016);
    }
    check_refused(&ask("confidential").await, "invalid_client", 7_000_218);
    let without_proof = [("grant_type", "client_credentials"), ("client_id", "a"), ("scope", APP_SCOPE)];
    let answer = client.sign_in("v2.0/token", &without_proof).await;
    check_refused(&answer, "invalid_client", 7_000_216);
}

pub(super) async fn begin(client: Client, client_id: &str, scope: &str) -> Value {
    let begun = client.sign_in("v2.0/devicecode", &[("client_id", client_id), ("scope", scope)]).await;
    assert_eq!(begun.status, Some(200));
    begun.json()
}

async fn poll(client: Client, client_id: &str, device_code: &str) -> Answer {
    let form = [("grant_type", DEVICE_GRANT), ("client_id", client_id), ("device_code", device_code)];
    client.sign_in("v2.0/token", &form).await
}

/// Polls until the answer is no longer that the authorization is pending.
async fn device_sign_in(client: Client, client_id: &str) -> Answer {
    let begun = begin(client, client_id, SCOPE).await;
    loop {
        let answer = poll(client, client_id, begun["device_code"].as_str().unwrap()).await;
        if answer.json()["error"] != "authorization_pending" {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_device_code_is_pending_as_often_as_the_scenario_says_and_redeemed_once() {
    let device_code = DeviceCodeFlow { pending_polls: 2, interval_s: 5, ..DeviceCodeFlow::default() };
    let (_simulator, client) = start(Scenario { device_code, ..Scenario::default() }).await;
    let begun = begin(client, "an-app", SCOPE).await;
    assert_eq!((&begun["interval"], &begun["expires_in"]), (&json!(5), &json!(900)));
    assert!(begun["message"].as_str().unwrap().contains(begun["user_code"].as_str().unwrap()));
    let code = begun["device_code"].as_str().unwrap();
    for _ in 0..2 {
        check_refused(&poll(client, "an-app", code).await, "authorization_pending", 70_016);
    }
    let done = poll(client, "an-app", code).await;
    assert_eq!(done.status, Some(200));
    assert!(done.json()["refresh_token"].is_string());
    check_refused(&poll(client, "an-app", code).await, "invalid_grant", 54_005);
    check_refused(&poll(client, "another-app", code).await, "bad_verification_code", 70_019);
}

#[tokio::test]
async fn a_user_elsewhere_may_decline_or_be_late_or_have_no_mfa() {
    let (_simulator, client) = start(Scenario::default()).await;
    check_refused(&device_sign_in(client, "declined").await, "authorization_declined", 70_017);
    check_refused(&device_sign_in(client, "expired").await, "expired_token", 70_020);
    check_refused(&device_sign_in(client, "confidential").await, "invalid_client", 7_000_218);
    let without_mfa = device_sign_in(client, "no-mfa").await;
    assert_eq!(claims(&without_mfa)["amr"], json!(["pwd"]));
    let refreshed = redeem(client, without_mfa.json()["refresh_token"].as_str().unwrap()).await;
    assert_eq!(claims(&refreshed)["amr"], json!(["pwd"]), "its rights stay the same");
}

#[tokio::test]
async fn a_device_code_ends() {
    let device_code =
        DeviceCodeFlow { pending_polls: 1000, lifetime: Duration::ZERO, ..DeviceCodeFlow::default() };
    let (_simulator, client) = start(Scenario { device_code, ..Scenario::default() }).await;
    check_refused(&device_sign_in(client, "an-app").await, "expired_token", 70_020);
}

pub(super) async fn assert_by(client: Client, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "an-app"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
        ("scope", APP_SCOPE),
    ];
    client.sign_in("v2.0/token", &form).await
}

pub(super) fn assertion(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "iss": "an-app",
        "sub": "an-app",
        "aud": "https://login.microsoftonline.com/contoso/oauth2/v2.0/token",
        "exp": 4_102_444_800_i64,
    });
    change(&mut claims);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&json!({ "alg": "RS256" })), part(&claims), URL_SAFE_NO_PAD.encode("signed"))
}

#[tokio::test]
async fn an_assertion_is_checked_in_form() {
    let (simulator, client) = start(Scenario::default()).await;
    let good = assert_by(client, &assertion(|_| {})).await;
    assert_eq!(claims(&good)["appidacr"], "2");
    let own_endpoint = format!("{}/contoso/oauth2/v2.0/token", simulator.url());
    let own = assertion(|claims| claims["aud"] = json!(own_endpoint));
    assert_eq!(assert_by(client, &own).await.status, Some(200));
    let refused: [(String, u32); 6] = [
        ("two.parts".to_owned(), 50_027),
        (assertion(|claims| claims["sub"] = json!("another-app")), 700_021),
        (assertion(|claims| claims["iss"] = json!("another-app")), 700_021),
        (assertion(|claims| claims["aud"] = json!("https://login.microsoftonline.com")), 700_023),
        (assertion(|claims| claims["exp"] = json!(1)), 700_024),
        (assertion(|claims| claims["nbf"] = json!(4_102_444_000_i64)), 700_024),
    ];
    for (assertion, code) in refused {
        let answer = assert_by(client, &assertion).await;
        assert_eq!(answer.status, Some(401));
        check_refused(&answer, "invalid_client", code);
    }
    let untyped =
        [("grant_type", "client_credentials"), ("client_id", "an-app"), ("client_assertion", "a.b.c")];
    check_refused(&client.sign_in("v2.0/token", &untyped).await, "invalid_request", 900_144);
}

#[tokio::test]
async fn an_assertion_is_checked_against_the_certificate_where_there_is_one() {
    let certificate = include_str!("assertion-certificate.pem").to_owned();
    let scenario = Scenario { client_certificate: Some(certificate), ..Scenario::default() };
    let (_simulator, client) = start(scenario).await;
    // Signed once with the certificate's key, which was then deleted; valid until the year 2100.
    let signed = include_str!("assertion.jwt").trim();
    assert_eq!(assert_by(client, signed).await.status, Some(200));
    check_refused(&assert_by(client, &assertion(|_| {})).await, "invalid_client", 700_027);
}
