//! A file read on a thread of its own and judged on as many as there are cores, in batches that come out in the order
//! of the file: what intake and `check` have in common.
//!
//! As many batches are under way as there are cores, and one more, so memory does not grow with the file. An
//! interruption ends the waiting at once, also for a pipe that says nothing; the threads end with their batches.

use std::io::Read;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc as channel;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::reader::{self, Header, Input, Layout, Reader, Row};

/// Rows that are judged together. Large enough for handing them on to cost little per row, small enough for a Ctrl-C to
/// be answered at once, and for several of them to take little memory.
const BATCH: usize = 500;

/// A batch is full, too, when its rows have so many bytes: no list has such rows, but a broken one may.
const BATCH_BYTES: usize = 512 << 10;

/// Rows of more bytes are not read into again: their memory would be kept for as long as the file is read.
const KEPT_ROW_BYTES: usize = 2048;

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read {}", named(path))]
    Read { path: String, source: reader::Error },
    #[error("interrupted while reading {}", named(.0))]
    Interrupted(String),
}

/// What messages call a path that the operator gave.
fn named(path: &str) -> String {
    if path == "-" { "standard input".to_owned() } else { format!("`{path}`") }
}

/// A file to read.
pub(crate) struct Source {
    /// As the operator gave it; `-` is standard input.
    pub(crate) path: String,
    pub(crate) input: Input,
}

/// How far a reading has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// A file whose header has been read.
pub(crate) struct Opened {
    path: String,
    reader: Reader<Input>,
}

/// The rows of a file under way, each as what was made of it.
pub(crate) struct Rows<T> {
    path: String,
    /// In the order of the file; the first ones may be done.
    under_way: mpsc::Receiver<JoinHandle<Batch<T>>>,
    thread: JoinHandle<Result<u64, reader::Error>>,
}

pub(crate) struct Batch<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) progress: Progress,
}

impl Opened {
    /// Waits for the header, which a pipe may keep us waiting for.
    pub(crate) async fn open(
        source: Source,
        options: reader::Options,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Self, Error> {
        let Source { path, input } = source;
        let opening = tokio::task::spawn_blocking(move || Reader::open_input(input, options));
        let opened = tokio::select! {
            biased;
            () = interrupted => return Err(Error::Interrupted(path)),
            opened = opening => joined(opened),
        };
        match opened {
            Ok(reader) => Ok(Self { path, reader }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    pub(crate) fn header(&self) -> &Header {
        self.reader.header()
    }

    /// How it is read.
    pub(crate) fn layout(&self) -> &Layout {
        self.reader.layout()
    }

    /// Reads everything on a thread of its own and makes of each row what `judge` makes of it on another.
    pub(crate) fn start<T: Send + 'static>(
        self,
        judge: impl Fn(&Header, &Row) -> T + Send + Sync + 'static,
    ) -> Rows<T> {
        // Beside what waits here, one batch waits to be handed over, and one is with whoever takes them.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (batches, under_way) = mpsc::channel(usize::max(cores - 1, 1));
        let thread = tokio::task::spawn_blocking(move || read_all(self.reader, judge, &batches));
        Rows { path: self.path, under_way, thread }
    }
}

impl<T> Rows<T> {
    /// The next rows, in the order of the file; `None` when all have been handed out.
    pub(crate) async fn next(
        &mut self,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<Batch<T>>, Error> {
        let next = async {
            let mut batch = joined(self.under_way.recv().await?.await);
            // Where they are judged faster than they are taken, two go together, for one commit instead of two.
            if let Ok(judging) = self.under_way.try_recv() {
                let Batch { rows, progress } = joined(judging.await);
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
    pub(crate) async fn end(self) -> Result<u64, Error> {
        joined(self.thread.await).map_err(|source| Error::Read { path: self.path, source })
    }
}

/// A panic over there is a panic here.
fn joined<T>(result: Result<T, JoinError>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Ends early when nobody takes the batches any more.
fn read_all<R: Read, T: Send + 'static>(
    mut reader: Reader<R>,
    judge: impl Fn(&Header, &Row) -> T + Send + Sync + 'static,
    batches: &mpsc::Sender<JoinHandle<Batch<T>>>,
) -> Result<u64, reader::Error> {
    let judge = Arc::new((reader.header().clone(), judge));
    let (give_back, spare) = channel::channel();
    let mut count = 0;
    loop {
        let mut rows: Vec<Row> = spare.try_recv().unwrap_or_default();
        let (filled, more) = fill(&mut reader, &mut rows)?;
        count += filled as u64;
        let progress = Progress { bytes: reader.bytes_read(), rows: count };
        if filled > 0 {
            let (judge, give_back) = (Arc::clone(&judge), give_back.clone());
            let judging = tokio::task::spawn_blocking(move || {
                let (header, judge) = &*judge;
                let judged = rows[..filled].iter().map(|row| judge(header, row)).collect();
                if rows.iter().all(|row| row.cells().as_slice().len() <= KEPT_ROW_BYTES) {
                    // At the end of the file nobody wants them back.
                    drop(give_back.send(rows));
                }
                Batch { rows: judged, progress }
            });
            if batches.blocking_send(judging).is_err() {
                return Ok(count);
            }
        }
        if !more {
            return Ok(count);
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
    async fn open(rows: String) -> Opened {
        let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";
        let text = std::io::Cursor::new(format!("{header}\n{rows}"));
        let source = Source { path: "a.csv".to_owned(), input: Input::Stream(Box::new(text)) };
        Opened::open(source, reader::Options::default(), std::pin::pin!(std::future::pending()))
            .await
            .unwrap()
    }

    /// The lines of all rows as they come, and the sizes of their batches.
    async fn lines(opened: Opened, judge: fn(&Header, &Row) -> u64) -> (Vec<u64>, Vec<usize>) {
        let mut rows = opened.start(judge);
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
    async fn a_batch_of_long_rows_has_few_of_them() {
        let opened = open(format!("{},a,,,,,,,\n", "x".repeat(100_000)).repeat(30)).await;
        let (lines, sizes) = lines(opened, |_, row| row.line()).await;
        assert!(lines.iter().copied().eq(2..32));
        assert!(sizes.iter().all(|&rows| rows <= 12), "{sizes:?}");
    }
}
