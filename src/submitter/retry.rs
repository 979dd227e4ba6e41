//! What a finding means for a row: settle it, repeat, ask first, or stop the run. Pure: time and chance are handed
//! in, and nothing here sends, waits or records.
//!
//! This is section 3 of the product contract. The order of importance: never send under a new request id while an
//! earlier send is in doubt; never settle on a guess; never let a service-wide problem burn a row.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::finding::{AskFinding, CreateFinding, Setback, Unanswered};
use super::past::Past;
use super::task::Task;
use super::{Policy, StopReason};
use crate::ledger::{NextStep, Refusal, RequestId, RowChange, Work};

/// The code of a row whose domain somebody else has.
pub(crate) const DOMAIN_TAKEN: &str = "domain_taken";
/// The code of an unresolved row whose questions found no answer.
pub(crate) const UNANSWERED: &str = "unanswered";
/// The code of an unresolved row that no answer could settle.
pub(crate) const UNSETTLED: &str = "unsettled";

/// Tries of one question, the first included (fact book 14).
const QUESTION_TRIES: u32 = 4;

/// Bounds of the random wait before repeat `n`: up to `BASE * 2^n`, never more than `CAP`.
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_CAP: Duration = Duration::from_secs(60);

/// An unexplained 403 stops the run after so many in a row without a success between (contract, section 7).
pub(super) const FORBIDDEN_IN_A_ROW: u32 = 5;

/// What is to be recorded, and what comes then.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) change: RowChange,
    pub(super) then: Then,
}

#[derive(Debug)]
pub(super) enum Then {
    /// No further attempt will be made.
    Settled,
    /// Still owed, and no further attempt will be made in this run.
    LeftOpen,
    /// The next step, not before the wait is over.
    Wait(Duration),
    /// The run ends; the row stays open.
    Stop(StopReason),
}

/// What a decision depends on besides the row and the finding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Instant,
    /// It was a probe during an outage: it says something about the service, nothing about the row.
    pub(super) probe: bool,
    /// Creates that succeeded in this run so far.
    pub(super) successes: u64,
    /// False where this run only asks.
    pub(super) may_send: bool,
    /// Unexplained 403s in a row, this one included.
    pub(super) forbidden_in_a_row: u32,
    /// Uniform in 0..1, for full jitter.
    pub(super) chance: f64,
}

pub(super) fn after_create(task: &Task, finding: CreateFinding, at: &Circumstances<'_>) -> Verdict {
    let work = &task.work;
    match finding {
        CreateFinding::Created(customer) => settled(RowChange::Created(customer)),
        CreateFinding::Refused { refusal, domain_taken } => ask_about(work, refusal, domain_taken),
        CreateFinding::Forbidden(refusal) => forbidden(task, refusal, at),
        CreateFinding::Unauthorized(refusal) if task.unauthorized => {
            nothing_done(work, Then::Stop(StopReason::Rights(refusal)))
        }
        CreateFinding::Unauthorized(_) => nothing_done(work, Then::Wait(Duration::ZERO)),
        CreateFinding::SetBack(setback) => {
            nothing_done(work, after_setback(setback, backoff(task.tries, at.chance)))
        }
        CreateFinding::Unknown { intended_at, .. } => unknown(task, intended_at, at),
    }
}

pub(super) fn after_ask(task: &Task, finding: AskFinding, at: &Circumstances<'_>) -> Verdict {
    let work = &task.work;
    match finding {
        AskFinding::Ours { customer_id } if work.in_doubt_since.is_some() || work.unclear_before => {
            // A send of ours has made it, and its answer is lost, the password with it.
            let customer = crate::ledger::CreatedCustomer {
                customer_id,
                commerce_id: None,
                user_name: None,
                sealed_credentials: None,
            };
            settled(RowChange::Created(customer))
        }
        AskFinding::Ours { customer_id } => settled(RowChange::Existing { customer_id }),
        AskFinding::Taken | AskFinding::Free if too_early(task, at) => {
            still_open(work, NextStep::Ask, Then::Wait(until_settled(task, at)))
        }
        // It said so itself; that the customer has not shown up is no proof of the contrary.
        AskFinding::Taken if work.success_unread => {
            let text = "the service said that it had created it, in an answer that could not be read; the domain is \
                        taken, and the customer is not listed yet";
            settled(RowChange::AskedInVain {
                reason: Refusal { code: UNSETTLED.to_owned(), status: None, text: text.to_owned() },
            })
        }
        AskFinding::Taken => settled(taken(work)),
        AskFinding::Free => free(task, at),
        AskFinding::Unanswered(Unanswered::Unprovable(silence)) => asked_in_vain(work, silence.reason),
        AskFinding::Unanswered(Unanswered::NoAnswer(silence))
            if !at.probe && task.question_tries + 1 >= QUESTION_TRIES =>
        {
            asked_in_vain(work, silence.reason)
        }
        AskFinding::Unanswered(Unanswered::NoAnswer(_)) => {
            still_open(work, NextStep::Ask, Then::Wait(backoff(task.question_tries, at.chance)))
        }
        AskFinding::Unanswered(Unanswered::SetBack(setback)) => {
            still_open(work, NextStep::Ask, after_setback(setback, backoff(task.question_tries, at.chance)))
        }
    }
}

