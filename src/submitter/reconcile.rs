//! Settling a row by asking Partner Center instead of sending again: look the domain up among our customers, then
//! ask whether it is taken. Nothing here creates anything.

use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::attempt::{Means, Stepped, recorded};
use super::finding::{AskFinding, Unanswered, refusal};
use super::gates::Barred;
use crate::auth;
use crate::ledger::{AttemptResult, Operation, Work};
use crate::partner_center::{Asked, CallIds, Exchange, Page};

/// Pages that are read of one search at most. A search for a whole domain finds a handful.
const MOST_PAGES: u32 = 40;

/// Whether a 404 of the domain check can be believed (fact book 6): proved once a run, with a domain that exists.
#[derive(Debug)]
pub(super) struct DomainCheck {
    proved: OnceCell<()>,
    suffix: &'static str,
}

impl DomainCheck {
    /// For a cloud whose initial domains end in `suffix`.
    pub(super) fn new(suffix: &'static str) -> Self {
        Self { proved: OnceCell::new(), suffix }
    }
}

/// The questions of one row, and the calls made for them.
pub(super) struct Questions<'a> {
    pub(super) means: &'a Means,
    pub(super) attempts: Vec<AttemptResult>,
}

/// Asks about the row's domain and says what that found.
pub(super) async fn ask(means: &Means, work: &Work) -> Stepped<AskFinding> {
    let mut questions = Questions::of(means);
    let finding = questions.settle(work.customer.domain.as_str()).await.unwrap_or_else(Into::into);
    Stepped { finding, attempts: questions.attempts }
}

impl<'a> Questions<'a> {
    pub(super) fn of(means: &'a Means) -> Self {
        Self { means, attempts: Vec::new() }
    }

    async fn settle(&mut self, domain: &str) -> Result<AskFinding, Unanswered> {
        if let Some(customer_id) = self.find_customer(domain).await? {
            return Ok(AskFinding::Ours { customer_id });
        }
        if self.is_taken(domain).await? {
            return Ok(AskFinding::Taken);
        }
        self.believe_free().await
    }

    /// Our customer with exactly this domain. The service compares beginnings (fact book 9); we compare all of it.
    async fn find_customer(&mut self, domain: &str) -> Result<Option<String>, Unanswered> {
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = self.customers(Some(domain), next.as_deref()).await?;
            let found = page.customers.into_iter().find(|(_, theirs)| theirs.eq_ignore_ascii_case(domain));
            if let Some((customer_id, _)) = found {
                return Ok(Some(customer_id));
            }
            next = page.next;
            if next.is_none() {
                return Ok(None);
            }
        }
        Err(Unanswered::NoAnswer(format!("the search for `{domain}` has more than {MOST_PAGES} pages")))
    }

    /// The check says that a domain is free: can it be believed?
    async fn believe_free(&mut self) -> Result<AskFinding, Unanswered> {
        let check = &self.means.domain_check;
        if check.proved.initialized() {
            return Ok(AskFinding::Free);
        }
        let one_of_ours = self.customers(None, None).await?.customers.into_iter().next();
        // A custom domain may be unknown to the check; where we have no customer yet, Microsoft itself has one.
        let known = one_of_ours
            .map(|(_, domain)| domain)
            .filter(|domain| domain.to_ascii_lowercase().ends_with(check.suffix))
            .unwrap_or_else(|| format!("microsoft.{}", check.suffix));
        if !self.is_taken(&known).await? {
            let reason = format!("the domain check cannot be trusted: it calls `{known}` free, which exists");
            return Ok(AskFinding::Unprovable(reason));
        }
        // Somebody else may have proved it meanwhile, which is just as well.
        drop(check.proved.set(()));
        Ok(AskFinding::Free)
    }

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

    /// One question through the gates; a token that is not accepted is renewed once.
    pub(super) async fn question<T, F>(
        &mut self,
        operation: Operation,
        call: impl Fn(SecretString, CallIds) -> F + Send,
    ) -> Result<T, Unanswered>
    where
        F: Future<Output = Exchange<Asked<T>>> + Send,
    {
        let mut token = self.means.pass_gates().await.map_err(barred)?;
        let mut renewed = false;
        loop {
            let ids = CallIds::draw();
            let Exchange { outcome, trace } = call(token.secret.clone(), ids).await;
            self.attempts.push(recorded(operation, ids, outcome.name(), trace));
            match outcome {
                Asked::Answer(answer) => {
                    self.means.pacer.accepted();
                    return Ok(answer);
                }
                Asked::Unauthorized(_) if !renewed => {
                    self.means.tokens.replace(&token).await.map_err(|error| barred(Barred::SignIn(error)))?;
                    token = self.means.pass_gates().await.map_err(barred)?;
                    renewed = true;
                }
                Asked::Unauthorized(error) => {
                    return Err(Unanswered::Misconfigured { refusal: refusal(error), rights: true });
                }
                Asked::Misconfigured { error, rights } => {
                    return Err(Unanswered::Misconfigured { refusal: refusal(error), rights });
                }
                Asked::Throttled { wait } => {
                    self.means.pacer.throttled(wait);
                    return Err(Unanswered::Throttled { wait });
                }
                Asked::NoAnswer(reason) => return Err(Unanswered::NoAnswer(reason)),
            }
        }
    }
}

fn barred(barred: Barred) -> Unanswered {
    match barred {
        Barred::Stopping => Unanswered::Withdrawn,
        Barred::SignIn(auth::Error::Refused { message, hint }) => Unanswered::SignInRefused { message, hint },
        Barred::SignIn(auth::Error::Unavailable(reason)) => Unanswered::NoAnswer(reason),
    }
}
