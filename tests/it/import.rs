//! What `import` takes from a file and what it sends of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use tenantry_simulator::Operation;

use crate::harness::{
    ACCESS_TOKEN, Bench, CLIENT_ID, CLIENT_SECRET, HEADER, TENANT, customers, customers_of, domain, email,
    full, row, sample, states, sum_of_states,
};

/// A server of this test's own that records requests byte for byte and answers each with a fixed reply. It is no
/// simulator, so it forgives nothing and adds nothing.
struct Recorder {
    url: String,
    requests: Receiver<Recorded>,
}

/// One request as it came over the wire.
#[derive(Debug)]
struct Recorded {
    line: String,
    /// By lower-case name.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Recorder {
    fn answering(status: &'static str, body: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        let body = body.to_string();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let Some(request) = Recorded::read(&mut connection) else { continue };
                let reply = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
                connection.write_all(reply.as_bytes()).unwrap();
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, requests }
    }

    /// The only request that came.
    fn only(&self) -> Recorded {
        let request = self.requests.try_recv().expect("no request came");
        assert!(self.requests.try_recv().is_err(), "more than one request came");
        request
    }
}

impl Recorded {
    fn read(connection: &mut impl Read) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            connection.read_exact(&mut byte).ok()?;
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut lines = head.trim_end().lines();
        let line = lines.next()?.to_owned();
        let mut headers = BTreeMap::new();
        for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
            let earlier = headers.insert(name.to_ascii_lowercase(), value.to_owned());
            assert_eq!(earlier, None, "the header {name} was sent twice");
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        connection.read_exact(&mut body).ok()?;
        Some(Self { line, headers, body })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the documented answer to a create holds at least (fact book 4.8).
fn created() -> Value {
    json!({
        "id": "2ca7de7c-8d29-4b4b-a1c9-f4ee9d4b1a55",
        "commerceId": "9f1dd4e0-7b7b-4f9b-8e4f-0e6dbf1a52a0",
        "userCredentials": { "userName": "admin", "password": "a;=\"one-time*" },
    })
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Imports a file through a recorder and returns the one create that came.
fn sent(content: &str) -> Recorded {
    let service = Recorder::answering("201 Created", &created());
    let bench = Bench::at(&service.url);
    bench.file("customers.csv", content);
    bench.import("customers.csv").exits(0);
    service.only()
}

#[test]
fn the_headers_are_those_of_the_fact_book() {
    let request = sent(&customers(1));
    assert_eq!(request.line, "POST /v1/customers HTTP/1.1");
    let names: BTreeSet<&str> = request.headers.keys().map(String::as_str).collect();
    let of_the_api = [
        "accept",
        "authorization",
        "content-type",
        "ms-correlationid",
        "ms-partnercenter-application",
        "ms-requestid",
        "x-locale",
    ];
    let of_http = ["accept-encoding", "content-length", "host", "user-agent"];
    // No `Expect`, no cookies, nothing of an SDK's.
    assert_eq!(names, of_the_api.into_iter().chain(of_http).collect());
    assert_eq!(request.headers["authorization"], format!("Bearer {ACCESS_TOKEN}"));
    assert_eq!(request.headers["accept"], "application/json");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["x-locale"], "en-US");
    assert!(!request.headers["ms-partnercenter-application"].is_empty());
    assert!(is_guid(&request.headers["ms-requestid"]), "{request:?}");
    assert!(is_guid(&request.headers["ms-correlationid"]), "{request:?}");
    assert_ne!(request.headers["ms-requestid"], request.headers["ms-correlationid"]);
}

#[test]
fn a_row_with_everything_in_it_is_sent_by_the_names_of_the_fact_book() {
    let content = "company_name,domain,email,culture,language,first_name,last_name,middle_name,address_line1,\
                   address_line2,city,state,postal_code,country,region,phone_number,\
                   organization_registration_number,associated_partner_id,enable_gdap_by_default,external_id\n\
                   Śląsk Tools sp. z o.o.,slasktools,biuro@slask.example.com,pl-PL,pl,Ewa,Nowak,Maria,ul. Długa 1,\
                   lok. 2,Katowice,SL,40-001,PL,Silesia,+48 32 555 0101,1234567890,\
                   8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951,false,CRM-1\n";
    let expected = json!({
        "enableGDAPByDefault": false,
        "companyProfile": {
            "domain": "slasktools.onmicrosoft.com",
            "organizationRegistrationNumber": "1234567890",
        },
        "billingProfile": {
            "firstName": "Ewa",
            "lastName": "Nowak",
            "email": "biuro@slask.example.com",
            "culture": "pl-PL",
            "language": "pl",
            "companyName": "Śląsk Tools sp. z o.o.",
            "defaultAddress": {
                "country": "PL",
                "region": "Silesia",
                "city": "Katowice",
                "state": "SL",
                "addressLine1": "ul. Długa 1",
                "addressLine2": "lok. 2",
                "postalCode": "40-001",
                "firstName": "Ewa",
                "middleName": "Maria",
                "lastName": "Nowak",
                "phoneNumber": "+48 32 555 0101",
            },
        },
        "associatedPartnerId": "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951",
    });
    assert_eq!(sent(content).json(), expected);
}

#[test]
fn what_is_empty_is_not_sent() {
    let expected = json!({
        // Sent always, so that the answer does not depend on the date (fact book 4.7).
        "enableGDAPByDefault": true,
        "companyProfile": { "domain": "harborline00001.onmicrosoft.com" },
        "billingProfile": {
            "firstName": "Ana",
            "lastName": "Bell",
            "email": "accounts@harborline00001.example.com",
            "culture": "en-GB",
            "language": "en",
            "companyName": "Harborline harborline00001 Ltd",
            "defaultAddress": {
                "country": "GB",
                "city": "Leeds",
                "addressLine1": "1 High Street",
                "postalCode": "LS1 5HD",
                "firstName": "Ana",
                "lastName": "Bell",
            },
        },
    });
    assert_eq!(sent(&customers(1)).json(), expected);
}

#[test]
fn the_ids_of_the_wire_are_those_of_the_ledger() {
    let service = Recorder::answering("201 Created", &created());
    let bench = Bench::at(&service.url);
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    let (request, attempts) = (service.only(), bench.ledger().attempts());
    assert_eq!(attempts[0].request_id, request.headers["ms-requestid"]);
    assert_eq!(attempts[0].correlation_id, request.headers["ms-correlationid"]);
    let opened = bench.tenantry(["credentials"]).exits(0).stdout;
    assert!(opened.ends_with(",admin@harborline00001.onmicrosoft.com,\"a;=\"\"one-time*\"\n"), "{opened}");
}

/// Signs in at a recorder with a secret from where `secret` puts it; returns the token request and the create.
fn signed_in(secret_in_file: bool) -> (Recorded, Recorded) {
    let token =
        json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "token-of-the-authority" });
    let authority = Recorder::answering("200 OK", &token);
    let service = Recorder::answering("201 Created", &created());
    let bench = Bench::at(&service.url);
    bench.file("customers.csv", customers(1));
    let call = bench.import("customers.csv").with_app().args(["--authority-url", &authority.url]);
    let call = if secret_in_file {
        // As Notepad saves it.
        bench.file("secret.txt", format!("\u{FEFF}{CLIENT_SECRET}\r\n"));
        call.without("TENANTRY_CLIENT_SECRET").args(["--client-secret-file", "secret.txt"])
    } else {
        call
    };
    call.exits(0);
    (authority.only(), service.only())
}

