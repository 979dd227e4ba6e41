//! Receives Ctrl-C, SIGTERM and the end of the terminal or session as values.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{ExitCode, Failure};
use crate::outlet::{SETTLES_WITHIN, STUCK_AFTER};
use crate::submitter::Signal;

/// Whether the operating system's default, immediate termination, is off.
static IS_LISTENING: AtomicBool = AtomicBool::new(false);

/// The first signal received.
static HEARD: OnceLock<Signal> = OnceLock::new();

/// Wakes a thread that waits for something that is not a future, such as a write to a pipe.
static BELL: Mutex<Option<std::sync::mpsc::Sender<Option<Signal>>>> = Mutex::new(None);

/// Extra time for work that is almost finished when a signal arrives.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Returns a receiver for signals. From the first call on, signals no longer terminate the process immediately.
pub(crate) fn listen() -> mpsc::Receiver<Signal> {
    // At most two are needed: one to finish what is in flight, one to leave immediately.
    let (sender, receiver) = mpsc::channel(4);
    IS_LISTENING.store(true, Ordering::Relaxed);
    // Register synchronously: a task might start only after a request was already sent.
    register(&sender);
    receiver
}

/// From now on, a signal that ends the process removes this file first. A command that listens for signals itself removes
/// its files when it ends.
#[expect(clippy::exit, reason = "the thread that writes the file may never return")]
pub(super) fn remove_if_ended(file: &Path) {
    if IS_LISTENING.load(Ordering::Relaxed) || tokio::runtime::Handle::try_current().is_err() {
        return;
    }
    let (mut signals, file) = (listen(), file.to_owned());
    tokio::spawn(async move {
        if let Some(signal) = signals.recv().await {
            // It may have its name already.
            drop(std::fs::remove_file(file));
            std::process::exit(ExitCode::from(signal).number().into());
        }
    });
}

/// Forwards `signal`. `false`: the receiver is gone.
async fn pass_on(signal: Signal, sender: &mpsc::Sender<Signal>) -> bool {
    // Before the lock of the bell: a thread that sets a new bell later must see this.
    HEARD.get_or_init(|| signal);
    crate::ledger::signalled();
    if let Some(bell) = &*bell() {
        // If the waiting thread has already finished, it needs no bell.
        bell.send(Some(signal)).unwrap_or_default();
    }
    sender.send(signal).await.is_ok()
}

/// The first signal received.
pub(super) fn heard() -> Option<Signal> {
    HEARD.get().copied()
}

