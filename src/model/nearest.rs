//! Computes the distance of two short names, for "did you mean".
//!
//! One typing slip is one step: a letter that is missing, extra, replaced, or swapped with its neighbour (optimal
//! string alignment). Callers decide how many steps still count as a slip. A long text is never near.

/// No name that we compare with is longer, so a longer text is not a misspelling.
const CHARS_MAX: usize = 64;

/// The number of slips between `a` and `b`, if it is at most `limit`.
pub fn distance_within(a: &str, b: &str, limit: usize) -> Option<usize> {
    let [a_chars, b_chars] = [a, b].map(|text| text.chars().take(CHARS_MAX + 1).count());
    let may_be_near = a_chars.max(b_chars) <= CHARS_MAX && a_chars.abs_diff(b_chars) <= limit;
    may_be_near.then(|| strsim::osa_distance(a, b)).filter(|&slips| slips <= limit)
}

/// The name that is nearest to `name`, within two slips.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// With more differences, a name is not considered a misspelling.
    const SLIPS_MAX: usize = 2;
    let near = names.into_iter().filter_map(|known| Some((distance_within(name, known, SLIPS_MAX)?, known)));
    near.min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::{distance_within, nearest};

    #[test]
    fn the_name_with_the_fewest_slips_is_the_nearest() {
        let names = ["import", "export", "report"];
        assert_eq!(nearest("exprot", names), Some("export"));
        assert_eq!(nearest("imports", names), Some("import"));
        assert_eq!(nearest("status", names), None);
    }

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
