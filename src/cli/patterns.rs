//! Expands `*` and `?` in the names of lists on Windows. On Unix, the shell has expanded them.

use std::io;
use std::path::PathBuf;

use super::Failure;

/// The files that these names mean, with those that match a pattern in its place, sorted.
///
/// # Errors
/// A pattern matches no file, or a folder in which files may match cannot be read.
pub(super) fn expanded(names: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for name in names {
        let text = name.to_string_lossy();
        if is_pattern(&text) {
            files.extend(matching(&text)?);
        } else {
            files.push(name.clone());
        }
    }
    Ok(files)
}

/// No file of Windows has these characters in its name, but each path that begins with `\\?\` has one, and it is taken
/// literally, like a device (`\\.\`).
fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?']) && !name.starts_with(r"\\?\") && !name.starts_with(r"\\.\")
}

fn matching(pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let options = glob::MatchOptions {
        case_sensitive: false,
        require_literal_separator: true,
        require_literal_leading_dot: false,
    };
    let none = || {
        Failure::usage(format!("no file matches `{pattern}`"))
            .with_hint("name the files, or the folder in which they are, such as `lists\\*.csv`")
    };
    // Names such as `customers[1].csv` have brackets; they are no pattern.
    let found = glob::glob_with(&pattern.replace('[', "[[]"), options).map_err(|_| none())?;
    let found = found.map(|path| path.map_err(|error| (error.path().to_owned(), error.into())));
    let files: Vec<PathBuf> = all_of(found)?.into_iter().filter(|path| !path.is_dir()).collect();
    if files.is_empty() { Err(none()) } else { Ok(files) }
}

/// What was found, if every folder could be read: a list must not be left out without a word.
fn all_of(
    found: impl Iterator<Item = Result<PathBuf, (PathBuf, io::Error)>>,
) -> Result<Vec<PathBuf>, Failure> {
    let found: Result<_, _> = found.collect();
    found.map_err(|(folder, error)| {
        Failure::usage_io(format!("could not look for files in `{}`", folder.display()), &error)
            .with_hint("name the files one by one, or get the right to read this folder")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_files_that_match_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.CSV", "c[1].csv", "c1.csv", "d.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("folder.csv")).unwrap();
        let check = |names: &[&str], expected: Option<&[&str]>| {
            let names: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
            let expected = expected.map(|names| names.iter().map(|name| folder.path().join(name)).collect());
            assert_eq!(expanded(&names).ok(), expected, "{names:?}");
        };
        check(&["d.txt", "*.csv"], Some(&["d.txt", "a.CSV", "b.csv", "c1.csv", "c[1].csv"]));
        check(&["c[1].csv"], Some(&["c[1].csv"]));
        check(&["c[1]*.csv", "?.csv"], Some(&["c[1].csv", "a.CSV", "b.csv"]));
        check(&["none"], Some(&["none"]));
        check(&["*.xlsx"], None);
        assert_eq!(expanded(&["-".into()]).unwrap(), [PathBuf::from("-")]);
    }

    #[test]
    fn a_share_may_have_patterns() {
        let check = |name: &str, expected: bool| assert_eq!(is_pattern(name), expected, "{name}");
        check(r"\\server\share\*.csv", true);
        check(r"\\server\share\a.csv", false);
        check(r"C:\lists\?.csv", true);
        check(r"\\?\C:\lists\a.csv", false);
        check(r"\\?\UNC\server\share\a.csv", false);
        check(r"\\.\pipe\a?", false);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_named() {
        let denied = || ("lists".into(), io::ErrorKind::PermissionDenied.into());
        let failure =
            all_of([Ok("a.csv".into()), Err(denied()), Ok("b.csv".into())].into_iter()).unwrap_err();
        assert_eq!(failure.messages[0], "could not look for files in `lists`");
        let found = all_of([Ok("a.csv".into()), Ok("b.csv".into())].into_iter()).unwrap();
        assert_eq!(found, ["a.csv", "b.csv"].map(PathBuf::from));
    }
}
