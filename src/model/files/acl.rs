//! Reads the POSIX access lists of Linux.
//!
//! If a file has a list, the group bits of its mode are a mask: the maximum that the list can give to users and groups
//! that the mode does not name.

use std::path::Path;

/// The active list, as the kernel provides it.
#[cfg(target_os = "linux")]
const NAME: &str = "system.posix_acl_access";

/// The maximum size of an extended attribute.
#[cfg(target_os = "linux")]
const BYTES_MAX: usize = 64 * 1024;

const VERSION: u32 = 2;
const NAMED_USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const NAMED_GROUP: u16 = 0x08;

/// The access list of a file or folder; links are followed. `None`: only the mode applies.
#[cfg(target_os = "linux")]
pub(super) fn of(path: &Path) -> Option<Vec<u8>> {
    let mut list = vec![0; BYTES_MAX];
    let length = rustix::fs::getxattr(path, NAME, &mut list[..]).ok()?;
    list.truncate(length);
    Some(list)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(_path: &Path) -> Option<Vec<u8>> {
    None
}

/// Does the list give one of the rights in `bits` (4: read, 2: write) to another user or group? A list that cannot be
/// parsed counts as yes. `is_other_group` gets `None` for the group of the file.
///
/// Precondition: the mask (the group bits of the mode) allows the right.
pub(super) fn gives(
    list: &[u8],
    bits: u32,
    is_other_user: impl Fn(u32) -> bool,
    is_other_group: impl Fn(Option<u32>) -> bool,
) -> bool {
    let Some((version, entries)) = list.split_first_chunk() else { return true };
    let (entries, rest) = entries.as_chunks();
    let gives_to_other = |&[tag, tag_high, rights, rights_high, id @ ..]: &[u8; 8]| {
        let id = u32::from_le_bytes(id);
        u32::from(u16::from_le_bytes([rights, rights_high])) & bits != 0
            && match u16::from_le_bytes([tag, tag_high]) {
                NAMED_USER => is_other_user(id),
                OWNING_GROUP => is_other_group(None),
                NAMED_GROUP => is_other_group(Some(id)),
                // The owner, the mask and all others: these are in the mode.
                _ => false,
            }
    };
    u32::from_le_bytes(*version) != VERSION || !rest.is_empty() || entries.iter().any(gives_to_other)
}

/// Builds a list for the tests: (tag, rights, id).
#[cfg(test)]
pub(super) fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let entries = entries.iter().flat_map(|(tag, rights, id)| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    });
    VERSION.to_le_bytes().into_iter().chain(entries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_user_is_another_one_and_the_mask_is_none() {
        const NONE: u32 = u32::MAX;
        let check = |named: &[(u16, u16, u32)], read: bool, write: bool| {
            let usual = [(0x01, 6, NONE), (0x10, 7, NONE), (0x20, 0, NONE)];
            let list = list(&[named, &usual].concat());
            let gives = |bits| gives(&list, bits, |user| user != 7, |group| group.is_some_and(|it| it != 9));
            assert_eq!((gives(4), gives(2)), (read, write), "{named:x?}");
        };
        check(&[], false, false);
        check(&[(NAMED_USER, 6, 8)], true, true);
        check(&[(NAMED_USER, 4, 8)], true, false);
        check(&[(NAMED_USER, 6, 7)], false, false);
        check(&[(NAMED_USER, 0, 8), (NAMED_USER, 2, 10)], false, true);
        check(&[(OWNING_GROUP, 6, NONE)], false, false);
        check(&[(NAMED_GROUP, 6, 9)], false, false);
        check(&[(NAMED_GROUP, 6, 10)], true, true);
    }

    #[test]
    fn a_list_that_cannot_be_understood_gives_everything() {
        for list in [&[][..], &[2, 0, 0], &[3, 0, 0, 0], &[2, 0, 0, 0, 1]] {
            assert!(gives(list, 2, |_| false, |_| false), "{list:?}");
        }
        assert!(!gives(&[2, 0, 0, 0], 2, |_| true, |_| true));
    }
}
