//! An open row in the hands of the submitter: what its next step is, and what has been tried in this run.

use std::time::Duration;

use tokio::time::Instant;

use super::age::{Age, RunClock};
use crate::clock::Moment;
use crate::ledger::{NextStep, RowChange, StepKind, Work};

/// An open row in the hands of the submitter.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) step: Step,
    /// When the present step began.
    pub(super) begun: Instant,
    /// The present step is a probe during an outage: it says something about the service, and nothing about the row.
    pub(super) is_probe: bool,
    /// When the intent of its last send in this run was committed, which bounds that send from below.
    pub(super) intended_at: Moment,
    /// The first send under the request id whose outcome is unknown.
    pub(super) doubt: Option<Age>,
    /// The last send under the request id.
    pub(super) last_sent: Option<Age>,
    /// Sends without a verdict in this run, probes left out.
    pub(super) tries: u32,
    /// Times that its present question found no answer, probes left out.
    pub(super) question_tries: u32,
    /// Its last send was refused for its token.
    pub(super) unauthorized: bool,
    /// Successes of the run when it was last refused with an unexplained 403.
    pub(super) forbidden_at: Option<u64>,
    /// Successes of the run when its last send in this run ended without a verdict.
    pub(super) unclear_at: Option<u64>,
    /// Asking has just said: not there, and free. So its next send is allowed, whatever the age of its id.
    pub(super) asked_free: bool,
    /// It was in flight when it was read, or has been counted against the limit: no limit holds it back.
    pub(super) is_begun: bool,
}

/// What is to be done next for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Send the create.
    Create,
    /// Ask before anything is sent.
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
            NextStep::Ask => Step::LookUp,
        }
    }
}

impl Task {
    pub(super) fn new(work: Work, step: Step, start: &RunClock) -> Self {
        Self {
            // A time that makes no sense is on the careful side: the doubt is old, and the send was right now.
            doubt: work.open.in_doubt_since.map(|since| start.past(since, Duration::MAX)),
            last_sent: work.last_sent_at.map(|sent| start.past(sent, Duration::ZERO)),
            begun: start.instant(),
            is_probe: false,
            intended_at: start.moment_at(start.instant()),
            is_begun: work.is_in_flight,
            work,
            step,
            tries: 0,
            question_tries: 0,
            unauthorized: false,
            forbidden_at: None,
            unclear_at: None,
            asked_free: false,
        }
    }
}

impl Task {
    /// An agreement is never asked about: it may be sent again.
    fn next(&mut self, step: NextStep) {
        self.step = match self.work.kind {
            StepKind::Create => step.into(),
            StepKind::Agreement => Step::Agree,
        };
    }

    /// Brings the row in memory to where its record stands.
    /// `moment` is `now` as it is stored.
    pub(super) fn apply(&mut self, change: &RowChange, now: Instant, moment: Moment) {
        let work = &mut self.work;
        match change {
            RowChange::NothingDone { new_request_id, post_lookup_resends: ask_rounds } => {
                if let Some(request_id) = new_request_id {
                    work.request_id = *request_id;
                    work.unclear_under_earlier_id = true;
                    self.tries = 0;
                }
                work.is_in_flight = false;
                work.open.in_doubt_since = None;
                (self.doubt, self.last_sent) = (None, None);
                work.open.refusal = None;
                work.open.post_lookup_resends = *ask_rounds;
                self.next(NextStep::Create);
            }
            RowChange::StillOpen(open) => {
                if self.step == Step::Create {
                    self.last_sent = Some(Age::at(now));
                    work.last_sent_at = Some(moment);
                }
                self.asked_free = match (self.step, open.next_step) {
                    // What was found is no more free.
                    (Step::LookUp, NextStep::Create) => open.customer_id.is_none(),
                    (_, NextStep::Ask) => false,
                    (Step::Create | Step::Agree, NextStep::Create) => self.asked_free,
                };
                work.is_in_flight = true;
                // Of a send that turns out to be in doubt when it is asked about, it is that send.
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
            | RowChange::AskedInVain { .. } => {}
        }
    }
}
