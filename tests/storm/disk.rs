//! A disk that can lose power, fill up and fail: a file system of SQLite in front of the real one.
//!
//! The real files hold what the operating system would have in its cache. This module remembers what of it is not synced
//! yet, and so what a power cut may take: any of those writes, a part of one, the name of a new file, or the removal of an
//! old one. As on a real disk, syncing a file keeps its content, and syncing a folder keeps its names. SQLite syncs the
//! folder of a new log together with the log.
//!
//! Neither of the crates that let one write such a file system in safe Rust stands in front of another one, and neither
//! has the shared memory that a write-ahead log needs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// How a life ends that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process is killed; what it wrote is there.
    Kill,
    /// The machine loses power; what was not synced may be lost.
    PowerCut,
}

/// What happens at a change of the disk: a write, a sync, a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskEvent {
    Die(Death),
    /// This change fails.
    Fails,
    /// From this change on every write fails for lack of room.
    IsFull,
    /// From this change on every write and sync fails.
    IsBroken,
}

/// A change that is not synced.
#[derive(Debug)]
enum Change {
    Write { at: usize, new: Vec<u8>, old: Vec<u8>, old_length: usize },
    Truncate { length: usize, tail: Vec<u8> },
}

#[derive(Debug, Default)]
struct Disk {
    /// The changes of each file that are not synced, in order.
    unsynced: BTreeMap<PathBuf, Vec<Change>>,
    /// Files whose names are not synced.
    new: BTreeSet<PathBuf>,
    /// Files whose removal is not synced, with their content.
    removed: Vec<(PathBuf, Vec<u8>)>,
    open: usize,
    changes: u64,
    event: Option<(u64, DiskEvent)>,
    is_full: bool,
    is_broken: bool,
    death: Option<Death>,
    /// Called at the death.
    toll: Option<fn()>,
    faults: u64,
    /// It says that it has synced, and has not.
    lies: bool,
}

static DISK: LazyLock<Mutex<Disk>> = LazyLock::new(Mutex::default);

fn disk() -> MutexGuard<'static, Disk> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new life begins, with at most one event at the change with this number, from 1 on.
pub(crate) fn begin(event: Option<(u64, DiskEvent)>, toll: fn()) {
    let mut disk = disk();
    (disk.changes, disk.event, disk.toll) = (0, event, Some(toll));
    (disk.is_full, disk.is_broken, disk.death, disk.faults) = (false, false, None, 0);
}

/// From now on it only says that it syncs.
pub(crate) fn lie() {
    disk().lies = true;
}

/// Ends the life now.
pub(crate) fn die(death: Death) {
    let toll = {
        let mut disk = disk();
        if disk.death.is_some() {
            return;
        }
        disk.death = Some(death);
        disk.toll
    };
    if let Some(toll) = toll {
        toll();
    }
}

/// How the life ended, if it did not end by itself.
pub(crate) fn death() -> Option<Death> {
    disk().death
}

/// How many calls failed in this life.
pub(crate) fn faults() -> u64 {
    disk().faults
}

/// The machine has ended: waits for the last handle, and after a power cut decides by `seed` what is left.
pub(crate) fn settle(seed: u64, power_is_cut: bool) {
    let begun = Instant::now();
    while disk().open > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "a file of the dead is still open");
        std::thread::sleep(Duration::from_micros(50));
    }
    let mut disk = disk();
    disk.death = None;
    if !power_is_cut {
        return;
    }
    let mut rng = StdRng::seed_from_u64(seed);
    // All that was removed or made since the last sync of the folder.
    for (path, content) in std::mem::take(&mut disk.removed) {
        // The folder of a dry run goes with all that was in it.
        let has_folder = path.parent().is_some_and(Path::exists);
        if rng.random() && has_folder && !path.exists() {
            write_file(&path, &content);
        }
    }
    let unsynced = std::mem::take(&mut disk.unsynced);
    for (path, changes) in unsynced {
        if let Ok(content) = std::fs::read(&path) {
            write_file(&path, &survivor(content, &changes, &mut rng));
        }
    }
    for path in std::mem::take(&mut disk.new) {
        if rng.random() {
            drop(std::fs::remove_file(path));
        }
    }
}

/// The folder of all files has another name now.
pub(crate) fn moved(from: &Path, to: &Path) {
    let mut disk = disk();
    let renamed = |path: PathBuf| path.strip_prefix(from).map_or(path.clone(), |rest| to.join(rest));
    disk.unsynced =
        std::mem::take(&mut disk.unsynced).into_iter().map(|(path, it)| (renamed(path), it)).collect();
    disk.new = std::mem::take(&mut disk.new).into_iter().map(renamed).collect();
    disk.removed =
        std::mem::take(&mut disk.removed).into_iter().map(|(path, it)| (renamed(path), it)).collect();
}

/// Forgets all files, for another world.
pub(crate) fn forget() {
    *disk() = Disk::default();
}

/// In place: a file keeps its identity over a power cut.
fn write_file(path: &PathBuf, content: &[u8]) {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.unwrap(), content).unwrap();
}

