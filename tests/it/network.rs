//! What stands between us and the service: each way in which it goes wrong is told apart, burns no row, and is gone on
//! after; a proxy and further certificate authorities are taken as they are given.

use std::fs;

use crate::harness::{ACCESS_TOKEN, Bench, CLIENT_SECRET, Call, customers, each_at_once, states};
use crate::middlebox::{AUTHORITY, ELSEWHERE, EXPIRED, Gate, HOST, Manner, SERVER};
use crate::outage::unused_address;

const PAGE_200: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
                        <html><title>Hotel Wi-Fi</title><p>Sign in to go on</html>";
const PAGE_302: &str = "HTTP/1.1 302 Found\r\nLocation: https://portal.hotel.example/?to=x\r\n\
                        Content-Type: text/html\r\nConnection: close\r\n\r\n<html>Moved</html>";
const PAGE_403: &str = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
                        <html><title>Blocked by policy</title></html>";
const PAGE_407: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Type: text/html\r\n\
                        Proxy-Authenticate: Basic\r\nConnection: close\r\n\r\n<html>Who are you?</html>";
const PAGE_511: &str = "HTTP/1.1 511 Network Authentication Required\r\nContent-Type: text/html\r\n\
                        Connection: close\r\n\r\n<html>Sign in to go on</html>";
const BARE_200: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Every page, with what is said of it.
const PAGES: [(&str, &str); 6] = [
    (PAGE_200, "(status 200): Hotel Wi-Fi Sign in to go on"),
    (PAGE_302, "answered with a redirect to `portal.hotel.example` (status 302); redirects are not followed"),
    (PAGE_403, "(status 403): Blocked by policy"),
    (PAGE_407, "asks for a user name and password (status 407)"),
    (PAGE_511, "(status 511): Sign in to go on"),
    (BARE_200, "(status 200)"),
];

/// With two rows to import, and a gate before the service.
fn bench_behind(manner: Manner) -> (Bench, Gate) {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.file("authority.pem", AUTHORITY);
    let gate = Gate::before(bench.simulator().address(), manner);
    (bench, gate)
}