fn bell() -> MutexGuard<'static, Option<std::sync::mpsc::Sender<Option<Signal>>>> {
    BELL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work`, which may block, and returns its result or the next signal. After a signal, `work` is left running in
/// its thread. `work` counts its progress, so that slow work is not considered stuck. If a signal was received before,
/// stuck work is left without waiting for another signal.
pub(crate) fn unless_signalled<T: Send + 'static>(
    work: impl Fn(&AtomicU64) -> T + Send + Sync + 'static,
) -> Result<T, Signal> {
    let moves = Arc::new(AtomicU64::new(0));
    if !IS_LISTENING.load(Ordering::Relaxed) {
        return Ok(work(&moves));
    }
    let work = Arc::new(work);
    let (ring, rings) = std::sync::mpsc::channel();
    let (sender, done) = std::sync::mpsc::channel();
    *bell() = Some(ring.clone());
    let beside = (Arc::clone(&work), Arc::clone(&moves));
    let started = thread::Builder::new().spawn(move || {
        let (work, moves) = beside;
        // The waiting thread may be gone.
        drop(sender.send(catch_unwind(AssertUnwindSafe(|| work(&moves)))));
        ring.send(None).unwrap_or_default();
    });
    if started.is_err() {
        *bell() = None;
        return Ok(work(&moves));
    }
    let rung = rung_or_stuck(&rings, &moves);
    *bell() = None;
    let patience = if rung.is_some() { A_MOMENT } else { Duration::MAX };
    match (done.recv_timeout(patience), rung) {
        (Ok(Ok(done)), _) => Ok(done),
        (Ok(Err(panic)), _) => resume_unwind(panic),
        (Err(_), Some(signal)) => Err(signal),
        (Err(_), None) => unreachable!("the thread says what came of its work before it rings"),
    }
}

/// The signal that ends the wait; `None`: the work is done.
fn rung_or_stuck(rings: &std::sync::mpsc::Receiver<Option<Signal>>, moves: &AtomicU64) -> Option<Signal> {
    let Some(heard) = heard() else { return rings.recv().ok().flatten() };
    let gives_up_at = Instant::now() + SETTLES_WITHIN;
    loop {
        let before = moves.load(Ordering::Relaxed);
        match rings.recv_timeout(STUCK_AFTER) {
            Ok(rung) => return rung,
            Err(_) if moves.load(Ordering::Relaxed) == before || Instant::now() >= gives_up_at => {
                return Some(heard);
            }
            Err(_) => {}
        }
    }
}

/// Ends a command that can be interrupted at any time, because it leaves nothing half-done.
#[derive(Debug, Clone)]
pub(crate) struct Interruption {
    stopping: CancellationToken,
}

impl Interruption {
    /// Starts listening.
    pub(crate) fn listen() -> Self {
        let stopping = CancellationToken::new();
        let (mut signals, stop) = (listen(), stopping.clone());
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                stop.cancel();
            }
        });
        Self { stopping }
    }

    /// A token that the first signal cancels.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// The result of `work`, or a failure if a signal arrives first.
    pub(crate) async fn unless<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(self.failure()),
            done = work => Ok(done),
        }
    }

    /// The failure of a command that a signal ended.
    pub(crate) fn failure(&self) -> Failure {
        let exit_code = heard().map_or(ExitCode::Interrupted, ExitCode::from);
        Failure::new(exit_code, "interrupted")
    }
}

/// Forwards each event of `heard` as `signal`, as long as the receiver exists.
fn forward(
    signal: Signal,
    sender: &mpsc::Sender<Signal>,
    mut heard: impl FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send + 'static,
) {
    let sender = sender.clone();
    tokio::spawn(
        async move { while poll_fn(&mut heard).await.is_some() && pass_on(signal, &sender).await {} },
    );
}

/// A lost terminal, such as that of a broken SSH connection, counts as SIGTERM, as on Windows, unless `nohup` made the
/// process ignore it.
#[cfg(unix)]
fn register(sender: &mpsc::Sender<Signal>) {
    use tokio::signal::unix::{SignalKind, signal};
    let hangup = hangups_count().then_some((SignalKind::hangup(), Signal::Terminate));
    let always = [(SignalKind::interrupt(), Signal::Interrupt), (SignalKind::terminate(), Signal::Terminate)];
    for (kind, meaning) in always.into_iter().chain(hangup) {
        if let Ok(mut heard) = signal(kind) {
            forward(meaning, sender, move |context| heard.poll_recv(context));
        }
    }
}

/// Whether SIGHUP was not ignored when this process started. Only Linux reports this, in a mask of ignored signals.
/// Elsewhere SIGHUP keeps the default of the operating system, which ends the process unless `nohup` prevents it.
#[cfg(unix)]
fn hangups_count() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
}

/// Ctrl-Break counts as Ctrl-C. Closing the console window, logging off or shutting Windows down leaves a few seconds,
/// as SIGTERM does elsewhere.
#[cfg(windows)]
fn register(sender: &mpsc::Sender<Signal>) {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    if let (Ok(mut interrupt), Ok(mut ctrl_break)) = (ctrl_c(), ctrl_break()) {
        forward(Signal::Interrupt, sender, move |context| interrupt.poll_recv(context));
        forward(Signal::Interrupt, sender, move |context| ctrl_break.poll_recv(context));
    }
    if let (Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) = (ctrl_close(), ctrl_logoff(), ctrl_shutdown())
    {
        forward(Signal::Terminate, sender, move |context| close.poll_recv(context));
        forward(Signal::Terminate, sender, move |context| logoff.poll_recv(context));
        forward(Signal::Terminate, sender, move |context| shutdown.poll_recv(context));
    }
}
