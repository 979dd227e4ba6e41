//! Read-only queries for status, summaries, `show`, exports and `credentials`.
//!
//! A [`Queries`] has a connection of its own and takes no lock, so it works during a run. Summaries use these queries,
//! never the counters behind the progress bar.

mod aggregates;
mod counts;
mod details;
mod doubles;
mod in_doubt;
mod listed;
mod passwords;
mod plan;
mod waiting;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::{Serialize, Serializer};

use super::ingest::{DiscardSelection, FROM_BEFORE, discardable};
use super::runs::{self, CallCounts, Outcomes};
use super::steps::{STANDING, State, StepKind};
use super::stored::{collect, is_no_retry, is_same_list, value};
use super::{Environment, Result, RunId, lock, schema};
use tenantry_model::clock;
use tenantry_model::problem::Problem;

pub use aggregates::{AlikeCalls, Parts, Scope, Span};
pub use counts::{AgreementCounts, RowCounts};
pub use details::{AttemptRecord, Filter, RowDetail};
pub use doubles::LedgerDoubles;
pub use in_doubt::{LeftToSend, UnresolvedRows};
pub use listed::{ListFilter, ListedRow, ListedValue, RowAsRead};
pub(super) use passwords::IS_OPENED;
pub use passwords::{Opening, PasswordFilter, PasswordOpening, SealedDataKey, SealedPassword, SealedTo};
pub use plan::{SubmissionPlan, UserNeeds};
pub(super) use plan::{is_undecided, plan};
pub use waiting::{DiscardedSource, HeldSource, HoldReason};

/// The table of rows, to find those whose one-time password was lost. The index is named because SQLite cannot know that
/// these are few, and would read all created rows.
pub(super) const CREATED_ROWS: &str = "customer_rows INDEXED BY rows_without_password";

/// The condition on [`CREATED_ROWS`].
pub(super) const PASSWORD_IS_LOST: &str =
    "state = 'created' AND sealed_credentials IS NULL AND password_erased_at IS NULL";

/// In place of the text of a refusal.
const ERASED_TEXT: &str = "its text was erased by `tenantry forget`";

/// Reads one ledger.
#[derive(Debug)]
pub struct Queries {
    connection: Connection,
    path: PathBuf,
}

/// How a step was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedStep {
    pub kind: StepKind,
    pub state: State,
    /// The domain is taken since the refusal.
    pub domain_burned: bool,
}

/// Where a refused row is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// As the operator gave it; not part of the JSON of a summary.
    #[serde(skip)]
    pub file: String,
    pub line: u64,
    /// `None`: the cell is no domain.
    pub domain: Option<String>,
    /// If it has no domain: the row as it was read; not part of the JSON of a summary.
    #[serde(skip)]
    pub as_read: Option<RowAsRead>,
}

/// One kind of refusal, and how many steps have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCount {
    pub code: String,
    pub refused: RefusedStep,
    pub count: u64,
    /// The text of one of them, with its column if validation found it.
    pub example: String,
}

/// Which runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    All,
    /// Those that read lists, send rows or look rows up.
    OnLists,
}

impl Runs {
    /// The condition on a run.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Runs::All => "TRUE",
            Runs::OnLists => "command IN ('import', 'resume', 'retry', 'reconcile')",
        }
    }
}

/// Totals of reading files, of one run or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceTotals {
    pub read: u64,
    pub new: u64,
    pub known: u64,
    /// Of `known`: rows that the run worked on. The others were skipped.
    pub continued: u64,
    pub duplicates: u64,
    pub ignored_changes: u64,
    pub rejected: u64,
}

/// One run: what it read, sent and settled, and when. Serialized without texts.
#[derive(Debug, Clone, Serialize)]
pub struct RunTotals {
    pub id: RunId,
    #[serde(skip)]
    pub command: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// `None`: it has not ended, or the clock was set back meanwhile.
    #[serde(rename = "duration_s", serialize_with = "in_seconds")]
    pub duration: Option<Duration>,
    pub exit_code: Option<u8>,
    /// If its end is not recorded: is it still running? `None`: not known.
    #[serde(skip)]
    pub is_running: Option<bool>,
    /// May quote the service, so a notification must not contain it.
    #[serde(skip)]
    pub ended: Option<String>,
    /// HTTP calls to the API that were sent, or may have been.
    pub requests: u64,
    /// Of these: creates sent again for a row that this run had already sent.
    pub retries: u64,
    /// Calls that were answered with 429.
    pub throttled: u64,
    /// Rows for which this run sent a create, or may have.
    pub submitted: u64,
    /// Rows that it read from lists.
    pub rows_read: u64,
    /// Of these: rows that the ledger had already, and that were not to be sent.
    pub skipped: u64,
    /// Of these: rows that equal an earlier row of their list.
    pub duplicates: u64,
    /// Of `skipped`: rows that were changed in their list after they were sent.
    pub ignored_changes: u64,
    /// `None`: the run is of an earlier version of the program, which did not count.
    #[serde(flatten)]
    pub outcomes: Option<Outcomes>,
}

