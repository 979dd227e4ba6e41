//! Compares opening the passwords of a ledger with only decrypting as many.

use anyhow::{Result, ensure};

use crate::figures::count;
use crate::parts::Part;
use crate::process::Usage;
use crate::program::Program;
use crate::table::{Findings, Line};
use crate::turns::{Turns, times, wall};
use crate::world::World;

/// Seconds for 200,000 passwords.
const BUDGET: f64 = 10.0;

/// The maximum ratio to the time of a bare loop.
const BARE_BUDGET: f64 = 3.0;

/// The maximum ratio to the processor time of the other program.
const SHARE: f64 = 0.25;

pub(super) fn measure(world: &World) -> Result<Findings> {
    let passwords = world.size.stock();
    for program in &world.programs {
        world.created(program, passwords)?;
    }
    let turns = Turns::run(
        world.size.turns,
        &world.programs,
        |program| open(world, program, passwords),
        || Ok(world.part(&Part::Open { passwords })?.usage),
    )?;
    let mut findings =
        Findings::new(format!("{} passwords opened, beside only decrypting them", count(passwords)));
    let line = Line::times("credentials -o", &turns);
    findings.push(line.at_most("3 × the decryption alone", turns.ratio().wall, BARE_BUDGET));
    let line = Line::new("credentials -o", times(&turns.ours));
    findings.push(line.at_most("10 s", wall(&turns.ours), BUDGET));
    findings.push_share("credentials -o", &turns, SHARE);
    Ok(findings)
}

fn open(world: &World, program: &Program, passwords: u64) -> Result<Usage> {
    const OUTPUT: &str = "passwords.csv";
    world.remove(OUTPUT);
    let created = world.created(program, passwords)?;
    let args = ["credentials", "-o", OUTPUT];
    let usage = world.run(world.tenantry(program, &created.ledger, args), &[0])?.usage;
    let opened = csv::Reader::from_path(world.path(OUTPUT))?.byte_records().count() as u64;
    ensure!(opened == passwords, "{opened} of {passwords} passwords were opened");
    Ok(usage)
}
