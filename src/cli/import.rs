//! `tenantry import`: reads files into the ledger, then sends open rows to Partner Center.

mod notes;

use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::consent::{self, Consent};
use super::ended::Ended;
use super::input::{InputFile, is_pipe};
use super::next_command::names_of;
use super::session::{Halt, Session};
use super::{Failure, Output, args, plan, rules};
use crate::intake::companies::Companies;
use crate::ledger::{AwaitingConsent, InputOptions, LedgerDoubles, ListRefusal};
use crate::reading::{self, OpenedFile, ReadProgress};
use crate::report::counted_with;
use crate::submitter::{Mode, StopReason};
use crate::validation::{LiveRules, Validator};
use crate::{failpoint, files, intake, reader, validation};

pub(crate) async fn run(args: args::ImportArgs, output: &Output) -> Result<Ended, Failure> {
    args.input.refuse_contradictions()?;
    // A misspelt name is reported first. Nothing is read if the question could not be asked.
    let consent = Consent::of(&args.run);
    if consent.is_err() {
        args.files.iter().try_for_each(|file| InputFile::find(file))?;
    }
    let consent = consent?;
    // Open the files first, so that a misspelt name changes nothing.
    let inputs = args.files.iter().map(InputFile::open).collect::<Result<Vec<_>, _>>()?;
    look_at_first(&args, output).await?;
    let given = args.input.given(false, output);
    let mut session = Session::begin(Mode::Submit, &args.run, &args.files, given, output).await?;
    let worked = work(&args, consent, inputs, &mut session).await;
    session.finish(worked).await
}

/// Returns the number of rows read that fail validation.
async fn work(
    args: &args::ImportArgs,
    consent: Consent,
    inputs: Vec<InputFile>,
    session: &mut Session<'_>,
) -> Result<u64, Halt> {
    let live_rules = rules::live(&session.connection.environment.api, session.output);
    let own_domains = session.partner_domains(matches!(consent, Consent::Ask(_))).await?;
    let mut readings = Vec::new();
    for input in inputs {
        readings.push(ListReading::new(input, args, &own_domains, &live_rules, session)?);
    }
    if let [reading] = &readings[..] {
        // `check`, which the next command may name, remembers nothing.
        session.given = InputOptions { require_valid: false, ..reading.given(args, session.output) };
    }
    // `resume` must not send rows without consent, even if this process is killed.
    // With --strict, a file may turn out to be refused as a whole.
    // With --max-new, the whole list may turn out to be too long.
    let needs_consent = matches!(consent, Consent::Ask(_))
        || args.condition.require_valid
        || args.run.submission.max_new.is_some()
        || readings.iter().any(|reading| reading.options.strict);
    let mut wrong = 0;
    let mut has_refused_file = false;
    let has_domains = readings.iter().any(|reading| !reading.validation.partner_domains.is_empty());
    let mut companies = Companies::new(has_domains);
    let shows_plan = session.is_dry_run() || matches!(consent, Consent::Ask(_));
    for reading in readings {
        // If interrupted, the rows read so far wait for their file: the operator has not declined them.
        let settings = reading.settings(args, needs_consent, session.output);
        let (rejected, is_refused) =
            ingest(reading.input, &settings, &reading.validation, &mut companies, shows_plan, session)
                .await?;
        wrong += rejected;
        has_refused_file |= is_refused;
    }
    if let Some(note) = companies.note() {
        session.output.note(note);
    }
    let refused = if has_refused_file {
        Some(ListRefusal::Problem)
    } else {
        (args.condition.require_valid && wrong > 0).then_some(ListRefusal::NotAllValid { rows: wrong })
    };
    if session.is_dry_run() {
        let plan = session.queries.plan(session.ledger.run(), AwaitingConsent::OfThisRun)?;
        match refused {
            Some(why) => session.note_refusal(why),
            // The plan says so. A run would change nothing.
            None if session.too_many_new(&plan).is_some() => {}
            None => session.agree(AwaitingConsent::OfThisRun).await?,
        }
        return Ok(wrong + u64::from(has_refused_file));
    }
    failpoint::crash("undecided");
    let agreed = match refused {
        Some(why) => Err(StopReason::ListRefused(why).into()),
        None => agreed(session, &consent).await,
    };
    if let Err(Halt::Stopped(reason)) = &agreed {
        put_back(&args.files, reason, session).await?;
    }
    agreed?;
    if needs_consent {
        session.ledger.release(AwaitingConsent::OfThisRun).await?;
    }
    session.ledger.end_waiting().await?;
    session.submit().await?;
    Ok(wrong)
}

