//! `tenantry status`: where a ledger stands. Works while a run goes on.

use serde_json::json;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::output::Output;
use super::session::expected_time;
use super::settings::{self, LedgerChoice};
use crate::ledger::{Queries, RunTotals};
use crate::report::{LOST_PASSWORDS_NAMED, Standing, counted, lost_passwords, rough};
use crate::validation::visible;

/// Runs that are listed.
const RUNS: u32 = 5;

pub(crate) fn run(args: args::Status, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = LedgerChoice::from(args.ledger);
    let queries = Queries::open(&ledger.path)?;
    let standing = Standing::of(&queries)?;
    let runs = queries.last_runs(RUNS)?;
    let left = standing.rows.open() + standing.agreements.open();
    let expected = expected_time(left, args.rate);
    if args.json {
        let mut value = serde_json::to_value(&standing).expect("counts and errors are plain data");
        value["left"] = json!({ "rows": standing.rows.open(), "agreements": standing.agreements.open(), "expected_seconds": expected.map(|time| time.as_secs()) });
        value["runs"] = runs.iter().map(run_json).collect();
        output.json(&format!("{value:#}\n"))?;
        return Ok(ExitCode::Done);
    }
    let environment = queries.environment()?;
    let simulated = ledger.simulate.is_none() && environment.as_ref().is_some_and(settings::is_simulated);
    let api = environment.as_ref().map(|environment| environment.api.as_str()).unwrap_or_default();
    let mut text = format!("{} · {api}\n", visible(&ledger.path.to_string_lossy()));
    text.push_str(&standing.text(usize::MAX));
    let lost = queries.created_without_credentials()?;
    text.push_str(&lost_passwords(lost, &queries.domains_without_credentials(LOST_PASSWORDS_NAMED)?));
    text.push_str("\nLast runs, newest first:\n");
    for run in &runs {
        text.push_str(&run_line(run));
    }
    for source in queries.unfinished_sources()? {
        text.push_str(&format!("\n{}\n", source.in_words(visible(&source.path).as_ref())));
    }
    if left > 0 {
        let time = expected.map(|time| format!(", about {}", rough(time))).unwrap_or_default();
        text.push_str(&format!(
            "\nLeft: {}{time}. Next: tenantry resume{}{}{}\n",
            left_in_words(&standing),
            if simulated { " --simulate" } else { "" },
            ledger.flags,
            settings::api_flag(api)
        ));
    }
    output.result(&text)?;
    Ok(ExitCode::Done)
}

fn left_in_words(standing: &Standing) -> String {
    let rows = counted(standing.rows.open(), "row");
    match standing.agreements.open() {
        0 => rows,
        open => format!("{rows} and {}", counted(open, "agreement")),
    }
}

fn run_line(run: &RunTotals) -> String {
    let ended = match (&run.ended, run.exit_code) {
        (Some(words), Some(code)) => format!("{} (exit {code})", visible(words)),
        _ => "still running, or ended without warning".to_owned(),
    };
    format!(
        "  run {} {} · {} · {} submitted, {} requests, {} throttled · {ended}\n",
        run.id, run.command, run.started_at, run.submitted, run.requests, run.throttled
    )
}

fn run_json(run: &RunTotals) -> serde_json::Value {
    json!({
        "id": run.id.0,
        "command": run.command,
        "started_at": run.started_at.to_string(),
        "finished_at": run.finished_at.map(|time| time.to_string()),
        "exit_code": run.exit_code,
        "ended": run.ended,
        "requests": run.requests,
        "retries": run.retries,
        "throttled": run.throttled,
        "submitted": run.submitted,
    })
}
