//! What happens to one ledger, one life of the program after the other: drawn from a seed, kept as a file.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tenantry_simulator::{Fault, Named, Operation};

/// A row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Makes it another one than all others; it is its `external_id`.
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    /// Content that no domain depends on.
    pub(crate) version: u32,
    pub(crate) has_agreement: bool,
}

/// What becomes of a row at the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Good,
    /// Its domain belongs to somebody else.
    Taken,
    /// It is our customer already.
    Ours,
    /// The service makes half of it and refuses it.
    HalfMade,
    Refused,
    /// It fails validation.
    Wrong,
}

impl Row {
    fn prefix(&self) -> String {
        let word = match self.kind {
            Kind::Good | Kind::Wrong => "harborline",
            Kind::Taken => "taken",
            Kind::Ours => "ours",
            Kind::HalfMade => "half-made",
            Kind::Refused => "refuse-400-600002-",
        };
        format!("{word}{:05}", self.number)
    }

    fn line(&self) -> String {
        let Row { number, version, .. } = self;
        let domain = self.prefix();
        let country = if self.kind == Kind::Wrong { "Nowhere" } else { "GB" };
        let agreement = match self.has_agreement {
            true => format!("Ana,Bell,ana@host{number}.example.com,,2026-02-01"),
            false => ",,,,".to_owned(),
        };
        format!(
            "Harborline {number} Ltd,{domain},accounts@host{number}.example.com,en-GB,en,Ana,Bell,{} High Street,Leeds,,\
             LS1 5HD,{country},x{number},{agreement}\n",
            version + 1
        )
    }
}

/// The list of these rows.
pub(crate) fn list(rows: &[Row]) -> String {
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,state,postal_code,\
                  country,external_id,agreement_first_name,agreement_last_name,agreement_email,agreement_phone,\
                  agreement_date\n";
    std::iter::once(header.to_owned()).chain(rows.iter().map(Row::line)).collect()
}

/// The service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) replays_passwords: bool,
    /// How long it knows a request id; 0: forever.
    pub(crate) memory_s: u64,
    pub(crate) visibility_s: u64,
    /// The longest way to the service and back.
    pub(crate) latency_ms: u64,
    /// The share of requests with a fault.
    pub(crate) fault_share: f64,
    pub(crate) faults: Vec<(Operation, ServiceFault)>,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum ServiceFault {
    /// There is no connection.
    NoConnection,
    Of(Fault),
}

/// One life of the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Life {
    /// The time since the life before.
    pub(crate) pause_s: u64,
    /// The wall clock is set meanwhile.
    pub(crate) clock_jump_s: i64,
    pub(crate) edit: Option<Edit>,
    pub(crate) command: Command,
    pub(crate) event: Option<Event>,
}

/// The list changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Edit {
    /// The row with this place gets a kind and a new number for its domain: it is corrected.
    Correct {
        place: usize,
        kind: Kind,
    },
    Change {
        place: usize,
    },
    Remove {
        place: usize,
    },
    Add {
        row: Row,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Command {
    Import(Vec<String>),
    Resume(Vec<String>),
    Retry(Vec<String>),
    Reconcile,
    /// All refused rows.
    Acknowledge,
    Discard,
    Forget,
    Backup,
    /// The newest backup is put in the ledger's place, and the list is imported with `--restored`.
    Restore,
    /// Imports the list into a ledger of somebody else at the same partner.
    Colleague,
}

/// What ends a life early, or disturbs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// At a change of the disk with this number.
    Disk { at: u64, what: DiskEvent },
    /// At a request with this number.
    Request { at: u64, phase: Phase, is_power_cut: bool },
    /// When the program has been woken this often.
    Woken { at: u64, is_power_cut: bool },
    /// Ctrl-C at these requests.
    Signals { first: u64, second: Option<u64> },
    /// The machine loses power right after the program has ended.
    PowerCutAfterEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DiskEvent {
    Kill,
    PowerCut,
    Fails,
    IsFull,
    IsBroken,
}

/// A moment in the way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It has been sent.
    OnItsWay,
    /// The service has done it.
    Done,
    /// The program has the answer.
    Answered,
}

/// All that happens in one world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What is drawn while it is played: latencies, the faults of single requests, what a power cut leaves.
    pub(crate) seed: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) service: Service,
    pub(crate) lives: Vec<Life>,
}

fn number(rng: &mut StdRng, most: u64) -> u64 {
    // As many small ones as large ones.
    let bits = rng.random_range(0..=most.ilog2());
    rng.random_range(1..=(2_u64 << bits).min(most))
}

