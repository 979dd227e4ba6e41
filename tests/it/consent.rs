//! Who agrees to creating customers: the question on the terminal, `--yes`, and what happens where nobody can be asked.

use std::fs;

use tenantry_simulator::{Fault, Operation};

use crate::harness::{Bench, customers, domain};

const REFUSES: &str = "cannot ask whether to create customers";

fn ledger_bytes(bench: &Bench) -> Option<Vec<u8>> {
    fs::read(bench.ledger_path()).ok()
}

/// As a scheduler runs it, and as a job in the background.
#[test]
fn where_nobody_can_be_asked_nothing_is_done_without_yes() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    for args in [&["import", "customers.csv"][..], &["import", "-"]] {
        let done = bench.tenantry(args).stdin(customers(3)).unattended().exits(2);
        done.says(REFUSES).says("add `--yes`");
        assert!(!bench.ledger_path().exists(), "{args:?} made a ledger");
    }
    assert!(bench.simulator().requests().is_empty());
    bench.import("customers.csv").unattended().args(["--yes", "--limit", "1"]).exits(5);
    assert_eq!(bench.creations().len(), 1);
    bench.fault(Operation::Create, &domain(2), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    // They were agreed to.
    bench.resume().unattended().exits(3);
    let before = ledger_bytes(&bench);
    bench.tenantry(["retry"]).unattended().exits(2).says(REFUSES);
    bench.file("more.csv", customers(4));
    bench.import("more.csv").unattended().exits(2).says(REFUSES);
    assert!(before == ledger_bytes(&bench), "the ledger was touched");
    assert_eq!(bench.creations().len(), 2);
    bench.import("more.csv").unattended().env("TENANTRY_YES", "true").exits(3);
    bench.tenantry(["retry", "--yes"]).unattended().exits(0);
    bench.agree();
}

/// Without a terminal, `--yes` is needed only if there is something to agree to.
#[test]
fn what_is_missing_and_what_is_done_is_said_before_the_question() {
    let bench = Bench::new();
    bench.tenantry(["retry"]).unattended().exits(1).says("there is no ledger");
    bench.file("customers.csv", customers(2));
    let missing = bench.import("cutsomers.csv").unattended().exits(2);
    missing.says("could not open `cutsomers.csv`").says("did you mean customers.csv?");
    assert!(!missing.stderr.contains("--yes"), "{missing}");
    bench.file("~$customers.xlsx", "\u{5}Admin");
    bench
        .import("~$customers.xlsx")
        .unattended()
        .exits(2)
        .says("while a workbook such as `customers.xlsx` is open");
    #[cfg(unix)]
    bench.import("*.csv").unattended().exits(2).says("write the pattern without quotes");
    assert!(!bench.ledger_path().exists(), "a ledger was made");
    bench.fault(Operation::Create, &domain(2), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.import("customers.csv").unattended().args(["--yes"]).exits(3);
    // Neither finds anything that could be sent, or discarded.
    for args in [&["retry", "--code", "600051"][..], &["retry", "--domain", &domain(1)]] {
        bench.tenantry(args).unattended().exits(1).says("matches nothing");
    }
    for args in [&["--list", "customers.csv"][..], &["--all"]] {
        bench.tenantry(["discard"]).args(args).unattended().exits(1).says("no pending row matches");
    }
    let before = ledger_bytes(&bench);
    bench.tenantry(["retry"]).unattended().exits(2).says(REFUSES);
    assert!(before == ledger_bytes(&bench), "the ledger was touched");
    bench.tenantry(["acknowledge", "--code", "3000"]).exits(0);
    bench.tenantry(["retry"]).unattended().exits(0).says("No refused row is tried again.");
    bench.tenantry(["retry", "--acknowledged"]).unattended().exits(2).says(REFUSES);
    assert_eq!(bench.creations().len(), 1);
}

#[test]
fn what_creates_nothing_real_asks_nobody() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").unattended().args(["--dry-run"]).exits(0);
    let rehearsal =
        |args: &[&str]| bench.tenantry(args).without("TENANTRY_LEDGER").args(["--simulate"]).unattended();
    rehearsal(&["import", "customers.csv"]).exits(0);
    rehearsal(&["retry"]).exits(0);
    assert!(bench.simulator().requests().is_empty());
    bench.import("customers.csv").exits(0);
    bench.tenantry(["retry", "--dry-run"]).unattended().exits(0);
    bench.tenantry(["reconcile"]).unattended().exits(0);
    bench.tenantry(["resume"]).unattended().exits(0);
}

