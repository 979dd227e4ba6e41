//! What others may do with a file on Windows: its access list decides.

use std::fs::OpenOptions;
use std::os::windows::fs::OpenOptionsExt;
use std::sync::{LazyLock, Once};

use windows_permissions::constants::{AceType, SeObjectType, SecurityInformation};
use windows_permissions::utilities::current_process_sid;
use windows_permissions::wrappers::{GetNamedSecurityInfo, SetNamedSecurityInfo};
use windows_permissions::{LocalBox, SecurityDescriptor};

use super::super::dacl::{self, Entry, READ, REPLACE, Right, WRITE};
use super::super::{Refused, folder_of, for_libraries};
use super::{Exposure, File, Metadata, Path, io};

/// The account of this process, as a security identifier.
static US: LazyLock<Option<String>> = LazyLock::new(|| match current_process_sid() {
    Ok(user) => Some(user.to_string()),
    Err(error) => {
        tracing::warn!(%error, "the system does not say which account this is");
        None
    }
});

/// The account of this process; `None`: the system does not say.
pub(in super::super) fn our_account() -> Option<&'static str> {
    US.as_deref()
}

/// Who may do what with a file.
struct List {
    /// The accounts whose file it is: ours, and its owner.
    ours: Vec<String>,
    owner: Option<String>,
    /// `None`: everyone may do everything.
    entries: Option<Vec<Entry>>,
}

impl List {
    fn of(path: &Path) -> io::Result<Self> {
        let wanted = SecurityInformation::Owner | SecurityInformation::Dacl;
        let name = for_libraries(path.to_owned());
        let found = GetNamedSecurityInfo(&name, SeObjectType::SE_FILE_OBJECT, wanted)?;
        let owner = found.owner().map(ToString::to_string);
        let entries = found
            .dacl()
            .map(|list| (0..list.len()).filter_map(|index| list.get_ace(index)).filter_map(entry).collect());
        let ours = owner.iter().cloned().chain(our_account().map(str::to_owned)).collect();
        Ok(Self { ours, owner, entries })
    }

    fn gives(&self, right: Right) -> bool {
        self.entries.as_ref().is_none_or(|entries| dacl::gives(entries, right, &self.ours))
    }

    fn is_wide(&self) -> bool {
        self.gives(READ) || self.gives(WRITE)
    }

    /// Administrators own what an elevated process makes.
    fn is_of_another(&self) -> bool {
        self.owner.as_deref().is_some_and(|owner| Some(owner) != our_account() && !dacl::is_trusted(owner))
    }
}

fn entry(entry: &windows_permissions::Ace) -> Option<Entry> {
    use windows_permissions::constants::AceFlags;
    Some(Entry {
        allows: matches!(
            entry.ace_type(),
            AceType::ACCESS_ALLOWED_ACE_TYPE | AceType::ACCESS_ALLOWED_CALLBACK_ACE_TYPE
        ),
        only_inherited: entry.flags().contains(AceFlags::InheritOnly),
        rights: entry.mask().bits(),
        user: entry.sid()?.to_string(),
    })
}

/// Gives a file or a folder a list of its own, for this account alone. Administrators and the system need no entry:
/// they can take any file. New files in such a folder get the same list.
fn make_private(path: &Path) -> io::Result<()> {
    let us = our_account().ok_or(io::ErrorKind::Unsupported)?;
    let inherited = if path.is_dir() { "OICI" } else { "" };
    let list: LocalBox<SecurityDescriptor> = format!("D:P(A;{inherited};FA;;;{us})").parse()?;
    let what = SecurityInformation::Dacl | SecurityInformation::ProtectedDacl;
    let name = for_libraries(path.to_owned());
    SetNamedSecurityInfo(&name, SeObjectType::SE_FILE_OBJECT, what, None, None, list.dacl(), None)
}

/// Do lists have a meaning in this folder? A FAT stick has none, and some network shares have none.
fn has_lists(folder: &Path) -> bool {
    static NOTED: Once = Once::new();
    let new_file = || {
        let file = tempfile::Builder::new().prefix(".tenantry-").tempfile_in(folder).ok()?;
        make_private(file.path()).ok();
        List::of(file.path()).ok()
    };
    let has = new_file().is_none_or(|list| !list.is_wide());
    if !has {
        NOTED.call_once(|| {
            tracing::warn!(
                folder = %folder.display(),
                "this file system keeps no access lists; who may read and write its files is for the system to say"
            );
        });
    }
    has
}

fn others_may(right: Right, path: &Path, folder: &Path) -> bool {
    List::of(path).is_ok_and(|list| list.gives(right)) && has_lists(folder)
}

/// May anyone except the owner, administrators and the system write to the file at `path`, or delete it? Of a folder:
/// may they delete the files in it?
pub fn others_may_write(path: &Path, metadata: &Metadata) -> bool {
    if metadata.is_dir() { others_may(REPLACE, path, path) } else { others_may(WRITE, path, folder_of(path)) }
}

/// May others delete `file`, whatever its own list says?
pub fn others_may_replace(file: &Path) -> bool {
    let folder = folder_of(file);
    others_may(REPLACE, folder, folder)
}

