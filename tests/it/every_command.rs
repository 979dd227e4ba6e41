//! What each command and the common mistakes look like on the screen: exit code and both streams, word by word. What
//! another module shows in a snapshot of its own is left to that.

use std::fs;

use crate::harness::{
    Bench, CLIENT_ID, Call, TENANT, customers, customers_of, domain, email, eventually, full, row, snapshot,
};

/// Runs each of the command lines and tells what came of it, one below the other.
fn told<'a>(call: impl Fn(Vec<&str>) -> Call<'a>, commands: &[&str]) -> String {
    let tell = |line: &&str| {
        let done = call(line.split_whitespace().collect()).run();
        format!("$ tenantry {line}\n{done}\n")
    };
    commands.iter().map(tell).collect()
}

/// One created customer, one row that was refused, and one that is wrong.
fn imported() -> Bench {
    let bench = Bench::new();
    let wrong = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    let rows = customers_of(["harborline", "taken-by-others"]) + &wrong + "\n";
    bench.file("customers.csv", rows);
    // With a delay, a busy machine asks once less.
    bench.import("customers.csv").args(["--concurrency", "1", "--settle-delay", "0s"]).exits(3);
    bench
}

#[test]
fn rows_are_shown_and_exported() {
    let bench = imported();
    let commands = [
        "show harborline",
        "show harborlnie",
        "show --line 99",
        "export created -o -",
        "export failed",
        "export rejected -o rejected.csv",
        "export unresolved",
        "export all -o customers.csv",
        "export everything",
        "status --json",
    ];
    snapshot!(told(|args| bench.tenantry(args), &commands));
}

#[test]
fn there_is_nothing_to_do() {
    let bench = imported();
    let requests = bench.simulator().requests().len();
    let commands = ["resume", "retry --code 9999", "reconcile", "import customers.csv"];
    snapshot!(told(|args| bench.tenantry(args), &commands));
    assert_eq!(bench.simulator().requests().len(), requests, "nothing was asked or sent");
}

#[test]
fn passwords_copies_and_pages_are_written() {
    let bench = imported();
    let commands = [
        "credentials -o passwords.csv",
        "credentials --identity nowhere.txt",
        "credentials --domain harborline -o -",
        "credentials --domain taken-by-others",
        "credentials -o customers.csv",
        "backup copy.db",
        "backup copy.db",
        "report -o report.html",
        "report -o customers.csv",
        "status --ledger copy.db",
        "resume --ledger copy.db",
        "resume --ledger copy.db --restored",
    ];
    snapshot!(told(|args| bench.tenantry(args), &commands));
    assert_eq!(fs::read_to_string(bench.path("passwords.csv")).unwrap().lines().count(), 2);
}

#[test]
fn somebody_signs_in_and_out() {
    let bench = Bench::new();
    let as_user = |args: Vec<&str>| {
        let call = bench.tenantry(args).without("TENANTRY_ACCESS_TOKEN");
        call.env("TENANTRY_TENANT_ID", TENANT).env("TENANTRY_CLIENT_ID", CLIENT_ID)
    };
    let user = told(as_user, &["whoami", "login", "whoami", "logout", "logout"]);
    let nobody = |args: Vec<&str>| bench.tenantry(args).without("TENANTRY_ACCESS_TOKEN");
    let without = told(nobody, &["login", "whoami", "rules update --country PT"]);
    let with_app = told(|args| bench.tenantry(args).with_app(), &["whoami"]);
    snapshot!(user + &without + &with_app);
}

#[test]
fn lists_and_rules_are_fetched() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let commands = [
        "template",
        "template -o customers.csv",
        "rules update customers.csv",
        "rules update --country PT --country UK",
        "rules update",
        "simulator --scenario smoth",
        "simulator --listen nowhere",
        "simulator --public-url localhost:8443",
        "import customers.csv --simulate=faulty,sed=7",
    ];
    snapshot!(told(|args| bench.tenantry(args), &commands));
}

