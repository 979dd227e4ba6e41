//! Quotes words for a shell.

/// Quotes `value` so that a shell takes it as exactly one word.
pub(crate) fn quoted(value: &str) -> String {
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@\\".contains(&b));
    match plain && !value.is_empty() {
        true => value.to_owned(),
        // File names cannot contain the one character that would end the quotation.
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
