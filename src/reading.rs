//! A file read and judged on a thread of its own, in batches: what intake and `check` have in common.
//!
//! At most [`BATCHES_AHEAD`] batches wait for whoever takes them, so memory does not grow with the file. An
//! interruption ends the waiting at once, also for a pipe that says nothing; the thread ends with its next batch.

use std::io::Read;
use std::pin::Pin;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::reader::{self, Header, Input, Layout, Reader, Row};

/// Rows that go together. Large enough for a commit to cost little per row, small enough for a Ctrl-C to be
/// answered at once.
const BATCH: usize = 1000;

/// Batches between the reading thread and whoever takes them.
const BATCHES_AHEAD: usize = 2;

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{path}`")]
    Read { path: String, source: reader::Error },
    #[error("interrupted while reading `{0}`")]
    Interrupted(String),
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
    ready: mpsc::Receiver<Batch<T>>,
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

    /// Reads everything on a thread of its own and makes of each row what `judge` makes of it there.
    pub(crate) fn start<T: Send + 'static>(
        self,
        judge: impl FnMut(&Header, &Row) -> T + Send + 'static,
    ) -> Rows<T> {
        let (batches, ready) = mpsc::channel(BATCHES_AHEAD);
        let thread = tokio::task::spawn_blocking(move || read_all(self.reader, judge, &batches));
        Rows { path: self.path, ready, thread }
    }
}

impl<T> Rows<T> {
    /// The next rows, in the order of the file; `None` when all have been handed out.
    pub(crate) async fn next(
        &mut self,
        interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<Batch<T>>, Error> {
        tokio::select! {
            biased;
            () = interrupted => Err(Error::Interrupted(self.path.clone())),
            batch = self.ready.recv() => Ok(batch),
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
fn read_all<R: Read, T>(
    mut reader: Reader<R>,
    mut judge: impl FnMut(&Header, &Row) -> T,
    batches: &mpsc::Sender<Batch<T>>,
) -> Result<u64, reader::Error> {
    let header = reader.header().clone();
    let mut row = Row::default();
    let mut count = 0;
    let mut rows = Vec::with_capacity(BATCH);
    loop {
        let more = reader.read(&mut row)?;
        if more {
            count += 1;
            rows.push(judge(&header, &row));
        }
        if rows.len() == BATCH || (!more && !rows.is_empty()) {
            let full = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
            let progress = Progress { bytes: reader.bytes_read(), rows: count };
            if batches.blocking_send(Batch { rows: full, progress }).is_err() {
                return Ok(count);
            }
        }
        if !more {
            return Ok(count);
        }
    }
}
