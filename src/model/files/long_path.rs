//! Paths of more than 260 characters on Windows.
//!
//! Windows takes such a path only with the prefix `\\?\`, unless an administrator has allowed long paths for all
//! programs. std adds the prefix by itself. Libraries that call Windows themselves do not: SQLite, and those for access
//! lists. The prefix is for them alone; people never see it.

use std::path::PathBuf;

/// The path of a file for libraries that hand it to the system as it is. On Windows a long path gets its prefix.
#[cfg(windows)]
pub fn for_libraries(path: PathBuf) -> PathBuf {
    let whole = std::path::absolute(&path).ok();
    // A path that is not Unicode keeps its form: it is rare, and it works while it is short.
    let long = whole.as_deref().and_then(std::path::Path::to_str).and_then(with_prefix);
    long.map_or(path, PathBuf::from)
}

/// The path of a file for libraries that hand it to the system as it is.
#[cfg(not(windows))]
pub fn for_libraries(path: PathBuf) -> PathBuf {
    path
}

/// An absolute path of Windows with its prefix; `None`: it needs none, or has one.
#[cfg(any(windows, test))]
fn with_prefix(whole: &str) -> Option<String> {
    /// 260 with the end of the text, less the names that SQLite makes from that of a ledger.
    const LONGEST: usize = 240;
    if whole.encode_utf16().count() <= LONGEST || whole.starts_with(r"\\?\") || whole.starts_with(r"\\.\") {
        return None;
    }
    Some(match whole.strip_prefix(r"\\") {
        Some(share) => format!(r"\\?\UNC\{share}"),
        None => format!(r"\\?\{whole}"),
    })
}

/// The path on a share as people write it, from `\\?\UNC\server\share\…`. `None`: it is no such path, or only the prefix
/// makes it work, because of its length or a name in it; `is_plain` says so of the path as one on a drive.
#[cfg(any(windows, test))]
pub(super) fn as_share(path: &str, is_plain: impl FnOnce(&str) -> bool) -> Option<String> {
    let share = path.strip_prefix(r"\\?\UNC\")?;
    is_plain(&format!(r"\\?\C:\{share}")).then(|| format!(r"\\{share}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_a_share_loses_its_prefix() {
        let is_plain = |path: &str| {
            assert!(path.starts_with(r"\\?\C:\server\"), "{path}");
            !path.ends_with('.')
        };
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(as_share(path, is_plain).as_deref(), expected, "{path}");
        };
        check(r"\\?\UNC\server\share\l.db", Some(r"\\server\share\l.db"));
        check(r"\\?\UNC\server\share\odd.", None);
        check(r"\\?\C:\server\l.db", None);
        check(r"\\server\share\l.db", None);
        check("/server/l.db", None);
    }

    #[test]
    #[cfg(windows)]
    fn what_needs_its_prefix_keeps_it() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(as_share(path, super::super::is_plain).as_deref(), expected, "{path}");
        };
        check(r"\\?\UNC\server\share\l.db", Some(r"\\server\share\l.db"));
        check(r"\\?\UNC\server\share\nul", None);
        check(&format!(r"\\?\UNC\server\share\{}", r"folder\".repeat(40)), None);
    }

    #[test]
    fn long_paths_get_a_prefix() {
        let name = "n".repeat(250);
        let check = |path: &str, expected: Option<&str>| {
            let expected = expected.map(|it| format!("{it}{name}"));
            assert_eq!(with_prefix(&format!("{path}{name}")), expected, "{path}");
        };
        check(r"C:\ledgers\", Some(r"\\?\C:\ledgers\"));
        check(r"\\server\share\", Some(r"\\?\UNC\server\share\"));
        check(r"\\?\C:\", None);
        check(r"\\?\UNC\server\share\", None);
        check(r"\\.\pipe\", None);
        assert_eq!(with_prefix(r"C:\ledgers\ledger.db"), None);
        assert_eq!(with_prefix(&format!(r"C:\{}", "é".repeat(230))), None, "characters count, not bytes");
    }
}
