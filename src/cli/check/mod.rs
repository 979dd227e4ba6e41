//! `tenantry check`: every problem of every row, nothing written, nothing created.

mod report;

use tokio::sync::watch;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::input::InputFile;
use super::output::Output;
use super::rules;
use super::settings::{self, push_flag, quoted};
use super::signals::Interruption;
use crate::check::{FileCheck, Json, Judged, Tally, Text};
use crate::reader;
use crate::reading::{self, Opened, Progress};
use crate::validation::Validator;
use report::{Form, Report};

pub(crate) async fn run(args: args::Check, output: &Output) -> Result<ExitCode, Failure> {
    // Opened before anything else happens, so that a misspelt name is known at once.
    let inputs = args.files.iter().map(InputFile::open).collect::<Result<Vec<_>, _>>()?;
    let interruption = Interruption::listen();
    let live_rules = rules::live(&settings::api_name(&args.connection, &args.rehearsal)?, output);
    let validator = Validator::new(args.input.validation(args.connection.cloud, live_rules));
    for note in validator.notes() {
        output.note(format_args!("Country rules: {note}."));
    }
    let form = if args.json { Form::Json(Json::default()) } else { Form::Text(Text::new(args.all)) };
    let mut check = Check {
        output,
        reader: args.input.reader_options(),
        validator,
        allow_direct: args.input.allow_direct,
        report: Report::new(output, form),
        tally: Tally::default(),
    };
    for input in inputs {
        check.file(input, &interruption).await?;
    }
    let Check { mut report, tally, .. } = check;
    report.end(args.files.len(), &tally, &next_command(&args, tally.wrong > 0))?;
    Ok(if tally.wrong > 0 { ExitCode::SomeRefused } else { ExitCode::Done })
}

/// A check in progress.
struct Check<'a> {
    output: &'a Output,
    reader: reader::Options,
    validator: Validator,
    allow_direct: bool,
    report: Report<'a>,
    /// Of the files that are done.
    tally: Tally,
}

/// Why a file was not checked to its end.
enum Stopped {
    Reading(reading::Error),
    Failed(Failure),
}

impl From<reading::Error> for Stopped {
    fn from(error: reading::Error) -> Self {
        Stopped::Reading(error)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Stopped::Failed(failure)
    }
}

impl Check<'_> {
    async fn file(&mut self, input: InputFile, interruption: &Interruption) -> Result<(), Failure> {
        let (path, size) = (input.source.path.clone(), input.size);
        let output = self.output;
        let (sender, receiver) = watch::channel(Progress::default());
        let rows = async {
            let checked = self.rows(input, &sender, interruption.stopping().cancelled()).await;
            drop(sender);
            checked
        };
        let (checked, ()) = tokio::join!(rows, output.show_reading(&path, size, receiver));
        checked.map_err(|stopped| match stopped {
            Stopped::Reading(reading::Error::Interrupted(_)) => interruption.failure(),
            Stopped::Reading(error) => error.into(),
            Stopped::Failed(failure) => failure,
        })
    }

    async fn rows(
        &mut self,
        input: InputFile,
        progress: &watch::Sender<Progress>,
        interrupted: impl Future<Output = ()>,
    ) -> Result<(), Stopped> {
        tokio::pin!(interrupted);
        let path = input.source.path.clone();
        let opened = Opened::open(input.source, self.reader.clone(), interrupted.as_mut()).await?;
        let header = opened.header();
        self.tell_of_unknown_columns(&path, header);
        let mut check = FileCheck::new(header, self.allow_direct);
        let validator = self.validator.clone();
        let mut rows = opened
            .start(move |header, row| Judged { line: row.line(), verdict: validator.validate(header, row) });
        while let Some(batch) = rows.next(interrupted.as_mut()).await? {
            for judged in batch.rows {
                let met = check.meet(judged);
                for problem in &met.problems {
                    self.report.problem(&path, problem)?;
                }
                check.settle(&met);
            }
            self.report.write()?;
            progress.send_replace(batch.progress);
        }
        rows.end().await?;
        let (problems, tally) = check.end();
        for problem in problems {
            self.report.problem(&path, &problem)?;
        }
        self.report.end_of_file(&path, &tally)?;
        self.tally.add(tally);
        Ok(())
    }

    fn tell_of_unknown_columns(&self, path: &str, header: &reader::Header) {
        let names: Vec<_> = header.unknown().collect();
        if !names.is_empty() {
            let names = names.join("`, `");
            self.output.note(format_args!("{path}: no data of ours, and not checked: `{names}`."));
        }
    }
}

/// The command that an operator would type next.
fn next_command(args: &args::Check, has_errors: bool) -> String {
    let mut flags = args.input.flags();
    if args.connection.cloud != super::cloud::Cloud::Global {
        push_flag(&mut flags, "--cloud", &args.connection.cloud.to_string());
    }
    let files = args.files.iter().map(|file| quoted(&file.to_string_lossy()));
    let files = files.collect::<Vec<_>>().join(" ");
    if has_errors {
        format!("mend the rows with errors, then tenantry check{flags} {files}")
    } else {
        format!("tenantry import{flags} {files}")
    }
}
