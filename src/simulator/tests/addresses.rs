//! Tests address validation and country rules, both in two generations.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{AddressValidation, CountryRules, Scenario};
use super::client::{Answer, Client, start};

async fn validate(client: Client, line: &str, city: &str, postal_code: &str, country: &str) -> Answer {
    let address = json!({
        "AddressLine1": line,
        "City": city,
        "State": "WA",
        "PostalCode": postal_code,
        "Country": country,
    });
    client.call("POST", "/v1/validations/address", Uuid::new_v4(), &address.to_string()).await
}

#[tokio::test]
async fn the_test_addresses_of_the_sdk_have_their_statuses() {
    let (_simulator, client) = start(Scenario::default()).await;
    let check = async |line, city, postal_code, country, expected: &str, suggestions: Option<usize>| {
        let answer = validate(client, line, city, postal_code, country).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["status"]), (Some(200), &json!(expected)), "{line}, {city}");
        let suggested = body.get("suggestedAddresses").and_then(Value::as_array).map(Vec::len);
        assert_eq!(suggested, suggestions, "{expected}");
    };
    check("1 Microsoft Way", "Redmond", "98052", "US", "VerifiedShippable", Some(1)).await;
    check("1 microsoft way", "REDMOND", "98052-8300", "us", "Verified", Some(1)).await;
    check("1 Microsoft Way", "Seattle", "98052", "US", "InteractionRequired", Some(1)).await;
    check("Microsoft Way", "Redmond", "98052", "US", "StreetPartial", Some(1)).await;
    check("3 Microsoft Way", "Redmond", "98052", "US", "PremisesPartial", Some(2)).await;
    check("1 Microsoft Way", "Seattle", "98055", "US", "None", None).await;
    check("1 Microsoft Way", "Redmond", "98052", "", "NotValidated", None).await;
    check("1 Strada Dacia", "Bulboac", "6512", "MD", "Multiple", Some(3)).await;
    check("7 Park Row", "Leeds", "LS1 5HD", "GB", "VerifiedShippable", Some(1)).await;
}

#[tokio::test]
async fn any_address_can_ask_for_a_status() {
    let (_simulator, client) = start(Scenario::default()).await;
    let body = validate(client, "7 Park Row #premisespartial", "Leeds", "LS1 5HD", "GB").await.json();
    assert_eq!(body["status"], "PremisesPartial");
    assert_eq!(body["suggestedAddresses"][1]["addressLine1"], "2 Park Row");
    assert!(body["validationMessage"].is_string());
    let unheard_of = validate(client, "7 Park Row #Geocoded", "Leeds", "LS1 5HD", "GB").await.json();
    assert_eq!((&unheard_of["status"], &unheard_of["suggestedAddresses"]), (&json!("Geocoded"), &json!([])));
    let no_object = client.call("POST", "/v1/validations/address", Uuid::new_v4(), "[]").await;
    assert_eq!((no_object.status, no_object.code()), (Some(400), 2000));
}

#[tokio::test]
async fn the_first_generation_says_nothing_or_2007() {
    let first = Scenario { address_validation: AddressValidation::First, ..Scenario::default() };
    let (_simulator, client) = start(first).await;
    let good = validate(client, "One Microsoft Way", "Redmond", "98052", "US").await;
    assert_eq!((good.status, good.body.len()), (Some(200), 0));
    let bad = validate(client, "1 Microsoft Way", "Seattle", "98052", "US").await;
    assert_eq!((bad.status, bad.code()), (Some(400), 2007));
    let inner: Value = serde_json::from_str(bad.json()["description"].as_str().unwrap()).unwrap();
    assert_eq!((&inner["code"], &inner["corrected_address"]["city"]), (&json!("60071"), &json!("Redmond")));
}

#[tokio::test]
async fn country_rules_come_in_two_shapes() {
    let get = async |country_rules, country: &str| {
        let (_simulator, client) = start(Scenario { country_rules, ..Scenario::default() }).await;
        client.get(&format!("/v1/countryvalidationrules/{country}")).await.json()
    };
    let recorded = get(CountryRules::Recorded, "us").await;
    assert_eq!(recorded["supportedStatesList"][0], "AK");
    let documented = get(CountryRules::Documented, "US").await;
    assert_eq!(documented["states"]["value"][0], "AK");
    assert_eq!(documented["attributes"]["objectType"], "CountryInformation");
    assert_eq!((documented.get("isTaxIdOptional"), documented.get("supportedStatesList")), (None, None));
    let canada = get(CountryRules::Recorded, "CA").await;
    assert_eq!(canada["supportedCulturesList"], json!(["fr-CA", "en-US"]));
    assert_eq!((&canada["defaultCulture"], canada.get("postalCodeRegex")), (&json!("fr-CA"), None));
}

#[tokio::test]
async fn a_country_without_rules_is_refused() {
    let (_simulator, client) = start(Scenario::default()).await;
    let unknown = client.get("/v1/countryvalidationrules/UK").await;
    assert_eq!((unknown.status, unknown.code()), (Some(404), 1000));
    let text = "No validation rules were found for the country/region UK";
    assert_eq!(unknown.json()["description"], text);
    let malformed = client.get("/v1/countryvalidationrules/GBR").await;
    assert_eq!((malformed.status, malformed.code()), (Some(400), 2000));
}
