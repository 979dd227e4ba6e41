//! Named points at which a debug build can be told to fail, so that tests can see what an operator's worst day leaves
//! behind. In a release build none of this is there.
//!
//! | variable | what happens |
//! | --- | --- |
//! | `TENANTRY_CRASH_AT=point` or `point#3` | the process dies at once when it passes the point for the first, or third, time |
//! | `TENANTRY_PANIC_AT=point` or `point#3` | the same, but the thread panics, as it does where there is a bug |
//! | `TENANTRY_STALL_AT=point` or `point#3` | the same, but the thread, or the task, stands still for two seconds and then goes on |
//! | `TENANTRY_STALL_UNTIL=FILE` | such a stall lasts until this file is there |
//! | `TENANTRY_SYNCED_TO=FOLDER` | after every commit the ledger's files are copied there, before anybody hears of the commit: what a power cut leaves, given that commits are synced |
//! | `TENANTRY_LEDGER_PAGES=N` | the disk is full when the ledger has this many pages, and those of a reserve that was given up |
//! | `TENANTRY_CLOCK_OFFSET=FILE` | the wall clock is off by the seconds that this file holds, read anew each time |
//! | `TENANTRY_BOOT_ID=GUID` or `none` | the machine was started under this id, or does not tell |
//! | `TENANTRY_FAIL_SYNC=3` | the third commit ends in an I/O error of its fsync |
//! | `TENANTRY_FAIL_READ=3` | the third reading of the queue ends in an I/O error |
//! | `TENANTRY_NO_LOCKS=1` | the ledger lies where files cannot be locked, such as on some network shares |

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
    pub(crate) async fn wait_for_turn(_point: &str) {}

    #[inline(always)]
    pub(crate) fn panic_with(_point: &str, _in_hand: &[u8]) {}

    #[inline(always)]
    pub(crate) fn locks() -> std::io::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn synced(_ledger: Option<&Path>) -> rusqlite::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn queue_read() -> rusqlite::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn ledger_pages() -> Option<u32> {
        None
    }

    #[inline(always)]
    pub(crate) fn room_was_made(_ledger: &rusqlite::Connection, _bytes: u64) -> rusqlite::Result<()> {
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn clock_offset_ms() -> i64 {
        0
    }

    #[inline(always)]
    pub(crate) fn boot_id() -> Option<Option<uuid::Uuid>> {
        None
    }
}

#[cfg(debug_assertions)]
mod present {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{LazyLock, OnceLock};
    use std::time::{Duration, Instant};

    fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
        std::env::var(variable).ok()?.parse().ok()
    }

    /// A point, and the time that it is passed at which something happens.
    struct Asked {
        point: String,
        time: u32,
        passed: AtomicU32,
    }

    impl Asked {
        fn by(variable: &str) -> Option<Self> {
            let asked = std::env::var(variable).ok()?;
            let (point, time) = asked.split_once('#').unwrap_or((&asked, "1"));
            Some(Self { point: point.to_owned(), time: time.parse().ok()?, passed: AtomicU32::new(0) })
        }

        fn is_now(&self, point: &str) -> bool {
            self.point == point && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.time
        }
    }

    /// Dies here, where this is the point and the time that were asked for. Nothing is flushed and nobody says
    /// goodbye, as with `kill -9`. Or panics, where that was asked for.
    #[track_caller]
    pub(crate) fn crash(point: &str) {
        static CRASH: LazyLock<Option<Asked>> = LazyLock::new(|| Asked::by("TENANTRY_CRASH_AT"));
        if CRASH.as_ref().is_some_and(|asked| asked.is_now(point)) {
            std::process::abort();
        }
        if let Some(stall) = stalls(point) {
            while !stall.is_over() {
                std::thread::sleep(LOOK_EVERY);
            }
        }
        panic_with(point, point.as_bytes());
    }

    const STALL: Duration = Duration::from_secs(2);

    /// Whoever stands still looks this often whether that is over.
    const LOOK_EVERY: Duration = Duration::from_millis(5);

    /// A machine that is out of breath.
    struct Stall {
        began: Instant,
        until: Option<PathBuf>,
    }

    impl Stall {
        fn is_over(&self) -> bool {
            self.until.as_ref().map_or_else(|| self.began.elapsed() >= STALL, |file| file.exists())
        }
    }

    /// Is this where and when it is to be?
    fn stalls(point: &str) -> Option<Stall> {
        static ASKED: LazyLock<Option<Asked>> = LazyLock::new(|| Asked::by("TENANTRY_STALL_AT"));
        ASKED.as_ref().filter(|asked| asked.is_now(point))?;
        tracing::warn!(point, "stands still");
        let until = std::env::var_os("TENANTRY_STALL_UNTIL").map(PathBuf::from);
        Some(Stall { began: Instant::now(), until })
    }

    /// The task waits here for its turn, where this is the point and the time that were asked for.
    pub(crate) async fn wait_for_turn(point: &str) {
        if let Some(stall) = stalls(point) {
            while !stall.is_over() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Panics here, where this is the point and the time that were asked for, in words that give away what is in hand:
    /// the worst that code of ours, or of a library, can do.
    #[track_caller]
    pub(crate) fn panic_with(point: &str, in_hand: &[u8]) {
        static PANIC: LazyLock<Option<Asked>> = LazyLock::new(|| Asked::by("TENANTRY_PANIC_AT"));
        if PANIC.as_ref().is_some_and(|asked| asked.is_now(point)) {
            panic!("asked to panic with {} in hand", String::from_utf8_lossy(in_hand));
        }
    }

    /// A lock is about to be taken.
    pub(crate) fn locks() -> std::io::Result<()> {
        match std::env::var_os("TENANTRY_NO_LOCKS") {
            Some(_) => Err(std::io::ErrorKind::Unsupported.into()),
            None => Ok(()),
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

    /// The queue is about to be read.
    pub(crate) fn queue_read() -> rusqlite::Result<()> {
        static READS: AtomicU32 = AtomicU32::new(0);
        let read = READS.fetch_add(1, Ordering::SeqCst) + 1;
        if number("TENANTRY_FAIL_READ") == Some(read) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_READ);
            return Err(rusqlite::Error::SqliteFailure(code, None));
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

    /// The id of the machine's boot, or that there is none, where a test says so.
    pub(crate) fn boot_id() -> Option<Option<uuid::Uuid>> {
        Some(std::env::var("TENANTRY_BOOT_ID").ok()?.parse().ok())
    }

    /// The size at which the disk is full.
    pub(crate) fn ledger_pages() -> Option<u32> {
        number("TENANTRY_LEDGER_PAGES")
    }

    /// So many bytes beside the ledger were given up.
    pub(crate) fn room_was_made(ledger: &rusqlite::Connection, bytes: u64) -> rusqlite::Result<()> {
        const PAGE: u64 = 4096;
        let Some(pages) = ledger_pages() else { return Ok(()) };
        ledger.pragma_update(None, "max_page_count", u64::from(pages) + bytes / PAGE)
    }
}
