//! Summarizes a run without customer data, so that the summary may leave this machine.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::exit_code::ExitCode;
use crate::ledger::{self, AgreementCounts, Queries, RowCounts, RunTotals};
use crate::report::LedgerSummary;

/// The most kinds of errors in the summary, most frequent first. The summary must fit into an environment variable.
const ERRORS_MAX: usize = 20;

/// A longer code, or one with other characters, may be free text.
const CODE_CHARS_MAX: usize = 64;

/// The part of the `--json` summary that consists of figures and of this program's own texts.
#[derive(Debug, Serialize)]
pub(super) struct RunSummary {
    pub(super) command: String,
    pub(super) exit_code: u8,
    pub(super) meaning: &'static str,
    /// Whether the exit code is one of `--notify-success`.
    pub(super) success: bool,
    /// The figures of the ledger, if it can be read.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) standing: Option<Figures>,
    /// `null` if the run failed before it began.
    pub(super) run: Option<RunTotals>,
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) rows: RowCounts,
    pub(super) agreements: AgreementCounts,
    errors: Vec<ErrorTotal>,
    pub(super) created_without_credentials: u64,
    /// Rows and acceptances that are kept from being sent.
    #[serde(skip)]
    pub(super) held_back: u64,
    /// When a run last ended with success.
    #[serde(skip)]
    pub(super) last_success: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct ErrorTotal {
    code: String,
    count: u64,
    state: &'static str,
    hint: String,
}

impl RunSummary {
    /// Reads from the ledger what this process has done there since `started_at`. `successes`: the exit codes that count
    /// as success.
    pub(super) fn of(
        command: &str,
        exit_code: ExitCode,
        successes: &[ExitCode],
        ledger: Option<&Path>,
        started_at: Timestamp,
    ) -> Self {
        let read = |ledger| {
            let queries = Queries::open(ledger)?;
            let run = queries.run_of_this_process(started_at)?;
            let run = run.map(|run| queries.run_totals(run)).transpose()?;
            Ok::<_, ledger::Error>((Figures::of(&queries, successes)?, run))
        };
        // Without a ledger that can be read, the exit code has to be enough.
        let unread = |error: &ledger::Error| {
            if !error.is_missing() {
                tracing::warn!(%error, "monitors get no figures: the ledger cannot be read");
            }
        };
        let read = ledger.and_then(|ledger| read(ledger).inspect_err(unread).ok());
        let (standing, run) = read.map_or((None, None), |(figures, run)| (Some(figures), run));
        Self {
            command: command.to_owned(),
            exit_code: exit_code.number(),
            meaning: exit_code.meaning(),
            success: successes.contains(&exit_code),
            standing,
            run,
        }
    }

    /// The result in a line.
    pub(super) fn sentence(&self) -> String {
        let outcomes = self.run.as_ref().and_then(|run| run.outcomes);
        let counts = outcomes.map(|it| {
            let counts = [
                ("created", it.created),
                ("existing", it.existing),
                ("failed", it.failed),
                ("rejected", it.rejected),
                ("unresolved", it.unresolved),
            ];
            counts.map(|(state, count)| format!("{count} {state}")).join(", ")
        });
        counts.map_or_else(|| self.meaning.to_owned(), |counts| format!("{} ({counts})", self.meaning))
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("a digest is plain data")
    }
}

impl Figures {
    fn of(queries: &Queries, successes: &[ExitCode]) -> Result<Self, ledger::Error> {
        let LedgerSummary { rows, agreements, errors, held_back, let_go: _, gone: _, commands: _ } =
            LedgerSummary::of(queries)?;
        let errors = errors.into_iter().take(ERRORS_MAX).map(|error| ErrorTotal {
            code: plain_code(error.code),
            count: error.count,
            state: error.state,
            hint: error.hint,
        });
        let successes: Vec<u8> = successes.iter().map(|code| code.number()).collect();
        Ok(Self {
            rows,
            agreements,
            errors: errors.collect(),
            created_without_credentials: queries.created_without_credentials()?,
            held_back: held_back.iter().map(|source| source.waiting).sum(),
            last_success: queries.last_success(&successes)?,
        })
    }
}

/// Returns the code if it looks like one. The service sends it and could send any text.
fn plain_code(code: String) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if code.len() <= CODE_CHARS_MAX && code.chars().all(is_plain) { code } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_free_text_is_left_out() {
        let check = |code: &str, expected: &str| assert_eq!(plain_code(code.to_owned()), expected);
        check("600051", "600051");
        check("domain_taken", "domain_taken");
        check("contact ana@example.com", "other");
        check(&"9".repeat(65), "other");
    }
}
