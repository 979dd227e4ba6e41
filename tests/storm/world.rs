//! Plays a plan: one life of the program after the other, on one disk, with one service, in a time of its own.

use std::collections::HashSet;
use std::ffi::OsString;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use tenantry_model::clock::{BootMoment, Moment};
use tenantry_model::simulated;
use tenantry_oracle::life::{self, Lived};
use tenantry_oracle::promises::{self, Refused};
use tenantry_oracle::{Broken, Journal, Ledger};
use tenantry_service::transport;
use tokio::time::Instant;
use uuid::Uuid;

use crate::disk::{self, Death};
use crate::plan::{Command, DiskEvent, Edit, Event, Life, Plan, Row, SignIn};
use crate::sabotage::Sabotage;
use crate::service;

/// The process began; no simulated time is before it.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Each world begins so long after that: no real time comes so far.
const BEGINS_AFTER: Duration = Duration::from_secs(1000 * 3600);

/// What is added to the wall clock, in seconds.
static CLOCK_OFF_BY: AtomicI64 = AtomicI64::new(0);

/// The number of the machine's boot, and when it was, in milliseconds of the world.
static BOOT: AtomicU64 = AtomicU64::new(1);
static BOOTED_AT: AtomicU64 = AtomicU64::new(0);

static CHANCE: LazyLock<Mutex<StdRng>> = LazyLock::new(|| Mutex::new(StdRng::seed_from_u64(0)));

/// Wakes the program, so that it notices its death.
static WAKER: Mutex<Option<Waker>> = Mutex::new(None);

fn now() -> Duration {
    Instant::now().saturating_duration_since(*BEGAN)
}

fn moment() -> Moment {
    const START: i64 = 1_770_000_000;
    let now = now().saturating_sub(BEGINS_AFTER);
    let ms = i64::try_from(now.as_millis()).expect("no world is so old");
    let wall_ms = (START + CLOCK_OFF_BY.load(Ordering::Relaxed)) * 1000 + ms;
    let since_boot = now.saturating_sub(Duration::from_millis(BOOTED_AT.load(Ordering::Relaxed)));
    let since_boot = Duration::from_millis(u64::try_from(since_boot.as_millis()).expect("it is younger"));
    Moment {
        wall: Timestamp::from_millisecond(wall_ms).expect("a time"),
        boot: Some(BootMoment { boot: Uuid::from_u128(BOOT.load(Ordering::Relaxed).into()), since_boot }),
    }
}

fn chance() -> f64 {
    CHANCE.lock().unwrap_or_else(PoisonError::into_inner).random()
}

fn toll() {
    let waker = WAKER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// This process is in a simulated world from now on.
pub(crate) fn enter() {
    LazyLock::force(&BEGAN);
    disk::install();
    simulated::enter(simulated::World { moment, chance });
    transport::answer_inside(service::answer).expect("a client");
}

/// What was lived through.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) worlds: u64,
    pub(crate) lives: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    pub(crate) disk_faults: u64,
    pub(crate) answers: u64,
}

/// A promise was broken.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The life after which it shows; all of them if it only shows at the end.
    pub(crate) life: usize,
    pub(crate) broken: Broken,
}

impl Failure {
    /// The promise that is broken, without what it was broken by.
    pub(crate) fn words(&self) -> &str {
        self.broken.split([':', '{', '[']).next().unwrap_or_default()
    }
}

/// What the options of a life allow.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    /// How many rows it may begin.
    begins_at_most: Option<usize>,
    /// How many requests it may send, and in which time.
    rate: Option<(usize, Duration)>,
}

/// A ledger, as it was after the last life, and what its program had sent.
struct Known {
    name: &'static str,
    before: Rc<Ledger>,
    /// The same after the last life of which everything is on the disk: a commit of a program that was killed may not be.
    durable: Rc<Ledger>,
    journal: Journal,
    refused: Refused,
    /// The machine lost power in a life of the other ledger: this one may have more than `before` says.
    may_have_more: bool,
    /// It was restored: it does not know what was done since the backup.
    is_restored: bool,
    /// No command that sends has done its work since. Until then others may be refused with exit code 2.
    is_untold: bool,
}

