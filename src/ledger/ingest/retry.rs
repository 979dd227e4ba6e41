//! Retries refused and rejected rows without their file, after validating them again as stored.
//!
//! All of it is one transaction: a run that dies in the middle has retried nothing. A dry run (`for_show`) reports the
//! result and leaves the ledger unchanged, so that the operator can see the plan and decline it before anything
//! changes.

use std::collections::HashMap;

use rusqlite::{Row, Transaction};

use super::super::query::{self, SubmissionPlan};
use super::super::steps::{State, is_standing};
use super::super::stored::{
    NamedRow, collect, field_of, is_named, is_same_list, json, stored_problems, tried, value,
};
use super::super::{InputOptions, Ledger, Result, RowId, RunId, SourceId};
use super::known::{self, KnownRows, MetRows, SeenRows};
use super::{AwaitingConsent, Candidate, Change, Decision, IngestSession, SourceInfo};
use tenantry_model::failpoint;
use tenantry_model::problem::{Problem, Severity};

/// Which rows to retry.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Rows with one of these codes; all codes if empty.
    pub codes: Vec<String>,
    /// These rows; all rows if empty.
    pub named: Vec<NamedRow>,
    /// Also rows that failed validation.
    pub rejected: bool,
    /// Also acknowledged rows.
    pub acknowledged: bool,
    /// The options for the validation, from the command line.
    pub given: InputOptions,
}

/// A row, or its acceptance, as its file brought it.
#[derive(Debug)]
pub struct StoredRow {
    pub row: RowId,
    pub line: u64,
    /// The header record of its file as CSV.
    pub header: Vec<u8>,
    /// The operator's own cells as one CSV record.
    pub cells: Vec<u8>,
    /// The options by which its file was read and validated, if they are known.
    pub given: Option<InputOptions>,
    /// The reseller for which it was sent.
    pub reseller: Option<String>,
    source: SourceId,
    /// The first reading of its list.
    list: SourceId,
    path: String,
    full_path: Option<String>,
    /// It has been in its state since before the ledger was restored from a copy.
    pub is_from_before: bool,
    /// The problems found in it. Empty for an acceptance.
    pub problems: Vec<Problem>,
}

/// Why a row, or an acceptance, is not retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// It fails validation.
    Wrong,
    /// Another row is the current one of its domain.
    SpokenFor,
    /// Its content would differ from what its import sent.
    Changed,
    /// A restored ledger has it from before the restore: the lost ledger may have replaced it.
    FromBefore,
    /// Its domain is burned.
    Burned,
    /// It has no reseller, but other rows of its file have one.
    Direct,
    /// `forget` has erased its cells.
    Erased,
}

/// Validates stored rows, and decides what to do with them.
pub trait RetryDecider: Send + 'static {
    /// The row as its file would bring it today. It [corrects](Candidate::corrects) itself.
    fn validate(&mut self, stored: &StoredRow) -> Result<Candidate>;

    /// `has_resellers`: do other rows of its file have one?
    fn decide(
        &self,
        stored: &StoredRow,
        candidate: &Candidate,
        known: KnownRows,
        has_resellers: impl FnOnce() -> Result<bool>,
    ) -> Result<Result<Decision, SkipReason>>;
}

/// The result of a retry.
#[derive(Debug, Default)]
pub struct RetryReport {
    /// Refused rows that are retried.
    pub failed: u64,
    /// Rejected rows that are valid now.
    pub rejected: u64,
    /// Acceptances that are retried.
    pub agreements: u64,
    /// The first error of the first row that fails validation.
    pub first_wrong: Option<Problem>,
    /// Rows and acceptances that were left unchanged, by [`SkipReason`].
    left: [u64; 7],
    /// What would be sent now, including rows that were pending before.
    pub plan: SubmissionPlan,
}

impl RetryReport {
    /// Rows and acceptances that are retried.
    pub fn retried(&self) -> u64 {
        self.failed + self.rejected + self.agreements
    }