#[test]
fn signing_in_as_an_app_follows_the_v2_endpoint() {
    for secret_in_file in [false, true] {
        let (token, create) = signed_in(secret_in_file);
        assert_eq!(token.line, format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1"));
        assert_eq!(token.headers["content-type"], "application/x-www-form-urlencoded");
        let fields: BTreeMap<String, String> =
            url::form_urlencoded::parse(&token.body).into_owned().collect();
        let expected = [
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("grant_type", "client_credentials"),
            ("scope", "https://api.partnercenter.microsoft.com/.default"),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(create.headers["authorization"], "Bearer token-of-the-authority");
    }
}

#[test]
fn redirects_are_not_followed_and_the_token_stays_with_its_host() {
    use tenantry_simulator::Fault;
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.fault(Operation::Create, &domain(1), Fault::Redirect, 1);
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.count(Operation::Create), 2);
    bench.agree();
}

#[test]
fn every_row_of_the_problems_sample_has_the_problem_that_it_names() {
    let bench = Bench::new();
    let file = sample("customers-with-problems.csv");
    let summary = bench.tenantry(["import", file.to_str().unwrap(), "--json"]).exits(3).json();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(&file).unwrap();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.unwrap();
        rows += 1;
        let line = record.position().unwrap().line();
        let (rule, _) = record[record.len() - 1].split_once(": ").unwrap();
        let story = bench.tenantry(["show", "--line", &line.to_string(), "--json"]).exits(0).json();
        let problems = story[0]["problems"].as_array().unwrap();
        let named = problems.iter().any(|problem| problem["rule"] == rule);
        assert!(named || (rule == "nothing" && problems.is_empty()), "line {line}: {story:#}");
        let is_error = problems.iter().any(|problem| problem["severity"] == "error");
        // What is warned about is sent all the same, and may be refused there.
        assert_eq!(story[0]["state"] == "rejected", is_error, "line {line}");
    }
    assert_eq!(summary["rows"]["total"], rows);
    assert_eq!(sum_of_states(&summary), rows);
    bench.agree();
}

