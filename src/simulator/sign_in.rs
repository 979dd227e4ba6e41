//! A request to the token authority: its form, the client, and what the sign-in is for.
//!
//! v1 names the audience `resource`, v2 names it in `scope` (fact book 2.2 to 2.4).

use std::collections::HashMap;

use super::aadsts::Refusal;
use super::simulation::{Simulation, Visit};
use super::token::{TokenKind, Wanted};

/// What tokens are given for; the last one only for the API to refuse them.
const AUDIENCES: [&str; 3] = [
    "https://api.partnercenter.microsoft.com",
    "https://partner.partnercenterapi.microsoftonline.cn",
    "https://graph.windows.net",
];

/// What the client id asks for by what it starts with, a word for people, or by being a GUID, for programs that insist
/// on one.
type ClientMark = (&'static str, &'static str);

/// The tenant does not know it.
const UNKNOWN: ClientMark = ("unknown-app", "c11e0000-0000-4000-8000-000000000001");

/// It is not allowed to sign users in without a secret of its own.
pub(super) const CONFIDENTIAL: ClientMark = ("confidential", "c11e0000-0000-4000-8000-000000000002");

/// Its user says no.
pub(super) const DECLINED: ClientMark = ("declined", "c11e0000-0000-4000-8000-000000000003");

/// Its user takes too long.
pub(super) const EXPIRED: ClientMark = ("expired", "c11e0000-0000-4000-8000-000000000004");

/// Its user signs in with a password alone.
pub(super) const WITHOUT_MFA: ClientMark = ("no-mfa", "c11e0000-0000-4000-8000-000000000005");

/// Whether a client id asks for this.
pub(super) fn is_marked(client_id: &str, (word, guid): ClientMark) -> bool {
    let client_id = client_id.to_ascii_lowercase();
    client_id.starts_with(word) || client_id == guid
}

/// Which of the two token endpoints was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// A request to the authority, its form read.
#[derive(Debug)]
pub(super) struct SignIn<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) version: Version,
    pub(super) tenant: &'a str,
    /// The address under which the simulator was reached, such as `http://127.0.0.1:8787`.
    pub(super) own_url: String,
    form: HashMap<String, String>,
}

/// What a grant decides.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) kind: TokenKind,
    pub(super) client_proof: u8,
    pub(super) wanted: Wanted,
    /// Whether a refresh token comes with it, where one is wanted.
    pub(super) renews: bool,
}

impl<'a> SignIn<'a> {
    pub(super) fn new(visit: &Visit<'a>, version: Version) -> SignIn<'a> {
        let Visit { simulation, arrived, .. } = *visit;
        let form = url::form_urlencoded::parse(&arrived.body).into_owned().collect();
        SignIn { simulation, version, tenant: &arrived.parameter, own_url: arrived.own_url(), form }
    }

    /// A field of the form, unless it is absent or empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.field(name).ok_or_else(|| Refusal::missing(name))
    }

    /// The client, as long as the tenant knows it.
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

    /// What the sign-in is for: by `resource` in v1, by the given scope in v2.
    pub(super) fn wanted(&self, scope: Option<&str>) -> Result<Wanted, Refusal> {
        let audience = match self.version {
            Version::V1 => self.resource()?,
            Version::V2 => self.scoped_audience(scope.ok_or_else(|| Refusal::missing("scope"))?)?,
        };
        let asks_for =
            |name: &str| scope.is_some_and(|scope| scope.split_whitespace().any(|part| part == name));
        Ok(Wanted {
            audience: audience.to_owned(),
            // The v1 answer, as it is printed, brings none.
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

    /// Partner Center's own address, or the one under which the simulator was reached, which plays its part.
    fn is_audience(&self, audience: &str) -> bool {
        AUDIENCES.contains(&audience) || audience == self.own_url
    }
}

fn resource_of(scope: &str) -> Option<&str> {
    scope.strip_suffix("/.default").or_else(|| scope.strip_suffix("/user_impersonation"))
}
