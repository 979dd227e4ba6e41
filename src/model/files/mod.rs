//! Creates, opens, reads and replaces private files.
//!
//! Every file with customers, secrets or keys goes through here: the ledger and its lock, identity and sign-in,
//! exports, logs, copies and the state of the simulator.
//!
//! A private file has mode 0600 from its first byte, and a folder that is created for one has 0700, whatever the umask.
//! An older file with a wider mode is narrowed if it is ours. [`access`] determines what others may do with a file.
//!
//! On Windows, a user's own folders are private by inheritance. A private file anywhere else gets an access list for its
//! user, and so does a folder that is created for one.

mod access;
#[cfg(unix)]
mod acl;
#[cfg(any(windows, test))]
mod dacl;
#[cfg(any(unix, test))]
mod groups;
mod held;
mod list_name;
mod long_path;
mod reading;
mod text;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::shell::path_word;

pub use access::{
    Exposure, is_of_another, let_owner_write, narrow, narrow_at, others_may_replace, others_may_write,
    same_owner,
};
pub use held::{is_held, refuse_held};
pub use list_name::{list_full_path, list_name};
pub use long_path::for_libraries;
pub use reading::{read_secret, read_settings, read_trusted};
pub use text::{NotText, mentions, text_of};

/// Why a file is not used. An [`io::Error`] contains it and has the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("other users may write to it")]
    Writable,
    #[error("it is a symbolic link")]
    Link,
    #[error("it belongs to another user")]
    OfAnother,
    #[error("other users may write to its folder, so it can be replaced")]
    FolderWritable,
    #[error("its folder belongs to another user, so it can be replaced")]
    FolderOfAnother,
    #[error("no program reads from this pipe")]
    NoReader,
}

impl Refused {
    /// The reason in `error`, if it has one.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }

    /// What the operator can do about it.
    pub fn hint(self, file: &Path) -> String {
        match self {
            Refused::NotRegular | Refused::TooLarge(_) => {
                "name the file itself; pipes and devices are not read".to_owned()
            }
            Refused::Writable | Refused::FolderWritable => {
                let place = if self == Refused::Writable { file } else { folder_of(file) };
                format!("check the content of the file, then run `{}`", for_us_alone(place))
            }
            Refused::OfAnother | Refused::FolderOfAnother => {
                "check the content of the file, then copy it into a folder of your own".to_owned()
            }
            Refused::NoReader => {
                format!("start the program that reads from `{}` first, or name a file", file.display())
            }
            Refused::Link => format!("remove the link `{}`, then run the same command again", file.display()),
        }
    }
}

/// The command that keeps others from writing to a file or a folder.
#[cfg(unix)]
pub fn for_us_alone(place: &Path) -> String {
    format!("chmod go-w {}", path_word(place))
}

/// The command that keeps others from a file or a folder: only this user is left. It
/// names accounts by their numbers, which are the same in every language of Windows.
#[cfg(windows)]
pub fn for_us_alone(place: &Path) -> String {
    let user = access::our_account().map_or("%USERNAME%".to_owned(), |us| format!("*{us}"));
    let others = "*S-1-1-0 *S-1-5-11 *S-1-5-32-545";
    format!("icacls {} /inheritance:r /remove:g {others} /grant:r {user}:F", path_word(place))
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        io::Error::other(refused)
    }
}

/// Creates a new file for writing and reading.
///
/// # Errors
/// Also if the name exists, even as a dangling link.
pub fn create_new(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    options.create_new(true);
    #[cfg(windows)]
    access::create_private(file)?;
    private(&mut options).open(file)
}

/// Prepares a private file that is opened next, here or by SQLite. On Unix there is nothing to do: the file is created
/// with its mode.
#[cfg(unix)]
pub fn prepare_private(_file: &Path) -> io::Result<()> {
    Ok(())
}

/// Prepares a private file that is opened next, here or by SQLite: creates it if it is missing, so that it has its access
/// list from the start.
#[cfg(windows)]
pub fn prepare_private(file: &Path) -> io::Result<()> {
    match access::create_private(file) {
        Err(error) if file.symlink_metadata().is_err() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens a file for appending, and creates it if it is missing. An older file is [narrowed](narrow) without a warning.
///
/// # Errors
/// Also if it is a pipe that no program reads from; this function does not wait for a reader.
pub fn append(file: &Path) -> io::Result<(File, Exposure)> {
    prepare_private(file)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    let opened = open_at_once(private(&mut options), file)?;
    let exposure = narrow(&opened, file)?;
    Ok((opened, exposure))
}

/// Opens a file for writing without blocking: a pipe without a reader is an error, and a serial line without a carrier
/// is not waited for.
#[cfg(unix)]
fn open_at_once(options: &mut OpenOptions, file: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::os::unix::fs::FileTypeExt;
    let is_pipe = || file.metadata().is_ok_and(|it| it.file_type().is_fifo());
    let opened = flags(options, OFlags::NONBLOCK).open(file).map_err(|error| {
        let has_no_reader = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) && is_pipe();
        if has_no_reader { Refused::NoReader.into() } else { error }
    })?;
    // After opening, writes to a full pipe must wait; otherwise lines would be lost.
    fcntl_setfl(&opened, fcntl_getfl(&opened)? - OFlags::NONBLOCK)?;
    Ok(opened)
}

#[cfg(not(unix))]
fn open_at_once(options: &mut OpenOptions, file: &Path) -> io::Result<File> {
    options.open(file)
}

/// Opens a file for reading and writing, and creates it if it is missing. An older file is [narrowed](narrow). Does not
/// follow a symbolic link and opens only regular files: a user who can replace the file by a link must not choose what
/// is locked or written. While it is open, Windows does not let other programs remove or rename it.
pub fn open_no_link(file: &Path) -> io::Result<File> {
    prepare_private(file)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let opened = follow_no_link(private(&mut options))
        .open(file)
        .map_err(|error| if file.is_symlink() { Refused::Link.into() } else { error })?;
    if !opened.metadata()?.is_file() {
        return Err(Refused::NotRegular.into());
    }
    narrow(&opened, file)?.warn(file);
    Ok(opened)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(unix)]
fn follow_no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    // Opening a pipe must not block either.
    flags(options, OFlags::NOFOLLOW | OFlags::NONBLOCK)
}

