//! What a run says it did, apart from what the ledger has; and in which form the program speaks to people and scripts.

use serde_json::{Value, json};
use tenantry_simulator::{Fault, Hold, HoldPoint, Operation};

use crate::harness::{
    Bench, Call, Done, HEADER, customers, customers_of, domain, email, row, snapshot, states,
};

/// A list with a row of each outcome: created, existing, failed, rejected.
fn mixed() -> String {
    let bad = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    customers_of(["harborline", "ours-of-old", "taken-by-others"]) + &bad + "\n"
}

/// The numbers of `run`, by these names.
fn numbers<const N: usize>(run: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| run[name].as_u64().unwrap_or_else(|| panic!("{name}: {run:#}")))
}

#[test]
fn a_run_says_what_it_did_itself() {
    let bench = Bench::new();
    let outcomes = ["created", "existing", "failed", "rejected", "unresolved", "skipped", "duplicates"];
    bench.file("customers.csv", mixed());
    let first = bench.import("customers.csv").args(["--json", "--metrics-file", "run.prom"]).exits(3).json();
    assert_eq!(numbers(&first["run"], outcomes), [1, 1, 1, 1, 0, 0, 0]);
    bench.file("customers.csv", mixed() + &row("later") + "\n" + &row("later") + "\n");
    let second = bench.import("customers.csv").args(["--json", "--metrics-file", "run.prom"]).exits(3).json();
    assert_eq!(numbers(&second["run"], outcomes), [1, 0, 0, 0, 0, 4, 1]);
    assert_eq!((&second["run"]["exit_code"], &second["run"]["id"]), (&3.into(), &2.into()));
    assert_eq!(numbers(&second["rows"], ["created", "failed", "rejected", "total"]), [2, 1, 1, 5]);
    let seconds = second["run"]["duration_s"].as_f64().unwrap();
    assert!((0.0..60.0).contains(&seconds), "{second:#}");
    // `status` and the view have the same numbers for both runs, and so have the metrics for the last one.
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!(status["errors"], second["errors"]);
    for (listed, summary) in [(&status["runs"][0], &second["run"]), (&status["runs"][1], &first["run"])] {
        assert_eq!(numbers(listed, outcomes), numbers(summary, outcomes));
    }
    let view = "SELECT created * 1000 + existing * 100 + failed * 10 + rejected FROM runs WHERE run_id = 1";
    assert_eq!(bench.ledger().number(view), 1111);
    let metrics = std::fs::read_to_string(bench.path("run.prom")).unwrap();
    for name in outcomes {
        let metric = format!("tenantry_last_run_{name}{{");
        let line = metrics.lines().find(|line| line.starts_with(&metric)).unwrap_or_else(|| panic!("{name}"));
        assert!(line.ends_with(&format!(" {}.0", second["run"][name])), "{line}");
    }
    bench.agree();
}

/// Rows that a run works on are counted by their outcome alone, also if the ledger had them before.
#[test]
fn every_row_of_a_list_is_skipped_or_worked_on() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(4));
    let outcomes = ["rows_read", "created", "failed", "skipped"];
    let import = |flags: &[&str], code| {
        let done = bench.import("customers.csv").args(["--json"]).args(flags).exits(code).json();
        let skipped = bench.ledger().number("SELECT skipped FROM runs ORDER BY run_id DESC LIMIT 1");
        assert_eq!(done["run"]["skipped"], skipped, "the view has the same number");
        numbers(&done["run"], outcomes)
    };
    // Discarded, and taken up.
    assert_eq!(import(&["--limit", "0"], 5), [4, 0, 0, 0]);
    bench.tenantry(["discard", "--all", "--yes"]).exits(0);
    bench.fault(Operation::Create, &domain(2), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    // Of these, two wait for another run.
    assert_eq!(import(&["--limit", "2", "--concurrency", "1"], 5), [4, 1, 1, 0]);
    assert_eq!(import(&[], 3), [4, 2, 0, 2]);
    // Refused, and retried.
    assert_eq!(import(&["--retry-failed"], 0), [4, 1, 0, 3]);
    assert_eq!(import(&[], 0), [4, 0, 0, 4]);
    let report = bench.tenantry(["report", "--format", "json"]).exits(0).json();
    assert_eq!((&report["rows_read"], &report["skipped"]), (&20.into(), &9.into()));
    bench.agree();
}

#[test]
fn a_run_and_the_ledger_in_words() {
    let bench = Bench::new();
    bench.file("customers.csv", mixed());
    bench.import("customers.csv").exits(3);
    bench.file("customers.csv", mixed() + &row("later") + "\n");
    snapshot!(bench.import("customers.csv").exits(3));
}

