//! Prints results to standard output and everything else to standard error. Nothing else prints.
//!
//! Only questions go to the terminal itself (`terminal`).
//!
//! Output to standard error goes through its outlet and never fails or waits. A result may wait for its reader, such as
//! a pager, but only until the next signal; after a signal, not for a reader that reads nothing.
//!
//! Cells, headers, file names, texts of the service and of errors come from outside, and a terminal executes control
//! characters. So all text passes through here before it is printed, and control characters are escaped, also in
//! Tenantry's own texts. Text that also must not look like a separate line is made one line where it is created.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::ArgMatches;
use clap::parser::ValueSource;
use console::{StyledObject, style};

use super::exit_code::ExitCode;
use super::failure::Failure;
use super::options::deepest;
use super::signals;
use crate::call::Throttling;
use crate::message::{self, Level, Message};
use crate::outlet;
use crate::printable::{escape_for_terminal, escape_json_for_terminal, escape_lines_for_terminal};
use crate::report::{Tone, Toned, pretty, spoken};

/// Prints the output of one command.
#[derive(Debug)]
pub(crate) struct Output {
    quiet: bool,
    has_bars: bool,
    matches: ArgMatches,
    /// The options that the settings file gives, by their long names.
    of_file: Vec<String>,
    /// A result, or a part of it, was printed.
    has_result: AtomicBool,
}

impl Output {
    /// For a command with these matches, to which a settings file gave the options `of_file`.
    pub(crate) fn new(quiet: bool, matches: ArgMatches, of_file: Vec<String>) -> Self {
        // A dumb terminal cannot overwrite its output.
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_bars = !quiet && !is_dumb && !message::is_json() && io::stderr().is_terminal();
        Self { quiet, has_bars, matches, of_file, has_result: AtomicBool::new(false) }
    }

    /// For output before the command is known.
    pub(crate) fn without_command() -> Self {
        Self::new(false, ArgMatches::default(), Vec::new())
    }

    /// The profile of this command's settings.
    pub(crate) fn profile(&self) -> Option<&String> {
        self.matches.try_get_one("profile").ok().flatten()
    }

    /// Whether this option of the command was typed.
    pub(crate) fn is_typed(&self, id: &str) -> bool {
        let matches = deepest(&self.matches);
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// Whether the command line, the environment or the settings file gave this option of the command.
    pub(crate) fn is_given(&self, id: &str) -> bool {
        let matches = deepest(&self.matches);
        let given = [Some(ValueSource::CommandLine), Some(ValueSource::EnvVariable)];
        let is_of_file = self.of_file.iter().any(|name| name.replace('-', "_") == id);
        matches.try_contains_id(id).is_ok() && (is_of_file || given.contains(&matches.value_source(id)))
    }

    /// Whether only errors are wanted on standard error.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// clap's matches of the command line.
    pub(crate) fn matches(&self) -> &ArgMatches {
        &self.matches
    }

    /// The name of the command.
    pub(crate) fn command(&self) -> &str {
        self.matches.subcommand_name().unwrap_or_default()
    }

    /// Whether progress is shown as a bar.
    pub(crate) fn has_bars(&self) -> bool {
        self.has_bars
    }

    /// Prints a text result, or a part of it, on standard output.
    pub(crate) fn result(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(&escape_lines_for_terminal(text))
    }

    /// Prints a text that is compiled in and may be coloured.
    pub(crate) fn own_text(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(text)
    }

    /// Prints a text result in colours, if the terminal and `NO_COLOR` allow it.
    pub(crate) fn toned(&self, text: &Toned) -> Result<(), Failure> {
        let parts = text.parts().map(|(tone, part)| {
            let part = escape_lines_for_terminal(part);
            tone.map_or_else(|| part.to_string(), |tone| coloured(tone, &part).to_string())
        });
        self.standard_output(&parts.collect::<String>())
    }

    /// Prints a JSON result, or a part of it, on standard output.
    pub(crate) fn json(&self, text: &str) -> Result<(), Failure> {
        self.standard_output(&escape_json_for_terminal(text))
    }

    /// Prints the failure of a command with `--json` as an object on standard output, so that a script gets an object in
    /// any case: `{"error": {"exit_code", "message", "causes", "hint"}}`. Not if a result, or a part of it, was printed:
    /// then the exit code says what happened.
    pub(crate) fn json_failure(&self, failure: &Failure) {
        let is_asked_for = deepest(&self.matches).try_get_one::<bool>("json");
        if !matches!(is_asked_for, Ok(Some(true))) || self.has_result.load(Ordering::Relaxed) {
            return;
        }
        self.error_object(failure);
    }

    /// The same for a command line that could not be understood: `--json` was typed.
    pub(crate) fn error_object(&self, failure: &Failure) {
        let mut messages = failure.messages.iter();
        let message = messages.next();
        let error = serde_json::json!({
            "exit_code": failure.exit_code.number(),
            "message": message,
            "causes": messages.collect::<Vec<_>>(),
            "hint": failure.hint,
        });
        let object = pretty(&serde_json::json!({ "error": error }));
        if let Err(unwritten) = self.standard_output(&escape_json_for_terminal(&object)) {
            tracing::debug!(reason = unwritten.messages.join(": "), "the error could not be written as JSON");
        }
    }

    fn standard_output(&self, text: &str) -> Result<(), Failure> {
        self.has_result.store(true, Ordering::Relaxed);
        // Both streams may go to the same terminal or file: earlier output comes before the result, and bars are
        // hidden.
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

    /// Prints information for the person at the terminal, on standard error.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            error_line(&text);
        }
    }

