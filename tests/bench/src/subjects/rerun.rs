//! Measures importing a fully created file again: nothing is sent, and it takes seconds.

use anyhow::{Context, Result, ensure};

use crate::figures::count;
use crate::parts::Part;
use crate::parts::serve::COUNT;
use crate::table::{Findings, Line};
use crate::turns::{Turns, times, wall};
use crate::world::World;

/// Seconds for 1,000,000 rows.
const BUDGET: f64 = 5.0;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    let created = world.created(world.size.rows)?;
    let before = requests(world)?;
    let again = || {
        let ended =
            world.run(world.tenantry(&created.ledger, ["import", "--yes", "--json", &created.file]), &[0])?;
        let summary = ended.json()?;
        ensure!(summary["run"]["skipped"] == created.rows, "not every row was known: {summary}");
        Ok(ended.usage)
    };
    let file = world.path(&created.file);
    let turns = Turns::run(
        world.size.turns,
        |_| again(),
        |_| Ok(world.part(&Part::Read { file: file.clone() })?.usage),
    )?;
    let sent = requests(world)? - before;
    let mut findings =
        Findings::new(format!("a fully created file of {} rows, imported again", count(created.rows)));
    let line = Line::new("import again, beside a bare read", times(&turns.ours)).beside(
        times(&turns.baseline),
        turns.wall_ratio(),
        turns.cpu_ratio(),
    );
    let millions = created.rows as f64 / 1e6;
    findings.push(line.at_most("5 s for 1,000,000 rows", wall(&turns.ours), BUDGET * millions.max(0.1)));
    findings.push(Line::new("requests sent", sent.to_string()).decided("none", sent == 0));
    Ok(findings)
}

/// The number of requests that the server has received.
fn requests(world: &World) -> Result<u64> {
    let text = world.get(&format!("{}{COUNT}", world.server.url))?;
    text.parse().context("the server counts in numbers")
}
