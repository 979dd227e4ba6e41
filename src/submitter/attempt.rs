//! The life of one create: intent, gates, send, classify, seal.
//!
//! The order is the promise. The intent is durable before the gates, so nothing that passes them can be unknown to
//! the ledger; the gates come right before the send, so the rate is that of the requests and not of their plans;
//! the password is sealed before anybody hears of the success, under a key that was durable before the send. A success
//! counts for the row that it names alone.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::domains::DomainCheck;
use super::finding::{CreateFinding, Setback, refusal};
use super::gates;
use super::pacing::Pacer;
use super::task::Task;
use super::{Policy, retry};
use crate::auth::{self, Token, TokenSource};
use crate::credentials::{KeptKey, Sealer};
use crate::failpoint;
use crate::ledger::{self, Attempt, AttemptResult, CreatedCustomer, ForeignAnswer, Operation, Recorder};
use crate::partner_center::{CallIds, Client, CreateOutcome, Exchange, NewTenant, ServiceError, Trace};
use crate::transport::Silence;

/// Everything that a step needs and that all steps share.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) client: Client,
    pub(super) tokens: TokenSource,
    /// `None`: this run only asks.
    pub(super) sealer: Option<Arc<Sealer>>,
    pub(super) pacer: Arc<Pacer>,
    pub(super) recorder: Recorder,
    pub(super) domain_check: DomainCheck,
    /// The id of the agreement's template, asked for once.
    pub(super) agreement_template: OnceCell<String>,
    pub(super) policy: Policy,
    /// Set when the run stops: what has not been sent by then is not sent any more.
    pub(super) stopping: CancellationToken,
}

/// What came of a step, with the calls that were made for it.
#[derive(Debug)]
pub(super) struct Stepped<F> {
    pub(super) finding: F,
    pub(super) attempts: Vec<AttemptResult>,
}

impl Means {
    /// The gates before every send.
    pub(super) async fn pass_gates(&self) -> Result<Token, Setback> {
        Ok(gates::pass(&self.tokens, &self.pacer, &self.stopping).await?)
    }

    /// Returns once questions under way need no answer any more.
    pub(super) async fn leaves_questions(&self) {
        if self.policy.leaves_questions {
            self.stopping.cancelled().await;
        } else {
            std::future::pending().await
        }
    }

    /// Gets another token than `refused`, of which the service said `said`.
    pub(super) async fn renew(&self, refused: &Token, said: &ServiceError) -> Result<(), Setback> {
        match self.tokens.replace(refused).await {
            Ok(_) => Ok(()),
            Err(auth::Error::Refused { message, hint }) => {
                let (message, hint) = gates::no_other_token(said, message, hint);
                Err(Setback::SignInRefused { message, hint })
            }
            Err(unavailable) => Err(unavailable.into()),
        }
    }
}

/// Sends one create and says what came of it. Nothing of that is recorded yet but the intent.
///
/// # Errors
/// The ledger could not be written; then nothing was sent.
pub(super) async fn create(means: &Means, task: &Task) -> Result<Stepped<CreateFinding>, ledger::Error> {
    let work = &task.work;
    // Durable before anything can be sealed under it.
    let sealer = means.sealer.as_ref().expect("a run that creates has a key to seal with");
    let key = sealer.kept(&means.recorder).await?;
    // The intent is committed first. If we die between the two, `resume` finds a row in flight and settles it; the
    // other order could create a customer that nothing here remembers.
    let attempt = means.recorder.intend(work.kind, work.row, work.request_id).await?;
    failpoint::crash("intended");
    let token = match means.pass_gates().await {
        // The wait was so long that the row has to be asked about first.
        Ok(_) if retry::must_ask_first(task, &means.policy, Instant::now()) => {
            return Ok(not_sent(&attempt, Setback::Withdrawn));
        }
        Ok(token) => token,
        Err(setback) => return Ok(not_sent(&attempt, setback)),
    };
    let ids = CallIds { request_id: attempt.request_id, correlation_id: attempt.correlation_id };
    failpoint::crash("sending");
    let Exchange { outcome, trace } = means.client.create_customer(&token.secret, ids, &work.customer).await;
    failpoint::crash("answered");
    let mut call = finished(Operation::Create, &attempt, outcome.name(), trace);
    let answered = Answered { means, task, attempt: &attempt, token: &token, key };
    let finding = answered.understand(outcome, &mut call).await;
    // Nothing comes between an answer and the sealing of its password, not even a line in a log.
    tracing::debug!(
        row = work.row.0,
        line = work.line,
        request_id = %attempt.request_id,
        correlation_id = %attempt.correlation_id,
        status = call.status,
        outcome = call.outcome,
        "create answered"
    );
    Ok(Stepped { finding, attempts: vec![call] })
}

/// A create that has its answer.
struct Answered<'a> {
    means: &'a Means,
    task: &'a Task,
    attempt: &'a Attempt,
    token: &'a Token,
    /// What a password in the answer is sealed under.
    key: KeptKey<'a>,
}

