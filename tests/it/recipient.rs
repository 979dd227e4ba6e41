//! A ledger keeps to one key for its passwords: another one has to be asked for.

use std::fs;

use crate::harness::{Bench, Done, customers, domain, full};
use crate::passwords::{private_file, with_old_ledger};

/// Makes a key pair in the file `name` and returns its public half.
fn key_pair(bench: &Bench, name: &str) -> String {
    let other = Bench::new();
    other.file("customers.csv", customers(1));
    other.import("customers.csv").args(["--limit", "0"]).exits(5);
    let text = fs::read_to_string(other.path("identity.txt")).unwrap();
    private_file(&bench.path(name), &text);
    public_half(bench, name)
}

fn public_half(bench: &Bench, name: &str) -> String {
    let text = fs::read_to_string(bench.path(name)).unwrap();
    text.split_whitespace().find(|word| word.starts_with("age1")).unwrap().to_owned()
}

/// A ledger with one password, sealed to the key of `identity.txt`, and a list with one row more.
fn with_one_password() -> (Bench, String) {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    bench.file("more.csv", customers(2));
    let key = public_half(&bench, "identity.txt");
    (bench, key)
}

fn imports(bench: &Bench, args: &[&str]) -> Done {
    bench.import("more.csv").args(args).run()
}

#[track_caller]
fn is_refused(bench: &Bench, args: &[&str], words: &[&str]) {
    let requests = bench.simulator().requests().len();
    let done = imports(bench, args);
    assert_eq!(done.code, Some(2), "{args:?}: {done}");
    for words in words {
        done.says(words);
    }
    done.says("`--new-recipient`");
    assert_eq!(bench.simulator().requests().len(), requests, "{args:?}: nothing is sent");
}

#[test]
fn another_key_is_refused_before_anything_is_sent() {
    let (bench, key) = with_one_password();
    let other = key_pair(&bench, "other.txt");
    let sealed = format!("are sealed to {key}");
    let would = format!("this run would seal to another key: {other}");
    is_refused(&bench, &["--identity", "other.txt"], &[&sealed, &would, "of the identity file `other.txt`"]);
    is_refused(&bench, &["--recipient", &other], &[&sealed, &would, "given with `--recipient`"]);
    for command in [["resume"], ["retry"]] {
        let done = bench.tenantry(command).args(["--identity", "other.txt"]).exits(2);
        done.says(&sealed).says(&would);
    }
    // The last run did not die, and its refusal is not the end of the ledger.
    assert_eq!(imports(&bench, &[]).code, Some(0));
    bench.agree();
}

/// Not even the older ledger is brought up to date, and a missing list is not looked for.
#[test]
fn a_wrong_recipient_is_found_before_anything_is_opened() {
    let plugin = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
    let words = "a key of the age plugin `yubikey`, and Tenantry does not use plugins";
    let bench = with_old_ledger();
    let before = fs::read(bench.ledger_path()).unwrap();
    private_file(&bench.path("mine.toml"), &format!("recipient = '{plugin}'\n"));
    let calls = [
        bench.import("nowhere.csv").args(["--recipient", plugin]),
        bench.import("nowhere.csv").args(["--dry-run"]).env("TENANTRY_RECIPIENT", plugin),
        bench.import("nowhere.csv").args(["--config", "mine.toml"]),
        bench.resume().args(["--recipient", plugin]),
        bench.tenantry(["retry", "--yes", "--recipient", plugin]),
        bench.tenantry(["reconcile", "--recipient", plugin]),
        bench.tenantry(["doctor", "--recipient", plugin]),
    ];
    for call in calls {
        let done = call.exits(2);
        assert!(!done.says(words).stderr.contains(plugin), "a wrong key is never quoted: {done}");
    }
    assert_eq!(fs::read(bench.ledger_path()).unwrap(), before);
    assert_eq!(bench.simulator().requests().len(), 0);
    let done = bench.import("x.csv").args(["--json", "--recipient", plugin]).exits(2);
    assert!(done.stdout.contains("yubikey") && !done.stdout.contains(plugin), "{done}");
}

/// As a file of Windows has it.
#[test]
fn blanks_around_a_recipient_do_no_harm() {
    let (bench, key) = with_one_password();
    assert_eq!(imports(&bench, &["--recipient", &format!("\u{FEFF}{key} \r\n")]).code, Some(0));
    bench.agree();
}

