//! What no result may be written over.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::ledger::Queries;

/// Far more than it takes to tell what a file is.
const LOOKED_AT_BYTES: u64 = 4096;

/// Files that are read, and must not be written over. Ledgers and identity files are known by what is in them.
#[derive(Debug, Default)]
pub(super) struct Guarded {
    inputs: Vec<PathBuf>,
}

impl Guarded {
    pub(super) fn and_inputs<'a>(mut self, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        self.inputs.extend(inputs.into_iter().cloned());
        self
    }

    /// The files that a ledger was filled from, where they may be meant by `output`. Exports of ours that came back are
    /// not among them: they are written anew night after night.
    pub(super) fn and_files_of(self, queries: &Queries, output: Option<&Path>) -> Result<Self, Failure> {
        let Some(name) = output.and_then(Path::file_name) else { return Ok(self) };
        let files = queries.files_of_operators()?.into_iter().map(PathBuf::from);
        let same_name = |file: &PathBuf| file.file_name().is_some_and(|it| it.eq_ignore_ascii_case(name));
        Ok(self.and_inputs(&files.filter(same_name).collect::<Vec<_>>()))
    }

    /// May `output` be made, or what is there be replaced?
    pub(super) fn check(&self, output: &Path) -> Result<(), Failure> {
        let refused = |what: &str, hint: &str| {
            Err(Failure::usage(format!("will not write over `{}`: {what}", output.display())).with_hint(hint))
        };
        let extension = output.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if ["xlsx", "ods", "xls", "xlsb"].contains(&extension.as_str()) {
            return refused("no workbook is written", "name a file that ends in .csv; spreadsheets open it");
        }
        let there = really(output);
        if there.is_some() && self.inputs.iter().any(|input| really(input) == there) {
            return refused("it is a file that rows are read from", "name another file");
        }
        let beginning = beginning(output);
        // The database itself, or its write-ahead log in either order of bytes.
        if beginning.starts_with(b"SQLite format 3\0") || beginning.starts_with(&[0x37, 0x7F, 0x06]) {
            return refused(
                "it is a database, such as a ledger",
                "name another file; ledgers cannot be made again",
            );
        }
        let is_identity =
            String::from_utf8_lossy(&beginning).to_ascii_uppercase().contains("AGE-SECRET-KEY-");
        if is_identity {
            return refused(
                "it holds a private key, by which alone passwords can be opened",
                "name another file; keys cannot be made again",
            );
        }
        Ok(())
    }
}

/// Where a name leads, if anything is there.
fn really(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// Of a regular file; a pipe or a device is not waited for.
fn beginning(path: &Path) -> Vec<u8> {
    let mut beginning = Vec::new();
    if path.metadata().is_ok_and(|it| it.is_file())
        && let Ok(file) = File::open(path)
    {
        // What cannot be read is told when it is written.
        drop(file.take(LOOKED_AT_BYTES).read_to_end(&mut beginning));
    }
    beginning
}
