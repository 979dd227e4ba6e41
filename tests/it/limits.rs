//! What ends a run early holds back what has not been begun. What is in flight is brought to its end, as far as the kind
//! of the limit lets it (contract, section 3, rule 9).

use std::time::{Duration, Instant};

use tenantry_simulator::{Fault, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, HEADER, customers, customers_of, domain, eventually, full, snapshot, states};
#[cfg(unix)]
use crate::terminal::{Terminal, WIDE};

#[test]
fn resume_with_a_limit_brings_all_that_is_in_flight_to_its_end() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(50));
    bench.simulator().script(ScriptedFault::next(Operation::Create, Fault::StalledBefore).times(40));
    let running = bench.import("customers.csv").args(["--concurrency", "40"]).spawn();
    eventually("forty creates are out", || bench.count(Operation::Create) == 40);
    running.kill();
    assert_eq!(bench.ledger().states(), states([("in_flight", 40), ("pending", 10)]));
    bench.resume().args(["--limit", "5"]).exits(5).says("Stopped at --limit");
    assert_eq!(bench.ledger().states(), states([("created", 45), ("pending", 5)]));
    bench.resume().args(["--limit", "0"]).exits(5);
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn too_many_failures_leave_no_row_in_flight() {
    let bench = Bench::new();
    // It waits for its repeat when the next one is refused.
    bench.fault(Operation::Create, "silent", Fault::StatusBefore { status: 500 }, 1);
    bench.file("customers.csv", customers_of(["silent", "refuse-400-3000", "later"]));
    let args = ["--max-failures", "1", "--concurrency", "1"];
    bench.import("customers.csv").args(args).exits(5).says("stopped at --max-failures: 1 row of this run");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 1), ("pending", 1)]));
    assert_eq!(bench.ledger().row("silent").state, "created");
    bench.agree_so_far();
}

#[test]
fn too_many_failures_begin_no_row_that_waits_for_the_rate() {
    let bench = Bench::new();
    let refused: Vec<String> = (1..=40).map(|n| format!("refuse-400-3000-{n}")).collect();
    bench.file("customers.csv", customers_of(refused.iter().map(String::as_str)));
    let args = ["--max-failures", "1", "--concurrency", "30", "--rate", "2/s"];
    bench.import("customers.csv").args(args).exits(5).says("stopped at --max-failures");
    // The first refusal is followed by a lookup, and what is prepared meanwhile is brought to its end.
    let sent = bench.count(Operation::Create);
    assert!(sent < 15, "{sent} creates");
    let left = bench.ledger().states()["pending"];
    assert_eq!(bench.ledger().states(), states([("failed", sent), ("pending", left)]));
    bench.agree_so_far();
}

#[test]
fn when_time_is_up_a_row_that_waits_for_a_question_stays_in_flight() {
    let bench = Bench::new();
    bench.fault(Operation::Create, &domain(1), Fault::StatusBefore { status: 500 }, 1);
    bench.file("customers.csv", customers(1));
    let waits = ["--max-attempts", "1", "--settle-delay", "1h", "--max-duration", "1s"];
    bench.import("customers.csv").args(waits).exits(5).says("stopped at --max-duration");
    assert_eq!(bench.ledger().states(), states([("in_flight", 1)]));
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn a_run_whose_last_answers_come_after_it_was_stopped_is_done() {
    let late = Duration::from_secs(2);
    let bench = Bench::with(Scenario { latency: (late, late), ..Scenario::default() });
    bench.file("customers.csv", customers(2));
    let short = ["--max-duration", "1s"];
    bench.import("customers.csv").args(["--concurrency", "1"]).args(short).exits(5).says("--max-duration");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 1)]));
    let done = bench.resume().args(short).exits(0);
    assert!(!done.stderr.contains("--max-duration"), "{done}");
    bench.file("more.csv", customers_of(["another"]));
    let running = bench.import("more.csv").spawn();
    eventually("its create is out", || bench.count(Operation::Create) == 3);
    running.signal("INT");
    let done = running.wait();
    // A loop over lists must not go on with the next one.
    assert_eq!(done.code, Some(130), "{done}");
    assert_eq!(bench.ledger().states(), states([("created", 3)]));
    bench.agree();
}

