//! The loop of a submission: it passes events to the [`Dispatcher`], and carries out its actions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::age::RunClock;
use super::attempt::{self, StepContext, StepOutcome, StepResult};
use super::dispatcher::{Action, DispatchEvent, Dispatcher, FETCH};
use super::progress::{LeftOut, SubmissionProgress};
use super::reconcile;
use super::retry::{Then, Verdict};
use super::task::{Step, Task};
use super::{Dependencies, Settings, Signal, StopReason, agreement};
use crate::backoff::chance;
use crate::call::domains::DomainCheck;
use crate::clock::Moment;
use crate::failpoint;
use crate::ledger::{self, Ledger, Owed, Recorded, Work};
use crate::partner_center::Outcome;

/// How long a program that stops at once waits for its own tasks and for the disk.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// The time within which an answer that this machine has received reaches the task that waits for it.
const NOTICES_WITHIN: Duration = Duration::from_millis(50);

/// A step, or a record, that panicked.
const PANICKED: DispatchEvent = DispatchEvent::Failed(StopReason::Bug);

fn ledger_failed(error: ledger::Error) -> DispatchEvent {
    DispatchEvent::Failed(StopReason::Ledger(error))
}

/// How a submission ended.
#[derive(Debug)]
pub(crate) struct Submitted {
    /// Why it ended before its work was done, if it did.
    pub(crate) stopped: Option<StopReason>,
    /// There was a second signal: rows in flight were left as they were.
    pub(crate) abandoned: bool,
    /// Rows that could not be parsed, and so were not worked on.
    pub(crate) left_out: LeftOut,
}

