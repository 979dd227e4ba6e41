//! Disk faults that a debug build can simulate, in addition to [`tenantry_model::failpoint`]. A release build has none
//! of them.
//!
//! | variable | what happens |
//! | --- | --- |
//! | `TENANTRY_SYNCED_TO=FOLDER` | after every commit that is synced the ledger's files are copied there, before the commit is reported: what a power cut leaves |
//! | `TENANTRY_LEDGER_PAGES=N` | the disk is full when the ledger has this many pages plus those of a reserve that was released |
//! | `TENANTRY_FAIL_SYNC=3` | the third commit, synced or not, fails with an I/O error of its fsync |
//! | `TENANTRY_FAIL_READ=3` | the third read of the queue fails with an I/O error |
//! | `TENANTRY_LOCK_PATIENCE=1` | a lock of another program is waited for only this many seconds |
//! | `TENANTRY_LARGE_LOG=100000` | a write-ahead log of this many bytes is large, and a reader may hold it up for only two seconds |
//! | `TENANTRY_NO_LOCKS=1` | the ledger is where files cannot be locked, as on some network shares |

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::ffi::{SQLITE_IOERR_FSYNC, SQLITE_IOERR_READ};

use tenantry_model::failpoint::{number, requested};
use tenantry_model::files::beside;

const PAGE: u64 = 4096;

/// Called before a lock is taken.
pub(super) fn locks() -> std::io::Result<()> {
    match requested("TENANTRY_NO_LOCKS") {
        Some(_) => Err(std::io::ErrorKind::Unsupported.into()),
        None => Ok(()),
    }
}

/// Called after a commit, before the commit is reported.
pub(super) fn committed(ledger: Option<&Path>, is_synced: bool) -> rusqlite::Result<()> {
    static COMMITS: AtomicU32 = AtomicU32::new(0);
    fail_at("TENANTRY_FAIL_SYNC", &COMMITS, SQLITE_IOERR_FSYNC)?;
    if let (Some(folder), Some(ledger), true) = (requested("TENANTRY_SYNCED_TO"), ledger, is_synced) {
        keep(ledger, &PathBuf::from(folder)).expect("the test's own folder can be written");
    }
    Ok(())
}

/// Called before the queue is read.
pub(super) fn queue_read() -> rusqlite::Result<()> {
    static READS: AtomicU32 = AtomicU32::new(0);
    fail_at("TENANTRY_FAIL_READ", &READS, SQLITE_IOERR_READ)
}

/// Fails on the call whose number is in `variable`.
fn fail_at(variable: &str, passed: &AtomicU32, code: c_int) -> rusqlite::Result<()> {
    let Some(time) = number::<u32>(variable) else { return Ok(()) };
    if passed.fetch_add(1, Ordering::SeqCst) + 1 == time {
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
    }
    Ok(())
}

/// Each snapshot is complete or absent: the process may be killed during this too.
fn keep(ledger: &Path, folder: &Path) -> std::io::Result<()> {
    static PICTURES: AtomicU32 = AtomicU32::new(0);
    let picture = PICTURES.fetch_add(1, Ordering::SeqCst);
    let (half, whole) = (folder.join("half"), folder.join(format!("{picture:08}")));
    if half.exists() {
        std::fs::remove_dir_all(&half)?;
    }
    std::fs::create_dir_all(&half)?;
    for suffix in ["", "-wal"] {
        std::fs::copy(beside(ledger, suffix), half.join(format!("ledger.db{suffix}")))?;
    }
    std::fs::rename(half, whole)?;
    if let Some(before) = picture.checked_sub(1) {
        std::fs::remove_dir_all(folder.join(format!("{before:08}")))?;
    }
    Ok(())
}

/// The size at which the disk is full.
pub(super) fn ledger_pages() -> Option<u32> {
    number("TENANTRY_LEDGER_PAGES")
}

/// Called before the file of a new ledger is written.
pub(super) fn new_file(bytes: usize) -> std::io::Result<()> {
    match ledger_pages() {
        Some(pages) if bytes as u64 > u64::from(pages) * PAGE => Err(std::io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

/// Called when `bytes` next to the ledger were released.
pub(super) fn room_was_made(ledger: &rusqlite::Connection, bytes: u64) -> rusqlite::Result<()> {
    let Some(pages) = ledger_pages() else { return Ok(()) };
    ledger.pragma_update(None, "max_page_count", u64::from(pages) + bytes / PAGE)
}
