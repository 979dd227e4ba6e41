//! Parses the inputs of most targets.

/// Splits an input into the words of its first line, which control the target, and the rest.
pub(super) fn steered(input: &[u8]) -> (Vec<&str>, &[u8]) {
    let length = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(length);
    let words = std::str::from_utf8(line).unwrap_or_default().split(' ').collect();
    (words, rest.strip_prefix(b"\n").unwrap_or_default())
}
