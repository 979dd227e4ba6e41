//! How a row of a file becomes a row of the ledger, or turns out to stand in it already.
//!
//! The key of a row is its domain. The first row of a reading that names a domain stands for it; a later one is
//! `rejected` and names the first one's line, unless the two are equal: then it is counted as a duplicate. A row
//! that the ledger knows from an earlier reading is left alone where it was sent or may have been, and replaced
//! by a changed one where it was refused or never sent.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction};

use super::state::{self, Event, State};
use super::{Error, Ledger, RequestId, RowId, RunId, SourceId};
use crate::clock;
use crate::customer::{Customer, DomainName};
use crate::validation::{Problem, Severity};

/// The rule of a row without a reseller beside rows with one.
const MIXED_RESELLERS: &str = "mixed_resellers";

/// One row as intake hands it over.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) line: u64,
    /// The key, where the domain cell itself is good; also for a row that is rejected for something else.
    pub(crate) domain: Option<DomainName>,
    /// `Some` where validation found no error.
    pub(crate) customer: Option<Customer>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) content_hash: [u8; 16],
    /// The operator's own cells as one CSV record.
    pub(crate) cells: Vec<u8>,
    /// The row that this one corrects, by its own word (`tenantry_row`).
    pub(crate) corrects: Option<RowId>,
}

/// What the ledger keeps of a file.
#[derive(Debug, Clone)]
pub(crate) struct SourceInfo {
    /// As the operator gave it; `-` is standard input.
    pub(crate) path: String,
    /// The header record as CSV, the operator's own names.
    pub(crate) header: Vec<u8>,
    /// Take unchanged `failed` rows up again.
    pub(crate) retry_failed: bool,
    /// Rows without a reseller may stand beside rows with one.
    pub(crate) allow_direct: bool,
    /// The header name of the reseller's column.
    pub(crate) reseller_column: String,
    /// The header name of the domain column, for the problem of a row that names a domain again.
    pub(crate) domain_column: String,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) new: u64,
    pub(crate) known: u64,
    pub(crate) duplicates: u64,
    pub(crate) ignored_changes: u64,
    /// Of `new`: failed validation, or name a domain again.
    pub(crate) rejected: u64,
    /// Of `known`: failed rows that were taken up again.
    pub(crate) taken_up: u64,
}

impl Taken {
    pub(crate) fn add(&mut self, other: Taken) {
        self.new += other.new;
        self.known += other.known;
        self.duplicates += other.duplicates;
        self.ignored_changes += other.ignored_changes;
        self.rejected += other.rejected;
        self.taken_up += other.taken_up;
    }
}

/// One reading of one file in progress. Passes through the writer thread with each batch.
#[derive(Debug)]
pub(crate) struct TakeUp {
    source: SourceId,
    info: SourceInfo,
    ledger_id: String,
    /// Sources that were never read to their end: a row of theirs that this reading meets becomes its own.
    unfinished: HashSet<SourceId>,
    /// By row id: the line on which this reading met the row first, 0 for not yet. Four bytes a row.
    first_line: Vec<u32>,
    read: u64,
    /// Valid rows with a reseller, and without one.
    with_reseller: u64,
    without_reseller: u64,
    /// Rows that an earlier reading rejected for standing without a reseller beside rows with one.
    judged_before: Vec<RowId>,
}

impl Ledger {
    /// Begins the reading of a file.
    pub(crate) async fn begin_source(&self, info: SourceInfo) -> Result<TakeUp, Error> {
        let run = self.run;
        self.write(move |tx| TakeUp::begin(tx, run, info)).await
    }

    /// Takes up a batch of rows; durable when this returns.
    pub(crate) async fn take_up(
        &self,
        mut reading: TakeUp,
        batch: Vec<Candidate>,
    ) -> Result<(TakeUp, Taken), Error> {
        self.write(move |tx| {
            let taken = reading.batch(tx, &batch)?;
            Ok((reading, taken))
        })
        .await
    }

    /// Ends the reading: from now on its rows may be sent. `rows_read` is the reader's own count, which must be
    /// the ledger's.
    /// Returns how many rows were rejected in the judgement over the whole file.
    pub(crate) async fn complete_source(&self, reading: TakeUp, rows_read: u64) -> Result<u64, Error> {
        assert_eq!(reading.read, rows_read, "every row that was read must have been taken up");
        self.write(move |tx| reading.complete(tx)).await
    }
}

/// A row of the ledger, as far as taking up another one depends on it.
struct Known {
    row: RowId,
    state: State,
    source: SourceId,
    same_content: bool,
    /// Rejected for standing without a reseller beside rows with one.
    mixed: bool,
}

impl TakeUp {
    /// The id by which exports of this ledger name it.
    pub(crate) fn ledger_id(&self) -> &str {
        &self.ledger_id
    }

