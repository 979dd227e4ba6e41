//! Tests audit records.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Scenario;
use super::client::{Client, start};

async fn created(client: Client, domain: &str) -> Value {
    client.create(domain).await.json()
}

#[tokio::test]
async fn a_creation_is_on_record_under_its_correlation_id_and_without_its_password() {
    let (simulator, client) = start(Scenario::default()).await;
    let customer = created(client, "One.onmicrosoft.com").await;
    created(client, "two.onmicrosoft.com").await;
    client.is_taken("ours-1.onmicrosoft.com").await;
    let records = client.get("/v1/auditrecords?startDate=2020-01-01&endDate=9999-12-31&size=50").await.json();
    assert_eq!(records["totalCount"], 2, "what was ours before has no record");
    let record = &records["items"][0];
    assert_eq!(record["operationType"], "add_customer");
    assert_eq!(record["originalCorrelationId"], json!(simulator.creations()[0].correlation_id));
    assert_eq!(record["customizedData"][0]["value"], "One.onmicrosoft.com");
    let value: Value = serde_json::from_str(record["resourceNewValue"].as_str().unwrap()).unwrap();
    assert_eq!(value["UserCredentials"], json!({ "userName": "admin", "password": "" }));
    assert_eq!(
        (&value["Id"], &value["CompanyProfile"]["Domain"]),
        (&customer["id"], &json!("One.onmicrosoft.com"))
    );
}

#[tokio::test]
async fn records_are_found_by_day_and_filter() {
    let (_simulator, client) = start(Scenario::default()).await;
    let customer = created(client, "one.onmicrosoft.com").await;
    created(client, "two.onmicrosoft.com").await;
    let count = async |query: &str| {
        client.get(&format!("/v1/auditrecords{query}")).await.json()["totalCount"].as_u64()
    };
    assert_eq!(count("?startDate=2020-01-01&endDate=2020-12-31").await, Some(0));
    let filtered = async |field: &str, value: &str| {
        let filter = json!({ "Field": field, "Value": value, "Operator": "equals" }).to_string();
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        count(&format!("?startDate=2020-01-01&filter={filter}")).await
    };
    assert_eq!(filtered("CompanyName", "any ONE").await, Some(1));
    assert_eq!(filtered("CustomerId", customer["id"].as_str().unwrap()).await, Some(1));
    assert_eq!(filtered("CustomerId", &Uuid::new_v4().to_string()).await, Some(0));
    assert_eq!(filtered("ResourceType", "customer").await, Some(2));
    for refused in ["", "?startDate=02.09.2020", "?startDate=2020-09-02&filter=%7B%7D"] {
        assert_eq!(count(refused).await, None, "{refused}");
    }
}

#[tokio::test]
async fn records_are_for_apps_too() {
    let (_simulator, client) = start(Scenario::default()).await;
    let app = super::rights::app_only();
    assert_eq!(client.get_as(&app, "/v1/auditrecords?startDate=2020-01-01").await.status, Some(200));
}
