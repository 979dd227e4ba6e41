//! Reports a write-ahead log that grows because another program keeps reading the ledger.
//!
//! SQLite starts the log again from its beginning only when no reader needs what is in it. A reader that never ends its
//! transaction, such as a forgotten SQLite shell, lets the log grow until the disk is full.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tenantry_model::failpoint::number;

/// Much more than a run without such a reader needs.
const LARGE: u64 = 64 << 20;

/// A reader may hold up the log for this long, such as a backup; it is likely to end by itself.
const HELD_UP_FOR: Duration = Duration::from_secs(60);

/// Watches the log of one ledger.
pub(super) struct LogWatch {
    log: PathBuf,
    large: u64,
    held_up_for: Duration,
    looked_at: Instant,
    /// The place in the log where its content cannot be moved into the file any further, and since when.
    held_up: Option<(i64, Instant)>,
    is_reported: bool,
}

impl LogWatch {
    pub(super) fn of(log: &Path) -> Self {
        // A test has a smaller log, and less time.
        let of_test = number("TENANTRY_LARGE_LOG").map(|large| (large, Duration::from_secs(2)));
        let (large, held_up_for) = of_test.unwrap_or((LARGE, HELD_UP_FOR));
        let (log, looked_at) = (log.to_owned(), Instant::now());
        Self { log, large, held_up_for, looked_at, held_up: None, is_reported: false }
    }

    /// Called after a commit. Looks at the log at most once per second, and reports it once.
    pub(super) fn look(&mut self, connection: &Connection) {
        if self.is_reported || self.looked_at.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.looked_at = Instant::now();
        let bytes = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        let held_up_at = if bytes < self.large { None } else { held_up_at(connection) };
        self.held_up = held_up_at.map(|place| match self.held_up {
            Some(known) if known.0 == place => known,
            _ => (place, Instant::now()),
        });
        if self.held_up.is_some_and(|(_, since)| since.elapsed() >= self.held_up_for) {
            self.is_reported = true;
            tracing::warn!(
                file = %self.log.display(),
                megabytes = bytes / 1_000_000,
                "this file of the ledger grows, because another program keeps reading the ledger; close that program"
            );
        }
    }
}

/// How much of the log could be moved into the file, if a reader holds up the rest.
fn held_up_at(connection: &Connection) -> Option<i64> {
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    // An error shows again at the next commit.
    checkpoint.ok().filter(|(in_log, moved)| moved < in_log).map(|(_, moved)| moved)
}
