//! The command line: exit codes, streams, JSON, and what is refused before anything happens.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenantry_simulator::{Fault, Operation, Scenario};

use crate::harness::{
    Bench, Call, Done, customers, customers_of, domain, email, eventually, full, row, sample, snapshot,
    sum_of_states,
};

/// The README's first command, with the samples where it looks for them.
fn first_command(bench: &Bench) -> Call<'_> {
    std::fs::create_dir(bench.path("samples")).unwrap();
    std::fs::copy(sample("customers.csv"), bench.path("samples/customers.csv")).unwrap();
    bench
        .tenantry(["import", "--simulate", "samples/customers.csv"])
        .without("TENANTRY_LEDGER")
        .without("TENANTRY_IDENTITY")
        .without("TENANTRY_API_URL")
        .without("TENANTRY_AUTHORITY_URL")
        .without("TENANTRY_ACCESS_TOKEN")
        .without("TENANTRY_SETTLE_DELAY")
}

#[test]
fn the_readmes_first_command_quickly() {
    let bench = Bench::new();
    snapshot!(first_command(&bench).exits(0));
    assert!(bench.path("tenantry-simulated.db").exists());
}

#[test]
fn the_readmes_first_command_as_it_stands() {
    let bench = Bench::new();
    let done = first_command(&bench).without("TENANTRY_RATE").args(["--json"]).exits(0).json();
    assert_eq!(done["rows"]["created"], done["rows"]["total"]);
    assert_eq!(done["run"]["throttled"], 0);
}

#[test]
fn a_rehearsal_twice_sends_nothing_twice() {
    let bench = Bench::new();
    first_command(&bench).exits(0);
    let again = ["import", "--simulate", "samples/customers.csv", "--json"];
    let done = bench.tenantry(again).without("TENANTRY_LEDGER").exits(0).json();
    assert_eq!((&done["run"]["requests"], &done["run"]["skipped"]), (&0.into(), &done["rows"]["total"]));
}

/// One row for most of what can become of a row.
fn mixed() -> Bench {
    let bench = Bench::new();
    let bad = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    let rows = ["harborline", "ours-of-old", "taken-by-others", "half-made-1", "refuse-400-600051"];
    bench.file("customers.csv", customers_of(rows) + &bad + "\n");
    bench
}

#[test]
fn a_mixed_import_says_what_became_of_every_row() {
    let bench = mixed();
    snapshot!(bench.import("customers.csv").args(["--concurrency", "1", "--settle-delay", "0s"]).exits(3));
}

#[test]
fn status_in_words() {
    let bench = mixed();
    bench.import("customers.csv").exits(3);
    snapshot!(bench.tenantry(["status"]).exits(0));
}

#[test]
fn the_story_of_a_row() {
    let bench = mixed();
    // With a delay, a busy machine asks once less.
    bench.import("customers.csv").args(["--settle-delay", "0s"]).exits(3);
    snapshot!(bench.tenantry(["show", "half-made-1"]).exits(0));
}

#[test]
fn a_row_is_found_by_its_line() {
    let bench = mixed();
    bench.import("customers.csv").exits(3);
    let done = bench.tenantry(["show", "--line", "3", "--json"]).exits(0).json();
    assert_eq!(done[0]["domain"], "ours-of-old.onmicrosoft.com");
    bench.tenantry(["show", "--line", "99"]).exits(1).says("has no row on line 99");
    bench
        .tenantry(["show", "nobody"])
        .exits(1)
        .says("has no row with the domain, customer id, external id or company name `nobody`");
    bench.tenantry(["show", "harborlnie"]).exits(1).says("did you mean `harborline.onmicrosoft.com`?");
    bench.file("more.csv", customers(3));
    bench.import("more.csv").exits(3);
    let on_line =
        |args: &[&str]| bench.tenantry(["show", "--json", "--line", "3"]).args(args).exits(0).json();
    assert_eq!(on_line(&[]).as_array().unwrap().len(), 2);
    let of_more = on_line(&["--file", "more.csv"]);
    assert_eq!((of_more.as_array().unwrap().len(), &of_more[0]["domain"]), (1, &full(&domain(2)).into()));
    assert_eq!(of_more[0]["attempts"][0]["request"], "POST /v1/customers");
    bench.tenantry(["show", "--line", "3", "--file", "other.csv"]).exits(1).says("on line 3 of `other.csv`");
    // One that was replaced is found by its domain too, whole or in part.
    let stories = |domain: &str| bench.tenantry(["show", "--json", domain]).exits(0).json();
    assert_eq!(stories("fabrikam"), stories("FABRIKAM.onmicrosoft.com"));
}

