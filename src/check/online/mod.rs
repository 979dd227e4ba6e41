//! Asks Partner Center about rows before they are sent: address, domain and reseller.
//!
//! Nothing here creates anything. Findings become problems of the row. A lookup without an answer is a problem too, so
//! silence never counts as a yes. After [`PATIENCE`](lookup_breaker::PATIENCE) consecutive lookups of one kind without
//! an answer, lookups of that kind stop: a million rows must not wait for a service that is down. An error that every
//! row would get ends the check.

mod address;
mod domain;
mod in_order;
mod lookup_breaker;
mod reseller;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::call::Caller;
use crate::call::domains::DomainCheck;
use crate::customer::{Customer, Field};
use crate::partner_center::CallError;
use crate::printable::truncate_for_display;
use crate::problem::Finding;
use crate::transport::NoResponse;

pub(crate) use in_order::InOrder;

use lookup_breaker::LookupBreaker;
use reseller::Resellers;

/// A finding about one field of one row.
#[derive(Debug)]
pub(crate) struct FieldFinding {
    pub(crate) field: Field,
    pub(crate) value: String,
    pub(crate) finding: Finding,
}

/// Looks up rows, and remembers results that apply to all rows.
pub(crate) struct Online {
    caller: Arc<Caller>,
    domain_check: DomainCheck,
    resellers: Resellers,
    about_addresses: LookupBreaker,
    about_domains: LookupBreaker,
    about_resellers: LookupBreaker,
}

impl Online {
    /// For the cloud with initial domains in `domain_suffix`, and a service that may be silent for `max_outage`.
    pub(crate) fn new(caller: Arc<Caller>, domain_suffix: &'static str, max_outage: Duration) -> Self {
        Self {
            caller,
            domain_check: DomainCheck::new(domain_suffix),
            resellers: Resellers::default(),
            about_addresses: LookupBreaker::new(max_outage),
            about_domains: LookupBreaker::new(max_outage),
            about_resellers: LookupBreaker::new(max_outage),
        }
    }

    /// Looks up everything about one row.
    ///
    /// # Errors
    /// Every other row would get the same error.
    pub(crate) async fn look_up(&self, customer: &Customer) -> Result<Vec<FieldFinding>, CallError> {
        let domain = customer.domain.as_str();
        let mut findings = Vec::new();
        let mut add = |field, value: &str, finding: Option<Finding>| {
            findings.extend(finding.map(|finding| FieldFinding {
                field,
                value: truncate_for_display(value.as_bytes()),
                finding,
            }));
        };
        let address =
            self.about_addresses.look_up(address::look_up(&self.caller, customer), address::unanswered);
        add(Field::AddressLine1, &customer.address_line1, address.await?);
        let availability = domain::look_up(&self.caller, &self.domain_check, domain);
        let availability = self.about_domains.look_up(availability, domain::unanswered);
        add(Field::Domain, domain, availability.await?);
        if let Some(id) = customer.associated_partner_id {
            let reseller = self.resellers.look_up(&self.caller, id);
            let reseller = self.about_resellers.look_up(reseller, reseller::unanswered);
            add(Field::AssociatedPartnerId, &id.to_string(), reseller.await?);
        }
        Ok(findings)
    }

    /// The name of a reseller, if the list of resellers was read.
    pub(crate) fn name_of(&self, reseller: Uuid) -> Option<&str> {
        self.resellers.name_of(reseller)
    }

    /// The kinds of lookups that were stopped, each with the number of skipped rows.
    pub(crate) fn given_up(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.topics().into_iter().filter_map(|(topic, patience)| Some((topic, patience.given_up()?)))
    }

    /// Why lookups were stopped, if any were.
    pub(crate) fn given_up_because_of(&self) -> Option<NoResponse> {
        self.topics().into_iter().find_map(|(_, patience)| patience.ended_by())
    }

    fn topics(&self) -> [(&'static str, &LookupBreaker); 3] {
        [
            ("addresses", &self.about_addresses),
            ("domains", &self.about_domains),
            ("resellers", &self.about_resellers),
        ]
    }
}
