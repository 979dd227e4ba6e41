//! Judges a ledger from outside: `judge LEDGER JOURNAL [PASSWORDS]`. The journal is the state file of a simulator,
//! which lies beside the ledger of a rehearsal; the passwords are what `tenantry credentials` wrote. The ledger must know all
//! that the journal has: it was not restored, and no other one has used this simulator.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rusqlite::{Connection, OpenFlags};
use tenantry_oracle::{Broken, Journal, Ledger, promises};
use tenantry_simulator::{Config, Service};

/// The simulator repairs its state file when it opens it. It gets a copy.
fn copy_of(journal: &Path) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut File::open(journal)?, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

fn judge(ledger: &Path, journal: &Path, passwords: Option<&Path>) -> Result<String, Broken> {
    let unreadable = |what: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", what.display());
    let opened = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let read = opened.and_then(|opened| Ledger::read(&opened)).map_err(|error| unreadable(ledger, &error))?;
    let read = read.ok_or("the ledger has no tables")?;
    let config = Config { state_file: Some(journal.to_owned()), open: copy_of, ..Config::default() };
    let service = Service::new(&config).map_err(|error| unreadable(journal, &error))?;
    let journal =
        Journal { creations: service.creations(), acceptances: service.acceptances(), ..Journal::default() };
    promises::agree(&read, &journal, &promises::Refused::default(), true)?;
    if let Some(passwords) = passwords {
        let opened = std::fs::read(passwords).map_err(|error| unreadable(passwords, &error))?;
        promises::passwords_are_those_answered(&read, &journal, &opened)?;
    }
    Ok(format!("{} rows, {} open, {} customers", read.rows.len(), read.open(), journal.creations.len()))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]
fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [ledger, journal, passwords @ ..] = arguments.as_slice() else {
        eprintln!("usage: judge LEDGER JOURNAL [PASSWORDS]");
        return ExitCode::from(2);
    };
    match judge(ledger, journal, passwords.first().map(PathBuf::as_path)) {
        Ok(said) => {
            println!("they agree: {said}");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}
