//! A request to the token authority: its form fields, its client and its audience.
//!
//! v1 names the audience in `resource`, v2 in `scope` (fact book 2.2 to 2.4).

use std::collections::HashMap;

use super::aadsts::Refusal;
use super::simulation::{Simulation, Visit};
use super::token::{TokenKind, Wanted};

/// The audiences that get tokens; the API rejects tokens for the last one.
const AUDIENCES: [&str; 3] = [
    "https://api.partnercenter.microsoft.com",
    "https://partner.partnercenterapi.microsoftonline.cn",
    "https://graph.windows.net",
];

/// A client id that selects a behaviour: by its first letters, for people, or as a GUID, for programs that require one.
type ClientMark = (&'static str, &'static str);

/// The tenant does not know the client.
const UNKNOWN: ClientMark = ("unknown-app", "c11e0000-0000-4000-8000-000000000001");

/// The client may not sign users in without a secret or an assertion.
pub(super) const CONFIDENTIAL: ClientMark = ("confidential", "c11e0000-0000-4000-8000-000000000002");

/// The user declines.
pub(super) const DECLINED: ClientMark = ("declined", "c11e0000-0000-4000-8000-000000000003");

/// The user takes too long.
pub(super) const EXPIRED: ClientMark = ("expired", "c11e0000-0000-4000-8000-000000000004");

/// The user signs in with only a password.
pub(super) const WITHOUT_MFA: ClientMark = ("no-mfa", "c11e0000-0000-4000-8000-000000000005");

/// Does a client id select this behaviour?
pub(super) fn is_marked(client_id: &str, (word, guid): ClientMark) -> bool {
    let client_id = client_id.to_ascii_lowercase();
    client_id.starts_with(word) || client_id == guid
}

/// The version of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// A request to the authority with its parsed form.
#[derive(Debug)]
pub(super) struct SignIn<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) version: Version,
    pub(super) tenant: &'a str,
    /// The URL of the simulator for its clients, such as `http://127.0.0.1:8787`.
    pub(super) own_url: String,
    /// The URL for clients that do not use the proxy in front of the simulator, if there is one.
    pub(super) direct_url: String,
    form: HashMap<String, String>,
}

/// The result of a grant.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) kind: TokenKind,
    pub(super) client_proof: u8,
    pub(super) wanted: Wanted,
    /// Does the answer include a refresh token, if one was requested?
    pub(super) renews: bool,
}

impl<'a> SignIn<'a> {
    pub(super) fn new(visit: &Visit<'a>, version: Version) -> SignIn<'a> {
        let Visit { simulation, arrived, .. } = *visit;
        let form = url::form_urlencoded::parse(&arrived.body).into_owned().collect();
        let (own_url, direct_url) = (visit.own_url(), arrived.direct_url());
        SignIn { simulation, version, tenant: &arrived.parameter, own_url, direct_url, form }
    }

    /// A field of the form; `None` if it is absent or empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.field(name).ok_or_else(|| Refusal::missing(name))
    }

    /// The client id, if the tenant knows the client.
    pub(super) fn client_id(&self) -> Result<&str, Refusal> {
        let client_id = self.required("client_id")?;
        if is_marked(client_id, UNKNOWN) {
            let text = format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'.",
                self.tenant
            );
            return Err(Refusal::new(400, "unauthorized_client", 700_016, text));
        }
        Ok(client_id)
    }

    /// What the sign-in requests: from `resource` in v1, from the given scope in v2.
    pub(super) fn wanted(&self, scope: Option<&str>) -> Result<Wanted, Refusal> {
        let audience = match self.version {
            Version::V1 => self.resource()?,
            Version::V2 => self.scoped_audience(scope.ok_or_else(|| Refusal::missing("scope"))?)?,
        };
        let asks_for =
            |name: &str| scope.is_some_and(|scope| scope.split_whitespace().any(|part| part == name));
        Ok(Wanted {
            audience: audience.to_owned(),
            // The documented v1 answer has no refresh token.
            refresh_token: self.version == Version::V2 && asks_for("offline_access"),
            id_token: asks_for("openid"),
        })
    }

    fn resource(&self) -> Result<&str, Refusal> {
        let resource = self.required("resource")?.trim_end_matches('/');
        if self.is_audience(resource) {
            return Ok(resource);
        }
        let text = format!("The resource principal named {resource} was not found in the tenant.");
        Err(Refusal::new(400, "invalid_resource", 500_011, text))
    }

    fn scoped_audience<'s>(&self, scope: &'s str) -> Result<&'s str, Refusal> {
        let mut resources = scope.split_whitespace().filter_map(resource_of);
        resources.find(|resource| self.is_audience(resource)).ok_or_else(|| {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            );
            Refusal::new(400, "invalid_scope", 70_011, text)
        })
    }

    /// Partner Center's own address, or the address of the simulator in its place.
    fn is_audience(&self, audience: &str) -> bool {
        AUDIENCES.contains(&audience) || audience == self.own_url || audience == self.direct_url
    }
}

fn resource_of(scope: &str) -> Option<&str> {
    scope.strip_suffix("/.default").or_else(|| scope.strip_suffix("/user_impersonation"))
}