/// Is it a regular file that belongs to this user and that no other user may access?
pub(in super::super) fn is_private_file(path: &Path, metadata: &Metadata) -> bool {
    metadata.is_file()
        && List::of(path)
            .is_ok_and(|list| !list.is_of_another() && !list.is_wide() || !has_lists(folder_of(path)))
}

/// Refuses a file that belongs to another user, or that others can replace.
pub(in super::super) fn refuse_strangers(path: &Path, file: &Metadata) -> Result<(), Refused> {
    if others_may_replace(path) {
        Err(Refused::FolderWritable)
    } else if is_of_another(path, file) {
        Err(Refused::OfAnother)
    } else {
        Ok(())
    }
}

/// No stranger is excused: Windows has no user whose mounted files belong to others by habit.
pub(in super::super) fn refuse_unexcused_strangers(path: &Path, file: &Metadata) -> Result<(), Refused> {
    refuse_strangers(path, file)
}

/// Does the file at `path` belong to another user? Administrators are not others.
pub fn is_of_another(path: &Path, _metadata: &Metadata) -> bool {
    List::of(path).is_ok_and(|list| list.is_of_another())
}

/// Takes the read-only attribute from a private file. Best effort: who opens the file learns more.
#[expect(clippy::permissions_set_readonly_false, reason = "on Windows, that changes no access list")]
pub fn let_owner_write(path: &Path, metadata: &Metadata) {
    let mut permissions = metadata.permissions();
    if permissions.readonly() {
        permissions.set_readonly(false);
        if let Err(error) = std::fs::set_permissions(path, permissions) {
            tracing::debug!(file = %path.display(), %error, "a read-only file could not be made writable");
        }
    }
}

/// Windows decides by the list alone, which is read for each file.
pub fn same_owner(_ledger: &Metadata, _file: &Metadata) -> bool {
    true
}

/// Removes the rights of others from a file of Tenantry. Logs nothing, because the file may be the log itself.
pub fn narrow_at(path: &Path) -> io::Result<Exposure> {
    // Devices, such as NUL, and some network shares have no list.
    let Ok(list) = List::of(path) else { return Ok(Exposure::Never) };
    if !path.is_file() || !list.is_wide() {
        return Ok(Exposure::Never);
    }
    let is_private = || List::of(path).is_ok_and(|list| !list.is_wide());
    if !list.is_of_another() && make_private(path).is_ok() && is_private() {
        return Ok(Exposure::Ended);
    }
    Ok(if has_lists(folder_of(path)) { Exposure::Stays } else { Exposure::Never })
}

/// Like [`narrow_at`]: a list is changed by the name of its file.
pub fn narrow(_file: &File, path: &Path) -> io::Result<Exposure> {
    narrow_at(path)
}

/// Creates an empty private file.
///
/// # Errors
/// Also if the name exists.
pub(in super::super) fn create_private(file: &Path) -> io::Result<()> {
    // Others cannot open it before it has its list: the handle shares nothing.
    let made = OpenOptions::new().write(true).create_new(true).share_mode(0).open(file)?;
    keep_to_us(file);
    drop(made);
    Ok(())
}

/// Gives a new file or folder its list, unless it is private where it was made, as in a user's own folders.
pub(in super::super) fn keep_to_us(path: &Path) {
    if List::of(path).is_ok_and(|list| list.is_wide() || list.gives(REPLACE))
        && let Err(error) = make_private(path)
    {
        tracing::debug!(path = %path.display(), %error, "this file gets no access list of its own");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(path: &Path, rights: &str) {
        let us = our_account().unwrap();
        let list: LocalBox<SecurityDescriptor> =
            format!("D:P(A;;FA;;;{us})(A;;{rights};;;WD)").parse().unwrap();
        let what = SecurityInformation::Dacl | SecurityInformation::ProtectedDacl;
        SetNamedSecurityInfo(
            path.as_os_str(),
            SeObjectType::SE_FILE_OBJECT,
            what,
            None,
            None,
            list.dacl(),
            None,
        )
        .unwrap();
    }

    #[test]
    fn what_others_may_do_is_seen_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.txt");
        create_private(&file).unwrap();
        let check = |rights: Option<&str>, write: bool, narrowed: Exposure| {
            if let Some(rights) = rights {
                share(&file, rights);
            }
            let metadata = file.metadata().unwrap();
            assert_eq!(others_may_write(&file, &metadata), write, "{rights:?}");
            assert_eq!(is_private_file(&file, &metadata), narrowed == Exposure::Never, "{rights:?}");
            assert_eq!(narrow_at(&file).unwrap(), narrowed, "{rights:?}");
            assert!(!others_may_write(&file, &metadata) && is_private_file(&file, &metadata));
        };
        check(None, false, Exposure::Never);
        check(Some("FR"), false, Exposure::Ended);
        check(Some("FA"), true, Exposure::Ended);
        assert!(!is_of_another(&file, &file.metadata().unwrap()));
        assert!(create_private(&file).is_err(), "the name exists");
    }
}
