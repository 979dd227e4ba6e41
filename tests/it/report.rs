//! `tenantry report`: the page, its Markdown and its JSON, held against the ledger that they are made of.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tenantry_simulator::{Fault, Hold, HoldPoint, Operation};

use crate::harness::{Bench, customers, customers_of, domain, email, row, snapshot, sum_of_states};

/// Two runs over two files, with one row for most of what can become of a row.
fn two_runs() -> Bench {
    let bench = Bench::new();
    let bad = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    let rows = ["harborline", "ours-of-old", "taken-by-others", "half-made-1", "refuse-400-600051"];
    bench.file("customers.csv", customers_of(rows) + &bad + "\n");
    // With a delay, a busy machine asks once less.
    bench.import("customers.csv").args(["--concurrency", "1", "--settle-delay", "0s"]).exits(3);
    bench.file("more.csv", customers(3));
    bench.fault(Operation::Create, &domain(2), Fault::Throttled { retry_after_s: 1 }, 1);
    bench.import("more.csv").args(["--concurrency", "1"]).exits(3);
    bench
}

fn json(bench: &Bench, args: &[&str]) -> Value {
    bench.tenantry(["report", "--format", "json"]).args(args).exits(0).json()
}

fn sum(parts: &Value, name: &str) -> i64 {
    parts.as_array().unwrap().iter().map(|part| part[name].as_i64().unwrap()).sum()
}

/// Takes out what differs between two runs of the same test.
fn without_times(mut report: Value) -> String {
    let timeline = report["timeline"].as_object_mut().unwrap();
    let parts = timeline.remove("parts").unwrap();
    timeline.remove("part_seconds");
    for name in ["created", "existing", "failed", "unresolved", "requests", "throttled"] {
        timeline.insert(format!("sum of {name}"), sum(&parts, name).into());
    }
    for call in report["calls"].as_array_mut().unwrap() {
        let took = call["took_ms"].as_object_mut().unwrap();
        for name in ["p50", "p90", "p99", "max"] {
            assert!(took.remove(name).unwrap().is_u64());
        }
    }
    report["program_version"] = "[VERSION]".into();
    format!("{report:#}")
}

#[test]
fn a_report_as_json() {
    let bench = two_runs();
    snapshot!(without_times(json(&bench, &[])));
}

#[test]
fn a_report_as_markdown() {
    let bench = two_runs();
    snapshot!(bench.tenantry(["report", "--format", "md"]).exits(0));
}

#[test]
fn its_totals_are_those_of_status_and_add_up() {
    let bench = two_runs();
    let (report, status) = (json(&bench, &[]), bench.tenantry(["status", "--json"]).exits(0).json());
    assert_eq!(report["rows"], status["rows"]);
    assert_eq!(report["agreements"], status["agreements"]);
    assert_eq!(report["runs"], status["runs"]);
    let mut errors = report["errors"].clone();
    for error in errors.as_array_mut().unwrap() {
        let places = error.as_object_mut().unwrap().remove("places").unwrap();
        assert_eq!(places[0]["file"], "customers.csv", "{error}");
    }
    // The report names no domains.
    let mut without_rows = status["errors"].clone();
    for error in without_rows.as_array_mut().unwrap() {
        let rows = error.as_object_mut().unwrap().remove("rows").unwrap();
        assert!(rows[0]["domain"].is_string(), "{error}");
    }
    assert_eq!(errors, without_rows);

    let total = report["rows"]["total"].as_i64().unwrap();
    assert_eq!(sum_of_states(&report), total);
    let parts = &report["timeline"]["parts"];
    for state in ["created", "existing", "failed", "unresolved"] {
        assert_eq!(sum(parts, state), report["rows"][state].as_i64().unwrap(), "{state}");
    }
    let sent: i64 = report["calls"].as_array().unwrap().iter().map(|it| it["sent"].as_i64().unwrap()).sum();
    assert_eq!(sum(parts, "requests"), sent);
    assert_eq!(usize::try_from(sent).unwrap(), bench.simulator().requests().len());
    for by in ["by_country", "by_reseller"] {
        let groups = report[by]["groups"].as_array().unwrap();
        let told: i64 = groups.iter().map(|group| group["rows"]["total"].as_i64().unwrap()).sum();
        let left_out = report[by]["untold"].as_i64().unwrap();
        assert_eq!(told + left_out + report[by]["others"]["total"].as_i64().unwrap(), total, "{by}");
    }
}

