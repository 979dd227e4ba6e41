//! Summarizes the state of a ledger and the result of a run: as JSON for scripts, as text for people.

use std::cmp::Reverse;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::customer_facts::FactsReader;
use super::next_steps::{NextSteps, as_commands};
use super::push_line::PushLine as _;
use super::states::{acknowledged, describe, meaning, tone};
use super::toned::{Tone, Toned};
use crate::intake::Changes;
use crate::ledger::{
    self, AgreementCounts, DiscardedSource, ErrorCount, HeldSource, LOST_PASSWORD, LeftToSend, Queries,
    RefusedRow, RefusedStep, RowCounts, RunId, RunTotals, Scope, State, StepKind, SubmissionPlan,
};
use crate::partner_center::codes;
use crate::printable::escape_for_terminal;
use crate::problem::Rule;
use crate::reader::ColumnUse;

/// The most domains with a lost password that are listed; `export created` lists all.
pub(crate) const LOST_PASSWORDS_NAMED: u32 = 10;

/// `check` does not know the options of an import.
const WITH_OPTIONS: &str = " (give it the --map, --auto-map and similar options of the import)";

/// The most rows that are named for each kind of refusal.
pub(super) const ROWS_NAMED: u32 = 3;

/// The most errors in the text; the JSON lists all.
const TOP_ERRORS: usize = 5;

/// The part that `status --json` and the summary of `--json` have in common.
#[derive(Debug, Serialize)]
pub(crate) struct LedgerSummary {
    pub(crate) rows: RowCounts,
    /// Customer agreements of created customers, for rows that name the person who accepted the agreement.
    pub(crate) agreements: AgreementCounts,
    pub(crate) errors: Vec<ErrorLine>,
    /// Files with rows that wait until the file is imported again, in the whole ledger.
    pub(crate) held_back: Vec<HeldSource>,
    /// Files with rows that the operator declined to send, and that were not imported again since.
    pub(crate) let_go: Vec<DiscardedSource>,
    /// Refused rows and acceptances that their lists no longer contain; not part of the JSON.
    #[serde(skip)]
    pub(crate) gone: u64,
    #[serde(skip)]
    pub(crate) commands: Commands,
}

/// The commands that the text names.
#[derive(Debug)]
pub(crate) struct Commands {
    /// Lists all kinds of errors.
    pub(super) status: String,
    acknowledge_gone: String,
    acknowledge_lost_passwords: String,
    /// Exports the created rows, with whether their passwords were lost.
    pub(super) export_created: String,
    pub(super) show: String,
}

impl Commands {
    /// `command` adds the options for the ledger.
    pub(crate) fn with(command: impl Fn(&str) -> String) -> Self {
        Self {
            status: command("status"),
            acknowledge_gone: command("acknowledge --gone"),
            acknowledge_lost_passwords: command(&format!("acknowledge --code {LOST_PASSWORD}")),
            export_created: command("export created"),
            show: command("show DOMAIN"),
        }
    }
}

impl Default for Commands {
    fn default() -> Self {
        Self::with(|words| format!("tenantry {words}"))
    }
}

/// One kind of refusal.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorLine {
    pub(crate) code: String,
    pub(crate) count: u64,
    pub(crate) hint: String,
    /// `failed`, `rejected` or `unresolved`; `agreement` if the customer exists and its agreement was refused.
    pub(crate) state: &'static str,
    /// The error text of one of the rows.
    pub(crate) example: String,
    /// Its first rows. Empty in a report, which names no domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rows: Vec<RefusedRow>,
    /// The command that lists all its rows.
    #[serde(skip)]
    pub(crate) list: Option<String>,
    /// Finds the rows of this refusal again; not part of the JSON.
    #[serde(skip)]
    pub(crate) refused: RefusedStep,
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    pub(crate) standing: LedgerSummary,
    pub(crate) run: RunLine,
    /// Of a `reconcile`: the rows that it has asked about and left in flight; not part of the JSON.
    #[serde(skip)]
    pub(crate) left_to_send: LeftToSend,
    /// Customers that were created, but whose one-time password was lost with the service's answer.
    pub(crate) created_without_credentials: u64,
    /// The first of these customers, by domain.
    pub(crate) domains_without_credentials: Vec<String>,
    /// Why the passwords cannot be opened here; not part of the JSON.
    #[serde(skip)]
    pub(crate) key_out_of_reach: Option<String>,
    /// How the columns of the files that were read are used.
    #[serde(flatten)]
    pub(crate) columns: ColumnUse,
    /// The result files that were written at the end of the run.
    pub(crate) files: Vec<ResultFile>,
    #[serde(flatten, serialize_with = "as_commands")]
    pub(crate) next: Option<NextSteps>,
}

/// A result file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ResultFile {
    pub(crate) path: String,
    pub(crate) rows: u64,
}

