//! Help and its topics: what they look like, and that what they say of the simulator is true.

use std::collections::BTreeSet;

use tenantry_simulator::Scenario;

use crate::harness::{Bench, customers_of, each_at_once, full, snapshot};

const REHEARSE: &str = include_str!("../../src/cli/topics/rehearse.md");

/// The rows of the tables whose header starts with `first`, as cells without their backticks.
fn rows(first: &str) -> Vec<Vec<String>> {
    let mut is_in = false;
    let mut rows = Vec::new();
    for line in REHEARSE.lines() {
        let cells: Vec<String> = line.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect();
        if !line.starts_with('|') {
            is_in = false;
        } else if is_in && !line.starts_with("| ---") {
            rows.push(cells);
        } else if cells[0] == first {
            is_in = true;
        }
    }
    assert!(!rows.is_empty(), "no table of {first}");
    rows
}

#[test]
fn help_in_short() {
    let bench = Bench::new();
    let commands: [&[&str]; 5] =
        [&["-h"], &["help"], &["import", "-h"], &["help", "import"], &["help", "config", "trust"]];
    let done = commands.map(|args| bench.tenantry(args).exits(0));
    assert_eq!(done[0].stdout, done[1].stdout);
    assert_eq!(done[2].stdout, done[3].stdout);
    snapshot!([&done[0], &done[2], &done[4]].map(ToString::to_string).join("\n"));
}

#[test]
fn a_topic_on_a_page() {
    let bench = Bench::new();
    snapshot!(bench.tenantry(["help", "rehearse"]).exits(0));
    for topic in [
        "excel",
        "columns",
        "sign-in",
        "fix",
        "nightly",
        "restore",
        "settings",
        "json",
        "states",
        "exit-codes",
        "changes",
    ] {
        let page = bench.tenantry(["help", topic]).exits(0).stdout;
        assert!(page.lines().count() > 10 && !page.contains('\u{1b}'), "{topic}: {page}");
    }
    bench.tenantry(["help", "no-topic"]).exits(2).says("no-topic");
}

/// What a command of --on-finish is told.
const SUMMARY: &str = if cfg!(windows) {
    "echo %TENANTRY_SUMMARY%> told.json"
} else {
    "printf %s \"$TENANTRY_SUMMARY\" > told.json"
};

/// Every field of the JSON output is in the topic.
#[test]
fn the_topic_names_every_field_of_json() {
    let topic = include_str!("../../src/cli/topics/json.md");
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["contoso-a", "taken-b"]) + "a,b\n");
    let summary = bench.import("customers.csv").args(["--json"]).exits(3).json();
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    let check = bench.tenantry(["check", "--json", "customers.csv"]).exits(3).json();
    let failure = bench.tenantry(["status", "--json", "--ledger", "none.db"]).exits(1).json();
    bench.import("customers.csv").args(["--on-finish", SUMMARY]).exits(3);
    let told = std::fs::read_to_string(bench.path("told.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    let fields =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let run = fields(&summary["run"]).into_iter().map(|field| format!("run.{field}"));
    let others =
        [&summary, &status, &check, &summary["errors"][0], &check["problems"][0], &failure["error"], &told];
    let others = others.into_iter().flat_map(fields).filter(|field| field != "run");
    let missing: BTreeSet<String> = run
        .chain(others)
        .filter(|name| {
            !topic.contains(&format!("`{name}`"))
                && !topic.contains(&format!("`{name}."))
                && !topic.contains(&format!("`{name}[]`"))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_scenarios_of_the_topic_are_those_of_the_simulator() {
    let names: Vec<String> = rows("scenario").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, Scenario::NAMES);
    let error = "smooth,x=1".parse::<Scenario>().unwrap_err().to_string();
    let known: BTreeSet<&str> =
        error.split('`').filter_map(|code| code.split_once('=')).map(|(name, _)| name).collect();
    let named = rows("setting");
    let named: BTreeSet<&str> = named.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(named, known.into_iter().filter(|name| *name != "x").collect());
}

#[test]
fn domains_with_a_meaning_get_the_result_of_the_topic() {
    each_at_once(rows("domain"), |row| {
        let (domain, result) = (row[0].replace('…', "-1"), &row[1]);
        let bench = Bench::new();
        bench.file("customers.csv", customers_of([domain.as_str()]));
        let done = bench.import("customers.csv").run();
        match result.rsplit_once(": ").filter(|(_, state)| !state.contains(' ')) {
            Some((_, state)) => {
                let found: Vec<(String, String)> =
                    bench.ledger().rows().into_iter().map(|row| (row.domain.unwrap(), row.state)).collect();
                assert_eq!(found, [(full(&domain), state.to_owned())], "{done}");
            }
            None => {
                assert!(result.contains(&format!("(exit code {})", done.code.unwrap())), "{domain}: {done}")
            }
        }
    });
}
