//! How a run ended: its exit code, its words, and the command that an operator would type next.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::input::flags_of;
use super::replacing::free_name;
use super::settings::{self, LedgerChoice, quoted};
use crate::ledger::{
    self, AgreementCounts, Environment, Filter, HeldFor, Queries, Refusal, RowCounts, State,
    UnfinishedSource, UserNeeds,
};
use crate::partner_center::codes;
use crate::report::{Standing, counted};
use crate::submitter::{Signal, StopReason};

/// The flags that a next command must repeat.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// This ledger and this service again.
    pub(super) run: String,
    pub(super) ledger: String,
    /// Who can open the passwords.
    pub(super) identity: String,
    /// How an exported file is read and judged as this run's files were.
    pub(super) judging: String,
    /// How its files were read and judged.
    pub(super) reading: String,
}

/// What is left when nothing is under way any more.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) rows: RowCounts,
    pub(super) agreements: AgreementCounts,
    /// What is imported again to bring on whatever is open: options and files. `None`: something may go on without.
    waits_for: Option<String>,
    /// How what is exported to be mended was judged.
    exported: Judged,
}

/// How rows were judged, as flags of the next command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Judged {
    Alike(String),
    /// By this run's flags, as far as anybody knows.
    #[default]
    Unknown,
    /// Rows of several files, with options of their own.
    Variously,
}

impl Judged {
    /// Of what an operator would mend next.
    pub(super) fn of(
        queries: &Queries,
        rows: RowCounts,
        agreements: AgreementCounts,
    ) -> Result<Self, ledger::Error> {
        let Some((_, filter)) = to_mend(&rows, &agreements) else { return Ok(Self::Unknown) };
        let given = queries.given_for(filter)?;
        let flags: Option<BTreeSet<String>> =
            given.iter().map(|it| it.as_ref().map(|given| flags_of(&given.without_layout()))).collect();
        Ok(match flags.map(|flags| flags.into_iter().collect::<Vec<_>>()).as_deref() {
            Some([flags]) => Self::Alike(flags.clone()),
            Some([_, ..]) => Self::Variously,
            Some([]) | None => Self::Unknown,
        })
    }
}

/// What an operator would export and mend next, when nothing is open.
fn to_mend(rows: &RowCounts, agreements: &AgreementCounts) -> Option<(&'static str, Filter)> {
    if rows.failed > 0 {
        Some(("failed", Filter::State(State::Failed)))
    } else if rows.rejected > 0 {
        Some(("rejected", Filter::State(State::Rejected)))
    } else if agreements.refused() > 0 {
        Some(("agreements", Filter::UnrecordedAgreements))
    } else {
        None
    }
}

/// The options and the files by which what is held back comes again. Files that were told differently take a command
/// each, and so do those of a restored ledger, whose order matters: it is that of the last one.
fn to_bring_again(held: &[UnfinishedSource]) -> Option<String> {
    let last = held.last()?;
    let is_alike = |source: &UnfinishedSource| source.given == last.given && source.why == last.why;
    let are_together = last.why != HeldFor::Restored && held.iter().all(is_alike);
    let sources = if are_together { held } else { std::slice::from_ref(last) };
    let files: Vec<String> = sources.iter().map(|source| quoted(&source.path)).collect();
    Some(format!("{} {}", flags_of(&last.given), files.join(" ")))
}

impl Left {
    /// `held`: files that hold rows back.
    pub(super) fn new(
        rows: RowCounts,
        agreements: AgreementCounts,
        held: &[UnfinishedSource],
        exported: Judged,
    ) -> Self {
        let waiting: u64 = held.iter().map(|source| source.waiting).sum();
        let left = Self { rows, agreements, waits_for: None, exported };
        // What a pipe brought cannot come again by its name; `resume` asks about it.
        let can_resume = held.iter().any(|source| source.path == "-" && source.is_settled_by_consent());
        let waits_for = to_bring_again(held).filter(|_| left.open() == waiting && !can_resume);
        Self { waits_for, ..left }
    }

    /// Rows and acceptances that are owed a step, held back ones included.
    pub(super) fn open(&self) -> u64 {
        self.rows.open() + self.agreements.open() + self.agreements.held_back
    }

    /// Nothing is owed any more; what did it come to?
    pub(super) fn settled_exit_code(&self) -> ExitCode {
        if self.rows.unresolved > 0 {
            ExitCode::SomeUnresolved
        } else if self.rows.failed + self.rows.rejected + self.agreements.refused() > 0 {
            ExitCode::SomeRefused
        } else {
            ExitCode::Done
        }
    }