/// A night without a word must not be the only one that knew of the key.
#[test]
fn a_quiet_run_that_makes_a_key_pair_logs_it_and_the_next_run_says_it() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let quietly = || {
        let done = bench.import("customers.csv").args(["-q", "--log-file", "run.log"]).exits(0);
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    };
    quietly();
    let log = fs::read_to_string(bench.path("run.log")).unwrap();
    let line = log.lines().find(|line| line.contains("made a key pair")).unwrap();
    assert!(line.contains("keep a copy") && line.contains("identity.txt"), "{line}");
    quietly();
    let done = bench.tenantry(["doctor"]).run();
    assert!(done.stdout.contains("identity.txt`: keep a copy of that file"), "{done}");
    let later = || bench.import("customers.csv").exits(0);
    later().says("An earlier run made a key pair").says("identity.txt`. Keep a copy: without it no password");
    let done = later();
    assert!(!done.stderr.contains("key pair"), "it is said once: {done}");
    assert_eq!(fs::read_to_string(bench.path("run.log")).unwrap().matches("made a key pair").count(), 1);
    bench.agree();
}

#[test]
fn a_dry_run_says_what_a_run_would_be_refused_for_and_makes_no_key_pair() {
    let (bench, key) = with_one_password();
    key_pair(&bench, "other.txt");
    let dry_run =
        |identity: &str| bench.import("more.csv").args(["--dry-run", "--identity", identity]).exits(0);
    let done = dry_run("other.txt");
    done.says("A run would be refused: the passwords of the ledger").says(&format!("are sealed to {key}"));
    done.says("Before a run, restore the identity file");
    assert!(done.stdout.contains("This was a dry run"), "{done}");
    assert!(!dry_run("none.txt").stderr.contains("refused") && !bench.path("none.txt").exists());

    let old = with_old_ledger();
    old.file("more.csv", customers(1));
    let done = old.import("more.csv").args(["--dry-run", "--identity", "none.txt"]).exits(0);
    done.says("A run would be refused: 2 passwords of the ledger");
    assert!(!old.path("none.txt").exists(), "a dry run makes no key pair");
}

/// It seals nothing.
#[test]
fn reconcile_needs_no_key() {
    let (bench, _) = with_one_password();
    key_pair(&bench, "other.txt");
    let old = with_old_ledger();
    for (bench, identity) in [(&bench, "other.txt"), (&bench, "none.txt"), (&old, "none.txt")] {
        let done = bench.tenantry(["reconcile", "--identity", identity]).exits(0);
        assert!(!done.stderr.contains("sealed to") && !done.stderr.contains("key pair"), "{done}");
        assert!(!bench.path("none.txt").exists(), "{done}");
    }
}

#[test]
fn where_no_identity_file_is_the_ledgers_own_key_is_taken() {
    let bench = Bench::new();
    let key = key_pair(&bench, "elsewhere.txt");
    bench.file("customers.csv", customers(2));
    let flags = ["--identity", "none.txt", "--recipient", &key, "--limit", "1"];
    bench.import("customers.csv").args(flags).exits(5);
    let done = bench.tenantry(["resume", "--identity", "none.txt"]).exits(0);
    done.says("There is no identity file `none.txt`").says(&format!("passwords are sealed to {key}"));
    assert!(!bench.path("none.txt").exists(), "no second key pair is made");
    // The key may be lost: nobody has named it.
    let warning = format!("ATTENTION: passwords are sealed to {key}; this machine cannot open them");
    done.prints(&warning).prints(&format!("name it: `--recipient {key}`"));
    let without = |command: &str| bench.tenantry([command, "--identity", "none.txt"]);
    without("status").exits(0).prints(&warning);
    let found = without("doctor").exits(0);
    found.prints("warning  identity").prints(&format!("passwords are sealed to {key}; this machine cannot"));
    bench.file("none.txt", "not a key");
    let unread = without("status").exits(0);
    unread.prints(&format!("{warning}: cannot use the identity file `none.txt`: "));
    assert!(!unread.stdout.contains("put the identity file back"), "{unread}");
    std::fs::remove_file(bench.path("none.txt")).unwrap();
    without("credentials").args(["--unopened"]).exits(1).says("if the key is lost, reset the password");
    // It is meant to be elsewhere.
    let named = |command: &str| without(command).env("TENANTRY_RECIPIENT", &key).exits(0);
    assert!(!named("status").stdout.contains("ATTENTION") && !named("resume").stdout.contains("ATTENTION"));
    named("doctor").prints("ok       identity");
    let opened = bench.tenantry(["credentials", "--identity", "elsewhere.txt"]).exits(0);
    assert_eq!(opened.stdout.lines().count(), 3, "{opened}");
    // Another one that is here is another one, and one that is asked for is made.
    let other = key_pair(&bench, "other.txt");
    bench.file("more.csv", customers(3));
    is_refused(&bench, &["--identity", "other.txt"], &[&format!("would seal to another key: {other}")]);
    let done = imports(&bench, &["--identity", "none.txt", "--new-recipient"]);
    assert_eq!(done.code, Some(0), "{done}");
    done.says("Made a key pair").says("from now on");
}

