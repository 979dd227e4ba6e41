//! Ends a run: checks the accounting, records the end, and reports what became of the rows.

use std::path::{Path, PathBuf};

use super::{Halt, Session};
use crate::cli::ended::Ended;
use crate::cli::next_command::{self, Remaining, Repeated};
use crate::cli::results::Written;
use crate::cli::stop::Stop;
use crate::cli::{ExitCode, Failure, Output, plan, recipient};
use crate::ledger::{
    self, AwaitingConsent, ListRefusal, Queries, RowCounts, RunEnd, RunId, RunTotals, SealedTo, State,
    SubmissionPlan,
};
use crate::reader::ColumnUse;
use crate::report::{NextSteps, PushLine as _, ResultFile, Summary, Toned, counted, pretty};
use crate::submitter::{LeftOut, Mode, StopReason};

impl Session<'_> {
    /// Ends the run according to its result. `Ok`: the number of rows read that fail validation.
    pub(crate) async fn finish(self, worked: Result<u64, Halt>) -> Result<Ended, Failure> {
        match worked {
            Ok(wrong) if self.is_dry_run() => self.end_dry_run(wrong).await,
            Ok(_) => self.end(None).await,
            Err(Halt::Stopped(reason @ StopReason::Ledger(_))) => self.end_with_failure(reason.into()).await,
            Err(Halt::Stopped(reason)) => self.end(Some(reason)).await,
            Err(halt @ Halt::Failed(_)) => self.end_with_failure(halt).await,
        }
    }

    /// Ends a dry run: prints what a run would do. `wrong`: the number of rows read that fail validation.
    async fn end_dry_run(self, wrong: u64) -> Result<Ended, Failure> {
        let exit_code = if wrong > 0 { ExitCode::SomeRefused } else { ExitCode::Done };
        let queries = &self.queries;
        let creates = self.mode == Mode::Submit;
        let run = self.ledger.run();
        let plan = match creates {
            true => queries.plan(run, AwaitingConsent::OfThisRun)?,
            false => SubmissionPlan::default(),
        };
        let (open, _) = self.work_left(&queries.counts()?)?;
        if let Some(why) = self.too_many_new(&plan) {
            self.note_refusal(why);
        }
        let ending = RunEnd { exit_code: exit_code.number(), words: "dry run".to_owned() };
        self.ledger.close(ending).await?;
        // The summary has the end of the run.
        let mut summary = Summary::of(queries, run, None)?;
        summary.columns.clone_from(&self.columns);
        let printed = if self.args.json {
            self.output.json(&summary.dry_run_json(&plan, &self.changes))
        } else if self.output.is_quiet() && exit_code == ExitCode::Done {
            Ok(())
        } else {
            let environment = &self.connection.environment;
            let tenant =
                environment.partner_tenant_id.map_or_else(|| "not known yet".to_owned(), |id| id.to_string());
            let whom = format!("at {} (partner tenant {tenant})", environment.api);
            let columns = &self.columns.auto_mapped;
            let plan = match creates {
                true => plan::describe(&plan, 0, &self.changes, columns, &whom, self.args.pace.rate),
                false => {
                    format!("{} will be looked up {whom}. Nothing will be created.\n", counted(open, "row"))
                }
            };
            let mut text = Toned::default();
            text.push_line(format_args!("{plan}\nThe ledger would have:"));
            text.append(summary.standing.text());
            text.push_line(format_args!("\nThis was a dry run: nothing was sent, and nothing was written."));
            self.output.toned(&text)
        };
        report_unprinted(self.output, printed, "run the dry run again");
        Ok(Ended::reported(exit_code))
    }

    /// Ends the run: checks the accounting, records the end, closes the ledger and the connection. Printing comes
    /// later.
    async fn end(self, stopped: Option<StopReason>) -> Result<Ended, Failure> {
        let read = (|| Ok((self.queries.accounting()?, remaining(&self.queries)?)))();
        let (accounting, left) = match read {
            Ok(read) => read,
            Err(error) => {
                if let Some(reason) = &stopped {
                    self.output.failure(&Stop::from(reason).failure);
                }
                return Box::pin(self.end_with_failure(StopReason::Ledger(error).into())).await;
            }
        };
        let queries = &self.queries;
        let stop = stopped.as_ref().map(Stop::from);
        let run = self.ledger.run();
        let path = self.ledger.path().to_owned();
        let mut repeated = Repeated::of(self.output.matches()).without_kept();
        let results = self.results.as_ref().map(|results| results.write(&path, run, &repeated));
        let results = results.unwrap_or_default();
        let is_complete = matches!(stopped, None | Some(StopReason::LimitReached));
        let exit_code = match &stop {
            _ if accounting.is_some() || (is_complete && self.left_out.count > 0) => ExitCode::Failed,
            Some(stop) => stop.failure.exit_code,
            None if left.open() > 0 => ExitCode::Stopped,
            None => left.settled_exit_code(),
        };
        let mut words = stop.as_ref().map_or("done", |stop| &stop.words).to_owned();
        if self.left_out.count > 0 {
            words
                .push_str(&format!("; left out {} that cannot be read", counted(self.left_out.count, "row")));
        }
        if results.failure.is_some() {
            words.push_str("; the results could not be written");
        }
        let closed = self.ledger.close(RunEnd { exit_code: exit_code.number(), words }).await;
        self.connection.close().await;
        match closed {
            // The operator does not want to wait. The next run records that this one has ended.
            Err(error) if error.is_locked() && matches!(stopped, Some(StopReason::Interrupted(_))) => {
                tracing::warn!(
                    "another program has the ledger locked, so the end of this run is not recorded"
                );
            }
            // Why it stopped, and what it has written, are not less true for that.
            Err(error) => {
                if let Some(stop) = &stop {
                    self.output.failure(&stop.failure);
                }
                report_files(self.output, &results.files);
                return Err(error.into());
            }
            Ok(()) => {}
        }
        match queries.run_totals(run) {
            Ok(totals) => {
                log_end(&totals, &left.rows, stop.as_ref().map_or("done", |stop| stop.kind), exit_code);
            }
            Err(error) => {
                tracing::warn!(%error, exit_code = exit_code.number(), "ended; the totals cannot be read")
            }
        }
        if let Some(StopReason::ListRefused(ListRefusal::TooManyNew { new, .. })) = stopped {
            repeated.add_option("max_new", &new.to_string());
        }
        let summarize = || -> Result<Summary, ledger::Error> {
            report_waiting(self.output, queries, run)?;
            let sealed_to = queries.sealed_to()?;
            // The ledger knows a new key only after something was sealed to it.
            let is_unused = |sealing: &recipient::Ready| {
                sealing.is_another
                    && !matches!(&sealed_to, SealedTo::Recipient(key) if *key == sealing.recipient)
            };
            if !self.sealing.as_ref().is_some_and(is_unused) {
                repeated.remove("new_recipient");
            }
            let next = next_command::after_run(&left, stopped.as_ref(), &repeated, &self.given, self.inputs)
                // Repeating the command would fail at the same rows.
                .filter(|_| {
                    stopped.is_some() || left.open() > self.left_out.count || self.left_out.count == 0
                });
            let mut summary = summary_of(queries, run, next, &repeated, (self.columns, results.files))?;
            let key = self.sealing.as_ref().and_then(|sealing| sealing.out_of_reach.as_ref());
            summary.key_out_of_reach = key.map(recipient::OutOfReach::sentences);
            Ok(summary)
        };
        let report = EndReport {
            exit_code,
            summary: summarize(),
            stopped: stopped.zip(stop),
            open: left.open(),
            as_json: self.args.json,
            made_ledger: self.makes_default_ledger.then_some(path),
            is_rehearsal: repeated.is_rehearsal(),
            status: repeated.command("status"),
            backup: repeated.command("backup FILE"),
            unwritten: results.failure,
            broken: accounting,
            left_out: self.left_out,
        };
        // Everything is recorded and the ledger is free, so a slow reader of this output blocks nothing.
        Ok(Ended::to_report(exit_code, |output| report.print(output)))
    }

    /// Ends a run whose ledger has failed, such as on a full disk, or that has failed otherwise, such as at a list that
    /// cannot be read. The next run continues from the last commit. If the ledger still accepts writes, this run is
    /// recorded as ended; if it can be read, the summary is printed, unless the run has done nothing.
    async fn end_with_failure(self, halt: Halt) -> Result<Ended, Failure> {
        let (failure, stopped) = match halt {
            Halt::Stopped(reason) => (Stop::from(&reason).failure, Some(reason)),
            Halt::Failed(failure) => (failure, None),
        };
        let (run, path) = (self.ledger.run(), self.ledger.path().to_owned());
        let is_dry_run = self.is_dry_run();
        // Ignored here and below: the failure itself is more important, and may be that nothing can be written.
        drop(self.ledger.close(ending_of(&failure)).await);
        self.connection.close().await;
        if is_dry_run {
            return Err(failure);
        }
        let typed = Repeated::of(self.output.matches());
        let results = self.results.map(|results| results.write(&path, run, &typed)).unwrap_or_default();
        let Written { files, failure: unwritten } = results;
        let as_json = self.args.json;
        let read = || -> Result<Option<Summary>, ledger::Error> {
            let queries = Queries::open(&path)?;
            if stopped.is_none() && queries.run_totals(run)?.rows_read == 0 {
                return Ok(None);
            }
            report_waiting(self.output, &queries, run)?;
            let left = remaining(&queries)?;
            let next = next_command::after_failure(&left, stopped.as_ref(), &typed, &self.given, self.inputs);
            let mut summary = summary_of(&queries, run, next, &typed, (self.columns, files.clone()))?;
            // The ledger may have no record of it.
            summary.run.totals.exit_code = Some(failure.exit_code.number());
            Ok(Some(summary))
        };
        let (summary, status) = (read(), typed.command("status"));
        Ok(Ended::to_report(failure.exit_code, move |output| {
            match summary {
                Ok(None) => {}
                Ok(Some(summary)) => {
                    let printed =
                        if as_json { output.json(&pretty(&summary)) } else { output.toned(&summary.text()) };
                    report_unprinted(output, printed, &status);
                }
                Err(error) => {
                    output.note(format_args!(
                        "The summary is missing, because the ledger cannot be read now: {error}. When the cause is \
                         removed, run `{status}`."
                    ));
                    report_files(output, &files);
                }
            }
            if let Some(unwritten) = unwritten {
                output.failure(&unwritten.seen_with_limits());
            }
            Err(failure)
        }))
    }
}

