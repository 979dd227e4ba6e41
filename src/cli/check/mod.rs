//! `tenantry check`: reports every problem in every row, creates nothing.

mod copy;
mod file;
mod online;
mod report;

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;

use tokio::sync::watch;

use super::input::{InputFile, NO_ROWS, describe_auto_mapped, describe_suggested_columns};
use super::next_command::Repeated;
use super::settings::{self, ServiceConnection};
use super::shell::{quoted, quoted_file};
use super::signals::Interruption;
use super::{ExitCode, Failure, Output, args, rules};
use crate::check::{
    CheckEnd, CheckTally, Copying, EarlierRows, FileCheck, InOrder, JsonReport, RowChecker, TextReport,
};
use crate::files::free_name;
use crate::intake::companies::Companies;
use crate::printable::escape_for_terminal;
use crate::reader::{self, ColumnUse, ROW_COLUMN};
use crate::reading::{self, OpenedFile, ReadProgress};
use crate::report::{counted, one_line};
use crate::validation::Validator;
use copy::AnnotatedCopy;
use file::FileInProgress;
use online::OnlineChecker;
use report::{CheckReport, OutputFormat};

pub(crate) async fn run(args: args::CheckArgs, output: &Output) -> Result<ExitCode, Failure> {
    args.input.refuse_contradictions()?;
    // Open the files first, so that a misspelt name is reported at once.
    let inputs = args.files.iter().map(InputFile::open).collect::<Result<Vec<_>, _>>()?;
    let copy = AnnotatedCopy::prepare(&args)?;
    let interruption = Interruption::listen();
    let live_rules = rules::live(&settings::api_name(&args.connection, &args.rehearsal)?, output);
    let mut validation = args.input.validation(args.connection.cloud, live_rules);
    let mut checker = None;
    if args.online {
        let connection =
            ServiceConnection::prepare(&args.connection, args.rehearsal.simulate.as_ref(), None)?;
        let opened = Box::pin(OnlineChecker::open(connection, &args.pace, &interruption, output)).await?;
        validation.partner_domains.extend_from_slice(&opened.partner_domains);
        checker = Some(opened);
    }
    let companies = Companies::new(!validation.partner_domains.is_empty());
    let validator = Validator::new(validation);
    for note in validator.notes() {
        output.note(format_args!("Country rules: {note}."));
    }
    let form = if args.json {
        OutputFormat::Json(JsonReport::default())
    } else {
        OutputFormat::Text(TextReport::new(args.all))
    };
    let mut check = CheckRun {
        output,
        args: &args,
        validator,
        interruption,
        checker: checker.as_ref(),
        report: CheckReport::new(output, form),
        copy,
        earlier_rows: EarlierRows::default(),
        companies,
        tally: CheckTally::default(),
        columns: ColumnUse::default(),
    };
    for input in inputs {
        check.file(input).await?;
    }
    if let Some(note) = check.companies.note() {
        output.note(note);
    }
    let has_errors = check.tally.has_errors();
    let given_up = checker.as_ref().is_some_and(|checker| checker.online.given_up().next().is_some());
    check.report.end(&CheckEnd {
        files: args.files.len(),
        has_copy: args.output.is_some(),
        copy: &quoted(&free_name(Path::new("problems.csv")).to_string_lossy()),
        tally: &check.tally,
        columns: &check.columns,
        partner: checker.as_ref().map(|checker| checker.partner.words.as_str()),
        online: checker.as_ref().map(|checker| &*checker.online),
        next: &next_command(&args, Repeated::of(output.matches()), &check.tally, given_up),
    })?;
    tracing::info!(
        rows = check.tally.rows(),
        good = check.tally.good,
        with_warnings = check.tally.warned,
        with_errors = check.tally.wrong,
        duplicates = check.tally.duplicates,
        "checked"
    );
    drop(check);
    if let Some(checker) = checker
        && let Some(failure) = checker.close().await
    {
        return Err(failure);
    }
    Ok(if has_errors { ExitCode::SomeRefused } else { ExitCode::Done })
}

/// A check in progress.
struct CheckRun<'a> {
    output: &'a Output,
    args: &'a args::CheckArgs,
    validator: Validator,
    interruption: Interruption,
    /// For lookups at Partner Center, with `--online`.
    checker: Option<&'a OnlineChecker>,
    report: CheckReport<'a>,
    copy: Option<AnnotatedCopy>,
    /// The rows of all files so far.
    earlier_rows: EarlierRows,
    companies: Companies,
    /// The counts of the files that are finished.
    tally: CheckTally,
    /// How the columns of all files so far are used.
    columns: ColumnUse,
}

