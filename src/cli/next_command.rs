//! Determines what is left after a run or between runs, and suggests the next command.

mod repeated;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::args::{self, ExportKind};
use super::cloud::Cloud;
use super::input::is_pipe;
use super::shell::{quoted, quoted_file};
use super::{ExitCode, Output, settings};
use crate::files::free_name;
use crate::ledger::{
    self, AgreementCounts, Filter, HeldSource, HoldReason, InputOptions, ListRefusal, Queries, RowCounts,
    State, StepKind, UnresolvedRows,
};
use crate::reader::{from_csv, has_column};
use crate::report::{Commands, LedgerSummary, NextSteps};
use crate::submitter::StopReason;
use repeated::flags_of;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use repeated::fuzzed;
pub(super) use repeated::{Repeated, names_of};

/// The most unresolved rows that the next command names.
const UNRESOLVED_NAMED: u32 = 3;

/// What is left when no work is in progress.
#[derive(Debug)]
pub(super) struct Remaining {
    pub(super) rows: RowCounts,
    pub(super) agreements: AgreementCounts,
    /// The import of the lists that hold rows back.
    waits_for: Option<NextImport>,
    /// Some open rows can continue without a list.
    can_resume: bool,
    /// The validation flags ([`validation_flags`]) of the rows that would be exported for correction.
    exported: BTreeSet<String>,
    /// Refused rows and acceptances that their lists no longer contain.
    gone: u64,
    /// The ledger was restored, and what was refused before may be corrected in a file.
    may_be_corrected_elsewhere: bool,
    unresolved: UnresolvedRows,
    /// A new password was not opened yet.
    has_new_passwords: bool,
}

/// The import of files that hold rows back.
#[derive(Debug)]
struct NextImport {
    /// Its options and files.
    import: String,
    /// If the files were refused as a whole, for what is in them: the files, and the options with which `check` finds
    /// the same.
    correct: Option<(String, String)>,
    /// How many customers it has to allow, if the files were refused because they would create too many.
    max_new: Option<u64>,
}

/// The flags with which the rows to be corrected next were validated, each combination once; empty if they are not
/// known.
fn validation_flags(
    queries: &Queries,
    rows: &RowCounts,
    agreements: &AgreementCounts,
) -> Result<BTreeSet<String>, ledger::Error> {
    let Some(ExportKind(filter)) = to_correct(rows, agreements) else { return Ok(BTreeSet::new()) };
    let given = queries.given_for(filter)?;
    let remembered = queries.remembered_for_exports()?;
    let flags = given.iter().map(|(given, header)| {
        let given = given.as_ref()?.without_layout();
        if remembered.as_ref() == Some(&given) {
            return Some(flags_of(&given.without_columns()));
        }
        let names: Vec<String> =
            from_csv(header).iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        Some(flags_of(&given.for_columns(|wanted| has_column(&names, wanted))))
    });
    Ok(flags.collect::<Option<_>>().unwrap_or_default())
}

/// The rows that the operator would export and correct next, if nothing is open.
fn to_correct(rows: &RowCounts, agreements: &AgreementCounts) -> Option<ExportKind> {
    let mut refused =
        State::OF_ROWS.into_iter().filter(|state| state.is_refused() && rows.unacknowledged(*state) > 0);
    let agreements = (agreements.refused() > 0).then_some(Filter::UnrecordedAgreements);
    refused.next().map(Filter::State).or(agreements).map(ExportKind)
}

/// The import of files that hold rows back. Files with different options need one command each.
/// So do the files of a restored ledger, because their order matters, and files that may have been too long each in a run
/// of its own: the command is for the last one.
fn to_bring_again(held: &[HeldSource]) -> Option<NextImport> {
    let last = held.last()?;
    let given = given_again(last);
    let is_alike = |source: &HeldSource| given_again(source) == given && source.why.name() == last.why.name();
    let may_be_together = last.why != HoldReason::Restored && last.why.max_new().is_none();
    let are_together = may_be_together && held.iter().all(is_alike);
    let sources = if are_together { held } else { std::slice::from_ref(last) };
    let files: Vec<String> = sources.iter().map(|source| quoted_file(&source.path)).collect();
    let files = files.join(" ");
    // Nothing is remembered of a pipe.
    let flags = if last.path == "-" { flags_of(&given) } else { flags_of(&given.without_columns()) };
    // `check` remembers nothing.
    let check = || flags_of(&InputOptions { require_valid: false, ..given.clone() });
    let max_new = last.why.max_new();
    let is_wrong = matches!(last.why, HoldReason::Refused(_)) && max_new.is_none();
    let correct = is_wrong.then(|| (files.clone(), check()));
    Some(NextImport { import: format!("{flags} {files}"), correct, max_new })
}

