//! `tenantry export`: writes rows as CSV or as a workbook.

use super::replacing::Guarded;
use super::sink::Sink;
use super::{ExitCode, Failure, Output, args, next_command};
use crate::report::{Style, counted, export};

pub(crate) fn run(args: args::ExportArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let what = if args.acknowledged { args.what.0.with_acknowledged() } else { args.what.0 };
    let target = args.to.target();
    let file = target.file;
    let guarded = Guarded::default().and_files_of(&queries, file)?.for_tables();
    let mut sink = Sink::open(target, &guarded)?;
    let rows = export(&queries, what, Style::of(file, args.form.for_excel), &mut sink)?;
    sink.finish()?;
    if let Some(path) = file {
        output.note(format_args!("{} written to `{}`.", counted(rows, "row"), path.display()));
    }
    let erased = queries.erased_rows(what)?;
    if erased > 0 {
        output.note(format_args!(
            "{} left out, whose data `tenantry forget` has erased. `{}` shows what is left.",
            counted(erased, "row"),
            next_command::of(output, "list")
        ));
    }
    let left_out = queries.acknowledged_left_out(what)?;
    if left_out > 0 {
        let rows = counted(left_out, "acknowledged row");
        output.note(format_args!("{rows} left out; to export acknowledged rows too, add `--acknowledged`."));
    }
    Ok(ExitCode::Done)
}
