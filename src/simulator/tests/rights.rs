//! Tests what each kind of token allows, and how other requests are refused.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Fault, MfaEnforcement, Operation, Scenario, ScriptedFault, TokenKind};
use super::client::{Answer, Client, order, start};

/// A token with these claims.
pub(super) fn token(claims: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

pub(super) fn app_only() -> String {
    token(&json!({ "idtyp": "app" }))
}

fn without_mfa() -> String {
    token(&json!({ "scp": "user_impersonation", "amr": ["pwd"] }))
}

async fn create_as(client: Client, token: &str, order: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let id = Uuid::new_v4().to_string();
    let headers = [
        ("Authorization", bearer.as_str()),
        ("MS-RequestId", id.as_str()),
        ("MS-CorrelationId", id.as_str()),
        ("Content-Type", "application/json"),
    ];
    client.send("POST", "/v1/customers", &headers, &order.to_string()).await
}

fn indirect(domain: &str) -> Value {
    let mut order = order(domain);
    order["associatedPartnerId"] = json!("8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951");
    order
}

#[tokio::test]
async fn an_app_alone_creates_for_itself_and_for_no_reseller() {
    let (simulator, client) = start(Scenario::default()).await;
    assert_eq!(create_as(client, &app_only(), &order("one.onmicrosoft.com")).await.status, Some(201));
    let refused = create_as(client, &app_only(), &indirect("two.onmicrosoft.com")).await;
    assert_eq!((refused.status, refused.code()), (Some(403), 900_329));
    assert_eq!(create_as(client, "static", &indirect("two.onmicrosoft.com")).await.status, Some(201));
    let kinds: Vec<_> = simulator.requests().iter().map(|request| request.token.unwrap()).collect();
    assert_eq!(kinds, [TokenKind::AppOnly, TokenKind::AppOnly, TokenKind::AppAndUser]);
}

#[tokio::test]
async fn what_an_unknown_token_is_and_whether_that_matters_is_up_to_the_scenario() {
    let app = Scenario { unknown_token: TokenKind::AppOnly, ..Scenario::default() };
    let (_simulator, client) = start(app.clone()).await;
    assert_eq!(create_as(client, "static", &indirect("one.onmicrosoft.com")).await.status, Some(403));
    let (_simulator, client) = start(Scenario { enforce_token_kinds: false, ..app }).await;
    assert_eq!(create_as(client, "static", &indirect("one.onmicrosoft.com")).await.status, Some(201));
}

#[tokio::test]
async fn the_retired_audience_gets_a_token_that_the_api_refuses() {
    let (_simulator, client) = start(Scenario::default()).await;
    let issued = client.token("secret", "https://graph.windows.net/.default").await.json();
    let refused = client.get_as(issued["access_token"].as_str().unwrap(), "/v1/customers").await;
    assert_eq!((refused.status, refused.code()), (Some(401), 900_420));
}

#[tokio::test]
async fn mfa_is_asked_of_users_alone_and_in_two_forms() {
    let at = async |mfa: MfaEnforcement, token: &str| {
        let (_simulator, client) = start(Scenario { mfa, ..Scenario::default() }).await;
        client.get_as(token, "/v1/customers").await
    };
    assert_eq!(at(MfaEnforcement::Off, &without_mfa()).await.status, Some(200));
    let coded = at(MfaEnforcement::Coded, &without_mfa()).await;
    assert_eq!((coded.status, coded.code()), (Some(401), 900_421));
    let worded = at(MfaEnforcement::Worded, &without_mfa()).await;
    assert_eq!((worded.status, worded.reason.as_str()), (Some(401), "Unauthorized - MFA required"));
    assert!(worded.body.is_empty());
    assert_eq!(worded.headers["www-authenticate"], r#"Bearer error="invalid_token""#);
    for token in [app_only(), "static".to_owned()] {
        assert_eq!(at(MfaEnforcement::Coded, &token).await.status, Some(200));
    }
}

#[tokio::test]
async fn enforcement_can_strike_one_request_and_spare_the_next() {
    let (simulator, client) = start(Scenario::default()).await;
    simulator.script(ScriptedFault::next(Operation::Create, Fault::MfaRequired));
    assert_eq!(client.create("one.onmicrosoft.com").await.code(), 900_421);
    assert_eq!(client.create("one.onmicrosoft.com").await.status, Some(201));
}

#[tokio::test]
async fn a_probe_is_told_about_mfa() {
    let (_simulator, client) = start(Scenario { mfa: MfaEnforcement::Coded, ..Scenario::default() }).await;
    let probe = async |token: &str, value: &str| -> HashMap<String, String> {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("ValidateMfa", value)];
        client.send("GET", "/v1/customers", &headers, "").await.headers
    };
    let verdict = async |token: &str| probe(token, "true").await.get("ismfacompliant").cloned();
    assert_eq!(verdict("static").await.as_deref(), Some("true"));
    assert_eq!(verdict(&without_mfa()).await.as_deref(), Some("false"));
    assert_eq!(verdict(&app_only()).await, None);
    assert!(!probe("static", "false").await.contains_key("ismfacompliant"));
}
