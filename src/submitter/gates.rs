//! The gates before every request, whether it creates or asks.

use tokio_util::sync::CancellationToken;

use super::pacing::Pacer;
use crate::auth::{self, Token, TokenSource};
use crate::partner_center::{ServiceError, codes};

/// Why a request may not be sent now.
pub(crate) enum Barred {
    Stopping,
    SignIn(auth::Error),
}

/// Passes the gates in their order: sign-in, so that no turn is spent on a request that cannot go; the rate; and
/// sign-in once more, because a token may have grown old while its request waited for its turn.
pub(crate) async fn pass(
    tokens: &TokenSource,
    pacer: &Pacer,
    stopping: &CancellationToken,
) -> Result<Token, Barred> {
    let pass = async {
        tokens.token().await.map_err(Barred::SignIn)?;
        pacer.admit().await;
        tokens.token().await.map_err(Barred::SignIn)
    };
    tokio::select! {
        biased;
        () = stopping.cancelled() => Err(Barred::Stopping),
        token = pass => token,
    }
}

/// Message and hint where the service refused a token and there is no other: what it said of the token may tell more
/// than why there is none.
pub(crate) fn no_other_token(said: &ServiceError, message: String, hint: String) -> (String, String) {
    let hint = codes::hint_under(401, &said.code).map_or(hint, str::to_owned);
    match said.text.as_str() {
        "" => (message, hint),
        text => (format!("{message} ({text})"), hint),
    }
}