    /// The command that an operator would type next.
    pub(super) fn next_command(&self, stopped: Option<&StopReason>, flags: &Flags) -> Option<String> {
        let Flags { run, ledger, identity, judging, .. } = flags;
        let judging = match &self.exported {
            Judged::Alike(flags) => Some(flags),
            Judged::Unknown => Some(judging),
            Judged::Variously => None,
        };
        let export = |what: &str| {
            // An acceptance that was refused may be right as it is: its customer can have become visible since.
            let again = if what == "agreements" { " --retry-failed" } else { "" };
            let file = free(&format!("{what}.csv"));
            let export = format!("tenantry export {what}{ledger} -o {file}, mend it, then");
            match judging {
                Some(judging) => format!("{export} tenantry import{run}{judging}{again} {file}"),
                // One command would give the rows of one file the reseller of another.
                None => format!(
                    "{export} import the rows of each file by themselves, with the --map, --default, --reseller-id, \
                     --allow-direct and --strict that it had"
                ),
            }
        };
        let let_go = matches!(
            stopped,
            Some(StopReason::Declined | StopReason::Interrupted(_) | StopReason::NotAllValid(_))
        );
        if let_go && self.open() == 0 {
            None
        } else if let Some(files) = &self.waits_for {
            // Resuming would find nothing that may be sent.
            Some(format!("tenantry import{run}{files}"))
        } else if stopped.is_some() || self.open() > 0 {
            Some(format!("tenantry resume{run}"))
        } else if self.rows.unresolved > 0 {
            Some(format!("tenantry reconcile{run}"))
        } else if let Some((what, _)) = to_mend(&self.rows, &self.agreements) {
            Some(export(what))
        } else if self.rows.created > 0 {
            Some(format!("tenantry credentials{ledger}{identity} -o {}", free("passwords.csv")))
        } else {
            None
        }
    }
}

/// A name for an output in the working folder that no file has yet.
fn free(name: &str) -> String {
    quoted(&free_name(Path::new(name)).to_string_lossy())
}

/// Where a command between two runs finds what the next one must be told again.
#[derive(Debug)]
pub(super) struct Again<'a> {
    pub(super) ledger: &'a LedgerChoice,
    /// The flags by which the settings of this command are found.
    pub(super) settings: &'a str,
    pub(super) sign_in: &'a args::NextSignIn,
    /// What the ledger belongs to.
    pub(super) environment: Option<Environment>,
    /// Files that hold rows back.
    pub(super) held: &'a [UnfinishedSource],
    /// How what is exported to be mended was judged.
    pub(super) exported: Judged,
}

impl Again<'_> {
    /// The command that an operator would type next, as far as a ledger tells.
    pub(super) fn next_command(&self, standing: &Standing) -> Option<String> {
        let Self { ledger, settings, .. } = self;
        let flags = Flags {
            run: format!("{settings}{}{}", ledger.flags, self.service()),
            ledger: format!("{settings}{}", ledger.flags),
            ..Flags::default()
        };
        let left = Left::new(standing.rows, standing.agreements, self.held, self.exported.clone());
        let next = left.next_command(None, &flags)?;
        let is_refused = left.settled_exit_code() == ExitCode::SomeRefused
            && left.rows.failed + left.agreements.refused() > 0;
        Some(if left.open() == 0 && is_refused {
            format!("{next}; or, where the cause is gone, tenantry retry{}", flags.run)
        } else {
            next
        })
    }

    /// The flags that lead to the service which the ledger belongs to.
    fn service(&self) -> String {
        let Some(environment) = self.environment.as_ref().filter(|_| self.ledger.simulate.is_none()) else {
            return String::new();
        };
        if settings::is_simulated(environment) {
            return " --simulate".to_owned();
        }
        let mut flags = settings::api_flag(&environment.api);
        let bound_to = environment.partner_tenant_id.map(|tenant| tenant.to_string());
        for (flag, value) in [
            ("--authority-url", &self.sign_in.authority_url),
            ("--tenant-id", &self.sign_in.tenant_id.clone().or(bound_to)),
            ("--client-id", &self.sign_in.client_id),
        ] {
            if let Some(value) = value {
                settings::push_flag(&mut flags, flag, value);
            }
        }
        for host in &self.sign_in.allow_api_host {
            settings::push_flag(&mut flags, "--allow-api-host", host);
        }
        flags
    }
}

/// The command that an operator would type next, after a run that has read `inputs`.
pub(super) fn next_command(
    left: &Left,
    stopped: Option<&StopReason>,
    flags: &Flags,
    inputs: &[PathBuf],
) -> Option<String> {
    match (stopped, inputs) {
        // What was left alone is mended as what was refused is.
        (Some(StopReason::NotAllValid(_)), []) => left.next_command(None, flags),
        (Some(StopReason::NotAllValid(_)), [input]) if input != Path::new("-") => {
            let Flags { run, reading, .. } = flags;
            let input = quoted(&input.to_string_lossy());
            // Mended in the file itself: a row that was rejected for its domain cannot be told from another one's.
            Some(format!(
                "tenantry check{reading} {input}, mend {input}, then tenantry \
                 import{run}{reading} --require-valid {input}"
            ))
        }
        _ => left.next_command(stopped, flags),
    }
}

