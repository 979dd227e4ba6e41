//! What `doctor` finds, and that it changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tenantry_simulator::{Fault, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, Call, Done, customers, snapshot};
use crate::token_safety::token;

/// The most requests that the contract allows.
const REQUESTS_MAX: usize = 10;

/// Every file below the bench's folder, but for the output of commands.
fn files(bench: &Bench) -> BTreeSet<PathBuf> {
    fn below(folder: PathBuf, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_output = path.file_name().unwrap().to_string_lossy().starts_with(".output-");
            if path.is_dir() {
                below(path, found);
            } else if !is_output {
                found.insert(path);
            }
        }
    }
    let mut found = BTreeSet::new();
    below(bench.path(""), &mut found);
    found
}

/// Runs `doctor`, which sends few requests, creates nothing and leaves no file.
fn examine(bench: &Bench, call: Call<'_>) -> Done {
    let (before, asked) = (files(bench), bench.simulator().requests().len());
    let done = call.run();
    let is_sign_in = |path: &PathBuf| path.to_string_lossy().contains("sign-in-");
    let made: Vec<PathBuf> = files(bench).difference(&before).cloned().collect();
    assert!(made.iter().all(is_sign_in), "{made:?}: {done}");
    assert!(bench.simulator().requests().len() - asked <= REQUESTS_MAX, "{done}");
    assert_eq!(bench.count(Operation::Create), 0);
    done
}

#[test]
fn before_the_first_import_everything_is_well() {
    let bench = Bench::new();
    snapshot!(examine(&bench, bench.tenantry(["doctor"]).with_user()));
}

#[test]
fn an_app_without_a_user_is_well_too() {
    let bench = Bench::new();
    let done = examine(
        &bench,
        bench.tenantry(["doctor", "--unattended"]).with_app().env("TENANTRY_RECIPIENT", RECIPIENT),
    );
    snapshot!(done);
}

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

#[test]
fn a_scheduled_run_is_examined_more_closely() {
    let bench = Bench::new();
    bench.file("out", "a file where a folder should be");
    bench.trusts("metrics-file = 'metrics.prom'\nresults = 'out'\n");
    bench.file("metrics.prom", "some_other_metric 1\n");
    let call = bench.tenantry(["doctor", "--unattended", "--ledger", "l.db"]).unattended();
    snapshot!(examine(&bench, call));
}

#[test]
fn a_rehearsal_needs_no_sign_in() {
    let bench = Bench::new();
    let call = bench.tenantry(["doctor", "--simulate", "--json"]).without("TENANTRY_ACCESS_TOKEN");
    let done = examine(&bench, call);
    assert_eq!(done.code, Some(0), "{done}");
    let found = done.json();
    assert_eq!(found["exit_code"], 0);
    let checks = found["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["status"] == "ok"), "{found:#}");
    assert!(checks.iter().any(|check| check["check"] == "key_store"), "{found:#}");
    assert!(bench.simulator().requests().is_empty());
}

#[test]
fn without_anything_to_sign_in_with_the_machine_is_examined_all_the_same() {
    let bench = Bench::new();
    snapshot!(examine(&bench, bench.tenantry(["doctor"]).without("TENANTRY_ACCESS_TOKEN")));
}

#[test]
fn a_ledger_is_examined_and_left_alone() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    let before = fs::read(bench.ledger_path()).unwrap();
    let done = examine(&bench, bench.tenantry(["doctor"]));
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.stdout.contains("has 3 rows, of which 3 are still to be sent or settled"), "{done}");
    assert!(before == fs::read(bench.ledger_path()).unwrap(), "the ledger was touched");
}

