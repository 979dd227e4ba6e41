//! Records the outcome of an attempt together with its meaning for the step, once.

use std::sync::Arc;

use rusqlite::Transaction;

use super::super::stored::{Value, update};
use super::super::{Recorder, Result, RowId, RunId, runs};
use super::attempt::{self, AttemptResult, Operation, bounded};
use super::change::{CreatedCustomer, EarlierRefusal, NextStep, Recorded, Refusal, RowChange};
use super::work::stored;
use super::{CurrentStep, StepEvent, StepKind, next, whose};
use tenantry_model::clock::{self, BootMoment, Moment};
use tenantry_model::ids::RequestId;

impl Recorder {
    /// Records the outcomes of calls, and what they mean for the step. Returns once it is durable.
    ///
    /// Invariant: a customer id belongs to one row. Only here can this be checked, because only the ledger sees all
    /// rows.
    pub async fn record(
        &self,
        kind: StepKind,
        row: RowId,
        attempts: Vec<AttemptResult>,
        change: RowChange,
    ) -> Result<Recorded> {
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
) -> Result<Recorded> {
    let (kind, from) = (step.kind, step.state);
    let recorded = match kind {
        StepKind::Create => whose::customer(tx, step.row, &mut attempts, change)?,
        StepKind::Agreement => Recorded::AsAsked,
    };
    let change = match &recorded {
        Recorded::AsAsked | Recorded::Foreign { .. } => change,
        Recorded::Instead(change) => change,
    };
    let event = match &recorded {
        Recorded::Foreign { .. } => StepEvent::StillOpen,
        _ => change.event(),
    };
    // What is impossible is found before anything is written.
    let to = next(kind, from, event)?;
    let (intended, others): (Vec<_>, Vec<_>) = attempts.iter().partition(|it| it.attempt.is_some());
    for attempt in intended.into_iter().chain(others) {
        attempt::end(tx, run, step.row, attempt)?;
    }
    if attempts.iter().any(AttemptResult::is_unread_success) {
        update(tx, "customer_rows", &step.row, &[("success_unread", &true)])?;
    }
    let last_sent = attempts
        .iter()
        .filter(|attempt| attempt.operation == Operation::Create && attempt.sent_at.is_some())
        .map(|attempt| attempt.finished_at)
        .max()
        // Slightly too late by the boot clock, which is the safe side.
        .map(|wall| stored(Some(Moment { wall, boot: BootMoment::now() })));
    let last_sent: Vec<Value<'_>> = match &last_sent {
        Some((wall, boot)) => vec![("last_sent_at", wall), ("last_sent_boot", boot)],
        None => Vec::new(),
    };
    if let Recorded::Foreign { intended_at } = &recorded {
        leave_in_doubt(tx, step, *intended_at, &last_sent)?;
        return Ok(recorded);
    }
    match kind {
        StepKind::Agreement => apply_to_agreement(tx, step, change)?,
        StepKind::Create => {
            apply(tx, step, &last_sent, change)?;
            // A row that lookups did not settle can be looked up again in the same run.
            if to != from {
                runs::count_outcomes(tx, run, to, 1)?;
            }
        }
    }
    Ok(recorded)
}