#[cfg(debug_assertions)]
#[test]
fn when_time_is_up_nothing_is_awaited_for_longer_than_one_answer_may_take() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-3000"]));
    let stuck = bench.import("customers.csv").env("TENANTRY_STALL_AT", "asking");
    let stuck = stuck.env("TENANTRY_STALL_UNTIL", bench.path("never"));
    let begun = Instant::now();
    stuck.args(["--timeout", "1s", "--max-duration", "1s"]).exits(5).says("stopped at --max-duration");
    assert!(begun.elapsed().as_secs() >= 2, "an answer that is under way gets its time");
    assert_eq!(bench.ledger().states(), states([("in_flight", 1)]));
    bench.resume().exits(3);
    bench.agree();
}

#[test]
fn times_at_the_top_of_their_range_are_as_good_as_for_ever() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["plain", "refuse-400-3000", "taken-by-others"]));
    let call = bench.import("customers.csv").args(["--max-failures", "9", "--settle-delay", "0s"]);
    let ever = ["timeout", "max-duration", "max-outage", "idempotency-window", "wait-lock"];
    let call =
        ever.iter().fold(call, |call, name| call.args([format!("--{name}"), format!("{}s", i64::MAX)]));
    call.exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("failed", 2)]));
    bench.agree();
}

/// The list of a night in which the export of the source system went wrong.
#[test]
fn a_list_that_would_create_too_many_customers_is_refused_as_a_whole() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--max-new", "2"]).exits(0);
    bench.file("customers.csv", customers(5));
    let refused = bench.import("customers.csv").args(["--max-new", "2"]).exits(5);
    snapshot!(refused);
    assert_eq!(bench.count(Operation::Create), 2, "nothing was sent");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("pending", 3)]));
    // Without the list, the rows stay where they are.
    let held = "because 3 customers would be created, and --max-new allows 2: check the list; if it is right, import \
                it again with `--max-new 3`.";
    bench.resume().exits(5).says(held);
    let status = bench.tenantry(["status"]).exits(0);
    assert!(status.stdout.contains(held) && !status.stdout.contains("correct"), "{status}");
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!(status["held_back"][0]["why"], "too_many_new");
    let next = status["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("tenantry import ") && next.contains(" --max-new 3 "), "{next}");
    assert_eq!(bench.count(Operation::Create), 2);
    bench.import("customers.csv").env("TENANTRY_MAX_NEW", "2").exits(5).says("--max-new allows 2");
    bench.file("tenantry.toml", "max-new = 2\n");
    bench.import("customers.csv").args(["--dry-run"]).exits(0).says("A run would be refused: 3 customers");
    bench.import("customers.csv").exits(5).says("--max-new allows 2");
    // The command works as it stands.
    bench.tenantry(next.split(' ').skip(1)).exits(0);
    bench.agree();
}

/// It is recorded before the end of the run, and apart from its words.
#[test]
fn why_a_list_was_refused_is_known_however_its_run_ended() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one", "no domain at all"]));
    let import = || bench.import("customers.csv").args(["--require-valid"]);
    import().env("TENANTRY_CRASH_AT", "closing").run();
    let held = "because 1 row failed validation (--require-valid): correct the list";
    let is_said = || {
        let status = bench.tenantry(["status"]).exits(0);
        assert!(status.stdout.contains(held), "{status}");
    };
    is_said();
    import().exits(3);
    let ledger = rusqlite::Connection::open(bench.ledger_path()).unwrap();
    ledger.execute_batch("UPDATE program_runs SET ended = 'something else'").unwrap();
    is_said();
    // A program that did not record it.
    ledger.execute_batch("UPDATE sources SET refusal = NULL").unwrap();
    let status = bench.tenantry(["status"]).exits(0);
    assert!(status.stdout.contains("because the list was refused as a whole: correct the list"), "{status}");
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    assert_eq!(status["held_back"][0]["why"], "invalid");
}

#[test]
fn every_run_counts_what_it_would_create() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one", "two", "refuse-400-3000"]));
    let piped = bench.tenantry(["import", "-", "--max-new", "2"]).stdin(customers(3)).exits(5);
    piped.says("nothing was sent: 3 customers would be created, and --max-new allows 2");
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    bench.resume().args(["--max-new", "1"]).exits(5).says("2 customers would be created");
    bench.resume().args(["--max-new", "2"]).exits(3);
    bench.tenantry(["retry", "--max-new", "0"]).exits(5).says("1 customer would be created");
    assert_eq!(bench.ledger().row("refuse-400-3000").state, "failed", "nothing was taken up again");
    bench.tenantry(["retry", "--max-new", "1"]).exits(3);
    bench.agree();
}

