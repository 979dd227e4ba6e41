//! Tests creates: idempotency, uniqueness, refusals, and what survives a restart.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::super::{Config, Hold, HoldPoint, Scenario, Simulator};
use super::client::{Answer, Client, order, start};

async fn together(creates: impl IntoIterator<Item = (Uuid, Value)>, client: Client) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for (id, order) in creates {
        tasks.spawn(async move { client.create_under(id, &order).await });
    }
    tasks.join_all().await
}

fn with_latency() -> Scenario {
    let latency = Duration::from_millis(60);
    Scenario { latency: (latency, latency), ..Scenario::default() }
}

#[tokio::test]
async fn one_request_id_creates_once_however_its_requests_overlap() {
    let (simulator, client) = start(with_latency()).await;
    let id = Uuid::new_v4();
    let creates = (0..8).map(|_| (id, order("one.onmicrosoft.com")));
    let answers = together(creates, client).await;
    assert!(answers.iter().all(|answer| answer.status == Some(201)));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "a replay equals the first answer");
    assert_eq!(simulator.creations().len(), 1);
}

#[tokio::test]
async fn one_domain_is_created_once_in_any_case() {
    let (simulator, client) = start(with_latency()).await;
    let domains = ["one.onmicrosoft.com", "ONE.onmicrosoft.com", "One.OnMicrosoft.com"];
    let answers = together(domains.map(|domain| (Uuid::new_v4(), order(domain))), client).await;
    let mut statuses: Vec<_> = answers.iter().filter_map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
    assert_eq!(simulator.creations().len(), 1);
}

#[tokio::test]
async fn a_request_id_stands_for_one_body() {
    let (simulator, client) = start(Scenario::default()).await;
    let id = Uuid::new_v4();
    assert_eq!(client.create_under(id, &order("one.onmicrosoft.com")).await.status, Some(201));
    let other = client.create_under(id, &order("two.onmicrosoft.com")).await;
    assert_eq!((other.status, other.code()), (Some(400), 3000));
    assert_eq!(simulator.creations().len(), 1);
}

#[tokio::test]
async fn a_replay_can_be_without_the_password_or_forgotten() {
    let scenario = Scenario {
        replay_password: false,
        idempotency_memory: Some(Duration::from_millis(300)),
        ..Scenario::default()
    };
    let (_simulator, client) = start(scenario).await;
    let (id, order) = (Uuid::new_v4(), order("one.onmicrosoft.com"));
    let first = client.create_under(id, &order).await.json();
    let replay = client.create_under(id, &order).await.json();
    assert!(first["userCredentials"]["password"].as_str().unwrap().contains([';', '=', ',', '"']));
    assert_eq!(first["id"], replay["id"]);
    assert!(replay.get("userCredentials").is_none());
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(client.create_under(id, &order).await.status, Some(409));
}

#[tokio::test]
async fn domains_are_ours_or_a_strangers_or_lost() {
    let (simulator, client) = start(Scenario::default()).await;
    for domain in ["taken-1.onmicrosoft.com", "ours-1.onmicrosoft.com", "contoso.onmicrosoft.com"] {
        assert!(client.is_taken(domain).await, "{domain}");
        assert_eq!(client.create(domain).await.status, Some(409), "{domain}");
    }
    assert_eq!(client.search("Domain", "OURS-2.onmicrosoft.com").await, ["ours-2.onmicrosoft.com"]);
    assert!(client.search("Domain", "taken-1.onmicrosoft.com").await.is_empty());

    let lost = "half-made-1.onmicrosoft.com";
    assert!(!client.is_taken(lost).await);
    let refused = client.create(lost).await;
    assert_eq!((refused.status, refused.code()), (Some(400), 27_002));
    assert!(client.is_taken(lost).await);
    assert!(client.search("Domain", lost).await.is_empty());
    assert_eq!(client.create(lost).await.status, Some(409));
    assert!(simulator.creations().is_empty());
}

