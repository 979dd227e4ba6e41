//! Customers as JSON, in the three forms the service shows them in: created, by id, and as an item of a list.
//!
//! Field for field after `create-customer-201.http`, `create-customer-indirect-201.http`, `customer-by-id-200.http`
//! and `customers-filtered-200.http`. Every form follows from the creation alone, so a replay equals the first
//! answer to the letter.

use serde_json::{Map, Value, json};

use super::effect::Creation;
use super::order::Order;
use super::partner::derived_id;
use super::reply::Reply;

const ADDRESS: [&str; 11] = [
    "country",
    "region",
    "city",
    "state",
    "addressLine1",
    "addressLine2",
    "postalCode",
    "firstName",
    "middleName",
    "lastName",
    "phoneNumber",
];

/// The body of a 201.
pub(super) fn created(creation: &Creation, order: &Order, with_password: bool) -> Value {
    let reseller = order.text("associatedPartnerId");
    let mut customer = object([
        ("id", json!(creation.customer_id)),
        ("commerceId", json!(creation.commerce_id)),
        ("billingProfile", billing_profile(creation, order)),
        ("attributes", attributes("Customer")),
    ]);
    let mut company = company_profile(creation);
    if let Some(reseller) = reseller {
        company.extend(company_name_and_links(creation, order));
        customer.insert("relationshipToPartner".to_owned(), json!("reseller"));
        customer.insert("allowDelegatedAccess".to_owned(), json!(true));
        customer.insert("associatedPartnerId".to_owned(), json!(reseller));
    } else {
        customer.insert("relationshipToPartner".to_owned(), json!("none"));
    }
    if let Some(gdap) = order.value("enableGDAPByDefault") {
        customer.insert("enableGDAPByDefault".to_owned(), gdap.clone());
    }
    if with_password {
        let credentials = json!({ "userName": creation.user_name, "password": creation.password });
        customer.insert("userCredentials".to_owned(), credentials);
    }
    customer.insert("companyProfile".to_owned(), Value::Object(company));
    Value::Object(customer)
}

/// The body of a lookup by id.
pub(super) fn looked_up(creation: &Creation, order: &Order) -> Value {
    let mut company = company_profile(creation);
    company.extend(company_name_and_links(creation, order));
    company.insert("address".to_owned(), company_address(order));
    if let Some(email) = order.value("billingProfile.email") {
        company.insert("email".to_owned(), email.clone());
    }
    let mut billing = billing_profile(creation, order);
    billing["links"] = self_link(&format!("/customers/{}/profiles/billing", creation.customer_id));
    json!({
        "id": creation.customer_id,
        "commerceId": creation.commerce_id,
        "companyProfile": company,
        "billingProfile": billing,
        "relationshipToPartner": "reseller",
        "allowDelegatedAccess": true,
        "customDomains": [creation.domain],
        "links": self_link(&format!("/customers/{}", creation.customer_id)),
        "attributes": attributes("Customer"),
    })
}

/// An item of a list.
pub(super) fn listed(creation: &Creation, order: &Order) -> Value {
    let mut company = company_profile(creation);
    company.extend(company_name_and_links(creation, order));
    json!({
        "id": creation.customer_id,
        "companyProfile": company,
        "relationshipToPartner": "reseller",
        "links": self_link(&format!("/customers/{}", creation.customer_id)),
        "attributes": attributes("Customer"),
    })
}

pub(super) fn self_link(uri: &str) -> Value {
    json!({ "self": { "uri": uri, "method": "GET", "headers": [] } })
}

/// A list that comes whole.
pub(super) fn collection(items: &[Value]) -> Reply {
    let attributes = attributes("Collection");
    Reply::json(200, &json!({ "totalCount": items.len(), "items": items, "attributes": attributes }))
}

pub(super) fn attributes(object_type: &str) -> Value {
    json!({ "objectType": object_type })
}

fn object<const N: usize>(properties: [(&str, Value); N]) -> Map<String, Value> {
    properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn company_profile(creation: &Creation) -> Map<String, Value> {
    object([
        ("tenantId", json!(creation.customer_id)),
        ("domain", json!(creation.domain)),
        ("attributes", attributes("CustomerCompanyProfile")),
    ])
}

fn company_name_and_links(creation: &Creation, order: &Order) -> Map<String, Value> {
    let link = self_link(&format!("/customers/{}/profiles/company", creation.customer_id));
    let name = order.text("billingProfile.companyName").unwrap_or_default();
    object([("companyName", json!(name)), ("links", link)])
}

/// The company's address has the state under `region` (fact book 8.1).
fn company_address(order: &Order) -> Value {
    let names = ["country", "state", "city", "addressLine1", "postalCode", "phoneNumber"];
    let mut address = order.copied("billingProfile.defaultAddress.", &names);
    if let Some(state) = address.remove("state") {
        address.insert("region".to_owned(), state);
    }
    address.into()
}

fn billing_profile(creation: &Creation, order: &Order) -> Value {
    let names = ["firstName", "lastName", "email", "language", "companyName"];
    let mut billing = order.copied("billingProfile.", &names);
    let culture = order.text("billingProfile.culture").map(normalized_culture);
    billing.insert("culture".to_owned(), json!(culture));
    let id = creation.customer_id.to_string();
    billing.insert("id".to_owned(), json!(derived_id("billing profile", &id)));
    let mut address = order.copied("billingProfile.defaultAddress.", &ADDRESS);
    address.entry("phoneNumber").or_insert_with(|| json!(""));
    billing.insert("defaultAddress".to_owned(), Value::Object(address));
    let etag = creation.customer_id.as_u64_pair().0.cast_signed().to_string();
    billing.insert("attributes".to_owned(), json!({ "etag": etag, "objectType": "CustomerBillingProfile" }));
    Value::Object(billing)
}

/// `EN-US` comes back as `en-US` (fact book 4.8).
fn normalized_culture(culture: &str) -> String {
    match culture.split_once('-') {
        Some((language, country)) if country.len() == 2 => {
            format!("{}-{}", language.to_ascii_lowercase(), country.to_ascii_uppercase())
        }
        _ => culture.to_owned(),
    }
}
