//! Decides what an outcome means for a row: settle it, send again, look up first, or stop the run.
//!
//! Pure: time and chance are passed in, and nothing here sends, waits or records. This is section 3 of the product
//! contract, in order of importance: never send under a new request id while an earlier send is in doubt; never settle
//! on a guess; never let a service-wide problem burn a row.

use std::time::Duration;

use tokio::time::Instant;

use super::age::Age;
use super::task::Task;
use super::{Policy, StopReason};
use crate::auth;
use crate::backoff::Backoff;
use crate::call::LOOKUP_TRIES;
use crate::call::domains::DomainStatus;
use crate::clock::Moment;
use crate::ids::RequestId;
use crate::ledger::{CreatedCustomer, NextStep, OpenStep, Refusal, RowChange, Work};
use crate::own_code::{CONTRADICTED, DOMAIN_TAKEN, GONE_FROM_LIST, UNANSWERED, UNSETTLED};
use crate::partner_center::{Class, Outcome, ServiceError};

/// The wait before a step is retried.
pub(super) const BACKOFF: Backoff = Backoff::up_to_s(60);

/// Unexplained 403s in a row, without a success in between, that stop the run (contract, section 7).
pub(super) const FORBIDDEN_IN_A_ROW: u32 = 5;

/// What to record, and what to do next.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) change: RowChange,
    pub(super) then: Then,
}

#[derive(Debug)]
pub(super) enum Then {
    /// No further attempt will be made.
    Settled,
    /// Still open, but there is no further attempt in this run.
    LeftOpen,
    /// The next step, after this wait.
    Wait(Duration),
    /// The next lookup, when a customer that we created would be visible.
    Settle(Duration),
    /// The run ends; the row stays open.
    Stop(StopReason),
}

/// What a decision depends on in addition to the row and the outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct VerdictContext<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Instant,
    /// `now` as it is stored.
    pub(super) moment: Moment,
    /// The step was a probe during an outage: it shows something about the service, nothing about the row.
    pub(super) probe: bool,
    /// Sends of the kind of this step that succeeded in this run so far.
    pub(super) successes: u64,
    /// False if this run only looks up.
    pub(super) may_send: bool,
    /// Unexplained 403s in a row to this kind of send, this one included.
    pub(super) forbidden_in_a_row: u32,
    /// Uniform in 0..1, for full jitter.
    pub(super) chance: f64,
}

pub(super) fn after_create(
    task: &Task,
    outcome: Outcome<CreatedCustomer>,
    at: &VerdictContext<'_>,
) -> Verdict {
    let work = &task.work;
    if let Some(customer_id) = &work.open.customer_id {
        return after_last_send(task, customer_id, outcome, at);
    }
    match outcome {
        Outcome::Done(customer) => settled(RowChange::Created(customer)),
        Outcome::Refused(Class::FixTheRow | Class::NotVisible, error) => {
            look_up_first(work, refusal(error), false)
        }
        Outcome::Refused(Class::DomainTaken, error) => look_up_first(work, refusal(error), true),
        Outcome::Refused(Class::Unexplained, error) => {
            forbidden(task, refusal(error), at, |refusal| look_up_first(work, refusal, false))
        }
        Outcome::Unknown(_) | Outcome::Intercepted(_) => unknown(task, at),
        setback => nothing_done(work, after_setback(task, setback, BACKOFF.jittered(task.tries, at.chance))),
    }
}

/// One more send is made before a password is given up (contract, rule 2): the customer is ours, with this id, and the
/// service may repeat its answer. Unless nothing was done by that send, it was the last one, whatever its outcome.
fn after_last_send(
    task: &Task,
    customer_id: &str,
    outcome: Outcome<CreatedCustomer>,
    at: &VerdictContext<'_>,
) -> Verdict {
    let work = &task.work;
    let backoff = BACKOFF.jittered(task.tries, at.chance);
    match outcome {
        Outcome::Done(customer) if customer.customer_id.eq_ignore_ascii_case(customer_id) => {
            settled(RowChange::Created(customer))
        }
        // A probe shows something about the service, and nothing about the row.
        Outcome::Unknown(_) | Outcome::Intercepted(_) if at.probe => {
            still_open(work, NextStep::Create, Then::Wait(backoff))
        }
        // The answer of another customer means nothing for this row.
        Outcome::Done(_)
        | Outcome::Refused(
            Class::FixTheRow | Class::DomainTaken | Class::NotVisible | Class::Unexplained,
            _,
        )
        | Outcome::Unknown(_)
        | Outcome::Intercepted(_) => password_lost(customer_id),
        setback => nothing_done(work, after_setback(task, setback, backoff)),
    }
}

