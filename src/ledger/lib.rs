//! The ledger: the durable queue of rows and the history of every attempt, in one SQLite file.
//!
//! This is the only crate with SQL. It has no HTTP and reads no lists. One thread owns the connection that writes
//! ([`writer`]) and commits in groups. A caller that gets the result of a write knows that it is durable; rows that are
//! read become durable together, before the first of them is sent. Only [`steps`] knows which changes of state are
//! legal: it makes intents and outcomes durable, finds what an earlier run left behind, and reads the queue. [`ingest`]
//! takes in rows, and later acceptances for existing customers. [`acknowledge`] marks refused rows that need no
//! attention any more. [`lists`] finds which list a reading has read. [`stored`] carefully reads values that may have
//! been changed from outside. [`passwords`] stores sealed passwords, [`input_options`] the options of a file.
//! [`forget`] erases personal data. [`copies`] writes copies, [`mod@backup`] makes and restores them, [`kept`] keeps
//! one before the schema changes. [`query`] reads on connections of its own, as [`ingest`] does to recognize rows.
//!
//! Before SQLite opens a file, [`trust`] checks who can write to it; after that, [`shape`] checks its schema. [`lock`]
//! keeps other processes out, [`patience`] waits for locks of other programs. [`open_files`] checks that the files stay
//! in place, [`log_growth`] reports a log that a reader holds up, and [`reserve`] makes sure that a full disk loses no
//! answer. [`trial`] tries out the folder of a ledger before the first run.
//!
//! The ledger promises that no row is ever removed, that no recorded attempt is rewritten, and that two processes never
//! work on one ledger. `submitter` decides what the next step of a row is.
//!
//! # The main tables
//!
//! `migrations/latest.sql` has all tables and columns.
//!
//! | table | one record per |
//! | --- | --- |
//! | `ledger` | ledger: its id, and the environment that it is bound to |
//! | `program_runs` | run of a command |
//! | `sources` | reading of a file |
//! | `customer_rows` | row of a file: its state, its customer, and the sealed password |
//! | `agreements` | acceptance of the customer agreement for a row |
//! | `http_attempts` | HTTP call that was intended, with its outcome |
//! | `data_keys` | data key of a run, sealed to a recipient |
//! | `foreign_answers` | success that belongs to the customer of another row |
//! | `openings` | opening of passwords |
//! | `copies` | copy that this file is, and its restore |
//! | `erasures` | `forget` that erased something |

mod acknowledge;
mod backup;
mod connection;
mod copies;
mod disk_faults;
mod error;
mod forget;
mod ingest;
mod input_options;
mod kept;
mod list_refusal;
mod lists;
mod lock;
mod log_growth;
mod migrations;
mod open_files;
mod passwords;
mod patience;
mod query;
mod recognized;
mod reserve;
mod runs;
mod schema;
mod shape;
mod steps;
mod stored;
mod trial;
mod trust;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

pub use acknowledge::{AcknowledgeReport, AcknowledgeSelection, LOST_PASSWORD};
pub use backup::{Restored, backup, restore};
pub use error::Error;
use error::Result;
pub use forget::{ForgetPlan, Forgettable, Forgetting};
pub use ingest::{
    AwaitingConsent, Candidate, Change, Correction, Corrections, Decision, DirectRows, DiscardReport,
    DiscardSelection, Incoming, IngestReport, KnownAcceptance, KnownCustomer, KnownCustomers, KnownRow,
    KnownRows, Original, Originals, ReplacedRow, RetryDecider, RetryReport, Selection, SentCustomer,
    SkipReason, SourceInfo, StoredRow, Unchanged,
};
pub use input_options::InputOptions;
pub use list_refusal::ListRefusal;
pub use passwords::{ForeignAnswer, Sealed};
pub use patience::{AwaitedAnswers, signalled};
pub use query::{
    AgreementCounts, AlikeCalls, AttemptRecord, DiscardedSource, ErrorCount, Filter, HeldSource, HoldReason,
    LedgerDoubles, LeftToSend, ListFilter, ListedRow, ListedValue, Opening, Parts, PasswordFilter,
    PasswordOpening, Queries, RefusedRow, RefusedStep, RowAsRead, RowCounts, RowDetail, RunTotals, Runs,
    Scope, SealedDataKey, SealedPassword, SealedTo, SourceTotals, Span, SubmissionPlan, UnresolvedRows,
    UserNeeds,
};
pub use recognized::{beside_a_ledger, is_beside_a_ledger, looks_like_a_database};
pub use runs::{Outcomes, RunEnd};
pub use schema::Environment;
pub use steps::{
    Attempt, AttemptResult, CreatedCustomer, NextStep, Open, OpenStep, Operation, Owed, Recorded, Refusal,
    RowChange, SetAside, State, StepKind, Work, WorkBatch,
};
pub use stored::NamedRow;
pub use trial::{FolderTrial, try_folder};

macro_rules! ledger_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub i64);

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ledger_ids! {
    /// A row of the ledger, as in `tenantry_row`. Results are matched to rows by this id, never by position.
    RowId,
    /// One execution of a command against a ledger.
    RunId,
    /// One reading of one file.
    SourceId,
    /// One HTTP exchange.
    AttemptId,
    /// The key that a run's passwords are encrypted under.
    DataKeyId,
}

