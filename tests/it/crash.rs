//! Programs that end at the worst moment: killed at named points and at random ones, interrupted once and twice.
//!
//! Whatever happened, going on has to end with journal and ledger in agreement: no row lost, none created twice, no
//! creation unrecorded.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tenantry_simulator::{Fault, Hold, HoldPoint, Operation, Scenario, SeededFault};

use crate::harness::{Bench, Running, customers, domain, full, states};

/// Kills of each random test where `TENANTRY_TEST_KILLS` does not say otherwise.
const KILLS: usize = 8;

pub(crate) fn kills() -> usize {
    std::env::var("TENANTRY_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// A generator whose seed is told, and can be given back in `TENANTRY_TEST_SEED`.
pub(crate) fn rng() -> StdRng {
    let seed =
        std::env::var("TENANTRY_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("TENANTRY_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Kills the program while the create of the third of six rows stands at `at`, then goes on.
fn killed_at(at: HoldPoint) {
    let bench = Bench::new();
    bench.file("customers.csv", customers(6));
    bench.simulator().hold(Hold { at, domain: Some(full(&domain(3))) });
    let running = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    running.kill();
    bench.simulator().release();
    bench.agree_so_far();
    bench.resume().exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 6)]));
    bench.agree();
}

#[test]
fn killed_when_the_service_has_the_request() {
    killed_at(HoldPoint::Received);
}

#[test]
fn killed_when_the_customer_exists() {
    killed_at(HoldPoint::Created);
}

#[test]
fn killed_when_half_of_the_answer_is_here() {
    killed_at(HoldPoint::HalfAnswered);
}

#[test]
fn killed_and_the_service_still_at_work_when_the_next_run_asks() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let running = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    running.kill();
    // The first create is not released before the repeat has been answered.
    bench.resume().exits(0);
    bench.simulator().release();
    bench.agree();
}

/// Waits for a random moment, then kills; says whether the program had ended before.
fn kill_within(mut running: Running, moment: Duration) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < moment && !running.has_ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill().code
}

/// A service that is quick, now and then wrong, and slow enough to be killed in the middle of.
pub(crate) fn lively(seed: u64) -> Scenario {
    let faults = [
        Fault::DropAfter,
        Fault::RefuseBefore,
        Fault::Truncated,
        Fault::StatusAfter { status: 504 },
        Fault::WithoutId,
    ];
    let strikes = |fault| SeededFault { fault, operation: Some(Operation::Create), probability: 0.01 };
    Scenario {
        seed,
        latency: (Duration::from_millis(5), Duration::from_millis(60)),
        faults: faults.into_iter().map(strikes).collect(),
        ..Scenario::default()
    }
}

#[test]
fn killed_at_random_moments_of_a_submission() {
    let mut rng = rng();
    let mut left = kills();
    while left > 0 {
        let bench = Bench::with(lively(rng.random()));
        bench.file("customers.csv", customers(200));
        loop {
            // Import and resume both have to be able to go on.
            let command = if rng.random() { bench.import("customers.csv") } else { bench.resume() };
            let command = if bench.has_ledger() { command } else { bench.import("customers.csv") };
            let running = command.args(["--concurrency", "16"]).spawn();
            if left == 0 {
                let done = running.wait();
                assert!(matches!(done.code, Some(0 | 5)), "{done}");
                break;
            }
            left -= 1;
            if kill_within(running, Duration::from_millis(rng.random_range(0..900))) == Some(0) {
                break;
            }
            if bench.has_ledger() && left.is_multiple_of(4) {
                // The kill may have come after the last row was settled, right before the end.
                let looked = bench.resume().args(["--limit", "0"]).run();
                assert!(matches!(looked.code, Some(0 | 5)), "{looked}");
                bench.agree_so_far();
            }
        }
        bench.import("customers.csv").exits(0);
        bench.agree();
        assert_eq!(bench.creations().len(), 200);
    }
}

#[test]
fn killed_at_random_moments_of_an_intake() {
    const ROWS: usize = 20_000;
    let mut rng = rng();
    let bench = Bench::new();
    bench.file("customers.csv", customers(ROWS));
    for _ in 0..kills() {
        let running = bench.import("customers.csv").args(["--limit", "0"]).spawn();
        kill_within(running, Duration::from_millis(rng.random_range(0..1500)));
    }
    bench.import("customers.csv").args(["--limit", "0"]).exits(5);
    assert_eq!(bench.ledger().states(), states([("pending", ROWS)]));
    assert_eq!(bench.simulator().requests().len(), 0, "something was sent before the file was read");
    bench.agree_so_far();
}

