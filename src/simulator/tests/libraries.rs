//! Tests what sign-in libraries and clients of others need: their requests, as recorded from MSAL for Python and Node,
//! azure-identity and a client without request ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Config, PARTNER_TENANT_ID, RequestIds, Scenario, Simulator};
use super::client::{Answer, Client, order, start};
use super::signing_in::{APP_SCOPE, assert_by, assertion, begin, check_refused, redeem};

const CONFIGURATION: &str = "/contoso/v2.0/.well-known/openid-configuration";

async fn start_behind(public_url: &str) -> (Simulator, Client) {
    let public_url = Some(public_url.parse().unwrap());
    let simulator = Simulator::start(Config { public_url, ..Config::default() }).await.unwrap();
    let client = Client(simulator.address());
    (simulator, client)
}

fn decoded(part: &Value) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap()).unwrap()
}

fn id_claims(answer: &Answer) -> Value {
    decoded(&json!(answer.json()["id_token"].as_str().unwrap().split('.').nth(1).unwrap()))
}

/// Signs in by device code with the scopes, the grant type and the further field of MSAL for Node.
async fn sign_in(client: Client, grant_type: &str) -> Answer {
    let scope = format!("{APP_SCOPE} openid profile offline_access");
    let begun = begin(client, "an-app", &scope).await;
    let code = begun["device_code"].as_str().unwrap();
    let form =
        [("grant_type", grant_type), ("client_id", "an-app"), ("device_code", code), ("client_info", "1")];
    loop {
        let answer = client.sign_in("v2.0/token", &form).await;
        if answer.json()["error"] != "authorization_pending" {
            return answer;
        }
    }
}

#[tokio::test]
async fn the_configuration_leads_to_the_authority_that_was_reached() {
    let (simulator, client) = start(Scenario::default()).await;
    let configuration = client.send("GET", CONFIGURATION, &[], "").await.json();
    let authority = format!("{}/contoso", simulator.url());
    assert_eq!(configuration["token_endpoint"], format!("{authority}/oauth2/v2.0/token"));
    assert_eq!(configuration["device_authorization_endpoint"], format!("{authority}/oauth2/v2.0/devicecode"));
    let keys = configuration["jwks_uri"].as_str().unwrap().strip_prefix(&simulator.url()).unwrap();
    assert_eq!(client.send("GET", keys, &[], "").await.json(), json!({ "keys": [] }));
    let signed_in = sign_in(client, "device_code").await;
    assert_eq!(id_claims(&signed_in)["iss"], configuration["issuer"]);
}

#[tokio::test]
async fn an_id_token_names_the_user_and_client_info_only_where_it_is_asked_for() {
    let (_simulator, client) = start(Scenario::default()).await;
    for grant_type in ["urn:ietf:params:oauth:grant-type:device_code", "device_code"] {
        let answer = sign_in(client, grant_type).await;
        let claims = id_claims(&answer);
        assert_eq!((&claims["aud"], &claims["tid"]), (&json!("an-app"), &json!(PARTNER_TENANT_ID)));
        assert!(Uuid::try_parse(claims["sub"].as_str().unwrap()).is_ok(), "{claims}");
        assert_ne!(claims["sub"], claims["oid"]);
        assert_eq!(claims["preferred_username"], "admin@tailspinpartner.onmicrosoft.com");
        let expected = json!({ "uid": claims["oid"], "utid": claims["tid"] });
        assert_eq!(decoded(&answer.json()["client_info"]), expected);
    }
    assert_eq!(redeem(client, "any").await.json().get("client_info"), None);
}

#[tokio::test]
async fn a_refresh_brings_the_next_refresh_token_whatever_scope_it_names() {
    let (_simulator, client) = start(Scenario::default()).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "an-app"),
        ("refresh_token", "any"),
        ("scope", APP_SCOPE),
    ];
    let answer = client.sign_in("v2.0/token", &form).await.json();
    assert!(answer["refresh_token"].is_string(), "{answer}");
    assert_eq!(answer.get("id_token"), None);
}

