//! A simulated Partner Center: a real HTTP server for rehearsals and tests.
//!
//! It simulates the token authority and every API request that a creation run may make, as the documents in the fact
//! book describe them, including failures. It guarantees:
//!
//! - A domain exists once, a request id creates at most one customer, and a contact accepts an agreement once.
//! - Everything that was answered survives a restart if there is a state file.
//! - The rate limit is strict over every window.
//!
//! It shares no code with the program: otherwise, a wrong field name in both would not be noticed. Not included:
//! `/generatetoken`, the authorization code, deleting, the filter by indirect reseller.
//!
//! # Data that causes a refusal
//!
//! | in a create | answer |
//! | --- | --- |
//! | a required field missing or blank | 400 `2001`, the JSON paths in `data` |
//! | `userCredentials` set, malformed domain, `associatedPartnerId` that is not a GUID | 400 `3000` |
//! | no `MS-RequestId` or `MS-CorrelationId` (unless [`Scenario::request_ids`] makes them optional), other Content-Type, no JSON object | 400 `2000` |
//! | a request id that created another customer | 400 `3000` |
//! | domain `refuse-STATUS-CODE` or `refuse-STATUS-CODE-anything` | that refusal, nothing is created |
//! | domain `taken…`, `microsoft.onmicrosoft.com`, `contoso.onmicrosoft.com`, [`PARTNER_DOMAIN`] | taken by a stranger, HEAD returns 200 |
//! | domain `ours…` | taken, and searches find it as the partner's customer |
//! | domain `half-made…`, or an e-mail address that ends in one letter | 400 `27002` `NotificationEmailAddress`, and the domain is lost |
//! | country AQ, BV, HM | 400 `20000` |
//! | no phone number for one of the 24 registration countries, such as IN | 400 `600051` |
//! | no organization registration number for one of these countries | 400 `600049` |
//! | an organization registration number shorter than 5 or longer than 22 characters | 400 `600050`, the pattern in the text |
//! | an organization registration number for any other country | 400 `600002` |
//! | region `NA` for US | 400 `27002` `StateInvalid` |
//! | a reseller, with an app-only token | 403 `900329` |
//! | an unusable reseller | as in the table of resellers |
//! | more customers than [`Scenario::sandbox_limit`] | 400 `800018` |
//!
//! A taken domain is rejected with 409 `600001`. A tenant id of a tenant that is not the partner's customer is rejected
//! with 403 `20002`, and an unknown tenant id with 404 `60003`.
//!
//! | an address whose first line, city, postal code, country are | status |
//! | --- | --- |
//! | 1 (or One) Microsoft Way, Redmond, 98052, US | `VerifiedShippable` |
//! | 1 Microsoft Way, Redmond, 98052-8300, US | `Verified` |
//! | 1 Microsoft Way, Seattle, 98052, US | `InteractionRequired` |
//! | Microsoft Way, Redmond, 98052, US | `StreetPartial` |
//! | 3 Microsoft Way, Redmond, 98052, US | `PremisesPartial` |
//! | 1 Strada Dacia, Bulboac, 6512, MD | `Multiple` |
//! | 1 Microsoft Way, Seattle, 98055, US; or no first line | `None`, suggestions `null` |
//! | no country | `NotValidated`, no suggestions at all |
//! | any, with `#STATUS` at the end of the first line | that status, even an unknown one |
//! | any other | `VerifiedShippable` |
//!
//! In the first generation, a verified address gets an empty 200, all others 400 `2007`. Country rules: US and PT as
//! recorded, other countries only with their cultures. An unknown country, such as UK, gets 404 `1000`; anything but a
//! two-letter code gets 400 `2000`.
//!
//! | reseller | listed as | agreement by `tenantId` / `mpnId` | create for it |
//! | --- | --- | --- | --- |
//! | the five of `samples/customers.csv`, `484e548c-f5f3-4528-93a9-c16c6373cb59`, `b01b1487-b36e-4e6d-9b5e-0b58974c4b28` | `Active` | `true` | 201 |
//! | `dea10000-0000-4000-8000-000000000001` / `4847501` | `Inactive` | `true` | 400 `900154` |
//! | `dea10000-0000-4000-8000-000000000002` / `4847502` | `Active` | `false` | 403 `900123` |
//! | `dea10000-0000-4000-8000-000000000003` / `4847503` | `Active` | 400 `2206` / `2203` | 403 `900123` |
//! | `dea10000-0000-4000-8000-000000000004` / `4847504` | no | 400 `2201` | 400 `800016` |
//! | `dea10000-0000-4000-8000-000000000005` / `4847505` | no | 400 `2204` | 400 `800016` |
//! | any other | no | 400 `2205` / `2200` | 400 `800016` |
//!
//! A status request with both ids, no id or a malformed id gets 400 `2000`, `2001` or `2000`.
//!
//! An agreement with a missing or invalid property is rejected with 400 `3000`, with its path in `data`. A second
//! agreement of the same contact for the same customer is rejected with 400 `600061`, shape C.
//!
//! # Signing in
//!
//! The path may contain any tenant. A GUID becomes `tid`; otherwise `tid` is [`PARTNER_TENANT_ID`].
//!
//! | client id, or GUID | answer |
//! | --- | --- |
//! | `unknown-app…`, `c11e0000-0000-4000-8000-000000000001` | 400 `unauthorized_client` AADSTS700016 |
//! | `confidential…`, `…000000000002`, for a user, without secret or assertion | 401 `invalid_client` AADSTS7000218 |
//! | `declined…`, `…000000000003` | polling: 400 `authorization_declined`; else 400 `consent_required` AADSTS65001 |
//! | `expired…`, `…000000000004` | polling: 400 `expired_token`; else 401 `invalid_client` AADSTS7000222 |
//! | `no-mfa…`, `…000000000005`, by device code | a user without MFA |
//!
//! | secret, assertion or refresh token | answer |
//! | --- | --- |
//! | secret `wrong-secret`, `expired-secret` | 401 `invalid_client` AADSTS7000215, AADSTS7000222 |
//! | app-only with neither secret nor assertion | 401 `invalid_client` AADSTS7000216 |
//! | assertion: no JWT; `iss` or `sub` not the client id; `aud` not a token endpoint of the tenant; `exp` in the past or `nbf` more than a second in the future; signature not by [`Scenario::client_certificate`] | 401 `invalid_client` AADSTS50027, 700021, 700023, 700024, 700027 |
//! | refresh token `expired…`, `revoked…` | 400 `invalid_grant` AADSTS700082, AADSTS50173 |
//! | `mfa-needed…`, `blocked…` | 400 `interaction_required` AADSTS50076, AADSTS53003 |
//! | `consent-needed…` | 400 `consent_required` AADSTS65001 |
//! | `no-mfa…` | a user without MFA |
//! | not from the simulator, if [`Scenario::accept_any_refresh_token`] is off | 400 `invalid_grant` AADSTS9002313 |
//! | any other | a user with MFA, and on v2 a new refresh token, whatever the scope |
//! | `scope` or `resource` for anything but Partner Center | 400 `invalid_scope` AADSTS70011, `invalid_resource` AADSTS500011 |
//!
//! A device code brings a refresh token only with `offline_access`, and `openid` in the scope brings an id token. No
//! token is signed, and the key set is empty: a client that verifies signatures rejects all tokens.
//!
//! MSAL and azure-identity read `/{tenant}/v2.0/.well-known/openid-configuration` and accept only `https`. Turn off their
//! question to Microsoft about the authority (`instance_discovery=False`, `knownAuthorities`,
//! `disable_instance_discovery`). Put a TLS proxy in front and set [`Config::public_url`]: the addresses in that document
//! and the audiences of assertions start with it. `tests/clients/run` does all of this.
//!
//! | an access token | on the API |
//! | --- | --- |
//! | for `https://graph.windows.net` | 401 `900420` |
//! | of a user without MFA, depending on [`Scenario::mfa`] | 401 `900421`, or an empty 401 `MFA required` |
//! | app-only, for resellers, their agreement status, the profile, agreements | 403 `900329` |
//! | not from the simulator and no JWT with `idtyp`, or `scp` and `amr` | [`Scenario::unknown_token`]; by default a user with MFA |
//!
//! For `ValidateMfa: true`, the reply has the header `isMfaCompliant` for a user, and no header for an app.
//!
//! The `Host` header of every request must name the simulator: by its own address with its port, or by a loopback
//! address or `localhost` with any port, or by [`Config::public_url`]. All other requests get a 421
//! ([`Config::any_host`] turns this check off). So a web page cannot reach the simulator under its own host name.
//!
//! # Control API
//!
//! Not available inside the process of a rehearsal, or with [`Config::private`].
//!
//! | request | body |
//! | --- | --- |
//! | `GET /_simulator/journal` | `[{"domain", "customer_id", "commerce_id", "user_name", "password", "request_id", "correlation_id", "created_at", "body", "agreements"}]`, `body` is the text of the request, `agreements` is as below |
//! | `GET /_simulator/agreements` | `[{"customer_id", "domain", "first_name", "last_name", "email", "phone_number", "template_id", "agreement_type", "date_agreed", "request_id", "correlation_id", "recorded_at"}]` |
//! | `GET /_simulator/requests` | `[{"at_ms", "at", "method", "path", "operation", "domain", "request_id", "correlation_id", "token", "status", "fault"}]`, `token` is a [`TokenKind`] in snake case or `null`, `fault` is `null` or as below |
//! | `PUT /_simulator/faults` | `[{"kind": "drop_after", "operation": "create", "domain": "a.onmicrosoft.com", "count": 2}]`; replaces the script; `domain` and `count` (1) may be absent |
//! | `PUT /_simulator/hold` | `{"at": "received", "domain": "a.onmicrosoft.com"}`; `at` is `received`, `created` or `half_answered`; `domain` may be absent |
//! | `GET /_simulator/hold` | `{"state": "idle"}`, or `{"state": "armed" or "held", "at", "domain"}` |
//! | `DELETE /_simulator/hold` | none; releases the held create |
//!
//! `kind` is a variant of [`Fault`] in snake case, with its fields next to it: `{"kind": "status_after", "status":
//! 504, …}`, `{"kind": "throttled", "retry_after_s": 2, …}`, `{"kind": "refused_before", "status": 403, "code":
//! 900124, …}`, `{"kind": "another_customer", "names": "theirs", …}` (a 201 with the ids and the password of another
//! customer; `names` selects the domain in the reply: `theirs`, `own` or `nobody`). `operation` is a variant of
//! [`Operation`] in snake case.

