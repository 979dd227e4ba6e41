//! How the rows of a file become rows of the ledger, or turn out to stand in it already.
//!
//! The key of a row is its domain. The first row of a reading that names a domain stands for it; a later one is
//! `rejected` and names the first one's line, unless the two are equal: then it is counted as a duplicate. A row
//! that the ledger knows from an earlier reading is left alone where it was sent or may have been, and replaced
//! by a changed one where it was refused or never sent. That is decided for each [`row`], by what is [`known`] of it; a
//! customer that exists and comes as it went is [`unchanged`], which nearly always shows before it gets here.
//! [`judgement`] comes at the end of a file, [`consent`] is what becomes of a file that may not be sent, and [`again`]
//! takes up rows without their file.

mod again;
mod consent;
mod judgement;
mod known;
mod row;
mod unchanged;

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Transaction;

use super::{Error, Given, Ledger, RowId, RunId, SourceId};
use crate::clock;
use crate::customer::{Customer, DomainName};
use crate::problem::Problem;

pub(crate) use again::{Again, Selection, StoredRow};
pub(super) use consent::UNDECIDED;
pub(crate) use consent::Unagreed;
pub(crate) use judgement::Judged;
pub(crate) use unchanged::{Asked, Customers, Unchanged, WhileReading};

/// One row as intake hands it over.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The ledger has nothing to do for it but to count it.
    Unchanged(Unchanged),
    Candidate(Box<Candidate>),
}

impl Incoming {
    fn line(&self) -> u64 {
        match self {
            Incoming::Unchanged(row) => row.line,
            Incoming::Candidate(candidate) => candidate.line,
        }
    }

    fn as_unchanged(&self) -> Option<&Unchanged> {
        match self {
            Incoming::Unchanged(row) => Some(row),
            Incoming::Candidate(_) => None,
        }
    }

    pub(crate) fn problems(&self) -> &[Problem] {
        match self {
            Incoming::Unchanged(row) => &row.problems,
            Incoming::Candidate(candidate) => &candidate.problems,
        }
    }
}

/// What a row of a file says, and all that the ledger keeps of it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) line: u64,
    /// The key, where the domain cell itself is good; also for a row that is rejected for something else.
    pub(crate) domain: Option<DomainName>,
    /// `Some` where validation found no error.
    pub(crate) customer: Option<Customer>,
    /// The customer without its agreement, where nothing else is wrong.
    pub(crate) beside_agreement: Option<Customer>,
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
    /// How it was told to be read and judged, where that is known.
    pub(crate) given: Option<Given>,
    /// Take unchanged `failed` rows up again.
    pub(crate) retry_failed: bool,
    /// Rows without a reseller may stand beside rows with one.
    pub(crate) allow_direct: bool,
    /// Nothing of it may be sent before somebody has agreed: see [`Ledger::release`].
    pub(crate) needs_consent: bool,
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
    /// Of `known`: failed rows that were to be taken up again and would be refused once more, because their domain is
    /// burned.
    pub(crate) burned: u64,
    /// Of `known`: the customer exists, and brings an agreement that is to be recorded.
    pub(crate) agreements: u64,
    /// Of `known`: the customer exists, and brings an agreement that failed validation.
    pub(crate) agreements_rejected: u64,
    /// Of `known`: have been replaced by corrected rows since, which stand.
    pub(crate) replaced: u64,
}

impl Taken {
    pub(crate) fn add(&mut self, other: Taken) {
        self.new += other.new;
        self.known += other.known;
        self.duplicates += other.duplicates;
        self.ignored_changes += other.ignored_changes;
        self.rejected += other.rejected;
        self.taken_up += other.taken_up;
        self.burned += other.burned;
        self.agreements += other.agreements;
        self.agreements_rejected += other.agreements_rejected;
        self.replaced += other.replaced;
    }
}

/// One reading of one file in progress. Passes through the writer thread with each batch.
#[derive(Debug)]
pub(crate) struct TakeUp {
    run: RunId,
    source: SourceId,
    info: SourceInfo,
    ledger_id: String,
    has_customers: bool,
    /// Sources that were never read to their end: a row of theirs that this reading meets becomes its own.
    unfinished: HashSet<SourceId>,
    /// The files that this run has read before.
    of_this_run: HashSet<SourceId>,
    /// By row id: the line on which this reading met the row first, 0 for not yet. Four bytes a row.
    first_line: Vec<u32>,
    read: u64,
    /// What has become of these.
    taken: Taken,
    /// Valid rows with a reseller, and without one.
    with_reseller: u64,
    without_reseller: u64,
    /// Line and domain of the first rows whose changes are ignored.
    ignored: Vec<(u64, String)>,
    /// Lines of the batch in hand whose rows were replaced by corrected ones before.
    replaced: Vec<u64>,
}

impl Ledger {
    /// Begins the reading of a file.
    pub(crate) async fn begin_source(&self, info: SourceInfo) -> Result<TakeUp, Error> {
        let run = self.run;
        self.write(move |tx| TakeUp::begin(tx, run, info)).await
    }