#[cfg(unix)]
fn flags(options: &mut OpenOptions, flags: rustix::fs::OFlags) -> &mut OpenOptions {
    let flags = i32::try_from(flags.bits()).expect("the flags of open(2) are an int");
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags)
}

#[cfg(windows)]
fn follow_no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    /// `FILE_SHARE_READ` and `FILE_SHARE_WRITE`, without `FILE_SHARE_DELETE`.
    const SHARED: u32 = 0x1 | 0x2;
    std::os::windows::fs::OpenOptionsExt::share_mode(options, SHARED)
}

/// Creates a private folder and its missing parents. Existing folders do not change.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let made = match (make_new_folder(folder), folder.parent()) {
        // A folder may be refused like this although its parent exists: one that was removed meanwhile, or `/proc`.
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound && !parent.is_dir() => {
            make_folder(parent)?;
            make_new_folder(folder)
        }
        (made, _) => made,
    };
    made.or_else(|error| if folder.is_dir() { Ok(()) } else { Err(error) })
}

/// Creates a private folder.
///
/// # Errors
/// `AlreadyExists` if the name exists.
#[cfg(unix)]
pub fn make_new_folder(folder: &Path) -> io::Result<()> {
    let mut folders = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders.create(folder)
}

/// Creates a private folder.
///
/// # Errors
/// `AlreadyExists` if the name exists.
#[cfg(windows)]
pub fn make_new_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    access::keep_to_us(folder);
    Ok(())
}

/// Creates a file without a name in `folder`. The system removes it when it is closed.
pub fn create_unnamed(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

/// Creates the folder for `file`.
pub fn make_folder_of(file: &Path) -> io::Result<()> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), make_folder)
}

/// Replaces the file's content by `content`, and creates missing folders. Durable when it returns. The new content is
/// written to a file next to it, synced and renamed, so a reader sees either the old or the new content.
pub fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    make_folder_of(file)?;
    replace_by(create_new, file, content)
}

/// The same for a file that other users of this machine may read, whatever the umask of this process is.
pub fn replace_readable(file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let create = |beside: &Path| {
        let out = OpenOptions::new().write(true).create_new(true).open(beside)?;
        #[cfg(unix)]
        out.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        Ok(out)
    };
    replace_by(create, file, content)
}

fn replace_by(create: impl FnOnce(&Path) -> io::Result<File>, file: &Path, content: &[u8]) -> io::Result<()> {
    let beside = name_beside(file);
    let written = create(&beside).and_then(|mut out| {
        out.write_all(content)?;
        out.sync_all()
    });
    let renamed = written.and_then(|()| rename_over(&beside, file));
    if renamed.is_err() {
        drop(fs::remove_file(&beside));
    }
    renamed.and_then(|()| sync_folder_of(file))
}

/// Renames the file `beside` to `file`, and replaces what has that name.
pub fn rename_over(beside: &Path, file: &Path) -> io::Result<()> {
    fs::rename(beside, file).map_err(|error| held::cause(error, file))
}

/// The path of an existing file or folder without links, and complete. On Windows people can read it and type it, unlike the
/// `\\?\C:\…` and `\\?\UNC\server\…` of std.
pub fn canonical(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = dunce::canonicalize(path)?;
    #[cfg(windows)]
    let path = match path.to_str().and_then(|path| long_path::as_share(path, is_plain)) {
        Some(share) => PathBuf::from(share),
        None => path,
    };
    Ok(path)
}

/// Does a path `\\?\C:\…` mean the same without its prefix?
#[cfg(windows)]
fn is_plain(path: &str) -> bool {
    let path = Path::new(path);
    dunce::simplified(path) != path
}

/// The temporary name of `file` while it is written.
pub fn name_beside(file: &Path) -> PathBuf {
    file.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()))
}

