//! `tenantry acknowledge`: refused rows, refused acceptances and lost passwords no longer need attention.

use super::{ExitCode, Failure, Output, args};
use crate::ledger::{AcknowledgeReport, AcknowledgeSelection, Queries, RunEnd, State};
use crate::report::{LedgerSummary, counted};

/// The most codes that are listed if nothing matches.
const CODES_NAMED: usize = 10;

pub(crate) async fn run(args: args::AcknowledgeArgs, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = args.ledger.open_to_change(output.command())?;
    let args::Acknowledgeable { domains, codes, gone } = args.which;
    let domains = domains.iter().map(|domain| domain.trim().to_ascii_lowercase()).collect();
    let selection = AcknowledgeSelection { domains, codes, gone };
    let done = ledger.acknowledge(selection, args.undo).await?;
    let is_matched = done.changed() + done.unchanged > 0;
    let exit_code = if is_matched { ExitCode::Done } else { ExitCode::Failed };
    let words = if is_matched { "done" } else { "nothing matched" };
    ledger.close(RunEnd { exit_code: exit_code.number(), words: words.to_owned() }).await?;
    let queries = args.ledger.read()?;
    if !is_matched {
        return Err(Failure::new(ExitCode::Failed, "no row that needs attention matches")
            .with_hint(hint(&queries, args.undo)?));
    }
    output.note(describe(&done, args.undo));
    Ok(ExitCode::Done)
}

/// What was changed, as sentences.
fn describe(done: &AcknowledgeReport, undo: bool) -> String {
    let parts: Vec<String> = [
        (done.failed, "failed row"),
        (done.rejected, "rejected row"),
        (done.unresolved, "unresolved row"),
        (done.agreements, "refused agreement"),
        (done.passwords, "lost password"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| counted(count, noun))
    .collect();
    let parts = parts.join(", ");
    match (done.changed(), undo) {
        (0, false) => format!("{} acknowledged before.", counted(done.unchanged, "row")),
        (0, true) => format!("{} not acknowledged.", counted(done.unchanged, "row")),
        (_, false) => {
            format!("Acknowledged: {parts}. `tenantry acknowledge --undo` with the same options undoes this.")
        }
        (_, true) => format!("Not acknowledged any more: {parts}."),
    }
}

/// What could be acknowledged instead.
fn hint(queries: &Queries, undo: bool) -> Result<String, Failure> {
    if undo {
        return Ok("`tenantry status` counts the acknowledged rows".to_owned());
    }
    let summary = LedgerSummary::of(queries)?;
    let mut codes: Vec<String> =
        summary.errors.iter().take(CODES_NAMED).map(|error| format!("--code {}", error.code)).collect();
    if queries.created_without_credentials()? > 0 {
        codes.push(format!("--code {}", crate::ledger::LOST_PASSWORD));
    }
    let needs_attention = summary.rows.refused() + summary.rows.unacknowledged(State::Unresolved);
    Ok(match (codes.is_empty(), needs_attention) {
        (true, 0) => "no row of this ledger needs attention".to_owned(),
        (true, _) => "`tenantry status` lists what needs attention".to_owned(),
        (false, _) => format!("these match: {}", codes.join(", ")),
    })
}
