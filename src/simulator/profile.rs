//! The partner's own profile (fact book 11).

use serde_json::json;

use super::partner::{PARTNER_DOMAIN, PARTNER_TENANT_ID};
use super::render;
use super::reply::Reply;

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