/// What is to be printed when a run has ended.
struct EndReport {
    exit_code: ExitCode,
    summary: Result<Summary, ledger::Error>,
    stopped: Option<(StopReason, Stop)>,
    /// Rows and acceptances that are not finished.
    open: u64,
    as_json: bool,
    /// The run has made this ledger, under its default name.
    made_ledger: Option<PathBuf>,
    is_rehearsal: bool,
    /// The commands that show the state of the ledger, and that copy it.
    status: String,
    backup: String,
    /// Why results are missing.
    unwritten: Option<Failure>,
    /// What is wrong with the accounting.
    broken: Option<String>,
    left_out: LeftOut,
}

impl EndReport {
    fn print(self, output: &Output) -> Result<ExitCode, Failure> {
        let exit_code = self.exit_code;
        let printed = match self.summary {
            // The end of the run is recorded. What cannot be read any more changes nothing about it.
            Err(error) => {
                let shown_by = format!("the run has ended; `{}` shows what it has done", self.status);
                output.failure(&Failure::from(error).with_hint(shown_by));
                Ok(())
            }
            Ok(summary) if self.as_json => output.json(&pretty(&summary)),
            // A good night sends no mail from cron.
            Ok(summary)
                if output.is_quiet() && exit_code == ExitCode::Done && !summary.has_lost_passwords() =>
            {
                Ok(())
            }
            Ok(summary) => output.toned(&summary.text()),
        };
        report_unprinted(output, printed, &self.status);
        report_stop(output, self.stopped, self.open);
        if let Some(ledger) = &self.made_ledger {
            report_made(output, ledger, self.is_rehearsal);
        }
        if let Some(failure) = self.unwritten {
            output.failure(&failure.seen_with_limits());
        }
        if let Some(broken) = self.broken {
            let message = format!("the ledger's accounting is broken: {broken}");
            return Err(Failure::new(ExitCode::Failed, message)
                .with_hint("keep the ledger as it is and report this; do not import into it again"));
        }
        if self.left_out.count > 0 {
            let failure = left_out_failure(&self.left_out, &self.backup);
            if exit_code == ExitCode::Failed {
                return Err(failure);
            }
            output.failure(&failure);
        }
        Ok(exit_code)
    }
}

