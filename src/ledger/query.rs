//! Read-only views for status, summaries, `show`, exports and `credentials`.
//!
//! A [`Queries`] has a connection of its own and takes no lock, so it works while a run goes on. Summaries are
//! made from here and never from the counters behind the progress bar.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Serialize;

use super::agreement::AgreementState;
use super::state::State;
use super::{Environment, Error, RowId, RunId, schema};
use crate::clock;
use crate::validation::Problem;

/// Reads one ledger.
#[derive(Debug)]
pub(crate) struct Queries {
    connection: Connection,
    path: PathBuf,
}

/// How many rows are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RowCounts {
    pub(crate) total: u64,
    pub(crate) created: u64,
    pub(crate) existing: u64,
    pub(crate) failed: u64,
    pub(crate) rejected: u64,
    pub(crate) unresolved: u64,
    pub(crate) in_flight: u64,
    pub(crate) pending: u64,
    pub(crate) superseded: u64,
}

impl RowCounts {
    fn slot(&mut self, state: State) -> &mut u64 {
        match state {
            State::Created => &mut self.created,
            State::Existing => &mut self.existing,
            State::Failed => &mut self.failed,
            State::Rejected => &mut self.rejected,
            State::Unresolved => &mut self.unresolved,
            State::InFlight => &mut self.in_flight,
            State::Pending => &mut self.pending,
            State::Superseded => &mut self.superseded,
        }
    }

    /// The number of rows in `state`.
    pub(crate) fn of(mut self, state: State) -> u64 {
        *self.slot(state)
    }

    /// Rows that are still owed a step.
    pub(crate) fn open(&self) -> u64 {
        self.pending + self.in_flight
    }
}

/// How many agreements of created customers stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AgreementCounts {
    pub(crate) recorded: u64,
    pub(crate) failed: u64,
    pub(crate) in_flight: u64,
    pub(crate) pending: u64,
}

impl AgreementCounts {
    fn slot(&mut self, state: AgreementState) -> &mut u64 {
        match state {
            AgreementState::Recorded => &mut self.recorded,
            AgreementState::Failed => &mut self.failed,
            AgreementState::InFlight => &mut self.in_flight,
            AgreementState::Pending => &mut self.pending,
        }
    }

    /// Agreements that are still owed a step.
    pub(crate) fn open(&self) -> u64 {
        self.pending + self.in_flight
    }

    pub(crate) fn total(&self) -> u64 {
        self.recorded + self.failed + self.open()
    }
}

/// What only a user's sign-in may do, of what is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct UserNeeds {
    pub(crate) for_resellers: u64,
    pub(crate) with_agreements: u64,
}

/// One kind of refusal, and how many rows stand refused for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorCount {
    pub(crate) code: String,
    pub(crate) state: State,
    /// The refusal left the domain taken.
    pub(crate) domain_burned: bool,
    pub(crate) count: u64,
    /// The words of one of them.
    pub(crate) example: String,
}

/// What reading files came to, over one run or over all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SourceTotals {
    pub(crate) read: u64,
    pub(crate) new: u64,
    pub(crate) known: u64,
    pub(crate) duplicates: u64,
    pub(crate) ignored_changes: u64,
}

/// One run, with what its attempts came to.
#[derive(Debug, Clone)]
pub(crate) struct RunTotals {
    pub(crate) id: RunId,
    pub(crate) command: String,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) exit_code: Option<u8>,
    pub(crate) ended: Option<String>,
    /// HTTP calls to the API that left this machine, or may have.
    pub(crate) requests: u64,
    /// Of the creates: sent again for a row that this run had sent already.
    pub(crate) retries: u64,
    /// Calls that were answered with 429.
    pub(crate) throttled: u64,
    /// Rows for which this run sent a create.
    pub(crate) submitted: u64,
}

/// A file that was not read to its end, and how many of its rows wait for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnfinishedSource {
    pub(crate) path: String,
    pub(crate) waiting: u64,
}

/// Rows of one country and reseller that are about to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanGroup {
    pub(crate) country: String,
    pub(crate) reseller: Option<String>,
    pub(crate) rows: u64,
}