/// Holds back or discards the rows that were read and will not be sent, because the run stops for `reason`.
async fn put_back(files: &[PathBuf], reason: &StopReason, session: &Session<'_>) -> Result<(), Failure> {
    match reason {
        // The files will be imported again. Rows from a pipe cannot be imported again by file name.
        StopReason::ListRefused(why) if !files.iter().any(|file| is_pipe(file)) => {
            report_unsent(session, session.ledger.hold_back(*why).await?, "held back");
        }
        StopReason::ListRefused(_) | StopReason::Declined | StopReason::Interrupted(_) => {
            discard(session, AwaitingConsent::OfThisRun).await?;
        }
        // The question was not asked: the rows wait for it.
        _ => {}
    }
    Ok(())
}

/// One file, with the options by which it is read and validated.
struct ListReading {
    input: InputFile,
    /// What is given now, and what the ledger remembers of the last reading for what is not.
    options: args::InputArgs,
    remembered: InputOptions,
    validation: validation::Settings,
}

impl ListReading {
    fn new(
        input: InputFile,
        args: &args::ImportArgs,
        own_domains: &[String],
        live_rules: &[LiveRules],
        session: &Session<'_>,
    ) -> Result<Self, Failure> {
        let (path, output) = (&input.source.path, session.output);
        let queries = &session.queries;
        // The name of an export is used again for rows of other lists.
        let remembered = if reader::is_export(Path::new(path)) {
            queries.remembered_for_exports()?
        } else {
            queries.remembered_for(path, files::list_full_path(path).as_deref())?
        };
        let mut remembered = remembered.unwrap_or_default().remembered();
        // Also where the settings turn it off.
        remembered.auto_map &= !output.is_given("auto_map");
        if output.is_given("warn") {
            remembered.warn.clear();
        }
        let names = names_of(&remembered, &args.input.given(false, output));
        if !names.is_empty() {
            output.note(format_args!("{path}: options of its last import apply: {}.", names.join(", ")));
        }
        let options = args.input.beside(&remembered);
        let mut validation = options.validation(args.run.connection.cloud, live_rules.to_vec());
        validation.partner_domains.extend_from_slice(own_domains);
        Ok(Self { input, options, remembered, validation })
    }

    /// The options that apply to the file, those that are remembered included.
    fn given(&self, args: &args::ImportArgs, output: &Output) -> InputOptions {
        let given = self.options.given(args.condition.require_valid, output);
        let both = self.remembered.beside(&given);
        InputOptions { column_map: both.column_map, ignore_column: both.ignore_column, ..given }
    }

    fn settings(&self, args: &args::ImportArgs, needs_consent: bool, output: &Output) -> intake::Settings {
        let has_max_new = args.run.submission.max_new.is_some();
        let given = InputOptions { has_max_new, ..self.given(args, output) };
        let remembered = reader::Remembered {
            column_map: self.remembered.column_map.clone(),
            ignored_columns: self.remembered.ignore_column.clone(),
        };
        intake::Settings {
            reader: reader::Options { remembered, ..self.options.reader_options(output) },
            given,
            retry_failed: args.retry_failed,
            strictness: self.options.strictness(),
            needs_consent,
        }
    }
}

/// If there is no ledger yet, an invalid first file must not leave an empty ledger behind. Only a regular file can be
/// read twice: a pipe is read once. Nothing has happened yet, so a signal can simply end the process.
async fn look_at_first(args: &args::ImportArgs, output: &Output) -> Result<(), Failure> {
    let Some(first) = args.files.first().filter(|it| it.as_os_str() != "-" && it.is_file()) else {
        return Ok(());
    };
    if args.run.ledger.path().exists() {
        return Ok(());
    }
    let source = InputFile::open(first)?.source;
    let options = args.input.reader_options(output);
    let opened = OpenedFile::open(source, options, std::pin::pin!(std::future::pending())).await;
    opened.map_err(intake::Error::from)?;
    Ok(())
}