    /// Rows and acceptances that were left for this reason.
    pub fn left(&self, why: SkipReason) -> u64 {
        self.left[why as usize]
    }

    fn count(&mut self, decision: &Result<Decision, SkipReason>, candidate: &Candidate) {
        let counted = match decision {
            Ok(Decision::New { .. }) => &mut self.rejected,
            Ok(Decision::Known { change: Change::Retry, .. }) => &mut self.failed,
            Ok(Decision::Known { change: Change::Accept { .. }, .. }) => &mut self.agreements,
            Ok(Decision::Known { .. }) => return,
            Err(why) => &mut self.left[*why as usize],
        };
        *counted += 1;
        if *decision == Err(SkipReason::Wrong) {
            let mut errors = candidate.problems.iter().filter(|it| it.severity == Severity::Error);
            self.first_wrong = self.first_wrong.take().or_else(|| errors.next().cloned());
        }
    }
}

impl Ledger {
    /// Retries the rows of `selection` that `rows` decides to retry. `for_show`: leaves the ledger unchanged.
    pub async fn retry(
        &self,
        selection: Selection,
        mut rows: impl RetryDecider,
        for_show: bool,
    ) -> Result<RetryReport> {
        let run = self.run;
        self.write(move |tx| tried(tx, for_show, || retry_rows(tx, run, &selection, &mut rows))).await
    }
}

fn retry_rows(
    tx: &Transaction<'_>,
    run: RunId,
    selection: &Selection,
    rows: &mut impl RetryDecider,
) -> Result<RetryReport> {
    let mut report = RetryReport::default();
    let mut reading = RetrySession { run, selection, has_resellers: HashMap::new(), current: None };
    for of_agreements in [false, true] {
        for row in select(tx, selection, of_agreements)? {
            let stored = stored_row(tx, row, of_agreements)?;
            if stored.cells.is_empty() {
                report.left[SkipReason::Erased as usize] += 1;
                continue;
            }
            let mut candidate = rows.validate(&stored)?;
            let known = known::look_up(tx, &candidate, &SeenRows::default())?;
            let has_resellers = || reading.has_resellers(tx, stored.source);
            let decision = rows.decide(&stored, &candidate, known, has_resellers)?;
            report.count(&decision, &candidate);
            if let Ok(decision) = decision {
                reading.of_file(tx, &stored)?.apply(tx, &mut candidate, decision)?;
            }
            failpoint::crash("taken_up_again");
        }
        reading.complete(tx)?;
    }
    report.plan = query::plan(tx, run, AwaitingConsent::OfThisRun)?;
    Ok(report)
}

/// The selected rows, in the order of their files, all read before the ledger changes. Rejected rows of a file that was
/// not read to its end, or that has no consent, are not selected: they wait for that file.
fn select(tx: &Transaction<'_>, selection: &Selection, of_agreements: bool) -> Result<Vec<RowId>> {
    let (what, by) = if of_agreements { (agreements(), "a") } else { (ROWS.to_owned(), "r") };
    let states =
        State::sql_list(if selection.rejected { State::is_refused } else { |it| it == State::Failed });
    let sql = format!(
        "SELECT r.id FROM {what}
          WHERE {by}.state IN ({states}) AND ({by}.state = 'failed' OR s.completed_at IS NOT NULL)
            AND (?1 = '[]' OR {by}.error_code IN (SELECT value FROM json_each(?1)))
            AND {} AND (?3 OR {by}.acknowledged_at IS NULL)
          ORDER BY {by}.source_id, {by}.line, r.id",
        is_named("r.domain", "r.id", "?2")
    );
    let parameters = (json(&selection.codes)?, json(&selection.named)?, selection.acknowledged);
    collect(tx, &sql, parameters, |row| row.get(0))
}

/// The condition on a row `r` that it is from before the ledger was restored, and was not sent since: the lost ledger may
/// have a correction of it.
pub(in super::super) const FROM_BEFORE: &str = "EXISTS (
    SELECT 1 FROM (SELECT max(restored_at) AS at FROM copies) restored
     WHERE r.made_at <= restored.at
       AND NOT EXISTS (SELECT 1 FROM http_attempts h WHERE h.row_id = r.id AND h.intended_at > restored.at))";

