//! Sends every request to Partner Center: creates, agreements and lookups.
//!
//! A [`Caller`] follows a fixed order: sign in, approach the rate limit, pass it, send. A create or an agreement records
//! its intent between the two waits, so that only what is about to be sent has one; a lookup has none. It renews a
//! token that is not accepted, and slows down when the service throttles. [`Caller::look_up`] sends one lookup, and
//! [`Caller::lookup`] retries it until there is an answer. [`domains`] finds the status of a domain, [`pacing`] limits
//! the rate, and the [`breaker`] distinguishes an outage from the failure of one request.
//!
//! Callers decide what an outcome means for a row, and what is recorded.

pub mod breaker;
pub mod domains;
mod lookup;
mod pacing;

use tokio_util::sync::CancellationToken;

use crate::auth::{self, Token, TokenSource};
use crate::partner_center::{
    CallError, CallIds, Class, Client, Exchange, Outcome, Request, ServiceError, Trace, codes,
};
use tenantry_model::clock;

pub use pacing::{Near, Pacer, Rate, SentNow, Throttling};

/// The maximum number of tries of one lookup without an answer, including the first (fact book 14).
pub const LOOKUP_TRIES: u32 = 4;

/// Everything that is needed to call the service.
#[derive(Debug)]
pub struct Caller {
    pub client: Client,
    pub tokens: TokenSource,
    pub pacer: Pacer,
    /// Once this is cancelled, no further request is sent.
    pub stopping: CancellationToken,
    /// Once `stopping` is cancelled, answers to lookups are not waited for: nothing is lost without them.
    pub leaves_lookups: bool,
}

impl Caller {
    /// The first gates before a request with an intent: sign-in, so that no intent is recorded for a request that cannot
    /// be sent, and the wait until the turn of the request is near.
    pub async fn approach(&self) -> Result<Near<'_>, CallError> {
        let approach = async {
            self.tokens.token().await?;
            Ok(self.pacer.approach().await)
        };
        self.unless_stopping(approach).await
    }

    /// The last gates: sign-in, because the token may have expired since, and the rate limit. A renewal comes before the
    /// request is counted, or it would leave later, close to the next ones. `near`: what [`Self::approach`] has returned;
    /// a request without an intent need not approach.
    pub async fn pass_gates(&self, near: Option<Near<'_>>) -> Result<Token, CallError> {
        self.unless_stopping(self.pacer.admit(near, || self.tokens.token())).await
    }

    async fn unless_stopping<T>(
        &self,
        gate: impl Future<Output = Result<T, auth::Error>>,
    ) -> Result<T, CallError> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(Outcome::Withdrawn),
            passed = gate => passed.map_err(Outcome::NoToken),
        }
    }

    /// Sends a request that has passed the gates.
    pub async fn send<T>(&self, request: &Request<'_, T>, token: &Token, ids: CallIds) -> Exchange<T> {
        let counted = self.pacer.sent_now().count_one();
        let exchange = self.client.send(request, &token.secret, ids).await;
        drop(counted);
        match exchange.outcome {
            Outcome::Throttled { wait } => self.pacer.throttled(wait),
            Outcome::Done(_) | Outcome::Refused(..) => self.pacer.accepted(),
            // What the service did not answer says nothing about the rate.
            _ => {}
        }
        exchange
    }

    /// If the service did not accept the token, gets another one. The outcome does not change, unless no other token is
    /// available.
    pub async fn renew_refused(&self, outcome: CallError, token: &Token) -> CallError {
        let Outcome::Refused(Class::RenewTheToken, error) = outcome else { return outcome };
        match self.tokens.replace(token).await {
            Ok(_) => Outcome::Refused(Class::RenewTheToken, error),
            Err(none) => Outcome::NoToken(no_other_token(&error, none)),
        }
    }

    /// Sends one lookup, and repeats it once if the token has to be renewed. `note` gets the trace of each call.
    pub async fn look_up<T>(
        &self,
        request: &Request<'_, T>,
        mut note: impl FnMut(Trace),
    ) -> Result<T, CallError> {
        let mut is_renewed = false;
        loop {
            let token = self.pass_gates(None).await?;
            let ids = CallIds::draw();
            let sent_at = clock::now();
            let exchange = tokio::select! {
                biased;
                exchange = self.send(request, &token, ids) => exchange,
                () = self.stopping.cancelled(), if self.leaves_lookups => {
                    note(Trace { sent_at: Some(sent_at), ..request.never_sent(ids, &Outcome::Withdrawn) });
                    return Err(Outcome::Withdrawn);
                }
            };
            note(exchange.trace);
            match exchange.outcome.done() {
                // A new token was refused too, so another one would not help.
                Err(Outcome::Refused(Class::RenewTheToken, error)) if is_renewed => {
                    return Err(Outcome::Refused(Class::FixTheRights, error));
                }
                Err(not_done) => match self.renew_refused(not_done, &token).await {
                    Outcome::Refused(Class::RenewTheToken, _) => is_renewed = true,
                    not_done => return Err(not_done),
                },
                Ok(answer) => return Ok(answer),
            }
        }
    }
}

/// Why the refused token cannot be replaced. What the service said about that token may explain more.
fn no_other_token(said: &ServiceError, none: auth::Error) -> auth::Error {
    let auth::Error::Refused { message, hint } = none else { return none };
    let hint = codes::hint_under(401, &said.code).map_or(hint, str::to_owned);
    let message = match said.text.as_str() {
        "" => message,
        text => format!("{message} ({text})"),
    };
    auth::Error::Refused { message, hint }
}

#[cfg(test)]
mod tests;
