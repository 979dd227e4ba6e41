//! Queues output text and writes it in the background, so that output never fails, blocks or delays the work.
//!
//! The disk can be full, the reader of a pipe can be gone or stop reading, and a terminal can be closed or stopped with
//! Ctrl-S. The caller is not affected by any of these. Lines are queued in order, and a dedicated thread writes them.
//! If the queue is full, or a write fails, lines are dropped and counted. The number of missing lines is written in
//! their place as soon as writing works again.
//!
//! Only the status line is not queued: the newest status replaces the previous one and stays below all lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;

/// Limit of the queue: one or two seconds of the most verbose log, for a disk that is busy with the ledger.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most bytes in one write. A pipe takes this many bytes atomically (`PIPE_BUF` on Linux), so lines of two
/// processes do not mix.
pub(crate) const WRITE_BYTES_MAX: usize = 4096;

/// A device that accepts nothing for this long is stuck; nothing waits for it any longer.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(1);

/// The longest wait for a device that is slow but still accepts data.
pub(crate) const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// Delay before a retry when the device would block because another process made it non-blocking.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Accepts whole lines and never blocks the caller.
#[derive(Clone)]
pub(crate) struct Outlet {
    shared: Arc<OutletShared>,
    /// If the thread could not be started, `write` writes directly.
    has_thread: bool,
}

