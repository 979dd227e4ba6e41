//! Where access tokens come from.
//!
//! A [`TokenSource`] hands out a token that is good for a while yet, renews it before it expires, and renews it
//! once for all when the service stops accepting it: callers that hold the same refused token wait for one
//! renewal. Secrets are held in types that cannot be printed and leave them only as a header or a form field.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::partner_center::{causes, http_client_builder};

/// The token endpoint answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Renewed this long before it expires, so that a token never expires while its request waits for its turn.
const EARLY: Duration = Duration::from_secs(300);

/// Callers that come so soon after a failed renewal get its result, so that a silent sign-in service is waited for
/// once and not once for each of them.
const FAILURE_IS_SHARED_FOR: Duration = Duration::from_secs(2);

/// How a run signs in.
#[derive(Debug, Clone)]
pub(crate) enum SignIn {
    /// A token that was handed to us; nobody can renew it.
    Token(SecretString),
    /// App-only, by client secret (fact book 2.3).
    ClientSecret { tenant: String, client_id: String, secret: SecretString },
}

/// Where to sign in, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// Such as `https://login.microsoftonline.com/`.
    pub(crate) url: Url,
    /// The API that the token is for, such as `https://api.partnercenter.microsoft.com`.
    pub(crate) audience: String,
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// Definite: asking again will not help.
    #[error("could not sign in: {message}")]
    Refused { message: String, hint: String },
    /// The sign-in service gave no verdict.
    #[error("could not reach the sign-in service: {0}")]
    Unavailable(String),
}

/// An access token, and which renewal it came from.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    generation: u64,
    /// `None`: nobody told when it expires.
    lifetime: Option<Lifetime>,
}

#[derive(Debug, Clone, Copy)]
struct Lifetime {
    renew_at: Instant,
    expires_at: Instant,
}

/// Hands out tokens to everybody who sends.
#[derive(Debug)]
pub(crate) struct TokenSource {
    sign_in: SignIn,
    authority: Authority,
    http: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Token>,
    /// The service did not accept `current`.
    refused: bool,
    /// The last renewal failed; who comes soon after gets its result instead of another wait.
    failure: Option<(Instant, Error)>,
}

impl TokenSource {
    /// Signs in nowhere yet.
    pub(crate) fn new(sign_in: SignIn, authority: Authority) -> Result<Self, reqwest::Error> {
        let http = http_client_builder(&authority.url).timeout(TIMEOUT).build()?;
        Ok(Self { sign_in, authority, http, state: Mutex::default() })
    }

    /// A token that is good for a while yet.
    pub(crate) async fn token(&self) -> Result<Token, Error> {
        // Held over the renewal on purpose: whoever comes meanwhile waits for it and gets its result.
        let mut state = self.state.lock().await;
        let now = Instant::now();
        let usable = state.current.clone().filter(|_| !state.refused);
        match usable {
            Some(token) if token.lifetime.is_none_or(|lifetime| now < lifetime.renew_at) => Ok(token),
            Some(token) if token.lifetime.is_some_and(|lifetime| now < lifetime.expires_at) => {
                // Early renewal may fail: the token is still good.
                Ok(self.renew(&mut state).await.unwrap_or(token))
            }
            Some(_) | None => self.renew(&mut state).await,
        }
    }

    /// Another token than `refused`, which the service did not accept. Many callers may hold the same one: the
    /// first renews it, the others get what it got.
    ///
    /// # Errors
    /// [`Error::Refused`] where the token was handed to us and cannot be renewed.
    pub(crate) async fn replace(&self, refused: &Token) -> Result<Token, Error> {
        let mut state = self.state.lock().await;
        match &state.current {
            Some(token) if token.generation > refused.generation => Ok(token.clone()),
            Some(_) | None => {
                state.refused = true;
                self.renew(&mut state).await
            }
        }
    }

