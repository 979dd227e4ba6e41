//! What is about to happen, and the question whether it may: creating customers cannot be undone.

use std::fmt::Write as _;

use super::args;
use super::failure::Failure;
use super::output::Output;
use super::session::{Session, expected_time};
use crate::ledger::{Environment, Plan};
use crate::report::{counted, rough};
use crate::submitter::{Rate, Signal};

/// Groups of country and reseller that are listed; a plan of hundreds would not be read.
const GROUPS_LISTED: usize = 10;

pub(super) enum Answer {
    Yes,
    No,
    Signalled(Signal),
}

/// Is there somebody to ask, and something to ask about?
pub(super) fn will_ask(consent: &args::Consent, run: &args::Run, output: &Output) -> bool {
    run.ledger.rehearsal.simulate.is_none() && !consent.yes && output.is_interactive()
}

/// The plan as people read it. `waiting`: of its rows, those that an earlier run left.
pub(super) fn in_words(plan: &Plan, waiting: u64, environment: &Environment, rate: Rate) -> String {
    let rows = plan.rows();
    let tenant = environment.partner_tenant_id.map_or_else(|| "not known yet".to_owned(), |t| t.to_string());
    let mut text = format!(
        "{} will be created at {} (partner tenant {tenant}).\n",
        counted(rows, "customer"),
        environment.api
    );
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("writing to a String cannot fail");
    };
    for group in plan.groups.iter().take(GROUPS_LISTED) {
        let reseller = match &group.reseller {
            Some(id) => format!("reseller {id}"),
            None => "no reseller".to_owned(),
        };
        line(format_args!("  {:>9}  {}  {reseller}", group.rows, group.country));
    }
    if let Some(rest) = plan.groups.get(GROUPS_LISTED..).filter(|rest| !rest.is_empty()) {
        let rows: u64 = rest.iter().map(|group| group.rows).sum();
        line(format_args!("  {rows:>9}  in {}", counted(rest.len() as u64, "more group")));
    }
    if waiting > 0 {
        line(format_args!("{waiting} of them waited from earlier runs."));
    }
    if plan.agreements > 0 {
        line(format_args!(
            "{} of the customer agreement will be recorded, in the name of your company.",
            counted(plan.agreements, "acceptance")
        ));
    }
    if let Some(time) = expected_time(rows + plan.agreements, rate).filter(|_| rows + plan.agreements > 0) {
        line(format_args!("At this rate it takes about {}.", rough(time)));
    }
    text
}

/// Shows the plan and asks.
pub(super) async fn agreed(
    session: &mut Session<'_>,
    plan: &Plan,
    waiting: u64,
    rate: Rate,
) -> Result<Answer, Failure> {
    if plan.rows() + plan.agreements == 0 {
        return Ok(Answer::Yes);
    }
    session.output.note_lines(&in_words(plan, waiting, &session.connection.environment, rate));
    let question = match plan.rows() {
        0 => "Recording an acceptance cannot be undone. Go ahead?".to_owned(),
        _ => "Creating customers cannot be undone. Go ahead?".to_owned(),
    };
    tokio::select! {
        answer = session.output.confirm(question) => Ok(if answer? { Answer::Yes } else { Answer::No }),
        Some(signal) = session.signals.recv() => Ok(Answer::Signalled(signal)),
    }
}
