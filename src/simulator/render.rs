//! Formats customers as JSON, in three forms: created, looked up by id, and listed.
//!
//! The fields are those of `create-customer-201.http`, `create-customer-indirect-201.http`, `customer-by-id-200.http`
//! and `customers-filtered-200.http`. Every form depends only on the creation, so a replay is identical to the first
//! answer.

use serde_json::{Value, json};

use super::address;
use super::effect::Creation;
use super::json_body::JsonBody;
use super::partner::derived_id;
use super::reply::Reply;

/// The fields of an address of a customer, in addition to [`address::FIELDS`].
const CONTACT: [&str; 4] = ["firstName", "middleName", "lastName", "phoneNumber"];

/// The body of a 201.
pub(super) fn created(creation: &Creation, order: &JsonBody, with_password: bool) -> Value {
    let reseller = order.text("associatedPartnerId");
    let mut customer = json!({
        "id": creation.customer_id,
        "commerceId": creation.commerce_id,
        "companyProfile": company_profile(creation, reseller.map(|_| order)),
        "billingProfile": billing_profile(creation, order),
        "relationshipToPartner": if reseller.is_some() { "reseller" } else { "none" },
        "attributes": attributes("Customer"),
    });
    if let Some(reseller) = reseller {
        customer["allowDelegatedAccess"] = json!(true);
        customer["associatedPartnerId"] = json!(reseller);
    }
    if let Some(gdap) = order.value("enableGDAPByDefault") {
        customer["enableGDAPByDefault"] = gdap.clone();
    }
    if with_password {
        customer["userCredentials"] =
            json!({ "userName": creation.user_name, "password": creation.password });
    }
    customer
}

/// The body of a lookup by id.
pub(super) fn looked_up(creation: &Creation, order: &JsonBody) -> Value {
    json!({
        "id": creation.customer_id,
        "commerceId": creation.commerce_id,
        "companyProfile": company(creation, order),
        "billingProfile": billing(creation, order),
        "relationshipToPartner": "reseller",
        "allowDelegatedAccess": true,
        "customDomains": [creation.domain],
        "links": self_link(&format!("/customers/{}", creation.customer_id)),
        "attributes": attributes("Customer"),
    })
}

/// The whole company profile.
pub(super) fn company(creation: &Creation, order: &JsonBody) -> Value {
    let mut company = company_profile(creation, Some(order));
    company["address"] = company_address(order);
    if let Some(email) = order.value("billingProfile.email") {
        company["email"] = email.clone();
    }
    company
}

/// The whole billing profile.
pub(super) fn billing(creation: &Creation, order: &JsonBody) -> Value {
    let mut billing = billing_profile(creation, order);
    billing["links"] = self_link(&format!("/customers/{}/profiles/billing", creation.customer_id));
    billing
}

/// An item of a list.
pub(super) fn listed(creation: &Creation, order: &JsonBody) -> Value {
    json!({
        "id": creation.customer_id,
        "companyProfile": company_profile(creation, Some(order)),
        "relationshipToPartner": "reseller",
        "links": self_link(&format!("/customers/{}", creation.customer_id)),
        "attributes": attributes("Customer"),
    })
}

pub(super) fn self_link(uri: &str) -> Value {
    json!({ "self": { "uri": uri, "method": "GET", "headers": [] } })
}

/// A complete list, without paging.
pub(super) fn collection(items: &[Value]) -> Reply {
    let attributes = attributes("Collection");
    Reply::json(200, &json!({ "totalCount": items.len(), "items": items, "attributes": attributes }))
}

pub(super) fn attributes(object_type: &str) -> Value {
    json!({ "objectType": object_type })
}

/// With name and links if `order` is given.
fn company_profile(creation: &Creation, order: Option<&JsonBody>) -> Value {
    let mut company = json!({
        "tenantId": creation.customer_id,
        "domain": creation.domain,
        "attributes": attributes("CustomerCompanyProfile"),
    });
    if let Some(order) = order {
        company["companyName"] = json!(order.text("billingProfile.companyName").unwrap_or_default());
        company["links"] = self_link(&format!("/customers/{}/profiles/company", creation.customer_id));
    }
    company
}

/// The company's address has the state in `region` (fact book 8.1).
fn company_address(order: &JsonBody) -> Value {
    let names = ["country", "state", "city", "addressLine1", "postalCode", "phoneNumber"];
    let mut address = order.copied("billingProfile.defaultAddress.", &names);
    if let Some(state) = address.remove("state") {
        address.insert("region".to_owned(), state);
    }
    address.into()
}

fn billing_profile(creation: &Creation, order: &JsonBody) -> Value {
    let names = ["firstName", "lastName", "email", "language", "companyName"];
    let mut billing = Value::Object(order.copied("billingProfile.", &names));
    billing["culture"] = json!(order.text("billingProfile.culture").map(normalized_culture));
    billing["id"] = json!(derived_id("billing profile", &creation.customer_id.to_string()));
    let names = [&address::FIELDS[..], &CONTACT].concat();
    let mut address = order.copied("billingProfile.defaultAddress.", &names);
    address.entry("phoneNumber").or_insert_with(|| json!(""));
    billing["defaultAddress"] = Value::Object(address);
    let etag = creation.customer_id.as_u64_pair().0.cast_signed().to_string();
    billing["attributes"] = json!({ "etag": etag, "objectType": "CustomerBillingProfile" });
    billing
}

/// `EN-US` is returned as `en-US` (fact book 4.8).
fn normalized_culture(culture: &str) -> String {
    match culture.split_once('-') {
        Some((language, country)) if country.len() == 2 => {
            format!("{}-{}", language.to_ascii_lowercase(), country.to_ascii_uppercase())
        }
        _ => culture.to_owned(),
    }
}
