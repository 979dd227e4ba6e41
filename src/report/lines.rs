//! Names lines of a file.

/// ` (line 7)`, ` (lines 7, 9, …)`: the first of `count` lines. Empty if none is known.
pub(crate) fn on_lines(first: &[u64], count: u64) -> String {
    if first.is_empty() {
        return String::new();
    }
    let noun = if count == 1 { "line" } else { "lines" };
    let named: Vec<String> = first.iter().map(u64::to_string).collect();
    let more = if count > first.len() as u64 { ", …" } else { "" };
    format!(" ({noun} {}{more})", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::on_lines;

    #[test]
    fn the_first_lines_are_named() {
        let check = |first: &[u64], count, expected| assert_eq!(on_lines(first, count), expected);
        check(&[], 0, "");
        check(&[], 3, "");
        check(&[7], 1, " (line 7)");
        check(&[7, 9], 2, " (lines 7, 9)");
        check(&[7, 9], 3, " (lines 7, 9, …)");
    }
}
