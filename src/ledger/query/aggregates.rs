//! Sums over the whole story, for the report.
//!
//! Rows and calls are counted by SQLite, never loaded: what comes out is bounded by the number of answers, not by the
//! size of the ledger. Times go in and out as UTC milliseconds.

use super::super::state::State;
use super::super::{Error, RunId};
use super::{Queries, RowCounts};

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
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

    /// What a row `r` has to fulfil that a submission settled. Of one run: that no later one has changed.
    fn settled(self) -> String {
        let settled = "r.state IN ('created', 'existing', 'failed', 'unresolved')";
        match self {
            Scope::Ledger => settled.to_owned(),
            Scope::Run(run) => format!(
                "{settled} AND {} AND r.changed_at >= (SELECT started_at FROM program_runs WHERE id = {run})
                   AND r.changed_at <= coalesce((SELECT finished_at FROM program_runs WHERE id = {run}), r.changed_at)",
                self.rows()
            ),
        }
    }
}

/// The first and the last moment at which something was sent, answered or settled, in UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// Equal parts of time, counted from 0 at `from_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) from_ms: i64,
    pub(crate) width_ms: i64,
}

/// What the calls of one kind came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallTotals {
    pub(crate) operation: String,
    /// Left this machine, or may have.
    pub(crate) sent: u64,
    /// Of those: a status came back.
    pub(crate) answered: u64,
    /// Of those: 429.
    pub(crate) throttled: u64,
}

/// What rows can be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Country,
    Reseller,
}

/// The rows of one country, or of one reseller; `None` is a customer of the provider's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) key: Option<String>,
    pub(crate) rows: RowCounts,
}

