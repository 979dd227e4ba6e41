//! Access tokens: what they say of themselves, which ones are ours, and whose an API request comes with.
//!
//! Tokens look like JWTs and carry the claims a client may read; their signature is random bytes. What a token is
//! stands in its claims alone, so one that outlived a restart, or was made up by a test, is taken at its word. Which
//! ones are ours, and until when, is known from a table, which does not survive a restart.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

/// What Partner Center's tokens were for until August 2025 (fact book 2.2).
const RETIRED_AUDIENCE: &str = "https://graph.windows.net";

/// What a token lets its bearer do (fact book 2.1 and 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// An app's, for itself.
    AppOnly,
    /// An app's, for a user who signed in with MFA.
    AppAndUser,
    /// An app's, for a user who signed in with a password alone.
    AppAndUserWithoutMfa,
}

impl TokenKind {
    /// That of a user who signed in.
    pub(super) fn of_user(has_mfa: bool) -> TokenKind {
        if has_mfa { TokenKind::AppAndUser } else { TokenKind::AppAndUserWithoutMfa }
    }

    /// Whether a user stands behind it, and whether with MFA; `None` for an app.
    pub(super) fn mfa(self) -> Option<bool> {
        match self {
            TokenKind::AppOnly => None,
            TokenKind::AppAndUser => Some(true),
            TokenKind::AppAndUserWithoutMfa => Some(false),
        }
    }
}

/// What a sign-in is for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) audience: String,
    /// `offline_access`, which is what brings a refresh token.
    pub(super) refresh_token: bool,
    /// `openid`.
    pub(super) id_token: bool,
}

/// What is known of a device code that a client polls with.
#[derive(Debug)]
pub(super) struct DeviceCode {
    pub(super) client_id: String,
    /// Polling names no scope; the first request did.
    pub(super) wanted: Wanted,
    /// Polls still to be told to wait, and how many of them to come less often.
    pub(super) waits: u32,
    pub(super) slow_downs: u32,
    pub(super) until: Instant,
    pub(super) redeemed: bool,
}

/// The tokens we gave out and when each expires.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Instant>);

impl Tokens {
    pub(super) fn mint(&mut self, claims: &Value, lifetime: Duration) -> String {
        let token = web_token(claims);
        self.0.insert(token.clone(), Instant::now() + lifetime);
        token
    }

    /// Whether an API request with these headers may go on, as far as its token's life goes: with a token of ours that
    /// has not expired, and with one that is not ours if the scenario is lenient.
    pub(super) fn admit_bearer(&self, headers: &HeaderMap, accept_any: bool) -> bool {
        bearer(headers).is_some_and(|token| match self.0.get(token) {
            Some(expires) => Instant::now() < *expires,
            None => accept_any && !token.is_empty(),
        })
    }

    /// Ends the life of a token of ours; of another one there is nothing to end.
    pub(super) fn expire(&mut self, headers: &HeaderMap) {
        if let Some(expires) = bearer(headers).and_then(|token| self.0.get_mut(token)) {
            *expires = Instant::now();
        }
    }
}

/// A token that says this.
pub(super) fn web_token(claims: &Value) -> String {
    let mut signature = [0u8; 32];
    rand::rng().fill(&mut signature);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "typ": "JWT", "alg": "RS256", "kid": "simulator" }));
    format!("{header}.{}.{}", part(claims), URL_SAFE_NO_PAD.encode(signature))
}

/// What the API reads in a token, as far as it is one to be read.
#[derive(Debug, Default, Deserialize)]
struct Claims {
    aud: Option<String>,
    idtyp: Option<String>,
    scp: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
}

/// Who sends an API request, going by the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) kind: TokenKind,
    pub(super) has_retired_audience: bool,
}

impl Caller {
    /// `None` where there is no bearer token.
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
