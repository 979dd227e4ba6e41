//! `tenantry retry`: retries refused rows, without their file.

use super::consent::{self, Consent};
use super::ended::Ended;
use super::session::{Halt, Session};
use super::terminal::NoPrompt;
use super::{ExitCode, Failure, Output, args, next_command, rules};
use crate::intake::StoredRowValidator;
use crate::ledger::{InputOptions, ListRefusal, Queries, RetryReport, Selection, SkipReason, State};
use crate::report::{LedgerSummary, counted, details_of_named, named_rows};
use crate::submitter::{Mode, StopReason};

/// The most existing codes that are listed if `--code` matches nothing.
const CODES_NAMED: usize = 10;

pub(crate) async fn run(args: args::RetryArgs, output: &Output) -> Result<Ended, Failure> {
    args.input.refuse_contradictions()?;
    refuse_if_none_matches(&args, output)?;
    let consent = Consent::of(&args.run);
    // If there is nothing to do, that is reported, and not that the question cannot be asked.
    if let Err(why) = consent
        && may_have_work(&args)?
    {
        return Err(why.into());
    }
    let given = args.input.given(false, output);
    let mut session = Session::begin(Mode::Submit, &args.run, &[], given, output).await?;
    let worked = work(&args, consent, &mut session).await;
    session.finish(worked).await
}

/// Returns the number of rows that fail validation.
async fn work(
    args: &args::RetryArgs,
    consent: Result<Consent, NoPrompt>,
    session: &mut Session<'_>,
) -> Result<u64, Halt> {
    let output = session.output;
    let live_rules = rules::live(&session.connection.environment.api, output);
    let mut validation = args.input.validation(args.run.connection.cloud, live_rules);
    validation.partner_domains.extend(session.partner_domains(matches!(consent, Ok(Consent::Ask(_)))).await?);
    let given = args.input.given(args.condition.require_valid, output);
    // A row that is named explicitly is retried even if its domain was burned.
    let rows = || StoredRowValidator::new(validation.clone(), given.clone(), !args.domains.is_empty());
    let selection = selection(args, &session.queries, given.clone())?;
    // If a selection matches no rows, do not send the other rows that wait.
    let asks_for_some = asks_for_some(args);
    let finds_none = |again: &RetryReport| asks_for_some && again.retried() == 0;
    for note in unmatched(args, &session.queries)? {
        output.note(format_args!("{note}."));
    }
    let has_limit = args.run.submission.max_new.is_some() && !session.is_dry_run();
    if args.condition.require_valid || has_limit || !matches!(consent, Ok(Consent::Given)) {
        // Only simulates the retry: without consent nothing has changed, so nothing has to be undone.
        let again = session.ledger.retry(selection.clone(), rows(), true).await?;
        if args.condition.require_valid && again.left(SkipReason::Wrong) > 0 {
            report(output, &again);
            return Err(StopReason::ListRefused(ListRefusal::NotAllValid {
                rows: again.left(SkipReason::Wrong),
            })
            .into());
        }
        if has_limit && !finds_none(&again) {
            session.refuse_too_many_new(&again.plan)?;
        }
        if !finds_none(&again) && !again.plan.is_empty() {
            match consent.map_err(Failure::from)? {
                Consent::Given => {}
                Consent::Ask(terminal) => {
                    let waiting = again.plan.rows().saturating_sub(again.failed + again.rejected);
                    consent::confirm(session, &terminal, &again.plan, waiting, 0).await?;
                }
            }
        }
    }
    let again = session.ledger.retry(selection, rows(), false).await?;
    report(output, &again);
    if !session.is_dry_run() && !finds_none(&again) {
        session.submit().await?;
    }
    Ok(again.left(SkipReason::Wrong))
}

fn selection(args: &args::RetryArgs, queries: &Queries, given: InputOptions) -> Result<Selection, Failure> {
    Ok(Selection {
        codes: args.codes.clone(),
        named: named_rows(queries, &args.domains)?,
        rejected: args.all,
        acknowledged: args.acknowledged,
        given,
    })
}

fn asks_for_some(args: &args::RetryArgs) -> bool {
    !args.codes.is_empty() || !args.domains.is_empty()
}

/// A run with nothing to retry is not started.
fn refuse_if_none_matches(args: &args::RetryArgs, output: &Output) -> Result<(), Failure> {
    if !asks_for_some(args) {
        return Ok(());
    }
    let unmatched = unmatched(args, &args.run.ledger.read()?)?;
    if unmatched.len() < args.codes.len() + args.domains.len() {
        return Ok(());
    }
    let none = Failure::new(ExitCode::Failed, "no row that can be retried matches")
        .with_hint(format!("`{}` lists what was refused", next_command::status(output)));
    Err(unmatched.into_iter().fold(none, Failure::because))
}

