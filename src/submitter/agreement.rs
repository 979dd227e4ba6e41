//! The second step of a created customer: approach, intent, gates, send, and the meaning of the answer.
//!
//! The acceptance may be sent again under its request id without a lookup first, whatever the id's age: the service
//! takes the same acceptance only once, and reports that (fact book 10). So nothing here stays in doubt forever.

use super::attempt::{StepContext, StepOutcome, StepResult, log_answer};
use super::reconcile::Lookups;
use super::retry::{
    BACKOFF, Then, Verdict, VerdictContext, after_setback, forbidden, nothing_done, refusal, settled,
    still_open,
};
use super::task::Task;
use crate::failpoint;
use crate::ledger::{self, NextStep, Operation, RowChange};
use crate::partner_center::agreement::{agreement_template, record_agreement};
use crate::partner_center::{Class, Outcome};

/// If a customer is not visible yet, its step is retried after this fraction of the settle delay.
const VISIBILITY_TRIES_PER_SETTLE_DELAY: u32 = 4;

/// Sends one acceptance and returns its outcome. Only the intent is recorded by then.
///
/// # Errors
/// The ledger could not be written; then nothing was sent.
pub(super) async fn record(context: &StepContext, task: &Task) -> Result<StepResult, ledger::Error> {
    let work = &task.work;
    let (Some(agreement), Some(customer_id)) = (&work.customer.agreement, &work.open.customer_id) else {
        let what = "it has an agreement to record, but no acceptance".to_owned();
        return Err(ledger::Error::Stored { row: work.row.0, what });
    };
    let mut lookups = Lookups::of(context);
    let template_id = context
        .agreement_template
        .get_or_try_init(|| lookups.put(Operation::FindAgreement, agreement_template()))
        .await;
    let mut attempts = lookups.attempts;
    let template_id = match template_id {
        Ok(template_id) => template_id,
        Err(unanswered) => {
            let outcome = match unanswered.of_any() {
                // These calls were lookups; the acceptance itself was not sent.
                Outcome::Unknown(silence) | Outcome::Intercepted(silence) => Outcome::NotSent(silence),
                outcome => outcome,
            };
            return Ok(StepResult { outcome: StepOutcome::Agree(outcome), attempts });
        }
    };
    let near = match context.unless_held_back(task, context.caller.approach()).await {
        Ok(near) => near,
        Err(why) => return Ok(StepResult { outcome: StepOutcome::Agree(why.of_any()), attempts }),
    };
    let attempt = context.recorder.intend(work.kind, work.row, work.request_id).await?;
    failpoint::crash("agreement_intended");
    let request = record_agreement(customer_id, template_id, agreement);
    let (answer, call) =
        context.send(Operation::RecordAgreement, &request, attempt, near, task, || true).await;
    log_answer(task, &call, "agreement answered");
    attempts.push(call);
    Ok(StepResult { outcome: StepOutcome::Agree(answer.into()), attempts })
}

