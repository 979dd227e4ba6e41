//! All contents of a report in one value: scripts get it as JSON, people as a page or as Markdown.
//!
//! It contains totals, the kinds of refusals with one example text and the first places of each, and the runs. It
//! contains no secrets, and personal data only if the service's error texts quote it.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::groups::{GroupTally, Groups};
use super::next_steps::{NextSteps, as_commands};
use super::summary::{Commands, ErrorLine, LedgerSummary, ROWS_NAMED, counted, one_line};
use super::timeline::{OperationCalls, Timeline};
use crate::clock;
use crate::ledger::{
    self, AgreementCounts, DiscardedSource, HeldSource, Queries, RowCounts, RunId, RunTotals, Runs, Scope,
    SourceTotals, State,
};

/// The most kinds of refusals that are listed, most frequent first. The service can invent any number of codes.
const KINDS: usize = 50;

/// The most runs that are listed, newest first.
const RUNS: u32 = 30;

/// The contents of a report.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    pub(crate) made_at: Timestamp,
    pub(crate) program_version: &'static str,
    pub(crate) ledger: String,
    /// Base URL of the API, or `simulator`.
    pub(crate) api: String,
    pub(crate) partner_tenant_id: Option<String>,
    /// The run that the report covers; `None`: the whole ledger.
    pub(crate) run: Option<i64>,
    pub(crate) rows: RowCounts,
    /// All current rows: without replaced and discarded rows.
    pub(crate) standing_rows: u64,
    pub(crate) agreements: AgreementCounts,
    /// In the whole ledger: files with rows that wait until the file is imported again.
    pub(crate) held_back: Vec<HeldSource>,
    /// In the whole ledger: files with rows that the operator declined to send, and that were not imported again since.
    pub(crate) let_go: Vec<DiscardedSource>,
    pub(crate) rows_read: u64,
    /// Of the rows read: already in the ledger.
    #[serde(skip)]
    pub(crate) known: u64,
    /// Of these: not to be sent.
    pub(crate) skipped: u64,
    /// Of the rows read: equal to an earlier row of their file.
    pub(crate) duplicates: u64,
    /// In the whole ledger: customers that were created, but whose one-time password was lost with the service's
    /// answer.
    pub(crate) created_without_credentials: u64,
    pub(crate) errors: Vec<ErrorPlaces>,
    /// The number of further kinds of refusals, which are not listed.
    pub(crate) more_kinds: usize,
    pub(crate) calls: Vec<OperationCalls>,
    pub(crate) timeline: Option<Timeline>,
    pub(crate) by_country: Groups,
    pub(crate) by_reseller: Groups,
    #[serde(serialize_with = "runs_as_json")]
    pub(crate) runs: Vec<RunTotals>,
    /// The number of older runs, which are not listed.
    pub(crate) earlier_runs: u64,
    #[serde(flatten, serialize_with = "as_commands")]
    pub(crate) next: Option<NextSteps>,
    #[serde(skip)]
    pub(crate) commands: Commands,
}

/// One kind of refusal, and where its rows are.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorPlaces {
    #[serde(flatten)]
    pub(crate) error: ErrorLine,
    /// The places of its first rows.
    pub(crate) places: Vec<ErrorPlace>,
}

/// The place of a row in the operator's files.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorPlace {
    pub(crate) file: String,
    pub(crate) line: u64,
}

impl Overview {
    /// Reads the contents from `queries`. `limit_per_minute` is the number of allowed requests. `next` suggests the
    /// next command, given the summary of the ledger.
    pub(crate) fn of(
        queries: &Queries,
        ledger: &Path,
        scope: Scope,
        limit_per_minute: Option<u64>,
        next: impl FnOnce(&Queries, &LedgerSummary) -> Result<Option<NextSteps>, ledger::Error>,
    ) -> Result<Self, ledger::Error> {
        let run = match scope {
            Scope::Ledger => None,
            Scope::Run(run) => Some(run),
        };
        let environment = queries.environment()?;
        let standing = LedgerSummary::in_scope(queries, scope)?;
        let next = match scope {
            Scope::Ledger => next(queries, &standing)?,
            Scope::Run(_) => next(queries, &LedgerSummary::of(queries)?)?,
        };
        let SourceTotals { read, known, continued, duplicates, .. } = queries.source_totals(run)?;
        let (mut timeline, calls) = Timeline::of(queries, scope, limit_per_minute)?;
        let (mut by_country, mut by_reseller) = (GroupTally::default(), GroupTally::default());
        queries.each_standing_row(scope, |row| {
            if let Some(timeline) = timeline.as_mut().filter(|_| row.is_settled) {
                timeline.count_row(row.state, row.changed_at_ms);
            }
            if row.is_valid {
                let counted = RowCounts::of_row(row.state, row.is_acknowledged);
                by_country.add(row.country, counted);
                by_reseller.add(row.reseller, counted);
            }
        })?;
        let runs = match run {
            Some(run) => vec![queries.run_totals(run)?],
            None => queries.last_runs(Runs::OnLists, RUNS)?,
        };
        let LedgerSummary { rows, agreements, errors, held_back, let_go, gone: _, commands: _ } = standing;
        Ok(Self {
            made_at: clock::now(),
            program_version: env!("CARGO_PKG_VERSION"),
            ledger: ledger.to_string_lossy().into_owned(),
            api: environment.as_ref().map(|it| it.api.clone()).unwrap_or_default(),
            partner_tenant_id: environment.and_then(|it| it.partner_tenant_id).map(|id| id.to_string()),
            run: run.map(|run| run.0),
            standing_rows: rows.standing(),
            agreements,
            held_back,
            let_go,
            rows_read: read,
            known,
            skipped: known - continued,
            duplicates,
            created_without_credentials: queries.created_without_credentials()?,
            more_kinds: errors.len().saturating_sub(KINDS),
            errors: errors
                .into_iter()
                .take(KINDS)
                .map(|error| with_places(queries, scope, error))
                .collect::<Result<_, _>>()?,
            calls,
            timeline,
            by_country: by_country.end(rows.standing()),
            by_reseller: by_reseller.end(rows.standing()),
            rows,
            earlier_runs: match run {
                Some(_) => 0,
                None => queries.runs(Runs::OnLists)?.saturating_sub(u64::from(RUNS)),
            },
            runs,
            next,
            commands: Commands::default(),
        })
    }

