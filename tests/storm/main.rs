//! A storm: the whole program, from its arguments to its exit code, over a simulated disk, service and clock, in one
//! process. It is killed at any moment, the machine loses power, the disk fills up and fails, the service fails in every way
//! that the simulator knows, and the clock is set; after every life `tenantry-oracle` judges.
//!
//! The real program ends at four places: SQLite's file system ([`disk`]), the sending of a request ([`service`]), the
//! clock and chance ([`world`]), and the threads for the ledger, in whose place are tasks. A [`plan`] says what happens.
//!
//! ```text
//! cargo test -p tenantry-storm                                                    some fixed seeds
//! TENANTRY_STORM_SEEDS=0..100000 cargo test --profile dist -p tenantry-storm storm -- --nocapture    many
//! ```
//!
//! A plan that fails is made as simple as possible, and printed. Kept in `plans`, it is a test.

// The file system of Windows is not simulated.
#![cfg(unix)]

mod disk;
mod plan;
mod sabotage;
mod service;
mod world;

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use plan::Plan;
use tempfile::TempDir;
use world::Tally;

/// Played by `cargo test`.
const FIXED: Range<u64> = 0..24;

/// Worlds of one process, which keeps a handle to every ledger that it had.
const WORLDS_OF_A_PROCESS: u64 = 100;

/// A world that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a simpler plan is tried before it counts as one that does not fail: threads read lists, and chance is left to
/// them.
const TRIES: usize = 3;

const PLANS: &str = "TENANTRY_STORM_PLANS";
const SABOTAGE: &str = "TENANTRY_STORM_SABOTAGE";
const REPORT: &str = "TENANTRY_STORM_REPORT";

/// Which plans a process plays.
#[derive(Debug, Clone)]
enum Plans {
    Seeds(Range<u64>),
    File(PathBuf),
}

fn range(text: &str) -> Range<u64> {
    let (from, to) = text.split_once("..").expect("seeds are written as 0..100");
    from.parse().expect("a number")..to.parse().expect("a number")
}

/// In memory, where the machine has a file system there: the disk is simulated anyway.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a folder")
}

/// A process with a world of its own.
fn start(plans: &Plans, sabotage: Option<&str>, report: &Path, folder: &Path) -> Child {
    let plans = match plans {
        Plans::Seeds(seeds) => format!("{}..{}", seeds.start, seeds.end),
        Plans::File(file) => file.display().to_string(),
    };
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENANTRY_")
            || name.to_string_lossy().to_lowercase().ends_with("_proxy")
        {
            command.env_remove(name);
        }
    }
    // One file, opened once: what each stream says is put after what the other has said.
    let output = std::fs::File::create(folder.join("output")).expect("there is room");
    std::fs::create_dir_all(folder.join("world")).expect("there is room");
    command
        .args(["--exact", "world_of_a_process", "--ignored", "--nocapture", "--test-threads", "1"])
        .current_dir(folder.join("world"))
        .env(PLANS, plans)
        .env(REPORT, report)
        .envs(sabotage.map(|name| (SABOTAGE, name)))
        .env("HOME", folder)
        .env("TENANTRY_CONFIG_DIR", folder.join("config"))
        .env("TENANTRY_CACHE_DIR", folder.join("cache"))
        .env("TENANTRY_IDENTITY", folder.join("identity.txt"))
        .env("TENANTRY_API_URL", "http://127.0.0.1:9")
        .env("TENANTRY_AUTHORITY_URL", "http://127.0.0.1:9")
        .env("TENANTRY_TENANT_ID", "7b0d7a36-2f0a-4b1e-9a57-4e1c4d2b9f10")
        .env("TENANTRY_CLIENT_ID", "0d5f3c1e-8a42-4f7b-b6a9-3c2e1f0a9b87")
        .env("TMPDIR", folder)
        .env("TENANTRY_KEY_STORE", "file")
        .env("TENANTRY_RATE", "unlimited")
        .env("TENANTRY_YES", "true")
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a handle"))
        .stderr(output);
    command.spawn().expect("it starts")
}