mod aadsts;
mod address;
mod agreements;
mod assertion;
mod authority;
mod clock;
mod control;
mod country;
mod create;
mod delivery;
mod device;
mod directory;
mod effect;
mod exchange;
mod faults;
mod gate;
mod hold;
mod host;
mod id_token;
mod incoming_request;
mod json_body;
mod lookup;
mod named;
mod openid;
mod operation;
mod partner;
mod profile;
mod records;
mod refresh;
mod refusals;
mod render;
mod reply;
mod request_log;
mod resellers;
mod rights;
mod routes;
mod scenario;
mod server;
mod service;
mod sign_in;
mod simulation;
mod state_file;
mod strike;
mod throttle;
mod token;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use self::host::Hosts;
use self::server::Lifeline;

pub use self::effect::{Acceptance, Creation};
pub use self::faults::{Fault, Named, ScriptedFault, SeededFault};
pub use self::hold::{Hold, HoldPoint};
pub use self::host::{PublicUrl, PublicUrlError};
pub use self::named::ScenarioError;
pub use self::operation::Operation;
pub use self::partner::{PARTNER_DOMAIN, PARTNER_TENANT_ID};
pub use self::reply::ErrorShape;
pub use self::request_log::{Call, RequestRecord};
pub use self::resellers::{Reseller, ResellerState};
pub use self::scenario::{
    AddressValidation, Config, CountryRules, DeviceCodeFlow, MfaEnforcement, Outage, RequestIds, Scenario,
};
pub use self::service::{Service, Unanswered};
pub use self::throttle::{Limit, RetryAfter};
pub use self::token::TokenKind;

