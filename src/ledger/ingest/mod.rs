//! How the rows of a file become rows of the ledger, or turn out to stand in it already.
//!
//! The key of a row is its domain. What becomes of a row is decided by whoever hands it over, by what is [`known`] of it
//! here, and is then carried out ([`apply`]), in one transaction for each batch. A customer that exists and comes as it went
//! is [`unchanged`], which nearly always shows before it gets here. [`validation`] comes at the end of a file, [`consent`] is
//! what becomes of a file that may not be sent, and [`again`] takes up rows without their file.

mod agreement;
mod apply;
mod consent;
mod finish;
mod known;
mod known_customers;
mod retry;

use std::sync::Arc;

use rusqlite::Transaction;

use super::steps::State;
use super::stored::{Value, collect, insert, update, value};
use super::{InputOptions, Ledger, Result, RowId, RunId, SourceId};
use known::SeenRows;
use tenantry_model::clock;
use tenantry_model::customer::{Customer, DomainName};
use tenantry_model::problem::Problem;

pub use apply::{Change, Decision};
pub use consent::AwaitingConsent;
pub use finish::{DirectRows, IngestReport};
pub use known::{KnownAcceptance, KnownRow, KnownRows};
use known_customers::WhileReading;
pub use known_customers::{Fingerprint, KnownCustomers, Unchanged};
pub use retry::{RetryDecider, RetryReport, Selection, SkipReason, StoredRow};

/// One row as intake hands it over.
#[derive(Debug)]
pub enum Incoming {
    /// The ledger has nothing to do for it but to count it.
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

    /// Of a row without an error.
    pub fn has_reseller(&self) -> Option<bool> {
        match self {
            Incoming::Unchanged(row) => Some(row.has_reseller),
            Incoming::Candidate(candidate) => candidate.has_reseller(),
        }
    }
}

/// What a row of a file says, and all that the ledger keeps of it.
#[derive(Debug)]
pub struct Candidate {
    pub line: u64,
    /// The key, where the domain cell itself is good; also for a row that is rejected for something else.
    pub domain: Option<DomainName>,
    /// `Some` where validation found no error.
    pub customer: Option<Customer>,
    /// The customer without its agreement, where nothing else is wrong.
    pub beside_agreement: Option<Customer>,
    pub problems: Vec<Problem>,
    pub content_hash: [u8; 16],
    /// The operator's own cells as one CSV record.
    pub cells: Vec<u8>,
    /// The row that this one corrects, by its own word (`tenantry_row`).
    pub corrects: Option<RowId>,
}

impl Candidate {
    /// Of a row without an error.
    pub fn has_reseller(&self) -> Option<bool> {
        self.customer.as_ref().map(|customer| customer.associated_partner_id.is_some())
    }

    /// Does it say who accepted the agreement, rightly or not?
    fn says_of_agreement(&self) -> bool {
        let customer = self.customer.as_ref();
        self.beside_agreement.is_some() || customer.is_some_and(|customer| customer.agreement.is_some())
    }
}

/// What the ledger keeps of a file.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// As the operator gave it; `-` is standard input.
    pub path: String,
    /// The header record as CSV, the operator's own names.
    pub header: Vec<u8>,
    /// How it was told to be read and judged, where that is known.
    pub given: Option<InputOptions>,
    /// Nothing of it may be sent before somebody has agreed: see [`Ledger::release`].
    pub needs_consent: bool,
}

/// What became of the rows of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounts {
    pub new: u64,
    pub known: u64,
    pub duplicates: u64,
    pub ignored_changes: u64,
    /// Of `new`: failed validation, or name a domain again.
    pub rejected: u64,
    /// Of `known`: failed rows that were taken up again.
    pub retried: u64,
    /// Of `known`: failed rows that were to be taken up again and would be refused once more, because their domain is
    /// burned.
    pub burned: u64,
    /// Of `known`: the customer exists, and brings an agreement that is to be recorded.
    pub agreements: u64,
    /// Of `known`: the customer exists, and brings an agreement that failed validation.
    pub agreements_rejected: u64,
    /// Of `known`: have been replaced by corrected rows since, which stand.
    pub replaced: u64,
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
    has_customers: bool,
    seen: SeenRows,
    taken: IngestCounts,
    /// Line and domain of the first rows whose changes are ignored.
    ignored: Vec<(u64, String)>,
}

impl Ledger {
    /// Begins the reading of a file.
    pub async fn begin_source(&self, info: SourceInfo) -> Result<IngestSession> {
        let run = self.run;
        self.write(move |tx| IngestSession::begin(tx, run, info)).await
    }

