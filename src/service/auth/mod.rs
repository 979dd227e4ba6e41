//! Provides access tokens and renews them.
//!
//! A [`TokenSource`] returns a valid token. It renews the token in the background before it expires, so that the
//! current token is used as long as it is valid while the sign-in service hangs or fails. When the service stops
//! accepting a token, it is renewed once: all callers that hold the refused token wait for the same renewal. Secrets
//! are stored in types that cannot be printed, and leave these types only as a header or a form field.

mod certificate;
mod claims;
mod device_code;
mod endpoint;
mod errors;
mod key_store;
mod store;

use std::sync::{Arc, Mutex as StateMutex, MutexGuard};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use tenantry_model::thread::done_on_thread;

use crate::backoff::{Backoff, shortened};
use crate::transport::{ClientError, Http, Network, NoResponse};
use endpoint::Endpoint;

pub use certificate::Certificate;
pub use claims::{Claims, TokenKind};
pub use device_code::{Prompt, login};
pub use endpoint::{App, TokenAnswer, understood};
pub use errors::Reason;
pub use key_store::KeyStoreError;
pub use store::{Found, KeyStoreChoice, SavedIn, Store, TokenPlace};

/// The token endpoint answers quickly or not at all.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout of a whole renewal, which calls the sign-in service once.
const RENEWAL_TAKES_AT_MOST: Duration = TIMEOUT.saturating_add(Duration::from_secs(5));

/// The timeout for storing a refresh token in the key store.
const KEPT_WITHIN: Duration = Duration::from_secs(10);

/// The wait after a failed background renewal.
const BACKOFF: Backoff = Backoff::up_to_s(30);

/// A token is renewed this long before it expires, or a quarter of its lifetime before, if that is shorter. This leaves
/// time for many retries.
const EARLY: Duration = Duration::from_secs(300);

/// Callers that arrive this soon after a failed renewal get its result, so that they do not each wait for a sign-in
/// service that does not answer.
const FAILURE_IS_SHARED_FOR: Duration = Duration::from_secs(2);

/// How a run signs in.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// A token that the operator supplied. It cannot be renewed.
    Token(SecretString),
    /// App-only, by client secret or certificate (fact book 2.3).
    AppOnly(App),
    /// App+User, by refresh token (fact book 2.4).
    AppAndUser {
        app: App,
        refresh_token: SecretString,
        /// The token was supplied from outside (`TENANTRY_REFRESH_TOKEN`), or replaced one that was.
        is_handed_in: bool,
        /// Where a new token is stored, and in which of the two places.
        store: Option<(Store, TokenPlace)>,
    },
}

/// How an app proves its identity.
#[derive(Debug, Clone)]
pub enum ClientProof {
    Secret(SecretString),
    Certificate(Certificate),
}

impl SignIn {
    /// The kind of the tokens: as requested, or, for a supplied token, as its claims say.
    pub fn kind(&self, token: &SecretString) -> TokenKind {
        match self {
            SignIn::Token(_) => Claims::of(token).kind(),
            SignIn::AppOnly(_) => TokenKind::AppOnly,
            SignIn::AppAndUser { .. } => TokenKind::AppAndUser,
        }
    }

    /// The app that signs in; `None` for a supplied token.
    pub fn app(&self) -> Option<&str> {
        match self {
            SignIn::Token(_) => None,
            SignIn::AppOnly(app) | SignIn::AppAndUser { app, .. } => Some(&app.client_id),
        }
    }

    /// Where the secret of this sign-in comes from, for people.
    pub fn origin(&self) -> String {
        let origin = match self {
            SignIn::Token(_) => "TENANTRY_ACCESS_TOKEN",
            SignIn::AppOnly(App { proof: Some(ClientProof::Certificate(_)), .. }) => {
                "the certificate of the app"
            }
            SignIn::AppOnly(_) => "the secret of the app",
            SignIn::AppAndUser { is_handed_in: true, .. } => "TENANTRY_REFRESH_TOKEN",
            SignIn::AppAndUser { store: Some((store, place)), .. } => return store.describe(*place),
            SignIn::AppAndUser { store: None, .. } => "the rehearsal",
        };
        origin.to_owned()
    }

    /// Stores a new refresh token. If that fails, the old one stays valid: using a refresh token does not revoke it.
    async fn keep(&self, new: &SecretString) {
        let SignIn::AppAndUser { store: Some((store, place)), .. } = self else { return };
        let (task, new, place) = (store.clone(), new.clone(), *place);
        // A key store may be slow.
        match done_on_thread("sign-in", move || task.save_successor(&new, place)).await {
            Ok(kept) => tracing::debug!(%kept, "new refresh token"),
            Err(error) => {
                tracing::warn!(file = %store.file().display(), %error, "the new refresh token could not be kept");
            }
        }
    }
}

