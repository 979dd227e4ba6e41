//! The loop of a submission.
//!
//! [`Dispatcher`] is plain and synchronous: it is told of events, and says which actions to take now. [`submit`] is
//! the loop around it that carries them out. So what happens on a signal, in an outage or at a limit is tested
//! without a network and without waiting.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::{self, Means, Stepped};
use super::breaker::{Breaker, Passage};
use super::finding::{AgreementFinding, AskFinding, CreateFinding, Health};
use super::pacing::Pacer;
use super::progress::Progress;
use super::queue::Queue;
use super::reconcile::{self, DomainCheck};
use super::retry::{self, Circumstances, FORBIDDEN_IN_A_ROW, Then, Verdict};
use super::{Equipment, Mode, Settings, Signal, Step, StopReason, Task, agreement};
use crate::clock;
use crate::ledger::{self, AgreementChange, AttemptResult, Ledger, NextStep, Open, RowChange, RowId, Work};

/// Rows fetched from the ledger at once, and the most that are kept ready.
const FETCH: u32 = 256;

/// How a submission ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Why it ended before its work was done, if it did.
    pub(crate) stopped: Option<StopReason>,
    /// A second signal came: what was in flight was left as it was.
    pub(crate) abandoned: bool,
}

/// Works off the open rows of `ledger` until none is left or something stops it.
///
/// # Errors
/// None: what stops a run is part of its [`Outcome`], a failing ledger included.
pub(crate) async fn submit(
    ledger: &Ledger,
    equipment: Equipment,
    settings: &Settings,
    signals: &mut mpsc::Receiver<Signal>,
    progress: &watch::Sender<Progress>,
    open_rows: u64,
) -> Outcome {
    let pacer = Arc::new(Pacer::new(settings.rate));
    let means = Arc::new(Means {
        client: equipment.client,
        tokens: equipment.tokens,
        sealer: equipment.sealer,
        pacer: Arc::clone(&pacer),
        recorder: ledger.recorder(),
        domain_check: DomainCheck::new(equipment.domain_suffix),
        agreement_template: OnceCell::new(),
        policy: settings.policy.clone(),
        stopping: CancellationToken::new(),
    });
    let mut dispatcher = Dispatcher::new(settings.clone(), Instant::now());
    dispatcher.counts.total = open_rows;
    let mut under_way = JoinSet::new();
    loop {
        for action in dispatcher.actions(Instant::now()) {
            carry_out(action, ledger, &means, &mut under_way).await;
        }
        progress.send_replace(dispatcher.progress(Instant::now(), pacer.paused_for()));
        if dispatcher.is_done() {
            return Outcome { stopped: dispatcher.ending(), abandoned: false };
        }
        let wake_at = dispatcher.wakes_at(Instant::now());
        let event = tokio::select! {
            biased;
            Some(signal) = signals.recv() => Event::Signalled(signal),
            Some(ended) = under_way.join_next() => ended.unwrap_or_else(|panic| {
                std::panic::resume_unwind(panic.into_panic())
            }),
            () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => Event::Woken,
        };
        let stopping_already =
            matches!(dispatcher.stop, Some(StopReason::Interrupted(_) | StopReason::Ledger(_)));
        if let (Event::Signalled(_), true) = (&event, stopping_already) {
            // The second signal. Leaving now is safe: every intent is durable, and the next run settles it.
            record_what_is_known(&mut dispatcher, ledger, &means, &mut under_way).await;
            return Outcome { stopped: dispatcher.stop, abandoned: true };
        }
        dispatcher.handle_event(event, Instant::now(), rand::random());
        if dispatcher.stop.is_some() {
            means.stopping.cancel();
        }
    }
}

/// Answers that are here already may hold a password that cannot be had again: they are recorded before the program
/// leaves. Nothing is waited for but the disk.
async fn record_what_is_known(
    dispatcher: &mut Dispatcher,
    ledger: &Ledger,
    means: &Arc<Means>,
    under_way: &mut JoinSet<Event>,
) {
    let mut recorded = JoinSet::new();
    while let Some(Ok(event)) = under_way.try_join_next() {
        dispatcher.handle_event(event, Instant::now(), 0.0);
    }
    for action in dispatcher.actions(Instant::now()) {
        carry_out(action, ledger, means, &mut recorded).await;
    }
    recorded.join_all().await;
}

