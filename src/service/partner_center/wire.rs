//! Reads and writes the JSON bodies of Partner Center (fact book 4.1, 4.8, 9, 13.1).

use crate::transport::without_bom;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use tenantry_model::customer::Customer;

/// The body of `POST /v1/customers`, in the order of the documentation. Leaves out what must not be sent: ids, credentials,
/// relationship, empty fields (fact book 4.1).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewCustomer<'a> {
    company_profile: NewCompanyProfile<'a>,
    billing_profile: NewBillingProfile<'a>,
    #[serde(rename = "enableGDAPByDefault")]
    enable_gdap_by_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    associated_partner_id: Option<Uuid>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewCompanyProfile<'a> {
    domain: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_registration_number: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBillingProfile<'a> {
    // Documented as optional, but a client got a generic error without the names (fact book 4.1).
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    culture: &'a str,
    language: &'a str,
    company_name: &'a str,
    default_address: NewAddress<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAddress<'a> {
    country: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    address_line1: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_line2: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<&'a str>,
    first_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    middle_name: Option<&'a str>,
    last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
}

impl<'a> From<&'a Customer> for NewCustomer<'a> {
    fn from(customer: &'a Customer) -> Self {
        Self {
            company_profile: NewCompanyProfile {
                domain: customer.domain.as_str(),
                organization_registration_number: customer.organization_registration_number.as_deref(),
            },
            billing_profile: NewBillingProfile {
                first_name: &customer.first_name,
                last_name: &customer.last_name,
                email: &customer.email,
                culture: &customer.culture,
                language: &customer.language,
                company_name: &customer.company_name,
                default_address: NewAddress {
                    country: &customer.country,
                    region: customer.region.as_deref(),
                    city: customer.city.as_deref(),
                    state: customer.state.as_deref(),
                    address_line1: &customer.address_line1,
                    address_line2: customer.address_line2.as_deref(),
                    postal_code: customer.postal_code.as_deref(),
                    first_name: &customer.first_name,
                    middle_name: customer.middle_name.as_deref(),
                    last_name: &customer.last_name,
                    phone_number: customer.phone_number.as_deref(),
                },
            },
            enable_gdap_by_default: customer.enable_gdap_by_default,
            associated_partner_id: customer.associated_partner_id,
        }
    }
}

/// The parts of the answer to a create that we use.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTenant {
    #[serde(rename = "id")]
    pub customer_id: String,
    #[serde(default, deserialize_with = "text_or_number")]
    pub commerce_id: Option<String>,
    #[serde(default)]
    company_profile: Value,
    user_credentials: Option<UserCredentials>,
}

/// The bare user name (`admin`) and the password, which is shown only once. It is unknown what a replay contains (fact
/// book 3.3), so either may be missing or empty.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserCredentials {
    #[serde(default, deserialize_with = "text_or_number")]
    user_name: Option<String>,
    password: Option<SecretString>,
}

/// What is only written down must not cost the password beside it, whatever its form.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The part of the answer that proves that the customer exists, with its id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identified {
    id: String,
    #[serde(default)]
    company_profile: Value,
}

impl NewTenant {
    /// `None`: the body has no customer id. If the credentials cannot be parsed, the id must still be read.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let body = without_bom(body);
        let tenant = serde_json::from_slice::<Self>(body).or_else(|_| {
            let Identified { id, company_profile } = serde_json::from_slice(body)?;
            Ok::<_, serde_json::Error>(Self {
                customer_id: id,
                commerce_id: None,
                company_profile,
                user_credentials: None,
            })
        });
        tenant.ok().filter(|tenant| !tenant.customer_id.trim().is_empty())
    }

    /// The domain in the answer, in the spelling of the ledger; `None` if there is none.
    pub fn domain(&self) -> Option<String> {
        let domain = self.company_profile.get("domain")?.as_str()?.trim().to_ascii_lowercase();
        (!domain.is_empty()).then_some(domain)
    }

    /// User name and password, if there is a password.
    pub fn credentials(&self) -> Option<(&str, &SecretString)> {
        let credentials = self.user_credentials.as_ref()?;
        let password = credentials.password.as_ref().filter(|text| !text.expose_secret().is_empty())?;
        Some((credentials.user_name.as_deref().unwrap_or("admin"), password))
    }
}

/// One page of a list, for example of `GET /v1/customers`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListPage<T> {
    total_count: Option<u64>,
    items: Option<Vec<T>>,
    continuation_token: Option<String>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerItem {
    pub(super) id: String,
    pub(super) company_profile: Option<ItemProfile>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ItemProfile {
    pub(super) domain: Option<String>,
}

/// The usable part of one page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Links {
    next: Option<Link>,
}

/// Only the token of a link is used, because its `uri` occurs with and without `/v1` (fact book 9).
#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    headers: Vec<LinkHeader>,
}

#[derive(Debug, Deserialize)]
struct LinkHeader {
    key: String,
    value: String,
}

impl<T> ListPage<T> {
    /// Is it a list, and not other JSON, such as the `{"status":"maintenance"}` or the `{"items":[]}` of a gateway?
    /// `is_signed`: the answer has headers of the service.
    pub(super) fn is_list(&self, is_signed: bool) -> bool {
        match &self.items {
            Some(items) if !items.is_empty() => true,
            Some(_) => self.total_count.is_some() || self.links.is_some(),
            None => is_signed && self.total_count == Some(0),
        }
    }

    /// The usable items, and the token of the next page, which can be in two places.
    pub(super) fn of_use<U>(self, of_use: impl FnMut(T) -> Option<U>) -> Page<U> {
        let in_link = self.links.and_then(|links| links.next).and_then(|next| {
            let mut headers = next.headers.into_iter();
            headers.find(|header| header.key.eq_ignore_ascii_case("MS-ContinuationToken"))
        });
        let next = self.continuation_token.or(in_link.map(|header| header.value));
        Page {
            items: self.items.into_iter().flatten().filter_map(of_use).collect(),
            next: next.filter(|token| !token.is_empty()),
        }
    }
}

/// An error body in any of the shapes A, B and C (fact book 13.1).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    #[serde(default, deserialize_with = "number_or_text")]
    pub(super) code: Option<String>,
    // Documented as texts and lists; with any other type, the code must still be read.
    #[serde(default)]
    description: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    data: Value,
}

impl ErrorBody {
    /// True for the shapes A and C: a description, and a code that does not just repeat the status.
    pub(super) fn is_the_services(&self, status: u16) -> bool {
        self.code.as_ref().is_some_and(|code| *code != status.to_string()) && self.description.is_string()
    }

    /// The service's own words: the description or message, then the entries of `data`.
    pub(super) fn text(&self) -> String {
        let mut text = words(&self.description);
        if text.is_empty() {
            text = words(&self.message);
        }
        let details = self.data.as_array().map_or(std::slice::from_ref(&self.data), Vec::as_slice);
        for detail in details.iter().map(words).filter(|detail| !detail.is_empty()) {
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str(&detail);
        }
        text
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Reads a value that is documented as text but may be a number, or the other way round.
pub(super) fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

/// Reads the same from a parsed value; `None` if it is neither.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
