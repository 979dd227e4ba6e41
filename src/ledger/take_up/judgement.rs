//! The judgement over a whole file, which comes before any of its rows may be sent.

use rusqlite::Transaction;

use super::super::steps::{self, Event, State, StepKind};
use super::super::stored::stored_problems;
use super::super::{Error, RowId};
use super::{TakeUp, consent, json};
use crate::clock;
use crate::validation::{MIXED_RESELLERS, mixed_resellers};

/// Rows that are in memory at once.
const PAGE: u32 = 500;

/// What the judgement over a whole file came to.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Rows that were rejected in it.
    pub(crate) rejected_now: u64,
    /// Rows of the file that stand rejected, for whatever reason and since whenever.
    pub(crate) rejected: u64,
    /// Line and domain of the first rows whose changes are ignored, because they were sent before.
    pub(crate) ignored: Vec<(u64, String)>,
    /// Rows and acceptances that an earlier reading of the file left unsent, and that it no longer holds.
    pub(crate) let_go: (u64, u64),
}

impl TakeUp {
    /// The judgement over the whole file, then the release of its rows.
    pub(super) fn complete(self, tx: &Transaction<'_>) -> Result<Judged, Error> {
        let now = clock::now().as_millisecond();
        self.write_sums(tx)?;
        let mixed = self.with_reseller > 0 && self.without_reseller > 0 && !self.info.allow_direct;
        let rejected_now = if mixed {
            self.reject_direct_rows(tx)?
        } else {
            self.admit_direct_rows(tx)?;
            0
        };
        // The same file was left half read before. What it no longer holds was never sent, and will not be.
        // That holds of no file that a restored copy waits for: the lost ledger may have sent its rows.
        let left = "SELECT id FROM sources
                     WHERE path = ?1 AND path <> '-' AND completed_at IS NULL AND run_id <> ?2
                       AND run_id > (SELECT coalesce(max(last_run), 0) FROM copies)";
        let let_go = consent::withdraw(tx, left, (&self.info.path, self.run))?;
        let to = steps::next(StepKind::Create, State::Rejected, Event::Discarded)?;
        let sql = format!(
            "UPDATE customer_rows SET state = '{to}', key_domain = NULL, changed_at = {now}
              WHERE state = 'rejected' AND source_id IN ({left})"
        );
        tx.execute(&sql, (&self.info.path, self.run))?;
        let completed_at = (!self.info.needs_consent).then_some(now);
        let sql = "UPDATE sources SET read_at = ?2, completed_at = ?3 WHERE id = ?1";
        tx.execute(sql, (self.source, now, completed_at))?;
        Ok(Judged { rejected_now, rejected: self.rejected_met(tx)?, ignored: self.ignored, let_go })
    }

    fn rejected_met(&self, tx: &Transaction<'_>) -> Result<u64, Error> {
        let mut statement = tx.prepare("SELECT id FROM customer_rows WHERE state = 'rejected'")?;
        let mut rows = statement.query([])?;
        let mut rejected = 0;
        while let Some(row) = rows.next()? {
            rejected += u64::from(self.line_of(row.get(0)?).is_some());
        }
        Ok(rejected)
    }

    /// Without its reseller a row would silently become a customer of the provider itself (fact book 4.2).
    fn reject_direct_rows(&self, tx: &Transaction<'_>) -> Result<u64, Error> {
        let to = steps::next(StepKind::Create, State::Pending, Event::Rejected)?;
        let now = clock::now().as_millisecond();
        let mut page = tx.prepare(
            "SELECT id, line, problems FROM customer_rows
              WHERE state = 'pending' AND source_id = ?1 AND id > ?2
                AND json_extract(customer, '$.associated_partner_id') IS NULL
              ORDER BY id LIMIT ?3",
        )?;
        let mut reject = tx.prepare(
            "UPDATE customer_rows
                SET state = ?2, problems = ?3, error_code = ?4, error_text = ?5, changed_at = ?6
              WHERE id = ?1",
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
                let problem = mixed_resellers(*line, &self.info.reseller_column);
                let text = problem.message.clone();
                problems.push(problem);
                reject.execute((row, to, json(&problems)?, MIXED_RESELLERS, text, now))?;
            }
        }
    }

    /// Rows that an earlier reading rejected for standing without a reseller beside rows with one, and that this one has
    /// met: they stand by themselves now.
    fn admit_direct_rows(&self, tx: &Transaction<'_>) -> Result<(), Error> {
        let to = steps::next(StepKind::Create, State::Rejected, Event::TakenUp)?;
        let now = clock::now().as_millisecond();
        let mut page = tx.prepare(
            "SELECT id FROM customer_rows
              WHERE error_code = ?1 AND state = 'rejected' AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let mut admit = tx.prepare(
            "UPDATE customer_rows
                SET state = ?2, source_id = ?3, error_code = NULL, error_text = NULL, changed_at = ?4
              WHERE id = ?1",
        )?;
        let mut last = RowId(0);
        loop {
            let rows: Vec<RowId> =
                page.query_map((MIXED_RESELLERS, last, PAGE), |row| row.get(0))?.collect::<Result<_, _>>()?;
            let Some(of_page) = rows.last() else { return Ok(()) };
            last = *of_page;
            for row in rows.iter().filter(|row| self.line_of(**row).is_some()) {
                admit.execute((row, to, self.source, now))?;
            }
        }
    }
}
