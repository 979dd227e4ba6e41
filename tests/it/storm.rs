//! Drawn lives: any sequence of commands, surroundings, answers and ends leads to ledger and journal in agreement.
//!
//! A plan is drawn from a seed. Each of its lives is a command in its [`surroundings`], which may be signalled or killed.
//! After each life nothing final has changed, and in the end all is settled. A plan that fails is made as
//! short as it can be, and printed with its seed. `TENANTRY_STORM_MINUTES=120 cargo test --test it storm -- --nocapture`
//! draws for two hours, from `TENANTRY_TEST_SEED` or another seed each time.

#[cfg(unix)]
mod disk;
mod old_ledger;
#[cfg(unix)]
mod places;
#[cfg(unix)]
mod proxies;
#[cfg(unix)]
mod surroundings;
#[cfg(unix)]
mod terminals;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestCaseResult, TestError, TestRng, TestRunner};
use tenantry_oracle::life::follows;
use tenantry_simulator::{Fault, Named, Operation};

use crate::harness::{Call, Done, Running, domain, each_at_once};
use crate::middlebox::Gate;
use world::World;

const ROWS: usize = 5;

/// The list that comes in the middle has a row more than the first.
const LONGER: usize = ROWS + 1;

/// Goes on so often at most. Every run either ends the work or uses up faults, of which there are few.
const RUNS_AT_MOST: usize = 20;

/// Plans that `cargo test` plays.
const SEEDS: std::ops::Range<u64> = 0..8;

#[derive(Debug, Clone)]
struct Plan {
    /// It begins with a ledger of this released schema, or with none.
    old_schema: Option<usize>,
    is_behind_a_proxy: bool,
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
    let old_schema = prop::option::weighted(0.4, 1..old_ledger::scripts().len());
    let strikes = prop::collection::vec(strike(), 0..6);
    let lives = prop::collection::vec(life(), 0..6);
    (old_schema, prop::bool::weighted(0.3), strikes, lives).prop_map(
        |(old_schema, is_behind_a_proxy, strikes, lives)| Plan {
            old_schema,
            is_behind_a_proxy,
            strikes,
            lives,
        },
    )
}

impl LifeCommand {
    fn call(self, world: &World) -> Call<'_> {
        let arguments: &[&str] = match self {
            LifeCommand::Import => &["import", "customers.csv"],
            LifeCommand::ImportLonger => &["import", "longer.csv"],
            LifeCommand::Resume => &["resume"],
            LifeCommand::Retry => &["retry", "--all"],
            LifeCommand::Reconcile => &["reconcile"],
            LifeCommand::Check => return world.bench.tenantry(["check", "customers.csv"]),
            LifeCommand::Backup => return world.bench.tenantry(["backup", "copy.db", "--force"]),
        };
        world.working(arguments)
    }
}

impl Life {
    #[cfg(unix)]
    fn start(&self, world: &World) -> Started {
        surroundings::start(self.command.call(world), &self.surroundings, world)
    }

    #[cfg(not(unix))]
    fn start(&self, world: &World) -> Started {
        Started { running: self.command.call(world).spawn(), held: Held::default() }
    }

    /// It works on rows, and may not.
    fn must_refuse(&self, world: &World) -> bool {
        #[cfg(unix)]
        let refuse = surroundings::refuse_work(&self.surroundings, &world.bench);
        #[cfg(not(unix))]
        let refuse = false;
        refuse && !matches!(self.command, LifeCommand::Check | LifeCommand::Backup)
    }

    /// By a signal, or for want of memory.
    fn may_be_killed(&self) -> bool {
        #[cfg(unix)]
        let may_be_killed = surroundings::may_kill(&self.surroundings);
        #[cfg(not(unix))]
        let may_be_killed = false;
        may_be_killed || !matches!(self.end, End::ByItself)
    }

    fn is_undisturbed(&self) -> bool {
        #[cfg(unix)]
        let has_surroundings = !self.surroundings.is_empty();
        #[cfg(not(unix))]
        let has_surroundings = false;
        !has_surroundings && !self.has_company && matches!(self.end, End::ByItself)
    }

