//! The audit records: what the service reports about customers after their creation (fact book 9).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::directory::Filter;
use super::effect::Creation;
use super::incoming_request::Query;
use super::json_body::JsonBody;
use super::partner::{self, PARTNER_TENANT_ID};
use super::render;
use super::reply::Reply;
use super::simulation::{Visit, lock};

/// `GET /v1/auditrecords?startDate=…[&endDate=…][&filter=…]`: the creations that searches show.
pub(super) fn audit_records(visit: &Visit<'_>) -> Reply {
    let Some(wanted) = Wanted::read(&visit.arrived.query()) else {
        return Reply::refusal(400, 2000, "The dates or the filter are invalid.", &[]);
    };
    let page = lock(&visit.simulation.directory).search(&Filter::Everything, 0, usize::MAX - 1);
    let records = page.customers.iter().filter_map(|creation| wanted.record(creation));
    render::collection(&records.collect::<Vec<_>>())
}

/// The records that the request asks for.
struct Wanted {
    from: Date,
    /// Inclusive.
    to: Date,
    filter: Option<JsonBody>,
}

impl Wanted {
    fn read(query: &Query) -> Option<Wanted> {
        let from = query.get("startDate")?.parse().ok()?;
        let to = query.get("endDate").map_or(Some(day_of(crate::clock::now())), |day| day.parse().ok())?;
        let filter = match query.get("filter") {
            Some(text) => Some(JsonBody::parse(text.as_bytes()).filter(is_known_filter)?),
            None => None,
        };
        Some(Wanted { from, to, filter })
    }

    /// The record of a creation, if it matches. Customers that existed before have no record.
    fn record(&self, creation: &Creation) -> Option<Value> {
        let order = JsonBody::parse(creation.body.as_bytes())?;
        let is_wanted = creation.request_id != Uuid::nil()
            && (self.from..=self.to).contains(&day_of(creation.created_at))
            && self.filter.as_ref().is_none_or(|filter| fits(filter, creation, &order));
        is_wanted.then(|| add_customer(creation, &order))
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn field(filter: &JsonBody) -> String {
    filter.text("Field").unwrap_or_default().to_ascii_lowercase()
}

fn is_known_filter(filter: &JsonBody) -> bool {
    ["companyname", "customerid", "resourcetype"].contains(&field(filter).as_str())
        && filter.text("Value").is_some()
}

fn fits(filter: &JsonBody, creation: &Creation, order: &JsonBody) -> bool {
    let value = filter.text("Value").unwrap_or_default().to_lowercase();
    match field(filter).as_str() {
        "companyname" => company_name(order).to_lowercase().contains(&value),
        "customerid" => creation.customer_id.to_string() == value,
        _ => value == "customer",
    }
}

fn company_name(order: &JsonBody) -> &str {
    order.text("billingProfile.companyName").unwrap_or_default()
}

/// As in `auditrecords-add-customer-200.http`.
fn add_customer(creation: &Creation, order: &JsonBody) -> Value {
    let customer_id = creation.customer_id;
    let ticks = creation.created_at.as_microsecond();
    json!({
        "id": format!("{PARTNER_TENANT_ID}_{customer_id}_{customer_id}_addcustomer_{ticks}"),
        "partnerId": PARTNER_TENANT_ID,
        "participants": [PARTNER_TENANT_ID],
        "customerId": customer_id,
        "customerName": company_name(order),
        "userPrincipalName": partner::user().principal_name,
        "applicationId": "4990cffe-04e8-4e8b-808a-1175604b879f",
        "resourceType": "customer",
        "resourceNewValue": new_value(creation, order),
        "operationType": "add_customer",
        "originalCorrelationId": creation.correlation_id,
        "operationDate": creation.created_at.to_string(),
        "operationStatus": "succeeded",
        "customizedData": [
            { "key": "PrimaryDomainName", "value": creation.domain },
            { "key": "Relationship", "value": "Reseller" },
        ],
        "attributes": { "objectType": "AuditRecord" },
    })
}

/// The customer as JSON in a text, with names in PascalCase and a blank password.
fn new_value(creation: &Creation, order: &JsonBody) -> String {
    let mut customer = render::created(creation, order, false);
    customer["companyProfile"]["companyName"] = json!(company_name(order));
    let mut customer = in_pascal_case(customer);
    customer["UserCredentials"] = json!({ "userName": creation.user_name, "password": "" });
    customer.to_string()
}

fn in_pascal_case(value: Value) -> Value {
    let capitalized = |name: &str| {
        let mut letters = name.chars();
        letters
            .next()
            .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    match value {
        Value::Object(properties) => {
            let renamed =
                properties.into_iter().map(|(name, value)| (capitalized(&name), in_pascal_case(value)));
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_pascal_case).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