/// What comes after a step that has done nothing and found out nothing: a service-wide problem never burns a row.
/// `repeat_after` is for one that was not sent.
pub(super) fn after_setback(setback: Setback, repeat_after: Duration) -> Then {
    match setback {
        Setback::Misconfigured { refusal, rights: true } => Then::Stop(StopReason::Rights(refusal)),
        Setback::Misconfigured { refusal, rights: false } => Then::Stop(StopReason::Configuration(refusal)),
        Setback::SignInRefused { message, hint } => Then::Stop(StopReason::SignIn { message, hint }),
        Setback::Throttled { wait } => Then::Wait(wait),
        Setback::NotSent(_) => Then::Wait(repeat_after),
        Setback::Withdrawn => Then::Wait(Duration::ZERO),
    }
}

/// The next step of a row that an earlier run left open, or whose id has grown old, and how long it has to wait. A
/// question that comes too early by a clock that was set does no harm: [`after_ask`] does not believe its answer.
pub(super) fn first_step(task: &Task, policy: &Policy, now: Instant) -> (NextStep, Duration) {
    let until_visible = || {
        let age = task.last_sent.map_or(Duration::MAX, |sent| sent.age(now));
        policy.settle_delay.saturating_sub(age)
    };
    match task.work.next_step {
        NextStep::Create if is_fresh(task, policy, now) => (NextStep::Create, Duration::ZERO),
        NextStep::Create => (NextStep::Ask, until_visible()),
        // A refusal can be asked about at once; a send without an answer may still show up.
        NextStep::Ask if task.work.refusal.is_some() => (NextStep::Ask, Duration::ZERO),
        NextStep::Ask => (NextStep::Ask, until_visible()),
    }
}

/// Has the row's request id grown too old to be repeated, unless asking has just allowed it?
pub(super) fn must_ask_first(task: &Task, policy: &Policy, now: Instant) -> bool {
    !task.asked_free && !is_fresh(task, policy, now)
}

/// A definite refusal is followed by one question: is the domain ours, or taken now? (Contract, rule 5.)
fn ask_about(work: &Work, refusal: Refusal, domain_taken: bool) -> Verdict {
    let code = if domain_taken { DOMAIN_TAKEN.to_owned() } else { refusal.code };
    let change = RowChange::StillOpen {
        in_doubt_since: work.in_doubt_since,
        next_step: NextStep::Ask,
        ask_rounds: work.ask_rounds,
        refusal: Some(Refusal { code, ..refusal }),
    };
    Verdict { change, then: Then::Wait(Duration::ZERO) }
}

/// One row may be at fault, or all. A success of another row between two refusals of this one tells.
fn forbidden(task: &Task, refusal: Refusal, at: &Circumstances<'_>) -> Verdict {
    let alone = task.forbidden_at.is_some_and(|successes_then| at.successes > successes_then);
    if alone {
        ask_about(&task.work, refusal, false)
    } else if at.forbidden_in_a_row >= FORBIDDEN_IN_A_ROW {
        nothing_done(&task.work, Then::Stop(unexplained(task, refusal, at)))
    } else {
        nothing_done(&task.work, Then::Wait(backoff(0, at.chance)))
    }
}

/// Rows or rights, nobody knows: the run stops before it burns more of them.
pub(super) fn unexplained(task: &Task, refusal: Refusal, at: &Circumstances<'_>) -> StopReason {
    let domain = task.work.customer.domain.clone();
    StopReason::Unexplained { refusal, in_a_row: at.forbidden_in_a_row, domain }
}

fn unknown(task: &Task, intended_at: Timestamp, at: &Circumstances<'_>) -> Verdict {
    let doubt = task.doubt.unwrap_or(Past::at(task.begun));
    let mut work = task.work.clone();
    work.in_doubt_since.get_or_insert(intended_at);
    // It was sent just now, so what asking finds counts after the whole delay.
    let settled = Then::Wait(at.policy.settle_delay);
    if task.asked_free {
        // Asked, not there, sent once more under the same id, and that is unclear too.
        work.ask_rounds += 1;
        return still_open(&work, NextStep::Ask, settled);
    }
    let tries = if at.probe { task.tries } else { task.tries + 1 };
    if tries < at.policy.max_attempts && doubt.age(at.now) < at.policy.idempotency_window {
        still_open(&work, NextStep::Create, Then::Wait(backoff(tries.saturating_sub(1), at.chance)))
    } else {
        still_open(&work, NextStep::Ask, settled)
    }
}