#[test]
fn the_ledgers_own_key_is_taken_from_wherever_it_is() {
    let (bench, key) = with_one_password();
    key_pair(&bench, "both.txt");
    let both = ["both.txt", "identity.txt"].map(|name| fs::read_to_string(bench.path(name)).unwrap());
    private_file(&bench.path("both.txt"), &both.concat());
    assert_eq!(imports(&bench, &["--identity", "both.txt"]).code, Some(0));
    bench.file("more.csv", customers(3));
    let done = imports(&bench, &["--identity", "nowhere.txt", "--recipient", &key]);
    assert_eq!((done.code, done.stderr.contains("from now on")), (Some(0), false), "{done}");
    // All three open with the first key alone.
    bench.agree();
}

#[test]
fn a_new_recipient_is_taken_once_it_is_asked_for() {
    let (bench, key) = with_one_password();
    let other = key_pair(&bench, "other.txt");
    let done = imports(&bench, &["--identity", "other.txt", "--new-recipient"]);
    assert_eq!(done.code, Some(0), "{done}");
    done.says(&format!("Passwords are sealed to {other} from now on."))
        .says(&format!("so far are sealed to {key} (1 password). Each opens with its own key alone"));
    bench.file("more.csv", customers(3));
    let done = imports(&bench, &["--identity", "other.txt"]);
    assert_eq!((done.code, done.stderr.contains("from now on")), (Some(0), false), "{done}");
    bench.file("more.csv", customers(4));
    is_refused(&bench, &[], &[&format!("are sealed to {other}")]);

    let opened = bench.tenantry(["credentials"]).exits(1);
    opened.says("2 of 3 passwords cannot be opened").says(&format!(": {other} ("));
    opened.says("put the identity file with that key back").says("if the key is lost, reset the password");
    let of_plugin = fs::read_to_string(bench.path("identity.txt")).unwrap() + "AGE-PLUGIN-YUBIKEY-1QQPQ\n";
    private_file(&bench.path("plugin.txt"), &of_plugin);
    let done = bench.tenantry(["credentials", "--identity", "plugin.txt"]).exits(1);
    done.says("not every line of `plugin.txt` is used: line 4 is a key of the age plugin `yubikey`");
    assert!(
        opened.stdout.contains(&full(&domain(1))) && !opened.stdout.contains(&full(&domain(2))),
        "{opened}"
    );
    let both = ["other.txt", "identity.txt"].map(|name| fs::read_to_string(bench.path(name)).unwrap());
    private_file(&bench.path("identity.txt"), &both.concat());
    bench.agree();
}

#[test]
fn a_new_recipient_can_be_asked_for_by_a_setting_or_the_environment() {
    let (bench, _) = with_one_password();
    key_pair(&bench, "other.txt");
    let call = bench.import("more.csv").args(["--identity", "other.txt"]);
    call.env("TENANTRY_NEW_RECIPIENT", "true").exits(0).says("from now on");
    private_file(&bench.path("mine.toml"), "new-recipient = true\n");
    bench.file("more.csv", customers(3));
    let done = imports(&bench, &["--config", "mine.toml"]);
    assert_eq!(done.code, Some(0), "{done}");
    done.says("from now on");
}

#[test]
fn the_next_command_goes_on_with_a_new_recipient_that_nothing_was_sealed_to() {
    let (bench, _) = with_one_password();
    key_pair(&bench, "other.txt");
    let flags = ["--identity", "other.txt", "--new-recipient", "--json"];
    let next = |limit: &str| {
        let done = bench.import("more.csv").args(flags).args(["--limit", limit]).exits(5).json();
        done["next"].as_str().unwrap().to_owned()
    };
    assert!(next("0").contains("resume") && next("0").contains(" --new-recipient"));
    bench.file("more.csv", customers(3));
    let once_used = next("1");
    assert!(
        once_used.contains("--identity other.txt") && !once_used.contains("--new-recipient"),
        "{once_used}"
    );
}

