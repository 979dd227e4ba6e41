//! The second durable step of a customer: its acceptance of the Microsoft Customer Agreement.
//!
//! The step is owed from the moment in which the row is `created` or `existing`, in the same commit. It has a state, a
//! request id and attempts of its own, and the same promises as a create: the intent is durable before the first byte
//! leaves, and a request id is kept for as long as its outcome is unknown. Unlike a create it may be repeated without
//! asking, because the service takes the same acceptance once (fact book 10: code 600061).
//!
//! A file may bring another acceptance later, for a customer that has none yet. It stands beside the one that it
//! replaces, which is never removed and by which an old file, read again, is recognised; the row stays as it was sent.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::Serialize;

use super::outcome::{bounded, record_attempt};
use super::owed::{self, Batch, SetAside, cell, from_json};
use super::recovery::Work;
use super::take_up::Candidate;
use super::{Attempt, AttemptResult, Error, Operation, Recorder, Refusal, RowId, SourceId, intent};
use crate::clock;
use crate::customer::Customer;
use crate::ids::RequestId;
use crate::problem::{Problem, Severity};

/// Where the recording of an acceptance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AgreementState {
    /// Nothing has been done under its request id.
    Pending,
    /// May have been sent; its outcome is not known yet.
    InFlight,
    /// The service has it.
    Recorded,
    /// The service refused it. The customer exists all the same.
    Failed,
    /// It failed validation, in a file that came after the creation; never sent.
    Rejected,
    /// Nobody agreed to it, or its file no longer holds it; never sent.
    Withdrawn,
}

impl AgreementState {
    const ALL: [AgreementState; 6] = [
        AgreementState::Recorded,
        AgreementState::Failed,
        AgreementState::Rejected,
        AgreementState::InFlight,
        AgreementState::Pending,
        AgreementState::Withdrawn,
    ];

    /// The name in the ledger, in JSON and on the screen.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            AgreementState::Pending => "pending",
            AgreementState::InFlight => "in_flight",
            AgreementState::Recorded => "recorded",
            AgreementState::Failed => "failed",
            AgreementState::Rejected => "rejected",
            AgreementState::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for AgreementState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AgreementState {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let state = AgreementState::ALL.into_iter().find(|state| state.name() == name);
        state.ok_or_else(|| format!("unknown agreement state `{name}`"))
    }
}

impl ToSql for AgreementState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for AgreementState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: String| FromSqlError::other(std::io::Error::other(error)))
    }
}

/// What an attempt to record an acceptance has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgreementChange {
    /// The service has it, from this send or an earlier one.
    Recorded,
    /// Definite: this send has done nothing. An earlier one under the same id may have.
    NothingDone,
    /// No verdict.
    Unknown,
    /// Definitely refused.
    Refused(Refusal),
}

/// A change that our own code must never ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an agreement that is {from} cannot take {change:?}")]
pub(crate) struct IllegalChange {
    from: AgreementState,
    change: AgreementChange,
}

impl AgreementChange {
    /// The state after it. Only what was intended can come to anything, and `recorded` has no way out.
    fn apply(&self, from: AgreementState, in_doubt: bool) -> Result<AgreementState, IllegalChange> {
        match (from, self) {
            (AgreementState::InFlight, AgreementChange::Recorded) => Ok(AgreementState::Recorded),
            (AgreementState::InFlight, AgreementChange::NothingDone) if !in_doubt => {
                Ok(AgreementState::Pending)
            }
            (AgreementState::InFlight, AgreementChange::NothingDone | AgreementChange::Unknown) => {
                Ok(AgreementState::InFlight)
            }
            (AgreementState::InFlight, AgreementChange::Refused(_)) => Ok(AgreementState::Failed),
            (
                AgreementState::Pending
                | AgreementState::Recorded
                | AgreementState::Failed
                | AgreementState::Rejected
                | AgreementState::Withdrawn,
                change,
            ) => Err(IllegalChange { from, change: change.clone() }),
        }
    }
}

impl Recorder {
    /// Makes the decision to send durable.
    ///
    /// Invariant: no acceptance is sent without the [`Attempt`] that this returns, and it returns only after the
    /// commit.
    pub(crate) async fn intend_agreement(&self, row: RowId, request_id: RequestId) -> Result<Attempt, Error> {
        let run = self.run;
        self.writer.may_intend()?;
        self.writer
            .write(move |tx| {
                let changed = tx
                    .prepare_cached(
                        "UPDATE agreements SET state = 'in_flight', changed_at = ?3
                          WHERE row_id = ?1 AND request_id = ?2 AND state IN ('pending', 'in_flight')
                            AND replaced_by IS NULL",
                    )?
                    .execute((row, request_id, clock::now().as_millisecond()))?;
                if changed != 1 {
                    let what = "its agreement is not the one to be sent".to_owned();
                    return Err(Error::Stored { row: row.0, what });
                }
                intent::begin_attempt(tx, run, row, Operation::RecordAgreement, request_id)
            })
            .await
    }

