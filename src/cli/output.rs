//! The only place that prints: results to standard output, everything else to standard error. A question alone goes to the
//! terminal itself (`terminal`).
//!
//! What goes to standard error goes through its outlet and never fails or waits. A result may wait for its reader, such
//! as a pager, but not longer than until the next signal; after a signal, not for one that reads nothing.
//!
//! Cells, headers, file names, the service's words and those of its errors come from outside, and a terminal obeys what
//! it is sent. So everything that is printed passes through here a last time and comes out with nothing in it that a
//! terminal would obey, whoever made it. What also must not look like a line of ours is made one line by its maker.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ArgMatches;
use clap::parser::ValueSource;
use console::{StyledObject, style};

use super::failure::Failure;
use super::options::deepest;
use super::signals;
use crate::outlet;
use crate::printable::{escape_for_terminal, escape_json_for_terminal, escape_lines_for_terminal};

/// Prints for one command.
#[derive(Debug)]
pub(crate) struct Output {
    quiet: bool,
    has_bars: bool,
    matches: ArgMatches,
}

impl Output {
    /// For a command that was typed like this.
    pub(crate) fn new(quiet: bool, matches: ArgMatches) -> Self {
        // A dumb terminal cannot go back over what it has shown.
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_bars = !quiet && !is_dumb && io::stderr().is_terminal();
        Self { quiet, has_bars, matches }
    }

    /// For what is said before there is a command.
    pub(crate) fn without_command() -> Self {
        Self::new(false, ArgMatches::default())
    }

    /// The profile that the settings of this command come from.
    pub(crate) fn profile(&self) -> Option<&String> {
        self.matches.try_get_one("profile").ok().flatten()
    }

    /// Was this option of the command typed?
    pub(crate) fn is_typed(&self, id: &str) -> bool {
        let matches = deepest(&self.matches);
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// What clap made of the command line.
    pub(crate) fn matches(&self) -> &ArgMatches {
        &self.matches
    }

    /// The name of the command.
    pub(crate) fn command(&self) -> &str {
        self.matches.subcommand_name().unwrap_or_default()
    }

    /// Is progress shown as a bar?
    pub(crate) fn has_bars(&self) -> bool {
        self.has_bars
    }

    /// A result in words, or a part of it, on standard output.
    pub(crate) fn result(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(&escape_lines_for_terminal(text))
    }

    /// A result as JSON, or a part of it, on standard output.
    pub(crate) fn json(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(&escape_json_for_terminal(text))
    }

    fn standard_output(&self, text: &str) -> Result<(), Failure> {
        // Both may lead to the same terminal or file: what was said before stays before the result, and bars go away.
        let _without_status = outlet::stderr().without_status();
        outlet::stderr().settle();
        let text = text.to_owned();
        let write = move |moves: &AtomicU64| {
            let mut out = io::stdout().lock();
            for part in text.as_bytes().chunks(outlet::WRITE_BYTES_MAX) {
                out.write_all(part)?;
                moves.fetch_add(1, Ordering::Relaxed);
            }
            out.flush()
        };
        match signals::unless_signalled(write) {
            Ok(written) => ignore_closed_pipe(written).map_err(|error| unwritten(&error)),
            Err(signal) => Err(Failure::new(signal.into(), "interrupted while writing to standard output")),
        }
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

    /// One line, so that no name in it can pass for another one.
    fn error_line(&self, text: &impl Display) {
        self.write_line(&escape_for_terminal(&text.to_string()));
    }

    /// The label is ours and may be coloured, where the terminal and `NO_COLOR` agree; the text is not.
    fn labelled_line(&self, label: StyledObject<&str>, text: &str) {
        self.write_line(&format_args!("{} {}", label.for_stderr(), escape_for_terminal(text)));
    }

    fn write_line(&self, line: &impl Display) {
        outlet::stderr().write(format!("{line}\n"));
    }
}

/// A result could not be written to standard output.
pub(super) fn unwritten(error: &io::Error) -> Failure {
    Failure::io("could not write to standard output", error)
}

/// Whoever reads may stop reading, as `head` does; that is no failure of ours.
pub(super) fn ignore_closed_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
