//! App+User, the first time: the user signs in on any device while we poll (fact book 2.4).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::endpoint::{App, Form, TokenAnswer, post, seconds};
use super::errors::Refusal;
use super::{Authority, Error, http_client};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What `slow_down` adds to the interval (RFC 8628).
const SLOWER: Duration = Duration::from_secs(5);

/// No wait between two polls is longer.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// No code is waited for longer, whatever it says of itself.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

#[derive(Debug, Deserialize)]
struct Prompt {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
    #[serde(default = "five", deserialize_with = "seconds")]
    interval: u64,
    #[serde(default)]
    message: String,
}

fn five() -> u64 {
    5
}

/// What a login brought.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) access_token: SecretString,
    pub(crate) refresh_token: SecretString,
}

/// Has the user told by `show` what to do, and waits until it is done.
pub(crate) async fn login(
    app: &App,
    authority: &Authority,
    show: impl FnOnce(&str) + Send,
) -> Result<Login, Error> {
    let http = http_client(authority).map_err(|error| Error::Unavailable(error.to_string()))?;
    let mut form = Form::of(app, authority)?;
    form.add("scope", &authority.user_scope());
    let url = authority.endpoint(&app.tenant, "devicecode");
    let prompt: Prompt = post(&http, url, &form).await?;
    if prompt.message.is_empty() {
        show(&format!("Open {} and enter the code {}", prompt.verification_uri, prompt.user_code));
    } else {
        show(&prompt.message);
    }
    let answer = poll(&http, app, authority, &prompt).await?;
    let refresh_token = answer.refresh_token.ok_or_else(|| Error::Refused {
        message: "the sign-in brought no refresh token".to_owned(),
        hint: "allow the app `offline_access`".to_owned(),
    })?;
    Ok(Login { access_token: answer.access_token, refresh_token })
}

async fn poll(
    http: &reqwest::Client,
    app: &App,
    authority: &Authority,
    prompt: &Prompt,
) -> Result<TokenAnswer, Error> {
    let until = Instant::now() + Duration::from_secs(prompt.expires_in).min(LONGEST_WAIT);
    let mut interval = Duration::from_secs(prompt.interval.max(1)).min(LONGEST_INTERVAL);
    loop {
        tokio::time::sleep(interval).await;
        if Instant::now() >= until {
            return Err(Error::Refused {
                message: "the code has expired before anybody signed in".to_owned(),
                hint: "run `tenantry login` again".to_owned(),
            });
        }
        let mut form = Form::of(app, authority)?;
        form.add("grant_type", GRANT_TYPE);
        form.add("device_code", prompt.device_code.expose_secret());
        match post(http, authority.endpoint(&app.tenant, "token"), &form).await {
            Ok(answer) => return Ok(answer),
            Err(Refusal::Said(reason)) if reason.error == "authorization_pending" => {}
            Err(Refusal::Said(reason)) if reason.error == "slow_down" => {
                interval = (interval + SLOWER).min(LONGEST_INTERVAL);
            }
            // The user may be half done: a hiccup must not end it.
            Err(Refusal::Unavailable(reason)) => tracing::warn!(reason, "sign-in service gave no answer"),
            Err(refusal) => return Err(refusal.into()),
        }
    }
}
