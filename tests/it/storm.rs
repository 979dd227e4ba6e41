//! Drawn lives: any sequence of commands, surroundings, answers and ends leads to ledger and journal in agreement.
//!
//! A plan is drawn from a seed. Each of its lives is a command in its [`surroundings`], which may be signalled or killed.
//! After each life the two agree as far as things have come, and in the end all is settled. A plan that fails is made as
//! short as it can be, and printed with its seed. `TENANTRY_STORM_MINUTES=120 cargo test --test it storm -- --nocapture`
//! draws for two hours, from `TENANTRY_TEST_SEED` or another seed each time.

#[cfg(unix)]
mod surroundings;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestCaseResult, TestError, TestRng, TestRunner};
use tenantry_simulator::{Fault, Named, Operation};

use crate::harness::{Bench, Call, Done, Running, customers, domain, each_at_once};

const ROWS: usize = 5;

/// The list that comes in the middle has a row more than the first.
const LONGER: usize = ROWS + 1;

/// Goes on so often at most. Every run either ends the work or uses up faults, of which there are few.
const RUNS_AT_MOST: usize = 20;

/// Plans that `cargo test` plays.
const SEEDS: std::ops::Range<u64> = 0..8;

#[derive(Debug, Clone)]
struct Plan {
    strikes: Vec<Strike>,
    lives: Vec<Life>,
}

#[derive(Debug, Clone, Copy)]
struct Strike {
    fault: Fault,
    operation: Operation,
    row: usize,
    count: u32,
}

#[derive(Debug, Clone)]
struct Life {
    command: LifeCommand,
    #[cfg(unix)]
    surroundings: Vec<surroundings::Surrounding>,
    /// A second program is started on the same ledger.
    has_company: bool,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum LifeCommand {
    Import,
    ImportLonger,
    Resume,
    Retry,
    Reconcile,
    Check,
    Backup,
}

/// How a life ends. Times are in milliseconds, from the one before.
#[derive(Debug, Clone)]
enum End {
    ByItself,
    Kill(u64),
    Signals(Vec<(&'static str, u64)>),
}

fn on_create() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::RefuseBefore,
        Fault::DropAfter,
        Fault::StatusBefore { status: 500 },
        Fault::StatusAfter { status: 504 },
        Fault::StatusAfter { status: 408 },
        Fault::Truncated,
        Fault::HtmlBefore,
        Fault::HtmlAfter,
        Fault::InvalidJson,
        Fault::WithoutId,
        Fault::AnotherCustomer { names: Named::Theirs },
        Fault::Accepted,
        Fault::StalledAfter,
        Fault::ByteOrderMark,
        Fault::Redirect,
        Fault::Unauthorized,
        Fault::Throttled { retry_after_s: 1 },
    ])
}

fn on_question() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::RefuseBefore,
        Fault::StatusBefore { status: 503 },
        Fault::HtmlBefore,
        Fault::Truncated,
        Fault::InvalidJson,
        Fault::Unauthorized,
        Fault::Throttled { retry_after_s: 1 },
    ])
}

fn strike() -> impl Strategy<Value = Strike> {
    let fault = prop_oneof![
        3 => on_create().prop_map(|fault| (fault, Operation::Create)),
        1 => on_question().prop_map(|fault| (fault, Operation::Search)),
        1 => on_question().prop_map(|fault| (fault, Operation::Domain)),
    ];
    (fault, 1..=LONGER, 1..=2u32).prop_map(|((fault, operation), row, count)| Strike {
        fault,
        operation,
        row,
        count,
    })
}

