//! Open rows of the ledger to rows with an outcome.
//!
//! [`run`] is the loop: it makes one event of whatever happened, and one plain method of [`dispatcher`] handles it.
//! [`attempt`] is the life of one create, [`reconcile`] that of one question, [`agreement`] that of a created row's second
//! step; each goes through `call` and ends in an outcome, and [`retry`] decides what that means for the row, purely. A
//! [`task`] is a row in hand, and [`queue`] holds them all; [`past`] tells ages that no jump of the clock changes.
//! [`service`] sees to it that an outage is nobody's fault.
//!
//! It promises section 3 of the product contract: a request id is durable before it is sent, an unknown outcome is
//! repeated under the same id or asked about, and nothing is settled on a guess. A row that waits for its repeat
//! holds no slot. It leaves HTTP to `partner_center` and what is durable to `ledger`.

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
use crate::ledger::{Refusal, UserNeeds};
use crate::limits::Resource;
use crate::transport::NoResponse;

pub(crate) use progress::{LeftOut, SubmissionProgress};
pub(crate) use run::submit;

/// How a run submits.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Steps under way at once, at most.
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) policy: Policy,
    /// Rows that may be begun in this run. Those that are in flight already are brought to their end besides.
    pub(crate) limit: Option<u64>,
    /// Nothing more is begun when so many rows of the run have been refused.
    pub(crate) max_failures: Option<MaxFailures>,
    /// The run stops after this long.
    pub(crate) max_duration: Option<Duration>,
    /// The longest wait for one answer, and so for all that are under way when the run stops.
    pub(crate) timeout: Duration,
    /// Past this long without an answer, or throttled without an accepted request, the run stops.
    pub(crate) max_outage: Duration,
    pub(crate) mode: Mode,
}

/// How many refusals are too many: something is wrong with all rows then, and sending on would only burn them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxFailures {
    Rows(NonZeroU64),
    /// Of the rows with an outcome, 1 to 100; from [`PERCENT_FROM`] of them on.
    Percent(u8),
}

/// Fewer outcomes than this are no share of anything: one refusal in the first two rows is not half of a file.
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
    /// Ask about rows whose outcome is unknown; send nothing that creates.
    AskOnly,
}

/// When a row is repeated, asked about or given up on.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Sends of one row without a verdict before it is asked about.
    pub(crate) max_attempts: u32,
    /// For so long the same request id may be repeated without asking.
    pub(crate) idempotency_window: Duration,
    /// A new customer may stay invisible for so long.
    pub(crate) settle_delay: Duration,
}

/// Why a run ended before its work was done.
#[derive(Debug, Clone)]
pub(crate) enum StopReason {
    Interrupted(Signal),
    /// The operator was asked and said no.
    Declined,
    /// There is no token, and asking again will not help.
    SignIn {
        message: String,
        hint: String,
    },
    /// Rows for resellers or with agreements, and a token without a user; nothing was sent.
    NeedsUser(UserNeeds),
    /// Every row would be refused: sign-in or rights.
    Rights(Refusal),
    /// So many requests in a row were refused with a 403 that nobody has explained, the last one for this domain.
    Unexplained {
        refusal: Refusal,
        in_a_row: u32,
        domain: DomainName,
    },
    /// Every row would be refused: configuration.
    Configuration(Refusal),
    /// No answer for too long. `to` what, where other requests were answered meanwhile.
    Outage {
        lasted: Duration,
        last: NoResponse,
        to: Option<&'static str>,
    },
    /// 429s, and no request accepted for so long; or not `until` then, which is too long.
    Throttled {
        since: Timestamp,
        lasted: Duration,
        until: Option<Timestamp>,
    },
    LimitReached,
    /// So many rows have been refused in this run.
    TooManyFailures {
        rows: u64,
        /// Acceptances of agreements.
        agreements: u64,
    },
    /// So many rows that were read failed validation, and nothing is to be sent then.
    NotAllValid(u64),
    DurationReached,
    Ledger(crate::ledger::Error),
    /// There is no connection to be had here, and nothing under way that would give one back.
    OutOf(Resource),
    /// Something here panicked.
    Bug,
}

/// What an operator asked for by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, or the console being closed.
    Terminate,
}

/// What a run submits with.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// What was asked before the run counts against its rate.
    pub(crate) caller: Caller,
    /// `None`: nothing is created, so nothing is sealed.
    pub(crate) sealer: Option<Arc<Sealer>>,
    /// What every initial domain of the cloud ends in.
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
