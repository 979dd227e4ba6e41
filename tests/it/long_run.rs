//! An hour's work in little time: many rows with tokens that are renewed all the time, throttling, outages, refusals,
//! and somebody who reads the ledger for long. Memory, descriptors and the write-ahead log stay flat, and the counts
//! add up.

use std::fs;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tenantry_simulator::{Fault, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, Running, customers_of, sum_of_states};

/// Rows where `TENANTRY_TEST_ROWS` does not say otherwise. An hour at the default rate is 27000.
const ROWS: usize = 2400;

/// Something befalls the service each time that so many customers more exist.
const TROUBLE_EVERY: usize = 600;

/// Every so manieth row is refused.
const REFUSED_EVERY: usize = 100;

const TOKEN_LIFETIME: Duration = Duration::from_secs(2);

const MIB: u64 = 1 << 20;

/// SQLite writes the log back at 4 MiB; what a reader has made it grow beyond this is cut off again.
const LOG_AT_REST: u64 = 8 * MIB;

/// By so much memory may differ between two moments of a run that leaks nothing: buffers, and what the allocator keeps.
const MEMORY_SWING: u64 = 16 * MIB;

/// Connections come and go by the number of requests under way.
const CONCURRENCY: u64 = 16;

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    at: Duration,
    created: usize,
    memory: u64,
    descriptors: u64,
    log: u64,
}

impl Sample {
    fn of(running: &Running, bench: &Bench, begun: Instant) -> Self {
        let (memory, descriptors) = used_by(running.pid()).unwrap_or_default();
        let log = fs::metadata(bench.path("ledger.db-wal")).map_or(0, |log| log.len());
        Self { at: begun.elapsed(), created: bench.simulator().creations().len(), memory, descriptors, log }
    }
}

/// Memory in bytes and open descriptors of a process; `None` where this is not known, or it has ended.
#[cfg(target_os = "linux")]
fn used_by(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().ok()?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some((kib * 1024, u64::try_from(descriptors).ok()?))
}

#[cfg(not(target_os = "linux"))]
fn used_by(_pid: u32) -> Option<(u64, u64)> {
    None
}

fn rows() -> usize {
    std::env::var("TENANTRY_TEST_ROWS").map_or(ROWS, |rows| rows.parse().unwrap())
}

fn file(rows: usize) -> String {
    let domain = |n: usize| {
        if n.is_multiple_of(REFUSED_EVERY) { format!("refuse-400-3000-{n}") } else { format!("long{n}") }
    };
    let domains: Vec<String> = (1..=rows).map(domain).collect();
    customers_of(domains.iter().map(String::as_str))
}

/// What befalls the service, in turn.
fn trouble(bench: &Bench, turn: usize) {
    let unavailable = Fault::StatusBefore { status: 503 };
    // Wine takes connections for a port that nobody listens at any more, and says nothing on them.
    let (fault, times) = match turn % 3 {
        0 => (Fault::Throttled { retry_after_s: 1 }, 3),
        2 if cfg!(unix) => (Fault::GoneBefore { for_ms: 1200 }, 1),
        _ => (unavailable, 16),
    };
    bench.simulator().script(ScriptedFault::next(Operation::Create, fault).times(times));
}

/// Reads the ledger as of one moment for as long as it is held, which keeps the log from being written back.
fn reader(bench: &Bench) -> Connection {
    let connection = Connection::open(bench.ledger_path()).unwrap();
    connection.execute_batch("BEGIN; SELECT count(*) FROM customer_rows;").unwrap();
    connection
}

/// Watches the run to its end, with a reader while its second quarter is worked off.
fn watch(running: &mut Running, bench: &Bench, rows: usize) -> Vec<Sample> {
    let begun = Instant::now();
    let (mut samples, mut turns, mut reading) = (Vec::<Sample>::new(), 0, None);
    let mut moved = (0, begun);
    while !running.has_ended() {
        let sample = Sample::of(running, bench, begun);
        samples.push(sample);
        if sample.created > moved.0 {
            moved = (sample.created, Instant::now());
        }
        assert!(moved.1.elapsed() < Duration::from_secs(60), "nothing moves: {sample:?}");
        if sample.created >= turns * TROUBLE_EVERY + TROUBLE_EVERY / 2 {
            trouble(bench, turns);
            turns += 1;
        }
        let second_quarter = (rows / 4..rows / 2).contains(&sample.created);
        if second_quarter && reading.is_none() {
            reading = Some(reader(bench));
        } else if !second_quarter {
            reading = None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    samples
}

fn most(samples: &[Sample], what: impl Fn(&Sample) -> u64) -> u64 {
    samples.iter().map(what).max().unwrap_or_default()
}

#[test]
fn an_hours_work_leaves_nothing_behind() {
    let rows = rows();
    let latency = (Duration::from_millis(10), Duration::from_millis(60));
    let bench = Bench::with(Scenario { latency, token_lifetime: TOKEN_LIFETIME, ..Scenario::default() });
    bench.file("customers.csv", file(rows));
    let options = ["--rate", "2000/s", "--concurrency", &CONCURRENCY.to_string(), "--json"];
    let mut running = bench.import("customers.csv").with_app().args(options).spawn();
    let samples = watch(&mut running, &bench, rows);
    let done = running.wait();
    assert_eq!(done.code, Some(3), "{done}");

    let refused = rows / REFUSED_EVERY;
    let summary = done.json();
    assert_eq!(summary["rows"]["total"], rows);
    assert_eq!(summary["rows"]["created"], rows - refused, "{summary:#}");
    assert_eq!(summary["rows"]["failed"], refused);
    assert_eq!(usize::try_from(sum_of_states(&summary)).unwrap(), rows);
    let throttled = summary["run"]["throttled"].as_u64().unwrap();
    assert!(throttled > 0, "{summary:#}");
    let lasted = samples.last().unwrap().at;
    let renewals = bench.count(Operation::Token);
    assert!(
        Duration::from_secs(2).mul_f64(renewals as f64) > lasted / 2,
        "{renewals} renewals in {lasted:?}"
    );
    done.says("the service does not answer; trying one request at a time");
    if cfg!(unix) {
        let connections_refused = "SELECT count(*) FROM attempts WHERE text LIKE '%refused the connection%'";
        assert!(bench.ledger().number(connections_refused) > 0, "the service was never gone");
    }

    let quarters: Vec<&Sample> = (1..=4)
        .map(|quarter| samples.iter().rfind(|it| it.created <= (rows - refused) * quarter / 4).unwrap())
        .collect();
    eprintln!(
        "{rows} rows in {lasted:?}: {renewals} tokens, {throttled} throttled, {} outages; at the quarters {quarters:#?}; \
         the log had {} KiB at most, {} descriptors were open",
        done.stderr.matches("one request at a time").count(),
        most(&samples, |it| it.log) / 1024,
        most(&samples, |it| it.descriptors),
    );
    let half = samples.iter().position(|it| it.created >= rows / 2).unwrap();
    let (first, second) = samples.split_at(half);
    let (before, after) = (most(first, |it| it.memory), most(second, |it| it.memory));
    assert!(after <= before + MEMORY_SWING, "memory grew from {before} to {after} bytes");
    let (before, after) = (most(first, |it| it.descriptors), most(second, |it| it.descriptors));
    assert!(after <= before + CONCURRENCY, "descriptors grew from {before} to {after}");
    let settled = &second[second.len() / 2..];
    let log = most(settled, |it| it.log);
    assert!(log <= LOG_AT_REST, "the log still has {log} bytes when nobody has been reading for long");
    bench.agree();
}
