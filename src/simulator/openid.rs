//! The OpenID configuration, from which sign-in libraries learn the addresses of the authority.
//!
//! All addresses in the document start with the URL of the simulator. Libraries also ask a fixed host of Microsoft
//! whether the authority is genuine (instance discovery); turn that off in the library.

use serde_json::json;

use super::partner;
use super::reply::Reply;
use super::simulation::Visit;

/// The path of the OpenID configuration.
pub(super) const CONFIGURATION: &str = "/{tenant}/v2.0/.well-known/openid-configuration";

/// The path of the keys that sign tokens.
pub(super) const KEYS: &str = "/{tenant}/discovery/v2.0/keys";

/// The issuer of v2 tokens.
pub(super) fn issuer(own_url: &str, tenant: &str) -> String {
    format!("{own_url}/{}/v2.0", partner::tenant_id(tenant))
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) fn configuration(visit: &Visit<'_>) -> Reply {
    let (own_url, tenant) = (visit.own_url(), visit.arrived.parameter.as_str());
    let authority = format!("{own_url}/{tenant}");
    Reply::json(
        200,
        &json!({
            "issuer": issuer(&own_url, tenant),
            "authorization_endpoint": format!("{authority}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{authority}/oauth2/v2.0/token"),
            "device_authorization_endpoint": format!("{authority}/oauth2/v2.0/devicecode"),
            "jwks_uri": format!("{authority}/discovery/v2.0/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": [
                "sub", "iss", "aud", "exp", "iat", "nbf", "tid", "oid", "name", "preferred_username", "ver",
            ],
            "tenant_region_scope": "NA",
            "cloud_instance_name": "microsoftonline.com",
        }),
    )
}

/// `GET /{tenant}/discovery/v2.0/keys`: none, because the signatures of the simulator's tokens are random.
pub(super) fn keys() -> Reply {
    Reply::json(200, &json!({ "keys": [] }))
}