    /// Takes up a batch of rows. What changes by them is durable when this returns; the sums of the file are by its end.
    /// Gives them back without those that a corrected one has replaced: what is wrong with such a row is nobody's concern
    /// any more.
    pub(crate) async fn take_up(
        &self,
        mut reading: TakeUp,
        mut batch: Vec<Incoming>,
    ) -> Result<(TakeUp, Taken, Vec<Incoming>), Error> {
        if let Some(unchanged) = batch.iter().map(Incoming::as_unchanged).collect::<Option<Vec<_>>>() {
            let taken = reading.unchanged(&unchanged);
            return Ok((reading, taken, batch));
        }
        self.write(move |tx| {
            reading.replaced.clear();
            let taken = reading.batch(tx, &batch)?;
            if !reading.replaced.is_empty() {
                batch.retain(|row| reading.replaced.binary_search(&row.line()).is_err());
            }
            Ok((reading, taken, batch))
        })
        .await
    }

    /// Leaves a file that is not read to its end, with the sums of the rows that were.
    pub(crate) async fn leave_source(&self, reading: TakeUp) -> Result<(), Error> {
        self.write(move |tx| reading.write_sums(tx)).await
    }

    /// Ends the reading: from now on its rows may be sent, unless they need consent. `rows_read` is the reader's own
    /// count, which must be the ledger's.
    pub(crate) async fn complete_source(&self, reading: TakeUp, rows_read: u64) -> Result<Judged, Error> {
        assert_eq!(reading.read, rows_read, "every row that was read must have been taken up");
        self.write(move |tx| reading.complete(tx)).await
    }
}

impl TakeUp {
    /// The customers that exist, for as long as the second value is kept.
    pub(crate) fn customers(&self, ledger: &Ledger) -> (Arc<Customers>, WhileReading) {
        Customers::of(&ledger.path, self.has_customers, self.unfinished.clone())
    }

    /// The id by which exports of this ledger name it.
    pub(crate) fn ledger_id(&self) -> &str {
        &self.ledger_id
    }

    fn begin(tx: &Transaction<'_>, run: RunId, info: SourceInfo) -> Result<Self, Error> {
        let ledger_id = tx.query_row("SELECT ledger_id FROM ledger", [], |r| r.get(0))?;
        let customers = "SELECT EXISTS (SELECT 1 FROM customer_rows WHERE state IN ('created', 'existing'))";
        let has_customers = tx.query_row(customers, [], |r| r.get(0))?;
        let unfinished = tx
            .prepare("SELECT id FROM sources WHERE completed_at IS NULL AND run_id <> ?1")?
            .query_map([run], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        let of_this_run = tx
            .prepare("SELECT id FROM sources WHERE run_id = ?1")?
            .query_map([run], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        tx.execute(
            "INSERT INTO sources (run_id, path, header, started_at, given) VALUES (?1, ?2, ?3, ?4, ?5)",
            (run, &info.path, &info.header, clock::now().as_millisecond(), &info.given),
        )?;
        let source = SourceId(tx.last_insert_rowid());
        Ok(Self {
            run,
            source,
            info,
            ledger_id,
            has_customers,
            unfinished,
            of_this_run,
            first_line: Vec::new(),
            read: 0,
            taken: Taken::default(),
            with_reseller: 0,
            without_reseller: 0,
            ignored: Vec::new(),
            replaced: Vec::new(),
        })
    }

    fn unchanged(&mut self, batch: &[&Unchanged]) -> Taken {
        let mut taken = Taken::default();
        for row in batch {
            self.unchanged_row(row, &mut taken);
        }
        self.count(batch.len(), taken);
        taken
    }

    fn batch(&mut self, tx: &Transaction<'_>, batch: &[Incoming]) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        for row in batch {
            match row {
                Incoming::Unchanged(row) => self.unchanged_row(row, &mut taken),
                Incoming::Candidate(candidate) => {
                    if let Some(customer) = &candidate.customer {
                        self.count_reseller(customer.associated_partner_id.is_some());
                    }
                    self.one(tx, candidate, &mut taken)?;
                }
            }
        }
        self.count(batch.len(), taken);
        self.write_sums(tx)?;
        Ok(taken)
    }

    fn unchanged_row(&mut self, row: &Unchanged, taken: &mut Taken) {
        self.count_reseller(row.has_reseller);
        self.known_or_duplicate(row.row, row.line, taken);
    }

    fn count(&mut self, rows: usize, taken: Taken) {
        let read = rows as u64;
        assert_eq!(
            read,
            taken.new + taken.known + taken.duplicates,
            "every row is new, known or a duplicate"
        );
        self.read += read;
        self.taken.add(taken);
    }

    /// Sets the sums of the file to those of the rows read so far.
    fn write_sums(&self, tx: &Transaction<'_>) -> Result<(), Error> {
        tx.prepare_cached(
            "UPDATE sources SET rows_read = ?2, rows_new = ?3, rows_known = ?4, duplicates = ?5, ignored_changes = ?6
              WHERE id = ?1",
        )?
        .execute((
            self.source,
            self.read,
            self.taken.new,
            self.taken.known,
            self.taken.duplicates,
            self.taken.ignored_changes,
        ))?;
        Ok(())
    }

    fn count_reseller(&mut self, has_one: bool) {
        match has_one {
            true => self.with_reseller += 1,
            false => self.without_reseller += 1,
        }
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

pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::Stored { row: 0, what: format!("cannot be written as JSON: {error}") })
}
