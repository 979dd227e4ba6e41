//! What is still to be read from the ledger, and which row is started next.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Action, Dispatcher, FETCH};
use crate::ledger::{Open, RowId, StepKind, WorkBatch};
use crate::submitter::task::{Step, Task};
use crate::submitter::{Mode, retry};

/// What is still to be read from the ledger, oldest doubt first. Agreements are read only while no row is in hand, so
/// that no row is worked on twice at once. A new customer takes a while to become visible.
#[derive(Debug)]
pub(super) struct Backlog {
    order: VecDeque<Open>,
    pub(super) after: RowId,
    pub(super) fetching: bool,
}

impl Backlog {
    pub(super) fn of(mode: Mode) -> Self {
        let order = match mode {
            // Agreements of earlier runs first, so that they do not wait for a backlog of rows that takes nights.
            Mode::Submit => vec![Open::Agreements, Open::InFlight, Open::Pending, Open::Agreements],
            Mode::LookUpOnly => vec![Open::InFlight, Open::Unresolved],
        };
        Self { order: order.into(), after: RowId(0), fetching: false }
    }

    pub(super) fn is_read(&self) -> bool {
        self.order.is_empty()
    }

    fn next(&self) -> Option<Open> {
        self.order.front().copied()
    }

    /// Called when the current kind was read up to this row; `None`: to its end.
    fn continue_after(&mut self, last: Option<RowId>) {
        if last.is_none() {
            self.order.pop_front();
        }
        self.after = last.unwrap_or(RowId(0));
    }

    /// From now on, only rows that may have been started are read.
    fn keep_begun(&mut self) {
        let next = self.next();
        self.order.retain(|which| matches!(which, Open::InFlight | Open::Agreements));
        if self.next() != next {
            self.after = RowId(0);
        }
    }
}

/// Limits that were reached and hold rows back (contract, rule 9). Rows in flight are still completed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// No new row is started.
    pub(super) at_limit: bool,
    /// Too many were refused: only what was sent already is sent again.
    pub(super) too_many_failures: bool,
}

impl Limits {
    pub(super) fn hold_back(self, task: &Task) -> bool {
        let is_fresh_row = task.step == Step::Create && !task.is_begun;
        (self.too_many_failures && !(task.work.is_in_flight && task.is_begun))
            || (self.at_limit && is_fresh_row)
    }
}

impl Dispatcher {
    /// The next read of the ledger, if one should begin now.
    pub(super) fn fetch(&mut self) -> Option<Action> {
        let which = self.backlog.next().filter(|which| !self.backlog.fetching && self.wants_more(*which))?;
        self.backlog.fetching = true;
        self.queue.reading_begins();
        Some(Action::Fetch { which, after: self.backlog.after })
    }

    fn wants_more(&self, next: Open) -> bool {
        if next == Open::Agreements && self.backlog.after == RowId(0) {
            return self.is_idle() && self.queue.ready() + self.queue.waiting() == 0;
        }
        self.queue.ready() < FETCH as usize / 2 && !self.queue.is_full()
    }

    pub(super) fn fetched(&mut self, which: Open, batch: WorkBatch, now: Instant) {
        if self.backlog.next() != Some(which) {
            // This read was started before the limit was reached.
            return;
        }
        self.backlog.continue_after(batch.last);
        for row in batch.set_aside {
            self.left_out.add(row);
        }
        for mut work in batch.work {
            if !self.queue.take_in_hand(work.row) {
                continue;
            }
            if which == Open::Unresolved {
                retry::restart_lookup(&mut work);
            }
            // Its step is set below.
            let mut task = Box::new(Task::new(work, Step::LookUp, &self.start));
            let (step, wait) = match (task.work.kind, self.settings.mode) {
                (StepKind::Agreement, _) => (Step::Agree, Duration::ZERO),
                (StepKind::Create, Mode::LookUpOnly) => (Step::LookUp, Duration::ZERO),
                (StepKind::Create, Mode::Submit) => {
                    let (step, wait) = retry::first_step(&task, &self.settings.policy, now);
                    (step.into(), wait)
                }
            };
            task.step = step;
            if self.limits.hold_back(&task) {
                self.queue.discard(task.work.row);
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

    /// The row to take a step for: one whose wait is over, or else a fresh one. If the service does not answer one kind
    /// of step, the other kinds continue.
    pub(super) fn next_task(&mut self, now: Instant) -> Option<Box<Task>> {
        for step in Step::ALL {
            while !self.service.is_closed(step, now)
                && let Some(mut held) = self.queue.pop_held(step)
            {
                if self.may_begin(&mut held) {
                    return Some(held);
                }
                self.queue.discard(held.work.row);
            }
        }
        while let Some(mut due) = self.queue.pop_due(now) {
            if self.service.is_closed(due.step, now) {
                self.queue.hold(due);
            } else if self.may_begin(&mut due) {
                return Some(due);
            } else {
                self.queue.discard(due.work.row);
            }
        }
        self.next_fresh_task(now)
    }

    /// Does the limit allow this step? Counts it, if it begins a row. A lookup begins nothing.
    fn may_begin(&mut self, task: &mut Task) -> bool {
        let begins = task.step == Step::Create && !task.is_begun;
        if begins && self.settings.limit.is_some_and(|limit| self.submitted >= limit) {
            self.limits.at_limit = true;
            self.hold_back();
            return false;
        }
        self.submitted += u64::from(begins);
        task.is_begun |= task.step != Step::LookUp;
        true
    }

    fn next_fresh_task(&mut self, now: Instant) -> Option<Box<Task>> {
        while let Some(fresh) = self.queue.peek_fresh().filter(|it| self.service.is_closed(it.step, now)) {
            // Rows that were not started come last. They stay there, because only a started row counts as submitted.
            if fresh.step == Step::Create && !fresh.is_begun {
                return None;
            }
            let fresh = self.queue.pop_fresh()?;
            self.queue.hold(fresh);
        }
        let mut task = self.queue.pop_fresh()?;
        if self.may_begin(&mut task) {
            return Some(task);
        }
        self.queue.discard(task.work.row);
        self.next_fresh_task(now)
    }

    /// Discards rows that were not started, and reads no more of them.
    pub(super) fn hold_back(&mut self) {
        let limits = self.limits;
        self.queue.hold_back(|task| limits.hold_back(task));
        self.backlog.keep_begun();
    }
}
