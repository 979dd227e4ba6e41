//! Writes a copy of a ledger: complete, durable and consistent, or not at all.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::{Error, Result, connection};
use tenantry_model::files::{self, take_name};
use tenantry_model::{clock, failpoint};

/// Writes the ledger as it is at one moment to the new file `copy`, which is named `half` until it is complete and
/// durable.
pub(super) fn write(ledger: &Connection, half: &Path, copy: &Path) -> Result<()> {
    let write = |source| Error::Copy { path: copy.to_owned(), source: Arc::new(source) };
    // Into a file that we create, so that other users cannot read it.
    let file = files::create_new(half).map_err(write)?;
    let made = fill(ledger, half).and_then(|()| {
        file.sync_all().map_err(write)?;
        failpoint::crash("copied");
        take_name(half, copy).map_err(write)
    });
    if made.is_err() {
        drop(std::fs::remove_file(half));
    }
    made.and_then(|()| files::sync_folder_of(copy).map_err(write))
}

fn fill(ledger: &Connection, copy: &Path) -> Result<()> {
    let before = extent(ledger)?;
    connection::copy_into(ledger, copy)?;
    let copied = connection::open_file(copy)?;
    let (ledger_id, rows) = extent(&copied)?;
    // Rows are never removed.
    if ledger_id != before.0 || !(before.1..=extent(ledger)?.1).contains(&rows) {
        let source = Arc::new(io::Error::other("its content differs from the original"));
        return Err(Error::Copy { path: copy.to_owned(), source });
    }
    // The first schemas have no table that marks a copy.
    if copied.table_exists(None, "copies")? {
        copied.execute(
            "INSERT INTO copies (copied_at, last_run) SELECT ?1, coalesce(max(id), 0) FROM program_runs",
            [clock::now().as_millisecond()],
        )?;
    }
    copied.close().map_err(|(_, error)| error.into())
}

/// The ledger's id, and its number of rows.
fn extent(connection: &Connection) -> Result<(Option<String>, u64)> {
    let sql = "SELECT (SELECT ledger_id FROM ledger), (SELECT count(*) FROM customer_rows)";
    Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
