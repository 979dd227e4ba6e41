//! `tenantry forget`: erases personal data of old rows that need no more work.

use std::path::{Path, PathBuf};

use super::account::who;
use super::consent;
use super::terminal::{NoPrompt, Terminal, TypedAnswer};
use super::{ExitCode, Failure, Output, args, next_command};
use crate::clock;
use crate::ledger::{ForgetPlan, Forgettable, Forgetting, RowCounts, State};
use crate::report::counted;

const QUESTION: &str = "Erased data cannot be restored. Erase it? (yes/no) ";

pub(crate) async fn run(args: args::ForgetArgs, output: &Output) -> Result<ExitCode, Failure> {
    let path = args.ledger.path();
    // A `yes` of the settings is about creating customers.
    let is_agreed = args.yes && output.is_typed("yes");
    let terminal = if is_agreed { None } else { Some(Terminal::open().map_err(cannot_ask)?) };
    let changed_before =
        clock::now().checked_sub(args.older_than).map_err(|error| Failure::usage(error.to_string()))?;
    let what = Forgettable { changed_before, passwords: args.passwords };
    let mut forgetting = Forgetting::open(&path, what)?;
    let plan = forgetting.plan()?;
    if plan.is_cleaning_owed {
        forgetting.clean()?;
        output.note("An earlier `tenantry forget` was interrupted: the ledger and its log are cleaned now.");
    }
    let since = clock::local(changed_before).to_string();
    let kept = describe_kept(&plan, output);
    if plan.is_empty() {
        output.note(format_args!("Nothing to erase in `{}` from before {since}.", path.display()));
        kept.iter().for_each(|line| output.note(line));
        return Ok(ExitCode::Done);
    }
    let copies = forgetting.copies()?;
    if let Some(terminal) = &terminal {
        let text = describe_plan(&plan, &path, &since) + &lines(&kept) + &lines(&describe_copies(&copies));
        terminal.print(&text).await?;
        if consent::consent(terminal, QUESTION).await? != TypedAnswer::Yes {
            output.note("Nothing was erased: you said no.");
            return Ok(ExitCode::Stopped);
        }
    }
    forgetting.erase(&who())?;
    forgetting.clean()?;
    output.note(format_args!(
        "Erased: {}. The ledger `{}` and its log are cleaned.",
        describe(&plan),
        path.display()
    ));
    if terminal.is_none() {
        kept.iter().chain(&describe_copies(&copies)).for_each(|line| output.note(line));
    }
    Ok(ExitCode::Done)
}

fn cannot_ask(why: NoPrompt) -> Failure {
    Failure::new(ExitCode::Usage, "cannot ask whether to erase data")
        .because(why.to_string())
        .with_hint("add `--yes` to erase it without a question")
}

fn describe_plan(plan: &ForgetPlan, path: &Path, since: &str) -> String {
    format!(
        "In `{}`, this erases: {}.\nRows that have changed since {since} are kept.\n",
        path.display(),
        describe(plan)
    )
}

/// What is erased, such as `personal data of 3 rows (2 created, 1 superseded) and 2 passwords`.
fn describe(plan: &ForgetPlan) -> String {
    let rows = plan.rows.total();
    let of_rows =
        (rows > 0).then(|| format!("personal data of {} ({})", counted(rows, "row"), by_state(&plan.rows)));
    let passwords = (plan.passwords > 0).then(|| counted(plan.passwords, "opened password"));
    of_rows.into_iter().chain(passwords).collect::<Vec<_>>().join(" and ")
}

fn by_state(rows: &RowCounts) -> String {
    let states = State::OF_ROWS.into_iter().filter(|state| rows.of(*state) > 0);
    states.map(|state| format!("{} {state}", rows.of(state))).collect::<Vec<_>>().join(", ")
}

/// The rows that are old enough and are kept, and why.
fn describe_kept(plan: &ForgetPlan, output: &Output) -> Vec<String> {
    let unfinished = plan.unfinished.total();
    let refused = plan.unfinished.sum(State::needs_attention);
    let acknowledge = match refused {
        0 => String::new(),
        _ => {
            let acknowledge = next_command::of(output, "acknowledge --code CODE");
            format!(" `{acknowledge}` makes refused rows ready to be erased.")
        }
    };
    let of_states = (unfinished > 0).then(|| {
        format!(
            "Kept: {} that may need work ({}).{acknowledge}",
            counted(unfinished, "older row"),
            by_state(&plan.unfinished)
        )
    });
    let of_agreements = (plan.awaiting_agreement > 0).then(|| {
        format!(
            "Kept: {} whose customer agreement is not recorded.",
            counted(plan.awaiting_agreement, "older row")
        )
    });
    of_states.into_iter().chain(of_agreements).collect()
}

/// The places that still have the data.
fn describe_copies(copies: &[PathBuf]) -> Vec<String> {
    let names: Vec<String> = copies.iter().map(|copy| format!("`{}`", copy.display())).collect();
    let found = (!names.is_empty()).then(|| {
        format!(
            "These copies of the ledger still have the data: {}. Delete them if you do not need them.",
            names.join(", ")
        )
    });
    let others = "Backups in other places, exports, reports and log files are not changed.".to_owned();
    found.into_iter().chain([others]).collect()
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
