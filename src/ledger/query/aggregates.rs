//! Sums over the whole story, for the report.
//!
//! Calls are counted by SQLite, and rows pass by one at a time: what is held is bounded by the number of answers, not by
//! the size of the ledger. Times go in and out as UTC milliseconds. A row is large, so they are read once.

use super::super::steps::State;
use super::super::stored::{each, field_of, value};
use super::super::{Error, Result, RunId};
use super::Queries;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that the ledger holds.
    Ledger,
    /// What one run read or asked about.
    Run(RunId),
}

impl Scope {
    /// What a row has to fulfil, given the names of its id and of the id of the source that brought it.
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

    /// What a call `a` has to fulfil.
    fn calls(self) -> String {
        match self {
            Scope::Ledger => "TRUE".to_owned(),
            Scope::Run(run) => format!("a.run_id = {run}"),
        }
    }

    /// What a row `r` in scope has to fulfil that a submission settled. Of one run: that no later one has changed.
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

/// The first and the last moment at which something was sent, answered or settled, in UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// Equal parts of time, counted from 0 at `from_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub from_ms: i64,
    pub width_ms: i64,
}

/// Calls of one kind, sent in one part, that took equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlikeCalls<'a> {
    pub operation: &'a str,
    /// `None`: it may have been sent, and nobody can tell any more when.
    pub part: Option<i64>,
    /// `None`: no status came back.
    pub took_ms: Option<u64>,
    /// Left this machine, or may have.
    pub sent: u64,
    /// Of those: answered with 429.
    pub throttled: u64,
}

/// What a report needs to know of a row that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowFacts<'a> {
    pub state: State,
    pub changed_at_ms: i64,
    /// A submission brought it to its state; where the scope is one run, that one.
    pub is_settled: bool,
    /// It was read as a customer, so that country and reseller are known.
    pub is_valid: bool,
    pub country: Option<&'a str>,
    pub reseller: Option<&'a str>,
}

impl Queries {
    /// Lets `read` see the ledger as it is at one moment, so that its answers agree while a run goes on.
    pub fn at_one_moment<T, E: From<Error>>(&self, read: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        self.connection.execute_batch("BEGIN").map_err(Error::from)?;
        let result = read(self);
        self.connection.execute_batch("COMMIT").map_err(Error::from)?;
        result
    }

    /// Is there such a run?
    pub fn has_run(&self, run: RunId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM program_runs WHERE id = ?1)";
        value(&self.connection, sql, [run])
    }

    /// How many runs there were.
    pub fn runs(&self) -> Result<u64> {
        value(&self.connection, "SELECT count(*) FROM program_runs", [])
    }

    /// When calls were made; `None` where there was none.
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
            "SELECT r.state, r.changed_at, {}, r.customer IS NOT NULL, {}, {}
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
                is_valid: row.get(3)?,
                country: text(4)?,
                reseller: text(5)?,
            });
            Ok(())
        })
    }

    /// Calls `visit` with each second in which something was sent, in order: the second since the Unix epoch, how many
    /// requests, and how many of them were answered with 429. Of a request that may have left, when it was decided on.
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

    /// Calls `visit` with all requests, those that are alike together: by kind, part and how long they took, in this order.
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