/// Refuses a plan with too many new customers; else shows the plan and asks, if a question is needed.
async fn agreed(session: &mut Session<'_>, consent: &Consent) -> Result<(), Halt> {
    let queries = &session.queries;
    // Neither needs the whole plan, which takes a while for a million rows.
    if matches!(consent, Consent::Given) && session.args.max_new.is_none() {
        note_doubles(session, &queries.doubles(session.ledger.run())?);
        return Ok(());
    }
    let plan = queries.plan(session.ledger.run(), AwaitingConsent::OfThisRun)?;
    let waiting = plan.rows().saturating_sub(queries.pending_of(session.ledger.run())?);
    if let refused @ Err(_) = session.refuse_too_many_new(&plan) {
        if waiting > 0 {
            session
                .output
                .note(format_args!("{waiting} of the {} customers wait since earlier runs.", plan.rows()));
        }
        return refused;
    }
    let Consent::Ask(terminal) = consent else {
        note_doubles(session, &plan.doubles);
        return Ok(());
    };
    let missing = session.ledger.missing(AwaitingConsent::OfThisRun).await?;
    consent::confirm(session, terminal, &plan, waiting, missing).await
}

/// Names new rows that are probably customers already, where there is no plan that shows them.
fn note_doubles(session: &Session<'_>, doubles: &LedgerDoubles) {
    if doubles.rows > 0 {
        tracing::info!(rows = doubles.rows, "new rows look like customers under other domains");
        plan::describe_doubles(doubles).lines().for_each(|line| session.output.note(line));
    }
}

/// Discards rows that the operator declined.
pub(super) async fn discard(session: &Session<'_>, what: AwaitingConsent) -> Result<(), Failure> {
    report_unsent(session, session.ledger.withdraw(what).await?, "declined");
    Ok(())
}

fn report_unsent(session: &Session<'_>, (rows, agreements): (u64, u64), what: &str) {
    let unsent = counted_with(rows, agreements, "acceptance");
    session.output.note(format_args!("Nothing was sent; {unsent} {what}."));
}

/// Returns the number of rejected rows of the file, and whether it is refused as a whole. `shows_plan`: a plan follows,
/// which has the columns that `--auto-map` took.
async fn ingest(
    input: InputFile,
    settings: &intake::Settings,
    validation: &validation::Settings,
    companies: &mut Companies,
    shows_plan: bool,
    session: &mut Session<'_>,
) -> Result<(u64, bool), Halt> {
    let path = input.source.path.clone();
    let (sender, receiver) = watch::channel(ReadProgress::default());
    let mut signalled = None;
    let interrupted = async {
        match session.signals.recv().await {
            Some(signal) => signalled = Some(signal),
            None => std::future::pending().await,
        }
    };
    let reading = async {
        let validator = Validator::new(validation.clone());
        for note in validator.notes() {
            session.output.note(format_args!("Country rules: {note}."));
        }
        let report = intake::ingest(
            input.source,
            &session.ledger,
            validator,
            settings,
            companies,
            &sender,
            interrupted,
        )
        .await;
        drop(sender);
        report
    };
    let (report, ()) = tokio::join!(reading, session.output.show_reading(&path, input.size, receiver));
    let report = match (report, signalled) {
        (Ok(report), _) => report,
        (Err(intake::Error::Reading(reading::Error::Interrupted(_))), Some(signal)) => {
            return Err(StopReason::Interrupted(signal).into());
        }
        (Err(intake::Error::Ledger(error)), _) => return Err(StopReason::Ledger(error).into()),
        (Err(error), _) => return Err(error.into()),
    };
    notes::report(&path, &report, shows_plan, session.output);
    session.changes.join(&report.changes);
    session.only_for_columns(&report.header);
    let outcome = (report.judged.rejected, report.is_refused);
    session.columns.add(report.columns);
    Ok(outcome)
}
