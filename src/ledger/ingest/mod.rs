//! Takes the rows of a file into the ledger, or recognizes those that it already has.
//!
//! The key of a row is its domain. What is [`known`] of a row is looked up here, the caller decides what to do with it,
//! and [`apply`] carries the decision out, in one transaction per batch. Unchanged rows of existing customers are
//! nearly always recognized earlier, by [`known_customers`]. [`finish`] validates the file as a whole, [`gone`] finds
//! refused rows that it no longer contains, and [`mod@missing`] waiting ones, once all files of the run are read.
//! [`consent`] handles files that must not be sent yet, [`discard`] rows that are not to be sent, and [`retry`] retries
//! rows without their file.

mod agreement;
mod apply;
mod consent;
mod corrected;
mod discard;
mod finish;
mod gone;
mod known;
mod known_customers;
mod missing;
mod original;
mod retry;

use std::sync::{Arc, PoisonError};

use rusqlite::Transaction;
use uuid::Uuid;

use super::steps::State;
use super::stored::{Value, collect, insert, update, value};
use super::{InputOptions, Ledger, Result, RowId, RunId, SourceId, lists};
use corrected::replaced_rows;
pub(super) use known::MetRows;
use known::SeenRows;
use tenantry_model::clock;
use tenantry_model::customer::{Customer, DomainName};
use tenantry_model::problem::{Problem, Severity};

pub use agreement::SentCustomer;
pub use apply::{Change, Decision};
pub use consent::AwaitingConsent;
pub(super) use discard::count as discardable;
pub use discard::{DiscardReport, DiscardSelection};
pub use finish::{DirectRows, IngestReport};
pub use gone::{Correction, Corrections};
pub use known::{KnownAcceptance, KnownRow, KnownRows, ReplacedRow};
use known_customers::WhileReading;
pub use known_customers::{KnownCustomer, KnownCustomers, Unchanged};
pub(super) use missing::missing;
pub use original::{Original, Originals};
pub(super) use retry::FROM_BEFORE;
pub use retry::{RetryDecider, RetryReport, Selection, SkipReason, StoredRow};

/// One row, as intake passes it to the ledger.
#[derive(Debug)]
pub enum Incoming {
    /// The ledger only has to count it.
    Unchanged(Unchanged),
    Candidate(Box<Candidate>),
}

impl Incoming {
    pub fn problems(&self) -> &[Problem] {
        match self {
            Incoming::Unchanged(row) => &row.problems,
            Incoming::Candidate(candidate) => &candidate.problems,
        }
    }

    pub fn line(&self) -> u64 {
        match self {
            Incoming::Unchanged(row) => row.line,
            Incoming::Candidate(candidate) => candidate.line,
        }
    }

    /// Adds a problem that shows only in combination with other rows. An error rejects a row that is not sent yet.
    pub fn add(&mut self, problem: Problem) {
        match self {
            Incoming::Unchanged(row) => row.problems.push(problem),
            Incoming::Candidate(candidate) => {
                if problem.severity == Severity::Error {
                    (candidate.customer, candidate.beside_agreement) = (None, None);
                }
                candidate.problems.push(problem);
            }
        }
    }

    /// `None` for a row with an error.
    pub fn has_reseller(&self) -> Option<bool> {
        match self {
            Incoming::Unchanged(row) => Some(row.has_reseller),
            Incoming::Candidate(candidate) => candidate.has_reseller(),
        }
    }
}

/// The content of a row of a file, and all that the ledger stores of it.
#[derive(Debug)]
pub struct Candidate {
    pub line: u64,
    /// The key, if the domain cell is valid; also for a row that is rejected for another reason.
    pub domain: Option<DomainName>,
    /// `Some` if validation found no error.
    pub customer: Option<Customer>,
    /// The customer without its agreement, if only the agreement has errors.
    pub beside_agreement: Option<Customer>,
    pub problems: Vec<Problem>,
    pub content_hash: [u8; 16],
    /// The operator's own key for the customer; also for a row with an error.
    pub external_id: Option<String>,
    /// The reseller, if it can be read; also for a row with an error.
    pub reseller: Option<Uuid>,
    /// The operator's own cells as one CSV record.
    pub cells: Vec<u8>,
    /// The row that this one corrects, according to its `tenantry_row`.
    pub corrects: Option<RowId>,
    /// The export says that that row was sent, and not refused.
    pub was_sent: bool,
    /// It comes from an export of this ledger, also if its `tenantry_row` is not readable any more.
    pub is_returned: bool,
}

