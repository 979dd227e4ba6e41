//! The questions that are asked outside a run: about an address, a country, a reseller, ourselves.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use uuid::Uuid;

use super::address::{self, AddressQuestion, AddressVerdict};
use super::answers::{self, Agreement, CountryRulesAnswer, OrganizationProfile, ResellerPage};
use super::classify::Asked;
use super::client::{CallIds, Client, Exchange, is_past_the_end, turn_to};
use crate::customer::Customer;

impl Client {
    /// `POST /v1/validations/address`: is there such an address?
    pub(crate) async fn validate_address(
        &self,
        token: &SecretString,
        ids: CallIds,
        customer: &Customer,
    ) -> Exchange<Asked<AddressVerdict>> {
        let body = serde_json::to_vec(&AddressQuestion::from(customer)).expect("an address is plain data");
        let request = self
            .request(Method::POST, &["v1", "validations", "address"], token, ids)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: address::verdict(reply), trace }
    }

    /// `GET /v1/countryvalidationrules/{iso2}`: what an address there must look like.
    pub(crate) async fn country_rules(
        &self,
        token: &SecretString,
        ids: CallIds,
        country: &str,
    ) -> Exchange<Asked<CountryRulesAnswer>> {
        let request = self.request(Method::GET, &["v1", "countryvalidationrules", country], token, ids);
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: answers::country_rules(reply, country), trace }
    }

    /// `GET /v1/relationships`: one page of our indirect resellers. Takes a user's token.
    pub(crate) async fn indirect_resellers(
        &self,
        token: &SecretString,
        ids: CallIds,
        page: Option<&str>,
    ) -> Exchange<Asked<ResellerPage>> {
        let request = self
            .request(Method::GET, &["v1", "relationships"], token, ids)
            .query(&[("relationship_type", "IsIndirectCloudSolutionProviderOf")]);
        let (reply, trace) = self.send(turn_to(page, request)).await;
        let outcome = if is_past_the_end(page, &reply) {
            Asked::Answer(ResellerPage::default())
        } else {
            answers::indirect_resellers(reply)
        };
        Exchange { outcome, trace }
    }

    /// `GET /v1/compliance/csp/agreementstatus`: has this reseller accepted the Microsoft Partner Agreement? Takes a
    /// user's token.
    pub(crate) async fn reseller_agreement(
        &self,
        token: &SecretString,
        ids: CallIds,
        tenant_id: Uuid,
    ) -> Exchange<Asked<Agreement>> {
        let request = self
            .request(Method::GET, &["v1", "compliance", "csp", "agreementstatus"], token, ids)
            .query(&[("tenantId", tenant_id.to_string())]);
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: answers::reseller_agreement(reply), trace }
    }

    /// `GET /v1/profiles/organization`: who are we? Takes a user's token.
    pub(crate) async fn organization_profile(
        &self,
        token: &SecretString,
        ids: CallIds,
    ) -> Exchange<Asked<OrganizationProfile>> {
        let request = self.request(Method::GET, &["v1", "profiles", "organization"], token, ids);
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: answers::organization_profile(reply), trace }
    }
}

#[cfg(test)]
mod tests;