struct World<'a> {
    plan: &'a Plan,
    folder: PathBuf,
    rows: Vec<Row>,
    /// The time of the world.
    now: Duration,
    /// When the last life ended.
    ended_at: Duration,
    rng: StdRng,
    /// Our own, and a colleague's.
    ledgers: [Known; 2],
    /// The name of the newest one, and which rows were refused by then.
    backup: Option<(String, Refused)>,
    sabotage: Option<Sabotage>,
    judgements: u64,
    tally: Tally,
}

/// Plays a plan in a folder, which it empties.
pub(crate) fn play(plan: &Plan, folder: &Path, sabotage: Option<Sabotage>) -> (Tally, Result<(), Failure>) {
    clean(folder);
    disk::forget();
    service::open(plan.seed, &plan.service);
    sign_in(plan.service.sign_in);
    CLOCK_OFF_BY.store(0, Ordering::Relaxed);
    BOOT.store(1, Ordering::Relaxed);
    BOOTED_AT.store(0, Ordering::Relaxed);
    *CHANCE.lock().unwrap_or_else(PoisonError::into_inner) = StdRng::seed_from_u64(plan.seed);
    let known = |name| Known {
        name,
        before: Rc::default(),
        durable: Rc::default(),
        journal: Journal { replays_passwords: plan.service.replays_passwords, ..Journal::default() },
        refused: Refused::default(),
        may_have_more: false,
        is_restored: false,
        is_untold: false,
    };
    let mut world = World {
        plan,
        folder: folder.to_owned(),
        rows: plan.rows.clone(),
        now: BEGINS_AFTER,
        ended_at: BEGINS_AFTER,
        rng: StdRng::seed_from_u64(plan.seed),
        ledgers: [known("ledger.db"), known("colleague.db")],
        backup: None,
        sabotage,
        judgements: 0,
        tally: Tally { worlds: 1, ..Tally::default() },
    };
    let mut life = 0;
    let played = world.play(&mut life);
    std::fs::rename(&world.folder, folder).expect("it is ours");
    (world.tally, played.map_err(|broken| Failure { life, broken }))
}

/// From now on the program signs in in this way.
fn sign_in(way: SignIn) {
    // What a user's sign-in has left there would come first.
    if let Some(config) = std::env::var_os("TENANTRY_CONFIG_DIR") {
        drop(std::fs::remove_dir_all(config));
    }
    let secrets = [
        ("TENANTRY_ACCESS_TOKEN", SignIn::Token),
        ("TENANTRY_CLIENT_SECRET", SignIn::App),
        ("TENANTRY_REFRESH_TOKEN", SignIn::User),
    ];
    for (name, of) in secrets {
        // SAFETY: no program runs now, and nothing else of this process reads the environment.
        unsafe {
            if way == of {
                std::env::set_var(name, "a-secret-of-the-storm");
            } else {
                std::env::remove_var(name);
            }
        }
    }
}

/// Everything but what lies in folders.
fn clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_file() {
            std::fs::remove_file(path).expect("it is ours");
        }
    }
}

/// The value of an option.
fn value<'a>(line: &[&'a str], name: &str) -> Option<&'a str> {
    line.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1])
}

fn begins_at_most(line: &[&str]) -> Option<usize> {
    let values = ["--limit", "--max-new"].into_iter().filter_map(|name| value(line, name));
    values.map(|value| value.parse().expect("a number")).min()
}