/// Something to be done; each ends in one [`Event`].
#[derive(Debug)]
enum Action {
    Fetch {
        which: Backlogged,
        after: RowId,
    },
    Step {
        task: Box<Task>,
        probe: bool,
    },
    Record {
        task: Box<Task>,
        attempts: Vec<AttemptResult>,
        verdict: Box<Verdict>,
    },
    RecordAgreement {
        task: Box<Task>,
        attempts: Vec<AttemptResult>,
        change: Option<AgreementChange>,
        then: Then,
    },
}

/// Something that happened.
#[derive(Debug)]
enum Event {
    Fetched { which: Backlogged, rows: Vec<Work> },
    Created { task: Box<Task>, probe: bool, step: Stepped<CreateFinding> },
    Asked { task: Box<Task>, probe: bool, step: Stepped<AskFinding> },
    Recorded { task: Box<Task>, verdict: Box<Verdict> },
    Agreed { task: Box<Task>, probe: bool, step: Stepped<AgreementFinding> },
    AgreementRecorded { task: Box<Task>, then: Then },
    LedgerFailed(ledger::Error),
    Signalled(Signal),
    Woken,
}

async fn carry_out(action: Action, ledger: &Ledger, means: &Arc<Means>, under_way: &mut JoinSet<Event>) {
    let means = Arc::clone(means);
    match action {
        // Reading the queue is quick and everything waits for it, so it is done in place.
        Action::Fetch { which, after } => {
            let rows = match which {
                Backlogged::Rows(open) => ledger.open_rows(open, after, FETCH).await,
                Backlogged::Agreements => ledger.open_agreements(after, FETCH).await,
            };
            under_way.spawn(async move {
                rows.map_or_else(Event::LedgerFailed, |rows| Event::Fetched { which, rows })
            });
        }
        Action::Step { task, probe } => {
            under_way.spawn(async move {
                match task.step {
                    Step::Create => match attempt::create(&means, &task).await {
                        Ok(step) => Event::Created { task, probe, step },
                        Err(error) => Event::LedgerFailed(error),
                    },
                    Step::Ask => {
                        let step = reconcile::ask(&means, &task.work).await;
                        Event::Asked { task, probe, step }
                    }
                    Step::Agree => match agreement::record(&means, &task).await {
                        Ok(step) => Event::Agreed { task, probe, step },
                        Err(error) => Event::LedgerFailed(error),
                    },
                }
            });
        }
        Action::Record { task, attempts, verdict } => {
            under_way.spawn(async move {
                match means.recorder.record(task.work.row, attempts, verdict.change.clone()).await {
                    Ok(_) => Event::Recorded { task, verdict },
                    Err(error) => Event::LedgerFailed(error),
                }
            });
        }
        Action::RecordAgreement { task, attempts, change, then } => {
            under_way.spawn(async move {
                match means.recorder.record_agreement(task.work.row, attempts, change).await {
                    Ok(()) => Event::AgreementRecorded { task, then },
                    Err(error) => Event::LedgerFailed(error),
                }
            });
        }
    }
}

/// What the ledger can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backlogged {
    Rows(Open),
    /// Of created rows. They come last, when no row is in hand any more: a new customer takes a while to become
    /// visible, and each row is then in one pair of hands.
    Agreements,
}

/// What is still to be read from the ledger, oldest doubt first.
#[derive(Debug)]
struct Backlog {
    order: VecDeque<Backlogged>,
    after: RowId,
    fetching: bool,
}