#[test]
fn the_summary_has_the_keys_of_the_contract() {
    let bench = mixed();
    let summary = bench.import("customers.csv").args(["--json"]).exits(3).json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let rows = [
        "total",
        "rejected",
        "pending",
        "in_flight",
        "created",
        "existing",
        "failed",
        "unresolved",
        "superseded",
        "declined",
        "acknowledged",
    ];
    assert_eq!(keys(&summary["rows"]), set(&rows));
    let run = [
        "id",
        "started_at",
        "finished_at",
        "requests",
        "retries",
        "throttled",
        "submitted",
        "skipped",
        "duplicates",
    ];
    assert!(keys(&summary["run"]).is_superset(&set(&run)), "{summary:#}");
    for error in summary["errors"].as_array().unwrap() {
        assert!(keys(error).is_superset(&set(&["code", "count", "hint"])), "{error:#}");
        assert!(
            error["code"].is_string() && error["count"].is_u64() && error["hint"].is_string(),
            "{error:#}"
        );
    }
    assert_eq!(summary["rows"]["total"], 6);
    assert_eq!(sum_of_states(&summary), 6);
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!((&status["rows"], &status["errors"]), (&summary["rows"], &summary["errors"]));
    bench.agree();
}

#[test]
fn the_counts_of_a_run_are_those_of_the_service() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(5));
    bench.fault(Operation::Create, &domain(2), Fault::DropAfter, 1);
    bench.fault(Operation::Create, &domain(3), Fault::Throttled { retry_after_s: 1 }, 1);
    let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
    let run = &summary["run"];
    assert_eq!(run["requests"], bench.simulator().requests().len());
    assert_eq!((&run["submitted"], &run["retries"], &run["throttled"]), (&5.into(), &2.into(), &1.into()));
}

#[test]
fn results_go_to_standard_output_and_the_rest_does_not() {
    let bench = mixed();
    let done = bench.import("customers.csv").args(["--json", "-vv"]).exits(3);
    assert!(done.json().is_object() && !done.stderr.is_empty(), "{done}");
    let quiet = bench.import("customers.csv").args(["--json", "-q"]).exits(3);
    assert_eq!(quiet.stderr, "");
    assert!(bench.tenantry(["export", "created"]).exits(0).stdout.starts_with("company_name,domain,"));
}

#[test]
fn logs_in_json_are_json_line_by_line() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["-vv", "--log-format", "json", "--log-file", "run.log"]).exits(0);
    let log = std::fs::read_to_string(bench.path("run.log")).unwrap();
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{line}");
    }
}

#[test]
fn no_progress_bar_without_a_terminal() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let done = bench.import("customers.csv").exits(0);
    assert!(!done.stderr.contains(['\r', '\x1b']), "{done}");
}

#[test]
fn help_and_version_are_results() {
    let bench = Bench::new();
    assert!(bench.tenantry(["--version"]).exits(0).stdout.starts_with("tenantry "));
    snapshot!(bench.tenantry(["--help"]).exits(0));
}

#[test]
fn wrong_usage() {
    let bench = Bench::new();
    bench.tenantry::<&str>([]).exits(2);
    bench.tenantry(["import"]).exits(2);
    bench.tenantry(["resume", "--settle-delay", "soon"]).exits(2).says("write it as `90s`, `15m` or `4h`");
    bench.tenantry(["resume", "--max-attempts", "0"]).exits(2);
    bench.tenantry(["import", "x.csv", "--simulate=smoth"]).exits(2).says("unknown scenario `smoth`");
    bench.file("x.csv", customers(1));
    bench.tenantry(["import", "x.csv", "--recipient", "age1nonsense"]).exits(2).says("not an age public key");
    let private = "AGE-SECRET-KEY-1QQQQ";
    let done = bench.tenantry(["import", "x.csv", "--recipient", private]).exits(2);
    assert!(done.says("a private key").stderr.contains("age1") && !done.stderr.contains(private), "{done}");
    snapshot!(bench.tenantry(["import", "customers.csv", "--rate", "fast"]).exits(2));
}

