//! The one way out to the service, for everything that creates, records or asks.
//!
//! A [`Caller`] keeps the order: sign-in, the rate, the send. It renews a token that is not accepted, and slows down
//! when the service throttles. [`Caller::ask`] sends one question, and [`lookup`] repeats it until there is an answer.
//! [`domains`] finds out how a domain stands, [`pacing`] keeps the rate, and a [`breaker`] tells an outage from the
//! failure of one request.
//!
//! It leaves to others what an outcome means for a row, and what of it is recorded.

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

pub use pacing::{Pacer, Rate};

/// Tries of one question without an answer, the first included (fact book 14).
pub const QUESTION_TRIES: u32 = 4;

/// What it takes to call the service.
#[derive(Debug)]
pub struct Caller {
    pub client: Client,
    pub tokens: TokenSource,
    pub pacer: Pacer,
    /// What has not been sent when this is set is not sent any more.
    pub stopping: CancellationToken,
    /// Answers to questions are not waited for then: nothing is lost with them.
    pub leaves_questions: bool,
}

impl Caller {
    /// Passes the gates before every send in their order: sign-in, so that no turn is spent on a request that cannot go;
    /// the rate; and sign-in once more, because a token may have grown old while its request waited for its turn.
    pub async fn pass_gates(&self) -> Result<Token, CallError> {
        let pass = async {
            self.tokens.token().await?;
            self.pacer.admit().await;
            self.tokens.token().await
        };
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(Outcome::Withdrawn),
            token = pass => token.map_err(Outcome::NoToken),
        }
    }

    /// Sends a request that has passed the gates.
    pub async fn send<T>(&self, request: &Request<'_, T>, token: &Token, ids: CallIds) -> Exchange<T> {
        let exchange = self.client.send(request, &token.secret, ids).await;
        match exchange.outcome {
            Outcome::Throttled { wait } => self.pacer.throttled(wait),
            Outcome::NotSent(_) => {}
            // A question without an answer says nothing of the rate.
            _ if request.is_question() && !matches!(exchange.outcome, Outcome::Done(_)) => {}
            _ => self.pacer.accepted(),
        }
        exchange
    }

    /// Where the token was not accepted, gets another one. The outcome stays as it is, unless there is no other token.
    pub async fn renew_refused(&self, outcome: CallError, token: &Token) -> CallError {
        let Outcome::Refused(Class::RenewTheToken, error) = outcome else { return outcome };
        match self.tokens.replace(token).await {
            Ok(_) => Outcome::Refused(Class::RenewTheToken, error),
            Err(none) => Outcome::NoToken(no_other_token(&error, none)),
        }
    }

    /// Sends one question, and once more if its token has to be renewed. `note` gets the trace of each call.
    pub async fn look_up<T>(
        &self,
        request: &Request<'_, T>,
        mut note: impl FnMut(Trace),
    ) -> Result<T, CallError> {
        let mut is_renewed = false;
        loop {
            let token = self.pass_gates().await?;
            let ids = CallIds::draw();
            let asked_at = clock::now();
            let exchange = tokio::select! {
                biased;
                exchange = self.send(request, &token, ids) => exchange,
                () = self.stopping.cancelled(), if self.leaves_questions => {
                    note(Trace { sent_at: Some(asked_at), ..request.never_sent(ids, &Outcome::Withdrawn) });
                    return Err(Outcome::Withdrawn);
                }
            };
            note(exchange.trace);
            match exchange.outcome.done() {
                // A fresh token was refused too: another one would not help.
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

/// Why there is no other token than one that the service has refused: what it said of that may tell more.
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
