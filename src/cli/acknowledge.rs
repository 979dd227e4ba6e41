//! `tenantry acknowledge`: refused rows, refused acceptances and lost passwords no longer need attention.

use super::shell::quoted;
use super::{ExitCode, Failure, Output, args, next_command};
use crate::ledger::{AcknowledgeReport, AcknowledgeSelection, Queries, RunEnd, State};
use crate::report::{LedgerSummary, counted, details_of_named, named_rows, one_line};

/// The most codes that are listed if nothing matches.
const CODES_NAMED: usize = 10;

pub(crate) async fn run(args: args::AcknowledgeArgs, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = args.ledger.open_to_change(output.command())?;
    let queries = args.ledger.read()?;
    let undo = next_command::of(output, &undo(&args.which));
    let args::Acknowledgeable { domains, codes, gone } = args.which;
    let selection = AcknowledgeSelection { named: named_rows(&queries, &domains)?, codes, gone };
    let done = ledger.acknowledge(selection, args.undo).await?;
    // With --undo, a row that was not acknowledged does not match.
    let is_matched = done.changed() > 0 || (!args.undo && done.unchanged > 0);
    let exit_code = if is_matched { ExitCode::Done } else { ExitCode::Failed };
    let words = if is_matched { "done" } else { "nothing matched" };
    ledger.close(RunEnd { exit_code: exit_code.number(), words: words.to_owned() }).await?;
    if !is_matched {
        let failure =
            if args.undo { nothing_to_undo(output) } else { none_needs_attention(&queries, output)? };
        return domains
            .iter()
            .try_fold(failure, |failure, domain| Ok(failure.because(what_is_there(&queries, domain)?)))
            .and_then(Err);
    }
    for domain in &domains {
        if details_of_named(&queries, domain)?.is_empty() {
            let why = what_is_there(&queries, domain)?;
            output.note(format_args!("--domain {} matches nothing: {why}.", one_line(domain)));
        }
    }
    let words = describe(&done, args.undo, &undo);
    output.note(format_args!("{words}{}", erased_words(&done, output)));
    Ok(ExitCode::Done)
}

/// The arguments that undo the acknowledgement of these rows.
fn undo(which: &args::Acknowledgeable) -> String {
    let args::Acknowledgeable { domains, codes, gone } = which;
    let domains = domains.iter().map(|domain| format!(" --domain {}", quoted(domain)));
    let codes = codes.iter().map(|code| format!(" --code {}", quoted(code)));
    let gone = gone.then(|| " --gone".to_owned());
    format!("acknowledge --undo{}", domains.chain(codes).chain(gone).collect::<String>())
}

/// What was changed, as sentences. `undo`: the command that undoes it.
fn describe(done: &AcknowledgeReport, is_undone: bool, undo: &str) -> String {
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
    match (done.changed(), is_undone) {
        (0, _) => format!("{} acknowledged before.", counted(done.unchanged, "row")),
        (_, false) => format!("Acknowledged: {parts}. `{undo}` undoes this."),
        (_, true) => format!("Not acknowledged any more: {parts}."),
    }
}

/// What rows need that have no data any more.
fn erased_words(done: &AcknowledgeReport, output: &Output) -> String {
    if done.erased == 0 {
        return String::new();
    }
    let settle = match done.unresolved {
        0 => String::new(),
        _ => format!(" For unresolved rows, run `{}` after that.", next_command::of(output, "reconcile")),
    };
    format!(
        " `tenantry forget` has erased the data of {}: to work on them, import their list with `--retry-failed`.{settle}",
        counted(done.erased, "row")
    )
}

fn nothing_to_undo(output: &Output) -> Failure {
    Failure::new(ExitCode::Failed, "no acknowledged row matches")
        .with_hint(format!("`{}` counts the acknowledged rows", next_command::status(output)))
}

/// What the ledger has of a domain that matches nothing.
fn what_is_there(queries: &Queries, domain: &str) -> Result<String, Failure> {
    let rows = details_of_named(queries, domain)?;
    let domain = one_line(domain);
    Ok(match rows.last() {
        Some(row) => {
            let code =
                row.error_code.as_ref().map(|code| format!(" ({})", one_line(code))).unwrap_or_default();
            format!("the row of `{domain}` is {}{code}", row.state)
        }
        None => format!("the ledger has no row of the domain `{domain}`"),
    })
}

/// Names what could be acknowledged instead.
fn none_needs_attention(queries: &Queries, output: &Output) -> Result<Failure, Failure> {
    let summary = LedgerSummary::of(queries)?;
    let mut codes: Vec<String> = Vec::new();
    for error in &summary.errors {
        let code = format!("--code {}", quoted(&error.code));
        // Rows in several states may have it.
        if codes.len() < CODES_NAMED && !codes.contains(&code) {
            codes.push(code);
        }
    }
    if queries.created_without_credentials()? > 0 {
        codes.push(format!("--code {}", crate::ledger::LOST_PASSWORD));
    }
    let needs_attention = summary.rows.refused() + summary.rows.unacknowledged(State::Unresolved);
    let hint = match (codes.is_empty(), needs_attention) {
        (true, 0) => "no row of this ledger needs attention".to_owned(),
        (true, _) => format!("`{}` lists what needs attention", next_command::status(output)),
        (false, _) => format!("these match: {}", codes.join(", ")),
    };
    Ok(Failure::new(ExitCode::Failed, "no row that needs attention matches").with_hint(hint))
}
