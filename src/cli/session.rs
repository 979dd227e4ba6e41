//! The common part of commands that run on a ledger: opens it, submits rows, ends the run.

mod end;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::partner::{Partner, SignedIn, own_domains};
use super::results::Results;
use super::settings::{ServiceConnection, is_simulated};
use super::{Failure, Output, args, dry_run, first_token, partner, recipient, wait_lock};
use crate::auth::{Claims, SignIn, TokenKind};
use crate::call::{Caller, Pacer};
use crate::clock;
use crate::intake::Changes;
use crate::ledger::{
    self, AwaitingConsent, Environment, InputOptions, Ledger, ListRefusal, Queries, Restored, RowCounts,
    State, SubmissionPlan, UserNeeds,
};
use crate::reader::{ColumnUse, has_column};
use crate::report::counted;
use crate::submitter::{self, Dependencies, LeftOut, Mode, Signal, StopReason, SubmissionProgress};
use end::ending_of;

/// A run in progress.
pub(crate) struct Session<'a> {
    pub(crate) output: &'a Output,
    pub(crate) ledger: Ledger,
    /// A second connection, which reads the ledger during the run.
    pub(crate) queries: Queries,
    pub(crate) connection: ServiceConnection,
    pub(crate) signals: mpsc::Receiver<Signal>,
    pub(super) args: &'a args::SubmissionArgs,
    mode: Mode,
    /// `None`: a dry run or a run that only looks things up, which seals nothing and creates no key.
    sealing: Option<recipient::Ready>,
    /// The options for reading and validating files.
    pub(super) given: InputOptions,
    /// The files that were read.
    inputs: &'a [PathBuf],
    /// How the columns of these files are used.
    pub(crate) columns: ColumnUse,
    results: Option<Results>,
    /// How the rows that were read differ from what exports gave out.
    pub(super) changes: Changes,
    /// Rows that the submission could not work on.
    left_out: LeftOut,
    /// This run makes the ledger under its default name, in the working folder.
    makes_default_ledger: bool,
    /// The copy of the ledger that a dry run works on.
    copy: Option<dry_run::LedgerCopy>,
    /// The connection to Partner Center, after sign-in.
    pub(super) signed_in: Option<SignedIn>,
    /// The partner, if it was looked up before the question that names it.
    pub(super) partner: Option<Partner>,
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
        let args::RunArgs { ledger: named, connection, submission } = run;
        let asked_for = named.path();
        let simulate = named.rehearsal.simulate.as_ref();
        let mut connection = ServiceConnection::prepare(connection, simulate, Some(&asked_for))?;
        let is_dry_run = submission.dry_run;
        let makes_default_ledger = named.ledger.is_none() && !asked_for.exists() && !is_dry_run;
        let results = match &submission.results {
            Some(folder) if !is_dry_run => Some(Results::prepare(folder)?),
            Some(_) | None => None,
        };
        dry_run::remove_left_behind();
        let copy = if is_dry_run { Some(dry_run::LedgerCopy::of(&asked_for)?) } else { None };
        let ledger = open_ledger(
            run,
            copy.as_ref(),
            !inputs.is_empty(),
            &connection.environment,
            &mut signals,
            output,
        )
        .await?;
        let prepare = async {
            let queries = Queries::open(ledger.path())?;
            let sealing = match mode {
                Mode::LookUpOnly => None,
                Mode::Submit => recipient::prepare(submission, &queries, &asked_for, output)?,
            };
            if !is_dry_run {
                connection.start_simulator().await?;
            }
            Ok::<_, Failure>((queries, sealing, ledger.recover().await?))
        };
        let (queries, sealing, interrupted) = match prepare.await {
            Ok(prepared) => prepared,
            Err(failure) => {
                drop(ledger.close(ending_of(&failure)).await);
                return Err(failure);
            }
        };
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
            queries,
            connection,
            signals,
            args: submission,
            mode,
            sealing,
            given,
            inputs,
            columns: ColumnUse::default(),
            results,
            changes: Changes::default(),
            left_out: LeftOut::default(),
            makes_default_ledger,
            copy,
            signed_in: None,
            partner: None,
        })
    }

    /// Declines what the lists no longer contain, after consent, and submits the open rows.
    pub(crate) async fn submit(&mut self) -> Result<(), Halt> {
        if self.mode == Mode::Submit {
            self.decline_missing().await?;
        }
        self.ledger.doubt_restored().await?;
        let counts = self.queries.counts()?;
        let (open, owed) = self.work_left(&counts)?;
        if open + owed == 0 {
            return Ok(());
        }
        let at_once = self.args.concurrency().get() as u64;
        self.ledger.set_room_aside(at_once.min(open + owed)).await.map_err(StopReason::Ledger)?;
        let dependencies = self.dependencies().await?;
        let settings = self.args.settings(self.mode, self.connection.settle_delay);
        // Rows in flight are always finished, in addition to the new rows that the limit allows.
        let total =
            settings.limit.map_or(open, |limit| open.min(limit.saturating_add(counts.of(State::InFlight))));
        let total = if self.mode == Mode::Submit { total } else { open };
        let (sender, receiver) =
            watch::channel(SubmissionProgress { total, ..SubmissionProgress::default() });
        let sent_now = dependencies.caller.pacer.sent_now();
        let submission = Box::pin(submitter::submit(
            &self.ledger,
            dependencies,
            settings,
            &mut self.signals,
            sender,
            total,
        ));
        let outcome = tokio::select! {
            outcome = submission => outcome,
            never = self.output.show_submission(self.args.pace.rate, sent_now, receiver) => match never {},
        };
        if outcome.abandoned {
            tracing::warn!("left at once; what was in flight is settled by the next run");
        }
        self.left_out = outcome.left_out;
        match outcome.stopped {
            Some(reason) if reason.counts_always() => Err(reason.into()),
            // The last answer may have come together with the stop.
            Some(reason) if self.work_left(&self.queries.counts()?)? != (0, 0) => Err(reason.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// What consent to `what` changes before a submission, on the copy of a dry run.
    pub(super) async fn agree(&self, what: AwaitingConsent) -> Result<(), ledger::Error> {
        self.ledger.release(what).await?;
        self.decline_missing().await
    }

    async fn decline_missing(&self) -> Result<(), ledger::Error> {
        let rows = self.ledger.decline_missing().await?;
        if rows > 0 {
            let rows = counted(rows, "row");
            self.output.note(format_args!("{rows} declined: not sent before, and no longer in the list."));
        }
        Ok(())
    }

    /// The rows, and the acceptances besides, that a submission works on.
    pub(super) fn work_left(&self, counts: &RowCounts) -> Result<(u64, u64), ledger::Error> {
        Ok(match self.mode {
            Mode::Submit => (counts.open(), self.queries.agreement_counts()?.open()),
            Mode::LookUpOnly => (counts.sum(State::is_in_doubt), 0),
        })
    }

    /// Signs in, unless already done. Refuses a ledger that belongs to another partner tenant than the token's, and a
    /// sign-in that lacks the required rights, but does not bind the ledger yet.
    pub(super) async fn sign_in(&mut self, needs: UserNeeds) -> Result<(), Halt> {
        if self.signed_in.is_none() {
            let (connection, pace) = (&self.connection, &self.args.pace);
            let (client, tokens) = connection.ways(pace.timeout, self.args.concurrency().get())?;
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
            let pacer = Pacer::new(pace.rate).reporting(self.output.throttling_notes());
            let stopping = CancellationToken::new();
            let caller = Caller { client, tokens, pacer, stopping, leaves_lookups: false };
            let user_domain = claims.user_domain();
            self.signed_in = Some(SignedIn { caller, environment, kind, app, user_domain });
        }
        let is_app = self.signed_in.as_ref().is_some_and(|it| it.kind == TokenKind::AppOnly);
        let is_needed = needs.for_resellers + needs.with_agreements > 0;
        if is_app && is_needed { Err(StopReason::NeedsUser(needs).into()) } else { Ok(()) }
    }

    /// The partner's own domains, as far as the sign-in tells them, before any row is validated. `asks`: a question will
    /// name the partner. A sign-in that fails stops nothing here: it fails again, with its reason, when it is needed.
    pub(super) async fn partner_domains(&mut self, asks: bool) -> Result<Vec<String>, Halt> {
        let sign_in = &self.connection.sign_in;
        if let (SignIn::Token(token), false) = (sign_in, asks) {
            return Ok(own_domains([Claims::of(token).user_domain()]));
        }
        let is_rehearsal = self.is_dry_run() || is_simulated(&self.connection.environment);
        if is_rehearsal || !(asks || matches!(sign_in, SignIn::AppAndUser { .. })) {
            return Ok(Vec::new());
        }
        let signing_in = self.sign_in(UserNeeds::default());
        match tokio::time::timeout(partner::PATIENCE, signing_in).await {
            Ok(Ok(())) => {}
            Ok(Err(halt @ (Halt::Failed(_) | Halt::Stopped(StopReason::Interrupted(_))))) => {
                return Err(halt);
            }
            Ok(Err(Halt::Stopped(_))) | Err(_) => return Ok(Vec::new()),
        }
        let signed_in = self.signed_in.as_ref().expect("the session has signed in");
        if asks && signed_in.kind != TokenKind::AppOnly {
            self.partner = tokio::select! {
                biased;
                Some(signal) = self.signals.recv() => return Err(StopReason::Interrupted(signal).into()),
                partner = partner::named(signed_in) => partner.ok(),
            };
        }
        let of_profile = self.partner.as_ref().and_then(|partner| partner.domain.clone());
        Ok(own_domains([signed_in.user_domain.clone(), of_profile]))
    }

    /// Signs in and binds the ledger to the token's partner tenant, before any row changes.
    async fn dependencies(&mut self) -> Result<Dependencies, Halt> {
        let needs = match self.mode {
            Mode::Submit => self.queries.user_needs()?,
            Mode::LookUpOnly => UserNeeds::default(),
        };
        self.sign_in(needs).await?;
        let SignedIn { caller, environment, .. } = self.signed_in.take().expect("the session has signed in");
        // If the token belongs to another tenant, nothing has been sent yet.
        self.ledger.bind(environment).await?;
        // A run that only looks things up can abandon a lookup without loss.
        let caller = Caller { leaves_lookups: self.mode == Mode::LookUpOnly, ..caller };
        let domain_suffix = self.connection.domain_suffix;
        let sealer = self.sealing.as_ref().map(|sealing| Arc::clone(&sealing.sealer));
        Ok(Dependencies { caller, sealer, domain_suffix })
    }

    /// Refuses to create more customers than `--max-new` allows.
    pub(super) fn refuse_too_many_new(&self, plan: &SubmissionPlan) -> Result<(), Halt> {
        self.too_many_new(plan).map_or(Ok(()), |why| Err(StopReason::ListRefused(why).into()))
    }

    pub(super) fn too_many_new(&self, plan: &SubmissionPlan) -> Option<ListRefusal> {
        let (new, allowed) = (plan.new_rows(), self.args.max_new?);
        (new > allowed).then_some(ListRefusal::TooManyNew { new, allowed })
    }

    /// Says what a run would do instead of what a dry run plans.
    pub(super) fn note_refusal(&self, why: ListRefusal) {
        self.output.note(format_args!("A run would be refused: {why}."));
    }

    /// Leaves out options about columns that the only file does not have. They were given for an earlier form of it.
    pub(super) fn only_for_columns(&mut self, names: &[String]) {
        if self.inputs.len() == 1 {
            self.given = self.given.clone().for_columns(|wanted| has_column(names, wanted));
        }
    }

    /// Whether this is a dry run.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.copy.is_some()
    }
}

/// Opens the ledger, or the copy of it that a dry run works on, and takes its lock. A second process must not get further.
/// `has_files`: a missing ledger is created only if there are files to fill it.
async fn open_ledger(
    run: &args::RunArgs,
    copy: Option<&dry_run::LedgerCopy>,
    has_files: bool,
    environment: &Environment,
    signals: &mut mpsc::Receiver<Signal>,
    output: &Output,
) -> Result<Ledger, Failure> {
    let asked_for = run.ledger.path();
    let path = copy.map_or_else(|| asked_for.clone(), dry_run::LedgerCopy::path);
    let open = if has_files { Ledger::open } else { Ledger::open_existing };
    let mut restored = None;
    let open = || {
        if run.submission.restored && restored.is_none() {
            restored = Some(ledger::restore(&path, environment)?);
        }
        let opened = open(&path, environment, output.command());
        // The operator does not know the name of a dry run's copy.
        opened.map_err(|error| if copy.is_some() { error.of_ledger_at(&asked_for) } else { error })
    };
    let ledger = wait_lock::open(open, run.submission.wait_lock, signals, output).await?;
    if let Some(restored) = restored {
        report_restored(output, restored);
    }
    Ok(ledger)
}

fn report_restored(output: &Output, restored: Option<Restored>) {
    let Some(Restored { copied_at, was_marked, rows }) = restored else {
        output.note(
            "`--restored` has no effect: an earlier run has accepted this backup, and it has not changed since. Leave the \
             option out.",
        );
        return;
    };
    let copied_at = clock::local(copied_at);
    if !was_marked {
        output.note("`tenantry backup` did not make this backup: its time is that of the last entry in it.");
    }
    if rows == 0 {
        output.note(format_args!(
            "This ledger is a backup of {copied_at}, in which no row was waiting. Import the lists again that you first \
             imported, or corrected, after that time.",
        ));
        return;
    }
    output.note(format_args!(
        "This ledger is a backup of {copied_at}: {} may have been sent or replaced since, and are held back. First import \
         the lists with rows that you corrected after that time (`tenantry_row`), then import their files again. Tenantry \
         asks Partner Center about each of these rows before it sends the row. Also import the lists again that you first \
         imported after that time.",
        counted(rows, "row")
    ));
}
