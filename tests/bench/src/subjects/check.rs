//! Compares `check` of a large file with reading it with only `csv` and serde.

use anyhow::Result;

use crate::figures::count;
use crate::parts::Part;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::{Turns, times};
use crate::world::World;

/// The maximum ratio to the time of a bare read.
const BUDGET: f64 = 2.0;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    let mut findings = Findings::new(format!("check of {} rows, beside a bare read", count(world.size.rows)));
    let kinds = [
        ("every row good", Kind::Clean, 0),
        ("one row in 10 twice", Kind::WithDuplicates, 0),
        ("one row in 20 wrong", Kind::WithProblems, 3),
    ];
    for (what, kind, code) in kinds {
        let turns = compare(world, kind, code)?;
        let line = Line::new(what, times(&turns.ours)).beside(
            times(&turns.baseline),
            turns.wall_ratio(),
            turns.cpu_ratio(),
        );
        findings.push(match kind {
            Kind::Clean => line.at_most("2 × a bare read", turns.wall_ratio(), BUDGET),
            _ => line,
        });
    }
    Ok(findings)
}

fn compare(world: &World, kind: Kind, code: i32) -> Result<Turns> {
    let file = world.path("check.csv");
    world.samples.write(&file, kind, 0..world.size.rows)?;
    let turns = Turns::run(
        world.size.turns,
        |_| Ok(world.run(world.tenantry("none.db", ["check".as_ref(), file.as_os_str()]), &[code])?.usage),
        |_| Ok(world.part(&Part::Read { file: file.clone() })?.usage),
    );
    std::fs::remove_file(&file)?;
    turns
}