impl Answered<'_> {
    async fn understand(&self, outcome: CreateOutcome, call: &mut AttemptResult) -> CreateFinding {
        let means = self.means;
        if !matches!(outcome, CreateOutcome::Throttled { .. } | CreateOutcome::NotSent(_)) {
            means.pacer.accepted();
        }
        match outcome {
            CreateOutcome::Created(tenant) => self.created(tenant, call),
            CreateOutcome::Refused { error, domain_taken } => {
                CreateFinding::Refused { refusal: refusal(error), domain_taken }
            }
            CreateOutcome::Forbidden(error) => CreateFinding::Forbidden(refusal(error)),
            CreateOutcome::Misconfigured { error, rights } => {
                CreateFinding::SetBack(Setback::Misconfigured { refusal: refusal(error), rights })
            }
            // A fresh token was refused too: another one would not help.
            CreateOutcome::Unauthorized(error) if self.task.unauthorized => {
                CreateFinding::Unauthorized(refusal(error))
            }
            CreateOutcome::Unauthorized(error) => match means.renew(self.token, &error).await {
                Ok(()) => CreateFinding::Unauthorized(refusal(error)),
                Err(setback) => CreateFinding::SetBack(setback),
            },
            CreateOutcome::Throttled { wait } => {
                means.pacer.throttled(wait);
                CreateFinding::SetBack(Setback::Throttled { wait })
            }
            CreateOutcome::NotSent(reason) => CreateFinding::SetBack(Setback::NotSent(reason)),
            CreateOutcome::Unknown(reason) | CreateOutcome::Intercepted(reason) => self.unknown(reason),
        }
    }

    fn unknown(&self, reason: Silence) -> CreateFinding {
        CreateFinding::Unknown { intended_at: self.attempt.intended_at, reason }
    }

    /// Seals what the answer brought, under the domain that it names, and says whether that is this row's.
    ///
    /// A password that cannot be sealed is as good as lost, but the customer exists: say so, and never store it open.
    fn created(&self, tenant: NewTenant, call: &mut AttemptResult) -> CreateFinding {
        let work = &self.task.work;
        let own = work.customer.domain.as_str();
        let named = tenant.domain();
        let is_own_domain = named.as_ref().is_none_or(|named| named.eq_ignore_ascii_case(own));
        let domain = named.as_deref().filter(|_| !is_own_domain).unwrap_or(own);
        // What asking has found among our customers is this row's, and its id is that of no other.
        let found = work.customer_id.as_deref();
        let is_own = is_own_domain && found.is_none_or(|id| id.eq_ignore_ascii_case(&tenant.customer_id));
        let (user_name, sealed_credentials) = match tenant.credentials() {
            None => (None, None),
            Some((user_name, password)) => {
                match self.key.seal(work.row, domain, &tenant.customer_id, password) {
                    Ok(sealed) => (Some(user_name.to_owned()), Some(sealed)),
                    Err(error) => {
                        tracing::error!(row = work.row.0, error = %error, "password could not be sealed");
                        return self.unknown(error.to_string().into());
                    }
                }
            }
        };
        failpoint::crash("sealed");
        // As it is sealed, even where it is the row's own.
        let named_domain = named.is_some().then(|| domain.to_owned());
        let NewTenant { customer_id, commerce_id, .. } = tenant;
        if !is_own {
            call.belongs_to_another(ForeignAnswer {
                domain: named_domain,
                customer_id,
                user_name,
                sealed_credentials,
            });
            return self.unknown(FOREIGN.into());
        }
        CreateFinding::Created(CreatedCustomer {
            named_domain,
            customer_id,
            commerce_id,
            user_name,
            sealed_credentials,
        })
    }
}

/// Why a success settles nothing. Whose it is stands in the ledger, not in logs.
pub(super) const FOREIGN: &str = "the answer belongs to another customer";

fn not_sent(attempt: &Attempt, setback: Setback) -> Stepped<CreateFinding> {
    let name = if matches!(setback, Setback::Withdrawn) { "withdrawn" } else { "not_sent" };
    let trace = Trace::never_sent(setback.reason());
    Stepped {
        finding: CreateFinding::SetBack(setback),
        attempts: vec![finished(Operation::Create, attempt, name, trace)],
    }
}

/// The call that an intent was made for.
pub(super) fn finished(
    operation: Operation,
    attempt: &Attempt,
    outcome: &'static str,
    trace: Trace,
) -> AttemptResult {
    let ids = CallIds { request_id: attempt.request_id, correlation_id: attempt.correlation_id };
    AttemptResult { attempt: Some(attempt.id), ..recorded(operation, ids, outcome, trace) }
}

/// A call as the ledger keeps it; one that an intent was made for belongs to that besides.
pub(super) fn recorded(
    operation: Operation,
    ids: CallIds,
    outcome: &'static str,
    trace: Trace,
) -> AttemptResult {
    AttemptResult {
        attempt: None,
        operation,
        request_id: ids.request_id,
        correlation_id: ids.correlation_id,
        sent_at: trace.sent_at,
        finished_at: trace.finished_at,
        outcome,
        status: trace.status,
        code: trace.code,
        text: trace.text,
        ms_cv: trace.ms_cv,
        foreign: None,
    }
}