#[test]
fn a_row_gets_all_its_problems_at_once() {
    let bench = Bench::new();
    let bad = "Wingtip Ltd,wingtip,no-address,en-XX,en,Ana,Bell,1 High Street,Leeds,,LS1 5HD,UK";
    bench.file("customers.csv", format!("{HEADER}\n{bad}\n"));
    bench.import("customers.csv").exits(3);
    let story = bench.tenantry(["show", "wingtip", "--json"]).exits(0).json();
    let columns: BTreeSet<&str> =
        story[0]["problems"].as_array().unwrap().iter().map(|it| it["column"].as_str().unwrap()).collect();
    assert!(columns.is_superset(&BTreeSet::from(["email", "culture", "country"])), "{story:#}");
    let country =
        story[0]["problems"].as_array().unwrap().iter().find(|it| it["column"] == "country").unwrap();
    assert_eq!((&country["line"], &country["value"]), (&json!(2), &json!("UK")));
    assert!(country["suggestion"].as_str().unwrap().contains("GB"), "{country:#}");
    bench.agree();
}

#[test]
fn a_domain_twice_in_one_file_stands_once() {
    let bench = Bench::new();
    let (first, other) = (row("wingtip"), row("WingTip.onmicrosoft.com").replace("Leeds", "York"));
    bench.file("customers.csv", format!("{HEADER}\n{first}\n{first}\n{other}\n"));
    let summary = bench.import("customers.csv").args(["--json"]).exits(3).json();
    assert_eq!(summary["run"]["duplicates"], 1);
    assert_eq!(summary["rows"]["total"], 2);
    let rejected = bench.ledger().rows().into_iter().find(|row| row.state == "rejected").unwrap();
    assert_eq!(rejected.line, 4);
    let exported = bench.tenantry(["export", "rejected"]).exits(0).stdout;
    assert!(exported.contains("is already on line 2"), "{exported}");
    assert_eq!(bench.creations().len(), 1);
    bench.agree();
}

