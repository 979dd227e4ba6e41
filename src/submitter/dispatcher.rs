//! Decides what a submission does next.
//!
//! [`Dispatcher`] is plain and synchronous: it handles events and returns the actions to take now. So behavior on a
//! signal, in an outage or at a limit is tested without a network and without waiting.

mod backlog;
mod verdicts;

use std::time::Duration;

use tokio::time::Instant;

use super::age::RunClock;
use super::attempt::StepResult;
use super::outage_monitor::OutageMonitor;
use super::progress::{LeftOut, SubmissionProgress};
use super::queue::Queue;
use super::retry::{self, Verdict};
use super::task::{Step, Task};
use super::{Settings, Signal, StopReason};
use crate::ledger::{self, AttemptResult, Open, RowId, WorkBatch};
use backlog::{Backlog, Limits};

/// How many rows are fetched from the ledger at once.
pub(super) const FETCH: u32 = 256;

/// Something to do; each action ends in one [`DispatchEvent`].
#[derive(Debug)]
pub(super) enum Action {
    Fetch { which: Open, after: RowId },
    Step(Box<Task>),
    Record { task: Box<Task>, attempts: Vec<AttemptResult>, verdict: Box<Verdict> },
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum DispatchEvent {
    Fetched {
        which: Open,
        batch: WorkBatch,
    },
    /// The queue could not be read, or reading it panicked. Active steps do not depend on that.
    ReadFailed(StopReason),
    Stepped {
        task: Box<Task>,
        step: StepResult,
    },
    Recorded {
        task: Box<Task>,
        verdict: Box<Verdict>,
    },
    /// A step or a record could not be written, or panicked: its row is left as it is in the ledger.
    Failed(StopReason),
    Signalled(Signal),
    Woken,
}

#[derive(Debug)]
pub(super) struct Dispatcher {
    settings: Settings,
    start: RunClock,
    backlog: Backlog,
    queue: Queue,
    to_record: Vec<Action>,
    service: OutageMonitor,
    pub(super) stop: Option<StopReason>,
    limits: Limits,
    deadline: Option<Instant>,
    /// Active steps and records; each uses one slot.
    slots: usize,
    submitted: u64,
    /// By [`StepKind`].
    answers: [Answers; 2],
    refused: u64,
    refused_agreements: u64,
    agreements_with_outcome: u64,
    pub(super) counts: SubmissionProgress,
    pub(super) left_out: LeftOut,
}

/// How one kind of send went in this run so far. A success of the one kind says nothing about the other.
#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    successes: u64,
    forbidden_in_a_row: u32,
}

impl Dispatcher {
    pub(super) fn new(settings: Settings, start: RunClock) -> Self {
        Self {
            deadline: settings.max_duration.map(|limit| start.instant() + limit),
            service: OutageMonitor::new(settings.max_outage, start),
            backlog: Backlog::of(settings.mode),
            settings,
            start,
            queue: Queue::default(),
            to_record: Vec::new(),
            stop: None,
            limits: Limits::default(),
            slots: 0,
            submitted: 0,
            answers: <[Answers; 2]>::default(),
            refused: 0,
            refused_agreements: 0,
            agreements_with_outcome: 0,
            counts: SubmissionProgress::default(),
            left_out: LeftOut::default(),
        }
    }

    /// Nothing is active, and nothing will be. A run that stops does not wait for a read of the queue.
    pub(super) fn is_done(&self) -> bool {
        let empty = self.queue.ready() + self.queue.waiting() == 0 && self.backlog.is_read();
        self.is_idle() && (self.stop.is_some() || (empty && !self.backlog.fetching))
    }

    /// Rows that have not been begun must not be begun any more.
    pub(super) fn begins_nothing(&self) -> bool {
        self.limits.too_many_failures
    }

    /// No step and no record is active.
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
            // Rows that are due but must not be sent are held separately, so that they do not wake the loop.
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
            if task.step == Step::Create && retry::must_look_up_first(&task, &self.settings.policy, now) {
                // Its request id has become too old while it waited.
                let (step, wait) = retry::first_step(&task, &self.settings.policy, now);
                task.step = step.into();
                self.queue.settle(task, now + wait);
                continue;
            }
            task.is_probe = self.service.let_pass(task.step, now);
            task.begun = now;
            self.slots += 1;
            actions.push(Action::Step(task));
        }
        actions.extend(self.fetch());
        actions
    }

    fn has_free_slot(&self) -> bool {
        self.slots < self.settings.concurrency.get()
    }

    pub(super) fn handle_event(&mut self, event: DispatchEvent, now: Instant, chance: f64) {
        match event {
            DispatchEvent::Fetched { which, batch } => {
                self.fetched(which, batch, now);
                self.reading_ended();
            }
            DispatchEvent::ReadFailed(reason) => {
                if let StopReason::Ledger(error) = &reason {
                    tracing::error!(%error, "the queue could not be read; requests under way are completed");
                }
                self.reading_ended();
                self.stop_for(reason);
            }
            DispatchEvent::Stepped { task, step } => self.stepped(task, step, now, chance),
            DispatchEvent::Recorded { task, verdict } => self.recorded(task, *verdict, now),
            DispatchEvent::Failed(reason) => {
                // The result of this step is lost to this run; the next run finds the row in the ledger. Other steps
                // may still bring passwords, so all active steps are completed.
                self.slots -= 1;
                self.stop_for(reason);
            }
            DispatchEvent::Signalled(signal) => self.stop_for(StopReason::Interrupted(signal)),
            DispatchEvent::Woken => {}
        }
        self.check_deadlines(now);
    }

    fn reading_ended(&mut self) {
        self.backlog.fetching = false;
        self.queue.reading_ends();
    }

    fn check_deadlines(&mut self, now: Instant) {
        self.service.deadline_passed(now).into_iter().for_each(|reason| self.stop_for(reason));
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.stop_for(StopReason::DurationReached);
        }
    }

    /// The first reason counts, unless the new one matters more.
    pub(super) fn stop_for(&mut self, reason: StopReason) {
        let weight = |reason: &StopReason| match reason {
            StopReason::Ledger(ledger::Error::Closed) => 3,
            // Later writers get only the error that the ledger is closed; the operator needs the cause.
            StopReason::Ledger(_) => 4,
            StopReason::Bug => 2,
            StopReason::Interrupted(_) => 1,
            _ => 0,
        };
        if self.stop.as_ref().is_none_or(|before| weight(&reason) >= weight(before).max(1)) {
            self.stop = Some(reason);
        }
    }

    pub(super) fn progress(&self, now: Instant, throttled_for: Option<Duration>) -> SubmissionProgress {
        SubmissionProgress {
            under_way: self.slots,
            waiting: self.queue.waiting(),
            settling: self.queue.settling(),
            settled_by: self.queue.settled_by(),
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
