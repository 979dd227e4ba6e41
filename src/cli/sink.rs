//! Writes the output of a command completely or not at all, and replaces files only if requested.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::args;
use super::descriptor::{Descriptor, duplicate};
use super::failure::{Failure, ReaderIsGone};
use super::output::unwritten as unwritten_to_stdout;
use super::replacing::{Guarded, is_taken, taken};
use super::signals;
use crate::files::{self, create_new, folder_of, is_held, rename_over, sync_folder_of, take_name};
use crate::ledger::Queries;
use crate::printable::escape_lines_for_terminal;

/// The start of the name of a file that is being written, and of no other; six letters and digits follow.
const PREFIX: &str = ".tenantry-unfinished-";

/// The destination of rows: a new file accessible only for its owner, or standard output. Files and pipes get the rows
/// byte for byte; on a terminal, control characters are escaped.
pub(crate) enum Sink {
    /// Written next to its place under a temporary name.
    File { out: BufWriter<NamedTempFile>, place: PathBuf, path: PathBuf, replaces: bool },
    /// Receives the data directly: the device or pipe of this path, else standard output.
    Open { out: Box<dyn Write + Send>, path: Option<PathBuf> },
}

/// Escapes control characters in lines for a terminal. An incomplete line is buffered, so that no character is split.
pub(crate) struct MadeVisible<W> {
    out: W,
    begun: Vec<u8>,
}

impl<W: Write> MadeVisible<W> {
    fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }
}

impl<W: Write> Write for MadeVisible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        if let Some(end) = self.begun.iter().rposition(|&byte| byte == b'\n') {
            let lines: Vec<u8> = self.begun.drain(..=end).collect();
            self.out.write_all(escape_lines_for_terminal(&String::from_utf8_lossy(&lines)).as_bytes())?;
        }
        Ok(bytes.len())
    }

    /// Callers flush only at the end of a line or of the output.
    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.begun);
        self.out.write_all(escape_lines_for_terminal(&String::from_utf8_lossy(&rest)).as_bytes())?;
        self.out.flush()
    }
}

/// The requested destination of an output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// `None`: standard output.
    pub(crate) file: Option<&'a Path>,
    /// Replace the file if it exists.
    pub(crate) force: bool,
}

impl args::OutputFile {
    pub(crate) fn target(&self) -> Target<'_> {
        Target { file: self.output.as_deref().filter(|path| *path != Path::new("-")), force: self.force }
    }
}

impl Sink {
    /// A file gets its name once everything is written. An existing file is a usage error, or with `force` is replaced
    /// at that point: before that, and after a failure, it is unchanged.
    pub(crate) fn open(target: Target<'_>, guarded: &Guarded) -> Result<Self, Failure> {
        let Some(path) = target.file else { return Ok(Self::to_stdout()) };
        guarded.check(path, target.force)?;
        Self::to_file(path, target.force).map_err(|error| unwritten(path, &error))
    }

    /// The same for output from a ledger, whose own lists must not be replaced.
    pub(crate) fn from_ledger(target: Target<'_>, queries: &Queries) -> Result<Self, Failure> {
        Self::open(target, &Guarded::default().and_files_of(queries, target.file)?)
    }

    fn to_stdout() -> Self {
        let out = io::stdout();
        let out: Box<dyn Write + Send> =
            if out.is_terminal() { Box::new(MadeVisible::new(out)) } else { Box::new(BufWriter::new(out)) };
        Sink::Open { out, path: None }
    }

