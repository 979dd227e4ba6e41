//! `tenantry status`: shows the state of a ledger. Works during a run.

use std::time::Duration;

use serde_json::json;
use tenantry_simulator::Scenario;

use super::next_command::{self, Repeated};
use super::recipient::OutOfReach;
use super::{ExitCode, Failure, Output, args, settings};
use crate::clock;
use crate::ledger::{Environment, HoldReason, Queries, RunTotals, Runs, State};
use crate::printable::escape_for_terminal;
use crate::report::{
    LOST_PASSWORDS_NAMED, LedgerSummary, NextCommands, NextSteps, PushLine as _, Toned, attention, counted,
    counted_with, describe_end, lost_passwords, rough, run_json, spoken,
};

/// The number of runs that are listed.
const RUNS: u32 = 5;

pub(crate) fn run(args: args::StatusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let mut standing = LedgerSummary::of(&queries)?;
    let left = standing.rows.open() + standing.agreements.open();
    let environment = queries.environment()?;
    let (settling, settles_in) = queries.settling(settle_delay(&args, environment.as_ref()))?;
    let expected = match settling {
        0 => args.rate.time_for(left),
        _ => args.rate.time_for(left).max(Some(settles_in)),
    };
    if args.json {
        let mut value = serde_json::to_value(&standing).expect("counts and errors are plain data");
        value["left"] = json!({ "rows": standing.rows.open(), "agreements": standing.agreements.open(), "expected_seconds": expected.map(|time| time.as_secs()) });
        value["runs"] = queries.last_runs(Runs::All, RUNS)?.iter().map(run_json).collect();
        let next = next(&queries, &standing, output)?;
        let NextCommands { next, next_commands } = NextCommands::of(&next);
        (value["next"], value["next_commands"]) = (json!(next), json!(next_commands));
        output.json(&format!("{value:#}\n"))?;
        return Ok(ExitCode::Done);
    }
    let api = environment.as_ref().map(|environment| environment.api.as_str()).unwrap_or_default();
    let mut text = Toned::default();
    text.push_line(format_args!("{} · {api}", escape_for_terminal(&args.ledger.path().to_string_lossy())));
    next_command::list_rows(&mut standing, &Repeated::of(output.matches()));
    text.append(standing.text());
    let lost = queries.created_without_credentials()?;
    let domains = queries.domains_without_credentials(LOST_PASSWORDS_NAMED)?;
    lost_passwords(&mut text, lost, &domains, &standing.commands);
    let args::OfRuns { identity, recipient, .. } = &args.of_runs;
    let identity = args::IdentityFile { identity: identity.clone() };
    if let Some(key) = OutOfReach::of(&queries, &identity, recipient.as_deref())? {
        attention(&mut text, &key.sentences());
    }
    text.push_line(format_args!("\nLast runs, newest first:"));
    for run in queries.last_runs(Runs::OnLists, RUNS)? {
        text.push_line(format_args!("{}", run_line(&run)));
    }
    let others = queries.runs(Runs::All)? - queries.runs(Runs::OnLists)?;
    if others > 0 {
        let others = counted(others, "run");
        text.push_line(format_args!("        and {others} of `acknowledge` or `discard`"));
    }
    for source in &standing.held_back {
        text.push_line(format_args!("\n{}", source.describe()));
    }
    if standing.held_back.iter().any(|source| source.why != HoldReason::Restored) {
        text.push_line(format_args!(
            "\nTo discard waiting rows without their list: `{}`.",
            next_command::of(output, "discard --list FILE")
        ));
    }
    if left > 0 {
        let time = expected.map(|time| format!(", about {}", rough(time))).unwrap_or_default();
        let waits = if settling == 1 { "waits" } else { "wait" };
        let waiting = match settling {
            0 => String::new(),
            _ => format!(" ({} {waits} until a new customer would be visible)", counted(settling, "row")),
        };
        text.push_line(format_args!(
            "\nLeft: {}{time}{waiting}.",
            counted_with(standing.rows.open(), standing.agreements.open(), "agreement")
        ));
    }
    for discarded in &standing.let_go {
        text.push_line(format_args!("\n{}", discarded.describe()));
    }
    if let Some(process) = queries.at_work() {
        text.push_line(format_args!(
            "\nA run is working on this ledger (pid {process}). It names the next command when it ends."
        ));
    } else if let Some(next) = next(&queries, &standing, output)? {
        next.describe(&mut text);
    }
    output.toned(&text)?;
    Ok(ExitCode::Done)
}

/// The settle delay of the next run.
fn settle_delay(args: &args::StatusArgs, environment: Option<&Environment>) -> Duration {
    let rehearsal = environment.is_some_and(settings::is_simulated).then(Scenario::default);
    args.of_runs.settle_delay.unwrap_or_else(|| settings::settle_delay(rehearsal.as_ref()))
}

/// What to do next. A run that is at work names that when it ends.
fn next(queries: &Queries, standing: &LedgerSummary, output: &Output) -> Result<Option<NextSteps>, Failure> {
    if queries.at_work().is_some() {
        return Ok(None);
    }
    Ok(next_command::between_runs(queries, standing, output.matches())?)
}

/// One line for a run, in columns.
fn run_line(run: &RunTotals) -> String {
    let took = run.duration.map_or_else(|| "–".to_owned(), spoken);
    let done = State::OF_ROWS.into_iter().filter_map(|state| {
        let count = run.outcomes?.of(state);
        (count > 0).then(|| format!("{count} {}", state.name()))
    });
    let done: Vec<String> = done.collect();
    let done =
        if done.is_empty() { format!("{} sent", counted(run.submitted, "row")) } else { done.join(", ") };
    let (id, command, at) = (run.id.0, &run.command, clock::local(run.started_at));
    format!("  {id:>4}  {command:<11}  {at}  {took:>13}  {done} · {}", describe_end(run))
}