/// A rehearsal without the identity goes on with the key of its ledger, as a real run does, and makes no other one.
#[test]
fn a_rehearsal_without_its_identity_keeps_to_the_key_of_its_ledger() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let rehearsed = |call: &[&str]| {
        let call = bench.tenantry(call).args(["--simulate", "--identity", "lost.txt"]);
        call.without("TENANTRY_API_URL").without("TENANTRY_AUTHORITY_URL")
    };
    rehearsed(&["import", "customers.csv", "--limit", "1"]).exits(5);
    fs::remove_file(bench.path("lost.txt")).unwrap();
    let found = rehearsed(&["doctor"]).exits(0);
    assert!(found.stdout.contains("this machine cannot open them"), "{found}");
    rehearsed(&["import", "customers.csv"]).exits(0).says("This machine cannot open them.");
    assert!(!bench.path("lost.txt").exists(), "another key was made");
    bench.file("more.csv", customers(3));
    rehearsed(&["import", "more.csv", "--new-recipient"]).exits(0).says("Made a key pair");
}

/// A lost identity file is replaced, and then found again. Each change is asked for, and every key is counted.
#[test]
fn a_rehearsal_changes_its_key_only_if_it_is_asked_to() {
    let bench = Bench::new();
    key_pair(&bench, "one.txt");
    let rehearse = |rows: usize, identity: &str, args: &[&str]| {
        bench.file("customers.csv", customers(rows));
        let call = bench.import("customers.csv").args(["--simulate", "--identity", identity]).args(args);
        call.without("TENANTRY_API_URL").without("TENANTRY_AUTHORITY_URL").run()
    };
    assert_eq!(rehearse(2, "one.txt", &[]).code, Some(0));
    assert_eq!(rehearse(3, "two.txt", &["--new-recipient"]).code, Some(0));
    let [one, two] = ["one.txt", "two.txt"].map(|name| public_half(&bench, name));
    let done = rehearse(4, "one.txt", &[]);
    assert_eq!(done.code, Some(2), "{done}");
    done.says(&format!("are sealed to {two}")).says("`--new-recipient`");
    let done = rehearse(4, "one.txt", &["--new-recipient"]);
    assert_eq!(done.code, Some(0), "{done}");
    done.says(&format!("Passwords are sealed to {one} from now on."))
        .says(&format!("so far are sealed to {one} (2 passwords), {two} (1 password)."));
}

#[test]
fn a_ledger_of_before_gets_its_recipient_recorded() {
    let recorded = |bench: &Bench| bench.ledger().number("SELECT count(*) FROM data_keys");

    let bench = with_old_ledger();
    bench.file("more.csv", customers(1));
    let other = key_pair(&bench, "other.txt");
    let cannot = "2 passwords of the ledger";
    is_refused(
        &bench,
        &["--identity", "other.txt"],
        &[cannot, "cannot be opened with the identity file `other.txt`"],
    );
    is_refused(&bench, &["--identity", "none.txt"], &[cannot, "there is no identity file `none.txt`"]);
    is_refused(
        &bench,
        &["--identity", "old.txt", "--recipient", &other],
        &["are sealed to age1q8q3l7y45c2cm9hln"],
    );
    is_refused(
        &bench,
        &["--identity", "other.txt", "--recipient", &other],
        &[cannot, "given with `--recipient`"],
    );
    assert_eq!(recorded(&bench), 0);
    assert_eq!(imports(&bench, &["--identity", "old.txt"]).code, Some(0));
    assert_eq!(recorded(&bench), 1);

    // The public half alone says nothing of what the passwords are sealed to: it is taken, and known from then on.
    let bench = with_old_ledger();
    bench.file("more.csv", customers(1));
    let other = key_pair(&bench, "other.txt");
    assert_eq!(imports(&bench, &["--identity", "none.txt", "--recipient", &other]).code, Some(0));
    bench.file("more.csv", customers(2));
    is_refused(&bench, &["--identity", "old.txt"], &[&format!("are sealed to {other}")]);
}