/// Where to sign in, and for which API.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Such as `https://login.microsoftonline.com/`.
    pub url: Url,
    /// The API that the token is for, such as `https://api.partnercenter.microsoft.com`.
    pub audience: String,
    /// The network settings for the authority and the API.
    pub network: Network,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Definite: a retry will not help.
    #[error("could not sign in: {message}")]
    Refused { message: String, hint: String },
    /// The sign-in service gave no verdict.
    #[error("could not reach the sign-in service: {0}")]
    Unavailable(NoResponse),
}

/// An access token, and the number of the renewal that produced it.
#[derive(Debug, Clone)]
pub struct Token {
    pub secret: SecretString,
    generation: u64,
    /// `None`: the expiry is not known.
    lifetime: Option<Lifetime>,
}

#[derive(Debug, Clone, Copy)]
struct Lifetime {
    renew_at: Instant,
    expires_at: Instant,
}

/// Provides tokens to all senders.
#[derive(Debug)]
pub struct TokenSource(Arc<TokenShared>);

#[derive(Debug)]
struct TokenShared {
    sign_in: SignIn,
    authority: Authority,
    /// `None` with a token from outside, which is never renewed: a client reads the certificate authorities of the
    /// system, which takes longer than all else at a start.
    http: Option<Http>,
    state: StateMutex<TokenState>,
    /// Locked by the caller that renews, so that the token is renewed only once.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct TokenState {
    current: Option<Token>,
    /// The service did not accept `current`.
    refused: bool,
    /// The last renewal failed. Callers that arrive soon after get its result instead of another wait.
    failure: Option<(Instant, Error)>,
    /// Failed renewals since the last one that succeeded.
    failed_in_a_row: u32,
    /// The newest refresh token, if an answer had one.
    refresh_token: Option<SecretString>,
}

impl TokenState {
    /// The token that can be sent at `now`.
    fn usable(&self, now: Instant) -> Option<&Token> {
        let is_over = |token: &Token| token.lifetime.is_some_and(|lifetime| lifetime.expires_at <= now);
        self.current.as_ref().filter(|token| !self.refused && !is_over(token))
    }

    /// Is it time to renew a token that is still valid?
    fn is_due(&self, token: &Token, now: Instant) -> bool {
        let is_old = token.lifetime.is_some_and(|lifetime| lifetime.renew_at <= now);
        let wait = BACKOFF.wait(self.failed_in_a_row.saturating_sub(1));
        let may_try = self.failure.as_ref().is_none_or(|(at, _)| *at + wait <= now);
        is_old && may_try
    }

    /// The error of a renewal that has failed within the last seconds.
    fn shared_failure(&self) -> Option<Error> {
        let (at, error) = self.failure.as_ref()?;
        (at.elapsed() < shortened(FAILURE_IS_SHARED_FOR)).then(|| error.clone())
    }
}

impl TokenSource {
    /// Does not sign in yet.
    pub fn new(sign_in: SignIn, authority: Authority) -> Result<Self, ClientError> {
        let is_handed_in = matches!(sign_in, SignIn::Token(_));
        let http = (!is_handed_in).then(|| http_client(&authority)).transpose()?;
        let (state, turn) = (StateMutex::default(), Arc::default());
        Ok(Self(Arc::new(TokenShared { sign_in, authority, http, state, turn })))
    }

    /// A token that is valid now. Waits only if there is none: a token that is about to expire is renewed in the
    /// background.
    pub async fn token(&self) -> Result<Token, Error> {
        let (usable, is_due) = {
            let (state, now) = (self.0.lock(), Instant::now());
            let usable = state.usable(now).cloned();
            let is_due = usable.as_ref().is_some_and(|token| state.is_due(token, now));
            (usable, is_due)
        };
        if is_due {
            self.renew_in_background();
        }
        match usable {
            Some(token) => Ok(token),
            None => self.0.renewed(|state| state.usable(Instant::now()).cloned()).await,
        }
    }

    /// A token to replace `refused`, which the service did not accept. Many callers may hold the same token: the first
    /// one renews it, and the others get the same result.
    ///
    /// # Errors
    /// [`Error::Refused`] if the token was supplied from outside and cannot be renewed.
    pub async fn replace(&self, refused: &Token) -> Result<Token, Error> {
        let newer = |state: &TokenState| {
            let newer = state.current.as_ref().filter(|token| token.generation > refused.generation);
            newer.cloned()
        };
        {
            let mut state = self.0.lock();
            match newer(&state) {
                Some(token) => return Ok(token),
                None => state.refused = true,
            }
        }
        self.0.renewed(newer).await
    }

