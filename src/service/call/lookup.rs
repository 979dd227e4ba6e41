//! Questions to Partner Center outside a run: nothing of them is recorded.
//!
//! What a run spreads over its rows is done for one question here: throttling is waited out, and a question without an
//! answer is asked again a few times.

use super::{Caller, QUESTION_TRIES};
use crate::auth;
use crate::backoff::Backoff;
use crate::partner_center::{CallError, Outcome, Request, Trace};

/// Before the next try (fact book 14).
const BACKOFF: Backoff = Backoff::up_to_s(30);

/// Refusals for our haste that are waited out for one question. Each takes the time that the service asked for, so
/// this is many minutes.
const MOST_THROTTLED: u32 = 10;

impl Caller {
    /// Asks until there is an answer, or it is clear that there will be none. [`Outcome::Unknown`]: it was asked often
    /// enough. A stop ends it at once.
    pub async fn lookup<T>(&self, request: Request<'_, T>) -> Result<T, CallError> {
        let asking = self.ask_again_and_again(&request);
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(Outcome::Withdrawn),
            answer = asking => answer,
        }
    }

    async fn ask_again_and_again<T>(&self, request: &Request<'_, T>) -> Result<T, CallError> {
        let (mut unanswered, mut throttled, mut closed) = (0, 0, false);
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
            // Another connection will do.
            if silence.is_closing && !closed {
                closed = true;
                continue;
            }
            unanswered += 1;
            if unanswered == QUESTION_TRIES {
                return Err(Outcome::Unknown(
                    silence.with_remark(format_args!("asked {QUESTION_TRIES} times")),
                ));
            }
            let wait = BACKOFF.jittered(unanswered - 1, rand::random());
            tracing::debug!(reason = silence.reason, wait_ms = wait.as_millis(), "no answer; asking again");
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
        "question answered"
    );
}