    /// Prints a sentence for each time that the service slows us down.
    pub(crate) fn throttling_notes(&self) -> impl Fn(Throttling) + Send + Sync + 'static {
        let quiet = self.quiet;
        move |throttling| {
            if !quiet {
                error_line(&describe_throttling(throttling));
            }
        }
    }

    /// Prints what the person has to do now, on standard error, even with --quiet.
    pub(crate) fn prompt(&self, text: &str) {
        for line in text.lines() {
            error_line(&line);
        }
    }

    /// Prints a usage error, which quotes the command line. Without colours, so that quoted text cannot imitate them.
    pub(crate) fn usage(&self, error: &clap::Error) {
        let text = error.render().to_string();
        if message::is_json() {
            let words = text.trim_end();
            let words = words.strip_prefix("error: ").unwrap_or(words);
            let exit_code = Some(ExitCode::Usage.number());
            return write(Message { exit_code, ..Message::new(Level::Error, words) }.line());
        }
        self.prompt(text.trim_end());
    }

    /// Prints why the command failed, and what to do.
    pub(crate) fn failure(&self, failure: &Failure) {
        if message::is_json() {
            let Some((first, because)) = failure.messages.split_first() else { return };
            let (hint, exit_code) = (failure.hint.as_deref(), Some(failure.exit_code.number()));
            return write(Message { because, hint, exit_code, ..Message::new(Level::Error, first) }.line());
        }
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

    /// The label comes from this program and may be coloured (if the terminal and `NO_COLOR` allow it); the text is
    /// not.
    fn labelled_line(&self, label: StyledObject<&str>, text: &str) {
        write(format!("{} {}\n", label.for_stderr(), escape_for_terminal(text)));
    }
}

/// Prints one line, so that a name in it cannot look like another line.
fn error_line(text: &impl Display) {
    let text = text.to_string();
    write(match message::is_json() {
        true => Message::new(Level::Info, &text).line(),
        false => format!("{}\n", escape_for_terminal(&text)),
    });
}

fn describe_throttling(Throttling { wait, percent_of_rate }: Throttling) -> String {
    let at_rate = match percent_of_rate {
        100 => String::new(),
        50 => " at half the rate".to_owned(),
        percent => format!(" at {percent} % of the rate"),
    };
    format!("throttled: continuing{at_rate} in {}", spoken(wait))
}

/// Queues a whole line for standard error.
fn write(line: String) {
    outlet::stderr().write(line);
}

/// Text for standard output in the colour of its meaning.
fn coloured(tone: Tone, text: &str) -> StyledObject<&str> {
    let text = style(text);
    match tone {
        Tone::Good => text.green(),
        Tone::Open => text.cyan(),
        Tone::Doubtful => text.yellow(),
        Tone::Bad => text.red(),
        Tone::Faint => text.dim(),
        Tone::Strong => text.bold(),
    }
}

/// The failure for a result that could not be written to standard output.
pub(super) fn unwritten(error: &io::Error) -> Failure {
    Failure::io("could not write to standard output", error)
}

/// A reader may stop reading, as `head` does; that is not a failure of this program.
pub(super) fn ignore_closed_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
