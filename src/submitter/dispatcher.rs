//! What a submission does next. [`Dispatcher`] is plain and synchronous: it is told of events, and says which actions
//! to take now. So what happens on a signal, in an outage or at a limit is tested without a network and without
//! waiting.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Stepped;
use super::finding::{AgreementFinding, AskFinding, CreateFinding, Health, Setback, Unanswered};
use super::past::RunStart;
use super::progress::{LeftOut, Progress};
use super::queue::Queue;
use super::retry::{self, Circumstances, FORBIDDEN_IN_A_ROW, Then, Verdict};
use super::service::Service;
use super::task::{Step, Task};
use super::{Mode, Settings, Signal, StopReason, agreement};
use crate::ledger::{self, AttemptResult, Batch, Open, RowChange, RowId, StepKind};

/// Rows fetched from the ledger at once, and the most that are kept ready.
pub(super) const FETCH: u32 = 256;

/// Something to be done; each ends in one [`Event`].
#[derive(Debug)]
pub(super) enum Action {
    Fetch { which: Open, after: RowId },
    Step { task: Box<Task>, probe: bool },
    Record { task: Box<Task>, attempts: Vec<AttemptResult>, verdict: Box<Verdict> },
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    Fetched {
        which: Open,
        batch: Batch,
    },
    /// The queue could not be read. Nothing that is under way hangs on that.
    ReadFailed(ledger::Error),
    /// Reading the queue ended in a panic.
    ReadPanicked,
    Created {
        task: Box<Task>,
        probe: bool,
        step: Stepped<CreateFinding>,
    },
    Asked {
        task: Box<Task>,
        probe: bool,
        step: Stepped<AskFinding>,
    },
    Recorded {
        task: Box<Task>,
        verdict: Box<Verdict>,
    },
    Agreed {
        task: Box<Task>,
        probe: bool,
        step: Stepped<AgreementFinding>,
    },
    /// A step or a record could not be written.
    LedgerFailed(ledger::Error),
    /// A step or a record ended in a panic: its row is left as the ledger has it.
    Panicked,
    Signalled(Signal),
    Woken,
}

/// What is still to be read from the ledger, oldest doubt first. Agreements are asked for only while no row is in hand, so
/// that each is in one pair of hands. A new customer takes a while to become visible.
#[derive(Debug)]
struct Backlog {
    order: VecDeque<Open>,
    after: RowId,
    fetching: bool,
}

/// What has been reached that holds rows back (contract, rule 9). What is in flight is brought to its end all the same.
#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    /// No further row is begun.
    at_limit: bool,
    /// So many have been refused that nothing is sent any more that has not been sent already.
    too_many_failures: bool,
}

impl Limits {
    fn hold_back(self, task: &Task) -> bool {
        let is_begun = match task.step {
            Step::Create | Step::Ask => task.work.is_in_flight,
            Step::Agree => task.is_begun,
        };
        let is_fresh_row = task.step == Step::Create && !task.is_begun;
        (self.too_many_failures && !is_begun) || (self.at_limit && is_fresh_row)
    }
}

#[derive(Debug)]
pub(super) struct Dispatcher {
    settings: Settings,
    start: RunStart,
    backlog: Backlog,
    queue: Queue,
    to_record: Vec<Action>,
    service: Service,
    pub(super) stop: Option<StopReason>,
    limits: Limits,
    deadline: Option<Instant>,
    /// Steps and records under way; each holds a slot.
    slots: usize,
    submitted: u64,
    successes: u64,
    refused: u64,
    refused_agreements: u64,
    agreements_with_outcome: u64,
    forbidden_in_a_row: u32,
    pub(super) counts: Progress,
    pub(super) left_out: LeftOut,
}