/// Whether the ledger, which stays unchanged, has rows that may be sent.
fn may_have_work(args: &args::RetryArgs) -> Result<bool, Failure> {
    let queries = args.run.ledger.read()?;
    let (rows, agreements) = (queries.counts()?, queries.agreement_counts()?);
    let acknowledged = |count: u64| if args.acknowledged { count } else { 0 };
    let of_rows = |state| rows.unacknowledged(state) + acknowledged(rows.acknowledged(state));
    let rejected = if args.all { of_rows(State::Rejected) } else { 0 };
    let refused = agreements.refused() + acknowledged(agreements.acknowledged);
    Ok(of_rows(State::Failed) + rejected + refused + rows.open() + agreements.open() > 0)
}

/// Names codes and domains that match nothing, so that a misspelt one is noticed.
fn unmatched(args: &args::RetryArgs, queries: &Queries) -> Result<Vec<String>, Failure> {
    let mut notes = Vec::new();
    let errors = LedgerSummary::of(queries)?.errors;
    let (failed, rejected) = (State::Failed.name(), State::Rejected.name());
    let is_meant = |state: &str| state == failed || state == "agreement" || (args.all && state == rejected);
    for code in &args.codes {
        let mut of_code = errors.iter().filter(|error| error.code == *code);
        if of_code.clone().any(|error| is_meant(error.state)) {
            continue;
        }
        let is_acknowledged = queries.has_acknowledged(code)?;
        if is_acknowledged && args.acknowledged {
            continue;
        }
        let elsewhere = of_code.find(|error| error.state == rejected).map_or(0, |error| error.count);
        let there_are: Vec<String> = errors
            .iter()
            .filter(|error| is_meant(error.state))
            .take(CODES_NAMED)
            .map(|error| format!("{} ({})", error.code, counted(error.count, "row")))
            .collect();
        let there_are = match (elsewhere, there_are.is_empty()) {
            (1.., _) => format!("{} that failed validation: add --all", counted(elsewhere, "row")),
            _ if is_acknowledged => "its rows are acknowledged: add --acknowledged".to_owned(),
            (0, true) => "there is nothing to retry".to_owned(),
            (0, false) => format!("there are {}", there_are.join(", ")),
        };
        notes.push(format!("--code {code} matches nothing; {there_are}"));
    }
    let is_selected = |state: State| if args.all { state.is_refused() } else { state == State::Failed };
    for domain in &args.domains {
        let rows = details_of_named(queries, domain)?;
        let steps = rows.iter().flat_map(|row| {
            let agreement =
                row.agreement.as_ref().map(|agreement| (agreement.state, agreement.acknowledged_at));
            std::iter::once((row.state, row.acknowledged_at)).chain(agreement)
        });
        let mut selected = steps.filter(|(state, _)| is_selected(*state)).peekable();
        let is_acknowledged = selected.peek().is_some();
        if selected.any(|(_, acknowledged_at)| acknowledged_at.is_none() || args.acknowledged) {
            continue;
        }
        let why = match rows.last() {
            Some(_) if is_acknowledged => "its row is acknowledged: add --acknowledged".to_owned(),
            Some(row) if row.state == State::Rejected => "its row failed validation: add --all".to_owned(),
            Some(row) => format!("its row is {}", row.state),
            None => "the ledger has no such row".to_owned(),
        };
        notes.push(format!("--domain {domain} matches nothing; {why}"));
    }
    Ok(notes)
}

fn report(output: &Output, again: &RetryReport) {
    let kinds =
        [(again.failed, "failed row"), (again.rejected, "rejected row"), (again.agreements, "agreement")];
    let kinds: Vec<String> =
        kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(count, noun)).collect();
    match again.retried() {
        0 => output.note("No refused row is tried again."),
        _ => output.note(format_args!("To be tried again: {}.", kinds.join(", "))),
    }
    let first = again.first_wrong.as_ref();
    let first = first.map(|it| format!("; the first is on line {}: {}", it.line, it.describe()));
    for (why, in_words) in [
        (
            SkipReason::Burned,
            &*format!(
                " for a burned domain: `{}`, choose another domain, and import the file.",
                next_command::of(output, "export failed")
            ),
        ),
        (SkipReason::Wrong, &*format!(" for failing validation{}.", first.unwrap_or_default())),
        (
            SkipReason::Changed,
            ": with the options given now, other values would be sent than its import sent. Give the --map, --default and \
             --reseller-id of that import.",
        ),
        (
            SkipReason::FromBefore,
            " since the ledger was restored, because a correction may be missing here: import the files again, corrected \
             rows first.",
        ),
        (SkipReason::SpokenFor, ", because another row has the domain now."),
        (
            SkipReason::Direct,
            " without a reseller, while other rows of the same file have one: give --reseller-id, or --allow-direct for \
             customers of your own.",
        ),
        (
            SkipReason::Erased,
            &*format!(
                ": `tenantry forget` has erased their data. Undo their acknowledgement with `{}` and `--domain` or \
                 `--code`, then import a list that contains them with `--retry-failed`.",
                next_command::of(output, "acknowledge --undo")
            ),
        ),
    ] {
        let rows = again.left(why);
        if rows > 0 {
            output.note(format_args!("{} left alone{in_words}", counted(rows, "row")));
        }
    }
}
