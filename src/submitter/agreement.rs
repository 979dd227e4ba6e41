//! The second step of a created customer: intent, gates, send, and what to make of the answer.
//!
//! It may be repeated under its request id without asking first, whatever the id's age: the service takes the same
//! acceptance once, and says so (fact book 10). So nothing here is ever in doubt for good.

use std::time::Duration;

use super::StopReason;
use super::attempt::{Means, Stepped, finished};
use super::finding::{AgreementFinding, Unanswered, refusal};
use super::gates::{self, Barred};
use super::reconcile::Questions;
use super::retry::{Circumstances, FORBIDDEN_IN_A_ROW, Then, backoff};
use super::task::Task;
use crate::ledger::{self, AgreementChange, Operation};
use crate::partner_center::{AgreementOutcome, CallIds, Exchange, Trace};
use crate::{auth, failpoint};

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
    let attempt = means.recorder.intend_agreement(work.row, work.request_id).await?;
    failpoint::crash("agreement_intended");
    let token = match means.pass_gates().await {
        Ok(token) => token,
        Err(barred) => {
            let finding = not_sent(barred);
            let trace = Trace::never_sent(finding.reason().map(|silence| silence.reason));
            attempts.push(finished(Operation::RecordAgreement, &attempt, "not_sent", trace));
            return Ok(Stepped { finding, attempts });
        }
    };
    let ids = CallIds { request_id: attempt.request_id, correlation_id: attempt.correlation_id };
    failpoint::crash("agreement_sending");
    let Exchange { outcome, trace } =
        means.client.record_agreement(&token.secret, ids, customer_id, template_id, agreement).await;
    failpoint::crash("agreement_answered");
    tracing::debug!(
        row = work.row.0,
        line = work.line,
        request_id = %attempt.request_id,
        correlation_id = %attempt.correlation_id,
        status = trace.status,
        outcome = outcome.name(),
        "agreement answered"
    );
    attempts.push(finished(Operation::RecordAgreement, &attempt, outcome.name(), trace));
    if !matches!(outcome, AgreementOutcome::Throttled { .. } | AgreementOutcome::NotSent(_)) {
        means.pacer.accepted();
    }
    let finding = match outcome {
        AgreementOutcome::Recorded => AgreementFinding::Recorded,
        AgreementOutcome::Refused(error) => AgreementFinding::Refused(refusal(error)),
        AgreementOutcome::NotVisible(error) => AgreementFinding::NotVisible(refusal(error)),
        AgreementOutcome::Forbidden(error) => AgreementFinding::Forbidden(refusal(error)),
        AgreementOutcome::Misconfigured { error, rights } => {
            AgreementFinding::Misconfigured { refusal: refusal(error), rights }
        }
        // A fresh token was refused too: another one would not help.
        AgreementOutcome::Unauthorized(error) if task.unauthorized => {
            AgreementFinding::Misconfigured { refusal: refusal(error), rights: true }
        }
        AgreementOutcome::Unauthorized(error) => match means.tokens.replace(&token).await {
            Ok(_) => AgreementFinding::Unauthorized,
            Err(auth::Error::Unavailable(reason)) => AgreementFinding::NotSent(reason),
            Err(auth::Error::Refused { message, hint }) => {
                let (message, hint) = gates::no_other_token(&error, message, hint);
                AgreementFinding::SignInRefused { message, hint }
            }
        },
        AgreementOutcome::Throttled { wait } => {
            means.pacer.throttled(wait);
            AgreementFinding::Throttled { wait }
        }
        AgreementOutcome::NotSent(reason) => AgreementFinding::NotSent(reason),
        AgreementOutcome::Unknown(reason) => AgreementFinding::Unknown(reason),
    };
    Ok(Stepped { finding, attempts })
}

fn not_sent(barred: Barred) -> AgreementFinding {
    match barred {
        Barred::Stopping => AgreementFinding::Withdrawn,
        Barred::SignIn(auth::Error::Refused { message, hint }) => {
            AgreementFinding::SignInRefused { message, hint }
        }
        Barred::SignIn(auth::Error::Unavailable(reason)) => AgreementFinding::NotSent(reason),
    }
}

