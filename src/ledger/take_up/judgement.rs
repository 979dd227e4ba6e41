//! The judgement over a whole file, which comes before any of its rows may be sent.

use rusqlite::Transaction;

use super::super::steps::{CurrentStep, Event, State, StepKind, take_all};
use super::super::stored::json;
use super::super::stored::stored_problems;
use super::super::{Error, RowId};
use super::{TakeUp, Taken, consent};
use tenantry_model::problem::Problem;

/// Rows that are in memory at once.
const PAGE: u32 = 500;

/// What its other rows mean for the rows of a file that have no reseller.
pub enum DirectRows {
    /// They are wrong: this is the problem of the row on a line.
    Wrong(Box<dyn Fn(u64) -> Problem + Send>),
    /// They are good by themselves, also those that an earlier reading has rejected by this rule.
    Good { rejected_by: &'static str },
}

/// What the judgement over a whole file came to.
#[derive(Debug, Default)]
pub struct Judged {
    pub taken: Taken,
    /// Rows and acceptances of the file that stand rejected, for whatever reason and since whenever.
    pub rejected: u64,
    /// Line and domain of the first rows whose changes are ignored, because they were sent before.
    pub ignored: Vec<(u64, String)>,
    /// Rows and acceptances that an earlier reading of the file left unsent, and that it no longer holds.
    pub let_go: (u64, u64),
}

impl TakeUp {
    /// The judgement over the whole file, then the release of its rows.
    pub(super) fn complete(mut self, tx: &Transaction<'_>, direct: &DirectRows) -> Result<Judged, Error> {
        match direct {
            DirectRows::Wrong(problem) => self.taken.rejected += self.reject_direct_rows(tx, problem)?,
            DirectRows::Good { rejected_by } => self.admit_direct_rows(tx, rejected_by)?,
        }
        // The same file was left half read before. What it no longer holds was never sent, and will not be.
        // That holds of no file that a restored copy waits for: the lost ledger may have sent its rows.
        let left = "SELECT id FROM sources
                     WHERE path = ?1 AND path <> '-' AND completed_at IS NULL AND run_id <> ?2
                       AND run_id > (SELECT coalesce(max(last_run), 0) FROM copies)";
        let let_go = consent::withdraw(tx, left, (&self.info.path, self.run))?;
        take_all(
            tx,
            (StepKind::Create, State::Rejected, Event::Discarded),
            "key_domain = NULL",
            &format!("source_id IN ({left})"),
            (&self.info.path, self.run),
        )?;
        self.end(tx)?;
        let rejected = self.rejected_met(tx)? + self.taken.agreements_rejected;
        Ok(Judged { taken: self.taken, rejected, ignored: self.ignored, let_go })
    }

    fn rejected_met(&self, tx: &Transaction<'_>) -> Result<u64, Error> {
        let mut statement = tx.prepare("SELECT id FROM customer_rows WHERE state = 'rejected'")?;
        let mut rows = statement.query([])?;
        let mut rejected = 0;
        while let Some(row) = rows.next()? {
            rejected += u64::from(self.seen.line_of(row.get(0)?).is_some());
        }
        Ok(rejected)
    }

    fn reject_direct_rows(
        &self,
        tx: &Transaction<'_>,
        problem: impl Fn(u64) -> Problem,
    ) -> Result<u64, Error> {
        let mut page = tx.prepare(
            "SELECT id, line, problems FROM customer_rows
              WHERE state = 'pending' AND source_id = ?1 AND id > ?2
                AND json_extract(customer, '$.associated_partner_id') IS NULL
              ORDER BY id LIMIT ?3",
        )?;
        let (mut rejected, mut last) = (0, RowId(0));
        loop {
            let rows: Vec<(RowId, u64, Option<String>)> = page
                .query_map((self.source, last, PAGE), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            let Some((of_page, ..)) = rows.last() else { return Ok(rejected) };
            last = *of_page;
            rejected += rows.len() as u64;
            for (row, line, problems) in &rows {
                let mut problems = stored_problems(*row, problems.as_deref())?;
                let problem = problem(*line);
                let (rule, text) = (problem.rule.clone(), problem.message.clone());
                problems.push(problem);
                CurrentStep::of(tx, StepKind::Create, *row)?.take(
                    tx,
                    Event::Rejected,
                    "problems = :problems, error_code = :code, error_text = :text",
                    &[(":problems", &json(&problems)?), (":code", &rule), (":text", &text)],
                )?;
            }
        }
    }

    /// Rows that an earlier reading rejected for standing without a reseller beside rows with one, and that this one has
    /// met: they stand by themselves now.
    fn admit_direct_rows(&self, tx: &Transaction<'_>, rejected_by: &str) -> Result<(), Error> {
        let mut page = tx.prepare(
            "SELECT id FROM customer_rows
              WHERE error_code = ?1 AND state = 'rejected' AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let mut last = RowId(0);
        loop {
            let rows: Vec<RowId> =
                page.query_map((rejected_by, last, PAGE), |row| row.get(0))?.collect::<Result<_, _>>()?;
            let Some(of_page) = rows.last() else { return Ok(()) };
            last = *of_page;
            for row in rows.iter().filter(|row| self.seen.line_of(**row).is_some()) {
                CurrentStep::of(tx, StepKind::Create, *row)?.take(
                    tx,
                    Event::TakenUp,
                    "source_id = :source, error_code = NULL, error_text = NULL",
                    &[(":source", &self.source)],
                )?;
            }
        }
    }
}
