//! `tenantry backup`: makes a consistent copy of the ledger.

use std::path::Path;

use super::{ExitCode, Failure, Output};
use crate::ledger;

pub(crate) fn run(copy: &Path, ledger: &Path, output: &Output) -> Result<ExitCode, Failure> {
    ledger::backup(ledger, copy)?;
    output.note(format_args!(
        "`{}` is a copy of `{}`. Passwords in it are sealed; the identity file is no part of it.",
        copy.display(),
        ledger.display()
    ));
    output.note(
        "To restore it: stop what runs, remove `-wal` and `-shm` of the ledger that it replaces, put it there, and go on \
         with `tenantry resume --restored`.",
    );
    Ok(ExitCode::Done)
}
