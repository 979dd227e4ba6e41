//! What is said where somebody new to the program would stumble: names of our own files, counts of nothing, logs of a
//! good night.

use serde_json::Value;

use crate::harness::{Bench, HEADER, customers, customers_of, row, states};

/// The lines of a JSON log that say so.
fn logged(bench: &Bench, message: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(bench.path("run.log")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["message"] == message).collect()
}

#[test]
fn a_log_file_has_every_run_with_its_sums_and_its_end() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let log = ["--log-file", "run.log", "--log-format", "json"];
    let hidden = ["--on-finish", "true known-to-us-alone"];
    bench.import("customers.csv").args(log).args(hidden).args(["--limit", "1", "-q"]).exits(5);
    bench.import("nowhere.csv").args(log).exits(2);
    bench.tenantry(["show", "ana@example.com"]).args(log).exits(1).says("ana@example.com");
    let started = logged(&bench, "started");
    assert_eq!((&started[0]["command"], &started[0]["files"]), (&"import".into(), &"customers.csv".into()));
    assert!(started[0]["version"].as_str().unwrap().starts_with(env!("CARGO_PKG_VERSION")), "{started:?}");
    let read = &logged(&bench, "file read")[0];
    assert_eq!((&read["rows"], &read["new"]), (&3.into(), &3.into()));
    let run = &logged(&bench, "run ended")[0];
    let sums = ["created", "ledger_open", "submitted", "exit_code"].map(|name| run[name].as_u64().unwrap());
    assert_eq!((sums, &run["end"]), ([1, 2, 1, 5], &"stopped at --limit".into()));
    let ended = logged(&bench, "ended");
    assert_eq!((&ended[0]["exit_code"], &ended[1]["exit_code"]), (&5.into(), &2.into()));
    assert_eq!(ended[1]["reason"], "could not open `nowhere.csv`");
    let all = std::fs::read_to_string(bench.path("run.log")).unwrap();
    assert!(!all.contains("known-to-us-alone") && !all.contains("example.com"), "{all}");
}

#[test]
fn without_a_log_file_standard_error_says_no_more_than_before() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let done = bench.import("customers.csv").exits(0);
    assert!(!done.stderr.contains("started") && !done.stderr.contains("INFO"), "{done}");
}

#[test]
fn a_file_without_rows_is_told_and_no_failure() {
    let bench = Bench::new();
    bench.file("customers.csv", format!("{HEADER}\n"));
    let words = "customers.csv: it has a header and no rows";
    let checked = bench.tenantry(["check", "customers.csv"]).exits(0);
    checked.says(words);
    assert!(checked.stdout.contains("Next: put rows below the header"), "{checked}");
    bench.import("customers.csv").exits(0).says(words);
    assert_eq!(bench.ledger().states(), states([]));
    bench.tenantry(["credentials"]).exits(0).says("has no passwords.");
}

#[test]
fn files_are_named_as_the_operator_named_them() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let nowhere = "there is no such file or folder";
    let log = bench.import("customers.csv").args(["--log-file", "none/run.log"]).exits(1);
    log.says("could not open the log file `none/run.log`").says(nowhere);
    assert!(!bench.has_ledger());
    bench.import("customers.csv").exits(0);
    let export = bench.tenantry(["export", "all", "-o", "none/all.csv"]).exits(1);
    export.says("could not write `none/all.csv`").says(nowhere);
    assert!(!export.stderr.contains(".tenantry-"), "{export}");
    bench.tenantry(["export", "all", "-o", "all.csv"]).exits(0).says("1 row written to `all.csv`.");
    bench.file("copy.db", "");
    bench.tenantry(["backup", "copy.db"]).exits(2).says("because: it is there already");
    let other = bench.import("customers.csv").args(["--dry-run", "--api-url", "http://127.0.0.1:9"]).exits(2);
    other.says(&format!("the ledger `{}` belongs to", bench.ledger_path().display()));
}

