//! What `check --online` makes of Partner Center's answers, and that it only asks.

use std::time::Duration;

use tenantry_simulator::{Fault, Operation, Scenario, ScriptedFault};

use crate::check::{files, problems};
use crate::harness::{Bench, CLIENT_SECRET, Call, customers, eventually, snapshot};

const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,state,\
                      postal_code,country,associated_partner_id";

/// A reseller that is in order.
const GOOD: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

fn online<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.tenantry(["check", "--online"]).args(args)
}

/// A row in Redmond, with the first line of its address and its reseller.
fn row(domain: &str, line: &str, reseller: &str) -> String {
    format!(
        "Harborline {domain} Ltd,{domain},accounts@harborline.example.com,en-US,en,Ana,Bell,{line},Redmond,WA,98052,\
         US,{reseller}\n"
    )
}

fn good(domain: &str) -> String {
    row(domain, "1 Microsoft Way", GOOD)
}

fn file_of(rows: &[String]) -> String {
    format!("{HEADER}\n{}", rows.concat())
}

/// The data that the simulator's documentation names, each row in its own kind of trouble.
fn troubled() -> String {
    let reseller = |number: u32| format!("dea10000-0000-4000-8000-{number:012}");
    let of = |number: u32| row(&format!("reseller{number}"), "1 Microsoft Way", &reseller(number));
    file_of(&[
        good("good"),
        good("taken-by-others"),
        good("ours-already"),
        row("street", "Microsoft Way", GOOD),
        row("premises", "3 Microsoft Way", GOOD),
        row("nowhere", "7 Hill Road #None", GOOD),
        row("unchecked", "7 Hill Road #NotValidated", GOOD),
        row("unheard", "7 Hill Road #Unheard", GOOD),
        of(1),
        of(2),
        of(3),
        of(4),
        of(5),
        // Not asked about: wrong already, an equal duplicate, and a domain named again.
        good("wrong").replace(",US,", ",UK,"),
        good("good"),
        good("good").replacen("Harborline", "Northgate", 1),
        row("several", "Microsoft Way", &reseller(1)),
    ])
}

#[test]
fn what_partner_center_says_of_each_row() {
    // Answers overtake each other, and come out in the order of the file all the same.
    let latency = (Duration::ZERO, Duration::from_millis(40));
    let bench = Bench::with(Scenario { latency, ..Scenario::default() });
    bench.file("customers.csv", troubled());
    let before = files(&bench);
    snapshot!(online(&bench, &["customers.csv"]).exits(3));
    assert_eq!(files(&bench), before, "nothing is written");
    assert!(bench.creations().is_empty(), "nothing is created");
    assert_eq!(bench.count(Operation::Create), 0);
    assert_eq!(bench.count(Operation::Resellers), 1, "the list is asked for once");
    assert_eq!(
        bench.count(Operation::AgreementStatus),
        3,
        "each reseller on it that is active is asked about once"
    );
    assert_eq!(bench.count(Operation::Address), 14);
    assert!(bench.requests(Operation::Domain, "wrong").is_empty());
    assert_eq!(bench.requests(Operation::Domain, "good").len(), 1);
}

#[test]
fn the_first_generation_of_address_checks_is_understood() {
    let scenario: Scenario = "smooth,address=first,limit=none,latency_ms=0".parse().unwrap();
    let bench = Bench::with(scenario);
    bench.file("customers.csv", file_of(&[good("good"), row("nowhere", "7 Hill Road #None", GOOD)]));
    let done = online(&bench, &["--json", "customers.csv"]).exits(0);
    assert_eq!(problems(&done), [(3, "address_wrong".to_owned())]);
}

