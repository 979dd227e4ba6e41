//! Writes words of commands that people paste.

use std::borrow::Cow;
use std::path::Path;

/// A word for sh, bash, zsh or fish.
pub fn posix_word(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) { value.to_owned() } else { in_single_quotes(value) }
}

/// The name of a file, so that a leading `-` does not make an option of it.
pub fn file_name(path: &str) -> Cow<'_, str> {
    if path.len() > 1 && path.starts_with('-') { format!("./{path}").into() } else { path.into() }
}

/// A path as a word for the shells of this operating system.
pub fn path_word(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = file_name(&path);
    // No name of Windows has a quotation mark. A variable between per cent signs would be filled in by cmd.
    if cfg!(windows) { format!("\"{path}\"") } else { posix_word(&path) }
}

/// fish also reads a backslash between single quotes, before another one and before a quote.
fn in_single_quotes(value: &str) -> String {
    let mut quoted = String::from("'");
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => quoted.push_str(r"'\''"),
            '\\' if matches!(rest.peek(), None | Some('\\' | '\'')) => quoted.push_str(r"'\\'"),
            _ => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_with_a_blank_stays_one_word() {
        assert_eq!(path_word(Path::new("/srv/csp lists/led'ger.db")), r"'/srv/csp lists/led'\''ger.db'");
        assert_eq!(path_word(Path::new("/srv/lists/ledger.db")), "/srv/lists/ledger.db");
        assert_eq!(path_word(Path::new("-a.db")), "./-a.db");
    }
}
