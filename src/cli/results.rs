//! `--results DIR`: writes the export files at the end of a run into a new folder, such as `DIR/run-17`.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;

use super::args::ExportKind;
use super::failure::Failure;
use super::replacing::Guarded;
use super::sink::{Sink, Target};
use crate::files;
use crate::ledger::{Filter, Queries, RunId};
use crate::report::{ResultFile, Style, export};

/// Limit for names: several ledgers that share a folder can have runs with the same number.
const FOLDERS_TRIED: u32 = 1000;

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
        let mut existing = folder;
        // Missing folders would be created.
        while !existing.exists() {
            existing = files::folder_of(existing);
        }
        let tried = files::create_unnamed(existing);
        let failed = |error| unwritten(folder, &error).with_hint("name a folder that you may write to");
        tried.map(drop).map_err(failed)
    }

    /// Writes all files, each completely or not at all, and returns them. Replaces nothing: the folder is new.
    pub(super) fn write(&self, ledger: &Path, run: RunId) -> Result<Vec<ResultFile>, Failure> {
        let queries = Queries::open(ledger)?;
        let folder = self.new_folder(run).map_err(|error| unwritten(&self.folder, &error))?;
        let mut written = Vec::new();
        // Write all files, even without rows, so that a missing file has no meaning.
        for what in ExportKind::value_variants().iter().filter(|what| what.0 != Filter::All) {
            let path = folder.join(what.name()).with_extension("csv");
            let mut sink = Sink::open(Target { file: Some(&path), force: false }, &Guarded::default())?;
            let rows = export(&queries, what.0, Style::of(Some(&path), false), &mut sink)?;
            sink.finish()?;
            written.push(ResultFile { path: path.to_string_lossy().into_owned(), rows });
        }
        Ok(written)
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

fn unwritten(folder: &Path, error: &io::Error) -> Failure {
    Failure::io(format!("could not write into the folder `{}` of --results", folder.display()), error)
}
