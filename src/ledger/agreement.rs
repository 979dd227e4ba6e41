//! What a file says of the acceptance of the Microsoft Customer Agreement, for a customer that exists.
//!
//! A file may bring another acceptance later, for a customer that has none yet. It stands beside the one that it
//! replaces, which is never removed and by which an old file, read again, is recognised; the row stays as it was sent.

use rusqlite::{OptionalExtension, Transaction};

use super::steps::{Event, STANDING, State, StepKind, next, take_all};
use super::stored::customer_of;
use super::take_up::Candidate;
use super::{Error, RowId, SourceId};
use crate::clock;
use crate::customer::Customer;
use crate::ids::RequestId;
use crate::problem::{Problem, Severity};

/// What a known customer's row in a file comes to, as far as its agreement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// It says nothing new.
    Known,
    /// It says something that the agreement is not about, or comes too late.
    Ignored,
    /// It brings an acceptance that is to be recorded.
    TakenUp,
    /// It brings one that failed validation.
    Rejected,
}

/// The acceptance that stands for a row.
struct Standing {
    id: i64,
    state: State,
    same: bool,
    is_of_unfinished_file: bool,
}

/// Takes up what a file says of the agreement of a customer that exists. `same_row`: the row says nothing but what was
/// sent. `retry_failed`: an unchanged refused acceptance is tried again.
pub(super) fn meet(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
    same_row: bool,
    retry_failed: bool,
) -> Result<Met, Error> {
    let standing = standing(tx, row, candidate)?;
    if let Some(Standing { id, state, same: true, is_of_unfinished_file }) = standing {
        let is_good = candidate.customer.is_some();
        let again = match state {
            State::Failed => retry_failed,
            // The verdict on it has changed without it: the rules may have.
            State::Rejected => true,
            State::Pending
            | State::InFlight
            | State::Recorded
            | State::Created
            | State::Existing
            | State::Unresolved
            | State::Superseded
            | State::Withdrawn => false,
        };
        if again && is_good {
            replace(tx, row, source, candidate, Some(id), None)?;
            return Ok(Met::TakenUp);
        }
        if is_of_unfinished_file {
            // The cells too: the same values may stand under another header here.
            tx.prepare_cached("UPDATE agreements SET source_id = ?2, line = ?3, cells = ?4 WHERE id = ?1")?
                .execute((id, source, candidate.line, &candidate.cells))?;
        }
        return Ok(Met::Known);
    }
    let is_refused = standing.as_ref().is_some_and(|it| matches!(it.state, State::Failed | State::Rejected));
    let says_nothing = candidate.customer.as_ref().is_some_and(|customer| customer.agreement.is_none());
    if let Some(Standing { id, state: State::Rejected, .. }) = standing
        && says_nothing
    {
        // Nobody asks for it any more.
        tx.prepare_cached("UPDATE agreements SET state = 'withdrawn', changed_at = ?2 WHERE id = ?1")?
            .execute((id, clock::now().as_millisecond()))?;
        return Ok(Met::Known);
    }
    // An operator who asks for another try means what the file says now.
    let is_old = (same_row && says_nothing) || was_replaced(tx, row, candidate)?;
    if is_old && !(retry_failed && is_refused) {
        return Ok(Met::Known);
    }
    let Some(rest) = candidate.customer.as_ref().or(candidate.beside_agreement.as_ref()) else {
        return Ok(Met::Ignored);
    };
    let may_change = standing
        .as_ref()
        .is_none_or(|standing| next(StepKind::Agreement, standing.state, Event::Replaced).is_ok());
    if says_nothing || !may_change || !is_customer_of(tx, row, rest)? {
        return Ok(Met::Ignored);
    }
    let rejected_for = match candidate.customer {
        Some(_) => None,
        None => candidate.problems.iter().find(|problem| problem.severity == Severity::Error),
    };
    replace(tx, row, source, candidate, standing.map(|standing| standing.id), rejected_for)?;
    Ok(if rejected_for.is_some() { Met::Rejected } else { Met::TakenUp })
}

fn standing(tx: &Transaction<'_>, row: RowId, candidate: &Candidate) -> Result<Option<Standing>, Error> {
    let sql = format!(
        "SELECT a.id, a.state, a.content_hash = ?2, s.completed_at IS NULL
           FROM agreements a JOIN sources s ON s.id = a.source_id WHERE a.row_id = ?1 AND {STANDING}"
    );
    let found = tx.prepare_cached(&sql)?.query_row((row, candidate.content_hash), |r| {
        Ok(Standing { id: r.get(0)?, state: r.get(1)?, same: r.get(2)?, is_of_unfinished_file: r.get(3)? })
    });
    Ok(found.optional()?)
}

