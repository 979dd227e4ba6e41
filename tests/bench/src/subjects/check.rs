//! Compares `check` of a large file with reading it with only `csv` and serde, and with DuckDB.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::figures::count;
use crate::parts::Part;
use crate::process::Usage;
use crate::program::Program;
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::turns::Turns;
use crate::world::World;

/// The maximum ratio to the time of a bare read.
const BUDGET: f64 = 1.5;

/// The maximum ratio to the time in which DuckDB reads the file and counts its domains.
const DUCKDB_BUDGET: f64 = 1.0;

/// The maximum ratio to the processor time of the other program.
const SHARE: f64 = 0.25;

pub(super) fn measure(world: &World) -> Result<Findings> {
    let mut findings = Findings::new(format!("check of {} rows, beside a bare read", count(world.size.rows)));
    let kinds = [
        ("one row in 10 twice", Kind::WithDuplicates, 0),
        ("one row in 20 wrong", Kind::WithProblems, 3),
        ("every row good", Kind::Clean, 0),
    ];
    let file = world.path("check.csv");
    for (what, kind, code) in kinds {
        world.samples.write(&file, kind, 0..world.size.rows)?;
        let turns = Turns::run(
            world.size.turns,
            &world.programs,
            |program| check(world, program, &file, code),
            || Ok(world.part(&Part::Read { file: file.clone() })?.usage),
        )?;
        let line = Line::times(what, &turns);
        if kind == Kind::Clean {
            findings.push(line.at_most("1.5 × a bare read", turns.ratio().wall, BUDGET));
            findings.push_share(what, &turns, SHARE);
        } else {
            findings.push(line);
        }
    }
    findings.push(beside_duckdb(world, &file)?);
    std::fs::remove_file(&file)?;
    Ok(findings)
}

fn check(world: &World, program: &Program, file: &Path, code: i32) -> Result<Usage> {
    let args = ["check".as_ref(), file.as_os_str()];
    Ok(world.run(world.tenantry(program, "none.db", args), &[code])?.usage)
}

fn beside_duckdb(world: &World, file: &Path) -> Result<Line> {
    let what = "every row good, beside DuckDB's count of domains";
    let Some(duckdb) = duckdb() else {
        return Ok(Line::new(what, "not measured: neither `duckdb` nor its Python package is here"));
    };
    let turns = Turns::run(
        world.size.turns,
        world.ours_alone(),
        |program| check(world, program, file, 0),
        || Ok(world.run(duckdb(file), &[0])?.usage),
    )?;
    Ok(Line::times(what, &turns).at_most("1 × DuckDB", turns.ratio().wall, DUCKDB_BUDGET))
}

/// How DuckDB reads a file and counts its domains here: with its own program, or else from Python.
fn duckdb() -> Option<fn(&Path) -> Command> {
    fn query(file: &Path) -> String {
        format!("SELECT count(DISTINCT domain) FROM read_csv('{}')", file.display())
    }
    fn program(file: &Path) -> Command {
        let mut command = Command::new("duckdb");
        command.args(["-c", &query(file)]);
        command
    }
    fn python(file: &Path) -> Command {
        let mut command = Command::new("python3");
        command.args(["-c", "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())", &query(file)]);
        command
    }
    let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if works(Command::new("duckdb").arg("--version")) {
        Some(program)
    } else if works(Command::new("python3").args(["-c", "import duckdb"])) {
        Some(python)
    } else {
        None
    }
}
