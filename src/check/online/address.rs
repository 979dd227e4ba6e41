//! Checks whether an address exists.
//!
//! Creation itself is less strict, and outside well-covered countries valid addresses come back unverified (fact book
//! 5). Therefore every finding is only a warning, and suggestions are never applied.

use crate::call::Caller;
use crate::customer::Customer;
use crate::partner_center::CallError;
use crate::partner_center::address::AddressVerdict;
use crate::partner_center::operations::validate_address;
use crate::problem::{Finding, Rule};

/// The most suggestions shown; the service sends at most this many.
const SUGGESTIONS_MAX: usize = 3;

pub(super) async fn look_up(caller: &Caller, customer: &Customer) -> Result<Option<Finding>, CallError> {
    Ok(finding(caller.lookup(validate_address(customer)).await?))
}

pub(super) fn unanswered(reason: &str) -> Finding {
    Finding::new(Rule::AddressUnanswered, format!("could not be verified: {reason}"))
}

fn finding(verdict: AddressVerdict) -> Option<Finding> {
    match verdict {
        AddressVerdict::Verified => None,
        AddressVerdict::Doubtful { status, suggestions } => {
            let shown = suggestions.iter().take(SUGGESTIONS_MAX).map(String::as_str);
            let shown = shown.collect::<Vec<_>>().join(" · or · ");
            let message = format!(
                "is similar to an address that Partner Center knows, but is not a known \
                                   address ({status})"
            );
            let finding = Finding::new(Rule::AddressUnverified, message);
            // A whole address: no value for one cell.
            Some(if shown.is_empty() { finding } else { finding.advise(shown) })
        }
        AddressVerdict::Wrong { reason, suggestion } => {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let message = format!("is not an address that Partner Center knows{reason}");
            let finding = Finding::new(Rule::AddressWrong, message);
            Some(match suggestion {
                Some(address) => finding.advise(address),
                None => finding,
            })
        }
        AddressVerdict::NotChecked { reason } => Some(unanswered(&reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_in_words() {
        #[track_caller]
        fn check(verdict: AddressVerdict, expected: Option<(Rule, &str, Option<&str>)>) {
            let found = finding(verdict);
            let found = found.as_ref().map(|it| (it.rule, it.message.as_str(), it.advice.as_deref()));
            assert_eq!(found, expected);
        }
        let doubtful = |suggestions| AddressVerdict::Doubtful { status: "Multiple".to_owned(), suggestions };
        let near = "is similar to an address that Partner Center knows, but is not a known address \
                    (Multiple)";
        check(AddressVerdict::Verified, None);
        check(doubtful(vec![]), Some((Rule::AddressUnverified, near, None)));
        check(
            doubtful(vec!["1 Way".to_owned(), "2 Way".to_owned()]),
            Some((Rule::AddressUnverified, near, Some("1 Way · or · 2 Way"))),
        );
        check(
            AddressVerdict::Wrong { reason: Some("ZipCityInvalid".to_owned()), suggestion: None },
            Some((Rule::AddressWrong, "is not an address that Partner Center knows: ZipCityInvalid", None)),
        );
        check(
            AddressVerdict::NotChecked { reason: "NotValidated".to_owned() },
            Some((Rule::AddressUnanswered, "could not be verified: NotValidated", None)),
        );
    }
}