/// What a process reports, one word and its values on a line.
#[derive(Debug, Default)]
struct Report {
    tally: Tally,
    begun: Option<String>,
    failure: Option<String>,
    is_done: bool,
}

impl Report {
    fn read(file: &Path) -> Report {
        let mut report = Report::default();
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut numbers = rest.split(' ').map(|it| it.parse().unwrap_or_default());
            let mut next = || numbers.next().unwrap_or_default();
            match word {
                "begun" => report.begun = Some(rest.to_owned()),
                "tally" => {
                    report.tally = Tally {
                        worlds: next(),
                        lives: next(),
                        kills: next(),
                        power_cuts: next(),
                        disk_faults: next(),
                        answers: next(),
                    };
                }
                "done" => report.is_done = true,
                "failed" => {
                    let rest: Vec<&str> = text.lines().skip(index).collect();
                    report.failure = Some(rest.join("\n"));
                    break;
                }
                _ => {}
            }
        }
        report
    }
}

/// Plays plans in a process of their own. `Err`: what failed, and the plan.
fn play(plans: &Plans, sabotage: Option<&str>) -> Result<Tally, String> {
    let folder = folder();
    let report = folder.path().join("report");
    let mut child = start(plans, sabotage, &report, folder.path());
    let (mut seen, mut since) = (None, Instant::now());
    loop {
        if child.try_wait().expect("it is our child").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        let length = std::fs::metadata(&report).map_or(0, |it| it.len());
        if seen != Some(length) {
            (seen, since) = (Some(length), Instant::now());
        } else if since.elapsed() > PATIENCE {
            drop(child.kill());
            drop(child.wait());
            return Err(format!("it hangs: {:?}", Report::read(&report).begun));
        }
    }
    let read = Report::read(&report);
    match read.failure {
        Some(failure) => Err(failure),
        None if read.is_done => Ok(read.tally),
        None => {
            let output = std::fs::read_to_string(folder.path().join("output")).unwrap_or_default();
            Err(format!("it ended: {:?}\n{output}", read.begun))
        }
    }
}

fn storm_over(seeds: Range<u64>) -> Tally {
    let next = AtomicU64::new(seeds.start);
    let worlds = WORLDS_OF_A_PROCESS.min((seeds.end - seeds.start).div_ceil(2).max(1));
    let processes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let begun = Instant::now();
    let all = std::sync::Mutex::new((Tally::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..processes {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(worlds, Ordering::Relaxed);
                    if from >= seeds.end {
                        return;
                    }
                    let played = play(&Plans::Seeds(from..(from + worlds).min(seeds.end)), None);
                    let mut all = all.lock().expect("nothing panics here");
                    match played {
                        Ok(tally) => all.0 = all.0.plus(tally),
                        Err(failure) => {
                            eprintln!("{failure}\n");
                            all.1.push(failure);
                        }
                    }
                }
            });
        }
    });
    let (tally, failures) = all.into_inner().expect("nothing panics here");
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = tally.lives as f64 / seconds;
    eprintln!("{tally:?} in {seconds:.1} s: {rate:.0} lives a second");
    assert!(failures.is_empty(), "{} failures, the first: {}", failures.len(), failures[0]);
    tally
}

impl Tally {
    fn plus(self, other: Tally) -> Tally {
        Tally {
            worlds: self.worlds + other.worlds,
            lives: self.lives + other.lives,
            kills: self.kills + other.kills,
            power_cuts: self.power_cuts + other.power_cuts,
            disk_faults: self.disk_faults + other.disk_faults,
            answers: self.answers + other.answers,
        }
    }
}

