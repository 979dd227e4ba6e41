//! What `import` says about a file that it has read.

use crate::cli::input::{NO_ROWS, describe_auto_mapped, describe_suggested_columns};
use crate::cli::{Output, next_command};
use crate::intake::IntakeReport;
use crate::ledger::{Correction, Corrections, IngestReport};
use crate::printable::escape_for_terminal;
use crate::report::{counted, counted_with, on_lines};

/// Reports what a file contains, and what is remarkable about its rows. `shows_plan`: a plan follows, which has the columns
/// that `--auto-map` took.
pub(super) fn report(path: &str, report: &IntakeReport, shows_plan: bool, output: &Output) {
    let judged = &report.judged;
    let counts = &judged.counts;
    let parts = [
        (counts.new, "new"),
        (counts.rejected, "rejected"),
        (counts.known, "known"),
        (counts.duplicates, "equal to an earlier row"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: String = parts.map(|(count, what)| format!(", {count} {what}")).collect();
    let (read, layout) = (counted(report.rows, "row"), escape_for_terminal(&report.layout));
    let lines = on_lines(&judged.duplicate_lines, counts.duplicates);
    output.note(format_args!("{path} ({layout}): {read} read{parts}{lines}."));
    tracing::info!(
        file = path,
        rows = report.rows,
        new = counts.new,
        rejected = counts.rejected,
        known = counts.known,
        duplicates = counts.duplicates,
        declined = judged.discarded.0,
        "file read"
    );
    for note in notes(path, report, output) {
        output.note(note);
    }
    if let Some(columns) = describe_auto_mapped(&report.columns.auto_mapped).filter(|_| !shows_plan) {
        output.note(format_args!("{path}: {columns}."));
    }
}

/// Further notes about a file that was read.
fn notes(path: &str, report: &IntakeReport, output: &Output) -> impl Iterator<Item = String> {
    let (judged, counts) = (&report.judged, &report.judged.counts);
    let left = match judged.discarded {
        (0, 0) => (report.rows == 0).then(|| format!("{path}: {NO_ROWS}.")),
        (rows, agreements) => Some(format!(
            "{path}: declined {} from an earlier reading, not sent and no longer in the list.",
            counted_with(rows, agreements, "acceptance")
        )),
    };
    let some = |count: u64, noun: &str, what: &str| {
        (count > 0).then(|| format!("{path}: {} {what}.", counted(count, noun)))
    };
    let first = [
        left,
        some(counts.replaced, "row", "corrected before: the corrections are kept"),
        ignored(path, judged),
        corrected(path, judged),
        report.changes.lacks_row_column.then(|| {
            format!("{path}: cannot be compared with what was exported, because `tenantry_row` is missing.")
        }),
        report.changes.describe().map(|changes| format!("{path}: {changes}")),
    ];
    let changes = report.changes.lines().map(|line| Some(format!("  {}", escape_for_terminal(&line))));
    let problems = report.problems.iter().map(|problem| Some(format!("  {problem}")));
    let (names, meant) = (&report.columns.left_out, &report.suggested_columns);
    let last = [
        some(counts.taken_up, "declined row", "to be sent again"),
        unchanged(path, counts.still_failed, counts.still_rejected, output),
        some(counts.retried, "failed row", "tried again"),
        some(counts.burned, "failed row", "not tried again, for a burned domain: each needs another one"),
        some(counts.agreements, "agreement", "of customers that exist: to be recorded"),
        some(counts.agreements_rejected, "agreement", "of customers that exist: failed validation"),
        (!names.is_empty())
            .then(|| format!("{path}: not used, but kept for exports: `{}`.", names.join("`, `"))),
        describe_suggested_columns(meant).map(|guess| format!("{path}: {guess}")),
    ];
    first.into_iter().chain(changes).chain(problems).chain(last).flatten()
}

/// Says of refused rows that came as they were what can be done about them.
fn unchanged(path: &str, failed: u64, rejected: u64, output: &Output) -> Option<String> {
    let (rows, first) = match (failed, rejected) {
        (0, 0) => return None,
        (_, 0) => (failed, counted(failed, "failed row")),
        (0, _) => (rejected, counted(rejected, "rejected row")),
        _ => (failed + rejected, format!("{failed} failed and {}", counted(rejected, "rejected row"))),
    };
    let (are, them) = if rows == 1 { ("is", "it") } else { ("are", "them") };
    let retry = match failed {
        0 => String::new(),
        _ => format!(
            ", or try failed rows again as they are: `{}`, or import with `--retry-failed`",
            next_command::of(output, "retry")
        ),
    };
    Some(format!(
        "{path}: {first} {are} unchanged. Correct {them} in the list and import the list again{retry}."
    ))
}

/// Lists the refused rows that a row with the same external id has replaced.
fn corrected(path: &str, judged: &IngestReport) -> Option<String> {
    let Corrections { rows, first, .. } = &judged.corrections;
    let named: Vec<String> = first
        .iter()
        .map(|Correction { refused, state, line, domain }| {
            let of = |domain: &Option<String>| {
                domain.clone().unwrap_or_else(|| "a row without a valid domain".to_owned())
            };
            format!("line {line} ({}) replaces {} ({state})", of(domain), of(refused))
        })
        .collect();
    let more = if *rows > first.len() as u64 { ", …" } else { "" };
    (*rows > 0).then(|| {
        let rows = counted(*rows, "refused row");
        format!("{path}: {rows} corrected under the same external id: {}{more}.", named.join(", "))
    })
}

/// Lists the rows whose changes came too late.
fn ignored(path: &str, judged: &IngestReport) -> Option<String> {
    let named: Vec<String> =
        judged.ignored.iter().map(|(line, domain)| format!("{line} ({domain})")).collect();
    let lines = if named.len() == 1 { "line" } else { "lines" };
    let more = if judged.counts.ignored_changes > named.len() as u64 { ", …" } else { "" };
    let named = Some(named.join(", ")).filter(|named| !named.is_empty())?;
    Some(format!("{path}: changes come too late, and are ignored, on {lines} {named}{more}."))
}