fn kind(rng: &mut StdRng) -> Kind {
    match rng.random_range(0..20) {
        0 => Kind::Taken,
        1 => Kind::Ours,
        2 => Kind::HalfMade,
        3 => Kind::Refused,
        4 => Kind::Wrong,
        _ => Kind::Good,
    }
}

fn row(rng: &mut StdRng, number: u32) -> Row {
    Row { number, kind: kind(rng), version: 0, has_agreement: rng.random_ratio(1, 6) }
}

fn fault(rng: &mut StdRng, operation: Operation) -> ServiceFault {
    let shared = [
        Fault::RefuseBefore,
        Fault::DropAfter,
        Fault::StatusBefore { status: 503 },
        Fault::StatusAfter { status: 504 },
        Fault::StatusAfter { status: 408 },
        Fault::Truncated,
        Fault::HtmlBefore,
        Fault::HtmlAfter,
        Fault::InvalidJson,
        Fault::StalledBefore,
        Fault::StalledAfter,
        Fault::SlowBody,
        Fault::ByteOrderMark,
        Fault::Throttled { retry_after_s: 2 },
        Fault::BusyBefore { retry_after_s: 3 },
        Fault::Redirect,
        Fault::RefusedBefore { status: 403, code: 900_124 },
    ];
    let of_creates = [
        Fault::WithoutId,
        Fault::Accepted,
        Fault::AnotherCustomer { names: Named::Theirs },
        Fault::RefusedBefore { status: 409, code: 600_001 },
        Fault::RefusedBefore { status: 400, code: 600_051 },
    ];
    if rng.random_ratio(1, 12) {
        return ServiceFault::NoConnection;
    }
    let of_creates: &[Fault] = if operation == Operation::Create { &of_creates } else { &[] };
    let all: Vec<Fault> = shared.iter().chain(of_creates).copied().collect();
    ServiceFault::Of(*all.choose(rng).expect("there are some"))
}

fn service(rng: &mut StdRng) -> Service {
    let operations = [
        Operation::Create,
        Operation::Create,
        Operation::Create,
        Operation::Search,
        Operation::Lookup,
        Operation::Domain,
        Operation::ConfirmAgreement,
        Operation::Agreements,
    ];
    let is_quiet = rng.random_ratio(1, 5);
    let count = if is_quiet { 0 } else { rng.random_range(1..6) };
    let faults = (0..count).map(|_| {
        let operation = *operations.choose(rng).expect("there are some");
        (operation, fault(rng, operation))
    });
    Service {
        faults: faults.collect(),
        replays_passwords: rng.random_ratio(3, 4),
        memory_s: *[0, 0, 0, 60, 600, 3600].choose(rng).expect("there are some"),
        visibility_s: *[0, 0, 30, 90].choose(rng).expect("there are some"),
        latency_ms: *[0, 10, 400, 5000].choose(rng).expect("there are some"),
        fault_share: *[0.1, 0.3, 0.6].choose(rng).expect("there are some"),
    }
}

fn options(rng: &mut StdRng) -> Vec<String> {
    let mut options = Vec::new();
    let mut add = |share: u32, words: &[&str], rng: &mut StdRng| {
        if rng.random_ratio(1, share) {
            options.extend(words.iter().map(|&word| word.to_owned()));
        }
    };
    add(3, &["--concurrency", "1"], rng);
    add(8, &["--limit", "2"], rng);
    add(12, &["--max-failures", "1"], rng);
    add(12, &["--max-duration", "20s"], rng);
    add(6, &["--max-attempts", "2"], rng);
    add(8, &["--timeout", "5s"], rng);
    add(10, &["--idempotency-window", "1m"], rng);
    options
}

fn command(rng: &mut StdRng) -> Command {
    match rng.random_range(0..32) {
        0..12 => {
            let mut options = options(rng);
            if rng.random_ratio(1, 6) {
                options.push("--retry-failed".to_owned());
            }
            Command::Import(options)
        }
        12..20 => Command::Resume(options(rng)),
        20..22 => Command::Retry(options(rng)),
        22 => Command::Retry(vec!["--all".to_owned()]),
        23..25 => Command::Reconcile,
        25 => Command::Acknowledge,
        26 => Command::Discard,
        27 => Command::Forget,
        28 => Command::Backup,
        29 => Command::Restore,
        30 => Command::Colleague,
        _ => Command::Import(vec!["--limit".to_owned(), "0".to_owned()]),
    }
}

