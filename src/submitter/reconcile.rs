//! Settles a row by lookups at Partner Center instead of another send.
//!
//! First it looks for the domain among our customers, then whether the domain is taken. Nothing here creates anything.

use super::attempt::{StepContext, StepOutcome, StepResult, recorded};
use crate::call::domains::{self, DomainLookup, DomainStatus};
use crate::ledger::{AttemptResult, Operation, Work};
use crate::partner_center::operations::{customers, domain_taken};
use crate::partner_center::{CallError, Page, Request};

/// The lookups of one row, and the calls made for them.
pub(super) struct Lookups<'a> {
    context: &'a StepContext,
    pub(super) attempts: Vec<AttemptResult>,
}

/// Looks up the row's domain and returns the outcome.
pub(super) async fn look_up(context: &StepContext, work: &Work) -> StepResult {
    let mut lookups = Lookups::of(context);
    let outcome = lookups.settle(work.customer.domain.as_str()).await.into();
    StepResult { outcome: StepOutcome::LookUp(outcome), attempts: lookups.attempts }
}

impl<'a> Lookups<'a> {
    pub(super) fn of(context: &'a StepContext) -> Self {
        Self { context, attempts: Vec::new() }
    }

    async fn settle(&mut self, domain: &str) -> Result<DomainStatus, CallError> {
        if let Some(ours) = domains::find_customer(self, domain).await? {
            return Ok(ours);
        }
        if self.is_taken(domain).await? {
            return Ok(DomainStatus::Taken);
        }
        self.context.domain_check.prove(self).await
    }

    /// Makes one lookup, and collects its calls.
    pub(super) async fn put<T>(
        &mut self,
        operation: Operation,
        request: Request<'_, T>,
    ) -> Result<T, CallError> {
        let Self { context, attempts } = self;
        context.caller.look_up(&request, |trace| attempts.push(recorded(operation, None, trace))).await
    }
}

impl DomainLookup for Lookups<'_> {
    async fn customers(
        &mut self,
        domain: Option<&str>,
        page: Option<&str>,
    ) -> Result<Page<(String, String)>, CallError> {
        self.put(Operation::FindCustomer, customers(domain, page)).await
    }

    async fn is_taken(&mut self, domain: &str) -> Result<bool, CallError> {
        self.put(Operation::CheckDomain, domain_taken(domain)).await
    }
}