/// The destination of an outlet.
pub(crate) trait OutletDevice: Write + Send + 'static {
    /// Removes the status line.
    fn erase(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct OutletShared {
    state: Mutex<OutletState>,
    /// Notified at every change of the state.
    changed: Condvar,
}

#[derive(Default)]
struct OutletState {
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    status: Option<String>,
    status_is_hidden: bool,
    /// The status that the device currently shows.
    shown: Option<String>,
    /// The thread is writing.
    is_busy: bool,
    /// Steps of the thread: jobs that it began, and writes that ended, with or without success.
    moves: u64,
    /// The value of `moves` when the device was found stuck.
    stuck_at: Option<u64>,
    /// Lines that were never written.
    lost: u64,
    /// Makes the notice that replaces this many missing lines, instead of [`missing_as_text`].
    notice: Option<fn(u64) -> String>,
}

enum Queued {
    Lines(String),
    Missing(u64),
}

/// The next output to write.
struct PendingOutput {
    missing: u64,
    lines: String,
    erase: bool,
    /// `None`: the status on the device does not change.
    status: Option<String>,
    notice: Option<fn(u64) -> String>,
}

impl Outlet {
    /// Starts the thread that writes to `device`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(device: impl OutletDevice) -> io::Result<Self> {
        let shared = Arc::new(OutletShared::default());
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("outlet".to_owned()).spawn(move || writing.write_to(device))?;
        Ok(Self { shared, has_thread: true })
    }

    /// Queues `text`, which consists of whole lines.
    pub(crate) fn write(&self, text: String) {
        if !self.has_thread {
            // An error could not be reported anywhere.
            drop(io::stderr().write_all(text.as_bytes()));
            return;
        }
        let mut state = self.shared.lock();
        if state.queued_bytes + text.len() > WAITING_BYTES_MAX {
            state.leave_out(lines_in(text.as_bytes()));
        } else {
            state.queued_bytes += text.len();
            state.queue.push_back(Queued::Lines(text));
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Shows `status` below all lines. It replaces the previous status.
    pub(crate) fn show_status(&self, status: Option<String>) {
        self.shared.lock().status = status;
        self.shared.changed.notify_all();
    }

    /// Hides the status line until the guard is dropped.
    pub(crate) fn without_status(&self) -> impl Drop + use<> {
        struct Hidden(Arc<OutletShared>);
        impl Drop for Hidden {
            fn drop(&mut self) {
                self.0.lock().status_is_hidden = false;
                self.0.changed.notify_all();
            }
        }
        self.shared.lock().status_is_hidden = true;
        self.shared.changed.notify_all();
        Hidden(Arc::clone(&self.shared))
    }

    /// Waits until everything is written, as long as the device keeps accepting data. After the device was found stuck,
    /// does not wait again until the device has accepted something.
    pub(crate) fn settle(&self) {
        if !self.has_thread {
            return;
        }
        let gives_up_at = Instant::now() + SETTLES_WITHIN;
        let mut state = self.shared.lock();
        while !state.is_settled() && state.stuck_at != Some(state.moves) && Instant::now() < gives_up_at {
            let moves = state.moves;
            let waits = |state: &mut OutletState| !state.is_settled() && state.moves == moves;
            let waited = self.shared.changed.wait_timeout_while(state, STUCK_AFTER, waits);
            let timed_out;
            (state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            // If the thread has not begun, the processor is busy, and the device is not to blame.
            if timed_out.timed_out() && state.is_busy {
                state.stuck_at = Some(moves);
            }
        }
    }

    /// Lines dropped so far.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lock().lost
    }

    /// Sets how missing lines are reported; `notice` returns a whole line.
    pub(crate) fn report_missing_as(&self, notice: fn(u64) -> String) {
        self.shared.lock().notice = Some(notice);
    }
}

/// Standard error. All output to standard error goes through this outlet.
pub(crate) fn stderr() -> &'static Outlet {
    static STDERR: LazyLock<Outlet> = LazyLock::new(|| {
        Outlet::start(io::stderr())
            .unwrap_or_else(|_| Outlet { shared: Arc::new(OutletShared::default()), has_thread: false })
    });
    &STDERR
}

impl OutletDevice for io::Stderr {
    fn erase(&mut self) -> io::Result<()> {
        Term::stderr().clear_line()
    }
}

impl OutletState {
    fn status(&self) -> Option<&str> {
        self.status.as_deref().filter(|_| !self.status_is_hidden)
    }

    fn is_settled(&self) -> bool {
        !self.is_busy && self.has_nothing_to_do()
    }

    fn has_nothing_to_do(&self) -> bool {
        self.queue.is_empty() && self.status() == self.shown.as_deref()
    }

    fn leave_out(&mut self, lines: u64) {
        self.lost += lines;
        match self.queue.back_mut() {
            Some(Queued::Missing(missing)) => *missing += lines,
            Some(Queued::Lines(_)) | None => self.queue.push_back(Queued::Missing(lines)),
        }
    }

    /// Lines for one write, and the status below them.
    fn next_job(&mut self) -> PendingOutput {
        let missing = match self.queue.pop_front_if(|first| matches!(first, Queued::Missing(_))) {
            Some(Queued::Missing(missing)) => missing,
            Some(Queued::Lines(_)) | None => 0,
        };
        let mut lines = String::new();
        while let Some(Queued::Lines(text)) = self.queue.front() {
            if !lines.is_empty() && lines.len() + text.len() > WRITE_BYTES_MAX {
                break;
            }
            self.queued_bytes -= text.len();
            lines.push_str(text);
            self.queue.pop_front();
        }
        let has_lines = missing > 0 || !lines.is_empty();
        let status = self.status().map(str::to_owned);
        let redraws = has_lines || self.shown != status;
        let erase = redraws && self.shown.is_some();
        self.shown.clone_from(&status);
        PendingOutput { missing, lines, erase, status: status.filter(|_| redraws), notice: self.notice }
    }
}

impl OutletShared {
    fn lock(&self) -> MutexGuard<'_, OutletState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop of the thread; it ends with the process.
    fn write_to(&self, mut device: impl OutletDevice) {
        // Missing lines that have not been reported yet.
        let mut missing = 0;
        // A write failed in the middle of a line.
        let mut is_torn = false;
        loop {
            let job = self.wait_for_job();
            missing += job.missing;
            if job.erase {
                // If this fails, the next output overwrites the rest of the status.
                drop(device.erase());
            }
            let notice = job.notice.unwrap_or(missing_as_text);
            let notice = if missing > 0 { notice(missing) } else { String::new() };
            let begin = if is_torn { "\n" } else { "" };
            let text = format!("{begin}{notice}{}", job.lines);
            let (written, result) = self.write_whole(&mut device, text.as_bytes());
            if written > 0 {
                is_torn = text.as_bytes()[written - 1] != b'\n';
            }
            let before_lines = text.len() - job.lines.len();
            if result.is_ok() || written >= before_lines {
                missing = 0;
            }
            if result.is_err() {
                let lost = lines_in(&job.lines.as_bytes()[written.saturating_sub(before_lines)..]);
                missing += lost;
                self.lock().lost += lost;
            }
            if let Some(status) = job.status {
                // A failure does not matter: the status is temporary.
                drop(self.write_whole(&mut device, status.as_bytes()));
            }
            let mut state = self.lock();
            state.is_busy = false;
            state.moves += 1;
            drop(state);
            self.changed.notify_all();
        }
    }

    fn wait_for_job(&self) -> PendingOutput {
        let waits = |state: &mut OutletState| state.has_nothing_to_do();
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        state.is_busy = true;
        state.moves += 1;
        self.changed.notify_all();
        state.next_job()
    }

    /// Also returns the number of bytes written.
    fn write_whole(&self, device: &mut impl OutletDevice, bytes: &[u8]) -> (usize, io::Result<()>) {
        let mut written = 0;
        while written < bytes.len() {
            let end = bytes.len().min(written + WRITE_BYTES_MAX);
            match device.write(&bytes[written..end]) {
                Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    written += count;
                    self.lock().moves += 1;
                    self.changed.notify_all();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(ASK_AGAIN_AFTER),
                Err(error) => return (written, Err(error)),
            }
        }
        (written, device.flush())
    }
}

fn missing_as_text(lines: u64) -> String {
    format!("warning: {lines} lines are missing here because they could not be written\n")
}

fn lines_in(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests;