#[test]
fn the_same_file_again_sends_nothing() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(5) + &row("ours-of-old") + "\n" + &row("refuse-400-3000") + "\n");
    bench.import("customers.csv").exits(3);
    let requests = bench.simulator().requests().len();
    let summary = bench.import("customers.csv").args(["--json"]).exits(3).json();
    assert_eq!(bench.simulator().requests().len(), requests);
    assert_eq!(summary["run"]["skipped"], 7);
    assert_eq!(summary["run"]["submitted"], 0);
    assert_eq!(summary["rows"]["total"], 7);
    bench.agree();
}

/// Rows that come as they went are recognised before they reach the ledger; all that is said of a file holds of them, too.
#[test]
fn known_rows_beside_all_that_a_file_can_hold() {
    let bench = Bench::new();
    let lines = customers(600);
    let all: Vec<&str> = lines.lines().skip(1).collect();
    bench.file("customers.csv", lines.as_str());
    bench.import("customers.csv").exits(0);
    let read = |rows: &[&str], code: i32| {
        bench.file("list.csv", format!("{HEADER}\n{}\n", rows.join("\n")));
        let sums = bench.import("list.csv").args(["--json"]).exits(code).json();
        let run = &sums["run"];
        ["rows_read", "skipped", "duplicates"].map(|sum| run[sum].as_u64().unwrap())
    };
    // Over several batches, with one that changes something between those that do not.
    let new = row("new");
    let rows: Vec<&str> = all.iter().copied().chain([new.as_str()]).chain(all.iter().copied()).collect();
    assert_eq!(read(&rows, 0), [1201, 600, 600]);
    // A change comes too late. Before the row as it went, it is all that was ignored; behind it, it names a domain again.
    let changed = all[7].replace("Leeds", "York");
    assert_ne!(changed, all[7]);
    assert_eq!(read(&[&changed, all[7]], 0), [2, 1, 1]);
    assert_eq!(read(&[all[7], &changed], 3), [2, 1, 0]);
    let rejected = bench.ledger().rows().into_iter().filter(|row| row.state == "rejected");
    assert_eq!(rejected.map(|row| row.line).collect::<Vec<_>>(), [3]);
    // The files of one run.
    bench.file("again.csv", lines.as_str());
    let sums = bench.tenantry(["import", "customers.csv", "again.csv", "--json"]).exits(3).json();
    assert_eq!((&sums["run"]["skipped"], &sums["run"]["duplicates"]), (&1200.into(), &0.into()));
    assert_eq!(bench.count(Operation::Create), 601);
    bench.agree();
}

#[test]
fn a_known_row_has_a_reseller_and_warnings_as_before() {
    let bench = Bench::new();
    let reseller = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let of_reseller = |domain: &str, reseller: &str| row(domain).replace("LS1 5HD", "LS1") + "," + reseller;
    let header = format!("{HEADER},associated_partner_id");
    bench.file("customers.csv", format!("{header}\n{}\n", of_reseller("one", reseller)));
    bench.import("customers.csv").exits(0);
    let both = [of_reseller("one", reseller), of_reseller("two", "")];
    bench.file("customers.csv", format!("{header}\n{}\n", both.join("\n")));
    bench.import("customers.csv").exits(3).says("2 × warning").says("first on line 2");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("rejected", 1)]));
}

#[test]
fn a_changed_row_that_was_created_is_an_ignored_change() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    bench.file("customers.csv", customers(2).replacen("Leeds", "York", 1));
    let done = bench.import("customers.csv").exits(0);
    assert!(done.stdout.contains("1 row changed in the list after it was sent"), "{done}");
    assert_eq!(bench.count(Operation::Create), 2);
    assert_eq!(bench.ledger().rows().len(), 2);
    bench.agree();
}

