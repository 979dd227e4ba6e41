//! The common part of commands that run on a ledger: opens it, submits rows, ends the run.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::ended::Ended;
use super::next_command::{self, Remaining, Repeated};
use super::partner::SignedIn;
use super::results::Results;
use super::settings::ServiceConnection;
use super::stop::Stop;
use super::{ExitCode, Failure, Output, args, dry_run, first_token, plan, recipient, wait_lock};
use crate::auth::{Claims, TokenKind};
use crate::call::{Caller, Pacer};
use crate::ledger::{
    self, InputOptions, Ledger, Queries, Restored, RowCounts, RunEnd, RunTotals, SealedTo, State, UserNeeds,
};
use crate::report::{Summary, counted, pretty};
use crate::submitter::{self, Dependencies, LeftOut, Mode, Signal, StopReason, SubmissionProgress};

/// A run in progress.
pub(crate) struct Session<'a> {
    pub(crate) output: &'a Output,
    pub(crate) ledger: Ledger,
    pub(crate) connection: ServiceConnection,
    pub(crate) signals: mpsc::Receiver<Signal>,
    pub(super) args: &'a args::SubmissionArgs,
    /// `None`: a dry run or a run that only looks things up, which seals nothing and creates no key.
    sealing: Option<recipient::Ready>,
    /// The options for reading and validating files.
    given: InputOptions,
    /// The files that were read.
    inputs: &'a [PathBuf],
    results: Option<Results>,
    /// Rows that the submission could not work on.
    left_out: LeftOut,
    /// The copy of the ledger that a dry run works on.
    copy: Option<dry_run::LedgerCopy>,
    /// The connection to Partner Center, after sign-in.
    pub(super) signed_in: Option<SignedIn>,
}

/// Why a run ends early: it was stopped, or it failed.
#[derive(Debug)]
pub(crate) enum Halt {
    Stopped(StopReason),
    Failed(Failure),
}

impl From<StopReason> for Halt {
    fn from(reason: StopReason) -> Self {
        Halt::Stopped(reason)
    }
}

impl<E: Into<Failure>> From<E> for Halt {
    fn from(error: E) -> Self {
        Halt::Failed(error.into())
    }
}

impl<'a> Session<'a> {
    /// Connects, opens the ledger and recovers what an earlier run left behind. Sends nothing. `inputs` are the files
    /// that are read, with the options `given`.
    pub(crate) async fn begin(
        mode: Mode,
        run: &'a args::RunArgs,
        inputs: &'a [PathBuf],
        given: InputOptions,
        output: &'a Output,
    ) -> Result<Self, Failure> {
        let mut signals = super::signals::listen();
        let args::RunArgs { ledger, connection, submission } = run;
        let asked_for = ledger.path();
        let simulate = ledger.rehearsal.simulate.as_ref();
        let mut connection = ServiceConnection::prepare(connection, simulate, Some(&asked_for))?;
        let is_dry_run = submission.dry_run;
        let results = match &submission.results {
            Some(folder) if !is_dry_run => Some(Results::prepare(folder)?),
            Some(_) | None => None,
        };
        dry_run::remove_left_behind();
        let copy = if is_dry_run { Some(dry_run::LedgerCopy::of(&asked_for)?) } else { None };
        let path = copy.as_ref().map_or_else(|| asked_for.clone(), dry_run::LedgerCopy::path);
        // Take the lock before anything that leaves a trace: a second process must not get further. A missing ledger is
        // created only if there are files to fill it.
        let open = if inputs.is_empty() { Ledger::open_existing } else { Ledger::open };
        let mut restored = None;
        let open = || {
            if submission.restored && restored.is_none() {
                restored = Some(ledger::restore(&path)?);
            }
            let opened = open(&path, &connection.environment, output.command());
            // The operator does not know the name of a dry run's copy.
            opened.map_err(|error| if is_dry_run { error.of_ledger_at(&asked_for) } else { error })
        };
        let ledger = wait_lock::open(open, submission.wait_lock, &mut signals, output).await?;
        if let Some(restored) = restored {
            report_restored(output, restored);
        }
        let seal = || match mode {
            Mode::AskOnly => Ok(None),
            Mode::Submit => {
                let queries = Queries::open(ledger.path())?;
                recipient::prepare(submission, &queries, &asked_for, simulate.is_some(), output)
            }
        };
        let sealing = match seal() {
            Ok(sealing) => sealing,
            Err(failure) => {
                drop(ledger.close(ending_of(&failure)).await);
                return Err(failure);
            }
        };
        if !is_dry_run {
            connection.start_simulator().await?;
        }
        let interrupted = ledger.recover().await?;
        // For a dry run, the last run may still be in progress.
        if interrupted > 0 && !is_dry_run {
            output.note(format_args!(
                "The last run ended without warning: {} to be settled before anything else.",
                counted(interrupted, "request")
            ));
        }
        Ok(Self {
            output,
            ledger,
            connection,
            signals,
            args: submission,
            sealing,
            given,
            inputs,
            results,
            left_out: LeftOut::default(),
            copy,
            signed_in: None,
        })
    }

