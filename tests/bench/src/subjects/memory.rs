//! Measures the peak memory of every command that reads all rows, at several sizes.
//!
//! The peak must not grow with the file.

use anyhow::Result;

use crate::figures::{count, digits, mib};
use crate::process::Usage;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::world::World;

/// MiB, for any size.
const BUDGET: f64 = 64.0;

pub(super) fn measure(world: &World) -> Result<Findings> {
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
                .baseline("the fewest rows", digits(largest / smallest));
        // No verdict if the platform does not report memory.
        findings.push(if largest > 0.0 { line.at_most("64 MiB", largest, BUDGET) } else { line });
    }
    Ok(findings)
}

fn at(world: &World, rows: u64) -> Result<Vec<(&'static str, Usage)>> {
    let created = world.created(world.ours(), rows)?;
    let run = |args: &[&str]| {
        let command = world.tenantry(world.ours(), &created.ledger, args);
        Ok::<_, anyhow::Error>(world.run(command, &[0])?.usage)
    };
    let mut usages = vec![
        ("check", run(&["check", &created.file])?),
        ("import", created.import),
        ("resume", created.resume),
        ("import again", run(&["import", "--yes", &created.file])?),
        ("status", run(&["status"])?),
        ("export created", run(&["export", "created", "-o", "export.csv", "--force"])?),
        ("report", run(&["report", "-o", "report.html", "--force"])?),
        ("credentials", run(&["credentials", "-o", "passwords.csv", "--force"])?),
    ];
    for (kind, check, import) in WITH_PROBLEMS {
        let (file, ledger) = ("problems.csv", "problems.db");
        world.samples.write(&world.path(file), kind, 0..rows)?;
        world.remove_ledger(world.ours(), ledger);
        let run = |args: &[&str], code| {
            Ok::<_, anyhow::Error>(world.run(world.tenantry(world.ours(), ledger, args), &[code])?.usage)
        };
        usages.push((check, run(&["check", file, "-o", "copy.csv", "--force"], 3)?));
        // Valid rows are not sent: this measures the rows that cannot be sent.
        let code = if kind == Kind::Mixed { 5 } else { 3 };
        usages.push((import, run(&["import", "--yes", "--limit", "0", file], code)?));
    }
    Ok(usages)
}

/// Files with a problem in each row, and the labels of their measurements.
const WITH_PROBLEMS: [(Kind, &str, &str); 3] = [
    (Kind::Mixed, "check -o, resellers mixed", "import, resellers mixed"),
    (Kind::Wrong, "check -o, an error in each row", "import, an error in each row"),
    (Kind::WithoutDomain, "check -o, no domain in any row", "import, no domain in any row"),
];