#[tokio::test]
async fn the_form_is_checked() {
    let (simulator, client) = start(Scenario::default()).await;
    let check = async |change: fn(&mut Value), expected: u64, details: Value| {
        let mut order = order("one.onmicrosoft.com");
        change(&mut order);
        let answer = client.create_under(Uuid::new_v4(), &order).await;
        assert_eq!((answer.status, answer.code()), (Some(400), expected), "{order}");
        assert_eq!(answer.json()["data"], details);
    };
    let line = "billingProfile.defaultAddress.addressLine1";
    check(|it| it["billingProfile"]["defaultAddress"]["addressLine1"] = json!(" "), 2001, json!([line]))
        .await;
    check(|it| it["userCredentials"] = json!({ "password": "x" }), 3000, json!(["userCredentials"])).await;
    check(|it| it["associatedPartnerId"] = json!("12345"), 3000, json!(["associatedPartnerId"])).await;
    let no_ids = client.send("POST", "/v1/customers", &[("Authorization", "Bearer x")], "{}").await;
    assert_eq!((no_ids.status, no_ids.code()), (Some(400), 2000));
    let no_token = client.send("POST", "/v1/customers", &[], "{}").await;
    assert_eq!((no_token.status, no_token.code()), (Some(401), 400));
    assert!(no_token.headers.contains_key("www-authenticate"));
    assert!(simulator.creations().is_empty());
}

async fn start_on(state_file: &Path) -> (Simulator, Client) {
    let config = Config { state_file: Some(state_file.to_owned()), ..Config::default() };
    let simulator = Simulator::start(config).await.unwrap();
    let client = Client(simulator.address());
    (simulator, client)
}

#[tokio::test]
async fn effects_survive_a_restart_and_a_torn_last_line_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.jsonl");
    let (simulator, client) = start_on(&path).await;
    let (id, first) = (Uuid::new_v4(), order("one.onmicrosoft.com"));
    let answer = client.create_under(id, &first).await;
    client.create("half-made.onmicrosoft.com").await;
    let before = simulator.creations();
    simulator.stop().await;
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"effect":"created","domain":"tor"#).unwrap();

    let (simulator, client) = start_on(&path).await;
    assert_eq!(simulator.creations(), before);
    assert_eq!(client.create_under(id, &first).await.body, answer.body);
    assert!(client.is_taken("half-made.onmicrosoft.com").await);
    assert_eq!(client.search("CompanyName", "company one").await, ["one.onmicrosoft.com"]);
    assert_eq!(client.create("two.onmicrosoft.com").await.status, Some(201));
    simulator.stop().await;

    let (simulator, _) = start_on(&path).await;
    assert_eq!(simulator.creations().len(), 2);
    let config = Config { state_file: Some(path), ..Config::default() };
    assert!(Simulator::start(config).await.is_err(), "a state file serves one simulator");
}

#[tokio::test]
async fn a_damaged_state_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.jsonl");
    std::fs::write(&path, "{\"effect\":\"created\"}\n").unwrap();
    let config = Config { state_file: Some(path), ..Config::default() };
    let error = Simulator::start(config).await.unwrap_err().to_string();
    assert!(error.contains("line 1"), "{error}");
}

#[tokio::test]
async fn a_stopped_simulator_is_gone() {
    let (simulator, client) = start(Scenario::default()).await;
    simulator.stop().await;
    assert!(tokio::net::TcpStream::connect(client.0).await.is_err());
}

#[tokio::test]
async fn stopping_abandons_what_is_held() {
    let (simulator, client) = start(Scenario::default()).await;
    simulator.hold(Hold { at: HoldPoint::Received, domain: None });
    let held = tokio::spawn(async move { client.create("held.onmicrosoft.com").await });
    simulator.wait_until_held().await;
    simulator.stop().await;
    assert_eq!(held.await.unwrap().status, None);
}