    fn begin(tx: &Transaction<'_>, run: RunId, info: SourceInfo) -> Result<Self, Error> {
        let ledger_id = tx.query_row("SELECT ledger_id FROM ledger", [], |r| r.get(0))?;
        let unfinished = tx
            .prepare("SELECT id FROM sources WHERE completed_at IS NULL")?
            .query_map([], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        tx.execute(
            "INSERT INTO sources (run_id, path, header, started_at) VALUES (?1, ?2, ?3, ?4)",
            (run, &info.path, &info.header, clock::now().as_millisecond()),
        )?;
        let source = SourceId(tx.last_insert_rowid());
        Ok(Self {
            source,
            info,
            ledger_id,
            unfinished,
            first_line: Vec::new(),
            read: 0,
            with_reseller: 0,
            without_reseller: 0,
            judged_before: Vec::new(),
        })
    }

    fn batch(&mut self, tx: &Transaction<'_>, batch: &[Candidate]) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        for candidate in batch {
            if let Some(customer) = &candidate.customer {
                match customer.associated_partner_id {
                    Some(_) => self.with_reseller += 1,
                    None => self.without_reseller += 1,
                }
            }
            self.one(tx, candidate, &mut taken)?;
        }
        let read = batch.len() as u64;
        assert_eq!(
            read,
            taken.new + taken.known + taken.duplicates,
            "every row is new, known or a duplicate"
        );
        self.read += read;
        tx.prepare_cached(
            "UPDATE sources SET rows_read = rows_read + ?2, rows_new = rows_new + ?3, rows_known = rows_known + ?4,
                                duplicates = duplicates + ?5, ignored_changes = ignored_changes + ?6
              WHERE id = ?1",
        )?
        .execute((self.source, read, taken.new, taken.known, taken.duplicates, taken.ignored_changes))?;
        Ok(taken)
    }

