//! `tenantry resume` and `tenantry reconcile`: continues with the rows in the ledger, without the file.

use super::consent::{self, Consent};
use super::ended::Ended;
use super::session::{Halt, Session};
use super::{Failure, Output, args, import, next_command};
use crate::ledger::{AwaitingConsent, InputOptions, State};
use crate::report::counted;
use crate::submitter::{Mode, StopReason};

/// `mode`: send open rows, or only look up the outcome of rows in doubt.
pub(crate) async fn run(mode: Mode, args: args::RunArgs, output: &Output) -> Result<Ended, Failure> {
    let mut session = Session::begin(mode, &args, &[], InputOptions::default(), output).await?;
    let worked = work(mode, &args, &mut session).await;
    session.finish(worked.map(|()| 0)).await
}

async fn work(mode: Mode, args: &args::RunArgs, session: &mut Session<'_>) -> Result<(), Halt> {
    if mode == Mode::LookUpOnly {
        let in_flight = session.queries.counts()?.of(State::InFlight);
        if in_flight > 0 {
            session.output.note(format_args!(
                "{} in flight: `{}` may still bring their passwords, which asking does not.",
                counted(in_flight, "row"),
                next_command::of(session.output, "resume")
            ));
        }
    }
    if session.is_dry_run() {
        return Ok(());
    }
    if mode == Mode::Submit {
        settle_undecided(session, args).await?;
        if args.submission.max_new.is_some() {
            session.refuse_too_many_new(&session.queries.plan(session.ledger.run())?)?;
        }
    }
    session.submit().await
}

/// Asks for consent to rows whose run ended before its question was answered. If there is no terminal for the question,
/// these rows keep waiting, and the others are sent.
async fn settle_undecided(session: &mut Session<'_>, args: &args::RunArgs) -> Result<(), Halt> {
    let plan = session.queries.undecided()?;
    if plan.is_empty() {
        return Ok(());
    }
    match Consent::of(args) {
        Err(why) => {
            session.output.note(format_args!(
                "Rows without your consent stay pending, because this run cannot ask you: {why}."
            ));
            return Ok(());
        }
        Ok(Consent::Given) => {}
        Ok(Consent::Ask(terminal)) => {
            let agreed = consent::confirm(session, &terminal, &plan, plan.rows()).await;
            if let Err(Halt::Stopped(StopReason::Declined)) = agreed {
                import::discard(session, AwaitingConsent::OfEarlierRuns).await?;
            }
            agreed?;
        }
    }
    session.ledger.release(AwaitingConsent::OfEarlierRuns).await?;
    Ok(())
}