    /// A second connection that reads the ledger during the run.
    pub(crate) fn queries(&self) -> Result<Queries, Failure> {
        Ok(Queries::open(self.ledger.path())?)
    }

    /// Submits the open rows.
    pub(crate) async fn submit(&mut self, mode: Mode) -> Result<(), Halt> {
        self.ledger.doubt_restored().await?;
        let queries = self.queries()?;
        let counts = queries.counts()?;
        let (open, owed) = match mode {
            Mode::Submit => (counts.open(), queries.agreement_counts()?.open()),
            Mode::AskOnly => (counts.sum(State::is_in_doubt), 0),
        };
        if open + owed == 0 {
            return Ok(());
        }
        let at_once = self.args.concurrency.get() as u64;
        self.ledger.set_room_aside(at_once.min(open + owed)).await?;
        let equipment = self.equip(mode).await?;
        let settings = self.args.settings(mode, self.connection.settle_delay);
        // Rows in flight are always finished, in addition to the new rows that the limit allows.
        let total =
            settings.limit.map_or(open, |limit| open.min(limit.saturating_add(counts.of(State::InFlight))));
        let total = if mode == Mode::Submit { total } else { open };
        let (sender, receiver) =
            watch::channel(SubmissionProgress { total, ..SubmissionProgress::default() });
        let submission = Box::pin(submitter::submit(
            &self.ledger,
            equipment,
            &settings,
            &mut self.signals,
            &sender,
            total,
        ));
        let outcome = tokio::select! {
            outcome = submission => outcome,
            never = self.output.show_submission(self.args.pace.rate, receiver) => match never {},
        };
        if outcome.abandoned {
            tracing::warn!("left at once; what was in flight is settled by the next run");
        }
        self.left_out = outcome.left_out;
        outcome.stopped.map_or(Ok(()), |reason| Err(reason.into()))
    }

    /// Signs in, unless already done. Refuses a ledger that belongs to another partner tenant than the token's, and a
    /// sign-in that lacks the required rights, but does not bind the ledger yet.
    pub(super) async fn sign_in(&mut self, needs: UserNeeds) -> Result<(), Halt> {
        if self.signed_in.is_none() {
            let (connection, pace) = (&self.connection, &self.args.pace);
            let (client, tokens) = connection.ways(pace.timeout, self.args.concurrency.get())?;
            let token = tokio::select! {
                token = first_token::get(&tokens, pace.max_outage) => token?,
                Some(signal) = self.signals.recv() => return Err(StopReason::Interrupted(signal).into()),
            };
            let claims = Claims::of(&token.secret);
            let mut environment = connection.environment.clone();
            environment.partner_tenant_id = claims.tenant().or(environment.partner_tenant_id);
            self.ledger.refuse_other(environment.clone()).await?;
            let kind = connection.sign_in.kind(&token.secret);
            let app = connection.sign_in.app().or(claims.app()).map(str::to_owned);
            let (pacer, stopping) = (Pacer::new(pace.rate), CancellationToken::new());
            let caller = Caller { client, tokens, pacer, stopping, leaves_questions: false };
            self.signed_in = Some(SignedIn { caller, environment, kind, app });
        }
        let is_app = self.signed_in.as_ref().is_some_and(|it| it.kind == TokenKind::AppOnly);
        let is_needed = needs.for_resellers + needs.with_agreements > 0;
        if is_app && is_needed { Err(StopReason::NeedsUser(needs).into()) } else { Ok(()) }
    }

