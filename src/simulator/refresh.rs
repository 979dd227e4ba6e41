//! Refresh tokens: exchanged for the access token of a user, and rotated.
//!
//! Each use on the v2 endpoint returns a new refresh token, whatever scope it names, and the old one stays valid (fact
//! book 2.4). The documented v1 answer has none. The first letters of a refresh token define its meaning; the next
//! token gets the same letters.

use super::aadsts::Refusal;
use super::assertion;
use super::sign_in::{Granted, SignIn, Version};
use super::simulation::lock;
use super::token::{TokenKind, Wanted};

/// The token of a user without MFA, and all tokens that replace it.
pub(super) const WITHOUT_MFA: &str = "no-mfa";

/// The scope of a refresh token if its use names none.
const DEFAULT_SCOPE: &str = "https://api.partnercenter.microsoft.com/user_impersonation";

/// Refresh tokens that are rejected: their first letters, `error`, the number after `AADSTS` and the text.
const REFUSED: [(&str, &str, u32, &str); 5] = [
    ("expired", "invalid_grant", 700_082, "The refresh token has expired due to inactivity."),
    ("revoked", "invalid_grant", 50_173, "The provided grant has expired due to it being revoked."),
    (
        "mfa-needed",
        "interaction_required",
        50_076,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use \
         multi-factor authentication to access 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd'.",
    ),
    (
        "consent-needed",
        "consent_required",
        65_001,
        "The user or administrator has not consented to use the application.",
    ),
    ("blocked", "interaction_required", 53_003, "Access has been blocked by Conditional Access policies."),
];

/// `grant_type=refresh_token`.
pub(super) fn redeem(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    let (_, client_proof) = assertion::client_of_user(sign_in)?;
    let presented = sign_in.required("refresh_token")?;
    let refused = REFUSED.iter().find(|(mark, ..)| presented.starts_with(mark));
    if let Some(&(_, error, code, text)) = refused {
        return Err(Refusal::new(400, error, code, text));
    }
    let scenario = &sign_in.simulation.scenario;
    let ours = lock(&sign_in.simulation.refresh_tokens).contains(presented);
    if !ours && !scenario.accept_any_refresh_token {
        return Err(Refusal::invalid_grant(9_002_313, "Invalid request. Request is malformed or invalid."));
    }
    let kind = TokenKind::of_user(!presented.starts_with(WITHOUT_MFA));
    let wanted = sign_in.wanted(Some(sign_in.field("scope").unwrap_or(DEFAULT_SCOPE)))?;
    let wanted = Wanted { refresh_token: sign_in.version == Version::V2, ..wanted };
    Ok(Granted { kind, client_proof, wanted, renews: scenario.rotate_refresh_tokens })
}
