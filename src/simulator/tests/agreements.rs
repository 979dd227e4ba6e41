//! Tests agreements: their templates, and that an acceptance is recorded only once.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Config, Fault, Operation, Scenario, ScriptedFault, Simulator};
use super::client::{Answer, Client, start};

const TEMPLATE: &str = "117a77b0-9360-443b-8795-c6dedc750cf9";

fn acceptance(first_name: &str) -> Value {
    json!({
        "primaryContact": { "firstName": first_name, "lastName": "Carr", "email": "someone@example.com" },
        "templateId": TEMPLATE,
        "dateAgreed": "2018-06-14T00:00:00.000Z",
        "type": "MicrosoftCustomerAgreement",
    })
}

async fn customer(client: Client, domain: &str) -> String {
    let created = client.create(domain).await.json();
    format!("/v1/customers/{}", created["id"].as_str().unwrap())
}

async fn accept(client: Client, customer: &str, acceptance: &Value) -> Answer {
    let path = format!("{customer}/agreements");
    client.call("POST", &path, Uuid::new_v4(), &acceptance.to_string()).await
}

#[tokio::test]
async fn a_contact_accepts_once_for_each_customer() {
    let (simulator, client) = start(Scenario::default()).await;
    let (one, two) =
        (customer(client, "one.onmicrosoft.com").await, customer(client, "two.onmicrosoft.com").await);
    for (customer, name) in [(&one, "Tania"), (&one, "Tanja"), (&two, "Tania")] {
        assert_eq!(accept(client, customer, &acceptance(name)).await.status, Some(201));
    }
    let again = accept(client, &one, &acceptance("Tania")).await;
    assert_eq!((again.status, again.code()), (Some(400), 600_061));
    let on_record = simulator.acceptances();
    let domains: Vec<_> = on_record.iter().map(|acceptance| acceptance.domain.as_str()).collect();
    assert_eq!(domains, ["one.onmicrosoft.com", "one.onmicrosoft.com", "two.onmicrosoft.com"]);
    assert!(on_record.iter().all(|it| it.request_id.is_some() && it.phone_number.is_none()));
}

#[tokio::test]
async fn what_is_on_record_has_dates_without_a_zone() {
    let (_simulator, client) = start(Scenario::default()).await;
    let customer = customer(client, "one.onmicrosoft.com").await;
    accept(client, &customer, &acceptance("Tania")).await;
    let agreements = async |query: &str| client.get(&format!("{customer}/agreements{query}")).await.json();
    let listed = agreements("?agreementType=MicrosoftCustomerAgreement").await;
    assert_eq!(listed["items"][0]["dateAgreed"], "2018-06-14T00:00:00");
    assert_eq!(listed["items"][0]["agreementLink"], "https://aka.ms/customeragreement");
    assert_eq!(agreements("?agreementType=MicrosoftCloudAgreement").await["totalCount"], 0);
}

#[tokio::test]
async fn without_a_type_the_older_template_comes() {
    let (_simulator, client) = start(Scenario::default()).await;
    let templates = async |query: &str| client.get(&format!("/v1/agreements{query}")).await;
    let older = templates("").await.json();
    assert_eq!(older["items"][0]["agreementType"], "MicrosoftCloudAgreement");
    assert_eq!(templates("?agreementType=*").await.json()["totalCount"], 2);
    assert_eq!(templates("?agreementType=Other").await.status, Some(400));
}

#[tokio::test]
async fn an_acceptance_is_checked() {
    let (simulator, client) = start(Scenario::default()).await;
    let customer = customer(client, "one.onmicrosoft.com").await;
    let check = async |change: fn(&mut Value), path: &str| {
        let mut acceptance = acceptance("Tania");
        change(&mut acceptance);
        let refused = accept(client, &customer, &acceptance).await;
        assert_eq!((refused.status, refused.json()["data"].clone()), (Some(400), json!([path])));
    };
    check(|it| it["primaryContact"]["email"] = Value::Null, "primaryContact.email").await;
    check(|it| it["templateId"] = json!("998b88de-aa99-4388-a42c-1b3517d49490"), "templateId").await;
    check(|it| it["dateAgreed"] = json!("14.06.2018"), "dateAgreed").await;
    check(|it| it["type"] = json!("Other"), "type").await;
    let nobody = format!("/v1/customers/{}", Uuid::new_v4());
    assert_eq!(accept(client, &nobody, &acceptance("Tania")).await.code(), 60_003);
    assert!(simulator.acceptances().is_empty());
}

#[tokio::test]
async fn a_lost_reply_leaves_an_acceptance_that_a_repeat_finds() {
    let (simulator, client) = start(Scenario::default()).await;
    let customer = customer(client, "One.onmicrosoft.com").await;
    let fault = ScriptedFault::next(Operation::ConfirmAgreement, Fault::DropAfter);
    simulator.script(fault.for_domain("one.onmicrosoft.com"));
    assert_eq!(accept(client, &customer, &acceptance("Tania")).await.status, None);
    assert_eq!(accept(client, &customer, &acceptance("Tania")).await.code(), 600_061);
    assert_eq!(simulator.acceptances().len(), 1);
}

#[tokio::test]
async fn acceptances_survive_a_restart_and_stand_in_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { state_file: Some(directory.path().join("state.jsonl")), ..Config::default() };
    let simulator = Simulator::start(config.clone()).await.unwrap();
    let client = Client(simulator.address());
    let customer = customer(client, "one.onmicrosoft.com").await;
    accept(client, &customer, &acceptance("Tania")).await;
    let before = simulator.acceptances();
    simulator.stop().await;

    let simulator = Simulator::start(config).await.unwrap();
    let client = Client(simulator.address());
    assert_eq!(simulator.acceptances(), before);
    assert_eq!(accept(client, &customer, &acceptance("Tania")).await.code(), 600_061);
    let control = async |path: &str| client.send("GET", path, &[], "").await.json();
    let agreements = control("/_simulator/agreements").await;
    assert_eq!(agreements[0]["first_name"], "Tania");
    let journal = control("/_simulator/journal").await;
    assert_eq!(
        (&journal[0]["domain"], &journal[0]["agreements"]),
        (&json!("one.onmicrosoft.com"), &agreements)
    );
}

#[tokio::test]
async fn an_app_alone_accepts_nothing() {
    let (simulator, client) = start(Scenario::default()).await;
    let customer = customer(client, "one.onmicrosoft.com").await;
    let app = super::rights::app_only();
    for path in ["/v1/agreements?agreementType=*", &format!("{customer}/agreements")] {
        assert_eq!(client.get_as(&app, path).await.code(), 900_329, "{path}");
    }
    let bearer = format!("Bearer {app}");
    let path = format!("{customer}/agreements");
    let acceptance = acceptance("Tania").to_string();
    let refused = client.send("POST", &path, &[("Authorization", &bearer)], &acceptance).await;
    assert_eq!((refused.status, simulator.acceptances().len()), (Some(403), 0));
}
