//! Tests each fault on the wire, and whether its create took effect.

use std::time::Duration;

use super::super::{Fault, Named, Operation, Outage, RetryAfter, Scenario, ScriptedFault, SeededFault};
use super::client::{Answer, start};

/// What the client sees.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Closed,
    Stalled,
    Cut(u16),
    Whole(u16),
}

fn seen(answer: &Answer) -> Seen {
    match answer.status {
        None if answer.stalled => Seen::Stalled,
        None => Seen::Closed,
        Some(status) if answer.is_cut() => Seen::Cut(status),
        Some(status) => Seen::Whole(status),
    }
}

async fn check(fault: Fault, expected: Seen, takes_effect: bool) -> Answer {
    let (simulator, client) = start(Scenario::default()).await;
    simulator.script(ScriptedFault::next(Operation::Create, fault));
    let answer = client.create("one.onmicrosoft.com").await;
    assert_eq!(seen(&answer), expected, "{fault:?}");
    assert_eq!(simulator.creations().len(), usize::from(takes_effect), "{fault:?}");
    assert_eq!(simulator.requests()[0].fault, Some(fault));
    let next = client.create("two.onmicrosoft.com").await;
    assert_eq!(next.status, Some(201), "a scripted fault is used up: {fault:?}");
    answer
}

#[tokio::test]
async fn faults_before_leave_nothing_behind() {
    check(Fault::RefuseBefore, Seen::Closed, false).await;
    check(Fault::StatusBefore { status: 503 }, Seen::Whole(503), false).await;
    check(Fault::StatusBefore { status: 408 }, Seen::Whole(408), false).await;
    let page = check(Fault::HtmlBefore, Seen::Whole(502), false).await;
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));
    assert!(!page.headers.contains_key("ms-requestid"));
    let redirect = check(Fault::Redirect, Seen::Whole(302), false).await;
    assert!(redirect.headers.contains_key("location"));
    let unauthorized = check(Fault::Unauthorized, Seen::Whole(401), false).await;
    assert_eq!(unauthorized.code(), 400);
    let throttled = check(Fault::Throttled { retry_after_s: 7 }, Seen::Whole(429), false).await;
    assert_eq!(throttled.headers["retry-after"], "7");
    let nonsense = Fault::ThrottledAs { form: RetryAfter::Nonsense, retry_after_s: 7 };
    assert_eq!(check(nonsense, Seen::Whole(429), false).await.headers["retry-after"], "soon");
    let busy = check(Fault::BusyBefore { retry_after_s: 7 }, Seen::Whole(503), false).await;
    assert_eq!(busy.headers["retry-after"], "7");
}

#[tokio::test]
async fn a_service_that_is_gone_refuses_connections_until_it_is_back() {
    let (simulator, client) = start(Scenario::default()).await;
    let idle = tokio::net::TcpStream::connect(simulator.address()).await.unwrap();
    simulator.script(ScriptedFault::next(Operation::Create, Fault::GoneAfter { for_ms: 500 }));
    assert_eq!(seen(&client.create("one.onmicrosoft.com").await), Seen::Closed);
    assert_eq!(simulator.creations().len(), 1, "it was done");
    let refused = async || tokio::net::TcpStream::connect(simulator.address()).await.is_err();
    let ended = async || idle.readable().await.is_ok() && idle.try_read(&mut [0]).is_ok_and(|read| read == 0);
    assert!(ended().await, "other connections end too");
    assert!(refused().await);
    while refused().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.create("two.onmicrosoft.com").await.status, Some(201));
}

#[tokio::test]
async fn faults_after_leave_a_customer_behind() {
    check(Fault::DropAfter, Seen::Closed, true).await;
    check(Fault::StatusAfter { status: 500 }, Seen::Whole(500), true).await;
    check(Fault::HtmlAfter, Seen::Whole(502), true).await;
    let cut = check(Fault::Truncated, Seen::Cut(201), true).await;
    assert!(!cut.body.is_empty(), "half of the body goes out");
    let invalid = check(Fault::InvalidJson, Seen::Whole(201), true).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&invalid.body).is_err());
    let without_id = check(Fault::WithoutId, Seen::Whole(201), true).await;
    assert!(without_id.json().get("id").is_none());
    let accepted = check(Fault::Accepted, Seen::Whole(202), true).await;
    assert!(accepted.body.is_empty());
    let marked = check(Fault::ByteOrderMark, Seen::Whole(201), true).await;
    assert!(marked.body.starts_with(b"\xEF\xBB\xBF{"));
}

