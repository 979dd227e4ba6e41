//! Waits while another program has the ledger locked, such as a SQLite shell or a backup program.
//!
//! The lock of a run ([`super::lock`]) keeps other runs away, but not other programs.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tenantry_model::failpoint::number;

/// How long a call waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a call waits after a signal, or after a call of this process has given up.
const A_MOMENT: Duration = Duration::from_secs(1);

/// After this time the wait is reported.
const REPORT_AFTER: Duration = Duration::from_secs(3);

const ASK_EVERY: Duration = Duration::from_millis(20);

/// A signal asked this process to end.
static IS_SIGNALLED: AtomicBool = AtomicBool::new(false);

/// A call has given up waiting.
static HAS_GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Answers are under way, and may bring passwords: calls wait for the full time.
static AWAITS_ANSWERS: AtomicBool = AtomicBool::new(false);

/// Ends the waits for other programs, now or when no answers are awaited any more. Call it for every signal.
pub fn signalled() {
    IS_SIGNALLED.store(true, Ordering::Relaxed);
}

/// Whether a call of this process has given up waiting for another program.
pub(super) fn has_given_up() -> bool {
    HAS_GIVEN_UP.load(Ordering::Relaxed)
}

/// As long as this exists, neither a signal nor an earlier wait shortens the waits for other programs: answers are to be
/// recorded.
#[derive(Debug)]
#[must_use]
pub struct AwaitedAnswers(());

impl AwaitedAnswers {
    pub fn begin() -> Self {
        AWAITS_ANSWERS.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for AwaitedAnswers {
    fn drop(&mut self) {
        AWAITS_ANSWERS.store(false, Ordering::Relaxed);
    }
}

/// How long a call may wait at present.
fn patience() -> Duration {
    // A test may have less time.
    let full = number("TENANTRY_LOCK_PATIENCE").map_or(PATIENCE, Duration::from_secs);
    let is_short = IS_SIGNALLED.load(Ordering::Relaxed) || has_given_up();
    if is_short && !AWAITS_ANSWERS.load(Ordering::Relaxed) { full.min(A_MOMENT) } else { full }
}

/// Makes the calls of a connection wait for locks of other programs.
pub(super) fn give(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(goes_on_waiting))
}

/// The wait of a thread, which uses one connection at a time.
#[derive(Clone, Copy)]
struct Wait {
    began: Instant,
    is_reported: bool,
}

thread_local! {
    static WAIT: Cell<Option<Wait>> = const { Cell::new(None) };
}

/// Called by SQLite when something is locked; `asked`: how often during this wait. `false` ends the wait with an error.
fn goes_on_waiting(asked: i32) -> bool {
    let known = WAIT.get().filter(|_| asked > 0);
    let mut wait = known.unwrap_or_else(|| Wait { began: Instant::now(), is_reported: false });
    let (patience, waited) = (patience(), wait.began.elapsed());
    if waited >= patience {
        HAS_GIVEN_UP.store(true, Ordering::Relaxed);
        return false;
    }
    if waited >= REPORT_AFTER && !wait.is_reported {
        wait.is_reported = true;
        tracing::warn!(
            seconds = (patience - waited).as_secs_f64().round(),
            "another program has the ledger open and locked; waiting for at most this time from now"
        );
    }
    WAIT.set(Some(wait));
    std::thread::sleep(ASK_EVERY);
    true
}
