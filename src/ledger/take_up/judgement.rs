//! The judgement over a whole file, which comes before any of its rows may be sent.

use rusqlite::Transaction;

use super::super::state::{self, Event, State};
use super::super::{Error, RowId};
use super::{TakeUp, consent, json};
use crate::clock;
use crate::validation::{MIXED_RESELLERS, Problem, mixed_resellers};

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
            for row in &self.judged_before {
                let to = state::next(State::Rejected, Event::TakenUp)?;
                tx.prepare_cached(
                    "UPDATE customer_rows
                        SET state = ?2, source_id = ?3, error_code = NULL, error_text = NULL, changed_at = ?4
                      WHERE id = ?1",
                )?
                .execute((row, to, self.source, now))?;
            }
            0
        };
        // The same file was left half read before. What it no longer holds was never sent, and will not be.
        // That holds of no file that a restored copy waits for: the lost ledger may have sent its rows.
        let left = "SELECT id FROM sources
                     WHERE path = ?1 AND path <> '-' AND completed_at IS NULL AND run_id <> ?2
                       AND run_id > (SELECT coalesce(max(last_run), 0) FROM copies)";
        let let_go = consent::withdraw(tx, left, (&self.info.path, self.run))?;
        let to = state::next(State::Rejected, Event::Replaced)?;
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
        let to = state::next(State::Pending, Event::Rejected)?;
        let mut rows = tx.prepare(
            "SELECT id, line, problems FROM customer_rows
              WHERE state = 'pending' AND source_id = ?1
                AND json_extract(customer, '$.associated_partner_id') IS NULL",
        )?;
        let rows: Vec<(RowId, u64, Option<String>)> = rows
            .query_map([self.source], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (row, line, problems) in &rows {
            let mut problems: Vec<Problem> =
                problems.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let problem = mixed_resellers(*line, &self.info.reseller_column);
            let text = problem.message.clone();
            problems.push(problem);
            tx.prepare_cached(
                "UPDATE customer_rows
                    SET state = ?2, problems = ?3, error_code = ?4, error_text = ?5, changed_at = ?6
                  WHERE id = ?1",
            )?
            .execute((
                row,
                to,
                json(&problems)?,
                MIXED_RESELLERS,
                text,
                clock::now().as_millisecond(),
            ))?;
        }
        Ok(rows.len() as u64)
    }
}
