//! The token endpoint of the v2 identity platform, client credentials alone, and the check of bearer tokens.
//!
//! Tokens look like JWTs and carry the claims a client may read (`tid`, `exp`); their signature is random bytes.
//! Which ones are ours is known from a table, which does not survive a restart. Two secrets are refused:
//! `wrong-secret` and `expired-secret`.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::exchange::{Simulation, lock};
use super::reply::Reply;

/// The partner tenant, and `tid` of a token, where the path of the token request names no GUID.
pub const PARTNER_TENANT_ID: &str = "5b7a8c1e-6f2d-4a35-9d0b-3c1f0e9a7d42";

const AUDIENCE: &str = "https://api.partnercenter.microsoft.com";

/// The tokens we gave out and when each expires.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Instant>);

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn issue(simulation: &Simulation, tenant: &str, headers: &HeaderMap, form: &[u8]) -> Reply {
    let form: HashMap<String, String> = url::form_urlencoded::parse(form).into_owned().collect();
    let audience = match checked_audience(&form, headers) {
        Ok(audience) => audience,
        Err(refusal) => return refusal.reply(),
    };
    let app_id = form.get("client_id").map(String::as_str).unwrap_or_default();
    let lifetime = simulation.scenario.token_lifetime;
    let token = json_web_token(tenant, app_id, &audience, lifetime);
    lock(&simulation.tokens).0.insert(token.clone(), Instant::now() + lifetime);
    let body = json!({ "token_type": "Bearer", "expires_in": lifetime.as_secs(), "access_token": token });
    Reply::json(200, &body).with_header("cache-control", "no-store").with_header("pragma", "no-cache")
}

/// The audience that the form asks for, or the refusal it earns.
fn checked_audience(form: &HashMap<String, String>, headers: &HeaderMap) -> Result<String, Refusal> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let missing = |name: &str| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Refusal { status: 400, error: "invalid_request", code: 900_144, text }
    };
    let grant_type = field("grant_type").ok_or_else(|| missing("grant_type"))?;
    if grant_type != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant_type}'.");
        return Err(Refusal { status: 400, error: "unsupported_grant_type", code: 70_003, text });
    }
    field("client_id").ok_or_else(|| missing("client_id"))?;
    let bad_secret =
        |code, text: &str| Err(Refusal { status: 401, error: "invalid_client", code, text: text.to_owned() });
    match field("client_secret").ok_or_else(|| missing("client_secret"))? {
        "wrong-secret" => bad_secret(7_000_215, "Invalid client secret provided."),
        "expired-secret" => bad_secret(7_000_222, "The provided client secret keys are expired."),
        _ => audience(field("scope").ok_or_else(|| missing("scope"))?, headers),
    }
}

/// Partner Center's own address, or the one under which the simulator was reached, which plays its part.
fn audience(scope: &str, headers: &HeaderMap) -> Result<String, Refusal> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = format!("http://{host}");
    let asked_for = scope.strip_suffix("/.default").unwrap_or_default();
    if asked_for == AUDIENCE || asked_for == own {
        return Ok(asked_for.to_owned());
    }
    let text = format!(
        "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
    );
    Err(Refusal { status: 400, error: "invalid_scope", code: 70_011, text })
}

/// A refusal by the token authority.
struct Refusal {
    status: u16,
    error: &'static str,
    /// The number after `AADSTS`.
    code: u32,
    text: String,
}

impl Refusal {
    /// Shape F of the fact book, as in `token-error-400.http`.
    fn reply(&self) -> Reply {
        let (trace_id, correlation_id) = (Uuid::new_v4(), Uuid::new_v4());
        let timestamp = crate::clock::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let description = format!(
            "AADSTS{}: {}\r\nTrace ID: {trace_id}\r\nCorrelation ID: {correlation_id}\r\nTimestamp: {timestamp}",
            self.code, self.text
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
        });
        Reply::json(self.status, &body)
    }
}

fn json_web_token(tenant: &str, app_id: &str, audience: &str, lifetime: Duration) -> String {
    let tenant_id =
        Uuid::try_parse(tenant).map_or_else(|_| PARTNER_TENANT_ID.to_owned(), |id| id.to_string());
    let issued_at = crate::clock::now().as_second();
    let claims = json!({
        "aud": audience,
        "iss": format!("https://sts.windows.net/{tenant_id}/"),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at.saturating_add_unsigned(lifetime.as_secs()),
        "appid": app_id,
        "tid": tenant_id,
        "ver": "1.0",
    });
    let mut signature = [0u8; 32];
    rand::rng().fill(&mut signature);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "typ": "JWT", "alg": "RS256", "kid": "simulator" }));
    format!("{header}.{}.{}", part(claims), URL_SAFE_NO_PAD.encode(signature))
}

impl Tokens {
    /// Lets in a token of ours that has not expired, and one that is not ours if the scenario is lenient.
    fn admits(&self, token: &str, accept_any: bool) -> bool {
        match self.0.get(token) {
            Some(expires) => Instant::now() < *expires,
            None => accept_any && !token.is_empty(),
        }
    }

    /// Ends the life of a token of ours; of another one there is nothing to end.
    pub(super) fn expire(&mut self, headers: &HeaderMap) {
        if let Some(expires) = bearer(headers).and_then(|token| self.0.get_mut(token)) {
            *expires = Instant::now();
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether an API request may go on.
pub(super) fn is_authorized(simulation: &Simulation, headers: &HeaderMap) -> bool {
    let accept_any = simulation.scenario.accept_any_token;
    bearer(headers).is_some_and(|token| lock(&simulation.tokens).admits(token, accept_any))
}

/// What a request without a good token gets.
pub(super) fn access_denied() -> Reply {
    let challenge =
        r#"Bearer error="invalid_token", error_description="The access token is missing or expired""#;
    Reply::refusal(401, 400, "Access denied", &[]).with_header("www-authenticate", challenge)
}
