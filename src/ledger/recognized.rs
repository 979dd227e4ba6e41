//! Recognizes ledgers and their files without opening them, so that no output overwrites one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::connection;
use super::stored::value;
use tenantry_model::files::{self, beside};

/// The first bytes of any SQLite database.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// The first bytes of its write-ahead log, in either byte order.
const LOG: [[u8; 4]; 2] = [[0x37, 0x7F, 0x06, 0x82], [0x37, 0x7F, 0x06, 0x83]];

/// The suffixes of the files next to a ledger: those of SQLite, the reserved room, the lock, and the state of the
/// simulator of a rehearsal.
const BESIDE: [&str; 6] = ["-wal", "-shm", "-journal", "-reserve", ".lock", ".simulator"];

/// Are these the first bytes of a database, or of its log?
pub fn looks_like_a_database(beginning: &[u8]) -> bool {
    beginning.starts_with(DATABASE) || LOG.iter().any(|log| beginning.starts_with(log))
}

/// Is this the name of a file that belongs to an existing ledger, whether or not that file exists?
pub fn is_beside_a_ledger(path: &Path) -> bool {
    let Some(name) = path.to_str() else { return false };
    BESIDE.iter().filter_map(|suffix| name.strip_suffix(suffix)).any(|ledger| is_database(Path::new(ledger)))
}

/// The files that belong to a ledger, whether or not they exist.
pub fn beside_a_ledger(ledger: &Path) -> impl Iterator<Item = PathBuf> {
    BESIDE.iter().map(|suffix| beside(ledger, suffix))
}

/// The other files in the folder of a ledger that are ledgers with the same id: copies of it. Files that cannot be read
/// are left out.
pub(super) fn copies_beside(ledger: &Path, ledger_id: &str) -> Vec<PathBuf> {
    let Ok(itself) = files::canonical(ledger) else { return Vec::new() };
    let Ok(entries) = itself.parent().map_or_else(|| std::fs::read_dir("."), std::fs::read_dir) else {
        return Vec::new();
    };
    let id_of = |path: &Path| {
        let copy = connection::open_unchanging(path).ok()?;
        value::<String>(&copy, "SELECT ledger_id FROM ledger", []).ok()
    };
    let others = entries.filter_map(|entry| files::canonical(entry.ok()?.path()).ok());
    let mut copies: Vec<PathBuf> = others
        .filter(|path| *path != itself && is_database(path))
        .filter(|path| id_of(path).as_deref() == Some(ledger_id))
        .collect();
    copies.sort();
    copies
}

fn is_database(path: &Path) -> bool {
    let mut beginning = [0; DATABASE.len()];
    path.metadata().is_ok_and(|it| it.is_file())
        && File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok()
        && beginning == DATABASE
}
