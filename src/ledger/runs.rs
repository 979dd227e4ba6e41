//! The runs: which command worked on the ledger, when, and how it ended.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::Serialize;

use super::steps::State;
use super::stored::{Value, insert, update};
use super::{Result, RunId, lock, schema};
use tenantry_model::clock::{self, BootMoment};

/// How a run ended, for the record.
#[derive(Debug, Clone)]
pub struct RunEnd {
    pub exit_code: u8,
    /// In a few words, such as `done` or `interrupted`.
    pub words: String,
}

pub(super) fn begin(connection: &Connection, command: &str) -> Result<RunId> {
    let values: [Value<'_>; 9] = [
        ("command", &command),
        ("program_version", &env!("CARGO_PKG_VERSION")),
        ("pid", &std::process::id()),
        ("started_at", &clock::now().as_millisecond()),
        ("boot_id", &BootMoment::now().map(|now| now.boot.to_string())),
        ("created", &0),
        ("existing", &0),
        ("failed", &0),
        ("unresolved", &0),
    ];
    let run = insert(connection, "program_runs", &values)?;
    Ok(RunId(run))
}

pub(super) fn finish(tx: &Transaction<'_>, run: RunId, ending: &RunEnd) -> Result<()> {
    let calls = CallCounts::count(tx, run)?;
    let values: [Value<'_>; 7] = [
        ("finished_at", &clock::now().as_millisecond()),
        ("exit_code", &ending.exit_code),
        ("ended", &ending.words),
        ("requests", &calls.requests),
        ("creates", &calls.creates),
        ("submitted", &calls.submitted),
        ("throttled", &calls.throttled),
    ];
    update(tx, "program_runs", &run, &values)
}

/// Counts rows that `run` has brought to `state`, in the commit that records it. States that no run ends with are not
/// counted.
pub(super) fn count_outcomes(tx: &Transaction<'_>, run: RunId, state: State, rows: u64) -> Result<()> {
    if state.is_settled() {
        let sql = format!("UPDATE program_runs SET {state} = {state} + ?2 WHERE id = ?1");
        tx.prepare_cached(&sql)?.execute((run, rows))?;
    }
    Ok(())
}

/// The rows that a run has settled. A row that fails validation is settled by its reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    pub created: u64,
    pub existing: u64,
    pub failed: u64,
    pub rejected: u64,
    pub unresolved: u64,
}

impl Outcomes {
    /// The number of rows that were brought to `state`; 0 for states that no run ends with.
    pub fn of(&self, state: State) -> u64 {
        match state {
            State::Created => self.created,
            State::Existing => self.existing,
            State::Failed => self.failed,
            State::Rejected => self.rejected,
            State::Unresolved => self.unresolved,
            State::Pending
            | State::InFlight
            | State::Superseded
            | State::Declined
            | State::Recorded
            | State::Withdrawn => 0,
        }
    }
}

/// How many calls a run made.
pub(super) struct CallCounts {
    /// Calls that were sent, or may have been, as defined by the view `api_requests`.
    pub(super) requests: u64,
    /// Of `requests`: creates.
    pub(super) creates: u64,
    /// The number of rows of these creates.
    pub(super) submitted: u64,
    /// Answered with 429.
    pub(super) throttled: u64,
}

impl CallCounts {
    /// For a run that has ended, as counted then; for another run, from the calls themselves. Both give the same
    /// numbers: an open call counts as one that may have been sent, and so does the same call after it is closed.
    pub(super) fn of(connection: &Connection, run: RunId) -> Result<Self> {
        let sql = "SELECT requests, creates, submitted, throttled FROM program_runs
                    WHERE id = ?1 AND requests IS NOT NULL";
        let counted = connection.query_row(sql, [run], Self::load).optional()?;
        counted.map_or_else(|| Self::count(connection, run), Ok)
    }

    fn count(connection: &Connection, run: RunId) -> Result<Self> {
        let sql = "SELECT count(*),
                          count(*) FILTER (WHERE operation = 'create'),
                          count(DISTINCT iif(operation = 'create', row_id, NULL)),
                          count(*) FILTER (WHERE status = 429)
                     FROM api_requests WHERE run_id = ?1";
        Ok(connection.query_row(sql, [run], Self::load)?)
    }

    fn load(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let (requests, creates, submitted, throttled) = row.try_into()?;
        Ok(Self { requests, creates, submitted, throttled })
    }
}

/// Did the newest run end without a record of its end?
pub(super) fn newest_died(connection: &Connection) -> Result<bool> {
    let sql = "SELECT finished_at IS NULL FROM program_runs ORDER BY id DESC LIMIT 1";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// The id of the process that works on the ledger, for people: from the lock file, or else from the newest run that has
/// not ended. Best effort: it only makes a message more helpful.
pub(super) fn at_work(path: &Path) -> Option<u32> {
    lock::signed_by(path).or_else(|| {
        let connection = schema::open_for_reading(path).ok()?;
        let sql = "SELECT pid FROM program_runs WHERE finished_at IS NULL ORDER BY id DESC LIMIT 1";
        connection.query_row(sql, [], |row| row.get(0)).optional().ok().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::recover;

    #[test]
    fn the_requests_of_a_run_are_counted_the_same_everywhere_and_always() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        schema::make_file(&path).unwrap();
        let mut connection = schema::open_for_writing(&path).unwrap();
        let run = begin(&connection, "import").unwrap();
        connection
            .execute_batch(
                "INSERT INTO sources (id, run_id, path, header, started_at) VALUES (1, 1, 'a.csv', x'', 0);
                 INSERT INTO customer_rows (id, source_id, line, state, content_hash, cells, made_at, changed_at)
                     VALUES (1, 1, 2, 'failed', x'', x'', 0, 0), (2, 1, 3, 'failed', x'', x'', 0, 0);
                 INSERT INTO http_attempts (row_id, run_id, operation, request_id, correlation_id, intended_at, sent_at, outcome, status)
                     VALUES (1, 1, 'create', 'a', 'b', 0, 1, 'throttled', 429), (1, 1, 'create', 'a', 'c', 2, NULL, NULL, NULL),
                            (2, 1, 'create', 'd', 'e', 3, NULL, 'not_sent', NULL);",
            )
            .unwrap();
        let check = |connection: &Connection, when: &str| {
            let CallCounts { requests, creates, submitted, throttled } =
                CallCounts::of(connection, run).unwrap();
            assert_eq!((requests, creates, submitted, throttled), (2, 2, 1, 1), "{when}");
            let sql = "SELECT requests, throttled FROM runs WHERE run_id = ?1";
            let shown: (u64, u64) =
                connection.query_row(sql, [run], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(shown, (requests, throttled), "{when}");
        };
        check(&connection, "while it goes on");
        let ending = RunEnd { exit_code: 5, words: "abandoned".to_owned() };
        let tx = connection.transaction().unwrap();
        finish(&tx, run, &ending).unwrap();
        tx.commit().unwrap();
        check(&connection, "when it has ended");
        let tx = connection.transaction().unwrap();
        assert_eq!(recover(&tx).unwrap(), 1);
        tx.commit().unwrap();
        check(&connection, "when a later run has closed the call that was open");
        connection.execute("UPDATE program_runs SET requests = NULL, throttled = NULL", []).unwrap();
        check(&connection, "from the calls themselves");
    }
}