#[derive(Debug)]
struct Dispatcher {
    settings: Settings,
    backlog: Backlog,
    queue: Queue,
    to_record: Vec<Action>,
    breaker: Breaker,
    stop: Option<StopReason>,
    /// The limit holds fresh rows back; what was begun is brought to its end.
    at_limit: bool,
    deadline: Option<Instant>,
    /// Steps and records under way; each holds a slot.
    slots: usize,
    submitted: u64,
    successes: u64,
    forbidden_in_a_row: u32,
    last_silence: String,
    counts: Progress,
}

impl Dispatcher {
    fn new(settings: Settings, now: Instant) -> Self {
        let order = match settings.mode {
            Mode::Submit => [Open::InFlight, Open::Pending],
            Mode::AskOnly => [Open::InFlight, Open::Unresolved],
        };
        let agreements = (settings.mode == Mode::Submit).then_some(Backlogged::Agreements);
        Self {
            deadline: settings.max_duration.map(|limit| now + limit),
            settings,
            backlog: Backlog {
                order: order.map(Backlogged::Rows).into_iter().chain(agreements).collect(),
                after: RowId(0),
                fetching: false,
            },
            queue: Queue::default(),
            to_record: Vec::new(),
            breaker: Breaker::default(),
            stop: None,
            at_limit: false,
            slots: 0,
            submitted: 0,
            successes: 0,
            forbidden_in_a_row: 0,
            last_silence: String::new(),
            counts: Progress::default(),
        }
    }

    /// Nothing is under way, and nothing will be.
    fn is_done(&self) -> bool {
        let empty = self.queue.ready() + self.queue.waiting() == 0 && self.backlog.order.is_empty();
        self.is_idle() && (self.stop.is_some() || empty)
    }

    /// Nothing is under way.
    fn is_idle(&self) -> bool {
        self.slots == 0 && !self.backlog.fetching && self.to_record.is_empty()
    }

    /// Why the run ended before its work was done, if it did.
    fn ending(self) -> Option<StopReason> {
        self.stop.or(self.at_limit.then_some(StopReason::LimitReached))
    }

    /// When there will be something to do without an event.
    fn wakes_at(&self, now: Instant) -> Option<Instant> {
        if self.stop.is_some() {
            return None;
        }
        let next_step = match self.breaker.passage(now) {
            Passage::Free | Passage::Probe if self.has_free_slot() => self.queue.next_due(),
            Passage::Free | Passage::Probe => None,
            // While the breaker is open a row that is due does not go; the probe's time is what counts.
            Passage::Closed(next_probe) => next_probe,
        };
        [next_step, self.deadline, self.outage_deadline()].into_iter().flatten().min()
    }

    /// What can be done now.
    fn actions(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = std::mem::take(&mut self.to_record);
        if self.stop.is_some() {
            return actions;
        }
        while self.has_free_slot() {
            let probe = match self.breaker.passage(now) {
                Passage::Free => false,
                Passage::Probe => true,
                Passage::Closed(_) => break,
            };
            let Some(mut task) = self.next_task(now) else { break };
            if task.step == Step::Create && retry::must_ask_first(&task, &self.settings.policy, clock::now())
            {
                // Its id has grown old while it waited.
                let (step, wait) = retry::first_step(&task.work, &self.settings.policy, clock::now());
                task.step = step.into();
                self.queue.wait(task, now + wait);
                continue;
            }
            if probe {
                self.breaker.probe_sent();
            }
            self.slots += 1;
            actions.push(Action::Step { task, probe });
        }
        if let (true, false, Some(which)) =
            (self.wants_more(), self.backlog.fetching, self.backlog.order.front().copied())
        {
            self.backlog.fetching = true;
            actions.push(Action::Fetch { which, after: self.backlog.after });
        }
        actions
    }

    fn wants_more(&self) -> bool {
        let agreements_begin =
            self.backlog.order.front() == Some(&Backlogged::Agreements) && self.backlog.after == RowId(0);
        if agreements_begin {
            return self.is_idle() && self.queue.ready() + self.queue.waiting() == 0;
        }
        self.queue.ready() < FETCH as usize / 2 && !self.queue.is_full()
    }

