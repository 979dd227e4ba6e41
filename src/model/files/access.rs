//! Determines what other users may do with a file, on Unix from its owner, group and mode, on Windows from its access
//! list.
//!
//! Three rules avoid false alarms. A group with only one member counts as that user ([`super::groups`]). On a file
//! system that is mounted read-only, no user can write. And some file systems have no modes and owners: a Windows drive
//! in WSL, a network share or a FAT stick shows the same values for every file, and `chmod` changes nothing. Such file
//! systems are not recognized by name: a private file is created there as a test.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub use unix::{
    is_of_another, let_owner_write, narrow, narrow_at, others_may_replace, others_may_write, same_owner,
};
#[cfg(unix)]
pub(super) use unix::{is_private_file, refuse_strangers, refuse_unexcused_strangers};
#[cfg(windows)]
pub(super) use windows::{
    create_private, is_private_file, keep_to_us, our_account, refuse_strangers, refuse_unexcused_strangers,
};
#[cfg(windows)]
pub use windows::{
    is_of_another, let_owner_write, narrow, narrow_at, others_may_replace, others_may_write, same_owner,
};

/// Whether other users could access a private file until now, and whether they still can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// They never could.
    Never,
    /// They could read or write the file; its mode is narrower now.
    Ended,
    /// They still can, because the file is not ours or cannot be changed.
    Stays,
}