/// The name of `file` with `suffix` appended, for example for SQLite's files next to a ledger.
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates a new file with the content that `fill` writes: complete, or not at all, and never over another one. The
/// content is durable when it returns; the name is once the folder is [synced](sync_folder_of).
///
/// # Errors
/// `AlreadyExists` if the name exists, even as a dangling link.
pub fn create_whole(file: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let beside = name_beside(file);
    let made = create_new(&beside).and_then(|mut out| {
        fill(&mut out)?;
        out.sync_all()?;
        take_name(&beside, file)
    });
    if made.is_err() {
        drop(fs::remove_file(&beside));
    }
    made
}

/// Renames the file `beside` to `file` if that name is free.
pub fn take_name(beside: &Path, file: &Path) -> io::Result<()> {
    match rename_new(beside, file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => link_new(beside, file),
        renamed => renamed,
    }
}

/// Atomic, so that a process that is killed leaves a file with one name. Not every system and file system supports it.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_new(beside: &Path, file: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, beside, CWD, file, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_new(_beside: &Path, _file: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Unlike renaming, a link fails if the name exists; some file systems have no links.
fn link_new(beside: &Path, file: &Path) -> io::Result<()> {
    match fs::hard_link(beside, file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !file.exists() => {
            fs::rename(beside, file)
        }
        Err(error) => Err(error),
        Ok(()) => fs::remove_file(beside),
    }
}

/// Removes a file that a killed process of this user left behind. Does not remove a link, a file of another user, or a
/// file that others may read.
pub fn remove_left_behind(file: &Path) -> io::Result<()> {
    match file.symlink_metadata() {
        Ok(metadata) if access::is_private_file(file, &metadata) => fs::remove_file(file),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// How many names are tried.
const NAMES_TRIED: u32 = 1000;

/// `failed.csv`, or `failed-2.csv` and so on if it exists.
pub fn free_name(wanted: &Path) -> PathBuf {
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy();
    let extension = wanted.extension().map(|it| format!(".{}", it.to_string_lossy())).unwrap_or_default();
    let numbered =
        (2..NAMES_TRIED).map(|number| wanted.with_file_name(format!("{stem}-{number}{extension}")));
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or_else(|| wanted.to_owned())
}

/// The folder of a file.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the name of a new file durable. Windows journals its folders and cannot open them as files.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder_of(file))?.sync_all()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    #[cfg(target_os = "linux")]
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it was made a moment ago").permissions().mode() & 0o777
    }

    /// Making one in it is refused as if it did not exist.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_can_have_no_others_is_an_error() {
        let error = make_folder(Path::new("/proc/tenantry/results")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_free_name_is_proposed() {
        let folder = tempfile::tempdir().unwrap();
        let check = |expected: &str| {
            assert_eq!(free_name(&folder.path().join("failed.csv")), folder.path().join(expected));
        };
        check("failed.csv");
        fs::write(folder.path().join("failed.csv"), "").unwrap();
        check("failed-2.csv");
        fs::write(folder.path().join("failed-2.csv"), "").unwrap();
        check("failed-3.csv");
        assert_eq!(free_name(&folder.path().join("none")), folder.path().join("none"));
    }

    #[test]
    fn new_files_and_folders_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/secret");
        replace(&file, b"x").unwrap();
        assert_eq!(
            (mode(&file), mode(&folder.path().join("a")), mode(&folder.path().join("a/b"))),
            (0o600, 0o700, 0o700)
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        drop(append(&file).unwrap());
        assert_eq!(mode(&file), 0o600, "an older file is narrowed");
    }

    #[test]
    fn only_a_private_file_that_was_left_behind_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let [left, theirs, link] = ["left", "theirs", "link"].map(|name| folder.path().join(name));
        drop(create_new(&left).unwrap());
        fs::write(&theirs, "").unwrap();
        fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&theirs, &link).unwrap();
        for file in [&left, &theirs, &link, &folder.path().to_owned(), &folder.path().join("none")] {
            remove_left_behind(file).unwrap();
        }
        assert_eq!((left.exists(), theirs.exists(), link.is_symlink()), (false, true, true));
    }

    /// A file with a second name would be rejected as a copy of the ledger.
    #[test]
    fn what_takes_a_name_has_no_other_and_replaces_nothing() {
        let check = |take: fn(&Path, &Path) -> io::Result<()>| {
            let folder = tempfile::tempdir().unwrap();
            let [beside, file] = ["file.new", "file"].map(|name| folder.path().join(name));
            fs::write(&beside, "first").unwrap();
            take(&beside, &file).unwrap();
            assert!(!beside.exists(), "it was renamed");
            fs::write(&beside, "second").unwrap();
            assert_eq!(take(&beside, &file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&file).unwrap(), "first");
            assert!(beside.exists());
        };
        check(take_name);
        check(link_new);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_follows_no_link_and_waits_for_no_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        let refused = |file: &Path| Refused::of(&open_no_link(file).unwrap_err());
        assert_eq!(refused(&link), Some(Refused::Link));
        assert_eq!(refused(&pipe), Some(Refused::NotRegular));
        assert!(open_no_link(&file).is_ok());
    }
}