pub(super) fn after_lookup(task: &Task, outcome: Outcome<DomainStatus>, at: &VerdictContext<'_>) -> Verdict {
    let work = &task.work;
    let backoff = BACKOFF.jittered(task.lookup_tries, at.chance);
    let status = match outcome {
        Outcome::Done(status) => status,
        Outcome::Unknown(silence) | Outcome::Intercepted(silence)
            if !at.probe && task.lookup_tries + 1 >= LOOKUP_TRIES =>
        {
            return after_failed_lookup(task, silence.reason, at);
        }
        Outcome::Unknown(_) | Outcome::Intercepted(_) => {
            return still_open(work, NextStep::LookUp, Then::Wait(backoff));
        }
        setback => return still_open(work, NextStep::LookUp, after_setback(task, setback, backoff)),
    };
    // "Taken by another company" counts only after the time in which a customer that we created would be visible. "Not
    // found" also counts only then, if the customer may be ours. Another ledger may have created it.
    let settles_in = until_settled(task, at);
    let is_early = !settles_in.is_zero();
    match status {
        DomainStatus::Ours { customer_id } => ours(task, customer_id, at),
        DomainStatus::Unprovable(reason) => after_failed_lookup(task, reason, at),
        DomainStatus::Taken | DomainStatus::Free if work.open.customer_id.is_some() => found_before(task, at),
        DomainStatus::Taken if is_early => still_open(work, NextStep::LookUp, Then::Settle(settles_in)),
        DomainStatus::Free if is_early && may_be_ours(work) => {
            still_open(work, NextStep::LookUp, Then::Settle(settles_in))
        }
        DomainStatus::Taken if is_contradicted(work) => contradicted(work),
        // The service reported the create itself; that the customer is not visible does not prove the contrary.
        DomainStatus::Taken if work.unparsed_success => {
            let text = "the service answered that it created the customer, but the answer could not be \
                        read; the domain is taken, and the customer is not listed yet";
            unresolved(UNSETTLED, text)
        }
        DomainStatus::Taken => settled(taken(work)),
        DomainStatus::Free => free(task, at),
    }
}

/// What to do after a step that changed nothing and has no result: a service-wide problem never burns a row.
/// `repeat_after` is for a step that was not sent.
pub(super) fn after_setback<T>(task: &Task, setback: Outcome<T>, repeat_after: Duration) -> Then {
    match setback {
        // The token has been renewed.
        Outcome::Refused(Class::RenewTheToken, _) if !task.unauthorized => Then::Wait(Duration::ZERO),
        Outcome::Refused(Class::FixTheConfiguration, error) => {
            Then::Stop(StopReason::Configuration(refusal(error)))
        }
        Outcome::Refused(_, error) => Then::Stop(StopReason::Rights(refusal(error))),
        Outcome::NoToken(auth::Error::Refused { message, hint }) => {
            Then::Stop(StopReason::SignIn { message, hint })
        }
        Outcome::Throttled { wait } => Then::Wait(wait),
        // Another connection is used; if none works, the breaker ends this.
        Outcome::NotSent(silence) if silence.is_closing => Then::Wait(Duration::ZERO),
        Outcome::NotSent(_)
        | Outcome::Unknown(_)
        | Outcome::Intercepted(_)
        | Outcome::NoToken(auth::Error::Unavailable(_)) => Then::Wait(repeat_after),
        Outcome::Withdrawn | Outcome::Done(_) => Then::Wait(Duration::ZERO),
    }
}

/// The service's error as it is recorded. An error without a code gets its status as the code.
pub(super) fn refusal(error: ServiceError) -> Refusal {
    let code = if error.code.is_empty() { format!("http_{}", error.status) } else { error.code };
    Refusal { code, status: Some(error.status), text: error.text }
}