#[test]
fn a_killed_run_has_the_numbers_of_what_it_recorded() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: Some(crate::harness::full(&domain(3))) });
    let running = bench.import("customers.csv").args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    running.kill();
    bench.simulator().release();
    assert_eq!(bench.ledger().states(), states([("created", 2), ("in_flight", 1)]));
    let killed = &bench.tenantry(["status", "--json"]).exits(0).json()["runs"][0];
    assert_eq!((&killed["created"], &killed["exit_code"]), (&2.into(), &Value::Null));
    let resumed = bench.resume().args(["--json"]).exits(0).json();
    assert_eq!(numbers(&resumed["run"], ["created", "skipped"]), [1, 0]);
    bench.agree();
}

#[test]
fn errors_name_their_first_rows_and_the_command_that_lists_all() {
    let bench = Bench::new();
    let refused: Vec<String> = (1..=4).map(|n| format!("refuse-400-3000-{n}")).collect();
    bench.file("customers.csv", customers_of(refused.iter().map(String::as_str)));
    let done = bench.import("customers.csv").args(["--json"]).exits(3).json();
    let rows = done["errors"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], serde_json::json!({ "line": 2, "domain": "refuse-400-3000-1.onmicrosoft.com" }));
    let status =
        bench.tenantry(["status"]).without("TENANTRY_LEDGER").args(["--ledger", "ledger.db"]).exits(0);
    for part in [
        "4 × 3000 (failed), such as: ",
        "\n      customers.csv:4: refuse-400-3000-3.onmicrosoft.com\n",
        "\n      … all of them: tenantry list --state failed --code 3000 --ledger ledger.db\n",
    ] {
        assert!(status.stdout.contains(part), "{part}: {status}");
    }
    assert!(!status.stdout.contains("3000-4"), "{status}");
    // Neither a report nor a notification names them.
    let report = bench.tenantry(["report", "--format", "json"]).exits(0);
    assert!(!report.stdout.contains("3000-1.onmicrosoft.com"), "{report}");
    bench.agree();
}

#[test]
fn a_good_night_says_nothing_where_it_is_to_be_quiet() {
    let bench = Bench::new();
    bench.trusts("rate = 'unlimited'\n");
    bench.file("customers.csv", customers(2));
    let silent = |done: &Done| assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    silent(&bench.import("customers.csv").args(["-q"]).exits(0));
    silent(&bench.resume().args(["-q"]).exits(0));
    let object = bench.import("customers.csv").args(["-q", "--json"]).exits(0);
    assert_eq!((&object.json()["run"]["skipped"], object.stderr.as_str()), (&2.into(), ""));
    // Neither of what went well at the second attempt, nor of a monitor that does not answer.
    bench.file("customers.csv", customers(3));
    bench.fault(Operation::Create, &domain(3), Fault::DropAfter, 1);
    let monitor = ["--notify-url", "http://127.0.0.1:9/ping/abc?{code}"];
    silent(&bench.import("customers.csv").args(["-q"]).args(monitor).exits(0));
    // A night that is not good says all that it has to say.
    bench.file("customers.csv", mixed());
    let done = bench.import("customers.csv").args(["-q"]).exits(3);
    assert!(done.stdout.contains("\nErrors, most frequent first:\n"), "{done}");
    // A lost password is not passed over in silence.
    let bench = Bench::with(tenantry_simulator::Scenario { replay_password: false, ..Default::default() });
    bench.file("customers.csv", customers(1));
    bench.fault(Operation::Create, &domain(1), Fault::DropAfter, 1);
    let done = bench.import("customers.csv").args(["-q"]).exits(0);
    assert!(done.stdout.contains("ATTENTION: 1 created customer without a password"), "{done}");
}

/// Every line on standard error is a JSON object; returns them.
fn objects(call: Call<'_>, code: i32) -> Vec<Value> {
    let done = call.exits(code);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {done}"));
    let objects: Vec<Value> = done.stderr.lines().map(parse).collect();
    assert!(!objects.is_empty(), "{done}");
    for object in &objects {
        for key in ["timestamp", "level", "message"] {
            assert!(object[key].is_string(), "no {key}: {done}");
        }
    }
    objects
}

