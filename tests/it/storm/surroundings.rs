//! What may surround a process: its outputs and input, limits, disk, clock, settings of the system, and a terminal.

use std::fs;
use std::io::PipeReader;
use std::process::Stdio;

use proptest::prelude::*;

use super::Started;
use crate::harness::{Bench, Call};
use crate::output_trouble::{closed_pipe, stuck_pipe};

#[derive(Debug, Clone)]
pub(super) enum Surrounding {
    Output(Stream, Sink),
    ClosedInput,
    /// Arguments of `ulimit`.
    Limit(String),
    /// A change of the environment; `None`: without the variable.
    Variable(&'static str, Option<&'static str>),
    /// What only a debug build is told: faults of the disk, and the clock.
    Fault(&'static str, String),
    Umask(&'static str),
    /// The mode of the ledger, for this life.
    LedgerMode(u32),
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
    /// A pipe that nobody reads any more.
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
    ];
    let variable = prop::sample::select(vec![
        ("TZ", Some("Pacific/Chatham")),
        ("TZ", Some("nowhere/at all")),
        ("LC_ALL", Some("tr_TR.UTF-8")),
        ("LANG", None),
        ("HOME", None),
        ("HOME", Some("/proc/none")),
        ("TMPDIR", Some("/proc/none")),
        ("PATH", None),
        ("TERM", Some("dumb")),
        ("HTTPS_PROXY", Some("http://127.0.0.1:1")),
        ("ALL_PROXY", Some("nonsense://x y")),
        ("TENANTRY_CACHE_DIR", Some("/proc/none")),
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
        3 => arguments.prop_map(S::Arguments),
    ]
}

/// Starts a command in its surroundings.
pub(super) fn start(mut call: Call<'_>, surroundings: &[Surrounding], bench: &Bench) -> Started {
    let (mut before, mut redirections) = (String::from("trap '' XFSZ; "), String::new());
    let (mut stdout, mut stderr, mut readers) = (None, None, Vec::new());
    let mut mode = PRIVATE;
    for surrounding in surroundings {
        match surrounding {
            Surrounding::Output(stream, sink) => {
                let number = if *stream == Stream::Stdout { 1 } else { 2 };
                let place = if *stream == Stream::Stdout { &mut stdout } else { &mut stderr };
                match sink {
                    Sink::Closed => redirections += &format!(" {number}>&-"),
                    Sink::Full => redirections += &format!(" {number}>/dev/full"),
                    Sink::ReaderGone => *place = Some(closed_pipe()),
                    Sink::Stuck => *place = Some(stuck(&mut readers)),
                }
            }
            Surrounding::ClosedInput => redirections += " <&-",
            Surrounding::Limit(arguments) => before += &format!("ulimit {arguments}; "),
            Surrounding::Variable(name, Some(value)) => call = call.env(name, value),
            Surrounding::Variable(name, None) => call = call.without(name),
            Surrounding::Fault(name, value) => call = call.env(name, value),
            Surrounding::Umask(umask) => before += &format!("umask {umask}; "),
            Surrounding::LedgerMode(other) => mode = *other,
            Surrounding::Arguments(arguments) => call = call.args(*arguments),
        }
    }
    set_mode(bench, mode);
    let call = call.in_shell(&format!("{before}exec \"$0\" \"$@\"{redirections}"));
    Started { running: call.spawn_to(stdout, stderr), readers }
}

fn stuck(readers: &mut Vec<PipeReader>) -> Stdio {
    let (reader, writer) = stuck_pipe();
    readers.push(reader);
    writer
}

/// The mode that a ledger is made with.
pub(super) const PRIVATE: u32 = 0o600;

pub(super) fn set_mode(bench: &Bench, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    if bench.ledger_path().exists() {
        fs::set_permissions(bench.ledger_path(), fs::Permissions::from_mode(mode)).unwrap();
    }
}
