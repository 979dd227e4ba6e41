//! The only place that prints: results to standard output, everything else to standard error.
//!
//! Cells, headers, file names, the service's words and those of its errors come from outside, and a terminal obeys what
//! it is sent. So everything that is printed passes through here a last time and comes out with nothing in it that a
//! terminal would obey, whoever made it. What also must not look like a line of ours is made one line by its maker.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use console::{StyledObject, style};
use indicatif::{MultiProgress, ProgressDrawTarget};

use super::failure::Failure;
use crate::validation::{visible, visible_json, visible_lines};

/// Prints for one command.
#[derive(Debug)]
pub(crate) struct Output {
    quiet: bool,
    bars: MultiProgress,
}

impl Output {
    pub(crate) fn new(quiet: bool) -> Self {
        let bars = MultiProgress::new();
        // A dumb terminal cannot go back over what it has shown.
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if quiet || is_dumb || !io::stderr().is_terminal() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { quiet, bars }
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
    File { out: BufWriter<File>, path: std::path::PathBuf },
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
    /// An existing file is replaced.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let out = io::stdout();
            return Ok(if out.is_terminal() {
                Sink::Terminal(MadeVisible::new(out))
            } else {
                Sink::Stdout(BufWriter::new(out))
            });
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        crate::ledger::private(&mut options);
        let file = options
            .open(path)
            .and_then(|file| crate::ledger::make_private(&file).map(|()| file))
            .map_err(|error| Failure::io(format!("could not write `{}`", path.display()), &error))?;
        Ok(Sink::File { out: BufWriter::new(file), path: path.to_owned() })
    }

    /// Everything written is where it should be; a file is durable.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.flush();
        match self {
            Sink::Stdout(_) | Sink::Terminal(_) => ignore_closed_pipe(flushed)
                .map_err(|error| Failure::io("could not write to standard output", &error)),
            Sink::File { out, path } => flushed
                .and_then(|()| out.get_ref().sync_all())
                .map_err(|error| Failure::io(format!("could not write `{}`", path.display()), &error)),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File { out, .. } => out.write(bytes),
            Sink::Stdout(out) => out.write(bytes),
            Sink::Terminal(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File { out, .. } => out.flush(),
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