/// What is left of a file.
fn survivor(mut content: Vec<u8>, changes: &[Change], rng: &mut StdRng) -> Vec<u8> {
    for change in changes.iter().rev() {
        match change {
            Change::Write { at, old, old_length, .. } => {
                content[*at..*at + old.len()].copy_from_slice(old);
                content.truncate(*old_length);
            }
            Change::Truncate { tail, length } => {
                content.truncate(*length);
                content.extend_from_slice(tail);
            }
        }
    }
    // Everything up to some change and a part of that one, or any sectors of any change.
    let is_in_order = rng.random();
    let kept = rng.random_range(0..=changes.len());
    let share: f64 = rng.random();
    for (index, change) in changes.iter().enumerate() {
        if is_in_order && index > kept {
            break;
        }
        let is_whole = is_in_order && index < kept;
        match change {
            Change::Write { at, new, .. } => {
                let mut from = 0;
                while from < new.len() {
                    let to = new.len().min(((*at + from) / SECTOR + 1) * SECTOR - *at);
                    if is_whole || rng.random_bool(share) {
                        if content.len() < *at + to {
                            content.resize(*at + to, 0);
                        }
                        content[*at + from..*at + to].copy_from_slice(&new[from..to]);
                    }
                    from = to;
                }
            }
            Change::Truncate { length, .. } => {
                if is_whole || rng.random_bool(share) {
                    content.truncate(*length);
                }
            }
        }
    }
    content
}

impl Disk {
    /// Counts a change. `Err`: it does not happen. `writes`: it takes room.
    fn change(&mut self, writes: bool) -> Result<(), Refused> {
        if self.death.is_some() {
            return Err(Refused::Dead);
        }
        self.changes += 1;
        if let Some((at, event)) = self.event
            && at == self.changes
        {
            match event {
                DiskEvent::Die(death) => return Err(Refused::Dies(death)),
                DiskEvent::Fails => {
                    self.faults += 1;
                    return Err(Refused::Fails);
                }
                DiskEvent::IsFull => self.is_full = true,
                DiskEvent::IsBroken => self.is_broken = true,
            }
        }
        if self.is_broken {
            self.faults += 1;
            return Err(Refused::Fails);
        }
        if self.is_full && writes {
            self.faults += 1;
            return Err(Refused::IsFull);
        }
        Ok(())
    }
}

enum Refused {
    Dead,
    Dies(Death),
    Fails,
    IsFull,
}

/// Whether a change happens, or the error code in its place.
fn may_change(writes: bool, error: c_int) -> Result<(), c_int> {
    let refused = disk().change(writes);
    match refused {
        Ok(()) => Ok(()),
        Err(Refused::Dies(death)) => {
            die(death);
            Err(error)
        }
        Err(Refused::Dead | Refused::Fails) => Err(error),
        Err(Refused::IsFull) => Err(ffi::SQLITE_FULL),
    }
}

// The file system of SQLite. Every function is called by SQLite with a file that `open` has made, or passes its arguments
// on to the real file system.

/// The real file lies behind it.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// `None`: a temporary file.
    path: Option<Box<PathBuf>>,
    /// SQLite syncs the folder together with it when it is new.
    is_journal: bool,
}

/// The real file of one of ours.
unsafe fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

unsafe fn ours<'a>(file: *mut sqlite3_file) -> &'a mut File {
    unsafe { &mut *file.cast::<File>() }
}

macro_rules! call {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let real = real($file);
        ((*(*real).pMethods).$method.expect("the real file system has it"))(real $(, $argument)*)
    }};
}

/// Puts the file system in front of the default one of this process.
pub(crate) fn install() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| unsafe {
        let default = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!default.is_null());
        let mut vfs = *default;
        vfs.pNext = std::ptr::null_mut();
        vfs.zName = c"storm".as_ptr();
        vfs.szOsFile += c_int::try_from(size_of::<File>()).expect("it is small");
        vfs.pAppData = default.cast::<c_void>();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        let vfs = Box::leak(Box::new(vfs));
        assert_eq!(ffi::sqlite3_vfs_register(vfs, 1), ffi::SQLITE_OK);
    });
}

