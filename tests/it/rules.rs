//! `tenantry rules update`, and what `import` makes of the rules that it keeps.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tenantry_simulator::{CountryRules, Fault, Operation, Scenario, ScriptedFault};

use crate::harness::{ACCESS_TOKEN, Bench, Call, Done, SIGNALS, customers_of, eventually, row, states};
use crate::outage::unused_address;

fn update<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.tenantry(["rules", "update"]).args(args)
}

/// A row like those of the harness, in another country.
fn row_in(country: &str, domain: &str) -> String {
    row(domain).strip_suffix("GB").unwrap().to_owned() + country
}

/// A file with a row in each country.
fn customers_in(countries: &[&str]) -> String {
    let rows =
        countries.iter().enumerate().map(|(n, country)| row_in(country, &format!("fabrikam{n}")) + "\n");
    customers_of([]) + &rows.collect::<String>()
}

/// The folder that an update says it keeps the rules in.
fn folder(done: &Done) -> PathBuf {
    let (_, after) = done.stderr.split_once("Stored in `").unwrap_or_else(|| panic!("{done}"));
    PathBuf::from(after.split_once('`').unwrap().0)
}

fn script(bench: &Bench, fault: Fault, count: u32) {
    bench.simulator().script(ScriptedFault::next(Operation::CountryRules, fault).times(count));
}

/// A customer that only rules from the service find fault with: nothing built in says that GB wants a city.
fn without_city() -> String {
    customers_of(["harborline"]).replace(",Leeds,", ",,")
}

#[test]
fn rules_are_fetched_once_for_each_country_in_either_shape() {
    for country_rules in [CountryRules::Recorded, CountryRules::Documented] {
        let bench = Bench::with(Scenario { country_rules, ..Scenario::default() });
        bench.file("customers.csv", customers_in(&["US", "PT", "us", "US"]));
        let done = update(&bench, &["customers.csv"]).exits(0);
        assert_eq!(done.stdout, "PT  updated\nUS  updated\n");
        assert_eq!(bench.count(Operation::CountryRules), 2);
        for country in ["PT", "US"] {
            let body = fs::read_to_string(folder(&done).join(format!("{country}.json"))).unwrap();
            assert!(body.starts_with('{') && body.contains(&format!("\"{country}\"")), "{body}");
        }
        assert!(folder(&done).starts_with(bench.path("")), "nothing leaves the folder of the test: {done}");
        let again = update(&bench, &["customers.csv", "--country", "pt"]).exits(0);
        assert_eq!(again.stdout, "PT  unchanged\nUS  unchanged\n");
        assert!(!bench.ledger_path().exists(), "asking needs no ledger");
    }
}

#[test]
fn imports_judge_rows_by_the_fetched_rules() {
    let bench = Bench::new();
    bench.file("customers.csv", without_city());
    let import = |ledger: &str| bench.import("customers.csv").env("TENANTRY_LEDGER", bench.path(ledger));
    let before = import("before.db").args(["--simulate"]).exits(0);
    assert!(!before.stderr.contains("Country rules"), "{before}");
    update(&bench, &["customers.csv"]).exits(0);
    // Another API has not said so.
    import("simulated.db").args(["--simulate"]).exits(0);
    let after = bench.import("customers.csv").exits(3);
    after.says(" from Partner Center: GB.").says("city");
    assert_eq!(bench.ledger().states(), states([("rejected", 1)]));
    assert!(bench.creations().is_empty());
}

#[test]
fn a_rehearsal_has_rules_of_its_own() {
    let bench = Bench::new();
    bench.file("customers.csv", without_city());
    let done = update(&bench, &["customers.csv", "--simulate"]).without("TENANTRY_ACCESS_TOKEN").exits(0);
    assert_eq!(done.stdout, "GB  updated\n");
    assert_eq!(bench.count(Operation::CountryRules), 0, "the other simulator was not asked");
    bench.import("customers.csv").args(["--simulate"]).exits(3).says("Country rules of ");
    bench.import("customers.csv").env("TENANTRY_LEDGER", bench.path("service.db")).exits(0);
}

#[test]
fn what_is_no_country_is_named_and_what_has_no_rules_is_told() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_in(&["US", "UK", "UK", "United Kingdom", ""]) + "too,few\n");
    let done = update(&bench, &["customers.csv", "--country", "uk"]).exits(3);
    assert_eq!(done.stdout, "UK  Partner Center has no rules\nUS  updated\n");
    done.says("4 rows without a country").says("`UK` (GB?), `United Kingdom` (GB?), ``.");
    done.says("1 row whose cells cannot");
    bench.file("nowhere.csv", customers_in(&["UK"]));
    update(&bench, &["nowhere.csv"]).exits(0).says("no country to ask about");
    update(&bench, &["--country", "UKK"]).exits(2).says("two letters");
    update(&bench, &[]).exits(2);
}

#[test]
fn rules_that_the_service_withdraws_are_forgotten() {
    let bench = Bench::new();
    let kept = folder(&update(&bench, &["--country", "PT"]).exits(0));
    let elsewhere = kept.join("UK.json");
    fs::copy(kept.join("PT.json"), &elsewhere).unwrap();
    update(&bench, &["--country", "UK"]).exits(3);
    assert!(!elsewhere.exists());
}

