//! What became of an attempt, and what that means for its row: recorded together, once.

mod whose;

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Transaction;

use super::passwords::{self, ForeignAnswer, Sealed};
use super::recovery::NextStep;
use super::state::{self, Event, State};
use super::{AttemptId, Error, Operation, Recorder, RowId, RunId, agreement};
use crate::clock::{self, BootMoment, Moment};
use crate::ids::{CorrelationId, RequestId};

/// The service's own text is kept up to this many characters; its documents promise at most 1024.
const TEXT_LIMIT: usize = 4096;

/// One finished HTTP call, as it is recorded.
#[derive(Debug, Clone)]
pub(crate) struct AttemptResult {
    /// The attempt that an intent has made; `None` for a question, which needs no intent.
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) operation: Operation,
    pub(crate) request_id: RequestId,
    pub(crate) correlation_id: CorrelationId,
    /// `None`: it never left this machine.
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
    /// In one word, such as `created`, `refused` or `unknown`.
    pub(crate) outcome: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) ms_cv: Option<String>,
    /// What it brought that belongs to another customer.
    pub(crate) foreign: Option<Box<ForeignAnswer>>,
}

impl AttemptResult {
    /// The success that it was answered with is not of its row, so what became of that is not known.
    pub(crate) fn belongs_to_another(&mut self, foreign: ForeignAnswer) {
        self.outcome = "unknown";
        self.text = Some(foreign.in_words());
        self.foreign = Some(Box::new(foreign));
    }

    /// A create that the service answered with a success that could not be understood, or that was another row's. What somebody on the way said
    /// in its place is `intercepted`, and nobody's success.
    pub(crate) fn is_unread_success(&self) -> bool {
        self.operation == Operation::Create
            && self.outcome == "unknown"
            && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Why a row was refused, or why nobody could tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Partner Center's code, or a word of ours such as `domain_taken`.
    pub(crate) code: String,
    pub(crate) status: Option<u16>,
    /// The service's own words.
    pub(crate) text: String,
}

/// A customer that exists now.
#[derive(Debug, Clone)]
pub(crate) struct CreatedCustomer {
    /// The domain that the answer names, which its password is bound to; `None`: it names none, or there is no answer.
    pub(crate) named_domain: Option<String>,
    pub(crate) customer_id: String,
    pub(crate) commerce_id: Option<String>,
    pub(crate) user_name: Option<String>,
    /// The password, sealed; `None` where the service's answer was lost.
    pub(crate) sealed_credentials: Option<Sealed>,
}

/// What an attempt means for its row.
#[derive(Debug, Clone)]
pub(crate) enum RowChange {
    /// Definite: nothing was done under the request id, or under `new_request_id` from now on.
    NothingDone { new_request_id: Option<RequestId>, ask_rounds: u32 },
    /// Still owed: repeat, or ask.
    StillOpen {
        in_doubt_since: Option<Moment>,
        next_step: NextStep,
        ask_rounds: u32,
        /// A definite refusal that is being followed by a question.
        refusal: Option<Refusal>,
        /// Found among our customers; one more send may bring its password.
        customer_id: Option<String>,
    },
    /// Created by us.
    Created(CreatedCustomer),
    /// Was already our customer.
    Existing { customer_id: String },
    /// Definitely refused. `domain_burned`: the domain is taken since.
    Refused { refusal: Refusal, domain_burned: bool },
    /// Asking did not settle it; the reason is in the refusal's text.
    AskedInVain { reason: Refusal },
}

impl RowChange {
    fn event(&self) -> Event {
        match self {
            RowChange::NothingDone { .. } => Event::NothingDone,
            RowChange::StillOpen { .. } => Event::StillOpen,
            RowChange::Created(_) => Event::Created,
            RowChange::Existing { .. } => Event::FoundExisting,
            RowChange::Refused { .. } => Event::Refused,
            RowChange::AskedInVain { .. } => Event::AskedInVain,
        }
    }
}

/// What was recorded of a change.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The change.
    AsAsked,
    /// This one: the customer that was found is recorded for another row.
    Instead(RowChange),
    /// The success belongs to another row, whose customer id it carries: it is kept with its attempt, and what became of
    /// the row is not known. `intended_at` bounds the send from below.
    Foreign { intended_at: Moment },
}