fn event(rng: &mut StdRng) -> Option<Event> {
    let is_power_cut = rng.random();
    Some(match rng.random_range(0..16) {
        0..3 => Event::Disk { at: number(rng, 300), what: DiskEvent::PowerCut },
        3..5 => Event::Disk { at: number(rng, 300), what: DiskEvent::Kill },
        5 => Event::Disk { at: number(rng, 200), what: DiskEvent::Fails },
        6 => Event::Disk { at: number(rng, 200), what: DiskEvent::IsFull },
        7 => Event::Disk { at: number(rng, 200), what: DiskEvent::IsBroken },
        8..11 => {
            let phases = [Phase::OnItsWay, Phase::Done, Phase::Answered];
            let phase = *phases.choose(rng).expect("there are some");
            Event::Request { at: number(rng, 30), phase, is_power_cut }
        }
        11..13 => Event::Woken { at: number(rng, 200), is_power_cut },
        13 => {
            let first = number(rng, 12);
            let second = rng.random::<bool>().then(|| first + rng.random_range(0..3));
            Event::Signals { first, second }
        }
        14 => Event::PowerCutAfterEnd,
        _ => return None,
    })
}

fn edit(rng: &mut StdRng, next: &mut u32) -> Option<Edit> {
    let place = rng.random_range(0..8);
    *next += 1;
    Some(match rng.random_range(0..10) {
        0 => Edit::Correct { place, kind: kind(rng) },
        1 => Edit::Change { place },
        2 => Edit::Remove { place },
        3 => Edit::Add { row: row(rng, *next) },
        _ => return None,
    })
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = u32::try_from(number(&mut rng, 10)).expect("at most ten");
        let mut next = count;
        let rows = (1..=count).map(|number| row(&mut rng, number)).collect();
        let lives = number(&mut rng, 8);
        let life = |index: u64| {
            let first = index == 0;
            Life {
                pause_s: *[0, 0, 1, 30, 100, 200, 1000, 5000, 100_000]
                    .choose(&mut rng)
                    .expect("there are some"),
                clock_jump_s: if rng.random_ratio(1, 8) { rng.random_range(-90_000..90_000) } else { 0 },
                edit: if first { None } else { edit(&mut rng, &mut next) },
                command: if first { Command::Import(options(&mut rng)) } else { command(&mut rng) },
                event: event(&mut rng),
            }
        };
        let lives = (0..lives).map(life).collect();
        let mut rng = StdRng::seed_from_u64(!seed);
        Plan { seed, rows, service: service(&mut rng), lives }
    }

    /// Plans that are a little simpler, the boldest first.
    pub(crate) fn simpler(&self) -> Vec<Plan> {
        let mut plans = Vec::new();
        let mut with = |change: &dyn Fn(&mut Plan)| {
            let mut plan = self.clone();
            change(&mut plan);
            if plan != *self {
                plans.push(plan);
            }
        };
        with(&|plan| plan.lives.truncate(plan.lives.len() / 2));
        for index in 0..self.lives.len() {
            with(&|plan| {
                plan.lives.remove(index);
            });
        }
        with(&|plan| plan.rows.truncate(plan.rows.len().div_ceil(2)));
        for index in 0..self.rows.len() {
            if self.rows.len() > 1 {
                with(&|plan| {
                    plan.rows.remove(index);
                });
            }
            with(&|plan| plan.rows[index].has_agreement = false);
            with(&|plan| plan.rows[index].kind = Kind::Good);
        }
        for index in 0..self.service.faults.len() {
            with(&|plan| {
                plan.service.faults.remove(index);
            });
        }
        with(&|plan| plan.service.latency_ms = 0);
        with(&|plan| plan.service.visibility_s = 0);
        with(&|plan| plan.service.memory_s = 0);
        with(&|plan| plan.service.replays_passwords = true);
        for index in 0..self.lives.len() {
            with(&|plan| plan.lives[index].event = None);
            with(&|plan| plan.lives[index].edit = None);
            with(&|plan| plan.lives[index].clock_jump_s = 0);
            with(&|plan| plan.lives[index].pause_s = 0);
            with(&|plan| match &mut plan.lives[index].command {
                Command::Import(options) | Command::Resume(options) | Command::Retry(options) => {
                    options.clear()
                }
                _ => {}
            });
            with(&|plan| match &mut plan.lives[index].event {
                Some(Event::Disk { at, .. } | Event::Request { at, .. } | Event::Woken { at, .. }) => {
                    *at = (*at / 2).max(1)
                }
                Some(Event::Signals { second, .. }) => *second = None,
                Some(Event::PowerCutAfterEnd) | None => {}
            });
        }
        plans
    }
}
