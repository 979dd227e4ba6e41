//! One create, from start to end: approach, intent, gates, send, classify, seal.
//!
//! The order is what keeps the promises. A row gets its intent when its turn is near, so that a row that only waits for
//! the rate is still pending. The intent is durable before the gates, so the ledger knows everything that passes the
//! gates. The gates come right before the send, so they limit the rate of requests and not of intents. The password is
//! sealed before the success is reported, under a key that was durable before the send. A success counts only for the
//! row that it names.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::task::Task;
use super::{Policy, retry};
use crate::call::domains::{DomainCheck, DomainStatus};
use crate::call::{Caller, Near};
use crate::credentials::{KeptKey, Sealer};
use crate::failpoint;
use crate::ledger::{
    self, Attempt, AttemptId, AttemptResult, CreatedCustomer, ForeignAnswer, Operation, Recorder,
};
use crate::partner_center::operations::create_customer;
use crate::partner_center::{CallError, CallIds, Exchange, NewTenant, Outcome, Request, Trace};

/// Everything that all steps need and share.
#[derive(Debug)]
pub(super) struct StepContext {
    pub(super) caller: Caller,
    /// `None`: this run only looks up.
    pub(super) sealer: Option<Arc<Sealer>>,
    pub(super) recorder: Recorder,
    pub(super) domain_check: DomainCheck,
    /// The id of the agreement's template, looked up once.
    pub(super) agreement_template: OnceCell<String>,
    pub(super) policy: Policy,
    /// Once this is cancelled, no step is begun; what has been begun is brought to its end.
    pub(super) begins_nothing: CancellationToken,
}

/// The outcome of a step, with the calls that were made for it.
#[derive(Debug)]
pub(super) struct StepResult {
    pub(super) outcome: StepOutcome,
    pub(super) attempts: Vec<AttemptResult>,
}

/// The outcome of a step, by its kind.
#[derive(Debug)]
pub(super) enum StepOutcome {
    Create(Outcome<CreatedCustomer>),
    LookUp(Outcome<DomainStatus>),
    Agree(Outcome<()>),
}

/// Sends one create and returns its outcome. Only the intent is recorded by then.
///
/// # Errors
/// The ledger could not be written; then nothing was sent.
pub(super) async fn create(context: &StepContext, task: &mut Task) -> Result<StepResult, ledger::Error> {
    // The key is durable with the intent, before anything can be sealed under it.
    let sealer = context.sealer.as_ref().expect("a run that creates has a key to seal with");
    let key = sealer.kept(&context.recorder).await?;
    let near = match context.unless_held_back(task, context.caller.approach()).await {
        Ok(near) => near,
        Err(why) => {
            return Ok(StepResult { outcome: StepOutcome::Create(why.of_any()), attempts: Vec::new() });
        }
    };
    // The intent is committed first. If we die between the two, `resume` finds a row in flight and settles it. In the
    // other order, a customer could be created without any record.
    let attempt = context.recorder.intend(task.work.kind, task.work.row, task.work.request_id).await?;
    task.intended_at = attempt.intended_at;
    failpoint::crash("intended");
    let request = create_customer(&task.work.customer);
    // The wait may be so long that the row has to be looked up first.
    let may_send = || !retry::must_look_up_first(task, &context.policy, Instant::now());
    let (answer, mut call) = context.send(Operation::Create, &request, attempt, near, task, may_send).await;
    let outcome = match answer {
        Ok(tenant) => created(task, &key, tenant, &mut call),
        Err(why) => why.of_any(),
    };
    // Nothing happens between an answer and the sealing of its password, not even a line in a log.
    log_answer(task, &call, "create answered");
    Ok(StepResult { outcome: StepOutcome::Create(outcome), attempts: vec![call] })
}

impl StepContext {
    /// Waits for a gate, unless nothing is begun any more and nothing was sent for this step before.
    pub(super) async fn unless_held_back<T>(
        &self,
        task: &Task,
        gate: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        tokio::select! {
            biased;
            () = self.begins_nothing.cancelled(), if !task.work.is_in_flight => Err(Outcome::Withdrawn),
            passed = gate => passed,
        }
    }

