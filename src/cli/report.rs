//! `tenantry report`: writes a report as HTML page, Markdown or JSON. Works during a run.

use std::io::IsTerminal as _;
use std::path::Path;

use super::args::{self, ReportFormat};
use super::sink::Sink;
use super::{ExitCode, Failure, Output, next_command};
use crate::files::free_name;
use crate::report::{Commands, Overview, markdown, page, pretty, scope_of};

pub(crate) fn run(args: args::ReportArgs, output: &Output) -> Result<ExitCode, Failure> {
    let target = args.to.target();
    let file = target.file;
    if file.is_none() && matches!(args.format, ReportFormat::Html) && std::io::stdout().is_terminal() {
        return Err(Failure::usage("a page of HTML is not for a terminal").with_hint(format!(
            "name a file with `-o {}`, or ask for `--format md`",
            free_name(Path::new("report.html")).display()
        )));
    }
    let (ledger, queries) = (args.ledger.path(), args.ledger.read()?);
    let Some(scope) = scope_of(&queries, args.run)? else {
        let run = args.run.unwrap_or_default();
        let message = format!("the ledger `{}` has no run {run}", ledger.display());
        return Err(Failure::new(ExitCode::Failed, message)
            .with_hint(format!("`{}` lists the last runs", next_command::status(output))));
    };
    let next = |queries: &_, standing: &_| next_command::between_runs(queries, standing, output.matches());
    let limit = args.rate.per_minute();
    // One consistent view, because a run may be in progress.
    let mut overview = queries.at_one_moment(|queries| Overview::of(queries, &ledger, scope, limit, next))?;
    overview.commands = Commands::with(|words| next_command::of(output, words));
    let text = match args.format {
        ReportFormat::Html => page(&overview),
        ReportFormat::Md => markdown(&overview),
        ReportFormat::Json => pretty(&overview),
    };
    match (file, args.format) {
        (Some(file), _) => {
            Sink::from_ledger(target, &queries)?.document(&text)?;
            output.note(format_args!("The report is in `{}`.", file.display()));
        }
        (None, ReportFormat::Json) => output.json(&text)?,
        (None, ReportFormat::Html | ReportFormat::Md) => output.result(&text)?,
    }
    Ok(ExitCode::Done)
}
