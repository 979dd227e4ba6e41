//! Letters that were lost or changed because a file was saved or opened in another encoding.

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS};

/// Encodings with several bytes for a character, in which the bytes of UTF-8 become fewer characters.
const WIDE: [&Encoding; 4] = [GBK, SHIFT_JIS, BIG5, EUC_KR];

/// Letters beyond ASCII have become question marks, symbols, or letters that no word has in that place.
pub(super) fn are_lost(original: &str, now: &str) -> bool {
    if original.is_ascii() {
        return false;
    }
    // One mark for each byte, or for each half of a character beyond the first plane.
    let marked = |mark: char, count: fn(char) -> usize| {
        original
            .chars()
            .flat_map(|c| {
                let is_kept = c.is_ascii();
                std::iter::repeat_n(if is_kept { c } else { mark }, if is_kept { 1 } else { count(c) })
            })
            .eq(now.chars())
    };
    ['?', char::REPLACEMENT_CHARACTER]
        .into_iter()
        .any(|mark| marked(mark, char::len_utf8) || marked(mark, char::len_utf16))
        || are_lost_one_by_one(original, now)
}

fn are_lost_one_by_one(original: &str, now: &str) -> bool {
    let shown: Vec<char> = now.chars().collect();
    if original.chars().count() != shown.len() {
        return false;
    }
    let mut has_lost = false;
    for (index, (before, after)) in original.chars().zip(&shown).enumerate() {
        if before == *after {
            continue;
        }
        if before.is_ascii() || !before.is_alphabetic() {
            return false;
        }
        let is_lost = !after.is_alphabetic() || is_odd(&shown, index);
        // Programs write other letters beyond ASCII as the letter without its accent.
        if !is_lost && !after.is_ascii() {
            return false;
        }
        has_lost |= is_lost;
    }
    has_lost
}

/// A capital letter inside a word of small ones, or the reverse.
fn is_odd(text: &[char], index: usize) -> bool {
    let letter = text[index];
    let before = index.checked_sub(1).and_then(|before| text.get(before));
    let after = text.get(index + 1);
    let (Some(before), Some(after)) = (before, after) else { return false };
    !letter.is_ascii()
        && ((letter.is_uppercase() && before.is_alphabetic() && after.is_lowercase())
            || (letter.is_lowercase() && before.is_uppercase() && after.is_uppercase()))
}

/// The bytes of UTF-8 were read as another encoding: `Müller` as `MÃ¼ller`.
pub(super) fn are_misread(original: &str, now: &str) -> bool {
    if original.is_ascii() || original == now {
        return false;
    }
    is_a_letter_a_byte(original, now)
        || WIDE.iter().any(|encoding| encoding.decode_without_bom_handling(original.as_bytes()).0 == now)
}

/// In every encoding with one byte for a character.
fn is_a_letter_a_byte(original: &str, now: &str) -> bool {
    let mut shown = now.chars();
    let is_same = original.chars().all(|c| match c.is_ascii() {
        true => shown.next() == Some(c),
        false => (0..c.len_utf8()).all(|_| shown.next().is_some_and(|c| !c.is_ascii())),
    });
    is_same && shown.next().is_none()
}