/// A running simulator. It stops when it is dropped; [`Simulator::stop`] also waits until it has stopped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    /// The prefix of all request paths; may be empty.
    base: String,
    service: Service,
    stopping: DropGuard,
    /// Closes when the last task has ended; nothing is ever sent.
    gone: mpsc::Receiver<Infallible>,
}

impl Deref for Simulator {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Simulator {
    /// Starts to listen, on the current tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be bound, or the state file cannot be opened, is in use or is damaged.
    pub async fn start(config: Config) -> io::Result<Simulator> {
        let service = Service::new(&config)?;
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let (alive, gone) = mpsc::channel(1);
        let lifeline = Lifeline { stopping: stopping.clone(), alive };
        let base = if config.private { format!("/{}", Uuid::new_v4().simple()) } else { String::new() };
        let api = service.router.clone();
        let router = match config.private {
            true => Router::new().nest(&base, api),
            false => api.nest("/_simulator", control::routes(Arc::clone(&service.simulation))),
        };
        let hosts = Hosts { any: config.any_host, public_url: config.public_url };
        tokio::spawn(server::accept(listener, router, hosts, lifeline));
        Ok(Simulator { address, base, service, stopping: stopping.drop_guard(), gone })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of both the API and the token authority.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.base)
    }

    /// Arms a hold for the next create that matches it.
    pub fn hold(&self, hold: Hold) {
        self.service.simulation.hold.arm(hold);
    }

    /// Returns when a create is held at the armed hold.
    pub async fn wait_until_held(&self) {
        self.service.simulation.hold.wait_until_held().await;
    }

    /// Releases the held create, or disarms the hold.
    pub fn release(&self) {
        self.service.simulation.hold.release();
    }

    /// Closes the listener and every connection, aborts requests in progress, and returns when no task runs.
    pub async fn stop(mut self) {
        drop(self.stopping);
        while self.gone.recv().await.is_some() {}
    }
}