#[test]
fn storm() {
    let seeds = std::env::var("TENANTRY_STORM_SEEDS").map_or(FIXED, |text| range(&text));
    let is_enough = seeds.end - seeds.start >= FIXED.end - FIXED.start;
    let tally = storm_over(seeds);
    let has_all = tally.kills > 0 && tally.power_cuts > 0 && tally.disk_faults > 0 && tally.answers > 0;
    assert!(has_all || !is_enough, "{tally:?}");
}

/// Plans that failed once.
#[test]
fn kept_plans() {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let plans = std::fs::read_dir(plans).expect("the folder is there");
    let files: Vec<PathBuf> = plans.map(|entry| entry.expect("it can be read").path()).collect();
    assert!(!files.is_empty(), "no plan is kept");
    for file in files {
        if let Err(failure) = play(&Plans::File(file.clone()), None) {
            panic!("{}: {failure}", file.display());
        }
    }
}

#[test]
fn every_broken_promise_is_noticed() {
    const SEEDS: Range<u64> = 0..60;
    std::thread::scope(|scope| {
        for sabotage in sabotage::ALL {
            scope.spawn(move || {
                let sabotage::Sabotage { name, said, .. } = sabotage;
                let failure = play(&Plans::Seeds(SEEDS), Some(name)).expect_err(name);
                let first = failure.lines().next().unwrap_or_default();
                eprintln!("{name}: {first}");
                assert!(said.iter().any(|it| first.contains(it)), "{name}: {failure}");
            });
        }
    });
}

/// What [`start`] starts.
#[test]
#[ignore = "it is a part of the others"]
fn world_of_a_process() {
    let (Ok(plans), Some(report)) = (std::env::var(PLANS), std::env::var_os(REPORT)) else { return };
    let mut report = std::fs::File::create(report).expect("there is room");
    let folder = std::env::current_dir().expect("there is one");
    let sabotage = std::env::var(SABOTAGE).ok().map(|name| sabotage::named(&name));
    world::enter();
    let plans: Vec<(String, Plan)> = if plans.contains("..") {
        range(&plans).map(|seed| (format!("seed {seed}"), Plan::draw(seed))).collect()
    } else {
        let text = std::fs::read_to_string(&plans).expect("it can be read");
        vec![(plans, serde_json::from_str(&text).expect("it is a plan"))]
    };
    let mut tally = Tally::default();
    for (name, plan) in plans {
        writeln!(report, "begun {name}").expect("there is room");
        let (lived, played) = world::play(&plan, &folder, sabotage);
        tally = tally.plus(lived);
        if let Err(failure) = played {
            let (plan, failure, tried) = match sabotage {
                None => simplest(plan, failure, &folder),
                Some(_) => (plan, failure, 0),
            };
            let text = serde_json::to_string_pretty(&plan).expect("it can be written");
            let world::Failure { life, broken } = failure;
            writeln!(
                report,
                "failed {name}, after life {life}: {broken}\n{tried} simpler plans were tried\n{text}"
            )
            .expect("there is room");
            return;
        }
        let Tally { worlds, lives, kills, power_cuts, disk_faults, answers } = tally;
        writeln!(report, "tally {worlds} {lives} {kills} {power_cuts} {disk_faults} {answers}")
            .expect("there is room");
    }
    writeln!(report, "done").expect("there is room");
}

/// The simplest plan near this one that still fails in the same way.
fn simplest(mut plan: Plan, mut failure: world::Failure, folder: &Path) -> (Plan, world::Failure, u64) {
    const WITHIN: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    let mut tried = 0;
    'simpler: loop {
        for candidate in plan.simpler() {
            for _ in 0..TRIES {
                if begun.elapsed() > WITHIN {
                    return (plan, failure, tried);
                }
                tried += 1;
                if let (_, Err(still)) = world::play(&candidate, folder, None)
                    && still.words() == failure.words()
                {
                    (plan, failure) = (candidate, still);
                    continue 'simpler;
                }
            }
        }
        return (plan, failure, tried);
    }
}