#[test]
fn a_missing_file() {
    let bench = Bench::new();
    snapshot!(bench.import("nowhere.csv").exits(2));
    assert!(!bench.ledger_path().exists(), "a misspelt name changes nothing");
}

#[test]
fn a_missing_ledger() {
    let bench = Bench::new();
    snapshot!(bench.resume().exits(1));
    bench.tenantry(["status"]).exits(1);
    bench.tenantry(["export", "all"]).exits(1);
    assert!(!bench.ledger_path().exists(), "looking makes nothing");
    assert!(!bench.path("identity.txt").exists(), "no password was sealed, so there is no key to keep");
}

#[test]
fn a_foreign_file_as_ledger() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("ledger.db", customers(500));
    snapshot!(bench.import("customers.csv").exits(2));
    bench.tenantry(["status"]).exits(2);
    assert_eq!(std::fs::read_to_string(bench.ledger_path()).unwrap(), customers(500), "it was touched");
}

#[test]
fn a_ledger_of_another_address_is_refused() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    snapshot!(bench.import("customers.csv").args(["--api-url", "http://127.0.0.1:9"]).exits(2));
}

#[test]
fn a_ledger_of_another_tenant_is_refused() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").with_app().exits(0);
    let other = "11111111-2222-4333-8444-555555555555";
    bench.file("more.csv", customers(2));
    let done = bench.import("more.csv").with_app().env("TENANTRY_TENANT_ID", other).exits(2);
    done.says("use a separate ledger for each environment");
    assert_eq!(bench.creations().len(), 1);
    // The token's own word counts where the command line names no tenant.
    let jwt = "eyJhbGciOiJub25lIn0.eyJ0aWQiOiIxMTExMTExMS0yMjIyLTQzMzMtODQ0NC01NTU1NTU1NTU1NTUifQ.c2ln";
    bench.import("more.csv").env("TENANTRY_ACCESS_TOKEN", jwt).exits(2);
    assert_eq!(bench.creations().len(), 1);
}

#[test]
fn a_ledger_of_the_simulator_is_refused_elsewhere() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").args(["--simulate"]).exits(0);
    bench.import("customers.csv").exits(2).says("use a separate ledger for each environment");
    assert_eq!(bench.simulator().requests().len(), 0);
}

#[test]
fn plain_http_is_for_loopback_addresses() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    snapshot!(bench.import("customers.csv").args(["--api-url", "http://api.example.com"]).exits(2));
    let authority = ["--authority-url", "http://10.0.0.1"];
    bench.import("customers.csv").args(authority).exits(2).says("plain http is for loopback addresses only");
}

#[test]
fn a_wrong_secret_in_words() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    snapshot!(
        bench.import("customers.csv").with_app().env("TENANTRY_CLIENT_SECRET", "expired-secret").exits(4)
    );
}

#[test]
fn a_limit_in_words() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    snapshot!(bench.import("customers.csv").args(["--limit", "1"]).exits(5));
}

#[test]
fn an_unresolved_row_in_words() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "lost", Fault::StatusBefore { status: 500 }, 1);
    bench.fault(Operation::Search, "lost", Fault::StatusBefore { status: 503 }, 4);
    bench.file("customers.csv", customers_of(["lost"]));
    snapshot!(bench.import("customers.csv").args(["--max-attempts", "1"]).exits(6));
}

/// Runs the command that the summary calls the next one, as it stands, without the environment's help.
fn next_command(bench: &Bench, summary: &Value) -> Done {
    let next = summary["next"].as_str().unwrap().strip_prefix("tenantry ").unwrap();
    let words: Vec<&str> = next.split(' ').collect();
    let call = bench.tenantry(words).without("TENANTRY_IDENTITY").without("TENANTRY_LEDGER");
    call.without("TENANTRY_API_URL").without("TENANTRY_AUTHORITY_URL").run()
}