fn in_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    // Divided once, so that 3.345 s are not 3.3449999999999998.
    let seconds = |it: Duration| {
        u32::try_from(it.as_millis()).map_or(it.as_secs_f64(), |whole| f64::from(whole) / 1000.0)
    };
    duration.map(seconds).serialize(serializer)
}

/// SQL for the current steps of a kind, as `step`.
struct StandingSteps {
    steps: String,
    /// The problems that validation found, as JSON.
    problems: &'static str,
    /// The id of its row.
    row: &'static str,
    /// Is its domain taken since a refusal?
    burned: &'static str,
}

impl StandingSteps {
    fn of(kind: StepKind) -> Self {
        match kind {
            StepKind::Create => Self {
                steps: "customer_rows AS step".to_owned(),
                problems: "step.problems",
                row: "step.id",
                burned: "step.domain_burned",
            },
            StepKind::Agreement => Self {
                steps: format!("(SELECT * FROM agreements WHERE {STANDING}) AS step"),
                problems: "NULL",
                row: "step.row_id",
                burned: "0",
            },
        }
    }
}

/// SQL for the user name of an administrator, as a person signs in with it: `admin@domain`, as in the view `customers`.
/// The service gives its first part.
fn user_name(name: &str, domain: &str) -> String {
    format!("{name} || '@' || {domain}")
}

/// The text of a refusal, with the column of the problem that it is the text of.
fn with_column(code: &str, text: String, problems: Option<&str>) -> String {
    // Problems that cannot be parsed are reported by `show`.
    let problems: Vec<Problem> =
        problems.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let problem = problems.iter().find(|problem| problem.rule == code && problem.message == text);
    problem.map_or(text, Problem::describe)
}

