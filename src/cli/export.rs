//! `tenantry export`: rows as CSV.

use super::args::{self, What};
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::output::Output;
use super::settings::LedgerChoice;
use super::sink::Sink;
use crate::ledger::{Filter, State};
use crate::report::{Style, counted, export};

pub(crate) fn run(args: args::Export, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = LedgerChoice::from(&args.ledger);
    let queries = ledger.read()?;
    let filter = match args.what {
        What::Created => Filter::State(State::Created),
        What::Existing => Filter::State(State::Existing),
        What::Failed => Filter::State(State::Failed),
        What::Rejected => Filter::State(State::Rejected),
        What::Unresolved => Filter::State(State::Unresolved),
        What::Agreements => Filter::UnrecordedAgreements,
        What::All => Filter::All,
    };
    let target = args.to.target();
    let file = target.file;
    let mut sink = Sink::from_ledger(target, &queries)?;
    let rows = export(&queries, filter, Style { for_excel: args.for_excel }, &mut sink)?;
    sink.finish()?;
    if let Some(path) = file {
        output.note(format_args!("{} written to `{}`.", counted(rows, "row"), path.display()));
    }
    Ok(ExitCode::Done)
}
