//! What it takes to learn how a domain stands, whoever asks and whatever becomes of the calls.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use super::Caller;
use crate::partner_center::operations::{customers, domain_taken};
use crate::partner_center::{CallError, Outcome, Page};

/// Pages that are read of one search at most. A search for a whole domain finds a handful.
const MOST_PAGES: u32 = 40;

/// How a domain stands.
#[derive(Debug, PartialEq, Eq)]
pub enum DomainStatus {
    /// One of our customers has it.
    Ours { customer_id: String },
    /// Taken, and by none of our customers.
    Taken,
    /// Nobody has it, and the check has been proved.
    Free,
    /// It is said to be free, and nothing proves that this can be believed.
    Unprovable(String),
}

/// Somebody who can ask Partner Center about domains.
pub trait DomainLookup: Send {
    /// One page of the customers whose domain begins with `domain`; of all, where there is none.
    fn customers(
        &mut self,
        domain: Option<&str>,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<(String, String)>, CallError>> + Send;

    fn is_taken(&mut self, domain: &str) -> impl Future<Output = Result<bool, CallError>> + Send;
}

impl DomainLookup for &Caller {
    async fn customers(
        &mut self,
        domain: Option<&str>,
        page: Option<&str>,
    ) -> Result<Page<(String, String)>, CallError> {
        self.lookup(customers(domain, page)).await
    }

    async fn is_taken(&mut self, domain: &str) -> Result<bool, CallError> {
        self.lookup(domain_taken(domain)).await
    }
}

/// Our customer with exactly this domain. The service compares beginnings (fact book 9); we compare all of it.
pub async fn find_customer(
    asker: &mut impl DomainLookup,
    domain: &str,
) -> Result<Option<DomainStatus>, CallError> {
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = asker.customers(Some(domain), next.as_deref()).await?;
        let found = page.items.into_iter().find(|(_, theirs)| theirs.eq_ignore_ascii_case(domain));
        if let Some((customer_id, _)) = found {
            return Ok(Some(DomainStatus::Ours { customer_id }));
        }
        next = page.next;
        if next.is_none() {
            return Ok(None);
        }
    }
    let reason = format!("the search for `{domain}` has more than {MOST_PAGES} pages");
    Err(Outcome::Unknown(reason.into()))
}

/// Whether a 404 of the domain check can be believed (fact book 6): proved once a run, with a domain that exists.
#[derive(Debug)]
pub struct DomainCheck {
    proved: OnceCell<()>,
    /// Attempts to prove it that failed.
    failures: AtomicU32,
    suffix: &'static str,
}

impl DomainCheck {
    /// For a cloud whose initial domains end in `suffix`.
    pub fn new(suffix: &'static str) -> Self {
        Self { proved: OnceCell::new(), failures: AtomicU32::new(0), suffix }
    }

    /// How a domain stands that the check calls free: [`DomainStatus::Free`] once that is proved. Whoever comes while somebody
    /// is at it waits for that, and shares its failure: one after the other they would wait for a silent service again
    /// and again.
    pub async fn prove(&self, asker: &mut impl DomainLookup) -> Result<DomainStatus, CallError> {
        let failures_before = self.failures.load(Ordering::Relaxed);
        let proved = self.proved.get_or_try_init(|| async {
            if self.failures.load(Ordering::Relaxed) != failures_before {
                let reason = "the domain check could not be proved just now";
                return Err(Err(Outcome::Unknown(reason.into())));
            }
            match self.try_to_prove(asker).await {
                Ok(DomainStatus::Free) => Ok(()),
                unproved => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    Err(unproved)
                }
            }
        });
        proved.await.map_or_else(|unproved| unproved, |()| Ok(DomainStatus::Free))
    }

    async fn try_to_prove(&self, asker: &mut impl DomainLookup) -> Result<DomainStatus, CallError> {
        let known = self.known_domain(asker).await?;
        Ok(match asker.is_taken(&known).await? {
            true => DomainStatus::Free,
            false => DomainStatus::Unprovable(format!(
                "the domain check cannot be trusted: it calls `{known}` free, which exists"
            )),
        })
    }

    /// A domain that exists. A custom one may be unknown to the check; where we have no customer yet, Microsoft itself
    /// has one.
    async fn known_domain(&self, asker: &mut impl DomainLookup) -> Result<String, CallError> {
        let one_of_ours = asker.customers(None, None).await?.items.into_iter().next();
        Ok(one_of_ours
            .map(|(_, domain)| domain)
            .filter(|domain| domain.to_ascii_lowercase().ends_with(self.suffix))
            .unwrap_or_else(|| format!("microsoft.{}", self.suffix)))
    }
}
