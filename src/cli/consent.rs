//! Asks for confirmation of a plan: creating customers cannot be undone.

use std::time::Duration;

use super::session::{Halt, Session};
use super::terminal::{NoPrompt, TRIES, Terminal, TypedAnswer};
use super::{ExitCode, Failure, args, partner, plan};
use crate::ledger::SubmissionPlan;
use crate::report::{PushLine as _, counted};
use crate::submitter::StopReason;

/// A hangup of the terminal, or Ctrl-C on Windows, ends the input shortly before the signal arrives.
const SIGNAL_WITHIN: Duration = Duration::from_millis(300);

/// How the operator agrees to what a command will create.
#[derive(Debug)]
pub(super) enum Consent {
    /// Given with `--yes`, or not needed: a rehearsal creates nothing real, and a dry run creates nothing.
    Given,
    Ask(Terminal),
}

impl Consent {
    /// Does this run ask whether to create customers?
    pub(super) fn is_needed(run: &args::RunArgs) -> bool {
        !(run.submission.yes || run.submission.dry_run || run.ledger.rehearsal.simulate.is_some())
    }

    /// # Errors
    /// A question is needed, but there is no terminal for it.
    pub(super) fn of(run: &args::RunArgs) -> Result<Self, NoPrompt> {
        if Self::is_needed(run) { Terminal::open().map(Self::Ask) } else { Ok(Self::Given) }
    }
}

impl From<NoPrompt> for Failure {
    fn from(why: NoPrompt) -> Self {
        Failure::new(ExitCode::Usage, "cannot ask whether to create customers")
            .because(why.to_string())
            .with_hint(
                "add `--yes` to create them without a question, or `--dry-run` to see what would be done",
            )
    }
}

/// Signs in, shows the plan on the terminal and asks. `waiting`: rows of the plan that waited before. `missing`: rows that
/// waited, and that a yes declines.
///
/// # Errors
/// The answer is not yes, the terminal is gone, or the ledger belongs to another partner tenant.
pub(super) async fn confirm(
    session: &mut Session<'_>,
    terminal: &Terminal,
    plan: &SubmissionPlan,
    waiting: u64,
    missing: u64,
) -> Result<(), Halt> {
    if plan.is_empty() && missing == 0 {
        return Ok(());
    }
    if missing > 0 {
        let (are, they) = if missing == 1 { ("is", "it is") } else { ("are", "they are") };
        let rows = counted(missing, "row");
        session.output.note(format_args!(
            "{rows} that waited {are} no longer in the list. If you agree, {they} declined and not created."
        ));
    }
    session.sign_in(plan.user_needs()).await?;
    let signed_in = session.signed_in.as_ref().expect("the session has signed in");
    let question = match plan.rows() {
        0 if plan.agreements == 0 => "Go ahead? (yes/no) ",
        0 => "Recording an acceptance cannot be undone. Go ahead? (yes/no) ",
        _ => "Creating customers cannot be undone. Go ahead? (yes/no) ",
    };
    let asking = async {
        let partner = match &session.partner {
            Some(partner) => partner.clone(),
            None => partner::named(signed_in).await?,
        };
        let profile = session.output.profile().map(|name| format!(", with the profile `{name}`"));
        let api = &session.connection.environment.api;
        let whom = format!("for {} at {api}{}", partner.words, profile.unwrap_or_default());
        terminal.check()?;
        let columns = &session.columns.auto_mapped;
        let rate = session.args.pace.rate;
        let mut text = plan::describe(plan, waiting, &session.changes, columns, &whom, rate);
        if let Some(limit) = session.args.limit.filter(|limit| *limit < plan.rows()) {
            text.push_line(format_args!(
                "This run sends {limit} of them (--limit). If you say yes, later runs send the others without asking."
            ));
        }
        terminal.print(&text).await?;
        Ok::<_, Halt>(consent(terminal, question).await?)
    };
    let reply = tokio::select! {
        biased;
        Some(signal) = session.signals.recv() => return Err(StopReason::Interrupted(signal).into()),
        reply = asking => reply?,
    };
    match reply {
        TypedAnswer::Yes => Ok(()),
        TypedAnswer::No | TypedAnswer::Unclear => Err(StopReason::Declined.into()),
        TypedAnswer::End => Err(Halt::from(tokio::select! {
            Some(signal) = session.signals.recv() => StopReason::Interrupted(signal),
            () = tokio::time::sleep(SIGNAL_WITHIN) => StopReason::Declined,
        })),
    }
}

/// Asks until the answer is clear, up to a limit.
pub(super) async fn consent(terminal: &Terminal, question: &str) -> Result<TypedAnswer, Failure> {
    for left in (0..TRIES).rev() {
        // Input typed before the question was shown is not an answer to it.
        terminal.forget_typed();
        terminal.print(question).await?;
        match terminal.reply().await {
            TypedAnswer::Unclear if left > 0 => terminal.print("Please answer yes or no.\n").await?,
            reply => return Ok(reply),
        }
    }
    Ok(TypedAnswer::Unclear)
}
