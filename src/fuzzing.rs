//! What the fuzz targets of `tests/fuzz` call that are about answers: each takes any bytes and panics where a promise is broken. Here only in
//! tests, which replay every input that was kept, and under the feature `fuzzing`.
//!
//! Nothing else of the library becomes public by it. Inputs are plain bytes, so that a file under `tests/fuzz/corpus`
//! can be read and written by hand.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod replay;

/// Any result of a call to Partner Center, understood as the answer to each question that it could be to.
pub fn answers(input: &[u8]) {
    let (words, body) = steered(input);
    crate::partner_center::fuzzing::answers(&words, body);
}

/// A `Retry-After` header on the first line, the text of the refusal below it.
pub fn retry_after(input: &[u8]) {
    crate::partner_center::fuzzing::retry_after(input);
}

/// Any answer of the sign-in service, and any token.
pub fn sign_in(input: &[u8]) {
    let (words, body) = steered(input);
    crate::auth::fuzzing::sign_in(&words, body);
}

/// The first line of an input, as the words that steer a target, and the rest of it.
fn steered(input: &[u8]) -> (Vec<&str>, &[u8]) {
    let length = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(length);
    let words = std::str::from_utf8(line).unwrap_or_default().split(' ').collect();
    (words, rest.strip_prefix(b"\n").unwrap_or_default())
}