/// The row stays open as before, and was sent once more.
fn leave_in_doubt(
    tx: &Transaction<'_>,
    step: CurrentStep,
    intended_at: Moment,
    last_sent: &[Value<'_>],
) -> Result<()> {
    let (since, boot) = stored(Some(intended_at));
    step.take(tx, StepEvent::StillOpen, "", last_sent)?;
    tx.prepare_cached(
        "UPDATE customer_rows SET in_doubt_since = ?2, in_doubt_boot = ?3 WHERE id = ?1 AND in_doubt_since IS NULL",
    )?
    .execute((step.row, since, boot))?;
    Ok(())
}

fn apply(tx: &Transaction<'_>, step: CurrentStep, last_sent: &[Value<'_>], change: &RowChange) -> Result<()> {
    match change {
        RowChange::NothingDone { new_request_id, post_lookup_resends, refused_before } => {
            let mut values: Vec<Value<'_>> =
                vec![("next_step", &NextStep::Create), ("ask_rounds", post_lookup_resends)];
            values.extend(new_request_id.as_ref().map(|id| -> Value<'_> { ("request_id", id) }));
            if let Some(EarlierRefusal { refusal, domain_burned }) = refused_before {
                let refused: [Value<'_>; 4] = [
                    ("error_code", &refusal.code),
                    ("error_status", &refusal.status),
                    ("error_text", &refusal.text),
                    ("domain_burned", domain_burned),
                ];
                values.extend(refused);
            }
            let facts =
                "unclear_before = unclear_before OR in_doubt_since IS NOT NULL, in_doubt_since = NULL,
                         in_doubt_boot = NULL, last_sent_at = NULL, last_sent_boot = NULL";
            step.take(tx, change.event(), facts, &values)
        }
        RowChange::StillOpen(open) => {
            let (since, since_boot) = stored(open.in_doubt_since);
            let values: [Value<'_>; 5] = [
                ("next_step", &open.next_step),
                ("in_doubt_since", &since),
                ("in_doubt_boot", &since_boot),
                ("ask_rounds", &open.post_lookup_resends),
                ("customer_id", &open.customer_id),
            ];
            take_refused(tx, step, change, open.refusal.as_ref(), &[&values, last_sent].concat())
        }
        RowChange::Created(customer) => settle(tx, step, change, customer),
        RowChange::Existing { customer_id } => {
            settle(tx, step, change, &CreatedCustomer::found(customer_id.clone()))
        }
        RowChange::Refused { refusal, domain_burned } => {
            take_refused(tx, step, change, Some(refusal), &[("domain_burned", domain_burned)])
        }
        RowChange::LookedUpInVain { reason } => {
            take_refused(tx, step, change, Some(reason), &[("domain_burned", &false)])
        }
        RowChange::Recorded => step.take(tx, change.event(), "", &[]),
    }
}

/// The customer exists. If its file contains an acceptance of the agreement, the second step is open from now on. Most
/// customers have none, and are not parsed for it.
fn settle(
    tx: &Transaction<'_>,
    step: CurrentStep,
    change: &RowChange,
    customer: &CreatedCustomer,
) -> Result<()> {
    let sealed = customer.sealed_credentials.as_ref();
    let values: [Value<'_>; 5] = [
        ("customer_id", &customer.customer_id),
        ("commerce_id", &customer.commerce_id),
        ("user_name", &customer.user_name),
        ("sealed_credentials", &sealed.map(|sealed| &sealed.password)),
        ("data_key_id", &sealed.map(|sealed| sealed.data_key)),
    ];
    let row = step.row;
    take_refused(tx, step, change, None, &values)?;
    tx.prepare_cached(
        "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                 made_at, changed_at)
         SELECT id, source_id, line, 'pending', content_hash, cells, json_extract(customer, '$.agreement'), ?2, ?3, ?3
           FROM customer_rows
          WHERE id = ?1 AND instr(customer, '\"agreement\"') AND json_extract(customer, '$.agreement') IS NOT NULL",
    )?
    .execute((row, RequestId::draw(), clock::now().as_millisecond()))?;
    Ok(())
}

fn apply_to_agreement(tx: &Transaction<'_>, step: CurrentStep, change: &RowChange) -> Result<()> {
    match change {
        RowChange::StillOpen(open) if open.in_doubt_since.is_some() => {
            take_refused(tx, step, change, None, &[("in_doubt", &true)])
        }
        RowChange::Refused { refusal, .. } => take_refused(tx, step, change, Some(refusal), &[]),
        _ => take_refused(tx, step, change, None, &[]),
    }
}

/// Writes the state after `change`, the refusal or its absence, and these values.
fn take_refused(
    tx: &Transaction<'_>,
    step: CurrentStep,
    change: &RowChange,
    refusal: Option<&Refusal>,
    values: &[Value<'_>],
) -> Result<()> {
    let refused: [Value<'_>; 3] = [
        ("error_code", &refusal.map(|refusal| &refusal.code)),
        ("error_status", &refusal.and_then(|refusal| refusal.status)),
        ("error_text", &refusal.map(|refusal| bounded(&refusal.text))),
    ];
    step.take(tx, change.event(), "", &[&refused, values].concat())
}