impl Dispatcher {
    pub(super) fn new(settings: Settings, start: RunStart) -> Self {
        let order = match settings.mode {
            Mode::Submit => [Open::InFlight, Open::Pending],
            Mode::AskOnly => [Open::InFlight, Open::Unresolved],
        };
        // Those of earlier runs first, so that a backlog of rows which takes nights does not keep them waiting.
        let agreements = match settings.mode {
            Mode::Submit => Some(Open::Agreements),
            Mode::AskOnly => None,
        };
        Self {
            deadline: settings.max_duration.map(|limit| start.instant() + limit),
            service: Service::new(settings.max_outage, start),
            settings,
            start,
            backlog: Backlog {
                order: agreements.into_iter().chain(order).chain(agreements).collect(),
                after: RowId(0),
                fetching: false,
            },
            queue: Queue::default(),
            to_record: Vec::new(),
            stop: None,
            limits: Limits::default(),
            slots: 0,
            submitted: 0,
            successes: 0,
            refused: 0,
            refused_agreements: 0,
            agreements_with_outcome: 0,
            forbidden_in_a_row: 0,
            counts: Progress::default(),
            left_out: LeftOut::default(),
        }
    }

    /// Nothing is under way, and nothing will be. A run that stops waits for no reading of the queue.
    pub(super) fn is_done(&self) -> bool {
        let empty = self.queue.ready() + self.queue.waiting() == 0 && self.backlog.order.is_empty();
        self.is_idle() && (self.stop.is_some() || (empty && !self.backlog.fetching))
    }

    /// No step and no record is under way.
    fn is_idle(&self) -> bool {
        self.slots == 0 && self.to_record.is_empty()
    }

    /// Why the run ended before its work was done, if it did.
    pub(super) fn ending(self) -> Option<StopReason> {
        let (rows, agreements) = (self.refused, self.refused_agreements);
        let too_many =
            self.limits.too_many_failures.then_some(StopReason::TooManyFailures { rows, agreements });
        self.stop.or(too_many).or(self.limits.at_limit.then_some(StopReason::LimitReached))
    }

    /// When there will be something to do without an event.
    pub(super) fn wakes_at(&self, now: Instant) -> Option<Instant> {
        if self.stop.is_some() {
            return None;
        }
        let next_step = self.has_free_slot().then(|| {
            // Rows that are due and may not go are held, so that none of them keeps the loop awake.
            self.queue.next_due().into_iter().chain(self.service.next_probe(now)).min()
        });
        [next_step.flatten(), self.deadline, self.service.deadline()].into_iter().flatten().min()
    }

    /// What can be done now.
    pub(super) fn actions(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = std::mem::take(&mut self.to_record);
        if self.stop.is_some() {
            return actions;
        }
        while self.has_free_slot() {
            let Some(mut task) = self.next_task(now) else { break };
            if task.step == Step::Create && retry::must_ask_first(&task, &self.settings.policy, now) {
                // Its id has grown old while it waited.
                let (step, wait) = retry::first_step(&task, &self.settings.policy, now);
                task.step = step.into();
                self.queue.settle(task, now + wait);
                continue;
            }
            let probe = self.service.let_pass(task.step, now);
            self.slots += 1;
            task.begun = now;
            task.is_begun = true;
            actions.push(Action::Step { task, probe });
        }
        if let (true, false, Some(which)) =
            (self.wants_more(), self.backlog.fetching, self.backlog.order.front().copied())
        {
            self.backlog.fetching = true;
            self.queue.reading_begins();
            actions.push(Action::Fetch { which, after: self.backlog.after });
        }
        actions
    }

    fn wants_more(&self) -> bool {
        let agreements_begin =
            self.backlog.order.front() == Some(&Open::Agreements) && self.backlog.after == RowId(0);
        if agreements_begin {
            return self.is_idle() && self.queue.ready() + self.queue.waiting() == 0;
        }
        self.queue.ready() < FETCH as usize / 2 && !self.queue.is_full()
    }

    /// The row to take a step for: one whose wait is over, else a fresh one. A kind of step that the service does not
    /// answer holds up no other kind.
    fn next_task(&mut self, now: Instant) -> Option<Box<Task>> {
        for step in Step::ALL {
            if !self.service.is_closed(step, now)
                && let Some(held) = self.queue.pop_held(step)
            {
                return Some(held);
            }
        }
        while let Some(due) = self.queue.pop_due(now) {
            if !self.service.is_closed(due.step, now) {
                return Some(due);
            }
            self.queue.hold(due);
        }
        self.next_fresh_task(now)
    }

