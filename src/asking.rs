//! Questions to Partner Center outside a run: nothing of them is recorded, and nothing here creates anything.
//!
//! A question goes through the same gates as a create, so that the allowed rate holds for both. What a run spreads
//! over its rows is done for one question here: a token that is not accepted is renewed once, throttling is waited
//! out, and a question without an answer is asked again a few times. Classifying the answers is left to
//! `partner_center`, and what they mean to whoever asked.

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::auth::{self, Token, TokenSource};
use crate::backoff::Backoff;
use crate::partner_center::{Asked, CallIds, Client, Exchange, ServiceError};
use crate::submitter::Pacer;
use crate::submitter::gates::{self, Barred};
use crate::transport::Silence;

/// Tries of one question without an answer, the first included (fact book 14).
const TRIES: u32 = 4;

/// Before the next try (fact book 14).
const BACKOFF: Backoff = Backoff::up_to_s(30);

/// Refusals for our haste that are waited out for one question. Each takes the time that the service asked for, so
/// this is many minutes.
const MOST_THROTTLED: u32 = 10;

/// What it takes to ask.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) client: Client,
    pub(crate) tokens: TokenSource,
    pub(crate) pacer: Pacer,
    /// Ends every question, at once.
    pub(crate) stopping: CancellationToken,
}

/// A question that ended without an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// No answer, however often it was asked; the next question may have one.
    NoAnswer(Silence),
    /// Every question like this one would be refused. `rights`: because of sign-in or rights.
    Misconfigured { error: ServiceError, rights: bool },
    /// There is no token, and asking for one again will not help.
    SignIn { message: String, hint: String },
    /// It was told to stop.
    Stopped,
}

/// What one try came to, where that is no answer.
enum Setback {
    /// Trying again would not help.
    Final(Unanswered),
    NoAnswer(Silence),
    Throttled,
}

impl Asker {
    /// Asks until there is an answer, or it is clear that there will be none. `question` makes one call each time.
    pub(crate) async fn ask<'a, T, F>(
        &'a self,
        question: impl Fn(&'a Client, SecretString, CallIds) -> F + Send,
    ) -> Result<T, Unanswered>
    where
        F: Future<Output = Exchange<Asked<T>>> + Send,
    {
        let asking = self.ask_again_and_again(question);
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(Unanswered::Stopped),
            answer = asking => answer,
        }
    }

    async fn ask_again_and_again<'a, T, F>(
        &'a self,
        question: impl Fn(&'a Client, SecretString, CallIds) -> F + Send,
    ) -> Result<T, Unanswered>
    where
        F: Future<Output = Exchange<Asked<T>>> + Send,
    {
        let (mut unanswered, mut throttled, mut closed) = (0, 0, false);
        loop {
            match self.try_once(&question).await {
                Ok(answer) => return Ok(answer),
                Err(Setback::Final(unanswered)) => return Err(unanswered),
                Err(Setback::Throttled) => {
                    throttled += 1;
                    if throttled == MOST_THROTTLED {
                        let reason = format!("throttled {MOST_THROTTLED} times in a row");
                        return Err(Unanswered::NoAnswer(reason.into()));
                    }
                }
                // Another connection will do.
                Err(Setback::NoAnswer(silence)) if silence.is_closing && !closed => closed = true,
                Err(Setback::NoAnswer(silence)) => {
                    unanswered += 1;
                    if unanswered == TRIES {
                        let silence = silence.with_remark(format_args!("asked {TRIES} times"));
                        return Err(Unanswered::NoAnswer(silence));
                    }
                    let wait = BACKOFF.jittered(unanswered - 1, rand::random());
                    tracing::debug!(
                        reason = silence.reason,
                        wait_ms = wait.as_millis(),
                        "no answer; asking again"
                    );
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// One try: a call, and a second one where the token has to be renewed.
    async fn try_once<'a, T, F>(
        &'a self,
        question: &(impl Fn(&'a Client, SecretString, CallIds) -> F + Send),
    ) -> Result<T, Setback>
    where
        F: Future<Output = Exchange<Asked<T>>> + Send,
    {
        let mut renewed = false;
        loop {
            let token = gates::pass(&self.tokens, &self.pacer, &self.stopping).await?;
            let ids = CallIds::draw();
            let Exchange { outcome, trace } = question(&self.client, token.secret.clone(), ids).await;
            tracing::debug!(
                request_id = %ids.request_id,
                correlation_id = %ids.correlation_id,
                status = trace.status,
                outcome = outcome.name(),
                "question answered"
            );
            match outcome {
                Asked::Answer(answer) => {
                    self.pacer.accepted();
                    return Ok(answer);
                }
                Asked::Unauthorized(error) if !renewed => {
                    self.renew(&token, &error).await?;
                    renewed = true;
                }
                Asked::Unauthorized(error) => {
                    return Err(Setback::Final(Unanswered::Misconfigured { error, rights: true }));
                }
                Asked::Misconfigured { error, rights } => {
                    return Err(Setback::Final(Unanswered::Misconfigured { error, rights }));
                }
                Asked::Throttled { wait } => {
                    self.pacer.throttled(wait);
                    return Err(Setback::Throttled);
                }
                Asked::NoAnswer(silence) => return Err(Setback::NoAnswer(silence)),
            }
        }
    }

    /// Gets another token than `refused`, of which the service said `error`.
    async fn renew(&self, refused: &Token, error: &ServiceError) -> Result<(), Setback> {
        match self.tokens.replace(refused).await {
            Ok(_) => Ok(()),
            Err(auth::Error::Refused { message, hint }) => {
                let (message, hint) = gates::no_other_token(error, message, hint);
                Err(Setback::Final(Unanswered::SignIn { message, hint }))
            }
            Err(unavailable) => Err(Barred::SignIn(unavailable).into()),
        }
    }
}

impl From<Barred> for Setback {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Stopping => Setback::Final(Unanswered::Stopped),
            Barred::SignIn(auth::Error::Refused { message, hint }) => {
                Setback::Final(Unanswered::SignIn { message, hint })
            }
            Barred::SignIn(auth::Error::Unavailable(silence)) => {
                Setback::NoAnswer(silence.of("the sign-in service"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
