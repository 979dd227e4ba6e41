//! Expands `*` and `?` in the names of lists on Windows. On Unix, the shell has expanded them.

use std::path::PathBuf;

use super::Failure;

/// The files that these names mean, with those that match a pattern in its place, sorted.
///
/// # Errors
/// A pattern matches no file.
pub(super) fn expanded(names: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for name in names {
        // No file of Windows has these characters in its name, but each path that begins with `\\?\`.
        let text = name.to_string_lossy();
        if text.contains(['*', '?']) && !text.starts_with(r"\\") {
            files.extend(matching(&text)?);
        } else {
            files.push(name.clone());
        }
    }
    Ok(files)
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
    let files: Vec<PathBuf> = found.flatten().filter(|path| !path.is_dir()).collect();
    if files.is_empty() { Err(none()) } else { Ok(files) }
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
}
