//! The one thread that owns the writing connection.
//!
//! A write is a closure over a transaction. The thread takes all waiting writes, runs them in one transaction, commits
//! (one fsync for all of them) and only then sends each caller its result.
//!
//! Invariant: a caller that has a result knows that its write is durable. Everything that section 3 of the product
//! contract calls durable depends on that. The exception is [`Writer::write_unsynced`], for what means nothing before a
//! later write: commits become durable in their order.
//!
//! An SQLite error rolls the whole group back and closes the ledger for this process: after one failure the ledger must
//! not be trusted, and the next run opens it again. If a write requests something impossible, only that write is
//! undone, and its caller gets an error.
//!
//! In a simulated world ([`tenantry_model::simulated`]) a task is in the place of the thread.
//!
//! A full disk is an exception if room was reserved: SQLite has rolled the whole group back, the reserve is released
//! ([`super::reserve`]), and the answers to open requests are written again. No more intents are recorded then.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};

use super::log_growth::LogWatch;
use super::open_files::OpenFiles;
use super::reserve::Room;
use super::{Error, Result};
use tenantry_model::{failpoint, simulated};

/// Writes that may wait for the thread: twice the largest useful concurrency. A full queue makes callers wait.
const QUEUE: usize = 1024;

/// The most writes in one transaction, so that a commit stays short and an interrupt between two commits is quick.
const GROUP: usize = 512;

/// Some file systems release the room of a removed file only after a moment.
const TRIES_ON_A_FULL_DISK: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

type Erased = Box<dyn Any + Send>;
type WriteJob = Box<dyn FnOnce(&Transaction<'_>) -> Result<Erased> + Send>;

struct Write {
    job: WriteJob,
    undo: Undo,
    reply: oneshot::Sender<Result<Erased>>,
    /// Its commit is to be durable.
    is_synced: bool,
}

/// What an impossible write leaves to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// What it has written by then.
    ItsChanges,
    /// Nothing: it finds out before it changes anything. So it needs no savepoint, which would copy each page that it
    /// changes.
    Nothing,
}

/// The handle to the thread. Cheap to clone; the thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Write>,
    room: Arc<Room>,
}

impl Writer {
    /// Starts the thread on `connection`, whose files have to stay in their `place`. The second value gets a message
    /// when everything queued is durable and the connection is closed.
    pub(super) fn start(
        connection: Connection,
        place: Option<OpenFiles>,
    ) -> Result<(Self, oneshot::Receiver<()>)> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let room = Arc::<Room>::default();
        let rooms = Arc::clone(&room);
        let (done, ended) = oneshot::channel();
        let serving = async move {
            serve(connection, place, waiting, &rooms).await;
            // The ledger may be dropped without waiting for it.
            done.send(()).unwrap_or_default();
        };
        if simulated::world().is_some() {
            drop(tokio::spawn(serving));
        } else {
            let thread = std::thread::Builder::new().name("ledger".to_owned());
            let runtime = runtime::Builder::new_current_thread().build();
            runtime
                .and_then(|runtime| thread.spawn(move || runtime.block_on(serving)))
                .map_err(|error| Error::Thread(Arc::new(error)))?;
        }
        Ok((Self { queue, room }, ended))
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// # Errors
    /// The disk is full, and the remaining room is for answers.
    pub(super) fn may_intend(&self) -> Result<()> {
        self.room.ran_out().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Writes an answer. `job` makes the same write each time, so that it can be retried in the reserved room. An
    /// impossible one fails before it changes anything.
    pub(super) async fn write_answer<T, F>(&self, job: impl Fn() -> F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let mut tries = 1;
        loop {
            match self.write_checked(job()).await {
                Err(error) if error.is_about_room() && tries < TRIES_ON_A_FULL_DISK => {
                    // Without a reserve the ledger is closed by now.
                    self.room.ran_out().ok_or(error)?;
                    if tries > 1 {
                        tokio::time::sleep(BETWEEN_TRIES).await;
                    }
                    tries += 1;
                }
                written => return written,
            }
        }
    }

    /// Runs `job` in a transaction and returns its result once the transaction is durable.
    pub(super) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.queue_up(Undo::ItsChanges, true, job).await
    }

