//! Calls the authority's v2 endpoints for one app.
//!
//! The `oauth2` crate writes the requests and reads the answers; our own HTTP client sends them. Three things that are
//! specific to Entra are done in between: a new certificate assertion for every request, seconds that are written as
//! text, and answers that are not a verdict, such as a gateway's. The crate's types for secrets cannot be printed, but
//! they are not wiped either. So they live for one exchange, and the secrets that we keep are copied into our own
//! types.

use std::pin::Pin;
use std::time::Duration;

use oauth2::basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenResponse};
use oauth2::http::header::{CONTENT_TYPE, LOCATION};
use oauth2::http::{HeaderMap, Response, StatusCode};
use oauth2::url::form_urlencoded;
use oauth2::{
    AsyncHttpClient, AuthType, Client, ClientId, ClientSecret, DeviceAuthorizationUrl, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, RefreshToken, Scope, StandardRevocableToken, TokenResponse,
    TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::errors::{Reason, names_an_error, verdict};
use super::{Authority, ClientProof, Error};
use crate::transport::middlebox::ResponseView;
use crate::transport::{Http, Peer, SendError, SentSecrets, bounded_body};

/// The longest duration that an answer can give: a year. The crate adds to durations, and an overflow would panic.
const SECONDS_MAX: u64 = 365 * 24 * 3600;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The app that signs in, and its tenant.
#[derive(Debug, Clone)]
pub struct App {
    pub tenant: String,
    pub client_id: String,
    /// `None`: a public client.
    pub proof: Option<ClientProof>,
}

/// The result of a sign-in.
#[derive(Debug)]
pub struct TokenAnswer {
    pub access_token: SecretString,
    /// `None`: the answer does not say.
    pub lifetime: Option<Duration>,
    /// Not every answer has one; without one, the old token stays valid (fact book 2.4).
    pub refresh_token: Option<SecretString>,
}

impl From<BasicTokenResponse> for TokenAnswer {
    fn from(answer: BasicTokenResponse) -> Self {
        Self {
            access_token: SecretString::from(answer.access_token().secret().as_str()),
            lifetime: answer.expires_in(),
            refresh_token: answer.refresh_token().map(|token| SecretString::from(token.secret().as_str())),
        }
    }
}

/// The crate's client with both endpoints. Its errors include Entra's error numbers.
type OAuthClient = Client<
    Reason,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The token endpoint of an app.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) http: &'a Http,
    pub(super) app: &'a App,
    pub(super) authority: &'a Authority,
}

impl Endpoint<'_> {
    /// Requests a token for the app itself.
    pub(super) async fn as_app(&self) -> Result<TokenAnswer, Error> {
        let client = self.client();
        let request = client.exchange_client_credentials().add_scope(self.authority.app_scope());
        Ok(request.request_async(self).await?.into())
    }

    /// Requests a token for the user of a refresh token.
    pub(super) async fn as_user(&self, refresh_token: &SecretString) -> Result<TokenAnswer, Error> {
        let client = self.client();
        let refresh_token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let request = client.exchange_refresh_token(&refresh_token).add_scopes(self.authority.user_scopes());
        Ok(request.request_async(self).await?.into())
    }

    pub(super) fn client(&self) -> OAuthClient {
        let client = Client::new(ClientId::new(self.app.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(self.url("token")))
            .set_device_authorization_url(DeviceAuthorizationUrl::from_url(self.url("devicecode")));
        match &self.app.proof {
            Some(ClientProof::Secret(secret)) => {
                client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            Some(ClientProof::Certificate(_)) | None => client,
        }
    }

    fn url(&self, name: &str) -> Url {
        let mut url = self.authority.url.clone();
        let path = [&self.app.tenant, "oauth2", "v2.0", name];
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(path);
        url
    }

    /// Adds an assertion to a form. It is valid for this request only: polling for a user takes longer than an
    /// assertion lives.
    fn prove(&self, request: &mut HttpRequest) -> Result<(), Error> {
        let Some(ClientProof::Certificate(certificate)) = &self.app.proof else { return Ok(()) };
        let assertion = certificate.assertion(&self.app.client_id, self.url("token").as_str())?;
        let pairs =
            [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.expose_secret())];
        let proof = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        request.body_mut().push(b'&');
        request.body_mut().extend_from_slice(proof.as_bytes());
        Ok(())
    }

    pub(super) async fn send(self, mut request: HttpRequest) -> Result<HttpResponse, Error> {
        self.prove(&mut request)?;
        let peer = Peer::sign_in(&self.authority.url);
        let sent = SentSecrets::of_form(request.body());
        let unavailable = |error: SendError| Error::Unavailable(error.explain(&peer).0);
        let request = reqwest::Request::try_from(request).map_err(|error| unavailable(error.into()))?;
        let response = self.http.execute(request).await.map_err(unavailable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = bounded_body(response).await.map_err(|reason| Error::Unavailable(reason.into()))?;
        let quoted = sent.struck_out_of(body.clone());
        if let Some(silence) = look(status, &headers, &quoted).silence(&peer) {
            return Err(Error::Unavailable(silence));
        }
        // On success the answer may contain the refresh token that we sent: the service need not rotate it.
        let body = if status.is_success() { body } else { quoted };
        let answer = understood(status, &body).map_err(|reason| Error::Unavailable(reason.into()))?;
        let mut response = Response::new(answer);
        *response.status_mut() = status;
        Ok(response)
    }
}

/// Only its JSON distinguishes an answer of the sign-in service from another one: its refusals contain `error`.
fn look<'a>(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8]) -> ResponseView<'a> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    ResponseView {
        status: status.as_u16(),
        content_type: header(CONTENT_TYPE).unwrap_or_default(),
        location: header(LOCATION),
        body,
        is_of_the_service: !status.is_success() && names_an_error(body),
    }
}