#[test]
fn changed_rows_that_failed_or_were_rejected_are_taken_up_anew() {
    let bench = Bench::new();
    let bad_email = row("wingtip").replace(&email("wingtip"), "nowhere");
    let refused = row("antarctica").replace("en-GB", "en-US").replace(",GB", ",AQ");
    bench.file("customers.csv", format!("{HEADER}\n{bad_email}\n{refused}\n"));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.creations().len(), 0);
    bench.file("customers.csv", format!("{HEADER}\n{}\n{}\n", row("wingtip"), row("antarctica")));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 2)]));
    let rows = bench.ledger().rows();
    for old in rows.iter().filter(|row| row.state == "superseded") {
        let by = rows.iter().find(|row| Some(row.id) == old.replaced_by).expect("it says by which row");
        assert_eq!(by.domain, old.domain);
    }
    bench.agree();
}

#[test]
fn an_exported_failure_comes_back_with_another_domain() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["half-made-1", "harborline"]));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    let exported = std::fs::read_to_string(bench.path("failed.csv")).unwrap();
    assert_eq!(exported.lines().count(), 2, "{exported}");
    // Only the cell of the domain: the name of the company carries it too, and that is no matter.
    bench.file("failed.csv", exported.replacen(",half-made-1,", ",wingtip,", 1));
    bench.import("failed.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("superseded", 1)]));
    let rows = bench.ledger().rows();
    let old = rows.iter().find(|row| row.state == "superseded").unwrap();
    assert_eq!(old.replaced_by, Some(bench.ledger().row("wingtip").id));
    bench.agree();
}

#[test]
fn an_export_that_comes_back_as_it_went_changes_nothing() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-3000", "harborline"]));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    let requests = bench.simulator().requests().len();
    bench.import("failed.csv").exits(3);
    assert_eq!(bench.simulator().requests().len(), requests);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1)]));
    bench.import("failed.csv").args(["--retry-failed"]).exits(3);
    assert_eq!(bench.count(Operation::Create), 3, "taken up again on request");
    bench.agree();
}

#[test]
fn exported_cells_are_the_operators_own_byte_for_byte() {
    let bench = Bench::new();
    let cells = ["\"Quoted \"\"name\"\", Ltd\"", "  spaced  ", "00123", "\"two\r\nlines\"", "=1+1", "'x"];
    let columns = ["note_1", "note_2", "note_3", "note_4", "note_5", "note_6"];
    let bad = row("wingtip").replace(&email("wingtip"), " nowhere ");
    bench.file("customers.csv", format!("{HEADER},{}\r\n{bad},{}\r\n", columns.join(","), cells.join(",")));
    bench.import("customers.csv").exits(3);
    let exported = bench.tenantry(["export", "rejected"]).exits(0).stdout;
    let read = |text: &str| {
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let names = reader.byte_headers().unwrap().clone();
        let record = reader.byte_records().next().unwrap().unwrap();
        let cells = names.iter().map(<[u8]>::to_vec).zip(record.iter().map(<[u8]>::to_vec));
        cells.filter(|(name, _)| !name.starts_with(b"tenantry_")).collect::<Vec<_>>()
    };
    let original = std::fs::read_to_string(bench.path("customers.csv")).unwrap();
    assert_eq!(read(&exported), read(&original), "{exported}");
    assert!(exported.contains(",  spaced  ,00123,\"two\r\nlines\",=1+1,'x,"), "{exported}");
    bench.agree();
}

#[test]
fn semicolons_tabs_and_pipes_are_detected_and_a_byte_order_mark_is_skipped() {
    for (delimiter, mark) in [(";", ""), ("\t", ""), ("|", ""), (",", "\u{feff}"), (";", "\u{feff}")] {
        let bench = Bench::new();
        bench.file("customers.csv", format!("{mark}{}", customers(2).replace(',', delimiter)));
        bench.import("customers.csv").exits(0);
        assert_eq!(bench.ledger().states(), states([("created", 2)]), "{delimiter:?}");
        bench.agree();
    }
}

