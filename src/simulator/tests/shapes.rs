//! Tests the body shapes of refusals, by scenario and by fault.

use serde_json::json;

use super::super::{ErrorShape, Fault, Operation, Scenario, ScriptedFault};
use super::client::{Answer, start};

async fn refused(scenario: Scenario) -> Answer {
    let (_simulator, client) = start(scenario).await;
    let answer = client.create("refuse-400-3000.onmicrosoft.com").await;
    assert_eq!(answer.status, Some(400));
    answer
}

#[tokio::test]
async fn a_scenario_sets_the_shape_of_every_refusal() {
    let shaped = async |error_shape| refused(Scenario { error_shape, ..Scenario::default() }).await;
    for shape in [ErrorShape::Documented, ErrorShape::Service] {
        assert_eq!(shaped(shape).await.json()["source"], "PartnerFD");
    }
    let gateway = shaped(ErrorShape::Gateway).await;
    assert_eq!(gateway.json(), json!({ "statusCode": 400, "message": "The property is invalid" }));
    assert!(!gateway.headers.contains_key("ms-requestid"));
    let newer = shaped(ErrorShape::Newer).await.json();
    assert_eq!((&newer["code"], &newer["isRetryable"]), (&json!(3000), &json!(false)));
    assert!(shaped(ErrorShape::Empty).await.body.is_empty());
    let page = shaped(ErrorShape::Page).await;
    assert_eq!(page.headers["content-type"], "text/html");
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_code_can_be_a_text() {
    for error_shape in [ErrorShape::Documented, ErrorShape::Newer] {
        let scenario = Scenario { codes_as_text: true, error_shape, ..Scenario::default() };
        assert_eq!(refused(scenario).await.json()["code"], "3000");
    }
}

#[tokio::test]
async fn a_fault_sets_the_shape_of_one_refusal() {
    let (simulator, client) = start(Scenario::default()).await;
    let domain = "refuse-403-1002.onmicrosoft.com";
    let fault = async |fault| {
        simulator.script(ScriptedFault::next(Operation::Create, fault));
        client.create(domain).await
    };
    assert!(fault(Fault::Reshaped { shape: ErrorShape::Newer }).await.json()["errorName"].is_string());
    assert!(fault(Fault::ByteOrderMark).await.body.starts_with(b"\xEF\xBB\xBF{"));
    assert!(fault(Fault::Truncated).await.is_cut());
    assert_eq!(client.create(domain).await.json()["description"], "Authorization Failed");
}

#[tokio::test]
async fn a_fault_brings_about_any_refusal_of_any_request() {
    let (simulator, client) = start(Scenario::default()).await;
    let unsupported = Fault::RefusedBefore { status: 200, code: 400_072 };
    simulator.script(ScriptedFault::next(Operation::Search, unsupported));
    let answer = client.get("/v1/customers").await;
    assert_eq!((answer.status, answer.code()), (Some(200), 400_072), "an error inside a 200");
    simulator.script(ScriptedFault::next(Operation::Token, Fault::StatusBefore { status: 503 }));
    let answer = client.token("secret", "https://api.partnercenter.microsoft.com/.default").await;
    assert_eq!((answer.status, &answer.json()["error"]), (Some(503), &json!("temporarily_unavailable")));
}

#[tokio::test]
async fn a_sandbox_is_full_at_its_limit() {
    let (_simulator, client) = start(Scenario { sandbox_limit: Some(1), ..Scenario::default() }).await;
    client.create("one.onmicrosoft.com").await;
    let full = client.create("two.onmicrosoft.com").await;
    assert_eq!((full.status, full.code()), (Some(400), 800_018));
}
