//! A file read and judged on as many threads as there are cores, and use for them, in batches that come out in the order
//! of the file: what intake and `check` have in common.
//!
//! The threads take turns with the reader: each reads a batch, and judges it while another reads. A bounded number of
//! batches is under way, so memory does not grow with the file. An interruption ends the waiting at once, also for a pipe
//! that says nothing; the threads end with their batches.

use std::io::{self, Read};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread;

// Channels that any runtime can wait for; there is none here.
use tokio::sync::{mpsc, oneshot};

use crate::reader::{self, Header, Input, Layout, Reader, Row};

/// One thread reads as fast as some four judge. Each has a batch in memory.
const THREADS_MAX: usize = 6;

/// Rows that are judged together. Large enough for handing them on to cost little per row, small enough for a Ctrl-C to
/// be answered at once, and for several of them to take little memory.
const BATCH: usize = 500;

/// A batch is full, too, when its rows have so many bytes: no list has such rows, but a broken one may.
const BATCH_BYTES: usize = 512 << 10;

/// Rows of more bytes are not read into again: their memory would be kept for as long as the file is read.
const KEPT_ROW_BYTES: usize = 2048;

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not read {}", named(path))]
    Read { path: String, source: reader::Error },
    #[error("interrupted while reading {}", named(.0))]
    Interrupted(String),
    #[error("could not start a thread to read {}", named(path))]
    Thread { path: String, source: io::Error },
}

/// What messages call a path that the operator gave.
fn named(path: &str) -> String {
    if path == "-" { "standard input".to_owned() } else { format!("`{path}`") }
}

/// A file to read.
pub struct InputSource {
    /// As the operator gave it; `-` is standard input.
    pub path: String,
    pub input: Input,
}

/// How far a reading has come.
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

/// The rows of a file under way, each as what was made of it.
pub struct RowStream<T> {
    path: String,
    /// In the order of the file; the first ones may be done.
    under_way: mpsc::Receiver<oneshot::Receiver<RowBatch<T>>>,
    /// The one that comes to the end of the file says how many rows it had.
    threads: Vec<OnThread<Option<Result<u64, reader::Error>>>>,
    /// Why there are no more of them.
    no_thread: Option<io::Error>,
}

pub struct RowBatch<T> {
    pub rows: Vec<T>,
    pub progress: ReadProgress,
}

/// What one thread at a time reads with.
struct Turn<R, T> {
    reader: Reader<R>,
    /// Read so far.
    rows: u64,
    batches: mpsc::Sender<oneshot::Receiver<RowBatch<T>>>,
}