/// The options that bring a list again: with its sheet, if the workbook had several, because another one may be the first
/// by now.
fn given_again(source: &HeldSource) -> InputOptions {
    let found = source.given.found_sheet.clone().filter(|_| source.given.found_sheets.len() > 1);
    let given = source.given.as_given();
    InputOptions { sheet: given.sheet.clone().or(found), ..given }
}

impl Remaining {
    /// `held`: files that hold rows back.
    pub(super) fn new(
        queries: &Queries,
        rows: RowCounts,
        agreements: AgreementCounts,
        held: &[HeldSource],
    ) -> Result<Self, ledger::Error> {
        let waiting: u64 = held.iter().map(|source| source.waiting).sum();
        let exported = validation_flags(queries, &rows, &agreements)?;
        let (gone, has_new_passwords) = (queries.gone()?, queries.has_new_passwords()?);
        let unresolved = match rows.unacknowledged(State::Unresolved) {
            0 => UnresolvedRows::default(),
            _ => queries.unresolved_rows(UNRESOLVED_NAMED)?,
        };
        let left = Self {
            rows,
            agreements,
            waits_for: to_bring_again(held),
            can_resume: false,
            exported,
            gone,
            may_be_corrected_elsewhere: queries.may_be_corrected_elsewhere()?,
            unresolved,
            has_new_passwords,
        };
        // Rows from a pipe cannot be imported again by file name; `resume` asks about them.
        let can_resume = held.iter().any(|source| source.path == "-" && source.is_settled_by_consent);
        let open = left.open() + left.unresolved.held_back;
        Ok(Self { can_resume: can_resume || open != waiting, ..left })
    }

    /// Rows and acceptances that are not finished, including those held back.
    pub(super) fn open(&self) -> u64 {
        self.rows.open() + self.agreements.open() + self.agreements.held_back
    }

    /// The exit code if nothing is open.
    pub(super) fn settled_exit_code(&self) -> ExitCode {
        if self.rows.unacknowledged(State::Unresolved) > 0 {
            ExitCode::SomeUnresolved
        } else if self.rows.refused() + self.agreements.refused() > 0 {
            ExitCode::SomeRefused
        } else {
            ExitCode::Done
        }
    }

    /// Are there refused rows, and does no list contain one of them any more?
    fn are_all_gone(&self) -> bool {
        self.gone > 0 && self.gone == self.rows.refused() + self.agreements.refused()
    }

    /// The next steps, after a command that read and validated files with the options `given`, if it `has_read` some.
    fn next(
        &self,
        has_read: bool,
        stopped: Option<&StopReason>,
        repeated: &Repeated,
        given: &InputOptions,
    ) -> Option<NextSteps> {
        let is_discarded = matches!(
            stopped,
            Some(StopReason::Declined | StopReason::Interrupted(_) | StopReason::ListRefused(_))
        );
        let once = stopped.and_then(condition);
        // After an import, `resume` would send the other rows, and not those of the list.
        let is_too_long =
            has_read && matches!(stopped, Some(StopReason::ListRefused(ListRefusal::TooManyNew { .. })));
        if is_discarded && self.open() == 0 {
            None
        } else if let Some(NextImport { import, correct, max_new }) =
            self.waits_for.as_ref().filter(|_| is_too_long || !self.can_resume)
        {
            let mut allowing = repeated.clone();
            if let Some(new) = max_new {
                allowing.add_option("max_new", &new.to_string());
            }
            let import = allowing.command("import") + import;
            let next = match correct {
                Some((files, options)) => {
                    let check = NextSteps::run(format!("{}{options} {files}", check(repeated)));
                    check.then(format!("then correct {files} and run"), import)
                }
                None => NextSteps::run(import),
            };
            Some(NextSteps { once, ..next })
        } else if stopped.is_some() || self.open() > 0 {
            Some(NextSteps { once, ..NextSteps::run(repeated.command("resume")) })
        } else if self.rows.unacknowledged(State::Unresolved) > 0 {
            Some(self.about_unresolved(repeated))
        } else if self.are_all_gone() {
            Some(NextSteps::run(repeated.command("acknowledge --gone")))
        } else if let Some(what) = to_correct(&self.rows, &self.agreements) {
            Some(self.correction(what, repeated, given))
        } else if self.has_new_passwords && repeated.can_open_passwords() {
            let command =
                format!("{} -o {}", repeated.command("credentials --unopened"), free("passwords.csv"));
            Some(NextSteps::run(command))
        } else {
            None
        }
    }