/// One row with everything that is known about it.
#[derive(Debug)]
pub(crate) struct RowStory {
    pub(crate) row: RowId,
    pub(crate) domain: Option<String>,
    pub(crate) state: State,
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) customer: Option<serde_json::Value>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) request_id: Option<String>,
    pub(crate) customer_id: Option<String>,
    pub(crate) commerce_id: Option<String>,
    pub(crate) user_name: Option<String>,
    pub(crate) has_credentials: bool,
    pub(crate) error_code: Option<String>,
    pub(crate) error_status: Option<u16>,
    pub(crate) error_text: Option<String>,
    pub(crate) domain_burned: bool,
    pub(crate) replaced_by: Option<RowId>,
    pub(crate) made_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    /// The operator's own cells as one CSV record.
    pub(crate) cells: Vec<u8>,
    /// The header record of the file that it came from.
    pub(crate) header: Vec<u8>,
    pub(crate) agreement: Option<AgreementStory>,
}

/// Where the agreement of a created customer stands.
#[derive(Debug)]
pub(crate) struct AgreementStory {
    pub(crate) state: AgreementState,
    pub(crate) request_id: String,
    pub(crate) error_code: Option<String>,
    pub(crate) error_status: Option<u16>,
    pub(crate) error_text: Option<String>,
}

/// One HTTP call of a row's story.
#[derive(Debug)]
pub(crate) struct AttemptStory {
    pub(crate) run: RunId,
    pub(crate) operation: String,
    pub(crate) request_id: String,
    pub(crate) correlation_id: String,
    pub(crate) intended_at: Timestamp,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) outcome: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) ms_cv: Option<String>,
}

/// One sealed password.
#[derive(Debug)]
pub(crate) struct SealedPassword {
    pub(crate) domain: String,
    pub(crate) customer_id: String,
    pub(crate) user_name: String,
    pub(crate) sealed: Vec<u8>,
}

/// Which rows an export wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    State(State),
    /// Created rows whose agreement the service has not, or not yet.
    UnrecordedAgreements,
    /// Every row that stands for something, history left out.
    All,
}

impl Filter {
    /// What a row `r` of `customer_rows` has to fulfil.
    fn condition(self) -> String {
        match self {
            Filter::State(state) => format!("r.state = '{state}'"),
            Filter::UnrecordedAgreements => {
                "r.id IN (SELECT row_id FROM agreements WHERE state <> 'recorded')".to_owned()
            }
            Filter::All => "r.state <> 'superseded'".to_owned(),
        }
    }
}