/// An open ledger. Only this process works on it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    writer: writer::Writer,
    /// Gets a message when the writer has ended.
    writer_ended: oneshot::Receiver<()>,
    run: RunId,
    /// What the lists that this run has read have met.
    met: Mutex<ingest::MetRows>,
    /// Refused rows that are replaced when these lists are agreed to, each with the row that replaces it.
    after_consent: Mutex<Vec<(RowId, RowId)>>,
    // Last, so that the lock is released after everything else.
    _lock: lock::Lock,
}

impl Ledger {
    /// Opens (or makes) the ledger at `path` for `environment`, takes its lock and begins a run of `command`.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process works on the ledger; all other errors describe a problem with the file.
    pub fn open(path: &Path, environment: &Environment, command: &str) -> Result<Self> {
        schema::make_file(path)?;
        // Before the lock, which would leave a lock file next to a file that is not a ledger.
        schema::refuse_foreign(path)?;
        let Some((lock, mut connection)) = schema::open_alone(path)? else {
            return Err(Error::InUse { path: path.to_owned(), pid: runs::at_work(path) });
        };
        backup::refuse(&connection, path)?;
        if runs::newest_died(&connection)? {
            schema::check(&connection, path)?;
        }
        let run = begin(&mut connection, path, environment, command)?;
        let (writer, writer_ended) =
            writer::Writer::start(connection, Some(open_files::OpenFiles::of(path)?))?;
        let (met, after_consent) = (Mutex::default(), Mutex::default());
        Ok(Self { path: path.to_owned(), writer, writer_ended, run, met, after_consent, _lock: lock })
    }

    /// Like [`Self::open`], but a missing or empty ledger is an error and is not created.
    pub fn open_existing(path: &Path, environment: &Environment, command: &str) -> Result<Self> {
        schema::must_hold_something(path)?;
        Self::open(path, environment, command)
    }

    /// This run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if the ledger belongs to another environment. Changes nothing.
    ///
    /// # Errors
    /// [`Error::OtherEnvironment`] if it belongs to another one.
    pub async fn refuse_other(&self, environment: Environment) -> Result<()> {
        let path = self.path.clone();
        self.write(move |tx| match schema::bound_to(tx)? {
            Some(bound) => schema::refuse_other(&bound, &path, &environment),
            None => Ok(()),
        })
        .await
    }

    /// Binds the ledger to the environment, of which more is known now than when the ledger was opened. Durable with the
    /// next write, and so before anything is sent.
    pub async fn bind(&self, environment: Environment) -> Result<()> {
        let path = self.path.clone();
        self.writer.write_unsynced(move |tx| schema::bind(tx, &path, &environment)).await
    }

    /// Reserves room on the disk for the answers to `requests` concurrent requests.
    pub async fn set_room_aside(&self, requests: u64) -> Result<()> {
        let path = self.path.clone();
        // On the ledger's thread, which has nothing else to do yet.
        let make = move |_: &Transaction<'_>| {
            let reserve = reserve::Reserve::make(&path, requests);
            reserve.map_err(|source| Error::NoRoom { path, source: Arc::new(source) })
        };
        let reserve = self.writer.write_unsynced(make).await?;
        self.writer.room().keep(reserve);
        Ok(())
    }

    /// A handle that records intents and outcomes.
    pub fn recorder(&self) -> Recorder {
        Recorder { writer: self.writer.clone(), run: self.run }
    }

    /// Ends the run, waits until the thread has written everything, and releases the lock.
    pub async fn close(self, ending: RunEnd) -> Result<()> {
        tenantry_model::failpoint::crash("closing");
        let run = self.run;
        self.writer.write_unsynced(move |tx| runs::finish(tx, run, &ending)).await?;
        drop(self.writer);
        // The queue is empty and no handle is left, so the thread makes everything durable and ends by itself.
        self.writer_ended.await.map_err(|_| Error::Closed)
    }

    async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.writer.write(job).await
    }
}

/// Binds the ledger to the environment, and begins a run. Durable with the next commit, and so before anything is sent.
fn begin(
    connection: &mut Connection,
    path: &Path,
    environment: &Environment,
    command: &str,
) -> Result<RunId> {
    let begin = |tx: Transaction<'_>| {
        schema::bind(&tx, path, environment)?;
        let run = runs::begin(&tx, command)?;
        tx.commit()?;
        Ok(run)
    };
    // SQLite syncs the header of a log by itself because of older content behind it. A new log has none, and the next
    // sync is that of the whole log.
    if !connection::has_log(path) {
        connection.pragma_update(None, "synchronous", "OFF")?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another program may have written before the transaction began.
        let begun = if connection::has_log(path) {
            drop(tx);
            None
        } else {
            Some(begin(tx)?)
        };
        connection.pragma_update(None, "synchronous", "FULL")?;
        if let Some(run) = begun {
            return Ok(run);
        }
    }
    begin(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// Copies the ledger at `path`, for work that must leave it unchanged to the byte. Copies nothing if there is no
/// ledger.
pub fn copy_untouched(path: &Path, copy: &Path) -> Result<()> {
    if path.exists() { schema::copy_untouched(path, copy) } else { Ok(()) }
}

/// Records intents and outcomes of one run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    writer: writer::Writer,
    run: RunId,
}

impl Recorder {
    /// Why nothing more may be sent: the disk is full, and the remaining room is for the answers to open requests.
    pub fn ran_out_of_room(&self) -> Option<Error> {
        self.writer.room().ran_out().cloned()
    }
}
