//! The token authority: `/oauth2/v2.0/token`, the older `/oauth2/token`, and the grants that both take.
//!
//! The grants decide about who signs in; here is what they have in common: the form, the audience, the proof of the
//! client and the two forms of the answer. v1 names the audience `resource` and answers numbers as text; v2 names it
//! in `scope` and answers numbers (fact book 2.2 to 2.4).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::aadsts::Refusal;
use super::arrived::Arrived;
use super::assertion;
use super::device;
use super::exchange::{Simulation, lock};
use super::marks::{ClientMark, marked};
use super::refresh;
use super::reply::Reply;
use super::token::{Mint, TokenKind};

/// What tokens are given for; the last one only for the API to refuse them.
const AUDIENCES: [&str; 3] = [
    "https://api.partnercenter.microsoft.com",
    "https://partner.partnercenterapi.microsoftonline.cn",
    "https://graph.windows.net",
];

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

/// What a sign-in is for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    audience: String,
    /// `offline_access`, which is what brings a refresh token.
    refresh_token: bool,
    /// `openid`.
    id_token: bool,
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
    pub(super) fn new(
        simulation: &'a Simulation,
        version: Version,
        tenant: &'a str,
        arrived: &Arrived,
    ) -> SignIn<'a> {
        let form = url::form_urlencoded::parse(&arrived.body).into_owned().collect();
        SignIn { simulation, version, tenant, own_url: arrived.own_url(), form }
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
        if marked(client_id, ClientMark::Unknown) {
            let text = format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'.",
                self.tenant
            );
            return Err(Refusal::new(400, "unauthorized_client", 700_016, text));
        }
        Ok(client_id)
    }

    /// How the client proves who it is: `appidacr` of the token.
    pub(super) fn client_proof(&self) -> Result<u8, Refusal> {
        if self.field("client_assertion").is_some() || self.field("client_assertion_type").is_some() {
            return assertion::check(self).map(|()| 2);
        }
        match self.field("client_secret") {
            Some("wrong-secret") => {
                Err(Refusal::invalid_client(7_000_215, "Invalid client secret provided."))
            }
            Some("expired-secret") => {
                Err(Refusal::invalid_client(7_000_222, "The provided client secret keys are expired."))
            }
            Some(_) => Ok(1),
            None => Ok(0),
        }
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

/// `POST /{tenant}/oauth2/v2.0/token` and `POST /{tenant}/oauth2/token`.
pub(super) fn token(sign_in: &SignIn<'_>) -> Reply {
    match granted(sign_in).and_then(|granted| answer(sign_in, &granted)) {
        Ok(body) => {
            let reply = Reply::json(200, &body);
            let reply = reply.with_header("cache-control", "no-cache, no-store");
            reply.with_header("pragma", "no-cache").with_header("expires", "-1")
        }
        Err(refusal) => refusal.reply(),
    }
}

fn granted(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    let grant_type = sign_in.required("grant_type")?;
    match grant_type {
        "client_credentials" => client_credentials(sign_in),
        "refresh_token" => refresh::redeem(sign_in),
        device::GRANT_TYPE => device::poll(sign_in),
        _ => {
            let text = format!("The app requested an unsupported grant type '{grant_type}'.");
            Err(Refusal::new(400, "unsupported_grant_type", 70_003, text))
        }
    }
}

fn client_credentials(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    sign_in.client_id()?;
    match sign_in.client_proof()? {
        0 => {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the \
                        'client_credentials' grant type.";
            Err(Refusal::invalid_client(7_000_216, text))
        }
        client_proof => {
            let wanted = sign_in.wanted(sign_in.field("scope"))?;
            Ok(Granted { kind: TokenKind::AppOnly, client_proof, wanted, renews: false })
        }
    }
}

fn answer(sign_in: &SignIn<'_>, granted: &Granted) -> Result<Value, Refusal> {
    let lifetime = sign_in.simulation.scenario.token_lifetime;
    let mint = Mint {
        tenant: sign_in.tenant,
        app_id: sign_in.client_id()?,
        audience: &granted.wanted.audience,
        kind: granted.kind,
        client_proof: granted.client_proof,
        lifetime,
    };
    let token = lock(&sign_in.simulation.tokens).mint(&mint);
    let mut body = json!({ "token_type": "Bearer", "access_token": token });
    match sign_in.version {
        Version::V1 => {
            let seconds = lifetime.as_secs();
            let now = crate::clock::now().as_second();
            body["expires_in"] = json!(seconds.to_string());
            body["ext_expires_in"] = json!(seconds.to_string());
            body["expires_on"] = json!(now.saturating_add_unsigned(seconds).to_string());
            body["not_before"] = json!(now.to_string());
            body["resource"] = json!(mint.audience);
        }
        Version::V2 => body["expires_in"] = json!(lifetime.as_secs()),
    }
    if granted.kind != TokenKind::AppOnly {
        add_user(&mut body, sign_in, granted, &mint);
    }
    Ok(body)
}

/// What only an answer for a user holds.
fn add_user(body: &mut Value, sign_in: &SignIn<'_>, granted: &Granted, mint: &Mint<'_>) {
    body["scope"] = match sign_in.version {
        Version::V1 => json!("user_impersonation"),
        Version::V2 => json!(format!("{}/user_impersonation", mint.audience)),
    };
    if granted.wanted.id_token {
        body["id_token"] = json!(mint.id_token());
    }
    if granted.wanted.refresh_token && granted.renews {
        let refresh_token = lock(&sign_in.simulation.refresh_tokens).issue(granted.kind);
        body["refresh_token"] = json!(refresh_token);
    }
}
