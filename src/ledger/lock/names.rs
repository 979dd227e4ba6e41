//! Refuses a ledger that has a second name.
//!
//! SQLite keeps its write-ahead log next to the name by which a ledger was opened. Under a second name the newest
//! changes are missing, and writing destroys the file.

use std::io;
use std::path::Path;

use tenantry_model::files;

use crate::{Error, Result};

/// Refuses a ledger that has a second name, or may have one.
pub(crate) fn refuse_second(ledger: &Path) -> Result<()> {
    let refused = |why| Err(Error::SecondName { path: ledger.to_owned(), why });
    // A name that leads nowhere cannot be a second name.
    let Ok(place) = files::canonical(ledger) else { return Ok(()) };
    match hard_links(&place) {
        Ok(..=1) => {}
        Ok(_) => return refused("it has a second name (a hard link)"),
        Err(error) => {
            tracing::warn!(%error, "the system does not report how many names the ledger has");
            return refused("the system does not report whether it has a second name (a hard link)");
        }
    }
    if is_mounted_as_a_file(&place) {
        return refused("it is mounted as a single file, so its folder here is not the folder of the ledger");
    }
    Ok(())
}

/// How many names a file has. 1 for anything that is not a file: opening it fails later.
#[cfg(unix)]
fn hard_links(place: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let file = place.metadata()?;
    Ok(if file.is_file() { file.nlink() } else { 1 })
}

/// SQLite opens a file so that others may write it too, so opening does not keep a second name out.
#[cfg(windows)]
fn hard_links(place: &Path) -> io::Result<u64> {
    if !place.is_file() {
        return Ok(1);
    }
    let file = winapi_util::Handle::from_path(place)?;
    Ok(winapi_util::file::information(file)?.number_of_links())
}

#[cfg(target_os = "linux")]
fn is_mounted_as_a_file(place: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let root = StatxAttributes::MOUNT_ROOT;
    match statx(CWD, place, AtFlags::empty(), StatxFlags::empty()) {
        Ok(it) if it.stx_attributes_mask.contains(root) => it.stx_attributes.contains(root),
        // A kernel before 5.8.
        Ok(_) | Err(_) => {
            std::fs::read("/proc/self/mountinfo").is_ok_and(|table| is_mount_point(&table, place))
        }
    }
}

/// Other systems mount only folders.
#[cfg(not(target_os = "linux"))]
fn is_mounted_as_a_file(_place: &Path) -> bool {
    false
}

/// Whether `place` is a mount point in the mount table: the fifth field of each line, with blanks and the like in
/// octal.
#[cfg(target_os = "linux")]
fn is_mount_point(table: &[u8], place: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let escaped = place.as_os_str().as_bytes().iter().flat_map(|byte| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        byte => vec![*byte],
    });
    let place: Vec<u8> = escaped.collect();
    table
        .split(|&byte| byte == b'\n')
        .any(|line| line.split(|&byte| byte == b' ').nth(4).is_some_and(|point| point == place))
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found_in_the_table() {
        let table = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
                      36 22 254:0 /srv/ledger.db /data/my\\040ledger.db rw - ext4 /dev/vda1 rw\n\
                      37 22 0:5 / /data/\\134\\011x rw - tmpfs none rw\n";
        let check = |place: &str, expected| {
            assert_eq!(is_mount_point(table, Path::new(place)), expected, "{place}");
        };
        check("/", true);
        check("/data/my ledger.db", true);
        check("/data/\\\tx", true);
        check("/data/my\\040ledger.db", false);
        check("/srv/ledger.db", false);
        check("", false);
    }

    #[test]
    fn a_mount_point_is_known_and_a_file_in_a_folder_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("l.db");
        std::fs::write(&file, "").unwrap();
        assert!(is_mounted_as_a_file(Path::new("/")) && !is_mounted_as_a_file(&file));
        std::fs::hard_link(&file, folder.path().join("second")).unwrap();
        assert!(matches!(refuse_second(&file), Err(Error::SecondName { .. })));
    }
}
