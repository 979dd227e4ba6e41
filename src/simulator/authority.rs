//! The token authority: `/oauth2/v2.0/token`, the older `/oauth2/token`, and the grants that both accept.
//!
//! The grants decide who is signed in. This module formats the answer: v1 writes numbers as text, v2 as numbers (fact
//! book 2.2 to 2.4).

use serde_json::{Value, json};
use uuid::Uuid;

use super::aadsts::Refusal;
use super::assertion;
use super::device;
use super::id_token;
use super::partner::{self, derived_id};
use super::refresh;
use super::reply::Reply;
use super::sign_in::{DECLINED, EXPIRED, Granted, SignIn, Version, is_marked};
use super::simulation::{Visit, lock};
use super::token::{TokenKind, web_token};

/// `POST /{tenant}/oauth2/v2.0/token` and `POST /{tenant}/oauth2/token`.
pub(super) fn token(visit: &Visit<'_>, version: Version) -> Reply {
    let sign_in = SignIn::new(visit, version);
    match granted(&sign_in).and_then(|granted| answer(&sign_in, &granted)) {
        Ok(body) => {
            let reply = Reply::json(200, &body);
            let reply = reply.with_header("cache-control", "no-cache, no-store");
            reply.with_header("pragma", "no-cache").with_header("expires", "-1")
        }
        Err(refusal) => refusal.reply(),
    }
}

fn granted(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    let grant_type = sign_in.required("grant_type")?;
    match grant_type {
        "client_credentials" => refuse_marked(sign_in).and_then(|()| client_credentials(sign_in)),
        "refresh_token" => refuse_marked(sign_in).and_then(|()| refresh::redeem(sign_in)),
        polling if device::GRANT_TYPES.contains(&polling) => device::poll(sign_in),
        _ => {
            let text = format!("The app requested an unsupported grant type '{grant_type}'.");
            Err(Refusal::new(400, "unsupported_grant_type", 70_003, text))
        }
    }
}

/// Refuses the clients that fail to sign in. When polling for a device code, they fail in their own way.
fn refuse_marked(sign_in: &SignIn<'_>) -> Result<(), Refusal> {
    let client_id = sign_in.client_id()?;
    if is_marked(client_id, DECLINED) {
        let text = "The user or administrator has not consented to use the application.";
        return Err(Refusal::new(400, "consent_required", 65_001, text));
    }
    if is_marked(client_id, EXPIRED) {
        return Err(Refusal::invalid_client(7_000_222, "The provided client secret keys are expired."));
    }
    Ok(())
}

fn client_credentials(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    sign_in.client_id()?;
    match assertion::client_proof(sign_in)? {
        0 => {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the \
                        'client_credentials' grant type.";
            Err(Refusal::invalid_client(7_000_216, text))
        }
        client_proof => {
            let wanted = sign_in.wanted(sign_in.field("scope"))?;
            Ok(Granted { kind: TokenKind::AppOnly, client_proof, wanted, renews: false })
        }
    }
}

fn answer(sign_in: &SignIn<'_>, granted: &Granted) -> Result<Value, Refusal> {
    let lifetime = sign_in.simulation.scenario.token_lifetime;
    let claims = claims(sign_in, granted)?;
    let token = lock(&sign_in.simulation.tokens).mint(&claims, lifetime);
    let mut body = json!({ "token_type": "Bearer", "access_token": token });
    match sign_in.version {
        Version::V1 => {
            let seconds = lifetime.as_secs();
            let now = crate::clock::now().as_second();
            body["expires_in"] = json!(seconds.to_string());
            body["ext_expires_in"] = json!(seconds.to_string());
            body["expires_on"] = json!(now.saturating_add_unsigned(seconds).to_string());
            body["not_before"] = json!(now.to_string());
            body["resource"] = json!(granted.wanted.audience);
        }
        Version::V2 => body["expires_in"] = json!(lifetime.as_secs()),
    }
    if granted.kind != TokenKind::AppOnly {
        add_user(&mut body, sign_in, granted, &claims);
    }
    Ok(body)
}

/// The claims of a token. App-only tokens have `idtyp`; App+User tokens have `scp`, `amr` and the user.
fn claims(sign_in: &SignIn<'_>, granted: &Granted) -> Result<Value, Refusal> {
    let app_id = sign_in.client_id()?;
    let tenant_id = partner::tenant_id(sign_in.tenant);
    let issued_at = crate::clock::now().as_second();
    let lifetime = sign_in.simulation.scenario.token_lifetime;
    let mut claims = json!({
        "aud": granted.wanted.audience,
        "iss": format!("https://sts.windows.net/{tenant_id}/"),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at.saturating_add_unsigned(lifetime.as_secs()),
        "appid": app_id,
        // 0 for a public client, 1 for a secret, 2 for a certificate.
        "appidacr": granted.client_proof.to_string(),
        "tid": tenant_id,
        "ver": "1.0",
    });
    match granted.kind.mfa() {
        None => {
            claims["idtyp"] = json!("app");
            claims["oid"] = json!(derived_id("service principal", app_id));
        }
        Some(mfa) => {
            let user = partner::user();
            claims["scp"] = json!("user_impersonation");
            claims["amr"] = if mfa { json!(["pwd", "mfa"]) } else { json!(["pwd"]) };
            claims["oid"] = json!(user.object_id);
            claims["upn"] = json!(user.principal_name);
            claims["unique_name"] = json!(user.principal_name);
        }
    }
    Ok(claims)
}

/// Adds the parts that only an answer for a user has.
fn add_user(body: &mut Value, sign_in: &SignIn<'_>, granted: &Granted, claims: &Value) {
    body["scope"] = match sign_in.version {
        Version::V1 => json!("user_impersonation"),
        Version::V2 => json!(format!("{}/user_impersonation", granted.wanted.audience)),
    };
    if granted.wanted.id_token {
        body["id_token"] = json!(web_token(&id_token::claims(sign_in, claims)));
    }
    if sign_in.field("client_info") == Some("1") {
        body["client_info"] = json!(id_token::client_info(claims));
    }
    if granted.wanted.refresh_token && granted.renews {
        // The first letters define what the token means.
        let mark = if granted.kind.mfa() == Some(true) { "0.A" } else { refresh::WITHOUT_MFA };
        let refresh_token = format!("{mark}-{}", Uuid::new_v4().simple());
        body["refresh_token"] = json!(refresh_token);
        lock(&sign_in.simulation.refresh_tokens).insert(refresh_token);
    }
}
