//! Gets the first token of a command.
//!
//! A sign-in service that does not answer counts as an outage.

use std::time::Duration;

use tokio::time::Instant;

use crate::auth::{self, Token, TokenSource};
use crate::backoff::Backoff;
use crate::submitter::StopReason;

const BACKOFF: Backoff = Backoff::up_to_s(30);

/// Retries until there is a definite answer, or `max_outage` has passed. What a proxy says of a password is definite the
/// second time.
pub(super) async fn get(tokens: &TokenSource, max_outage: Duration) -> Result<Token, StopReason> {
    let begun = Instant::now();
    let (mut failed, mut has_refused_password) = (0, false);
    loop {
        let wait = BACKOFF.wait(failed);
        match tokens.token().await {
            Ok(token) => return Ok(token),
            Err(auth::Error::Refused { message, hint }) => return Err(StopReason::SignIn { message, hint }),
            Err(auth::Error::Unavailable(silence))
                if begun.elapsed() + wait > max_outage
                    || (silence.is_wrong_password && has_refused_password) =>
            {
                let last = silence.of("the sign-in service");
                return Err(StopReason::Outage { lasted: begun.elapsed(), last, to: None });
            }
            Err(auth::Error::Unavailable(silence)) => {
                if let Some(resource) = silence.wants_of_this_process() {
                    return Err(StopReason::OutOf(resource));
                }
                tracing::warn!(
                    reason = silence.reason,
                    wait_ms = wait.as_millis(),
                    "sign-in service gave no answer"
                );
                tokio::time::sleep(wait).await;
                failed += 1;
                has_refused_password = silence.is_wrong_password;
            }
        }
    }
}