#[tokio::test]
async fn a_success_can_carry_the_customer_of_somebody_else() {
    let (theirs, own) = ("other.onmicrosoft.com", "asked.onmicrosoft.com");
    for (names, domain) in [(Named::Theirs, Some(theirs)), (Named::Own, Some(own)), (Named::Nobody, None)] {
        let (simulator, client) = start(Scenario::default()).await;
        let other = client.create(theirs).await.json();
        simulator.script(ScriptedFault::next(Operation::Create, Fault::AnotherCustomer { names }));
        let answer = client.create(own).await.json();
        assert_eq!(answer["id"], other["id"]);
        assert_eq!(answer["userCredentials"], other["userCredentials"]);
        assert_eq!(answer["companyProfile"]["domain"].as_str(), domain);
        assert_eq!(simulator.creations().len(), 2, "the create behind it took effect");
    }
}

#[tokio::test]
async fn stalled_replies_never_come() {
    let before = check(Fault::StalledBefore, Seen::Stalled, false);
    let after = check(Fault::StalledAfter, Seen::Stalled, true);
    tokio::join!(before, after);
}

#[tokio::test]
async fn a_slow_body_arrives_whole_in_its_time() {
    let started = tokio::time::Instant::now();
    let slow = check(Fault::SlowBody, Seen::Whole(201), true).await;
    assert!(slow.json().get("id").is_some());
    assert!(started.elapsed() > Duration::from_secs(1));
}

#[tokio::test]
async fn faults_strike_other_operations_too() {
    let (simulator, client) = start(Scenario::default()).await;
    for (operation, status) in [(Operation::Token, 500), (Operation::Search, 502), (Operation::Domain, 503)] {
        simulator.script(ScriptedFault::next(operation, Fault::StatusBefore { status }));
    }
    assert_eq!(client.token("s", "x").await.status, Some(500));
    assert_eq!(client.get("/v1/customers").await.status, Some(502));
    let check = client.call("HEAD", "/v1/domains/a.example", uuid::Uuid::new_v4(), "").await;
    assert_eq!((check.status, check.body.len()), (Some(503), 0));
}

#[tokio::test]
async fn an_expiry_ends_the_token_that_was_sent_and_no_other() {
    let (simulator, client) = start(Scenario::default()).await;
    let bearer = async || {
        let issued = client.token("s", "https://api.partnercenter.microsoft.com/.default").await.json();
        format!("Bearer {}", issued["access_token"].as_str().unwrap())
    };
    let (old, new) = (bearer().await, bearer().await);
    let status = async |bearer: &str| {
        client.send("GET", "/v1/customers", &[("Authorization", bearer)], "").await.status
    };
    simulator.script(ScriptedFault::next(Operation::Search, Fault::Unauthorized));
    assert_eq!(status(&old).await, Some(401));
    assert_eq!(status(&old).await, Some(401));
    assert_eq!(status(&new).await, Some(200));
}

#[tokio::test]
async fn seeded_faults_strike_over_the_wire() {
    let fault = Fault::StatusBefore { status: 500 };
    let seeded = SeededFault { fault, operation: None, probability: 0.5 };
    let (simulator, client) = start(Scenario { faults: vec![seeded], seed: 3, ..Scenario::default() }).await;
    for index in 0..40 {
        client.create(&format!("seed{index}.onmicrosoft.com")).await;
    }
    let made = simulator.creations().len();
    assert!((8..=32).contains(&made), "seed 3 made {made} of 40");
}

#[tokio::test]
async fn an_outage_passes() {
    let outage = Outage { after: Duration::ZERO, length: Duration::from_millis(300), status: 503 };
    let (simulator, client) = start(Scenario { outage: Some(outage), ..Scenario::default() }).await;
    assert_eq!(client.create("one.onmicrosoft.com").await.status, Some(503));
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(client.create("one.onmicrosoft.com").await.status, Some(201));
    assert_eq!(simulator.creations().len(), 1);
}
