//! `tenantry template`: writes the columns of a list, empty or with explanations.

use std::io::Write as _;

use super::replacing::Guarded;
use super::sink::Sink;
use super::{ExitCode, Failure, Output, args};
use crate::customer::{Field, Need};
use crate::report::{Column, Content, Style, Table};
use crate::{reader, validation};

/// Width of the name column: the length of `organization_registration_number` and two spaces.
const NAME_WIDTH: usize = 34;

pub(crate) fn run(args: args::TemplateArgs, output: &Output) -> Result<ExitCode, Failure> {
    let target = args.to.target();
    // The explanation is text; in a workbook, the header has it in notes.
    let guarded = if args.explain { Guarded::default() } else { Guarded::default().for_tables() };
    let mut sink = Sink::open(target, &guarded)?;
    let failed = |failure: Failure| failure.within("could not write the template");
    if args.explain {
        let written = sink.write_all(explained().as_bytes());
        written.map_err(|error| failed(Failure::of(ExitCode::Failed, &error)))?;
    } else {
        let style = Style::of(target.file, args.form.for_excel);
        let written = Table::begin(&mut sink, style, Field::ALL.map(column).to_vec()).and_then(Table::end);
        written.map_err(|error| failed(error.into()))?;
    }
    sink.finish()?;
    if let Some(path) = target.file {
        output.note(format_args!("Written to `{}`.", path.display()));
    }
    Ok(ExitCode::Done)
}

fn column(field: Field) -> Column {
    let note = explain(field);
    let note = note.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    Column {
        note: Some(note),
        choices: validation::choices(field),
        // These names are ours, and no spreadsheet would run them.
        ..Column::new(field.name(), Content::Exact)
    }
}

fn explained() -> String {
    let columns = Field::ALL.map(explain).join("\n");
    format!(
        "The columns of a list. Their order does not matter, and columns of your own are kept for the exports.\n\
         Names are compared without regard to case, spaces and punctuation; `--map` takes any other.\n\n{columns}"
    )
}

fn explain(field: Field) -> String {
    let name = field.name();
    let need = match field.need() {
        Need::Always => "required",
        Need::ByCountry => "depends on the country",
        Need::WithTheOthers => "required where another column of the agreement is filled",
        Need::Never => "optional",
    };
    let length =
        validation::chars_max(field).map(|max| format!(", at most {max} characters")).unwrap_or_default();
    let mut text = format!("{name:<NAME_WIDTH$}{need}{length}\n    {}\n", field.wants());
    if let Some(example) = field.example() {
        text += &format!("    for example  {example}\n");
    }
    text + &format!("    also called  {}\n", reader::aliases_of(field).join(", "))
}
