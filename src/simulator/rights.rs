//! Checks whether the token of an API request allows the request (fact book 2.1, 2.2, 2.5).
//!
//! These checks come first, in this order: is the token valid, is it for Partner Center, did its user sign in with MFA,
//! and does the request need a user?

use axum::http::HeaderMap;

use super::reply::Reply;
use super::request_log::Call;
use super::scenario::MfaEnforcement;
use super::simulation::{Visit, lock};
use super::token::{Caller, TokenKind};

const CHALLENGE: &str = r#"Bearer error="invalid_token""#;

/// The refusal of an API request because of its token, if any.
pub(super) fn refusal(visit: &Visit<'_>) -> Option<Reply> {
    let Visit { simulation, arrived, call: Call { operation, .. }, caller } = *visit;
    let scenario = &simulation.scenario;
    if !operation.needs_token() {
        return None;
    }
    let admitted = lock(&simulation.tokens).admit_bearer(&arrived.headers, scenario.accept_any_token);
    let Some(caller) = caller.filter(|_| admitted) else { return Some(access_denied()) };
    if caller.has_retired_audience {
        let text = "The audience of the token is not supported. Use https://api.partnercenter.microsoft.com.";
        return Some(Reply::refusal(401, 900_420, text, &[]).with_header("www-authenticate", CHALLENGE));
    }
    let lacks_mfa = caller.kind == TokenKind::AppAndUserWithoutMfa;
    if lacks_mfa && scenario.mfa != MfaEnforcement::Off {
        return Some(mfa_required(scenario.mfa));
    }
    let lacks_user = caller.kind == TokenKind::AppOnly && operation.needs_user();
    (lacks_user && scenario.enforce_token_kinds).then(needs_user)
}

/// The reply to a request without a valid token.
pub(super) fn access_denied() -> Reply {
    let challenge =
        r#"Bearer error="invalid_token", error_description="The access token is missing or expired""#;
    Reply::refusal(401, 400, "Access denied", &[]).with_header("www-authenticate", challenge)
}

/// The two forms of requiring MFA; the body of the current form is unknown (fact book 2.5), so it has shape A.
pub(super) fn mfa_required(form: MfaEnforcement) -> Reply {
    match form {
        MfaEnforcement::Worded => Reply::empty(401).with_reason("Unauthorized - MFA required"),
        MfaEnforcement::Coded | MfaEnforcement::Off => {
            Reply::refusal(401, 900_421, "The access token carries no MFA claim", &[])
        }
    }
    .with_header("www-authenticate", CHALLENGE)
}

/// The reply to an app-only token if a user is required.
pub(super) fn needs_user() -> Reply {
    Reply::refusal(403, 900_329, "The resource can't be accessed with an app-only token.", &[])
}

/// Answers `ValidateMfa: true` for a user. For an app, adds no header, because apps are not checked.
pub(super) fn with_mfa_verdict(reply: Reply, headers: &HeaderMap, caller: Option<Caller>) -> Reply {
    let is_requested =
        headers.get("validatemfa").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    match caller.and_then(|caller| caller.kind.mfa()).filter(|_| is_requested) {
        Some(compliant) => reply.with_header("ismfacompliant", if compliant { "true" } else { "false" }),
        None => reply,
    }
}
