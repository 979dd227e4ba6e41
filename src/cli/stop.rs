//! Turns a reason to stop into an exit code and texts for people, the record and logs.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;

use super::{ExitCode, Failure, panics};
use crate::clock;
use crate::ledger::{ListRefusal, Refusal, UserNeeds};
use crate::partner_center::codes;
use crate::report::{counted, counted_with, spoken};
use crate::submitter::StopReason;
use crate::transport::NoResponse;

/// A stopped run.
#[derive(Debug)]
pub(super) struct Stop {
    /// The reason for logs: fixed texts without customer data.
    pub(super) kind: &'static str,
    /// The reason for the record.
    pub(super) words: String,
    /// The reason for people, with the exit code.
    pub(super) failure: Failure,
}

impl Stop {
    fn new(kind: &'static str, words: impl Into<String>, failure: Failure) -> Self {
        Self { kind, words: words.into(), failure }
    }
}

impl From<&StopReason> for Stop {
    fn from(reason: &StopReason) -> Self {
        let stopped = |message: &str| Failure::new(ExitCode::Stopped, message);
        match reason {
            StopReason::Interrupted(signal) => {
                let exit_code = ExitCode::from(*signal);
                let kind = exit_code.meaning_without_run();
                Self::new(kind, kind, Failure::new(exit_code, "interrupted; nothing is lost"))
            }
            StopReason::SignIn { message, hint } => {
                let failure =
                    Failure::new(ExitCode::SignIn, format!("stopped: could not sign in: {message}"));
                Self::new("could not sign in", format!("sign-in: {message}"), failure.with_hint(hint))
            }
            StopReason::NeedsUser(needs) => needs_user(needs),
            StopReason::Rights(refusal) => {
                let kind = "every row would be refused, for lack of rights";
                refused(kind, refusal, ExitCode::SignIn, RIGHTS)
            }
            StopReason::Configuration(refusal) => {
                let kind = "every row would be refused, for the configuration";
                refused(kind, refusal, ExitCode::Stopped, CONFIGURATION)
            }
            StopReason::Unexplained { refusal, in_a_row, domain } => unexplained(refusal, *in_a_row, domain),
            StopReason::Outage { lasted, last, to } => outage(*lasted, last, *to),
            StopReason::Throttled { since, lasted, until } => throttled(*since, *lasted, *until),
            StopReason::Declined => Self::new("declined", "declined", stopped("stopped: you said no")),
            StopReason::LimitReached => {
                let failure = stopped("stopped at --limit; the other rows wait");
                Self::new("stopped at --limit", "limit reached", failure)
            }
            StopReason::TooManyFailures { rows, agreements } => {
                let refused = match rows {
                    0 => counted(*agreements, "agreement"),
                    _ => counted_with(*rows, *agreements, "agreement"),
                };
                let failure = stopped(&format!("stopped at --max-failures: {refused} of this run refused"))
                    .with_hint("see why above; the other rows wait, and the next command goes on with them");
                Self::new("stopped at --max-failures", format!("{refused} refused"), failure)
            }
            StopReason::ListRefused(why) => list_refused(why),
            StopReason::DurationReached => {
                let failure = stopped("stopped at --max-duration; the other rows wait");
                Self::new("stopped at --max-duration", "time is up", failure)
            }
            StopReason::Ledger(error) => {
                let failure = Failure::from(error.clone());
                let failure = if error.is_locked() { failure.with_hint(LOCKED) } else { failure };
                Self::new("the ledger failed", error.to_string(), failure)
            }
            StopReason::OutOf(resource) => {
                Self::new(resource.words(), resource.words(), panics::for_want_of(*resource))
            }
            StopReason::Bug => {
                let failure = panics::failure();
                Self::new("a bug in the program", failure.messages.join(": "), failure)
            }
        }
    }
}

fn list_refused(why: &ListRefusal) -> Stop {
    let words = why.to_string();
    let failure = |exit_code| Failure::new(exit_code, format!("nothing was sent: {words}"));
    let (kind, failure) = match why {
        ListRefusal::NotAllValid { .. } => {
            ("rows failed validation (--require-valid)", failure(ExitCode::SomeRefused))
        }
        ListRefusal::TooManyNew { new, .. } => {
            let hint =
                format!("check the list; if it is right, run the command again with `--max-new {new}`");
            ("more new customers than --max-new allows", failure(ExitCode::Stopped).with_hint(hint))
        }
        ListRefusal::Problem => ("the list has a problem (--strict)", failure(ExitCode::SomeRefused)),
    };
    Stop::new(kind, words, failure)
}

