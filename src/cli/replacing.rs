//! Protects existing files from outputs: without `--force` all files, with it those that cannot be recreated.
//!
//! Lists are recognized by their paths; ledgers with their companion files, keys, sign-ins and settings by their
//! content, whatever their names.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::args::{self, Nature};
use super::descriptor::Descriptor;
use super::sink::unwritten;
use super::{Failure, config, settings};
use crate::files::{self, free_name, refuse_held, text_of};
use crate::ledger::{self, Queries};
use crate::reader;
use crate::report::Format;

/// More bytes than are needed to recognize a file; settings files are shorter.
const LOOKED_AT_BYTES: u64 = 64 << 10;

/// File extensions of workbooks. Tenantry writes tables as `.xlsx`, and no other output.
const WORKBOOKS: [&str; 5] = ["xlsx", "xlsm", "ods", "xls", "xlsb"];

/// Files that a command reads or creates. Its outputs must not replace them.
#[derive(Debug, Default)]
pub(super) struct Guarded {
    inputs: Vec<PathBuf>,
    /// The ledger and the keys of the command, which may not exist yet.
    made: Vec<PathBuf>,
    /// The output is a table, which may be a workbook.
    takes_workbooks: bool,
}

impl Guarded {
    pub(super) fn and_inputs<'a>(mut self, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        self.inputs.extend(inputs.into_iter().cloned());
        self
    }

    /// The output is a table.
    pub(super) fn for_tables(self) -> Self {
        Self { takes_workbooks: true, ..self }
    }

    /// The files of a run, whether or not they exist yet.
    pub(super) fn of_run(run: &args::RunArgs) -> Self {
        let ledger = run.ledger.path();
        let beside = ledger::beside_a_ledger(&ledger);
        // Without a path for the identity file, there is no file to protect.
        let identity = settings::identity_file(&run.submission.identity).ok();
        let made = beside.chain([ledger.clone()]).chain(identity).collect();
        Self { made, ..Self::default() }
    }

    /// The files that a command reads or works on.
    pub(super) fn of_command(command: &args::Command) -> Self {
        let Nature { run, files, .. } = command.nature();
        // Commands that only read a ledger need an existing one, which is recognized by its content.
        run.map_or_else(Self::default, Self::of_run).and_inputs(files)
    }

    /// Adds the files that the ledger was filled from, if `output` exists and could be one of them. An export that was
    /// imported again and read completely is not protected: its rows are in the ledger and can be exported again.
    pub(super) fn and_files_of(self, queries: &Queries, output: Option<&Path>) -> Result<Self, Failure> {
        let Some(output) = output.filter(|output| is_taken(output)) else { return Ok(self) };
        let files = if reader::is_export(output) { queries.unfinished_files()? } else { queries.files()? };
        Ok(self.and_inputs(&files.into_iter().map(PathBuf::from).collect::<Vec<_>>()))
    }

    /// Checks whether `output` may be created, or replaced with `force`. Devices and pipes have no content to lose, and
    /// open descriptors are appended to, not replaced.
    ///
    /// # Errors
    /// A usage error that says what the existing file is; or another program has it open.
    pub(super) fn check(&self, output: &Path, force: bool) -> Result<(), Failure> {
        if Descriptor::named(output).is_some() {
            return Ok(());
        }
        let extension = output.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let is_table = self.takes_workbooks && Format::of(Some(output)) == Format::Workbook;
        if WORKBOOKS.contains(&extension.as_str()) && !is_table {
            let (what, name) = if self.takes_workbooks {
                ("of the workbooks, only .xlsx is written", ".xlsx or .csv")
            } else {
                ("no workbook is written", ".csv; spreadsheets open it")
            };
            return Err(not_over(output, what).with_hint(format!("name a file that ends in {name}")));
        }
        self.refuse_precious(output)?;
        match (is_taken(output), force) {
            (false, _) => Ok(()),
            (true, false) => Err(taken(output)),
            // Before any work is done for it.
            (true, true) => refuse_held(output).map_err(|error| unwritten(output, &error)),
        }
    }

    /// Refuses `output` if no option allows replacing it.
    ///
    /// # Errors
    /// A usage error that says what the file is and what to do instead.
    pub(super) fn refuse_precious(&self, output: &Path) -> Result<(), Failure> {
        let (there, place) = (files::canonical(output).ok(), place(output));
        let (what, hint) =
            if there.is_some() && self.inputs.iter().any(|input| files::canonical(input).ok() == there) {
                ("it is a file that rows are read from", "name another file")
            } else if let Some(known) = what_is(output) {
                known
            } else if place.is_some() && self.made.iter().any(|file| self::place(file) == place) {
                let what = "it has the name of the ledger of this run, of a file beside it, or of its keys";
                (what, "name another file")
            } else {
                return Ok(());
            };
        Err(not_over(output, what).with_hint(hint))
    }
}

/// The refusal to write to `output`.
pub(super) fn not_over(output: &Path, what: &str) -> Failure {
    Failure::usage(format!("will not write over `{}`: {what}", output.display()))
}

