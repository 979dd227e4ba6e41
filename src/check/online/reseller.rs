//! Checks whether customers can be created for a reseller.
//!
//! The list of our indirect resellers is read once, and the agreement of each reseller in use once (fact book 11). Both
//! need a user's token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::call::Caller;
use crate::partner_center::answers::{IndirectReseller, MpaStatus};
use crate::partner_center::operations::{indirect_resellers, reseller_agreement};
use crate::partner_center::{CallError, Outcome};
use crate::problem::{Finding, Rule};

/// The most pages of resellers that are read: far more than any provider needs.
const PAGES_MAX: u32 = 1000;

/// The error code for an app-only token in a call that needs a user (fact book 2.1).
const NEEDS_USER: &str = "900329";

/// What is known about resellers so far.
#[derive(Default)]
pub(super) struct Resellers {
    listed: OnceCell<Listed>,
    agreements: Mutex<HashMap<Uuid, Arc<OnceCell<Option<Finding>>>>>,
}

/// All resellers by tenant id, or why the list could not be read.
type Listed = Result<HashMap<Uuid, IndirectReseller>, String>;

pub(super) fn unanswered(reason: &str) -> Finding {
    Finding::new(Rule::ResellerUnanswered, format!("could not be asked about: {reason}"))
}

impl Resellers {
    pub(super) async fn look_up(&self, caller: &Caller, id: Uuid) -> Result<Option<Finding>, CallError> {
        let listed = match self.listed.get_or_try_init(|| list(caller)).await? {
            Err(reason) => return Ok(Some(unanswered(reason))),
            Ok(listed) => listed,
        };
        match listed.get(&id) {
            None => Ok(Some(
                Finding::new(Rule::ResellerUnknown, "is not one of your indirect resellers")
                    .advise("use the tenant id of a reseller of yours"),
            )),
            Some(reseller) if !is_active(reseller) => Ok(Some(inactive(reseller))),
            Some(_) => {
                let agreement = self.agreement_of(id);
                agreement.get_or_try_init(|| look_up_agreement(caller, id)).await.cloned()
            }
        }
    }

    pub(super) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.listed.get()?.as_ref().ok()?.get(&id)?.name.as_deref()
    }

    fn agreement_of(&self, id: Uuid) -> Arc<OnceCell<Option<Finding>>> {
        let mut agreements = self.agreements.lock().expect("nothing panics while it holds the agreements");
        Arc::clone(agreements.entry(id).or_default())
    }
}

async fn list(caller: &Caller) -> Result<Listed, CallError> {
    let mut listed = HashMap::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = match caller.lookup(indirect_resellers(next.as_deref())).await {
            Ok(page) => page,
            Err(unanswered) => return reason(unanswered).map(Err),
        };
        listed.extend(page.items.into_iter().map(|reseller| (reseller.tenant_id, reseller)));
        next = page.next;
        if next.is_none() {
            return Ok(Ok(listed));
        }
    }
    Ok(Err(format!("the list of resellers has more than {PAGES_MAX} pages")))
}

async fn look_up_agreement(caller: &Caller, id: Uuid) -> Result<Option<Finding>, CallError> {
    match caller.lookup(reseller_agreement(id)).await {
        Ok(agreement) => Ok(finding(agreement)),
        Err(no_answer @ Outcome::Unknown(_)) => Err(no_answer),
        Err(other) => reason(other).map(|reason| Some(unanswered(&reason))),
    }
}

/// Why this lookup has no answer, if other lookups may still get one; otherwise the error for all of them.
fn reason(unanswered: CallError) -> Result<String, CallError> {
    match unanswered {
        Outcome::Unknown(silence) => Ok(silence.reason),
        Outcome::Refused(_, error) if error.code == NEEDS_USER => {
            Ok("the sign-in is app-only, and only a user can ask (`tenantry login`)".to_owned())
        }
        for_every_row => Err(for_every_row),
    }
}

fn is_active(reseller: &IndirectReseller) -> bool {
    // The list contains only our resellers; one without a state counts as active.
    reseller.state.as_deref().is_none_or(|state| state.eq_ignore_ascii_case("active"))
}

/// The service refuses to create customers for an inactive reseller with 900154 (fact book 13).
fn inactive(reseller: &IndirectReseller) -> Finding {
    let state = reseller.state.as_deref().unwrap_or_default();
    let name = reseller.name.as_deref().unwrap_or("the reseller");
    Finding::new(Rule::ResellerInactive, format!("names a reseller that is not active: {name} is `{state}`"))
        .advise("have the reseller finish its enrolment first")
}

/// The service refuses to create customers for a reseller that has not signed with 900123 (fact book 13).
fn finding(agreement: MpaStatus) -> Option<Finding> {
    match agreement {
        MpaStatus::Signed => None,
        MpaStatus::NotSigned { reason } => {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let message = format!("names a reseller without the Microsoft Partner Agreement{reason}");
            let advice = "have the reseller sign it in Partner Center first";
            Some(Finding::new(Rule::ResellerAgreement, message).advise(advice))
        }
        MpaStatus::Unknown { reason } => Some(unanswered(&reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner_center::{Class, ServiceError};

    #[test]
    fn what_an_agreement_means() {
        #[track_caller]
        fn check(agreement: MpaStatus, expected: Option<Rule>) {
            assert_eq!(finding(agreement).map(|finding| finding.rule), expected);
        }
        check(MpaStatus::Signed, None);
        check(MpaStatus::NotSigned { reason: None }, Some(Rule::ResellerAgreement));
        check(MpaStatus::NotSigned { reason: Some("no".to_owned()) }, Some(Rule::ResellerAgreement));
        check(MpaStatus::Unknown { reason: "who?".to_owned() }, Some(Rule::ResellerUnanswered));
    }

    #[test]
    fn only_an_active_reseller_is_active() {
        let reseller = |state: Option<&str>| IndirectReseller {
            tenant_id: Uuid::nil(),
            name: None,
            state: state.map(str::to_owned),
        };
        assert!(is_active(&reseller(Some("Active"))));
        assert!(is_active(&reseller(Some("active"))));
        assert!(is_active(&reseller(None)));
        assert!(!is_active(&reseller(Some("Inactive"))));
    }

    #[test]
    fn an_app_without_access_does_not_end_the_check() {
        let refused = |code: &str| {
            let error = ServiceError { status: 403, code: code.to_owned(), text: String::new() };
            Outcome::Refused(Class::FixTheRights, error)
        };
        assert!(reason(refused("900329")).is_ok());
        assert_eq!(reason(refused("900308")), Err(refused("900308")));
        assert_eq!(reason(Outcome::Withdrawn), Err(Outcome::Withdrawn));
    }
}
