//! Tests resellers, their agreements, and the partner's own profile.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{PARTNER_DOMAIN, PARTNER_TENANT_ID, Reseller, ResellerState, Scenario};
use super::client::{Answer, Client, order, start};
use super::rights::app_only;

async fn create_for(client: Client, reseller: &str) -> Answer {
    let mut order = order(&format!("for-{}.onmicrosoft.com", Uuid::new_v4().simple()));
    order["associatedPartnerId"] = json!(reseller);
    client.create_under(Uuid::new_v4(), &order).await
}

async fn agreement_status(client: Client, query: &str) -> Answer {
    client.get(&format!("/v1/compliance/csp/agreementstatus?{query}")).await
}

#[tokio::test]
async fn the_resellers_of_the_sample_file_are_in_order() {
    let file = include_str!("../../../samples/customers.csv");
    let guids = file.split(',').filter_map(|cell| Uuid::try_parse(cell).ok());
    let resellers: std::collections::BTreeSet<Uuid> = guids.collect();
    assert_eq!(resellers.len(), 5);
    let (_simulator, client) = start(Scenario::default()).await;
    for reseller in resellers {
        assert_eq!(create_for(client, &reseller.to_string()).await.status, Some(201), "{reseller}");
        let status = agreement_status(client, &format!("tenantId={reseller}")).await;
        assert_eq!(status.json(), json!({ "isAgreementSigned": true }));
    }
}

#[tokio::test]
async fn resellers_are_out_of_order_each_in_a_way_of_its_own() {
    let (_simulator, client) = start(Scenario::default()).await;
    let listed = client.get("/v1/relationships?relationship_type=IsIndirectCloudSolutionProviderOf").await;
    let listed = listed.json()["items"].clone();
    let state = |id: &str| {
        let found = listed.as_array().unwrap().iter().find(|item| item["id"] == id);
        found.map_or(Value::Null, |item| item["state"].clone())
    };
    let check = async |last: u32, shown: Value, signed: Result<bool, u64>, refused: (u16, u64)| {
        let id = format!("dea10000-0000-4000-8000-00000000000{last}");
        assert_eq!(state(&id), shown, "{id}");
        let status = agreement_status(client, &format!("tenantId={id}")).await;
        match signed {
            Ok(signed) => assert_eq!(status.json()["isAgreementSigned"], signed),
            Err(code) => assert_eq!((status.status, status.code()), (Some(400), code)),
        }
        let created = create_for(client, &id).await;
        assert_eq!((created.status, created.code()), (Some(refused.0), refused.1), "{id}");
    };
    check(1, json!("Inactive"), Ok(true), (400, 900_154)).await;
    check(2, json!("Active"), Ok(false), (403, 900_123)).await;
    check(3, json!("Active"), Err(2206), (403, 900_123)).await;
    check(4, Value::Null, Err(2201), (400, 800_016)).await;
    check(5, Value::Null, Err(2204), (400, 800_016)).await;
    check(9, Value::Null, Err(2205), (400, 800_016)).await;
}

#[tokio::test]
async fn a_scenario_adds_resellers_and_changes_those_that_are_there() {
    let reseller = |id: &str, state| Reseller {
        id: id.parse().unwrap(),
        name: "Added".to_owned(),
        mpn_id: 7,
        country: "DE".to_owned(),
        state,
    };
    let known = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let added = "00000000-0000-4000-8000-000000000007";
    let resellers = vec![reseller(known, ResellerState::NotSigned), reseller(added, ResellerState::Active)];
    let (_simulator, client) = start(Scenario { resellers, ..Scenario::default() }).await;
    assert_eq!(create_for(client, known).await.code(), 900_123);
    assert_eq!(create_for(client, added).await.status, Some(201));
    let listed = client.get("/v1/relationships?relationship_type=IsIndirectCloudSolutionProviderOf").await;
    let listed = listed.json()["items"].as_array().unwrap().clone();
    assert_eq!(listed.iter().filter(|item| item["id"] == known).count(), 1);
}

#[tokio::test]
async fn the_partners_own_domain_is_taken_and_its_tenant_is_no_customer() {
    let (_simulator, client) = start(Scenario::default()).await;
    let profile = client.get("/v1/profiles/organization").await.json();
    assert_eq!(
        (&profile["tenantId"], &profile["domain"]),
        (&json!(PARTNER_TENANT_ID), &json!(PARTNER_DOMAIN))
    );
    assert!(client.is_taken(PARTNER_DOMAIN).await);
    assert_eq!(client.get(&format!("/v1/customers/{PARTNER_TENANT_ID}")).await.code(), 20_002);
}

#[tokio::test]
async fn an_app_alone_is_told_nothing_about_partners() {
    let (_simulator, client) = start(Scenario::default()).await;
    for path in [
        "/v1/relationships?relationship_type=IsIndirectCloudSolutionProviderOf",
        "/v1/compliance/csp/agreementstatus?mpnId=1",
        "/v1/profiles/organization",
    ] {
        let refused = client.get_as(&app_only(), path).await;
        assert_eq!((refused.status, refused.code()), (Some(403), 900_329), "{path}");
    }
}