impl OpenedFile {
    /// Waits for the header, which a pipe may keep us waiting for.
    pub async fn open(
        source: InputSource,
        options: reader::Options,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Self, Error> {
        let InputSource { path, input } = source;
        let opening = on_thread(move || Reader::open_input(input, options));
        let opening = opening.map_err(|source| Error::Thread { path: path.clone(), source })?;
        let opened = tokio::select! {
            biased;
            () = interrupted => return Err(Error::Interrupted(path)),
            opened = joined(opening) => opened,
        };
        match opened {
            Ok(reader) => Ok(Self { path, reader }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// How it is read.
    pub fn layout(&self) -> &Layout {
        self.reader.layout()
    }

    /// Reads everything, and makes of the rows what `judge` makes of them: something of each.
    pub fn start<T: Send + 'static>(
        self,
        judge: impl Fn(&Header, &[Row]) -> Vec<T> + Send + Sync + 'static,
    ) -> RowStream<T> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let count = usize::min(cores, THREADS_MAX);
        // Beside what waits here, one batch waits to be handed over, and two are with whoever takes them.
        let (batches, under_way) = mpsc::channel(count);
        let judge = Arc::new((self.reader.header().clone(), judge));
        let turn = Arc::new(Mutex::new(Some(Turn { reader: self.reader, rows: 0, batches })));
        let (mut threads, mut no_thread) = (Vec::with_capacity(count), None);
        for _ in 0..count {
            let (judge, turn) = (Arc::clone(&judge), Arc::clone(&turn));
            let started = on_thread(move || {
                let (header, judge) = &*judge;
                read_and_validate(&turn, |rows| judge(header, rows))
            });
            match started {
                Ok(thread) => threads.push(thread),
                // Those that there are do the work of all.
                Err(error) => no_thread = Some(error),
            }
        }
        RowStream { path: self.path, under_way, threads, no_thread }
    }
}

impl<T> RowStream<T> {
    /// The next rows, in the order of the file; `None` when all have been handed out.
    pub async fn next(
        &mut self,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<RowBatch<T>>, Error> {
        let next = async {
            let mut batch = self.under_way.recv().await?.await.ok()?;
            // Where they are judged faster than they are taken, two go together, for one commit instead of two.
            if let Ok(judging) = self.under_way.try_recv() {
                let RowBatch { rows, progress } = judging.await.ok()?;
                batch.rows.extend(rows);
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

    /// How many rows the file had, or why it was not read to its end. For when [`next`](Self::next) has handed out
    /// all there are.
    ///
    /// # Panics
    /// Where a thread has.
    pub async fn end(mut self) -> Result<u64, Error> {
        // After a panic some are left.
        self.under_way.close();
        let mut end = None;
        for thread in self.threads {
            end = end.or(joined(thread).await);
        }
        match (end, self.no_thread) {
            (Some(end), _) => end.map_err(|source| Error::Read { path: self.path, source }),
            (None, Some(source)) => Err(Error::Thread { path: self.path, source }),
            (None, None) => unreachable!("a thread comes to the end of the file, or panics"),
        }
    }
}

/// What a thread of its own comes to, a panic included. Who does not wait for it leaves it to itself.
type OnThread<T> = oneshot::Receiver<thread::Result<T>>;

fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<OnThread<T>> {
    let (done, thread) = oneshot::channel();
    thread::Builder::new().name("list".to_owned()).spawn(move || {
        drop(done.send(catch_unwind(AssertUnwindSafe(work))));
    })?;
    Ok(thread)
}

/// A panic over there is a panic here.
async fn joined<T>(thread: OnThread<T>) -> T {
    let result = thread.await.expect("a thread says what it has come to");
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Until there is no more to read, or nobody to take it.
fn read_and_validate<R: Read, T>(
    turn: &Mutex<Option<Turn<R, T>>>,
    judge: impl Fn(&[Row]) -> Vec<T>,
) -> Option<Result<u64, reader::Error>> {
    let mut rows = Vec::new();
    loop {
        // Where a thread panicked in its turn there are no further ones.
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
        let (judged, judging) = oneshot::channel();
        // Fails where nobody takes them any more.
        let is_wanted = filled > 0 && in_turn.batches.blocking_send(judging).is_ok();
        let is_last = !may_be_more || !is_wanted;
        if is_last {
            *turn = None;
        }
        drop(turn);
        if is_wanted {
            drop(judged.send(RowBatch { rows: judge(&rows[..filled]), progress }));
        }
        if is_last {
            return Some(Ok(progress.rows));
        }
        if rows.iter().any(|row| row.cells().as_slice().len() > KEPT_ROW_BYTES) {
            rows.clear();
        }
    }
}

/// Reads a batch into the first of `rows`. Says how many they are, and whether there may be more.
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
        bytes += rows[index].cells().as_slice().len();
    }
    Ok((BATCH, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these rows.
    async fn open(rows: String) -> OpenedFile {
        let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";
        let text = std::io::Cursor::new(format!("{header}\n{rows}"));
        let source = InputSource { path: "a.csv".to_owned(), input: Input::Stream(Box::new(text)) };
        OpenedFile::open(source, reader::Options::default(), std::pin::pin!(std::future::pending()))
            .await
            .unwrap()
    }

    /// The lines of all rows as they come, and the sizes of their batches.
    async fn lines(opened: OpenedFile, judge: fn(&Header, &Row) -> u64) -> (Vec<u64>, Vec<usize>) {
        let mut rows = opened.start(move |header, rows| rows.iter().map(|row| judge(header, row)).collect());
        let (mut lines, mut sizes) = (Vec::new(), Vec::new());
        let mut interrupted = std::pin::pin!(std::future::pending());
        while let Some(batch) = rows.next(interrupted.as_mut()).await.unwrap() {
            sizes.push(batch.rows.len());
            lines.extend(batch.rows);
            assert_eq!(batch.progress.rows, lines.len() as u64);
        }
        assert_eq!(rows.end().await.unwrap(), lines.len() as u64);
        (lines, sizes)
    }

    #[tokio::test]
    async fn rows_come_in_the_order_of_the_file_however_long_they_are_judged() {
        let opened = open("Contoso,a,,,,,,,\n".repeat(3500)).await;
        let (lines, sizes) = lines(opened, |_, row| {
            if row.line() == 2 {
                // The first batch is done last.
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            row.line()
        })
        .await;
        assert!(lines.iter().copied().eq(2..3502));
        assert!(sizes.iter().all(|&rows| rows <= 1000), "{sizes:?}");
    }

    #[tokio::test]
    async fn what_stands_before_a_fault_comes_before_it() {
        let opened = open("Contoso,a,,,,,,,\n".repeat(2300) + "\"Contoso,a,,,,,,,\n").await;
        let mut rows = opened.start(|_, rows| rows.iter().map(Row::line).collect());
        let mut interrupted = std::pin::pin!(std::future::pending());
        let mut lines = Vec::new();
        while let Some(batch) = rows.next(interrupted.as_mut()).await.unwrap() {
            lines.extend(batch.rows);
        }
        assert!(lines.iter().copied().eq(2..2002), "whole batches: {}", lines.len());
        assert!(matches!(rows.end().await, Err(Error::Read { .. })));
    }

    #[tokio::test]
    #[should_panic(expected = "a row like no other")]
    async fn a_panic_over_there_is_one_here() {
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
