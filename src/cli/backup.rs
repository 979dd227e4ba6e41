//! `tenantry backup`: a consistent copy of the ledger.

use super::{ExitCode, Failure, Output, args};
use crate::ledger;

pub(crate) fn run(args: args::Backup, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = args.ledger.path();
    ledger::backup(&ledger, &args.copy)?;
    output.note(format_args!(
        "`{}` is a copy of `{}`. Passwords in it are sealed; the identity file is no part of it.",
        args.copy.display(),
        ledger.display()
    ));
    output.note(
        "To restore it: stop what runs, remove `-wal` and `-shm` of the ledger that it replaces, put it there, and go on \
         with `tenantry resume --restored`.",
    );
    Ok(ExitCode::Done)
}
