//! Tests searches, lookups, tokens, the rate limit and the control API.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Hold, HoldPoint, Limit, Operation, RetryAfter, Scenario};
use super::client::{Client, domains, order, start};

const PARTNER_CENTER_SCOPE: &str = "https://api.partnercenter.microsoft.com/.default";

#[tokio::test]
async fn pages_follow_one_another_and_end() {
    let (_simulator, client) = start(Scenario { page_size: 2, ..Scenario::default() }).await;
    for index in 0..5 {
        client.create(&format!("page{index}.onmicrosoft.com")).await;
    }
    let filter =
        "%7B%22Field%22%3A%22Domain%22%2C%22Value%22%3A%22PAGE%22%2C%22Operator%22%3A%22starts_with%22%7D";
    for first in ["/v1/customers?size=500".to_owned(), format!("/v1/customers?size=0&filter={filter}")] {
        let mut page = client.get(&first).await.json();
        let mut seen = domains(&page);
        while let Some(token) = page["continuationToken"].as_str().map(str::to_owned) {
            assert_eq!(page["links"]["next"]["headers"][0]["value"].as_str(), Some(token.as_str()));
            page = next_page(client, &token).await;
            seen.extend(domains(&page));
        }
        let expected: Vec<_> = (0..5).map(|index| format!("page{index}.onmicrosoft.com")).collect();
        assert_eq!(seen, expected);
    }
    let astray = client.get("/v1/customers?size=2&seekOperation=Next").await;
    assert_eq!((astray.status, astray.code()), (Some(400), 2000));
}

async fn next_page(client: Client, token: &str) -> Value {
    let headers = [("Authorization", "Bearer x"), ("MS-ContinuationToken", token)];
    client.send("GET", "/v1/customers?size=500&seekOperation=next", &headers, "").await.json()
}

#[tokio::test]
async fn a_new_customer_shows_after_the_lag_while_its_domain_is_taken_at_once() {
    let scenario = Scenario { visibility_lag: Duration::from_millis(400), ..Scenario::default() };
    let (_simulator, client) = start(scenario).await;
    let id = client.create("late.onmicrosoft.com").await.json()["id"].as_str().unwrap().to_owned();
    assert!(client.search("Domain", "late.onmicrosoft.com").await.is_empty());
    assert_eq!(client.get(&format!("/v1/customers/{id}")).await.code(), 60_003);
    assert!(client.is_taken("late.onmicrosoft.com").await);
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(client.search("Domain", "late").await, ["late.onmicrosoft.com"]);
    assert_eq!(client.get(&format!("/v1/customers/{id}")).await.json()["id"], json!(id));
}

#[tokio::test]
async fn a_malformed_domain_is_no_answer() {
    let (_simulator, client) = start(Scenario::default()).await;
    let answer = client.call("HEAD", "/v1/domains/abc%21.onmicrosoft.com", Uuid::new_v4(), "").await;
    assert_eq!(answer.status, Some(400));
    assert!(answer.headers.contains_key("ms-requestid"));
}

#[tokio::test]
async fn a_token_is_good_until_it_expires() {
    let scenario =
        Scenario { token_lifetime: Duration::from_secs(1), accept_any_token: false, ..Scenario::default() };
    let (simulator, client) = start(scenario).await;
    let own_scope = format!("{}/.default", simulator.url());
    let issued = client.token("secret", &own_scope).await.json();
    assert_eq!(issued["expires_in"], json!(1));
    let bearer = format!("Bearer {}", issued["access_token"].as_str().unwrap());
    let status = async || client.send("GET", "/v1/customers", &[("Authorization", &bearer)], "").await.status;
    assert_eq!(status().await, Some(200));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(status().await, Some(401));
    assert_eq!(client.get("/v1/customers").await.status, Some(401), "a token of others is refused here");
}

#[tokio::test]
async fn bad_secrets_are_told_apart() {
    let (_simulator, client) = start(Scenario::default()).await;
    for (secret, code) in [("wrong-secret", 7_000_215), ("expired-secret", 7_000_222)] {
        let answer = client.token(secret, PARTNER_CENTER_SCOPE).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]), (Some(401), &json!("invalid_client")));
        assert_eq!(body["error_codes"], json!([code]));
    }
}

