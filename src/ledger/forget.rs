//! Erases personal data that is no longer needed, for `forget`.
//!
//! Erased are cells, customers, problems, texts of the service and signatories, and on request passwords that were
//! opened. Ids, domains, external ids, content hashes and the history stay: a list that has the rows again is recognized.
//!
//! All changes are one transaction. After that, the file is written again without free pages and its log is emptied, so
//! that no trace of the erased data is left in them. [`Forgetting::clean`] does this, and is owed until it is recorded:
//! after a crash between the two, the next `forget` does it first.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::lock::Lock;
use super::query::{IS_OPENED, RowCounts};
use super::steps::{State, is_standing};
use super::stored::{Value, collect, insert, value};
use super::{Error, Result, recognized, runs, schema};
use tenantry_model::{clock, failpoint};

/// What to erase.
#[derive(Debug, Clone, Copy)]
pub struct Forgettable {
    /// Rows that changed later are kept, and so are passwords that were opened later.
    pub changed_before: Timestamp,
    /// Also passwords that were opened.
    pub passwords: bool,
}

/// What a `forget` would erase, and what it would keep.
#[derive(Debug)]
pub struct ForgetPlan {
    /// Rows whose personal data would be erased.
    pub rows: RowCounts,
    /// Opened passwords that would be erased.
    pub passwords: u64,
    /// Rows that are old enough, but that still need work, or an acknowledgement.
    pub unfinished: RowCounts,
    /// Finished rows that are kept because their agreement is not recorded.
    pub awaiting_agreement: u64,
    /// An earlier `forget` was interrupted before it had cleaned the file.
    pub is_cleaning_owed: bool,
}

impl ForgetPlan {
    /// There is nothing to erase.
    pub fn is_empty(&self) -> bool {
        self.rows.total() == 0 && self.passwords == 0
    }
}

/// A ledger that is open for erasing. No other process works on it.
#[derive(Debug)]
pub struct Forgetting {
    path: PathBuf,
    connection: Connection,
    what: Forgettable,
    // Last, so that the lock is released after everything else.
    _lock: Lock,
}

impl Forgetting {
    /// Opens the ledger at `path` and selects what to erase. A copy may be opened too: nothing is sent from it.
    pub fn open(path: &Path, what: Forgettable) -> Result<Self> {
        schema::must_hold_something(path)?;
        schema::refuse_foreign(path)?;
        let Some((lock, connection)) = schema::open_alone(path)? else {
            return Err(Error::InUse { path: path.to_owned(), pid: runs::at_work(path) });
        };
        if runs::newest_died(&connection)? {
            schema::check(&connection, path)?;
        }
        // Overwrites what is erased at once, also if the cleaning is interrupted.
        connection.pragma_update(None, "secure_delete", true)?;
        select(&connection, what)?;
        Ok(Self { path: path.to_owned(), connection, what, _lock: lock })
    }

    /// What would be erased and kept.
    pub fn plan(&self) -> Result<ForgetPlan> {
        let before = self.what.changed_before.as_millisecond();
        let unfinished = format!(
            "SELECT r.state, count(*) FROM customer_rows r
              WHERE r.changed_at < ?1 AND r.erased_at IS NULL AND NOT {} GROUP BY 1",
            finished()
        );
        let awaiting = format!(
            "SELECT count(*) FROM customer_rows r
              WHERE r.changed_at < ?1 AND r.erased_at IS NULL AND {} AND {}",
            finished(),
            awaits_agreement()
        );
        let chosen =
            "SELECT r.state, count(*) FROM temp.forgotten f JOIN customer_rows r ON r.id = f.id GROUP BY 1";
        Ok(ForgetPlan {
            rows: collect(&self.connection, chosen, [], |row| row.try_into())?,
            passwords: value(
                &self.connection,
                "SELECT (SELECT count(*) FROM temp.forgotten_passwords) + (SELECT count(*) FROM temp.forgotten_answers)",
                [],
            )?,
            unfinished: collect(&self.connection, &unfinished, [before], |row| row.try_into())?,
            awaiting_agreement: value(&self.connection, &awaiting, [before])?,
            is_cleaning_owed: self.is_cleaning_owed()?,
        })
    }

    /// Other files in the ledger's folder that are copies of it and still have the data.
    pub fn copies(&self) -> Result<Vec<PathBuf>> {
        let ledger_id: String =
            value(&self.connection, "SELECT coalesce(max(ledger_id), '') FROM ledger", [])?;
        Ok(recognized::copies_beside(&self.path, &ledger_id))
    }

