//! Compares the start of the program with a process that does nothing.

use anyhow::Result;

use crate::figures::{digits, mib};
use crate::parts::Part;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::{Turns, times};
use crate::world::World;

/// Short measurements vary more, and cost less.
const TURNS_PER_TURN: usize = 5;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    world.samples.write(&world.path("one.csv"), Kind::Clean, 0..1)?;
    let turns = world.size.turns * TURNS_PER_TURN;
    let nothing = |_| Ok(world.part(&Part::Nothing)?.usage);
    let version =
        Turns::run(turns, |_| Ok(world.run(world.tenantry("one.db", ["--version"]), &[0])?.usage), nothing)?;
    let import = |_| {
        world.remove_ledger("one.db");
        Ok(world.run(world.tenantry("one.db", ["import", "--yes", "one.csv"]), &[0])?.usage)
    };
    let import = Turns::run(turns, import, nothing)?;
    let mut findings = Findings::new("starting, beside a process that does nothing");
    for (what, turns) in [("tenantry --version", version), ("import of one row", import)] {
        findings.push(Line::new(what, times(&turns.ours)).beside(
            times(&turns.baseline),
            turns.wall_ratio(),
            turns.cpu_ratio(),
        ));
    }
    let size = mib(world.program.path().metadata()?.len());
    findings.push(Line::new("size of the program", format!("{} MiB", digits(size))));
    Ok(findings)
}