    fn live(&self, world: &World) -> TestCaseResult {
        let must_refuse = self.must_refuse(world);
        let started = self.start(world);
        let company = self.has_company.then(|| world.working(&["import", "customers.csv"]).spawn());
        let done = self.end_of(started)?;
        let company = company.map(Running::wait);
        #[cfg(unix)]
        surroundings::put_back(world);
        for done in company.iter().chain([&done]) {
            prop_assert!(!done.stderr.contains("a bug in tenantry"), "{done}");
            let codes = [0, 1, 2, 3, 4, 5, 6, 11, 130, 143];
            prop_assert!(done.code.is_none_or(|code| codes.contains(&code)), "{done}");
        }
        let is_killed = done.code.is_none() && !self.may_be_killed();
        prop_assert!(!is_killed && company.is_none_or(|it| it.code.is_some()), "killed: {done}");
        prop_assert!(!must_refuse || !matches!(done.code, Some(0 | 3 | 6)), "not refused: {done}");
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

    fn end_of(&self, started: Started) -> Result<Done, TestCaseError> {
        let Held { users, readers, proxies, unused_proxies } = started.held;
        let mut done = self.ended(started.running, readers);
        done.stderr.extend(users.into_iter().map(|user| user.join().unwrap()));
        drop(proxies);
        for proxy in unused_proxies {
            prop_assert!(proxy.heard().is_empty(), "a proxy was used: {:?}, {done}", proxy.heard());
        }
        Ok(done)
    }

    fn ended(&self, mut running: Running, readers: Vec<Reader>) -> Done {
        let wait = |running: &mut Running, milliseconds: u64| {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(milliseconds) && !running.has_ended() {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        match &self.end {
            // A result is not thrown away while it may still be read.
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

/// A command under way.
struct Started {
    running: Running,
    held: Held,
}

/// What is held on to while a command is under way.
#[derive(Default)]
struct Held {
    /// Each says at the end what its terminal has shown.
    users: Vec<JoinHandle<String>>,
    /// The other ends of its outputs.
    readers: Vec<Reader>,
    proxies: Vec<Gate>,
    /// No connection may come to these.
    unused_proxies: Vec<Gate>,
}

#[cfg(unix)]
type Reader = std::os::fd::OwnedFd;
#[cfg(not(unix))]
type Reader = ();

impl Plan {
    /// One of its lives is on a disk without much room.
    fn has_disk(&self) -> bool {
        #[cfg(unix)]
        return self.lives.iter().any(|life| surroundings::need_disk(&life.surroundings));
        #[cfg(not(unix))]
        false
    }

    fn holds(&self) -> TestCaseResult {
        let world = World::new(self.is_behind_a_proxy, self.has_disk());
        let bench = &world.bench;
        for strike in &self.strikes {
            bench.fault(strike.operation, &domain(strike.row), strike.fault, strike.count);
        }
        if let Some(schema) = self.old_schema {
            old_ledger::make(bench, schema, world.working(&["import", "customers.csv"]));
        }
        let mut before = tenantry_oracle::Ledger::default();
        for life in &self.lives {
            life.live(&world)?;
            LIVES.fetch_add(1, Ordering::Relaxed);
            if let Some(now) = bench.ledger_if_readable() {
                follows(&before, &now).map_err(TestCaseError::fail)?;
                before = now;
            }
        }
        // The file again, because a kill may have come before it was read.
        // What is in flight is brought to its end, so that a stalled answer is waited for.
        world.working(&["import", "longer.csv", "--limit", "0"]).run();
        bench.agree_so_far();
        let is_kept = |schema| old_ledger::is_kept(bench, schema);
        prop_assert!(self.old_schema.is_none_or(is_kept), "no copy of the old ledger was kept");
        let mut done = world.working(&["resume"]).run();
        for _ in 0..RUNS_AT_MOST {
            if !matches!(done.code, Some(4 | 5 | 130)) {
                break;
            }
            done = world.working(&["resume"]).run();
        }
        prop_assert!(matches!(done.code, Some(0 | 6)), "{done}: {:#?}", bench.ledger().rows());
        bench.agree();
        // Asking settles what no answer had settled, and after that nothing is left to doubt.
        if done.code == Some(6) {
            world.working(&["reconcile"]).run();
            world.working(&["resume"]).exits(0);
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