    /// Asks about the unresolved rows. If asking did not settle them, the operator has to look for their customers.
    fn about_unresolved(&self, repeated: &Repeated) -> NextSteps {
        let ask = repeated.command("reconcile");
        if self.unresolved.may_be_settled {
            return NextSteps::run(ask);
        }
        let domains: String =
            self.unresolved.first.iter().map(|domain| format!(" --domain {}", quoted(domain))).collect();
        let look = if self.rows.unacknowledged(State::Unresolved) > self.unresolved.first.len() as u64 {
            let acknowledge = repeated.command("acknowledge --domain DOMAIN");
            NextSteps::run(repeated.command("list --state unresolved"))
                .then(format!("then look for each customer in Partner Center, and run `{acknowledge}`"), None)
        } else {
            let once = Some("when you have looked for the customer in Partner Center");
            NextSteps { once, ..NextSteps::run(repeated.command(&format!("acknowledge{domains}"))) }
        };
        look.then("or, to ask again", ask)
    }

    /// Exports `what`, to be corrected and imported again.
    fn correction(&self, what: ExportKind, repeated: &Repeated, given: &InputOptions) -> NextSteps {
        let file = free(&format!("{}.csv", what.name()));
        let export = repeated.command(&format!("export {}", what.name()));
        let once = self
            .may_be_corrected_elsewhere
            .then_some("when you have imported the files that you corrected after the backup");
        let next = NextSteps { once, ..NextSteps::run(format!("{export} -o {file}")) };
        if self.exported.len() > 1 {
            // A single command would give the rows of one file the reseller of another.
            return next.then(
                "then correct it, and import the rows of each list separately, with the --map, --default, \
                 --reseller-id, --allow-direct and --strict that the list had",
                None,
            );
        }
        // If the flags are not known, use those of this run.
        let flags = self.exported.first().cloned().unwrap_or_else(|| flags_of(&given.without_layout()));
        // A refused acceptance may be correct as it is: its customer may have become visible since.
        let again = if what.0 == Filter::UnrecordedAgreements { " --retry-failed" } else { "" };
        let import = repeated.command("import");
        next.then(format!("then correct {file} and run"), format!("{import}{flags}{again} {file}"))
    }
}

/// When the next command works after this stop; `None`: at once.
fn condition(stopped: &StopReason) -> Option<&'static str> {
    match stopped {
        StopReason::SignIn { .. } => Some("when the sign-in works"),
        StopReason::NeedsUser(_) => Some("when you have signed in as a user (`tenantry login`)"),
        StopReason::Rights(_) => Some("when the rights are granted"),
        StopReason::Unexplained { .. } | StopReason::Ledger(_) => Some("when the cause is removed"),
        _ => None,
    }
}

/// Adds to each kind of error the command that lists all its rows, and to all commands the options for the ledger.
pub(super) fn list_rows(standing: &mut LedgerSummary, repeated: &Repeated) {
    standing.commands = Commands::with(|words| repeated.command(words));
    for error in standing.errors.iter_mut().filter(|error| error.refused.kind == StepKind::Create) {
        let code = quoted(&error.code);
        error.list = Some(repeated.command(&format!("list --state {} --code {code}", error.state)));
    }
}

/// `tenantry WORDS`, as a hint about the ledger that this command works on.
pub(super) fn of(output: &Output, words: &str) -> String {
    Repeated::of(output.matches()).without_kept().command(words)
}

/// The command that counts the rows of the ledger that this command works on.
pub(super) fn status(output: &Output) -> String {
    of(output, "status")
}

/// An unused name for an output file in the working folder.
fn free(name: &str) -> String {
    quoted(&free_name(Path::new(name)).to_string_lossy())
}

/// The `check` that finds in a list what its import has found.
fn check(repeated: &Repeated) -> String {
    repeated.clone().offline().command("check")
}

