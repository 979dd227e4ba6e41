//! `POST /v1/validations/address`, in both generations of its answer (fact book 5).
//!
//! The status in the body is the answer, not the HTTP status: in the second generation, every readable request gets a
//! 200. The addresses with a fixed status are those of the official SDK's tests. Any other address can select a status
//! after a `#` at the end of its first line; without one, it is valid.

use serde_json::{Map, Value, json};

use super::json_body::JsonBody;
use super::refusals;
use super::reply::Reply;
use super::scenario::AddressValidation;
use super::simulation::Visit;

/// The test addresses of the SDK: first line, city, postal code, country, status.
const KNOWN: [(&str, &str, &str, &str, &str); 8] = [
    ("1 Microsoft Way", "Redmond", "98052", "US", "VerifiedShippable"),
    ("One Microsoft Way", "Redmond", "98052", "US", "VerifiedShippable"),
    ("1 Microsoft Way", "Redmond", "98052-8300", "US", "Verified"),
    ("1 Microsoft Way", "Seattle", "98052", "US", "InteractionRequired"),
    ("1 Microsoft Way", "Seattle", "98055", "US", "None"),
    ("Microsoft Way", "Redmond", "98052", "US", "StreetPartial"),
    ("3 Microsoft Way", "Redmond", "98052", "US", "PremisesPartial"),
    ("1 Strada Dacia", "Bulboac", "6512", "MD", "Multiple"),
];

/// The statuses, in the spelling of the bodies, and how many suggestions each status has.
const STATUSES: [(&str, usize); 8] = [
    ("VerifiedShippable", 1),
    ("Verified", 1),
    ("InteractionRequired", 1),
    ("StreetPartial", 1),
    ("PremisesPartial", 2),
    ("Multiple", 3),
    ("None", 0),
    ("NotValidated", 0),
];

/// The fields of an address without the name and phone number of a contact.
pub(super) const FIELDS: [&str; 7] =
    ["country", "region", "city", "state", "addressLine1", "addressLine2", "postalCode"];

pub(super) fn validate(visit: &Visit<'_>) -> Reply {
    let Some(address) = &visit.arrived.order else { return refusals::no_object() };
    match visit.simulation.scenario.address_validation {
        AddressValidation::First => first_generation(address),
        AddressValidation::Second => {
            Reply::json(200, &second_generation(address)).with_header("x-locale", "en-US")
        }
    }
}

fn text<'a>(address: &'a JsonBody, name: &str) -> &'a str {
    address.text(name).unwrap_or_default()
}

/// The first line, and the text after its `#`.
fn split_line(address: &JsonBody) -> (&str, Option<&str>) {
    match text(address, "addressLine1").split_once('#') {
        Some((line, asked_for)) => (line.trim(), Some(asked_for.trim())),
        None => (text(address, "addressLine1"), None),
    }
}

fn status(address: &JsonBody) -> &str {
    let (line, asked_for) = split_line(address);
    if let Some(asked_for) = asked_for {
        // An unknown status is returned as it was requested: a client must handle it.
        let known = STATUSES.iter().find(|(status, _)| status.eq_ignore_ascii_case(asked_for));
        return known.map_or(asked_for, |(status, _)| *status);
    }
    if address.text("country").is_none() {
        return "NotValidated";
    }
    let is = |name: &str, value: &str| text(address, name).trim().eq_ignore_ascii_case(value);
    let known = KNOWN.iter().find(|(known_line, city, postal_code, country, _)| {
        line.eq_ignore_ascii_case(known_line)
            && is("city", city)
            && is("postalCode", postal_code)
            && is("country", country)
    });
    match known {
        Some((.., status)) => status,
        None if line.is_empty() => "None",
        None => "VerifiedShippable",
    }
}

fn second_generation(address: &JsonBody) -> Value {
    let status = status(address);
    let mut body = json!({ "originalAddress": address.copied("", &FIELDS), "status": status });
    // It is not documented whether an empty list is `[]`, null or absent, so all three occur.
    match status {
        "NotValidated" => {}
        "None" => body["suggestedAddresses"] = Value::Null,
        _ => body["suggestedAddresses"] = json!(suggestions(address, status)),
    }
    if !status.starts_with("Verified") {
        let message = "Address field invalid for property: 'Region', 'PostalCode', 'City'";
        body["validationMessage"] = json!(message);
    }
    body
}

fn suggestions(address: &JsonBody, status: &str) -> Vec<Map<String, Value>> {
    let count = STATUSES.iter().find(|(known, _)| *known == status).map_or(0, |(_, count)| *count);
    (1..=count).map(|number| suggestion(address, status, number)).collect()
}

/// The address as the service would write it.
fn suggestion(address: &JsonBody, status: &str, number: usize) -> Map<String, Value> {
    let mut suggested = address.copied("", &FIELDS);
    let (line, _) = split_line(address);
    let street = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
    let numbered = format!("{number} {street}");
    let is_verified = status.starts_with("Verified");
    let line = if is_verified || status == "InteractionRequired" { line } else { &numbered };
    suggested.insert("addressLine1".to_owned(), json!(line));
    let postal_code = text(address, "postalCode");
    if text(address, "country").eq_ignore_ascii_case("US") && postal_code.len() == 5 {
        let extension = if is_verified { "8300" } else { "6399" };
        suggested.insert("postalCode".to_owned(), json!(format!("{postal_code}-{extension}")));
    }
    if status == "InteractionRequired" {
        suggested.insert("city".to_owned(), json!(corrected_city(address)));
    }
    suggested
}

/// How the service corrects a city that does not match the postal code.
fn corrected_city(address: &JsonBody) -> String {
    match text(address, "postalCode") {
        "98052" => "Redmond".to_owned(),
        _ => text(address, "city").to_uppercase(),
    }
}

/// An empty 200, or a 400 with a JSON document in its text. The document has its own property names.
fn first_generation(address: &JsonBody) -> Reply {
    if status(address).starts_with("Verified") {
        return Reply::empty(200);
    }
    let (city, corrected) = (text(address, "city"), corrected_city(address));
    let reason = format!(
        "ZipCityInvalid - Details: Field - &#39;City&#39; is corrected from OldValue: &#39;{city}&#39; to \
         NewValue: &#39;{corrected}&#39;."
    );
    let document = json!({
        "code": "60071",
        "reason": reason,
        "corrected_address": {
            "country": text(address, "country"),
            "region": text(address, "state"),
            "city": corrected,
            "address_line1": split_line(address).0,
            "postal_code": text(address, "postalCode"),
        },
        "object_type": "AddressValidation",
        "resource_status": "Active",
    });
    Reply::refusal(400, 2007, &document.to_string(), &[])
}