fn end() -> impl Strategy<Value = End> {
    // SIGSTOP and SIGHUP are of Unix alone. What stands still is woken before it is waited for.
    let names = if cfg!(unix) { vec!["INT", "TERM", "HUP", "STOP"] } else { vec!["INT"] };
    let signal = (prop::sample::select(names), 1..600u64);
    prop_oneof![
        2 => Just(End::ByItself),
        2 => (20..900u64).prop_map(End::Kill),
        2 => prop::collection::vec(signal, 1..4).prop_map(End::Signals),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    use LifeCommand as C;
    let command = prop_oneof![
        4 => Just(C::Import),
        4 => Just(C::Resume),
        1 => Just(C::ImportLonger),
        1 => Just(C::Retry),
        1 => Just(C::Reconcile),
        1 => Just(C::Check),
        1 => Just(C::Backup),
    ];
    let life = (command, prop::bool::weighted(0.1), end());
    #[cfg(unix)]
    let life = (life, prop::collection::vec(surroundings::surrounding(), 0..4)).prop_map(
        |((command, has_company, end), surroundings)| Life { command, surroundings, has_company, end },
    );
    #[cfg(not(unix))]
    let life = life.prop_map(|(command, has_company, end)| Life { command, has_company, end });
    life
}

fn plan() -> impl Strategy<Value = Plan> {
    (prop::collection::vec(strike(), 0..6), prop::collection::vec(life(), 0..6))
        .prop_map(|(strikes, lives)| Plan { strikes, lives })
}

impl LifeCommand {
    fn call(self, bench: &Bench) -> Call<'_> {
        let arguments: &[&str] = match self {
            LifeCommand::Import => &["import", "customers.csv"],
            LifeCommand::ImportLonger => &["import", "longer.csv"],
            LifeCommand::Resume => &["resume"],
            LifeCommand::Retry => &["retry", "--all"],
            LifeCommand::Reconcile => &["reconcile"],
            LifeCommand::Check => return bench.tenantry(["check", "customers.csv"]),
            LifeCommand::Backup => return bench.tenantry(["backup", "copy.db", "--force"]),
        };
        working(bench, arguments)
    }
}

/// A command that works on rows.
fn working<'a>(bench: &'a Bench, arguments: &[&str]) -> Call<'a> {
    let limits = ["--max-attempts", "2", "--timeout", "2s", "--max-outage", "5s"];
    bench.tenantry(arguments.iter().chain(&limits)).with_app()
}

impl Life {
    #[cfg(unix)]
    fn start(&self, bench: &Bench) -> Started {
        surroundings::start(self.command.call(bench), &self.surroundings, bench)
    }

    #[cfg(not(unix))]
    fn start(&self, bench: &Bench) -> Started {
        Started { running: self.command.call(bench).spawn(), readers: Vec::new() }
    }

    fn is_undisturbed(&self) -> bool {
        #[cfg(unix)]
        let has_surroundings = !self.surroundings.is_empty();
        #[cfg(not(unix))]
        let has_surroundings = false;
        !has_surroundings && !self.has_company && matches!(self.end, End::ByItself)
    }

    fn live(&self, bench: &Bench) -> TestCaseResult {
        let started = self.start(bench);
        let company = self.has_company.then(|| working(bench, &["import", "customers.csv"]).spawn());
        let done = self.end_of(started);
        #[cfg(unix)]
        surroundings::set_mode(bench, surroundings::PRIVATE);
        for done in company.map(Running::wait).iter().chain([&done]) {
            prop_assert!(!done.stderr.contains("a bug in tenantry"), "{done}");
            // None of the contract's, or killed.
            let codes = [0, 1, 2, 3, 4, 5, 6, 11, 130, 143];
            prop_assert!(done.code.is_none_or(|code| codes.contains(&code)), "{done}");
        }
        if self.is_undisturbed() && !matches!(self.command, LifeCommand::Backup) {
            // A command without a ledger to work on fails.
            let is_right = match done.code {
                Some(0 | 3 | 4 | 5 | 6) => true,
                Some(1 | 2) => !matches!(self.command, LifeCommand::Import | LifeCommand::ImportLonger),
                _ => false,
            };
            prop_assert!(is_right, "{done}");
        }
        Ok(())
    }