/// The default file system, for readers that this disk does not know.
pub(crate) const REAL: &CStr = c"unix";

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe fn path_of(name: *const c_char) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let name = unsafe { CStr::from_ptr(name) };
    std::ffi::OsStr::from_bytes(name.to_bytes()).into()
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        let default = (*vfs).pAppData.cast::<sqlite3_vfs>();
        let path = (!name.is_null()).then(|| path_of(name));
        let is_empty =
            path.as_ref().is_some_and(|path| std::fs::metadata(path).map_or(0, |it| it.len()) == 0);
        if disk().death.is_some() {
            (*file).pMethods = std::ptr::null();
            return ffi::SQLITE_CANTOPEN;
        }
        let opened = ((*default).xOpen.expect("it opens files"))(default, name, real(file), flags, out);
        if opened != ffi::SQLITE_OK {
            (*file).pMethods = std::ptr::null();
            return opened;
        }
        let is_journal = flags
            & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL)
            != 0;
        let mut disk = disk();
        disk.open += 1;
        if let Some(path) = path.as_ref().filter(|_| is_empty && flags & ffi::SQLITE_OPEN_READWRITE != 0) {
            disk.new.insert(path.clone());
        }
        let path = path.map(Box::new);
        file.cast::<File>().write(File { base: sqlite3_file { pMethods: &METHODS }, path, is_journal });
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, syncs_folder: c_int) -> c_int {
    unsafe {
        let default = (*vfs).pAppData.cast::<sqlite3_vfs>();
        let path = path_of(name);
        if let Err(error) = may_change(false, ffi::SQLITE_IOERR_DELETE) {
            return error;
        }
        let content = std::fs::read(&path).ok();
        let deleted = ((*default).xDelete.expect("it removes files"))(default, name, syncs_folder);
        if deleted == ffi::SQLITE_OK {
            let mut disk = disk();
            disk.unsynced.remove(&path);
            if syncs_folder != 0 {
                disk.new.clear();
                disk.removed.clear();
            } else if let Some(content) = content
                && !disk.new.remove(&path)
            {
                disk.removed.push((path, content));
            }
        }
        deleted
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    unsafe {
        let closed = call!(file, xClose);
        file.cast::<File>().drop_in_place();
        disk().open -= 1;
        closed
    }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, into: *mut c_void, length: c_int, at: i64) -> c_int {
    unsafe { call!(file, xRead, into, length, at) }
}

/// What a file has in this place; shorter at its end.
unsafe fn content(file: *mut sqlite3_file, at: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![0_u8; length];
    unsafe {
        let (length, at) = (c_int::try_from(length).expect("a page"), i64::try_from(at).expect("a file"));
        let done = call!(file, xRead, bytes.as_mut_ptr().cast(), length, at);
        assert!(matches!(done, ffi::SQLITE_OK | ffi::SQLITE_IOERR_SHORT_READ), "{done}");
    }
    bytes
}

unsafe fn length_of(file: *mut sqlite3_file) -> usize {
    let mut length = 0;
    unsafe { assert_eq!(call!(file, xFileSize, &raw mut length), ffi::SQLITE_OK) };
    usize::try_from(length).expect("a length")
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, length: c_int, at: i64) -> c_int {
    unsafe {
        let Some(path) = ours(file).path.as_deref() else { return call!(file, xWrite, from, length, at) };
        if let Err(error) = may_change(true, ffi::SQLITE_IOERR_WRITE) {
            return error;
        }
        let place = usize::try_from(at).expect("a place");
        let new = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(length).expect("a length"))
            .to_vec();
        let old_length = length_of(file);
        let old = content(file, place, new.len().min(old_length.saturating_sub(place)));
        let written = call!(file, xWrite, from, length, at);
        if written == ffi::SQLITE_OK {
            let change = Change::Write { at: place, new, old, old_length };
            disk().unsynced.entry(path.clone()).or_default().push(change);
        }
        written
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    unsafe {
        let Some(path) = ours(file).path.as_deref() else { return call!(file, xTruncate, length) };
        if let Err(error) = may_change(false, ffi::SQLITE_IOERR_TRUNCATE) {
            return error;
        }
        let kept = usize::try_from(length).expect("a length");
        let old_length = length_of(file);
        let tail = content(file, kept, old_length.saturating_sub(kept));
        let truncated = call!(file, xTruncate, length);
        if truncated == ffi::SQLITE_OK {
            disk().unsynced.entry(path.clone()).or_default().push(Change::Truncate { length: kept, tail });
        }
        truncated
    }
}

/// The real files are never synced: they may lie on a real disk, which would take its time.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    unsafe {
        let File { path, is_journal, .. } = ours(file);
        let Some(path) = path.as_deref() else { return ffi::SQLITE_OK };
        if let Err(error) = may_change(false, ffi::SQLITE_IOERR_FSYNC) {
            return error;
        }
        let mut disk = disk();
        if disk.lies {
            return ffi::SQLITE_OK;
        }
        disk.unsynced.remove(path);
        if *is_journal && disk.new.contains(path) {
            disk.new.clear();
            disk.removed.clear();
        }
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut i64) -> c_int {
    unsafe { call!(file, xFileSize, size) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { call!(file, xLock, level) }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { call!(file, xUnlock, level) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    unsafe { call!(file, xCheckReservedLock, out) }
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    unsafe { call!(file, xFileControl, operation, argument) }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    unsafe { call!(file, xSectorSize) }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    unsafe { call!(file, xDeviceCharacteristics) }
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    unsafe { call!(file, xShmMap, page, size, extend, out) }
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    unsafe { call!(file, xShmLock, offset, count, flags) }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    unsafe { call!(file, xShmBarrier) }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, removes: c_int) -> c_int {
    unsafe { call!(file, xShmUnmap, removes) }
}