/// Whatever has kept them from being sent.
#[test]
fn rows_that_their_list_no_longer_contains_are_not_sent() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one", "two", "three"]));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    bench.file("customers.csv", customers_of(["one", "three"]));
    bench.import("customers.csv").args(["--dry-run"]).exits(0).prints("1 customer will be created");
    let done = bench.import("customers.csv").exits(0);
    done.says("1 row declined: not sent before, and no longer in the list.");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    bench.agree();
    // Another list is not this one, and a list that has it again brings it back.
    bench.file("other.csv", customers_of(["four"]));
    bench.import("other.csv").args(["--limit", "0"]).exits(5);
    bench.file("customers.csv", customers_of(["one", "two", "three"]));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 4)]));
    bench.agree();
    // Another list that was read to its end does not contain it, whether that one has consent or not.
    bench.file("customers.csv", customers_of(["one", "two", "three", "five"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    bench.file("held.csv", customers_of(["six"]));
    bench.import("held.csv").args(["--max-new", "0"]).exits(5);
    bench.file("customers.csv", customers_of(["one", "two", "three"]));
    bench.import("customers.csv").exits(5).says("1 row declined");
    assert_eq!(bench.ledger().states(), states([("created", 4), ("declined", 1), ("pending", 1)]));
}

/// However many lists contain a row, and whichever of them was refused.
#[test]
fn rows_that_any_list_contains_are_sent() {
    let bench = Bench::new();
    let waits = |name: &str, domains: &[&str], more: &[&str], code: i32| {
        bench.file(name, customers_of(domains.iter().copied()));
        bench.import(name).args(["--limit", "0"]).args(more).exits(code)
    };
    waits("a.csv", &["x", "y"], &[], 5);
    waits("b.csv", &["x", "z"], &[], 5);
    waits("c.csv", &["x", "v"], &[], 5);
    // One of them loses it, and so would another that is refused.
    waits("c.csv", &["v"], &[], 5);
    waits("b.csv", &["z", "w", "u"], &["--max-new", "1"], 5);
    waits("a.csv", &["y"], &[], 5);
    assert_eq!(bench.ledger().row("x").state, "pending");
    // The last one has lost it, too, and is agreed to after it was read.
    waits("b.csv", &["z"], &["--max-new", "9"], 5);
    assert!(!bench.ledger().rows().iter().any(|row| row.stands && row.domain == Some(full("x"))));
    bench.file("b.csv", customers_of(["x", "z"]));
    bench.import("b.csv").exits(0);
    assert_eq!(bench.ledger().row("x").state, "created");
    assert_eq!(bench.creations().len(), 4);
    // One that has moved to a list of the same run, which loses it later.
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["x", "y"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    bench.file("a.csv", customers_of(["y"]));
    bench.file("b.csv", customers_of(["x", "z"]));
    bench.import("a.csv").args(["b.csv", "--limit", "0"]).exits(5);
    bench.file("b.csv", customers_of(["z"]));
    bench.import("b.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    // One that has waited with other values before is no correction.
    let bench = Bench::new();
    for list in [customers_of(["x", "y"]), customers_of(["x", "y"]).replace("High", "Low")] {
        bench.file("a.csv", list);
        bench.import("a.csv").args(["--limit", "0"]).exits(5);
    }
    bench.file("a.csv", customers_of(["y"]));
    bench.import("a.csv").exits(0);
    assert_eq!(bench.creations().len(), 1);
}

/// Both together may be too many for the limit that each of them needs.
#[test]
fn lists_that_were_too_long_in_runs_of_their_own_are_proposed_one_by_one() {
    let bench = Bench::new();
    for (list, domains) in [("a.csv", ["a1", "a2"]), ("b.csv", ["b1", "b2"])] {
        bench.file(list, customers_of(domains));
        bench.import(list).args(["--max-new", "1"]).exits(5);
    }
    let status = bench.tenantry(["status"]).exits(0);
    assert!(status.stdout.trim_end().ends_with(" --max-new 2 b.csv"), "{status}");
    bench.import("b.csv").args(["--max-new", "2"]).exits(5);
    bench.import("a.csv").args(["--max-new", "2"]).exits(0);
}

/// Two lists wait with the row `x`, and the first one has lost it.
fn in_the_second_of_two_lists() -> Bench {
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["x", "p"]));
    bench.file("b.csv", customers_of(["x", "q"]));
    for list in ["a.csv", "b.csv"] {
        bench.import(list).args(["--limit", "0"]).exits(5);
    }
    bench.file("a.csv", customers_of(["p"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    assert_eq!(bench.ledger().row("x").state, "pending");
    bench
}

/// A list keeps a row only by a reading that was agreed to, and the last one of those counts.
#[test]
fn a_list_that_was_not_agreed_to_keeps_no_row() {
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["x", "p"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    bench.file("b.csv", customers_of(["x", "y"]));
    bench.import("b.csv").args(["--max-new", "0"]).exits(5);
    bench.file("a.csv", customers_of(["p"]));
    bench.import("a.csv").exits(5).says("`b.csv`: 2 of its rows are held back");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 2)]));
    // It waits for that list, and is sent or declined with it.
    bench.file("b.csv", customers_of(["y"]));
    bench.import("b.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    // An earlier reading of the other list, which was agreed to, keeps it.
    let bench = in_the_second_of_two_lists();
    bench.file("b.csv", customers_of(["x", "q", "y"]));
    bench.import("b.csv").args(["--max-new", "0"]).exits(5);
    bench.resume().exits(5);
    assert_eq!(bench.ledger().row("x").state, "created");
}

/// The plan, the limit and the question know what the run declines, and so does `resume` after a run that has died.
#[test]
fn what_the_last_list_has_lost_does_not_count() {
    let bench = in_the_second_of_two_lists();
    bench.file("b.csv", customers_of(["q"]));
    bench.import("b.csv").args(["--max-new", "2"]).exits(0).says("1 row declined");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    #[cfg(unix)]
    {
        let bench = in_the_second_of_two_lists();
        bench.file("b.csv", customers_of(["q"]));
        let terminal = Terminal::start(bench.import("b.csv").asking(), WIDE);
        terminal.shows("1 row that waited is no longer in the list");
        terminal.shows("Go ahead? (yes/no)");
        drop(terminal);
        bench.resume().args(["--yes", "--wait-lock", "10s"]).exits(0).says("1 row declined");
        assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    }
    // It was declined and brought back in between, and the clock was a day ahead once.
    let bench = in_the_second_of_two_lists();
    bench.tenantry(["discard", "--domain", "x", "--yes"]).exits(0);
    bench.file("b.csv", customers_of(["q"]));
    bench.import("b.csv").args(["--limit", "0"]).exits(5);
    bench.file("a.csv", customers_of(["x", "p"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    bench.file("a.csv", customers_of(["p"]));
    bench.file("clock", "86400");
    let ahead = bench.import("a.csv").args(["--max-new", "0"]);
    ahead.env("TENANTRY_CLOCK_OFFSET", bench.path("clock")).exits(5);
    bench.import("a.csv").exits(0).says("1 row declined");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
}

/// The row waits for the list that is asked about, and is sent with it.
#[cfg(unix)]
#[test]
fn a_row_of_a_list_that_waits_for_consent_waits_with_it() {
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["x", "p"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    bench.file("b.csv", customers_of(["x", "y"]));
    let terminal = Terminal::start(bench.import("b.csv").asking(), WIDE);
    terminal.shows("Go ahead? (yes/no)");
    drop(terminal);
    bench.file("a.csv", customers_of(["p"]));
    let import = bench.import("a.csv").args(["--wait-lock", "10s"]);
    import
        .exits(5)
        .says("`b.csv` was read, but the run ended before you agreed to send its rows, so 2 of its rows");
    assert_eq!(bench.ledger().states(), states([("created", 1), ("pending", 2)]));
    bench.resume().args(["--yes"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 3)]));
}

/// It has moved to the list that the same command reads first, and leaves that one later.
#[test]
fn a_row_that_has_moved_within_a_run_is_followed() {
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["x", "p"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    bench.file("a.csv", customers_of(["p"]));
    bench.file("b.csv", customers_of(["x", "q"]));
    bench.import("b.csv").args(["a.csv", "--limit", "0"]).exits(5);
    assert_eq!(bench.ledger().row("x").state, "pending");
    bench.file("b.csv", customers_of(["q"]));
    bench.import("b.csv").exits(0).says("1 row declined");
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
}

/// It creates a row of the ledger again, and says nothing of what the list contains.
#[test]
fn a_retry_reads_no_list() {
    let refused = "refuse-400-600002-one";
    // The list that has lost the row was refused.
    let bench = Bench::new();
    bench.file("a.csv", customers_of([refused, "x"]));
    bench.import("a.csv").args(["--limit", "1"]).run();
    bench.file("a.csv", customers_of([refused, "p"]));
    bench.import("a.csv").args(["--max-new", "0"]).exits(5);
    bench.tenantry(["retry", "--yes", "--limit", "0"]).exits(5);
    assert_eq!(bench.ledger().row("x").state, "pending");
    // Another list has the row. An import of the other one that is refused changes nothing.
    for is_read_again in [false, true] {
        let bench = Bench::new();
        bench.file("b.csv", customers_of([refused]));
        bench.import("b.csv").exits(3);
        bench.file("a.csv", customers_of(["x", "p"]));
        bench.import("a.csv").args(["--limit", "0"]).exits(5);
        bench.file("b.csv", customers_of([refused, "x"]));
        bench.import("b.csv").args(["--limit", "0"]).exits(5);
        bench.file("a.csv", customers_of(["p"]));
        bench.import("a.csv").args(["--limit", "0"]).exits(5);
        bench.tenantry(["retry", "--yes", "--limit", "0"]).exits(5);
        if is_read_again {
            bench.file("b.csv", customers_of([refused, "x", "q"]));
            bench.import("b.csv").args(["--max-new", "0"]).exits(5);
        }
        bench.resume().exits(if is_read_again { 5 } else { 3 });
        assert_eq!(bench.ledger().row("x").state, "created", "{is_read_again}");
    }
}

/// Its values have changed in the list that loses it later.
#[test]
fn a_row_that_is_replaced_is_still_in_the_other_list() {
    let bench = Bench::new();
    let list = customers_of(["x", "p"]);
    bench.file("a.csv", &list);
    bench.file("b.csv", customers_of(["x", "q"]));
    for list in ["a.csv", "b.csv"] {
        bench.import(list).args(["--limit", "0"]).exits(5);
    }
    for list in [list.replace("High", "Low"), customers_of(["p"])] {
        bench.file("a.csv", list);
        bench.import("a.csv").args(["--limit", "0"]).exits(5);
    }
    bench.resume().exits(0);
    assert_eq!(bench.ledger().row("x").state, "created");
}

/// The other list was never agreed to, or has lost the row since; the one that still has it may have been read several
/// times, before and after.
#[test]
fn other_values_in_a_list_that_loses_the_row_cost_nothing() {
    let (list, other) = (customers_of(["x"]), customers_of(["x", "q"]).replace("High", "Low"));
    for is_agreed in [false, true] {
        for (before, after) in [(1, 0), (2, 0), (1, 1)] {
            let bench = Bench::new();
            let read = |times: usize| {
                bench.file("a.csv", &list);
                (0..times).for_each(|_| drop(bench.import("a.csv").args(["--limit", "0"]).exits(5)));
            };
            read(before);
            bench.file("b.csv", &other);
            let limit = if is_agreed { "--limit" } else { "--max-new" };
            bench.import("b.csv").args([limit, "0"]).exits(5);
            read(after);
            bench.file("b.csv", customers_of(["q"]));
            bench.import("b.csv").args(["--limit", "0"]).exits(5);
            bench.resume().exits(0);
            assert_eq!(bench.ledger().row("x").state, "created", "{is_agreed} {before} {after}");
            bench.file("a.csv", customers_of(["q"]));
            bench.import("a.csv").exits(0);
            bench.agree();
        }
    }
}

/// One command reads both lists, and the first one counts.
#[test]
fn a_list_keeps_a_row_that_an_earlier_list_of_the_run_has_with_other_values() {
    let bench = Bench::new();
    bench.file("a.csv", customers_of(["x"]));
    bench.import("a.csv").args(["--limit", "0"]).exits(5);
    bench.file("b.csv", customers_of(["x"]).replace("High", "Low"));
    bench.import("b.csv").args(["a.csv", "--limit", "0"]).exits(5);
    bench.file("b.csv", customers_of(["q"]));
    bench.import("b.csv").args(["--limit", "0"]).exits(5);
    bench.resume().exits(0);
    assert_eq!(bench.ledger().row("x").state, "created");
}

/// Whether the list may be sent at all is decided when the whole of it is read.
#[test]
fn resume_does_not_send_a_list_that_might_have_been_refused() {
    for condition in ["--max-new=2", "--strict"] {
        let bench = Bench::new();
        bench.file("customers.csv", customers(3));
        let import = || bench.import("customers.csv").args([condition]);
        assert_eq!(import().env("TENANTRY_CRASH_AT", "undecided").run().code, None);
        bench.resume().exits(5).says("held back: import it again.");
        assert_eq!(bench.creations().len(), 0);
    }
}

/// What waits for its list's next import counts, and what that declines does not.
#[test]
fn the_number_of_new_customers_is_that_of_the_plan() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one", "two", "three", "four"]));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    bench.file("other.csv", customers_of(["five"]));
    let refused = bench.import("other.csv").args(["--max-new", "3"]).exits(5);
    refused
        .says("4 customers would be created, and --max-new allows 3")
        .says("3 of the 4 customers wait since earlier");
    // `resume` would send the other rows alone.
    let next = refused.stdout.lines().last().unwrap();
    assert!(next.starts_with("Next: tenantry import ") && next.contains(" --max-new 4 "), "{refused}");
    let refused = bench.resume().args(["--max-new", "2"]).exits(5);
    let next = refused.stdout.lines().last().unwrap();
    assert!(next.starts_with("Next: tenantry resume ") && next.contains(" --max-new 3 "), "{refused}");
    bench.file("customers.csv", customers_of(["one", "four", "six"]));
    let import = || bench.import("customers.csv").args(["--max-new", "2"]);
    import().args(["--dry-run"]).exits(0).prints("2 customers will be created");
    let refused = bench.import("customers.csv").args(["--max-new", "1", "--dry-run"]).exits(0);
    assert!(!refused.says("A run would be refused: 2 customers").stderr.contains("declined"), "{refused}");
    import().exits(5).says("2 rows declined");
    assert_eq!(bench.ledger().states(), states([("created", 3), ("declined", 2), ("pending", 1)]));
    bench.import("other.csv").args(["--max-new", "1"]).exits(0);
}

#[test]
fn resume_refuses_too_many_before_anything_changes() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    bench.resume().args(["--max-new", "1"]).exits(5).says("2 customers would be created");
    bench.resume().args(["--dry-run", "--max-new", "1"]).exits(0).says("A run would be refused: 2 customers");
    bench.resume().exits(0);
}

/// The list that no longer has them was refused, or another list has them.
#[test]
fn rows_that_are_missing_in_a_list_that_does_not_count_wait() {
    let waiting = || {
        let bench = Bench::new();
        bench.file("customers.csv", customers_of(["one", "two", "three"]));
        bench.import("customers.csv").args(["--limit", "1"]).exits(5);
        bench
    };
    // A list that was refused as a whole declines nothing.
    let bench = waiting();
    bench.file("customers.csv", customers_of(["four", "five"]));
    bench.import("customers.csv").args(["--max-new", "1"]).exits(5);
    bench.resume().exits(5);
    assert_eq!(bench.ledger().states(), states([("created", 3), ("pending", 2)]));
    // A wrong file, which is refused as a whole.
    let bench = waiting();
    bench.file("customers.csv", customers_of(["four", "five"]));
    bench.import("customers.csv").args(["--max-new", "1"]).exits(5);
    bench.file("customers.csv", "");
    bench.import("customers.csv").exits(1);
    bench.file("customers.csv", format!("{HEADER}\n"));
    // An empty list creates nothing, and the next one brings the rows back.
    bench.import("customers.csv").exits(0).says("2 rows declined");
    assert_eq!(bench.creations().len(), 1);
    bench.file("customers.csv", customers_of(["one", "two", "three"]));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 3), ("declined", 2)]));
    // Another list contains it, before or in the same run, but not one of other rows, however often it comes.
    let bench = waiting();
    for _ in 0..2 {
        bench.file("more.csv", customers_of(["four"]));
        bench.import("more.csv").args(["--limit", "0"]).exits(5);
    }
    bench.file("other.csv", customers_of(["two"]));
    bench.import("other.csv").args(["--limit", "0"]).exits(5);
    bench.file("customers.csv", customers_of(["one"]));
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("created", 1), ("declined", 1), ("pending", 2)]));
    assert_eq!(bench.ledger().row("two").state, "pending");
    // Until that no longer contains it either.
    bench.file("other.csv", customers_of(["five"]));
    bench.import("other.csv").args(["--limit", "0"]).exits(5);
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 3), ("declined", 2)]));
    let bench = waiting();
    bench.file("customers.csv", customers_of(["one"]));
    bench.file("other.csv", customers_of(["three"]));
    bench.import("customers.csv").args(["other.csv"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 2), ("declined", 1)]));
    assert!(bench.ledger().row("three").state == "created");
}