    /// Takes up a batch of rows, of each as `decide` says by what is known of it, those before it included. What changes
    /// by them is durable when this returns; the sums of the file are by its end. Gives them back; what is wrong with a row that a corrected one has replaced is nobody's concern any more.
    pub async fn ingest(
        &self,
        mut reading: IngestSession,
        mut batch: Vec<Incoming>,
        decide: impl Fn(&Candidate, KnownRows) -> Decision + Send + 'static,
    ) -> Result<(IngestSession, Vec<Incoming>)> {
        // Where the ledger has nothing to do, its thread need not be asked.
        let mut unchanged = 0;
        while let Some(Incoming::Unchanged(row)) = batch.get(unchanged) {
            reading.meet_known(row.row, row.line);
            unchanged += 1;
        }
        if unchanged == batch.len() {
            return Ok((reading, batch));
        }
        self.write(move |tx| {
            for row in &mut batch[unchanged..] {
                match row {
                    Incoming::Unchanged(row) => _ = reading.meet_known(row.row, row.line),
                    Incoming::Candidate(candidate) => {
                        let known = known::look_up(tx, candidate, &reading.seen)?;
                        let decision = decide(candidate, known);
                        reading.apply(tx, candidate, decision)?;
                    }
                }
            }
            reading.write_sums(tx)?;
            Ok((reading, batch))
        })
        .await
    }

    /// Leaves a file that is not read to its end, with the sums of the rows that were.
    pub async fn leave_source(&self, reading: IngestSession) -> Result<()> {
        self.write(move |tx| reading.write_sums(tx)).await
    }

    /// Ends the reading: from now on its rows may be sent, unless they need consent, or are wrong by `direct`. `rows_read`
    /// is the reader's own count, which must be the ledger's.
    pub async fn complete_source(
        &self,
        reading: IngestSession,
        rows_read: u64,
        direct: DirectRows,
    ) -> Result<IngestReport> {
        assert_eq!(reading.taken.rows(), rows_read, "every row that was read must have been taken up");
        self.write(move |tx| reading.complete(tx, &direct)).await
    }
}

impl IngestSession {
    /// The customers that exist, for as long as the second value is kept.
    pub fn customers(&self, ledger: &Ledger) -> (Arc<KnownCustomers>, WhileReading) {
        KnownCustomers::of(&ledger.path, self.has_customers, self.seen.unfinished.clone())
    }

    /// The id by which exports of this ledger name it.
    pub fn ledger_id(&self) -> &str {
        &self.ledger_id
    }

    fn begin(tx: &Transaction<'_>, run: RunId, info: SourceInfo) -> Result<Self> {
        let ledger_id = value(tx, "SELECT ledger_id FROM ledger", [])?;
        let customers = State::sql_list(State::is_customer);
        let customers = format!("SELECT EXISTS (SELECT 1 FROM customer_rows WHERE state IN ({customers}))");
        let has_customers = value(tx, &customers, [])?;
        let sources = |which: &str| {
            collect(tx, &format!("SELECT id FROM sources WHERE {which}"), [run], |row| row.get(0))
        };
        let unfinished = sources("completed_at IS NULL AND run_id <> ?1")?;
        let of_this_run = sources("run_id = ?1")?;
        let values: [Value<'_>; 5] = [
            ("run_id", &run),
            ("path", &info.path),
            ("header", &info.header),
            ("started_at", &clock::now().as_millisecond()),
            ("given", &info.given),
        ];
        let source = insert(tx, "sources", &values)?;
        Ok(Self {
            run,
            source: SourceId(source),
            info,
            ledger_id,
            has_customers,
            seen: SeenRows::new(unfinished, of_this_run),
            taken: IngestCounts::default(),
            ignored: Vec::new(),
        })
    }

    /// Sets the sums of the file to those of the rows read so far.
    fn write_sums(&self, tx: &Transaction<'_>) -> Result<()> {
        let taken = &self.taken;
        let values: [Value<'_>; 5] = [
            ("rows_read", &taken.rows()),
            ("rows_new", &taken.new),
            ("rows_known", &taken.known),
            ("duplicates", &taken.duplicates),
            ("ignored_changes", &taken.ignored_changes),
        ];
        update(tx, "sources", &self.source, &values)
    }

    /// The file has been read to its end, and may be sent, unless that needs consent.
    fn end(&self, tx: &Transaction<'_>) -> Result<()> {
        self.write_sums(tx)?;
        let now = clock::now().as_millisecond();
        let completed_at = (!self.info.needs_consent).then_some(now);
        update(tx, "sources", &self.source, &[("read_at", &now), ("completed_at", &completed_at)])
    }
}
