//! `tenantry backup`: makes a consistent copy of the ledger.

use std::path::Path;

use super::{ExitCode, Failure, Output, next_command};
use crate::ledger::{self, Queries};

pub(crate) fn run(copy: &Path, ledger: &Path, output: &Output) -> Result<ExitCode, Failure> {
    ledger::backup(ledger, copy)?;
    output.note(format_args!(
        "`{}` is a copy of `{}`. Passwords in it are sealed; it does not contain the identity file.",
        copy.display(),
        ledger.display()
    ));
    // A ledger of an older version stays as it is.
    let resume = match Queries::open_unchanged(ledger)? {
        Some(queries) => next_command::after_restore(&queries, output)?,
        None => next_command::of(output, "resume --restored"),
    };
    output.note(format_args!(
        "To restore it: stop what runs, remove `-wal` and `-shm` of the ledger that it replaces, put it there, and go on \
         with `{resume}`."
    ));
    Ok(ExitCode::Done)
}
