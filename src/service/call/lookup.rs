//! Sends lookups to Partner Center outside a run, and retries them; nothing is recorded.
//!
//! A run spreads its waits over many rows; here a single lookup waits: it waits out throttling, and is retried a few
//! times if there is no answer.

use super::{Caller, LOOKUP_TRIES};
use crate::auth;
use crate::backoff::{Backoff, chance};
use crate::partner_center::{CallError, Outcome, Request, Trace};

/// The wait before the next try (fact book 14).
const BACKOFF: Backoff = Backoff::up_to_s(30);

/// The maximum number of 429 answers to one lookup. Each wait is as long as the service requests, so all of them take
/// many minutes.
const MOST_THROTTLED: u32 = 10;

impl Caller {
    /// Retries until there is an answer, or it is clear that there will be none. [`Outcome::Unknown`]: the tries are
    /// used up, or the proxy has refused the password twice. A stop ends the lookup immediately.
    pub async fn lookup<T>(&self, request: Request<'_, T>) -> Result<T, CallError> {
        let asking = self.retry_until_answered(&request);
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(Outcome::Withdrawn),
            answer = asking => answer,
        }
    }

    async fn retry_until_answered<T>(&self, request: &Request<'_, T>) -> Result<T, CallError> {
        let (mut unanswered, mut throttled, mut closed) = (0, 0, false);
        let mut has_refused_password = false;
        loop {
            let silence = match self.look_up(request, log).await {
                Err(Outcome::Throttled { .. }) => {
                    throttled += 1;
                    if throttled == MOST_THROTTLED {
                        let reason = format!("throttled {MOST_THROTTLED} times in a row");
                        return Err(Outcome::Unknown(reason.into()));
                    }
                    continue;
                }
                Err(
                    Outcome::NotSent(silence) | Outcome::Unknown(silence) | Outcome::Intercepted(silence),
                ) => silence,
                Err(Outcome::NoToken(auth::Error::Unavailable(silence))) => silence.of("the sign-in service"),
                answered => return answered,
            };
            // The first closed connection is retried on a new one and does not count as a try.
            if silence.is_closing && !closed {
                closed = true;
                continue;
            }
            unanswered += 1;
            // Accounts are locked after a few wrong passwords.
            if unanswered == LOOKUP_TRIES || (silence.is_wrong_password && has_refused_password) {
                return Err(Outcome::Unknown(silence.with_remark(format_args!("asked {unanswered} times"))));
            }
            has_refused_password = silence.is_wrong_password;
            let wait = BACKOFF.jittered(unanswered - 1, chance());
            tracing::debug!(
                reason = silence.reason,
                wait_ms = wait.as_millis(),
                "no answer; looking up again"
            );
            tokio::time::sleep(wait).await;
        }
    }
}

fn log(trace: Trace) {
    tracing::debug!(
        request_id = %trace.ids.request_id,
        correlation_id = %trace.ids.correlation_id,
        status = trace.status,
        outcome = trace.outcome,
        "lookup answered"
    );
}
