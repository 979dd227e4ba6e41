//! Named points at which a debug build can be told to fail, so that tests can see what an operator's worst day leaves
//! behind. In a release build none of this is there.
//!
//! | variable | what happens |
//! | --- | --- |
//! | `TENANTRY_CRASH_AT=point` or `point#3` | the process dies at once when it passes the point for the first, or third, time |
//! | `TENANTRY_SYNCED_TO=FOLDER` | after every commit the ledger's files are copied there, before anybody hears of the commit: what a power cut leaves |
//! | `TENANTRY_LEDGER_PAGES=N` | the disk is full when the ledger has this many pages |
//! | `TENANTRY_CLOCK_OFFSET=FILE` | the wall clock is off by the seconds that this file holds, read anew each time |
//! | `TENANTRY_FAIL_SYNC=3` | the third commit ends in an I/O error of its fsync |

#[cfg(not(debug_assertions))]
pub(crate) use absent::*;
#[cfg(debug_assertions)]
pub(crate) use present::*;

#[cfg(not(debug_assertions))]
mod absent {
    use std::path::Path;

    #[inline(always)]
    pub(crate) fn crash(_point: &str) {}

    #[inline(always)]
    pub(crate) fn synced(_ledger: Option<&Path>) -> rusqlite::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn ledger_pages() -> Option<u32> {
        None
    }

    #[inline(always)]
    pub(crate) fn clock_offset_ms() -> i64 {
        0
    }
}

#[cfg(debug_assertions)]
mod present {
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
        std::env::var(variable).ok()?.parse().ok()
    }

    /// Dies here, where this is the point and the time that were asked for. Nothing is flushed and nobody says
    /// goodbye, as with `kill -9`.
    pub(crate) fn crash(point: &str) {
        static ASKED: OnceLock<Option<(String, u32)>> = OnceLock::new();
        static PASSED: AtomicU32 = AtomicU32::new(0);
        let asked = ASKED.get_or_init(|| {
            let asked = std::env::var("TENANTRY_CRASH_AT").ok()?;
            let (point, time) = asked.split_once('#').unwrap_or((&asked, "1"));
            Some((point.to_owned(), time.parse().ok()?))
        });
        if let Some((asked, time)) = asked
            && asked == point
            && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *time
        {
            std::process::abort();
        }
    }

    /// A commit has ended and is about to be believed.
    pub(crate) fn synced(ledger: Option<&Path>) -> rusqlite::Result<()> {
        static COMMITS: AtomicU32 = AtomicU32::new(0);
        let commit = COMMITS.fetch_add(1, Ordering::SeqCst) + 1;
        if number("TENANTRY_FAIL_SYNC") == Some(commit) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            return Err(rusqlite::Error::SqliteFailure(code, None));
        }
        if let (Some(folder), Some(ledger)) = (std::env::var_os("TENANTRY_SYNCED_TO"), ledger) {
            keep(ledger, &PathBuf::from(folder)).expect("the test's own folder can be written");
        }
        Ok(())
    }

    /// Each picture whole, or not at all: the process may be killed in the middle of this too.
    fn keep(ledger: &Path, folder: &Path) -> std::io::Result<()> {
        static PICTURES: AtomicU32 = AtomicU32::new(0);
        let picture = PICTURES.fetch_add(1, Ordering::SeqCst);
        let (half, whole) = (folder.join("half"), folder.join(format!("{picture:08}")));
        if half.exists() {
            std::fs::remove_dir_all(&half)?;
        }
        std::fs::create_dir_all(&half)?;
        for suffix in ["", "-wal"] {
            let mut name = ledger.as_os_str().to_owned();
            name.push(suffix);
            std::fs::copy(&name, half.join(format!("ledger.db{suffix}")))?;
        }
        std::fs::rename(half, whole)?;
        if let Some(before) = picture.checked_sub(1) {
            std::fs::remove_dir_all(folder.join(format!("{before:08}")))?;
        }
        Ok(())
    }

    /// How much the wall clock is off, which a test may change while the program runs.
    pub(crate) fn clock_offset_ms() -> i64 {
        static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
        let Some(file) = FILE.get_or_init(|| std::env::var_os("TENANTRY_CLOCK_OFFSET").map(PathBuf::from))
        else {
            return 0;
        };
        let seconds = std::fs::read_to_string(file).expect("the test has written it");
        seconds.trim().parse::<i64>().expect("a number of seconds") * 1000
    }

    /// The size at which the disk is full.
    pub(crate) fn ledger_pages() -> Option<u32> {
        number("TENANTRY_LEDGER_PAGES")
    }
}
