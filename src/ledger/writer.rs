//! The one thread that owns the connection that writes.
//!
//! A write is a closure over a transaction. The thread takes whatever writes are waiting, runs them in one
//! transaction, commits (one fsync for all of them) and only then tells each caller its result.
//!
//! Invariant: a caller that holds a result holds a durable one. Everything that section 3 of the product contract
//! calls durable rests on that.
//!
//! An error of SQLite's rolls the whole group back and closes the ledger for this process: a ledger that failed once
//! must not be half trusted, and the next run opens it afresh. A write that asks for something impossible is undone
//! alone and told so.
//!
//! A full disk is the exception, where room was set aside: SQLite has undone the group as a whole, the reserve is given up
//! ([`super::reserve`]), and the answers under way are written again. Nothing more is intended then.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::open_files::OpenFiles;
use super::reserve::Room;
use super::{Error, Result};
use tenantry_model::failpoint;

/// Writes that may wait for the thread. Twice the largest useful concurrency; a full queue makes callers wait.
const QUEUE: usize = 1024;

/// Writes in one transaction at most, so that a commit stays short enough to be interrupted between two.
const GROUP: usize = 512;

/// Some file systems free the room of a removed file a moment later.
const TRIES_ON_A_FULL_DISK: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

type Erased = Box<dyn Any + Send>;
type WriteJob = Box<dyn FnOnce(&Transaction<'_>) -> Result<Erased> + Send>;

struct Write {
    job: WriteJob,
    reply: oneshot::Sender<Result<Erased>>,
}

/// The handle to the thread. Cheap to clone; the thread ends when the last one is gone.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Write>,
    room: Arc<Room>,
}

impl Writer {
    /// Starts the thread on `connection`, whose files have to stay in their `place`. Joining the second value waits until everything queued is durable.
    pub(super) fn start(connection: Connection, place: Option<OpenFiles>) -> Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let room = Arc::<Room>::default();
        let rooms = Arc::clone(&room);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || serve(connection, place, waiting, &rooms))
            .map_err(|error| Error::Thread(Arc::new(error)))?;
        Ok((Self { queue, room }, thread))
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// # Errors
    /// The disk is full, and what is left is for answers.
    pub(super) fn may_intend(&self) -> Result<()> {
        self.room.ran_out().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Writes what an answer brought: `job` makes the same write each time, and it is tried again in the room that was set
    /// aside for it.
    pub(super) async fn write_answer<T, F>(&self, job: impl Fn() -> F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let mut tries = 1;
        loop {
            match self.write(job()).await {
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

    /// Runs `job` in a transaction and returns its result once that is committed.
    pub(super) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job: WriteJob = Box::new(move |tx| Ok(Box::new(job(tx)?) as Erased));
        self.queue.send(Write { job, reply }).await.map_err(|_| Error::Closed)?;
        let value = result.await.map_err(|_| Error::Closed)??;
        Ok(*value.downcast::<T>().expect("a job's result has the type that the job was queued with"))
    }
}

fn serve(
    mut connection: Connection,
    mut place: Option<OpenFiles>,
    mut waiting: mpsc::Receiver<Write>,
    room: &Room,
) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        // The writes of rows that were told of the last commit together come together, a moment after the first.
        std::thread::yield_now();
        while group.len() < GROUP
            && let Ok(write) = waiting.try_recv()
        {
            group.push(write);
        }
        match commit(&mut connection, place.as_mut(), &mut group, room) {
            // Nothing more is sent, but an answer in hand may bring a password, and can still be kept.
            Ok(()) | Err(Error::LockTaken { .. }) => {}
            Err(error) if error.is_about_room() && room.ran_out().is_some() => {}
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(error = %error, cause, "ledger write failed; nothing more is written in this run");
                return;
            }
        }
    }
}

/// Runs one group of writes. Results are handed out only after the commit; on an error every caller hears of it.
fn commit(
    connection: &mut Connection,
    place: Option<&mut OpenFiles>,
    group: &mut Vec<Write>,
    room: &Room,
) -> Result<()> {
    let mut replies = Vec::with_capacity(group.len());
    let outcome = run_group(connection, group.drain(..), &mut replies).and_then(|()| {
        super::disk_faults::synced(connection.path().map(Path::new))?;
        failpoint::crash("committed");
        // A commit to a file that nobody will find again is none.
        place.map_or(Ok(()), OpenFiles::check)
    });
    // Before anybody hears of it, because those who do will try again.
    if let Err(error) = &outcome
        && error.is_about_room()
        && let Some(bytes) = room.give_up(error)
    {
        super::disk_faults::room_was_made(connection, bytes)?;
        tracing::warn!("the disk is full; answers under way are recorded in the room that was set aside");
    }
    for (reply, value) in replies {
        let result = outcome.clone().and(value);
        // A caller that went away does not need its result; the write is durable all the same.
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
            None => run_job(&tx, write.job).unwrap_or_else(|error| {
                failed = Some(error.clone());
                Err(error)
            }),
            Some(_) => Err(Error::Closed),
        };
        replies.push((write.reply, value));
    }
    // Dropped without a commit, the transaction is rolled back.
    failed.map_or(Ok(()), Err)?;
    failpoint::crash("commit");
    Ok(tx.commit()?)
}

/// Runs one write inside its own savepoint. The outer error is SQLite's and fails the group; the inner one is the
/// write's own (an impossible change, a row that cannot be understood): its part is undone, and what the others
/// bring, a password that can be had once among it, is kept.
fn run_job(tx: &Transaction<'_>, job: WriteJob) -> Result<Result<Erased>> {
    tx.prepare_cached("SAVEPOINT job")?.execute([])?;
    match job(tx) {
        Ok(value) => {
            tx.prepare_cached("RELEASE job")?.execute([])?;
            Ok(Ok(value))
        }
        Err(error @ (Error::Illegal(_) | Error::Stored { .. })) => {
            tx.execute_batch("ROLLBACK TO job; RELEASE job")?;
            Ok(Err(error))
        }
        Err(error) => Err(error),
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
        let (writer, thread) = Writer::start(counter(), None).unwrap();
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
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn an_impossible_write_is_undone_alone() {
        let (writer, _thread) = Writer::start(counter(), None).unwrap();
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

    #[tokio::test]
    async fn an_error_closes_the_ledger() {
        let (writer, _thread) = Writer::start(counter(), None).unwrap();
        let failed = writer.write(|tx| Ok(tx.execute("INSERT INTO t VALUES (NULL)", [])?)).await;
        assert!(failed.is_err());
        let after = writer.write(|tx| Ok(tx.execute("INSERT INTO t VALUES (1)", [])?)).await;
        assert!(after.is_err(), "a ledger that failed once must not be written again");
    }
}
