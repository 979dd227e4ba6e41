//! `tenantry completions` and `tenantry man`: generates both from the command line itself, so they are never out of
//! date.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use super::replacing::Guarded;
use super::{ExitCode, Failure, Output, args, completion, help};

/// Prints a shell script that completes commands, options and values.
pub(crate) fn completions(shell: clap_complete::Shell, output: &Output) -> Result<ExitCode, Failure> {
    output.result(&completion::script(shell))?;
    Ok(ExitCode::Done)
}

/// Prints one manual page, or writes all pages.
pub(crate) fn man(args: &args::ManArgs, output: &Output) -> Result<ExitCode, Failure> {
    if let Some(folder) = &args.output {
        write_all(folder, args.force)?;
        output.note(format_args!("The manual pages are in `{}`.", folder.display()));
        return Ok(ExitCode::Done);
    }
    let command = help::find(&args.command)?;
    let page = page(command).map_err(|error| Failure::io("could not make the manual page", &error))?;
    output.result(&page)?;
    Ok(ExitCode::Done)
}

/// Writes all pages into `folder`; writes none if a page exists and may not be replaced.
fn write_all(folder: &Path, force: bool) -> Result<(), Failure> {
    let unwritten = |error: io::Error| {
        Failure::io(format!("could not write the manual pages to `{}`", folder.display()), &error)
    };
    fs::create_dir_all(folder).map_err(unwritten)?;
    let made = tempfile::tempdir().map_err(unwritten)?;
    clap_mangen::generate_to(help::command().clone(), &made).map_err(unwritten)?;
    let pages = fs::read_dir(&made)
        .and_then(|pages| pages.map(|page| Ok(page?.file_name())).collect::<io::Result<Vec<_>>>());
    let pages = pages.map_err(unwritten)?;
    let guarded = Guarded::default();
    for page in &pages {
        guarded.check(&folder.join(page), force)?;
    }
    for page in &pages {
        // Readable for all users, unlike other output files: manual pages contain nothing private.
        let mut options = OpenOptions::new();
        options.write(true).create_new(!force).create(force).truncate(force);
        let copied = fs::read(made.path().join(page))
            .and_then(|text| options.open(folder.join(page))?.write_all(&text));
        copied.map_err(unwritten)?;
    }
    Ok(())
}

fn page(command: Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