/// The next step of a row that an earlier run left open, or whose id has become too old, and how long the row has to
/// wait. A lookup that is too early because the clock was set does no harm: [`after_lookup`] does not trust its
/// answer.
pub(super) fn first_step(task: &Task, policy: &Policy, now: Instant) -> (NextStep, Duration) {
    let until_visible = || {
        if task.work.open.customer_id.is_some() {
            return Duration::ZERO;
        }
        let age = task.last_sent.map_or(Duration::MAX, |sent| sent.age(now));
        policy.settle_delay.saturating_sub(age)
    };
    match task.work.open.next_step {
        NextStep::Create if is_fresh(task, policy, now) => (NextStep::Create, Duration::ZERO),
        NextStep::Create => (NextStep::LookUp, until_visible()),
        // A refused row can be looked up at once; a send without an answer may still take effect.
        NextStep::LookUp if task.work.open.refusal.is_some() => (NextStep::LookUp, Duration::ZERO),
        NextStep::LookUp => (NextStep::LookUp, until_visible()),
    }
}

/// Is the row's request id too old for another send, and has no lookup just allowed one?
pub(super) fn must_look_up_first(task: &Task, policy: &Policy, now: Instant) -> bool {
    !task.found_free && !is_fresh(task, policy, now)
}

/// Restarts the lookup of an unresolved row. A contradiction stays on record, and allows one more send.
pub(super) fn restart_lookup(work: &mut Work) {
    work.open.refusal.take_if(|refusal| refusal.code != CONTRADICTED);
    if work.open.refusal.is_some() {
        work.open.post_lookup_resends = work.open.post_lookup_resends.next_multiple_of(2);
    }
}

/// One of our customers has the domain. If one of our sends created it, its answer is lost, and with it the password,
/// unless the service repeats the answer: one more send requests that while the id is fresh.
fn ours(task: &Task, customer_id: String, at: &VerdictContext<'_>) -> Verdict {
    let work = &task.work;
    if work.open.in_doubt_since.is_none() && !work.unclear_under_earlier_id {
        return settled(RowChange::Existing { customer_id });
    }
    if work.open.in_doubt_since.is_some() && is_fresh(task, at.policy, at.now) {
        let mut work = work.clone();
        work.open.customer_id = Some(customer_id);
        return still_open(&work, NextStep::Create, Then::Wait(Duration::ZERO));
    }
    password_lost(&customer_id)
}

/// The customer was found among our customers before, and still exists, whatever this lookup has found.
fn found_before(task: &Task, at: &VerdictContext<'_>) -> Verdict {
    ours(task, task.work.open.customer_id.clone().unwrap_or_default(), at)
}

fn password_lost(customer_id: &str) -> Verdict {
    settled(RowChange::Created(CreatedCustomer::found(customer_id.to_owned())))
}

/// A definite refusal is followed by one lookup: is the domain ours, or taken now? (Contract, rule 5.)
fn look_up_first(work: &Work, refusal: Refusal, domain_taken: bool) -> Verdict {
    let mut work = work.clone();
    let code = match (domain_taken, is_contradicted(&work)) {
        (false, _) => refusal.code,
        (true, false) => DOMAIN_TAKEN.to_owned(),
        (true, true) => {
            // The one remaining retry has been made.
            work.open.post_lookup_resends |= 1;
            CONTRADICTED.to_owned()
        }
    };
    work.open.refusal = Some(Refusal { code, ..refusal });
    still_open(&work, NextStep::LookUp, Then::Wait(Duration::ZERO))
}

/// One row may be at fault, or all rows. If another row succeeds between two refusals of this row, only this row is
/// refused (`alone`). Otherwise the run stops before it burns more rows.
pub(super) fn forbidden(
    task: &Task,
    refusal: Refusal,
    at: &VerdictContext<'_>,
    alone: impl FnOnce(Refusal) -> Verdict,
) -> Verdict {
    let in_a_row = at.forbidden_in_a_row;
    if task.forbidden_at.is_some_and(|successes_then| at.successes > successes_then) {
        alone(refusal)
    } else if in_a_row >= FORBIDDEN_IN_A_ROW {
        let domain = task.work.customer.domain.clone();
        nothing_done(&task.work, Then::Stop(StopReason::Unexplained { refusal, in_a_row, domain }))
    } else {
        nothing_done(&task.work, Then::Wait(BACKOFF.jittered(0, at.chance)))
    }
}

