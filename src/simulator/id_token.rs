//! What a client learns about the user who signed in: the id token, and `client_info`.
//!
//! Both are for the client alone; the API rejects an id token. MSAL for Python and Node name the account after
//! `client_info`, and need `sub` in the id token without it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::openid;
use super::partner::derived_id;
use super::sign_in::{SignIn, Version};

/// The claims of the id token that goes with an access token of these claims.
pub(super) fn claims(sign_in: &SignIn<'_>, access: &Value) -> Value {
    let mut claims = json!({
        "aud": access["appid"],
        "iat": access["iat"],
        "nbf": access["nbf"],
        "exp": access["exp"],
        "amr": access["amr"],
        "tid": access["tid"],
        "oid": access["oid"],
        // Another id in every app, so that two apps cannot recognize the same user by it.
        "sub": derived_id("subject", &format!("{} {}", access["appid"], access["oid"])),
        "name": "Simulated administrator",
    });
    match sign_in.version {
        Version::V1 => {
            claims["iss"] = access["iss"].clone();
            claims["upn"] = access["upn"].clone();
            claims["unique_name"] = access["unique_name"].clone();
            claims["ver"] = json!("1.0");
        }
        Version::V2 => {
            claims["iss"] = json!(openid::issuer(&sign_in.own_url, sign_in.tenant));
            claims["preferred_username"] = access["upn"].clone();
            claims["ver"] = json!("2.0");
        }
    }
    claims
}

/// The user and the user's tenant, in the form that MSAL reads.
pub(super) fn client_info(access: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "uid": access["oid"], "utid": access["tid"] }).to_string())
}