impl Candidate {
    /// `None` for a row with an error that has none.
    pub fn has_reseller(&self) -> Option<bool> {
        (self.reseller.is_some() || self.customer.is_some()).then_some(self.reseller.is_some())
    }

    /// Adds a problem that the validation could not find, before the others.
    pub fn add_problem(&mut self, problem: Problem) {
        if problem.severity == Severity::Error {
            self.customer = None;
            self.beside_agreement = None;
        }
        self.problems.insert(0, problem);
    }

    /// Does it have cells about the acceptance of the agreement, valid or not?
    fn mentions_agreement(&self) -> bool {
        let customer = self.customer.as_ref();
        self.beside_agreement.is_some() || customer.is_some_and(|customer| customer.agreement.is_some())
    }
}

/// What the ledger stores about a file.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// As the operator gave it; `-` is standard input.
    pub path: String,
    /// The absolute path, which says which list it is. `None`: not known, or standard input.
    pub full_path: Option<String>,
    /// The first reading of its list. `None`: it is to be found.
    pub list: Option<SourceId>,
    /// The header record as CSV, the operator's own names.
    pub header: Vec<u8>,
    /// The options by which it is read and validated, if they are known.
    pub given: Option<InputOptions>,
    /// Nothing of it may be sent without consent: see [`Ledger::release`].
    pub needs_consent: bool,
}

/// How many rows of a file had which result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounts {
    pub new: u64,
    pub known: u64,
    pub duplicates: u64,
    pub ignored_changes: u64,
    /// Rows that this reading found wrong: they failed validation, or repeat a domain.
    pub rejected: u64,
    /// Of `known`: failed rows that come as they were, and are not retried.
    pub still_failed: u64,
    /// Of `known`: rejected rows that come as they were, and are still wrong.
    pub still_rejected: u64,
    /// Of `known`: refused rows that are retried.
    pub retried: u64,
    /// Of `known`: rows that were discarded unsent, and are to be sent after all.
    pub taken_up: u64,
    /// Of `known`: refused rows that are not retried because their domain is burned: they would be refused again.
    pub burned: u64,
    /// Of `known`: rows of existing customers with a new agreement that is to be recorded.
    pub agreements: u64,
    /// Of `known`: rows of existing customers with a new agreement that failed validation.
    pub agreements_rejected: u64,
    /// Of `known`: rows that a corrected row has replaced.
    pub replaced: u64,
    /// Of `known`: rows that are open now, such as those that are retried. The others are skipped.
    pub continued: u64,
}

impl IngestCounts {
    /// Every row is new, known or a duplicate.
    fn rows(&self) -> u64 {
        self.new + self.known + self.duplicates
    }
}

/// One reading of one file in progress. Passes through the writer thread with each batch.
#[derive(Debug)]
pub struct IngestSession {
    run: RunId,
    source: SourceId,
    info: SourceInfo,
    ledger_id: String,
    /// The last row of the ledger, if it has customers.
    newest_row: Option<RowId>,
    seen: SeenRows,
    counts: IngestCounts,
    /// Line and domain of the first rows whose changes are ignored.
    ignored: Vec<(u64, String)>,
    /// Lines of the first equal duplicates.
    duplicate_lines: Vec<u64>,
}

impl Ledger {
    /// Begins the reading of a file.
    pub async fn begin_source(&self, info: SourceInfo) -> Result<IngestSession> {
        let (run, met) =
            (self.run, std::mem::take(&mut *self.met.lock().unwrap_or_else(PoisonError::into_inner)));
        self.writer.write_unsynced(move |tx| IngestSession::begin(tx, run, info, met)).await
    }

