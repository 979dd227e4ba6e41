//! Measures importing a fully created file again, in any order: nothing is sent, and it takes seconds.

use anyhow::{Context, Result, ensure};

use crate::figures::{count, digits, mib};
use crate::parts::Part;
use crate::parts::serve::COUNT;
use crate::process::Usage;
use crate::program::Program;
use crate::rows::{Kind, shuffled};
use crate::table::{Findings, Line};
use crate::turns::Turns;
use crate::world::World;

/// The maximum ratio to the time of a bare read.
const BUDGET: f64 = 2.5;

/// MiB.
const MEMORY_BUDGET: f64 = 64.0;

pub(super) fn measure(world: &World) -> Result<Findings> {
    let rows = world.size.rows;
    for program in &world.programs {
        world.created(program, rows)?;
    }
    let before = requests(world)?;
    let mut findings = Findings::new(format!(
        "a fully created file of {} rows, imported again, beside a bare read",
        count(rows)
    ));
    let file = world.path(&world.created(world.ours(), rows)?.file);
    // The old order comes last, so that other subjects find the file as it was.
    for what in ["shuffled", "in its old order"] {
        match what {
            "shuffled" => world.samples.write(&file, Kind::Clean, shuffled(rows))?,
            _ => world.samples.write(&file, Kind::Clean, 0..rows)?,
        };
        let turns = Turns::run(
            world.size.turns,
            &world.programs,
            |program| again(world, program),
            || Ok(world.part(&Part::Read { file: file.clone() })?.usage),
        )?;
        findings.push(Line::times(what, &turns).at_most("2.5 × a bare read", turns.ratio().wall, BUDGET));
        let peak = turns.ours.iter().map(|usage| mib(usage.peak)).fold(0.0, f64::max);
        let line = Line::new(format!("{what}: peak memory"), format!("{} MiB", digits(peak)));
        findings.push(if peak > 0.0 { line.at_most("64 MiB", peak, MEMORY_BUDGET) } else { line });
    }
    let sent = requests(world)? - before;
    findings.push(Line::new("requests sent", sent.to_string()).decided("none", sent == 0));
    Ok(findings)
}

fn again(world: &World, program: &Program) -> Result<Usage> {
    let created = world.created(program, world.size.rows)?;
    let args = ["import", "--yes", "--json", &created.file];
    let ended = world.run(world.tenantry(program, &created.ledger, args), &[0])?;
    let summary = ended.json()?;
    ensure!(summary["run"]["skipped"] == created.rows, "not every row was known: {summary}");
    Ok(ended.usage)
}

/// The number of requests that the server has received.
fn requests(world: &World) -> Result<u64> {
    let text = world.get(&format!("{}{COUNT}", world.server.url))?;
    text.parse().context("the server counts in numbers")
}
