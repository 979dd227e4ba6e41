//! Settling a row by asking Partner Center instead of sending again: look the domain up among our customers, then
//! ask whether it is taken. Nothing here creates anything.

use secrecy::SecretString;

use super::attempt::{Means, Stepped, recorded};
use super::domains::{self, AskAboutDomains};
use super::finding::{AskFinding, Setback, Unanswered, refusal};
use crate::clock;
use crate::ledger::{AttemptResult, Operation, Work};
use crate::partner_center::{Asked, CallIds, Exchange, Page, Trace};

/// The questions of one row, and the calls made for them.
pub(super) struct Questions<'a> {
    pub(super) means: &'a Means,
    pub(super) attempts: Vec<AttemptResult>,
}

/// Asks about the row's domain and says what that found.
pub(super) async fn ask(means: &Means, work: &Work) -> Stepped<AskFinding> {
    let mut questions = Questions::of(means);
    let finding =
        questions.settle(work.customer.domain.as_str()).await.unwrap_or_else(AskFinding::Unanswered);
    Stepped { finding, attempts: questions.attempts }
}

impl<'a> Questions<'a> {
    pub(super) fn of(means: &'a Means) -> Self {
        Self { means, attempts: Vec::new() }
    }

    async fn settle(&mut self, domain: &str) -> Result<AskFinding, Unanswered> {
        if let Some(customer_id) = domains::find_customer(self, domain).await? {
            return Ok(AskFinding::Ours { customer_id });
        }
        if self.is_taken(domain).await? {
            return Ok(AskFinding::Taken);
        }
        self.means.domain_check.prove(self).await?;
        Ok(AskFinding::Free)
    }

    /// One question through the gates; a token that is not accepted is renewed once.
    pub(super) async fn question<T, F>(
        &mut self,
        operation: Operation,
        call: impl Fn(SecretString, CallIds) -> F + Send,
    ) -> Result<T, Unanswered>
    where
        F: Future<Output = Exchange<Asked<T>>> + Send,
    {
        let mut token = self.means.pass_gates().await?;
        let mut renewed = false;
        loop {
            let ids = CallIds::draw();
            let asked_at = clock::now();
            let answered = tokio::select! {
                biased;
                answered = call(token.secret.clone(), ids) => answered,
                () = self.means.leaves_questions() => {
                    let trace = Trace { sent_at: Some(asked_at), ..Trace::never_sent(None) };
                    self.attempts.push(recorded(operation, ids, "interrupted", trace));
                    return Err(Setback::Withdrawn.into());
                }
            };
            let Exchange { outcome, trace } = answered;
            let was_sent = trace.sent_at.is_some();
            self.attempts.push(recorded(operation, ids, outcome.name(), trace));
            match outcome {
                Asked::Answer(answer) => {
                    self.means.pacer.accepted();
                    return Ok(answer);
                }
                Asked::Unauthorized(error) if !renewed => {
                    self.means.renew(&token, &error).await?;
                    token = self.means.pass_gates().await?;
                    renewed = true;
                }
                Asked::Unauthorized(error) => {
                    return Err(Setback::Misconfigured { refusal: refusal(error), rights: true }.into());
                }
                Asked::Misconfigured { error, rights } => {
                    return Err(Setback::Misconfigured { refusal: refusal(error), rights }.into());
                }
                Asked::Throttled { wait } => {
                    self.means.pacer.throttled(wait);
                    return Err(Setback::Throttled { wait }.into());
                }
                Asked::NoAnswer(reason) if was_sent => return Err(Unanswered::NoAnswer(reason)),
                Asked::NoAnswer(reason) => return Err(Setback::NotSent(reason).into()),
            }
        }
    }
}

impl AskAboutDomains for Questions<'_> {
    type Unanswered = Unanswered;

    async fn customers(&mut self, domain: Option<&str>, page: Option<&str>) -> Result<Page, Unanswered> {
        let means = self.means;
        self.question(Operation::FindCustomer, |token, ids| async move {
            means.client.customers(&token, ids, domain, page).await
        })
        .await
    }

    async fn is_taken(&mut self, domain: &str) -> Result<bool, Unanswered> {
        let means = self.means;
        self.question(Operation::CheckDomain, |token, ids| async move {
            means.client.domain_taken(&token, ids, domain).await
        })
        .await
    }

    fn no_answer(reason: String) -> Unanswered {
        Unanswered::NoAnswer(reason.into())
    }

    fn unprovable(reason: String) -> Unanswered {
        Unanswered::Unprovable(reason.into())
    }
}
