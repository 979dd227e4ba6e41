//! Counts what an import of the checked files would create, by reseller and country.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::validation::Validation;

/// The reseller and country of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) reseller: Option<Uuid>,
    /// The two letters of a validated country.
    country: [u8; 2],
}

impl Group {
    /// `Some` if validation found no error.
    pub(super) fn of(validation: &Validation<'_>) -> Option<Self> {
        let (reseller, country) = validation.destination()?;
        let country = country.as_bytes().try_into().expect("validation knows two letters alone");
        Some(Self { reseller, country })
    }

    pub(super) fn has_reseller(&self) -> bool {
        self.reseller.is_some()
    }

    pub(super) fn country(&self) -> &str {
        std::str::from_utf8(&self.country).expect("the letters of a country are ASCII")
    }
}

#[derive(Debug, Default)]
pub(super) struct CheckPlan(BTreeMap<Group, u64>);

impl CheckPlan {
    pub(super) fn count(&mut self, group: Group) {
        *self.0.entry(group).or_default() += 1;
    }

    /// Removes the rows without a reseller.
    pub(super) fn reject_direct(&mut self) {
        self.0.retain(|group, _| group.has_reseller());
    }

    pub(super) fn add(&mut self, other: CheckPlan) {
        for (group, rows) in other.0 {
            *self.0.entry(group).or_default() += rows;
        }
    }

    /// The largest group first.
    pub(super) fn groups(&self) -> Vec<(Group, u64)> {
        let mut groups: Vec<_> = self.0.iter().map(|(group, rows)| (*group, *rows)).collect();
        groups.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
        groups
    }
}