/// All four take `--yes` and whatever else a run takes; what is about reading a list only those that read one.
#[test]
fn every_run_takes_the_options_of_a_run() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    for command in ["resume", "retry", "reconcile"] {
        bench.tenantry([command, "--yes"]).unattended().exits(0);
        bench
            .tenantry([command, "-y", "--rate", "5/s", "--max-failures", "3", "--json"])
            .unattended()
            .exits(0);
    }
    bench.tenantry(["retry", "--retry-failed", "--strict", "--delimiter=tab"]).exits(0);
    for command in ["resume", "reconcile"] {
        for option in [
            "--map=City=city",
            "--default=country=GB",
            "--delimiter=tab",
            "--encoding=utf-8",
            "--sheet=x",
            "--strict",
            "--require-valid",
            "--retry-failed",
            "--allow-direct",
            "--reseller-id=8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951",
        ] {
            let done = bench.tenantry([command, option]).exits(2);
            done.says("unexpected argument");
        }
    }
}

#[cfg(unix)]
mod on_a_terminal {
    use std::fs::File;
    use std::process::Command as StdCommand;
    use std::time::Duration;

    use tenantry_simulator::{Limit, Scenario, ScriptedFault};

    use super::*;
    use crate::harness::{CLIENT_ID, Call, HEADER, TENANT, customers_of, eventually, row, states};
    use crate::terminal::{Terminal, WIDE};

    const QUESTION: &str = "Go ahead? (yes/no)";
    const RESELLER: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

    fn creates(bench: &Bench) -> usize {
        bench.count(Operation::Create)
    }

    /// Types each line at a question of its own.
    fn answers(terminal: &Terminal, keys: &str) {
        for (before, line) in keys.split_inclusive('\r').enumerate() {
            eventually("it asks", || terminal.screen().matches(QUESTION).count() > before);
            terminal.types(line);
        }
    }