/// What the run itself did.
#[derive(Debug, Serialize)]
pub(crate) struct RunLine {
    #[serde(flatten)]
    pub(crate) totals: RunTotals,
    ended: Option<String>,
}

impl ErrorLine {
    fn of(error: ErrorCount) -> Self {
        let ErrorCount { code, refused, count, example } = error;
        let (state, hint) = match refused.kind {
            StepKind::Create => (refused.state.name(), hint(&code, refused.state, refused.domain_burned)),
            StepKind::Agreement => ("agreement", codes::agreement_hint(&code)),
        };
        let (rows, list) = (Vec::new(), None);
        Self { hint: hint.to_owned(), code, count, state, example, rows, list, refused }
    }

    /// Adds this kind to a text, with its first rows.
    fn describe(&self, text: &mut Toned, with_hint: bool) {
        let Self { code, count, state, example, rows, list, .. } = self;
        let such_as = if *count > 1 { "such as: " } else { "" };
        text.push_line(format_args!(
            "  {count} × {} ({state}), {such_as}{}",
            one_line(code),
            one_line(example)
        ));
        for row @ RefusedRow { file, line, .. } in rows {
            text.push_line(format_args!("      {}:{line}: {}", one_line(file), name_of(row)));
        }
        if let Some(list) = list.as_ref().filter(|_| *count > rows.len() as u64) {
            text.push_line(format_args!("      … all of them: {list}"));
        }
        if with_hint {
            text.push_line(format_args!("      → {}", self.hint));
        }
    }
}

/// The domain of a row, or what its cells say if they have no valid one.
fn name_of(row: &RefusedRow) -> String {
    if let Some(domain) = &row.domain {
        return escape_for_terminal(domain).into_owned();
    }
    let facts = FactsReader::default().facts(None, row.as_read.as_ref());
    let known: Vec<String> =
        [facts.domain, facts.company_name].iter().flatten().map(|it| one_line(it)).collect();
    if known.is_empty() { "(no domain)".to_owned() } else { known.join(" · ") }
}

impl LedgerSummary {
    /// The summary of the whole ledger, with the first rows of each kind of refusal.
    pub(crate) fn of(queries: &Queries) -> Result<Self, ledger::Error> {
        let mut summary = Self::in_scope(queries, Scope::Ledger)?;
        for error in &mut summary.errors {
            error.rows = queries.refused_rows(Scope::Ledger, &error.code, error.refused, ROWS_NAMED)?;
        }
        Ok(summary)
    }

    /// The summary of a part of the ledger, without rows.
    pub(crate) fn in_scope(queries: &Queries, scope: Scope) -> Result<Self, ledger::Error> {
        let of_agreements = queries.errors(StepKind::Agreement, scope)?;
        let errors = queries.errors(StepKind::Create, scope)?.into_iter().chain(of_agreements);
        let mut errors: Vec<ErrorLine> = errors.map(ErrorLine::of).collect();
        errors.sort_by_key(|error| (error.refused.state != State::Unresolved, Reverse(error.count)));
        let mut rejected =
            errors.iter_mut().filter(|error| error.refused.state == State::Rejected).peekable();
        if rejected.peek().is_some() && queries.has_lists_with_options()? {
            rejected.for_each(|error| error.hint.push_str(WITH_OPTIONS));
        }
        let (rows, agreements) = (queries.counts_in(scope)?, queries.agreement_counts_in(scope)?);
        let (held_back, let_go) = (queries.unfinished_sources()?, queries.discarded_sources(None)?);
        let gone = queries.gone()?;
        Ok(Self { rows, agreements, errors, held_back, let_go, gone, commands: Commands::default() })
    }

    /// Totals that add up, then the errors with hints.
    pub(crate) fn text(&self) -> Toned {
        let mut text = Toned::default();
        for state in State::OF_ROWS {
            let count = self.rows.of(state);
            if count > 0 {
                push_count(&mut text, state, count, &describe(state, &self.rows));
            }
        }
        text.push_line(format_args!("  {:<11}{:>9}", "total", self.rows.total()));
        if let Some(words) = describe_agreements(&self.agreements, |count| count.to_string()) {
            text.push_line(format_args!("{words}"));
        }
        self.describe_errors(&mut text, usize::MAX);
        text
    }

    /// All rows of the ledger in one sentence.
    fn sentence(&self) -> String {
        let states = State::OF_ROWS.into_iter().filter(|state| self.rows.of(*state) > 0);
        let count = |state: State| {
            let acknowledged = acknowledged(state, &self.rows).map(|words| format!(" ({words})"));
            format!("{} {}{}", self.rows.of(state), state.name(), acknowledged.unwrap_or_default())
        };
        let counts: Vec<String> = states.map(count).collect();
        match counts.is_empty() {
            true => "The ledger has no rows.".to_owned(),
            false => {
                format!("The ledger now has {}: {}.", counted(self.rows.total(), "row"), counts.join(", "))
            }
        }
    }

