//! Compares the time per row of a small and a large ledger, to find what grows.

use anyhow::Result;

use crate::figures::{count, time};
use crate::process::Usage;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::{Turns, cpu, times, wall};
use crate::world::World;

/// The maximum ratio of the time per row in the larger ledger to that in the smaller one.
const BUDGET: f64 = 1.3;

/// Rows in the smaller ledger, at most.
const FEW: u64 = 100_000;

/// Rows added per turn.
const ADDED: u64 = 10_000;

/// The maximum duration of `status`, in seconds.
const STATUS_BUDGET: f64 = 1.0;

/// A ledger, and the rows in it.
struct Ledger {
    name: String,
    rows: u64,
}

pub(super) fn measure(world: &World) -> Result<Findings> {
    // The larger ledger is a multiple of the smaller one: to create 10,000,000 rows takes an hour.
    let few = FEW.min(world.size.rows / 10);
    let created = world.created(world.ours(), few)?;
    let rows = world.size.rows / few * few;
    let many = Ledger { name: world.multiplied(&created, rows)?, rows };
    let few = Ledger { name: created.ledger.clone(), rows: few };
    let mut findings = Findings::new(format!(
        "time a row with {} rows in the ledger, beside {}",
        count(many.rows),
        count(few.rows)
    ));
    // Commands that only read come first, because the later ones add rows.
    let export = both(world, &many, &few, |ledger| {
        world.remove("export.csv");
        command(world, ledger, &["export", "created", "-o", "export.csv"], 0)
    })?;
    findings.push(a_row("export created", &export, many.rows, few.rows));
    let report = both(world, &many, &few, |ledger| {
        world.remove("report.html");
        command(world, ledger, &["report", "-o", "report.html"], 0)
    })?;
    findings.push(a_row("report", &report, many.rows, few.rows));
    let status = both(world, &many, &few, |ledger| command(world, ledger, &["status"], 0))?;
    findings.push(a_row("status", &status, many.rows, few.rows));
    findings.push(Line::new(format!("status of {} rows", count(many.rows)), times(&status.ours)).at_most(
        "1 s",
        wall(&status.ours),
        STATUS_BUDGET,
    ));
    let Added { idle, intake, sending } = add(world, &many, &few)?;
    findings.push(Line::times("a run with nothing to do", &idle));
    findings.push(a_row("intake of further rows, beyond that", &intake, ADDED, ADDED));
    findings.push(a_row("leasing and outcome of them, beyond that", &sending, ADDED, ADDED));
    Ok(findings)
}

fn both(world: &World, many: &Ledger, few: &Ledger, run: impl Fn(&str) -> Result<Usage>) -> Result<Turns> {
    Turns::run(world.size.turns, world.ours_alone(), |_| run(&many.name), || run(&few.name))
}

fn command(world: &World, ledger: &str, args: &[&str], code: i32) -> Result<Usage> {
    Ok(world.run(world.tenantry(world.ours(), ledger, args), &[code])?.usage)
}

/// The usage of adding rows to both ledgers.
#[derive(Default)]
struct Added {
    /// A run without work: the fixed cost of every run.
    idle: Turns,
    intake: Turns,
    sending: Turns,
}

/// Adds rows to both ledgers. First all rows except one are only ingested, then `resume` creates them.
fn add(world: &World, many: &Ledger, few: &Ledger) -> Result<Added> {
    let one_turn = |ledger: &str, turn: usize| -> Result<[Usage; 3]> {
        let first = many.rows + u64::try_from(turn)? * ADDED;
        world.samples.write(&world.path("further.csv"), Kind::Clean, first..first + ADDED)?;
        let idle = command(world, ledger, &["resume"], 0)?;
        let intake = command(world, ledger, &["import", "--yes", "--limit", "1", "further.csv"], 5)?;
        let sending = command(world, ledger, &["resume"], 0)?;
        Ok([idle, intake.beyond(idle), sending.beyond(idle)])
    };
    // The smaller ledger stays small: each turn adds rows to a fresh copy.
    let copy = "few.db";
    let ours = world.ours();
    let mut added = Added::default();
    for turn in 0..world.size.turns {
        world.remove_ledger(ours, copy);
        std::fs::copy(world.ledger(ours, &few.name), world.ledger(ours, copy))?;
        let (large, small) = (one_turn(&many.name, turn)?, one_turn(copy, turn)?);
        let turns = [&mut added.idle, &mut added.intake, &mut added.sending];
        for (turns, (large, small)) in turns.into_iter().zip(large.into_iter().zip(small)) {
            turns.ours.push(large);
            turns.baseline.push(small);
        }
    }
    Ok(added)
}

/// The usage per row on both sides.
fn a_row(what: &str, turns: &Turns, rows: u64, baseline_rows: u64) -> Line {
    let each = |usages: &[Usage], rows: u64| {
        let rows = rows as f64;
        format!("{} (CPU {})", time(wall(usages) / rows), time(cpu(usages) / rows))
    };
    let ratio = turns.ratio().times(baseline_rows as f64 / rows as f64);
    Line::new(what, each(&turns.ours, rows))
        .baseline(each(&turns.baseline, baseline_rows), ratio.to_string())
        .at_most("1.3 × with few rows", ratio.wall, BUDGET)
}