    /// The row to take a step for: one whose wait is over, else a fresh one.
    fn next_task(&mut self, now: Instant) -> Option<Box<Task>> {
        if let Some(due) = self.queue.pop_due(now) {
            return Some(due);
        }
        let fresh = self.queue.peek_fresh()?;
        let counts = fresh.step == Step::Create && !fresh.submitted;
        if counts && self.settings.limit.is_some_and(|limit| self.submitted >= limit) {
            self.hold_fresh_rows_back();
            return None;
        }
        let mut task = self.queue.pop_fresh()?;
        if counts {
            task.submitted = true;
            self.submitted += 1;
        }
        Some(task)
    }

    /// At the limit: rows that were begun are brought to their end, and so are agreements.
    fn hold_fresh_rows_back(&mut self) {
        self.at_limit = true;
        while let Some(fresh) = self.queue.pop_fresh() {
            self.queue.let_go(fresh.work.row);
        }
        self.backlog.order.retain(|which| *which == Backlogged::Agreements);
        self.backlog.after = RowId(0);
    }

    fn has_free_slot(&self) -> bool {
        self.slots < self.settings.concurrency.get()
    }

    fn handle_event(&mut self, event: Event, now: Instant, chance: f64) {
        match event {
            Event::Fetched { which, rows } => self.fetched(which, rows, now),
            Event::Created { task, probe, step } => self.created(task, probe, step, now, chance),
            Event::Asked { task, probe, step } => self.asked(task, probe, step, now, chance),
            Event::Recorded { task, verdict } => self.recorded(task, *verdict, now),
            Event::Agreed { task, probe, step } => self.agreed(task, probe, step, now, chance),
            Event::AgreementRecorded { task, then } => self.agreement_recorded(task, then, now),
            Event::LedgerFailed(error) => {
                // Whatever was under way for the ledger is lost to us; the next run finds it there.
                self.slots = self.slots.saturating_sub(1);
                self.backlog.fetching = false;
                // Those who come after the first hear only that it is closed; what the operator needs is the cause.
                let has_cause = !matches!(error, ledger::Error::Closed);
                if has_cause || !matches!(self.stop, Some(StopReason::Ledger(_))) {
                    self.stop = Some(StopReason::Ledger(error));
                }
            }
            Event::Signalled(signal) => {
                if !matches!(self.stop, Some(StopReason::Ledger(_))) {
                    self.stop = Some(StopReason::Interrupted(signal));
                }
            }
            Event::Woken => {}
        }
        self.check_deadlines(now);
    }

    fn fetched(&mut self, which: Backlogged, rows: Vec<Work>, now: Instant) {
        self.backlog.fetching = false;
        if self.backlog.order.front() != Some(&which) {
            // Rows that were asked for before the limit was reached.
            return;
        }
        match rows.last() {
            Some(last) => self.backlog.after = last.row,
            None => {
                self.backlog.order.pop_front();
                self.backlog.after = RowId(0);
            }
        }
        let clock_now = clock::now();
        for mut work in rows {
            if !self.queue.take_in_hand(work.row) {
                continue;
            }
            // A clock that has gone back since must not make the wait for a settled answer endless.
            work.last_sent_at = work.last_sent_at.map(|sent| sent.min(clock_now));
            let (step, wait) = match (which, self.settings.mode) {
                (Backlogged::Agreements, _) => {
                    self.counts.total += 1;
                    (Step::Agree, Duration::ZERO)
                }
                (Backlogged::Rows(_), Mode::AskOnly) => (Step::Ask, Duration::ZERO),
                (Backlogged::Rows(_), Mode::Submit) => {
                    let (step, wait) = retry::first_step(&work, &self.settings.policy, clock_now);
                    (step.into(), wait)
                }
            };
            let task = Box::new(Task::new(work, step));
            if wait.is_zero() {
                self.queue.add(task);
            } else {
                self.queue.wait(task, now + wait);
            }
        }
    }

