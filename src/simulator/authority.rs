//! The token authority: `/oauth2/v2.0/token`, the older `/oauth2/token`, and the grants that both take.
//!
//! The grants decide about who signs in; here are the two forms of the answer: v1 answers numbers as text, v2 as
//! numbers (fact book 2.2 to 2.4).

use serde_json::{Value, json};
use uuid::Uuid;

use super::aadsts::Refusal;
use super::assertion;
use super::device;
use super::refresh;
use super::reply::Reply;
use super::sign_in::{Granted, SignIn, Version};
use super::simulation::{Visit, lock};
use super::token::{Mint, TokenKind};

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
        "client_credentials" => client_credentials(sign_in),
        "refresh_token" => refresh::redeem(sign_in),
        device::GRANT_TYPE => device::poll(sign_in),
        _ => {
            let text = format!("The app requested an unsupported grant type '{grant_type}'.");
            Err(Refusal::new(400, "unsupported_grant_type", 70_003, text))
        }
    }
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
    let mint = Mint {
        tenant: sign_in.tenant,
        app_id: sign_in.client_id()?,
        audience: &granted.wanted.audience,
        kind: granted.kind,
        client_proof: granted.client_proof,
        lifetime,
    };
    let token = lock(&sign_in.simulation.tokens).mint(&mint);
    let mut body = json!({ "token_type": "Bearer", "access_token": token });
    match sign_in.version {
        Version::V1 => {
            let seconds = lifetime.as_secs();
            let now = crate::clock::now().as_second();
            body["expires_in"] = json!(seconds.to_string());
            body["ext_expires_in"] = json!(seconds.to_string());
            body["expires_on"] = json!(now.saturating_add_unsigned(seconds).to_string());
            body["not_before"] = json!(now.to_string());
            body["resource"] = json!(mint.audience);
        }
        Version::V2 => body["expires_in"] = json!(lifetime.as_secs()),
    }
    if granted.kind != TokenKind::AppOnly {
        add_user(&mut body, sign_in, granted, &mint);
    }
    Ok(body)
}

/// What only an answer for a user holds.
fn add_user(body: &mut Value, sign_in: &SignIn<'_>, granted: &Granted, mint: &Mint<'_>) {
    body["scope"] = match sign_in.version {
        Version::V1 => json!("user_impersonation"),
        Version::V2 => json!(format!("{}/user_impersonation", mint.audience)),
    };
    if granted.wanted.id_token {
        body["id_token"] = json!(mint.id_token());
    }
    if granted.wanted.refresh_token && granted.renews {
        // What it stands for is in its first letters.
        let mark = if granted.kind.mfa() == Some(true) { "0.A" } else { refresh::WITHOUT_MFA };
        let refresh_token = format!("{mark}-{}", Uuid::new_v4().simple());
        body["refresh_token"] = json!(refresh_token);
        lock(&sign_in.simulation.refresh_tokens).insert(refresh_token);
    }
}
