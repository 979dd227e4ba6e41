//! The two steps of a row: create its customer, then record the acceptance of the agreement.
//!
//! Each step has its own state, request id and attempts. Both make the same promises: the intent is durable before the
//! first byte is sent ([`intent`]), the outcome of an attempt is recorded once ([`outcome`]), steps that a dead run
//! left behind are put in doubt ([`recovery`]), and [`open`] reads the open steps. A request id is kept as long as its
//! outcome is unknown. Recording an agreement may be repeated without a lookup first, because the service takes the
//! same acceptance only once (fact book 10: code 600061). That step opens in the same commit that makes its row
//! `created` or `existing`.
//!
//! [`next`] is the one table of legal changes. Only [`CurrentStep::take`] and [`take_all`] change a state, and both use
//! it. A new step is inserted with its first state: `pending` or `rejected`.
//!
//! ```text
//! state       meaning                                  who leaves it, and how
//! a create, `customer_rows.state`
//! pending     valid, not sent under its request id     submitter: intent → in_flight (or import after a restore)
//!                                                      ingest: rule over the whole file → rejected · gone after a
//!                                                      restore → in_flight → unresolved · retry
//!                                                      declined → failed · corrected → superseded
//!                                                      · discarded → declined
//! in_flight   may have been sent, outcome unknown      submitter: verdict → created, existing, failed, unresolved
//!                                                      · nothing done → pending
//! unresolved  may exist, lookups did not settle it    `reconcile`: → created, existing, failed · open → in_flight
//! failed      refused by the service                   ingest: retry → pending · corrected → superseded
//! rejected    failed validation, never sent            ingest: file valid now → pending
//!                                                      replaced → superseded · discarded → declined
//! created     created by one of our sends              final
//! existing    was our customer before                  final
//! superseded  replaced by a corrected row              ingest: correction discarded → failed, rejected, pending
//! declined    discarded, never sent                    ingest: comes again → pending
//!
//! an agreement, `agreements.state`; a replaced agreement keeps its state
//! pending     not sent, or nothing was done            submitter: intent → in_flight
//!                                                      ingest: discarded → withdrawn
//! in_flight   may have been sent, outcome unknown      submitter: → recorded, failed · nothing done → pending
//! rejected    failed validation, never sent            ingest: discarded → withdrawn
//! failed      refused by the service                   final (a corrected agreement replaces it)
//! recorded    the service has it                       final
//! withdrawn   discarded, never sent                    final
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

use rusqlite::{OptionalExtension, ToSql, Transaction, params_from_iter};

use super::stored::{Value, assignments};
use super::{Error, Result, RowId};
use tenantry_model::clock;

pub use attempt::{Attempt, AttemptResult, Operation};
pub use change::{CreatedCustomer, NextStep, OpenStep, Recorded, Refusal, RowChange};
pub(crate) use open::is_not_held_by_a_copy;
pub use open::{Open, Owed, SetAside, WorkBatch};
#[cfg(test)]
pub(super) use recovery::recover;
use state::next;
pub(crate) use state::{IllegalTransition, StepEvent};
pub use state::{State, StepKind};
pub use work::Work;

/// The condition on the current acceptance of a row.
pub(super) const STANDING: &str = "replaced_by IS NULL AND state <> 'withdrawn'";

/// SQL: [`STANDING`] of the acceptance with this alias.
pub(super) fn is_standing(acceptance: &str) -> String {
    format!("{acceptance}.replaced_by IS NULL AND {acceptance}.state <> 'withdrawn'")
}

impl StepKind {
    /// The table of steps of this kind, and the condition for the step of a row.
    fn place(self) -> (&'static str, String) {
        match self {
            StepKind::Create => ("customer_rows", "id = ?".to_owned()),
            StepKind::Agreement => ("agreements", format!("row_id = ? AND {STANDING}")),
        }
    }
}

/// The current step of one kind of a row.
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

    /// Writes the state after `event`, together with `facts` (further assignments in SQL) and `values`. An
    /// acknowledgement ends with the state or the code that was acknowledged.
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
        let code = values.iter().find(|(column, _)| *column == "error_code").map(|(_, code)| *code);
        let acknowledged = match code {
            _ if to != self.state => "NULL",
            Some(_) => "iif(error_code IS ?, acknowledged_at, NULL)",
            None => "acknowledged_at",
        };
        let sql = format!(
            "UPDATE {table} SET state = ?, {}, acknowledged_at = {acknowledged}{} WHERE {which}",
            assignments(&values),
            further(facts)
        );
        let code = code.filter(|_| to == self.state);
        let values = values.into_iter().map(|(_, value)| value).chain(code);
        let parameters = std::iter::once(&to as &dyn ToSql).chain(values).chain([&self.row as &dyn ToSql]);
        tx.prepare_cached(&sql)?.execute(params_from_iter(parameters))?;
        Ok(())
    }
}

/// Applies `event` to all steps in state `from` that match `condition`, with `facts` as in [`CurrentStep::take`].
/// Returns the number of steps.
pub(super) fn take_all(
    tx: &Transaction<'_>,
    (kind, from, event): (StepKind, State, StepEvent),
    facts: &str,
    condition: &str,
) -> Result<u64> {
    let to = next(kind, from, event)?;
    let (table, now) = (kind.place().0, clock::now().as_millisecond());
    let sql = format!(
        "UPDATE {table} SET state = '{to}', changed_at = {now}, acknowledged_at = NULL{}
          WHERE state = '{from}' AND {condition}",
        further(facts)
    );
    Ok(tx.execute(&sql, [])? as u64)
}

fn further(facts: &str) -> String {
    if facts.is_empty() { String::new() } else { format!(", {facts}") }
}

#[cfg(test)]
mod tests;