#[test]
fn with_json_logs_every_line_on_standard_error_is_an_object() {
    let bench = Bench::new();
    bench.file("customers.csv", mixed());
    let json = ["--log-format", "json"];
    // A mistake in the arguments, in the environment's form too.
    let wrong = objects(bench.import("customers.csv").args(["--rate", "fast", "--log-format=json"]), 2);
    assert_eq!((wrong.len(), &wrong[0]["exit_code"]), (1, &2.into()));
    assert!(wrong[0]["message"].as_str().unwrap().starts_with("invalid value 'fast'"), "{wrong:?}");
    objects(bench.tenantry(["imprt"]).env("TENANTRY_LOG_FORMAT", "json"), 2);
    // A failure before the start.
    let missing = objects(bench.import("missing.csv").args(json), 2);
    let last = missing.last().unwrap();
    assert_eq!((&last["level"], last["because"].as_array().unwrap().len()), (&"ERROR".into(), 1));
    // A run with everything that it has to say, and a command at its end that says something.
    let tells = if cfg!(windows) { "echo told& echo again>&2" } else { "echo told; echo again >&2" };
    let said = objects(bench.import("customers.csv").args(json).args(["--on-finish", tells]), 3);
    let of_command: Vec<_> = said.iter().filter(|it| it["source"] == "on-finish").collect();
    assert_eq!(of_command.iter().map(|it| &it["message"]).collect::<Vec<_>>(), ["told", "again"]);
    bench.fault(Operation::Create, "slow", Fault::Throttled { retry_after_s: 1 }, 1);
    bench.file("more.csv", customers_of(["slow"]));
    objects(bench.import("more.csv").args(json), 3);
    // A bug.
    let import = bench.import("customers.csv").args(json).env("TENANTRY_PANIC_AT", "file_read");
    objects(import.env("RUST_BACKTRACE", "1"), 1);
    // A mistake in the settings, which choose the form themselves.
    bench.file("tenantry.toml", "log-format = 'json'\nratee = 1\n");
    objects(bench.tenantry(["status"]), 2);
    bench.file("tenantry.toml", "log-format = 'json'\n");
    objects(bench.tenantry(["status", "--josn"]), 2);
}

#[test]
fn throttling_is_a_sentence() {
    let bench = Bench::new();
    // Without a rate, there is nothing to halve.
    for (rate, words) in [("6000/min", " at half the rate"), ("unlimited", "")] {
        let name = if words.is_empty() { "one" } else { "two" };
        bench.file("customers.csv", customers_of([name]));
        bench.fault(Operation::Create, name, Fault::Throttled { retry_after_s: 1 }, 1);
        let done = bench.import("customers.csv").args(["--concurrency", "1", "--rate", rate]).exits(0);
        assert!(done.stderr.contains(&format!("\nthrottled: continuing{words} in 1 s\n")), "{done}");
        assert!(!done.stderr.contains("WARN"), "{done}");
    }
    bench.agree();
}

/// A POSIX time zone, which needs no database.
#[test]
fn people_get_local_times_and_scripts_get_utc() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    let at = |args: &[&str]| bench.tenantry(args).env("TZ", "XST-5:30").exits(0).stdout;
    let shown = at(&["show", &domain(1)]);
    // Read, last changed, sent.
    assert_eq!(shown.lines().filter(|line| line.contains(" +05:30")).count(), 3, "{shown}");
    let status = at(&["status"]);
    assert!(status.contains(" +05:30  "), "{status}");
    let started =
        |text: String| serde_json::from_str::<Value>(&text).unwrap()["runs"][0]["started_at"].clone();
    let json = started(at(&["status", "--json"]));
    assert!(json.as_str().unwrap().ends_with('Z'), "{json}");
    assert_eq!(json, started(bench.tenantry(["status", "--json"]).exits(0).stdout));
}

#[test]
fn no_next_command_can_only_fail() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    // The private key is on another machine, so `credentials` would fail.
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let identity = std::fs::read_to_string(bench.path("identity.txt")).unwrap();
    let recipient = identity.split_whitespace().find(|word| word.starts_with("age1")).unwrap().to_owned();
    std::fs::rename(bench.path("identity.txt"), bench.path("elsewhere.txt")).unwrap();
    let done = bench.resume().args(["--recipient", &recipient, "--json"]).exits(0);
    assert_eq!((&done.json()["next"], &done.json()["next_commands"]), (&Value::Null, &json!([])), "{done}");
    assert_eq!(bench.tenantry(["status", "--json"]).exits(0).json()["next_commands"], json!([]));
    let status = bench.tenantry(["status"]).exits(0);
    assert!(!status.stdout.contains("Next"), "{status}");
    std::fs::rename(bench.path("elsewhere.txt"), bench.path("identity.txt")).unwrap();
    assert!(bench.tenantry(["status"]).exits(0).stdout.contains("\nNext: tenantry credentials "));
    // A dry run names no command about a ledger that is not there.
    let bench = Bench::new();
    let bad = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    bench.file("customers.csv", format!("{HEADER}\n{bad}\n"));
    let dry = bench.import("customers.csv").args(["--dry-run"]).exits(3);
    assert!(!dry.stdout.contains("tenantry export") && !dry.stdout.contains("tenantry list"), "{dry}");
    assert!(!bench.has_ledger());
}

