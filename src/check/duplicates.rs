//! Compares a checked row with the earlier rows of all files.
//!
//! An import uses the ledger for this; the check keeps a small table instead: 17 bytes per slot in a table that is at
//! least 7/16 full, so less than 40 bytes a row. The table stores fingerprints under random keys, so no one can craft
//! two domains that collide. By chance, a file of a million rows contains a colliding pair once in 37 million checks.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::intake::decide::{IncomingRow, decide};
use crate::intake::places::{Place, Places};
use crate::ledger::{Decision, KnownRow, KnownRows, RowId, State};
use crate::validation::Validation;

/// The number of tables. Each table doubles on its own, so old and new copies of all tables never exist at the same
/// time. A table of 16,384 slots is full at 14,336 entries, so this many tables hold 1.4 million rows in 27 MB before
/// they double.
const SHARDS: usize = 96;

/// The first row of a domain.
#[derive(Debug, Clone, Copy)]
struct First {
    place: Place,
    content: u32,
}

/// The random keys of the fingerprints. Content uses foldhash, because the hash of std is slow with many small parts;
/// making the contents of two rows of one domain collide would gain an attacker nothing.
#[derive(Clone, Default)]
pub(super) struct HashKeys {
    domain: RandomState,
    content: foldhash::quality::RandomState,
}

/// Identifies a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fingerprints {
    domain: Option<u64>,
    content: u64,
}

impl HashKeys {
    pub(super) fn fingerprints(&self, row: &Validation<'_>) -> Fingerprints {
        let domain = row.domain.as_ref().map(|domain| self.domain.hash_one(domain.as_str()));
        Fingerprints { domain, content: row.fingerprint(&self.content) }
    }
}

/// What the check remembers about the rows of all files.
#[derive(Default)]
pub(crate) struct EarlierRows {
    places: Places,
    key: HashKeys,
    by_domain: Shards<First>,
    /// Rows that are not the current row of a domain, because their domain is missing or an earlier row has the domain.
    /// They are distinguished only by their content.
    by_content: Shards<()>,
}

impl EarlierRows {
    /// The next rows are from the file at `path`.
    pub(crate) fn begin_file(&mut self, path: &str) {
        self.places.begin_file(path);
    }

    pub(super) fn key(&self) -> HashKeys {
        self.key.clone()
    }

    /// Decides about a row as an import of the files into an empty ledger would.
    pub(super) fn meet(&mut self, row: &IncomingRow<'_>, fingerprints: Fingerprints) -> Decision {
        let first = First {
            place: self.places.place(row.line),
            content: u32::try_from(fingerprints.content >> 32).unwrap_or(u32::MAX),
        };
        let of_domain = fingerprints.domain.map(|domain| (domain, self.by_domain.entry(domain)));
        let standing = match &of_domain {
            Some((_, Entry::Occupied(found))) => Some(known(&self.places, found.get().1, first.content)),
            Some((_, Entry::Vacant(_))) | None => None,
        };
        let of_content = fingerprints.content;
        let is_alike = self.by_content.has(of_content);
        let alike = is_alike.then(|| KnownRow::new(RowId(0), State::Rejected, true));
        let decision = decide(row, KnownRows { standing, alike, ..KnownRows::default() }, false);
        if let Decision::New { stands, .. } = &decision {
            match of_domain {
                Some((domain, Entry::Vacant(place))) if *stands => drop(place.insert((domain, first))),
                _ => drop(self.by_content.entry(of_content).insert((of_content, ()))),
            }
        }
        decision
    }
}

/// The current row of a domain, compared with a row of this content. In a ledger the current row would be pending or
/// rejected; for a row from the same files the difference does not matter.
fn known(places: &Places, first: First, content: u32) -> KnownRow {
    let First { place, content: its } = first;
    let same_content = its == content;
    let known = KnownRow::new(RowId(i64::from(place)), State::Pending, same_content);
    match places.line(place) {
        (line, Some(path)) => {
            KnownRow { elsewhere: (!same_content).then(|| (line, path.to_owned())), ..known }
        }
        (line, None) => KnownRow { met_on: Some(line), ..known },
    }
}

/// Values by fingerprint. The fingerprint is its own hash.
struct Shards<V>(Box<[HashTable<(u64, V)>]>);

impl<V> Default for Shards<V> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| HashTable::new()).collect())
    }
}

impl<V> Shards<V> {
    fn entry(&mut self, fingerprint: u64) -> Entry<'_, (u64, V)> {
        self.0[Self::shard(fingerprint)].entry(
            fingerprint,
            |(other, _)| *other == fingerprint,
            |(other, _)| *other,
        )
    }

    fn has(&self, fingerprint: u64) -> bool {
        self.0[Self::shard(fingerprint)].find(fingerprint, |(other, _)| *other == fingerprint).is_some()
    }

    /// Uses the upper half; the slot in the table depends on the lower half.
    fn shard(fingerprint: u64) -> usize {
        usize::try_from((fingerprint >> 32) % SHARDS as u64).expect("there are few shards")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a row compares with earlier rows.
    #[derive(Debug, PartialEq, Eq)]
    enum Match {
        First,
        Equal,
        /// The row names a domain again; the line in the message is that of the first row.
        NamedAgain(u64),
    }

    /// Passes rows as (domain, content), starting at line 2.
    #[track_caller]
    fn check(rows: &[(&str, u8)], expected: &[Match]) {
        let mut earlier_rows = EarlierRows::default();
        let matches = (2..).zip(rows).map(|(line, (name, content))| {
            let domain = name.bytes().next().map(u64::from);
            let row = IncomingRow {
                line,
                domain: name,
                domain_column: "domain",
                is_good: domain.is_some(),
                has_agreement: false,
                customer: None,
                was_sent: false,
            };
            match earlier_rows.meet(&row, Fingerprints { domain, content: u64::from(*content) << 32 }) {
                Decision::Known { .. } => Match::Equal,
                Decision::New { stands: true, problem: None, replaces } if replaces.is_empty() => {
                    Match::First
                }
                Decision::New { stands: false, problem: Some(problem), replaces } if replaces.is_empty() => {
                    let first = (2..line).find(|first| problem.message.contains(&format!("line {first},")));
                    Match::NamedAgain(first.expect("it names the first row"))
                }
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(matches.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_first_row_of_a_domain_is_current() {
        use Match::{Equal, First, NamedAgain};
        check(&[("a", 1), ("b", 2)], &[First, First]);
        check(&[("a", 1), ("a", 1), ("a", 1)], &[First, Equal, Equal]);
        check(&[("a", 1), ("a", 2)], &[First, NamedAgain(2)]);
        // A repeated wrong row counts as a duplicate, not as a second error.
        check(
            &[("a", 1), ("a", 2), ("a", 2), ("a", 3), ("a", 1)],
            &[First, NamedAgain(2), Equal, NamedAgain(2), Equal],
        );
    }

    #[test]
    fn rows_without_a_domain_are_distinguished_by_their_content() {
        use Match::{Equal, First};
        check(&[("", 1), ("", 2), ("", 1)], &[First, First, Equal]);
    }
}