    /// Erases what was selected, all of it or nothing. `erased_by` is recorded.
    pub fn erase(&mut self, erased_by: &str) -> Result<()> {
        let now = clock::now().as_millisecond();
        let plan = self.plan()?;
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(
            "UPDATE customer_rows
                SET cells = x'', customer = NULL, problems = NULL, error_text = NULL, erased_at = ?1
              WHERE id IN (SELECT id FROM temp.forgotten)",
            [now],
        )?;
        // An acceptance that is recorded or acknowledged must not be without one.
        tx.execute(
            "UPDATE agreements
                SET cells = x'', agreement = iif(agreement IS NULL, NULL, '{}'), error_text = NULL
              WHERE row_id IN (SELECT id FROM temp.forgotten)",
            [],
        )?;
        tx.execute(
            "UPDATE http_attempts SET text = NULL
              WHERE text IS NOT NULL AND row_id IN (SELECT id FROM temp.forgotten)",
            [],
        )?;
        // Older programs stored the text of the refusal that stopped a run.
        tx.execute(
            "UPDATE program_runs SET ended = iif(ended LIKE 'every row%', 'every row would be refused',
                                                 'refusals in a row without a known reason')
              WHERE finished_at < ?1
                AND (ended LIKE 'every row would be refused: % %' OR ended LIKE '% without a known reason: % %')",
            [self.what.changed_before.as_millisecond()],
        )?;
        for (table, forgotten) in
            [("customer_rows", "forgotten_passwords"), ("foreign_answers", "forgotten_answers")]
        {
            let sql = format!(
                "UPDATE {table} SET sealed_credentials = NULL, data_key_id = NULL, password_erased_at = ?1
                  WHERE id IN (SELECT id FROM temp.{forgotten})"
            );
            tx.execute(&sql, [now])?;
        }
        let erasure: [Value<'_>; 5] = [
            ("erased_at", &now),
            ("erased_by", &erased_by),
            ("changed_before", &self.what.changed_before.as_millisecond()),
            ("rows", &plan.rows.total()),
            ("passwords", &plan.passwords),
        ];
        insert(&tx, "erasures", &erasure)?;
        failpoint::crash("erasing");
        tx.commit()?;
        failpoint::crash("erased");
        Ok(())
    }

    /// Writes the file again without free pages, and empties its log. Nothing is left of what was erased in either.
    ///
    /// # Errors
    /// [`Error::NotCleaned`] if another program reads the ledger for long; the next call tries again.
    pub fn clean(&self) -> Result<()> {
        if !self.is_cleaning_owed()? {
            return Ok(());
        }
        self.connection.execute_batch("VACUUM")?;
        failpoint::crash("rewritten");
        self.empty_log()?;
        let now = clock::now().as_millisecond();
        self.connection.execute("UPDATE erasures SET cleaned_at = ?1 WHERE cleaned_at IS NULL", [now])?;
        self.empty_log()
    }

    fn is_cleaning_owed(&self) -> Result<bool> {
        value(&self.connection, "SELECT EXISTS (SELECT 1 FROM erasures WHERE cleaned_at IS NULL)", [])
    }

    /// Moves the content of the log into the file, and leaves the log empty.
    fn empty_log(&self) -> Result<()> {
        let is_busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if is_busy { Err(Error::NotCleaned { path: self.path.clone() }) } else { Ok(()) }
    }
}

/// The condition on a row `r` that needs no more work: it is settled for good, or acknowledged.
fn finished() -> String {
    let settled = State::sql_list(|state| state.is_customer() || state.is_history());
    format!("(r.state IN ({settled}) OR r.acknowledged_at IS NOT NULL)")
}

/// The condition on a row `r` whose acceptance of the agreement still needs work.
fn awaits_agreement() -> String {
    format!(
        "EXISTS (SELECT 1 FROM agreements a
                  WHERE a.row_id = r.id AND {} AND a.state <> 'recorded' AND a.acknowledged_at IS NULL)",
        is_standing("a")
    )
}

/// Stores the ids of what to erase in tables of SQLite's own, which it keeps in a file where they are long.
fn select(connection: &Connection, what: Forgettable) -> Result<()> {
    let before = what.changed_before.as_millisecond();
    connection.execute_batch(
        "CREATE TEMP TABLE forgotten (id INTEGER PRIMARY KEY);
         CREATE TEMP TABLE forgotten_passwords (id INTEGER PRIMARY KEY);
         CREATE TEMP TABLE forgotten_answers (id INTEGER PRIMARY KEY)",
    )?;
    // An acceptance may have come after the row was erased.
    let rows = format!(
        "INSERT INTO temp.forgotten
         SELECT r.id FROM customer_rows r
          WHERE r.changed_at < ?1 AND {} AND NOT {}
            AND NOT EXISTS (SELECT 1 FROM agreements a WHERE a.row_id = r.id AND a.changed_at >= ?1)
            AND (r.erased_at IS NULL
                 OR EXISTS (SELECT 1 FROM agreements a WHERE a.row_id = r.id AND length(a.cells) > 0))",
        finished(),
        awaits_agreement()
    );
    connection.execute(&rows, [before])?;
    if !what.passwords {
        return Ok(());
    }
    for (table, column, forgotten) in [
        ("customer_rows", "row_id", "forgotten_passwords"),
        ("foreign_answers", "foreign_answer_id", "forgotten_answers"),
    ] {
        let sql = format!(
            "INSERT INTO temp.{forgotten}
             SELECT p.id FROM {table} p
              WHERE p.sealed_credentials IS NOT NULL
                AND EXISTS (SELECT 1 FROM opened_passwords o WHERE o.{column} = p.id AND {IS_OPENED})
                AND NOT EXISTS (SELECT 1 FROM opened_passwords o WHERE o.{column} = p.id AND o.written_at >= ?1)"
        );
        connection.execute(&sql, [before])?;
    }
    Ok(())
}