    /// Adds the first errors; a hint that several of them share is given once. Unresolved rows decide the exit code,
    /// so they are first.
    fn describe_errors(&self, text: &mut Toned, most: usize) {
        match self.errors.first() {
            None => {}
            Some(error) if error.refused.state == State::Unresolved => {
                text.push_line(format_args!("\nErrors, unresolved rows first, then by frequency:"));
            }
            Some(_) => text.push_line(format_args!("\nErrors, most frequent first:")),
        }
        let mut last_hint = "";
        for error in self.errors.iter().take(most) {
            error.describe(text, error.hint != last_hint);
            last_hint = &error.hint;
        }
        if self.errors.len() > most {
            text.push_line(format_args!(
                "  … and {}: see `{}`",
                counted((self.errors.len() - most) as u64, "more kind"),
                self.commands.status
            ));
        }
        push_gone(text, self.gone, &self.commands.acknowledge_gone);
    }
}

/// Says how many refused rows their lists no longer contain, and what can be done about that.
fn push_gone(text: &mut Toned, gone: u64, acknowledge: &str) {
    let are_gone = match gone {
        0 => return,
        1 => "1 refused row is no longer in its list".to_owned(),
        _ => format!("{gone} refused rows are no longer in their lists"),
    };
    text.push_line(format_args!("\n{are_gone}. `{acknowledge}` takes such rows out of the exit code."));
}

/// Adds the number of rows in a state, and what the rows are.
fn push_count(text: &mut Toned, state: State, count: u64, words: &str) {
    text.push(tone(state), format!("  {:<11}{count:>9}", state.name()));
    text.push_line(format_args!("  {words}"));
}

impl Summary {
    pub(crate) fn of(queries: &Queries, run: RunId, next: Option<NextSteps>) -> Result<Self, ledger::Error> {
        let totals = queries.run_totals(run)?;
        let left_to_send = match totals.command.as_str() {
            "reconcile" => queries.left_to_send(run)?,
            _ => LeftToSend::default(),
        };
        Ok(Self {
            left_to_send,
            standing: LedgerSummary::of(queries)?,
            run: RunLine { ended: totals.ended.clone(), totals },
            created_without_credentials: queries.created_without_credentials()?,
            domains_without_credentials: queries.domains_without_credentials(LOST_PASSWORDS_NAMED)?,
            key_out_of_reach: None,
            columns: ColumnUse::default(),
            files: Vec::new(),
            next,
        })
    }

    /// Whether passwords were lost, which the operator has to know even after a run without other problems.
    pub(crate) fn has_lost_passwords(&self) -> bool {
        self.created_without_credentials > 0
    }

