//! The validation over a whole file, before any of its rows may be sent.

use std::collections::HashSet;

use rusqlite::{Params, Transaction};

use super::super::steps::{CurrentStep, State, StepEvent, StepKind};
use super::super::stored::{Value, collect, is_after_copy, is_export, json, stored_problems, value};
use super::super::{Result, RowId, SourceId, lists};
use super::discard::{decline, withdraw};
use super::gone::Corrections;
use super::known::MetRows;
use super::{IngestCounts, IngestSession};
use tenantry_model::problem::Problem;

/// What the other rows of a file mean for its rows without a reseller.
pub enum DirectRows {
    /// They are wrong: the function returns the problem for the row on a line.
    Wrong(Box<dyn Fn(u64) -> Problem + Send>),
    /// They are valid, including those that an earlier reading rejected by this rule.
    Good { rejected_by: &'static str },
}

/// The result of the validation over a whole file.
#[derive(Debug, Default)]
pub struct IngestReport {
    pub counts: IngestCounts,
    /// Rows and acceptances of the file that are rejected, for any reason, by this reading or an earlier one; not those
    /// that are acknowledged.
    pub rejected: u64,
    /// Line and domain of the first rows whose changes are ignored, because the rows were already sent.
    pub ignored: Vec<(u64, String)>,
    /// Lines of the first equal duplicates.
    pub duplicate_lines: Vec<u64>,
    /// Rows and acceptances that an earlier reading of the file left unsent, and that the file no longer contains.
    pub discarded: (u64, u64),
    /// How many rows are wrong only because of the other rows of the file, and the first one's problem.
    pub direct: Option<(u64, Problem)>,
    /// Refused rows that a row with the same external id replaces.
    pub corrections: Corrections,
}

impl IngestSession {
    /// Validates the whole file, then releases its rows.
    /// Also returns what this run has met so far.
    pub(super) fn complete(
        mut self,
        tx: &Transaction<'_>,
        direct: &DirectRows,
    ) -> Result<(IngestReport, MetRows)> {
        let mut wrong = None;
        match direct {
            DirectRows::Wrong(problem) => {
                wrong = self.reject_direct_rows(tx, problem)?;
                self.counts.rejected += wrong.as_ref().map_or(0, |(rows, _)| *rows);
            }
            DirectRows::Good { rejected_by } => self.admit_direct_rows(tx, rejected_by)?,
        }
        let list = lists::readings_of(tx, self.source, &self.info)?;
        // An earlier reading of the same file stopped halfway. Rows that the file no longer contains were never sent
        // and are discarded. This does not apply to a file that a restored copy waits for: the lost ledger may have
        // sent its rows.
        let left = format!(
            "SELECT id FROM sources s WHERE completed_at IS NULL AND run_id <> {} AND {}",
            self.run,
            is_after_copy("s")
        );
        let mut left: Vec<SourceId> = collect(tx, &left, [], |row| row.get(0))?;
        left.retain(|reading| list.contains(reading));
        let left = left.iter().map(SourceId::to_string).collect::<Vec<_>>().join(", ");
        let (mut discarded, agreements_discarded) = withdraw(tx, &left)?;
        discarded += decline(tx, State::Rejected, &format!("source_id IN ({left})"))?;
        // An export never contains all rows of a list, and standard input is never read again.
        let is_export = format!("SELECT {} FROM sources s WHERE id = ?1", is_export("s"));
        let is_whole = self.info.path != "-" && !value::<bool>(tx, &is_export, [self.source])?;
        let list = if is_whole { list } else { HashSet::new() };
        let mut corrections = Corrections::default();
        if is_whole {
            self.mark_gone(tx, &list)?;
            corrections = self.replace_corrected(tx, &list)?;
        }
        if is_whole || self.info.path == "-" {
            self.note_also_in(tx, &list)?;
        }
        self.end(tx)?;
        let rejected = "SELECT id FROM customer_rows WHERE state = 'rejected' AND acknowledged_at IS NULL";
        let rejected = self.met(tx, rejected, [])?;
        let rejected = rejected.len() as u64 + self.counts.agreements_rejected;
        let Self { counts, ignored, duplicate_lines, seen, info, .. } = self;
        let discarded = (discarded, agreements_discarded);
        let report = IngestReport {
            counts,
            rejected,
            ignored,
            duplicate_lines,
            discarded,
            direct: wrong,
            corrections,
        };
        Ok((report, seen.met(info.path)))
    }

    /// The rows found by the query that this reading has met.
    fn met(&self, tx: &Transaction<'_>, sql: &str, parameters: impl Params) -> Result<Vec<RowId>> {
        let mut rows: Vec<RowId> = collect(tx, sql, parameters, |row| row.get(0))?;
        rows.retain(|row| self.seen.line_of(*row).is_some());
        Ok(rows)
    }

    /// Returns how many rows are rejected, and the problem of the first.
    fn reject_direct_rows(
        &self,
        tx: &Transaction<'_>,
        problem: impl Fn(u64) -> Problem,
    ) -> Result<Option<(u64, Problem)>> {
        let sql = "SELECT id FROM customer_rows
                    WHERE state = 'pending' AND source_id = ?1
                      AND json_extract(customer, '$.associated_partner_id') IS NULL ORDER BY id";
        // Only their ids, to save memory.
        let rows: Vec<RowId> = collect(tx, sql, [self.source], |row| row.get(0))?;
        let mut first = None;
        for row in &rows {
            let sql = "SELECT line, problems FROM customer_rows WHERE id = ?1";
            let (line, problems): (u64, Option<String>) =
                tx.prepare_cached(sql)?.query_row([row], |found| found.try_into())?;
            let mut problems = stored_problems(*row, problems.as_deref())?;
            let problem = problem(line);
            let (rule, text) = (problem.rule.clone(), problem.message.clone());
            first.get_or_insert_with(|| problem.clone());
            problems.push(problem);
            let (problems, step) = (json(&problems)?, CurrentStep::of(tx, StepKind::Create, *row)?);
            let values: [Value<'_>; 3] =
                [("problems", &problems), ("error_code", &rule), ("error_text", &text)];
            step.take(tx, StepEvent::Rejected, "", &values)?;
        }
        Ok(first.map(|problem| (rows.len() as u64, problem)))
    }

    /// Makes rows pending that this reading has met, and that an earlier reading rejected because they had no reseller
    /// and other rows had one: their file has no such mix any more.
    fn admit_direct_rows(&mut self, tx: &Transaction<'_>, rejected_by: &str) -> Result<()> {
        // An erased row has no customer that could be sent.
        let sql = "SELECT id FROM customer_rows
                    WHERE error_code = ?1 AND state = 'rejected' AND erased_at IS NULL";
        for row in self.met(tx, sql, [rejected_by])? {
            let step = CurrentStep::of(tx, StepKind::Create, row)?;
            let no_error = "error_code = NULL, error_text = NULL";
            step.take(tx, StepEvent::TakenUp, no_error, &[("source_id", &self.source)])?;
            self.counts.continued += 1;
        }
        Ok(())
    }
}