impl Queries {
    /// Opens the ledger at `path` for reading.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { connection: schema::open_for_reading(path)?, path: path.to_owned() })
    }

    /// What the ledger is bound to; `None` before its first use.
    pub(crate) fn environment(&self) -> Result<Option<Environment>, Error> {
        schema::bound_to(&self.connection)
    }

    /// The id that exports carry beside `tenantry_row`.
    pub(crate) fn ledger_id(&self) -> Result<String, Error> {
        Ok(self.connection.query_row("SELECT ledger_id FROM ledger", [], |row| row.get(0))?)
    }

    /// Rows by state.
    pub(crate) fn counts(&self) -> Result<RowCounts, Error> {
        let mut counts = RowCounts::default();
        let mut statement =
            self.connection.prepare_cached("SELECT state, count(*) FROM customer_rows GROUP BY state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let count: u64 = row.get(1)?;
            *counts.slot(row.get(0)?) = count;
            counts.total += count;
        }
        Ok(counts)
    }

    /// Agreements by state.
    pub(crate) fn agreement_counts(&self) -> Result<AgreementCounts, Error> {
        let mut counts = AgreementCounts::default();
        let by_state = self.collect("SELECT state, count(*) FROM agreements GROUP BY state", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        for (state, count) in by_state {
            *counts.slot(state) = count;
        }
        Ok(counts)
    }

    /// Refused agreements by code, most frequent first, with the words of one of each.
    pub(crate) fn agreement_errors(&self) -> Result<Vec<(String, u64, String)>, Error> {
        self.collect(
            "SELECT error_code, count(*), max(error_text) FROM agreements WHERE state = 'failed'
              GROUP BY error_code ORDER BY 2 DESC, 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?.unwrap_or_default())),
        )
    }

    /// What of the open work only a user may do.
    pub(crate) fn user_needs(&self) -> Result<UserNeeds, Error> {
        Ok(self.connection.query_row(
            "SELECT count(*) FILTER (WHERE json_extract(customer, '$.associated_partner_id') IS NOT NULL),
                    count(*) FILTER (WHERE json_extract(customer, '$.agreement') IS NOT NULL)
                    + (SELECT count(*) FROM agreements WHERE state IN ('pending', 'in_flight'))
               FROM customer_rows JOIN sources ON sources.id = customer_rows.source_id
              WHERE customer_rows.state IN ('pending', 'in_flight') AND sources.completed_at IS NOT NULL",
            [],
            |row| Ok(UserNeeds { for_resellers: row.get(0)?, with_agreements: row.get(1)? }),
        )?)
    }

    /// Refused and unresolved rows by code, most frequent first.
    pub(crate) fn errors(&self) -> Result<Vec<ErrorCount>, Error> {
        self.collect(
            "SELECT error_code, state, count(*), max(error_text), domain_burned FROM customer_rows
              WHERE error_code IS NOT NULL AND state IN ('failed', 'rejected', 'unresolved')
              GROUP BY error_code, state, domain_burned ORDER BY 3 DESC, 1",
            [],
            |row| {
                Ok(ErrorCount {
                    code: row.get(0)?,
                    state: row.get(1)?,
                    count: row.get(2)?,
                    domain_burned: row.get(4)?,
                    example: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                })
            },
        )
    }

    /// What reading files came to in `run`, or in all runs.
    pub(crate) fn source_totals(&self, run: Option<RunId>) -> Result<SourceTotals, Error> {
        Ok(self.connection.query_row(
            "SELECT coalesce(sum(rows_read), 0), coalesce(sum(rows_new), 0), coalesce(sum(rows_known), 0),
                    coalesce(sum(duplicates), 0), coalesce(sum(ignored_changes), 0)
               FROM sources WHERE ?1 IS NULL OR run_id = ?1",
            [run],
            |row| {
                Ok(SourceTotals {
                    read: row.get(0)?,
                    new: row.get(1)?,
                    known: row.get(2)?,
                    duplicates: row.get(3)?,
                    ignored_changes: row.get(4)?,
                })
            },
        )?)
    }

    /// Files that were not read to their end and hold rows back.
    pub(crate) fn unfinished_sources(&self) -> Result<Vec<UnfinishedSource>, Error> {
        self.collect(
            "SELECT s.path, count(*) FROM sources s JOIN customer_rows r ON r.source_id = s.id
              WHERE s.completed_at IS NULL AND r.state = 'pending' GROUP BY s.path ORDER BY max(s.id)",
            [],
            |row| Ok(UnfinishedSource { path: row.get(0)?, waiting: row.get(1)? }),
        )
    }

    /// What is about to be created, largest group first.
    pub(crate) fn plan(&self) -> Result<Vec<PlanGroup>, Error> {
        self.collect(
            "SELECT json_extract(customer, '$.country'), json_extract(customer, '$.associated_partner_id'), count(*)
               FROM customer_rows JOIN sources ON sources.id = customer_rows.source_id
              WHERE state IN ('pending', 'in_flight') AND sources.completed_at IS NOT NULL
              GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            [],
            |row| Ok(PlanGroup { country: row.get(0)?, reseller: row.get(1)?, rows: row.get(2)? }),
        )
    }

    /// Rows that `run` has read and that wait to be sent.
    pub(crate) fn pending_of(&self, run: RunId) -> Result<u64, Error> {
        Ok(self.connection.query_row(
            "SELECT count(*) FROM customer_rows JOIN sources ON sources.id = customer_rows.source_id
              WHERE customer_rows.state = 'pending' AND sources.run_id = ?1",
            [run],
            |row| row.get(0),
        )?)
    }

    /// Domains of created rows whose one-time password was lost with the service's answer, the first of them.
    pub(crate) fn domains_without_credentials(&self, limit: u32) -> Result<Vec<String>, Error> {
        self.collect(
            "SELECT domain FROM customer_rows WHERE state = 'created' AND sealed_credentials IS NULL
              ORDER BY id LIMIT ?1",
            [limit],
            |row| row.get(0),
        )
    }

    /// Created rows whose one-time password was lost with the service's answer.
    pub(crate) fn created_without_credentials(&self) -> Result<u64, Error> {
        Ok(self.connection.query_row(
            "SELECT count(*) FROM customer_rows WHERE state = 'created' AND sealed_credentials IS NULL",
            [],
            |row| row.get(0),
        )?)
    }

    /// The newest runs, newest first.
    pub(crate) fn last_runs(&self, limit: u32) -> Result<Vec<RunTotals>, Error> {
        let ids: Vec<RunId> =
            self.collect("SELECT id FROM program_runs ORDER BY id DESC LIMIT ?1", [limit], |row| row.get(0))?;
        ids.into_iter().map(|id| self.run_totals(id)).collect()
    }

    /// What one run came to.
    pub(crate) fn run_totals(&self, run: RunId) -> Result<RunTotals, Error> {
        let time = |ms: Option<i64>| ms.map(clock::from_ms);
        Ok(self.connection.query_row(
            "SELECT p.command, p.started_at, p.finished_at, p.exit_code, p.ended,
                    count(a.id) FILTER (WHERE a.sent_at IS NOT NULL OR a.outcome = 'interrupted'),
                    count(a.id) FILTER (WHERE a.status = 429),
                    count(a.id) FILTER (WHERE a.operation = 'create' AND a.sent_at IS NOT NULL),
                    count(DISTINCT CASE WHEN a.operation = 'create' AND a.sent_at IS NOT NULL THEN a.row_id END)
               FROM program_runs p LEFT JOIN http_attempts a ON a.run_id = p.id
              WHERE p.id = ?1 GROUP BY p.id",
            [run],
            |row| {
                let (creates, submitted): (u64, u64) = (row.get(7)?, row.get(8)?);
                Ok(RunTotals {
                    id: run,
                    command: row.get(0)?,
                    started_at: clock::from_ms(row.get(1)?),
                    finished_at: time(row.get(2)?),
                    exit_code: row.get(3)?,
                    ended: row.get(4)?,
                    requests: row.get(5)?,
                    retries: creates - submitted,
                    throttled: row.get(6)?,
                    submitted,
                })
            },
        )?)
    }

    /// The accounting promise: every row that was ever read is a row of the ledger, stood in it already, or was
    /// equal to an earlier row of the same file. Returns what is wrong, in words.
    pub(crate) fn accounting(&self) -> Result<Option<String>, Error> {
        let totals = self.source_totals(None)?;
        let rows = self.counts()?.total;
        let stored: u64 =
            self.connection.query_row("SELECT count(*) FROM customer_rows", [], |row| row.get(0))?;
        let SourceTotals { read, new, known, duplicates, .. } = totals;
        Ok(if read != new + known + duplicates {
            Some(format!("{read} rows read are not {new} new, {known} known and {duplicates} duplicates"))
        } else if new != rows || stored != rows {
            Some(format!("{new} rows were taken up, {stored} are stored and the states add up to {rows}"))
        } else {
            None
        })
    }

    /// The stories of the rows that match, oldest first: all that ever carried `domain` (whole, or its prefix
    /// alone), or stood on `line`.
    pub(crate) fn stories(&self, domain: Option<&str>, line: Option<u64>) -> Result<Vec<RowStory>, Error> {
        let sql = format!(
            "{STORY} WHERE (?1 IS NULL OR r.domain = ?1 OR substr(r.domain, 1, length(?1) + 1) = ?1 || '.')
                AND (?2 IS NULL OR r.line = ?2)
              ORDER BY r.id LIMIT 100"
        );
        self.collect(&sql, (domain, line), story)
    }

    /// Every HTTP call of a row, in order.
    pub(crate) fn attempts(&self, row: RowId) -> Result<Vec<AttemptStory>, Error> {
        self.collect(
            "SELECT run_id, operation, request_id, correlation_id, intended_at, sent_at, finished_at, outcome,
                    status, code, text, ms_cv
               FROM http_attempts WHERE row_id = ?1 ORDER BY id",
            [row],
            |row| {
                let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(clock::from_ms));
                Ok(AttemptStory {
                    run: row.get(0)?,
                    operation: row.get(1)?,
                    request_id: row.get(2)?,
                    correlation_id: row.get(3)?,
                    intended_at: clock::from_ms(row.get(4)?),
                    sent_at: time(5)?,
                    finished_at: time(6)?,
                    outcome: row.get(7)?,
                    status: row.get(8)?,
                    code: row.get(9)?,
                    text: row.get(10)?,
                    ms_cv: row.get(11)?,
                })
            },
        )
    }

    /// Calls `visit` with each row that `filter` wants, in the order of the files. Holds one row in memory.
    pub(crate) fn each_row<E: From<Error>>(
        &self,
        filter: Filter,
        mut visit: impl FnMut(RowStory) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("{STORY} WHERE {} ORDER BY r.source_id, r.line, r.id", filter.condition());
        let mut statement = self.connection.prepare(&sql).map_err(Error::from)?;
        let mut rows = statement.query([]).map_err(Error::from)?;
        while let Some(row) = rows.next().map_err(Error::from)? {
            visit(story(row).map_err(Error::from)?)?;
        }
        Ok(())
    }

    /// The headers of the files that the rows of `filter` came from, in order, each once.
    pub(crate) fn headers(&self, filter: Filter) -> Result<Vec<Vec<u8>>, Error> {
        let sql = format!(
            "SELECT header FROM sources
              WHERE id IN (SELECT DISTINCT source_id FROM customer_rows r WHERE {})
              GROUP BY header ORDER BY min(id)",
            filter.condition()
        );
        self.collect(&sql, [], |row| row.get(0))
    }

    /// Calls `visit` with each sealed password, in the order of the rows.
    pub(crate) fn each_password<E: From<Error>>(
        &self,
        domain: Option<&str>,
        mut visit: impl FnMut(SealedPassword) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = "SELECT domain, customer_id, user_name, sealed_credentials FROM customer_rows
                    WHERE sealed_credentials IS NOT NULL
                      AND (?1 IS NULL OR domain = ?1 OR substr(domain, 1, length(?1) + 1) = ?1 || '.') ORDER BY id";
        let mut statement = self.connection.prepare(sql).map_err(Error::from)?;
        let mut rows = statement.query([domain]).map_err(Error::from)?;
        while let Some(row) = rows.next().map_err(Error::from)? {
            visit(sealed_password(row).map_err(Error::from)?)?;
        }
        Ok(())
    }

    /// Records that somebody opened `passwords` sealed passwords, before the first of them is shown.
    pub(crate) fn record_opening(&self, opened_by: &str, passwords: u64) -> Result<(), Error> {
        let connection = schema::open_for_writing(&self.path)?;
        connection.execute(
            "INSERT INTO openings (opened_at, opened_by, passwords) VALUES (?1, ?2, ?3)",
            (clock::now().as_millisecond(), opened_by, passwords),
        )?;
        Ok(())
    }

    fn collect<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        load: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, load)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