const ROWS: &str = "customer_rows r JOIN sources s ON s.id = r.source_id";

fn agreements() -> String {
    let is_standing = is_standing("a");
    format!(
        "agreements a JOIN customer_rows r ON r.id = a.row_id AND {is_standing} JOIN sources s ON s.id = a.source_id"
    )
}

fn stored_row(tx: &Transaction<'_>, row: RowId, of_agreement: bool) -> Result<StoredRow> {
    let (what, by) = if of_agreement { (agreements(), "a") } else { (ROWS.to_owned(), "r") };
    let refused = State::sql_list(State::is_refused);
    let which = if of_agreement { format!("AND a.state IN ({refused})") } else { String::new() };
    let reseller = field_of("r.customer", "associated_partner_id");
    let sql = format!(
        "SELECT {by}.line, s.header, {by}.cells, {reseller}, s.id,
                s.path, s.full_path, s.list_id,
                {FROM_BEFORE}, r.problems, s.given
           FROM {what} WHERE r.id = ?1 {which}"
    );
    let load = |found: &Row<'_>| {
        let stored = StoredRow {
            row,
            line: found.get(0)?,
            header: found.get(1)?,
            cells: found.get(2)?,
            reseller: found.get(3)?,
            source: found.get(4)?,
            path: found.get(5)?,
            full_path: found.get(6)?,
            list: found.get(7)?,
            is_from_before: found.get(8)?,
            problems: Vec::new(),
            given: found.get(10)?,
        };
        Ok((stored, found.get::<_, Option<String>>(9)?))
    };
    let (mut stored, problems) = tx.prepare_cached(&sql)?.query_row([row], load)?;
    if !of_agreement {
        stored.problems = stored_problems(row, problems.as_deref())?;
    }
    Ok(stored)
}

/// Retries the rows of one file after another. Each file gets a new source for its retried rows.
struct RetrySession<'a> {
    run: RunId,
    selection: &'a Selection,
    /// By reading: has its list rows with a reseller?
    has_resellers: HashMap<SourceId, bool>,
    /// The earlier source of the file, and the new one.
    current: Option<(SourceId, IngestSession)>,
}

impl RetrySession<'_> {
    /// Do rows of the list of this reading have a reseller?
    fn has_resellers(&mut self, tx: &Transaction<'_>, reading: SourceId) -> Result<bool> {
        if let Some(has_resellers) = self.has_resellers.get(&reading) {
            return Ok(*has_resellers);
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM customer_rows r JOIN sources s ON s.id = r.source_id
                              JOIN sources own ON own.id = ?1
                             WHERE {} AND r.reseller_id IS NOT NULL)",
            is_same_list("s", "own")
        );
        let found = value(tx, &sql, [reading])?;
        self.has_resellers.insert(reading, found);
        Ok(found)
    }

    fn of_file(&mut self, tx: &Transaction<'_>, stored: &StoredRow) -> Result<&mut IngestSession> {
        if self.current.as_ref().is_none_or(|(source, _)| *source != stored.source) {
            self.complete(tx)?;
            let info = SourceInfo {
                path: stored.path.clone(),
                full_path: stored.full_path.clone(),
                list: Some(stored.list),
                header: stored.header.clone(),
                given: stored.given.as_ref().map(|given| given.beside(&self.selection.given)),
                needs_consent: false,
            };
            self.current =
                Some((stored.source, IngestSession::begin(tx, self.run, info, MetRows::default())?));
        }
        let (_, reading) = self.current.as_mut().expect("it has just been put there");
        Ok(reading)
    }

    /// The retried rows may be sent. All other rows stay with their earlier source.
    fn complete(&mut self, tx: &Transaction<'_>) -> Result<()> {
        match self.current.take() {
            Some((_, reading)) => reading.end(tx),
            None => Ok(()),
        }
    }
}
