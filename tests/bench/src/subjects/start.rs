//! Compares the start of the program with a process that does nothing, and counts its syncs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::figures::{digits, mib};
use crate::parts::Part;
use crate::program::Program;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::Turns;
use crate::world::World;

/// Short measurements vary more, and cost less.
const TURNS_PER_TURN: usize = 5;

/// The maximum ratio to the processor time of the other program.
const SHARE: f64 = 0.5;

/// The most syncs of an import of one row into a new ledger, and into one that is there.
const SYNCS_OF_NEW: u64 = 6;
const SYNCS_OF_OLD: u64 = 4;

const LEDGER: &str = "one.db";

pub(super) fn measure(world: &World) -> Result<Findings> {
    for number in 0..2 {
        world.samples.write(&world.path(&format!("one-{number}.csv")), Kind::Clean, number..number + 1)?;
    }
    let turns = world.size.turns * TURNS_PER_TURN;
    let nothing = || Ok(world.part(&Part::Nothing)?.usage);
    let version =
        |program: &Program| Ok(world.run(world.tenantry(program, LEDGER, ["--version"]), &[0])?.usage);
    let version = Turns::run(turns, &world.programs, version, nothing)?;
    let import = |program: &Program| {
        world.remove_ledger(program, LEDGER);
        Ok(world.run(import(world, program, 0), &[0])?.usage)
    };
    let import = Turns::run(turns, &world.programs, import, nothing)?;
    let mut findings = Findings::new("starting, beside a process that does nothing");
    findings.push(Line::times("tenantry --version", &version));
    findings.push(Line::times("import of one row", &import));
    findings.push_share("import of one row", &import, SHARE);
    let syncs =
        world.programs.iter().map(|program| syncs(world, program)).collect::<Result<Option<Vec<_>>>>()?;
    let cases = [("a new ledger", SYNCS_OF_NEW), ("one that is there", SYNCS_OF_OLD)];
    for (index, (ledger, budget)) in cases.into_iter().enumerate() {
        let what = format!("syncs of it, into {ledger}");
        findings.push(match syncs.as_deref() {
            None => Line::new(what, "not counted: `strace` is not here"),
            Some(syncs) => {
                let ours = syncs[0][index];
                let line = Line::new(what, ours.to_string()).decided(&budget.to_string(), ours <= budget);
                match syncs.get(1).map(|syncs| syncs[index]) {
                    None => line,
                    Some(other) => line.beside(other.to_string(), digits(ours as f64 / other as f64)),
                }
            }
        });
    }
    let size = mib(world.ours().path().metadata()?.len());
    findings.push(Line::new("size of the program", format!("{} MiB", digits(size))));
    Ok(findings)
}

fn import(world: &World, program: &Program, number: u64) -> Command {
    let file = format!("one-{number}.csv");
    world.tenantry(program, LEDGER, ["import", "--yes", &file])
}

/// The syncs of an import of one row into a new ledger, and of another one into that. The key pair is there already.
/// `None` without `strace`.
fn syncs(world: &World, program: &Program) -> Result<Option<[u64; 2]>> {
    if Command::new("strace").arg("--version").output().is_err() {
        return Ok(None);
    }
    world.remove_ledger(program, LEDGER);
    let log = world.path("syncs.log");
    let mut counts = [0; 2];
    for (number, count) in (0..).zip(&mut counts) {
        world.run(traced(&import(world, program, number), &log), &[0])?;
        // A call during which another thread was logged has a second line.
        let log = fs::read_to_string(&log)?;
        *count =
            log.lines().filter(|line| line.contains("sync") && !line.contains(" resumed>")).count() as u64;
    }
    Ok(Some(counts))
}

/// The command under `strace`, which logs its syncs.
fn traced(command: &Command, log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-qq",
        "-e",
        "signal=none",
        "-e",
        "trace=fsync,fdatasync,sync_file_range,syncfs,sync",
    ]);
    traced.arg("-o").arg(log).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        traced.current_dir(folder);
    }
    traced
}
