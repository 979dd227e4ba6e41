//! Compares the time per row of a small and a large ledger, to find what grows.

use anyhow::Result;

use crate::figures::{count, time};
use crate::process::Usage;
use crate::rows::Kind;
use crate::stock::Created;
use crate::table::{Findings, Line};
use crate::turns::{Turns, cpu, times, wall};
use crate::world::World;

/// The maximum ratio of the time per row with 1,000,000 rows in the ledger to that with 10,000.
const BUDGET: f64 = 1.3;

/// Rows in the smaller ledger, and rows added per turn.
const FEW: u64 = 10_000;

/// The maximum duration of `status`, in seconds.
const STATUS_BUDGET: f64 = 1.0;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    let many = world.created(world.size.rows)?;
    let few = world.created(FEW.min(world.size.rows))?;
    let mut findings = Findings::new(format!(
        "time a row with {} rows in the ledger, beside {}",
        count(many.rows),
        count(few.rows)
    ));
    let whole = Turns { ours: vec![many.whole()], baseline: vec![few.whole()] };
    findings.push(a_row("import and resume (one turn)", &whole, many.rows, few.rows));
    // Commands that only read come first, because the later ones add rows.
    let export = both(world, &many, &few, |world, ledger| {
        command(world, ledger, &["export", "created", "-o", "export.csv", "--force"], 0)
    })?;
    findings.push(a_row("export created", &export, many.rows, few.rows));
    let report = both(world, &many, &few, |world, ledger| {
        command(world, ledger, &["report", "-o", "report.html", "--force"], 0)
    })?;
    findings.push(a_row("report", &report, many.rows, few.rows));
    let status = both(world, &many, &few, |world, ledger| command(world, ledger, &["status"], 0))?;
    findings.push(a_row("status", &status, many.rows, few.rows));
    findings.push(Line::new(format!("status of {} rows", count(many.rows)), times(&status.ours)).at_most(
        "1 s",
        wall(&status.ours),
        STATUS_BUDGET,
    ));
    let Added { idle, intake, sending } = add(world, &many, &few)?;
    findings.push(Line::new("a run with nothing to do", times(&idle.ours)).beside(
        times(&idle.baseline),
        idle.wall_ratio(),
        idle.cpu_ratio(),
    ));
    findings.push(a_row("intake of further rows, beyond that", &intake, FEW, FEW));
    findings.push(a_row("leasing and outcome of them, beyond that", &sending, FEW, FEW));
    Ok(findings)
}

fn both(
    world: &World,
    many: &Created,
    few: &Created,
    run: impl Fn(&World, &str) -> Result<Usage>,
) -> Result<Turns> {
    Turns::run(world.size.turns, |_| run(world, &many.ledger), |_| run(world, &few.ledger))
}

fn command(world: &World, ledger: &str, args: &[&str], code: i32) -> Result<Usage> {
    Ok(world.run(world.tenantry(ledger, args), &[code])?.usage)
}

/// The usage of adding rows to both ledgers.
struct Added {
    /// A run without work: the fixed cost of every run.
    idle: Turns,
    intake: Turns,
    sending: Turns,
}

/// Adds rows to both ledgers. First all rows except one are only ingested, then `resume` creates them.
fn add(world: &World, many: &Created, few: &Created) -> Result<Added> {
    let one_turn = |ledger: &str, turn: usize| -> Result<[Usage; 3]> {
        let first = world.size.rows + u64::try_from(turn)? * FEW;
        world.samples.write(&world.path("further.csv"), Kind::Clean, first..first + FEW)?;
        let idle = command(world, ledger, &["resume"], 0)?;
        let intake = command(world, ledger, &["import", "--yes", "--limit", "1", "further.csv"], 5)?;
        let sending = command(world, ledger, &["resume"], 0)?;
        Ok([idle, intake.beyond(idle), sending.beyond(idle)])
    };
    // The smaller ledger stays small: each turn adds rows to a fresh copy.
    let copy = "few.db";
    let [mut idle, mut intake, mut sending] =
        [(); 3].map(|()| Turns { ours: Vec::new(), baseline: Vec::new() });
    for turn in 0..world.size.turns {
        world.remove_ledger(copy);
        std::fs::copy(world.path(&few.ledger), world.path(copy))?;
        let (ours, baseline) = (one_turn(&many.ledger, turn)?, one_turn(copy, turn)?);
        for (turns, index) in [(&mut idle, 0), (&mut intake, 1), (&mut sending, 2)] {
            turns.ours.push(ours[index]);
            turns.baseline.push(baseline[index]);
        }
    }
    Ok(Added { idle, intake, sending })
}

/// The usage per row on both sides.
fn a_row(what: &str, turns: &Turns, rows: u64, baseline_rows: u64) -> Line {
    let each = |usages: &[Usage], rows: u64| {
        let rows = rows as f64;
        format!("{} (CPU {})", time(wall(usages) / rows), time(cpu(usages) / rows))
    };
    let scale = baseline_rows as f64 / rows as f64;
    let ratio = turns.wall_ratio() * scale;
    Line::new(what, each(&turns.ours, rows))
        .beside(each(&turns.baseline, baseline_rows), ratio, turns.cpu_ratio() * scale)
        .at_most("1.3 × with few rows", ratio, BUDGET)
}