    /// Sends the request of an intent, unless the gates take so long that `may_send` returns false. Returns the
    /// outcome, and the call as it is recorded.
    pub(super) async fn send<T>(
        &self,
        operation: Operation,
        request: &Request<'_, T>,
        attempt: Attempt,
        near: Near<'_>,
        task: &Task,
        may_send: impl FnOnce() -> bool,
    ) -> (Result<T, CallError>, AttemptResult) {
        let (sending, answered) = match operation {
            Operation::RecordAgreement => ("agreement_sending", "agreement_answered"),
            _ => ("sending", "answered"),
        };
        let ids = CallIds { request_id: attempt.request_id, correlation_id: attempt.correlation_id };
        let recorded = |trace| recorded(operation, Some(attempt.id), trace);
        let passed = self.unless_held_back(task, self.caller.pass_gates(Some(near))).await;
        let token = match passed.and_then(|token| may_send().then_some(token).ok_or(Outcome::Withdrawn)) {
            Ok(token) => token,
            Err(why) => {
                let call = recorded(request.never_sent(ids, &why));
                return (Err(why), call);
            }
        };
        failpoint::crash(sending);
        let Exchange { outcome, trace } = self.caller.send(request, &token, ids).await;
        failpoint::crash(answered);
        let outcome = match outcome.done() {
            // If a fresh token was refused too, another one would not help.
            Err(why) if !task.unauthorized => Err(self.caller.renew_refused(why, &token).await),
            outcome => outcome,
        };
        (outcome, recorded(trace))
    }
}

/// Logs the answer to a request that was sent.
pub(super) fn log_answer(task: &Task, call: &AttemptResult, what: &'static str) {
    if call.sent_at.is_none() {
        return;
    }
    tracing::debug!(
        row = task.work.row.0,
        line = task.work.line,
        request_id = %call.request_id,
        correlation_id = %call.correlation_id,
        status = call.status,
        outcome = call.outcome,
        "{what}"
    );
}

/// Seals the password of an answer, under the domain that the answer names, and checks whether it is this row's.
///
/// A password that cannot be sealed is as good as lost, but the customer exists: report that, and never store the
/// password unencrypted.
fn created(
    task: &Task,
    key: &KeptKey<'_>,
    tenant: NewTenant,
    call: &mut AttemptResult,
) -> Outcome<CreatedCustomer> {
    let work = &task.work;
    let own = work.customer.domain.as_str();
    let named = tenant.domain();
    let is_own_domain = named.as_ref().is_none_or(|named| named.eq_ignore_ascii_case(own));
    let domain = named.as_deref().filter(|_| !is_own_domain).unwrap_or(own);
    // A customer that a lookup found among our customers belongs to this row, and only it has this id.
    let found = work.open.customer_id.as_deref();
    let is_own = is_own_domain && found.is_none_or(|id| id.eq_ignore_ascii_case(&tenant.customer_id));
    let (user_name, sealed_credentials) = match tenant.credentials() {
        None => (None, None),
        Some((user_name, password)) => match key.seal(work.row, domain, &tenant.customer_id, password) {
            Ok(sealed) => (Some(user_name.to_owned()), Some(sealed)),
            Err(error) => {
                tracing::error!(row = work.row.0, error = %error, "password could not be sealed");
                return Outcome::Unknown(error.to_string().into());
            }
        },
    };
    failpoint::crash("sealed");
    // The spelling under which it is sealed, even if it is the row's own domain.
    let named_domain = named.is_some().then(|| domain.to_owned());
    let NewTenant { customer_id, commerce_id, .. } = tenant;
    if !is_own {
        call.belongs_to_another(ForeignAnswer {
            domain: named_domain,
            customer_id,
            user_name,
            sealed_credentials,
        });
        return Outcome::Unknown(FOREIGN.into());
    }
    Outcome::Done(CreatedCustomer { named_domain, customer_id, commerce_id, user_name, sealed_credentials })
}

/// Why a success settles nothing. The owner of the success is in the ledger, not in logs.
pub(super) const FOREIGN: &str = "the answer belongs to another customer";

/// A call as it is recorded. `attempt`: its intent.
pub(super) fn recorded(operation: Operation, attempt: Option<AttemptId>, trace: Trace) -> AttemptResult {
    AttemptResult {
        attempt,
        operation,
        request_id: trace.ids.request_id,
        correlation_id: trace.ids.correlation_id,
        sent_at: trace.sent_at,
        finished_at: trace.finished_at,
        outcome: trace.outcome,
        status: trace.status,
        code: trace.code,
        text: trace.text,
        ms_cv: trace.ms_cv,
        foreign: None,
    }
}
