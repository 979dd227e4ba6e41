//! Numbers of rows and of acceptances by their states.

use std::iter;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use strum::VariantArray;

use super::super::steps::State;

/// How many rows are in each state, and how many of these are acknowledged. In JSON: the total, then a number for each
/// state of a row, then the acknowledged rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    by_state: [u64; State::VARIANTS.len()],
    /// Of these: acknowledged. Of a created row, the loss of its password is.
    acknowledged: [u64; State::VARIANTS.len()],
}

/// Acknowledged rows, as in JSON.
#[derive(Serialize)]
struct AcknowledgedCounts {
    failed: u64,
    rejected: u64,
    unresolved: u64,
    passwords: u64,
}

impl Serialize for RowCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let states = State::OF_ROWS.into_iter().map(|state| (state.name(), self.of(state)));
        let mut map = serializer.serialize_map(None)?;
        for (name, rows) in iter::once(("total", self.total())).chain(states) {
            map.serialize_entry(name, &rows)?;
        }
        let acknowledged = AcknowledgedCounts {
            failed: self.acknowledged(State::Failed),
            rejected: self.acknowledged(State::Rejected),
            unresolved: self.acknowledged(State::Unresolved),
            passwords: self.acknowledged(State::Created),
        };
        map.serialize_entry("acknowledged", &acknowledged)?;
        map.end()
    }
}

impl FromIterator<(State, u64)> for RowCounts {
    fn from_iter<I: IntoIterator<Item = (State, u64)>>(by_state: I) -> Self {
        let mut counts = Self::default();
        by_state.into_iter().for_each(|(state, rows)| counts.add(state, rows));
        counts
    }
}

impl RowCounts {
    /// One row.
    pub fn of_row(state: State, is_acknowledged: bool) -> Self {
        let mut counts = Self::default();
        counts.add(state, 1);
        counts.acknowledge(state, u64::from(is_acknowledged));
        counts
    }

    /// Counts more rows.
    pub fn add(&mut self, state: State, rows: u64) {
        self.by_state[state as usize] += rows;
    }

    /// Counts rows as acknowledged that are counted already.
    pub fn acknowledge(&mut self, state: State, rows: u64) {
        self.acknowledged[state as usize] += rows;
    }

    /// Counts the rows of another count too.
    pub fn add_all(&mut self, more: RowCounts) {
        for (counts, more) in
            [(&mut self.by_state, more.by_state), (&mut self.acknowledged, more.acknowledged)]
        {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }

    /// The number of rows in `state`.
    pub fn of(&self, state: State) -> u64 {
        self.by_state[state as usize]
    }

    /// Of the rows in `state`: those that are acknowledged.
    pub fn acknowledged(&self, state: State) -> u64 {
        self.acknowledged[state as usize]
    }

    /// Of the rows in `state`: those that are not acknowledged.
    pub fn unacknowledged(&self, state: State) -> u64 {
        self.of(state) - self.acknowledged(state)
    }

    /// Rows in any state.
    pub fn total(&self) -> u64 {
        self.by_state.iter().sum()
    }

    /// Rows that still need a step.
    pub fn open(&self) -> u64 {
        self.sum(State::is_open)
    }

    /// Rows whose customers exist.
    pub fn customers(&self) -> u64 {
        self.sum(State::is_customer)
    }

    /// Rows that validation or the service refused, and that are not acknowledged.
    pub fn refused(&self) -> u64 {
        let refused = State::OF_ROWS.into_iter().filter(|state| state.is_refused());
        refused.map(|state| self.unacknowledged(state)).sum()
    }

    /// Current rows: not replaced by a corrected row, and not discarded.
    pub fn standing(&self) -> u64 {
        self.sum(|state| !state.is_history())
    }

    /// Rows in the states for which `is` is true.
    pub fn sum(&self, is: impl Fn(State) -> bool) -> u64 {
        State::OF_ROWS.into_iter().filter(|state| is(*state)).map(|state| self.of(state)).sum()
    }
}

/// How many acceptances of the customer agreement are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AgreementCounts {
    pub recorded: u64,
    pub failed: u64,
    pub rejected: u64,
    pub in_flight: u64,
    pub pending: u64,
    /// Pending, from a file that was not read to its end.
    pub held_back: u64,
    /// Of `failed` and `rejected`: acknowledged.
    pub acknowledged: u64,
}

impl AgreementCounts {
    /// Acceptances that still need a step.
    pub fn open(&self) -> u64 {
        self.pending + self.in_flight
    }

    /// Acceptances that an operator has to correct, and has not acknowledged.
    pub fn refused(&self) -> u64 {
        self.failed + self.rejected - self.acknowledged
    }

    pub fn total(&self) -> u64 {
        self.recorded + self.failed + self.rejected + self.open() + self.held_back
    }
}
