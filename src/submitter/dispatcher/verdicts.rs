//! Handles the outcomes of steps, their verdicts, and what they mean for the run.

use tokio::time::Instant;

use super::{Action, Answers, Dispatcher};
use crate::auth;
use crate::call::domains::DomainStatus;
use crate::ledger::{AttemptResult, RowChange, StepKind};
use crate::partner_center::{Class, Outcome, ServiceHealth};
use crate::submitter::attempt::{StepOutcome, StepResult};
use crate::submitter::retry::{self, FORBIDDEN_IN_A_ROW, Then, Verdict, VerdictContext};
use crate::submitter::task::{Step, Task};
use crate::submitter::{Mode, StopReason, agreement};

impl Dispatcher {
    pub(super) fn stepped(&mut self, mut task: Box<Task>, step: StepResult, now: Instant, chance: f64) {
        let StepResult { outcome: found, attempts } = step;
        let verdict = match found {
            StepOutcome::Create(outcome) => {
                self.after_send(&mut task, outcome, retry::after_create, now, chance)
            }
            StepOutcome::LookUp(outcome) => self.after_look_up(&mut task, outcome, now, chance),
            StepOutcome::Agree(outcome) => {
                self.after_send(&mut task, outcome, agreement::decide, now, chance)
            }
        };
        task.work.unparsed_success |= attempts.iter().any(AttemptResult::is_unread_success);
        task.apply(&verdict.change, now, self.start.moment_at(now));
        if let Then::Stop(reason) = &verdict.then {
            self.stop_for(reason.clone());
        }
        self.to_record.push(Action::Record { task, attempts, verdict: Box::new(verdict) });
    }

    fn after_look_up(
        &mut self,
        task: &mut Task,
        outcome: Outcome<DomainStatus>,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        self.note_health(task, outcome.health(), now);
        let lookup_tries = match outcome {
            Outcome::Unknown(_) | Outcome::Intercepted(_) => task.lookup_tries + u32::from(!task.is_probe),
            Outcome::NotSent(_) | Outcome::NoToken(auth::Error::Unavailable(_)) => task.lookup_tries,
            _ => 0,
        };
        let verdict = retry::after_lookup(task, outcome, &self.circumstances(task, now, chance));
        task.lookup_tries = lookup_tries;
        verdict
    }

    /// Applies `decide` to the outcome of a create or an acceptance, and stores in the task what its next decision
    /// depends on.
    fn after_send<T>(
        &mut self,
        task: &mut Task,
        outcome: Outcome<T>,
        decide: impl FnOnce(&Task, Outcome<T>, &VerdictContext<'_>) -> Verdict,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        self.note_health(task, outcome.health(), now);
        let unclear = matches!(outcome, Outcome::Unknown(_) | Outcome::Intercepted(_));
        let class = if let Outcome::Refused(class, _) = &outcome { Some(*class) } else { None };
        let answers = &mut self.answers[task.work.kind as usize];
        if let Outcome::Done(_) = outcome {
            *answers = Answers { successes: answers.successes + 1, forbidden_in_a_row: 0 };
        } else if class == Some(Class::Unexplained) {
            answers.forbidden_in_a_row = (answers.forbidden_in_a_row + 1).min(FORBIDDEN_IN_A_ROW);
        }
        let successes = answers.successes;
        let verdict = decide(task, outcome, &self.circumstances(task, now, chance));
        let is_try = (unclear || class == Some(Class::NotVisible)) && !task.is_probe;
        task.tries += u32::from(is_try);
        task.unauthorized = class == Some(Class::RenewTheToken);
        task.forbidden_at = (class == Some(Class::Unexplained)).then_some(successes);
        task.unclear_at = unclear.then_some(successes);
        verdict
    }

    pub(super) fn recorded(&mut self, task: Box<Task>, verdict: Verdict, now: Instant) {
        self.slots -= 1;
        match verdict.then {
            Then::Settled => {
                // A run that looks up unresolved rows would read this row again; so the row stays in hand.
                if !matches!(verdict.change, RowChange::LookedUpInVain { .. }) {
                    self.queue.discard(task.work.row);
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
            // The lookup is done; the send is left to a run that sends.
            Then::Wait(_) if self.settings.mode == Mode::LookUpOnly && task.step == Step::Create => {
                self.counts.settled += 1;
                self.queue.discard(task.work.row);
            }
            Then::Wait(_) if self.limits.hold_back(&task) => self.queue.discard(task.work.row),
            Then::Wait(wait) => self.queue.wait(task, now + wait),
            Then::Settle(wait) => self.queue.settle(task, now + wait),
            // The row stays in hand, so that this run does not read it again.
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

    fn note_health(&mut self, task: &Task, health: ServiceHealth, now: Instant) {
        if let ServiceHealth::Silent(silence) = &health
            && self.slots == 1
        {
            let lacks = silence.wants_of_this_process().map(StopReason::OutOf);
            lacks.into_iter().for_each(|reason| self.stop_for(reason));
        }
        self.service.note(task, health, now).into_iter().for_each(|reason| self.stop_for(reason));
    }

    fn circumstances(&self, task: &Task, now: Instant, chance: f64) -> VerdictContext<'_> {
        let Answers { successes, forbidden_in_a_row } = self.answers[task.work.kind as usize];
        VerdictContext {
            policy: &self.settings.policy,
            now,
            moment: self.start.moment_at(now),
            probe: task.is_probe,
            may_send: self.settings.mode == Mode::Submit,
            successes,
            forbidden_in_a_row,
            chance,
        }
    }
}