fn needs_user(needs: &UserNeeds) -> Stop {
    let resellers = counted(needs.for_resellers, "row");
    let agreements = counted(needs.with_agreements, "agreement");
    let what = match (needs.for_resellers, needs.with_agreements) {
        (_, 0) => format!("creating {resellers} for an indirect reseller"),
        (0, _) => format!("recording {agreements}"),
        _ => format!("creating {resellers} for an indirect reseller and recording {agreements}"),
    };
    let failure = Failure::new(ExitCode::SignIn, "stopped before anything was sent: the sign-in is app-only")
        .because(format!("{what}, which Partner Center allows only for a user (App+User)"))
        .with_hint("sign in as a user with `tenantry login`, then run the next command");
    Stop::new("needs a user's sign-in", format!("{what} needs a user's sign-in"), failure)
}

/// The stop because every row would be refused. `suspect`: what to check if the error code has no hint of its own.
fn refused(kind: &'static str, refusal: &Refusal, exit_code: ExitCode, suspect: &str) -> Stop {
    // The same code with a different status may be a different error.
    let hint = match refusal.status {
        Some(status) => codes::hint_under(status, &refusal.code),
        None => codes::hint(&refusal.code),
    };
    let hint = hint.map_or_else(|| format!("check {suspect}; then run the next command"), str::to_owned);
    let failure = Failure::new(exit_code, "stopped: every row would be refused like the last one")
        .because(said(refusal))
        .with_hint(hint);
    // Without the text, which may name a person: the ledger keeps these words, also after `tenantry forget`.
    Stop::new(kind, format!("every row would be refused: {}", refusal.code), failure)
}

fn unexplained(refusal: &Refusal, in_a_row: u32, domain: impl Display) -> Stop {
    let what = format!("stopped: {in_a_row} requests in a row were refused for a reason that is not known");
    let failure = Failure::new(ExitCode::SignIn, what).because(said(refusal)).with_hint(format!(
        "it may be these rows or all: check {RIGHTS}, and the reseller and the country of these rows; `tenantry show \
         {domain}` prints the ids that Microsoft support wants; then run the next command"
    ));
    let words = format!("{in_a_row} refusals in a row without a known reason: {}", refusal.code);
    Stop::new("refusals in a row without a known reason", words, failure)
}

fn outage(lasted: Duration, last: &NoResponse, to: Option<&str>) -> Stop {
    let resume = "nothing is lost: remove the cause, then run the next command";
    let hint = last.hint.iter().map(String::as_str).chain([resume]).collect::<Vec<_>>().join("; ");
    let to = to.map(|what| format!(" to {what}")).unwrap_or_default();
    let no_answer = format!("no answer{to} for {}", spoken(lasted));
    let failure = Failure::new(ExitCode::Stopped, format!("stopped: {no_answer}"))
        .because(&last.reason)
        .with_hint(hint);
    Stop::new("no answer for too long", format!("{no_answer}: {last}"), failure)
}

fn throttled(since: Timestamp, lasted: Duration, until: Option<Timestamp>) -> Stop {
    let (why, when) = match until {
        Some(until) => (
            format!(
                "Partner Center wants no request before {}, later than --max-outage allows",
                clock::local(until)
            ),
            "run the next command after that",
        ),
        None => (
            format!("no request was accepted for {}", spoken(lasted)),
            "run the next command later; a lower --rate helps where others use the same tenant",
        ),
    };
    let words = format!("throttled since {since:.0}");
    let failure = format!("stopped: throttled since {}", clock::local(since));
    let failure =
        Failure::new(ExitCode::Stopped, failure).because(why).with_hint(format!("nothing is lost: {when}"));
    Stop::new("throttled for too long", words, failure)
}

/// What to check if rights are missing.
const RIGHTS: &str = "the user's role in Partner Center (AdminAgents), the app's registration and API permission with its \
                      consent, and GDAP";

/// What to check if the connection to the service is wrong.
const CONFIGURATION: &str = "--api-url, --cloud and any proxy on the way";

/// What to do after another program has kept the ledger locked during a run.
const LOCKED: &str = "another program has kept the ledger locked: close it, then run the next command soon: passwords that \
                      this run could not record are given again only for a while";

/// The service's answer.
fn said(refusal: &Refusal) -> String {
    let status = refusal.status.map(|status| format!("HTTP {status}, ")).unwrap_or_default();
    format!("{status}code {}: {}", refusal.code, refusal.text)
}
