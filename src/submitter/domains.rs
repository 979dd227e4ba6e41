//! What it takes to learn how a domain stands, whoever asks and whatever becomes of the calls.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::partner_center::Page;

/// Pages that are read of one search at most. A search for a whole domain finds a handful.
const MOST_PAGES: u32 = 40;

/// Somebody who can ask Partner Center about domains.
pub(crate) trait AskAboutDomains: Send {
    /// A question that ended without the answer that was wanted.
    type Unanswered: Send;

    /// One page of the customers whose domain begins with `domain`; of all, where there is none.
    fn customers(
        &mut self,
        domain: Option<&str>,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page, Self::Unanswered>> + Send;

    fn is_taken(&mut self, domain: &str) -> impl Future<Output = Result<bool, Self::Unanswered>> + Send;

    fn no_answer(reason: String) -> Self::Unanswered;

    /// What says "free" cannot be believed.
    fn unprovable(reason: String) -> Self::Unanswered;
}

/// Our customer with exactly this domain. The service compares beginnings (fact book 9); we compare all of it.
pub(crate) async fn find_customer<A: AskAboutDomains>(
    asker: &mut A,
    domain: &str,
) -> Result<Option<String>, A::Unanswered> {
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = asker.customers(Some(domain), next.as_deref()).await?;
        let found = page.customers.into_iter().find(|(_, theirs)| theirs.eq_ignore_ascii_case(domain));
        if let Some((customer_id, _)) = found {
            return Ok(Some(customer_id));
        }
        next = page.next;
        if next.is_none() {
            return Ok(None);
        }
    }
    Err(A::no_answer(format!("the search for `{domain}` has more than {MOST_PAGES} pages")))
}

/// Whether a 404 of the domain check can be believed (fact book 6): proved once a run, with a domain that exists.
#[derive(Debug)]
pub(crate) struct DomainCheck {
    proved: OnceCell<()>,
    /// Attempts to prove it that failed.
    failures: AtomicU32,
    suffix: &'static str,
}

impl DomainCheck {
    /// For a cloud whose initial domains end in `suffix`.
    pub(crate) fn new(suffix: &'static str) -> Self {
        Self { proved: OnceCell::new(), failures: AtomicU32::new(0), suffix }
    }

    /// Returns once it is proved. Whoever comes while somebody is at it waits for that, and shares its failure: one
    /// after the other they would wait for a silent service again and again.
    pub(crate) async fn prove<A: AskAboutDomains>(&self, asker: &mut A) -> Result<(), A::Unanswered> {
        let failures_before = self.failures.load(Ordering::Relaxed);
        let proved = self.proved.get_or_try_init(|| async {
            if self.failures.load(Ordering::Relaxed) != failures_before {
                return Err(A::no_answer("the domain check could not be proved just now".to_owned()));
            }
            let proved = self.try_to_prove(asker).await;
            if proved.is_err() {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            proved
        });
        proved.await.copied()
    }

    async fn try_to_prove<A: AskAboutDomains>(&self, asker: &mut A) -> Result<(), A::Unanswered> {
        let known = self.known_domain(asker).await?;
        if asker.is_taken(&known).await? {
            return Ok(());
        }
        let reason = format!("the domain check cannot be trusted: it calls `{known}` free, which exists");
        Err(A::unprovable(reason))
    }

    /// A domain that exists. A custom one may be unknown to the check; where we have no customer yet, Microsoft itself
    /// has one.
    async fn known_domain<A: AskAboutDomains>(&self, asker: &mut A) -> Result<String, A::Unanswered> {
        let one_of_ours = asker.customers(None, None).await?.customers.into_iter().next();
        Ok(one_of_ours
            .map(|(_, domain)| domain)
            .filter(|domain| domain.to_ascii_lowercase().ends_with(self.suffix))
            .unwrap_or_else(|| format!("microsoft.{}", self.suffix)))
    }
}