/// Each fault is named by the check that it belongs to, and decides the exit code.
#[test]
fn each_fault_is_named_with_what_to_do() {
    type Arrange = fn(&Bench) -> Call<'_>;
    let cases: &[(&str, i32, &[&str], Arrange)] = &[
        ("a wrong secret", 4, &["ERROR    sign-in", "client secret", "skipped  API"], |bench| {
            bench.tenantry(["doctor"]).with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret")
        }),
        ("a user without rights", 4, &["ok       API", "ERROR    rights"], |bench| {
            refuse(bench, Fault::RefusedBefore { status: 403, code: 900_124 })
        }),
        ("a token that is refused twice", 4, &["ok       API", "ERROR    rights"], |bench| {
            refuse(bench, Fault::Unauthorized).with_user()
        }),
        ("an app for a reseller", 4, &["ERROR    rights", "indirect reseller", "tenantry login"], |bench| {
            let reseller = "1fe0b7fd-3c1d-4b79-a5c1-3a0b0f5a2d11";
            bench.tenantry(["doctor", "--reseller-id", reseller]).with_app()
        }),
        ("two resellers for one row", 2, &["ERROR    settings", "given twice"], |bench| {
            let reseller = "1fe0b7fd-3c1d-4b79-a5c1-3a0b0f5a2d11";
            let default = format!("associated_partner_id={reseller}");
            bench.tenantry(["doctor", "--reseller-id", reseller, "--default", &default])
        }),
        ("a sign-in without MFA", 4, &["ERROR    MFA", "tenantry login"], |bench| {
            bench.tenantry(["doctor"]).with_user().env("TENANTRY_REFRESH_TOKEN", "no-mfa")
        }),
        ("an outage", 5, &["ERROR    API", "status 503", "skipped  rights"], |bench| {
            refuse(bench, Fault::StatusBefore { status: 503 })
        }),
        ("a service that throttles", 0, &["warning  API", "lower `--rate`", "Warnings: 1"], |bench| {
            refuse(bench, Fault::Throttled { retry_after_s: 40 })
        }),
        ("no connection", 5, &["ERROR    API", "skipped  MFA"], |bench| {
            bench.tenantry(["doctor", "--api-url", "http://127.0.0.1:9"])
        }),
        ("no connection to the sign-in", 5, &["ERROR    sign-in", "sign-in service"], |bench| {
            bench.tenantry(["doctor", "--authority-url", "http://127.0.0.1:9"]).with_app()
        }),
        ("a proxy that is not understood", 2, &["ERROR    sign-in", "HTTPS_PROXY"], |bench| {
            let call = bench.tenantry(["doctor", "--api-url", "https://api.partnercenter.microsoft.com"]);
            call.env("HTTPS_PROXY", "socks5://proxy:1080")
        }),
        ("a missing certificate authority", 2, &["ERROR    sign-in", "nowhere.pem"], |bench| {
            bench.tenantry(["doctor", "--ca-file", "nowhere.pem"])
        }),
        ("a clock a little ahead", 0, &["warning  clock", "2 min ahead of"], |bench| {
            with_clock(bench, "100")
        }),
        ("a clock far behind", 1, &["ERROR    clock", "behind the service's"], |bench| {
            with_clock(bench, "-86400")
        }),
        ("a ledger that is none", 2, &["ERROR    ledger", "is not a Tenantry ledger"], |bench| {
            bench.file("ledger.db", "a text");
            bench.tenantry(["doctor"])
        }),
        ("a folder that is not there", 1, &["ERROR    folder", "check that the folder exists"], |bench| {
            bench.tenantry(["doctor", "--ledger", "nowhere/l.db"])
        }),
        ("a folder without locks", 1, &["ERROR    folder", "cannot be locked"], |bench| {
            bench.tenantry(["doctor"]).env("TENANTRY_NO_LOCKS", "1")
        }),
        ("an identity that is none", 1, &["ERROR    identity", "contains no age identity"], |bench| {
            bench.file("identity.txt", "a text\n");
            bench.tenantry(["doctor"])
        }),
        (
            "an identity of a plugin",
            1,
            &["ERROR    identity", "line 1 is a key of the age plugin `yubikey`"],
            |bench| {
                bench.file("identity.txt", "AGE-PLUGIN-YUBIKEY-1QQPQ\n");
                bench.tenantry(["doctor"])
            },
        ),
    ];
    for (name, code, words, arrange) in cases {
        let bench = Bench::with(Scenario { accept_any_token: true, ..Scenario::default() });
        let done = examine(&bench, arrange(&bench));
        assert_eq!(done.code, Some(*code), "{name}: {done}");
        for word in *words {
            assert!(done.stdout.contains(word), "{name}: `{word}` is not there: {done}");
        }
    }
}

