//! Reads and validates a file on several threads and returns batches in file order.
//!
//! Intake and `check` both use this module. There are as many threads as cores, up to a limit. The threads take turns
//! with the reader: each thread reads a batch, and validates the batch while another thread reads. The number of
//! batches in progress is bounded, so memory does not grow with the file. An interruption ends the wait at once, even
//! for a pipe that sends nothing. The threads end after their current batch.

use std::io::{self, Read};
use std::num::NonZero;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread;

// Channels that work with any runtime; this crate has none.
use tokio::sync::{mpsc, oneshot};

use tenantry_model::thread::{OnThread, on_thread};

use crate::reader::{self, Header, Input, Layout, Reader, Row};

/// One thread reads about as fast as four threads validate. Each thread has a batch in memory.
const THREADS_MAX: usize = 6;

/// How many rows are validated together. The batch is large enough that passing it on costs little per row. It is small
/// enough to answer Ctrl-C at once, and several batches take little memory.
const BATCH: usize = 500;

/// A batch is also full when its rows have this many bytes. Only a broken list has such rows.
const BATCH_BYTES: usize = 512 << 10;

/// Rows with more bytes are not reused as buffers, because their memory would be kept until the end of the file.
const KEPT_ROW_BYTES: usize = 2048;

/// Why reading stopped before the end of the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not read {}", named(path))]
    Read { path: String, source: reader::Error },
    #[error("interrupted while reading {}", named(.0))]
    Interrupted(String),
    #[error("could not start a thread to read {}", named(path))]
    Thread { path: String, source: io::Error },
}

/// How messages name a path that the operator gave.
fn named(path: &str) -> String {
    if path == "-" { "standard input".to_owned() } else { format!("`{path}`") }
}

/// A file to read.
pub struct InputSource {
    /// As the operator gave it; `-` means standard input.
    pub path: String,
    pub input: Input,
}

/// How much of a file has been read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadProgress {
    pub bytes: u64,
    pub rows: u64,
}

/// A file whose header has been read.
pub struct OpenedFile {
    path: String,
    reader: Reader<Input>,
}

/// The rows of a file that is being read, as the results of validation.
pub struct RowStream<T> {
    path: String,
    /// In file order; the first batches may be finished.
    under_way: mpsc::Receiver<oneshot::Receiver<RowBatch<T>>>,
    /// The thread that reaches the end of the file returns the number of rows.
    threads: Vec<OnThread<Option<Result<u64, reader::Error>>>>,
    /// Why no more threads could be started.
    no_thread: Option<io::Error>,
}

/// Consecutive rows.
pub struct RowBatch<T> {
    /// As the threads have made them, because moving rows costs more than the rest of joining them.
    parts: Vec<Vec<T>>,
    pub progress: ReadProgress,
}

impl<T> RowBatch<T> {
    pub fn row_count(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.parts.iter_mut().flatten()
    }

    pub fn into_rows(self) -> impl Iterator<Item = T> {
        self.parts.into_iter().flatten()
    }
}

/// The reader and its state; one thread at a time uses it.
struct Turn<R, T> {
    reader: Reader<R>,
    /// How many rows have been read so far.
    rows: u64,
    batches: mpsc::Sender<oneshot::Receiver<RowBatch<T>>>,
}

