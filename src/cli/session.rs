//! What `import`, `resume` and `reconcile` have in common: a ledger in hand, a submission, and the end of a run.

use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::first_token::{self, NoToken};
use super::output::Output;
use super::settings::{self, Connection, LedgerChoice};
use crate::auth::{Claims, Kind, TokenSource};
use crate::credentials::Sealer;
use crate::ledger::{AgreementCounts, Ending, Ledger, Queries, RowCounts, UserNeeds};
use crate::partner_center::{Client, ClientSettings};
use crate::report::{Summary, counted};
use crate::submitter::{self, Equipment, Mode, Progress, Signal, StopReason};

/// A run in progress.
pub(crate) struct Session<'a> {
    pub(crate) output: &'a Output,
    pub(crate) ledger: Ledger,
    pub(crate) connection: Connection,
    pub(crate) signals: mpsc::Receiver<Signal>,
    args: &'a args::Submission,
    sealer: Sealer,
    /// The flags that name this ledger and this service again.
    flags: String,
    ledger_flags: String,
    identity_flag: String,
}

/// What a command starts from.
pub(crate) struct Start<'a> {
    pub(crate) command: &'static str,
    pub(crate) ledger: LedgerChoice,
    pub(crate) connection: &'a args::Connection,
    pub(crate) submission: &'a args::Submission,
    /// Make a ledger that is not there.
    pub(crate) may_make_ledger: bool,
}

impl<'a> Session<'a> {
    /// Connects, takes the ledger and finds what an earlier run left behind. Nothing is sent.
    pub(crate) async fn begin(start: Start<'a>, output: &'a Output) -> Result<Self, Failure> {
        let signals = super::signals::listen();
        let mut connection = Connection::prepare(start.connection, &start.ledger)?;
        // The lock comes before anything that leaves a trace: a second process must not get that far.
        let open = if start.may_make_ledger { Ledger::open } else { Ledger::open_existing };
        let ledger = open(&start.ledger.path, &connection.environment, start.command)?;
        let (sealer, made) = settings::sealer(start.submission)?;
        if let Some(file) = made {
            tell_of_new_identity(output, &file);
        }
        connection.start_simulator().await?;
        let interrupted = ledger.recover().await?;
        if interrupted > 0 {
            output.note(format_args!(
                "The last run ended without warning: {interrupted} requests are settled before anything else."
            ));
        }
        let flags = format!("{}{}{}", start.ledger.flags, connection.flags, start.submission.flags());
        Ok(Self {
            output,
            ledger,
            connection,
            signals,
            args: start.submission,
            sealer,
            flags,
            ledger_flags: start.ledger.flags,
            identity_flag: start.submission.identity.flag(),
        })
    }

    /// Reads the ledger, beside the run.
    pub(crate) fn queries(&self) -> Result<Queries, Failure> {
        Ok(Queries::open(self.ledger.path())?)
    }

    /// Works the open rows off. `None`: nothing stopped it.
    pub(crate) async fn submit(&mut self, mode: Mode) -> Result<Option<StopReason>, Failure> {
        let queries = self.queries()?;
        let counts = queries.counts()?;
        let (open, owed) = match mode {
            Mode::Submit => (counts.open(), queries.agreement_counts()?.open()),
            Mode::AskOnly => (counts.in_flight + counts.unresolved, 0),
        };
        if open + owed == 0 {
            return Ok(None);
        }
        let equipment = match self.equip(mode).await? {
            Ok(equipment) => equipment,
            Err(reason) => return Ok(Some(reason)),
        };
        let settings = self.args.settings(mode);
        let (sender, receiver) = watch::channel(Progress::default());
        let submission = async {
            let submission =
                submitter::submit(&self.ledger, equipment, &settings, &mut self.signals, &sender, open).await;
            drop(sender);
            submission
        };
        let (outcome, ()) = tokio::join!(submission, self.output.show_submission(receiver));
        if outcome.abandoned {
            tracing::warn!("left at once; what was in flight is settled by the next run");
        }
        Ok(outcome.stopped)
    }

