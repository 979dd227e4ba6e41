//! Refused and rejected rows taken up again without their file, judged anew as the ledger keeps them.
//!
//! All of it is one transaction: whoever dies in the middle has taken up nothing. It can be done for show, which tells
//! what it would come to and leaves the ledger as it was; so a plan can be shown, and declined, before anything changes.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, Transaction};

use super::super::agreement::{self, Met};
use super::super::query::{self, Plan};
use super::super::steps::State;
use super::super::stored::{field_of, stored_problems};
use super::super::{Error, Given, Ledger, RowId, RunId, SourceId};
use super::known::{by_domain, by_row, release_key, take_up_again};
use super::{Candidate, SourceInfo, TakeUp, Taken, json};
use crate::clock;
use crate::failpoint;
use crate::problem::{Problem, Severity};

/// Which rows to take up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// With one of these codes; of all codes where empty.
    pub(crate) codes: Vec<String>,
    /// With one of these domains, whole or by their prefix; of all domains where empty.
    pub(crate) domains: Vec<String>,
    /// Those that failed validation, too.
    pub(crate) rejected: bool,
    /// Rows without a reseller may stand beside rows with one.
    pub(crate) allow_direct: bool,
    /// How the command was told to judge them.
    pub(crate) given: Given,
}

/// A row, or the acceptance of one, as its file brought it.
#[derive(Debug)]
pub(crate) struct StoredRow {
    pub(crate) row: RowId,
    pub(crate) line: u64,
    /// The header record of its file as CSV.
    pub(crate) header: Vec<u8>,
    /// The operator's own cells as one CSV record.
    pub(crate) cells: Vec<u8>,
    /// How its file was told to be read and judged, where that is known.
    pub(crate) given: Option<Given>,
    /// The reseller that it was sent for.
    pub(crate) reseller: Option<String>,
    source: SourceId,
    path: String,
    state: State,
    is_burned: bool,
    /// It came to its state before the ledger was restored from a copy.
    is_from_before: bool,
    problems: Option<String>,
}

/// What taking up came to.
#[derive(Debug, Default)]
pub(crate) struct Again {
    /// Refused rows that are tried again.
    pub(crate) failed: u64,
    /// Rejected rows that are good by now.
    pub(crate) rejected: u64,
    /// Acceptances that are tried again.
    pub(crate) agreements: u64,
    /// Rows and acceptances that fail validation, and stay as they are.
    pub(crate) wrong: u64,
    /// What is wrong with the first of them.
    pub(crate) first_wrong: Option<Problem>,
    /// Refused rows that would be sent as something else than their import sent.
    pub(crate) changed: u64,
    /// Rows that a restored ledger knows from before: the lost one may have replaced them.
    pub(crate) from_before: u64,
    /// Rows whose domain another row stands for, or whose domain is burned, or that have no reseller beside rows of
    /// their file that have one: left as they are.
    pub(crate) spoken_for: u64,
    pub(crate) burned: u64,
    pub(crate) direct: u64,
    /// What is about to be sent now, earlier rows included.
    pub(crate) plan: Plan,
}

impl Again {
    /// Rows and acceptances that were taken up.
    pub(crate) fn taken_up(&self) -> u64 {
        self.failed + self.rejected + self.agreements
    }

    fn leave_wrong(&mut self, candidate: &Candidate) {
        self.wrong += 1;
        let mut errors = candidate.problems.iter().filter(|problem| problem.severity == Severity::Error);
        self.first_wrong = self.first_wrong.take().or_else(|| errors.next().cloned());
    }
}

impl Ledger {
    /// Takes up the rows of `selection` that `judge` finds good. `for_show`: leaves the ledger as it was.
    pub(crate) async fn take_up_again(
        &self,
        selection: Selection,
        mut judge: impl FnMut(&StoredRow) -> Result<Candidate, Error> + Send + 'static,
        for_show: bool,
    ) -> Result<Again, Error> {
        let run = self.run;
        self.write(move |tx| {
            tx.execute_batch("SAVEPOINT again")?;
            let again = again(tx, run, &selection, &mut judge)?;
            tx.execute_batch(if for_show { "ROLLBACK TO again; RELEASE again" } else { "RELEASE again" })?;
            Ok(again)
        })
        .await
    }
}