impl Queries {
    /// Opens the ledger at `path` for reading.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { connection: schema::open_for_reading(path)?, path: path.to_owned() })
    }

    /// Opens the ledger at `path` for reading, without bringing it up to date. `None`: it is of an older version.
    pub fn open_unchanged(path: &Path) -> Result<Option<Self>> {
        let connection = schema::open_unchanged(path)?;
        Ok(connection.map(|connection| Self { connection, path: path.to_owned() }))
    }

    /// Fails if the ledger belongs to another environment.
    pub fn refuse_other(&self, environment: &Environment) -> Result<()> {
        self.environment()?.map_or(Ok(()), |bound| schema::refuse_other(&bound, &self.path, environment))
    }

    /// Fails if the ledger is a copy that was not restored yet. Changes nothing.
    pub fn refuse_copy(&self) -> Result<()> {
        super::backup::refuse(&self.connection, &self.path)
    }

    /// The environment that the ledger is bound to; `None` before its first use.
    pub fn environment(&self) -> Result<Option<Environment>> {
        schema::bound_to(&self.connection)
    }

    /// The id that exports carry in addition to `tenantry_row`.
    pub fn ledger_id(&self) -> Result<String> {
        value(&self.connection, "SELECT ledger_id FROM ledger", [])
    }

    /// Rows by state.
    pub fn counts(&self) -> Result<RowCounts> {
        self.counts_in(Scope::Ledger)
    }

    /// Rows by state, in a part of the ledger.
    pub fn counts_in(&self, scope: Scope) -> Result<RowCounts> {
        let sql = format!(
            "SELECT state, count(*) FROM customer_rows r WHERE {} GROUP BY state",
            scope.touched("r.id", "r.source_id")
        );
        let mut counts: RowCounts = collect(&self.connection, &sql, [], |row| row.try_into())?;
        let sql = format!(
            "SELECT state, count(*) FROM customer_rows r INDEXED BY rows_acknowledged
              WHERE acknowledged_at IS NOT NULL AND {} GROUP BY state",
            scope.touched("r.id", "r.source_id")
        );
        let acknowledged: Vec<(State, u64)> = collect(&self.connection, &sql, [], |row| row.try_into())?;
        for (state, count) in acknowledged {
            counts.acknowledge(state, count);
        }
        Ok(counts)
    }

    /// Acceptances by state.
    pub fn agreement_counts(&self) -> Result<AgreementCounts> {
        self.agreement_counts_in(Scope::Ledger)
    }

    /// Acceptances by state, in a part of the ledger.
    pub fn agreement_counts_in(&self, scope: Scope) -> Result<AgreementCounts> {
        let mut counts = AgreementCounts::default();
        let sql = format!(
            "SELECT a.state, s.completed_at IS NULL, count(*), count(a.acknowledged_at)
               FROM agreements a JOIN sources s ON s.id = a.source_id WHERE {STANDING} AND {} GROUP BY 1, 2",
            scope.touched("a.row_id", "a.source_id")
        );
        let by_state: Vec<(State, bool, u64, u64)> =
            collect(&self.connection, &sql, [], |row| row.try_into())?;
        for (state, is_of_unfinished_file, count, acknowledged) in by_state {
            counts.acknowledged += acknowledged;
            let slot = match state {
                State::Pending if is_of_unfinished_file => &mut counts.held_back,
                State::Pending => &mut counts.pending,
                State::InFlight => &mut counts.in_flight,
                State::Recorded => &mut counts.recorded,
                State::Failed => &mut counts.failed,
                State::Rejected => &mut counts.rejected,
                State::Withdrawn
                | State::Created
                | State::Existing
                | State::Unresolved
                | State::Superseded
                | State::Declined => continue,
            };
            *slot += count;
        }
        Ok(counts)
    }

    /// Refused and unresolved steps of one kind by code, most frequent first. Acknowledged ones are left out.
    pub fn errors(&self, kind: StepKind, scope: Scope) -> Result<Vec<ErrorCount>> {
        let StandingSteps { steps, problems, row, burned } = StandingSteps::of(kind);
        // The problems are those of the row that has the greatest text: SQLite takes a bare column from there.
        let sql = format!(
            "SELECT error_code, state, count(*), max(error_text), {burned}, {problems} FROM {steps}
              WHERE error_code IS NOT NULL AND state IN ({}) AND acknowledged_at IS NULL AND {}
              GROUP BY 1, 2, 5 ORDER BY 3 DESC, 1",
            State::sql_list(State::needs_attention),
            scope.touched(row, "step.source_id")
        );
        collect(&self.connection, &sql, [], |row| {
            let (code, text, problems): (String, Option<String>, Option<String>) =
                (row.get(0)?, row.get(3)?, row.get(5)?);
            Ok(ErrorCount {
                refused: RefusedStep { kind, state: row.get(1)?, domain_burned: row.get(4)? },
                count: row.get(2)?,
                example: match text {
                    Some(text) => with_column(&code, text, problems.as_deref()),
                    None => ERASED_TEXT.to_owned(),
                },
                code,
            })
        })
    }

    /// The first rows whose step was refused in this way.
    pub fn refused_rows(
        &self,
        scope: Scope,
        code: &str,
        refused: RefusedStep,
        limit: u32,
    ) -> Result<Vec<RefusedRow>> {
        let StandingSteps { steps, row, burned, .. } = StandingSteps::of(refused.kind);
        let sql = format!(
            "SELECT s.path, step.line, of_row.domain, s.header, s.given, step.cells
               FROM {steps} JOIN sources s ON s.id = step.source_id JOIN customer_rows of_row ON of_row.id = {row}
              WHERE step.error_code = ?1 AND step.state = ?2 AND {burned} = ?3
                AND step.acknowledged_at IS NULL AND {} ORDER BY step.id LIMIT ?4",
            scope.touched(row, "step.source_id")
        );
        collect(&self.connection, &sql, (code, refused.state, refused.domain_burned, limit), |row| {
            let domain: Option<String> = row.get(2)?;
            let as_read = match domain {
                Some(_) => None,
                None => Some(RowAsRead { header: row.get(3)?, given: row.get(4)?, cells: row.get(5)? }),
            };
            Ok(RefusedRow { file: row.get(0)?, line: row.get(1)?, domain, as_read })
        })
    }

    /// Totals of reading files in `run`, or in all runs. A `retry` reads none: its sources hold rows of the ledger.
    pub fn source_totals(&self, run: Option<RunId>) -> Result<SourceTotals> {
        let sql = format!(
            "SELECT coalesce(sum(rows_read), 0), coalesce(sum(rows_new), 0), coalesce(sum(rows_known), 0),
                    coalesce(sum(duplicates), 0), coalesce(sum(ignored_changes), 0),
                    coalesce(sum(rows_rejected), 0), coalesce(sum(rows_continued), 0)
               FROM sources s WHERE ?1 IS NULL OR (run_id = ?1 AND {})",
            is_no_retry("s")
        );
        let (read, new, known, duplicates, ignored_changes, rejected, continued) =
            self.connection.query_row(&sql, [run], |row| row.try_into())?;
        Ok(SourceTotals { read, new, known, continued, duplicates, ignored_changes, rejected })
    }

    /// Files that rows came from.
    pub fn files(&self) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT coalesce(full_path, path) FROM sources WHERE path <> '-'";
        collect(&self.connection, sql, [], |row| row.get(0))
    }

    /// Files that were not read to their end the last time.
    pub fn unfinished_files(&self) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT DISTINCT coalesce(s.full_path, s.path) FROM sources s
              WHERE s.path <> '-' AND s.completed_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM sources later WHERE later.id > s.id AND {} AND {})",
            is_same_list("later", "s"),
            is_no_retry("later")
        );
        collect(&self.connection, &sql, [], |row| row.get(0))
    }

    /// Rows that `run` has read and that wait to be sent.
    pub fn pending_of(&self, run: RunId) -> Result<u64> {
        let sql = "SELECT count(*) FROM customer_rows JOIN sources ON sources.id = customer_rows.source_id
                    WHERE customer_rows.state = 'pending' AND sources.run_id = ?1";
        value(&self.connection, sql, [run])
    }

    /// How many rows and acceptances `discard` would discard, and how many rows would stay because they may have been sent.
    pub fn discardable(&self, selection: &DiscardSelection) -> Result<(u64, u64)> {
        discardable(&self.connection, selection)
    }

    /// Domains of the first created rows whose one-time password was lost with the service's answer, unless that is
    /// acknowledged.
    pub fn domains_without_credentials(&self, limit: u32) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT domain FROM {CREATED_ROWS} WHERE {PASSWORD_IS_LOST} AND acknowledged_at IS NULL
              ORDER BY id LIMIT ?1"
        );
        collect(&self.connection, &sql, [limit], |row| row.get(0))
    }

    /// Created rows whose one-time password was lost with the service's answer, unless that is acknowledged.
    pub fn created_without_credentials(&self) -> Result<u64> {
        let sql = format!(
            "SELECT count(*) FROM {CREATED_ROWS} WHERE {PASSWORD_IS_LOST} AND acknowledged_at IS NULL"
        );
        value(&self.connection, &sql, [])
    }

    /// Is there an acknowledged row, or acceptance, that was refused with this code?
    pub fn has_acknowledged(&self, code: &str) -> Result<bool> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM customer_rows INDEXED BY rows_acknowledged
                             WHERE acknowledged_at IS NOT NULL AND error_code = ?1)
                 OR EXISTS (SELECT 1 FROM agreements
                            WHERE acknowledged_at IS NOT NULL AND error_code = ?1 AND {STANDING}
                              AND state IN ({}))",
            State::sql_list(State::is_refused)
        );
        value(&self.connection, &sql, [code])
    }

    /// Refused rows and acceptances that their list no longer contains and that are not acknowledged.
    pub fn gone(&self) -> Result<u64> {
        let sql = format!(
            "SELECT (SELECT count(*) FROM customer_rows INDEXED BY rows_gone
                      WHERE gone_at IS NOT NULL AND acknowledged_at IS NULL AND state IN ({}))
                  + (SELECT count(*) FROM agreements INDEXED BY agreements_gone
                      WHERE gone_at IS NOT NULL AND acknowledged_at IS NULL AND state IN ({}) AND {STANDING})",
            State::sql_list(State::is_refused),
            State::sql_list(State::is_refused)
        );
        value(&self.connection, &sql, [])
    }

    /// Are there refused rows of which the lost ledger of a restored copy may have a correction?
    pub fn may_be_corrected_elsewhere(&self) -> Result<bool> {
        let sql = format!(
            "SELECT (SELECT max(restored_at) FROM copies) IS NOT NULL
                    AND EXISTS (SELECT 1 FROM customer_rows r
                             WHERE state IN ({}) AND acknowledged_at IS NULL AND {FROM_BEFORE})",
            State::sql_list(State::is_refused)
        );
        value(&self.connection, &sql, [])
    }

    /// The newest runs, newest first.
    pub fn last_runs(&self, which: Runs, limit: u32) -> Result<Vec<RunTotals>> {
        let sql =
            format!("SELECT id FROM program_runs WHERE {} ORDER BY id DESC LIMIT ?1", which.condition());
        let ids: Vec<RunId> = collect(&self.connection, &sql, [limit], |row| row.get(0))?;
        ids.into_iter().map(|id| self.run_totals(id)).collect()
    }

    /// The newest run that this process has begun since `time`.
    pub fn run_of_this_process(&self, time: Timestamp) -> Result<Option<RunId>> {
        let sql = "SELECT id FROM program_runs WHERE pid = ?1 AND started_at >= ?2 ORDER BY id DESC LIMIT 1";
        let by = (std::process::id(), time.as_millisecond());
        Ok(self.connection.query_row(sql, by, |row| row.get(0)).optional()?)
    }

    /// The process that works on the ledger, if there is one on this machine and the system can report it.
    pub fn at_work(&self) -> Option<u32> {
        (lock::is_locked(&self.path) == Some(true)).then(|| runs::at_work(&self.path)).flatten()
    }

    /// When a run that works on lists last ended with one of these exit codes.
    pub fn last_success(&self, exit_codes: &[u8]) -> Result<Option<Timestamp>> {
        let exit_codes = exit_codes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT max(finished_at) FROM program_runs WHERE exit_code IN ({exit_codes}) AND {}",
            Runs::OnLists.condition()
        );
        Ok(value::<Option<i64>>(&self.connection, &sql, [])?.map(clock::from_ms))
    }

    /// The totals of one run.
    pub fn run_totals(&self, run: RunId) -> Result<RunTotals> {
        let calls = CallCounts::of(&self.connection, run)?;
        let SourceTotals { read, known, continued, duplicates, ignored_changes, rejected, .. } =
            self.source_totals(Some(run))?;
        let sql =
            "SELECT command, started_at, finished_at, exit_code, ended, created, existing, failed, unresolved, pid
                     FROM program_runs WHERE id = ?1";
        let (totals, pid) = self.connection.query_row(sql, [run], |row| {
            let started_at = clock::from_ms(row.get(1)?);
            let finished_at = row.get::<_, Option<i64>>(2)?.map(clock::from_ms);
            let created: Option<u64> = row.get(5)?;
            let outcomes = match created {
                Some(created) => Some(Outcomes {
                    created,
                    existing: row.get(6)?,
                    failed: row.get(7)?,
                    rejected,
                    unresolved: row.get(8)?,
                }),
                None => None,
            };
            let totals = RunTotals {
                id: run,
                command: row.get(0)?,
                started_at,
                finished_at,
                duration: finished_at.and_then(|end| clock::elapsed_since(started_at, end)),
                exit_code: row.get(3)?,
                is_running: Some(false),
                ended: row.get(4)?,
                requests: calls.requests,
                retries: calls.creates - calls.submitted,
                throttled: calls.throttled,
                submitted: calls.submitted,
                rows_read: read,
                skipped: known - continued,
                duplicates,
                ignored_changes,
                outcomes,
            };
            Ok((totals, row.get(9)?))
        })?;
        let is_running = if totals.finished_at.is_some() { Some(false) } else { self.is_running(run, pid)? };
        Ok(RunTotals { is_running, ..totals })
    }

    /// Is a run still running whose end is not recorded? Only one run at a time has the ledger. `None`: not known; this
    /// file may be a copy that was made during the run.
    fn is_running(&self, run: RunId, pid: u32) -> Result<Option<bool>> {
        let sql = "SELECT EXISTS (SELECT 1 FROM copies WHERE last_run >= ?1),
                          EXISTS (SELECT 1 FROM program_runs WHERE id > ?1)";
        let (is_of_original, has_later): (bool, bool) =
            self.connection.query_row(sql, [run], |row| row.try_into())?;
        if is_of_original {
            return Ok(None);
        }
        if has_later {
            return Ok(Some(false));
        }
        Ok(lock::is_locked(&self.path).and_then(|is_locked| match is_locked {
            false => Some(false),
            true => lock::signed_by(&self.path).map(|holder| holder == pid),
        }))
    }

    /// The accounting promise: every row that was ever read is a row of the ledger, was known already, or equals an
    /// earlier row of the same file. Returns a description of what is wrong.
    pub fn accounting(&self) -> Result<Option<String>> {
        let totals = self.source_totals(None)?;
        let rows = self.counts()?.total();
        let stored: u64 = value(&self.connection, "SELECT count(*) FROM customer_rows", [])?;
        let SourceTotals { read, new, known, duplicates, .. } = totals;
        Ok(if read != new + known + duplicates {
            Some(format!(
                "{read} rows were read, but {new} new, {known} known and {duplicates} duplicates \
                          were counted"
            ))
        } else if new != rows || stored != rows {
            Some(format!("{new} rows were added, {stored} are stored, and the states add up to {rows}"))
        } else {
            None
        })
    }
}