/// The summary of a run, with what its columns were used for and the files that it has written.
fn summary_of(
    queries: &Queries,
    run: RunId,
    next: Option<NextSteps>,
    repeated: &Repeated,
    (columns, files): (ColumnUse, Vec<ResultFile>),
) -> Result<Summary, ledger::Error> {
    let mut summary = Summary::of(queries, run, next)?;
    next_command::list_rows(&mut summary.standing, repeated);
    (summary.columns, summary.files) = (columns, files);
    Ok(summary)
}

/// The work that the ledger still has.
fn remaining(queries: &Queries) -> Result<Remaining, ledger::Error> {
    Remaining::new(queries, queries.counts()?, queries.agreement_counts()?, &queries.unfinished_sources()?)
}

/// Names the lists that hold rows back, and those whose rows this run has discarded.
fn report_waiting(output: &Output, queries: &Queries, run: RunId) -> Result<(), ledger::Error> {
    for source in queries.unfinished_sources()? {
        output.note(source.describe());
    }
    for discarded in queries.discarded_sources(Some(run))? {
        output.note(discarded.describe());
    }
    Ok(())
}

/// Names the result files of a run that has no summary.
fn report_files(output: &Output, files: &[ResultFile]) {
    for ResultFile { path, rows } in files {
        output.note(format_args!("Written: `{path}` ({}).", counted(*rows, "row")));
    }
}

