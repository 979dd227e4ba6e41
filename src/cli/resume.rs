//! `tenantry resume` and `tenantry reconcile`: continues with the rows in the ledger, without the file.

use super::consent::{self, Consent};
use super::ended::Ended;
use super::session::{Halt, Session};
use super::{Failure, Output, args, import, next_command};
use crate::ledger::{AwaitingConsent, InputOptions, State};
use crate::report::{counted, counted_with};
use crate::submitter::{Mode, StopReason};

/// `mode`: send open rows, or only look up the outcome of rows in doubt.
pub(crate) async fn run(mode: Mode, args: args::RunArgs, output: &Output) -> Result<Ended, Failure> {
    let mut session = Session::begin(mode, &args, &[], InputOptions::default(), output).await?;
    let worked = work(mode, &args, &mut session).await;
    session.finish(worked.map(|()| 0)).await
}

async fn work(mode: Mode, args: &args::RunArgs, session: &mut Session<'_>) -> Result<(), Halt> {
    match mode {
        Mode::LookUpOnly => note_in_flight(session)?,
        Mode::Submit => settle_undecided(session, args).await?,
    }
    if !session.is_dry_run() {
        session.submit().await?;
    }
    Ok(())
}

fn note_in_flight(session: &Session<'_>) -> Result<(), Failure> {
    let in_flight = session.queries.counts()?.of(State::InFlight);
    if in_flight > 0 {
        session.output.note(format_args!(
            "{} in flight: `{}` may still bring their passwords, which `reconcile` does not.",
            counted(in_flight, "row"),
            next_command::of(session.output, "resume")
        ));
    }
    Ok(())
}

/// Asks for consent to rows whose run ended before its question was answered. If there is no terminal for the question,
/// these rows keep waiting, and the others are sent.
async fn settle_undecided(session: &mut Session<'_>, args: &args::RunArgs) -> Result<(), Halt> {
    let (consent, what) = (Consent::of(args), AwaitingConsent::OfEarlierRuns);
    let plan = session.queries.undecided()?;
    let missing = session.ledger.missing(what).await?;
    let has_some = !plan.is_empty() || missing > session.ledger.missing(AwaitingConsent::OfThisRun).await?;
    if session.is_dry_run() {
        if !plan.is_empty() && !args.submission.yes {
            let rows = counted_with(plan.rows(), plan.agreements, "acceptance");
            session.output.note(format_args!("{rows} of the plan without your consent: a run asks for it."));
        }
        session.agree(what).await?;
        return Ok(());
    }
    if args.submission.max_new.is_some() {
        // This run has read nothing.
        let agreed = if consent.is_ok() { what } else { AwaitingConsent::OfThisRun };
        session.refuse_too_many_new(&session.queries.plan(session.ledger.run(), agreed)?)?;
    }
    if !has_some {
        return Ok(());
    }
    match consent {
        Err(why) => {
            session.output.note(format_args!(
                "Rows without your consent stay pending, because this run cannot ask you: {why}."
            ));
            return Ok(());
        }
        Ok(Consent::Given) => {}
        Ok(Consent::Ask(terminal)) => {
            let agreed = consent::confirm(session, &terminal, &plan, plan.rows(), missing).await;
            if let Err(Halt::Stopped(StopReason::Declined)) = agreed {
                import::discard(session, what).await?;
            }
            agreed?;
        }
    }
    session.ledger.release(what).await?;
    Ok(())
}