#[test]
fn a_list_that_cannot_be_read_leaves_no_ledger_behind() {
    let bench = Bench::new();
    bench.file("notes.csv", "Our customers\nContoso\n");
    let import = || bench.tenantry(["import", "--simulate", "notes.csv"]).without("TENANTRY_LEDGER");
    import().exits(1).says("could not read `notes.csv`").says("nothing of this file was sent");
    assert!(!bench.path("tenantry-simulated.db").exists());
    bench.file("notes.csv", customers(1));
    import().exits(0);
    let status = bench.tenantry(["status"]).without("TENANTRY_LEDGER").exits(1);
    status.says("there is no ledger at `tenantry.db`").says("`tenantry-simulated.db`").says("--simulate");
}

#[test]
fn a_column_in_another_language_is_guessed_and_never_taken() {
    let bench = Bench::new();
    let list = format!("{HEADER}\n{}\n", row("contoso"));
    let german = list.replacen("city", "Ort", 1).replacen("postal_code", "PLZ", 1).replace(',', ";");
    bench.file("liste.csv", &german);
    let check = |args: &[&str]| bench.tenantry(["check", "liste.csv"]).args(args).run();
    let guess = "did you mean `city` by `Ort`, `postal_code` by `PLZ`? Then add --map ";
    let done = check(&[]);
    done.says("not used: `Ort`, `PLZ`").says(guess);
    let mapped = check(&["--map", "Ort=city", "--map", "PLZ=postal_code"]);
    assert_eq!(mapped.code, Some(0), "{mapped}");
    assert!(!mapped.stderr.contains("did you mean"), "{mapped}");
    bench.file("liste.csv", "Name;domain;Email;Abteilung\n");
    check(&[]).says("`Name` may be a person's name").says("if `Name` is the company, add --map");
    // What may mean something else, --auto-map does not take.
    bench.file("liste.csv", list.replacen("state", "Estado", 1));
    let doubtful = check(&["--default", "country=CZ"]);
    doubtful.says("did you mean `state` by `Estado`? Then add --map");
    assert!(!doubtful.stderr.contains("--auto-map"), "{doubtful}");
    bench.file("liste.csv", german.replacen("company_name", "Firma", 1));
    let missing = check(&[]);
    assert_eq!(missing.code, Some(1), "{missing}");
    missing.says("no column for `company_name`").says("`Firma` may mean `company_name`").says("--map");
}

/// A hint without them would be about the ledger of the working folder.
#[test]
fn hints_have_the_options_for_the_ledger() {
    let bench = Bench::new();
    bench.file("crm.csv", customers_of(["harborline", "refuse-400-3000", "half-made-1"]));
    let on_trial = |args: &str| bench.tenantry(args.split(' ')).args(["--ledger", "trial.db"]);
    on_trial("import crm.csv").exits(3);
    on_trial("backup copy.db").exits(0).says("go on with `tenantry resume --restored --ledger trial.db ");
    let unknown = on_trial("credentials --domain quay").exits(1);
    unknown.says("`tenantry show quay --ledger trial.db` says whether it was created");
    let acknowledged = on_trial("acknowledge --domain refuse-400-3000").exits(0);
    acknowledged
        .says("`tenantry acknowledge --undo --domain refuse-400-3000 --ledger trial.db` undoes this.");
    on_trial("acknowledge --undo --domain refuse-400-3000").exits(0);
    let burned = on_trial("retry --code 27002").exits(3);
    burned.says("for a burned domain: `tenantry export failed --ledger trial.db`");
    let forgotten = on_trial("forget --older-than 0s --yes").exits(0);
    forgotten
        .says("`tenantry acknowledge --code CODE --ledger trial.db` makes refused rows ready to be erased.");
    on_trial("export created").exits(0).says("`tenantry list --ledger trial.db` shows what is left.");
    bench.file("crm.csv", customers_of(["harborline", "half-made-1"]));
    let gone = on_trial("import crm.csv").exits(3).stdout;
    assert!(gone.contains("`tenantry acknowledge --gone --ledger trial.db` takes"), "{gone}");
    bench.file("crm.csv", customers_of(["harborline", "wingtip", "not a domain"]));
    on_trial("import crm.csv --require-valid").exits(3);
    let waiting = on_trial("status").exits(0).stdout;
    assert!(waiting.contains("`tenantry discard --list FILE --ledger trial.db`."), "{waiting}");
}