/// A list under headings of its own.
fn foreign(rows: &[&str]) -> String {
    let rows = rows.iter().map(|domain| row(domain) + "\n").collect::<String>();
    format!("{}\n{rows}", HEADER.replace("company_name", "Firma").replace("postal_code", "Ort"))
}

#[test]
fn an_import_remembers_the_options_of_the_list() {
    let bench = Bench::new();
    let maps = ["--map", "Firma=company_name", "--map", "Ort=postal_code"];
    bench.file("list.csv", foreign(&["one", "refuse-400-3000-x"]));
    let done = bench.import("list.csv").args(maps).exits(3);
    // Neither the next commands nor the next nights have to repeat them.
    assert!(!done.stdout.contains("--map"), "{done}");
    bench.file("list.csv", foreign(&["one", "refuse-400-3000-x", "two"]));
    let again = bench.import("list.csv").exits(3);
    again.says("list.csv: options of its last import apply: --map.");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("failed", 1)]));
    // An export that comes back.
    let fixed = bench.tenantry(["export", "failed"]).exits(0).stdout.replace("refuse-400-3000-x", "three");
    bench.file("failed.csv", fixed);
    bench.import("failed.csv").exits(0);
    // A column that is not there any more is no mistake, and what is given now is stronger.
    bench.file("list.csv", customers_of(["four"]));
    bench.import("list.csv").exits(0);
    bench.file("list.csv", foreign(&["five"]).replace("Firma", "Kunde"));
    bench.import("list.csv").args(["--map", "Kunde=company_name"]).exits(0);
    // Another list knows nothing of it.
    bench.file("other.csv", foreign(&["six"]));
    bench.import("other.csv").exits(1).says("no column for `company_name`");
    bench.agree();
}

#[test]
fn the_check_that_is_named_next_has_the_columns_that_an_import_remembers() {
    let bench = Bench::new();
    bench.file("list.csv", foreign(&["one"]));
    bench.import("list.csv").args(["--map", "Firma=company_name", "--map", "Ort=postal_code"]).exits(0);
    bench.file("list.csv", foreign(&["two"]) + &row("wrong").replace(&email("wrong"), "nowhere") + "\n");
    let done = bench.import("list.csv").args(["--require-valid"]).exits(3).stdout;
    let next = done.lines().find(|line| line.starts_with("Next: ")).unwrap();
    assert!(next.starts_with("Next: tenantry check --map "), "{done}");
}

#[test]
fn what_decides_for_whom_a_customer_is_created_is_not_remembered() {
    let bench = Bench::new();
    bench.file("list.csv", customers_of(["one"]));
    let other = ["--default", "middle_name=Q", "--allow-direct", "--strict"];
    bench.import("list.csv").args(other).exits(0);
    bench.file("list.csv", customers_of(["one", "two"]));
    let done = bench.import("list.csv").exits(0);
    assert!(!done.stderr.contains("options of its last import"), "{done}");
    let middle_names =
        "SELECT count(*) FROM customer_rows WHERE json_extract(customer, '$.middle_name') = 'Q'";
    assert_eq!(bench.ledger().number(middle_names), 1);
    bench.agree();
}

#[test]
fn neither_a_retry_nor_an_export_of_another_list_changes_what_is_remembered() {
    let bench = Bench::new();
    bench.file("list.csv", customers_of(["refuse-400-3000-x"]));
    bench.import("list.csv").exits(3);
    bench.tenantry(["retry", "--all", "--warn", "exponent"]).exits(3);
    bench.file("list.csv", customers_of(["refuse-400-3000-x", "two"]));
    let done = bench.import("list.csv").exits(3);
    assert!(!done.stderr.contains("options of its last import"), "{done}");
    bench.agree();
}

#[cfg(unix)]
#[test]
fn a_row_that_waits_for_the_rate_is_pending() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(40));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let pace = ["--rate", "60/min", "--concurrency", "30"];
    let running = bench.import("customers.csv").args(pace).spawn();
    bench.wait_until_held();
    // Beside what was sent, only the row whose turn is next has its intent.
    let before = bench.simulator().requests().len() as u64;
    let counts = &bench.tenantry(["status", "--json"]).exits(0).json()["rows"];
    let sent = bench.simulator().requests().len() as u64;
    let in_flight = counts["in_flight"].as_u64().unwrap();
    assert!((1..=sent + 1).contains(&in_flight), "{before} to {sent} requests: {counts}");
    assert_eq!(counts["pending"].as_u64().unwrap() + in_flight, 40);
    bench.simulator().release();
    running.signal("INT");
    running.wait();
    bench.agree_so_far();
}