#[test]
fn the_next_command_works_as_it_stands() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let flags = ["--identity", "my-own.txt", "--ledger", "my-own.db", "--limit", "1", "--json"];
    let import = bench.import("customers.csv").without("TENANTRY_IDENTITY").without("TENANTRY_LEDGER");
    let summary = import.args(flags).exits(5).json();
    let status = bench.tenantry(["status", "--ledger", "my-own.db", "--json"]).without("TENANTRY_LEDGER");
    let next = &status.exits(0).json()["next_commands"];
    assert!(next[0].as_str().unwrap().starts_with("tenantry resume"), "{next}");
    let resumed = next_command(&bench, &summary);
    assert_eq!(resumed.code, Some(0), "{resumed}");
    let passwords = ["credentials", "--identity", "my-own.txt", "--ledger", "my-own.db"];
    let opened = bench.tenantry(passwords).without("TENANTRY_IDENTITY").run();
    assert_eq!(opened.code, Some(0), "all of a run's passwords are sealed to one key: {opened}");
}

#[test]
fn the_next_command_after_a_good_run_opens_its_passwords() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let call = bench.import("customers.csv").without("TENANTRY_IDENTITY");
    let opened = next_command(&bench, &call.args(["--identity", "my-own.txt", "--json"]).exits(0).json());
    assert_eq!(opened.code, Some(0), "{opened}");
    assert_eq!(std::fs::read_to_string(bench.path("passwords.csv")).unwrap().lines().count(), 3);
}

#[test]
fn passwords_open_with_their_own_identity_alone() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(0);
    bench.agree();
    let one = bench.tenantry(["credentials", "--domain", &full(&domain(2))]).exits(0).stdout;
    assert_eq!(one.lines().count(), 2, "{one}");
    assert_eq!(bench.ledger().number("SELECT count(*) FROM openings"), 2, "each opening is recorded");
    let other = Bench::new();
    other.file("customers.csv", customers(1));
    other.import("customers.csv").exits(0);
    let done = bench.tenantry(["credentials", "--identity"]).args([other.path("identity.txt")]).exits(1);
    done.says("2 of 2 passwords cannot be opened").says("sealed to another key than those of").says(": age1");
    done.says(&format!("({}, {})", full(&domain(1)), full(&domain(2)))).says("--identity F");
    assert_eq!(done.stderr.lines().count(), 3, "{done}");
    bench.file("passwords.csv", "of an earlier call");
    let other_key = other.path("identity.txt");
    bench
        .tenantry(["credentials", "-o", "passwords.csv", "--force", "--identity"])
        .args([other_key])
        .exits(1);
    assert_eq!(std::fs::read_to_string(bench.path("passwords.csv")).unwrap(), "of an earlier call");
    bench.tenantry(["credentials", "--identity", "nowhere.txt"]).exits(1);
}

#[test]
fn a_recipient_does_without_an_identity_file() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let identity = std::fs::read_to_string(bench.path("identity.txt")).unwrap();
    let recipient =
        identity.split_whitespace().find(|word| word.starts_with("age1")).expect("it names its half");
    std::fs::rename(bench.path("identity.txt"), bench.path("elsewhere.txt")).unwrap();
    bench.resume().args(["--recipient", recipient]).exits(0);
    assert!(!bench.path("identity.txt").exists());
    std::fs::rename(bench.path("elsewhere.txt"), bench.path("identity.txt")).unwrap();
    bench.agree();
}

#[test]
fn exports_for_excel_have_its_mark_and_line_ends() {
    let bench = mixed();
    bench.import("customers.csv").exits(3);
    let exported = bench.tenantry(["export", "failed", "--for-excel"]).exits(0).stdout;
    assert!(exported.starts_with('\u{feff}') && exported.ends_with("\r\n"), "{exported:?}");
    let summary = bench.tenantry(["import", "-", "--json"]).stdin(exported).exits(3).json();
    assert_eq!(summary["run"]["skipped"], 3, "{summary:#}");
}

#[test]
fn a_run_stands_in_the_ledgers_views() {
    let bench = mixed();
    bench.import("customers.csv").exits(3);
    let run =
        "SELECT count(*) FROM runs WHERE command = 'import' AND exit_code = 3 AND finished_at IS NOT NULL
                AND rows_read = 6 AND requests > 0";
    assert_eq!(bench.ledger().number(run), 1);
}