    fn created(
        &mut self,
        mut task: Box<Task>,
        probe: bool,
        step: Stepped<CreateFinding>,
        now: Instant,
        chance: f64,
    ) {
        let finding = step.finding;
        let reason = match &finding {
            CreateFinding::NotSent(reason) | CreateFinding::Unknown { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        self.note_health(finding.health(), probe, reason, now);
        let forbidden = matches!(finding, CreateFinding::Forbidden(_));
        let unauthorized = matches!(finding, CreateFinding::Unauthorized(_));
        let unknown = matches!(finding, CreateFinding::Unknown { .. });
        self.successes += u64::from(matches!(finding, CreateFinding::Created(_)));
        self.forbidden_in_a_row = match &finding {
            CreateFinding::Forbidden(_) => (self.forbidden_in_a_row + 1).min(FORBIDDEN_IN_A_ROW),
            CreateFinding::Created(_) => 0,
            _ => self.forbidden_in_a_row,
        };
        let verdict = retry::after_create(&task, finding, &self.circumstances(probe, chance));
        task.work.success_unread |= step.attempts.iter().any(AttemptResult::is_unread_success);
        task.tries += u32::from(unknown && !probe);
        task.unauthorized = unauthorized;
        task.forbidden_at = forbidden.then_some(self.successes);
        self.decide(task, step.attempts, verdict);
    }

    fn asked(
        &mut self,
        mut task: Box<Task>,
        probe: bool,
        step: Stepped<AskFinding>,
        now: Instant,
        chance: f64,
    ) {
        let finding = step.finding;
        let reason = match &finding {
            AskFinding::NoAnswer(reason) => Some(reason.clone()),
            _ => None,
        };
        self.note_health(finding.health(), probe, reason, now);
        let unanswered = matches!(finding, AskFinding::NoAnswer(_));
        let verdict = retry::after_ask(&task, finding, &self.circumstances(probe, chance));
        task.question_tries = if unanswered { task.question_tries + u32::from(!probe) } else { 0 };
        self.decide(task, step.attempts, verdict);
    }

    fn agreed(
        &mut self,
        mut task: Box<Task>,
        probe: bool,
        step: Stepped<AgreementFinding>,
        now: Instant,
        chance: f64,
    ) {
        let Stepped { finding, attempts } = step;
        self.note_health(finding.health(), probe, finding.reason(), now);
        let counts = matches!(finding, AgreementFinding::Unknown(_) | AgreementFinding::NotVisible(_));
        let unauthorized = matches!(finding, AgreementFinding::Unauthorized);
        let (change, then) = agreement::decide(&task, finding, &self.circumstances(probe, chance));
        task.tries += u32::from(counts && !probe);
        task.unauthorized = unauthorized;
        if let (Then::Stop(reason), None) = (&then, &self.stop) {
            self.stop = Some(reason.clone());
        }
        // Where nothing was intended, nothing has become of it.
        let change = attempts.iter().any(|attempt| attempt.attempt.is_some()).then_some(change);
        self.to_record.push(Action::RecordAgreement { task, attempts, change, then });
    }

    fn agreement_recorded(&mut self, task: Box<Task>, then: Then, now: Instant) {
        self.slots -= 1;
        match then {
            Then::Wait(wait) => self.queue.wait(task, now + wait),
            Then::Settled | Then::LeftOpen => {
                self.counts.settled += 1;
                self.queue.let_go(task.work.row);
            }
            Then::Stop(_) => {}
        }
    }

    fn decide(&mut self, mut task: Box<Task>, attempts: Vec<AttemptResult>, verdict: Verdict) {
        task.apply(&verdict.change);
        if let (Then::Stop(reason), None) = (&verdict.then, &self.stop) {
            self.stop = Some(reason.clone());
        }
        self.to_record.push(Action::Record { task, attempts, verdict: Box::new(verdict) });
    }

    fn recorded(&mut self, task: Box<Task>, verdict: Verdict, now: Instant) {
        self.slots -= 1;
        match verdict.then {
            Then::Settled => {
                self.queue.let_go(task.work.row);
                self.counts.settled += 1;
                match verdict.change {
                    RowChange::Created(_) => self.counts.created += 1,
                    _ => self.counts.not_created += 1,
                }
            }
            // Asking is done; what is to be sent waits for a run that sends.
            Then::Wait(_) if self.settings.mode == Mode::AskOnly && task.step == Step::Create => {
                self.counts.settled += 1;
                self.queue.let_go(task.work.row);
            }
            Then::Wait(wait) => self.queue.wait(task, now + wait),
            Then::LeftOpen => self.queue.let_go(task.work.row),
            Then::Stop(_) => {}
        }
    }

    fn note_health(&mut self, health: Health, probe: bool, reason: Option<String>, now: Instant) {
        if let Some(reason) = reason {
            self.last_silence = reason;
        }
        match health {
            Health::Answered => self.breaker.answered(),
            Health::Silent => {
                self.breaker.failed(probe, now);
                // Also before the breaker opens: a few rows may take long to make ten failures.
                if self.silence_deadline().is_some_and(|deadline| deadline <= now) {
                    self.stop_for_outage(now);
                }
            }
            Health::NotAsked if probe => self.breaker.probe_withdrawn(),
            Health::NotAsked => {}
        }
    }

    fn circumstances(&self, probe: bool, chance: f64) -> Circumstances<'_> {
        Circumstances {
            policy: &self.settings.policy,
            now: clock::now(),
            probe,
            may_send: self.settings.mode == Mode::Submit,
            successes: self.successes,
            forbidden_in_a_row: self.forbidden_in_a_row,
            chance,
        }
    }

    /// When the service will have been silent for too long.
    fn silence_deadline(&self) -> Option<Instant> {
        self.breaker.silent_since().map(|since| since + self.settings.max_outage)
    }

    fn outage_deadline(&self) -> Option<Instant> {
        self.silence_deadline().filter(|_| self.breaker.is_open())
    }

    fn stop_for_outage(&mut self, now: Instant) {
        let lasted = self.breaker.silent_since().map(|since| now - since).unwrap_or_default();
        let last_reason = self.last_silence.clone();
        self.stop.get_or_insert(StopReason::Outage { lasted, last_reason });
    }

    fn check_deadlines(&mut self, now: Instant) {
        if self.stop.is_some() {
            return;
        }
        if self.outage_deadline().is_some_and(|deadline| deadline <= now) {
            self.stop_for_outage(now);
        } else if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.stop = Some(StopReason::DurationReached);
        }
    }

