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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_what_is_quoted_for_one_word() {
        for word in ["plain.csv", "", "two words", "$(touch x)`touch y`", "it's", "a\"b", "!x", "new\nline"] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