impl Exposure {
    /// Logs a warning unless the file was never exposed.
    pub fn warn(self, path: &Path) {
        let file = path.display();
        match self {
            Exposure::Never => {}
            Exposure::Ended => {
                tracing::warn!(%file, "other users could read or write this private file; now they cannot");
            }
            Exposure::Stays => tracing::warn!(%file, "other users may read this private file"),
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::sync::Once;

    use rustix::fs::StatVfsMountFlags;
    use rustix::process::geteuid;

    use super::super::{Refused, acl, folder_of, groups};
    use super::{Exposure, File, Metadata, Path, io};

    /// The mode bits of one right, for all others and for the group.
    #[derive(Debug, Clone, Copy)]
    struct Right {
        others: u32,
        group: u32,
    }

    const WRITE: Right = Right { others: 0o002, group: 0o020 };
    const READ: Right = Right { others: 0o004, group: 0o040 };
    const STICKY: u32 = 0o1000;

    /// Do the mode and the access list give a right to anyone except us, the owner, root, and a private group of ours
    /// or the owner's? `is_private` knows a user's private groups.
    fn gives(file: Stat, list: Option<&[u8]>, right: Right, is_private: impl Fn(u32, u32) -> bool) -> bool {
        let (us, owner) = (geteuid().as_raw(), file.uid);
        let is_other_user = |uid| ![us, owner, 0].contains(&uid);
        let is_other_group = |gid: Option<u32>| {
            let gid = gid.unwrap_or(file.gid);
            !is_private(gid, us) && !is_private(gid, owner)
        };
        let by_group = || match list {
            Some(list) => acl::gives(list, right.others, is_other_user, is_other_group),
            None => is_other_group(None),
        };
        file.mode & right.others != 0 || (file.mode & right.group != 0 && by_group())
    }

    /// The metadata that is examined.
    #[derive(Debug, Clone, Copy)]
    struct Stat {
        uid: u32,
        gid: u32,
        mode: u32,
    }

    impl From<&Metadata> for Stat {
        fn from(metadata: &Metadata) -> Self {
            Self { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() }
        }
    }

    fn is_private(gid: u32, uid: u32) -> bool {
        let text = |file| std::fs::read_to_string(file).unwrap_or_default();
        groups::is_private(gid, uid, &text("/etc/passwd"), &text("/etc/group"))
    }

    /// The metadata of a new private file in a folder. `None`: no file can be created there.
    fn new_file_in(folder: &Path) -> Option<Stat> {
        let file = tempfile::Builder::new().prefix(".tenantry-").tempfile_in(folder).ok()?;
        Some((&file.as_file().metadata().ok()?).into())
    }

    /// Do modes have a meaning on a file system where a new private file looks like this?
    fn mean_something(new_file: Option<Stat>) -> bool {
        new_file.is_none_or(|file| file.mode & 0o077 == 0)
    }

    fn has_modes(folder: &Path) -> bool {
        static NOTED: Once = Once::new();
        let has = mean_something(new_file_in(folder));
        if !has {
            NOTED.call_once(|| {
                tracing::warn!(
                    folder = %folder.display(),
                    "this file system does not store owners and permissions, so Tenantry cannot check who \
                     may read or write the file"
                );
            });
        }
        has
    }

    /// Does the file belong to us? `new_file` is the owner of a file that we create in the same folder.
    fn is_ours(uid: u32, new_file: impl FnOnce() -> Option<u32>) -> bool {
        uid == geteuid().as_raw() || new_file() == Some(uid)
    }

    /// True if no user can write, whatever the mode says.
    fn is_read_only(file: &Path) -> bool {
        rustix::fs::statvfs(file).is_ok_and(|it| it.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// May anyone except the owner, root and a private group write to the file at `path`, or create files in the
    /// folder?
    pub fn others_may_write(path: &Path, metadata: &Metadata) -> bool {
        let folder = if metadata.is_dir() { path } else { folder_of(path) };
        gives(metadata.into(), acl::of(path).as_deref(), WRITE, is_private)
            && !is_read_only(path)
            && has_modes(folder)
    }

    /// May all users replace `file` by another file? In a folder with the sticky bit, such as /tmp, they may not.
    pub fn others_may_replace(file: &Path) -> bool {
        let folder = folder_of(file);
        let Ok(metadata) = folder.metadata() else { return false };
        let by_mode = metadata.mode() & WRITE.others != 0 && metadata.mode() & STICKY == 0;
        by_mode && !is_read_only(folder) && has_modes(folder)
    }

    /// Is it a regular file that belongs to this user and that no other user may access? A link is not one.
    pub(in super::super) fn is_private_file(path: &Path, metadata: &Metadata) -> bool {
        metadata.is_file()
            && !is_of_another(path, metadata)
            && (!is_wide(path, metadata) || !mean_something(new_file_in(folder_of(path))))
    }

    /// May anyone except the owner, root and a private group read the file or write to it?
    fn is_wide(path: &Path, metadata: &Metadata) -> bool {
        let list = acl::of(path);
        [READ, WRITE].into_iter().any(|right| gives(metadata.into(), list.as_deref(), right, is_private))
    }

    /// Refuses a file that belongs to a user other than us and root, or that others can replace, also through a link to
    /// it.
    pub(in super::super) fn refuse_strangers(path: &Path, file: &Metadata) -> Result<(), Refused> {
        find_stranger(path, file, |_| false).map(|_| ())
    }

    /// Like [`refuse_strangers`], but logs only a warning for another user's file, or a file in another user's folder,
    /// in two cases. Both are common in containers, where the owners of mounted files come from another machine:
    ///
    /// - We are root. Root can access the files of all users, and the person who named the file as root chose to trust
    ///   its owner.
    /// - The file or folder is on a file system that is mounted read-only. No user on this machine can write to it, and
    ///   the person who mounted it chose its content.
    ///
    /// A third case is a folder that all users may write to, as volumes of containers often are. For our own file
    /// there, if it is not reached by a link, only a warning is logged: other users can replace it, but they cannot
    /// create a file that belongs to us.
    ///
    /// A file that others may write to or replace is refused in all other cases.
    pub(in super::super) fn refuse_unexcused_strangers(path: &Path, file: &Metadata) -> Result<(), Refused> {
        let is_excused = |place: &Path| geteuid().is_root() || is_read_only(place);
        let is_ours = || file.uid() == geteuid().as_raw() && !path.is_symlink();
        let shown = path.display();
        match find_stranger(path, file, is_excused) {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!(file = %shown, "this file is used, although another user could change or \
                                               replace it");
            }
            Err(Refused::FolderWritable) if is_ours() => {
                tracing::warn!(file = %shown, "other users may write to the folder of this file, and could remove it");
            }
            Err(refused) => return Err(refused),
        }
        Ok(())
    }

    /// Does a user other than us and root control what is at `path`? It is an error if that user is not excused.
    fn find_stranger(
        path: &Path,
        file: &Metadata,
        is_excused: impl Fn(&Path) -> bool,
    ) -> Result<bool, Refused> {
        let target = crate::files::canonical(path).unwrap_or_else(|_| path.to_owned());
        let folders = [folder_of(path), folder_of(&target)];
        let folders: Vec<_> =
            folders.iter().filter_map(|folder| Some((*folder, folder.metadata().ok()?))).collect();
        for (folder, metadata) in &folders {
            // In a folder such as /tmp only the owner of a file can replace it.
            if metadata.mode() & STICKY == 0 && others_may_write(folder, metadata) {
                return Err(Refused::FolderWritable);
            }
        }
        let is_strangers =
            |at: &Path, metadata: &Metadata| metadata.uid() != 0 && is_of_another(at, metadata);
        let strangers_file = is_strangers(path, file).then_some((path, Refused::OfAnother));
        let strangers_folders =
            folders.iter().filter(|(folder, metadata)| is_strangers(&folder.join("x"), metadata));
        let found: Vec<_> = strangers_file
            .into_iter()
            .chain(strangers_folders.map(|(folder, _)| (*folder, Refused::FolderOfAnother)))
            .collect();
        match found.iter().find(|(place, _)| !is_excused(place)) {
            Some((_, refused)) => Err(*refused),
            None => Ok(!found.is_empty()),
        }
    }

    /// Does the file at `path` belong to another user? If the file system shows one user for all files that we create,
    /// that user's files are ours.
    pub fn is_of_another(path: &Path, metadata: &Metadata) -> bool {
        !is_ours(metadata.uid(), || new_file_in(folder_of(path)).map(|file| file.uid))
    }

    /// Removes the rights of others from an open file of this user. Devices and pipes do not change. Logs nothing, because
    /// the file may be the log itself.
    pub fn narrow(file: &File, path: &Path) -> io::Result<Exposure> {
        narrow_by(|| file.metadata(), |private| file.set_permissions(private), path)
    }

    /// Like [`narrow`], for a file that must not be opened: closing it would release SQLite's own locks on the
    /// database.
    pub fn narrow_at(path: &Path) -> io::Result<Exposure> {
        narrow_by(|| std::fs::metadata(path), |private| std::fs::set_permissions(path, private), path)
    }

    fn narrow_by(
        look: impl Fn() -> io::Result<Metadata>,
        set: impl FnOnce(Permissions) -> io::Result<()>,
        path: &Path,
    ) -> io::Result<Exposure> {
        let metadata = look()?;
        if !metadata.is_file() || !is_wide(path, &metadata) {
            return Ok(Exposure::Never);
        }
        let private = Permissions::from_mode(metadata.mode() & 0o700);
        let is_ours = metadata.uid() == geteuid().as_raw();
        if is_ours && set(private).is_ok() && look()?.mode() & 0o077 == 0 {
            return Ok(Exposure::Ended);
        }
        let means_it = mean_something(new_file_in(folder_of(path)));
        Ok(if means_it { Exposure::Stays } else { Exposure::Never })
    }

    /// Gives this user the right to write a private file of this user. Best effort: who opens the file learns more.
    pub fn let_owner_write(path: &Path, metadata: &Metadata) {
        if metadata.mode() & 0o200 == 0 && metadata.uid() == geteuid().as_raw() {
            let private = Permissions::from_mode(metadata.mode() & 0o700 | 0o600);
            if let Err(error) = std::fs::set_permissions(path, private) {
                tracing::debug!(file = %path.display(), %error, "a read-only file could not be made writable");
            }
        }
    }

    /// Does `file`, which belongs to `ledger`, have the same owner, or us or root as its owner?
    pub fn same_owner(ledger: &Metadata, file: &Metadata) -> bool {
        [ledger.uid(), geteuid().as_raw(), 0].contains(&file.uid())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn seen(uid: u32, gid: u32, mode: u32) -> Stat {
            Stat { uid, gid, mode }
        }

        #[test]
        fn the_owner_root_and_a_private_group_are_no_others() {
            // Group 7 is private to user 7, and group 0 to root.
            let private = |gid, uid| gid == 0 || gid == uid;
            let check = |file: Stat, read: bool, write: bool| {
                assert_eq!(gives(file, None, READ, private), read, "read {:o}", file.mode);
                assert_eq!(gives(file, None, WRITE, private), write, "write {:o}", file.mode);
            };
            check(seen(7, 9, 0o600), false, false);
            check(seen(7, 9, 0o640), true, false);
            check(seen(7, 9, 0o660), true, true);
            check(seen(7, 7, 0o660), false, false);
            check(seen(7, 0, 0o664), true, false);
            check(seen(7, 0, 0o660), false, false);
            check(seen(7, 7, 0o662), false, true);
            check(seen(0, 0, 0o444), true, false);
        }

        /// With an access list, a private group in the mode says nothing about the users in the list.
        #[test]
        fn an_access_list_counts_in_addition_to_the_mode() {
            let private = |gid, uid| gid == uid;
            let check = |mode: u32, named: (u16, u16, u32), read: bool, write: bool| {
                let (file, list) = (seen(7, 7, mode), acl::list(&[(0x04, 6, u32::MAX), named]));
                let gives = |right| gives(file, Some(&list), right, private);
                assert_eq!((gives(READ), gives(WRITE)), (read, write), "{mode:o} {named:x?}");
            };
            let stranger = geteuid().as_raw() + 4242;
            check(0o660, (0x02, 6, stranger), true, true);
            check(0o640, (0x02, 6, stranger), true, false);
            check(0o600, (0x02, 6, stranger), false, false);
            check(0o660, (0x02, 6, 7), false, false);
            check(0o660, (0x02, 6, 0), false, false);
            check(0o660, (0x08, 6, stranger), true, true);
            check(0o602, (0x08, 0, stranger), false, true);
        }

        /// Which owners are trusted. Only root can give a file away; without root there is no file of another user
        /// here.
        #[test]
        fn another_users_file_is_trusted_only_if_excused() {
            let folder = tempfile::tempdir().unwrap();
            let inner = folder.path().join("in");
            std::fs::create_dir(&inner).unwrap();
            let file = inner.join("secret");
            std::fs::write(&file, "x").unwrap();
            let find = |excuse: bool| find_stranger(&file, &file.metadata().unwrap(), |_| excuse);
            assert_eq!((find(false), find(true)), (Ok(false), Ok(false)));
            std::fs::set_permissions(&inner, Permissions::from_mode(0o777)).unwrap();
            assert_eq!(find(true), Err(Refused::FolderWritable), "whichever user is excused");
            std::fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
            for (changed, refused) in [(&file, Refused::OfAnother), (&inner, Refused::FolderOfAnother)] {
                if std::os::unix::fs::chown(changed, Some(4242), None).is_err() {
                    assert!(!geteuid().is_root());
                    return;
                }
                assert_eq!((find(false), find(true)), (Err(refused), Ok(true)));
                std::os::unix::fs::chown(changed, Some(0), None).unwrap();
            }
        }

        /// A Windows drive in WSL shows mode 0777 and one user for all files.
        #[test]
        fn modes_and_owners_count_where_a_new_file_keeps_them() {
            assert!(mean_something(Some(seen(7, 7, 0o100_600))));
            assert!(!mean_something(Some(seen(1000, 1000, 0o100_777))));
            assert!(mean_something(None), "it is unknown");
            let us = geteuid().as_raw();
            assert!(is_ours(us, || None));
            assert!(is_ours(us + 1, || Some(us + 1)), "everything there looks like that");
            assert!(!is_ours(us + 1, || Some(us)));
            assert!(!is_ours(us + 1, || None));
        }
    }
}

#[cfg(windows)]
mod windows;