/// How many requests are allowed, and in which time.
fn rate(line: &[&str]) -> Option<(usize, Duration)> {
    let (requests, unit) = value(line, "--rate")?.split_once('/')?;
    let window = Duration::from_secs(if unit == "min" { 60 } else { 1 });
    Some((requests.parse().expect("a number"), window))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl World<'_> {
    fn play(&mut self, number: &mut usize) -> Result<(), Broken> {
        self.write_list();
        for (index, life) in self.plan.lives.iter().enumerate() {
            *number = index;
            self.now += Duration::from_secs(life.pause_s);
            CLOCK_OFF_BY.fetch_add(self.clock_jump_s(life), Ordering::Relaxed);
            if let Some(edit) = &life.edit {
                self.edit(edit);
            }
            self.live(index, &life.command, life.event)?;
        }
        *number = self.plan.lives.len();
        self.end()
    }

    /// What was sent before the machine booted has its age by the wall clock alone. If that is set forward while a customer
    /// is still invisible, no program can know it (seed 200037). So it is not set then.
    fn clock_jump_s(&self, life: &Life) -> i64 {
        let booted_at = BEGINS_AFTER + Duration::from_millis(BOOTED_AT.load(Ordering::Relaxed));
        let is_visible = self.now >= booted_at + Duration::from_secs(self.plan.service.visibility_s);
        if is_visible { life.clock_jump_s } else { life.clock_jump_s.min(0) }
    }

    /// Everything is well from now on, and the operator brings the list to its end.
    fn end(&mut self) -> Result<(), Broken> {
        const NIGHTS: usize = 8;
        service::place().recovers();
        let index = self.plan.lives.len();
        let mut is_refused = false;
        for night in 0..NIGHTS {
            self.now += Duration::from_secs(400);
            let command = match night {
                _ if is_refused => Command::Import(words(&["--restored"])),
                0 | 2 => Command::Import(Vec::new()),
                _ => Command::Resume(Vec::new()),
            };
            let code = self.live(index + night, &command, None)?;
            is_refused = code == Some(2);
            // Rows that a restored ledger holds back go on when their list was read again.
            let least = if self.ledgers[0].is_restored { 2 } else { 0 };
            if night >= least && !matches!(code, Some(2 | 5)) {
                break;
            }
        }
        let known = &self.ledgers[0];
        if !known.is_restored {
            promises::all_is_settled(&known.before)?;
            self.all_rows_of_the_list_are_there()?;
        }
        let opened = self.folder.join("passwords.csv");
        drop(std::fs::remove_file(&opened));
        let arguments = self.arguments(&["credentials", "-o", "passwords.csv"], 0);
        self.run(0, &arguments, None);
        let opened = std::fs::read(opened).unwrap_or_default();
        let known = &self.ledgers[0];
        promises::passwords_are_those_answered(&known.before, &known.journal, &opened)
    }

    /// Those that the list has now; the last import has read all of it.
    fn all_rows_of_the_list_are_there(&self) -> Result<(), Broken> {
        let known = &self.ledgers[0].before;
        let domains: HashSet<&str> = known.rows.iter().filter_map(|row| row.domain.as_deref()).collect();
        match self.rows.iter().find(|row| !domains.contains(row.domain().as_str())) {
            Some(row) => Err(format!("a row of the list is not there: {row:?}, {:#?}", known.rows)),
            None => Ok(()),
        }
    }

    fn write_list(&self) {
        let files = self.plan.files;
        for (name, list) in files.names().iter().zip(files.lists(&self.rows)) {
            std::fs::write(self.folder.join(name), list).expect("there is room");
        }
    }

    fn edit(&mut self, edit: &Edit) {
        let count = self.rows.len();
        match *edit {
            Edit::Correct { place, kind } if count > 0 => self.rows[place % count].kind = kind,
            Edit::Change { place } if count > 0 => self.rows[place % count].version += 1,
            Edit::Remove { place } if count > 1 => drop(self.rows.remove(place % count)),
            Edit::Add { ref rows } => self.rows.extend(rows),
            Edit::Correct { .. } | Edit::Change { .. } | Edit::Remove { .. } => {}
        }
        self.write_list();
    }

    fn path(&self, ledger: usize) -> PathBuf {
        self.folder.join(self.ledgers[ledger].name)
    }

    /// What a program knows of a path for as long as it lives, it may not know of the next life: the folder gets another
    /// name.
    fn move_folder(&mut self) {
        static MOVES: AtomicU64 = AtomicU64::new(0);
        let number = MOVES.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.with_file_name(format!("world{number}"));
        std::fs::rename(&self.folder, &folder).expect("it is ours");
        disk::moved(&self.folder, &folder);
        self.folder = folder;
        // The lists stay where they are: a list in another folder is another list.
        let lists = self.lists();
        drop(std::fs::remove_file(&lists));
        std::os::unix::fs::symlink(&self.folder, lists).expect("there is room");
    }

    /// Leads to the folder of the world, whatever its name is.
    fn lists(&self) -> PathBuf {
        self.folder.with_file_name("lists")
    }

    fn arguments(&self, command: &[&str], ledger: usize) -> Vec<OsString> {
        let path = self.path(ledger).into_os_string();
        let mut arguments: Vec<OsString> = vec!["tenantry".into()];
        arguments.extend(command.iter().map(OsString::from));
        arguments.extend(["--quiet".into(), "--ledger".into(), path]);
        arguments
    }

    /// One life, and the judgement after it.
    fn live(&mut self, index: usize, command: &Command, event: Option<Event>) -> Result<Option<u8>, Broken> {
        let with = |name: &str, options: &[String]| [words(&[name]), options.to_vec()].concat();
        let lists: Vec<String> = (self.plan.files.names().iter())
            .map(|name| self.lists().join(name).to_str().expect("it is UTF-8").to_owned())
            .collect();
        let import = |options: &[String]| with("import", &[lists.clone(), options.to_vec()].concat());
        let (line, submits) = match command {
            Command::Import(options) => (import(options), true),
            Command::DryRun => (import(&words(&["--dry-run"])), false),
            Command::Resume(options) => (with("resume", options), true),
            Command::Retry(options) => (with("retry", options), true),
            Command::Reconcile => (words(&["reconcile"]), false),
            Command::Acknowledge => (words(&["acknowledge", "--gone"]), false),
            Command::Discard => (words(&["discard", "--all", "--yes"]), false),
            Command::Forget => (words(&["forget", "--older-than", "1d", "--yes"]), false),
            Command::Backup => (words(&["backup", &format!("backup{index}.db")]), false),
            Command::Restore if self.backup.is_some() => (import(&words(&["--restored"])), true),
            Command::Restore => (words(&["status"]), false),
            Command::Colleague => (import(&[]), true),
        };
        if *command == Command::Restore && self.backup.is_some() {
            self.restore();
        }
        let ledger = usize::from(*command == Command::Colleague);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.move_folder();
        let arguments = self.arguments(&line, ledger);
        let power_cuts = self.tally.power_cuts;
        let exit_code = self.run(ledger, &arguments, event);
        if *command == Command::Backup && exit_code == Some(0) {
            self.backup = Some((format!("backup{index}.db"), self.ledgers[0].refused.clone()));
        }
        let known = &mut self.ledgers[ledger];
        let is_refused = exit_code == Some(2) && known.is_untold;
        known.is_untold &= !submits || !matches!(exit_code, Some(0 | 3 | 5 | 6));
        let lived = Lived {
            command: line[0],
            is_dry: *command == Command::DryRun,
            exit_code: exit_code.filter(|_| !is_refused),
            disk_failed: disk::faults() > 0,
            was_signalled: service::place().is_signalled,
            lost_power: self.tally.power_cuts > power_cuts,
            may_be_refused: !self.plan.service.faults.is_empty() || self.plan.service.token_lifetime_s < 60,
            has_max_new: line.contains(&"--max-new"),
            is_restored: known.is_restored,
        };
        let allowed = Allowed { begins_at_most: begins_at_most(&line), rate: rate(&line) };
        self.judge(ledger, &lived, allowed)?;
        Ok(exit_code)
    }

    /// As the README says it is done.
    fn restore(&mut self) {
        for name in ["ledger.db-wal", "ledger.db-shm"] {
            drop(std::fs::remove_file(self.folder.join(name)));
        }
        let (backup, refused) = self.backup.clone().expect("there is one");
        std::fs::copy(self.folder.join(backup), self.path(0)).expect("there is room");
        let known = &mut self.ledgers[0];
        // What an operator copies is on the disk before the next command begins.
        disk::settle(0, false);
        disk::forget();
        let restored = read(&self.folder.join(known.name), &self.folder.join("copy.db"), "");
        known.before = Rc::new(restored.ok().flatten().unwrap_or_default());
        known.durable = Rc::clone(&known.before);
        known.journal.arrived.clear();
        service::place().ledger_is_replaced(0);
        known.refused = refused;
        (known.is_restored, known.is_untold) = (true, true);
    }

    /// Runs the program until it ends, or its world does. `None`: it was killed.
    fn run(&mut self, ledger: usize, arguments: &[OsString], event: Option<Event>) -> Option<u8> {
        let on_disk = match event {
            Some(Event::Disk { at, what }) => Some((
                at,
                match what {
                    DiskEvent::Kill => disk::DiskEvent::Die(Death::Kill),
                    DiskEvent::PowerCut => disk::DiskEvent::Die(Death::PowerCut),
                    DiskEvent::Fails => disk::DiskEvent::Fails,
                    DiskEvent::IsFull => disk::DiskEvent::IsFull,
                    DiskEvent::IsBroken => disk::DiskEvent::IsBroken,
                },
            )),
            _ => None,
        };
        disk::begin(on_disk, toll);
        if self.sabotage.is_some_and(|it| it.disk_lies) {
            disk::lie();
        }
        service::place().begin(ledger, event);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .max_blocking_threads(4)
            .build()
            .expect("a runtime");
        let (ended_at, begins_at) = (*BEGAN + self.ended_at, *BEGAN + self.now);
        let life = async {
            tokio::time::advance(ended_at.saturating_duration_since(Instant::now())).await;
            // What the dead have sent arrives at its time, not when the next program begins.
            service::carry_on();
            tokio::time::sleep_until(begins_at).await;
            let exit_code = until_death(tenantry::run_inside(arguments), event).await;
            (exit_code, now())
        };
        let (exit_code, ended_at) = catch_unwind(AssertUnwindSafe(|| runtime.block_on(life)))
            .unwrap_or((Some(101), self.now + Duration::from_secs(1)));
        drop(runtime);
        let is_heard = exit_code == Some(130) && matches!(event, Some(Event::Signals { second: None, .. }));
        if service::place().is_signalled && !is_heard {
            let_signals_pass();
        }
        self.now = ended_at.max(self.now);
        let death = disk::death();
        let is_power_cut = death == Some(Death::PowerCut) || event == Some(Event::PowerCutAfterEnd);
        disk::settle(self.rng.random(), is_power_cut);
        service::place().sender_died();
        self.tally.lives += 1;
        match death {
            Some(Death::Kill) => self.tally.kills += 1,
            _ if is_power_cut => self.tally.power_cuts += 1,
            _ => {}
        }
        self.tally.disk_faults += disk::faults();
        self.tally.answers += std::mem::take(&mut service::place().answers);
        if is_power_cut {
            let others = self.ledgers.iter_mut().enumerate().filter(|(index, _)| *index != ledger);
            others.for_each(|(_, known)| {
                known.before = known.durable.clone();
                known.may_have_more = true;
            });
            self.now += Duration::from_secs(1);
            BOOT.fetch_add(1, Ordering::Relaxed);
            let booted_at = self.now.saturating_sub(BEGINS_AFTER).as_millis();
            BOOTED_AT.store(u64::try_from(booted_at).expect("it is younger"), Ordering::Relaxed);
        }
        self.ended_at = self.now;
        if death.is_some() && self.rng.random() {
            self.leave_reserve();
        }
        exit_code.filter(|_| death.is_none())
    }

    /// A program that was killed leaves the room that it had set aside. Here its destructors have run.
    fn leave_reserve(&self) {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.folder.join("ledger.db-reserve");
        let made = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path);
        if let Ok(file) = made {
            file.set_len(4096).expect("there is room");
        }
    }

    fn judge(&mut self, ledger: usize, lived: &Lived<'_>, allowed: Allowed) -> Result<(), Broken> {
        let (answered, creations, acceptances) = {
            let mut place = service::place();
            for (ledger, arrived) in std::mem::take(&mut place.arrived) {
                // What a ledger sent that was replaced since, the copy does not know.
                if let Some(known) = ledger.map(|ledger| &mut self.ledgers[ledger]) {
                    known.journal.arrived.push(arrived);
                }
            }
            (place.answered.clone(), place.service().creations(), place.service().acceptances())
        };
        let is_shared = self.path(0).exists() && self.path(1).exists();
        let path = self.path(ledger);
        let known = &mut self.ledgers[ledger];
        (known.journal.creations, known.journal.acceptances) = (creations, acceptances);
        self.judgements += 1;
        let sql = self.sabotage.filter(|_| self.judgements > 1).map_or("", |it| it.sql);
        let before = if lived.lost_power { &known.durable } else { &known.before };
        let read = read(&path, &self.folder.join("copy.db"), sql);
        let Ok(Some(now)) = read else {
            let why = read.err().unwrap_or_else(|| "it is empty".to_owned());
            life::may_be_without_ledger(before, &known.journal, lived, &why)?;
            (known.before, known.durable) = (Rc::default(), Rc::default());
            return Ok(());
        };
        let now = Rc::new(now);
        life::follows(before, &now)?;
        promises::agree(&now, &known.journal, &known.refused, !known.is_restored && !is_shared)?;
        life::exit_code_is_right(&now, lived)?;
        if !known.may_have_more && !lived.lost_power {
            life::states_change_as_allowed(&known.before, &now, lived)?;
        }
        // No life here forgets passwords.
        if now.rows.iter().any(|row| row.password_erased) {
            return Err(format!("a password was erased: {:#?}", now.rows));
        }
        let is_exact = !known.is_restored && !known.may_have_more;
        if lived.is_dry && !lived.lost_power && is_exact {
            life::is_unchanged(&known.before, &now)?;
        }
        if let Some(most) = allowed.begins_at_most.filter(|_| is_exact) {
            life::no_more_were_begun(&known.before, &now, most)?;
        }
        if let Some((requests, window)) = allowed.rate {
            let sent: Vec<Duration> =
                service::place().departures.iter().map(|left| left.duration_since(*BEGAN)).collect();
            life::rate_is_kept(&sent, requests, window)?;
        }
        if lived.exit_code.is_some_and(|code| code != 101) && !lived.disk_failed && !lived.was_signalled {
            life::answers_are_recorded(&now, &known.journal, &answered)?;
        }
        // A run that records its end makes everything durable, also what a killed one has written.
        let is_recorded = matches!(lived.command, "import" | "resume" | "retry" | "reconcile")
            && !lived.is_dry
            && matches!(lived.exit_code, Some(0 | 3 | 5 | 6 | 130));
        if lived.lost_power || (is_recorded && !lived.disk_failed) {
            known.durable = Rc::clone(&now);
        }
        known.refused.note(&now);
        known.before = now;
        known.may_have_more = false;
        Ok(())
    }
}