    /// Renews the token in a separate task, unless a renewal is already running.
    fn renew_in_background(&self) {
        let Ok(turn) = Arc::clone(&self.0.turn).try_lock_owned() else { return };
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(error) = shared.renew().await {
                tracing::warn!(
                    reason = %error,
                    "the access token could not be renewed early; it is used until it expires"
                );
            }
            drop(turn);
        });
    }
}

impl TokenShared {
    fn lock(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().expect("nothing panics while it holds the state of the sign-in")
    }

    /// Waits for the lock. Returns what `there_is` finds then, or else the result of a renewal.
    async fn renewed(&self, there_is: impl Fn(&TokenState) -> Option<Token>) -> Result<Token, Error> {
        let _turn = self.turn.lock().await;
        {
            let state = self.lock();
            if let Some(token) = there_is(&state) {
                return Ok(token);
            }
            if let Some(error) = state.shared_failure() {
                return Err(error);
            }
        }
        self.renew().await
    }

    /// Renews the token. The caller holds the lock.
    async fn renew(&self) -> Result<Token, Error> {
        let obtained = tokio::time::timeout(RENEWAL_TAKES_AT_MOST, self.obtain()).await;
        let obtained =
            obtained.unwrap_or_else(|_| Err(Error::Unavailable("it did not answer in time".into())));
        let (token, refresh_token) = {
            let mut state = self.lock();
            match obtained {
                Ok((token, refresh_token)) => {
                    tracing::debug!(generation = token.generation, "access token obtained");
                    state.current = Some(token.clone());
                    (state.refused, state.failure, state.failed_in_a_row) = (false, None, 0);
                    if let Some(new) = &refresh_token {
                        state.refresh_token = Some(new.clone());
                    }
                    (token, refresh_token)
                }
                Err(error) => {
                    state.failure = Some((Instant::now(), error.clone()));
                    state.failed_in_a_row = state.failed_in_a_row.saturating_add(1);
                    return Err(error);
                }
            }
        };
        if let Some(new) = refresh_token {
            // A key store may wait for a person. The token is used in the meantime.
            if tokio::time::timeout(KEPT_WITHIN, self.sign_in.keep(&new)).await.is_err() {
                tracing::warn!("the key store takes too long to keep the new refresh token");
            }
        }
        Ok(token)
    }

    /// A new token, and a new refresh token if the answer has one.
    async fn obtain(&self) -> Result<(Token, Option<SecretString>), Error> {
        let (generation, newest) = {
            let state = self.lock();
            let generation = state.current.as_ref().map_or(1, |token| token.generation + 1);
            (generation, state.refresh_token.clone())
        };
        // The service counts the lifetime from its answer, which is not earlier.
        let asked_at = Instant::now();
        let answer = match &self.sign_in {
            SignIn::Token(secret) if generation == 1 => {
                TokenAnswer { access_token: secret.clone(), lifetime: None, refresh_token: None }
            }
            SignIn::Token(_) => {
                return Err(Error::Refused {
                    message: "the service did not accept the access token".to_owned(),
                    hint: "put a new one into TENANTRY_ACCESS_TOKEN and run the command again".to_owned(),
                });
            }
            SignIn::AppOnly(app) => self.endpoint(app).as_app().await?,
            SignIn::AppAndUser { app, refresh_token, is_handed_in, .. } => {
                let answer = self.endpoint(app).as_user(newest.as_ref().unwrap_or(refresh_token)).await;
                answer.map_err(|error| if *is_handed_in { of_handed_in(error) } else { error })?
            }
        };
        let lifetime = answer.lifetime.and_then(|lifetime| {
            let expires_at = asked_at.checked_add(lifetime)?;
            Some(Lifetime { renew_at: expires_at - EARLY.min(lifetime / 4), expires_at })
        });
        Ok((Token { secret: answer.access_token, generation, lifetime }, answer.refresh_token))
    }

    fn endpoint<'a>(&'a self, app: &'a App) -> Endpoint<'a> {
        let http = self.http.as_ref().expect("only a token from outside comes without a client");
        Endpoint { http, app, authority: &self.authority }
    }
}

/// A login does not help as long as the variable overrides it.
fn of_handed_in(error: Error) -> Error {
    match error {
        Error::Refused { message, hint } => Error::Refused {
            message,
            hint: format!("{hint}; TENANTRY_REFRESH_TOKEN overrides a login: replace it, or unset it"),
        },
        Error::Unavailable(_) => error,
    }
}

fn http_client(authority: &Authority) -> Result<Http, ClientError> {
    Http::new(&authority.url, &authority.network, TIMEOUT, |builder| builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_cannot_be_printed() {
        let secret = || SecretString::from("hunter2");
        let app = |proof| App { tenant: "t".to_owned(), client_id: "c".to_owned(), proof };
        let pem = include_bytes!("../../../tests/it/client-certificate.pem");
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