/// Reports why a run stopped, if it did. `open`: the number of rows that wait.
fn report_stop(output: &Output, stopped: Option<(StopReason, Stop)>, open: u64) {
    match stopped {
        // The operator requested this, so it is not a failure.
        Some((StopReason::LimitReached, _)) => {
            let waiting = counted(open, "row");
            output.note(format_args!("Stopped at --limit: {waiting} still pending."));
        }
        Some((StopReason::Declined, _)) => output.note("Nothing was created: you said no."),
        Some((_, stop)) => output.failure(&stop.failure),
        None => {}
    }
}

/// Names the ledger that a run has made without being given a place for it.
fn report_made(output: &Output, ledger: &Path, is_rehearsal: bool) {
    let place = std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned());
    let place = place.display();
    output.note(if is_rehearsal {
        format!("The ledger of this rehearsal is `{place}`. You may delete it and the files beside it.")
    } else {
        format!("The ledger of this run is the new file `{place}`. Keep it: it records what was created.")
    });
}

/// The failure for rows that could not be read. All other rows were processed. `backup`: the command that makes a copy.
fn left_out_failure(left_out: &LeftOut, backup: &str) -> Failure {
    let LeftOut { count, first, .. } = left_out;
    let rows = counted(*count, "row");
    let failure =
        Failure::new(ExitCode::Failed, format!("left out {rows} of the ledger that cannot be read"));
    let failure = first.iter().fold(failure, |failure, row| failure.because(row.describe()));
    let more = count - first.len() as u64;
    let failure =
        if more > 0 { failure.because(format!("and {} more", counted(more, "row"))) } else { failure };
    failure.with_hint(format!(
        "another program or a faulty disk has changed the ledger: restore it from a backup of before, or report \
         this with a copy made by `{backup}`; the other rows were worked on"
    ))
}

/// How a run ended that failed.
pub(super) fn ending_of(failure: &Failure) -> RunEnd {
    RunEnd { exit_code: failure.exit_code.number(), words: failure.messages.join(": ") }
}

/// A summary that could not be printed does not change the exit code of the run. `status`: the command that shows the
/// same.
fn report_unprinted(output: &Output, printed: Result<(), Failure>, status: &str) {
    if let Err(failure) = printed {
        let why = failure.messages.join(": ");
        output.note(format_args!("The summary is missing: {why}; `{status}` shows the state of the ledger."));
    }
}

/// Logs only totals and codes: texts of services may name persons.
fn log_end(run: &RunTotals, rows: &RowCounts, end: &'static str, exit_code: ExitCode) {
    let outcomes = run.outcomes.unwrap_or_default();
    tracing::info!(
        run_id = run.id.0,
        created = outcomes.created,
        existing = outcomes.existing,
        failed = outcomes.failed,
        rejected = outcomes.rejected,
        unresolved = outcomes.unresolved,
        skipped = run.skipped,
        duplicates = run.duplicates,
        ledger_rows = rows.total(),
        ledger_open = rows.open(),
        ledger_refused = rows.refused(),
        ledger_unresolved = rows.of(State::Unresolved),
        submitted = run.submitted,
        requests = run.requests,
        retries = run.retries,
        throttled = run.throttled,
        end,
        exit_code = exit_code.number(),
        "run ended"
    );
}