impl Queries {
    /// Lets `read` see the ledger as it is at one moment, so that its answers agree while a run goes on.
    pub(crate) fn at_one_moment<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.execute_batch("BEGIN").map_err(Error::from)?;
        let result = read(self);
        self.connection.execute_batch("COMMIT").map_err(Error::from)?;
        result
    }

    /// Is there such a run?
    pub(crate) fn has_run(&self, run: RunId) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM program_runs WHERE id = ?1)";
        Ok(self.connection.query_row(sql, [run], |row| row.get(0))?)
    }

    /// How many runs there were.
    pub(crate) fn runs(&self) -> Result<u64, Error> {
        Ok(self.connection.query_row("SELECT count(*) FROM program_runs", [], |row| row.get(0))?)
    }

    /// When things happened; `None` where nothing has.
    pub(crate) fn span(&self, scope: Scope) -> Result<Option<Span>, Error> {
        let sql = format!(
            "SELECT min(first), max(last) FROM
                 (SELECT min(coalesce(sent_at, intended_at)) AS first,
                         max(coalesce(finished_at, sent_at, intended_at)) AS last
                    FROM http_attempts a WHERE {}
                  UNION ALL
                  SELECT min(changed_at), max(changed_at) FROM customer_rows r WHERE {})",
            scope.calls(),
            scope.settled()
        );
        let (first, last): (Option<i64>, Option<i64>) =
            self.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(first.zip(last).map(|(from_ms, to_ms)| Span { from_ms, to_ms }))
    }

    /// How many rows came to their state in which part: the part, the state, how many.
    pub(crate) fn settled_over_time(
        &self,
        scope: Scope,
        parts: Parts,
    ) -> Result<Vec<(i64, State, u64)>, Error> {
        let sql = format!(
            "SELECT (r.changed_at - ?1) / ?2, r.state, count(*) FROM customer_rows r WHERE {} GROUP BY 1, 2",
            scope.settled()
        );
        self.collect(&sql, [parts.from_ms, parts.width_ms], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// Calls `visit` with each second in which something was sent, in order: the second since the Unix epoch, how many
    /// requests, and how many of them were answered with 429.
    pub(crate) fn each_second(
        &self,
        scope: Scope,
        mut visit: impl FnMut(i64, u64, u64),
    ) -> Result<(), Error> {
        let sql = format!(
            "SELECT sent_at / 1000, count(*), count(*) FILTER (WHERE status = 429) FROM http_attempts a
              WHERE sent_at IS NOT NULL AND {} GROUP BY 1 ORDER BY 1",
            scope.calls()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(row.get(0)?, row.get(1)?, row.get(2)?);
        }
        Ok(())
    }

    /// Calls `visit` with how long answers took, by kind of call, part and milliseconds, in this order; the last number
    /// is how many took so long.
    pub(crate) fn each_latency(
        &self,
        scope: Scope,
        parts: Parts,
        mut visit: impl FnMut(&str, i64, u64, u64),
    ) -> Result<(), Error> {
        let sql = format!(
            "SELECT operation, (sent_at - ?1) / ?2, max(finished_at - sent_at, 0), count(*) FROM http_attempts a
              WHERE sent_at IS NOT NULL AND finished_at IS NOT NULL AND status IS NOT NULL AND {}
              GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            scope.calls()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([parts.from_ms, parts.width_ms])?;
        while let Some(row) = rows.next()? {
            let operation = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            visit(operation, row.get(1)?, row.get(2)?, row.get(3)?);
        }
        Ok(())
    }

    /// What the calls came to, by kind.
    pub(crate) fn call_totals(&self, scope: Scope) -> Result<Vec<CallTotals>, Error> {
        let sql = format!(
            "SELECT operation, count(*) FILTER (WHERE sent_at IS NOT NULL OR outcome = 'interrupted'),
                    count(status), count(*) FILTER (WHERE status = 429)
               FROM http_attempts a WHERE {} GROUP BY 1 ORDER BY 2 DESC, 1",
            scope.calls()
        );
        self.collect(&sql, [], |row| {
            Ok(CallTotals {
                operation: row.get(0)?,
                sent: row.get(1)?,
                answered: row.get(2)?,
                throttled: row.get(3)?,
            })
        })
    }

    /// The rows that were valid and stand, by country or reseller, the `limit` largest groups first.
    pub(crate) fn groups(&self, scope: Scope, by: Dimension, limit: u32) -> Result<Vec<Group>, Error> {
        let field = match by {
            Dimension::Country => "country",
            Dimension::Reseller => "associated_partner_id",
        };
        let of_state = State::ALL.map(|state| format!("count(*) FILTER (WHERE r.state = '{state}')"));
        let sql = format!(
            "SELECT json_extract(r.customer, '$.{field}'), count(*), {} FROM customer_rows r
              WHERE r.customer IS NOT NULL AND r.state <> 'superseded' AND {}
              GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?1",
            of_state.join(", "),
            scope.rows()
        );
        self.collect(&sql, [limit], |row| {
            let mut rows = RowCounts { total: row.get(1)?, ..RowCounts::default() };
            for (index, state) in State::ALL.into_iter().enumerate() {
                *rows.slot(state) = row.get(2 + index)?;
            }
            Ok(Group { key: row.get(0)?, rows })
        })
    }

    /// Rejected rows that were read as a customer all the same, so that country and reseller are known.
    pub(crate) fn valid_but_rejected(&self, scope: Scope) -> Result<u64, Error> {
        let sql = format!(
            "SELECT count(*) FROM customer_rows r WHERE r.state = 'rejected' AND r.customer IS NOT NULL AND {}",
            scope.rows()
        );
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// File and line of the first rows that stand refused in this way.
    pub(crate) fn refused_rows(
        &self,
        scope: Scope,
        code: &str,
        state: State,
        domain_burned: bool,
        limit: u32,
    ) -> Result<Vec<(String, u64)>, Error> {
        let sql = format!(
            "SELECT s.path, r.line FROM customer_rows r JOIN sources s ON s.id = r.source_id
              WHERE r.error_code = ?1 AND r.state = ?2 AND r.domain_burned = ?3 AND {} ORDER BY r.id LIMIT ?4",
            scope.rows()
        );
        self.collect(&sql, (code, state, domain_burned, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// File and line of the first acceptances of the agreement that stand refused with `code`.
    pub(crate) fn refused_agreements(
        &self,
        scope: Scope,
        code: &str,
        limit: u32,
    ) -> Result<Vec<(String, u64)>, Error> {
        let sql = format!(
            "SELECT s.path, a.line FROM agreements a JOIN sources s ON s.id = a.source_id
              WHERE a.error_code = ?1 AND a.state IN ('failed', 'rejected') AND {} AND {} ORDER BY a.id LIMIT ?2",
            super::STANDING,
            scope.touched("a.row_id", "a.source_id")
        );
        self.collect(&sql, (code, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