const STORY: &str = "SELECT r.id, r.domain, r.state, s.path, r.line, r.customer, r.problems, r.request_id,
       r.customer_id, r.commerce_id, r.user_name, r.sealed_credentials IS NOT NULL, r.error_code, r.error_status,
       r.error_text, r.domain_burned, r.replaced_by, r.made_at, r.changed_at, r.cells, s.header,
       a.state, a.request_id, a.error_code, a.error_status, a.error_text
  FROM customer_rows r JOIN sources s ON s.id = r.source_id LEFT JOIN agreements a ON a.row_id = r.id";

fn story(row: &Row<'_>) -> rusqlite::Result<RowStory> {
    let customer: Option<String> = row.get(5)?;
    let problems: Option<String> = row.get(6)?;
    Ok(RowStory {
        row: row.get(0)?,
        domain: row.get(1)?,
        state: row.get(2)?,
        file: row.get(3)?,
        line: row.get(4)?,
        customer: from_json(5, customer)?,
        problems: from_json(6, problems)?.unwrap_or_default(),
        request_id: row.get(7)?,
        customer_id: row.get(8)?,
        commerce_id: row.get(9)?,
        user_name: row.get(10)?,
        has_credentials: row.get(11)?,
        error_code: row.get(12)?,
        error_status: row.get(13)?,
        error_text: row.get(14)?,
        domain_burned: row.get(15)?,
        replaced_by: row.get(16)?,
        made_at: clock::from_ms(row.get(17)?),
        changed_at: clock::from_ms(row.get(18)?),
        cells: row.get(19)?,
        header: row.get(20)?,
        agreement: agreement_story(row)?,
    })
}

fn agreement_story(row: &Row<'_>) -> rusqlite::Result<Option<AgreementStory>> {
    let Some(state) = row.get(21)? else { return Ok(None) };
    Ok(Some(AgreementStory {
        state,
        request_id: row.get(22)?,
        error_code: row.get(23)?,
        error_status: row.get(24)?,
        error_text: row.get(25)?,
    }))
}

fn sealed_password(row: &Row<'_>) -> rusqlite::Result<SealedPassword> {
    let user_name: Option<String> = row.get(2)?;
    Ok(SealedPassword {
        domain: row.get(0)?,
        customer_id: row.get(1)?,
        user_name: user_name.unwrap_or_default(),
        sealed: row.get(3)?,
    })
}

fn from_json<T: serde::de::DeserializeOwned>(
    column: usize,
    text: Option<String>,
) -> rusqlite::Result<Option<T>> {
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
