//! `tenantry template`: writes the columns of a list, empty or with explanations.

use std::io::Write as _;

use super::replacing::Guarded;
use super::sink::Sink;
use super::{ExitCode, Failure, Output, args};
use crate::customer::{Field, Need};
use crate::report::{Style, csv_writer};
use crate::{reader, validation};

/// Width of the name column: the length of `organization_registration_number` and two spaces.
const NAME_WIDTH: usize = 34;

pub(crate) fn run(args: args::TemplateArgs, output: &Output) -> Result<ExitCode, Failure> {
    let mut sink = Sink::open(args.to.target(), &Guarded::default())?;
    let failed = |error: std::io::Error| Failure::io("could not write the template", &error);
    if args.explain {
        sink.write_all(explained().as_bytes()).map_err(failed)?;
    } else {
        let header = Field::ALL.map(Field::name);
        let written = csv_writer(Style { for_excel: args.for_excel }, &mut sink).and_then(|mut writer| {
            writer.write_record(header)?;
            writer.flush()
        });
        written.map_err(failed)?;
    }
    sink.finish()?;
    if let Some(path) = args.to.target().file {
        output.note(format_args!("Written to `{}`.", path.display()));
    }
    Ok(ExitCode::Done)
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