    /// Runs `job` in a transaction and returns its result once the transaction is committed: a killed process does not
    /// undo it, but a power cut may until the next [`write`](Self::write), or the end of the thread.
    pub(super) async fn write_unsynced<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.queue_up(Undo::ItsChanges, false, job).await
    }

    /// Like [`write`](Self::write), for a `job` that fails before it changes anything, if what it requests is impossible.
    pub(super) async fn write_checked<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        // Every task that can run gets to its own write before the thread is woken by the first one, so that one commit
        // holds them all.
        tokio::task::yield_now().await;
        self.queue_up(Undo::Nothing, true, job).await
    }

    async fn queue_up<T, F>(&self, undo: Undo, is_synced: bool, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job: WriteJob = Box::new(move |tx| Ok(Box::new(job(tx)?) as Erased));
        self.queue.send(Write { job, undo, reply, is_synced }).await.map_err(|_| Error::Closed)?;
        let value = result.await.map_err(|_| Error::Closed)??;
        Ok(*value.downcast::<T>().expect("a job's result has the type that the job was queued with"))
    }
}

async fn serve(
    mut connection: Connection,
    mut place: Option<OpenFiles>,
    mut waiting: mpsc::Receiver<Write>,
    room: &Room,
) {
    let mut group: Vec<Write> = Vec::with_capacity(GROUP);
    // As the connection was opened.
    let mut is_synced = true;
    let mut log = place.as_ref().map(|place| LogWatch::of(place.log()));
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        // Rows that got the last commit's results together send their next writes together, a moment after the first
        // one.
        std::thread::yield_now();
        while group.len() < GROUP
            && let Ok(write) = waiting.try_recv()
        {
            group.push(write);
        }
        let wanted = group.iter().any(|write| write.is_synced);
        match commit(&mut connection, place.as_mut(), &mut group, room, (&mut is_synced, wanted)) {
            Ok(()) => {
                if let Some(log) = &mut log {
                    log.look(&connection);
                }
            }
            // Nothing more is sent, but an answer may bring a password, and can still be stored.
            Err(Error::LockTaken { .. }) => {}
            Err(error) if error.is_about_room() && room.ran_out().is_some() => {}
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(error = %error, cause, "could not write to the ledger; nothing more is \
                                                        written in this run");
                // A write that is just being put into the queue would stay there, and its caller would wait forever:
                // tokio 1.x empties the queue of a dropped receiver only once. This waits for such writes.
                waiting.close();
                while waiting.recv().await.is_some() {}
                return;
            }
        }
    }
    // Syncs the log, and so what was written unsynced at last, and moves it into the file. The last connection would do
    // the same when it closes, but that may be one of another program. On an error the log keeps everything.
    drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
}

/// Makes the commits of the connection durable, or not until a later one is. SQLite changes this only outside a
/// transaction.
fn synchronize(connection: &Connection, (is_synced, wanted): (&mut bool, bool)) -> rusqlite::Result<()> {
    if *is_synced != wanted {
        connection.pragma_update(None, "synchronous", if wanted { "FULL" } else { "NORMAL" })?;
        *is_synced = wanted;
    }
    Ok(())
}

/// Runs one group of writes. Results are sent only after the commit; on an error every caller gets that error.
/// `synced`: whether commits were synced so far, and whether this one is to be.
fn commit(
    connection: &mut Connection,
    place: Option<&mut OpenFiles>,
    group: &mut Vec<Write>,
    room: &Room,
    synced: (&mut bool, bool),
) -> Result<()> {
    let is_synced = synced.1;
    synchronize(connection, synced)?;
    let mut replies = Vec::with_capacity(group.len());
    let outcome = run_group(connection, group.drain(..), &mut replies).and_then(|()| {
        super::disk_faults::committed(connection.path().map(Path::new), is_synced)?;
        failpoint::crash("committed");
        // A commit to a file that can never be found again does not count.
        place.map_or(Ok(()), OpenFiles::check)
    });
    // Before the error is reported, because callers retry as soon as they get it.
    if let Err(error) = &outcome
        && error.is_about_room()
        && let Some(bytes) = room.give_up(error)
    {
        super::disk_faults::room_was_made(connection, bytes)?;
        tracing::warn!("the disk is full; answers under way are recorded in reserved space");
    }
    for (reply, value) in replies {
        let result = outcome.clone().and(value);
        // A caller that has gone away does not need its result; the write is durable anyway.
        drop(reply.send(result));
    }
    outcome
}

type WriteReply = (oneshot::Sender<Result<Erased>>, Result<Erased>);

fn run_group(
    connection: &mut Connection,
    writes: impl Iterator<Item = Write>,
    replies: &mut Vec<WriteReply>,
) -> Result<()> {
    // IMMEDIATE takes the write lock at once, so that waiting for another process happens before any work.
    let tx = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(tx) => tx,
        Err(error) => {
            replies.extend(writes.map(|write| (write.reply, Err(Error::Closed))));
            return Err(error.into());
        }
    };
    let mut failed = None;
    for write in writes {
        let value = match failed {
            None => run_job(&tx, write.job, write.undo).unwrap_or_else(|error| {
                failed = Some(error.clone());
                Err(error)
            }),
            Some(_) => Err(Error::Closed),
        };
        replies.push((write.reply, value));
    }
    // The transaction rolls back when it is dropped without a commit.
    failed.map_or(Ok(()), Err)?;
    failpoint::crash("commit");
    Ok(tx.commit()?)
}