    fn next_fresh_task(&mut self, now: Instant) -> Option<Box<Task>> {
        while self.queue.peek_fresh().is_some_and(|fresh| self.service.is_closed(fresh.step, now)) {
            // Creates come last, and one that was not begun does not count as submitted.
            if self.queue.peek_fresh()?.step == Step::Create {
                return None;
            }
            let fresh = self.queue.pop_fresh()?;
            self.queue.hold(fresh);
        }
        let fresh = self.queue.peek_fresh()?;
        let counts = fresh.step == Step::Create && !fresh.is_begun;
        if counts && self.settings.limit.is_some_and(|limit| self.submitted >= limit) {
            self.limits.at_limit = true;
            self.hold_back();
            return self.next_fresh_task(now);
        }
        let mut task = self.queue.pop_fresh()?;
        self.submitted += u64::from(counts);
        task.is_begun = true;
        Some(task)
    }

    /// Lets go of what was not begun, and reads no more of it.
    fn hold_back(&mut self) {
        let limits = self.limits;
        self.queue.hold_back(|task| limits.hold_back(task));
        let front = self.backlog.order.front().copied();
        self.backlog.order.retain(|which| matches!(which, Open::InFlight | Open::Agreements));
        if self.backlog.order.front().copied() != front {
            self.backlog.after = RowId(0);
        }
    }

    fn has_free_slot(&self) -> bool {
        self.slots < self.settings.concurrency.get()
    }

    pub(super) fn handle_event(&mut self, event: Event, now: Instant, chance: f64) {
        match event {
            Event::Fetched { which, batch } => {
                self.fetched(which, batch, now);
                self.reading_ended();
            }
            Event::ReadFailed(error) => {
                tracing::error!(%error, "the queue could not be read; what is under way is brought to its end");
                self.reading_ended();
                self.stop_for_ledger(error);
            }
            Event::ReadPanicked => {
                self.reading_ended();
                self.stop_for_bug();
            }
            Event::Created { task, probe, step } => self.created(task, probe, step, now, chance),
            Event::Asked { task, probe, step } => self.asked(task, probe, step, now, chance),
            Event::Recorded { task, verdict } => self.recorded(task, *verdict, now),
            Event::Agreed { task, probe, step } => self.agreed(task, probe, step, now, chance),
            Event::LedgerFailed(error) => {
                // What this one was about is lost to us; the next run finds it in the ledger.
                self.slots -= 1;
                self.stop_for_ledger(error);
            }
            Event::Panicked => {
                // Others may bring passwords yet, so that what is under way is brought to its end.
                self.slots -= 1;
                self.stop_for_bug();
            }
            Event::Signalled(signal) => {
                if !matches!(self.stop, Some(StopReason::Ledger(_) | StopReason::Bug)) {
                    self.stop = Some(StopReason::Interrupted(signal));
                }
            }
            Event::Woken => {}
        }
        self.check_deadlines(now);
    }

    fn reading_ended(&mut self) {
        self.backlog.fetching = false;
        self.queue.reading_ends();
    }

    /// Those who come after the first hear only that it is closed; what the operator needs is the cause.
    fn stop_for_ledger(&mut self, error: ledger::Error) {
        let has_cause = !matches!(error, ledger::Error::Closed);
        if has_cause || !matches!(self.stop, Some(StopReason::Ledger(_))) {
            self.stop = Some(StopReason::Ledger(error));
        }
    }

    fn stop_for_bug(&mut self) {
        if !matches!(self.stop, Some(StopReason::Ledger(_))) {
            self.stop = Some(StopReason::Bug);
        }
    }

