//! The authority's v2 endpoints: a form goes in, a token or a reason comes out.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::errors::Refusal;
use super::{Authority, ClientProof, Error};
use crate::partner_center::causes;

/// The answer of the token endpoint. Numbers come as numbers from v2 and as text from v1.
#[derive(Debug, Deserialize)]
pub(super) struct TokenAnswer {
    pub(super) access_token: SecretString,
    #[serde(deserialize_with = "seconds")]
    pub(super) expires_in: u64,
    /// Not every answer brings one; then the old one stays (fact book 2.4).
    pub(super) refresh_token: Option<SecretString>,
}

pub(super) fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
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

/// Who signs in, and where.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    /// `None`: a public client.
    pub(crate) proof: Option<ClientProof>,
}

/// A form on its way out. Its values may be secrets.
pub(super) struct Form(Vec<(&'static str, Zeroizing<String>)>);

impl Form {
    /// With what every request to the token endpoint has: the app and its proof.
    pub(super) fn of(app: &App, authority: &Authority) -> Result<Self, Error> {
        let mut form = Self(Vec::new());
        form.add("client_id", &app.client_id);
        match &app.proof {
            None => {}
            Some(ClientProof::Secret(secret)) => form.add("client_secret", secret.expose_secret()),
            Some(ClientProof::Certificate(certificate)) => {
                let audience = authority.endpoint(&app.tenant, "token");
                let assertion = certificate.assertion(&app.client_id, audience.as_str())?;
                form.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                form.add("client_assertion", assertion.expose_secret());
            }
        }
        Ok(form)
    }

    pub(super) fn add(&mut self, name: &'static str, value: &str) {
        self.0.push((name, Zeroizing::new(value.to_owned())));
    }
}

impl Authority {
    pub(super) fn endpoint(&self, tenant: &str, name: &str) -> Url {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .extend([tenant, "oauth2", "v2.0", name]);
        url
    }

    /// What an app asks for itself.
    pub(super) fn app_scope(&self) -> String {
        format!("{}/.default", self.audience)
    }

    /// What an app asks for a user; without `offline_access` no refresh token comes.
    pub(super) fn user_scope(&self) -> String {
        format!("{}/user_impersonation offline_access", self.audience)
    }
}

/// Posts a form and reads the answer.
pub(super) async fn post<T: DeserializeOwned>(
    http: &reqwest::Client,
    url: Url,
    form: &Form,
) -> Result<T, Refusal> {
    let pairs: Vec<(&str, &str)> = form.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let host = url.host_str().unwrap_or_default().to_owned();
    let unavailable = |error: reqwest::Error| Refusal::Unavailable(format!("{host}: {}", causes(&error)));
    let response = http.post(url).form(&pairs).send().await.map_err(unavailable)?;
    let status = response.status();
    let body = Zeroizing::new(response.bytes().await.map_err(unavailable)?.to_vec());
    if status.is_success() {
        // The parser's message is left out: it can quote the body.
        return serde_json::from_slice(&body)
            .map_err(|_| Refusal::Unavailable("its answer cannot be understood".to_owned()));
    }
    Err(Refusal::read(status.as_u16(), &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_endpoints_answers_are_read() {
        for body in [
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#,
            r#"{"token_type":"Bearer","expires_in":"3599","access_token":"t","not_before":"1"}"#,
            r#"{"expires_in":"3599","access_token":"t","refresh_token":"r"}"#,
        ] {
            assert_eq!(serde_json::from_str::<TokenAnswer>(body).unwrap().expires_in, 3599);
        }
    }
}
