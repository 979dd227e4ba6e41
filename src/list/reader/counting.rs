//! Counts bytes and line breaks.

/// Whole vectors of 32 bytes, as many as a `u8` can count.
const CHUNK_BYTES: usize = 224;

/// Counts LF, CR and CRLF as one line break each.
pub(super) fn line_breaks(bytes: &[u8], after_cr: bool) -> u64 {
    let is_continued = after_cr && bytes.first() == Some(&b'\n');
    let feeds = count(bytes, |byte| byte == b'\n') - u64::from(is_continued);
    let returns = count(bytes, |byte| byte == b'\r');
    if returns == 0 {
        return feeds;
    }
    let pairs = bytes.windows(2).filter(|pair| pair == b"\r\n").count() as u64;
    feeds + returns - pairs
}

/// Counts in `u8`, one chunk at a time: in this form the compiler compares a vector of bytes at once.
pub(super) fn count(bytes: &[u8], is_wanted: impl Fn(u8) -> bool) -> u64 {
    let in_chunk = |chunk: &[u8]| chunk.iter().map(|&byte| u8::from(is_wanted(byte))).sum::<u8>();
    bytes.chunks(CHUNK_BYTES).map(|chunk| u64::from(in_chunk(chunk))).sum()
}