impl CheckRun<'_> {
    async fn file(&mut self, input: InputFile) -> Result<(), Failure> {
        let (path, size) = (input.source.path.clone(), input.size);
        let output = self.output;
        let (sender, receiver) = watch::channel(ReadProgress::default());
        let rows = async {
            let checked = self.rows(input, &sender).await;
            drop(sender);
            checked
        };
        let (checked, ()) = tokio::join!(rows, output.show_reading(&path, size, receiver));
        checked
    }

    async fn rows(
        &mut self,
        input: InputFile,
        progress: &watch::Sender<ReadProgress>,
    ) -> Result<(), Failure> {
        let interruption = self.interruption.clone();
        let mut interrupted = pin!(interruption.stopping().cancelled());
        let unread = |error| match error {
            reading::Error::Interrupted(_) => interruption.failure(),
            error => error.into(),
        };
        let path = input.source.path.clone();
        let options = self.args.input.reader_options(self.output);
        let opened = OpenedFile::open(input.source, options, interrupted.as_mut()).await.map_err(unread)?;
        let header = opened.header().clone();
        if let Some(copy) = &mut self.copy {
            copy.begin(&header, opened.layout())?;
        }
        self.report_layout(&path, opened.layout(), &header);
        let mut file = FileInProgress {
            path: path.clone(),
            check: FileCheck::new(header, self.args.input.strictness(), self.args.input.allow_direct),
            earlier_rows: &mut self.earlier_rows,
            companies: &mut self.companies,
            report: &mut self.report,
            progress,
            checker: self
                .checker
                .map(|checker| (checker, InOrder::new(checker.online.clone(), self.args.concurrency))),
            copy: self.copy.as_mut(),
        };
        file.further_sheets(opened.layout().further_sheets())?;
        file.earlier_rows.begin_file(&file.path);
        file.companies.begin_file(&file.path);
        let copying = file.copy.as_ref().map_or(Copying::Nothing, |copy| copy.copying());
        let (earlier_rows, companies) = (&*file.earlier_rows, &*file.companies);
        let row_checker =
            RowChecker::new(self.validator.clone(), earlier_rows, companies, self.args.online, copying);
        let mut rows =
            opened.start(move |header, rows| rows.iter().map(|row| row_checker.row(header, row)).collect());
        while let Some(batch) = rows.next(interrupted.as_mut()).await.map_err(unread)? {
            file.batch(batch).await?;
        }
        rows.end().await.map_err(unread)?;
        let (tally, at_the_end) = file.end().await?;
        if tally.rows() == 0 {
            self.output.note(format_args!("{path}: {NO_ROWS}."));
        }
        self.tally.add(tally);
        if let (Some(mut copy), Some(path)) = (self.copy.take(), &self.args.output) {
            let (fixed, by_hand) = (copy.fixed, std::mem::take(&mut copy.by_hand));
            copy.finish(&at_the_end)?;
            self.output.note(format_args!("Written to `{}`: every row, with what is wrong.", path.display()));
            if self.args.fix {
                self.output.note(describe_fixed(fixed));
                if let Some(left) = describe_by_hand(&by_hand) {
                    self.output.note(left);
                }
            }
        }
        Ok(())
    }

    /// Reports the layout of the file, if it differs from the default, and the use of its columns.
    fn report_layout(&mut self, path: &str, layout: &reader::Layout, header: &reader::Header) {
        if *layout != reader::Layout::default() {
            self.output.note(format_args!("{path}: read as {}.", escape_for_terminal(&layout.to_string())));
        }
        if header.own_column(ROW_COLUMN).is_some() {
            self.output.note(format_args!(
                "{path}: an export; `import` also compares its rows with the ledger, to find cells that a spreadsheet \
                 has changed."
            ));
        }
        let columns = ColumnUse::of(header);
        if !columns.left_out.is_empty() {
            let names = columns.left_out.join("`, `");
            self.output.note(format_args!("{path}: not used: `{names}`."));
        }
        if let Some(taken) = describe_auto_mapped(&columns.auto_mapped) {
            self.output.note(format_args!("{path}: {taken}."));
        }
        let meant: Vec<_> = header.suggested_columns().collect();
        if let Some(guess) = describe_suggested_columns(&meant) {
            self.output.note(format_args!("{path}: {guess}"));
        }
        self.columns.add(columns);
    }
}

fn describe_fixed((cells, rows): (u64, u64)) -> String {
    if cells == 0 {
        return "Nothing was fixed: no suggestion can be applied.".to_owned();
    }
    let (cells, rows) = (counted(cells, "cell"), counted(rows, "row"));
    format!("Fixed {cells} in {rows}; the column `tenantry_fixed` lists each change.")
}

/// The suggestions that are left to the operator, by column, and why. `None`: there are none.
fn describe_by_hand(by_hand: &BTreeMap<String, u64>) -> Option<String> {
    let suggestions = by_hand.values().sum();
    let columns: Vec<String> =
        by_hand.iter().map(|(column, count)| format!("`{}` ({count})", one_line(column))).collect();
    (suggestions > 0).then(|| {
        format!(
            "Left to you: {} in {}. In columns for domain, e-mail, country and reseller, `--fix` changes only letter \
             case, blanks and exact names of countries, because another value may mean another customer.",
            counted(suggestions, "suggestion"),
            columns.join(", ")
        )
    })
}

/// The command that the operator would run next.
fn next_command(args: &args::CheckArgs, repeated: Repeated, tally: &CheckTally, given_up: bool) -> String {
    let has_errors = tally.has_errors();
    let files = args.files.iter().map(|file| quoted_file(&file.to_string_lossy()));
    let files = files.collect::<Vec<_>>().join(" ");
    let repeated = if args.online { repeated } else { repeated.without::<args::Pace>() };
    let check = |repeated: &Repeated| repeated.command(if args.online { "check --online" } else { "check" });
    let copy = args.output.as_ref().map(|copy| quoted_file(&copy.to_string_lossy()));
    if given_up {
        format!("{} {files}", check(&repeated))
    } else if tally.rows() == 0 {
        format!("put rows below the header, then {} {files}", check(&repeated))
    } else if let (true, Some(copy)) = (has_errors, &copy) {
        let check = check(&repeated.without_layout());
        format!("correct the rows with errors in {copy}, then {check} {copy}")
    } else if has_errors {
        let may_fix = tally.corrections > 0 && args.files.len() == 1;
        let fix = if may_fix { ", or some of them with `--fix -o fixed.csv`" } else { "" };
        format!("correct the rows with errors{fix}, then {} {files}", check(&repeated))
    } else if let (true, Some(copy)) = (args.fix, &copy) {
        format!("{} {copy}", repeated.without_layout().command("import"))
    } else {
        format!("{} {files}", repeated.command("import"))
    }
}
