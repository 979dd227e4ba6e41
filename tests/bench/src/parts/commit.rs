//! Measures the minimum cost of durable intents and outcomes.
//!
//! It writes rows to SQLite, as durably as the ledger does. Each row is changed twice and has an attempt. Each commit
//! has a fixed number of rows. There are no checks, and no indices except the keys.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};

const SCHEMA: &str = "
    CREATE TABLE row (id INTEGER PRIMARY KEY, domain TEXT UNIQUE, state TEXT, cells BLOB, customer TEXT,
                      request_id TEXT, customer_id TEXT, sealed BLOB) STRICT;
    CREATE TABLE attempt (id INTEGER PRIMARY KEY, row_id INTEGER, request_id TEXT, sent_at INTEGER,
                          finished_at INTEGER, outcome TEXT, status INTEGER) STRICT;";

/// The size of a sealed password.
const SEALED: [u8; 50] = [7; 50];

const ID: &str = "d17c0275-da92-5c33-9032-782ef1d0b69b";

pub(super) fn run(file: &Path, rows: u64, group: u64) -> Result<()> {
    let mut connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(SCHEMA)?;
    // Ingested in groups of the program's size, like the rows of a file.
    in_groups(&mut connection, rows, 1000, take_in)?;
    for first in (1..=rows).step_by(usize::try_from(group)?) {
        let last = rows.min(first + group - 1);
        one_group(&mut connection, first..=last, intend)?;
        one_group(&mut connection, first..=last, record)?;
    }
    Ok(())
}

type Change = fn(&Connection, i64) -> rusqlite::Result<()>;

fn in_groups(connection: &mut Connection, rows: u64, group: u64, change: Change) -> Result<()> {
    for first in (1..=rows).step_by(usize::try_from(group)?) {
        one_group(connection, first..=rows.min(first + group - 1), change)?;
    }
    Ok(())
}

fn one_group(connection: &mut Connection, rows: std::ops::RangeInclusive<u64>, change: Change) -> Result<()> {
    let transaction = connection.transaction()?;
    for row in rows {
        change(&transaction, i64::try_from(row)?)?;
    }
    Ok(transaction.commit()?)
}

fn take_in(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO row (id, domain, state, cells, customer, request_id) VALUES (?1, ?2, 'pending', ?3, ?4, ?5)";
    let cells = [b'c'; 240];
    let customer = "c".repeat(480);
    connection.prepare_cached(sql)?.execute(params![row, format!("benchmark{row}"), cells, customer, ID])?;
    Ok(())
}

fn intend(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE row SET state = 'in_flight' WHERE id = ?1")?.execute([row])?;
    let sql = "INSERT INTO attempt (id, row_id, request_id, sent_at) VALUES (?1, ?1, ?2, 1)";
    connection.prepare_cached(sql)?.execute(params![row, ID])?;
    Ok(())
}

fn record(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE row SET state = 'created', customer_id = ?2, sealed = ?3 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![row, ID, SEALED])?;
    let sql = "UPDATE attempt SET finished_at = 2, outcome = 'created', status = 201 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([row])?;
    Ok(())
}
