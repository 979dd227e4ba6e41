//! Measures the import at full speed, from the file to durable outcomes.
//!
//! The baselines are a load generator that posts the same bodies, and SQLite with the minimum of writes.

use anyhow::Result;

use crate::figures::count;
use crate::parts::Part;
use crate::process::Usage;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::{Turns, throughput};
use crate::world::World;

/// The minimum share of a load generator's requests per second; the goal is twice that.
const BUDGET: f64 = 0.2;

/// Rows per import: enough to make the start negligible, few enough for many turns.
const ROWS: u64 = 20_000;

/// The program's default, also used for the load generator.
const CONCURRENCY: u32 = 64;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    let rows = ROWS.min(world.size.rows);
    world.samples.write(&world.path("import.csv"), Kind::Clean, 0..rows)?;
    let mut findings = Findings::new(format!(
        "import of {} rows at --rate unlimited, {CONCURRENCY} at once, beside a load generator",
        count(rows)
    ));
    let plain = Turns::run(world.size.turns, |_| import(world, None), |_| load(world, rows, None))?;
    findings.push(compared("against a server that only answers 201", &plain, rows));
    let simulated = Turns::run(
        world.size.turns,
        |_| import(world, Some(&world.simulator(SIMULATOR)?.url)),
        |_| load(world, rows, Some(&world.simulator(SIMULATOR)?.url)),
    )?;
    findings.push(compared("against the simulator", &simulated, rows));
    let durable = Turns::run(world.size.turns, |_| import(world, None), |_| commit(world, rows))?;
    findings.push(Line::new("beside SQLite in groups of 64", throughput(&durable.ours, rows)).beside(
        throughput(&durable.baseline, rows),
        1.0 / durable.wall_ratio(),
        1.0 / durable.cpu_ratio(),
    ));
    Ok(findings)
}

/// No latency and no rate limit.
const SIMULATOR: &str = "smooth,limit=none,latency_ms=0";

fn compared(what: &str, turns: &Turns, rows: u64) -> Line {
    let share = 1.0 / turns.wall_ratio();
    Line::new(what, throughput(&turns.ours, rows))
        .beside(throughput(&turns.baseline, rows), share, 1.0 / turns.cpu_ratio())
        .at_least("0.2 of its requests/s, goal 0.4", share, BUDGET)
}

fn import(world: &World, url: Option<&str>) -> Result<Usage> {
    world.remove_ledger("import.db");
    let concurrency = CONCURRENCY.to_string();
    let args = ["import", "--yes", "--concurrency", &concurrency, "import.csv"];
    let mut command = world.tenantry("import.db", args);
    if let Some(url) = url {
        command.env("TENANTRY_API_URL", url).env("TENANTRY_AUTHORITY_URL", url);
    }
    Ok(world.run(command, &[0])?.usage)
}

fn load(world: &World, requests: u64, url: Option<&str>) -> Result<Usage> {
    let url = url.unwrap_or(&world.server.url).to_owned();
    let part = Part::Load { url, first: 0, requests, concurrency: usize::try_from(CONCURRENCY)? };
    Ok(world.part(&part)?.usage)
}

fn commit(world: &World, rows: u64) -> Result<Usage> {
    let name = "bare.db";
    world.remove_ledger(name);
    let part = Part::Commit { file: world.path(name), rows, group: u64::from(CONCURRENCY) };
    Ok(world.part(&part)?.usage)
}