    fn progress(&self, now: Instant, throttled_for: Option<Duration>) -> Progress {
        Progress {
            under_way: self.slots,
            waiting: self.queue.waiting(),
            throttled_for,
            silent_for: self
                .breaker
                .silent_since()
                .filter(|_| self.breaker.is_open())
                .map(|since| now - since),
            stopping: self.stop.is_some(),
            ..self.counts
        }
    }
}

impl Task {
    /// Brings the row in memory to where its record stands.
    fn apply(&mut self, change: &RowChange) {
        let work = &mut self.work;
        match change {
            RowChange::NothingDone { new_request_id, ask_rounds } => {
                if let Some(request_id) = new_request_id {
                    work.request_id = *request_id;
                    work.unclear_before = true;
                    self.tries = 0;
                }
                work.in_doubt_since = None;
                work.last_sent_at = None;
                work.refusal = None;
                work.ask_rounds = *ask_rounds;
                self.step = Step::Create;
            }
            RowChange::StillOpen { in_doubt_since, next_step, ask_rounds, refusal } => {
                if self.step == Step::Create {
                    work.last_sent_at = Some(clock::now());
                }
                self.asked_free = match (self.step, *next_step) {
                    (Step::Ask, NextStep::Create) => true,
                    (_, NextStep::Ask) => false,
                    (Step::Create | Step::Agree, NextStep::Create) => self.asked_free,
                };
                work.in_doubt_since = *in_doubt_since;
                work.ask_rounds = *ask_rounds;
                work.refusal.clone_from(refusal);
                self.step = (*next_step).into();
            }
            RowChange::Created(_)
            | RowChange::Existing { .. }
            | RowChange::Refused { .. }
            | RowChange::AskedInVain { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
