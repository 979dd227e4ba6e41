//! What the inputs of most targets have in common.

/// The first line of an input, as the words that steer a target, and the rest of it.
pub(super) fn steered(input: &[u8]) -> (Vec<&str>, &[u8]) {
    let length = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(length);
    let words = std::str::from_utf8(line).unwrap_or_default().split(' ').collect();
    (words, rest.strip_prefix(b"\n").unwrap_or_default())
}
