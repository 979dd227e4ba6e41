//! Configures logging: its destination, format and level.
//!
//! Events go through an [`Outlet`], so logging never fails or blocks. Events are constant sentences with fields. No
//! event contains a token, a secret, a password or a request body. One event is one line without terminal control
//! characters: its fields include file names and text from services, and people read logs in terminals.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

use crate::log_file::LogFile;
use crate::message::{Level, Message};
use crate::outlet::{self, Outlet};
use crate::printable::{escape_for_terminal, escape_json_for_terminal};
use crate::variables::variable;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// The log file, if there is one.
static LOG_FILE: OnceLock<Outlet> = OnceLock::new();

/// The events that are logged. `TENANTRY_LOG`, in the syntax of tracing's `EnvFilter`, overrides `verbosity`: -1 is
/// errors only, 0 warnings, 1 normal events, 2 every attempt, 3 everything.
///
/// # Errors
/// What is wrong with the variable.
pub(crate) fn filter(verbosity: i8) -> Result<EnvFilter, String> {
    if let Some(filter) = variable("TENANTRY_LOG") {
        let filter = filter.to_str().ok_or("is not UTF-8")?;
        return EnvFilter::try_new(filter).map_err(|error| error.to_string());
    }
    let level = match verbosity {
        ..0 => "error",
        0 => "warn",
        1 => "info",
        2 => "debug",
        3.. => "trace",
    };
    // At trace level, libraries may log bytes of requests, so by default libraries log only warnings.
    Ok(EnvFilter::new(format!("warn,tenantry={level}")))
}

/// Starts logging to `file`, otherwise to standard error.
pub(crate) fn start(format: Format, file: Option<&Path>, filter: EnvFilter) -> io::Result<()> {
    let mut exposure = None;
    let outlet = match file {
        Some(file) => {
            let log = LogFile::open(file)?;
            exposure = Some((log.exposure(), file));
            let outlet = Outlet::start(log)?;
            LOG_FILE.get_or_init(|| outlet)
        }
        None => outlet::stderr(),
    };
    if format == Format::Json {
        outlet.report_missing_as(missing_as_json);
        // Standard error has other messages even if the log is in a file.
        outlet::stderr().report_missing_as(missing_as_json);
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Events { outlet, format })
        // Otherwise the subscriber prints the error of its writer to standard error, and panics if standard error is
        // the writer (tracing-subscriber 0.3.23, `findings/tracing-log-file-errors-go-to-stderr.sh`).
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false);
    let installed = match format {
        Format::Text => tracing::subscriber::set_global_default(subscriber.finish()),
        Format::Json => {
            tracing::subscriber::set_global_default(subscriber.json().flatten_event(true).finish())
        }
    };
    installed.map_err(io::Error::other)?;
    if let Some((exposure, file)) = exposure {
        exposure.warn(file);
    }
    Ok(())
}

/// Waits until events are written to the log file, for a limited time. Returns the number of lines missing in the file.
pub(crate) fn settle() -> u64 {
    LOG_FILE.get().map_or(0, |outlet| {
        outlet.settle();
        outlet.lost()
    })
}

fn missing_as_json(lines: u64) -> String {
    let message = "lines are missing here because they could not be written";
    Message { lines: Some(lines), ..Message::new(Level::Warn, message) }.line()
}

/// Formats an event as one line that is safe to print. The subscriber writes each event in one call.
fn line_of(event: &[u8], format: Format) -> String {
    let text = String::from_utf8_lossy(event);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = match format {
        Format::Text => escape_for_terminal(line),
        Format::Json => escape_json_for_terminal(line),
    };
    format!("{line}\n")
}

/// Each write is one event.
struct Events {
    outlet: &'static Outlet,
    format: Format,
}

impl io::Write for Events {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.outlet.write(line_of(event, self.format));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let check = |format: Format, event: &str, expected: &str| {
            assert_eq!(line_of(event.as_bytes(), format), expected);
        };
        let forged = "WARN file=a\nERROR \u{1b}[2J\u{9b}31m\u{202e}\n";
        check(Format::Text, forged, "WARN file=a\\nERROR \\u{1b}[2J\\u{9b}31m\\u{202e}\n");
        check(Format::Json, "{\"file\":\"\u{7f}\u{9b}\"}\n", "{\"file\":\"\\u007f\\u009b\"}\n");
    }
}
