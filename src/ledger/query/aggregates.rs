//! Totals over all rows and calls, for the report.
//!
//! SQLite counts the calls, and rows are visited one at a time: memory is bounded by the number of answers, not by the
//! size of the ledger. Times are UTC milliseconds. Rows are large, so they are read only once.

use super::super::steps::State;
use super::super::stored::{each, field_of, value};
use super::super::{Error, Result, RunId};
use super::{Queries, Runs};

/// The part of the ledger that a report covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole ledger.
    Ledger,
    /// The rows that one run read or made calls for.
    Run(RunId),
}

impl Scope {
    /// The condition on a row, given the columns of its id and of the id of its source.
    pub(super) fn touched(self, row_id: &str, source_id: &str) -> String {
        match self {
            Scope::Ledger => "TRUE".to_owned(),
            Scope::Run(run) => format!(
                "({source_id} IN (SELECT id FROM sources WHERE run_id = {run})
                  OR EXISTS (SELECT 1 FROM http_attempts t WHERE t.row_id = {row_id} AND t.run_id = {run}))"
            ),
        }
    }

    fn rows(self) -> String {
        self.touched("r.id", "r.source_id")
    }

    /// The condition on a call `a`.
    fn calls(self) -> String {
        match self {
            Scope::Ledger => "TRUE".to_owned(),
            Scope::Run(run) => format!("a.run_id = {run}"),
        }
    }

    /// The condition on a row `r` that a submission has settled. If the scope is one run: and no later run has changed
    /// it.
    fn settled(self) -> String {
        let settled = format!("r.state IN ({})", State::sql_list(State::is_settled));
        match self {
            Scope::Ledger => settled,
            Scope::Run(run) => format!(
                "{settled} AND r.changed_at >= (SELECT started_at FROM program_runs WHERE id = {run})
                   AND r.changed_at <= coalesce((SELECT finished_at FROM program_runs WHERE id = {run}), r.changed_at)"
            ),
        }
    }
}

/// The first and the last time at which something was sent, answered or settled, in UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// Time in parts of equal length, counted from 0 at `from_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub from_ms: i64,
    pub width_ms: i64,
}

/// Calls of one kind, sent in one part, with equal duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlikeCalls<'a> {
    pub operation: &'a str,
    /// `None`: the call may have been sent, but the time is not known.
    pub part: Option<i64>,
    /// `None`: there was no status in return.
    pub took_ms: Option<u64>,
    /// Calls that were sent, or may have been.
    pub sent: u64,
    /// Of those: answered with 429.
    pub throttled: u64,
}

/// What a report needs to know of a current row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowFacts<'a> {
    pub state: State,
    pub changed_at_ms: i64,
    /// A submission brought the row to its state. If the scope is one run, it was that run.
    pub is_settled: bool,
    /// It is acknowledged, or the loss of its password is.
    pub is_acknowledged: bool,
    /// Its customer is valid, so country and reseller are known.
    pub is_valid: bool,
    pub country: Option<&'a str>,
    pub reseller: Option<&'a str>,
}

impl Queries {
    /// Runs `read` on one snapshot of the ledger, so that its results are consistent during a run.
    pub fn at_one_moment<T, E: From<Error>>(&self, read: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        self.connection.execute_batch("BEGIN").map_err(Error::from)?;
        let result = read(self);
        self.connection.execute_batch("COMMIT").map_err(Error::from)?;
        result
    }

    /// Does this run exist?
    pub fn has_run(&self, run: RunId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM program_runs WHERE id = ?1)";
        value(&self.connection, sql, [run])
    }

    /// The number of runs.
    pub fn runs(&self, which: Runs) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM program_runs WHERE {}", which.condition());
        value(&self.connection, &sql, [])
    }

    /// When calls were made; `None` if there were none.
    pub fn span(&self, scope: Scope) -> Result<Option<Span>> {
        let sql = format!(
            "SELECT min(coalesce(sent_at, intended_at)), max(coalesce(finished_at, sent_at, intended_at))
               FROM http_attempts a WHERE {}",
            scope.calls()
        );
        let (first, last): (Option<i64>, Option<i64>) =
            self.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(first.zip(last).map(|(from_ms, to_ms)| Span { from_ms, to_ms }))
    }

    /// Calls `visit` with each row that is not history.
    pub fn each_standing_row(&self, scope: Scope, mut visit: impl FnMut(RowFacts<'_>)) -> Result<()> {
        let sql = format!(
            "SELECT r.state, r.changed_at, {}, r.acknowledged_at IS NOT NULL, r.customer IS NOT NULL, {}, {}
               FROM customer_rows r WHERE +r.state NOT IN ({}) AND {}",
            scope.settled(),
            field_of("r.customer", "country"),
            field_of("r.customer", "associated_partner_id"),
            State::sql_list(State::is_history),
            scope.rows()
        );
        each(&self.connection, &sql, [], |row| {
            let text = |index: usize| row.get_ref(index)?.as_str_or_null().map_err(rusqlite::Error::from);
            visit(RowFacts {
                state: row.get(0)?,
                changed_at_ms: row.get(1)?,
                is_settled: row.get(2)?,
                is_acknowledged: row.get(3)?,
                is_valid: row.get(4)?,
                country: text(5)?,
                reseller: text(6)?,
            });
            Ok(())
        })
    }

    /// Calls `visit` with each second in which something was sent, in order: the second since the Unix epoch, the
    /// number of requests, and how many of them were answered with 429. A request without a send time counts at its
    /// intent.
    pub fn each_second(&self, scope: Scope, mut visit: impl FnMut(i64, u64, u64)) -> Result<()> {
        let sql = format!(
            "SELECT coalesce(sent_at, intended_at) / 1000, count(*), count(*) FILTER (WHERE status = 429)
               FROM api_requests a WHERE {} GROUP BY 1 ORDER BY 1",
            scope.calls()
        );
        each(&self.connection, &sql, [], |row| {
            visit(row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(())
        })
    }

    /// Calls `visit` with all requests, grouped and ordered by kind, part and duration.
    pub fn each_kind_of_call(
        &self,
        scope: Scope,
        parts: Parts,
        mut visit: impl FnMut(AlikeCalls<'_>),
    ) -> Result<()> {
        let sql = format!(
            "SELECT operation, (sent_at - ?1) / ?2, iif(status IS NULL, NULL, max(finished_at - sent_at, 0)),
                    count(*), count(*) FILTER (WHERE status = 429)
               FROM api_requests a WHERE {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            scope.calls()
        );
        each(&self.connection, &sql, [parts.from_ms, parts.width_ms], |row| {
            visit(AlikeCalls {
                operation: row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
                part: row.get(1)?,
                took_ms: row.get(2)?,
                sent: row.get(3)?,
                throttled: row.get(4)?,
            });
            Ok(())
        })
    }
}
