//! The operations of the API, each as the [`Request`] for it.

use reqwest::Method;
use uuid::Uuid;

use super::address::{self, AddressVerdict};
use super::answers::{self, IndirectReseller, MpaStatus, OrganizationProfile};
use super::classify::{self, Reply};
use super::outcome::Outcome;
use super::request::{Request, RequestKind};
use super::wire::{self, NewTenant, Page};
use tenantry_model::customer::Customer;

/// Customers asked for per page; two official clients use this number (fact book 9).
const PAGE_SIZE: u32 = 500;

/// `POST /v1/customers`. The intent is durable before it is sent.
pub fn create_customer(customer: &Customer) -> Request<'_, NewTenant> {
    Request::new(RequestKind::Create, Method::POST, ["v1", "customers"], classify::create)
        .json(&wire::new_customer(customer))
}

/// `GET /v1/customers`: one page of the customers whose domain begins with `domain`; of all, where there is none. Each
/// comes as its id and its current default domain.
pub fn customers<'a>(domain: Option<&str>, page: Option<&'a str>) -> Request<'a, Page<(String, String)>> {
    let request =
        Request::get(["v1", "customers"], move |reply| page_of(page, reply, classify::customer_page));
    let request = match domain {
        Some(domain) => {
            let filter = serde_json::json!({ "Field": "Domain", "Value": domain, "Operator": "starts_with" });
            request.query("size", PAGE_SIZE).query("filter", filter)
        }
        None => request.query("size", 1),
    };
    request.turn_to(page)
}

/// The smallest question that a token can be tried with: does the service count its sign-in as MFA?
pub fn mfa_compliance() -> Request<'static, Option<bool>> {
    Request::get(["v1", "customers"], classify::mfa_compliance).query("size", 1).header("ValidateMfa", "true")
}

/// `HEAD /v1/domains/{domain}`: is it taken?
pub fn domain_taken(domain: &str) -> Request<'_, bool> {
    Request::new(RequestKind::Question, Method::HEAD, ["v1", "domains", domain], classify::domain_taken)
}

/// `POST /v1/validations/address`: is there such an address?
pub fn validate_address(customer: &Customer) -> Request<'_, AddressVerdict> {
    Request::new(RequestKind::Question, Method::POST, ["v1", "validations", "address"], address::verdict)
        .json(&address::question_about(customer))
}

/// `GET /v1/countryvalidationrules/{iso2}`: what an address there must look like.
pub fn country_rules(country: &str) -> Request<'_, Option<String>> {
    Request::get(["v1", "countryvalidationrules", country], move |reply| {
        answers::country_rules(reply, country)
    })
}

/// `GET /v1/relationships`: one page of our indirect resellers. Takes a user's token.
pub fn indirect_resellers(page: Option<&str>) -> Request<'_, Page<IndirectReseller>> {
    Request::get(["v1", "relationships"], move |reply| page_of(page, reply, answers::indirect_resellers))
        .query("relationship_type", "IsIndirectCloudSolutionProviderOf")
        .turn_to(page)
}

/// `GET /v1/compliance/csp/agreementstatus`: has this reseller accepted the Microsoft Partner Agreement? Takes a
/// user's token.
pub fn reseller_agreement(tenant_id: Uuid) -> Request<'static, MpaStatus> {
    Request::get(["v1", "compliance", "csp", "agreementstatus"], answers::reseller_agreement)
        .query("tenantId", tenant_id)
}

/// `GET /v1/profiles/organization`: who are we? Takes a user's token.
pub fn organization_profile() -> Request<'static, OrganizationProfile> {
    Request::get(["v1", "profiles", "organization"], answers::organization_profile)
}

/// One page of a list. Past the last one the service may say 400 with code 2000: that means done (fact book 9).
fn page_of<T>(
    page: Option<&str>,
    reply: Reply,
    understand: impl FnOnce(Reply) -> Outcome<Page<T>>,
) -> Outcome<Page<T>> {
    let is_past_the_end = page.is_some()
        && matches!(&reply, Reply::Answer(answer) if answer.status == 400
            && classify::service_error(answer).code == "2000");
    match is_past_the_end {
        true => Outcome::Done(Page { items: Vec::new(), next: None }),
        false => understand(reply),
    }
}

#[cfg(test)]
mod tests;
