//! A dry run goes the way of a run, on a copy of the ledger that goes away with it.

use tempfile::TempDir;

use super::failure::Failure;
use super::settings::LedgerChoice;
use crate::ledger;

/// Puts a copy in place of the ledger. A ledger that is not there is not made; the copy is then made as it would be.
pub(super) fn copy(choice: &mut LedgerChoice) -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("tenantry-dry-run-").tempdir().map_err(|error| {
        Failure::io("could not make a folder for the copy of the ledger that a dry run works on", &error)
    })?;
    let copy = folder.path().join("ledger.db");
    ledger::copy_untouched(&choice.path, &copy)?;
    choice.path = copy;
    Ok(folder)
}
