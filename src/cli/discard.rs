//! `tenantry discard`: pending rows that are not to be sent, without their list.

use std::path::Path;

use super::consent::consent;
use super::terminal::{NoPrompt, Terminal, TypedAnswer};
use super::{ExitCode, Failure, Output, args, next_command};
use crate::files;
use crate::ledger::{DiscardReport, DiscardSelection, Ledger, RunEnd};
use crate::report::{counted, counted_with};

pub(crate) async fn run(args: args::DiscardArgs, output: &Output) -> Result<ExitCode, Failure> {
    let is_rehearsal = args.ledger.rehearsal.simulate.is_some();
    let is_agreed = args.yes || is_rehearsal;
    // Without a domain or a list, these are all rows.
    let args::Discardable { domains, lists, all: _ } = args.which;
    let domains = domains.iter().map(|domain| domain.trim().to_ascii_lowercase()).collect();
    let lists = lists.iter().map(|list| files::list_name(Path::new(list))).collect();
    let selection = DiscardSelection { domains, lists };
    let terminal = match (!is_agreed).then(Terminal::open).transpose() {
        Ok(terminal) => terminal,
        // The ledger stays as it is. If nothing matches, that is reported, and not that the question cannot be asked.
        Err(why) => {
            return Err(match args.ledger.read()?.discardable(&selection)? {
                (0, may_be_sent) => none_matches(may_be_sent, output),
                _ => unasked(why),
            });
        }
    };
    let ledger = args.ledger.open_to_change(output.command())?;
    let worked = work(&ledger, selection, terminal, output).await;
    let (exit_code, words) = match &worked {
        Ok(exit_code) => (*exit_code, exit_code.meaning_without_run().to_owned()),
        Err(failure) => (failure.exit_code, failure.messages.join(": ")),
    };
    ledger.close(RunEnd { exit_code: exit_code.number(), words }).await?;
    worked
}

async fn work(
    ledger: &Ledger,
    selection: DiscardSelection,
    terminal: Option<Terminal>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let planned = ledger.discard(selection.clone(), true).await?;
    if planned.discarded() == 0 {
        return Err(none_matches(planned.may_be_sent, output));
    }
    if let Some(terminal) = terminal {
        let waiting = counted_with(planned.declined + planned.refused_again, planned.agreements, "agreement");
        let question = format!("Discard {waiting} ({})? They are not sent. (yes/no) ", first(&planned));
        if consent(&terminal, &question).await? != TypedAnswer::Yes {
            output.note("Nothing was discarded: you said no.");
            return Ok(ExitCode::Stopped);
        }
    }
    let done = ledger.discard(selection, false).await?;
    output.note(format_args!("Discarded: {}.{}", describe(&done), later(&done, output)));
    if done.may_be_sent > 0 {
        output.note(stay(done.may_be_sent, output));
    }
    Ok(ExitCode::Done)
}

fn unasked(why: NoPrompt) -> Failure {
    Failure::new(ExitCode::Usage, "cannot ask whether to discard rows")
        .because(why.to_string())
        .with_hint("add `--yes` to discard them without a question")
}

fn none_matches(may_be_sent: u64, output: &Output) -> Failure {
    let failure = Failure::new(ExitCode::Failed, "no pending row matches");
    match may_be_sent {
        0 => failure.with_hint(format!("`{}` shows how many rows are pending", next_command::status(output))),
        rows => failure.because(stay(rows, output)),
    }
}

/// Why rows are not discarded.
fn stay(rows: u64, output: &Output) -> String {
    format!(
        "{} may have been sent and cannot be discarded; `{}` settles this, or, after a restore, importing their list \
         again",
        counted(rows, "row"),
        next_command::of(output, "resume")
    )
}

/// What brings discarded rows back.
fn later(rows: &DiscardReport, output: &Output) -> String {
    let of_list = match (rows.declined + rows.agreements, rows.refused_again) {
        (0, _) => "",
        (_, 0) => " To send them after all, import their list again.",
        _ => " To send those that were not refused, import their list again.",
    };
    let of_refused = match rows.refused_again {
        0 => String::new(),
        _ => format!(" `{}` tries refused rows again.", next_command::of(output, "retry")),
    };
    of_list.to_owned() + &of_refused
}

/// The rows that are discarded, with the first domains.
fn describe(rows: &DiscardReport) -> String {
    let parts = [
        (rows.declined, "row", "declined"),
        (rows.refused_again, "row", "refused as before"),
        (rows.agreements, "agreement", "not recorded"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, noun, state)| format!("{} {state}", counted(count, noun))).collect();
    format!("{} ({})", parts.join(", "), first(rows))
}

/// The first domains.
fn first(rows: &DiscardReport) -> String {
    let more = if rows.discarded() > rows.domains.len() as u64 { ", …" } else { "" };
    rows.domains.join(", ") + more
}