#[test]
fn line_ends_of_windows_and_quoted_ones_keep_line_numbers_right() {
    let bench = Bench::new();
    let two_lines = row("wingtip").replace("1 High Street", "\"1 High Street\r\nUnit 4\"");
    bench.file("customers.csv", format!("{HEADER}\r\n{two_lines}\r\n{}\r\n", row("harborline")));
    bench.import("customers.csv").run();
    assert_eq!(bench.ledger().row("wingtip").line, 2);
    assert_eq!(bench.ledger().row("harborline").line, 4);
    bench.agree();
}

#[test]
fn names_of_the_rest_body_and_of_powershell_work_as_they_are() {
    let bench = Bench::new();
    let header = HEADER
        .replace("company_name", "Name")
        .replace("email", "ContactEmail")
        .replace("address_line1", "BillingAddressLine1")
        .replace("city", "BillingProfile.DefaultAddress.City")
        .replace("postal_code", "Postal Code");
    bench.file("customers.csv", format!("{header}\n{}\n", row("harborline")));
    bench.import("customers.csv").exits(0);
    bench.agree();
}

#[test]
fn a_misspelt_column_is_an_error_that_names_the_nearest() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1).replace("postal_code", "postel_code"));
    let done = bench.import("customers.csv").run();
    assert!(matches!(done.code, Some(1 | 2)), "{done}");
    done.says("postal_code");
    assert_eq!(bench.simulator().requests().len(), 0);
}

#[test]
fn retry_failed_takes_unchanged_failures_up_again_under_a_new_request_id() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-3000"]));
    bench.import("customers.csv").exits(3);
    let first = bench.ledger().row("refuse-400-3000").request_id;
    bench.import("customers.csv").args(["--retry-failed"]).exits(3);
    assert_ne!(bench.ledger().row("refuse-400-3000").request_id, first, "a definite reply has spent it");
    assert_eq!(bench.count(Operation::Create), 2);
    bench.agree();
}

#[test]
fn limit_counts_submissions() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(5));
    let summary = bench.import("customers.csv").args(["--limit", "2", "--json"]).exits(5).json();
    assert_eq!(summary["run"]["submitted"], 2);
    assert_eq!((&summary["rows"]["created"], &summary["rows"]["pending"]), (&json!(2), &json!(3)));
    bench.agree_so_far();
}

#[test]
fn standard_input_is_a_file_too() {
    let bench = Bench::new();
    bench.import("-").stdin(customers(3)).exits(0);
    assert_eq!(bench.creations().len(), 3);
    bench.agree();
}

#[test]
fn several_files_are_one_run() {
    let bench = Bench::new();
    bench.file("one.csv", customers_of(["wingtip", "harborline"]));
    bench.file("two.csv", customers_of(["harborline", "fabrikam"]));
    let summary = bench.tenantry(["import", "one.csv", "two.csv", "--json"]).exits(0).json();
    assert_eq!((&summary["rows"]["created"], &summary["run"]["skipped"]), (&json!(3), &json!(1)));
    bench.agree();
}

#[test]
fn where_some_rows_have_a_reseller_the_others_are_rejected() {
    let bench = Bench::new();
    let reseller = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let header = format!("{HEADER},associated_partner_id");
    bench.file("customers.csv", format!("{header}\n{},{reseller}\n{},\n", row("wingtip"), row("harborline")));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().row("harborline").state, "rejected", "it would be a direct customer, silently");
    bench.agree();
}

#[test]
fn a_reseller_for_rows_without_one_is_sent() {
    let bench = Bench::new();
    let reseller = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").args(["--reseller-id", reseller]).exits(0);
    let body: Value = serde_json::from_str(&bench.creations()[0].body).unwrap();
    assert_eq!(body["associatedPartnerId"], reseller);
    assert_eq!(body["companyProfile"]["domain"], full(&domain(1)));
    bench.agree();
}

