//! Runs what blocks on a thread of its own. A runtime could provide one, but it panics if the system does not give it one.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

// Works with any runtime; this crate has none.
use tokio::sync::oneshot;

/// The result of a thread, which can be a panic. If it is dropped, the thread runs on detached.
#[derive(Debug)]
pub struct OnThread<T>(oneshot::Receiver<thread::Result<T>>);

/// Starts a thread.
///
/// # Errors
/// The system has no thread to give.
pub fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<OnThread<T>> {
    let (done, result) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        drop(done.send(catch_unwind(AssertUnwindSafe(work))));
    })?;
    Ok(OnThread(result))
}

/// The result of `work` on a thread, or that there is no thread.
pub async fn done_on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    on_thread(name, work)?.joined().await
}

impl<T> OnThread<T> {
    /// Waits for the result, and passes a panic of the thread on to the caller.
    pub async fn joined(self) -> T {
        let result = self.0.await.expect("a thread returns its result");
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}
