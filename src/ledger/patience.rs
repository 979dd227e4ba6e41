//! Waits while another program has the ledger locked, such as a SQLite shell or a backup program.
//!
//! The lock of a run ([`super::lock`]) keeps other runs away, but not other programs.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tenantry_model::failpoint::number;

/// How long a call waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// After this time the wait is reported.
const REPORT_AFTER: Duration = Duration::from_secs(3);

const ASK_EVERY: Duration = Duration::from_millis(20);

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
    // A test may have less time.
    let patience = number("TENANTRY_LOCK_PATIENCE").map_or(PATIENCE, Duration::from_secs);
    let waited = wait.began.elapsed();
    if waited >= patience {
        return false;
    }
    if waited >= REPORT_AFTER && !wait.is_reported {
        wait.is_reported = true;
        tracing::warn!(
            seconds = patience.as_secs(),
            "another program has the ledger open and locked; waiting for at most this time"
        );
    }
    WAIT.set(Some(wait));
    std::thread::sleep(ASK_EVERY);
    true
}
