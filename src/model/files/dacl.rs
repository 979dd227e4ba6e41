//! Reads the entries of an access list of Windows.

/// The bits of one right. The generic rights are in each: a list may name them instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Right(u32);

const GENERIC_ALL: u32 = 0x1000_0000;
/// Who may change the list or the owner can take every right.
const WRITE_LIST_OR_OWNER: u32 = 0x0004_0000 | 0x0008_0000;

pub(super) const READ: Right = Right(0x0000_0001 | 0x8000_0000 | GENERIC_ALL | WRITE_LIST_OR_OWNER);

/// Writing, appending and deleting.
pub(super) const WRITE: Right =
    Right(0x0000_0002 | 0x0000_0004 | 0x0001_0000 | 0x4000_0000 | GENERIC_ALL | WRITE_LIST_OR_OWNER);

/// Of a folder: deleting the files in it, whatever their own lists say.
pub(super) const REPLACE: Right = Right(0x0000_0040 | GENERIC_ALL | WRITE_LIST_OR_OWNER);

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub allows: bool,
    /// It says only what new files in the folder get.
    pub only_inherited: bool,
    pub rights: u32,
    /// A security identifier, such as `S-1-5-18`.
    pub user: String,
}

/// Accounts that can access every file anyway, or stand for the owner: the system, administrators, the installer of
/// Windows, the creator and the owner.
const TRUSTED: [&str; 5] = [
    "S-1-5-18",
    "S-1-5-32-544",
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
    "S-1-3-0",
    "S-1-3-4",
];

/// Can this account access every file anyway?
pub(super) fn is_trusted(user: &str) -> bool {
    TRUSTED.contains(&user)
}

/// Does the list give a right to anyone except `ours` and the trusted accounts? Entries that deny a right are ignored,
/// because the order of entries would matter: the answer errs on the safe side.
pub(super) fn gives(entries: &[Entry], right: Right, ours: &[String]) -> bool {
    let is_other = |user: &str| !is_trusted(user) && !ours.iter().any(|it| it == user);
    entries.iter().any(|entry| {
        entry.allows && !entry.only_inherited && entry.rights & right.0 != 0 && is_other(&entry.user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: &str = "S-1-5-21-1-2-3-1001";
    const EVERYONE: &str = "S-1-1-0";
    const FULL: u32 = 0x001F_01FF;
    const READ_ONLY: u32 = 0x0012_0089;
    const MODIFY: u32 = 0x0013_01BF;

    #[test]
    fn rights_of_others_are_found_in_a_list() {
        let check = |user: &str, rights: u32, [read, write, replace]: [bool; 3]| {
            let entry = Entry { allows: true, only_inherited: false, rights, user: user.to_owned() };
            let ours = [US.to_owned()];
            let found = [READ, WRITE, REPLACE].map(|right| gives(std::slice::from_ref(&entry), right, &ours));
            assert_eq!(found, [read, write, replace], "{user} {rights:x}");
            for ignored in [Entry { allows: false, ..entry.clone() }, Entry { only_inherited: true, ..entry }]
            {
                assert!([READ, WRITE, REPLACE].iter().all(|&right| !gives(
                    std::slice::from_ref(&ignored),
                    right,
                    &ours
                )));
            }
        };
        for user in [US, "S-1-5-18", "S-1-5-32-544", "S-1-3-4"] {
            check(user, FULL, [false; 3]);
        }
        check(EVERYONE, READ_ONLY, [true, false, false]);
        check(EVERYONE, MODIFY, [true, true, false]);
        check(EVERYONE, FULL, [true; 3]);
        check("S-1-5-21-1-2-3-1002", FULL, [true; 3]);
        check("S-1-5-32-545", 0x8000_0000, [true, false, false]);
        check("S-1-5-32-545", 0x4000_0000, [false, true, false]);
        // Reading the attributes, and running.
        check(EVERYONE, 0x0012_0080 | 0x20, [false; 3]);
        assert!(!gives(&[], READ, &[]));
    }
}
