//! The validation over a whole file, which comes before any of its rows may be sent.

use rusqlite::{Params, Transaction};

use super::super::steps::{CurrentStep, State, StepEvent, StepKind, take_all};
use super::super::stored::{Value, collect, json, stored_problems};
use super::super::{Result, RowId};
use super::{IngestCounts, IngestSession, consent};
use tenantry_model::problem::Problem;

/// What its other rows mean for the rows of a file that have no reseller.
pub enum DirectRows {
    /// They are wrong: this is the problem of the row on a line.
    Wrong(Box<dyn Fn(u64) -> Problem + Send>),
    /// They are good by themselves, also those that an earlier reading has rejected by this rule.
    Good { rejected_by: &'static str },
}

/// What the validation over a whole file came to.
#[derive(Debug, Default)]
pub struct IngestReport {
    pub counts: IngestCounts,
    /// Rows and acceptances of the file that stand rejected, for whatever reason and since whenever.
    pub rejected: u64,
    /// Line and domain of the first rows whose changes are ignored, because they were sent before.
    pub ignored: Vec<(u64, String)>,
    /// Rows and acceptances that an earlier reading of the file left unsent, and that it no longer holds.
    pub discarded: (u64, u64),
}

impl IngestSession {
    /// The validation over the whole file, then the release of its rows.
    pub(super) fn complete(mut self, tx: &Transaction<'_>, direct: &DirectRows) -> Result<IngestReport> {
        match direct {
            DirectRows::Wrong(problem) => self.taken.rejected += self.reject_direct_rows(tx, problem)?,
            DirectRows::Good { rejected_by } => self.admit_direct_rows(tx, rejected_by)?,
        }
        // The same file was left half read before. What it no longer holds was never sent, and will not be.
        // That holds of no file that a restored copy waits for: the lost ledger may have sent its rows.
        let left = format!(
            "SELECT id FROM sources
              WHERE path = (SELECT path FROM sources WHERE id = {}) AND path <> '-' AND completed_at IS NULL
                AND run_id <> {} AND run_id > (SELECT coalesce(max(last_run), 0) FROM copies)",
            self.source, self.run
        );
        let let_go = consent::withdraw(tx, &left)?;
        take_all(
            tx,
            (StepKind::Create, State::Rejected, StepEvent::Discarded),
            "key_domain = NULL",
            &format!("source_id IN ({left})"),
            [],
        )?;
        self.end(tx)?;
        let rejected = self.met(tx, "SELECT id FROM customer_rows WHERE state = 'rejected'", [])?;
        let rejected = rejected.len() as u64 + self.taken.agreements_rejected;
        Ok(IngestReport { counts: self.taken, rejected, ignored: self.ignored, discarded: let_go })
    }

    /// Rows that this reading has met, of those that the query finds.
    fn met(&self, tx: &Transaction<'_>, sql: &str, parameters: impl Params) -> Result<Vec<RowId>> {
        let mut rows: Vec<RowId> = collect(tx, sql, parameters, |row| row.get(0))?;
        rows.retain(|row| self.seen.line_of(*row).is_some());
        Ok(rows)
    }

    fn reject_direct_rows(&self, tx: &Transaction<'_>, problem: impl Fn(u64) -> Problem) -> Result<u64> {
        let sql = "SELECT id FROM customer_rows
                    WHERE state = 'pending' AND source_id = ?1
                      AND json_extract(customer, '$.associated_partner_id') IS NULL";
        // Their ids alone, so that they take little memory.
        let rows: Vec<RowId> = collect(tx, sql, [self.source], |row| row.get(0))?;
        for row in &rows {
            let sql = "SELECT line, problems FROM customer_rows WHERE id = ?1";
            let (line, problems): (u64, Option<String>) =
                tx.prepare_cached(sql)?.query_row([row], |found| found.try_into())?;
            let mut problems = stored_problems(*row, problems.as_deref())?;
            let problem = problem(line);
            let (rule, text) = (problem.rule.clone(), problem.message.clone());
            problems.push(problem);
            let (problems, step) = (json(&problems)?, CurrentStep::of(tx, StepKind::Create, *row)?);
            let values: [Value<'_>; 3] =
                [("problems", &problems), ("error_code", &rule), ("error_text", &text)];
            step.take(tx, StepEvent::Rejected, "", &values)?;
        }
        Ok(rows.len() as u64)
    }

    /// Rows that an earlier reading rejected for standing without a reseller beside rows with one, and that this one has
    /// met: they stand by themselves now.
    fn admit_direct_rows(&self, tx: &Transaction<'_>, rejected_by: &str) -> Result<()> {
        let sql = "SELECT id FROM customer_rows WHERE error_code = ?1 AND state = 'rejected'";
        for row in self.met(tx, sql, [rejected_by])? {
            let step = CurrentStep::of(tx, StepKind::Create, row)?;
            let no_error = "error_code = NULL, error_text = NULL";
            step.take(tx, StepEvent::TakenUp, no_error, &[("source_id", &self.source)])?;
        }
        Ok(())
    }
}