/// Decides what an outcome means for the acceptance, and what to do next. Pure, like [`super::retry`] for creates.
pub(super) fn decide(task: &Task, outcome: Outcome<()>, at: &VerdictContext<'_>) -> Verdict {
    let tries = if at.probe { task.tries } else { task.tries + 1 };
    let is_last = tries >= at.policy.max_attempts;
    let nothing_done = |then| nothing_done(&task.work, then);
    let refused = |refusal| settled(RowChange::Refused { refusal, domain_burned: false });
    let unknown = |then| {
        let mut work = task.work.clone();
        work.open.in_doubt_since.get_or_insert(at.moment);
        still_open(&work, NextStep::Create, then)
    };
    match outcome {
        Outcome::Done(()) => settled(RowChange::Recorded),
        Outcome::Refused(Class::FixTheRow | Class::DomainTaken, error) => refused(refusal(error)),
        // A customer may be invisible for the whole settle delay, however few attempts are allowed.
        Outcome::Refused(Class::NotVisible, error)
            if is_last && tries > VISIBILITY_TRIES_PER_SETTLE_DELAY =>
        {
            refused(refusal(error))
        }
        Outcome::Refused(Class::NotVisible, _) => {
            nothing_done(Then::Wait(at.policy.settle_delay / VISIBILITY_TRIES_PER_SETTLE_DELAY))
        }
        Outcome::Refused(Class::Unexplained, error) => forbidden(task, refusal(error), at, refused),
        // Left to the next run, which may send it again just as well as this one.
        Outcome::Unknown(_) | Outcome::Intercepted(_) if is_last => unknown(Then::LeftOpen),
        Outcome::Unknown(_) | Outcome::Intercepted(_) => {
            unknown(Then::Wait(BACKOFF.jittered(tries.saturating_sub(1), at.chance)))
        }
        setback => nothing_done(after_setback(task, setback, BACKOFF.jittered(task.tries, at.chance))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::partner_center::ServiceError;
    use crate::submitter::StopReason;
    use crate::submitter::retry::tests::{POLICY, circumstances, fresh};

    fn refused(class: Class) -> Outcome<()> {
        let error = ServiceError { status: 400, code: "3000".to_owned(), text: String::new() };
        Outcome::Refused(class, error)
    }

    /// What is recorded, then what to do next.
    fn words(verdict: &Verdict) -> String {
        let change = match &verdict.change {
            RowChange::Recorded => "recorded",
            RowChange::NothingDone { .. } => "nothing done",
            RowChange::StillOpen(open) if open.in_doubt_since.is_some() => "in doubt",
            RowChange::Refused { refusal, .. } if refusal.code == "3000" => "failed 3000",
            other => panic!("{other:?}"),
        };
        let then = match &verdict.then {
            Then::Settled => "settled".to_owned(),
            Then::LeftOpen => "left open".to_owned(),
            Then::Wait(wait) | Then::Settle(wait) => format!("after {} s", wait.as_secs()),
            Then::Stop(StopReason::Rights(_)) => "stop: rights".to_owned(),
            Then::Stop(_) => "stop".to_owned(),
        };
        format!("{change}, {then}")
    }

    #[test]
    fn every_finding_has_its_verdict() {
        #[track_caller]
        fn check(tries: u32, in_doubt: bool, outcome: Outcome<()>, expected: &str) {
            let mut task = fresh();
            task.tries = tries;
            task.work.open.in_doubt_since = in_doubt.then(|| circumstances().moment);
            assert_eq!(words(&decide(&task, outcome, &circumstances())), expected);
        }
        let last = POLICY.max_attempts - 1;
        let reset = || Outcome::Unknown("reset".into());
        check(0, false, Outcome::Done(()), "recorded, settled");
        check(0, false, refused(Class::FixTheRow), "failed 3000, settled");
        check(0, false, refused(Class::NotVisible), "nothing done, after 45 s");
        // Not before the settle delay has passed.
        check(last, false, refused(Class::NotVisible), "nothing done, after 45 s");
        check(VISIBILITY_TRIES_PER_SETTLE_DELAY, false, refused(Class::NotVisible), "failed 3000, settled");
        check(0, false, reset(), "in doubt, after 1 s");
        check(last, false, reset(), "in doubt, left open");
        check(0, false, refused(Class::FixTheRights), "nothing done, stop: rights");
        let throttled = || Outcome::Throttled { wait: Duration::from_secs(57) };
        check(0, false, throttled(), "nothing done, after 57 s");
        check(0, true, throttled(), "in doubt, after 57 s");
        check(0, false, refused(Class::Unexplained), "nothing done, after 1 s");
        check(0, false, refused(Class::RenewTheToken), "nothing done, after 0 s");
        check(0, false, Outcome::Withdrawn, "nothing done, after 0 s");
        check(last, false, Outcome::NotSent("refused".into()), "nothing done, after 4 s");
    }
}