#[test]
fn rows_of_a_file_that_was_not_read_to_its_end_are_held_back() {
    let bench = Bench::new();
    let mut content = customers(3000);
    content.push_str("\"this quote is never closed\n");
    bench.file("customers.csv", content);
    let done = bench.import("customers.csv").run();
    assert!(matches!(done.code, Some(1 | 5)), "{done}");
    let done = bench.resume().exits(5);
    done.says("was not read to its end");
    assert_eq!(bench.simulator().requests().len(), 0);
    bench.file("customers.csv", customers(3000));
    bench.import("customers.csv").args(["--limit", "10"]).exits(5);
    assert_eq!(bench.creations().len(), 10);
    bench.agree_so_far();
}

#[test]
fn another_file_does_not_hide_the_one_that_was_not_read_to_its_end() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1500) + "\"this quote is never closed\n");
    bench.import("customers.csv").run();
    bench.file("tomorrow.csv", customers(2));
    let done = bench.import("tomorrow.csv").exits(5);
    assert_eq!(bench.creations().len(), 2);
    // What is left waits for the first file, and no `resume` will ever send it.
    done.says("`customers.csv` was not read to its end");
    assert!(!done.stdout.contains("Next: tenantry resume"), "{done}");
    bench.agree_so_far();
}

mod signals {
    //! Ctrl-C and SIGTERM, and what Windows has in place of them, once and twice.

    use super::*;
    use crate::harness::{SIGNALS, each_at_once, eventually, signals_that_come_twice};

    /// A run of six rows that stands still at the third of them, with one slot.
    fn standing_still() -> (Bench, Running) {
        let bench = Bench::new();
        bench.file("customers.csv", customers(6));
        let third = full(&domain(3));
        bench.simulator().hold(Hold { at: HoldPoint::Created, domain: Some(third) });
        let running = bench.import("customers.csv").args(["--concurrency", "1", "-v"]).spawn();
        bench.wait_until_held();
        (bench, running)
    }

    fn first_signal(name: &str, code: i32) {
        let (bench, mut running) = standing_still();
        running.signal(name);
        // It may not end while a request is in flight; that it was heard shows in nothing else that can be waited
        // for, so this looks a few times.
        for _ in 0..20 {
            assert!(!running.has_ended(), "it did not wait for what was in flight");
            std::thread::sleep(Duration::from_millis(5));
        }
        bench.simulator().release();
        let done = running.wait();
        assert_eq!(done.code, Some(code), "{done}");
        assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
        assert_eq!(bench.ledger().states(), states([("created", 3), ("pending", 3)]));
        bench.agree_so_far();
        bench.resume().exits(0);
        bench.agree();
    }

