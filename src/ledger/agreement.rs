//! The second durable step of a created customer: its acceptance of the Microsoft Customer Agreement.
//!
//! The step is owed from the moment in which the row is `created`, in the same commit. It has a state, a request id
//! and attempts of its own, and the same promises as a create: the intent is durable before the first byte leaves,
//! and a request id is kept for as long as its outcome is unknown. Unlike a create it may be repeated without asking,
//! because the service takes the same acceptance once (fact book 10: code 600061).

use std::fmt;
use std::str::FromStr;

use rusqlite::Transaction;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;

use super::outcome::{bounded, record_attempt};
use super::recovery::{self, Work};
use super::take_up::Candidate;
use super::{
    Attempt, AttemptResult, Error, Ledger, Operation, Recorder, Refusal, RequestId, RowId, SourceId, intent,
};
use crate::clock;
use crate::customer::Customer;

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
}

impl AgreementState {
    const ALL: [AgreementState; 4] =
        [AgreementState::Recorded, AgreementState::Failed, AgreementState::InFlight, AgreementState::Pending];

    /// The name in the ledger, in JSON and on the screen.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            AgreementState::Pending => "pending",
            AgreementState::InFlight => "in_flight",
            AgreementState::Recorded => "recorded",
            AgreementState::Failed => "failed",
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
            (AgreementState::Pending | AgreementState::Recorded | AgreementState::Failed, change) => {
                Err(IllegalChange { from, change: change.clone() })
            }
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
        self.writer
            .write(move |tx| {
                let changed = tx
                    .prepare_cached(
                        "UPDATE agreements SET state = 'in_flight', changed_at = ?3
                          WHERE row_id = ?1 AND request_id = ?2 AND state IN ('pending', 'in_flight')",
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
        self.writer
            .write(move |tx| {
                for attempt in &attempts {
                    record_attempt(tx, run, row, attempt)?;
                }
                change.map_or(Ok(()), |change| apply(tx, row, &change))
            })
            .await
    }
}

fn apply(tx: &Transaction<'_>, row: RowId, change: &AgreementChange) -> Result<(), Error> {
    let (from, in_doubt) = tx
        .prepare_cached("SELECT state, in_doubt FROM agreements WHERE row_id = ?1")?
        .query_row([row], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let to = change.apply(from, in_doubt)?;
    let refusal = match change {
        AgreementChange::Refused(refusal) => Some(refusal),
        AgreementChange::Recorded | AgreementChange::NothingDone | AgreementChange::Unknown => None,
    };
    tx.prepare_cached(
        "UPDATE agreements
            SET state = ?2, changed_at = ?3, in_doubt = in_doubt OR ?4,
                error_code = ?5, error_status = ?6, error_text = ?7
          WHERE row_id = ?1",
    )?
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

/// Makes the step owed for a row that has just become `created`, where its file says who accepted the agreement.
pub(super) fn owe(tx: &Transaction<'_>, row: RowId) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO agreements (row_id, state, request_id, made_at, changed_at)
         SELECT id, 'pending', ?2, ?3, ?3 FROM customer_rows
          WHERE id = ?1 AND json_extract(customer, '$.agreement') IS NOT NULL",
    )?
    .execute((row, RequestId::draw(), clock::now().as_millisecond()))?;
    Ok(())
}

/// Takes a refused acceptance up again, as it is. False where there is none.
pub(super) fn take_up_again(tx: &Transaction<'_>, row: RowId) -> Result<bool, Error> {
    let changed = tx
        .prepare_cached(
            "UPDATE agreements
                SET state = 'pending', request_id = ?2, in_doubt = 0, error_code = NULL, error_status = NULL,
                    error_text = NULL, changed_at = ?3
              WHERE row_id = ?1 AND state = 'failed'",
        )?
        .execute((row, RequestId::draw(), clock::now().as_millisecond()))?;
    Ok(changed > 0)
}

/// Takes up a corrected acceptance for a customer that is created, where the service has none of it yet and nothing
/// else of the row has changed. False where that is not so.
pub(super) fn correct(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
) -> Result<bool, Error> {
    let Some(customer) = candidate.customer.as_ref().filter(|customer| customer.agreement.is_some()) else {
        return Ok(false);
    };
    let (stored, state): (String, Option<AgreementState>) = tx
        .prepare_cached(
            "SELECT r.customer, a.state FROM customer_rows r LEFT JOIN agreements a ON a.row_id = r.id
              WHERE r.id = ?1",
        )?
        .query_row([row], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let may_change = match state {
        None | Some(AgreementState::Pending | AgreementState::Failed) => true,
        Some(AgreementState::InFlight | AgreementState::Recorded) => false,
    };
    let stored = recovery::stored_customer(row, &stored)?;
    if !may_change || (Customer { agreement: customer.agreement.clone(), ..stored }) != *customer {
        return Ok(false);
    }
    let now = clock::now().as_millisecond();
    // The cells come from another file now, and belong to its header.
    tx.prepare_cached(
        "UPDATE customer_rows
            SET customer = ?2, content_hash = ?3, cells = ?4, source_id = ?5, line = ?6, changed_at = ?7
          WHERE id = ?1",
    )?
    .execute(rusqlite::params![
        row,
        super::take_up::json(customer)?,
        candidate.content_hash,
        candidate.cells,
        source,
        candidate.line,
        now,
    ])?;
    tx.prepare_cached(
        "INSERT INTO agreements (row_id, state, request_id, made_at, changed_at) VALUES (?1, 'pending', ?2, ?3, ?3)
         ON CONFLICT (row_id) DO UPDATE
            SET state = 'pending', request_id = excluded.request_id, in_doubt = 0, error_code = NULL,
                error_status = NULL, error_text = NULL, changed_at = excluded.changed_at",
    )?
    .execute((row, RequestId::draw(), now))?;
    Ok(true)
}

/// Puts the attempts' agreements of a dead run in doubt: they may have been sent.
pub(super) fn recover(tx: &Transaction<'_>) -> Result<(), Error> {
    tx.execute(
        "UPDATE agreements SET in_doubt = 1
          WHERE state = 'in_flight'
            AND row_id IN (SELECT row_id FROM http_attempts WHERE outcome IS NULL AND operation = 'record_agreement')",
        [],
    )?;
    Ok(())
}

impl Ledger {
    /// Up to `limit` acceptances that are owed, of rows with ids above `after`.
    pub(crate) async fn open_agreements(&self, after: RowId, limit: u32) -> Result<Vec<Work>, Error> {
        self.write(move |tx| open(tx, after, limit)).await
    }
}

fn open(tx: &Transaction<'_>, after: RowId, limit: u32) -> Result<Vec<Work>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT r.id, r.line, r.customer, r.customer_id, a.request_id
           FROM agreements a JOIN customer_rows r ON r.id = a.row_id JOIN sources s ON s.id = r.source_id
          WHERE a.state IN ('pending', 'in_flight') AND s.completed_at IS NOT NULL AND a.row_id > ?1
          ORDER BY a.row_id LIMIT ?2",
    )?;
    let mut rows = statement.query((after, limit))?;
    let mut work = Vec::new();
    while let Some(row) = rows.next()? {
        let id: RowId = row.get(0)?;
        let customer =
            recovery::stored_customer(id, row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
        work.push(Work { customer_id: row.get(3)?, ..Work::fresh(id, row.get(1)?, customer, row.get(4)?) });
    }
    Ok(work)
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
        use AgreementState::{Failed, InFlight, Pending, Recorded};
        for (from, in_doubt, expected) in [
            (InFlight, false, [Some(Recorded), Some(Pending), Some(InFlight), Some(Failed)]),
            (InFlight, true, [Some(Recorded), Some(InFlight), Some(InFlight), Some(Failed)]),
            (Pending, false, [None; 4]),
            (Recorded, false, [None; 4]),
            (Failed, false, [None; 4]),
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
