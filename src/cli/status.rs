//! `tenantry status`: shows the state of a ledger. Works during a run.

use serde_json::json;

use super::{ExitCode, Failure, Output, args, next_command};
use crate::ledger::{HoldReason, RunTotals};
use crate::printable::escape_for_terminal;
use crate::report::{
    LOST_PASSWORDS_NAMED, LedgerSummary, counted, counted_with, describe_end, lost_passwords, rough, run_json,
};

/// The number of runs that are listed.
const RUNS: u32 = 5;

pub(crate) fn run(args: args::StatusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let standing = LedgerSummary::of(&queries)?;
    let runs = queries.last_runs(RUNS)?;
    let left = standing.rows.open() + standing.agreements.open();
    let expected = args.rate.time_for(left);
    if args.json {
        let mut value = serde_json::to_value(&standing).expect("counts and errors are plain data");
        value["left"] = json!({ "rows": standing.rows.open(), "agreements": standing.agreements.open(), "expected_seconds": expected.map(|time| time.as_secs()) });
        value["runs"] = runs.iter().map(run_json).collect();
        output.json(&format!("{value:#}\n"))?;
        return Ok(ExitCode::Done);
    }
    let environment = queries.environment()?;
    let api = environment.as_ref().map(|environment| environment.api.as_str()).unwrap_or_default();
    let mut text = format!("{} · {api}\n", escape_for_terminal(&args.ledger.path().to_string_lossy()));
    text.push_str(&standing.text(usize::MAX));
    let lost = queries.created_without_credentials()?;
    text.push_str(&lost_passwords(lost, &queries.domains_without_credentials(LOST_PASSWORDS_NAMED)?));
    text.push_str("\nLast runs, newest first:\n");
    for run in &runs {
        text.push_str(&run_line(run));
    }
    for source in &standing.held_back {
        text.push_str(&format!("\n{}\n", source.describe(escape_for_terminal(&source.path).as_ref())));
    }
    if standing.held_back.iter().any(|source| source.why != HoldReason::Restored) {
        text.push_str("\nTo discard waiting rows without their list: `tenantry discard --list FILE`.\n");
    }
    if left > 0 {
        let time = expected.map(|time| format!(", about {}", rough(time))).unwrap_or_default();
        text.push_str(&format!(
            "\nLeft: {}{time}.\n",
            counted_with(standing.rows.open(), standing.agreements.open(), "agreement")
        ));
    }
    for let_go in &standing.let_go {
        text.push_str(&format!("\n{}\n", let_go.describe(escape_for_terminal(&let_go.path).as_ref())));
    }
    if let Some(process) = queries.at_work() {
        text.push_str(&format!(
            "\nA run is at work on this ledger (pid {process}); its end will say what is next.\n"
        ));
    } else if let Some(next) = next_command::between_runs(&queries, &standing, output.matches())? {
        text.push_str(&format!("\nNext: {next}\n"));
    }
    output.result(&text)?;
    Ok(ExitCode::Done)
}

fn run_line(run: &RunTotals) -> String {
    let ended = describe_end(run);
    format!(
        "  run {} {} · {} · {} submitted, {}, {} throttled · {ended}\n",
        run.id,
        run.command,
        run.started_at,
        run.submitted,
        counted(run.requests, "request"),
        run.throttled
    )
}