/// Reads a copy of a ledger, so that neither the files nor their locks are touched, after `sabotage` in SQL has changed it.
/// `None`: there is no ledger yet.
fn read(path: &Path, copy: &Path, sabotage: &str) -> Result<Option<Ledger>, Broken> {
    for suffix in ["", "-wal", "-journal", "-shm"] {
        let beside = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        drop(std::fs::remove_file(beside(copy)));
        if suffix != "-shm" && beside(path).exists() {
            std::fs::copy(beside(path), beside(copy)).expect("there is room");
        }
    }
    if std::fs::metadata(copy).map_or(0, |it| it.len()) == 0 {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags_and_vfs(copy, flags, disk::REAL);
    opened
        .and_then(|ledger| {
            ledger.execute_batch(sabotage)?;
            Ledger::read(&ledger)
        })
        .map_err(|error| format!("the ledger cannot be read: {error}"))
}

/// Another runtime hears the signals that the program was too dead to hear; the next life would take them for its own.
/// On a busy machine, they take their time.
fn let_signals_pass() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
}

/// The exit code; `None` if the program was killed first.
async fn until_death(program: impl Future<Output = u8>, event: Option<Event>) -> Option<u8> {
    let mut program = Box::pin(program);
    let mut woken = 0;
    poll_fn(|context| {
        *WAKER.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        woken += 1;
        if let Some(Event::Woken { at, is_power_cut }) = event
            && at == woken
        {
            disk::die(if is_power_cut { Death::PowerCut } else { Death::Kill });
        }
        if disk::death().is_some() {
            return Poll::Ready(None);
        }
        match program.as_mut().poll(context) {
            Poll::Ready(exit_code) => Poll::Ready(Some(exit_code)),
            Poll::Pending if disk::death().is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
