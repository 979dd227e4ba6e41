//! Refresh tokens: redeemed for an access token of a user, and rotated.
//!
//! Each use on the v2 endpoint brings a new one, and the old one stays good (fact book 2.4); the v1 answer, as it is
//! printed, brings none. What a refresh token stands for is in its first letters and goes with it to the next one.

use std::collections::HashSet;

use uuid::Uuid;

use super::aadsts::Refusal;
use super::authority::{Granted, SignIn};
use super::exchange::lock;
use super::marks::{ClientMark, marked};
use super::token::TokenKind;

/// Of a user without MFA, for good.
const WITHOUT_MFA: &str = "no-mfa";

/// What a refresh token is good for where its use names nothing.
const DEFAULT_SCOPE: &str = "https://api.partnercenter.microsoft.com/user_impersonation offline_access";

/// The refresh tokens that we gave out.
#[derive(Debug, Default)]
pub(super) struct RefreshTokens(HashSet<String>);

impl RefreshTokens {
    /// A new one for a user.
    pub(super) fn issue(&mut self, kind: TokenKind) -> String {
        let mark = if kind == TokenKind::AppAndUserWithoutMfa { WITHOUT_MFA } else { "0.A" };
        let token = format!("{mark}-{}", Uuid::new_v4().simple());
        self.0.insert(token.clone());
        token
    }
}

/// `grant_type=refresh_token`.
pub(super) fn redeem(sign_in: &SignIn<'_>) -> Result<Granted, Refusal> {
    let client_id = sign_in.client_id()?;
    let client_proof = sign_in.client_proof()?;
    if client_proof == 0 && marked(client_id, ClientMark::Confidential) {
        return Err(needs_proof());
    }
    let presented = sign_in.required("refresh_token")?;
    if let Some(refusal) = refused(presented) {
        return Err(refusal);
    }
    let scenario = &sign_in.simulation.scenario;
    let ours = lock(&sign_in.simulation.refresh_tokens).0.contains(presented);
    if !ours && !scenario.accept_any_refresh_token {
        return Err(Refusal::invalid_grant(9_002_313, "Invalid request. Request is malformed or invalid."));
    }
    let kind = if presented.starts_with(WITHOUT_MFA) {
        TokenKind::AppAndUserWithoutMfa
    } else {
        TokenKind::AppAndUser
    };
    let wanted = sign_in.wanted(Some(sign_in.field("scope").unwrap_or(DEFAULT_SCOPE)))?;
    Ok(Granted { kind, client_proof, wanted, renews: scenario.rotate_refresh_tokens })
}

/// What a client that must prove itself gets when it does not.
pub(super) fn needs_proof() -> Refusal {
    let text =
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    Refusal::invalid_client(7_000_218, text)
}

fn refused(presented: &str) -> Option<Refusal> {
    let interaction = |code, text: &str| Refusal::new(400, "interaction_required", code, text);
    let refusals = [
        ("expired", Refusal::invalid_grant(700_082, "The refresh token has expired due to inactivity.")),
        (
            "revoked",
            Refusal::invalid_grant(50_173, "The provided grant has expired due to it being revoked."),
        ),
        (
            "mfa-needed",
            interaction(
                50_076,
                "Due to a configuration change made by your administrator, or because you moved to a new \
                 location, you must use multi-factor authentication to access \
                 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd'.",
            ),
        ),
        (
            "consent-needed",
            Refusal::new(
                400,
                "consent_required",
                65_001,
                "The user or administrator has not consented to use the application.",
            ),
        ),
        ("blocked", interaction(53_003, "Access has been blocked by Conditional Access policies.")),
    ];
    refusals.into_iter().find(|(mark, _)| presented.starts_with(mark)).map(|(_, refusal)| refusal)
}
