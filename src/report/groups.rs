//! Groups rows by one of their fields, such as the country.

use std::collections::HashMap;

use serde::Serialize;

use super::states::{stack, stacked};
use super::summary::counted;
use crate::ledger::RowCounts;

/// The most groups that are listed, largest first.
const LISTED: usize = 20;

/// The most groups that are counted separately. Rows of further groups count as `others`.
const COUNTED: usize = 50_000;

/// Rows by one of their fields.
#[derive(Debug, Serialize)]
pub(crate) struct Groups {
    pub(crate) groups: Vec<NamedCounts>,
    /// Rows of groups that are not listed.
    pub(crate) others: RowCounts,
    /// Rows rejected before this field was known, and rows whose data was erased.
    pub(crate) untold: u64,
}

impl Groups {
    /// Says which rows are in no group. `None`: all are in one.
    pub(super) fn left_out(&self) -> Option<String> {
        (self.untold > 0).then(|| {
            let rows = counted(self.untold, "row");
            format!("{rows} left out: rejected ones, and those whose data `tenantry forget` has erased.")
        })
    }
}

/// The heads of a table of groups.
pub(super) fn group_heads() -> Vec<&'static str> {
    std::iter::once("rows").chain(stack().into_iter().map(|(name, _)| name)).collect()
}

impl Groups {
    /// The numbers for a table: the listed groups first, then all other groups together, if there are any.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Vec<Option<u64>>> {
        let others = Some(&self.others).filter(|others| others.total() > 0);
        let all = self.groups.iter().map(|group| &group.rows).chain(others);
        all.map(|rows| std::iter::once(rows.total()).chain(stacked(rows)).map(Some).collect())
    }
}

/// Row counts of one group; `name` is `None` if the field is empty.
#[derive(Debug, Serialize)]
pub(crate) struct NamedCounts {
    pub(crate) name: Option<String>,
    pub(crate) rows: RowCounts,
}

/// Counts rows by one of their fields.
#[derive(Debug, Default)]
pub(crate) struct GroupTally {
    named: HashMap<String, RowCounts>,
    nameless: RowCounts,
    others: RowCounts,
}

impl GroupTally {
    pub(crate) fn add(&mut self, name: Option<&str>, row: RowCounts) {
        let Some(name) = name else { return self.nameless.add_all(row) };
        let is_full = self.named.len() >= COUNTED;
        match self.named.get_mut(name) {
            Some(counts) => counts.add_all(row),
            None if is_full => self.others.add_all(row),
            None => self.named.entry(name.to_owned()).or_default().add_all(row),
        }
    }

    /// Of `all` rows, those that were never added count as `untold`.
    pub(crate) fn end(self, all: u64) -> Groups {
        let Self { named, nameless, mut others } = self;
        let nameless = (nameless.total() > 0).then_some(NamedCounts { name: None, rows: nameless });
        let named = named.into_iter().map(|(name, rows)| NamedCounts { name: Some(name), rows });
        let mut groups: Vec<NamedCounts> = named.chain(nameless).collect();
        groups.sort_by(|a, b| b.rows.total().cmp(&a.rows.total()).then_with(|| a.name.cmp(&b.name)));
        for group in groups.drain(LISTED.min(groups.len())..) {
            others.add_all(group.rows);
        }
        let listed: u64 = groups.iter().map(|group| group.rows.total()).sum();
        Groups { groups, untold: all.saturating_sub(listed + others.total()), others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::State;

    #[test]
    fn the_largest_are_listed_and_every_row_is_counted() {
        let mut tally = GroupTally::default();
        for group in 0..30 {
            for _ in 0..=group {
                tally.add(Some(&format!("{group:02}")), RowCounts::of_row(State::Created, false));
            }
        }
        tally.add(None, RowCounts::of_row(State::Failed, false));
        let groups = tally.end(500);
        assert_eq!(groups.groups.len(), LISTED);
        assert_eq!(groups.groups[0].name.as_deref(), Some("29"));
        assert_eq!(groups.groups.iter().map(|it| it.rows.total()).sum::<u64>(), (11..=30).sum::<u64>());
        assert_eq!(
            (groups.others.total(), groups.others.of(State::Failed), groups.untold),
            ((1..=10).sum::<u64>() + 1, 1, 34)
        );
    }
}
