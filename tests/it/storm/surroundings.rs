//! What may surround a process: its outputs and input, a terminal, limits, disk, links and mounts, owners and modes, proxies,
//! settings of the system.

use std::fs;
use std::process::Stdio;

use proptest::prelude::*;

use super::places::{self, Link, Mount, Stranger};
use super::proxies::Proxy;
use super::terminals::{Terminal, User};
use super::world::World;
use super::{Held, Started};
use crate::harness::{Bench, Call};
use crate::output_trouble::{closed_pipe, stuck_pipe};

#[derive(Debug, Clone)]
pub(super) enum Surrounding {
    Output(Stream, Sink),
    ClosedInput,
    Terminal(Terminal),
    /// Arguments of `ulimit`.
    Limit(String),
    /// A change of the environment; `None`: without the variable.
    Variable(&'static str, Option<&'static str>),
    /// What only a debug build is told: faults of the disk, and the clock.
    Fault(&'static str, String),
    Umask(&'static str),
    /// The mode of the ledger, for this life.
    LedgerMode(u32),
    /// The disk has room for so many KiB.
    Room(u64),
    Link(Link),
    Mount(Mount),
    Stranger(Stranger),
    Proxy(Proxy),
    /// What the list is called, after this script.
    List(&'static str, &'static str),
    Arguments(&'static [&'static str]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Sink {
    /// The descriptor is closed.
    Closed,
    /// A disk without room.
    Full,
    /// A pipe without a reader any more.
    ReaderGone,
    /// A pipe that is full.
    Stuck,
}

pub(super) fn surrounding() -> impl Strategy<Value = Surrounding> {
    use Surrounding as S;
    let stream = prop::sample::select(vec![Stream::Stdout, Stream::Stderr]);
    let sink = prop::sample::select(vec![Sink::Closed, Sink::Full, Sink::ReaderGone, Sink::Stuck]);
    let limit = prop_oneof![
        (6..64u32).prop_map(|files| format!("-n {files}")),
        // Blocks of 512 bytes.
        (20..1000u32).prop_map(|blocks| format!("-f {blocks}")),
        // KiB of address space.
        (60_000..1_500_000u32).prop_map(|memory| format!("-v {memory}")),
        // Root has as many as it likes.
        (1..24u32).prop_map(|processes| format!("-u {processes} 2>/dev/null || ulimit -p {processes}")),
    ];
    let variable = prop::sample::select(vec![
        ("TZ", Some("Pacific/Chatham")),
        ("TZ", Some("nowhere/at all")),
        ("TZ", Some(":/dev/full")),
        ("TZ", Some("")),
        ("LC_ALL", Some("tr_TR.UTF-8")),
        ("LANG", None),
        ("HOME", None),
        ("HOME", Some("/proc/none")),
        ("HOME", Some("")),
        ("HOME", Some("nowhere/below")),
        ("HOME", Some("/dev/null")),
        ("XDG_CONFIG_HOME", Some("/proc/none")),
        ("TENANTRY_CONFIG_DIR", None),
        ("TENANTRY_CACHE_DIR", None),
        ("TENANTRY_CACHE_DIR", Some("/proc/none")),
        ("TMPDIR", Some("")),
        ("TMPDIR", Some("/proc/none")),
        ("TMPDIR", Some("/dev/null")),
        ("TMPDIR", Some("nowhere/below")),
        ("PATH", None),
        ("TERM", None),
        ("TERM", Some("dumb")),
        ("ALL_PROXY", Some("nonsense://x y")),
    ]);
    let terminal = {
        let user = prop_oneof![
            Just(User::Reads),
            prop::sample::select(vec!["yes\r", "no\r", "\x03", "\x04"]).prop_map(User::Answers),
            Just(User::Sleeps),
            (1..900u64).prop_map(User::Leaves),
        ];
        (user, any::<bool>(), prop::sample::select(vec![0, 1, 20, 120]))
            .prop_map(|(user, has_stdout, columns)| Terminal { user, has_stdout, columns })
    };
    let proxy = prop_oneof![
        5 => prop::sample::select(&Proxy::KINDS[..]),
        1 => (1..600u64).prop_map(Proxy::Dies),
    ];
    let list = prop::sample::select(vec![
        ("linked.csv", "ln -sf \"$list\" linked.csv; "),
        ("-", "exec <\"$list\"; "),
        ("-", "exec <<END\n$(cat \"$list\")\nEND\n"),
        ("/dev/stdin", "exec <<END\n$(cat \"$list\")\nEND\n"),
    ]);
    let fault = prop_oneof![
        (20..80u32).prop_map(|pages| ("TENANTRY_LEDGER_PAGES", pages)),
        (1..12u32).prop_map(|commit| ("TENANTRY_FAIL_SYNC", commit)),
        (1..6u32).prop_map(|read| ("TENANTRY_FAIL_READ", read)),
    ];
    let arguments = prop::sample::select(vec![
        &["-q"][..],
        &["-vvv"],
        &["--log-format", "json", "-v"],
        &["--log-file", "/dev/full"],
        &["--log-file", "run.log", "-vv"],
        &["--metrics-file", "metrics.prom"],
        &["--metrics-file", "/dev/full"],
        &["--notify-url", "http://127.0.0.1:1/ping"],
        &["--results", "results"],
        &["--results", "customers.csv"],
        &["--json"],
        &["--concurrency", "1"],
        &["--rate", "20/s"],
    ]);
    prop_oneof![
        4 => (stream, sink).prop_map(|(stream, sink)| S::Output(stream, sink)),
        1 => Just(S::ClosedInput),
        3 => limit.prop_map(S::Limit),
        2 => variable.prop_map(|(name, value)| S::Variable(name, value)),
        3 => fault.prop_map(|(name, value)| S::Fault(name, value.to_string())),
        1 => prop::sample::select(vec!["000", "077", "777"]).prop_map(S::Umask),
        1 => prop::sample::select(vec![0o444, 0o644, 0o666, 0o000]).prop_map(S::LedgerMode),
        2 => terminal.prop_map(S::Terminal),
        2 => (0..600u64).prop_map(S::Room),
        1 => prop::sample::select(&Link::KINDS[..]).prop_map(S::Link),
        2 => prop::sample::select(&Mount::KINDS[..]).prop_map(S::Mount),
        1 => prop::sample::select(&Stranger::KINDS[..]).prop_map(S::Stranger),
        2 => proxy.prop_map(S::Proxy),
        1 => list.prop_map(|(name, script)| S::List(name, script)),
        3 => arguments.prop_map(S::Arguments),
    ]
}

/// How a command is started: by a shell, which first does `before`, and through further programs.
#[derive(Default)]
pub(super) struct Start {
    before: String,
    redirections: String,
    limits: String,
    pub(super) stdout: Option<Stdio>,
    pub(super) stderr: Option<Stdio>,
    /// The program that changes the user.
    pub(super) user: String,
    /// What is done in a mount table of its own.
    pub(super) mounts: String,
    /// Its standard error is a terminal that is to be its own.
    pub(super) on_terminal: bool,
    list_is_input: bool,
    pub(super) held: Held,
}

/// Starts a command in its surroundings.
pub(super) fn start(mut call: Call<'_>, surroundings: &[Surrounding], world: &World) -> Started {
    let bench = &world.bench;
    let mut start = Start { before: "trap '' XFSZ; ".to_owned(), ..Start::default() };
    let (mut mode, mut room) = (PRIVATE, None);
    for surrounding in surroundings {
        match surrounding {
            Surrounding::Output(stream, sink) => start.lead(*stream, *sink),
            Surrounding::ClosedInput => start.redirections += " <&-",
            // Who sits before the first one is asked, and answers or not.
            Surrounding::Terminal(_) if start.on_terminal => {}
            Surrounding::Terminal(terminal) => call = terminal.surround(call, &mut start),
            Surrounding::Limit(arguments) => start.limits += &format!("ulimit {arguments}; "),
            Surrounding::Variable(name, Some(value)) => call = call.env(name, value),
            Surrounding::Variable(name, None) => call = call.without(name),
            Surrounding::Fault(name, value) => call = call.env(name, value),
            Surrounding::Umask(umask) => start.before += &format!("umask {umask}; "),
            Surrounding::LedgerMode(other) => mode = *other,
            Surrounding::Room(kib) => room = Some(*kib),
            Surrounding::Link(link) => call = link.surround(call, bench),
            Surrounding::Mount(mount) => call = mount.surround(call, &mut start, bench),
            Surrounding::Stranger(stranger) => stranger.surround(&mut start, bench),
            Surrounding::Proxy(proxy) => call = proxy.surround(call, &mut start, world),
            Surrounding::List(name, script) => start.call_list(name, script),
            Surrounding::Arguments(arguments) => call = call.args(*arguments),
        }
    }
    set_mode(bench, mode);
    if let Some((disk, room)) = world.disk().zip(room) {
        disk.has_room(room);
    }
    let call = call.in_shell(&start.script());
    let running = call.spawn_to(start.stdout, start.stderr);
    Started { running, held: start.held }
}

/// No work is done on a ledger that has two names, or that another user owns.
pub(super) fn refuse_work(surroundings: &[Surrounding], bench: &Bench) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    let is_theirs = |it: &Surrounding| is_root && matches!(it, Surrounding::Stranger(Stranger::HasLedger));
    let is_ours = |it: &Surrounding| matches!(it, Surrounding::Stranger(Stranger::Runs));
    let has_two_names = surroundings.iter().any(|it| matches!(it, Surrounding::Link(Link::Hard { .. })));
    let is_theirs = surroundings.iter().any(is_theirs) && !surroundings.iter().any(is_ours);
    bench.has_ledger() && (has_two_names || is_theirs)
}

/// A terminal that goes away, and a limit of memory, may kill. A terminal goes away also if the output leads elsewhere, so
/// that nothing has it open.
pub(super) fn may_kill(surroundings: &[Surrounding]) -> bool {
    let leads_elsewhere = surroundings.iter().any(|it| matches!(it, Surrounding::Output(..)));
    let may_kill = |it: &Surrounding| match it {
        Surrounding::Terminal(terminal) => {
            leads_elsewhere || matches!(terminal.user, User::Leaves(_) | User::Sleeps)
        }
        Surrounding::Limit(arguments) => arguments.starts_with("-v"),
        _ => false,
    };
    surroundings.iter().any(may_kill)
}

pub(super) fn need_disk(surroundings: &[Surrounding]) -> bool {
    surroundings.iter().any(|it| matches!(it, Surrounding::Room(_)))
}

impl Start {
    fn lead(&mut self, stream: Stream, sink: Sink) {
        let (number, place) = match stream {
            Stream::Stdout => (1, &mut self.stdout),
            Stream::Stderr => (2, &mut self.stderr),
        };
        match sink {
            Sink::Closed => self.redirections += &format!(" {number}>&-"),
            Sink::Full => self.redirections += &format!(" {number}>/dev/full"),
            Sink::ReaderGone => *place = Some(closed_pipe()),
            Sink::Stuck => {
                let (reader, writer) = stuck_pipe();
                *place = Some(writer);
                self.held.readers.push(reader.into());
            }
        }
    }

    /// Changes the name of the list among the arguments.
    fn call_list(&mut self, name: &str, script: &str) {
        self.list_is_input = matches!(name, "-" | "/dev/stdin");
        self.before += &format!(
            "list=/dev/null; for word do shift; case $word in customers.csv|longer.csv) list=$word; word={name};; esac; \
             set -- \"$@\" \"$word\"; done; {script}"
        );
    }

    fn script(&self) -> String {
        let Self { before, redirections, limits, user, mounts, .. } = self;
        let mounts = match &mounts[..] {
            "" => String::new(),
            mounts => format!("{} sh -c '{mounts}exec \"$0\" \"$@\"'", places::MOUNTING),
        };
        // A list that comes through standard input leaves it no terminal, and so none that controls the program.
        let (terminal, input) = match (self.on_terminal, self.list_is_input) {
            (true, false) => ("setsid -c", "<&2"),
            (true, true) => ("setsid", ""),
            (false, _) => ("", ""),
        };
        // A shell needs some files for its redirections, so the limits come after them.
        format!("{before}exec {input}{redirections}; {limits}exec {user} {mounts} {terminal} \"$0\" \"$@\"")
    }
}

/// The mode that a ledger is made with.
const PRIVATE: u32 = 0o600;

fn set_mode(bench: &Bench, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    if bench.ledger_path().exists() {
        fs::set_permissions(bench.ledger_path(), fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// After a life.
pub(super) fn put_back(world: &World) {
    set_mode(&world.bench, PRIVATE);
    places::put_back(&world.bench);
    if let Some(disk) = world.disk() {
        disk.is_enlarged();
    }
}