impl OpenedFile {
    /// Waits for the header, which can take long if the input is a pipe.
    pub async fn open(
        source: InputSource,
        options: reader::Options,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Self, Error> {
        let InputSource { path, input } = source;
        let opening = on_thread("list", move || Reader::open_input(input, options));
        let opening = opening.map_err(|source| Error::Thread { path: path.clone(), source })?;
        let opened = tokio::select! {
            biased;
            () = interrupted => return Err(Error::Interrupted(path)),
            opened = opening.joined() => opened,
        };
        match opened {
            Ok(reader) => Ok(Self { path, reader }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// How the file is read.
    pub fn layout(&self) -> &Layout {
        self.reader.layout()
    }

    /// Reads the whole file. `validate` turns the rows of a batch into results, one per row.
    pub fn start<T: Send + 'static>(
        self,
        validate: impl Fn(&Header, &[Row]) -> Vec<T> + Send + Sync + 'static,
    ) -> RowStream<T> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let count = usize::min(cores, THREADS_MAX);
        // In addition to the batches in this channel, one batch waits to be sent, and the receiver holds two.
        let (batches, under_way) = mpsc::channel(count);
        let validate = Arc::new((self.reader.header().clone(), validate));
        let turn = Arc::new(Mutex::new(Some(Turn { reader: self.reader, rows: 0, batches })));
        let (mut threads, mut no_thread) = (Vec::with_capacity(count), None);
        for _ in 0..count {
            let (validate, turn) = (Arc::clone(&validate), Arc::clone(&turn));
            let started = on_thread("list", move || {
                let (header, validate) = &*validate;
                read_and_validate(&turn, |rows| validate(header, rows))
            });
            match started {
                Ok(thread) => threads.push(thread),
                // The threads that did start do all the work.
                Err(error) => no_thread = Some(error),
            }
        }
        RowStream { path: self.path, under_way, threads, no_thread }
    }
}

impl<T> RowStream<T> {
    /// The next rows in file order; `None` after the last row.
    pub async fn next(
        &mut self,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<RowBatch<T>>, Error> {
        let next = async {
            let mut batch = self.under_way.recv().await?.await.ok()?;
            // If validation is faster than the receiver, join two batches: one commit instead of two.
            if let Ok(pending) = self.under_way.try_recv() {
                let RowBatch { parts, progress } = pending.await.ok()?;
                batch.parts.extend(parts);
                batch.progress = progress;
            }
            Some(batch)
        };
        tokio::select! {
            biased;
            () = interrupted => Err(Error::Interrupted(self.path.clone())),
            batch = next => Ok(batch),
        }
    }

    /// How many rows the file had, or why reading stopped early. Call it after [`next`](Self::next) has returned
    /// `None`.
    ///
    /// # Panics
    /// If a thread has panicked.
    pub async fn end(mut self) -> Result<u64, Error> {
        // After a panic, some batches are left.
        self.under_way.close();
        let mut end = None;
        for thread in self.threads {
            end = end.or(thread.joined().await);
        }
        match (end, self.no_thread) {
            (Some(end), _) => end.map_err(|source| Error::Read { path: self.path, source }),
            (None, Some(source)) => Err(Error::Thread { path: self.path, source }),
            (None, None) => unreachable!("a thread reads to the end of the file, or panics"),
        }
    }
}

/// Reads and validates until the input ends or no receiver is left.
fn read_and_validate<R: Read, T>(
    turn: &Mutex<Option<Turn<R, T>>>,
    validate: impl Fn(&[Row]) -> Vec<T>,
) -> Option<Result<u64, reader::Error>> {
    let mut rows = Vec::new();
    loop {
        // A thread that panics during its turn poisons the lock; then no further turns are possible.
        let mut turn = turn.lock().ok()?;
        let in_turn = turn.as_mut()?;
        let (filled, may_be_more) = match fill(&mut in_turn.reader, &mut rows) {
            Ok(filled) => filled,
            Err(error) => {
                *turn = None;
                return Some(Err(error));
            }
        };
        in_turn.rows += filled as u64;
        let progress = ReadProgress { bytes: in_turn.reader.bytes_read(), rows: in_turn.rows };
        let (validated, pending) = oneshot::channel();
        // Fails if no receiver is left.
        let is_wanted = filled > 0 && in_turn.batches.blocking_send(pending).is_ok();
        let is_last = !may_be_more || !is_wanted;
        if is_last {
            *turn = None;
        }
        drop(turn);
        if is_wanted {
            drop(validated.send(RowBatch { parts: vec![validate(&rows[..filled])], progress }));
        }
        if is_last {
            return Some(Ok(progress.rows));
        }
        if rows.iter().any(|row| row.bytes().len() > KEPT_ROW_BYTES) {
            rows.clear();
        }
    }
}

/// Reads a batch into the first elements of `rows`. Returns how many rows it read, and whether there may be more.
fn fill<R: Read>(reader: &mut Reader<R>, rows: &mut Vec<Row>) -> Result<(usize, bool), reader::Error> {
    let mut bytes = 0;
    for index in 0..BATCH {
        if bytes >= BATCH_BYTES {
            return Ok((index, true));
        }
        if index == rows.len() {
            rows.push(Row::default());
        }
        if !reader.read(&mut rows[index])? {
            return Ok((index, false));
        }
        bytes += rows[index].bytes().len();
    }
    Ok((BATCH, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these rows.
    async fn open(rows: String) -> OpenedFile {
        let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";
        let text = std::io::Cursor::new(format!("{header}\n{rows}"));
        let source = InputSource { path: "a.csv".to_owned(), input: Input::Stream(Box::new(text)) };
        OpenedFile::open(source, reader::Options::default(), std::pin::pin!(std::future::pending()))
            .await
            .unwrap()
    }

    /// The lines of all rows in the order they arrive, and the sizes of their batches.
    async fn lines(opened: OpenedFile, validate: fn(&Header, &Row) -> u64) -> (Vec<u64>, Vec<usize>) {
        let mut rows =
            opened.start(move |header, rows| rows.iter().map(|row| validate(header, row)).collect());
        let (mut lines, mut sizes) = (Vec::new(), Vec::new());
        let mut interrupted = std::pin::pin!(std::future::pending());
        while let Some(batch) = rows.next(interrupted.as_mut()).await.unwrap() {
            let read = batch.progress.rows;
            sizes.push(batch.row_count());
            lines.extend(batch.into_rows());
            assert_eq!(read, lines.len() as u64);
        }
        assert_eq!(rows.end().await.unwrap(), lines.len() as u64);
        (lines, sizes)
    }

    #[tokio::test]
    async fn rows_come_in_the_order_of_the_file_however_long_validation_takes() {
        let opened = open("Contoso,a,,,,,,,\n".repeat(3500)).await;
        let (lines, sizes) = lines(opened, |_, row| {
            if row.line() == 2 {
                // The first batch is finished last.
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            row.line()
        })
        .await;
        assert!(lines.iter().copied().eq(2..3502));
        assert!(sizes.iter().all(|&rows| rows <= 1000), "{sizes:?}");
    }

    #[tokio::test]
    async fn rows_before_a_fault_come_before_it() {
        let opened = open("Contoso,a,,,,,,,\n".repeat(2300) + "\"Contoso,a,,,,,,,\n").await;
        let mut rows = opened.start(|_, rows| rows.iter().map(Row::line).collect());
        let mut interrupted = std::pin::pin!(std::future::pending());
        let mut lines = Vec::new();
        while let Some(batch) = rows.next(interrupted.as_mut()).await.unwrap() {
            lines.extend(batch.into_rows());
        }
        assert!(lines.iter().copied().eq(2..2002), "whole batches: {}", lines.len());
        assert!(matches!(rows.end().await, Err(Error::Read { .. })));
    }

    #[tokio::test]
    #[should_panic(expected = "a row like no other")]
    async fn a_panic_of_a_thread_is_passed_on() {
        let opened = open("Contoso,a,,,,,,,\n".repeat(9000)).await;
        lines(opened, |_, row| if row.line() == 4000 { panic!("a row like no other") } else { row.line() })
            .await;
    }

    #[tokio::test]
    async fn a_batch_of_long_rows_has_few_of_them() {
        let opened = open(format!("{},a,,,,,,,\n", "x".repeat(100_000)).repeat(30)).await;
        let (lines, sizes) = lines(opened, |_, row| row.line()).await;
        assert!(lines.iter().copied().eq(2..32));
        assert!(sizes.iter().all(|&rows| rows <= 12), "{sizes:?}");
    }
}