/// The next steps after a run that read `inputs` with the options `given`.
pub(super) fn after_run(
    left: &Remaining,
    stopped: Option<&StopReason>,
    repeated: &Repeated,
    given: &InputOptions,
    inputs: &[PathBuf],
) -> Option<NextSteps> {
    match (stopped, inputs) {
        // `retry` left these rows alone; they are corrected like refused rows.
        (Some(StopReason::ListRefused(ListRefusal::NotAllValid { .. })), []) => {
            left.next(false, None, repeated, given)
        }
        (
            Some(StopReason::ListRefused(why @ (ListRefusal::NotAllValid { .. } | ListRefusal::Problem))),
            [input],
        ) if !is_pipe(input) => {
            let import = repeated.command("import");
            let (reading, input) = (flags_of(given), quoted_file(&input.to_string_lossy()));
            let condition = if *why == ListRefusal::Problem { "" } else { " --require-valid" };
            // Correct the file itself, not an export: a row that was rejected for its domain cannot be distinguished
            // from another row.
            let check = NextSteps::run(format!("{}{reading} {input}", check(repeated)));
            let import = format!("{import}{reading}{condition} {input}");
            Some(check.then(format!("then correct {input} and run"), import))
        }
        _ => left.next(!inputs.is_empty(), stopped, repeated, given),
    }
}

/// The next steps after a run that has failed. `typed`: all options of this command. The import of the same lists goes
/// on from any point, also where a list was not read to its end.
pub(super) fn after_failure(
    left: &Remaining,
    stopped: Option<&StopReason>,
    typed: &Repeated,
    given: &InputOptions,
    inputs: &[PathBuf],
) -> Option<NextSteps> {
    if inputs.is_empty() || inputs.iter().any(|input| is_pipe(input)) {
        return left.next(false, stopped, &typed.clone().without_kept(), given);
    }
    let files: String =
        inputs.iter().map(|input| format!(" {}", quoted_file(&input.to_string_lossy()))).collect();
    let once = stopped.map_or(Some("when the cause is removed"), condition);
    Some(NextSteps { once, ..NextSteps::run(typed.command("import") + &files) })
}

/// The next steps between two runs, from the contents of the ledger.
pub(super) fn between_runs(
    queries: &Queries,
    standing: &LedgerSummary,
    matches: &ArgMatches,
) -> Result<Option<NextSteps>, ledger::Error> {
    let repeated = repeated_for(queries, matches)?;
    match queries.refuse_copy() {
        Err(ledger::Error::Copied { .. }) => {
            let resume = NextSteps::run(repeated.command("resume --restored"));
            return Ok(Some(NextSteps {
                once: Some("if this copy takes the place of its original"),
                ..resume
            }));
        }
        known => known?,
    }
    let left = Remaining::new(queries, standing.rows, standing.agreements, &standing.held_back)?;
    let Some(next) = left.next(false, None, &repeated, &InputOptions::default()) else { return Ok(None) };
    let is_refused = left.settled_exit_code() == ExitCode::SomeRefused
        && left.rows.unacknowledged(State::Failed) + left.agreements.refused() > 0
        && !left.are_all_gone()
        && !left.may_be_corrected_elsewhere;
    Ok(Some(if left.open() == 0 && is_refused {
        next.then("or, if the cause is gone", repeated.command("retry"))
    } else {
        next
    }))
}

/// The options of this command, and those for the environment of its ledger.
fn repeated_for(queries: &Queries, matches: &ArgMatches) -> Result<Repeated, ledger::Error> {
    let mut repeated = Repeated::of(matches);
    if let Some(environment) = queries.environment()? {
        if settings::is_simulated(&environment) {
            repeated.add_option("simulate", args::DEFAULT_SCENARIO);
        } else if environment.api == Cloud::China.api_url() {
            repeated.add_option("cloud", &Cloud::China.to_string());
        } else if environment.api != Cloud::Global.api_url() {
            repeated.add_option("api_url", &environment.api);
        }
        if let Some(tenant) = environment.partner_tenant_id {
            repeated.add_option("tenant_id", &tenant.to_string());
        }
    }
    Ok(repeated)
}

/// The command that continues a restored copy of this ledger.
pub(super) fn after_restore(queries: &Queries, output: &Output) -> Result<String, ledger::Error> {
    Ok(repeated_for(queries, output.matches())?.command("resume --restored"))
}
