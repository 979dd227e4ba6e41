//! `tenantry status`: where a ledger stands. Works while a run goes on.

use serde_json::json;
use uuid::Uuid;

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
        text.push_str(&format!(
            "\n`{}` was not read to its end, so {} of its rows are held back: import it again.\n",
            visible(&source.path),
            source.waiting
        ));
    }
    let mut flags = if simulated { " --simulate".to_owned() } else { String::new() };
    flags.push_str(&ledger.flags);
    if ledger.simulate.is_none() && !simulated {
        let bound_to = environment.as_ref().and_then(|environment| environment.partner_tenant_id);
        flags.push_str(&args.sign_in.flags(api, bound_to));
    }
    if left > 0 {
        let time = expected.map(|time| format!(", about {}", rough(time))).unwrap_or_default();
        text.push_str(&format!("\nLeft: {}{time}. Next: tenantry resume{flags}\n", left_in_words(&standing)));
    } else if let Some(next) = next_command(&standing, &flags, &ledger.flags) {
        text.push_str(&format!("\nNext: {next}\n"));
    }
    output.result(&text)?;
    Ok(ExitCode::Done)
}

/// Where nothing is open any more: what is left for an operator to do.
fn next_command(standing: &Standing, flags: &str, ledger: &str) -> Option<String> {
    let rows = &standing.rows;
    let export = |what: &str| format!("tenantry export {what}{ledger} -o {what}.csv, mend it and import it");
    let retry = format!("; or, where the cause is gone, tenantry retry{flags}");
    if rows.unresolved > 0 {
        Some(format!("tenantry reconcile{flags}"))
    } else if rows.failed > 0 {
        Some(export("failed") + &retry)
    } else if rows.rejected > 0 {
        Some(export("rejected"))
    } else if standing.agreements.refused() > 0 {
        Some(export("agreements") + &retry)
    } else {
        None
    }
}

impl args::NextSignIn {
    /// The flags by which the next command reaches the service that a ledger belongs to, as far as we are told of it.
    fn flags(&self, api: &str, bound_to: Option<Uuid>) -> String {
        let mut flags = settings::api_flag(api);
        let tenant_id = self.tenant_id.clone().or_else(|| bound_to.map(|tenant| tenant.to_string()));
        for (flag, value) in [
            ("--authority-url", &self.authority_url),
            ("--tenant-id", &tenant_id),
            ("--client-id", &self.client_id),
        ] {
            if let Some(value) = value {
                settings::push_flag(&mut flags, flag, value);
            }
        }
        flags
    }
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