fn unknown(task: &Task, at: &VerdictContext<'_>) -> Verdict {
    let doubt = task.doubt.unwrap_or(Age::at(task.begun));
    let mut work = task.work.clone();
    work.open.in_doubt_since.get_or_insert(task.intended_at);
    // It was sent just now, so a lookup counts only after the whole delay.
    let settled = Then::Settle(at.policy.settle_delay);
    if task.found_free || is_contradicted(&work) {
        // Looked up and not found, sent once more under the same id, and that outcome is unknown too.
        work.open.post_lookup_resends += 1;
        return still_open(&work, NextStep::LookUp, settled);
    }
    let tries = if at.probe { task.tries } else { task.tries + 1 };
    if tries < at.policy.max_attempts && doubt.age(at.now) < at.policy.idempotency_window {
        still_open(&work, NextStep::Create, Then::Wait(BACKOFF.jittered(tries.saturating_sub(1), at.chance)))
    } else {
        still_open(&work, NextStep::LookUp, settled)
    }
}

/// The domain is taken, but not by one of our customers.
fn taken(work: &Work) -> RowChange {
    match &work.open.refusal {
        Some(refusal) => RowChange::Refused {
            refusal: refusal.clone(),
            // Refused for another reason, but taken: a half-made tenant has it (fact book 4.6).
            domain_burned: refusal.code != DOMAIN_TAKEN,
        },
        None => RowChange::Refused {
            refusal: Refusal::of_ours(DOMAIN_TAKEN, "the domain is taken, and not by one of your customers"),
            domain_burned: false,
        },
    }
}

/// There is no customer, and the domain is free.
fn free(task: &Task, at: &VerdictContext<'_>) -> Verdict {
    let work = &task.work;
    if work.is_gone {
        let text = "there is no customer with this domain, and its list no longer contains the row, so it is not sent again";
        return unresolved(GONE_FROM_LIST, text);
    }
    match &work.open.refusal {
        Some(refusal) if refusal.code == DOMAIN_TAKEN => return contradicts(task, refusal, at),
        Some(refusal) if refusal.code == CONTRADICTED => {
            // Odd: the one retry has been made.
            return match work.open.post_lookup_resends % 2 {
                0 => still_open(work, NextStep::Create, Then::Wait(Duration::ZERO)),
                _ => contradicted(work),
            };
        }
        Some(refusal) => {
            return settled(RowChange::Refused { refusal: refusal.clone(), domain_burned: false });
        }
        None => {}
    }
    // A success of another row shows whether the service fails to answer only this row, or all rows.
    let alone = task.unclear_at.is_some_and(|successes_then| at.successes > successes_then);
    match work.open.post_lookup_resends {
        // Sent again after a lookup, and that outcome was unknown too. A run that only looks up leaves the next send,
        // and so its new id, to a run that sends.
        rounds if rounds % 2 == 1 && at.may_send => {
            let new_request_id = Some(RequestId::draw());
            let post_lookup_resends = rounds + 1;
            // What it was refused for before the doubt says nothing any more.
            let change = RowChange::NothingDone { new_request_id, post_lookup_resends, refused_before: None };
            Verdict { change, then: Then::Wait(Duration::ZERO) }
        }
        rounds if rounds >= 2 && alone => {
            unresolved(UNSETTLED, "no request was answered, and the customer did not appear")
        }
        // If the service remembers the id, it repeats its answer; if it forgot the id, it starts again.
        _ => still_open(work, NextStep::Create, Then::Wait(Duration::ZERO)),
    }
}

/// The service refused the row because the domain is taken, but the domain is free. So the effect of that send is not
/// known: one retry under the same id, and if that does not create the customer, the row is unresolved (contract, rule
/// 5).
fn contradicts(task: &Task, refusal: &Refusal, at: &VerdictContext<'_>) -> Verdict {
    let mut work = task.work.clone();
    work.open.in_doubt_since = work.open.in_doubt_since.or(work.last_sent_at).or(Some(at.moment));
    work.open.post_lookup_resends = work.open.post_lookup_resends.next_multiple_of(2);
    work.open.refusal = Some(Refusal { code: CONTRADICTED.to_owned(), ..refusal.clone() });
    still_open(&work, NextStep::Create, Then::Wait(Duration::ZERO))
}

