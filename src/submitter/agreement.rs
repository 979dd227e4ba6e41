//! The second step of a created customer: intent, gates, send, and what to make of the answer.
//!
//! It may be repeated under its request id without asking first, whatever the id's age: the service takes the same
//! acceptance once, and says so (fact book 10). So nothing here is ever in doubt for good.

use std::time::Duration;

use super::attempt::{Means, Stepped, finished};
use super::finding::{AgreementFinding, Setback, Unanswered, refusal};
use super::reconcile::Questions;
use super::retry::{
    BACKOFF, Circumstances, FORBIDDEN_IN_A_ROW, Then, Verdict, after_setback, nothing_done, settled,
    still_open, unexplained,
};
use super::task::Task;
use crate::failpoint;
use crate::ledger::{self, NextStep, Operation, RowChange};
use crate::partner_center::{AgreementOutcome, CallIds, Exchange, Trace};

/// A customer that is not visible yet is tried again after this part of the settle delay.
const VISIBILITY_TRIES_PER_SETTLE_DELAY: u32 = 4;

/// Sends one acceptance and says what came of it. Nothing of that is recorded yet but the intent.
///
/// # Errors
/// The ledger could not be written; then nothing was sent.
pub(super) async fn record(means: &Means, task: &Task) -> Result<Stepped<AgreementFinding>, ledger::Error> {
    let work = &task.work;
    let (Some(agreement), Some(customer_id)) = (&work.customer.agreement, &work.customer_id) else {
        let what = "it owes an agreement that nobody has accepted".to_owned();
        return Err(ledger::Error::Stored { row: work.row.0, what });
    };
    let mut questions = Questions::of(means);
    let template_id = means.agreement_template.get_or_try_init(|| questions.agreement_template()).await;
    let template_id = match template_id {
        Ok(template_id) => template_id,
        Err(unanswered) => {
            return Ok(Stepped { finding: unanswered.into(), attempts: questions.attempts });
        }
    };
    let mut attempts = questions.attempts;
    let attempt = means.recorder.intend(work.kind, work.row, work.request_id).await?;
    failpoint::crash("agreement_intended");
    let token = match means.pass_gates().await {
        Ok(token) => token,
        Err(setback) => {
            let trace = Trace::never_sent(setback.reason());
            attempts.push(finished(Operation::RecordAgreement, &attempt, "not_sent", trace));
            return Ok(Stepped { finding: AgreementFinding::SetBack(setback), attempts });
        }
    };
    let ids = CallIds { request_id: attempt.request_id, correlation_id: attempt.correlation_id };
    failpoint::crash("agreement_sending");
    let Exchange { outcome, trace } =
        means.client.record_agreement(&token.secret, ids, customer_id, template_id, agreement).await;
    failpoint::crash("agreement_answered");
    let name = outcome.name();
    if !matches!(outcome, AgreementOutcome::Throttled { .. } | AgreementOutcome::NotSent(_)) {
        means.pacer.accepted();
    }
    let finding = match outcome {
        AgreementOutcome::Recorded => AgreementFinding::Recorded,
        AgreementOutcome::Refused(error) => AgreementFinding::Refused(refusal(error)),
        AgreementOutcome::NotVisible(error) => AgreementFinding::NotVisible(refusal(error)),
        AgreementOutcome::Forbidden(error) => AgreementFinding::Forbidden(refusal(error)),
        AgreementOutcome::Misconfigured { error, rights } => {
            AgreementFinding::SetBack(Setback::Misconfigured { refusal: refusal(error), rights })
        }
        // A fresh token was refused too: another one would not help.
        AgreementOutcome::Unauthorized(error) if task.unauthorized => {
            AgreementFinding::SetBack(Setback::Misconfigured { refusal: refusal(error), rights: true })
        }
        AgreementOutcome::Unauthorized(error) => match means.renew(&token, &error).await {
            Ok(()) => AgreementFinding::Unauthorized,
            Err(setback) => AgreementFinding::SetBack(setback),
        },
        AgreementOutcome::Throttled { wait } => {
            means.pacer.throttled(wait);
            AgreementFinding::SetBack(Setback::Throttled { wait })
        }
        AgreementOutcome::NotSent(reason) => AgreementFinding::SetBack(Setback::NotSent(reason)),
        AgreementOutcome::Unknown(reason) => AgreementFinding::Unknown(reason),
    };
    tracing::debug!(
        row = work.row.0,
        line = work.line,
        request_id = %attempt.request_id,
        correlation_id = %attempt.correlation_id,
        status = trace.status,
        outcome = name,
        "agreement answered"
    );
    attempts.push(finished(Operation::RecordAgreement, &attempt, name, trace));
    Ok(Stepped { finding, attempts })
}

impl From<Unanswered> for AgreementFinding {
    fn from(unanswered: Unanswered) -> Self {
        AgreementFinding::SetBack(match unanswered {
            // None of it was the acceptance itself.
            Unanswered::NoAnswer(reason) | Unanswered::Unprovable(reason) => Setback::NotSent(reason),
            Unanswered::SetBack(setback) => setback,
        })
    }
}

