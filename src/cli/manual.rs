//! `tenantry completions` and `tenantry man`: made from the command line itself, so they cannot be out of date.

use std::io;

use clap::Command;
use clap_mangen::Man;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::help;
use super::output::Output;

const NAME: &str = "tenantry";

/// Prints a script that completes commands and options in a shell.
pub(crate) fn completions(args: &args::Completions, output: &Output) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), NAME, &mut script);
    output.result(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Done)
}

/// Prints one manual page, or writes them all.
pub(crate) fn man(args: &args::Man, output: &Output) -> Result<ExitCode, Failure> {
    if let Some(folder) = &args.output {
        let written =
            std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(help::command(), folder));
        written.map_err(|error| {
            Failure::io(format!("could not write the manual pages to `{}`", folder.display()), &error)
        })?;
        output.note(format_args!("The manual pages are in `{}`.", folder.display()));
        return Ok(ExitCode::Done);
    }
    let command = find(help::command(), &args.command)?;
    let page = page(command).map_err(|error| Failure::io("could not make the manual page", &error))?;
    output.result(&page)?;
    Ok(ExitCode::Done)
}

/// The command of these words, under the name that its page has, such as `tenantry-import`.
fn find(mut root: Command, words: &[String]) -> Result<Command, Failure> {
    root.build();
    let mut found = &root;
    for word in words {
        found = found.find_subcommand(word).ok_or_else(|| {
            Failure::usage(format!("there is no command `{}`", words.join(" ")))
                .with_hint("`tenantry --help` lists the commands")
        })?;
    }
    Ok(found.clone())
}

fn page(command: Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