fn again(
    tx: &Transaction<'_>,
    run: RunId,
    selection: &Selection,
    judge: &mut impl FnMut(&StoredRow) -> Result<Candidate, Error>,
) -> Result<Again, Error> {
    let mut again = Again::default();
    let mut reading = Reading { run, selection, has_resellers: HashMap::new(), current: None };
    for of_agreements in [false, true] {
        select(tx, selection, of_agreements)?;
        let mut selected = Selected::default();
        while let Some(row) = selected.next(tx)? {
            let stored = stored_row(tx, row, of_agreements)?;
            let candidate = judge(&stored)?;
            if of_agreements {
                reading.agreement(tx, &stored, &candidate, &mut again)?;
            } else {
                reading.row(tx, &stored, &candidate, &mut again)?;
            }
            failpoint::crash("taken_up_again");
        }
        reading.complete(tx)?;
    }
    tx.execute_batch(FORGET_SELECTED)?;
    again.plan = query::plan(tx, run)?;
    Ok(again)
}

/// Notes the rows that are meant, in the order of their files: in a table of SQLite's, which keeps it in a file where it
/// is long, so that memory does not grow with the rows. What was never sent, of a file that was not read to its end or that
/// nobody agreed to, waits for that file.
fn select(tx: &Transaction<'_>, selection: &Selection, of_agreements: bool) -> Result<(), Error> {
    let (what, by) = if of_agreements { (AGREEMENTS, "a") } else { (ROWS, "r") };
    let states = if selection.rejected { "'failed', 'rejected'" } else { "'failed'" };
    tx.execute_batch(FORGET_SELECTED)?;
    tx.execute_batch("CREATE TEMP TABLE selected (place INTEGER PRIMARY KEY, row INTEGER NOT NULL)")?;
    let sql = format!(
        "INSERT INTO temp.selected (row)
         SELECT r.id FROM {what}
          WHERE {by}.state IN ({states}) AND ({by}.state = 'failed' OR s.completed_at IS NOT NULL)
            AND (?1 = '[]' OR {by}.error_code IN (SELECT value FROM json_each(?1)))
            AND (?2 = '[]' OR EXISTS (SELECT 1 FROM json_each(?2) d
                                       WHERE r.domain = d.value
                                          OR substr(r.domain, 1, length(d.value) + 1) = d.value || '.'))
          ORDER BY {by}.source_id, {by}.line, r.id"
    );
    tx.execute(&sql, (json(&selection.codes)?, json(&selection.domains)?))?;
    Ok(())
}

const FORGET_SELECTED: &str = "DROP TABLE IF EXISTS temp.selected";

/// The rows that were [selected](select), one after the other. None of them is read while the ledger changes.
#[derive(Default)]
struct Selected {
    place: i64,
}

impl Selected {
    fn next(&mut self, tx: &Transaction<'_>) -> Result<Option<RowId>, Error> {
        self.place += 1;
        let sql = "SELECT row FROM temp.selected WHERE place = ?1";
        Ok(tx.prepare_cached(sql)?.query_row([self.place], |row| row.get(0)).optional()?)
    }
}

const ROWS: &str = "customer_rows r JOIN sources s ON s.id = r.source_id";

const AGREEMENTS: &str = "agreements a JOIN customer_rows r ON r.id = a.row_id AND a.replaced_by IS NULL
                          JOIN sources s ON s.id = a.source_id";

fn stored_row(tx: &Transaction<'_>, row: RowId, of_agreement: bool) -> Result<StoredRow, Error> {
    let (what, by) = if of_agreement { (AGREEMENTS, "a") } else { (ROWS, "r") };
    let which = if of_agreement { "AND a.state IN ('failed', 'rejected')" } else { "" };
    let reseller = field_of("r.customer", "associated_partner_id");
    let sql = format!(
        "SELECT r.id, {by}.line, s.header, {by}.cells, {reseller}, s.id,
                s.path, r.state, r.domain_burned,
                r.changed_at <= (SELECT coalesce(max(restored_at), -1) FROM copies), r.problems, s.given
           FROM {what} WHERE r.id = ?1 {which}"
    );
    let load = |row: &Row<'_>| {
        Ok(StoredRow {
            row: row.get(0)?,
            line: row.get(1)?,
            header: row.get(2)?,
            cells: row.get(3)?,
            reseller: row.get(4)?,
            source: row.get(5)?,
            path: row.get(6)?,
            state: row.get(7)?,
            is_burned: row.get(8)?,
            is_from_before: row.get(9)?,
            problems: row.get(10)?,
            given: row.get(11)?,
        })
    };
    Ok(tx.prepare_cached(&sql)?.query_row([row], load)?)
}

/// The rows of one file after another, each file read anew as far as its rows are taken up.
struct Reading<'a> {
    run: RunId,
    selection: &'a Selection,
    /// By path: are there rows with a reseller?
    has_resellers: HashMap<String, bool>,
    /// The file as it was read before, and as it is read now.
    current: Option<(SourceId, TakeUp, Taken)>,
}

