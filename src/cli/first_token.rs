//! The first token of a command. A sign-in service that does not answer is an outage like any other.

use std::time::Duration;

use tokio::time::Instant;

use crate::auth::{self, Token, TokenSource};
use crate::backoff::Backoff;
use crate::limits::Resource;
use crate::transport::Silence;

const BACKOFF: Backoff = Backoff::up_to_s(30);

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoToken {
    /// Asking again will not help.
    Refused { message: String, hint: String },
    /// There is no connection to be had here.
    OutOf(Resource),
    /// No answer for too long.
    Outage { lasted: Duration, last: Silence },
}

/// Asks for it until there is a verdict, or `max_outage` has passed.
pub(super) async fn get(tokens: &TokenSource, max_outage: Duration) -> Result<Token, NoToken> {
    let begun = Instant::now();
    let mut failed = 0;
    loop {
        let wait = BACKOFF.wait(failed);
        match tokens.token().await {
            Ok(token) => return Ok(token),
            Err(auth::Error::Refused { message, hint }) => return Err(NoToken::Refused { message, hint }),
            Err(auth::Error::Unavailable(silence)) if begun.elapsed() + wait > max_outage => {
                let last = silence.of("the sign-in service");
                return Err(NoToken::Outage { lasted: begun.elapsed(), last });
            }
            Err(auth::Error::Unavailable(silence)) => {
                if let Some(resource) = silence.wants_of_this_process() {
                    return Err(NoToken::OutOf(resource));
                }
                tracing::warn!(
                    reason = silence.reason,
                    wait_ms = wait.as_millis(),
                    "sign-in service gave no answer"
                );
                tokio::time::sleep(wait).await;
                failed += 1;
            }
        }
    }
}