    #[test]
    fn nothing_is_created_before_somebody_has_said_yes() {
        // No; three answers that are none; the end of input; Ctrl-C.
        for (keys, code) in [
            ("n\r", 5),
            ("Nein.\r", 5),
            ("\ryep\rwhat\r", 5),
            ("\ry es\rnon\r", 5),
            ("\u{4}", 5),
            ("\u{3}", 130),
        ] {
            let bench = Bench::new();
            bench.file("customers.csv", customers(3));
            let terminal = Terminal::start(bench.import("customers.csv").asking(), WIDE);
            terminal.shows("3 customers will be created for ");
            answers(&terminal, keys);
            let all = terminal.ends_with(code);
            assert!(all.contains("Nothing was sent; 3 rows declined."), "{keys:?}: {all}");
            assert_eq!(all.matches(QUESTION).count(), keys.matches('\r').count().max(1), "{keys:?}: {all}");
            // To say no is no failure.
            assert_eq!(all.contains("error:"), code == 130, "{keys:?}: {all}");
            assert_eq!(creates(&bench), 0);
            let discarded = "`customers.csv`: 3 of its rows were discarded unsent";
            assert!(all.contains(discarded), "{keys:?}: {all}");
            // It is said once.
            let later = bench.resume().exits(0);
            assert!(!later.stderr.contains(discarded), "{later}");
            assert_eq!(creates(&bench), 0, "after {keys:?}");
            let let_go = &bench.tenantry(["status", "--json"]).exits(0).json()["let_go"];
            assert_eq!(let_go[0]["rows"], 3);
            bench.import("customers.csv").args(["--yes", "--limit", "1"]).exits(5);
            assert_eq!(bench.tenantry(["status", "--json"]).exits(0).json()["let_go"], serde_json::json!([]));
            // The rows are counted once.
            assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 2)]));
            bench.agree_so_far();
        }
    }

    /// A retry does not bring back the rows that the operator has declined.
    #[test]
    fn discarded_rows_are_named_after_a_retry() {
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["refuse-400-600002-one"]));
        bench.import("customers.csv").exits(3);
        bench.file("customers.csv", customers_of(["refuse-400-600002-one", "two"]));
        let terminal = Terminal::start(bench.import("customers.csv").asking(), WIDE);
        answers(&terminal, "n\r");
        terminal.ends_with(5);
        bench.tenantry(["retry", "--yes"]).exits(3);
        assert_eq!(bench.tenantry(["status", "--json"]).exits(0).json()["let_go"][0]["rows"], 1);
    }

    #[test]
    fn a_yes_in_six_languages_creates() {
        for keys in ["yes\r", "JA!\r", "oui\r", "sí\r", "si.\r", "what\rj\r"] {
            let bench = Bench::new();
            bench.file("customers.csv", customers(1));
            let terminal = Terminal::start(bench.import("customers.csv").asking(), WIDE);
            answers(&terminal, keys);
            terminal.ends_with(0);
            assert_eq!(bench.ledger().states(), states([("created", 1)]), "{keys:?}");
        }
    }

    /// `2>&1 | tee log.txt`, `2>err.txt`, `-` for the list: the question stands on the terminal.
    #[test]
    fn the_question_is_asked_on_the_terminal_wherever_the_streams_lead() {
        for quiet in [false, true] {
            let bench = Bench::new();
            bench.file("customers.csv", customers(3));
            let call = bench.tenantry(["import", "-"]).asking().args(quiet.then_some("--quiet"));
            let open = |name: &str| File::create(bench.path(name)).unwrap();
            let terminal = Terminal::start_with(call, WIDE, |command| {
                let list = File::open(bench.path("customers.csv")).unwrap();
                command.stdin(list).stdout(open("out.txt")).stderr(open("err.txt"))
            });
            terminal.shows("3 customers will be created for Tailspin Partner");
            terminal.shows("3  GB  no reseller");
            terminal.shows(QUESTION);
            assert_eq!(creates(&bench), 0);
            terminal.types("yes\r");
            terminal.ends_with(0);
            let text = |name: &str| fs::read_to_string(bench.path(name)).unwrap();
            // A good run says nothing where it is to be quiet.
            assert_eq!(text("out.txt").contains("created"), !quiet, "{}", text("out.txt"));
            assert!(!text("err.txt").contains("Go ahead"), "{}", text("err.txt"));
            bench.agree();
        }
    }

    #[test]
    fn a_signal_ends_the_question() {
        for (signal, code) in [("TERM", 143), ("INT", 130)] {
            let bench = Bench::new();
            bench.file("customers.csv", customers(1));
            let terminal = Terminal::start(bench.import("customers.csv").asking(), WIDE);
            terminal.shows(QUESTION);
            let kill = format!("kill -{signal} {}", terminal.pid());
            assert!(StdCommand::new("sh").args(["-c", &kill]).status().unwrap().success());
            terminal.ends_with(code);
            assert_eq!(creates(&bench), 0);
        }
    }

    /// They are shown in the plan, and a no leaves them waiting.
    #[test]
    fn rows_that_the_list_no_longer_has_are_declined_by_a_yes() {
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["one", "two"]));
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        bench.file("customers.csv", customers_of(["one"]));
        for (answer, code, expected) in [("no", 5, ("pending", 2)), ("yes", 0, ("declined", 1))] {
            let terminal = Terminal::start(bench.import("customers.csv").asking(), WIDE);
            terminal.shows(
                "1 row that waited is no longer in the list. If you agree, it is declined and not created.",
            );
            answers(&terminal, &format!("{answer}\r"));
            terminal.ends_with(code);
            assert_eq!(bench.ledger().states().get(expected.0), Some(&expected.1), "{answer}");
        }
        assert_eq!(creates(&bench), 1);

        // Also where nothing would be created.
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["one", "two"]));
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        bench.file("customers.csv", customers_of([]));
        asked(bench.import("customers.csv"), "n\r", 5);
        assert_eq!(bench.ledger().states(), states([("pending", 2)]));

        // Also where `resume` brings the consent.
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["one", "two"]));
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        bench.file("customers.csv", customers_of(["one", "three"]));
        let wrong = bench.import("customers.csv").with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret");
        Terminal::start(wrong.asking(), WIDE).ends_with(4);
        let dry_run = bench.resume().unattended().args(["--dry-run"]).exits(0);
        dry_run.says("1 row of the plan without your consent").prints("2 customers will be created");
        assert_eq!(bench.ledger().states(), states([("pending", 3)]));
        bench.resume().unattended().args(["--yes", "--max-new", "2"]).exits(0).says("1 row declined");
        assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    }

    /// Nobody agrees to what they have not seen: a yes that was meant for something else, or a key that was held down.
    #[test]
    fn what_was_typed_before_the_question_is_no_answer() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let terminal = Terminal::start(bench.import("customers.csv").asking(), WIDE);
        terminal.types("yes\ryes\r");
        terminal.shows(QUESTION);
        terminal.types("what\ryes\r");
        terminal.shows("Please answer yes or no.");
        eventually("it asks again", || terminal.screen().matches(QUESTION).count() == 2);
        terminal.types("n\r");
        terminal.ends_with(5);
        assert_eq!(creates(&bench), 0);
        assert_eq!(bench.ledger().states(), states([("declined", 1)]));
    }

    /// The plan cannot be shown, and the summary cannot be either.
    #[test]
    fn a_signal_is_heard_on_a_terminal_that_was_stopped() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let terminal = Terminal::start(bench.import("customers.csv").with_user().asking(), WIDE);
        // Ctrl-S.
        terminal.types("\u{13}");
        eventually("it has all that it shows", || bench.count(Operation::Profile) == 1);
        // And stands at the terminal.
        std::thread::sleep(Duration::from_millis(300));
        let kill = format!("kill -TERM {}", terminal.pid());
        let begun = std::time::Instant::now();
        assert!(StdCommand::new("sh").args(["-c", &kill]).status().unwrap().success());
        let all = terminal.ends_with(143);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(!all.contains(QUESTION), "{all}");
        assert_eq!(creates(&bench), 0);
    }

    /// `tenantry import customers.csv &`: reading from the terminal would stop it for ever.
    #[test]
    fn a_job_in_the_background_of_a_terminal_refuses_and_does_not_hang() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let call = bench.import("customers.csv").asking().in_shell("set -m; \"$0\" \"$@\" & wait $!");
        let all = Terminal::start(call, WIDE).ends_with(2);
        assert!(all.contains("this process runs in the background of its terminal"), "{all}");
        assert!(!bench.ledger_path().exists());
    }

    /// The group that has the terminal has no number in there, and ours has none either.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_container_with_a_terminal_from_outside_is_asked_in() {
        const CANNOT: &str = "no namespace can be made here";
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let script = format!(
            "inside='unshare --user --map-root-user --pid --fork'; $inside true 2> err.txt || \
             {{ echo {CANNOT}; read line; exit 9; }}; exec $inside \"$0\" \"$@\""
        );
        let call = bench.import("customers.csv").asking().in_shell(&script);
        let terminal = Terminal::start(call, WIDE);
        eventually("it asks", || [QUESTION, CANNOT].iter().any(|words| terminal.screen().contains(words)));
        if terminal.screen().contains(CANNOT) {
            eprintln!("{CANNOT}, so that the rule is held by the table beside it alone");
            terminal.types("\r");
            terminal.ends_with(9);
            return;
        }
        terminal.types("yes\r");
        terminal.ends_with(0);
        bench.agree();
    }

    /// Not that of the tests either, if they were started from one.
    #[test]
    fn a_process_whose_terminal_is_gone_refuses() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let script = "trap '' HUP; : > ready; read line; exec \"$0\" \"$@\" 2> err.txt";
        let call = bench.import("customers.csv").asking().in_shell(script);
        let (pty, pts) = pty_process::blocking::open().unwrap();
        let mut child = crate::terminal::on_terminal(call).spawn(pts).unwrap();
        eventually("the shell ignores the signal", || bench.path("ready").exists());
        drop(pty);
        assert_eq!(child.wait().unwrap().code(), Some(2));
        let told = fs::read_to_string(bench.path("err.txt")).unwrap();
        assert!(told.contains("because: this process has no terminal to ask on"), "{told}");
        assert!(!bench.ledger_path().exists());
    }

    #[test]
    fn a_retry_asks_too() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(2));
        bench.fault(Operation::Create, &domain(1), Fault::RefusedBefore { status: 400, code: 3000 }, 1);
        bench.import("customers.csv").exits(3);
        let answer = |keys: &str, code: i32| {
            let terminal = Terminal::start(bench.tenantry(["retry"]).asking(), WIDE);
            terminal.shows("1 customer will be created for Tailspin Partner");
            terminal.shows(QUESTION);
            terminal.types(keys);
            terminal.ends_with(code);
        };
        answer("no\r", 5);
        assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1)]));
        answer("yes\r", 0);
        bench.agree();
    }

    fn asked(call: Call<'_>, keys: &str, code: i32) -> String {
        let terminal = Terminal::start(call.asking(), WIDE);
        terminal.shows(QUESTION);
        terminal.types(keys);
        terminal.ends_with(code)
    }

    #[test]
    fn the_question_names_the_partner_and_the_profile() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        bench.file("settings.toml", "[profile.contoso]\nmax-attempts = 3\n");
        let import =
            || bench.import("customers.csv").args(["--config", "settings.toml", "--profile", "contoso"]);
        let all = asked(import().with_user(), "n\r", 5);
        let all = all.replace("\r\n", " ");
        let partner =
            format!("for Tailspin Partner (simulated) (tailspinpartner.onmicrosoft.com, {TENANT}) at http");
        assert!(all.contains(&partner) && all.contains(", with the profile `contoso`."), "{all}");
        // An app may not ask.
        let profiles = bench.count(Operation::Profile);
        let all = asked(import().with_app(), "n\r", 5).replace("\r\n", " ");
        let app = format!("for partner tenant {TENANT}, signed in as app {CLIENT_ID}");
        assert!(
            all.contains(&app) && all.contains("the sign-in of an app cannot read the partner's name"),
            "{all}"
        );
        assert_eq!(bench.count(Operation::Profile), profiles);
        // What cannot be read stops nothing.
        let refused = Fault::RefusedBefore { status: 403, code: 1002 };
        bench.simulator().script(ScriptedFault::next(Operation::Profile, refused));
        let all = asked(import().with_user(), "y\r", 0).replace("\r\n", " ");
        let reason =
            format!("for partner tenant {TENANT} (could not read the partner's name: HTTP 403, code 1002: ");
        assert!(all.contains(&reason), "{all}");
        bench.agree();
    }

    #[test]
    fn a_sign_in_that_fails_is_told_before_anything_is_asked() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(2));
        let wrong = bench.import("customers.csv").with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret");
        let all = Terminal::start(wrong.asking(), WIDE).ends_with(4);
        assert!(all.contains("AADSTS7000215") && !all.contains(QUESTION), "{all}");
        // Nor is anybody asked for what an app cannot do.
        let list = format!("{HEADER},associated_partner_id\n{},{RESELLER}\n", row("sold"));
        bench.file("sold.csv", list);
        let all = Terminal::start(bench.import("sold.csv").with_app().asking(), WIDE).ends_with(4);
        assert!(all.contains("user") && !all.contains(QUESTION), "{all}");
        assert_eq!(bench.creations().len(), 0);
        // Nothing is sent without consent.
        let done = bench.resume().with_user().unattended().exits(5);
        done.says("Rows without your consent stay pending").says("`customers.csv` was read, but");
        assert_eq!(bench.creations().len(), 0);
    }

    /// What a run left that could not ask its question.
    fn with_undecided() -> Bench {
        let bench = Bench::new();
        bench.file("agreed.csv", customers_of(["agreed", "agreed-too"]));
        bench.import("agreed.csv").args(["--limit", "1"]).exits(5);
        bench.file("customers.csv", customers(3));
        let wrong = bench.import("customers.csv").with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret");
        Terminal::start(wrong.asking(), WIDE).ends_with(4);
        assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 4)]));
        bench
    }

    /// A pipe cannot bring its rows again by its name.
    #[test]
    fn what_a_pipe_brought_is_asked_about_by_resume() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(2));
        let wrong = bench.tenantry(["import", "-"]).with_app().env("TENANTRY_CLIENT_SECRET", "wrong-secret");
        let list = File::open(bench.path("customers.csv")).unwrap();
        let all = Terminal::start_with(wrong.asking(), WIDE, |command| command.stdin(list)).ends_with(4);
        assert!(all.contains("when the sign-in works:") && all.contains(" tenantry resume "), "{all}");
        asked(bench.resume(), "y\r", 0);
        bench.agree();
    }

    #[test]
    fn resume_asks_about_rows_that_nobody_has_agreed_to_alone() {
        let bench = with_undecided();
        let all = asked(bench.resume(), "y\r", 0);
        assert!(all.contains("3 customers will be created for"), "{all}");
        assert_eq!(bench.ledger().states(), states([("created", 5)]));
        bench.agree();

        let bench = with_undecided();
        let all = asked(bench.resume(), "n\r", 5);
        assert!(all.contains("Nothing was sent; 3 rows declined."), "{all}");
        // The others were agreed to, so that this asks nobody.
        Terminal::start(bench.resume().asking(), WIDE).ends_with(0);
        assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 3)]));
        bench.agree();

        // A limit is looked at before the consent is stored.
        let bench = with_undecided();
        bench.resume().unattended().args(["--yes", "--max-new", "3"]).exits(5).says("4 customers would be");
        bench.resume().unattended().exits(5).says("Rows without your consent stay pending");
        assert_eq!(bench.ledger().states(), states([("created", 2), ("pending", 3)]));
        bench.resume().unattended().args(["--yes"]).exits(0);
        assert_eq!(bench.ledger().states(), states([("created", 5)]));
        bench.agree();
    }

    /// The question for the name is a request like any other.
    #[test]
    fn the_partners_name_counts_against_the_rate() {
        let limit = Limit { requests: 1, window: Duration::from_secs(1), count_rejected: true };
        let bench = Bench::with(Scenario { limit: Some(limit), ..Scenario::default() });
        bench.file("customers.csv", customers(1));
        // Two seconds apart, so that a slow machine changes nothing.
        asked(bench.import("customers.csv").args(["--rate", "30/min"]), "y\r", 0);
        let throttled = bench.simulator().requests().iter().filter(|it| it.status == Some(429)).count();
        assert_eq!((bench.count(Operation::Profile), throttled), (1, 0));
    }

    /// Who notices the wrong tenant and says no has not given the ledger away.
    #[test]
    fn a_no_binds_the_ledger_to_no_tenant() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let domain = "tailspinpartner.onmicrosoft.com";
        asked(bench.import("customers.csv").with_user().env("TENANTRY_TENANT_ID", domain), "n\r", 5);
        let bound = "SELECT count(*) FROM ledger WHERE partner_tenant_id IS NOT NULL";
        assert_eq!(bench.ledger().number(bound), 0);
        asked(bench.import("customers.csv").with_user().env("TENANTRY_TENANT_ID", domain), "y\r", 0);
        assert_eq!(bench.ledger().number(bound), 1);
    }
}