/// Runs one write. The outer error is SQLite's and fails the group. The inner error is the write's own (an impossible
/// change, a row that cannot be parsed): only that write is undone, and the other writes are kept, which may contain a
/// password that the service gives out only once.
fn run_job(tx: &Transaction<'_>, job: WriteJob, undo: Undo) -> Result<Result<Erased>> {
    if undo == Undo::ItsChanges {
        tx.prepare_cached("SAVEPOINT job")?.execute([])?;
    }
    let before = tx.total_changes();
    match (job(tx), undo) {
        (Ok(value), Undo::Nothing) => Ok(Ok(value)),
        (Ok(value), Undo::ItsChanges) => {
            tx.prepare_cached("RELEASE job")?.execute([])?;
            Ok(Ok(value))
        }
        (Err(error @ (Error::Illegal(_) | Error::Stored { .. })), Undo::ItsChanges) => {
            tx.execute_batch("ROLLBACK TO job; RELEASE job")?;
            Ok(Err(error))
        }
        (Err(error @ (Error::Illegal(_) | Error::Stored { .. })), Undo::Nothing)
            if tx.total_changes() == before =>
        {
            Ok(Err(error))
        }
        (Err(error), _) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER NOT NULL)").unwrap();
        connection
    }

    #[tokio::test]
    async fn waiting_writes_share_a_commit_and_each_gets_its_own_result() {
        let (writer, ended) = Writer::start(counter(), None).unwrap();
        let writes: Vec<_> = (0..100_i64)
            .map(|n| {
                let writer = writer.clone();
                tokio::spawn(async move {
                    writer
                        .write(move |tx| {
                            tx.execute("INSERT INTO t VALUES (?1)", [n])?;
                            Ok(n)
                        })
                        .await
                })
            })
            .collect();
        for (n, write) in writes.into_iter().enumerate() {
            assert_eq!(write.await.unwrap().unwrap(), i64::try_from(n).unwrap());
        }
        let sum: i64 =
            writer.write(|tx| Ok(tx.query_row("SELECT sum(n) FROM t", [], |r| r.get(0))?)).await.unwrap();
        assert_eq!(sum, 4950);
        drop(writer);
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn only_an_impossible_write_is_undone() {
        let (writer, _ended) = Writer::start(counter(), None).unwrap();
        let impossible = writer
            .write::<(), _>(|tx| {
                tx.execute("INSERT INTO t VALUES (1)", [])?;
                Err(Error::Stored { row: 1, what: "nonsense".to_owned() })
            })
            .await;
        assert!(matches!(impossible, Err(Error::Stored { .. })));
        let count: i64 = writer
            .write(|tx| {
                tx.execute("INSERT INTO t VALUES (2)", [])?;
                Ok(tx.query_row("SELECT sum(n) FROM t", [], |r| r.get(0))?)
            })
            .await
            .unwrap();
        assert_eq!(count, 2);
    }

    /// There is no savepoint to undo it with, so it must not be committed with the rest of its group.
    #[tokio::test]
    async fn a_checked_write_that_fails_after_a_change_closes_the_ledger() {
        let (writer, _thread) = Writer::start(counter(), None).unwrap();
        let impossible = || Error::Stored { row: 1, what: "nonsense".to_owned() };
        let early = writer.write_checked::<(), _>(move |_| Err(impossible())).await;
        assert!(matches!(early, Err(Error::Stored { .. })));
        let late = writer
            .write_checked::<(), _>(move |tx| {
                tx.execute("INSERT INTO t VALUES (1)", [])?;
                Err(impossible())
            })
            .await;
        assert!(matches!(late, Err(Error::Stored { .. })));
        let after =
            writer.write(|tx| Ok(tx.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0))?));
        assert!(matches!(after.await, Err(Error::Closed)));
    }

    #[tokio::test]
    async fn an_error_closes_the_ledger() {
        let (writer, _ended) = Writer::start(counter(), None).unwrap();
        let failed = writer.write(|tx| Ok(tx.execute("INSERT INTO t VALUES (NULL)", [])?)).await;
        assert!(failed.is_err());
        let after = writer.write(|tx| Ok(tx.execute("INSERT INTO t VALUES (1)", [])?)).await;
        assert!(after.is_err(), "a ledger that failed once must not be written again");
    }
}