impl<'c> AsyncHttpClient<'c> for Endpoint<'_> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Authority {
    /// The scope of an app's own token.
    fn app_scope(&self) -> Scope {
        Scope::new(format!("{}/.default", self.audience))
    }

    /// The scopes of a user's token. Without `offline_access` the answer has no refresh token.
    pub(super) fn user_scopes(&self) -> [Scope; 2] {
        [format!("{}/user_impersonation", self.audience), "offline_access".to_owned()].map(Scope::new)
    }
}

/// The answer in the form that the crate reads, if it is a verdict. `Err`: why it is not a verdict.
pub fn understood(status: StatusCode, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut answer = verdict(status, body)?;
    seconds_to_numbers(&mut answer);
    Ok(answer.to_string().into_bytes())
}

/// Converts seconds that are written as text, as in v1 (fact book 2.2), to numbers: the parser accepts only numbers.
fn seconds_to_numbers(answer: &mut Value) {
    for name in ["expires_in", "interval"] {
        if let Some(field) = answer.get_mut(name)
            && let Some(seconds) = field.as_u64().or_else(|| field.as_str()?.parse().ok())
        {
            *field = seconds.min(SECONDS_MAX).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_all_endpoints_are_read() {
        let check = |wire: &str, refreshes: bool| {
            let (_, body) = wire.rsplit_once("\n\n").unwrap();
            let mut answer = verdict(StatusCode::OK, body.as_bytes()).unwrap();
            seconds_to_numbers(&mut answer);
            let answer = TokenAnswer::from(serde_json::from_value::<BasicTokenResponse>(answer).unwrap());
            assert!(answer.lifetime.is_some_and(|it| (3599..=3600).contains(&it.as_secs())), "{wire}");
            assert_eq!(answer.refresh_token.is_some(), refreshes, "{wire}");
        };
        check(include_str!("../../../tests/wire/token-client-credentials-v1-200.http"), false);
        check(include_str!("../../../tests/wire/token-client-credentials-v1-200-current.http"), false);
        check(include_str!("../../../tests/wire/token-client-credentials-v2-200.http"), false);
        check(include_str!("../../../tests/wire/token-refresh-v1-200.http"), false);
        check(include_str!("../../../tests/wire/device-code.http"), true);
    }

    #[test]
    fn seconds_come_as_numbers_or_as_text() {
        let check = |expires_in: &str, expected: &str| {
            let mut answer = serde_json::from_str(&format!(r#"{{"expires_in":{expires_in}}}"#)).unwrap();
            seconds_to_numbers(&mut answer);
            assert_eq!(answer["expires_in"].to_string(), expected);
        };
        check("3599", "3599");
        check("\"3599\"", "3599");
        check("18446744073709551615", "31536000");
        check("\"soon\"", "\"soon\"");
        check("null", "null");
    }
}
