//! Works off the open rows of the ledger until each has an outcome.
//!
//! [`run`] is the loop: it turns everything that happens into an event, and [`dispatcher`] handles it in one plain
//! method. [`attempt`] carries out one create, [`reconcile`] the lookups of one row, and [`agreement`] the second step
//! of a created row. Each uses `call` and ends in an outcome, and the pure code in [`retry`] decides what the outcome
//! means for the row. A [`task`] is a row in hand, and [`queue`] contains all of them. [`age`] computes ages that no
//! jump of the clock changes. [`outage_monitor`] makes sure that no row fails because of an outage.
//!
//! It keeps the promises of section 3 of the product contract: a request id is durable before it is sent, an unknown
//! outcome is sent again under the same id or looked up, and nothing is settled on a guess. A row that waits for a
//! retry uses no slot. HTTP is left to `partner_center`, durable storage to `ledger`.

mod age;
mod agreement;
mod attempt;
mod dispatcher;
mod outage_monitor;
mod progress;
mod queue;
mod reconcile;
mod retry;
mod run;
mod task;

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::call::Caller;
use crate::credentials::Sealer;
use crate::customer::DomainName;
use crate::ledger::{ListRefusal, Refusal, UserNeeds};
use crate::limits::Resource;
use crate::transport::NoResponse;

pub(crate) use progress::{LeftOut, SubmissionProgress};
pub(crate) use run::submit;

/// Settings of a submission.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The maximum number of concurrent steps.
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) policy: Policy,
    /// The maximum number of rows that this run starts. Rows that are already in flight are completed in addition.
    pub(crate) limit: Option<u64>,
    /// No new row is started once so many rows of the run were refused.
    pub(crate) max_failures: Option<MaxFailures>,
    /// The run stops after this long.
    pub(crate) max_duration: Option<Duration>,
    /// The longest wait for one answer, and so for all open requests when the run stops.
    pub(crate) timeout: Duration,
    /// If there is no answer, or no accepted request under throttling, for longer than this, the run stops.
    pub(crate) max_outage: Duration,
    pub(crate) mode: Mode,
}

/// How many refusals are too many: then something is wrong with all rows, and more sends would only burn domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxFailures {
    Rows(NonZeroU64),
    /// Of the rows with an outcome, 1 to 100; applies from [`PERCENT_FROM`] rows on.
    Percent(u8),
}

/// With fewer outcomes a percentage means nothing: one refusal in the first two rows is not half of a file.
const PERCENT_FROM: u64 = 20;

impl MaxFailures {
    fn is_reached(self, refused: u64, with_outcome: u64) -> bool {
        match self {
            MaxFailures::Rows(most) => refused >= most.get(),
            MaxFailures::Percent(percent) => {
                with_outcome >= PERCENT_FROM && refused * 100 >= u64::from(percent) * with_outcome
            }
        }
    }
}

/// What a run may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Send what is open.
    Submit,
    /// Look up rows with an unknown outcome; send nothing that creates.
    LookUpOnly,
}

/// When a row is sent again, looked up or given up on.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Sends of one row without a verdict before it is looked up.
    pub(crate) max_attempts: u32,
    /// How long the same request id may be sent again without a lookup.
    pub(crate) idempotency_window: Duration,
    /// How long a new customer may stay invisible.
    pub(crate) settle_delay: Duration,
}

/// Why a run ended before its work was done.
#[derive(Debug, Clone)]
pub(crate) enum StopReason {
    Interrupted(Signal),
    /// The operator did not confirm.
    Declined,
    /// There is no token, and another request for one will not help.
    SignIn {
        message: String,
        hint: String,
    },
    /// There are rows with resellers or agreements, but the token has no user; nothing was sent.
    NeedsUser(UserNeeds),
    /// Every row would be refused because of the sign-in or its rights.
    Rights(Refusal),
    /// Too many requests in a row were refused with an unexplained 403, the last one for this domain.
    Unexplained {
        refusal: Refusal,
        in_a_row: u32,
        domain: DomainName,
    },
    /// Every row would be refused because of the configuration.
    Configuration(Refusal),
    /// No answer for too long. `to`: the kind of request, if other kinds were answered.
    Outage {
        lasted: Duration,
        last: NoResponse,
        to: Option<&'static str>,
    },
    /// 429s, and no accepted request for too long; or the service asked to wait until `until`, which is too long.
    Throttled {
        since: Timestamp,
        lasted: Duration,
        until: Option<Timestamp>,
    },
    LimitReached,
    /// Too many rows were refused in this run.
    TooManyFailures {
        rows: u64,
        /// Acceptances of agreements.
        agreements: u64,
    },
    /// Nothing of the lists is sent.
    ListRefused(ListRefusal),
    DurationReached,
    Ledger(crate::ledger::Error),
    /// This process has no resource for a connection, and nothing is active that would release one.
    OutOf(Resource),
    /// Our own code panicked.
    Bug,
}

impl StopReason {
    /// Whether it counts even if no work was left. A script that is interrupted must not go on to its next list.
    pub(crate) fn counts_always(&self) -> bool {
        matches!(self, StopReason::Ledger(_) | StopReason::Bug | StopReason::Interrupted(_))
    }
}

/// A signal of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, or the console was closed.
    Terminate,
}

/// The dependencies of a submission.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// Requests from before the run count against its rate.
    pub(crate) caller: Caller,
    /// `None`: nothing is created, so nothing is sealed.
    pub(crate) sealer: Option<Arc<Sealer>>,
    /// The suffix of every initial domain of the cloud.
    pub(crate) domain_suffix: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures() {
        let check = |most: MaxFailures, refused: u64, with_outcome: u64, expected: bool| {
            assert_eq!(most.is_reached(refused, with_outcome), expected, "{most:?} {refused}/{with_outcome}");
        };
        let three = MaxFailures::Rows(NonZeroU64::new(3).unwrap());
        check(three, 2, 1000, false);
        check(three, 3, 3, true);
        let percent = MaxFailures::Percent;
        check(percent(50), 19, 19, false);
        check(percent(50), 10, 20, true);
        check(percent(50), 10, 21, false);
        check(percent(100), 20, 20, true);
        check(percent(1), 0, 1000, false);
        check(percent(1), 10, 1000, true);
    }
}
