//! What `import`, `resume` and `reconcile` have in common: a ledger in hand, a submission, and the end of a run.

use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::args;
use super::ending::{self, Flags, Left};
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::first_token::{self, NoToken};
use super::output::Output;
use super::settings::{self, Connection, LedgerChoice};
use crate::auth::{Claims, Kind, TokenSource};
use crate::credentials::Sealer;
use crate::ledger::{Ending, Ledger, Queries};
use crate::partner_center::{Client, ClientSettings};
use crate::report::Summary;
use crate::submitter::{self, Equipment, Mode, Progress, Signal, StopReason};

/// A run in progress.
pub(crate) struct Session<'a> {
    pub(crate) output: &'a Output,
    pub(crate) ledger: Ledger,
    pub(crate) connection: Connection,
    pub(crate) signals: mpsc::Receiver<Signal>,
    args: &'a args::Submission,
    sealer: Sealer,
    flags: Flags,
}

/// What a command starts from.
pub(crate) struct Start<'a> {
    pub(crate) command: &'static str,
    pub(crate) ledger: LedgerChoice,
    pub(crate) connection: &'a args::Connection,
    pub(crate) submission: &'a args::Submission,
    /// Make a ledger that is not there.
    pub(crate) may_make_ledger: bool,
    /// The flags by which exported files are judged as those of this run.
    pub(crate) judging_flags: String,
}

impl<'a> Session<'a> {
    /// Connects, takes the ledger and finds what an earlier run left behind. Nothing is sent.
    pub(crate) async fn begin(start: Start<'a>, output: &'a Output) -> Result<Self, Failure> {
        let signals = super::signals::listen();
        let mut connection = Connection::prepare(start.connection, &start.ledger)?;
        // The passwords of a rehearsal open nothing.
        if start.ledger.simulate.is_none() {
            settings::check_identity(start.submission, &start.ledger.path)?;
        }
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
        let flags = Flags {
            run: format!("{}{}{}", start.ledger.flags, connection.flags, start.submission.flags()),
            ledger: start.ledger.flags,
            identity: start.submission.identity.flag(),
            judging: start.judging_flags,
        };
        Ok(Self { output, ledger, connection, signals, args: start.submission, sealer, flags })
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
            roots: connection.authority.roots.clone(),
            timeout: self.args.pace.timeout,
            connections: self.args.concurrency.get(),
        })?;
        let tokens = TokenSource::new(connection.sign_in.clone(), connection.authority.clone())?;
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
        let left = Left { rows: queries.counts()?, agreements: queries.agreement_counts()? };
        let exit_code = match (&accounting, &stopped) {
            (Some(_), _) => ExitCode::Failed,
            (None, Some(reason)) => ending::exit_code(reason),
            (None, None) if left.open() > 0 => ExitCode::Stopped,
            (None, None) => left.settled_exit_code(),
        };
        let held = queries.unfinished_sources()?;
        for source in &held {
            self.output.note(format_args!(
                "`{}` was not read to its end, so {} of its rows are held back: import it again.",
                source.path, source.waiting
            ));
        }
        let words = stopped.as_ref().map_or_else(|| "done".to_owned(), ending::in_words);
        let run = self.ledger.run();
        let path = self.ledger.path().to_owned();
        self.ledger.close(Ending { exit_code: exit_code.number(), words: words.clone() }).await?;
        self.connection.close().await;

        let waiting_for_file: u64 = held.iter().map(|source| source.waiting).sum();
        let next = if stopped.is_none() && left.open() > 0 && left.open() == waiting_for_file {
            // Resuming would find nothing that may be sent.
            held.last()
                .map(|source| format!("tenantry import{} {}", self.flags.run, settings::quoted(&source.path)))
        } else {
            left.next_command(stopped.as_ref(), &self.flags)
        };
        let summary = Summary::of(&Queries::open(&path)?, run, next)?;
        if self.args.json {
            self.output.json(&summary.json())?;
        } else {
            self.output.result(&summary.text())?;
        }
        if let Some(reason) = &stopped {
            self.output.failure(&ending::stop_failure(reason, exit_code));
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
            NoToken::Outage { lasted, last } => StopReason::Outage { lasted, last, to: None },
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

/// A time as it is told beforehand.
pub(crate) fn expected_time(open: u64, rate: submitter::Rate) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    rate.per_second().map(|per_second| Duration::from_secs_f64(open as f64 / per_second))
}