impl Reading<'_> {
    fn row(
        &mut self,
        tx: &Transaction<'_>,
        stored: &StoredRow,
        candidate: &Candidate,
        again: &mut Again,
    ) -> Result<(), Error> {
        let Some(known) = by_row(tx, stored.row, candidate)? else { return Ok(()) };
        let standing = match &candidate.domain {
            Some(domain) => by_domain(tx, domain, candidate)?,
            None => None,
        };
        // Cells that were cut short, or could not be told apart, cannot be judged without the file.
        let is_beyond_judging =
            stored_problems(stored.row, stored.problems.as_deref())?.iter().any(Problem::is_of_the_record);
        if candidate.customer.is_none() || is_beyond_judging {
            again.leave_wrong(candidate);
            return Ok(());
        }
        if standing.as_ref().is_some_and(|standing| standing.row != known.row) {
            again.spoken_for += 1;
            return Ok(());
        }
        if known.state == State::Failed && !known.same_content {
            again.changed += 1;
            return Ok(());
        }
        if stored.is_from_before {
            again.from_before += 1;
            return Ok(());
        }
        if stored.is_burned && self.selection.domains.is_empty() {
            again.burned += 1;
            return Ok(());
        }
        if self.would_become_direct(tx, stored, candidate)? {
            again.direct += 1;
            return Ok(());
        }
        let (reading, taken) = self.of_file(tx, stored)?;
        if known.state == State::Failed {
            take_up_again(tx, known.row, reading.source, candidate)?;
            taken.known += 1;
        } else {
            release_key(tx, &known)?;
            let row = reading.insert(tx, candidate, taken)?;
            reading.point_to(tx, known.row, row)?;
        }
        match stored.state {
            State::Rejected => again.rejected += 1,
            _ => again.failed += 1,
        }
        Ok(())
    }

    fn agreement(
        &mut self,
        tx: &Transaction<'_>,
        stored: &StoredRow,
        candidate: &Candidate,
        again: &mut Again,
    ) -> Result<(), Error> {
        if candidate.customer.is_none() {
            again.leave_wrong(candidate);
            return Ok(());
        }
        let (reading, taken) = self.of_file(tx, stored)?;
        let met = agreement::meet(tx, stored.row, reading.source, candidate, false, true)?;
        taken.known += 1;
        again.agreements += u64::from(met == Met::TakenUp);
        Ok(())
    }

    /// A row that nobody gave a reseller, in a file whose other rows have one, was rejected for that or would have been.
    fn would_become_direct(
        &mut self,
        tx: &Transaction<'_>,
        stored: &StoredRow,
        candidate: &Candidate,
    ) -> Result<bool, Error> {
        let has_reseller = candidate.customer.as_ref().is_some_and(|it| it.associated_partner_id.is_some());
        if has_reseller || self.selection.allow_direct || stored.state != State::Rejected {
            return Ok(false);
        }
        if let Some(has_resellers) = self.has_resellers.get(&stored.path) {
            return Ok(*has_resellers);
        }
        let reseller = field_of("r.customer", "associated_partner_id");
        let sql = format!(
            "SELECT 1 FROM customer_rows r JOIN sources s ON s.id = r.source_id
              WHERE s.path = ?1 AND {reseller} IS NOT NULL LIMIT 1"
        );
        let found = tx.query_row(&sql, [&stored.path], |_| Ok(())).optional()?.is_some();
        self.has_resellers.insert(stored.path.clone(), found);
        Ok(found)
    }

    fn of_file(
        &mut self,
        tx: &Transaction<'_>,
        stored: &StoredRow,
    ) -> Result<(&mut TakeUp, &mut Taken), Error> {
        if self.current.as_ref().is_none_or(|(source, ..)| *source != stored.source) {
            self.complete(tx)?;
            let info = SourceInfo {
                path: stored.path.clone(),
                header: stored.header.clone(),
                given: stored.given.as_ref().map(|given| given.beside(&self.selection.given)),
                retry_failed: true,
                allow_direct: self.selection.allow_direct,
                needs_consent: false,
                reseller_column: String::new(),
                domain_column: String::new(),
            };
            self.current = Some((stored.source, TakeUp::begin(tx, self.run, info)?, Taken::default()));
        }
        let (_, reading, taken) = self.current.as_mut().expect("it has just been put there");
        Ok((reading, taken))
    }

    /// What was taken up may be sent. The rows that were not are none of this reading.
    fn complete(&mut self, tx: &Transaction<'_>) -> Result<(), Error> {
        let Some((_, reading, taken)) = self.current.take() else { return Ok(()) };
        tx.prepare_cached(
            "UPDATE sources SET rows_read = ?2 + ?3, rows_new = ?2, rows_known = ?3, read_at = ?4, completed_at = ?4
              WHERE id = ?1",
        )?
        .execute((reading.source, taken.new, taken.known, clock::now().as_millisecond()))?;
        Ok(())
    }
}