    /// Records calls that were made for an acceptance, and what they came to. Returns once it is durable.
    pub(crate) async fn record_agreement(
        &self,
        row: RowId,
        attempts: Vec<AttemptResult>,
        change: Option<AgreementChange>,
    ) -> Result<(), Error> {
        let run = self.run;
        let answer = Arc::new((attempts, change));
        let job = || {
            let answer = Arc::clone(&answer);
            move |tx: &Transaction<'_>| {
                let (attempts, change) = &*answer;
                for attempt in attempts {
                    record_attempt(tx, run, row, attempt)?;
                }
                change.as_ref().map_or(Ok(()), |change| apply(tx, row, change))
            }
        };
        self.writer.write_answer(job).await
    }
}

fn apply(tx: &Transaction<'_>, row: RowId, change: &AgreementChange) -> Result<(), Error> {
    let (from, in_doubt) = tx
        .prepare_cached(&format!("SELECT state, in_doubt FROM agreements WHERE row_id = ?1 AND {STANDING}"))?
        .query_row([row], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let to = change.apply(from, in_doubt)?;
    let refusal = match change {
        AgreementChange::Refused(refusal) => Some(refusal),
        AgreementChange::Recorded | AgreementChange::NothingDone | AgreementChange::Unknown => None,
    };
    tx.prepare_cached(&format!(
        "UPDATE agreements
            SET state = ?2, changed_at = ?3, in_doubt = in_doubt OR ?4,
                error_code = ?5, error_status = ?6, error_text = ?7
          WHERE row_id = ?1 AND {STANDING}"
    ))?
    .execute(rusqlite::params![
        row,
        to,
        clock::now().as_millisecond(),
        *change == AgreementChange::Unknown,
        refusal.map(|r| &r.code),
        refusal.and_then(|r| r.status),
        refusal.map(|r| bounded(&r.text)),
    ])?;
    Ok(())
}

/// Of a row's acceptances: the one that counts.
pub(super) const STANDING: &str = "replaced_by IS NULL AND state <> 'withdrawn'";

/// Makes the step owed for a customer that exists now, where its file says who accepted the agreement.
pub(super) fn owe(tx: &Transaction<'_>, row: RowId) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                 made_at, changed_at)
         SELECT id, source_id, line, 'pending', content_hash, cells, json_extract(customer, '$.agreement'), ?2, ?3, ?3
           FROM customer_rows
          WHERE id = ?1 AND json_extract(customer, '$.agreement') IS NOT NULL",
    )?
    .execute((row, RequestId::draw(), clock::now().as_millisecond()))?;
    Ok(())
}

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
    state: AgreementState,
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
            AgreementState::Failed => retry_failed,
            // The verdict on it has changed without it: the rules may have.
            AgreementState::Rejected => true,
            AgreementState::Pending
            | AgreementState::InFlight
            | AgreementState::Recorded
            | AgreementState::Withdrawn => false,
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
    let is_refused = standing
        .as_ref()
        .is_some_and(|it| matches!(it.state, AgreementState::Failed | AgreementState::Rejected));
    let says_nothing = candidate.customer.as_ref().is_some_and(|customer| customer.agreement.is_none());
    if let Some(Standing { id, state: AgreementState::Rejected, .. }) = standing
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
    let may_change = match standing.as_ref().map(|standing| standing.state) {
        None | Some(AgreementState::Pending | AgreementState::Failed | AgreementState::Rejected) => true,
        Some(AgreementState::InFlight | AgreementState::Recorded | AgreementState::Withdrawn) => false,
    };
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
    let Ok(stored) = owed::customer_of(&stored) else { return Ok(false) };
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
        if before.is_some() { AgreementState::Withdrawn } else { settled_state(rejected_for) },
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

const fn settled_state(rejected_for: Option<&Problem>) -> AgreementState {
    match rejected_for {
        Some(_) => AgreementState::Rejected,
        None => AgreementState::Pending,
    }
}

/// Acceptances that are withdrawn together.
const ROUND: u32 = 1000;

/// Which acceptances are let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those that stand for a refused one: its refusal stands again.
    Repeated,
}

