//! What an import of the checked files would create, by reseller and country.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::customer::Customer;

/// Reseller, and country.
type Group = (Option<Uuid>, String);

#[derive(Debug, Default)]
pub(super) struct Plan(BTreeMap<Group, u64>);

impl Plan {
    pub(super) fn count(&mut self, customer: &Customer) {
        *self.0.entry((customer.associated_partner_id, customer.country.clone())).or_default() += 1;
    }

    /// Takes out the rows without a reseller.
    pub(super) fn reject_direct(&mut self) {
        self.0.retain(|(reseller, _), _| reseller.is_some());
    }

    pub(super) fn add(&mut self, other: Plan) {
        for (group, rows) in other.0 {
            *self.0.entry(group).or_default() += rows;
        }
    }

    /// The largest group first.
    pub(super) fn groups(&self) -> Vec<(&Group, u64)> {
        let mut groups: Vec<_> = self.0.iter().map(|(group, rows)| (group, *rows)).collect();
        groups.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
        groups
    }
}