#[test]
fn the_simulator_as_a_server_of_its_own_keeps_its_state() {
    let bench = Bench::new();
    let mut url = String::new();
    for round in 0..2 {
        let listen = if url.is_empty() { "127.0.0.1:0".to_owned() } else { url.replace("http://", "") };
        let server = bench.tenantry(["simulator", "--listen", &listen, "--state", "state.json"]).spawn();
        eventually("it says where it listens", || server.stdout().ends_with('\n'));
        url = server.stdout().trim().to_owned();
        bench.file("customers.csv", customers(round + 1));
        bench.import("customers.csv").args(["--api-url", &url]).exits(0);
        server.kill();
    }
    // A ledger that knows nothing finds both as customers of ours.
    let server = bench
        .tenantry(["simulator", "--listen", &url.replace("http://", ""), "--state", "state.json"])
        .spawn();
    eventually("it says where it listens", || server.stdout().ends_with('\n'));
    let fresh = ["--ledger", "other.db", "--json", "--api-url", &url];
    let done = bench.import("customers.csv").args(fresh).exits(0).json();
    assert_eq!(done["rows"]["existing"], 2);
}

#[test]
fn a_faulty_rehearsal_ends_well() {
    let bench = Bench::with(Scenario::default());
    let faulty = ["--simulate=faulty,seed=7,limit=none,latency_ms=5", "--json", "--timeout", "5s"];
    bench.file("customers.csv", customers(60));
    let done = bench.import("customers.csv").args(faulty).args(["--settle-delay", "6s"]).exits(0).json();
    assert_eq!(done["rows"]["created"], 60, "{done:#}");
}

/// A script that reads standard output gets an object in any case, and one alone.
#[test]
fn with_json_a_failure_is_an_object() {
    let bench = Bench::new();
    let object = |done: Done| {
        let object = done.json();
        assert_eq!(object["error"]["exit_code"], done.code.unwrap(), "{done}");
        assert!(!object["error"]["message"].as_str().unwrap().is_empty(), "{done}");
        assert!(done.stderr.contains("error: "), "{done}");
        object
    };
    for line in [
        "status --json",
        "show harborline --json",
        "import --json lsit.csv",
        "import --json --profile contoso customers.csv",
        "import --json --dryrun customers.csv",
        "check --json lsit.csv",
        "resume --json",
        "config show --json --config nowhere.toml",
        "report --json",
    ] {
        object(bench.tenantry(line.split_whitespace()).run());
    }
    let refused = object(bench.tenantry(["whoami", "--json"]).without("TENANTRY_ACCESS_TOKEN").exits(4));
    assert!(refused["error"]["hint"].as_str().unwrap().contains("tenantry login"), "{refused:#}");
    bench.file("list.csv", customers(1));
    let missing = object(bench.tenantry(["import", "--json", "lsit.csv"]).exits(2));
    assert_eq!(missing["error"]["message"], "could not open `lsit.csv`");
    assert_eq!(missing["error"]["hint"], "did you mean list.csv?");
    // A run that stops has its summary, and no second object.
    bench.file("customers.csv", customers(2));
    let stopped = bench.import("customers.csv").args(["--json", "--limit", "1"]).exits(5).json();
    assert!(stopped.get("error").is_none(), "{stopped:#}");
    let plain = bench.tenantry(["import", "lsit.csv"]).exits(2);
    assert!(plain.stdout.is_empty(), "{plain}");
}

/// An operator who gave no place for the ledger learns where it is.
#[test]
fn a_ledger_that_was_made_in_the_working_folder_is_named_once() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let import = |args: &[&str]| bench.import("customers.csv").without("TENANTRY_LEDGER").args(args);
    import(&["--simulate"]).exits(0).says("tenantry-simulated.db`. You may delete it");
    let first = import(&[]).exits(0);
    first.says("tenantry.db`. Keep it: it records what was created.");
    assert!(!import(&[]).exits(0).stderr.contains("The ledger of this"), "it is not new");
    bench.file("more.csv", customers(1));
    assert!(!bench.import("more.csv").exits(0).stderr.contains("The ledger of this"), "its place was given");
}