/// The domain is taken, and by none of our customers.
fn taken(work: &Work) -> RowChange {
    match &work.refusal {
        Some(refusal) => RowChange::Refused {
            refusal: refusal.clone(),
            // Refused for something else, and taken all the same: a half-made tenant has it (fact book 4.6).
            domain_burned: refusal.code != DOMAIN_TAKEN,
        },
        None => RowChange::Refused {
            refusal: Refusal {
                code: DOMAIN_TAKEN.to_owned(),
                status: None,
                text: "the domain is taken, and not by a customer of ours".to_owned(),
            },
            domain_burned: false,
        },
    }
}

/// Not there, and free.
fn free(task: &Task, at: &Circumstances<'_>) -> Verdict {
    let work = &task.work;
    if let Some(refusal) = &work.refusal {
        return settled(RowChange::Refused { refusal: refusal.clone(), domain_burned: false });
    }
    // Whether it is this row that the service does not answer, or no row at all, shows in a success of another one.
    let alone = task.unclear_at.is_some_and(|successes_then| at.successes > successes_then);
    match work.ask_rounds {
        // Sent again after asking, and that was unclear too. A run that only asks leaves the next send, and so its id,
        // to one that sends.
        rounds if rounds % 2 == 1 && at.may_send => {
            let new_request_id = Some(RequestId::draw());
            let change = RowChange::NothingDone { new_request_id, ask_rounds: rounds + 1 };
            Verdict { change, then: Then::Wait(Duration::ZERO) }
        }
        rounds if rounds >= 2 && alone => settled(RowChange::AskedInVain {
            reason: Refusal {
                code: UNSETTLED.to_owned(),
                status: None,
                text: "no send was answered, and the customer did not appear".to_owned(),
            },
        }),
        // A service that remembers the id replays its answer, one that forgot it starts anew.
        _ => still_open(work, NextStep::Create, Then::Wait(Duration::ZERO)),
    }
}

/// The questions have no answer. A definite refusal of a row that is not in doubt stands without one, unless it says
/// that the domain is taken: that may be by us.
fn asked_in_vain(work: &Work, reason: String) -> Verdict {
    match &work.refusal {
        Some(refusal) if work.in_doubt_since.is_none() && refusal.code != DOMAIN_TAKEN => {
            let mut refusal = refusal.clone();
            refusal.text.push_str(" (whether the domain is taken now could not be found out)");
            settled(RowChange::Refused { refusal, domain_burned: false })
        }
        refused => {
            let before = refused.as_ref().map(|refusal| format!("; refused before: {}", refusal.text));
            let text = reason + &before.unwrap_or_default();
            settled(RowChange::AskedInVain {
                reason: Refusal { code: UNANSWERED.to_owned(), status: None, text },
            })
        }
    }
}

/// "Not there" and "taken by somebody else" count only when a customer of ours would have become visible.
fn too_early(task: &Task, at: &Circumstances<'_>) -> bool {
    task.work.in_doubt_since.is_some() && !until_settled(task, at).is_zero()
}

/// Until it is certain that the settle delay has passed, whatever the wall clock says.
fn until_settled(task: &Task, at: &Circumstances<'_>) -> Duration {
    let certain_age = task.last_sent.map_or(Duration::MAX, |sent| sent.certain_age(at.now));
    at.policy.settle_delay.saturating_sub(certain_age)
}

/// May the same request id still be repeated without asking?
fn is_fresh(task: &Task, policy: &Policy, now: Instant) -> bool {
    task.doubt.is_none_or(|doubt| doubt.age(now) < policy.idempotency_window)
}

/// Nothing was done under the request id by this send; an earlier one may still be in doubt.
fn nothing_done(work: &Work, then: Then) -> Verdict {
    if work.in_doubt_since.is_some() {
        still_open(work, NextStep::Create, then)
    } else {
        Verdict { change: RowChange::NothingDone { new_request_id: None, ask_rounds: work.ask_rounds }, then }
    }
}

fn still_open(work: &Work, next_step: NextStep, then: Then) -> Verdict {
    let change = RowChange::StillOpen {
        in_doubt_since: work.in_doubt_since,
        next_step,
        ask_rounds: work.ask_rounds,
        refusal: work.refusal.clone(),
    };
    Verdict { change, then }
}

fn settled(change: RowChange) -> Verdict {
    Verdict { change, then: Then::Settled }
}

pub(super) fn backoff(repeat: u32, chance: f64) -> Duration {
    let bound = BACKOFF_BASE.saturating_mul(1 << repeat.min(10)).min(BACKOFF_CAP);
    bound.mul_f64(chance)
}

#[cfg(test)]
pub(super) mod tests;
