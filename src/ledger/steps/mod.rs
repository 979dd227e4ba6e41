//! The two steps of a row: its customer is created, then the acceptance of the agreement is recorded for it.
//!
//! Both have a state, a request id and attempts of their own, and the same promises: the intent is durable before the
//! first byte leaves ([`intent`]), what became of an attempt is recorded once ([`outcome`]), what a dead run left behind is
//! put in doubt ([`recovery`]), and [`open`] reads what is owed. A request id is kept for as long as its outcome is
//! unknown. Recording an agreement may be repeated without asking first, because the service takes the same acceptance
//! once (fact book 10: code 600061). That step is owed from the moment in which its row is `created` or `existing`, in the
//! same commit.
//!
//! [`next`] is the one table of legal changes. A state is written by [`CurrentStep::take`] and [`take_all`] alone, which
//! ask it; only a new step begins elsewhere, in the state in which it is inserted.
//!
//! ```text
//! a create
//!   pending     in_flight: its intent is durable · rejected, failed: as it stood before it was taken up
//!               superseded: a corrected row stands for it, or it is not to be sent
//!   in_flight   pending: nothing was done · created · existing · failed · unresolved
//!   unresolved  in_flight: `reconcile` asked again · created · existing · failed
//!   failed      pending: taken up again · superseded
//!   rejected    pending: taken up again · superseded
//! an agreement
//!   pending     in_flight: its intent is durable · withdrawn: it is not to be sent
//!   in_flight   pending: nothing was done · recorded · failed
//!   rejected    withdrawn
//! ```

mod attempt;
mod change;
mod intent;
mod open;
mod outcome;
mod recovery;
mod state;
mod whose;
mod work;

use rusqlite::{OptionalExtension, Params, ToSql, Transaction, params_from_iter};

use super::stored::{Value, assignments};
use super::{Error, Result, RowId};
use tenantry_model::clock;

pub use attempt::{Attempt, AttemptResult, Operation};
pub use change::{CreatedCustomer, NextStep, OpenStep, Recorded, Refusal, RowChange};
pub use open::{Open, Owed, SetAside, WorkBatch};
#[cfg(test)]
pub(super) use recovery::recover;
use state::next;
pub(crate) use state::{IllegalTransition, StepEvent};
pub use state::{State, StepKind};
pub use work::Work;

/// Of a row's acceptances: the one that counts.
pub(super) const STANDING: &str = "replaced_by IS NULL AND state <> 'withdrawn'";

impl StepKind {
    /// Where steps of this kind are, and what finds that of a row.
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            StepKind::Create => ("customer_rows", "id = ?"),
            StepKind::Agreement => {
                ("agreements", "row_id = ? AND replaced_by IS NULL AND state <> 'withdrawn'")
            }
        }
    }
}

/// One step of one row, as it stands.
#[derive(Debug)]
pub(super) struct CurrentStep {
    kind: StepKind,
    row: RowId,
    state: State,
    request_id: Option<String>,
}

impl CurrentStep {
    pub(super) fn of(tx: &Transaction<'_>, kind: StepKind, row: RowId) -> Result<Self> {
        let (table, which) = kind.place();
        let sql = format!("SELECT state, request_id FROM {table} WHERE {which}");
        let found = tx
            .prepare_cached(&sql)?
            .query_row([row], |step| Ok(Self { kind, row, state: step.get(0)?, request_id: step.get(1)? }));
        found.optional()?.ok_or_else(|| Error::Stored { row: row.0, what: "it is gone".to_owned() })
    }

    /// Writes the state after `event`, and with it these `facts`, further assignments in SQL, and `values`.
    pub(super) fn take(
        &self,
        tx: &Transaction<'_>,
        event: StepEvent,
        facts: &str,
        values: &[Value<'_>],
    ) -> Result<()> {
        let to = next(self.kind, self.state, event)?;
        let (table, which) = self.kind.place();
        let now = clock::now().as_millisecond();
        let values = [&[("changed_at", &now as &dyn ToSql)], values].concat();
        let sql =
            format!("UPDATE {table} SET state = ?, {}{} WHERE {which}", assignments(&values), further(facts));
        let values = values.into_iter().map(|(_, value)| value);
        let parameters = std::iter::once(&to as &dyn ToSql).chain(values).chain([&self.row as &dyn ToSql]);
        tx.prepare_cached(&sql)?.execute(params_from_iter(parameters))?;
        Ok(())
    }
}

/// Lets the same `event` befall all steps in state `from` that fulfil `condition`, with facts as in [`CurrentStep::take`]. Returns how many there were.
pub(super) fn take_all(
    tx: &Transaction<'_>,
    (kind, from, event): (StepKind, State, StepEvent),
    facts: &str,
    condition: &str,
    parameters: impl Params,
) -> Result<u64> {
    let to = next(kind, from, event)?;
    let (table, now) = (kind.place().0, clock::now().as_millisecond());
    let sql = format!(
        "UPDATE {table} SET state = '{to}', changed_at = {now}{} WHERE state = '{from}' AND {condition}",
        further(facts)
    );
    Ok(tx.execute(&sql, parameters)? as u64)
}

fn further(facts: &str) -> String {
    if facts.is_empty() { String::new() } else { format!(", {facts}") }
}

#[cfg(test)]
mod tests;
