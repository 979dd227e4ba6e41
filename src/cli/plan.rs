//! What is about to happen, and the question whether it may: creating customers cannot be undone.

use std::time::Duration;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::session::{Session, expected_time};
use super::terminal::{Reply, TRIES, Terminal, Unaskable};
use crate::call::Rate;
use crate::ledger::Plan;
use crate::report::{PushLine as _, counted, rough};
use crate::submitter::StopReason;

/// Groups of country and reseller that are listed; a plan of hundreds would not be read.
const GROUPS_LISTED: usize = 10;

/// A terminal that is hung up, or Ctrl-C on Windows, ends the answer a moment before the signal comes.
const SIGNAL_WITHIN: Duration = Duration::from_millis(300);

/// Who agrees to what a command is about to create.
#[derive(Debug)]
pub(super) enum Consent {
    /// Given with `--yes`, or not needed: a rehearsal creates nothing real, and a dry run nothing.
    Given,
    Ask(Terminal),
}

impl Consent {
    /// # Errors
    /// Somebody would have to be asked, and cannot be.
    pub(super) fn of(run: &args::Run) -> Result<Self, Unaskable> {
        let submission = &run.submission;
        if submission.yes || submission.dry_run || run.ledger.rehearsal.simulate.is_some() {
            return Ok(Self::Given);
        }
        Terminal::open().map(Self::Ask)
    }
}

impl From<Unaskable> for Failure {
    fn from(why: Unaskable) -> Self {
        Failure::new(ExitCode::Usage, "cannot ask whether to create customers")
            .because(why.to_string())
            .with_hint(
                "add `--yes` to create them without a question, or `--dry-run` to see what would be done",
            )
    }
}

/// The plan as people read it. `whom`: for whom and where. `waiting`: of its rows, those that an earlier run left.
pub(super) fn in_words(plan: &Plan, waiting: u64, whom: &str, rate: Rate) -> String {
    let rows = plan.rows();
    let mut text = format!("{} will be created {whom}.\n", counted(rows, "customer"));
    for group in plan.groups.iter().take(GROUPS_LISTED) {
        let reseller = match &group.reseller {
            Some(id) => format!("reseller {id}"),
            None => "no reseller".to_owned(),
        };
        text.push_line(format_args!("  {:>9}  {}  {reseller}", group.rows, group.country));
    }
    if let Some(rest) = plan.groups.get(GROUPS_LISTED..).filter(|rest| !rest.is_empty()) {
        let rows: u64 = rest.iter().map(|group| group.rows).sum();
        text.push_line(format_args!("  {rows:>9}  in {}", counted(rest.len() as u64, "more group")));
    }
    if waiting > 0 {
        text.push_line(format_args!("{waiting} of them waited from earlier runs."));
    }
    if plan.agreements > 0 {
        text.push_line(format_args!(
            "{} of the customer agreement will be recorded, in the name of your company.",
            counted(plan.agreements, "acceptance")
        ));
    }
    if let Some(time) = expected_time(rows + plan.agreements, rate).filter(|_| rows + plan.agreements > 0) {
        text.push_line(format_args!("At this rate it takes about {}.", rough(time)));
    }
    text
}

/// Signs in, shows the plan on the terminal and asks. `None`: it may go ahead.
///
/// # Errors
/// Nobody can be asked any more, or the ledger belongs to another partner tenant.
pub(super) async fn ask(
    session: &mut Session<'_>,
    terminal: &Terminal,
    plan: &Plan,
    waiting: u64,
    rate: Rate,
) -> Result<Option<StopReason>, Failure> {
    if plan.is_empty() {
        return Ok(None);
    }
    if let Some(reason) = session.sign_in().await? {
        return Ok(Some(reason));
    }
    if let Some(lacking) = session.lacks_user(plan.user_needs()) {
        return Ok(Some(lacking));
    }
    let partner = match session.partner().await {
        Ok(partner) => partner,
        Err(reason) => return Ok(Some(reason)),
    };
    let mut whom = format!("for {partner} at {}", session.connection.environment.api);
    if let Some(profile) = session.output.profile() {
        whom.push_str(&format!(", with the profile `{profile}`"));
    }
    terminal.check()?;
    let plan_in_words = in_words(plan, waiting, &whom, rate);
    let question = match plan.rows() {
        0 => "Recording an acceptance cannot be undone. Go ahead? (yes/no) ",
        _ => "Creating customers cannot be undone. Go ahead? (yes/no) ",
    };
    let asking = async {
        terminal.tell(&plan_in_words).await?;
        consent(terminal, question).await
    };
    let reply = tokio::select! {
        biased;
        Some(signal) = session.signals.recv() => return Ok(Some(StopReason::Interrupted(signal))),
        reply = asking => reply?,
    };
    Ok(match reply {
        Reply::Yes => None,
        Reply::No | Reply::Unclear => Some(StopReason::Declined),
        Reply::End => Some(tokio::select! {
            Some(signal) = session.signals.recv() => StopReason::Interrupted(signal),
            () = tokio::time::sleep(SIGNAL_WITHIN) => StopReason::Declined,
        }),
    })
}

/// Asks until the reply is clear, though not for ever.
async fn consent(terminal: &Terminal, question: &str) -> Result<Reply, Failure> {
    for _ in 0..TRIES {
        // Nobody has agreed to what they had not seen.
        terminal.forget_typed();
        terminal.tell(question).await?;
        match terminal.reply().await {
            Reply::Unclear => terminal.tell("Please answer yes or no.\n").await?,
            reply => return Ok(reply),
        }
    }
    Ok(Reply::Unclear)
}