fn is_contradicted(work: &Work) -> bool {
    work.open.refusal.as_ref().is_some_and(|refusal| refusal.code == CONTRADICTED)
}

/// No further step could settle the contradiction.
fn contradicted(work: &Work) -> Verdict {
    let said = work.open.refusal.as_ref().map(|refusal| refusal.text.as_str()).unwrap_or_default();
    let text = format!(
        "the service refused the domain as taken and then reported it as free; sending and asking again \
         did not resolve this: {said}"
    );
    unresolved(CONTRADICTED, text)
}

/// The lookups have no answer. A definite refusal of a row that is not in doubt is final without one, unless its
/// reason is that the domain is taken: a customer that we created may have it. A run that only looks up leaves the row in
/// flight while its request id can still be sent again.
fn after_failed_lookup(task: &Task, reason: String, at: &VerdictContext<'_>) -> Verdict {
    let work = &task.work;
    match &work.open.refusal {
        _ if work.open.customer_id.is_some() => found_before(task, at),
        Some(refusal) if !may_be_ours(work) => {
            let mut refusal = refusal.clone();
            refusal.text.push_str(" (Tenantry could not find out whether the domain is taken now)");
            settled(RowChange::Refused { refusal, domain_burned: false })
        }
        // A run that sends may still bring the password. `is_begun`: it was not unresolved before.
        None if !at.may_send && task.is_begun && is_fresh(task, at.policy, at.now) && !work.is_gone => {
            still_open(work, NextStep::LookUp, Then::LeftOpen)
        }
        refused => {
            let before = refused.as_ref().map(|refusal| format!("; refused before: {}", refusal.text));
            let text = reason + &before.unwrap_or_default();
            unresolved(if is_contradicted(work) { CONTRADICTED } else { UNANSWERED }, text)
        }
    }
}

/// May a customer that we created have the domain, according to the answers to its sends?
fn may_be_ours(work: &Work) -> bool {
    // Without a refusal, it was unresolved: its refusal may have been that the domain is taken.
    let is_taken =
        work.open.refusal.as_ref().is_none_or(|it| it.code == DOMAIN_TAKEN || it.code == CONTRADICTED);
    work.open.in_doubt_since.is_some() || work.unclear_under_earlier_id || is_taken
}

/// The time until the settle delay has certainly passed, whatever the wall clock shows.
fn until_settled(task: &Task, at: &VerdictContext<'_>) -> Duration {
    let certain_age = task.last_sent.map_or(Duration::MAX, |sent| sent.certain_age(at.now));
    at.policy.settle_delay.saturating_sub(certain_age)
}

/// May the same request id still be sent again without a lookup?
fn is_fresh(task: &Task, policy: &Policy, now: Instant) -> bool {
    task.doubt.is_none_or(|doubt| doubt.age(now) < policy.idempotency_window)
}

/// This send did nothing under the request id; an earlier one may still be in doubt.
pub(super) fn nothing_done(work: &Work, then: Then) -> Verdict {
    if work.open.in_doubt_since.is_some() {
        still_open(work, NextStep::Create, then)
    } else {
        Verdict {
            change: RowChange::NothingDone {
                new_request_id: None,
                post_lookup_resends: work.open.post_lookup_resends,
                refused_before: work.refused_before.clone(),
            },
            then,
        }
    }
}

pub(super) fn still_open(work: &Work, next_step: NextStep, then: Then) -> Verdict {
    Verdict { change: RowChange::StillOpen(OpenStep { next_step, ..work.open.clone() }), then }
}

/// The lookups did not settle it.
fn unresolved(code: &str, text: impl Into<String>) -> Verdict {
    settled(RowChange::LookedUpInVain { reason: Refusal::of_ours(code, text) })
}

pub(super) fn settled(change: RowChange) -> Verdict {
    Verdict { change, then: Then::Settled }
}

#[cfg(test)]
pub(super) mod tests;
