//! Pages of gateways and proxies in place of an answer: no verdict of the service, on no row and on no sign-in.

use crate::harness::{Bench, Call, customers, each_at_once, states};
use crate::middlebox::{Gate, Manner};

/// What gateways and proxies say, each with words of it that are shown.
const PAGES: [(&str, &str); 7] = [
    (
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>No route to it</html>",
        "No route to it",
    ),
    (
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
         { \"statusCode\": 404, \"message\": \"Resource not found\" }",
        "Resource not found",
    ),
    (
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: Basic realm=\"proxy\"\r\n\
         Connection: close\r\n\r\n<html>Who are you?</html>",
        "Who are you?",
    ),
    (
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
         {\"message\":\"Blocked by policy\"}",
        "Blocked by policy",
    ),
    (
        "HTTP/1.1 407 Proxy Authentication Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "(status 407)",
    ),
    (
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Bad gateway</html>",
        "status 502: Bad gateway",
    ),
    ("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "status 503"),
];

fn bench_behind(manner: Manner) -> (Bench, Gate) {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let gate = Gate::before(bench.simulator().address(), manner);
    (bench, gate)
}

/// One request at a time, through `gate`, that gives up soon.
fn through<'a>(call: Call<'a>, gate: &Gate) -> Call<'a> {
    call.env("TENANTRY_API_URL", gate.url("http"))
        .env("TENANTRY_MAX_OUTAGE", "10s")
        .args(["--concurrency", "1"])
}

#[test]
fn one_page_ends_nothing_and_its_row_is_repeated_under_its_id() {
    each_at_once(PAGES, |(page, words)| {
        let (bench, gate) = bench_behind(Manner::SaysOnce(page));
        through(bench.import("customers.csv"), &gate).exits(0);
        assert_eq!(bench.ledger().states(), states([("created", 3)]), "{words}");
        let ids = bench.ledger().number("SELECT count(DISTINCT request_id) FROM http_attempts");
        let attempts = bench.ledger().number("SELECT count(*) FROM http_attempts");
        assert_eq!((ids, attempts), (3, 4), "{words}");
        bench.agree_so_far();
    });
}

#[test]
fn pages_without_end_are_an_outage_and_no_refusal() {
    each_at_once(PAGES, |(page, words)| {
        let (bench, gate) = bench_behind(Manner::Says(page));
        let import = through(bench.import("customers.csv"), &gate).env("TENANTRY_MAX_OUTAGE", "1s");
        let done = import.exits(5);
        done.says("no answer for").says(words);
        assert!(!done.stderr.contains("would be refused"), "{done}");
        assert_eq!(bench.ledger().number("SELECT count(*) FROM customer_rows WHERE state = 'failed'"), 0);
        gate.turn(Manner::Pass);
        through(bench.resume(), &gate).exits(0);
        bench.agree();
    });
}
