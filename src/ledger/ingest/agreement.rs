//! Acceptances of the Microsoft Customer Agreement that a file brings for existing customers.
//!
//! A later file may bring another acceptance for a customer that has none recorded yet. The replaced acceptance is
//! never removed, so that an old file is recognized when it is read again. The row stays as it was sent.

use rusqlite::Transaction;

use super::super::steps::{CurrentStep, STANDING, State, StepEvent, StepKind, take_all};
use super::super::stored::{Value, customer_of, insert, json, update, value};
use super::super::{Result, RowId, SourceId};
use super::Candidate;
use tenantry_model::clock;
use tenantry_model::customer::Customer;
use tenantry_model::ids::RequestId;
use tenantry_model::problem::{Problem, Severity};

/// Has a corrected acceptance replaced one with this content?
pub(super) fn was_replaced(tx: &Transaction<'_>, row: RowId, content_hash: [u8; 16]) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM agreements
                WHERE row_id = ?1 AND content_hash = ?2 AND replaced_by IS NOT NULL";
    value(tx, sql, (row, content_hash))
}

/// What is known of a customer that was sent.
#[derive(Debug)]
pub enum SentCustomer {
    /// As it was sent.
    Known(Box<Customer>),
    /// `forget` has erased it.
    Erased,
}

/// `None` if the stored customer cannot be parsed.
pub(super) fn sent(tx: &Transaction<'_>, row: RowId) -> Result<Option<SentCustomer>> {
    let stored: Option<String> = value(tx, "SELECT customer FROM customer_rows WHERE id = ?1", [row])?;
    let Some(stored) = stored else { return Ok(Some(SentCustomer::Erased)) };
    Ok(customer_of(&stored).ok().map(|sent| SentCustomer::Known(Box::new(sent))))
}

/// Stores an erased customer again: the step that records the acceptance needs it. The next `forget` erases both.
fn restore_erased(tx: &Transaction<'_>, row: RowId, customer: &Customer) -> Result<()> {
    let sql = "UPDATE customer_rows SET customer = ?2 WHERE id = ?1 AND customer IS NULL";
    tx.prepare_cached(sql)?.execute((row, json(customer)?))?;
    Ok(())
}

/// Makes the candidate's acceptance the current one of the row, instead of `before`. It is pending, or rejected if the
/// candidate has no customer.
pub(super) fn replace(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
    before: Option<i64>,
) -> Result<()> {
    let agreement = candidate.customer.as_ref().and_then(|customer| customer.agreement.as_ref());
    let rejected_for = match candidate.customer {
        Some(_) => None,
        None => candidate.problems.iter().find(|problem| problem.severity == Severity::Error),
    };
    if let Some(customer) = &candidate.customer {
        restore_erased(tx, row, customer)?;
    }
    // A row cannot have two current acceptances: until the old one is replaced, the new one is stored as replaced by
    // the old.
    let now = clock::now().as_millisecond();
    let values: [Value<'_>; 13] = [
        ("row_id", &row),
        ("source_id", &source),
        ("line", &candidate.line),
        ("state", if rejected_for.is_some() { &State::Rejected } else { &State::Pending }),
        ("content_hash", &candidate.content_hash),
        ("cells", &candidate.cells),
        ("agreement", &agreement.map(json).transpose()?),
        ("request_id", &RequestId::draw()),
        ("error_code", &rejected_for.map(|problem| &problem.rule)),
        ("error_text", &rejected_for.map(Problem::describe)),
        ("made_at", &now),
        ("changed_at", &now),
        ("replaced_by", &before),
    ];
    let new = insert(tx, "agreements", &values)?;
    if before.is_some() {
        let old = CurrentStep::of(tx, StepKind::Agreement, row)?;
        old.take(tx, StepEvent::Replaced, "", &[("replaced_by", &new)])?;
        update(tx, "agreements", &new, &[("replaced_by", &None::<i64>)])?;
    }
    Ok(())
}

/// The condition on acceptances that were never sent.
pub(super) const UNSENT: &str = "state IN ('pending', 'rejected')";

/// The condition on pending acceptances that replaced a failed one, which becomes current again.
pub(super) const REPEATED: &str = "state = 'pending'
     AND EXISTS (SELECT 1 FROM agreements old WHERE old.replaced_by = agreements.id AND old.state = 'failed')";

/// Discards acceptances that match `which` (a condition on the table) and `condition` ([`UNSENT`] or [`REPEATED`]). The
/// acceptances that they had replaced become current again. Returns how many were discarded.
pub(super) fn withdraw(tx: &Transaction<'_>, which: &str, condition: &str) -> Result<u64> {
    // In a table of SQLite's, which keeps it in a file where it is long, so that memory does not grow with the rows.
    tx.execute_batch("CREATE TEMP TABLE discarded (id INTEGER PRIMARY KEY)")?;
    let sql = format!(
        "INSERT INTO temp.discarded SELECT id FROM agreements
          WHERE {condition} AND {STANDING} AND {which}"
    );
    tx.execute(&sql, [])?;
    let mut withdrawn = 0;
    for from in [State::Pending, State::Rejected] {
        let change = (StepKind::Agreement, from, StepEvent::Discarded);
        withdrawn += take_all(tx, change, "", "id IN (SELECT id FROM temp.discarded)")?;
    }
    // An acceptance that is current again may come from another of these files.
    tx.execute(
        "UPDATE agreements SET replaced_by = NULL, changed_at = ?1
          WHERE replaced_by IN (SELECT id FROM temp.discarded)",
        [clock::now().as_millisecond()],
    )?;
    tx.execute_batch("DROP TABLE temp.discarded")?;
    Ok(withdrawn)
}