#[test]
fn a_file_without_rows_is_done_at_once() {
    let bench = Bench::new();
    bench.file("customers.csv", format!("{HEADER}\n"));
    let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
    assert_eq!(summary["rows"]["total"], 0);
    bench.agree();
}

/// The file that a row came from, read again night after night, once undid its correction and created the company a
/// second time under the old domain.
#[test]
fn the_original_file_does_not_undo_a_correction() {
    let bench = Bench::new();
    let original = customers_of(["one", "refuse-400-3000-two", "three"]);
    bench.file("customers.csv", &original);
    bench.import("customers.csv").exits(3);
    bench.tenantry(["export", "failed", "-o", "failed.csv"]).exits(0);
    let exported = std::fs::read_to_string(bench.path("failed.csv")).unwrap();
    bench.file("mended.csv", exported.replace("refuse-400-3000-two", "two-mended"));
    bench.import("mended.csv").exits(0);
    let creates = bench.count(Operation::Create);
    bench.import("customers.csv").exits(0).says("1 row corrected before: the corrections are kept");
    assert_eq!(bench.count(Operation::Create), creates, "nothing is sent");
    bench.agree();
}

/// It once hit the ledger's own UNIQUE key and blocked the whole file.
#[test]
fn an_exported_row_whose_domain_another_row_has_blocks_nothing() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["twin", "twin"]).replacen("Leeds", "London", 1));
    bench.import("customers.csv").exits(3);
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    let before = bench.ledger().states();
    bench.import("rejected.csv").exits(3);
    assert_eq!(bench.ledger().states(), before);
    bench.agree();
}

#[test]
fn one_reseller_out_of_order_holds_up_no_other() {
    let bench = Bench::new();
    const SIGNED: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";
    let unsigned = "dea10000-0000-4000-8000-000000000002";
    let mut file = format!("{HEADER},associated_partner_id\n{},{unsigned}\n", row("unsigned"));
    for n in 0..8 {
        file += &format!("{},{SIGNED}\n", row(&format!("signed{n}")));
    }
    bench.file("customers.csv", file);
    let done = bench.import("customers.csv").with_user().args(["--concurrency", "2"]).exits(3);
    assert!(done.stdout.contains("1 × 900123 (failed)"), "{done}");
    assert_eq!(bench.ledger().states(), states([("created", 8), ("failed", 1)]));
    bench.agree();
    // Also where there is no other: what the service says is about the reseller.
    let bench = Bench::new();
    bench.file("customers.csv", format!("{HEADER},associated_partner_id\n{},{unsigned}\n", row("unsigned")));
    let done = bench.import("customers.csv").with_user().exits(3);
    assert!(done.stdout.contains("then run `tenantry retry --code 900123`"), "{done}");
    assert_eq!(bench.ledger().row("unsigned").state, "failed");
}

#[test]
fn rows_of_a_reseller_out_of_order_hold_up_nobody_behind_them() {
    let bench = Bench::new();
    let refused = (0..20).map(|n| format!("refuse-403-900123-{n}"));
    let domains: Vec<String> = refused.chain((1..=20).map(domain)).collect();
    bench.file("customers.csv", customers_of(domains.iter().map(String::as_str)));
    bench.import("customers.csv").args(["--concurrency", "8"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 20), ("failed", 20)]));
    bench.agree();
}

#[test]
fn a_refusal_that_nobody_has_explained_says_what_to_look_at() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-403-999999"]));
    let done = bench.import("customers.csv").exits(4);
    done.says("stopped: 5 requests in a row were refused").says("code 999999");
    done.says("API permission").says("GDAP").says("tenantry show refuse-403-999999.onmicrosoft.com");
    assert!(!done.stderr.contains("every row would be refused"), "{done}");
    assert_eq!(bench.ledger().row("refuse-403-999999").state, "pending");
}
