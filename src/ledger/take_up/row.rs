//! One row of a file, and the ledger: it stands there already, or becomes a row of it.

use rusqlite::Transaction;

use super::super::agreement::{self, Met};
use super::super::steps::State;
use super::super::{Error, RowId};
use super::known::{self, Known, by_content, by_domain, by_row, release_key, replaced_row, take_up_again};
use super::{Candidate, TakeUp, Taken, json};
use crate::clock;
use crate::customer::DomainName;
use crate::ids::RequestId;
use crate::problem::{Problem, Severity};
use crate::validation::duplicate_domain;

/// Rows that are named where changes are ignored.
const IGNORED_NAMED: usize = 10;

impl TakeUp {
    /// A row that says the same as `row` of the ledger.
    pub(super) fn known_or_duplicate(&mut self, row: RowId, line: u64, taken: &mut Taken) {
        if self.line_of(row).is_some() {
            taken.duplicates += 1;
        } else {
            taken.known += 1;
            self.meet(row, line);
        }
    }

    pub(super) fn one(
        &mut self,
        tx: &Transaction<'_>,
        candidate: &Candidate,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let corrected = match candidate.corrects {
            Some(row) => by_row(tx, row, candidate)?,
            None => None,
        };
        let mut standing = match &candidate.domain {
            Some(domain) => by_domain(tx, domain, candidate)?,
            None => None,
        };
        if standing.is_none() {
            // A rejected row that stands for no domain: its cell is none, or an earlier row stood for it.
            standing = by_content(tx, candidate)?;
        }
        if let Some(known) = &corrected
            && known.same_content
            && self.line_of(known.row).is_none()
            && standing.as_ref().is_none_or(|standing| standing.row == known.row)
        {
            // An exported row that came back as it went.
            return self.known(tx, known, candidate, taken);
        }
        if corrected.is_none() && self.was_replaced(tx, standing.as_ref(), candidate, taken)? {
            return Ok(());
        }
        match standing {
            Some(known) => match self.line_of(known.row) {
                Some(_) if known.same_content => {
                    taken.duplicates += 1;
                    Ok(())
                }
                Some(first_line) => self.named_again(tx, candidate, first_line, taken),
                // The files of one run belong together.
                None if corrected.is_none()
                    && !known.same_content
                    && self.of_this_run.contains(&known.source) =>
                {
                    let (line, path) = known::place(tx, known.row)?;
                    self.named_before(tx, candidate, line, Some(&path), taken)
                }
                None => self.known(tx, &known, candidate, taken),
            },
            None => {
                let row = self.insert(tx, candidate, taken)?;
                match corrected {
                    Some(known) if known.row != row => self.replace(tx, &known, row),
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    /// Is this the old form of a row that a corrected one has replaced since? The file that it came from, read again
    /// night after night, must not undo the correction. Only a row that was never sent follows the file back.
    fn was_replaced(
        &mut self,
        tx: &Transaction<'_>,
        standing: Option<&Known>,
        candidate: &Candidate,
        taken: &mut Taken,
    ) -> Result<bool, Error> {
        let may_be = match standing {
            None => true,
            Some(known) => {
                known.state != State::Pending && !known.same_content && self.line_of(known.row).is_none()
            }
        };
        if !may_be {
            return Ok(false);
        }
        let Some(replaced) = replaced_row(tx, candidate)? else { return Ok(false) };
        if self.line_of(replaced).is_none() {
            taken.replaced += 1;
            self.replaced.push(candidate.line);
        }
        self.known_or_duplicate(replaced, candidate.line, taken);
        Ok(true)
    }

    /// A row that stands in the ledger from an earlier reading.
    fn known(
        &mut self,
        tx: &Transaction<'_>,
        known: &Known,
        candidate: &Candidate,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let replace = match known.state {
            State::Created | State::Existing => {
                self.meet_agreement(tx, known, candidate, taken)?;
                false
            }
            State::InFlight | State::Unresolved => {
                if !known.same_content {
                    self.ignore(candidate, taken);
                }
                false
            }
            State::Pending | State::Failed => !known.same_content,
            // The verdict on a row can change without the row: the rules may have, or the row that it repeated
            // may be gone from the file.
            // Judged with the whole file.
            State::Rejected if known.same_content && known.mixed => false,
            State::Rejected => !known.same_content || candidate.customer.is_some(),
            State::Superseded | State::Recorded | State::Withdrawn => {
                unreachable!("a superseded row stands for no domain and is never looked up")
            }
        };
        if replace {
            // The key must be free before the new row takes it.
            release_key(tx, known)?;
            let row = self.insert(tx, candidate, taken)?;
            return self.point_to(tx, known.row, row);
        }
        taken.known += 1;
        self.meet(known.row, candidate.line);
        if known.state == State::Failed && self.info.retry_failed && candidate.customer.is_some() {
            if known.burned {
                taken.burned += 1;
            } else {
                take_up_again(tx, known.row, self.source, candidate)?;
                taken.taken_up += 1;
            }
        }
        if self.unfinished.contains(&known.source) {
            known::adopt(tx, known.row, self.source, candidate)?;
        }
        Ok(())
    }

    /// A row whose customer exists. Only its agreement can still be of use.
    fn meet_agreement(
        &mut self,
        tx: &Transaction<'_>,
        known: &Known,
        candidate: &Candidate,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let retry_failed = self.info.retry_failed;
        let met = agreement::meet(tx, known.row, self.source, candidate, known.same_content, retry_failed)?;
        match met {
            Met::Known => {}
            Met::Ignored => self.ignore(candidate, taken),
            Met::TakenUp => taken.agreements += 1,
            Met::Rejected => taken.agreements_rejected += 1,
        }
        Ok(())
    }

    fn ignore(&mut self, candidate: &Candidate, taken: &mut Taken) {
        taken.ignored_changes += 1;
        if self.ignored.len() < IGNORED_NAMED {
            let domain = candidate.domain.as_ref().map_or("", DomainName::as_str);
            self.ignored.push((candidate.line, domain.to_owned()));
        }
    }

    /// A row whose domain an earlier row of the same reading stands for already.
    fn named_again(
        &mut self,
        tx: &Transaction<'_>,
        candidate: &Candidate,
        first_line: u32,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        if let Some(known) = by_content(tx, candidate)? {
            self.known_or_duplicate(known.row, candidate.line, taken);
            return Ok(());
        }
        self.named_before(tx, candidate, first_line, None, taken)
    }

    /// A row whose domain a row of this run stands for already, on `first_line`, in `file` where that is another.
    fn named_before(
        &mut self,
        tx: &Transaction<'_>,
        candidate: &Candidate,
        first_line: u32,
        file: Option<&str>,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let domain = candidate.domain.as_ref().map_or("", DomainName::as_str);
        let mut problems = candidate.problems.clone();
        problems.push(duplicate_domain(candidate.line, &self.info.domain_column, domain, first_line, file));
        let row = self.write_row(tx, candidate, None, &problems)?;
        self.meet(row, candidate.line);
        taken.new += 1;
        taken.rejected += 1;
        Ok(())
    }

    pub(super) fn insert(
        &mut self,
        tx: &Transaction<'_>,
        candidate: &Candidate,
        taken: &mut Taken,
    ) -> Result<RowId, Error> {
        let key = candidate.domain.as_ref();
        let row = self.write_row(tx, candidate, key, &candidate.problems)?;
        self.meet(row, candidate.line);
        taken.new += 1;
        taken.rejected += u64::from(candidate.customer.is_none());
        Ok(row)
    }

    fn write_row(
        &self,
        tx: &Transaction<'_>,
        candidate: &Candidate,
        key: Option<&DomainName>,
        problems: &[Problem],
    ) -> Result<RowId, Error> {
        let error = problems.iter().find(|problem| problem.severity == Severity::Error);
        let state = if error.is_some() { State::Rejected } else { State::Pending };
        let customer = candidate.customer.as_ref().filter(|_| error.is_none()).map(json).transpose()?;
        let problems = if problems.is_empty() { None } else { Some(json(problems)?) };
        let now = clock::now().as_millisecond();
        tx.prepare_cached(
            "INSERT INTO customer_rows (source_id, line, domain, key_domain, state, content_hash, cells, customer,
                                        problems, request_id, error_code, error_text, made_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)",
        )?
        .execute(rusqlite::params![
            self.source,
            candidate.line,
            candidate.domain.as_ref().map(DomainName::as_str),
            key.map(DomainName::as_str),
            state,
            candidate.content_hash,
            candidate.cells,
            customer,
            problems,
            error.is_none().then(RequestId::draw),
            error.map(|problem| &problem.rule),
            error.map(|problem| &problem.message),
            now,
        ])?;
        Ok(RowId(tx.last_insert_rowid()))
    }

    fn replace(&self, tx: &Transaction<'_>, known: &Known, by: RowId) -> Result<(), Error> {
        release_key(tx, known)?;
        self.point_to(tx, known.row, by)
    }

    pub(super) fn point_to(&self, tx: &Transaction<'_>, row: RowId, by: RowId) -> Result<(), Error> {
        tx.prepare_cached("UPDATE customer_rows SET replaced_by = ?2 WHERE id = ?1")?.execute((row, by))?;
        // What was unclear about a domain stays so for the row that stands for it now.
        tx.prepare_cached(
            "UPDATE customer_rows SET unclear_before = 1
               FROM customer_rows AS old
              WHERE customer_rows.id = ?2 AND old.id = ?1 AND old.domain = customer_rows.domain
                AND (old.unclear_before OR old.in_doubt_since IS NOT NULL)",
        )?
        .execute((row, by))?;
        Ok(())
    }
}