#[test]
fn strict_makes_errors_of_what_it_is_warned_of() {
    let bench = Bench::new();
    bench.file("customers.csv", file_of(&[good("ours-already"), row("street", "Microsoft Way", GOOD)]));
    online(&bench, &["customers.csv"]).exits(0);
    let done = online(&bench, &["--json", "--strict", "customers.csv"]).exits(3);
    assert_eq!(problems(&done), [(2, "domain_ours".to_owned()), (3, "address_unverified".to_owned())]);
    assert!(!done.stdout.contains(r#""severity":"warning""#), "{done}");
}

/// An app may ask about addresses and domains; what takes a user is said to be unknown, once for each row.
#[test]
fn an_app_says_what_it_may_not_ask() {
    let bench = Bench::new();
    bench.file(
        "customers.csv",
        file_of(&[good("one"), good("taken-two"), row("three", "1 Microsoft Way", "")]),
    );
    let done = online(&bench, &["--allow-direct", "customers.csv"]).with_app();
    snapshot!(done.env("TENANTRY_CLIENT_SECRET", CLIENT_SECRET).exits(3));
    assert_eq!(bench.count(Operation::AgreementStatus), 0);
}

#[test]
fn a_service_that_says_nothing_is_not_asked_for_ever() {
    let bench = Bench::new();
    let silent = Fault::StatusBefore { status: 503 };
    bench.simulator().script(ScriptedFault::next(Operation::Address, silent).times(10_000));
    bench.file("customers.csv", customers(60));
    let done = online(&bench, &["--json", "--concurrency", "20", "customers.csv"]).exits(5);
    done.says("stopped asking Partner Center")
        .says("addresses: ")
        .says("not asked about")
        .says("because: status 503");
    let unanswered = problems(&done);
    assert_eq!(unanswered.len(), 60, "silence is never taken for a yes: {done}");
    assert!(unanswered.iter().all(|(_, rule)| rule == "address_unanswered"), "{done}");
    // What it does answer is asked all the same, and a check of the domain check itself.
    assert_eq!(bench.count(Operation::Domain), 61);
}

#[test]
fn one_silence_is_a_warning() {
    let bench = Bench::new();
    bench.fault(Operation::Domain, "two", Fault::StatusBefore { status: 503 }, 4);
    bench.file("customers.csv", file_of(&[good("one"), good("two"), good("three")]));
    let done = online(&bench, &["--json", "customers.csv"]).exits(0);
    assert_eq!(problems(&done), [(3, "domain_unanswered".to_owned())]);
    assert!(done.stdout.contains("503"), "it says why: {done}");
}

#[test]
fn what_every_row_would_get_ends_it() {
    let bench = Bench::new();
    bench.file("customers.csv", file_of(&[good("one"), good("two")]));
    let refused = Fault::RefusedBefore { status: 403, code: 900_308 };
    bench.simulator().script(ScriptedFault::next(Operation::Address, refused).times(100));
    online(&bench, &["customers.csv"]).exits(4).says("900308");
    let bench = Bench::new();
    bench.file("customers.csv", file_of(&[good("one")]));
    let wrong = online(&bench, &["customers.csv"]).with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret");
    wrong.exits(4).says("could not sign in");
    online(&bench, &["customers.csv"]).without("TENANTRY_ACCESS_TOKEN").exits(4);
    online(&bench, &["--api-url", "http://example.com", "customers.csv"]).exits(2);
    assert!(bench.creations().is_empty());
}

#[test]
fn the_wrong_address_of_the_service_ends_it() {
    let bench = Bench::new();
    bench.file("customers.csv", file_of(&[good("one")]));
    let elsewhere = format!("{}/elsewhere", bench.simulator().url());
    online(&bench, &["--api-url", &elsewhere, "customers.csv"]).exits(5).says("404");
}

#[test]
fn a_rehearsal_needs_no_sign_in_and_leaves_nothing() {
    let bench = Bench::new();
    bench.file("customers.csv", file_of(&[good("one"), good("taken-two")]));
    let before = files(&bench);
    let call = online(&bench, &["--json", "--simulate", "customers.csv"]).without("TENANTRY_ACCESS_TOKEN");
    assert_eq!(problems(&call.exits(3)), [(3, "domain_taken".to_owned())]);
    assert_eq!(files(&bench), before);
    assert!(bench.simulator().requests().is_empty(), "it has a simulator of its own");
}

#[test]
fn an_interruption_ends_the_asking_at_once() {
    let latency = (Duration::from_secs(60), Duration::from_secs(60));
    let bench = Bench::with(Scenario { latency, ..Scenario::default() });
    bench.file("customers.csv", file_of(&[good("one")]));
    let running = online(&bench, &["customers.csv"]).spawn();
    eventually("it asks", || !bench.simulator().requests().is_empty());
    running.signal("INT");
    let done = running.wait();
    assert_eq!(done.code, Some(130), "{done}");
}

/// An import records a customer that exists already; it does not create one.
#[test]
fn customers_that_exist_are_not_counted_as_to_be_created() {
    let bench = Bench::new();
    bench.file("customers.csv", file_of(&[good("good"), good("ours-already")]));
    let done = online(&bench, &["customers.csv"]).exits(0);
    for line in
        ["1 row is a customer of yours already: an import records that", "1 row can be sent, by country"]
    {
        assert!(done.stdout.contains(line), "{line}: {done}");
    }
}
