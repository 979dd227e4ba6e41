//! Builds the [`Request`] for each operation of the API.

use reqwest::Method;
use uuid::Uuid;

use super::address::{self, AddressQuestion, AddressVerdict};
use super::answers::{self, IndirectReseller, MpaStatus, OrganizationProfile};
use super::classify::{self, Reply};
use super::outcome::Outcome;
use super::request::{Request, RequestKind};
use super::wire::{NewCustomer, NewTenant, Page};
use tenantry_model::customer::Customer;

/// Customers per page; two official clients use this number (fact book 9).
const PAGE_SIZE: u32 = 500;

/// `POST /v1/customers`. The intent is durable before this is sent.
pub fn create_customer(customer: &Customer) -> Request<'_, NewTenant> {
    Request::new(RequestKind::Create, Method::POST, ["v1", "customers"], classify::create)
        .json(&NewCustomer::from(customer))
}

/// `GET /v1/customers`: one page of the customers with a domain that begins with `domain`, or of all customers. Each
/// item is a customer's id and its current default domain.
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

/// The smallest request to test a token with: does the service count its sign-in as MFA?
pub fn mfa_compliance() -> Request<'static, Option<bool>> {
    Request::get(["v1", "customers"], classify::mfa_compliance).query("size", 1).header("ValidateMfa", "true")
}

/// `HEAD /v1/domains/{domain}`: is the domain taken?
pub fn domain_taken(domain: &str) -> Request<'_, bool> {
    Request::new(RequestKind::Lookup, Method::HEAD, ["v1", "domains", domain], classify::domain_taken)
}

/// `POST /v1/validations/address`: does the address exist?
pub fn validate_address(customer: &Customer) -> Request<'_, AddressVerdict> {
    Request::new(RequestKind::Lookup, Method::POST, ["v1", "validations", "address"], address::verdict)
        .json(&AddressQuestion::from(customer))
}

/// `GET /v1/countryvalidationrules/{iso2}`: the rules for addresses in a country.
pub fn country_rules(country: &str) -> Request<'_, Option<String>> {
    Request::get(["v1", "countryvalidationrules", country], move |reply| {
        answers::country_rules(reply, country)
    })
}

/// `GET /v1/relationships`: one page of our indirect resellers. Needs a user's token.
pub fn indirect_resellers(page: Option<&str>) -> Request<'_, Page<IndirectReseller>> {
    Request::get(["v1", "relationships"], move |reply| page_of(page, reply, answers::indirect_resellers))
        .query("relationship_type", "IsIndirectCloudSolutionProviderOf")
        .turn_to(page)
}

/// `GET /v1/compliance/csp/agreementstatus`: has this reseller accepted the Microsoft Partner Agreement? Needs a user's
/// token.
pub fn reseller_agreement(tenant_id: Uuid) -> Request<'static, MpaStatus> {
    Request::get(["v1", "compliance", "csp", "agreementstatus"], answers::reseller_agreement)
        .query("tenantId", tenant_id)
}

/// `GET /v1/profiles/organization`: our own profile. Needs a user's token.
pub fn organization_profile() -> Request<'static, OrganizationProfile> {
    Request::get(["v1", "profiles", "organization"], answers::organization_profile)
}

/// One page of a list. After the last page the service may answer 400 with code 2000, which means the end (fact book
/// 9).
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
