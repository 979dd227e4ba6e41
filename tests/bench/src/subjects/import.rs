//! Measures the import at full speed, from the file to durable outcomes.
//!
//! The baselines are a load generator that posts the same bodies, and SQLite with the minimum of writes.

use anyhow::Result;

use crate::figures::count;
use crate::parts::Part;
use crate::process::Usage;
use crate::program::Program;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::Turns;
use crate::world::World;

/// The minimum share of a load generator's requests per second.
const BUDGET: f64 = 0.35;

/// Rows per import: enough to make the start negligible, few enough for many turns.
const ROWS: u64 = 20_000;

/// For all sides.
const CONCURRENCY: u32 = 64;

pub(super) fn measure(world: &World) -> Result<Findings> {
    let rows = ROWS.min(world.size.rows);
    world.samples.write(&world.path("import.csv"), Kind::Clean, 0..rows)?;
    let mut findings = Findings::new(format!(
        "import of {} rows at --rate unlimited, {CONCURRENCY} at once, beside a load generator",
        count(rows)
    ));
    let turns = world.size.turns;
    let plain = |program: &Program| import(world, program, &world.server.url);
    let beside_load = Turns::run(turns, &world.programs, plain, || load(world, &world.server.url, rows))?;
    let share = 1.0 / beside_load.ratio().wall;
    let line = Line::throughput("against a server that only answers 201", &beside_load, rows);
    findings.push(line.at_least("0.35 of its requests/s", share, BUDGET));
    let simulated = Turns::run(
        turns,
        &world.programs,
        |program| import(world, program, &world.simulator(SIMULATOR)?.url),
        || load(world, &world.simulator(SIMULATOR)?.url, rows),
    )?;
    findings.push(Line::throughput("against the simulator", &simulated, rows));
    let durable = Turns::run(turns, world.ours_alone(), plain, || commit(world, rows))?;
    findings.push(Line::throughput("beside SQLite in groups of 64", &durable, rows));
    Ok(findings)
}

/// No latency and no rate limit.
const SIMULATOR: &str = "smooth,limit=none,latency_ms=0";

fn import(world: &World, program: &Program, url: &str) -> Result<Usage> {
    world.remove_ledger(program, "import.db");
    let concurrency = CONCURRENCY.to_string();
    let args = ["import", "--yes", "--concurrency", &concurrency, "import.csv"];
    let mut command = world.tenantry(program, "import.db", args);
    command.env("TENANTRY_API_URL", url).env("TENANTRY_AUTHORITY_URL", url);
    Ok(world.run(command, &[0])?.usage)
}

fn load(world: &World, url: &str, requests: u64) -> Result<Usage> {
    let concurrency = usize::try_from(CONCURRENCY)?;
    Ok(world.part(&Part::Load { url: url.to_owned(), first: 0, requests, concurrency })?.usage)
}

fn commit(world: &World, rows: u64) -> Result<Usage> {
    let name = "bare.db";
    world.remove_ledger(world.ours(), name);
    let part = Part::Commit { file: world.ledger(world.ours(), name), rows, group: u64::from(CONCURRENCY) };
    Ok(world.part(&part)?.usage)
}
