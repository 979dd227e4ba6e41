//! The device code flow: a user signs in elsewhere while the client polls (fact book 2.4).
//!
//! The simulator has no real user. The scenario sets how many polls must wait; the client id decides the final result.
//! A code can be redeemed once.

use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::aadsts::Refusal;
use super::assertion;
use super::reply::Reply;
use super::scenario::DeviceCodeFlow;
use super::sign_in::{DECLINED, EXPIRED, Granted, SignIn, Version, WITHOUT_MFA, is_marked};
use super::simulation::{Visit, lock};
use super::token::{DeviceCode, TokenKind, Wanted};

/// The grant types that poll: the one of RFC 8628, and the one that MSAL for Node.js sends
/// (`findings/msal-node-polls-with-another-grant-type.sh`).
pub(super) const GRANT_TYPES: [&str; 2] = ["urn:ietf:params:oauth:grant-type:device_code", "device_code"];

/// The page that the user is sent to. It only says that there is nothing to do.
pub(super) const PAGE: &str = "/devicelogin";

/// Characters that are not easily confused with each other.
const USER_CODE_LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) fn begin(visit: &Visit<'_>) -> Reply {
    let sign_in = SignIn::new(visit, Version::V2);
    match began(&sign_in) {
        Ok(device_code) => {
            let flow = visit.simulation.scenario.device_code;
            Reply::json(200, &prompt(flow, &sign_in.own_url, &device_code))
        }
        Err(refusal) => refusal.reply(),
    }
}

/// `GET /devicelogin`.
pub(super) fn page() -> Reply {
    Reply::text("This sign-in is simulated. The simulator approves it: there is nothing to enter here.\n")
}

fn began(sign_in: &SignIn<'_>) -> Result<String, Refusal> {
    let client_id = sign_in.client_id()?.to_owned();
    let wanted = sign_in.wanted(sign_in.field("scope"))?;
    let flow = sign_in.simulation.scenario.device_code;
    let until = Instant::now() + flow.lifetime;
    let (waits, slow_downs) = (flow.pending_polls, flow.slow_down_polls);
    let pending = DeviceCode { client_id, wanted, waits, slow_downs, until, redeemed: false };
    let device_code = format!("device-{}", Uuid::new_v4().simple());
    lock(&sign_in.simulation.device_codes).insert(device_code.clone(), pending);
    Ok(device_code)
}

/// What the client shows to its user. Microsoft's real page must not be named: it does not know the code.
fn prompt(flow: DeviceCodeFlow, own_url: &str, device_code: &str) -> Value {
    let (page, user_code) = (format!("{own_url}{PAGE}"), user_code());
    let message = format!(
        "This sign-in is simulated: Partner Center would ask you to open the page {page} and enter the code {user_code}. \
         The simulator approves the code by itself; wait a moment."
    );
    json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "expires_in": flow.lifetime.as_secs(),
        "interval": flow.interval_s,
        "message": message,
    })
}

fn user_code() -> String {
    let mut rng = rand::rng();
    (0..9).map(|_| char::from(USER_CODE_LETTERS[rng.random_range(0..USER_CODE_LETTERS.len())])).collect()
}

/// A grant type in [`GRANT_TYPES`].
pub(super) fn poll(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    let (client_id, client_proof) = assertion::client_of_user(sign_in)?;
    let device_code = sign_in.required("device_code")?;
    let mut device_codes = lock(&sign_in.simulation.device_codes);
    let known = device_codes.get_mut(device_code).filter(|pending| pending.client_id == client_id);
    let Some(pending) = known else {
        return Err(Refusal::new(400, "bad_verification_code", 70_019, "The device code is not known."));
    };
    let wanted = redeem(pending)?;
    let kind = TokenKind::of_user(!is_marked(client_id, WITHOUT_MFA));
    Ok(Granted { kind, client_proof, wanted, renews: true })
}

fn redeem(pending: &mut DeviceCode) -> Result<Wanted, Refusal> {
    if is_marked(&pending.client_id, EXPIRED) || pending.until <= Instant::now() {
        return Err(Refusal::new(400, "expired_token", 70_020, "The device code has expired."));
    }
    if pending.waits > 0 {
        pending.waits -= 1;
        if pending.slow_downs > 0 {
            pending.slow_downs -= 1;
            let text = "OAuth 2.0 device flow error. The client is polling too often.";
            // This error is from RFC 8628. Entra documents no number for it, so it has the number of
            // `authorization_pending`.
            return Err(Refusal::new(400, "slow_down", 70_016, text));
        }
        let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        return Err(Refusal::new(400, "authorization_pending", 70_016, text));
    }
    if is_marked(&pending.client_id, DECLINED) {
        return Err(Refusal::new(400, "authorization_declined", 70_017, "The user denied the request."));
    }
    if std::mem::replace(&mut pending.redeemed, true) {
        return Err(Refusal::invalid_grant(54_005, "The device code was already redeemed."));
    }
    Ok(pending.wanted.clone())
}