#[tokio::test]
async fn times_in_an_assertion_need_not_be_whole() {
    let (_simulator, client) = start(Scenario::default()).await;
    let now = crate::clock::now().as_millisecond() as f64 / 1000.0;
    let at = |exp: f64, nbf: f64| {
        assertion(|claims| {
            claims["exp"] = json!(exp + 0.25);
            claims["iat"] = json!(now);
            claims["nbf"] = json!(nbf);
        })
    };
    // MSAL for Node.js rounds `nbf` up.
    for nbf in [now, now + 0.5] {
        assert_eq!(assert_by(client, &at(now + 600.0, nbf)).await.status, Some(200));
    }
    for (exp, nbf) in [(now - 2.0, now - 600.0), (now + 600.0, now + 60.0)] {
        check_refused(&assert_by(client, &at(exp, nbf)).await, "invalid_client", 700_024);
    }
}

#[tokio::test]
async fn behind_a_proxy_the_public_url_is_its_own() {
    let (simulator, client) = start_behind("https://partner.test:8443").await;
    let configuration = client.send("GET", CONFIGURATION, &[], "").await.json();
    assert_eq!(configuration["token_endpoint"], "https://partner.test:8443/contoso/oauth2/v2.0/token");
    let for_audience = |audience: String| assertion(move |claims| claims["aud"] = json!(audience));
    for url in ["https://partner.test:8443", &simulator.url()] {
        let audience = format!("{url}/contoso/oauth2/v2.0/token");
        assert_eq!(assert_by(client, &for_audience(audience)).await.status, Some(200), "{url}");
        let scope = format!("{url}/.default");
        assert_eq!(client.token("secret", &scope).await.status, Some(200), "{url}");
    }
    let elsewhere = for_audience("https://partner.example:8443/contoso/oauth2/v2.0/token".to_owned());
    check_refused(&assert_by(client, &elsewhere).await, "invalid_client", 700_023);
}

#[tokio::test]
async fn ids_that_were_not_sent_are_made_if_the_scenario_says_so() {
    let create = async |scenario: Scenario, headers: &[(&str, &str)]| {
        let (simulator, client) = start(scenario).await;
        let common = [("Authorization", "Bearer a-token"), ("Content-Type", "application/json")];
        let body = order("without-ids.onmicrosoft.com").to_string();
        let answer = client.send("POST", "/v1/customers", &[&common[..], headers].concat(), &body).await;
        (answer, simulator.creations())
    };
    let optional = || Scenario { request_ids: RequestIds::Optional, ..Scenario::default() };
    let (refused, _) = create(Scenario::default(), &[]).await;
    assert_eq!((refused.status, refused.code()), (Some(400), 2000));
    let (created, creations) = create(optional(), &[]).await;
    assert_eq!(created.status, Some(201));
    assert_eq!(created.headers["ms-requestid"], creations[0].request_id.to_string());
    let (malformed, _) = create(optional(), &[("MS-RequestId", "no GUID")]).await;
    assert_eq!((malformed.status, malformed.code()), (Some(400), 2000));
}

/// The targets of all links in an answer.
fn links(answer: &Value, found: &mut Vec<String>) {
    match answer {
        Value::Object(fields) => {
            found.extend(fields.get("uri").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| links(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| links(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_link_leads_to_an_answer() {
    let (_simulator, client) = start(Scenario::default()).await;
    let mut order = order("linked.onmicrosoft.com");
    order["associatedPartnerId"] = json!("484e548c-f5f3-4528-93a9-c16c6373cb59");
    let created = client.create_under(Uuid::new_v4(), &order).await;
    assert_eq!(created.status, Some(201), "{:?}", String::from_utf8_lossy(&created.body));
    let mut answers = vec![created.json()];
    let customer = format!("/v1/customers/{}", answers[0]["id"].as_str().unwrap());
    for path in ["/v1/customers?size=500", &customer, "/v1/profiles/organization"] {
        answers.push(client.get(path).await.json());
    }
    let mut found = Vec::new();
    answers.iter().for_each(|answer| links(answer, &mut found));
    assert!(found.iter().any(|link| link.ends_with("/profiles/company")), "{found:?}");
    assert!(found.iter().any(|link| link.ends_with("/profiles/billing")), "{found:?}");
    for link in &found {
        let answer = client.get(&format!("/v1{link}")).await;
        assert_eq!(answer.status, Some(200), "{link}");
        let mut own = Vec::new();
        links(&answer.json(), &mut own);
        assert!(own.contains(link), "{link} leads to {answer:?}");
    }
    let unknown = client.get(&format!("/v1/customers/{}/profiles/billing", Uuid::new_v4())).await;
    assert_eq!((unknown.status, unknown.code()), (Some(404), 60_003));
}