/// Is this the old form of an acceptance that a corrected one has replaced since? The file that it came from, read
/// again night after night, must not undo the correction.
fn was_replaced(tx: &Transaction<'_>, row: RowId, candidate: &Candidate) -> Result<bool, Error> {
    let sql = "SELECT count(*) > 0 FROM agreements
                WHERE row_id = ?1 AND content_hash = ?2 AND replaced_by IS NOT NULL";
    Ok(tx.prepare_cached(sql)?.query_row((row, candidate.content_hash), |r| r.get(0))?)
}

/// Is everything but the agreement as it was sent? A reseller that the file leaves out is the one that was given then.
fn is_customer_of(tx: &Transaction<'_>, row: RowId, other: &Customer) -> Result<bool, Error> {
    let stored: String = tx
        .prepare_cached("SELECT customer FROM customer_rows WHERE id = ?1")?
        .query_row([row], |r| r.get(0))?;
    // Nobody can tell of one that cannot be understood.
    let Ok(stored) = customer_of(&stored) else { return Ok(false) };
    let other = Customer {
        agreement: stored.agreement.clone(),
        associated_partner_id: other.associated_partner_id.or(stored.associated_partner_id),
        ..other.clone()
    };
    Ok(stored == other)
}

/// Lets the candidate's acceptance stand for the row, in place of `before`.
fn replace(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
    before: Option<i64>,
    rejected_for: Option<&Problem>,
) -> Result<(), Error> {
    let agreement = candidate.customer.as_ref().and_then(|customer| customer.agreement.as_ref());
    let now = clock::now().as_millisecond();
    // Two cannot stand at once, so the new one begins as withdrawn.
    tx.prepare_cached(
        "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                 error_code, error_text, made_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
    )?
    .execute(rusqlite::params![
        row,
        source,
        candidate.line,
        if before.is_some() { State::Withdrawn } else { settled_state(rejected_for) },
        candidate.content_hash,
        candidate.cells,
        agreement.map(super::take_up::json).transpose()?,
        RequestId::draw(),
        rejected_for.map(|problem| &problem.rule),
        rejected_for.map(Problem::in_words),
        now,
    ])?;
    if let Some(before) = before {
        let new = tx.last_insert_rowid();
        tx.prepare_cached("UPDATE agreements SET replaced_by = ?2, changed_at = ?3 WHERE id = ?1")?
            .execute((before, new, now))?;
        tx.prepare_cached("UPDATE agreements SET state = ?2 WHERE id = ?1")?
            .execute((new, settled_state(rejected_for)))?;
    }
    Ok(())
}

const fn settled_state(rejected_for: Option<&Problem>) -> State {
    match rejected_for {
        Some(_) => State::Rejected,
        None => State::Pending,
    }
}

/// Which acceptances are discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those that stand for a refused one: its refusal stands again.
    Repeated,
}

/// Discards acceptances that the files of `sources` (a query for their ids) have brought, and that were never sent; what
/// they had replaced stands again. Returns how many there were.
pub(super) fn withdraw(
    tx: &Transaction<'_>,
    sources: &str,
    parameters: impl rusqlite::Params,
    which: Which,
) -> Result<u64, Error> {
    let condition = match which {
        Which::All => "state IN ('pending', 'rejected')",
        Which::Repeated => {
            "state = 'pending' AND EXISTS (SELECT 1 FROM agreements old
                                            WHERE old.replaced_by = agreements.id AND old.state = 'failed')"
        }
    };
    // In a table of SQLite's, which keeps it in a file where it is long.
    tx.execute_batch("CREATE TEMP TABLE discarded (id INTEGER PRIMARY KEY)")?;
    let sql = format!(
        "INSERT INTO temp.discarded SELECT id FROM agreements
          WHERE {condition} AND replaced_by IS NULL AND source_id IN ({sources})"
    );
    tx.execute(&sql, parameters)?;
    let mut withdrawn = 0;
    for from in [State::Pending, State::Rejected] {
        let change = (StepKind::Agreement, from, Event::Discarded);
        withdrawn += take_all(tx, change, "", "id IN (SELECT id FROM temp.discarded)", [])?;
    }
    // What stands again may have been brought by another file of these.
    tx.execute(
        "UPDATE agreements SET replaced_by = NULL, changed_at = ?1
          WHERE replaced_by IN (SELECT id FROM temp.discarded)",
        [clock::now().as_millisecond()],
    )?;
    tx.execute_batch("DROP TABLE temp.discarded")?;
    Ok(withdrawn)
}