/// The other checks are made all the same, without the settings.
#[test]
fn settings_that_a_run_would_refuse_are_one_of_the_findings() {
    let bench = Bench::new();
    let doctor = |args: &[&str]| bench.tenantry(["doctor", "--unattended"]).args(args).asking();
    let examined = |args: &[&str], words: &str| {
        let done = doctor(args).exits(2);
        for words in ["ERROR    settings", words, "do not use this file", "ok       API", "ERROR    consent"]
        {
            assert!(done.stdout.contains(words), "{words}: {done}");
        }
    };
    bench.file("tenantry.toml", "yes = true\n");
    examined(&[], "tenantry config trust");
    let found = doctor(&["--json"]).exits(2).json();
    assert_eq!((&found["exit_code"], &found["checks"][0]["check"]), (&json!(2), &json!("settings")));
    bench.trusts("yes = true\n");
    let done = doctor(&[]).exits(0);
    assert!(done.stdout.contains("ok       consent"), "{done}");
    bench.file("mine.toml", "rate = 8/s\n");
    examined(&["--config", "mine.toml"], "line 1");
    examined(&["--config", "nowhere.toml"], "nowhere.toml");
    examined(&["--profile", "contoso"], "there is no profile `contoso`");
}

/// The options of the job, as they are: only the list is left out.
#[test]
fn the_options_of_a_scheduled_import_are_understood() {
    let bench = Bench::new();
    let job = "doctor --unattended --yes --strict --require-valid --retry-failed --map Firma=company_name --max-new 50 \
               --wait-lock 30m --limit 9";
    assert_eq!(examine(&bench, bench.tenantry(job.split_whitespace())).code, Some(0));
}

/// The API answers every question with this fault.
fn refuse(bench: &Bench, fault: Fault) -> Call<'_> {
    bench.simulator().script(ScriptedFault::next(Operation::Search, fault).times(9));
    bench.tenantry(["doctor"])
}

/// With a clock that is so many seconds ahead.
fn with_clock<'a>(bench: &'a Bench, seconds: &str) -> Call<'a> {
    bench.file("clock", seconds);
    bench.tenantry(["doctor"]).env("TENANTRY_CLOCK_OFFSET", bench.path("clock"))
}

#[test]
fn a_token_that_ends_before_the_next_run_is_an_error_of_a_scheduled_run() {
    let bench = Bench::new();
    let token = token(&json!({ "exp": unix_time() + 3600, "scp": "user_impersonation" }));
    let call = bench.tenantry(["doctor", "--unattended", "--yes"]).env("TENANTRY_ACCESS_TOKEN", &token);
    let done = examine(&bench, call.env("TZ", "XST-5:30"));
    assert_eq!(done.code, Some(4), "{done}");
    assert!(done.stdout.contains("ERROR    sign-in lasts"), "{done}");
    assert!(done.stdout.contains(" +05:30, and cannot be renewed"), "{done}");
}

fn unix_time() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a token needs a real time")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// What a scheduled run would make is made by nobody else.
#[test]
fn the_key_of_another_machine_is_named() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    fs::rename(bench.path("identity.txt"), bench.path("moved.txt")).unwrap();
    for call in [&["doctor"][..], &["doctor", "--unattended", "--yes"]] {
        let done = bench.tenantry(call).exits(0);
        done.prints("warning  identity")
            .prints("this machine cannot open them, because that key is not in `");
        done.prints("put the identity file back");
    }
    let done = bench.tenantry(["doctor", "--recipient", RECIPIENT]).exits(2);
    assert!(done.stdout.contains("this run would seal to another key"), "{done}");
}
