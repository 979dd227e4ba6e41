//! Regular expressions as the service writes them, in the .NET dialect (fact book 7).
//!
//! The `regex` crate reads the same syntax, with few exceptions, and its time grows only with the length of the text. A
//! pattern that `regex` cannot read, or would read with a different meaning, is not used: an uncertain rule must not
//! reject a row. As in .NET, `\d` matches any digit of any script, and a pattern is not anchored unless it contains
//! anchors.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::Regex;
use regex_automata::Input;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::syntax;

/// The most memory that the table of a pattern may take. The tables of the service's own patterns take a tenth.
const TABLE_BYTES_MAX: usize = 64 << 10;

/// Compiled when first used, once for all rows of a country: most files contain few of the countries that have a pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: Cow<'static, str>,
    /// For any text. It takes ten times as long to compile as the other, and few lists need it.
    any: OnceLock<Regex>,
    /// For ASCII text, which nearly all codes and numbers are. A table without Unicode is small and needs no memory of its
    /// own for a search, which the threads would have to share. `None` if the pattern needs too large a table, or has
    /// letters beyond ASCII.
    ascii: OnceLock<Option<dense::DFA<Vec<u32>>>>,
}

impl Pattern {
    /// A pattern from the compiled-in tables; a test compiles all of them.
    pub(super) const fn built_in(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), any: OnceLock::new(), ascii: OnceLock::new() }
    }

    /// A pattern from the service; `None` if it cannot be used.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !means_the_same(text) {
            return None;
        }
        let any = OnceLock::from(Regex::new(text).ok()?);
        Some(Self { text: Cow::Owned(text.to_owned()), any, ascii: OnceLock::new() })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        let table =
            if text.is_ascii() { self.ascii.get_or_init(|| ascii_table(&self.text)).as_ref() } else { None };
        match table.map(|table| table.try_search_fwd(&Input::new(text).earliest(true))) {
            Some(Ok(end)) => end.is_some(),
            Some(Err(_)) | None => {
                let compile = || Regex::new(&self.text).expect("the compiled-in patterns compile");
                self.any.get_or_init(compile).is_match(text)
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

fn ascii_table(pattern: &str) -> Option<dense::DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(TABLE_BYTES_MAX))
        .determinize_size_limit(Some(4 * TABLE_BYTES_MAX));
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    dense::Builder::new().configure(config).syntax(syntax).build(pattern).ok()
}

/// False if both dialects accept the pattern but give it a different meaning. In a class, `[` and the doubled `&`, `-`
/// and `~` are operators in one dialect and characters in the other; so are `\<` and `\>` anywhere.
fn means_the_same(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if matches!(chars.next(), Some('<' | '>')) => return false,
            '[' if in_class => return false,
            '[' => {
                in_class = true;
                chars.next_if_eq(&'^');
                chars.next_if_eq(&']');
            }
            ']' => in_class = false,
            '&' | '-' | '~' if in_class && chars.peek() == Some(&c) => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Option<(&[&str], &[&str])>) {
        let read = Pattern::read(pattern);
        assert_eq!(read.is_some(), expected.is_some(), "{pattern}");
        let (Some(read), Some((good, bad))) = (read, expected) else { return };
        assert_eq!(read.as_str(), pattern);
        for text in good {
            assert!(read.is_match(text), "{pattern}: {text}");
        }
        for text in bad {
            assert!(!read.is_match(text), "{pattern}: {text}");
        }
    }

    #[test]
    fn patterns_of_the_service_are_read() {
        check(r"^\d{4}(-\d{3})?$", Some((&["8000", "8000-283", "８０００"], &["800", "8000-28", "x8000"])));
        check(r"^PT[\d]{9,9}$", Some((&["PT980152267"], &["PT98015226"])));
        check(r"\d{5}", Some((&["98101", "WA 98101"], &["9810"])));
        check(r"^[^\]\-\/a-f]$", Some((&["g"], &["]", "-", "b"])));
        check(r"^[]a]$", Some((&["]", "a"], &["b"])));
        check("", Some((&["", "anything"], &[])));
    }

    #[test]
    fn patterns_that_cannot_be_used_are_none() {
        check(r"^(?!000)\d{3}$", None);
        check(r"^(\d)\1$", None);
        check(r"^\d{", None);
        // Both dialects accept these patterns but give them a different meaning.
        check(r"^[a-z-[aeiou]]$", None);
        check(r"^[ --/]$", None);
        check(r"^\<\d\>$", None);
    }
}