    fn one(&mut self, tx: &Transaction<'_>, candidate: &Candidate, taken: &mut Taken) -> Result<(), Error> {
        let corrected = match candidate.corrects {
            Some(row) => by_row(tx, row, candidate)?,
            None => None,
        };
        if let Some(known) = &corrected
            && known.same_content
            && self.line_of(known.row).is_none()
        {
            // An exported row that came back as it went.
            return self.known(tx, known, candidate, taken);
        }
        let mut standing = match &candidate.domain {
            Some(domain) => by_domain(tx, domain, candidate)?,
            None => None,
        };
        if standing.is_none() {
            // A rejected row that stands for no domain: its cell is none, or an earlier row stood for it.
            standing = by_content(tx, candidate)?;
        }
        match standing {
            Some(known) => match self.line_of(known.row) {
                Some(_) if known.same_content => {
                    taken.duplicates += 1;
                    Ok(())
                }
                Some(first_line) => self.named_again(tx, candidate, first_line, taken),
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

    /// The judgement over the whole file, then the release of its rows.
    fn complete(self, tx: &Transaction<'_>) -> Result<u64, Error> {
        let now = clock::now().as_millisecond();
        let mixed = self.with_reseller > 0 && self.without_reseller > 0 && !self.info.allow_direct;
        let rejected = if mixed {
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
        for from in [State::Pending, State::Rejected] {
            let to = state::next(from, Event::Replaced)?;
            tx.execute(
                "UPDATE customer_rows SET state = ?4, key_domain = NULL, changed_at = ?3
              WHERE state = ?5
                AND source_id IN (SELECT id FROM sources
                                   WHERE path = ?1 AND path <> '-' AND completed_at IS NULL AND id <> ?2)",
                (&self.info.path, self.source, now, to, from),
            )?;
        }
        tx.execute("UPDATE sources SET completed_at = ?2 WHERE id = ?1", (self.source, now))?;
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
            let problem = Problem {
                line: *line,
                column: self.info.reseller_column.clone(),
                value: String::new(),
                severity: Severity::Error,
                rule: MIXED_RESELLERS.into(),
                message: "has no reseller while other rows of the file have one".to_owned(),
                suggestion: Some(
                    "fill it, or give --reseller-id, or --allow-direct for customers of your own".to_owned(),
                ),
            };
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

    /// A row that stands in the ledger from an earlier reading.
    fn known(
        &mut self,
        tx: &Transaction<'_>,
        known: &Known,
        candidate: &Candidate,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let replace = match known.state {
            State::Created | State::Existing | State::InFlight | State::Unresolved => {
                taken.ignored_changes += u64::from(!known.same_content);
                false
            }
            State::Pending | State::Failed => !known.same_content,
            // The verdict on a row can change without the row: the rules may have, or the row that it repeated
            // may be gone from the file.
            State::Rejected if known.same_content && known.mixed => {
                self.judged_before.push(known.row);
                false
            }
            State::Rejected => !known.same_content || candidate.customer.is_some(),
            State::Superseded => unreachable!("a superseded row stands for no domain and is never looked up"),
        };
        if replace {
            // The key must be free before the new row takes it.
            release_key(tx, known)?;
            let row = self.insert(tx, candidate, taken)?;
            return self.point_to(tx, known.row, row);
        }
        taken.known += 1;
        self.meet(known.row, candidate.line);
        if known.state == State::Failed && self.info.retry_failed {
            take_up_again(tx, known.row)?;
            taken.taken_up += 1;
        }
        if self.unfinished.contains(&known.source) {
            tx.prepare_cached("UPDATE customer_rows SET source_id = ?2, line = ?3 WHERE id = ?1")?
                .execute((known.row, self.source, candidate.line))?;
        }
        Ok(())
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
            if self.line_of(known.row).is_some() {
                taken.duplicates += 1;
            } else {
                taken.known += 1;
                self.meet(known.row, candidate.line);
            }
            return Ok(());
        }
        let domain = candidate.domain.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut problems = candidate.problems.clone();
        problems.push(Problem {
            line: candidate.line,
            column: self.info.domain_column.clone(),
            message: format!("the domain `{domain}` stands on line {first_line} already, with other values"),
            value: domain,
            severity: Severity::Error,
            rule: "duplicate_domain".into(),
            suggestion: Some("keep one of the two rows, or give this one another domain".to_owned()),
        });
        let row = self.write_row(tx, candidate, None, &problems)?;
        self.meet(row, candidate.line);
        taken.new += 1;
        taken.rejected += 1;
        Ok(())
    }

    fn insert(
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

    fn point_to(&self, tx: &Transaction<'_>, row: RowId, by: RowId) -> Result<(), Error> {
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

    fn line_of(&self, row: RowId) -> Option<u32> {
        let line = usize::try_from(row.0).ok().and_then(|index| self.first_line.get(index)).copied();
        line.filter(|line| *line != 0)
    }

    fn meet(&mut self, row: RowId, line: u64) {
        let index = usize::try_from(row.0).expect("SQLite hands out positive row ids");
        if self.first_line.len() <= index {
            self.first_line.resize(index + 1, 0);
        }
        self.first_line[index] = u32::try_from(line).unwrap_or(u32::MAX);
    }
}

fn release_key(tx: &Transaction<'_>, known: &Known) -> Result<(), Error> {
    let to = state::next(known.state, Event::Replaced)?;
    tx.prepare_cached(
        "UPDATE customer_rows SET state = ?2, key_domain = NULL, changed_at = ?3 WHERE id = ?1",
    )?
    .execute((known.row, to, clock::now().as_millisecond()))?;
    Ok(())
}

/// A refused row starts anew: a definite reply has spent its request id, so it gets another one.
fn take_up_again(tx: &Transaction<'_>, row: RowId) -> Result<(), Error> {
    let to = state::next(State::Failed, Event::TakenUp)?;
    tx.prepare_cached(
        "UPDATE customer_rows
            SET state = ?2, request_id = ?3, next_step = 'create',
                unclear_before = unclear_before OR in_doubt_since IS NOT NULL, in_doubt_since = NULL, last_sent_at = NULL,
                ask_rounds = 0, error_code = NULL, error_status = NULL, error_text = NULL, domain_burned = 0,
                changed_at = ?4
          WHERE id = ?1",
    )?
    .execute((row, to, RequestId::draw(), clock::now().as_millisecond()))?;
    Ok(())
}

fn by_domain(
    tx: &Transaction<'_>,
    domain: &DomainName,
    candidate: &Candidate,
) -> Result<Option<Known>, Error> {
    let sql =
        "SELECT id, state, source_id, content_hash = ?2, error_code FROM customer_rows WHERE key_domain = ?1";
    Ok(tx.prepare_cached(sql)?.query_row((domain.as_str(), candidate.content_hash), known).optional()?)
}

/// A rejected row that stands for no domain: it can be recognised by its content alone.
fn by_content(tx: &Transaction<'_>, candidate: &Candidate) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, state, source_id, 1, error_code FROM customer_rows
                WHERE key_domain IS NULL AND content_hash = ?1 AND state = 'rejected' ORDER BY id LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([candidate.content_hash], known).optional()?)
}

/// The row that a candidate says it corrects, where it can still be corrected.
fn by_row(tx: &Transaction<'_>, row: RowId, candidate: &Candidate) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, state, source_id, content_hash = ?2, error_code FROM customer_rows
                WHERE id = ?1 AND state IN ('failed', 'rejected')";
    Ok(tx.prepare_cached(sql)?.query_row((row, candidate.content_hash), known).optional()?)
}

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<Known> {
    let code: Option<String> = row.get(4)?;
    Ok(Known {
        row: row.get(0)?,
        state: row.get(1)?,
        source: row.get(2)?,
        same_content: row.get(3)?,
        mixed: code.as_deref() == Some(MIXED_RESELLERS),
    })
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::Stored { row: 0, what: format!("cannot be written as JSON: {error}") })
}
