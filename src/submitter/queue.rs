//! The rows in hand: ready for their next step, waiting for it, or active. Bounded, and each row once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use super::task::{Step, Task};
use crate::ledger::RowId;

/// The maximum number of rows that wait for a retry. Beyond that no fresh rows are started, so that a service without
/// proper answers cannot fill the memory.
const MOST_WAITING: usize = 4096;

/// The rows between the ledger and their steps.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: VecDeque<Box<Task>>,
    /// By the time at which they may continue.
    waiting: BTreeMap<(Instant, RowId), WaitingTask>,
    /// Of those: rows that wait until a new customer would be visible.
    settling: usize,
    /// Rows whose wait is over, but whose kind of step the service does not answer.
    held: HashMap<Step, VecDeque<Box<Task>>>,
    /// Every row that is ready, waiting or active. A row changes its state while it is in hand, so a read of the ledger
    /// may return it again.
    in_hand: HashSet<RowId>,
    /// Rows that were discarded during a read of the ledger: that read may return them in their earlier state.
    discarded_meanwhile: Option<HashSet<RowId>>,
}

impl Queue {
    /// Called when a read of the ledger begins.
    pub(super) fn reading_begins(&mut self) {
        self.discarded_meanwhile = Some(HashSet::new());
    }

    /// Called when a read of the ledger has ended or failed.
    pub(super) fn reading_ends(&mut self) {
        self.discarded_meanwhile = None;
    }

    /// Adds a row that was read; returns false if it is in hand already, or was discarded since the read began.
    pub(super) fn take_in_hand(&mut self, row: RowId) -> bool {
        let is_outdated = self.discarded_meanwhile.as_ref().is_some_and(|rows| rows.contains(&row));
        !is_outdated && self.in_hand.insert(row)
    }

    /// No further step will be taken for this row.
    pub(super) fn discard(&mut self, row: RowId) {
        self.in_hand.remove(&row);
        if let Some(rows) = &mut self.discarded_meanwhile {
            rows.insert(row);
        }
    }

    /// Adds a fresh row, behind those that are ready.
    pub(super) fn add(&mut self, task: Box<Task>) {
        self.ready.push_back(task);
    }

    /// The next step of the row must not be taken before `due`.
    pub(super) fn wait(&mut self, task: Box<Task>, due: Instant) {
        self.waiting.insert((due, task.work.row), WaitingTask { task, settles: false });
    }

    /// The row must not be looked up before `due`, when a new customer would be visible.
    pub(super) fn settle(&mut self, task: Box<Task>, due: Instant) {
        self.settling += 1;
        self.waiting.insert((due, task.work.row), WaitingTask { task, settles: true });
    }

    /// The next step of the row must not be taken until [`Self::pop_held`] is called for this kind of step.
    pub(super) fn hold(&mut self, task: Box<Task>) {
        self.held.entry(task.step).or_default().push_back(task);
    }

    /// The first row that is held for this step.
    pub(super) fn pop_held(&mut self, step: Step) -> Option<Box<Task>> {
        self.held.get_mut(&step)?.pop_front()
    }

    /// A row whose wait is over.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Box<Task>> {
        if self.next_due()? > now {
            return None;
        }
        let (_, waiting) = self.waiting.pop_first()?;
        self.settling -= usize::from(waiting.settles);
        Some(waiting.task)
    }

    /// The next fresh row, if it may be started.
    pub(super) fn peek_fresh(&self) -> Option<&Task> {
        if self.is_full() { None } else { self.ready.front().map(Box::as_ref) }
    }

    /// Removes the row that [`Self::peek_fresh`] has returned.
    pub(super) fn pop_fresh(&mut self) -> Option<Box<Task>> {
        self.ready.pop_front()
    }

    /// Discards the rows for which `is_held_back` is true, whatever they wait for.
    pub(super) fn hold_back(&mut self, is_held_back: impl Fn(&Task) -> bool) {
        let mut held_back = Vec::new();
        let mut keeps = |task: &Task| {
            let keeps = !is_held_back(task);
            if !keeps {
                held_back.push(task.work.row);
            }
            keeps
        };
        self.ready.retain(|task| keeps(task));
        self.waiting.retain(|_, waiting| keeps(&waiting.task));
        self.settling = self.waiting.values().filter(|waiting| waiting.settles).count();
        self.held.values_mut().for_each(|held| held.retain(|task| keeps(task)));
        held_back.into_iter().for_each(|row| self.discard(row));
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Rows that are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Rows that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.held.values().map(VecDeque::len).sum::<usize>()
    }

    /// Of those: rows that wait until a new customer would be visible.
    pub(super) fn settling(&self) -> usize {
        self.settling
    }

    /// When the last of those may be looked up.
    pub(super) fn settled_by(&self) -> Option<Instant> {
        if self.settling == 0 {
            return None;
        }
        // Most waits that are long are of this kind.
        let mut latest_first = self.waiting.iter().rev();
        latest_first.find(|(_, waiting)| waiting.settles).map(|((due, _), _)| *due)
    }

    /// So many rows wait that no fresh row may be started.
    pub(super) fn is_full(&self) -> bool {
        self.waiting() >= MOST_WAITING
    }
}

/// A row that waits.
#[derive(Debug)]
struct WaitingTask {
    task: Box<Task>,
    settles: bool,
}
