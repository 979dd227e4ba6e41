//! How far apart two short names are, for "did you mean".
//!
//! One typing slip is one step: a letter left out, put in, replaced, or swapped with its neighbour (optimal string
//! alignment). Callers decide how many steps still count as a slip. Only bad input ever gets here, so this is
//! plain rather than fast, but it is bounded: a long text is far from everything.

/// No name we compare with is longer; a longer text is no misspelling of one.
const CHARS_MAX: usize = 64;

/// The number of slips between `a` and `b` where it is `limit` or less.
pub fn distance_within(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<char> = a.chars().take(CHARS_MAX + 1).collect();
    let b: Vec<char> = b.chars().take(CHARS_MAX + 1).collect();
    if a.len().max(b.len()) > CHARS_MAX || a.len().abs_diff(b.len()) > limit {
        return None;
    }
    Some(distance(&a, &b)).filter(|&slips| slips <= limit)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut current = vec![i + 1; b.len() + 1];
        for (j, &to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut best = replaced.min(last[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before_last[j - 1] + 1);
            }
            current[j + 1] = best;
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance_within;

    #[track_caller]
    fn check(a: &str, b: &str, expected: Option<usize>) {
        assert_eq!(distance_within(a, b, 2), expected, "{a} and {b}");
        assert_eq!(distance_within(b, a, 2), expected, "{b} and {a}");
    }

    #[test]
    fn counts_typing_slips_up_to_the_limit() {
        check("domain", "domain", Some(0));
        check("domian", "domain", Some(1));
        check("domin", "domain", Some(1));
        check("domainn", "domain", Some(1));
        check("dumain", "domain", Some(1));
        check("dmoian", "domain", Some(2));
        check("städte", "stadt", Some(2));
        check("", "ab", Some(2));
        check("country", "culture", None);
        check(&"x".repeat(65), &"x".repeat(65), None);
    }
}
