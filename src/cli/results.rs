//! `--results DIR`: the export files, written at the end of a run.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::replacing::Guarded;
use super::sink::Sink;
use crate::ledger::{Filter, Queries, State};
use crate::report::{ResultFile, Style, export};

/// Each is written, also without rows: one of last night must not be taken for one of tonight.
const FILES: [(&str, Filter); 6] = [
    ("created.csv", Filter::State(State::Created)),
    ("existing.csv", Filter::State(State::Existing)),
    ("failed.csv", Filter::State(State::Failed)),
    ("rejected.csv", Filter::State(State::Rejected)),
    ("unresolved.csv", Filter::State(State::Unresolved)),
    ("agreements.csv", Filter::UnrecordedAgreements),
];

/// A folder that can be written to.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
    guarded: Guarded,
}

impl Results {
    /// Makes the folder and sees whether it takes files, before anything is sent.
    pub(super) fn prepare(folder: &Path, inputs: &[PathBuf], ledger: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::io(
                format!("could not write into the folder `{}` of --results", folder.display()),
                &error,
            )
            .with_hint("name a folder that you may write to; nothing was sent")
        };
        crate::private_file::make_folder(folder).map_err(failed)?;
        drop(tempfile::Builder::new().prefix(".tenantry-").tempfile_in(folder).map_err(failed)?);
        let mut guarded = Guarded::default().and_inputs(inputs);
        // What is wrong with a ledger is told by those who need it.
        let queries = Queries::open(ledger).ok();
        for (name, _) in FILES {
            let path = folder.join(name);
            if let Some(queries) = &queries {
                guarded = guarded.and_files_of(queries, Some(&path))?;
            }
            guarded.check(&path)?;
        }
        Ok(Self { folder: folder.to_owned(), guarded })
    }

    /// Writes every file, each as a whole or not at all, and says which.
    pub(super) fn write(&self, ledger: &Path) -> Result<Vec<ResultFile>, Failure> {
        let queries = Queries::open(ledger)?;
        let mut written = Vec::new();
        for (name, filter) in FILES {
            let path = self.folder.join(name);
            let mut sink = Sink::open(Some(&path), &self.guarded)?;
            let rows = export(&queries, filter, Style { for_excel: false }, &mut sink)?;
            sink.finish()?;
            written.push(ResultFile { path: path.to_string_lossy().into_owned(), rows });
        }
        Ok(written)
    }
}