    /// Takes in a batch of rows. `decide` gets what is known of each row, earlier rows of the batch included, and
    /// decides what to do with it. It may add problems to a row that differs from its original. All changes are durable
    /// when the reading ends. Returns the rows, each with the
    /// problem that a decision found; the problems of a row that a corrected row has replaced, or that is acknowledged,
    /// are cleared.
    pub async fn ingest(
        &self,
        mut reading: IngestSession,
        mut batch: Vec<Incoming>,
        mut decide: impl FnMut(&mut Candidate, KnownRows, Originals) -> Decision + Send + 'static,
    ) -> Result<(IngestSession, Vec<Incoming>)> {
        // Unchanged rows at the start of a batch need no call to the ledger's thread.
        let mut unchanged = 0;
        while let Some(Incoming::Unchanged(row)) = batch.get(unchanged) {
            reading.meet_known(row.row, row.line);
            unchanged += 1;
        }
        if unchanged == batch.len() {
            return Ok((reading, batch));
        }
        let take_in = move |tx: &Transaction<'_>| {
            for row in &mut batch[unchanged..] {
                match row {
                    Incoming::Unchanged(row) => _ = reading.meet_known(row.row, row.line),
                    Incoming::Candidate(candidate) => {
                        let known = known::look_up(tx, candidate, &reading.seen)?;
                        let originals = original::of(tx, candidate, &known)?;
                        let decision = decide(candidate, known, originals);
                        reading.apply(tx, candidate, decision)?;
                    }
                }
            }
            reading.write_sums(tx)?;
            Ok((reading, batch))
        };
        self.writer.write_unsynced(take_in).await
    }

    /// Stops reading before the end of the file, and stores the totals of the rows read so far.
    pub async fn leave_source(&self, reading: IngestSession) -> Result<()> {
        self.write(move |tx| reading.write_sums(tx)).await
    }

    /// Ends the reading: from now on its rows may be sent, unless they need consent, or `direct` says that they are
    /// wrong. `rows_read` is the reader's own count, which must equal the ledger's.
    pub async fn complete_source(
        &self,
        reading: IngestSession,
        rows_read: u64,
        direct: DirectRows,
    ) -> Result<IngestReport> {
        assert_eq!(reading.counts.rows(), rows_read, "every row that was read must have been taken up");
        let (mut report, met) = self.write(move |tx| reading.complete(tx, &direct)).await?;
        let after_consent = std::mem::take(&mut report.corrections.after_consent);
        self.after_consent.lock().unwrap_or_else(PoisonError::into_inner).extend(after_consent);
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) = met;
        Ok(report)
    }
}

impl IngestSession {
    /// Recognizes existing customers, until the second value is dropped. `bytes`: the size of the file, if it is known.
    pub fn customers(&self, ledger: &Ledger, bytes: Option<u64>) -> (Arc<KnownCustomers>, WhileReading) {
        KnownCustomers::of(&ledger.path, self.newest_row, self.seen.unfinished.clone(), bytes)
    }

    /// The id by which exports identify this ledger.
    pub fn ledger_id(&self) -> &str {
        &self.ledger_id
    }

    /// `met`: by earlier files of this run.
    fn begin(tx: &Transaction<'_>, run: RunId, info: SourceInfo, met: MetRows) -> Result<Self> {
        let ledger_id = value(tx, "SELECT ledger_id FROM ledger", [])?;
        let customers = State::sql_list(State::is_customer);
        let customers = format!("EXISTS (SELECT 1 FROM customer_rows WHERE state IN ({customers}))");
        let newest_row = value(tx, &format!("SELECT max(id) FROM customer_rows WHERE {customers}"), [])?;
        let unfinished = "SELECT id FROM sources WHERE completed_at IS NULL AND run_id <> ?1";
        let unfinished = collect(tx, unfinished, [run], |row| row.get(0))?;
        let values: [Value<'_>; 6] = [
            ("run_id", &run),
            ("path", &info.path),
            ("full_path", &info.full_path),
            ("header", &info.header),
            ("started_at", &clock::now().as_millisecond()),
            ("given", &info.given),
        ];
        let source = SourceId(insert(tx, "sources", &values)?);
        lists::assign(tx, source, &info)?;
        Ok(Self {
            run,
            source,
            seen: SeenRows::new(source, unfinished, replaced_rows(tx)?, met),
            info,
            ledger_id,
            newest_row,
            counts: IngestCounts::default(),
            ignored: Vec::new(),
            duplicate_lines: Vec::new(),
        })
    }

    /// Stores the totals of the rows read so far.
    fn write_sums(&self, tx: &Transaction<'_>) -> Result<()> {
        let counts = &self.counts;
        let values: [Value<'_>; 7] = [
            ("rows_read", &counts.rows()),
            ("rows_new", &counts.new),
            ("rows_rejected", &counts.rejected),
            ("rows_known", &counts.known),
            ("rows_continued", &counts.continued),
            ("duplicates", &counts.duplicates),
            ("ignored_changes", &counts.ignored_changes),
        ];
        update(tx, "sources", &self.source, &values)
    }

    /// The file was read to its end. Its rows may be sent, unless that needs consent.
    fn end(&self, tx: &Transaction<'_>) -> Result<()> {
        self.write_sums(tx)?;
        let now = clock::now().as_millisecond();
        let completed_at = (!self.info.needs_consent).then_some(now);
        update(tx, "sources", &self.source, &[("read_at", &now), ("completed_at", &completed_at)])
    }
}
