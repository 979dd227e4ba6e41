//! Signs a user in for the first time, on any device, while we poll (App+User, fact book 2.4).

use std::time::{Duration, SystemTime};

use oauth2::{DeviceAuthorizationResponse, ExtraDeviceAuthorizationFields, HttpRequest};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::endpoint::{App, Endpoint, TokenAnswer};
use super::{Authority, Error, http_client};

/// Limits of the wait between two polls, whatever interval the service requests.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// The longest time we wait for the user, whatever lifetime the service gives the code.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The field that Entra adds to RFC 8628.
#[derive(Debug, Deserialize, Serialize)]
pub struct Words {
    /// Instructions for the user, in the language of the tenant.
    #[serde(default)]
    message: String,
}

impl ExtraDeviceAuthorizationFields for Words {}

pub type Prompt = DeviceAuthorizationResponse<Words>;

/// The result of a login.
#[derive(Debug)]
pub struct Login {
    pub access_token: SecretString,
    pub refresh_token: SecretString,
}

/// Shows the user the instructions through `show`, and waits until the user has signed in.
pub async fn login(app: &App, authority: &Authority, show: impl FnOnce(&str) + Send) -> Result<Login, Error> {
    let http = http_client(authority).map_err(|error| Error::Unavailable(error.to_string().into()))?;
    let endpoint = Endpoint { http: &http, app, authority };
    let client = endpoint.client();
    let request = client.exchange_device_code().add_scopes(authority.user_scopes());
    let prompt: Prompt = request.request_async(&endpoint).await?;
    match prompt.extra_fields().message.as_str() {
        "" => show(&format!(
            "Open {} and enter the code {}",
            prompt.verification_uri().as_str(),
            prompt.user_code().secret()
        )),
        message => show(message),
    }
    let answer = poll(endpoint, &prompt).await?;
    let refresh_token = answer.refresh_token.ok_or_else(|| Error::Refused {
        message: "the sign-in brought no refresh token".to_owned(),
        hint: "allow the app `offline_access`".to_owned(),
    })?;
    Ok(Login { access_token: answer.access_token, refresh_token })
}

/// Polls until the user has signed in. A brief failure of the service must not end the login halfway.
async fn poll(endpoint: Endpoint<'_>, prompt: &Prompt) -> Result<TokenAnswer, Error> {
    let client = endpoint.client();
    let begun = Instant::now();
    let ask = |request: HttpRequest| async move {
        let answer = endpoint.send(request).await;
        answer.inspect_err(|error| tracing::warn!(%error, "sign-in service gave no answer"))
    };
    let request = client
        .exchange_device_access_token(prompt)
        .set_max_backoff_interval(LONGEST_INTERVAL)
        // Only differences matter; this clock does not jump.
        .set_time_fn(move || (SystemTime::UNIX_EPOCH + begun.elapsed()).into());
    let wait = |interval: Duration| tokio::time::sleep(interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL));
    let longest = prompt.expires_in().min(LONGEST_WAIT);
    Ok(request.request_async(&ask, wait, Some(longest)).await?.into())
}
