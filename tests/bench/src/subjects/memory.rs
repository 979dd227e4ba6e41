//! Peak memory of every command that sees all rows, at several sizes: it does not grow with the file.

use anyhow::Result;

use crate::figures::{count, digits, mib};
use crate::process::Usage;
use crate::table::{Findings, Line};
use crate::world::World;

/// MiB, at any size.
const BUDGET: f64 = 64.0;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    let sizes = world.sizes();
    let mut findings = Findings::new("peak memory, and how it grows with the rows");
    let mut peaks: Vec<(&str, Vec<f64>)> = Vec::new();
    for &rows in &sizes {
        for (index, (what, usage)) in at(world, rows)?.into_iter().enumerate() {
            if peaks.len() <= index {
                peaks.push((what, Vec::new()));
            }
            peaks[index].1.push(mib(usage.peak));
        }
    }
    for (what, peaks) in peaks {
        let largest = *peaks.last().unwrap_or(&f64::NAN);
        let smallest = *peaks.first().unwrap_or(&f64::NAN);
        let all: Vec<String> = peaks.iter().map(|peak| digits(*peak)).collect();
        let sizes: Vec<String> = sizes.iter().map(|&rows| count(rows)).collect();
        let line =
            Line::new(format!("{what} of {} rows", sizes.join(" / ")), format!("{} MiB", all.join(" / ")))
                .beside_figure("the fewest rows", largest / smallest);
        // Where the platform does not tell, nothing is decided.
        findings.push(if largest > 0.0 { line.at_most("64 MiB", largest, BUDGET) } else { line });
    }
    Ok(findings)
}

fn at(world: &mut World, rows: u64) -> Result<Vec<(&'static str, Usage)>> {
    let created = world.created(rows)?;
    let run =
        |args: &[&str]| Ok::<_, anyhow::Error>(world.run(world.tenantry(&created.ledger, args), &[0])?.usage);
    Ok(vec![
        ("check", run(&["check", &created.file])?),
        ("import", created.import),
        ("resume", created.resume),
        ("import again", run(&["import", "--yes", &created.file])?),
        ("status", run(&["status"])?),
        ("export created", run(&["export", "created", "-o", "export.csv"])?),
        ("report", run(&["report", "-o", "report.html"])?),
    ])
}