impl From<Unanswered> for AgreementFinding {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoAnswer(reason) | Unanswered::Unprovable(reason) => {
                AgreementFinding::NotSent(reason)
            }
            Unanswered::Throttled { wait } => AgreementFinding::Throttled { wait },
            Unanswered::Misconfigured { refusal, rights } => {
                AgreementFinding::Misconfigured { refusal, rights }
            }
            Unanswered::SignInRefused { message, hint } => AgreementFinding::SignInRefused { message, hint },
            Unanswered::Withdrawn => AgreementFinding::Withdrawn,
        }
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
pub(super) fn decide(
    task: &Task,
    finding: AgreementFinding,
    at: &Circumstances<'_>,
) -> (AgreementChange, Then) {
    let tries = if at.probe { task.tries } else { task.tries + 1 };
    let is_last = tries >= at.policy.max_attempts;
    let nothing_done = |then| (AgreementChange::NothingDone, then);
    match finding {
        AgreementFinding::Recorded => (AgreementChange::Recorded, Then::Settled),
        AgreementFinding::Refused(refusal) => (AgreementChange::Refused(refusal), Then::Settled),
        AgreementFinding::NotVisible(refusal) if is_last => {
            (AgreementChange::Refused(refusal), Then::Settled)
        }
        AgreementFinding::NotVisible(_) => {
            nothing_done(Then::Wait(at.policy.settle_delay / VISIBILITY_TRIES_PER_SETTLE_DELAY))
        }
        // As for creates: a success between two refusals tells whether this one is alone.
        AgreementFinding::Forbidden(refusal)
            if task.forbidden_at.is_some_and(|successes_then| at.successes > successes_then) =>
        {
            (AgreementChange::Refused(refusal), Then::Settled)
        }
        AgreementFinding::Forbidden(refusal) if at.forbidden_in_a_row >= FORBIDDEN_IN_A_ROW => {
            nothing_done(Then::Stop(StopReason::Rights(refusal)))
        }
        AgreementFinding::Forbidden(_) => nothing_done(Then::Wait(backoff(0, at.chance))),
        AgreementFinding::Misconfigured { refusal, rights } => nothing_done(Then::Stop(if rights {
            StopReason::Rights(refusal)
        } else {
            StopReason::Configuration(refusal)
        })),
        AgreementFinding::SignInRefused { message, hint } => {
            nothing_done(Then::Stop(StopReason::SignIn { message, hint }))
        }
        AgreementFinding::Throttled { wait } => nothing_done(Then::Wait(wait)),
        AgreementFinding::Unauthorized | AgreementFinding::Withdrawn => {
            nothing_done(Then::Wait(Duration::ZERO))
        }
        AgreementFinding::NotSent(_) => nothing_done(Then::Wait(backoff(task.tries, at.chance))),
        // Left to the next run, which may repeat it as well as this one.
        AgreementFinding::Unknown(_) if is_last => (AgreementChange::Unknown, Then::LeftOpen),
        AgreementFinding::Unknown(_) => {
            (AgreementChange::Unknown, Then::Wait(backoff(tries.saturating_sub(1), at.chance)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Refusal;
    use crate::submitter::retry::tests::{POLICY, circumstances, fresh};

    fn refused() -> Refusal {
        Refusal { code: "3000".to_owned(), status: Some(400), text: String::new() }
    }

    fn words(then: &Then) -> String {
        match then {
            Then::Settled => "settled".to_owned(),
            Then::LeftOpen => "left open".to_owned(),
            Then::Wait(wait) => format!("after {} s", wait.as_secs()),
            Then::Stop(StopReason::Rights(_)) => "stop: rights".to_owned(),
            Then::Stop(_) => "stop".to_owned(),
        }
    }

    #[test]
    fn every_finding_has_its_verdict() {
        #[track_caller]
        fn check(tries: u32, finding: AgreementFinding, change: &AgreementChange, then: &str) {
            let mut task = fresh();
            task.tries = tries;
            let decided = decide(&task, finding, &circumstances());
            assert_eq!((&decided.0, words(&decided.1).as_str()), (change, then));
        }
        let last = POLICY.max_attempts - 1;
        let (nothing, unknown) = (AgreementChange::NothingDone, AgreementChange::Unknown);
        let refusal = AgreementChange::Refused(refused());
        let reset = || AgreementFinding::Unknown("reset".into());
        check(0, AgreementFinding::Recorded, &AgreementChange::Recorded, "settled");
        check(0, AgreementFinding::Refused(refused()), &refusal, "settled");
        check(0, AgreementFinding::NotVisible(refused()), &nothing, "after 45 s");
        check(last, AgreementFinding::NotVisible(refused()), &refusal, "settled");
        check(0, reset(), &unknown, "after 1 s");
        check(last, reset(), &unknown, "left open");
        let rights = AgreementFinding::Misconfigured { refusal: refused(), rights: true };
        check(0, rights, &nothing, "stop: rights");
        check(0, AgreementFinding::Throttled { wait: Duration::from_secs(57) }, &nothing, "after 57 s");
        check(0, AgreementFinding::Forbidden(refused()), &nothing, "after 1 s");
        check(0, AgreementFinding::Unauthorized, &nothing, "after 0 s");
        check(0, AgreementFinding::Withdrawn, &nothing, "after 0 s");
        check(last, AgreementFinding::NotSent("refused".into()), &nothing, "after 4 s");
    }
}