    /// Signs in and binds the ledger to the token's partner tenant, before any row changes.
    async fn equip(&mut self, mode: Mode) -> Result<Dependencies, Halt> {
        let needs = match mode {
            Mode::Submit => self.queries()?.user_needs()?,
            Mode::AskOnly => UserNeeds::default(),
        };
        self.sign_in(needs).await?;
        let SignedIn { caller, environment, .. } = self.signed_in.take().expect("the session has signed in");
        // If the token belongs to another tenant, nothing has been sent yet.
        self.ledger.bind(environment).await?;
        // A run that only looks things up can abandon a lookup without loss.
        let caller = Caller { leaves_questions: mode == Mode::AskOnly, ..caller };
        let domain_suffix = self.connection.domain_suffix;
        let sealer = self.sealing.as_ref().map(|sealing| Arc::clone(&sealing.sealer));
        Ok(Dependencies { caller, sealer, domain_suffix })
    }

    /// Whether this is a dry run.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.copy.is_some()
    }

    /// Ends the run according to its result. `Ok`: the number of rows read that fail validation.
    pub(crate) async fn finish(self, worked: Result<u64, Halt>) -> Result<Ended, Failure> {
        match worked {
            Ok(wrong) if self.is_dry_run() => self.end_dry_run(wrong).await,
            Ok(_) => self.end(None).await,
            // The next run continues from the last commit. If the ledger still accepts writes, this run is recorded as
            // ended.
            Err(Halt::Stopped(StopReason::Ledger(error))) => self.abort(error.into()).await,
            Err(Halt::Stopped(reason)) => self.end(Some(reason)).await,
            Err(Halt::Failed(failure)) => self.abort(failure).await,
        }
    }

    /// Ends a dry run: prints what a run would do. `wrong`: the number of rows read that fail validation.
    async fn end_dry_run(self, wrong: u64) -> Result<Ended, Failure> {
        let exit_code = if wrong > 0 { ExitCode::SomeRefused } else { ExitCode::Done };
        let queries = self.queries()?;
        let plan = queries.plan(self.ledger.run())?;
        let summary = Summary::of(&queries, self.ledger.run(), None)?;
        let ending = RunEnd { exit_code: exit_code.number(), words: "dry run".to_owned() };
        self.ledger.close(ending).await?;
        let printed = if self.args.json {
            self.output.json(&summary.dry_run_json(&plan))
        } else {
            let environment = &self.connection.environment;
            let tenant =
                environment.partner_tenant_id.map_or_else(|| "not known yet".to_owned(), |id| id.to_string());
            let whom = format!("at {} (partner tenant {tenant})", environment.api);
            let plan = plan::describe(&plan, 0, &whom, self.args.pace.rate);
            let rows = summary.standing.text(usize::MAX);
            self.output.result(&format!(
                "{plan}\nThe ledger would hold:\n{rows}\nThis was a dry run: nothing was sent, and nothing was \
                 written.\n"
            ))
        };
        report_unprinted(self.output, printed, "run the dry run again");
        Ok(Ended::reported(exit_code))
    }

    /// Ends the run: checks the accounting, records the end, closes the ledger and the connection. Printing comes
    /// later.
    async fn end(self, stopped: Option<StopReason>) -> Result<Ended, Failure> {
        let queries = self.queries()?;
        let accounting = queries.accounting()?;
        let held = queries.unfinished_sources()?;
        let (rows, agreements) = (queries.counts()?, queries.agreement_counts()?);
        let left = Remaining::new(&queries, rows, agreements, &held)?;
        // The last row may be the one that exceeded the limit; then nothing is left to stop.
        let stopped =
            stopped.filter(|reason| !matches!(reason, StopReason::TooManyFailures { .. }) || left.open() > 0);
        let stop = stopped.as_ref().map(Stop::from);
        let run = self.ledger.run();
        let path = self.ledger.path().to_owned();
        let written = self.results.as_ref().map(|results| results.write(&path, run)).transpose();
        let is_complete = matches!(stopped, None | Some(StopReason::LimitReached));
        let exit_code = match (&accounting, &stop) {
            (Some(_), _) => ExitCode::Failed,
            (None, _) if is_complete && self.left_out.count > 0 => ExitCode::Failed,
            (None, Some(stop)) => stop.failure.exit_code,
            (None, None) if left.open() > 0 => ExitCode::Stopped,
            (None, None) => left.settled_exit_code(),
        };
        // The state of the rows is more important than missing result files.
        let exit_code = match exit_code {
            ExitCode::Done if written.is_err() => ExitCode::Failed,
            exit_code => exit_code,
        };
        for source in &held {
            self.output.note(source.describe(&source.path));
        }
        for let_go in queries.discarded_sources()? {
            self.output.note(let_go.describe(&let_go.path));
        }
        let mut words = stop.as_ref().map_or("done", |stop| &stop.words).to_owned();
        if self.left_out.count > 0 {
            words
                .push_str(&format!("; left out {} that cannot be read", counted(self.left_out.count, "row")));
        }
        if written.is_err() {
            words.push_str("; the results could not be written");
        }
        self.ledger.close(RunEnd { exit_code: exit_code.number(), words }).await?;
        if let Ok(totals) = queries.run_totals(run) {
            log_end(&totals, &left.rows, stop.as_ref().map_or("done", |stop| stop.kind), exit_code);
        }
        self.connection.close().await;

        let queries = Queries::open(&path)?;
        let mut repeated = Repeated::of(self.output.matches()).without_kept();
        let sealed_to = queries.sealed_to()?;
        // The ledger knows a new key only after something was sealed to it.
        let is_unused = |sealing: &recipient::Ready| {
            sealing.is_another && !matches!(&sealed_to, SealedTo::Recipient(key) if *key == sealing.recipient)
        };
        if !self.sealing.as_ref().is_some_and(is_unused) {
            repeated.remove("new_recipient");
        }
        let next = next_command::after_run(&left, stopped.as_ref(), &repeated, &self.given, self.inputs)
            // Repeating the command would fail at the same rows.
            .filter(|_| stopped.is_some() || left.open() > self.left_out.count || self.left_out.count == 0);
        let mut summary = Summary::of(&queries, run, next)?;
        if let Ok(Some(files)) = &written {
            summary.files.clone_from(files);
        }
        // Everything is recorded and the ledger is free, so a slow reader of this output blocks nothing.
        let results = written.map(|_| ());
        let (as_json, left_out, open) = (self.args.json, self.left_out, left.open());
        Ok(Ended::to_report(exit_code, move |output| {
            let printed =
                if as_json { output.json(&pretty(&summary)) } else { output.result(&summary.text()) };
            report_unprinted(output, printed, "`tenantry status` shows where the ledger stands");
            report_stop(output, stopped.as_ref().zip(stop), open);
            if let Err(failure) = results {
                output.failure(&failure.seen_with_limits());
            }
            if let Some(broken) = accounting {
                let message = format!("the ledger's accounting is broken: {broken}");
                return Err(Failure::new(ExitCode::Failed, message)
                    .with_hint("keep the ledger as it is and report this; do not import into it again"));
            }
            if left_out.count > 0 {
                let failure = left_out_failure(&left_out);
                if exit_code == ExitCode::Failed {
                    return Err(failure);
                }
                output.failure(&failure);
            }
            Ok(exit_code)
        }))
    }
}

