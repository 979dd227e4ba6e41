//! Multiplies the created rows of a ledger, to have a large one in minutes rather than in an hour.
//!
//! Each copy of the rows and of their attempts gets ids and domains of its own. The other columns stay as they are,
//! whatever they are, so that this works with the ledgers of other versions too.

use std::path::Path;

use anyhow::{Result, ensure};
use rusqlite::Connection;

/// Columns of rows and attempts that differ between copies, and what is in them. `?1` is added to a row's id, `?2` to
/// an attempt's.
const ROW: &[(&str, &str)] = &[
    ("id", "id + ?1"),
    ("line", "line + ?1"),
    ("domain", "'benchmark' || (id - 1 + ?1) || '.onmicrosoft.com'"),
    ("key_domain", "'benchmark' || (id - 1 + ?1) || '.onmicrosoft.com'"),
    ("external_id", "'CRM-' || (id - 1 + ?1)"),
    ("request_id", "printf('00000000-0000-4000-a000-%012x', id + ?1)"),
    ("customer_id", "printf('00000000-0000-4000-b000-%012x', id + ?1)"),
    ("commerce_id", "printf('00000000-0000-4000-b000-%012x', id + ?1)"),
];
const ATTEMPT: &[(&str, &str)] = &[
    ("id", "id + ?2"),
    ("row_id", "row_id + ?1"),
    ("request_id", "printf('00000000-0000-4000-a000-%012x', row_id + ?1)"),
    ("correlation_id", "printf('00000000-0000-4000-c000-%012x', id + ?2)"),
];

pub(super) fn run(ledger: &Path, rows: u64) -> Result<()> {
    let rows = i64::try_from(rows)?;
    let mut connection = Connection::open(ledger)?;
    // A ledger that is spoiled is made anew.
    connection.execute_batch(
        "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
         PRAGMA cache_size = -500000;",
    )?;
    let largest = |table| connection.query_row(&format!("SELECT max(id) FROM {table}"), (), |row| row.get(0));
    let (of_rows, attempts): (i64, i64) = (largest("customer_rows")?, largest("http_attempts")?);
    ensure!(rows % of_rows == 0, "{rows} rows are no multiple of {of_rows}");
    let copies = [
        (copy(&connection, "customer_rows", ROW)?, of_rows),
        (copy(&connection, "http_attempts", ATTEMPT)?, attempts),
    ];
    for number in 1..rows / of_rows {
        let transaction = connection.transaction()?;
        for (copy, last) in &copies {
            transaction.execute(copy, (number * of_rows, number * attempts, last))?;
        }
        transaction.commit()?;
    }
    connection.execute("UPDATE sources SET rows_read = ?1, rows_new = ?1", [rows])?;
    connection.execute_batch("PRAGMA journal_mode = WAL;")?;
    Ok(())
}

/// The statement that copies the rows of a table up to the id `?3`.
fn copy(connection: &Connection, table: &str, own: &[(&str, &str)]) -> Result<String> {
    let mut columns = connection.prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
    let columns: Vec<String> = columns.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    let values: Vec<&str> = columns
        .iter()
        .map(|column| own.iter().find(|(name, _)| name == column).map_or(column.as_str(), |(_, value)| value))
        .collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    Ok(format!("INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE id <= ?3 ORDER BY id"))
}
