//! Access tokens: their claims, the table of issued tokens, and the caller of an API request.
//!
//! Tokens look like JWTs and have the claims that a client may read; their signature is random bytes. Only the claims
//! define what a token is, so a token from before a restart, or one invented by a test, is accepted as its claims say.
//! A table lists the issued tokens and when they expire; it does not survive a restart.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The audience of Partner Center's tokens until August 2025 (fact book 2.2).
const RETIRED_AUDIENCE: &str = "https://graph.windows.net";

/// Who a token is for (fact book 2.1 and 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// For an app itself.
    AppOnly,
    /// For an app and a user who signed in with MFA.
    AppAndUser,
    /// For an app and a user who signed in with only a password.
    AppAndUserWithoutMfa,
}

impl TokenKind {
    /// The kind for a user who signed in.
    pub(super) fn of_user(has_mfa: bool) -> TokenKind {
        if has_mfa { TokenKind::AppAndUser } else { TokenKind::AppAndUserWithoutMfa }
    }

    /// Did the user sign in with MFA? `None` for an app.
    pub(super) fn mfa(self) -> Option<bool> {
        match self {
            TokenKind::AppOnly => None,
            TokenKind::AppAndUser => Some(true),
            TokenKind::AppAndUserWithoutMfa => Some(false),
        }
    }
}

/// What a sign-in requests.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) audience: String,
    /// `offline_access`, which requests a refresh token.
    pub(super) refresh_token: bool,
    /// `openid`.
    pub(super) id_token: bool,
}

/// A device code that a client polls with.
#[derive(Debug)]
pub(super) struct DeviceCode {
    pub(super) client_id: String,
    /// From the first request, because polls contain no scope.
    pub(super) wanted: Wanted,
    /// How many more polls must wait, and how many of them get `slow_down`.
    pub(super) waits: u32,
    pub(super) slow_downs: u32,
    pub(super) until: Instant,
    pub(super) redeemed: bool,
}

/// The issued tokens and when each expires.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Instant>);

impl Tokens {
    pub(super) fn mint(&mut self, claims: &Value, lifetime: Duration) -> String {
        let token = web_token(claims);
        self.0.insert(token.clone(), Instant::now() + lifetime);
        token
    }

    /// Is the token of an API request still valid? A token that was not issued here is valid if `accept_any` is set.
    pub(super) fn admit_bearer(&self, headers: &HeaderMap, accept_any: bool) -> bool {
        bearer(headers).is_some_and(|token| match self.0.get(token) {
            Some(expires) => Instant::now() < *expires,
            None => accept_any && !token.is_empty(),
        })
    }

    /// Makes an issued token expire now; any other token is not affected.
    pub(super) fn expire(&mut self, headers: &HeaderMap) {
        if let Some(expires) = bearer(headers).and_then(|token| self.0.get_mut(token)) {
            *expires = Instant::now();
        }
    }
}

/// A token with these claims.
pub(super) fn web_token(claims: &Value) -> String {
    let mut signature = [0u8; 32];
    rand::rng().fill(&mut signature);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "typ": "JWT", "alg": "RS256", "kid": "simulator" }));
    format!("{header}.{}.{}", part(claims), URL_SAFE_NO_PAD.encode(signature))
}

/// The claims that the API reads from a token, if it can be parsed.
#[derive(Debug, Default, Deserialize)]
struct Claims {
    aud: Option<String>,
    idtyp: Option<String>,
    scp: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
}

/// Who sends an API request, according to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) kind: TokenKind,
    pub(super) has_retired_audience: bool,
}

impl Caller {
    /// `None` if there is no bearer token.
    pub(super) fn of(headers: &HeaderMap, unknown: TokenKind) -> Option<Caller> {
        let claims = bearer(headers).map(read_claims)?;
        let has_mfa = claims.amr.iter().any(|method| method == "mfa");
        let kind = match (claims.idtyp.as_deref(), claims.scp) {
            (Some("app"), _) => TokenKind::AppOnly,
            (_, Some(_)) => TokenKind::of_user(has_mfa),
            (_, None) => unknown,
        };
        let audience = claims.aud.as_deref().map(|audience| audience.trim_end_matches('/'));
        Some(Caller { kind, has_retired_audience: audience == Some(RETIRED_AUDIENCE) })
    }
}

fn read_claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
