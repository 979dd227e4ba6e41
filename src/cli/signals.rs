//! Ctrl-C, SIGTERM and the end of the terminal or of the session as values.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
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

/// The operating system's default, dying on the spot, is off.
static IS_LISTENING: AtomicBool = AtomicBool::new(false);

/// The first signal that was heard.
static HEARD: OnceLock<Signal> = OnceLock::new();

/// Rings for who waits for something that is no future, such as a write to a pipe.
static BELL: Mutex<Option<std::sync::mpsc::Sender<Option<Signal>>>> = Mutex::new(None);

/// Work that needs a moment more is not cut off by a signal.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Signals from now on. From the first call the operating system's default, dying on the spot, is off.
pub(crate) fn listen() -> mpsc::Receiver<Signal> {
    // Two are ever wanted: one to finish what is in flight, one to leave at once.
    let (sender, receiver) = mpsc::channel(4);
    IS_LISTENING.store(true, Ordering::Relaxed);
    // Registered here and now: a task may begin only when a request is out already.
    register(&sender);
    receiver
}

/// Passes `signal` on. `false`: nobody listens any more.
async fn pass_on(signal: Signal, sender: &mpsc::Sender<Signal>) -> bool {
    // Before the bell: who hangs it up later has to see this.
    HEARD.get_or_init(|| signal);
    if let Some(bell) = &*bell() {
        // Who has stopped waiting needs no bell.
        bell.send(Some(signal)).unwrap_or_default();
    }
    sender.send(signal).await.is_ok()
}

fn bell() -> MutexGuard<'static, Option<std::sync::mpsc::Sender<Option<Signal>>>> {
    BELL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `work` comes to, which may block for as long as it likes, and counts how far it has come, so that slow is not taken
/// for stuck; or the next signal, which leaves it behind. Once a signal
/// has been heard, work that does not move is left behind without another one.
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
        // Nobody may be waiting any more.
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

/// The signal that ends the waiting; `None`: the work is done.
fn rung_or_stuck(rings: &std::sync::mpsc::Receiver<Option<Signal>>, moves: &AtomicU64) -> Option<Signal> {
    let Some(heard) = HEARD.get() else { return rings.recv().ok().flatten() };
    let gives_up_at = Instant::now() + SETTLES_WITHIN;
    loop {
        let before = moves.load(Ordering::Relaxed);
        match rings.recv_timeout(STUCK_AFTER) {
            Ok(rung) => return rung,
            Err(_) if moves.load(Ordering::Relaxed) == before || Instant::now() >= gives_up_at => {
                return Some(*heard);
            }
            Err(_) => {}
        }
    }
}

/// Ends a command that can be left at any moment, because it leaves nothing half-done.
#[derive(Debug, Clone)]
pub(crate) struct Interruption {
    stopping: CancellationToken,
}

impl Interruption {
    /// Listens from now on.
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

    /// Is cancelled by the first signal.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// What `work` comes to, or the failure that the first signal makes of the command.
    pub(crate) async fn unless<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(self.failure()),
            done = work => Ok(done),
        }
    }

    /// Says that a signal ended the command.
    pub(crate) fn failure(&self) -> Failure {
        let exit_code = match HEARD.get() {
            Some(Signal::Terminate) => ExitCode::Terminated,
            Some(Signal::Interrupt) | None => ExitCode::Interrupted,
        };
        Failure::new(exit_code, "interrupted")
    }
}

/// What comes by `heard` is `signal`, for as long as anybody listens.
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

/// A lost terminal, such as that of a broken SSH connection, means what SIGTERM means, as it does on Windows; unless
/// `nohup` said that it means nothing.
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

/// Was SIGHUP left alone when this process was started? Only Linux tells, in a mask of what is ignored; elsewhere it is
/// left to the operating system, which ends the process unless `nohup` forbade it.
#[cfg(unix)]
fn hangups_count() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
}

/// Ctrl-Break means what Ctrl-C means. Closing the console window, logging off or shutting Windows down leaves a few
/// seconds, which is what SIGTERM means elsewhere.
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