#[test]
fn shells_and_manuals_are_served() {
    let bench = Bench::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bench.tenantry(["completions", shell]).exits(0).stdout;
        assert!(script.contains("tenantry") && script.contains("require-valid"), "{shell}: {script}");
    }
    let page = bench.tenantry(["man", "config", "show"]).exits(0);
    assert!(page.stdout.contains(".TH tenantry-config-show 1"), "{page}");
    fs::create_dir(bench.path("man1")).unwrap();
    let commands = ["completions fsh", "man imprt", "man -o man1", "man -o nowhere/man1"];
    snapshot!(told(|args| bench.tenantry(args), &commands));
    assert!(bench.path("man1/tenantry-import.1").exists());
}

#[test]
fn mistakes_of_the_command_line() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let commands = [
        "imprt customers.csv",
        "import",
        "import --dryrun customers.csv",
        "import --max-failures many customers.csv",
        "import --max-new many customers.csv",
        "import --default contry=DE customers.csv",
        "import --map Firma=company customers.csv",
        "import --map Firma=company_name customers.csv",
        "import --warn lost_charcter customers.csv",
        "import --delimiter comma+ customers.csv",
        "import --encoding utf-9 customers.csv",
        "import --reseller-id contoso customers.csv",
        "config shw",
        "help colums",
        "help exprot",
        "help config shw",
        "man imprt",
        "config show --profile contoso",
        "config show --config nowhere.toml",
    ];
    snapshot!(told(|args| bench.tenantry(args), &commands));
    assert!(!bench.has_ledger(), "nothing has begun");
}

#[test]
fn mistakes_of_a_list() {
    let bench = Bench::new();
    let list = customers_of(["contoso"]);
    bench.file("header.csv", list.replacen("postal_code", "postal_cod", 1));
    bench.file("missing.csv", list.replacen("company_name,", "", 1));
    bench.file("twice.csv", list.replacen("state", "city", 1));
    bench.file("delimiter.csv", list.replace(',', "#"));
    bench.file("ragged.csv", list.clone() + "one,two\n");
    bench.file("quote.csv", list + "\"never closed,contoso2\n");
    bench.file("empty.csv", "");
    bench.file("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0");
    fs::create_dir(bench.path("folder.csv")).unwrap();
    let commands = [
        "import header.csv",
        "import missing.csv",
        "import twice.csv",
        "import delimiter.csv",
        "check ragged.csv",
        "import quote.csv",
        "import empty.csv",
        "import picture.csv",
        "check folder.csv",
        "check -",
    ];
    snapshot!(told(|args| bench.tenantry(args), &commands));
    assert_eq!(bench.creations().len(), 0);
}

/// Nobody listens there: the port was free a moment ago.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn what_keeps_a_run_from_its_end() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let nowhere = nobody();
    let away = |args: Vec<&str>| bench.tenantry(args).env("TENANTRY_API_URL", &nowhere);
    let no_network = told(away, &["import --max-outage 0s --ledger away.db customers.csv", "whoami"]);
    let sign_in = |args: Vec<&str>| bench.tenantry(args).with_app().env("TENANTRY_AUTHORITY_URL", &nowhere);
    let no_sign_in = told(sign_in, &["import --max-outage 0s --ledger away2.db customers.csv", "login"]);
    let full = |args: Vec<&str>| bench.tenantry(args).env("TENANTRY_LEDGER_PAGES", "5");
    let disk_full = told(full, &["import --ledger full.db customers.csv"]);
    let nothing = |args: Vec<&str>| bench.tenantry(args).without("TENANTRY_ACCESS_TOKEN");
    let no_account = told(nothing, &["import customers.csv"]);
    snapshot!(no_network + &no_sign_in + &disk_full + &no_account);
}

#[test]
fn a_ledger_in_use() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    bench.simulator().hold(tenantry_simulator::Hold {
        at: tenantry_simulator::HoldPoint::Created,
        domain: Some(full(&domain(2))),
    });
    let running = bench.resume().args(["--concurrency", "1"]).spawn();
    bench.wait_until_held();
    snapshot!(told(|args| bench.tenantry(args), &["resume", "import customers.csv", "status"]));
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_simulator_says_where_it_listens() {
    let bench = Bench::new();
    let server = bench.tenantry(["simulator", "--listen", "127.0.0.1:0"]).spawn();
    eventually("it says how to use it", || server.stderr().contains("ends it"));
    snapshot!(server.stdout() + &server.stderr());
}
