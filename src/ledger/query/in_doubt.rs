//! Rows in doubt, and what asking Partner Center about them has brought.

use std::time::Duration;

use super::super::steps::is_not_held_by_a_copy;
use super::super::stored::{collect, value};
use super::super::{Result, RunId};
use super::Queries;
use super::waiting::is_unresolved_and_held;
use tenantry_model::clock;

/// The calls that ask about a row.
const LOOKUPS: &str = "operation IN ('find_customer', 'check_domain')";

/// Unresolved rows that are not acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnresolvedRows {
    /// At most one run has had answers about one of them, so asking again may settle it.
    pub may_be_settled: bool,
    /// How many of them wait until their file is imported again.
    pub held_back: u64,
    /// The domains of the first ones.
    pub first: Vec<String>,
}

/// Rows in flight that a run has asked about, and has left to a run that sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftToSend {
    /// The customer is found. The next send may bring the password.
    pub found: u64,
    /// There is no customer, and the domain is free.
    pub free: u64,
}

impl Queries {
    /// The unresolved rows that are not acknowledged; the domains of up to `limit` of them.
    pub fn unresolved_rows(&self, limit: u32) -> Result<UnresolvedRows> {
        const THEY: &str = "state = 'unresolved' AND acknowledged_at IS NULL";
        // The run that left it unresolved has asked about it, too.
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM customer_rows r JOIN sources s ON s.id = r.source_id
                             WHERE {THEY} AND erased_at IS NULL AND {}
                               AND (SELECT count(DISTINCT run_id) FROM http_attempts
                                     WHERE row_id = r.id AND {LOOKUPS} AND outcome = 'answered') < 2)",
            is_not_held_by_a_copy()
        );
        let may_be_settled = value(&self.connection, &sql, [])?;
        let sql = format!(
            "SELECT count(*) FROM customer_rows r JOIN sources s ON s.id = r.source_id WHERE {}",
            is_unresolved_and_held()
        );
        let held_back = value(&self.connection, &sql, [])?;
        let sql = format!("SELECT domain FROM customer_rows WHERE {THEY} ORDER BY id LIMIT ?1");
        Ok(UnresolvedRows {
            may_be_settled,
            held_back,
            first: collect(&self.connection, &sql, [limit], |row| row.get(0))?,
        })
    }

    /// The rows that a run asks about only when a new customer would be visible, which takes `settle_delay` from the last
    /// send: how many, and how long the last of them waits.
    pub fn settling(&self, settle_delay: Duration) -> Result<(u64, Duration)> {
        let now = clock::now().as_millisecond();
        let delay = i64::try_from(settle_delay.as_millis()).unwrap_or(i64::MAX);
        let sql = "SELECT count(*), coalesce(max(last_sent_at), 0) FROM customer_rows
                    WHERE state = 'in_flight' AND next_step = 'ask' AND last_sent_at > ?1";
        let (rows, last_sent): (u64, i64) =
            self.connection.query_row(sql, [now.saturating_sub(delay)], |row| row.try_into())?;
        let left = last_sent.saturating_add(delay).saturating_sub(now);
        Ok((rows, Duration::from_millis(left.clamp(0, delay).unsigned_abs())))
    }

    /// The rows in flight that `run` has asked about.
    pub fn left_to_send(&self, run: RunId) -> Result<LeftToSend> {
        let sql = format!(
            "SELECT count(*) FILTER (WHERE customer_id IS NOT NULL), count(*) FILTER (WHERE customer_id IS NULL)
               FROM customer_rows r
              WHERE state = 'in_flight' AND next_step = 'create'
                AND EXISTS (SELECT 1 FROM http_attempts WHERE row_id = r.id AND run_id = ?1 AND {LOOKUPS})"
        );
        let (found, free) = self.connection.query_row(&sql, [run], |row| row.try_into())?;
        Ok(LeftToSend { found, free })
    }
}