/// Of a run that was stopped.
pub(super) fn exit_code(reason: &StopReason) -> ExitCode {
    match reason {
        StopReason::Interrupted(signal) => (*signal).into(),
        StopReason::SignIn { .. }
        | StopReason::NeedsUser(_)
        | StopReason::Rights(_)
        | StopReason::Unexplained { .. } => ExitCode::SignIn,
        StopReason::Configuration(_)
        | StopReason::Outage { .. }
        | StopReason::Throttled { .. }
        | StopReason::LimitReached
        | StopReason::TooManyFailures { .. }
        | StopReason::DurationReached
        | StopReason::Declined => ExitCode::Stopped,
        StopReason::NotAllValid(_) => ExitCode::SomeRefused,
        StopReason::Ledger(_) | StopReason::OutOf(_) | StopReason::Bug => ExitCode::Failed,
    }
}

/// Why the run stopped, for the record.
pub(super) fn in_words(reason: &StopReason) -> String {
    match reason {
        StopReason::Interrupted(Signal::Interrupt) => "interrupted".to_owned(),
        StopReason::Interrupted(Signal::Terminate) => "terminated".to_owned(),
        StopReason::SignIn { message, .. } => format!("sign-in: {message}"),
        StopReason::NeedsUser(needs) => format!("{} needs a user's sign-in", for_users(needs)),
        StopReason::Rights(refusal) | StopReason::Configuration(refusal) => {
            format!("every row would be refused: {} {}", refusal.code, refusal.text)
        }
        StopReason::Unexplained { refusal, in_a_row, .. } => {
            format!("{in_a_row} refusals in a row without a known reason: {} {}", refusal.code, refusal.text)
        }
        StopReason::Outage { lasted, last, to } => format!("{}: {last}", no_answer(*lasted, *to)),
        StopReason::Throttled { since, .. } => format!("throttled since {since:.0}"),
        StopReason::Declined => "declined".to_owned(),
        StopReason::LimitReached => "limit reached".to_owned(),
        StopReason::TooManyFailures { rows, agreements } => {
            format!("{} refused", failures(*rows, *agreements))
        }
        StopReason::NotAllValid(wrong) => format!("{} failed validation", counted(*wrong, "row")),
        StopReason::DurationReached => "time is up".to_owned(),
        StopReason::Ledger(error) => error.to_string(),
        StopReason::OutOf(resource) => resource.words().to_owned(),
        StopReason::Bug => super::panics::failure().messages.join(": "),
    }
}

/// Why the run stopped, without anybody's words: for logs, which hold nothing of a customer's.
pub(super) fn kind(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::Interrupted(Signal::Interrupt) => "interrupted",
        StopReason::Interrupted(Signal::Terminate) => "terminated",
        StopReason::SignIn { .. } => "could not sign in",
        StopReason::NeedsUser(_) => "needs a user's sign-in",
        StopReason::Rights(_) => "every row would be refused, for lack of rights",
        StopReason::Configuration(_) => "every row would be refused, for the configuration",
        StopReason::Unexplained { .. } => "refusals in a row without a known reason",
        StopReason::Outage { .. } => "no answer for too long",
        StopReason::Throttled { .. } => "throttled for too long",
        StopReason::Declined => "declined",
        StopReason::LimitReached => "stopped at --limit",
        StopReason::TooManyFailures { .. } => "stopped at --max-failures",
        StopReason::NotAllValid(_) => "rows failed validation (--require-valid)",
        StopReason::DurationReached => "stopped at --max-duration",
        StopReason::Ledger(_) => "the ledger failed",
        StopReason::OutOf(resource) => resource.words(),
        StopReason::Bug => "a bug in the program",
    }
}