#[test]
fn a_retry_reads_no_rows() {
    let bench = Bench::new();
    bench.fault(Operation::Create, &domain(1), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(3);
    let words = bench.tenantry(["retry"]).exits(0);
    assert!(!words.stdout.contains("read"), "{words}");
    bench.fault(Operation::Create, &domain(2), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").exits(3);
    let summary = bench.tenantry(["retry", "--json"]).exits(0).json();
    assert_eq!((&summary["run"]["rows_read"], &summary["run"]["skipped"]), (&json!(0), &json!(0)));
    bench.agree();
}

#[test]
fn equal_duplicates_are_named_by_their_lines() {
    let bench = Bench::new();
    let list = customers(3);
    let last = list.lines().last().unwrap();
    bench.file("customers.csv", format!("{list}{last}\n{last}\n"));
    let checked = bench.tenantry(["check", "customers.csv"]).exits(0);
    assert!(checked.stdout.contains("2 equal duplicates (lines 5, 6)"), "{checked}");
    bench.import("customers.csv").exits(0).says("2 equal to an earlier row (lines 5, 6)");
    // Also where the change of all of them comes too late.
    bench.file("customers.csv", format!("{list}{last}\n{last}\n").replace("High Street", "Low Street"));
    bench.import("customers.csv").exits(0).says("2 equal to an earlier row (lines 5, 6)");
    // One that differs from the first is not equal, whatever was sent.
    bench.file("customers.csv", format!("{list}{}\n", last.replace("High Street", "Low Street")));
    bench.import("customers.csv").exits(3);
}

/// Imports a list whose company column has this heading, and types the next command in the shell at hand.
fn paste_next_command(names: &[&str], heading: &str) {
    let bench = Bench::new();
    for name in names {
        let quoted = format!("\"{}\"", heading.replace('"', "\"\""));
        bench.file(name, customers(1).replacen("company_name", &quoted, 1).replacen(",GB", ",XX", 1));
        let map = ["--map", &format!("{heading}=company_name")];
        // The environment of the tests may be that of any shell.
        let import =
            bench.import(name).args(["--require-valid"]).args(map).env("PSModulePath", "").env("MSYSTEM", "");
        let done = import.exits(3);
        let next = done
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Next: "))
            .unwrap_or_else(|| panic!("{done}"));
        let pasted = bench.pasted(next).exits(3);
        assert!(pasted.stdout.contains("`XX`") || pasted.stdout.contains("XX"), "{next}: {pasted}");
    }
}

/// Whatever is in the name of a list, the next command means that list, in the shell at hand.
#[test]
fn the_next_command_runs_when_it_is_pasted() {
    let names = [
        "two words.csv",
        "a$PATH b`c`.csv",
        "it's.csv",
        "100%.csv",
        "a&b;(c)!^,=@.csv",
        "Gr\u{F6}\u{DF}e[1].csv",
    ];
    // A quotation mark is in no name on Windows, but in headings.
    paste_next_command(&names, "Firma \"x\" $y");
    #[cfg(windows)]
    {
        let bench = Bench::new();
        bench.file("100%.csv", customers(1).replacen(",GB", ",XX", 1));
        let checked = bench.tenantry(["check", "*%.csv", "-"]).stdin(customers(1)).exits(3);
        assert!(checked.stdout.contains("100%.csv"), "{checked}");
        bench.tenantry(["check", "*.xlsx"]).exits(2).says("no file matches `*.xlsx`");
    }
}

/// Apart from the test above, because no shell but the Command Prompt replaces them.
#[test]
fn the_next_command_names_no_variable_of_the_command_prompt() {
    paste_next_command(&["%PATH% and %OS%.csv"], "Firma \"x\" %OS%");
}

/// What was remembered of a list is found again, however its path is typed.
#[test]
fn a_list_is_the_same_under_every_form_of_its_path() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2).replacen("company_name", "Firma", 1));
    bench.import("customers.csv").args(["--map", "Firma=company_name", "--limit", "1"]).exits(5);
    let dotted = if cfg!(windows) { r".\customers.csv" } else { "./customers.csv" };
    bench.import(dotted).exits(0).says("customers.csv: options of its last import apply: --map.");
    let paths = bench.ledger().number("SELECT count(DISTINCT path) FROM sources");
    assert_eq!(paths, 1);
    bench.agree();
}

/// The next run took it for one that had died.
#[test]
fn a_run_whose_rehearsal_cannot_start_has_an_end() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let import = || bench.import("customers.csv").args(["--simulate", "--ledger", "trial.db"]);
    import().exits(0);
    bench.file("trial.db.simulator", "not a state");
    import().exits(1).says("move it away");
    std::fs::remove_file(bench.path("trial.db.simulator")).unwrap();
    let again = import().exits(0);
    assert!(!again.stderr.contains("ended without warning"), "{again}");
}