    /// Signs in and binds the ledger to the partner tenant that the token names, before a row is touched.
    async fn equip(&mut self, mode: Mode) -> Result<Result<Equipment, StopReason>, Failure> {
        let connection = &self.connection;
        let client = Client::new(&ClientSettings {
            api_url: connection.api_url.clone(),
            timeout: self.args.pace.timeout,
            connections: self.args.concurrency.get(),
        })?;
        let tokens = TokenSource::new(connection.sign_in.clone(), connection.authority.clone())
            .map_err(|error| Failure::of(ExitCode::Failed, &error))?;
        let token = tokio::select! {
            token = first_token::get(&tokens, self.args.pace.max_outage) => token.map_err(StopReason::from),
            Some(signal) = self.signals.recv() => Err(StopReason::Interrupted(signal)),
        };
        let token = match token {
            Ok(token) => token,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut environment = self.connection.environment.clone();
        environment.partner_tenant_id = Claims::of(&token.secret).tenant().or(environment.partner_tenant_id);
        // Refused here, a foreign tenant's token has sent nothing.
        self.ledger.bind(environment).await?;
        if mode == Mode::Submit && connection.sign_in.kind(&token.secret) == Kind::AppOnly {
            let needs = self.queries()?.user_needs()?;
            if needs.for_resellers + needs.with_agreements > 0 {
                return Ok(Err(StopReason::NeedsUser(needs)));
            }
        }
        let domain_suffix = self.connection.domain_suffix;
        Ok(Ok(Equipment { client, tokens, sealer: self.sealer.clone(), domain_suffix }))
    }

    /// Ends the run: checks the accounting, prints the summary, records the ending, lets go of everything.
    pub(crate) async fn end(self, stopped: Option<StopReason>) -> Result<ExitCode, Failure> {
        if let Some(StopReason::Ledger(error)) = stopped {
            // Nothing can be recorded any more; the next run finds everything as the last commit left it.
            return Err(error.into());
        }
        let queries = self.queries()?;
        let accounting = queries.accounting()?;
        let counts = queries.counts()?;
        let agreements = queries.agreement_counts()?;
        let exit_code = match (&accounting, &stopped) {
            (Some(_), _) => ExitCode::Failed,
            (None, Some(reason)) => exit_code(reason),
            (None, None) if counts.open() + agreements.open() > 0 => ExitCode::Stopped,
            (None, None) => settled_exit_code(&counts, &agreements),
        };
        let held = queries.unfinished_sources()?;
        for source in &held {
            self.output.note(format_args!(
                "`{}` was not read to its end, so {} of its rows are held back: import it again.",
                source.path, source.waiting
            ));
        }
        let words = stopped.as_ref().map_or_else(|| "done".to_owned(), in_words);
        let run = self.ledger.run();
        let path = self.ledger.path().to_owned();
        self.ledger.close(Ending { exit_code: exit_code.number(), words: words.clone() }).await?;
        self.connection.close().await;

        let open_flags = format!("{}{}", self.ledger_flags, self.identity_flag);
        let waiting_for_file: u64 = held.iter().map(|source| source.waiting).sum();
        let next = if stopped.is_none() && counts.open() > 0 && counts.open() == waiting_for_file {
            // Resuming would find nothing that may be sent.
            held.last()
                .map(|source| format!("tenantry import{} {}", self.flags, settings::quoted(&source.path)))
        } else {
            next_command(&counts, &agreements, stopped.as_ref(), &self.flags, &self.ledger_flags, &open_flags)
        };
        let summary = Summary::of(&Queries::open(&path)?, run, next)?;
        self.output.result(&if self.args.json { summary.json() } else { summary.text() })?;
        if let Some(reason) = &stopped {
            self.output.failure(&stop_failure(reason, exit_code));
        }
        if let Some(broken) = accounting {
            let message = format!("the ledger's accounting is broken: {broken}");
            return Err(Failure::new(ExitCode::Failed, message)
                .with_hint("keep the ledger as it is and report this; do not import into it again"));
        }
        Ok(exit_code)
    }
}

impl Session<'_> {
    /// Ends a run that could not do its job: recorded, and nothing else.
    pub(crate) async fn abort(self, failure: Failure) -> Result<ExitCode, Failure> {
        let ending = Ending { exit_code: failure.exit_code.number(), words: failure.messages.join(": ") };
        // A ledger that cannot be written any more is what the failure is about.
        drop(self.ledger.close(ending).await);
        self.connection.close().await;
        Err(failure)
    }
}

impl From<NoToken> for StopReason {
    fn from(none: NoToken) -> Self {
        match none {
            NoToken::Refused { message, hint } => StopReason::SignIn { message, hint },
            NoToken::Outage { lasted, last_reason } => StopReason::Outage { lasted, last_reason },
        }
    }
}

fn tell_of_new_identity(output: &Output, file: &Path) {
    output.note(format_args!(
        "Made a key pair for one-time passwords; its private half is in `{}`. Keep a copy: without it no password \
         can be opened.",
        file.display()
    ));
}