    fn end_of(&self, started: Started) -> Done {
        let Started { mut running, readers } = started;
        let wait = |running: &mut Running, milliseconds: u64| {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(milliseconds) && !running.has_ended() {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        match &self.end {
            // A result is not thrown away while somebody may still read it.
            End::ByItself => {
                wait(&mut running, 1000);
                drop(readers);
            }
            End::Kill(moment) => {
                wait(&mut running, *moment);
                return running.kill();
            }
            End::Signals(signals) => {
                for (signal, moment) in signals {
                    wait(&mut running, *moment);
                    if !running.has_ended() {
                        running.signal(signal);
                    }
                }
                #[cfg(unix)]
                if !running.has_ended() {
                    running.signal("CONT");
                    // Where INT and HUP are ignored from the start, as under `nohup`, an early one is lost.
                    wait(&mut running, 5000);
                    if !running.has_ended() {
                        running.signal("TERM");
                    }
                }
            }
        }
        running.wait()
    }
}

/// A command under way, and the other ends of its pipes.
struct Started {
    running: Running,
    readers: Vec<std::io::PipeReader>,
}

impl Plan {
    fn holds(&self) -> TestCaseResult {
        let bench = Bench::new();
        bench.file("customers.csv", customers(ROWS));
        bench.file("longer.csv", customers(LONGER));
        for strike in &self.strikes {
            bench.fault(strike.operation, &domain(strike.row), strike.fault, strike.count);
        }
        for life in &self.lives {
            life.live(&bench)?;
            LIVES.fetch_add(1, Ordering::Relaxed);
        }
        // The file again, because a kill may have come before it was read.
        // What is in flight is brought to its end, so that a stalled answer is waited for.
        working(&bench, &["import", "longer.csv", "--limit", "0"]).run();
        bench.agree_so_far();
        let mut done = working(&bench, &["resume"]).run();
        for _ in 0..RUNS_AT_MOST {
            if !matches!(done.code, Some(4 | 5 | 130)) {
                break;
            }
            done = working(&bench, &["resume"]).run();
        }
        prop_assert!(matches!(done.code, Some(0 | 6)), "{done}: {:#?}", bench.ledger().rows());
        bench.agree();
        // Asking settles what no answer had settled, and after that nothing is left to doubt.
        if done.code == Some(6) {
            working(&bench, &["reconcile"]).run();
            working(&bench, &["resume"]).exits(0);
            bench.agree();
        }
        Ok(())
    }
}

/// How many lives have been lived.
static LIVES: AtomicU64 = AtomicU64::new(0);

/// Draws the plan of a seed and plays it.
fn play(seed: u64) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        ProptestConfig { cases: 1, max_shrink_iters: 40, failure_persistence: None, ..Default::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    // What fails by a panic of the harness is shortened as well.
    let held = runner.run(&plan(), |plan| {
        let played = std::panic::catch_unwind(|| plan.holds());
        played.unwrap_or_else(|_| Err(TestCaseError::fail("see the panic above")))
    });
    match held {
        Ok(()) => {}
        Err(TestError::Fail(why, plan)) => {
            panic!("seed {seed}: {why}\nthe shortest plan that fails: {plan:#?}")
        }
        Err(why) => panic!("seed {seed}: {why}"),
    }
}

#[test]
fn any_sequence_of_answers_and_restarts_ends_in_agreement() {
    let begun = Instant::now();
    let minutes = std::env::var("TENANTRY_STORM_MINUTES").ok().map(|it| it.parse::<u64>().unwrap());
    match minutes {
        None => each_at_once(SEEDS, play),
        Some(minutes) => {
            let given = std::env::var("TENANTRY_TEST_SEED").ok().map(|it| it.parse::<u64>().unwrap());
            let first = given.unwrap_or_else(|| u64::from(std::process::id()) << 32);
            let is_time = |_: &u64| begun.elapsed() < Duration::from_secs(minutes * 60);
            each_at_once((first..).take_while(is_time), play);
        }
    }
    eprintln!("{} lives in {:?}", LIVES.load(Ordering::Relaxed), begun.elapsed());
}