impl Recorder {
    /// Records what calls turned out to be, and what that means for the row. Returns once it is durable.
    ///
    /// Invariant: a customer id belongs to one row. Whether it does shows here alone, where all rows are seen.
    pub(crate) async fn record(
        &self,
        row: RowId,
        attempts: Vec<AttemptResult>,
        change: RowChange,
    ) -> Result<Recorded, Error> {
        let run = self.run;
        let answer = Arc::new((attempts, change));
        let job = || {
            let answer = Arc::clone(&answer);
            move |tx: &Transaction<'_>| record(tx, run, row, answer.0.clone(), &answer.1)
        };
        self.writer.write_answer(job).await
    }
}

fn record(
    tx: &Transaction<'_>,
    run: RunId,
    row: RowId,
    mut attempts: Vec<AttemptResult>,
    change: &RowChange,
) -> Result<Recorded, Error> {
    let from: State =
        tx.prepare_cached("SELECT state FROM customer_rows WHERE id = ?1")?.query_row([row], |r| r.get(0))?;
    let to = state::next(from, change.event())?;
    let recorded = whose::customer(tx, row, &mut attempts, change)?;
    for attempt in &attempts {
        record_attempt(tx, run, row, attempt)?;
    }
    let last_sent = attempts
        .iter()
        .filter(|attempt| attempt.operation == Operation::Create && attempt.sent_at.is_some())
        .map(|attempt| attempt.finished_at)
        .max()
        // A little later by the boot's clock, which is the careful side.
        .map(|wall| Moment { wall, boot: BootMoment::now() });
    if attempts.iter().any(AttemptResult::is_unread_success) {
        tx.prepare_cached("UPDATE customer_rows SET success_unread = 1 WHERE id = ?1")?.execute([row])?;
    }
    match &recorded {
        Recorded::AsAsked => apply(tx, row, to, last_sent, change)?,
        Recorded::Instead(change) => {
            apply(tx, row, state::next(from, change.event())?, last_sent, change)?;
        }
        Recorded::Foreign { intended_at } => leave_in_doubt(tx, row, from, *intended_at, last_sent)?,
    }
    Ok(recorded)
}

/// The row is owed what it was owed before, and was sent once more.
fn leave_in_doubt(
    tx: &Transaction<'_>,
    row: RowId,
    from: State,
    intended_at: Moment,
    last_sent: Option<Moment>,
) -> Result<(), Error> {
    let to = state::next(from, Event::StillOpen)?;
    tx.prepare_cached(
        "UPDATE customer_rows
            SET state = ?2, changed_at = ?3, in_doubt_since = coalesce(in_doubt_since, ?4),
                in_doubt_boot = iif(in_doubt_since IS NULL, ?7, in_doubt_boot),
                last_sent_at = coalesce(?5, last_sent_at), last_sent_boot = iif(?5 IS NULL, last_sent_boot, ?6)
          WHERE id = ?1",
    )?
    .execute((
        row,
        to,
        clock::now().as_millisecond(),
        intended_at.wall.as_millisecond(),
        last_sent.map(|sent| sent.wall.as_millisecond()),
        last_sent.and_then(|sent| sent.boot).map(|boot| boot.to_string()),
        intended_at.boot.map(|boot| boot.to_string()),
    ))?;
    Ok(())
}

/// Invariant: an attempt gets one outcome. A second one means that our own bookkeeping is broken. That it was taken for
/// `interrupted`, by a process that did not know of this one, is none.
pub(super) fn record_attempt(
    tx: &Transaction<'_>,
    run: RunId,
    row: RowId,
    result: &AttemptResult,
) -> Result<(), Error> {
    let sent_at = result.sent_at.map(Timestamp::as_millisecond);
    let finished_at = result.finished_at.as_millisecond();
    let text = result.text.as_deref().map(bounded);
    let Some(attempt) = result.attempt else {
        let asked_at = sent_at.unwrap_or(finished_at);
        tx.prepare_cached(
            "INSERT INTO http_attempts (row_id, run_id, operation, request_id, correlation_id, intended_at,
                                        sent_at, finished_at, outcome, status, code, text, ms_cv)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(rusqlite::params![
            row,
            run,
            result.operation,
            result.request_id,
            result.correlation_id,
            asked_at,
            sent_at,
            finished_at,
            result.outcome,
            result.status,
            result.code,
            text,
            result.ms_cv
        ])?;
        return Ok(());
    };
    let changed = tx
        .prepare_cached(
            "UPDATE http_attempts
                SET sent_at = ?3, finished_at = ?4, outcome = ?5, status = ?6, code = ?7, text = ?8, ms_cv = ?9
              WHERE id = ?1 AND row_id = ?2 AND (outcome IS NULL OR outcome = 'interrupted')",
        )?
        .execute(rusqlite::params![
            attempt,
            row,
            sent_at,
            finished_at,
            result.outcome,
            result.status,
            result.code,
            text,
            result.ms_cv
        ])?;
    if changed != 1 {
        return Err(Error::Stored { row: row.0, what: format!("attempt {attempt} already has an outcome") });
    }
    match &result.foreign {
        Some(foreign) => passwords::keep_foreign(tx, row, attempt, foreign),
        None => Ok(()),
    }
}