#[test]
fn a_country_without_an_answer_does_not_keep_the_others() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_in(&["PT", "US"]));
    let kept = folder(&update(&bench, &["customers.csv"]).exits(0));
    let before = fs::read(kept.join("PT.json")).unwrap();
    script(&bench, Fault::StatusBefore { status: 503 }, 4);
    let done = update(&bench, &["customers.csv"]).exits(3);
    assert!(done.stdout.starts_with("PT  could not be fetched: status 503"), "{done}");
    assert!(done.stdout.ends_with("\nUS  unchanged\n"), "{done}");
    assert_eq!(fs::read(kept.join("PT.json")).unwrap(), before);
}

#[test]
fn spoiled_answers_are_asked_for_again() {
    let bench = Bench::new();
    script(&bench, Fault::InvalidJson, 1);
    script(&bench, Fault::Truncated, 1);
    script(&bench, Fault::ByteOrderMark, 1);
    script(&bench, Fault::Throttled { retry_after_s: 1 }, 1);
    let done = update(&bench, &["--country", "PT", "--country", "US"]).exits(0);
    assert_eq!(done.stdout, "PT  updated\nUS  updated\n");
    assert!(fs::read(folder(&done).join("PT.json")).unwrap().starts_with(b"{"), "the mark is left out");
}

#[test]
fn a_damaged_cache_is_told_and_ignored() {
    let bench = Bench::new();
    bench.file("customers.csv", without_city());
    let kept = folder(&update(&bench, &["customers.csv", "--country", "PT"]).exits(0));
    fs::write(kept.join("GB.json"), "{\"iso2Code\":").unwrap();
    let done = bench.import("customers.csv").exits(0);
    done.says("GB.json` are not used: it contains no country rules.").says("from Partner Center: PT.");
    bench.agree();
    let mended = update(&bench, &["customers.csv"]).exits(0);
    assert_eq!(mended.stdout, "GB  updated\n");
}

#[test]
fn imports_tell_the_day_of_the_rules() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["harborline"]));
    let all = ["--country", "PT", "--country", "US", "--country", "DE"];
    let kept = folder(&update(&bench, &all).exits(0));
    let date = |country: &str, unix_s: u64| {
        let file = kept.join(format!("{country}.json"));
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(unix_s)).unwrap();
    };
    // The last second of a day, and the first of the next one.
    date("US", 1_777_679_999);
    date("PT", 1_777_680_000);
    date("DE", 1_777_679_999);
    let done = bench.import("customers.csv").exits(0);
    done.says("Country rules of 2026-05-02 from Partner Center: PT; of 2026-05-01: DE, US.\n");
}

/// A service that answers everything with one body.
fn always(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // A question without a body fits in one read.
            drop(connection.read(&mut [0; 8192]));
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            drop(write!(connection, "{head}Content-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    url
}

#[test]
fn an_answer_that_holds_no_rules_is_not_kept() {
    let bench = Bench::at(&always(r#"{"iso2Code":"PT","postalCodeRegex":7}"#));
    let done = update(&bench, &["--country", "PT"]).exits(3);
    let words = "PT  could not be fetched: the answer contains no valid rules";
    assert!(done.stdout.starts_with(words), "{done}");
    assert!(!done.stderr.contains("Stored in"), "{done}");
}

#[test]
fn what_keeps_it_from_asking_ends_it() {
    let bench = Bench::new();
    script(&bench, Fault::Unauthorized, 1);
    let refused = update(&bench, &["--country", "PT"]).exits(4);
    refused.says("did not accept the access token");
    assert!(!refused.stderr.contains(ACCESS_TOKEN));
    script(&bench, Fault::Unauthorized, 1);
    update(&bench, &["--country", "PT"]).with_app().exits(0);
    update(&bench, &["--country", "PT"]).without("TENANTRY_ACCESS_TOKEN").exits(4).says("cannot sign in");
    update(&bench, &["absent.csv"]).exits(2).says("could not open `absent.csv`");
    bench.file("customers.csv", "a,b\n1,2\n");
    update(&bench, &["customers.csv"]).exits(1).says("could not read `customers.csv`");
    let elsewhere = format!("{}/elsewhere", bench.simulator().url());
    update(&bench, &["--country", "PT", "--api-url", &elsewhere]).exits(1).says("--api-url");
}

#[test]
fn silence_has_an_end() {
    let bench = Bench::at(&unused_address());
    let args = ["--country", "PT", "--country", "US", "--max-outage", "0s"];
    let done = update(&bench, &args).exits(1);
    done.says("no answer for").says("asked 4 times");
    update(&bench, &args).with_app().exits(1).says("the sign-in service");
}

#[test]
fn a_signal_ends_it_at_once() {
    for &(signal, code) in SIGNALS {
        let bench = Bench::new();
        script(&bench, Fault::StalledBefore, 1);
        let running = update(&bench, &["--country", "PT"]).spawn();
        eventually("the service is asked", || bench.count(Operation::CountryRules) == 1);
        running.signal(signal);
        let done = running.wait();
        assert_eq!(done.code, Some(code), "{done}");
        done.says("interrupted");
    }
}