    /// The expected result of a run that was only planned (`--dry-run`).
    pub(crate) fn dry_run_json(&self, plan: &SubmissionPlan, changes: &Changes) -> String {
        let mut value = serde_json::to_value(self).expect("a summary is plain data");
        value["dry_run"] = true.into();
        value["plan"] = json!({
            "customers": plan.rows(),
            "agreements": plan.agreements,
            "changed": {
                "rows": changes.rows,
                "by_spreadsheet": changes.by_spreadsheet,
                "columns": changes.columns.iter().map(|(column, cells)| json!({
                    "column": column, "cells": cells,
                })).collect::<Vec<_>>(),
            },
            "doubles": plan.doubles.rows,
            "groups": plan.groups.iter().map(|group| json!({
                "country": group.country, "associated_partner_id": group.reseller, "customers": group.rows,
            })).collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }

    /// The text printed at the end of a run: what the run did, then where the ledger is.
    pub(crate) fn text(&self) -> Toned {
        let run = &self.run.totals;
        let mut text = Toned::default();
        let outcomes = run.outcomes.unwrap_or_default();
        text.push(Tone::Strong, format!("Run {}", run.id));
        let took = run.duration.map(|took| format!(" took {}", spoken(took))).unwrap_or_default();
        text.push_line(format_args!(
            " ({}){took}: {} sent, {}, {}, {} throttled.",
            run.command,
            counted(run.submitted, "row"),
            counted(run.requests, "request"),
            counted_retries(run.retries),
            run.throttled
        ));
        for state in State::OF_ROWS {
            if outcomes.of(state) > 0 {
                push_count(&mut text, state, outcomes.of(state), meaning(state));
            }
        }
        for (count, means) in [
            (self.left_to_send.found, "found; the next send may bring the password"),
            (self.left_to_send.free, "not found, and the domain is free: to be sent again"),
        ] {
            if count > 0 {
                push_count(&mut text, State::InFlight, count, means);
            }
        }
        for (name, count, means) in [
            ("skipped", run.skipped, "in the ledger already"),
            ("duplicates", run.duplicates, "equal to an earlier row of their list"),
        ] {
            if count > 0 {
                text.push(Tone::Faint, format!("  {name:<11}{count:>9}"));
                text.push_line(format_args!("  {means}"));
            }
        }
        if run.ignored_changes > 0 {
            text.push_line(format_args!(
                "{} changed in the list after it was sent: the change is ignored.",
                counted(run.ignored_changes, "row")
            ));
        }
        text.push_line(format_args!("\n{}", self.standing.sentence()));
        if let Some(words) = describe_agreements(&self.standing.agreements, |count| count.to_string()) {
            text.push_line(format_args!("{words}"));
        }
        self.standing.describe_errors(&mut text, TOP_ERRORS);
        let (count, domains) = (self.created_without_credentials, &self.domains_without_credentials);
        lost_passwords(&mut text, count, domains, &self.standing.commands);
        if let Some(words) = &self.key_out_of_reach {
            attention(&mut text, words);
        }
        if !self.files.is_empty() {
            text.push_line(format_args!("\nFiles written:"));
        }
        for ResultFile { path, rows } in &self.files {
            text.push_line(format_args!("  {path} ({})", counted(*rows, "row")));
        }
        if let Some(next) = &self.next {
            next.describe(&mut text);
        }
        text
    }
}

fn counted_retries(count: u64) -> String {
    if count == 1 { "1 retry".to_owned() } else { format!("{count} retries") }
}

/// One sentence about the customer agreements; `None` if there are none.
pub(super) fn describe_agreements(
    agreements: &AgreementCounts,
    number: impl Fn(u64) -> String,
) -> Option<String> {
    let of = [agreements.recorded, agreements.refused(), agreements.open() + agreements.held_back];
    let [recorded, refused, open] = of.map(&number);
    let words =
        format!("Customer agreements: {recorded} recorded, {refused} refused, {open} still to be recorded.");
    let words = match agreements.acknowledged {
        0 => words,
        acknowledged => format!("{words} {} acknowledged.", number(acknowledged)),
    };
    (agreements.total() > 0).then_some(words)
}

/// Adds a prominent warning.
pub(crate) fn attention(text: &mut Toned, words: &str) {
    text.push_line(format_args!(""));
    text.push(Tone::Bad, "ATTENTION:");
    text.push_line(format_args!(" {words}"));
}

/// Adds a prominent warning about lost passwords, with the way to reset them.
pub(crate) fn lost_passwords(text: &mut Toned, count: u64, domains: &[String], commands: &Commands) {
    if count == 0 {
        return;
    }
    attention(
        text,
        &format!(
            "{} without a password here: the service's answer was lost.\n\
             Reset the password of admin@DOMAIN in Partner Center (customer → Users and licenses):",
            counted(count, "created customer")
        ),
    );
    for domain in domains {
        text.push_line(format_args!("  {domain}"));
    }
    if count > domains.len() as u64 {
        text.push_line(format_args!("  … `{}` marks them all (tenantry_password)", commands.export_created));
    }
    text.push_line(format_args!("Then run `{}`.", commands.acknowledge_lost_passwords));
}

/// What the operator can do about an error code. Rejected rows get a general hint: each problem has its own suggestion.
pub(crate) fn hint(code: &str, state: State, domain_burned: bool) -> &'static str {
    match (state, codes::hint(code)) {
        // Only an import knows what was exported.
        (State::Rejected, _) if code == Rule::SpreadsheetChange.name() => {
            "restore these cells, or correct them as each row says, and import the list again"
        }
        (State::Rejected, _) => {
            "correct these rows and import the list again; `tenantry check FILE` lists every problem"
        }
        (_, _) if domain_burned => {
            "correct what the text names, choose another domain, and import the row again"
        }
        (_, Some(hint)) => hint,
        (State::Unresolved, None) => "run `tenantry reconcile`",
        (_, None) => "see the service's own words; `tenantry show DOMAIN` has the ids for Microsoft support",
    }
}

/// Text from outside on one line, with terminal control characters escaped.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    escape_for_terminal(&words.join(" ")).into_owned()
}

/// Formats data as JSON with indentation.
pub(crate) fn pretty(data: &impl Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(data).expect("it is plain data"))
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `2 rows`, `2 rows and 1 agreement`; `noun` is what an agreement is called.
pub(crate) fn counted_with(rows: u64, agreements: u64, noun: &str) -> String {
    match agreements {
        0 => counted(rows, "row"),
        _ => format!("{} and {}", counted(rows, "row"), counted(agreements, noun)),
    }
}

/// An exact duration: `8 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => "less than 1 s".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// An estimated duration: `3 h 20 min`, `45 s`.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{} s", seconds.max(1)),
        60..3600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
