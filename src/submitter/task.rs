//! An open row that the submitter works on: its next step, and what was tried in this run.

use std::time::Duration;

use tokio::time::Instant;

use super::age::{Age, RunClock};
use crate::clock::Moment;
use crate::ledger::{NextStep, RowChange, StepKind, Work};

/// An open row that the submitter works on.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) step: Step,
    /// When the current step began.
    pub(super) begun: Instant,
    /// The current step is a probe during an outage: it shows something about the service, and nothing about the row.
    pub(super) is_probe: bool,
    /// When the intent of its last send in this run was committed; the send was not earlier.
    pub(super) intended_at: Moment,
    /// The first send under the request id whose outcome is unknown.
    pub(super) doubt: Option<Age>,
    /// The last send under the request id.
    pub(super) last_sent: Option<Age>,
    /// Sends without a verdict in this run, except probes.
    pub(super) tries: u32,
    /// How often its current lookup got no answer, except probes.
    pub(super) lookup_tries: u32,
    /// Its last send was refused because of its token.
    pub(super) unauthorized: bool,
    /// Successes of the run when it was last refused with an unexplained 403.
    pub(super) forbidden_at: Option<u64>,
    /// Successes of the run when its last send in this run ended without a verdict.
    pub(super) unclear_at: Option<u64>,
    /// A lookup has just found no customer, and the domain free. So the next send is allowed, whatever the age of its
    /// id.
    pub(super) found_free: bool,
    /// It was begun when it was read, or was counted against the limit: no limit holds it back.
    pub(super) is_begun: bool,
}

/// What to do next for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Send the create.
    Create,
    /// Look up before anything is sent.
    LookUp,
    /// Record the acceptance of the agreement.
    Agree,
}

impl Step {
    pub(super) const ALL: [Step; 3] = [Step::Create, Step::LookUp, Step::Agree];
}

impl From<NextStep> for Step {
    fn from(step: NextStep) -> Self {
        match step {
            NextStep::Create => Step::Create,
            NextStep::LookUp => Step::LookUp,
        }
    }
}

impl Task {
    pub(super) fn new(work: Work, step: Step, start: &RunClock) -> Self {
        Self {
            // A time that makes no sense gets the safe value: the doubt is old, and the send was just now.
            doubt: work.open.in_doubt_since.map(|since| start.past(since, Duration::MAX)),
            last_sent: work.last_sent_at.map(|sent| start.past(sent, Duration::ZERO)),
            begun: start.instant(),
            is_probe: false,
            intended_at: start.moment_at(start.instant()),
            is_begun: work.is_begun,
            work,
            step,
            tries: 0,
            lookup_tries: 0,
            unauthorized: false,
            forbidden_at: None,
            unclear_at: None,
            found_free: false,
        }
    }

    /// An agreement is never looked up: it may be sent again.
    fn next(&mut self, step: NextStep) {
        self.step = match self.work.kind {
            StepKind::Create => step.into(),
            StepKind::Agreement => Step::Agree,
        };
    }

    /// Updates the row in memory to its recorded state. `moment` is `now` as it is stored.
    pub(super) fn apply(&mut self, change: &RowChange, now: Instant, moment: Moment) {
        let work = &mut self.work;
        match change {
            RowChange::NothingDone { new_request_id, post_lookup_resends, refused_before } => {
                if let Some(request_id) = new_request_id {
                    work.request_id = *request_id;
                    work.unclear_under_earlier_id = true;
                    self.tries = 0;
                }
                work.is_in_flight = false;
                work.open.in_doubt_since = None;
                (self.doubt, self.last_sent) = (None, None);
                work.open.refusal = None;
                work.refused_before.clone_from(refused_before);
                work.open.post_lookup_resends = *post_lookup_resends;
                self.next(NextStep::Create);
            }
            RowChange::StillOpen(open) => {
                if self.step == Step::Create {
                    self.last_sent = Some(Age::at(now));
                    work.last_sent_at = Some(moment);
                }
                self.found_free = match (self.step, open.next_step) {
                    // If a customer was found, the domain is not free.
                    (Step::LookUp, NextStep::Create) => open.customer_id.is_none(),
                    (_, NextStep::LookUp) => false,
                    (Step::Create | Step::Agree, NextStep::Create) => self.found_free,
                };
                work.is_in_flight = true;
                // If a lookup puts a send in doubt, the doubt is as old as that send.
                let sent =
                    self.last_sent.filter(|_| self.step == Step::LookUp).unwrap_or(Age::at(self.begun));
                self.doubt = open.in_doubt_since.map(|_| self.doubt.unwrap_or(sent));
                work.open = open.clone();
                self.next(open.next_step);
            }
            RowChange::Created(_)
            | RowChange::Recorded
            | RowChange::Existing { .. }
            | RowChange::Refused { .. }
            | RowChange::LookedUpInVain { .. } => {}
        }
    }
}
