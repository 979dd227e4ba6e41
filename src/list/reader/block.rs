//! Finds bytes in a block of text, all at once.

/// How many bytes are searched at a time: a bit of the result for each.
pub(super) const BLOCK_BYTES: usize = u64::BITS as usize;

/// A bit for each byte that is one of the marks, the lowest for the first byte. Only the first [`BLOCK_BYTES`] are
/// searched; what a shorter text lacks counts as zero bytes.
pub(super) fn positions(text: &[u8], marks: [u8; 4]) -> u64 {
    match text.first_chunk() {
        Some(block) => of_block(block, marks),
        None => {
            let mut block = [0; BLOCK_BYTES];
            block[..text.len()].copy_from_slice(text);
            of_block(&block, marks)
        }
    }
}

/// The compiler compares a vector of bytes at once, because no byte decides what is done with the next.
#[inline]
fn of_block(block: &[u8; BLOCK_BYTES], [a, b, c, d]: [u8; 4]) -> u64 {
    let mut found = [0; BLOCK_BYTES];
    for (found, &byte) in found.iter_mut().zip(block) {
        *found = u8::from((byte == a) | (byte == b) | (byte == c) | (byte == d));
    }
    let (eights, _) = found.as_chunks();
    eights.iter().rev().fold(0, |bits, eight| bits << 8 | lowest_bits(*eight))
}

/// The bytes are 0 or 1. The product has the sum of them, each at a place of its own, in its highest byte.
fn lowest_bits(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit() {
        let marks = [b',', b'"', b'\n', b'\r'];
        for at in 0..BLOCK_BYTES {
            for mark in marks {
                let mut block = [b'x'; BLOCK_BYTES + 1];
                (block[at], block[BLOCK_BYTES]) = (mark, mark);
                assert_eq!(positions(&block, marks), 1 << at);
                assert_eq!(positions(&block[..=at], marks), 1 << at);
                assert_eq!(positions(&block[..at], marks), 0);
            }
        }
        assert_eq!(positions(&[b','; BLOCK_BYTES], marks), u64::MAX);
    }
}