    #[test]
    fn the_first_signal_lets_what_is_in_flight_finish() {
        each_at_once(SIGNALS, |&(name, code)| first_signal(name, code));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_lost_terminal_is_as_good_as_sigterm() {
        // Whoever started us with `nohup` means it for the program, too.
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
        if u64::from_str_radix(ignored, 16).unwrap() & 1 == 0 {
            first_signal("HUP", 143);
        }
    }

    fn second_signal(name: &str, code: i32) {
        let (bench, mut running) = standing_still();
        let begun = Instant::now();
        running.signal(name);
        // Two signals at once are one to the operating system, so the second is sent until it is heard.
        eventually("the second signal ends it", || {
            running.signal(name);
            std::thread::sleep(Duration::from_millis(20));
            running.has_ended()
        });
        let at_once = Duration::from_secs(if cfg!(windows) { 30 } else { 5 });
        assert!(begun.elapsed() < at_once, "at once, with a request in the air");
        let done = running.wait();
        assert_eq!(done.code, Some(code), "{done}");
        assert_eq!(
            bench.ledger().states(),
            states([("created", 2), ("in_flight", 1), ("pending", 3)]),
            "{done}"
        );
        bench.simulator().release();
        bench.resume().exits(0);
        bench.agree();
    }

    /// The answer is here, and the program busy with it, when it is told twice to leave.
    fn second_signal_while_it_stalls_at(point: &str) {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let import = bench.import("customers.csv").env("TENANTRY_STALL_AT", point);
        let import = import.env("TENANTRY_STALL_UNTIL", bench.path("goes_on"));
        let running = import.args(["--concurrency", "1"]).spawn();
        eventually("it stalls", || running.stderr().contains("stopped at a fail point"));
        for _ in 0..2 {
            running.signal("INT");
            std::thread::sleep(Duration::from_millis(20));
        }
        bench.file("goes_on", "");
        let done = running.wait();
        assert_eq!(done.code, Some(130), "{done}");
        let row = bench.ledger().row(&domain(1));
        assert!(row.state == "created" && row.has_credentials, "{row:?} {done}");
        bench.agree();
    }

    #[test]
    fn an_answer_that_is_being_sealed_is_recorded_before_the_second_signal_ends_it() {
        second_signal_while_it_stalls_at("sealed");
    }

    #[test]
    fn an_answer_that_waits_to_be_recorded_is_recorded_before_the_second_signal_ends_it() {
        second_signal_while_it_stalls_at("recording");
    }

    #[test]
    fn the_second_signal_leaves_at_once() {
        each_at_once(signals_that_come_twice(), |&(name, code)| second_signal(name, code));
    }

    #[test]
    fn an_intake_that_is_interrupted_sends_nothing() {
        let bench = Bench::new();
        bench.file("customers.csv", customers(60_000));
        let running = bench.import("customers.csv").spawn();
        // The reading has begun when its source stands in the ledger.
        eventually("rows are read", || {
            bench.ledger_path().exists() && rows_so_far(&bench).is_some_and(|rows| rows > 0)
        });
        running.signal("INT");
        let done = running.wait();
        assert_eq!(done.code, Some(130), "{done}");
        assert_eq!(bench.simulator().requests().len(), 0);
        let done = bench.resume().exits(5);
        done.says("was not read to its end");
        bench.import("customers.csv").args(["--limit", "0"]).exits(5);
        assert_eq!(bench.ledger().states(), states([("pending", 60_000)]));
        bench.agree_so_far();
    }

    fn rows_so_far(bench: &Bench) -> Option<i64> {
        let connection = rusqlite::Connection::open_with_flags(
            bench.ledger_path(),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        connection.ok()?.query_row("SELECT count(*) FROM customer_rows", [], |row| row.get(0)).ok()
    }

    #[test]
    fn a_second_process_is_told_who_works_on_the_ledger() {
        let (bench, running) = standing_still();
        let second = bench.resume().exits(11);
        second.says(&format!("in use by another process (pid {})", running.pid()));
        let status = bench.tenantry(["status", "--json"]).exits(0).json();
        assert_eq!(status["rows"]["created"], 2);
        assert_eq!(status["rows"]["in_flight"], 1);
        bench.tenantry(["show", &domain(3)]).exits(0);
        bench.tenantry(["export", "all"]).exits(0);
        bench.simulator().release();
        let done = running.wait();
        assert_eq!(done.code, Some(0), "{done}");
        bench.agree();
    }

    /// Two names of one ledger must meet at one lock: a second process under the other name sent rows twice.
    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_to_the_ledger_is_the_same_ledger() {
        let (bench, running) = standing_still();
        let link = bench.path("link.db");
        std::os::unix::fs::symlink(bench.path("ledger.db"), &link).unwrap();
        let second = bench.tenantry(["resume", "--ledger", link.to_str().unwrap()]);
        second.exits(11).says(&format!("in use by another process (pid {})", running.pid()));
        bench.simulator().release();
        let done = running.wait();
        assert_eq!(done.code, Some(0), "{done}");
        bench.agree();
    }

    #[test]
    fn a_lock_dies_with_its_process() {
        let (bench, running) = standing_still();
        running.kill();
        bench.simulator().release();
        bench.resume().exits(0);
        bench.agree();
    }
}

#[test]
fn a_row_of_a_half_read_file_is_given_back_in_the_columns_of_the_file_that_was_read() {
    let bench = Bench::new();
    bench.file("half.csv", customers(1500) + "\"never closed,");
    bench.import("half.csv").exits(1);
    let turned: String = customers(1500)
        .lines()
        .map(|line| {
            let (company, rest) = line.split_once(',').unwrap();
            format!("{rest},{company}\n")
        })
        .collect();
    bench.file("whole.csv", &turned);
    bench.import("whole.csv").exits(0);
    let exported = bench.tenantry(["export", "created"]).exits(0).stdout;
    let mut reader = csv::Reader::from_reader(exported.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|it| it == name).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        assert!(record[place("domain")].starts_with("harborline"), "{record:?}");
        assert!(record[place("company_name")].starts_with("Harborline "), "{record:?}");
    }
}
