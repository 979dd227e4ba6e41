//! The only place that prints: results to standard output, everything else to standard error.
//!
//! Cells, headers, file names, the service's words and those of its errors come from outside, and a terminal obeys what
//! it is sent. So everything that is printed passes through here a last time and comes out with nothing in it that a
//! terminal would obey, whoever made it. What also must not look like a line of ours is made one line by its maker.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use console::{StyledObject, style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use tempfile::NamedTempFile;

use super::failure::Failure;
use super::replacing::Guarded;
use crate::validation::{visible, visible_json, visible_lines};

/// Prints for one command.
#[derive(Debug)]
pub(crate) struct Output {
    quiet: bool,
    bars: MultiProgress,
    again: String,
}

impl Output {
    pub(crate) fn new(quiet: bool) -> Self {
        let bars = MultiProgress::new();
        // A dumb terminal cannot go back over what it has shown.
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if quiet || is_dumb || !io::stderr().is_terminal() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { quiet, bars, again: String::new() }
    }

    /// For a command whose settings these flags choose.
    pub(crate) fn called_with(self, again: String) -> Self {
        Self { again, ..self }
    }

    /// The flags by which the next command finds the settings of this one.
    pub(crate) fn again(&self) -> &str {
        &self.again
    }

    /// For log lines, which must not run into the bars.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Are there eyes and a keyboard?
    pub(crate) fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A result in words, or a part of it, on standard output.
    pub(crate) fn result(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(&visible_lines(text))
    }

    /// A result as JSON, or a part of it, on standard output.
    pub(crate) fn json(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(&visible_json(text))
    }

    fn standard_output(&self, text: &str) -> Result<(), Failure> {
        let write = || {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
        // Bars may stand on the same terminal.
        ignore_closed_pipe(self.bars.suspend(write))
            .map_err(|error| Failure::io("could not write to standard output", &error))
    }

    /// News for the person at the terminal, on standard error.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            self.error_line(&text);
        }
    }

    /// Some lines of news.
    pub(crate) fn note_lines(&self, text: &str) {
        for line in text.lines() {
            self.note(line);
        }
    }

    /// What a person has to do now, on standard error, also where news are not wanted.
    pub(crate) fn prompt(&self, text: &str) {
        for line in text.lines() {
            self.error_line(&line);
        }
    }

    /// What is wrong with the command line, which quotes it; without colours, so that nothing else looks like them.
    pub(crate) fn usage(&self, error: &clap::Error) {
        self.prompt(error.render().to_string().trim_end());
    }

    /// What ended the command, and what to do about it.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut lines = failure.messages.iter();
        if let Some(first) = lines.next() {
            self.labelled_line(style("error:").red().bold(), first);
        }
        for cause in lines {
            self.labelled_line(style("  because:").bold(), cause);
        }
        if let Some(hint) = &failure.hint {
            self.labelled_line(style("  hint:").cyan().bold(), hint);
        }
    }

    /// Asks on the terminal; anything but yes is no. The thread that waits for the answer is left behind where the
    /// caller stops waiting.
    pub(crate) async fn confirm(&self, question: String) -> Result<bool, Failure> {
        let read = move || {
            // Not locked while it waits: a signal must still be able to say goodbye.
            write!(io::stderr(), "{question} [y/N] ")?;
            io::stderr().flush()?;
            let mut answer = String::new();
            io::stdin().read_line(&mut answer)?;
            Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
        };
        let answer = tokio::task::spawn_blocking(read).await.map_err(io::Error::other).flatten();
        answer.map_err(|error: io::Error| Failure::io("could not ask on the terminal", &error))
    }

    /// One line, so that no name in it can pass for another one.
    fn error_line(&self, text: &impl Display) {
        self.write_line(&visible(&text.to_string()));
    }

    /// The label is ours and may be coloured, where the terminal and `NO_COLOR` agree; the text is not.
    fn labelled_line(&self, label: StyledObject<&str>, text: &str) {
        self.write_line(&format_args!("{} {}", label.for_stderr(), visible(text)));
    }

    fn write_line(&self, line: &impl Display) {
        // Standard error may be closed, which must not end a run; `eprintln!` would panic.
        self.bars.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }
}

/// Whoever reads may stop reading, as `head` does; that is no failure of ours.
fn ignore_closed_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Where a command writes its rows: a new file for its owner alone, or standard output. A file or a pipe gets them
/// byte for byte; on a terminal, where people look and nothing is kept, they are made visible.
pub(crate) enum Sink {
    /// Written beside its place, under a name of no meaning.
    File {
        out: BufWriter<NamedTempFile>,
        place: PathBuf,
        path: PathBuf,
    },
    Device {
        out: BufWriter<File>,
        path: PathBuf,
    },
    Stdout(BufWriter<io::Stdout>),
    Terminal(MadeVisible<io::Stdout>),
}

/// Lines with nothing in them that a terminal would obey. What has no end yet waits for it, so that no character is
/// looked at in halves.
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
            self.out.write_all(visible_lines(&String::from_utf8_lossy(&lines)).as_bytes())?;
        }
        Ok(bytes.len())
    }

    /// Whoever flushes has come to the end of a line, or of all lines.
    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.begun);
        self.out.write_all(visible_lines(&String::from_utf8_lossy(&rest)).as_bytes())?;
        self.out.flush()
    }
}

impl Sink {
    /// An existing file is replaced, once everything is written: until then, and where that fails, it stays as it was.
    pub(crate) fn open(path: Option<&Path>, guarded: &Guarded) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let out = io::stdout();
            return Ok(if out.is_terminal() {
                Sink::Terminal(MadeVisible::new(out))
            } else {
                Sink::Stdout(BufWriter::new(out))
            });
        };
        guarded.check(path)?;
        Self::to_file(path).map_err(|error| unwritten(path, &error))
    }

    fn to_file(path: &Path) -> io::Result<Self> {
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            // A pipe or a device, such as /dev/stdout, cannot be replaced.
            let out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
            return Ok(Sink::Device { out, path: path.to_owned() });
        }
        // Where a link leads, so that it stays one.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = place.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = tempfile::Builder::new().prefix(".tenantry-").tempfile_in(folder)?;
        Ok(Sink::File { out: BufWriter::new(beside), place, path: path.to_owned() })
    }

    /// Writes a whole document and is done.
    pub(crate) fn document(mut self, text: &str) -> Result<(), Failure> {
        // A file is whole when it is finished, which tells what was not written.
        drop(self.write_all(text.as_bytes()));
        self.finish()
    }

    /// Everything written is where it should be; a file is durable.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.flush();
        match self {
            Sink::Stdout(_) | Sink::Terminal(_) => ignore_closed_pipe(flushed)
                .map_err(|error| Failure::io("could not write to standard output", &error)),
            Sink::Device { path, .. } => flushed.map_err(|error| unwritten(&path, &error)),
            Sink::File { out, place, path } => flushed
                .and_then(|()| out.get_ref().as_file().sync_all())
                .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
                .and_then(|beside| beside.persist(&place).map_err(|error| error.error))
                .and_then(|_| crate::ledger::sync_folder_of(&place))
                .map_err(|error| unwritten(&path, &error)),
        }
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::io(format!("could not write `{}`", path.display()), error)
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File { out, .. } => out.write(bytes),
            Sink::Device { out, .. } => out.write(bytes),
            Sink::Stdout(out) => out.write(bytes),
            Sink::Terminal(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File { out, .. } => out.flush(),
            Sink::Device { out, .. } => out.flush(),
            Sink::Stdout(out) => out.flush(),
            Sink::Terminal(out) => out.flush(),
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