/// The refusal to replace an existing file.
pub(super) fn taken(output: &Path) -> Failure {
    if output.is_dir() {
        let free = free_name(&output.join("out.csv"));
        return not_over(output, "it is a folder")
            .with_hint(format!("name a file in it, such as `{}`", free.display()));
    }
    let free = free_name(output);
    Failure::usage(format!("will not write over `{}`: it already exists", output.display())).with_hint(
        format!("name a new file, such as `{}`, or add `--force` to replace this one", free.display()),
    )
}

/// Whether the path is something that an output would replace. A link counts, wherever it leads. A device, a pipe, a
/// link to one, and an open descriptor do not count.
pub(super) fn is_taken(path: &Path) -> bool {
    if Descriptor::named(path).is_some() {
        return false;
    }
    match path.metadata() {
        Ok(there) => there.is_file() || there.is_dir(),
        // A broken link, or nothing.
        Err(_) => path.symlink_metadata().is_ok(),
    }
}

/// What the file is, if it cannot be recreated, and what to do instead of replacing it. `None`: anything else, or no
/// file.
pub(super) fn what_is(path: &Path) -> Option<(&'static str, &'static str)> {
    if ledger::is_beside_a_ledger(path) {
        return Some(("it belongs to a ledger", "name another file; the ledger needs this one"));
    }
    let beginning = beginning(path);
    if ledger::looks_like_a_database(&beginning) {
        let hint = "name another file; ledgers cannot be made again";
        return Some(("it is a database, such as a ledger", hint));
    }
    let text = match text_of(&beginning) {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy(&beginning).into_owned().into(),
    };
    if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
        let hint = "name another file; keys cannot be made again";
        return Some(("it holds a private key, by which alone passwords can be opened", hint));
    }
    if text.contains("PRIVATE KEY-----") {
        return Some(("it holds a private key", "name another file; keys cannot be made again"));
    }
    if text.starts_with('{') && text.contains("\"refresh_token\"") {
        return Some(("it holds a sign-in", "name another file; `tenantry logout` removes a sign-in"));
    }
    if config::is_settings(&text) {
        return Some(("it holds settings of Tenantry", "name another file"));
    }
    None
}

/// The canonical path of a file, or of a file that could be created there. `None`: the folder does not exist.
fn place(path: &Path) -> Option<PathBuf> {
    files::canonical(path).ok().or_else(|| {
        let path = std::path::absolute(path).ok()?;
        Some(files::canonical(path.parent()?).ok()?.join(path.file_name()?))
    })
}

/// The first bytes of a regular file. Does not open pipes or devices, which could block.
pub(super) fn beginning(path: &Path) -> Vec<u8> {
    let mut beginning = Vec::new();
    if path.metadata().is_ok_and(|it| it.is_file())
        && let Ok(file) = File::open(path)
    {
        // A file that cannot be read is reported when it is written.
        drop(file.take(LOOKED_AT_BYTES).read_to_end(&mut beginning));
    }
    beginning
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_made_again_is_known_by_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let check = |content: &[u8], expected: Option<&str>| {
            let file = folder.path().join("file");
            fs::write(&file, content).unwrap();
            let found = what_is(&file).map(|(what, _)| what);
            match expected {
                Some(words) => assert!(found.is_some_and(|it| it.contains(words)), "{found:?}"),
                None => assert_eq!(found, None),
            }
        };
        check(b"", None);
        check(b"company_name,domain\nContoso,contoso\n", None);
        check(b"<!DOCTYPE html>", None);
        check(b"note = 'mine'\n", None);
        check(b"SQLite format 3\0...", Some("database"));
        check(&[0x37, 0x7F, 0x06, 0x82], Some("database"));
        check(&[0x37, 0x7F, 0x06, 0x83], Some("database"));
        check(b"# created\nage-secret-key-1QQ", Some("private key"));
        check(b"-----BEGIN EC PRIVATE KEY-----", Some("private key"));
        check(b"\xFF\xFEA\0G\0E\0-\0S\0E\0C\0R\0E\0T\0-\0K\0E\0Y\0-\0", Some("private key"));
        check(b"\xEF\xBB\xBF{\"refresh_token\":\"x\",\"saved_at_ms\":1}", Some("sign-in"));
        check(b"{\"refresh_token\":\"x\",\"saved_at_ms\":1}", Some("sign-in"));
        check(b"rate = '8/s'\n[profile.one]\nledger = 'one.db'\n", Some("settings"));
        check(b"[profile.one]\nledger = 'one.db'\n", Some("settings"));
    }

    #[test]
    fn companion_files_of_a_ledger_are_guarded_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for suffix in ["-wal", "-shm", "-journal", "-reserve", ".lock", ".simulator"] {
            assert_eq!(what_is(&file(&format!("l.db{suffix}"))), None, "there is no ledger");
        }
        fs::write(file("l.db"), b"SQLite format 3\0...").unwrap();
        for suffix in ["-wal", "-shm", "-journal", "-reserve", ".lock", ".simulator"] {
            assert!(what_is(&file(&format!("l.db{suffix}"))).is_some(), "{suffix}");
        }
        assert_eq!(what_is(&file("l.db.csv")), None);
    }
}