    /// One sentence: the number of customers, and which rows need attention.
    pub(crate) fn verdict(&self) -> String {
        let rows = &self.rows;
        let refused = rows.refused() + self.agreements.refused();
        let open = rows.open() + self.agreements.open() + self.agreements.held_back;
        let refusable = State::OF_ROWS.into_iter().filter(|state| state.needs_attention());
        let of_rows: u64 = refusable.map(|state| rows.acknowledged(state)).sum();
        let acknowledged = of_rows + self.agreements.acknowledged;
        let parts: Vec<String> = [
            (open, "still under way or waiting"),
            (rows.unacknowledged(State::Unresolved), "may have been created and must be looked at"),
            (refused, "refused: what to do is shown below"),
            (acknowledged, "acknowledged"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
        match rows.standing() {
            0 if rows.total() == 0 => "There are no rows yet.".to_owned(),
            0 => "There are no current rows.".to_owned(),
            standing => {
                let rest = if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) };
                format!("{} of {} are customers now{rest}.", rows.customers(), counted(standing, "row"))
            }
        }
    }

    /// The states that occur among the rows: first the states of history rows, then those of current rows.
    pub(crate) fn states(&self) -> (Vec<State>, Vec<State>) {
        let occurring = State::OF_ROWS.into_iter().filter(|state| self.rows.of(*state) > 0);
        occurring.partition(|state| state.is_history())
    }

    /// Explains how the total is made up.
    pub(crate) fn accounting(&self) -> String {
        let (read, known) = (self.rows_read, self.known);
        let duplicates = counted(self.duplicates, "equal duplicate");
        match self.run {
            None => format!("of {read} read, {known} were known already and {duplicates}"),
            Some(run) => format!(
                "read or sent by run {run}, as they stand now; it read {read}, of which {known} were known and {duplicates}"
            ),
        }
    }

    /// One sentence for each file that must be imported again or whose rows were discarded.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = String> {
        let held = self.held_back.iter().map(|source| source.describe());
        held.chain(self.let_go.iter().map(|discarded| discarded.describe()))
    }

    /// Says which part of the ledger the report covers.
    pub(crate) fn subject(&self) -> String {
        match self.run {
            Some(run) => format!("Run {run} alone"),
            None => "All runs".to_owned(),
        }
    }
}

/// Groups places by file: each file once, with its line numbers as text.
pub(crate) fn by_file(places: &[ErrorPlace]) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for place in places {
        let file = one_line(&place.file);
        match files.iter_mut().find(|(name, _)| *name == file) {
            Some((_, lines)) => lines.push_str(&format!(", {}", place.line)),
            None => files.push((file, place.line.to_string())),
        }
    }
    files
}

/// How a run ended whose end is not recorded.
const UNRECORDED: &str = "its end was not recorded (killed, power lost, or the ledger could not be written)";

/// How a run ended, for people.
pub(crate) fn describe_end(run: &RunTotals) -> String {
    match (&run.ended, run.exit_code) {
        (Some(words), Some(code)) => format!("{} (exit {code})", one_line(words)),
        _ => match run.is_running {
            Some(true) => "still running".to_owned(),
            Some(false) => UNRECORDED.to_owned(),
            None => "still running, or its end was not recorded".to_owned(),
        },
    }
}

/// One run, for scripts.
pub(crate) fn run_json(run: &RunTotals) -> Value {
    let mut value = json!(run);
    value["command"] = json!(run.command);
    value["ended"] = json!(run.ended);
    value
}

fn runs_as_json<S: serde::Serializer>(runs: &[RunTotals], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(runs.iter().map(run_json))
}

fn with_places(queries: &Queries, scope: Scope, error: ErrorLine) -> Result<ErrorPlaces, ledger::Error> {
    let rows = queries.refused_rows(scope, &error.code, error.refused, ROWS_NAMED)?;
    let places = rows.into_iter().map(|row| ErrorPlace { file: row.file, line: row.line }).collect();
    Ok(ErrorPlaces { error, places })
}

/// The scope of this run; `None` if the run does not exist.
pub(crate) fn scope_of(queries: &Queries, run: Option<i64>) -> Result<Option<Scope>, ledger::Error> {
    let Some(run) = run.map(RunId) else { return Ok(Some(Scope::Ledger)) };
    Ok(queries.has_run(run)?.then_some(Scope::Run(run)))
}
