//! The partner's own profile, and what it has asked of the API lately (fact book 2.5 and 11).

use serde_json::{Value, json};

use super::exchange::{Simulation, lock};
use super::render;
use super::reply::Reply;
use super::request_log::RequestRecord;
use super::token::{self, PARTNER_DOMAIN, PARTNER_TENANT_ID};

/// How many calls are shown, the newest.
const SHOWN: usize = 100;

/// The app that is shown for every call; which one made it is not on record.
const APP_ID: &str = "60a00bf2-0644-4279-83b3-87ddf96f2509";

/// `GET /v1/profiles/organization`, as in `organization-profile-200.http`.
pub(super) fn organization() -> Reply {
    Reply::json(
        200,
        &json!({
            "id": PARTNER_TENANT_ID,
            "companyName": "Tailspin Partner (simulated)",
            "defaultAddress": {
                "country": "US",
                "city": "Redmond",
                "state": "WA",
                "addressLine1": "Two Microsoft Way",
                "addressLine2": "",
                "postalCode": "98052",
                "firstName": "Avery",
                "lastName": "Howard",
                "phoneNumber": "",
            },
            "tenantId": PARTNER_TENANT_ID,
            "domain": PARTNER_DOMAIN,
            "email": format!("partner@{PARTNER_DOMAIN}"),
            "language": "en",
            "culture": "en-US",
            "profileType": "OrganizationProfile",
            "links": render::self_link("/profiles/organization"),
            "attributes": { "etag": "-4242348048554929329", "objectType": "OrganizationProfile" },
        }),
    )
}

/// `GET /v1/partnerRequests`: the calls that came with a user's token, as in `partner-requests-200.http`.
pub(super) fn partner_requests(simulation: &Simulation) -> Reply {
    let items: Vec<Value> = lock(&simulation.requests)
        .newest(SHOWN, |record| record.call.is_api() && record.token.is_some_and(|kind| kind.mfa().is_some()))
        .map(partner_request)
        .collect();
    Reply::json(
        200,
        &json!({
            "totalCount": items.len(),
            "items": items,
            "attributes": render::attributes("Collection"),
        }),
    )
}

fn partner_request(record: &RequestRecord) -> Value {
    let user = token::user();
    let method = record.call.method.to_ascii_lowercase();
    let method = method
        .split_at_checked(1)
        .map_or(String::new(), |(first, rest)| format!("{}{rest}", first.to_ascii_uppercase()));
    let path = record.call.path.replacen("/v1/", "/v{version}/", 1);
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    json!({
        "requestId": id(record.call.request_id),
        "correlationId": id(record.call.correlation_id),
        "operationName": format!("{method} {path}"),
        // Without a zone, as printed.
        "requestDateTime": record.at.strftime("%Y-%m-%dT%H:%M:%S%.2f").to_string(),
        "ipAddress": "127.0.0.1",
        "objectId": user.object_id,
        "tenantId": PARTNER_TENANT_ID,
        "upn": user.principal_name,
        "applicationId": APP_ID,
        "mfaCompliant": record.token.and_then(token::TokenKind::mfa),
    })
}
