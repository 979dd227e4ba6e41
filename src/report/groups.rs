//! Rows by one of their fields, such as the country.

use std::collections::HashMap;

use serde::Serialize;

use super::states::{stack, stacked};
use crate::ledger::{RowCounts, State};

/// Groups that are told, the largest first.
const TOLD: usize = 20;

/// Groups that are counted apart; whoever has more of them is told of those that came first.
const COUNTED: usize = 50_000;

/// Rows by one of their fields.
#[derive(Debug, Serialize)]
pub(crate) struct Groups {
    pub(crate) groups: Vec<NamedCounts>,
    /// Of smaller groups.
    pub(crate) others: RowCounts,
    /// Refused before it could be told what they are, and rows that corrected ones have replaced.
    pub(crate) untold: u64,
}

/// What a table of groups counts of each.
pub(super) fn group_heads() -> Vec<&'static str> {
    std::iter::once("rows").chain(stack().into_iter().map(|(name, _)| name)).collect()
}

impl Groups {
    /// As a table has them: those with a name, then all others, if there are some.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Vec<Option<u64>>> {
        let others = Some(&self.others).filter(|others| others.total() > 0);
        let all = self.groups.iter().map(|group| &group.rows).chain(others);
        all.map(|rows| std::iter::once(rows.total()).chain(stacked(rows)).map(Some).collect())
    }
}

/// Some rows with a name; `None` where their field is empty.
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
    pub(crate) fn add(&mut self, name: Option<&str>, state: State) {
        let Some(name) = name else { return self.nameless.add(state, 1) };
        let is_full = self.named.len() >= COUNTED;
        match self.named.get_mut(name) {
            Some(counts) => counts.add(state, 1),
            None if is_full => self.others.add(state, 1),
            None => self.named.entry(name.to_owned()).or_default().add(state, 1),
        }
    }

    /// Of `all` rows, those that were never added are untold.
    pub(crate) fn end(self, all: u64) -> Groups {
        let Self { named, nameless, mut others } = self;
        let nameless = (nameless.total() > 0).then_some(NamedCounts { name: None, rows: nameless });
        let named = named.into_iter().map(|(name, rows)| NamedCounts { name: Some(name), rows });
        let mut groups: Vec<NamedCounts> = named.chain(nameless).collect();
        groups.sort_by(|a, b| b.rows.total().cmp(&a.rows.total()).then_with(|| a.name.cmp(&b.name)));
        for group in groups.drain(TOLD.min(groups.len())..) {
            others.add_all(group.rows);
        }
        let told: u64 = groups.iter().map(|group| group.rows.total()).sum();
        Groups { groups, untold: all.saturating_sub(told + others.total()), others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_told_and_every_row_is_counted() {
        let mut tally = GroupTally::default();
        for group in 0..30 {
            for _ in 0..=group {
                tally.add(Some(&format!("{group:02}")), State::Created);
            }
        }
        tally.add(None, State::Failed);
        let groups = tally.end(500);
        assert_eq!(groups.groups.len(), TOLD);
        assert_eq!(groups.groups[0].name.as_deref(), Some("29"));
        assert_eq!(groups.groups.iter().map(|it| it.rows.total()).sum::<u64>(), (11..=30).sum::<u64>());
        assert_eq!(
            (groups.others.total(), groups.others.of(State::Failed), groups.untold),
            ((1..=10).sum::<u64>() + 1, 1, 34)
        );
    }
}
