//! The names of lists, and which names mean one list.

use std::path::{Component, Path, PathBuf};

/// The name by which the ledger knows a list: its path as it was given, but always the same for `./customers.csv` and
/// `customers.csv`.
pub fn list_name(path: &Path) -> String {
    let parts: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    // A file `-` is no standard input.
    let is_confusing = parts.as_os_str().is_empty() || parts.as_os_str() == "-";
    let name = if is_confusing { path } else { &parts };
    name.to_string_lossy().into_owned()
}

/// The absolute path of the list with this name, so that lists of one name in two folders are two lists, and `../a.csv` is
/// the list of the folder above. `None`: standard input.
pub fn list_full_path(name: &str) -> Option<String> {
    let full = std::path::absolute(name).ok().filter(|_| name != "-")?;
    let mut plain = PathBuf::new();
    for part in full.components() {
        // Above the folder that a link leads to is another one than above the link.
        if part == Component::ParentDir && plain.file_name().is_some() && !plain.is_symlink() {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    Some(list_name(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_name() {
        let check = |path: &str, expected: &str| assert_eq!(list_name(Path::new(path)), expected, "{path}");
        check("customers.csv", "customers.csv");
        check("./customers.csv", "customers.csv");
        check("lists//./a.csv", if cfg!(windows) { r"lists\a.csv" } else { "lists/a.csv" });
        check("../a.csv", if cfg!(windows) { r"..\a.csv" } else { "../a.csv" });
        check("-", "-");
        check("./-", "./-");
        if cfg!(windows) {
            check(r".\customers.csv", "customers.csv");
            check(r"C:\lists\a.csv", r"C:\lists\a.csv");
            check("C:/lists/a.csv", r"C:\lists\a.csv");
        } else {
            check("/lists/a.csv", "/lists/a.csv");
            check(r".\customers.csv", r".\customers.csv");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_list_has_one_full_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("elsewhere/inner")).unwrap();
        std::os::unix::fs::symlink("elsewhere/inner", folder.path().join("link")).unwrap();
        let check = |path: &str, expected: &str| {
            let [path, expected] =
                [path, expected].map(|it| folder.path().join(it).to_str().unwrap().to_owned());
            assert_eq!(list_full_path(&path), Some(expected), "{path}");
        };
        check("a.csv", "a.csv");
        check("jobs/../a.csv", "a.csv");
        check("jobs/nightly/../../lists/./a.csv", "lists/a.csv");
        check("link/a.csv", "link/a.csv");
        check("link/../a.csv", "link/../a.csv");
        assert_eq!(list_full_path("/../a.csv").unwrap(), "/../a.csv");
        assert_eq!(list_full_path("-"), None);
    }
}