impl Questions<'_> {
    async fn agreement_template(&mut self) -> Result<String, Unanswered> {
        let means = self.means;
        self.question(Operation::FindAgreement, |token, ids| async move {
            means.client.agreement_template(&token, ids).await
        })
        .await
    }
}

/// What a finding means for the acceptance, and what comes then. Pure, as [`super::retry`] is for creates.
pub(super) fn decide(task: &Task, finding: AgreementFinding, at: &Circumstances<'_>) -> Verdict {
    let tries = if at.probe { task.tries } else { task.tries + 1 };
    let is_last = tries >= at.policy.max_attempts;
    let nothing_done = |then| nothing_done(&task.work, then);
    let refused = |refusal| settled(RowChange::Refused { refusal, domain_burned: false });
    let unknown = |then| {
        let mut work = task.work.clone();
        work.in_doubt_since.get_or_insert(at.moment);
        still_open(&work, NextStep::Create, then)
    };
    match finding {
        AgreementFinding::Recorded => settled(RowChange::Recorded),
        AgreementFinding::Refused(refusal) => refused(refusal),
        AgreementFinding::NotVisible(refusal) if is_last => refused(refusal),
        AgreementFinding::NotVisible(_) => {
            nothing_done(Then::Wait(at.policy.settle_delay / VISIBILITY_TRIES_PER_SETTLE_DELAY))
        }
        // As for creates: a success between two refusals tells whether this one is alone.
        AgreementFinding::Forbidden(refusal)
            if task.forbidden_at.is_some_and(|successes_then| at.successes > successes_then) =>
        {
            refused(refusal)
        }
        AgreementFinding::Forbidden(refusal) if at.forbidden_in_a_row >= FORBIDDEN_IN_A_ROW => {
            nothing_done(Then::Stop(unexplained(task, refusal, at)))
        }
        AgreementFinding::Forbidden(_) => nothing_done(Then::Wait(BACKOFF.jittered(0, at.chance))),
        AgreementFinding::Unauthorized => nothing_done(Then::Wait(Duration::ZERO)),
        AgreementFinding::SetBack(setback) => {
            nothing_done(after_setback(setback, BACKOFF.jittered(task.tries, at.chance)))
        }
        // Left to the next run, which may repeat it as well as this one.
        AgreementFinding::Unknown(_) if is_last => unknown(Then::LeftOpen),
        AgreementFinding::Unknown(_) => {
            unknown(Then::Wait(BACKOFF.jittered(tries.saturating_sub(1), at.chance)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Refusal;
    use crate::submitter::StopReason;
    use crate::submitter::retry::tests::{POLICY, circumstances, fresh};

    fn refused() -> Refusal {
        Refusal { code: "3000".to_owned(), status: Some(400), text: String::new() }
    }

    /// What is recorded, then what comes.
    fn words(verdict: &Verdict) -> String {
        let change = match &verdict.change {
            RowChange::Recorded => "recorded",
            RowChange::NothingDone { .. } => "nothing done",
            RowChange::StillOpen { in_doubt_since: Some(_), .. } => "in doubt",
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
        fn check(tries: u32, in_doubt: bool, finding: AgreementFinding, expected: &str) {
            let mut task = fresh();
            task.tries = tries;
            task.work.in_doubt_since = in_doubt.then(|| circumstances().moment);
            assert_eq!(words(&decide(&task, finding, &circumstances())), expected);
        }
        let last = POLICY.max_attempts - 1;
        let reset = || AgreementFinding::Unknown("reset".into());
        check(0, false, AgreementFinding::Recorded, "recorded, settled");
        check(0, false, AgreementFinding::Refused(refused()), "failed 3000, settled");
        check(0, false, AgreementFinding::NotVisible(refused()), "nothing done, after 45 s");
        check(last, false, AgreementFinding::NotVisible(refused()), "failed 3000, settled");
        check(0, false, reset(), "in doubt, after 1 s");
        check(last, false, reset(), "in doubt, left open");
        let rights = AgreementFinding::SetBack(Setback::Misconfigured { refusal: refused(), rights: true });
        check(0, false, rights, "nothing done, stop: rights");
        let throttled = || AgreementFinding::SetBack(Setback::Throttled { wait: Duration::from_secs(57) });
        check(0, false, throttled(), "nothing done, after 57 s");
        check(0, true, throttled(), "in doubt, after 57 s");
        check(0, false, AgreementFinding::Forbidden(refused()), "nothing done, after 1 s");
        check(0, false, AgreementFinding::Unauthorized, "nothing done, after 0 s");
        check(0, false, AgreementFinding::SetBack(Setback::Withdrawn), "nothing done, after 0 s");
        let not_sent = AgreementFinding::SetBack(Setback::NotSent("refused".into()));
        check(last, false, not_sent, "nothing done, after 4 s");
    }
}