#[test]
fn one_run_alone() {
    let bench = two_runs();
    let (first, second) = (json(&bench, &["--run", "1"]), json(&bench, &["--run", "2"]));
    assert_eq!((&first["rows"]["total"], &first["rows"]["created"]), (&6.into(), &1.into()));
    assert_eq!((&second["rows"]["total"], &second["rows"]["created"]), (&3.into(), &3.into()));
    assert_eq!(second["errors"], Value::Array(Vec::new()));
    assert_eq!(sum(&second["timeline"]["parts"], "throttled"), 1);
    assert_eq!(sum(&first["timeline"]["parts"], "throttled"), 0);
    assert_eq!(second["runs"].as_array().unwrap().len(), 1);
    let page = bench.tenantry(["report", "--run", "2"]).exits(0).stdout;
    assert!(page.contains("Run 2 alone") && page.contains("No row is refused"), "{page}");
    bench.tenantry(["report", "--run", "3"]).exits(1).says("has no run 3");
}

#[test]
fn while_a_run_goes_on_and_before_anything_happened() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let running = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    let report = json(&bench, &[]);
    assert_eq!(sum_of_states(&report), 3);
    assert!(report["runs"][0]["finished_at"].is_null());
    assert!(bench.tenantry(["report"]).exits(0).stdout.contains("still running"));
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));

    let ledger = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    ledger.execute_batch("DELETE FROM http_attempts; DELETE FROM customer_rows;").unwrap();
    let (report, page) = (json(&bench, &[]), bench.tenantry(["report"]).exits(0).stdout);
    assert!(report["timeline"].is_null() && report["rows"]["total"] == 0, "{report:#}");
    assert!(page.contains("There are no rows yet") && !page.contains("<svg"), "{page}");
    ledger.execute_batch("DELETE FROM sources; DELETE FROM data_keys; DELETE FROM program_runs;").unwrap();
    assert!(bench.tenantry(["report"]).exits(0).stdout.contains("No command has worked on this ledger yet."));
}

/// What a service, a file's name and a run's end may say at worst.
const HOSTILE: &str =
    "</td></svg><img src=x onerror=alert(1)><script>alert(1)</script>&\"' \u{202e}\u{1b}[2J | `x`";

fn with_hostile_words(bench: &Bench) {
    let ledger = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    for sql in [
        "UPDATE customer_rows SET error_text = ?1, error_code = ?1 WHERE state = 'failed'",
        "UPDATE sources SET path = ?1",
        "UPDATE program_runs SET ended = ?1, command = 'import'",
        "UPDATE customer_rows SET customer = json_set(customer, '$.company_name', ?1, '$.country', ?1,
                '$.associated_partner_id', ?1) WHERE customer IS NOT NULL",
    ] {
        ledger.execute(sql, [HOSTILE]).unwrap();
    }
}

#[test]
fn words_from_outside_are_text_and_nothing_is_fetched() {
    let bench = two_runs();
    with_hostile_words(&bench);
    let page = bench.tenantry(["report"]).exits(0).stdout;
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    for forbidden in ["<script", "<img", "<iframe", "<object", "url(", "@import", "\u{202e}", "\u{1b}"] {
        assert!(!page.contains(forbidden), "{forbidden}: {page}");
    }
    // Links and sources name nothing but the empty icon.
    let named: Vec<&str> = page.match_indices("href=").map(|(at, _)| &page[at..at + 13]).collect();
    assert_eq!(named, ["href=\"data:,\""]);
    let tables = bench.tenantry(["report", "--format", "md"]).exits(0).stdout;
    assert!(!tables.contains("<script") && !tables.contains("\u{1b}"), "{tables}");
    assert!(
        json(&bench, &[])["errors"][0]["code"].as_str().unwrap().contains("<script>"),
        "JSON has the words"
    );
}