#[tokio::test]
async fn the_limit_covers_every_api_request_and_says_how_long_to_wait() {
    let limit = Limit { requests: 3, window: Duration::from_secs(30), count_rejected: true };
    for form in [RetryAfter::Seconds, RetryAfter::HttpDate, RetryAfter::Absent, RetryAfter::Nonsense] {
        let (simulator, client) =
            start(Scenario { limit: Some(limit), retry_after: form, ..Scenario::default() }).await;
        client.create("one.onmicrosoft.com").await;
        client.is_taken("one.onmicrosoft.com").await;
        client.get("/v1/nowhere").await;
        let refused = client.create("two.onmicrosoft.com").await;
        assert_eq!(refused.status, Some(429));
        let header = refused.headers.get("retry-after").map(String::as_str);
        let fits = match form {
            RetryAfter::Seconds => header == Some("30"),
            RetryAfter::HttpDate => header.is_some_and(|date| httpdate::parse_http_date(date).is_ok()),
            RetryAfter::Absent => header.is_none(),
            RetryAfter::Nonsense => header == Some("soon"),
        };
        assert!(fits, "{form:?} gave {header:?}");
        assert_eq!(client.token("secret", PARTNER_CENTER_SCOPE).await.status, Some(200));
        assert_eq!(simulator.creations().len(), 1);
    }
}

#[tokio::test]
async fn every_request_is_on_record() {
    let (simulator, client) = start(Scenario::default()).await;
    let id = Uuid::new_v4();
    client.create_under(id, &order("one.onmicrosoft.com")).await;
    client.search("Domain", "One.onmicrosoft.com").await;
    let requests = simulator.requests();
    assert_eq!(requests[0].call.operation, Operation::Create);
    assert_eq!(requests[0].call.domain.as_deref(), Some("one.onmicrosoft.com"));
    assert_eq!((requests[0].call.request_id, requests[0].status), (Some(id), Some(201)));
    assert_eq!(requests[1].call.operation, Operation::Search);
    assert_eq!(requests[1].call.domain.as_deref(), Some("one.onmicrosoft.com"));
    assert!(requests[0].at_ms <= requests[1].at_ms);
}

#[tokio::test]
async fn a_hold_keeps_a_create_where_it_is() {
    for at in [HoldPoint::Received, HoldPoint::Created, HoldPoint::HalfAnswered] {
        let (simulator, client) = start(Scenario::default()).await;
        simulator.hold(Hold { at, domain: Some("Held.onmicrosoft.com".to_owned()) });
        client.create("other.onmicrosoft.com").await;
        let held = tokio::spawn(async move { client.create("held.onmicrosoft.com").await });
        simulator.wait_until_held().await;
        let made = if at == HoldPoint::Received { 1 } else { 2 };
        assert_eq!(simulator.creations().len(), made, "{at:?}");
        assert!(!held.is_finished());
        simulator.release();
        let answer = held.await.unwrap();
        assert_eq!((answer.status, answer.is_cut()), (Some(201), false));
        assert_eq!(simulator.creations().len(), 2);
    }
}

#[tokio::test]
async fn a_held_create_takes_effect_though_its_client_is_gone() {
    let (simulator, client) = start(Scenario::default()).await;
    simulator.hold(Hold { at: HoldPoint::Received, domain: None });
    let held = tokio::spawn(async move { client.create("held.onmicrosoft.com").await });
    simulator.wait_until_held().await;
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    simulator.release();
    while simulator.creations().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_control_api_does_what_the_methods_do() {
    let (_simulator, client) = start(Scenario::default()).await;
    let control = async |method: &str, path: &str, body: &str| {
        let headers = [("Content-Type", "application/json")];
        client.send(method, &format!("/_simulator/{path}"), &headers, body).await
    };
    let script = r#"[{"kind":"status_after","status":504,"operation":"create"}]"#;
    assert_eq!(control("PUT", "faults", script).await.status, Some(204));
    assert_eq!(client.create("one.onmicrosoft.com").await.status, Some(504));
    let journal = control("GET", "journal", "").await.json();
    assert_eq!(journal[0]["domain"], json!("one.onmicrosoft.com"));
    let request = control("GET", "requests", "").await.json()[0].take();
    assert_eq!(request["fault"], json!({ "kind": "status_after", "status": 504 }));
    assert_eq!(request["operation"], json!("create"));

    assert_eq!(control("PUT", "hold", r#"{"at":"created"}"#).await.status, Some(204));
    let armed = control("GET", "hold", "").await.json();
    assert_eq!(armed, json!({ "state": "armed", "at": "created", "domain": null }));
    assert_eq!(control("DELETE", "hold", "").await.status, Some(204));
    assert_eq!(control("GET", "hold", "").await.json(), json!({ "state": "idle" }));
}