/// Reports why a run stopped, if it did. `open`: the number of rows that wait.
fn report_stop(output: &Output, stopped: Option<(&StopReason, Stop)>, open: u64) {
    match stopped {
        // The operator requested this, so it is not a failure.
        Some((StopReason::LimitReached, _)) => {
            let waiting = counted(open, "row");
            output.note(format_args!("Stopped at --limit, as asked: {waiting} still to be worked on."));
        }
        Some((StopReason::Declined, _)) => output.note("Nothing was created: you said no."),
        Some((_, stop)) => output.failure(&stop.failure),
        None => {}
    }
}

/// The failure for rows that could not be read. All other rows were processed.
fn left_out_failure(left_out: &LeftOut) -> Failure {
    let LeftOut { count, first, .. } = left_out;
    let rows = counted(*count, "row");
    let failure =
        Failure::new(ExitCode::Failed, format!("left out {rows} of the ledger that cannot be read"));
    let failure = first.iter().fold(failure, |failure, row| failure.because(row.describe()));
    let more = count - first.len() as u64;
    let failure =
        if more > 0 { failure.because(format!("and {} more", counted(more, "row"))) } else { failure };
    failure.with_hint(
        "something else than Tenantry has changed the ledger, or the disk has: restore it from a backup of before, or report \
         this with a copy made by `tenantry backup`; the other rows were worked on",
    )
}