#[test]
fn no_password_reaches_a_report() {
    let bench = two_runs();
    let creations = bench.creations();
    assert!(!creations.is_empty());
    for format in ["html", "md", "json"] {
        let report = bench.tenantry(["report", "--format", format]).exits(0).stdout;
        for creation in &creations {
            assert!(!report.contains(&creation.password), "{format}");
        }
    }
}

#[test]
fn a_report_is_written_whole_and_never_over_a_ledger() {
    let bench = two_runs();
    bench.file("report.html", "an older one");
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(bench.path(".")).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.retain(|name| !name.to_string_lossy().starts_with(".output"));
        names.sort();
        names
    };
    let before = names();
    let done = bench.tenantry(["report", "-o", "report.html", "--force"]).exits(0);
    assert_eq!(done.stdout, "");
    assert_eq!(names(), before, "nothing is left beside it");
    let page = std::fs::read_to_string(bench.path("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");

    for (command, args) in [("report", &["-o", "ledger.db"][..]), ("export", &["all", "-o", "ledger.db"])] {
        bench.tenantry([command]).args(args).exits(2).says("it is a database, such as a ledger");
    }
    assert_eq!(json(&bench, &[])["rows"]["total"], 9, "the ledger is as it was");
}

/// A browser of the Chromium family, where there is one.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|it| it.is_file())
}

#[test]
fn its_tables_are_read_aloud_and_scrolled_with_the_keyboard() {
    let bench = two_runs();
    bench.tenantry(["report", "-o", "report.html"]).exits(0);
    let page = std::fs::read_to_string(bench.path("report.html")).unwrap();
    let tags = |start: &str| {
        page.split(start).skip(1).map(|rest| rest.split('>').next().unwrap()).collect::<Vec<_>>()
    };
    let heads: Vec<&str> = tags("<th").into_iter().filter(|head| !head.starts_with("ead")).collect();
    assert!(heads.len() > 20 && heads.iter().all(|head| head.contains("scope=\"")), "{heads:?}");
    let regions = tags("<div class=\"scroll\"");
    assert_eq!(regions.len(), page.matches("<table").count() + page.matches("<svg").count(), "{page}");
    for region in regions {
        let (label, rest) = region
            .strip_prefix(" tabindex=\"0\" role=\"region\" aria-label=\"")
            .unwrap()
            .split_once('"')
            .unwrap();
        assert!(!label.is_empty() && rest.is_empty(), "{region}");
    }
}

#[test]
fn a_browser_shows_it_without_a_complaint() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium on the PATH");
        return;
    };
    let bench = two_runs();
    with_hostile_words(&bench);
    bench.tenantry(["report", "-o", "report.html"]).exits(0);
    let page = std::fs::read_to_string(bench.path("report.html")).unwrap();
    let profile = bench.path("profile");
    let done = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--timeout=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", bench.path("report.html").display()))
        .env("HOME", bench.path("."))
        .output()
        .unwrap();
    let (dom, log) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{log}");
    assert!(!log.contains("CONSOLE"), "the browser complains: {log}");
    // What the parser of a browser made of it is what we wrote: nothing closed a table or a chart early.
    let count = |text: &str, tag: &str| text.matches(tag).count();
    for tag in ["<svg", "<table", "<tr", "<section", "<h2", "<h3", "<figure", "<text", "<rect"] {
        assert_eq!(count(&dom, tag), count(&page, tag), "{tag}");
    }
    // Outcomes, requests, latencies, refusals, countries and resellers.
    assert_eq!(count(&dom, "<svg"), 6, "{dom}");
    assert_eq!(count(&dom, "<img") + count(&dom, "<script"), 0, "{dom}");
}