/// Why the run stopped, as it is told to people.
pub(super) fn stop_failure(reason: &StopReason, exit_code: ExitCode) -> Failure {
    let resume = "nothing is lost: run the next command when that is mended";
    match reason {
        StopReason::Interrupted(_) => Failure::new(exit_code, "interrupted; nothing is lost"),
        StopReason::SignIn { message, hint } => {
            Failure::new(exit_code, format!("stopped: could not sign in: {message}")).with_hint(hint)
        }
        StopReason::NeedsUser(needs) => {
            Failure::new(exit_code, "stopped before anything was sent: the sign-in is app-only")
                .because(format!("{}, which Partner Center lets only a user do (App+User)", for_users(needs)))
                .with_hint("sign in as a user with `tenantry login`, then run the next command")
        }
        StopReason::Rights(refusal) | StopReason::Configuration(refusal) => {
            let hint = match (hint_of(refusal), reason) {
                (Some(hint), _) => hint.to_owned(),
                (None, StopReason::Rights(_)) => format!("check {RIGHTS}; then run the next command"),
                (None, _) => format!("check {CONFIGURATION}; then run the next command"),
            };
            Failure::new(exit_code, "stopped: every row would be refused like the last one")
                .because(said(refusal))
                .with_hint(hint)
        }
        StopReason::Unexplained { refusal, in_a_row, domain } => {
            let what =
                format!("stopped: {in_a_row} requests in a row were refused for a reason that is not known");
            Failure::new(exit_code, what).because(said(refusal)).with_hint(format!(
                "it may be these rows or all: check {RIGHTS}, and the reseller and the country of these rows; `tenantry \
                 show {domain}` prints the ids that Microsoft support wants; then run the next command"
            ))
        }
        StopReason::Outage { lasted, last, to } => {
            let hint = last.hint.iter().map(String::as_str).chain([resume]).collect::<Vec<_>>().join("; ");
            Failure::new(exit_code, format!("stopped: {}", no_answer(*lasted, *to)))
                .because(&last.reason)
                .with_hint(hint)
        }
        StopReason::Throttled { since, lasted, until } => {
            let (why, when) = match until {
                Some(until) => (
                    format!(
                        "Partner Center wants no request before {until:.0}, later than --max-outage allows"
                    ),
                    "run the next command after that",
                ),
                None => (
                    format!("no request was accepted for {} s", lasted.as_secs()),
                    "run the next command later; a lower --rate helps where others use the same tenant",
                ),
            };
            Failure::new(exit_code, format!("stopped: throttled since {since:.0}"))
                .because(why)
                .with_hint(format!("nothing is lost: {when}"))
        }
        StopReason::Declined => Failure::new(exit_code, "stopped: you said no"),
        StopReason::LimitReached => Failure::new(exit_code, "stopped at --limit; the other rows wait"),
        StopReason::TooManyFailures { rows, agreements } => {
            let refused = failures(*rows, *agreements);
            Failure::new(exit_code, format!("stopped at --max-failures: {refused} of this run refused"))
                .with_hint("see why above; the other rows wait, and the next command goes on with them")
        }
        StopReason::NotAllValid(wrong) => {
            let wrong = counted(*wrong, "row");
            Failure::new(exit_code, format!("nothing was sent: {wrong} failed validation (--require-valid)"))
        }
        StopReason::DurationReached => {
            Failure::new(exit_code, "stopped at --max-duration; the other rows wait")
        }
        StopReason::Ledger(error) => error.clone().into(),
        StopReason::OutOf(resource) => super::panics::for_want_of(*resource),
        StopReason::Bug => super::panics::failure(),
    }
}

/// The same code under another status may be another error.
fn hint_of(refusal: &Refusal) -> Option<&'static str> {
    match refusal.status {
        Some(status) => codes::hint_under(status, &refusal.code),
        None => codes::hint(&refusal.code),
    }
}

/// What may be wrong with rights.
const RIGHTS: &str = "the user's role in Partner Center (AdminAgents), the app's registration and API permission with its \
                      consent, and GDAP";

/// What may be wrong with the way to the service.
const CONFIGURATION: &str = "--api-url, --cloud and any proxy on the way";

/// What the service said.
fn said(refusal: &Refusal) -> String {
    let status = refusal.status.map(|status| format!("HTTP {status}, ")).unwrap_or_default();
    format!("{status}code {}: {}", refusal.code, refusal.text)
}

/// What was refused.
fn failures(rows: u64, agreements: u64) -> String {
    match (rows, agreements) {
        (_, 0) => counted(rows, "row"),
        (0, _) => counted(agreements, "agreement"),
        _ => format!("{} and {}", counted(rows, "row"), counted(agreements, "agreement")),
    }
}

fn no_answer(lasted: Duration, to: Option<&'static str>) -> String {
    let to = to.map(|what| format!(" to {what}")).unwrap_or_default();
    format!("no answer{to} for {} s", lasted.as_secs())
}

/// What the open work needs a user for.
fn for_users(needs: &UserNeeds) -> String {
    let resellers = counted(needs.for_resellers, "row");
    let agreements = counted(needs.with_agreements, "agreement");
    match (needs.for_resellers, needs.with_agreements) {
        (_, 0) => format!("creating {resellers} for an indirect reseller"),
        (0, _) => format!("recording {agreements}"),
        _ => format!("creating {resellers} for an indirect reseller and recording {agreements}"),
    }
}
