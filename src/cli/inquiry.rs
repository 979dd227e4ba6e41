//! Connects commands that only look things up to Partner Center, and reports lookups without an answer.

use std::sync::Arc;

use uuid::Uuid;

use super::settings::ServiceConnection;
use super::signals::Interruption;
use super::stop::Stop;
use super::{ExitCode, Failure, Output, args, first_token};
use crate::auth::{self, Claims};
use crate::call::{Caller, Pacer};
use crate::partner_center::{CallError, Class, Outcome, codes};
use crate::report::spoken;
use crate::submitter::StopReason;

/// Open connections: as many as there are concurrent lookups, unless a check is configured for more.
const CONNECTIONS: usize = 64;

/// A signed-in connection to Partner Center. If simulated, the simulator lives as long as this value.
#[derive(Debug)]
pub(crate) struct Inquiry {
    pub(crate) caller: Arc<Caller>,
    connection: ServiceConnection,
    interruption: Interruption,
}

impl Inquiry {
    /// Connects and signs in.
    pub(crate) async fn begin(
        mut connection: ServiceConnection,
        pace: &args::Pace,
        interruption: &Interruption,
        output: &Output,
    ) -> Result<Self, Failure> {
        connection.start_simulator().await?;
        let (client, tokens) = connection.ways(pace.timeout, CONNECTIONS)?;
        interruption.unless(first_token::get(&tokens, pace.max_outage)).await?.map_err(no_token)?;
        let caller = Caller {
            client,
            tokens,
            pacer: Pacer::new(pace.rate).reporting(output.throttling_notes()),
            stopping: interruption.stopping().clone(),
            leaves_lookups: true,
        };
        Ok(Self { caller: Arc::new(caller), connection, interruption: interruption.clone() })
    }

    /// The partner tenant of the sign-in, if known.
    ///
    /// # Errors
    /// A signal arrived while waiting for the token.
    pub(crate) async fn tenant(&self) -> Result<Option<Uuid>, Failure> {
        let token = self.interruption.unless(self.caller.tokens.token()).await?.ok();
        let claimed = token.and_then(|token| Claims::of(&token.secret).tenant());
        Ok(claimed.or(self.connection.environment.partner_tenant_id))
    }

    /// The domain of the signed-in user, if known.
    ///
    /// # Errors
    /// A signal arrived while waiting for the token.
    pub(crate) async fn user_domain(&self) -> Result<Option<String>, Failure> {
        let token = self.interruption.unless(self.caller.tokens.token()).await?.ok();
        Ok(token.and_then(|token| Claims::of(&token.secret).user_domain()))
    }

    /// Stops the simulator, if there is one.
    pub(crate) async fn close(self) {
        self.connection.close().await;
    }

    /// The failure for a lookup without an answer, if the command cannot continue without the answer.
    pub(crate) fn failure(&self, unanswered: CallError) -> Failure {
        match unanswered {
            Outcome::Withdrawn => self.interruption.failure(),
            Outcome::NoToken(auth::Error::Refused { message, hint }) => refused(&message, hint),
            Outcome::Refused(class, error) => {
                let is_configuration = class == Class::FixTheConfiguration;
                let exit_code = if is_configuration { ExitCode::Failed } else { ExitCode::SignIn };
                let hint = codes::hint_under(error.status, &error.code)
                    .unwrap_or("check `--api-url`, `--cloud`, and what the sign-in is allowed to do");
                Failure::new(exit_code, "Partner Center refused the request")
                    .because(error.to_string())
                    .with_hint(hint)
            }
            unanswered => Failure::new(ExitCode::Failed, "Partner Center gave no answer")
                .because_of(unanswered.into_silence()),
        }
    }
}

fn refused(message: &str, hint: String) -> Failure {
    Failure::new(ExitCode::SignIn, format!("could not sign in: {message}")).with_hint(hint)
}

/// The failure for a sign-in that brought no token.
fn no_token(reason: StopReason) -> Failure {
    match reason {
        StopReason::SignIn { message, hint } => refused(&message, hint),
        StopReason::Outage { lasted, last, .. } => {
            Failure::new(ExitCode::Failed, format!("no answer for {}", spoken(lasted)))
                .with_hint("check the network and `--authority-url`")
                .because_of(last)
        }
        other => Stop::from(&other).failure,
    }
}
