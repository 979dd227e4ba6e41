//! Where access tokens come from.
//!
//! A [`TokenSource`] hands out a token that is good for a while yet, renews it before it expires, and renews it
//! once for all when the service stops accepting it: callers that hold the same refused token wait for one
//! renewal. Secrets are held in types that cannot be printed and leave them only as a header or a form field.

mod certificate;
mod claims;
mod device_code;
mod endpoint;
mod errors;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod key_store;
mod secret_file;
mod store;

use std::io;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::transport::{ClientError, Roots, Silence, http_client_builder};
use endpoint::Endpoint;

pub(crate) use certificate::Certificate;
pub(crate) use claims::{Claims, Kind};
pub(crate) use device_code::login;
pub(crate) use endpoint::App;
pub(crate) use store::{Keep, Kept, Place, Store};

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
    /// App-only, by client secret or certificate (fact book 2.3).
    AppOnly(App),
    /// App+User, by refresh token (fact book 2.4).
    AppAndUser {
        app: App,
        refresh_token: SecretString,
        /// It came from outside (`TENANTRY_REFRESH_TOKEN`), or descends from one that did.
        is_handed_in: bool,
        /// Where a new one is kept, and in which of its places.
        store: Option<(Store, Place)>,
    },
}

/// How an app proves who it is.
#[derive(Debug, Clone)]
pub(crate) enum ClientProof {
    Secret(SecretString),
    Certificate(Certificate),
}

impl SignIn {
    /// The kind of its tokens: what we asked for, and of a token that was handed to us, what it says of itself.
    pub(crate) fn kind(&self, token: &SecretString) -> Kind {
        match self {
            SignIn::Token(_) => Claims::of(token).kind(),
            SignIn::AppOnly(_) => Kind::AppOnly,
            SignIn::AppAndUser { .. } => Kind::AppAndUser,
        }
    }

    /// The app that signs in; `None` for a token that was handed to us.
    pub(crate) fn app(&self) -> Option<&str> {
        match self {
            SignIn::Token(_) => None,
            SignIn::AppOnly(app) | SignIn::AppAndUser { app, .. } => Some(&app.client_id),
        }
    }

    /// Keeps a new refresh token. Where that fails the old one stays good: use does not revoke it.
    async fn keep(&self, new: &SecretString) {
        let SignIn::AppAndUser { store: Some((store, place)), .. } = self else { return };
        let (task, new, place) = (store.clone(), new.clone(), *place);
        // A key store may take its time.
        let kept = tokio::task::spawn_blocking(move || task.save_successor(&new, place)).await;
        match kept.map_err(io::Error::from).flatten() {
            Ok(kept) => tracing::debug!(%kept, "new refresh token"),
            Err(error) => {
                tracing::warn!(file = %store.file().display(), %error, "the new refresh token could not be kept");
            }
        }
    }
}

/// Where to sign in, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// Such as `https://login.microsoftonline.com/`.
    pub(crate) url: Url,
    /// The API that the token is for, such as `https://api.partnercenter.microsoft.com`.
    pub(crate) audience: String,
    /// Authorities over certificates that count there, besides the platform's.
    pub(crate) roots: Roots,
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// Definite: asking again will not help.
    #[error("could not sign in: {message}")]
    Refused { message: String, hint: String },
    /// The sign-in service gave no verdict.
    #[error("could not reach the sign-in service: {0}")]
    Unavailable(Silence),
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
    /// The newest refresh token, where one came.
    refresh_token: Option<SecretString>,
}

impl TokenSource {
    /// Signs in nowhere yet.
    pub(crate) fn new(sign_in: SignIn, authority: Authority) -> Result<Self, ClientError> {
        let http = http_client(&authority)?;
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
        match self.obtain(state).await {
            Ok(token) => {
                tracing::debug!(generation = token.generation, "access token obtained");
                state.current = Some(token.clone());
                (state.refused, state.failure) = (false, None);
                Ok(token)
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn obtain(&self, state: &mut State) -> Result<Token, Error> {
        let generation = state.current.as_ref().map_or(1, |token| token.generation + 1);
        let (secret, lifetime) = match &self.sign_in {
            SignIn::Token(secret) if generation == 1 => (secret.clone(), None),
            SignIn::Token(_) => {
                return Err(Error::Refused {
                    message: "the service did not accept the access token".to_owned(),
                    hint: "put a fresh one into TENANTRY_ACCESS_TOKEN and go on".to_owned(),
                });
            }
            SignIn::AppOnly(app) => {
                let answer = self.endpoint(app).as_app().await?;
                (answer.access_token, answer.lifetime)
            }
            SignIn::AppAndUser { app, refresh_token, is_handed_in, .. } => {
                let newest = state.refresh_token.as_ref().unwrap_or(refresh_token);
                let answer = self.endpoint(app).as_user(newest).await;
                let answer =
                    answer.map_err(|error| if *is_handed_in { of_handed_in(error) } else { error })?;
                if let Some(new) = answer.refresh_token {
                    self.sign_in.keep(&new).await;
                    state.refresh_token = Some(new);
                }
                (answer.access_token, answer.lifetime)
            }
        };
        let lifetime = lifetime.and_then(|lifetime| {
            let expires_at = Instant::now().checked_add(lifetime)?;
            Some(Lifetime { renew_at: expires_at - EARLY.min(lifetime / 4), expires_at })
        });
        Ok(Token { secret, generation, lifetime })
    }

    fn endpoint<'a>(&'a self, app: &'a App) -> Endpoint<'a> {
        Endpoint { http: &self.http, app, authority: &self.authority }
    }
}

/// A login does not help as long as the variable comes before it.
fn of_handed_in(error: Error) -> Error {
    match error {
        Error::Refused { message, hint } => Error::Refused {
            message,
            hint: format!("{hint}; TENANTRY_REFRESH_TOKEN comes before a login: replace it, or unset it"),
        },
        Error::Unavailable(_) => error,
    }
}

fn http_client(authority: &Authority) -> Result<reqwest::Client, ClientError> {
    Ok(http_client_builder(&authority.url, &authority.roots).timeout(TIMEOUT).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_cannot_be_printed() {
        let secret = || SecretString::from("hunter2");
        let app = |proof| App { tenant: "t".to_owned(), client_id: "c".to_owned(), proof };
        let pem = include_bytes!("../../tests/it/client-certificate.pem");
        let certificate = Certificate::from_pem(pem).unwrap();
        let printed = format!(
            "{:?} {:?} {:?} {:?}",
            SignIn::Token(secret()),
            SignIn::AppOnly(app(Some(ClientProof::Secret(secret())))),
            SignIn::AppAndUser { app: app(None), refresh_token: secret(), is_handed_in: true, store: None },
            ClientProof::Certificate(certificate.clone()),
        );
        assert!(!printed.contains("hunter2"), "{printed}");
        let assertion = certificate.assertion("c", "https://login.example/t/oauth2/v2.0/token").unwrap();
        assert!(!format!("{assertion:?}").contains("eyJ"));
        let answer = r#"{"token_type":"Bearer","access_token":"hunter2","refresh_token":"hunter2"}"#;
        let answer: oauth2::basic::BasicTokenResponse = serde_json::from_str(answer).unwrap();
        let printed = format!("{answer:?} {:?}", endpoint::TokenAnswer::from(answer.clone()));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