/// Lets go of acceptances that the files of `sources` (a query for their ids) have brought, and that were never sent;
/// what they had replaced stands again. Returns how many there were.
pub(super) fn withdraw(
    tx: &Transaction<'_>,
    sources: &str,
    parameters: impl rusqlite::Params + Clone,
    which: Which,
) -> Result<u64, Error> {
    let now = clock::now().as_millisecond();
    let condition = match which {
        Which::All => "state IN ('pending', 'rejected')",
        Which::Repeated => {
            "state = 'pending' AND EXISTS (SELECT 1 FROM agreements old
                                            WHERE old.replaced_by = agreements.id AND old.state = 'failed')"
        }
    };
    // SQLite holds in memory what it returns.
    let sql = format!(
        "UPDATE agreements SET state = 'withdrawn'
          WHERE id IN (SELECT id FROM agreements
                        WHERE {condition} AND replaced_by IS NULL AND source_id IN ({sources}) LIMIT {ROUND})
          RETURNING id"
    );
    let mut withdraw = tx.prepare(&sql)?;
    let mut stand_again =
        tx.prepare("UPDATE agreements SET replaced_by = NULL, changed_at = ?2 WHERE replaced_by = ?1")?;
    let mut withdrawn = 0;
    loop {
        let round: Vec<i64> =
            withdraw.query_map(parameters.clone(), |row| row.get(0))?.collect::<Result<_, _>>()?;
        if round.is_empty() {
            return Ok(withdrawn);
        }
        withdrawn += round.len() as u64;
        // What stands again may have been brought by another file of these.
        for id in round {
            stand_again.execute((id, now))?;
        }
    }
}

/// Puts the acceptances that a dead run had under way in doubt: they may have been sent.
pub(super) fn recover(tx: &Transaction<'_>) -> Result<(), Error> {
    tx.execute(
        "UPDATE agreements SET in_doubt = 1
          WHERE state = 'in_flight'
            AND row_id IN (SELECT row_id FROM http_attempts WHERE outcome IS NULL AND operation = 'record_agreement')",
        [],
    )?;
    Ok(())
}

/// Up to `limit` acceptances that are owed, of rows with ids above `after`.
pub(super) fn open(connection: &Connection, after: RowId, limit: u32) -> Result<Batch, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, a.line, r.customer, r.customer_id, a.request_id, a.agreement, a.state = 'in_flight', r.domain
           FROM agreements a JOIN customer_rows r ON r.id = a.row_id JOIN sources s ON s.id = a.source_id
          WHERE a.state IN ('pending', 'in_flight') AND a.replaced_by IS NULL
            AND s.completed_at IS NOT NULL AND a.row_id > ?1
          ORDER BY a.row_id LIMIT ?2",
    )?;
    let mut rows = statement.query((after, limit))?;
    let mut batch = Batch::default();
    while let Some(row) = rows.next()? {
        let id: RowId = row.get(0)?;
        let read = load(row, id).map_err(|why| SetAside {
            row: id,
            line: row.get(1).ok(),
            domain: row.get(7).ok().flatten(),
            why,
        });
        batch.add(id, read);
    }
    Ok(batch)
}

fn load(row: &Row<'_>, id: RowId) -> Result<Work, String> {
    let customer: String = cell(row, 2, "customer")?;
    let customer_id: String = cell(row, 3, "customer id")?;
    let agreement = from_json(&cell::<String>(row, 5, "agreement")?, "agreement")?;
    let customer = Customer { agreement: Some(agreement), ..owed::customer_of(&customer)? };
    Ok(Work {
        customer_id: Some(customer_id),
        is_in_flight: cell(row, 6, "state")?,
        ..Work::fresh(id, cell(row, 1, "line")?, customer, cell(row, 4, "request id of its agreement")?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_as_in_the_table() {
        let refusal = Refusal { code: "3000".to_owned(), status: Some(400), text: String::new() };
        let changes = [
            AgreementChange::Recorded,
            AgreementChange::NothingDone,
            AgreementChange::Unknown,
            AgreementChange::Refused(refusal),
        ];
        use AgreementState::{Failed, InFlight, Pending, Recorded, Rejected, Withdrawn};
        for (from, in_doubt, expected) in [
            (InFlight, false, [Some(Recorded), Some(Pending), Some(InFlight), Some(Failed)]),
            (InFlight, true, [Some(Recorded), Some(InFlight), Some(InFlight), Some(Failed)]),
            (Pending, false, [None; 4]),
            (Recorded, false, [None; 4]),
            (Failed, false, [None; 4]),
            (Rejected, false, [None; 4]),
            (Withdrawn, false, [None; 4]),
        ] {
            for (change, expected) in changes.iter().zip(expected) {
                assert_eq!(change.apply(from, in_doubt).ok(), expected, "{from} after {change:?}");
            }
        }
    }

    #[test]
    fn names_survive_a_round_trip() {
        for state in AgreementState::ALL {
            assert_eq!(state.name().parse::<AgreementState>().unwrap(), state);
        }
        assert!("done".parse::<AgreementState>().is_err());
    }
}