fn exit_code(reason: &StopReason) -> ExitCode {
    match reason {
        StopReason::Interrupted(signal) => (*signal).into(),
        StopReason::SignIn { .. } | StopReason::NeedsUser(_) | StopReason::Rights(_) => ExitCode::SignIn,
        StopReason::Configuration(_)
        | StopReason::Outage { .. }
        | StopReason::LimitReached
        | StopReason::DurationReached
        | StopReason::Declined => ExitCode::Stopped,
        StopReason::Ledger(_) => ExitCode::Failed,
    }
}

/// Every open row is settled; what did they come to?
fn settled_exit_code(counts: &RowCounts, agreements: &AgreementCounts) -> ExitCode {
    if counts.unresolved > 0 {
        ExitCode::SomeUnresolved
    } else if counts.failed + counts.rejected + agreements.failed > 0 {
        ExitCode::SomeRefused
    } else {
        ExitCode::Done
    }
}

fn in_words(reason: &StopReason) -> String {
    match reason {
        StopReason::Interrupted(Signal::Interrupt) => "interrupted".to_owned(),
        StopReason::Interrupted(Signal::Terminate) => "terminated".to_owned(),
        StopReason::SignIn { message, .. } => format!("sign-in: {message}"),
        StopReason::NeedsUser(needs) => format!("{} needs a user's sign-in", for_users(needs)),
        StopReason::Rights(refusal) | StopReason::Configuration(refusal) => {
            format!("every row would be refused: {} {}", refusal.code, refusal.text)
        }
        StopReason::Outage { lasted, last_reason } => {
            format!("no answer for {} s: {last_reason}", lasted.as_secs())
        }
        StopReason::Declined => "declined".to_owned(),
        StopReason::LimitReached => "limit reached".to_owned(),
        StopReason::DurationReached => "time is up".to_owned(),
        StopReason::Ledger(error) => error.to_string(),
    }
}

/// Why the run stopped, as it is told to people.
fn stop_failure(reason: &StopReason, exit_code: ExitCode) -> Failure {
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
            let status = refusal.status.map(|status| format!("HTTP {status}, ")).unwrap_or_default();
            let hint = crate::partner_center::codes::hint(&refusal.code).unwrap_or(resume);
            Failure::new(exit_code, "stopped: every row would be refused like the last one")
                .because(format!("{status}code {}: {}", refusal.code, refusal.text))
                .with_hint(hint)
        }
        StopReason::Outage { lasted, last_reason } => {
            Failure::new(exit_code, format!("stopped: no answer for {} s", lasted.as_secs()))
                .because(last_reason.clone())
                .with_hint(resume)
        }
        StopReason::Declined => Failure::new(exit_code, "stopped: you said no"),
        StopReason::LimitReached => Failure::new(exit_code, "stopped at --limit; the other rows wait"),
        StopReason::DurationReached => {
            Failure::new(exit_code, "stopped at --max-duration; the other rows wait")
        }
        StopReason::Ledger(error) => error.clone().into(),
    }
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

/// The command that an operator would type next.
fn next_command(
    counts: &RowCounts,
    agreements: &AgreementCounts,
    stopped: Option<&StopReason>,
    flags: &str,
    ledger_flags: &str,
    open_flags: &str,
) -> Option<String> {
    if matches!(stopped, Some(StopReason::Declined)) && counts.open() == 0 {
        None
    } else if stopped.is_some() || counts.open() + agreements.open() > 0 {
        Some(format!("tenantry resume{flags}"))
    } else if counts.unresolved > 0 {
        Some(format!("tenantry reconcile{flags}"))
    } else if counts.failed > 0 {
        Some(format!(
            "tenantry export failed{ledger_flags} -o failed.csv, mend it, then tenantry import{flags} failed.csv"
        ))
    } else if counts.rejected > 0 {
        Some(format!(
            "tenantry export rejected{ledger_flags} -o rejected.csv, mend it, then tenantry import{flags} rejected.csv"
        ))
    } else if agreements.failed > 0 {
        Some(format!(
            "tenantry export agreements{ledger_flags} -o agreements.csv, mend it, then tenantry import{flags} agreements.csv"
        ))
    } else if counts.created > 0 {
        Some(format!("tenantry credentials{open_flags} -o passwords.csv"))
    } else {
        None
    }
}

/// A time as it is told beforehand.
pub(crate) fn expected_time(open: u64, rate: submitter::Rate) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    rate.per_second().map(|per_second| Duration::from_secs_f64(open as f64 / per_second))
}
