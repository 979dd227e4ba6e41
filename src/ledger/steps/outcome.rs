//! What became of an attempt, and what that means for its step: recorded together, once.

use std::sync::Arc;

use rusqlite::{Transaction, named_params};

use super::super::{Error, Recorder, RowId, RunId};
use super::attempt::{self, AttemptResult, Operation, bounded};
use super::change::{CreatedCustomer, Recorded, Refusal, RowChange};
use super::work::stored;
use super::{CurrentStep, Event, StepKind, whose};
use tenantry_model::clock::{self, BootMoment, Moment};
use tenantry_model::ids::RequestId;

impl Recorder {
    /// Records what calls turned out to be, and what that means for the step. Returns once it is durable.
    ///
    /// Invariant: a customer id belongs to one row. Whether it does shows here alone, where all rows are seen.
    pub async fn record(
        &self,
        kind: StepKind,
        row: RowId,
        attempts: Vec<AttemptResult>,
        change: RowChange,
    ) -> Result<Recorded, Error> {
        let run = self.run;
        let answer = Arc::new((attempts, change));
        let job = || {
            let answer = Arc::clone(&answer);
            move |tx: &Transaction<'_>| {
                record(tx, run, CurrentStep::of(tx, kind, row)?, answer.0.clone(), &answer.1)
            }
        };
        self.writer.write_answer(job).await
    }
}

pub(super) fn record(
    tx: &Transaction<'_>,
    run: RunId,
    step: CurrentStep,
    mut attempts: Vec<AttemptResult>,
    change: &RowChange,
) -> Result<Recorded, Error> {
    let recorded = match step.kind {
        StepKind::Create => whose::customer(tx, step.row, &mut attempts, change)?,
        StepKind::Agreement => Recorded::AsAsked,
    };
    for attempt in &attempts {
        attempt::end(tx, run, step.row, attempt)?;
    }
    if attempts.iter().any(AttemptResult::is_unread_success) {
        tx.prepare_cached("UPDATE customer_rows SET success_unread = 1 WHERE id = ?1")?
            .execute([step.row])?;
    }
    let last_sent = attempts
        .iter()
        .filter(|attempt| attempt.operation == Operation::Create && attempt.sent_at.is_some())
        .map(|attempt| attempt.finished_at)
        .max()
        // A little later by the boot's clock, which is the careful side.
        .map(|wall| Moment { wall, boot: BootMoment::now() });
    match &recorded {
        Recorded::AsAsked if step.kind == StepKind::Agreement => apply_to_agreement(tx, step, change)?,
        Recorded::AsAsked => apply(tx, step, last_sent, change)?,
        Recorded::Instead(change) => apply(tx, step, last_sent, change)?,
        Recorded::Foreign { intended_at } => leave_in_doubt(tx, step, *intended_at, last_sent)?,
    }
    Ok(recorded)
}

const LAST_SENT: &str = "last_sent_at = coalesce(:sent, last_sent_at),
     last_sent_boot = iif(:sent IS NULL, last_sent_boot, :sent_boot)";

const REFUSAL: &str = "error_code = :code, error_status = :status, error_text = :text";

/// The row is owed what it was owed before, and was sent once more.
fn leave_in_doubt(
    tx: &Transaction<'_>,
    step: CurrentStep,
    intended_at: Moment,
    last_sent: Option<Moment>,
) -> Result<(), Error> {
    let (since, since_boot) = stored(Some(intended_at));
    let (sent, sent_boot) = stored(last_sent);
    let facts = format!(
        "in_doubt_since = coalesce(in_doubt_since, :since),
         in_doubt_boot = iif(in_doubt_since IS NULL, :since_boot, in_doubt_boot), {LAST_SENT}"
    );
    let values = named_params! {
        ":since": since, ":since_boot": since_boot, ":sent": sent, ":sent_boot": sent_boot,
    };
    step.take(tx, Event::StillOpen, &facts, values)
}

