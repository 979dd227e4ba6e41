//! `tenantry resume` and `tenantry reconcile`: go on with what the ledger holds, without the file.

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::output::Output;
use super::session::{Session, Start};
use crate::ledger::Given;
use crate::report::counted;
use crate::submitter::Mode;

pub(crate) async fn resume(args: args::Run, output: &Output) -> Result<ExitCode, Failure> {
    run("resume", Mode::Submit, args, output).await
}

pub(crate) async fn reconcile(args: args::Run, output: &Output) -> Result<ExitCode, Failure> {
    run("reconcile", Mode::AskOnly, args, output).await
}

async fn run(
    command: &'static str,
    mode: Mode,
    args: args::Run,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if mode == Mode::AskOnly && args.submission.dry_run {
        return Err(Failure::usage("`reconcile` has no dry run: it only asks, and creates nothing"));
    }
    let start = Start { command, run: &args, inputs: &[], may_make_ledger: false, given: Given::default() };
    let mut session = Session::begin(start, output).await?;
    if mode == Mode::AskOnly {
        let in_flight = session.queries()?.counts()?.in_flight;
        if in_flight > 0 {
            output.note(format_args!(
                "{} in flight: `tenantry resume` may still bring their passwords, which asking does not.",
                counted(in_flight, "row")
            ));
        }
    }
    if session.is_dry_run() {
        return session.end_dry_run(0).await;
    }
    let stopped = session.submit(mode).await?;
    session.end(stopped).await
}
