//! `tenantry import`: files into the ledger, then open rows to Partner Center.

use tokio::sync::watch;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::input::InputFile;
use super::output::Output;
use super::rules;
use super::session::{Session, Start, expected_time};
use super::settings::LedgerChoice;
use crate::intake;
use crate::reading::{self, Progress};
use crate::report::{counted, rough};
use crate::submitter::{Mode, Signal, StopReason};
use crate::validation;
use crate::validation::{Validator, visible};

pub(crate) async fn run(args: args::Import, output: &Output) -> Result<ExitCode, Failure> {
    args.input.refuse_contradictions()?;
    // Opened before anything else happens, so that a misspelt name changes nothing.
    let inputs = args.files.iter().map(InputFile::open).collect::<Result<Vec<_>, _>>()?;
    let start = Start {
        command: "import",
        ledger: LedgerChoice::from(args.ledger),
        connection: &args.connection,
        submission: &args.submission,
        may_make_ledger: true,
        judging_flags: args.input.judging_flags(),
    };
    let simulated = start.ledger.simulate.is_some();
    let mut session = Session::begin(start, output).await?;
    let live_rules = rules::live(&session.connection.environment.api, output);
    let intake = Intake {
        settings: intake::Settings {
            reader: args.input.layout.reader_options(),
            retry_failed: args.retry_failed,
            allow_direct: args.input.allow_direct,
        },
        validation: args.input.validation(args.connection.cloud, live_rules),
    };
    let will_ask = !simulated && !args.yes && output.is_interactive();
    for input in inputs {
        match intake.take_up(input, &mut session).await {
            Ok(()) => {}
            Err(stopped) => {
                if will_ask {
                    // A ledger that cannot be written is what stopped us; its rows wait for a file read to its end.
                    drop(let_go(&session).await);
                }
                return match stopped {
                    Stopped::Signalled(signal) => session.end(Some(StopReason::Interrupted(signal))).await,
                    Stopped::Failed(failure) => session.abort(failure).await,
                };
            }
        }
    }
    if will_ask {
        match agreed(&mut session, &args.submission).await? {
            Answer::Yes => {}
            Answer::No => {
                let_go(&session).await?;
                return session.end(Some(StopReason::Declined)).await;
            }
            Answer::Signalled(signal) => {
                let_go(&session).await?;
                return session.end(Some(StopReason::Interrupted(signal))).await;
            }
        }
    }
    let stopped = session.submit(Mode::Submit).await?;
    session.end(stopped).await
}

/// Lets go of what nobody has agreed to: `resume`, which does not ask, must not find it.
async fn let_go(session: &Session<'_>) -> Result<(), Failure> {
    let (rows, agreements) = session.ledger.withdraw().await?;
    let agreements = match agreements {
        0 => String::new(),
        _ => format!(" and {}", counted(agreements, "acceptance")),
    };
    session.output.note(format_args!("Nothing was sent; {}{agreements} let go.", counted(rows, "row")));
    Ok(())
}

struct Intake {
    settings: intake::Settings,
    validation: validation::Settings,
}

enum Stopped {
    Signalled(Signal),
    Failed(Failure),
}

impl Intake {
    async fn take_up(&self, input: InputFile, session: &mut Session<'_>) -> Result<(), Stopped> {
        let path = input.source.path.clone();
        let (sender, receiver) = watch::channel(Progress::default());
        let mut signalled = None;
        let interrupted = async {
            match session.signals.recv().await {
                Some(signal) => signalled = Some(signal),
                None => std::future::pending().await,
            }
        };
        let reading = async {
            let validator = Validator::new(self.validation.clone());
            for note in validator.notes() {
                session.output.note(format_args!("Country rules: {note}."));
            }
            let report = intake::take_up(
                input.source,
                &session.ledger,
                validator,
                &self.settings,
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
                return Err(Stopped::Signalled(signal));
            }
            (Err(error), _) => return Err(Stopped::Failed(error.into())),
        };
        let taken = report.taken;
        session.output.note(format_args!(
            "{path} ({}): {} read, {} new ({} rejected), {} known, {}.",
            visible(&report.layout),
            counted(report.rows, "row"),
            taken.new,
            taken.rejected,
            taken.known,
            counted(taken.duplicates, "equal duplicate")
        ));
        if taken.replaced > 0 {
            session.output.note(format_args!(
                "{path}: {} replaced by corrected ones before, which stand.",
                counted(taken.replaced, "row")
            ));
        }
        for problem in &report.problems {
            session.output.note(format_args!("  {problem}"));
        }
        if taken.taken_up > 0 {
            session
                .output
                .note(format_args!("{path}: {} tried again.", counted(taken.taken_up, "failed row")));
        }
        for (agreements, what) in
            [(taken.agreements, "to be recorded"), (taken.agreements_rejected, "failed validation")]
        {
            if agreements > 0 {
                let agreements = counted(agreements, "agreement");
                session.output.note(format_args!("{path}: {agreements} of customers that exist: {what}."));
            }
        }
        if !report.unknown_columns.is_empty() {
            let names = report.unknown_columns.join("`, `");
            session.output.note(format_args!("{path}: kept for exports, but no data of ours: `{names}`."));
        }
        Ok(())
    }
}

enum Answer {
    Yes,
    No,
    Signalled(Signal),
}

/// Shows what is about to happen and asks: it cannot be undone.
async fn agreed(session: &mut Session<'_>, args: &args::Submission) -> Result<Answer, Failure> {
    let queries = session.queries()?;
    let plan = queries.plan()?;
    let new_rows = queries.pending_of(session.ledger.run())?;
    let rows: u64 = plan.iter().map(|group| group.rows).sum();
    let agreements = queries.user_needs()?.with_agreements;
    if rows + agreements == 0 {
        return Ok(Answer::Yes);
    }
    let waiting = rows.saturating_sub(new_rows);
    let environment = &session.connection.environment;
    let tenant = environment.partner_tenant_id.map_or_else(|| "not known yet".to_owned(), |t| t.to_string());
    session.output.note(format_args!(
        "{} will be created at {} (partner tenant {tenant}).",
        counted(rows, "customer"),
        environment.api
    ));
    for group in plan {
        let reseller = group.reseller.map_or_else(|| "no reseller".to_owned(), |id| format!("reseller {id}"));
        session.output.note(format_args!("  {:>9}  {}  {reseller}", group.rows, group.country));
    }
    if waiting > 0 {
        session.output.note(format_args!("{} of them waited from earlier imports.", waiting));
    }
    if agreements > 0 {
        session.output.note(format_args!(
            "{} of the customer agreement will be recorded, in the name of your company.",
            counted(agreements, "acceptance")
        ));
    }
    if let Some(time) = expected_time(rows + agreements, args.pace.rate) {
        session.output.note(format_args!("At this rate it takes about {}.", rough(time)));
    }
    let question = match rows {
        0 => "Recording an acceptance cannot be undone. Go ahead?".to_owned(),
        _ => "Creating customers cannot be undone. Go ahead?".to_owned(),
    };
    tokio::select! {
        answer = session.output.confirm(question) => Ok(if answer? { Answer::Yes } else { Answer::No }),
        Some(signal) = session.signals.recv() => Ok(Answer::Signalled(signal)),
    }
}
