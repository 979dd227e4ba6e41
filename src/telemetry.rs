//! Logs: where they go and in which form. Events are constant sentences with fields; none carries a token, a
//! secret, a password or a request body.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Starts logging to `file`, else to standard error, above the progress bars.
///
/// `verbosity` -1 is errors alone, 0 warnings, 1 what happens, 2 every attempt, 3 everything. A filter in
/// `TENANTRY_LOG` (in the syntax of tracing's `EnvFilter`) wins.
pub(crate) fn start(
    format: Format,
    file: Option<&Path>,
    verbosity: i8,
    bars: &MultiProgress,
) -> io::Result<()> {
    let level = match verbosity {
        ..0 => "error",
        0 => "warn",
        1 => "info",
        2 => "debug",
        3.. => "trace",
    };
    // Libraries below us may log bytes of requests at trace level, so they never get to speak that finely.
    let default = format!("warn,tenantry={level}");
    let filter = EnvFilter::try_from_env("TENANTRY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let writer = match file {
        Some(file) => {
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            crate::ledger::private(&mut options);
            BoxMakeWriter::new(Mutex::new(options.open(file)?))
        }
        None => BoxMakeWriter::new(AboveBars(bars.clone())),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false);
    let installed = match format {
        Format::Text => tracing::subscriber::set_global_default(subscriber.finish()),
        Format::Json => {
            tracing::subscriber::set_global_default(subscriber.json().flatten_event(true).finish())
        }
    };
    installed.map_err(io::Error::other)
}

/// Standard error, with the bars out of the way while a line is written.
struct AboveBars(MultiProgress);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(&self.0)
    }
}

struct LineWriter<'a>(&'a MultiProgress);

impl io::Write for LineWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
