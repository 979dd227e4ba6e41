//! Which row an earlier row has already spoken for, of its file or of a file before it.
//!
//! The ledger answers that in an import; here a short memory has to do: 17 bytes for a place in a table that is at
//! least 7/16 full, so less than 40 a row. Keys are fingerprints under a key that is drawn anew each time: nobody can
//! make two domains collide, and by chance a file of a million rows has a colliding pair once in 37 million checks.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::validation::Judgement;

/// Tables instead of one: each doubles alone, so old and new of all of them never stand side by side. One of 16,384
/// places is full at 14,336 entries, so this many hold 1.4 million rows in 27 MB before they double.
const SHARDS: usize = 96;

/// What an earlier row leaves of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// None has spoken for it.
    First,
    /// An earlier row says the same.
    Equal,
    /// An earlier row names its domain and says something else.
    NamedAgain { first: Place },
}

/// Where a row stands: the lines of all files, counted through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

/// The first row of a domain.
#[derive(Debug, Clone, Copy)]
struct First {
    place: Place,
    content: u32,
}

/// What fingerprints are drawn under. Content is hashed in many small parts, which the hash of std is slow at; there is
/// nothing to be won by making the contents of two rows of one domain collide.
#[derive(Clone, Default)]
pub(super) struct Key {
    domain: RandomState,
    content: foldhash::quality::RandomState,
}

/// What a row is recognised by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fingerprints {
    domain: Option<u64>,
    content: u64,
}

impl Key {
    pub(super) fn fingerprints(&self, row: &Judgement<'_>) -> Fingerprints {
        let domain = row.domain.as_ref().map(|domain| self.domain.hash_one(domain.as_str()));
        Fingerprints { domain, content: row.fingerprint(&self.content) }
    }
}

/// What is remembered of the rows of all files.
#[derive(Default)]
pub(crate) struct Siblings {
    /// The files so far, each with the number of lines before it.
    files: Vec<(String, u32)>,
    /// The newest row.
    newest: u32,
    key: Key,
    by_domain: Shards<First>,
    /// Rows that stand for no domain, because their cell holds none or an earlier row stands for it. They are told
    /// apart by their content alone.
    by_content: Shards<()>,
}

impl Siblings {
    /// The rows that come now are those of the file at `path`.
    pub(crate) fn begin_file(&mut self, path: &str) {
        self.files.push((path.to_owned(), self.newest));
    }

    /// The line of a row, and its file where that is not the present one.
    pub(super) fn whereabouts(&self, Place(place): Place) -> (u32, Option<&str>) {
        let later = self.files.iter().position(|(_, before)| *before >= place);
        let index = later.unwrap_or(self.files.len()).saturating_sub(1);
        match self.files.get(index) {
            Some((path, before)) => {
                let elsewhere = index + 1 < self.files.len();
                (place - before, elsewhere.then_some(path.as_str()))
            }
            None => (place, None),
        }
    }

    pub(super) fn key(&self) -> Key {
        self.key.clone()
    }

    pub(super) fn meet(&mut self, line: u64, row: Fingerprints) -> Standing {
        let Fingerprints { domain, content } = row;
        let Some(domain) = domain else { return self.meet_content(content, Standing::First) };
        let before = self.files.last().map_or(0, |(_, before)| *before);
        self.newest = before.saturating_add(short(line));
        let row =
            First { place: Place(self.newest), content: u32::try_from(content >> 32).unwrap_or(u32::MAX) };
        match self.by_domain.entry(domain) {
            Entry::Vacant(place) => {
                place.insert((domain, row));
                Standing::First
            }
            Entry::Occupied(found) => {
                let (_, first) = *found.get();
                if first.content == row.content {
                    return Standing::Equal;
                }
                self.meet_content(content, Standing::NamedAgain { first: first.place })
            }
        }
    }

    fn meet_content(&mut self, content: u64, otherwise: Standing) -> Standing {
        match self.by_content.entry(content) {
            Entry::Vacant(place) => {
                place.insert((content, ()));
                otherwise
            }
            Entry::Occupied(_) => Standing::Equal,
        }
    }
}

/// A line as it is remembered; past four billion lines all are one, as in the ledger.
fn short(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Values by fingerprint, which is its own hash.
struct Shards<V>(Box<[HashTable<(u64, V)>]>);

impl<V> Default for Shards<V> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| HashTable::new()).collect())
    }
}

impl<V> Shards<V> {
    fn entry(&mut self, fingerprint: u64) -> Entry<'_, (u64, V)> {
        // By the half that does not find the place in the table.
        let shard = usize::try_from((fingerprint >> 32) % SHARDS as u64).expect("there are few shards");
        self.0[shard].entry(fingerprint, |(other, _)| *other == fingerprint, |(other, _)| *other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Meets rows as (domain, content), from line 2 on.
    #[track_caller]
    fn check(rows: &[(&str, u8)], expected: &[Standing]) {
        let mut siblings = Siblings::default();
        let standings = (2..).zip(rows).map(|(line, (domain, content))| {
            let domain = domain.bytes().next().map(u64::from);
            siblings.meet(line, Fingerprints { domain, content: u64::from(*content) << 32 })
        });
        assert_eq!(standings.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_first_row_of_a_domain_stands() {
        use Standing::{Equal, First, NamedAgain};
        check(&[("a", 1), ("b", 2)], &[First, First]);
        check(&[("a", 1), ("a", 1), ("a", 1)], &[First, Equal, Equal]);
        check(&[("a", 1), ("a", 2)], &[First, NamedAgain { first: Place(2) }]);
        // Said again, what was wrong is not wrong twice.
        check(
            &[("a", 1), ("a", 2), ("a", 2), ("a", 3), ("a", 1)],
            &[First, NamedAgain { first: Place(2) }, Equal, NamedAgain { first: Place(2) }, Equal],
        );
    }

    #[test]
    fn rows_without_a_domain_are_told_apart_by_their_content() {
        use Standing::{Equal, First};
        check(&[("", 1), ("", 2), ("", 1)], &[First, First, Equal]);
    }
}
