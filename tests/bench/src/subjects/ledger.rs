//! Measures the disk space of a created row, and what is written for it.

use anyhow::Result;

use crate::figures::{count, digits};
use crate::stock::Created;
use crate::table::{Findings, Line};
use crate::world::World;

/// The maximum ratio to the bytes in the ledger of the other program.
const SHARE: f64 = 0.6;

pub(super) fn measure(world: &World) -> Result<Findings> {
    let rows = world.size.stock();
    let stock = world.programs.iter().map(|program| world.created(program, rows));
    let stock = stock.collect::<Result<Vec<_>>>()?;
    let mut findings = Findings::new(format!(
        "bytes a created row and its attempt, of {}, beside those of its line in the file",
        count(rows)
    ));
    let line = stock[0].file_bytes as f64 / rows as f64;
    let a_row = |bytes: fn(&Created) -> u64| {
        stock.iter().map(|created| bytes(created) as f64 / rows as f64).collect::<Vec<f64>>()
    };
    let in_use = a_row(|created| created.ledger_bytes);
    let found = compared("in the ledger", &in_use, line);
    findings.push(match in_use.get(1) {
        Some(other) => found.at_most("0.6 × beside", in_use[0] / other, SHARE),
        None => found,
    });
    findings.push(compared("written", &a_row(|created| created.whole().written), line));
    Ok(findings)
}

/// The bytes of a row, those of its line, and those of the other program if there is one.
fn compared(what: &str, bytes: &[f64], line: f64) -> Line {
    let found = Line::new(what, digits(bytes[0])).baseline(digits(line), digits(bytes[0] / line));
    match bytes.get(1) {
        Some(other) => found.beside(digits(*other), digits(bytes[0] / other)),
        None => found,
    }
}
