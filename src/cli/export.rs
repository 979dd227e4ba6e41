//! `tenantry export`: writes rows as CSV.

use super::sink::Sink;
use super::{ExitCode, Failure, Output, args};
use crate::report::{Style, counted, export};

pub(crate) fn run(args: args::ExportArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let target = args.to.target();
    let file = target.file;
    let mut sink = Sink::from_ledger(target, &queries)?;
    let rows = export(&queries, args.what.0, Style { for_excel: args.for_excel }, &mut sink)?;
    sink.finish()?;
    if let Some(path) = file {
        output.note(format_args!("{} written to `{}`.", counted(rows, "row"), path.display()));
    }
    Ok(ExitCode::Done)
}