    fn fetched(&mut self, which: Open, batch: Batch, now: Instant) {
        if self.backlog.order.front() != Some(&which) {
            // Rows that were asked for before the limit was reached.
            return;
        }
        match batch.last {
            Some(last) => self.backlog.after = last,
            None => {
                self.backlog.order.pop_front();
                self.backlog.after = RowId(0);
            }
        }
        for row in batch.set_aside {
            self.left_out.add(row);
        }
        for mut work in batch.work {
            if !self.queue.take_in_hand(work.row) {
                continue;
            }
            if which == Open::Unresolved {
                retry::ask_afresh(&mut work);
            }
            // Its step is told below.
            let mut task = Box::new(Task::new(work, Step::Ask, &self.start));
            let (step, wait) = match (task.work.kind, self.settings.mode) {
                (StepKind::Agreement, _) => (Step::Agree, Duration::ZERO),
                (StepKind::Create, Mode::AskOnly) => (Step::Ask, Duration::ZERO),
                (StepKind::Create, Mode::Submit) => {
                    let (step, wait) = retry::first_step(&task, &self.settings.policy, now);
                    (step.into(), wait)
                }
            };
            task.step = step;
            if self.limits.hold_back(&task) {
                self.queue.let_go(task.work.row);
                continue;
            }
            self.counts.total += u64::from(step == Step::Agree);
            if wait.is_zero() {
                self.queue.add(task);
            } else {
                self.queue.settle(task, now + wait);
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
        self.note_health(Step::Create, finding.health(), probe, (task.begun, now));
        let forbidden = matches!(finding, CreateFinding::Forbidden(_));
        let unauthorized = matches!(finding, CreateFinding::Unauthorized(_));
        let unknown = matches!(finding, CreateFinding::Unknown { .. });
        match finding {
            CreateFinding::Created(_) => self.note_success(),
            CreateFinding::Forbidden(_) => self.note_forbidden(),
            _ => {}
        }
        let verdict = retry::after_create(&task, finding, &self.circumstances(probe, now, chance));
        task.work.success_unread |= step.attempts.iter().any(AttemptResult::is_unread_success);
        task.tries += u32::from(unknown && !probe);
        task.unauthorized = unauthorized;
        task.forbidden_at = forbidden.then_some(self.successes);
        task.unclear_at = unknown.then_some(self.successes);
        self.decide(task, step.attempts, verdict, now);
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
        self.note_health(Step::Ask, finding.health(), probe, (task.begun, now));
        let question_tries = match finding {
            AskFinding::Unanswered(Unanswered::NoAnswer(_)) => task.question_tries + u32::from(!probe),
            AskFinding::Unanswered(Unanswered::SetBack(Setback::NotSent(_))) => task.question_tries,
            _ => 0,
        };
        let verdict = retry::after_ask(&task, finding, &self.circumstances(probe, now, chance));
        task.question_tries = question_tries;
        self.decide(task, step.attempts, verdict, now);
    }

    fn agreed(
        &mut self,
        mut task: Box<Task>,
        probe: bool,
        step: Stepped<AgreementFinding>,
        now: Instant,
        chance: f64,
    ) {
        let finding = step.finding;
        self.note_health(Step::Agree, finding.health(), probe, (task.begun, now));
        let counts = matches!(finding, AgreementFinding::Unknown(_) | AgreementFinding::NotVisible(_));
        let unauthorized = matches!(finding, AgreementFinding::Unauthorized);
        let forbidden = matches!(finding, AgreementFinding::Forbidden(_));
        match finding {
            AgreementFinding::Recorded => self.note_success(),
            AgreementFinding::Forbidden(_) => self.note_forbidden(),
            _ => {}
        }
        let verdict = agreement::decide(&task, finding, &self.circumstances(probe, now, chance));
        task.tries += u32::from(counts && !probe);
        task.unauthorized = unauthorized;
        task.forbidden_at = forbidden.then_some(self.successes);
        self.decide(task, step.attempts, verdict, now);
    }

    fn decide(&mut self, mut task: Box<Task>, attempts: Vec<AttemptResult>, verdict: Verdict, now: Instant) {
        task.apply(&verdict.change, now, self.start.moment_at(now));
        if let (Then::Stop(reason), None) = (&verdict.then, &self.stop) {
            self.stop = Some(reason.clone());
        }
        self.to_record.push(Action::Record { task, attempts, verdict: Box::new(verdict) });
    }

    fn recorded(&mut self, task: Box<Task>, verdict: Verdict, now: Instant) {
        self.slots -= 1;
        match verdict.then {
            Then::Settled => {
                // A run that asks about unresolved rows would read this one again; it stays in hand.
                if !matches!(verdict.change, RowChange::AskedInVain { .. }) {
                    self.queue.let_go(task.work.row);
                }
                self.counts.settled += 1;
                let refused = match task.work.kind {
                    StepKind::Agreement => {
                        self.agreements_with_outcome += 1;
                        &mut self.refused_agreements
                    }
                    StepKind::Create => {
                        match verdict.change {
                            RowChange::Created(_) => self.counts.created += 1,
                            _ => self.counts.not_created += 1,
                        }
                        &mut self.refused
                    }
                };
                if let RowChange::Refused { .. } = verdict.change {
                    *refused += 1;
                    self.check_failures();
                }
            }
            // Asking is done; what is to be sent waits for a run that sends.
            Then::Wait(_) if self.settings.mode == Mode::AskOnly && task.step == Step::Create => {
                self.counts.settled += 1;
                self.queue.let_go(task.work.row);
            }
            Then::Wait(_) if self.limits.hold_back(&task) => self.queue.let_go(task.work.row),
            Then::Wait(wait) => self.queue.wait(task, now + wait),
            Then::Settle(wait) => self.queue.settle(task, now + wait),
            // It stays in hand, so that this run does not come upon it again.
            Then::LeftOpen => self.counts.settled += 1,
            Then::Stop(_) => {}
        }
    }

    fn check_failures(&mut self) {
        let (rows, agreements) = (self.refused, self.refused_agreements);
        let with_outcome = self.counts.created + self.counts.not_created + self.agreements_with_outcome;
        if self.settings.max_failures.is_some_and(|most| most.is_reached(rows + agreements, with_outcome)) {
            self.limits.too_many_failures = true;
            self.hold_back();
        }
    }

    /// From when to when the step went.
    fn note_health(&mut self, step: Step, health: Health, probe: bool, (begun, now): (Instant, Instant)) {
        if let Health::Silent(silence) = &health
            && self.slots == 1
        {
            self.stop_for(silence.wants_of_this_process().map(StopReason::OutOf));
        }
        let reason = self.service.note(step, health, probe, begun, now);
        self.stop_for(reason);
    }

    fn note_success(&mut self) {
        self.successes += 1;
        self.forbidden_in_a_row = 0;
    }

    fn note_forbidden(&mut self) {
        self.forbidden_in_a_row = (self.forbidden_in_a_row + 1).min(FORBIDDEN_IN_A_ROW);
    }

    fn circumstances(&self, probe: bool, now: Instant, chance: f64) -> Circumstances<'_> {
        Circumstances {
            policy: &self.settings.policy,
            now,
            moment: self.start.moment_at(now),
            probe,
            may_send: self.settings.mode == Mode::Submit,
            successes: self.successes,
            forbidden_in_a_row: self.forbidden_in_a_row,
            chance,
        }
    }

    fn check_deadlines(&mut self, now: Instant) {
        let reason = self.service.deadline_passed(now);
        self.stop_for(reason);
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.stop.get_or_insert(StopReason::DurationReached);
        }
    }

    /// What came first is the reason.
    fn stop_for(&mut self, reason: Option<StopReason>) {
        if let (None, Some(reason)) = (&self.stop, reason) {
            self.stop = Some(reason);
        }
    }

    pub(super) fn progress(&self, now: Instant, throttled_for: Option<Duration>) -> Progress {
        Progress {
            under_way: self.slots,
            waiting: self.queue.waiting(),
            settling: self.queue.settling(),
            throttled_for,
            silent_for: self.service.silent_for(now),
            stopping: self.stop.is_some() || self.limits.too_many_failures,
            settled: self.counts.settled + self.left_out.count,
            ..self.counts
        }
    }
}

#[cfg(test)]
mod tests;
