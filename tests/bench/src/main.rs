//! Benchmarks of tenantry, which compare the installed program with baselines.
//!
//! The program runs as a process. It takes turns with the baseline of each figure. See `Cargo.toml` for the command.
//!
//! Everything that is measured is a separate process, including the baselines and servers (`parts`), so that time and
//! memory mean the same on both sides. A ratio is the median of the ratios of all turns: a machine that slows down
//! slows both sides of a turn. Figures are never compared with another run or machine.
//!
//! This process stays small on purpose: the system never counts a child's peak memory as lower than its parent's memory
//! at the start of the child.

mod figures;
mod machine;
mod parts;
mod process;
mod program;
mod rows;
mod stock;
mod subjects;
mod table;
mod turns;
mod world;

use std::path::PathBuf;

use clap::Parser;

use program::Program;
use subjects::Subject;
use world::World;

/// Measures tenantry beside baselines, and says which budgets are met.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure; everything but `compile` where none is named.
    subjects: Vec<Subject>,
    /// Rows of the largest file [default: 1000000, or 100000 with --quick].
    #[arg(long)]
    rows: Option<u64>,
    /// Turns of each comparison.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Length of the tests of the rate limit [default: 120, or 60 with --quick].
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// In a few minutes, with fewer rows and turns.
    #[arg(long)]
    quick: bool,
    /// The profile that the program is built with. (The subject `compile` measures `release` and `dist`.)
    #[arg(long, value_name = "NAME", default_value = "dist")]
    profile: String,
    /// Measure this program instead of building the one of this repository.
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    program: Option<PathBuf>,
    /// Measure this program, too, such as one of an earlier commit.
    #[arg(long, value_name = "FILE")]
    beside: Option<PathBuf>,
}

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Rows in the largest file.
    pub(crate) rows: u64,
    pub(crate) turns: usize,
    /// How long the rate limit is tested.
    pub(crate) seconds: u64,
}

impl Size {
    /// Rows of the ledger whose size is measured, and whose passwords are opened.
    pub(crate) fn stock(self) -> u64 {
        self.rows.min(200_000)
    }
}

impl Args {
    fn size(&self) -> Size {
        let (rows, seconds) = if self.quick { (100_000, 60) } else { (1_000_000, 120) };
        Size {
            rows: self.rows.unwrap_or(rows).max(1000),
            turns: self.turns.max(1),
            seconds: self.seconds.unwrap_or(seconds).max(1),
        }
    }
}

fn main() -> anyhow::Result<()> {
    // The same executable runs the baselines and the servers.
    if std::env::args_os().nth(1).is_some_and(|first| first == parts::WORD) {
        return parts::run();
    }
    let args = Args::parse();
    let subjects = if args.subjects.is_empty() { Subject::usual() } else { args.subjects.clone() };
    let mut programs = vec![match &args.program {
        Some(path) => Program::found(path, "ours")?,
        None => Program::built_here(&args.profile)?,
    }];
    programs.extend(
        args.beside.iter().map(|path| Program::found(path, "beside")).collect::<Result<Vec<_>, _>>()?,
    );
    println!("{}", machine::describe(&programs)?);
    let world = World::new(programs, args.size())?;
    for subject in subjects {
        eprintln!("{subject:?} …");
        println!("{}\n{}", subject.measure(&world)?, subject.command());
    }
    Ok(())
}