impl Session<'_> {
    /// Ends a failed run: records its end and prints nothing.
    async fn abort(self, failure: Failure) -> Result<Ended, Failure> {
        let ending = ending_of(&failure);
        // Ignore errors here: the failure may be that the ledger cannot be written.
        let (path, run) = (self.ledger.path().to_owned(), self.ledger.run());
        drop(self.ledger.close(ending).await);
        self.connection.close().await;
        // Write the results as far as possible; the failure itself is more important.
        drop(self.results.map(|results| results.write(&path, run)));
        Err(failure)
    }
}

fn ending_of(failure: &Failure) -> RunEnd {
    RunEnd { exit_code: failure.exit_code.number(), words: failure.messages.join(": ") }
}

/// A summary that could not be printed does not change the exit code of the run.
fn report_unprinted(output: &Output, printed: Result<(), Failure>, hint: &str) {
    if let Err(failure) = printed {
        output.note(format_args!("The summary is missing: {}; {hint}.", failure.messages.join(": ")));
    }
}

/// Logs only totals and codes: texts of services may name persons.
fn log_end(run: &RunTotals, rows: &RowCounts, end: &'static str, exit_code: ExitCode) {
    tracing::info!(
        run_id = run.id.0,
        created = rows.of(State::Created),
        existing = rows.of(State::Existing),
        failed = rows.of(State::Failed),
        rejected = rows.of(State::Rejected),
        unresolved = rows.of(State::Unresolved),
        pending = rows.of(State::Pending),
        in_flight = rows.of(State::InFlight),
        submitted = run.submitted,
        requests = run.requests,
        repeats = run.retries,
        throttled = run.throttled,
        end,
        exit_code = exit_code.number(),
        "run ended"
    );
}

fn report_restored(output: &Output, restored: Option<Restored>) {
    let Some(Restored { copied_at, rows }) = restored else {
        output.note("This ledger is no copy that waits to be restored: `--restored` changes nothing.");
        return;
    };
    if rows == 0 {
        output.note(format_args!(
            "Restored from a copy of {copied_at}, in which no row was waiting. Files that were first imported since, and \
             corrected rows, have to be imported again.",
        ));
        return;
    }
    output.note(format_args!(
        "Restored from a copy of {copied_at}: {} may have been sent or replaced since. They are held back: import their \
         files again, and before them the corrected rows (`tenantry_row`), which the copy does not know. Each is asked \
         about before it is sent. Files that were first imported since have to be imported again too.",
        counted(rows, "row")
    ));
}