    async fn renew(&self, state: &mut State) -> Result<Token, Error> {
        if let Some((at, error)) = &state.failure
            && at.elapsed() < FAILURE_IS_SHARED_FOR
        {
            return Err(error.clone());
        }
        match self.obtain(state.current.as_ref()).await {
            Ok(token) => {
                tracing::debug!(generation = token.generation, "access token obtained");
                *state = State { current: Some(token.clone()), refused: false, failure: None };
                Ok(token)
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn obtain(&self, current: Option<&Token>) -> Result<Token, Error> {
        let generation = current.map_or(1, |token| token.generation + 1);
        let (secret, seconds) = match &self.sign_in {
            SignIn::Token(secret) if generation == 1 => (secret.clone(), None),
            SignIn::Token(_) => {
                return Err(Error::Refused {
                    message: "the service did not accept the access token".to_owned(),
                    hint: "put a fresh one into TENANTRY_ACCESS_TOKEN, then run `tenantry resume`".to_owned(),
                });
            }
            SignIn::ClientSecret { tenant, client_id, secret } => {
                let answer = self.client_credentials(tenant, client_id, secret).await?;
                (answer.access_token, Some(Duration::from_secs(answer.expires_in)))
            }
        };
        let lifetime = seconds.map(|lifetime| {
            let expires_at = Instant::now() + lifetime;
            Lifetime { renew_at: expires_at - EARLY.min(lifetime / 4), expires_at }
        });
        Ok(Token { secret, generation, lifetime })
    }

    async fn client_credentials(
        &self,
        tenant: &str,
        client_id: &str,
        secret: &SecretString,
    ) -> Result<TokenAnswer, Error> {
        let mut url = self.authority.url.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .extend([tenant, "oauth2", "v2.0", "token"]);
        let scope = format!("{}/.default", self.authority.audience);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret.expose_secret()),
            ("scope", scope.as_str()),
        ];
        let host = self.authority.url.host_str().unwrap_or_default().to_owned();
        let unavailable = |error: reqwest::Error| Error::Unavailable(format!("{host}: {}", causes(&error)));
        let response = self.http.post(url).form(&form).send().await.map_err(unavailable)?;
        let status = response.status();
        let body = zeroize::Zeroizing::new(response.bytes().await.map_err(unavailable)?.to_vec());
        if status.is_success() {
            // The parser's message is left out: it can quote the body.
            return serde_json::from_slice(&body)
                .map_err(|_| Error::Unavailable("its answer holds no token".to_owned()));
        }
        Err(refusal(status.as_u16(), &body))
    }
}

/// The answer of the token endpoint. Numbers come as numbers from v2 and as text from v1.
#[derive(Debug, Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(u64),
        Text(String),
    }
    match Seconds::deserialize(deserializer)? {
        Seconds::Number(seconds) => Ok(seconds),
        Seconds::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[derive(Debug, Deserialize)]
struct RefusalBody {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Acts on `error`, not on numbers or text (fact book 2.7); 5xx and unreadable answers are no verdict.
fn refusal(status: u16, body: &[u8]) -> Error {
    let Ok(parsed) = serde_json::from_slice::<RefusalBody>(body) else {
        return Error::Unavailable(format!("status {status} without a reason"));
    };
    if status >= 500 || matches!(status, 408 | 429) || parsed.error == "temporarily_unavailable" {
        return Error::Unavailable(format!("status {status}: {}", parsed.error));
    }
    let hint = match parsed.error.as_str() {
        "invalid_client" => "check --client-id and the client secret: it is wrong or has expired",
        "unauthorized_client" => "check that the app is registered in this tenant and may use this grant",
        "invalid_scope" | "invalid_resource" => {
            "check that Partner Center's API is added to the app's permissions"
        }
        _ => "check --tenant-id, --client-id and the client secret",
    };
    // The first line says it; the rest are ids and a time.
    let description = parsed.error_description.lines().next().unwrap_or_default();
    Error::Refused { message: format!("{} ({description})", parsed.error), hint: hint.to_owned() }
}

/// The tenant that a token was issued in, where the token is a JWT that says so. Not verified: it only keeps two
/// environments apart, and the service itself verifies.
pub(crate) fn tenant_of(token: &SecretString) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Claims {
        tid: Option<String>,
    }
    let payload = token.expose_secret().split('.').nth(1)?;
    let claims = zeroize::Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    serde_json::from_slice::<Claims>(&claims).ok()?.tid?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_endpoints_answers_are_read() {
        for body in [
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#,
            r#"{"token_type":"Bearer","expires_in":"3599","access_token":"t","not_before":"1"}"#,
        ] {
            assert_eq!(serde_json::from_str::<TokenAnswer>(body).unwrap().expires_in, 3599);
        }
    }

    #[test]
    fn refusals_are_told_from_outages() {
        let check = |status, body: &str, refused: bool| {
            let error = refusal(status, body.as_bytes());
            assert_eq!(matches!(error, Error::Refused { .. }), refused, "{status} {body}: {error}");
        };
        check(
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: x\r\nTrace ID: y"}"#,
            true,
        );
        check(400, r#"{"error":"invalid_scope"}"#, true);
        check(503, r#"{"error":"temporarily_unavailable"}"#, false);
        check(429, r#"{"error":"invalid_request"}"#, false);
        check(502, "<html>Bad gateway</html>", false);
        check(400, "", false);
    }

    #[test]
    fn the_tenant_is_read_from_a_jwt_and_from_nothing_else() {
        let tenant = Uuid::from_u128(7);
        let payload = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"tid":"{tenant}"}}"#));
        let check = |token: String, expected| assert_eq!(tenant_of(&SecretString::from(token)), expected);
        check(format!("e30.{payload}.sig"), Some(tenant));
        check("opaque".to_owned(), None);
        check("a.b.c".to_owned(), None);
        check("e30.e30.sig".to_owned(), None);
    }

    #[test]
    fn secrets_cannot_be_printed() {
        let sign_in = SignIn::ClientSecret {
            tenant: "t".to_owned(),
            client_id: "c".to_owned(),
            secret: SecretString::from("hunter2"),
        };
        assert!(!format!("{sign_in:?}").contains("hunter2"));
    }
}
