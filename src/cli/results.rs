//! `--results DIR`: writes the export files at the end of a run into a new folder, such as `DIR/run-17`.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;

use super::args::ExportKind;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::next_command::Repeated;
use super::replacing::Guarded;
use super::shell::quoted;
use super::sink::{Sink, Target};
use crate::failpoint;
use crate::files::{self, free_name};
use crate::ledger::{Filter, Queries, RunId};
use crate::report::{ResultFile, Style, export};

/// Limit for names: several ledgers that share a folder can have runs with the same number.
const FOLDERS_TRIED: u32 = 1000;

/// What was written at the end of a run.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) files: Vec<ResultFile>,
    /// Why files are missing. The exit code of the run stays as it is.
    pub(super) failure: Option<Failure>,
}

/// A folder that is writable.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
}

impl Results {
    /// Creates the folder and checks that files can be created there, before anything is sent.
    pub(super) fn prepare(folder: &Path) -> Result<Self, Failure> {
        let failed = |error| {
            unwritten(folder, &error).with_hint("name a folder that you may write to; nothing was sent")
        };
        files::make_folder(folder).map_err(failed)?;
        drop(tempfile::Builder::new().prefix(".tenantry-").tempfile_in(folder).map_err(failed)?);
        Ok(Self { folder: folder.to_owned() })
    }

    /// Checks that [`Self::prepare`] can create the folder and files in it; creates nothing.
    pub(super) fn try_folder(folder: &Path) -> Result<(), Failure> {
        let failed = |error| unwritten(folder, &error).with_hint("name a folder that you may write to");
        // Missing folders would be created.
        let whole = std::path::absolute(folder).map_err(failed)?;
        let existing = whole.ancestors().find(|it| it.exists()).unwrap_or(&whole);
        files::create_unnamed(existing).map(drop).map_err(failed)
    }

    /// Writes all files, each completely or not at all. Replaces nothing: the folder is new. A file that cannot be
    /// written does not keep the others from being written.
    pub(super) fn write(&self, ledger: &Path, run: RunId, repeated: &Repeated) -> Written {
        self.write_each(ledger, run, repeated).unwrap_or_else(|failure| {
            let export = repeated.command("export all");
            let failure =
                failure.with_hint(format!("to write the rows elsewhere, run `{export} -o all.csv`"));
            Written { files: Vec::new(), failure: Some(failure) }
        })
    }

    fn write_each(&self, ledger: &Path, run: RunId, repeated: &Repeated) -> Result<Written, Failure> {
        let queries = Queries::open(ledger)?;
        let folder = self.new_folder(run).map_err(|error| unwritten(&self.folder, &error))?;
        failpoint::crash("results");
        let (mut files, mut causes, mut commands) = (Vec::new(), Vec::new(), Vec::new());
        // Write all files, even without rows, so that a missing file has no meaning.
        let kinds = || ExportKind::value_variants().iter().filter(|what| what.0 != Filter::All);
        for what in kinds() {
            let path = folder.join(what.name()).with_extension("csv");
            match write_one(&queries, what, &path) {
                Ok(rows) => files.push(ResultFile { path: path.to_string_lossy().into_owned(), rows }),
                Err(failure) => {
                    causes.push(failure.messages.join(": "));
                    let export = repeated.command(&format!("export {}", what.name()));
                    let path = free_name(&path);
                    commands.push(format!("`{export} -o {}`", quoted(&path.to_string_lossy())));
                }
            }
        }
        if causes.is_empty() {
            return Ok(Written { files, failure: None });
        }
        let message = format!("could not write {} of {} files of --results", causes.len(), kinds().count());
        let failure = causes.into_iter().fold(Failure::new(ExitCode::Failed, message), Failure::because);
        let commands = commands.join(" and ");
        let failure = failure.with_hint(format!("remove the cause, then run {commands}"));
        Ok(Written { files, failure: Some(failure) })
    }

    /// `run-17`, or `run-17-2` and so on if another ledger had a run with this number.
    fn new_folder(&self, run: RunId) -> io::Result<PathBuf> {
        let numbered = (2..FOLDERS_TRIED).map(|number| format!("run-{run}-{number}"));
        for name in std::iter::once(format!("run-{run}")).chain(numbered) {
            let folder = self.folder.join(name);
            match files::make_new_folder(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| folder),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Writes one file and returns the number of its rows.
fn write_one(queries: &Queries, what: &ExportKind, path: &Path) -> Result<u64, Failure> {
    let mut sink = Sink::open(Target { file: Some(path), force: false }, &Guarded::default())?;
    let rows = export(queries, what.0, Style::of(Some(path), false), &mut sink)?;
    sink.finish()?;
    Ok(rows)
}

fn unwritten(folder: &Path, error: &io::Error) -> Failure {
    // Windows says of a file in the folder's place that there is no such folder.
    let is_file = io::Error::from(io::ErrorKind::NotADirectory);
    let error = if folder.is_file() { &is_file } else { error };
    Failure::io(format!("could not write into the folder `{}` of --results", folder.display()), error)
}