/// Works off the open rows of `ledger` until there are none or something stops it.
///
/// All of it runs in the tasks of the runtime, which wake each other without a switch of threads.
///
/// # Errors
/// None: the reason for a stop, also a failing ledger, is part of the returned [`Submitted`].
pub(crate) async fn submit(
    ledger: &Ledger,
    dependencies: Dependencies,
    settings: Settings,
    signals: &mut mpsc::Receiver<Signal>,
    progress: watch::Sender<SubmissionProgress>,
    open_rows: u64,
) -> Submitted {
    let read = ledger.newest_time().await.and_then(|newest| Ok((newest, ledger.owed()?)));
    let (newest_stored, owed) = match read {
        Ok(read) => read,
        Err(error) => {
            let stopped = Some(StopReason::Ledger(error));
            return Submitted { stopped, abandoned: false, left_out: LeftOut::default() };
        }
    };
    let start = RunClock::new(Instant::now(), Moment::now(), newest_stored);
    let mut dispatcher = Dispatcher::new(settings.clone(), start);
    dispatcher.counts.total = open_rows;
    let context = Arc::new(StepContext {
        caller: dependencies.caller,
        sealer: dependencies.sealer,
        recorder: ledger.recorder(),
        domain_check: DomainCheck::new(dependencies.domain_suffix),
        agreement_template: OnceCell::new(),
        policy: settings.policy.clone(),
        begins_nothing: CancellationToken::new(),
    });
    let timeout = settings.timeout;
    let mut own_signals = std::mem::replace(signals, mpsc::channel(1).1);
    let work = tokio::spawn(async move {
        let submitted = work_off(dispatcher, owed, context, timeout, &mut own_signals, &progress).await;
        (submitted, own_signals)
    });
    let (submitted, own_signals) = match work.await {
        Ok(worked) => worked,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    *signals = own_signals;
    submitted
}

/// The loop.
async fn work_off(
    mut dispatcher: Dispatcher,
    owed: Owed,
    context: Arc<StepContext>,
    timeout: Duration,
    signals: &mut mpsc::Receiver<Signal>,
    progress: &watch::Sender<SubmissionProgress>,
) -> Submitted {
    let _answers = ledger::AwaitedAnswers::begin();
    let mut under_way = UnderWay::default();
    // Set when the run stops: requests without an answer by then are left to the next run.
    let mut leaves_at = None;
    loop {
        for action in dispatcher.actions(Instant::now()) {
            carry_out(action, &owed, &context, &mut under_way);
        }
        progress.send_replace(dispatcher.progress(Instant::now(), context.caller.pacer.paused_for()));
        if dispatcher.is_done() {
            let left_out = std::mem::take(&mut dispatcher.left_out);
            return Submitted { stopped: dispatcher.ending(), abandoned: false, left_out };
        }
        let wake_at = dispatcher.wakes_at(Instant::now());
        let event = next_event(signals, &mut under_way, wake_at, leaves_at).await;
        let stopping_already = matches!(
            dispatcher.stop,
            Some(StopReason::Interrupted(_) | StopReason::Ledger(_) | StopReason::Bug)
        );
        let Some(event) =
            event.filter(|event| !(stopping_already && matches!(event, DispatchEvent::Signalled(_))))
        else {
            // Time is up, or it is the second signal. Exiting is safe: every intent is durable, and the next run
            // settles it.
            record_what_is_known(&mut dispatcher, &owed, &context, under_way).await;
            return Submitted { stopped: dispatcher.stop, abandoned: true, left_out: dispatcher.left_out };
        };
        dispatcher.handle_event(event, Instant::now(), chance());
        // The answers to open requests were recorded; there is no room for more of them.
        if let (None, Some(error)) = (&dispatcher.stop, context.recorder.ran_out_of_room()) {
            dispatcher.stop_for(StopReason::Ledger(error));
        }
        if dispatcher.begins_nothing() {
            context.begins_nothing.cancel();
        }
        if dispatcher.stop.is_some() {
            context.caller.stopping.cancel();
            leaves_at.get_or_insert_with(|| Instant::now() + timeout + NOTICES_WITHIN);
        }
    }
}

/// The next event; `None`: it is `leaves_at`, and the run stops waiting.
async fn next_event(
    signals: &mut mpsc::Receiver<Signal>,
    under_way: &mut UnderWay,
    wakes_at: Option<Instant>,
    leaves_at: Option<Instant>,
) -> Option<DispatchEvent> {
    let until = |at: Option<Instant>| tokio::time::sleep_until(at.unwrap_or_else(Instant::now));
    tokio::select! {
        biased;
        () = until(leaves_at), if leaves_at.is_some() => None,
        Some(signal) = signals.recv() => Some(DispatchEvent::Signalled(signal)),
        Some(ended) = under_way.records.join_next() => Some(ended.unwrap_or(PANICKED)),
        Some(ended) = under_way.steps.join_next() => Some(ended.unwrap_or(PANICKED)),
        Some(ended) = under_way.reads.join_next() => Some(ended.unwrap_or(DispatchEvent::ReadFailed(StopReason::Bug))),
        () = until(wakes_at), if wakes_at.is_some() => Some(DispatchEvent::Woken),
    }
}

/// Active tasks, by what the program may still wait for when it stops at once.
#[derive(Debug, Default)]
struct UnderWay {
    /// Steps, most of which wait for the service.
    steps: JoinSet<DispatchEvent>,
    /// Reads of the queue: a program that stops does not wait for them.
    reads: JoinSet<DispatchEvent>,
    /// Records, which wait only for the disk.
    records: JoinSet<DispatchEvent>,
}

/// Answers that have arrived may contain a password that the service gives out only once: they are sealed and recorded
/// before the program exits. It does not wait for the service; it waits at most [`LEAVES_WITHIN`] for the machine and
/// its disk.
async fn record_what_is_known(
    dispatcher: &mut Dispatcher,
    owed: &Owed,
    context: &Arc<StepContext>,
    mut under_way: UnderWay,
) {
    let leaves_at = Instant::now() + LEAVES_WITHIN;
    let noticing = async {
        while let Some(ended) = under_way.steps.join_next().await {
            dispatcher.handle_event(ended.unwrap_or(PANICKED), Instant::now(), 0.0);
        }
    };
    drop(tokio::time::timeout(NOTICES_WITHIN, noticing).await);
    // A step that waits for the service ends here. A step that is working on its answer has nothing more to wait for:
    // it completes and returns its outcome.
    under_way.steps.abort_all();
    let recording = async {
        while let Some(ended) = under_way.steps.join_next().await {
            match ended {
                Ok(event) => dispatcher.handle_event(event, Instant::now(), 0.0),
                Err(error) if error.is_cancelled() => {}
                Err(_) => dispatcher.handle_event(PANICKED, Instant::now(), 0.0),
            }
        }
        for action in dispatcher.actions(Instant::now()) {
            carry_out(action, owed, context, &mut under_way);
        }
        while under_way.records.join_next().await.is_some() {}
    };
    if tokio::time::timeout_at(leaves_at, recording).await.is_err() {
        tracing::warn!("the ledger takes too long; the next run resolves rows whose result was not recorded");
    }
}

fn carry_out(action: Action, owed: &Owed, context: &Arc<StepContext>, under_way: &mut UnderWay) {
    let context = Arc::clone(context);
    match action {
        Action::Fetch { which, after } => {
            let owed = owed.clone();
            under_way.reads.spawn(async move {
                let batch = owed.steps(which, after, FETCH).await;
                let failed = |error| DispatchEvent::ReadFailed(StopReason::Ledger(error));
                batch.map_or_else(failed, |batch| DispatchEvent::Fetched { which, batch })
            });
        }
        Action::Step(mut task) => {
            under_way.steps.spawn(async move {
                let stepped = match task.step {
                    Step::Create => attempt::create(&context, &mut task).await,
                    Step::LookUp => {
                        failpoint::wait_for_turn("asking").await;
                        Ok(reconcile::look_up(&context, &task.work).await)
                    }
                    Step::Agree => agreement::record(&context, &task).await,
                };
                stepped.map_or_else(ledger_failed, |step| DispatchEvent::Stepped { task, step })
            });
        }
        Action::Record { task, attempts, verdict } => {
            under_way.records.spawn(async move {
                failpoint::wait_for_turn("recording").await;
                let Work { kind, row, .. } = task.work;
                match context.recorder.record(kind, row, attempts, verdict.change.clone()).await {
                    Ok(Recorded::AsAsked) => DispatchEvent::Recorded { task, verdict },
                    Ok(Recorded::Instead(change)) => DispatchEvent::Recorded {
                        task,
                        verdict: Box::new(Verdict { change, then: Then::Settled }),
                    },
                    Ok(Recorded::Foreign { intended_at }) => found_foreign(task, intended_at),
                    Err(error) => ledger_failed(error),
                }
            });
        }
    }
}

/// When a success was recorded, it turned out to belong to another row. For this row that is the same as no answer, and
/// the next step is decided accordingly.
fn found_foreign(mut task: Box<Task>, intended_at: Moment) -> DispatchEvent {
    tracing::warn!(row = task.work.row.0, "a success had the customer id of another row and was not counted");
    task.work.unparsed_success = true;
    (task.intended_at, task.is_probe) = (intended_at, false);
    let found = StepOutcome::Create(Outcome::Unknown(attempt::FOREIGN.into()));
    DispatchEvent::Stepped { task, step: StepResult { outcome: found, attempts: Vec::new() } }
}
