//! The committed decision to send.
//!
//! The intent is committed before the first byte is sent. If we die between the two, `resume` finds a step in flight
//! and settles it. In the other order, a customer could be created without any record.

use rusqlite::Transaction;

use super::super::{Error, Recorder, Result, RowId, RunId};
use super::attempt::{self, Attempt, Operation};
use super::{CurrentStep, State, StepEvent, StepKind};
use tenantry_model::ids::RequestId;

impl Recorder {
    /// Makes the step `in_flight` and the attempt durable under the step's own request id.
    ///
    /// Invariant: nothing that could change anything is sent without the [`Attempt`] that this returns, and it returns
    /// only after the commit.
    pub async fn intend(&self, kind: StepKind, row: RowId, request_id: RequestId) -> Result<Attempt> {
        let run = self.run;
        self.writer.may_intend()?;
        let job = move |tx: &Transaction<'_>| intend(tx, run, CurrentStep::of(tx, kind, row)?, request_id);
        self.writer.write_checked(job).await
    }
}

pub(super) fn intend(
    tx: &Transaction<'_>,
    run: RunId,
    step: CurrentStep,
    request_id: RequestId,
) -> Result<Attempt> {
    let row = step.row;
    if step.request_id.as_ref() != Some(&request_id.to_string()) {
        return Err(Error::Stored {
            row: row.0,
            what: "its request id is not the one to be sent".to_owned(),
        });
    }
    let (operation, forgotten) = match (step.kind, step.state) {
        // The refusal of an earlier try must not count for this one if we die before its answer.
        (StepKind::Create, State::Pending) => (
            Operation::Create,
            "error_code = NULL, error_status = NULL, error_text = NULL, domain_burned = 0",
        ),
        (StepKind::Create, _) => (Operation::Create, ""),
        (StepKind::Agreement, _) => (Operation::RecordAgreement, ""),
    };
    step.take(tx, StepEvent::Intended, forgotten, &[])?;
    attempt::begin(tx, run, row, operation, request_id)
}
