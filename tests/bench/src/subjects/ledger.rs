//! Measures the disk space of a created row.

use anyhow::Result;

use crate::figures::{count, digits};
use crate::table::{Findings, Line};
use crate::world::World;

pub(super) fn measure(world: &mut World) -> Result<Findings> {
    let mut findings =
        Findings::new("bytes of the ledger a created row, beside those of its line in the file");
    for rows in world.sizes() {
        let created = world.created(rows)?;
        let (ledger, line) =
            (created.ledger_bytes as f64 / rows as f64, created.file_bytes as f64 / rows as f64);
        findings.push(
            Line::new(format!("{} rows", count(rows)), format!("{} bytes", digits(ledger)))
                .beside_figure(format!("{} bytes", digits(line)), ledger / line),
        );
    }
    Ok(findings)
}
