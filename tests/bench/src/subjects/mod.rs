//! Defines what is measured, with one file for each subject.

mod check;
mod compile;
mod import;
mod ledger;
mod memory;
mod passwords;
mod rate;
mod rerun;
mod scale;
mod start;

use anyhow::Result;
use clap::ValueEnum;

use crate::table::Findings;
use crate::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Starting, importing one row, and the size of the program.
    Start,
    /// The check of the largest file beside a bare read of it, and beside DuckDB.
    Check,
    /// The import at full speed beside a load generator and beside SQLite.
    Import,
    /// Peak memory at 10,000, 100,000 and all rows.
    Memory,
    /// Bytes of the ledger a row.
    Ledger,
    /// Opening passwords beside only decrypting them.
    Passwords,
    /// Importing a fully created file again, shuffled too.
    Rerun,
    /// Time a row where the ledger holds few rows and where it holds many.
    Scale,
    /// The use of an allowed rate, and what a service that allows less makes of it.
    Rate,
    /// Compiling the program from nothing; takes minutes, so only where it is named.
    Compile,
}

impl Subject {
    /// The subjects of a run that names none. The rate is last, because its lists of requests make this process grow.
    pub(crate) fn usual() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|&subject| subject != Subject::Compile).collect()
    }

    /// The command that measures this subject alone, with the other options of this process.
    pub(crate) fn command(self) -> String {
        let options = std::env::args().skip(1).filter(|arg| Self::from_str(arg, true).is_err());
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let args: Vec<String> = std::iter::once(name).chain(options).collect();
        format!("`cargo run --release --manifest-path tests/bench/Cargo.toml -- {}`", args.join(" "))
    }

    pub(crate) fn measure(self, world: &World) -> Result<Findings> {
        match self {
            Subject::Start => start::measure(world),
            Subject::Check => check::measure(world),
            Subject::Import => import::measure(world),
            Subject::Rate => rate::measure(world),
            Subject::Memory => memory::measure(world),
            Subject::Ledger => ledger::measure(world),
            Subject::Passwords => passwords::measure(world),
            Subject::Rerun => rerun::measure(world),
            Subject::Scale => scale::measure(world),
            Subject::Compile => compile::measure(),
        }
    }
}