    fn to_file(path: &Path, force: bool) -> io::Result<Self> {
        let device =
            |out: File| Sink::Open { out: Box::new(BufWriter::new(out)), path: Some(path.to_owned()) };
        match Descriptor::named(path) {
            Some(Descriptor::Stdout) => return Ok(Self::to_stdout()),
            Some(Descriptor::Stderr) => return duplicate(io::stderr()).map(device),
            // Opening by name may start at the beginning of a file; append keeps the existing content.
            Some(Descriptor::Other) => return OpenOptions::new().append(true).open(path).map(device),
            None => {}
        }
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            // A pipe or a device cannot be replaced.
            return OpenOptions::new().write(true).open(path).map(device);
        }
        let replaces = force && is_taken(path);
        // Write to the target of a link, so that the link stays.
        let place = match files::canonical(path) {
            Ok(place) => place,
            // Something exists, but its path cannot be resolved: do not replace its name.
            Err(error) if path.metadata().is_ok() => return Err(error),
            Err(_) => path.to_owned(),
        };
        remove_left_behind(folder_of(&place));
        let beside = tempfile::Builder::new().prefix(PREFIX).make_in(folder_of(&place), create_new)?;
        // Where there are no locks, it is only never taken for one that was left behind.
        drop(beside.as_file().try_lock());
        signals::remove_if_ended(beside.path());
        Ok(Sink::File { out: BufWriter::new(beside), place, path: path.to_owned(), replaces })
    }

    /// Readers get what is flushed at once. A file exists only when it is complete.
    pub(crate) fn is_read_at_once(&self) -> bool {
        matches!(self, Sink::Open { .. })
    }

    /// Writes a whole document and finishes.
    pub(crate) fn document(mut self, text: &str) -> Result<(), Failure> {
        match self.write_all(text.as_bytes()) {
            Ok(()) => self.finish(),
            Err(error) => Err(Failure::io("could not write the whole document", &error)),
        }
    }

    /// Finishes writing; a file gets its name and is durable (fsync).
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.flush();
        match self {
            Sink::Open { path: None, .. } => flushed.map_err(|error| unwritten_to_stdout(&error)),
            Sink::Open { path: Some(path), .. } => flushed.map_err(|error| unwritten(&path, &error)),
            Sink::File { out, place, path, replaces } => flushed
                .and_then(|()| out.get_ref().as_file().sync_all())
                .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
                .and_then(|beside| name(beside, &place, replaces))
                .and_then(|()| sync_folder_of(&place))
                .map_err(|error| unwritten(&path, &error)),
        }
    }
}

/// Removes the files of processes that were killed while they wrote: they may contain passwords. One that is locked is
/// being written, and a new one is perhaps not locked yet.
fn remove_left_behind(folder: &Path) {
    const NEW_FOR: Duration = Duration::from_secs(60);
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        random.is_some_and(|random| {
            random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    for entry in entries.flatten().filter(is_ours) {
        let path = entry.path();
        let remove = || {
            let metadata = entry.metadata()?;
            let is_old = metadata.modified()?.elapsed().is_ok_and(|age| age > NEW_FOR);
            if metadata.is_file() && is_old && !files::is_of_another(&path, &metadata) {
                let left = OpenOptions::new().write(true).open(&path)?;
                left.try_lock()?;
                drop(left);
                fs::remove_file(&path)?;
            }
            Ok::<_, io::Error>(())
        };
        if let Err(error) = remove() {
            tracing::debug!(file = %path.display(), %error, "a file that was left behind could not be removed");
        }
    }
}

/// Gives the completed file its name. Does not replace a file that took the name in the meantime.
fn name(beside: NamedTempFile, place: &Path, replaces: bool) -> io::Result<()> {
    if replaces { rename_over(beside.path(), place) } else { take_name(beside.path(), place) }
}

/// Marks a closed pipe: the command is done if its reader is gone.
fn closed(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::other(ReaderIsGone),
        _ => error,
    }
}

pub(super) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return taken(path);
    }
    let failure = Failure::io(format!("could not write `{}`", path.display()), error);
    if is_held(error) {
        return failure;
    }
    failure.with_hint("name a file in a folder that is there, that you may write to, and that has room")
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File { out, .. } => out.write(bytes),
            Sink::Open { out, .. } => out.write(bytes).map_err(closed),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File { out, .. } => out.flush(),
            Sink::Open { out, .. } => out.flush().map_err(closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_on_a_terminal_are_visible_however_they_are_written() {
        let mut shown = Vec::new();
        let mut out = MadeVisible::new(&mut shown);
        for byte in "a,\u{1b}[2J,é\nb\u{9b},\u{202e}\n\u{7f}".bytes() {
            out.write_all(&[byte]).unwrap();
        }
        out.write_all(b"\x9b").unwrap();
        out.flush().unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(shown, "a,\\u{1b}[2J,é\nb\\u{9b},\\u{202e}\n\\u{7f}\u{FFFD}");
    }
}
