//! Words of a command line as a shell takes them.

/// As a shell takes it for one word, and for nothing else.
pub(crate) fn quoted(value: &str) -> String {
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@\\".contains(&b));
    match plain && !value.is_empty() {
        true => value.to_owned(),
        // No name of a file holds the one character that would end this.
        false if cfg!(windows) => format!("\"{value}\""),
        false => format!("'{}'", value.replace('\'', r"'\''")),
    }
}
