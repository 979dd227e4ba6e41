//! What happens to one ledger, one life of the program after the other: drawn from a seed, kept as a file.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tenantry_simulator::{ErrorShape, Fault, Named, Operation, RetryAfter};

/// One plan of so many is a large one.
const LARGE_EVERY: u64 = 24;

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
    /// Its domain belongs to another customer.
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

    /// As the ledger has it.
    pub(crate) fn domain(&self) -> String {
        format!("{}.onmicrosoft.com", self.prefix())
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

/// Which files hold the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Files {
    #[default]
    One,
    /// Each holds a part of it.
    Two,
}

impl Files {
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Files::One => &["list.csv"],
            Files::Two => &["list.csv", "more.csv"],
        }
    }

    /// The content of each file.
    pub(crate) fn lists(self, rows: &[Row]) -> Vec<String> {
        let (more, list): (Vec<Row>, Vec<Row>) =
            rows.iter().partition(|row| self == Files::Two && row.number % 3 == 0);
        match self {
            Files::One => vec![text_of(&list)],
            Files::Two => vec![text_of(&list), text_of(&more)],
        }
    }
}

fn text_of(rows: &[Row]) -> String {
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,state,postal_code,\
                  country,external_id,agreement_first_name,agreement_last_name,agreement_email,agreement_phone,\
                  agreement_date\n";
    std::iter::once(header.to_owned()).chain(rows.iter().map(Row::line)).collect()
}

/// How the program signs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SignIn {
    /// With an access token from outside, which is valid for ever.
    #[default]
    Token,
    /// As the app itself, which may not record agreements.
    App,
    /// As a user of the app.
    User,
}

/// The service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Service {
    #[serde(default)]
    pub(crate) sign_in: SignIn,
    /// How long a token is valid that it gives out.
    #[serde(default = "an_hour")]
    pub(crate) token_lifetime_s: u64,
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