fn apply(
    tx: &Transaction<'_>,
    row: RowId,
    to: State,
    last_sent: Option<Moment>,
    change: &RowChange,
) -> Result<(), Error> {
    let now = clock::now().as_millisecond();
    match change {
        RowChange::NothingDone { new_request_id, ask_rounds } => {
            tx.prepare_cached(
                "UPDATE customer_rows
                    SET state = ?2, changed_at = ?3, request_id = coalesce(?4, request_id), next_step = 'create',
                        unclear_before = unclear_before OR in_doubt_since IS NOT NULL, in_doubt_since = NULL, last_sent_at = NULL,
                        in_doubt_boot = NULL, last_sent_boot = NULL, ask_rounds = ?5
                  WHERE id = ?1",
            )?
            .execute((row, to, now, new_request_id, ask_rounds))?;
        }
        RowChange::StillOpen { in_doubt_since, next_step, ask_rounds, refusal, customer_id } => {
            tx.prepare_cached(
                "UPDATE customer_rows
                    SET state = ?2, changed_at = ?3, next_step = ?4, in_doubt_since = ?5,
                        last_sent_at = coalesce(?6, last_sent_at), ask_rounds = ?7,
                        error_code = ?8, error_status = ?9, error_text = ?10, customer_id = ?11,
                        in_doubt_boot = ?12, last_sent_boot = iif(?6 IS NULL, last_sent_boot, ?13)
                  WHERE id = ?1",
            )?
            .execute(rusqlite::params![
                row,
                to,
                now,
                next_step,
                in_doubt_since.map(|since| since.wall.as_millisecond()),
                last_sent.map(|sent| sent.wall.as_millisecond()),
                ask_rounds,
                refusal.as_ref().map(|r| &r.code),
                refusal.as_ref().and_then(|r| r.status),
                refusal.as_ref().map(|r| bounded(&r.text)),
                customer_id,
                in_doubt_since.and_then(|since| since.boot).map(|boot| boot.to_string()),
                last_sent.and_then(|sent| sent.boot).map(|boot| boot.to_string()),
            ])?;
        }
        RowChange::Created(customer) => {
            settle(tx, row, to, now, customer)?;
            agreement::owe(tx, row)?;
        }
        RowChange::Existing { customer_id } => {
            let customer = CreatedCustomer {
                named_domain: None,
                customer_id: customer_id.clone(),
                commerce_id: None,
                user_name: None,
                sealed_credentials: None,
            };
            settle(tx, row, to, now, &customer)?;
            agreement::owe(tx, row)?;
        }
        RowChange::Refused { refusal, domain_burned } => refuse(tx, row, to, now, refusal, *domain_burned)?,
        RowChange::AskedInVain { reason } => refuse(tx, row, to, now, reason, false)?,
    }
    Ok(())
}

fn settle(
    tx: &Transaction<'_>,
    row: RowId,
    to: State,
    now: i64,
    customer: &CreatedCustomer,
) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE customer_rows
            SET state = ?2, changed_at = ?3, customer_id = ?4, commerce_id = ?5, user_name = ?6,
                sealed_credentials = ?7, data_key_id = ?8, error_code = NULL, error_status = NULL, error_text = NULL
          WHERE id = ?1",
    )?
    .execute((
        row,
        to,
        now,
        &customer.customer_id,
        &customer.commerce_id,
        &customer.user_name,
        customer.sealed_credentials.as_ref().map(|sealed| &sealed.password),
        customer.sealed_credentials.as_ref().map(|sealed| sealed.data_key),
    ))?;
    Ok(())
}

fn refuse(
    tx: &Transaction<'_>,
    row: RowId,
    to: State,
    now: i64,
    refusal: &Refusal,
    domain_burned: bool,
) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE customer_rows
            SET state = ?2, changed_at = ?3, error_code = ?4, error_status = ?5, error_text = ?6,
                domain_burned = ?7
          WHERE id = ?1",
    )?
    .execute((row, to, now, &refusal.code, refusal.status, bounded(&refusal.text), domain_burned))?;
    Ok(())
}

pub(super) fn bounded(text: &str) -> &str {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
