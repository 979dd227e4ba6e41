//! Checks whether the domain is free.

use crate::call::Caller;
use crate::call::domains::{DomainCheck, DomainLookup, DomainStatus, find_customer};
use crate::partner_center::{CallError, Outcome};
use crate::problem::{Finding, Rule};

/// Looks up "taken" first, because most domains are free and then one lookup is enough. "Free" counts only after the
/// availability check has been proved reliable.
pub(super) async fn look_up(
    mut caller: &Caller,
    check: &DomainCheck,
    domain: &str,
) -> Result<Option<Finding>, CallError> {
    let status = if caller.is_taken(domain).await? {
        find_customer(&mut caller, domain).await?.unwrap_or(DomainStatus::Taken)
    } else {
        check.prove(&mut caller).await?
    };
    Ok(Some(match status {
        DomainStatus::Free => return Ok(None),
        DomainStatus::Unprovable(reason) => return Err(Outcome::Unknown(reason.into())),
        DomainStatus::Ours { customer_id } => {
            let message = format!("is your customer already ({customer_id}); an import records that");
            Finding::new(Rule::DomainOurs, message)
        }
        DomainStatus::Taken => Finding::new(
            Rule::DomainTaken,
            "is taken: another organization has it, or a refused create of yours has used it up",
        )
        .advise("choose another domain; `tenantry show DOMAIN` shows your own creates"),
    }))
}

pub(super) fn unanswered(reason: &str) -> Finding {
    Finding::new(Rule::DomainUnanswered, format!("could not be asked about: {reason}"))
}