fn an_hour() -> u64 {
    3600
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Edit {
    /// The row with this place gets a kind, and so another domain: it is corrected.
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
        rows: Vec<Row>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Command {
    Import(Vec<String>),
    /// An import that changes nothing.
    DryRun,
    Resume(Vec<String>),
    Retry(Vec<String>),
    Reconcile,
    /// All refused rows that the list does not hold any more.
    Acknowledge,
    Discard,
    Forget,
    Backup,
    /// The newest backup is put in the ledger's place, and the list is imported with `--restored`.
    Restore,
    /// Imports the list into the ledger of a colleague at the same partner.
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
    #[serde(default)]
    pub(crate) files: Files,
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

fn rows(rng: &mut StdRng, count: u64, next: &mut u32) -> Vec<Row> {
    let row = |_| {
        *next += 1;
        Row { number: *next, kind: kind(rng), version: 0, has_agreement: rng.random_ratio(1, 6) }
    };
    (0..count).map(row).collect()
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
        Fault::Unauthorized,
        Fault::MfaRequired,
        Fault::Throttled { retry_after_s: 2 },
        // Not as a date: the simulator's clock is the real one, and a seed would mean another life every day.
        Fault::ThrottledAs { form: RetryAfter::Absent, retry_after_s: 2 },
        Fault::ThrottledAs { form: RetryAfter::Nonsense, retry_after_s: 2 },
        Fault::BusyBefore { retry_after_s: 3 },
        Fault::Redirect,
        Fault::RefusedBefore { status: 403, code: 900_124 },
        Fault::Reshaped { shape: ErrorShape::Gateway },
        Fault::Reshaped { shape: ErrorShape::Newer },
        Fault::Reshaped { shape: ErrorShape::Empty },
        Fault::Reshaped { shape: ErrorShape::Page },
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
        Operation::Domain,
        Operation::AgreementTemplates,
        Operation::ConfirmAgreement,
        Operation::Token,
    ];
    let is_quiet = rng.random_ratio(1, 5);
    let count = if is_quiet { 0 } else { rng.random_range(1..6) };
    let draw = |_| {
        let operation = *operations.choose(rng).expect("there are some");
        (operation, fault(rng, operation))
    };
    let faults = (0..count).map(draw).collect();
    Service {
        sign_in: *[SignIn::Token, SignIn::Token, SignIn::App, SignIn::User]
            .choose(rng)
            .expect("there are some"),
        token_lifetime_s: *[30, 300, an_hour()].choose(rng).expect("there are some"),
        faults,
        replays_passwords: rng.random_ratio(3, 4),
        memory_s: *[0, 0, 0, 60, 600, 3600].choose(rng).expect("there are some"),
        visibility_s: *[0, 0, 30, 90].choose(rng).expect("there are some"),
        latency_ms: *[0, 10, 400, 5000].choose(rng).expect("there are some"),
        fault_share: *[0.1, 0.3, 0.6].choose(rng).expect("there are some"),
    }
}

/// How large a plan is.
#[derive(Debug, Clone, Copy)]
struct Size {
    rows: u64,
    lives: u64,
    /// Rows that a list gets at most at once.
    grows_by: u64,
}

/// How far a life comes that ends by itself.
#[derive(Debug, Clone, Copy)]
struct Reach {
    changes: u64,
    requests: u64,
    woken: u64,
}

impl Size {
    /// Most plans: many lives with little work each.
    fn small(rng: &mut StdRng) -> Size {
        Size { rows: number(rng, 10), lives: rng.random_range(6..=32), grows_by: 5 }
    }

    /// Some: hundreds of answers a life.
    fn large(rng: &mut StdRng) -> Size {
        let rows = rng.random_range(200..=2_000);
        Size { rows, lives: rng.random_range(6..=12), grows_by: rows / 4 }
    }

    fn is_large(self) -> bool {
        self.rows >= 200
    }

    /// With so many new rows, and those that the life before has left. A row takes some changes and requests; in a large
    /// plan most lives end before their work does.
    fn reach(self, new: u64) -> Reach {
        if self.is_large() {
            Reach { changes: self.rows * 4, requests: self.rows / 3, woken: 16 }
        } else {
            Reach { changes: 30 + 12 * new, requests: 2 + 2 * new, woken: 20 }
        }
    }
}

/// As many early as late places.
fn place(rng: &mut StdRng, most: u64) -> u64 {
    if rng.random() { number(rng, most) } else { rng.random_range(1..=most) }
}

fn options(rng: &mut StdRng, size: Size) -> Vec<String> {
    let mut options = Vec::new();
    let mut add = |share: u32, name: &str, value: String, rng: &mut StdRng| {
        if rng.random_ratio(1, share) {
            options.extend([name.to_owned(), value]);
        }
    };
    let limit = number(rng, size.rows).max(2);
    let rate = *["30/min", "10/s", "600/min"].choose(rng).expect("there are some");
    add(if size.is_large() { 12 } else { 3 }, "--concurrency", "1".to_owned(), rng);
    add(8, "--limit", limit.to_string(), rng);
    add(16, "--max-new", limit.to_string(), rng);
    add(8, "--rate", rate.to_owned(), rng);
    add(12, "--max-failures", "1".to_owned(), rng);
    add(12, "--max-duration", "20s".to_owned(), rng);
    add(6, "--max-attempts", "2".to_owned(), rng);
    add(8, "--timeout", "5s".to_owned(), rng);
    add(10, "--idempotency-window", "1m".to_owned(), rng);
    options
}

fn import(rng: &mut StdRng, size: Size) -> Command {
    let mut options = options(rng, size);
    if rng.random_ratio(1, 6) {
        options.push("--retry-failed".to_owned());
    }
    Command::Import(options)
}

/// `has_grown`: the list has, so most often it is imported.
fn command(rng: &mut StdRng, size: Size, has_grown: bool) -> Command {
    if has_grown && rng.random_ratio(7, 8) {
        return import(rng, size);
    }
    match rng.random_range(0..48) {
        0..10 => import(rng, size),
        10..32 => Command::Resume(options(rng, size)),
        32..35 => Command::Retry(options(rng, size)),
        35 => Command::Retry(vec!["--all".to_owned()]),
        36..39 => Command::Reconcile,
        39 => Command::Acknowledge,
        40 => Command::Discard,
        41 => Command::Forget,
        42..44 => Command::Backup,
        44 => Command::Restore,
        45 => Command::Colleague,
        46 => Command::DryRun,
        _ => Command::Import(vec!["--limit".to_owned(), "0".to_owned()]),
    }
}

/// Most of them end the life.
fn event(rng: &mut StdRng, reach: Reach) -> Option<Event> {
    let is_power_cut = rng.random();
    let on_disk = |what, rng: &mut StdRng| Event::Disk { at: place(rng, reach.changes), what };
    Some(match rng.random_range(0..40) {
        0..10 => on_disk(DiskEvent::PowerCut, rng),
        10..18 => on_disk(DiskEvent::Kill, rng),
        18 => on_disk(DiskEvent::Fails, rng),
        19 => on_disk(DiskEvent::IsFull, rng),
        20 => on_disk(DiskEvent::IsBroken, rng),
        21..30 => {
            let phases = [Phase::OnItsWay, Phase::Done, Phase::Answered];
            let phase = *phases.choose(rng).expect("there are some");
            Event::Request { at: place(rng, reach.requests), phase, is_power_cut }
        }
        30..34 => Event::Woken { at: place(rng, reach.woken), is_power_cut },
        34 => {
            let first = number(rng, reach.requests);
            let second = rng.random::<bool>().then(|| first + rng.random_range(0..3));
            Event::Signals { first, second }
        }
        35..38 => Event::PowerCutAfterEnd,
        _ => return None,
    })
}

fn edit(rng: &mut StdRng, next: &mut u32, size: Size) -> Option<Edit> {
    let at = rng.random_range(0..8);
    let count = number(rng, size.grows_by);
    Some(match rng.random_range(0..16) {
        0 => Edit::Correct { place: at, kind: kind(rng) },
        1 => Edit::Change { place: at },
        2 => Edit::Remove { place: at },
        3..13 => Edit::Add { rows: rows(rng, count, next) },
        _ => return None,
    })
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let is_large = seed % LARGE_EVERY == LARGE_EVERY - 1;
        let size = if is_large { Size::large(&mut rng) } else { Size::small(&mut rng) };
        let mut next = 0;
        let listed = rows(&mut rng, size.rows, &mut next);
        let life = |index: u64| {
            let edit = if index == 0 { None } else { edit(&mut rng, &mut next, size) };
            let new = match &edit {
                Some(Edit::Add { rows }) => rows.len() as u64,
                _ if index == 0 => size.rows,
                _ => 0,
            };
            Life {
                pause_s: *[0, 0, 1, 30, 100, 200, 1000, 5000, 100_000]
                    .choose(&mut rng)
                    .expect("there are some"),
                clock_jump_s: if rng.random_ratio(1, 8) { rng.random_range(-90_000..90_000) } else { 0 },
                edit,
                command: match index {
                    0 => Command::Import(options(&mut rng, size)),
                    _ => command(&mut rng, size, new > 0),
                },
                event: event(&mut rng, size.reach(new)),
            }
        };
        let lives = (0..size.lives).map(life).collect();
        let mut rng = StdRng::seed_from_u64(!seed);
        let files = if rng.random_ratio(1, 6) { Files::Two } else { Files::One };
        let mut plan = Plan { seed, files, rows: listed, service: service(&mut rng), lives };
        if plan.service.sign_in == SignIn::App {
            plan.every_row(|row| row.has_agreement = false);
        }
        plan
    }

    fn every_row(&mut self, change: impl Fn(&mut Row)) {
        self.rows.iter_mut().for_each(&change);
        for life in &mut self.lives {
            if let Some(Edit::Add { rows }) = &mut life.edit {
                rows.iter_mut().for_each(&change);
            }
        }
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
        for part in parts(self.lives.len()) {
            with(&|plan| drop(plan.lives.drain(part.clone())));
        }
        for part in parts(self.rows.len()) {
            if part.len() < self.rows.len() {
                with(&|plan| drop(plan.rows.drain(part.clone())));
            }
            let of_part = |plan: &mut Plan, change: &dyn Fn(&mut Row)| {
                plan.rows[part.clone()].iter_mut().for_each(change);
            };
            with(&|plan| of_part(plan, &|row| row.has_agreement = false));
            with(&|plan| of_part(plan, &|row| row.kind = Kind::Good));
        }
        for index in 0..self.service.faults.len() {
            with(&|plan| {
                plan.service.faults.remove(index);
            });
        }
        with(&|plan| plan.files = Files::One);
        with(&|plan| plan.every_row(|row| row.has_agreement = false));
        with(&|plan| plan.service.sign_in = SignIn::Token);
        with(&|plan| plan.service.token_lifetime_s = an_hour());
        with(&|plan| plan.service.latency_ms = 0);
        with(&|plan| plan.service.visibility_s = 0);
        with(&|plan| plan.service.memory_s = 0);
        with(&|plan| plan.service.replays_passwords = true);
        for index in 0..self.lives.len() {
            with(&|plan| plan.lives[index].event = None);
            with(&|plan| plan.lives[index].edit = None);
            with(&|plan| {
                if let Some(Edit::Add { rows }) = &mut plan.lives[index].edit {
                    rows.truncate(rows.len().div_ceil(2));
                }
            });
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

/// The whole, its halves, their halves and so on, as long as there are not too many of them.
fn parts(length: usize) -> impl Iterator<Item = Range<usize>> {
    const FINEST: usize = 32;
    let sizes = std::iter::successors(Some(length), |size| (*size > 1).then(|| size.div_ceil(2)));
    let sizes = sizes.take_while(move |size| *size > 0 && size * FINEST >= length);
    sizes.flat_map(move |size| (0..length).step_by(size).map(move |from| from..length.min(from + size)))
}