/// Gives up soon.
fn briefly(call: Call<'_>) -> Call<'_> {
    call.env("TENANTRY_MAX_OUTAGE", "1s")
}

fn with_api(call: Call<'_>, url: String) -> Call<'_> {
    briefly(call).env("TENANTRY_API_URL", url)
}

fn with_authority(call: Call<'_>, url: String) -> Call<'_> {
    briefly(call).with_app().env("TENANTRY_AUTHORITY_URL", url)
}

/// An import over TLS that is stopped, has sent nothing, says `words`, and is gone on with once the way is clear.
fn stopped_before_anything_was_sent(manner: Manner, ca_file: Option<&str>, words: &[&str]) {
    let (bench, gate) = bench_behind(manner);
    let import = with_api(bench.import("customers.csv"), gate.url("https"));
    let done = import.args(ca_file.map(|file| format!("--ca-file={file}"))).exits(5);
    done.says("error: stopped: no answer for").says(
        "nothing is lost: remove the cause, then run the next \
               command",
    );
    for words in words {
        done.says(words);
    }
    assert_eq!(bench.ledger().states(), states([("pending", 2)]));
    assert!(bench.simulator().requests().is_empty(), "something was sent");
    gate.turn(Manner::Tls(SERVER));
    with_api(bench.resume(), gate.url("https")).args(["--ca-file", "authority.pem"]).exits(0);
    bench.agree();
}

#[test]
fn a_certificate_of_an_unknown_authority() {
    let words = ["is from an authority that this machine does not trust", "with `--ca-file`"];
    stopped_before_anything_was_sent(Manner::Tls(SERVER), None, &words);
}

#[test]
fn a_certificate_that_has_expired() {
    let words = ["has expired, on 2020-02-01T00:00:00Z", "hint: check the clock of this machine"];
    stopped_before_anything_was_sent(Manner::Tls(EXPIRED), Some("authority.pem"), &words);
}

#[test]
fn a_certificate_for_another_host() {
    let words = ["is for another name: elsewhere.tenantry.test", "hint: check `--api-url`"];
    stopped_before_anything_was_sent(Manner::Tls(ELSEWHERE), Some("authority.pem"), &words);
}

#[test]
fn plain_http_where_tls_was_expected() {
    let words = ["answered, but not with TLS", "hint: check the port in `--api-url`"];
    stopped_before_anything_was_sent(Manner::Pass, None, &words);
}

#[test]
fn a_name_that_nobody_knows_and_a_port_where_nobody_listens() {
    let check = |url: &str, words: [&str; 2]| {
        let bench = Bench::at(url);
        bench.file("customers.csv", customers(2));
        let import = bench.import("customers.csv").args(["--allow-api-host", "no-such-host.invalid"]);
        briefly(import).exits(5).says(words[0]).says(words[1]);
        assert_eq!(bench.ledger().states(), states([("pending", 2)]));
    };
    check(
        "https://no-such-host.invalid",
        [
            "the name `no-such-host.invalid` could not be looked up: ",
            "hint: check `--api-url` and the DNS of this machine",
        ],
    );
    check(
        &unused_address(),
        ["refused the connection", "hint: check `--api-url` and the firewalls in between"],
    );
}

#[test]
fn a_page_in_place_of_the_service_is_no_verdict_about_a_row() {
    each_at_once(PAGES, |(page, words)| {
        let (bench, gate) = bench_behind(Manner::Says(page));
        with_api(bench.import("customers.csv"), gate.url("http")).exits(5).says(words);
        let ledger = bench.ledger();
        assert_eq!(ledger.states(), states([("in_flight", 2)]), "{words}");
        let claimed = ledger.number("SELECT count(*) FROM customer_rows WHERE success_unread");
        assert_eq!(claimed, 0, "{words}: nobody said that a customer was created");
        gate.turn(Manner::Pass);
        with_api(bench.resume(), gate.url("http")).exits(0);
        bench.agree();
    });
}

#[test]
fn a_page_in_place_of_the_sign_in_service_sends_nothing() {
    each_at_once(PAGES, |(page, words)| {
        let (bench, gate) = bench_behind(Manner::Says(page));
        with_authority(bench.import("customers.csv"), gate.url("http"))
            .exits(5)
            .says("the sign-in service: ")
            .says(words);
        assert_eq!(bench.ledger().states(), states([("pending", 2)]));
        gate.turn(Manner::Pass);
        with_authority(bench.resume(), gate.url("http")).exits(0);
        bench.agree();
    });
}

#[test]
fn a_gateway_that_quotes_a_secret_does_not_get_it_written_down() {
    type Way = for<'a> fn(Call<'a>, String) -> Call<'a>;
    let ways: [(Way, &str); 2] = [(with_api, ACCESS_TOKEN), (with_authority, CLIENT_SECRET)];
    let pages = [("502 Bad Gateway", "html"), ("200 OK", "html"), ("403 Forbidden", "json")];
    let cases = pages.into_iter().flat_map(|page| ways.map(|way| (page, way)));
    each_at_once(cases, |((status, form), (way, secret))| {
        let body = match form {
            "html" => format!("<html><body>You sent: {secret}</body></html>"),
            _ => format!(r#"{{"code":4711,"error":"blocked","description":"You sent: {secret}"}}"#),
        };
        let page = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/{form}\r\nMS-CV: {secret}\r\nConnection: close\r\n\r\n{body}"
        );
        let (bench, gate) = bench_behind(Manner::Says(page.leak()));
        let import = bench.import("customers.csv").args(["--log-file", "log.txt", "-vvv"]);
        let said = way(import, gate.url("http")).run();
        assert_ne!(said.code, Some(0), "{said}");
        let story = bench.tenantry(["show", "--line", "2"]).run();
        let written = [fs::read(bench.path("log.txt")).unwrap(), fs::read(bench.ledger_path()).unwrap()];
        let written = format!("{said}{story}{}", String::from_utf8_lossy(&written.concat()));
        assert!(!written.contains(secret), "{status}: {said}{story}");
    });
}

#[test]
fn what_only_asks_says_why_there_is_no_answer() {
    let (bench, gate) = bench_behind(Manner::Tls(SERVER));
    let check = ["check", "--online", "--allow-direct", "customers.csv"].as_slice();
    let update = ["rules", "update", "--country", "GB"].as_slice();
    let expect = |call: Call<'_>, exit_code| {
        call.exits(exit_code)
            .says("is from an authority that this machine does not trust")
            .says("hint: if a proxy inspects TLS");
    };
    for (command, exit_code) in [(check, 5), (update, 1)] {
        expect(with_authority(bench.tenantry(command), gate.url("https")), exit_code);
        expect(with_api(bench.tenantry(command), gate.url("https")), exit_code);
    }
}

#[test]
fn the_authorities_count_for_the_sign_in_service_too_and_are_given_again() {
    let (bench, gate) = bench_behind(Manner::Tls(SERVER));
    let import =
        with_api(with_authority(bench.import("customers.csv"), gate.url("https")), gate.url("https"));
    let done = import.args(["--ca-file", "authority.pem", "--limit", "1"]).exits(5);
    assert!(done.stdout.contains("--ca-file authority.pem"), "{done}");
    let resume = with_api(with_authority(bench.resume(), gate.url("https")), gate.url("https"));
    resume.args(["--ca-file", "authority.pem"]).exits(0);
    bench.agree();
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_said_before_anything_is_done() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("empty.pem", "");
    bench.file("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (file, words) in [
        ("missing.pem", "it could not be read: "),
        ("empty.pem", "it contains no certificate in PEM format"),
        ("damaged.pem", "its certificate 1 is damaged"),
    ] {
        let done = bench.import("customers.csv").args(["--ca-file", file]).exits(2);
        done.says(&format!("cannot use `{file}` as --ca-file: {words}"));
        bench.tenantry(["check", "--online", "--ca-file", file, "customers.csv"]).exits(2).says(words);
    }
    assert!(!bench.ledger_path().exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_any_authorities_is_told_what_to_do() {
    let (bench, gate) = bench_behind(Manner::Tls(SERVER));
    let bare = |call| {
        with_api(call, gate.url("https")).env("SSL_CERT_FILE", "/missing").env("SSL_CERT_DIR", "/missing")
    };
    bare(bench.import("customers.csv")).exits(1).says("or give a file with `--ca-file`");
    bare(bench.resume()).args(["--ca-file", "authority.pem"]).exits(0);
    bench.agree();
}

/// A bench whose service is at [`HOST`], which only the proxy knows.
pub(crate) fn bench_behind_a_proxy(manner: Manner) -> (Bench, Gate, Gate) {
    let (bench, service) = bench_behind(Manner::Tls(SERVER));
    let proxy = Gate::before(service.address(), manner);
    (bench, service, proxy)
}

pub(crate) fn by_proxy<'a>(call: Call<'a>, proxy: &Gate) -> Call<'a> {
    let proxy = proxy.url("http");
    briefly(call)
        .with_app()
        .env("TENANTRY_API_URL", format!("https://{HOST}"))
        .args(["--ca-file", "authority.pem"])
        .env("HTTPS_PROXY", &proxy)
        .env("HTTP_PROXY", &proxy)
        .env("ALL_PROXY", &proxy)
}

#[test]
fn a_proxy_is_used_for_the_service_and_never_for_this_machine() {
    let (bench, service, proxy) = bench_behind_a_proxy(Manner::Tunnel);
    // The sign-in service is on a loopback address.
    by_proxy(bench.import("customers.csv"), &proxy).exits(0);
    bench.agree();
    let heard = proxy.heard();
    let connect = format!("connect {HOST}:443 http/1.1");
    assert!(!heard.is_empty() && heard.iter().all(|line| *line == connect), "{heard:?}");
    // So is all of it now.
    bench.file(
        "more.csv",
        fs::read_to_string(bench.path("customers.csv")).unwrap().replace("harborline0", "more"),
    );
    by_proxy(bench.import("more.csv"), &proxy)
        .env("TENANTRY_LEDGER", bench.path("loopback.db"))
        .env("TENANTRY_API_URL", service.url("https"))
        .exits(0);
    assert_eq!(proxy.heard(), heard);
}

#[test]
fn a_host_that_is_excepted_from_the_proxy_is_looked_up_here() {
    let (bench, _service, proxy) = bench_behind_a_proxy(Manner::Tunnel);
    let done = by_proxy(bench.import("customers.csv"), &proxy).env("NO_PROXY", HOST).exits(5);
    done.says(&format!("the name `{HOST}` could not be looked up"));
    assert!(proxy.heard().is_empty());
    by_proxy(bench.resume(), &proxy).exits(0);
    bench.agree();
}

#[test]
fn a_proxy_that_does_not_let_us_through_is_told_from_the_service() {
    let (bench, _service, proxy) = bench_behind_a_proxy(Manner::Says(PAGE_407));
    by_proxy(bench.import("customers.csv"), &proxy)
        .exits(5)
        .says(&format!("the proxy for `{HOST}` asks for a user name and password (status 407)"))
        .says("HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT");
    proxy.turn(Manner::Says(PAGE_403));
    by_proxy(bench.resume(), &proxy)
        .exits(5)
        .says(&format!("the proxy refuses to connect to `{HOST}` (status 403)"));
    by_proxy(bench.resume(), &proxy)
        .env("HTTPS_PROXY", unused_address())
        .exits(5)
        .says(&format!("the proxy for `{HOST}` cannot be reached: "))
        .says("hint: check HTTPS_PROXY");
    assert_eq!(bench.ledger().states(), states([("pending", 2)]));
    proxy.turn(Manner::Tunnel);
    by_proxy(bench.resume(), &proxy).exits(0);
    bench.agree();
}