fn apply(
    tx: &Transaction<'_>,
    step: CurrentStep,
    last_sent: Option<Moment>,
    change: &RowChange,
) -> Result<(), Error> {
    let event = change.event();
    match change {
        RowChange::NothingDone { new_request_id, ask_rounds } => step.take(
            tx,
            event,
            "request_id = coalesce(:request_id, request_id), next_step = 'create', ask_rounds = :rounds,
             unclear_before = unclear_before OR in_doubt_since IS NOT NULL, in_doubt_since = NULL,
             in_doubt_boot = NULL, last_sent_at = NULL, last_sent_boot = NULL",
            named_params! { ":request_id": new_request_id, ":rounds": ask_rounds },
        ),
        RowChange::StillOpen { in_doubt_since, next_step, ask_rounds, refusal, customer_id } => {
            let (since, since_boot) = stored(*in_doubt_since);
            let (sent, sent_boot) = stored(last_sent);
            let facts = format!(
                "next_step = :next_step, in_doubt_since = :since, in_doubt_boot = :since_boot,
                 ask_rounds = :rounds, customer_id = :customer_id, {LAST_SENT}, {REFUSAL}"
            );
            let values = named_params! {
                ":next_step": next_step, ":since": since, ":since_boot": since_boot,
                ":rounds": ask_rounds, ":customer_id": customer_id, ":sent": sent, ":sent_boot": sent_boot,
                ":code": refusal.as_ref().map(|r| &r.code), ":status": refusal.as_ref().and_then(|r| r.status),
                ":text": refusal.as_ref().map(|r| bounded(&r.text)),
            };
            step.take(tx, event, &facts, values)
        }
        RowChange::Created(customer) => settle(tx, step, event, customer),
        RowChange::Existing { customer_id } => {
            let customer = CreatedCustomer::found(customer_id.clone());
            settle(tx, step, event, &customer)
        }
        RowChange::Refused { refusal, domain_burned } => refuse(tx, step, event, refusal, *domain_burned),
        RowChange::AskedInVain { reason } => refuse(tx, step, event, reason, false),
        RowChange::Recorded => step.take(tx, event, "", &[]),
    }
}

/// The customer exists. Where its file says who accepted the agreement, the second step is owed from now on.
fn settle(
    tx: &Transaction<'_>,
    step: CurrentStep,
    event: Event,
    customer: &CreatedCustomer,
) -> Result<(), Error> {
    let sealed = customer.sealed_credentials.as_ref();
    step.take(
        tx,
        event,
        "customer_id = :customer_id, commerce_id = :commerce_id, user_name = :user_name,
         sealed_credentials = :password, data_key_id = :data_key,
         error_code = NULL, error_status = NULL, error_text = NULL",
        named_params! {
            ":customer_id": customer.customer_id, ":commerce_id": customer.commerce_id,
            ":user_name": customer.user_name, ":password": sealed.map(|sealed| &sealed.password),
            ":data_key": sealed.map(|sealed| sealed.data_key),
        },
    )?;
    tx.prepare_cached(
        "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                 made_at, changed_at)
         SELECT id, source_id, line, 'pending', content_hash, cells, json_extract(customer, '$.agreement'), ?2, ?3, ?3
           FROM customer_rows
          WHERE id = ?1 AND json_extract(customer, '$.agreement') IS NOT NULL",
    )?
    .execute((step.row, RequestId::draw(), clock::now().as_millisecond()))?;
    Ok(())
}

fn refuse(
    tx: &Transaction<'_>,
    step: CurrentStep,
    event: Event,
    refusal: &Refusal,
    domain_burned: bool,
) -> Result<(), Error> {
    let values = named_params! {
        ":code": refusal.code, ":status": refusal.status, ":text": bounded(&refusal.text), ":burned": domain_burned,
    };
    step.take(tx, event, &format!("{REFUSAL}, domain_burned = :burned"), values)
}

fn apply_to_agreement(tx: &Transaction<'_>, step: CurrentStep, change: &RowChange) -> Result<(), Error> {
    let (in_doubt, refusal) = match change {
        RowChange::StillOpen { in_doubt_since, .. } => (in_doubt_since.is_some(), None),
        RowChange::Refused { refusal, .. } => (false, Some(refusal)),
        RowChange::NothingDone { .. }
        | RowChange::Created(_)
        | RowChange::Recorded
        | RowChange::Existing { .. }
        | RowChange::AskedInVain { .. } => (false, None),
    };
    let values = named_params! {
        ":in_doubt": in_doubt, ":code": refusal.map(|r| &r.code), ":status": refusal.and_then(|r| r.status),
        ":text": refusal.map(|r| bounded(&r.text)),
    };
    step.take(tx, change.event(), &format!("in_doubt = in_doubt OR :in_doubt, {REFUSAL}"), values)
}
