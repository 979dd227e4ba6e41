//! Finds out whether a domain is free, taken, or one of our customers'.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use super::Caller;
use crate::partner_center::operations::{customers, domain_taken};
use crate::partner_center::{CallError, Outcome, Page};

/// The maximum number of pages of one search. A search for a whole domain finds only a few customers.
const MOST_PAGES: u32 = 40;

/// The status of a domain.
#[derive(Debug, PartialEq, Eq)]
pub enum DomainStatus {
    /// It belongs to one of our customers.
    Ours { customer_id: String },
    /// It is taken, but not by one of our customers.
    Taken,
    /// It is free, and the domain check has been proved to work.
    Free,
    /// The domain check says free, but nothing proves that the check works.
    Unprovable(String),
}

/// Looks up domains at Partner Center.
pub trait DomainLookup: Send {
    /// One page of the customers with a domain that begins with `domain`, or of all customers.
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

/// Finds our customer with exactly this domain. The service compares only the beginning (fact book 9); we compare the
/// whole domain.
pub async fn find_customer(
    lookups: &mut impl DomainLookup,
    domain: &str,
) -> Result<Option<DomainStatus>, CallError> {
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = lookups.customers(Some(domain), next.as_deref()).await?;
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

/// Whether a 404 of the domain check can be trusted (fact book 6). This is proved once per run, with a domain that
/// exists.
#[derive(Debug)]
pub struct DomainCheck {
    proved: OnceCell<()>,
    /// Failed attempts to prove it.
    failures: AtomicU32,
    suffix: &'static str,
}

impl DomainCheck {
    /// `suffix`: the end of the cloud's initial domains.
    pub fn new(suffix: &'static str) -> Self {
        Self { proved: OnceCell::new(), failures: AtomicU32::new(0), suffix }
    }

    /// The status of a domain that the check calls free: [`DomainStatus::Free`] once the check is proved to work.
    /// Concurrent callers wait for the first one and share its failure. Otherwise each of them would wait for a silent
    /// service in turn.
    pub async fn prove(&self, lookups: &mut impl DomainLookup) -> Result<DomainStatus, CallError> {
        let failures_before = self.failures.load(Ordering::Relaxed);
        let proved = self.proved.get_or_try_init(|| async {
            if self.failures.load(Ordering::Relaxed) != failures_before {
                let reason = "the domain check could not be verified now";
                return Err(Err(Outcome::Unknown(reason.into())));
            }
            match self.try_to_prove(lookups).await {
                Ok(DomainStatus::Free) => Ok(()),
                unproved => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    Err(unproved)
                }
            }
        });
        proved.await.map_or_else(|unproved| unproved, |()| Ok(DomainStatus::Free))
    }

    async fn try_to_prove(&self, lookups: &mut impl DomainLookup) -> Result<DomainStatus, CallError> {
        let known = self.known_domain(lookups).await?;
        Ok(match lookups.is_taken(&known).await? {
            true => DomainStatus::Free,
            false => DomainStatus::Unprovable(format!(
                "the domain check is unreliable: it reports `{known}` as free, which exists"
            )),
        })
    }

    /// A domain that exists. The check may not know a custom domain. If we have no customer yet, Microsoft's own domain
    /// is used.
    async fn known_domain(&self, lookups: &mut impl DomainLookup) -> Result<String, CallError> {
        let one_of_ours = lookups.customers(None, None).await?.items.into_iter().next();
        Ok(one_of_ours
            .map(|(_, domain)| domain)
            .filter(|domain| domain.to_ascii_lowercase().ends_with(self.suffix))
            .unwrap_or_else(|| format!("microsoft.{}", self.suffix)))
    }
}
