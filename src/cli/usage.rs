//! Escapes usage errors, which quote arguments: a line break in an argument must not start a line that looks like ours.

use clap::{Command, CommandFactory};

use super::args::Cli;
use crate::printable::escape_for_terminal;

/// The error with all quoted text on one line.
pub(super) fn made_visible(error: clap::Error) -> clap::Error {
    // Parse escaped arguments again: clap quotes arguments in places that cannot be changed afterwards, such as the
    // message of a value parser.
    let args = std::env::args_os().map(|arg| escape_for_terminal(&arg.to_string_lossy()).into_owned());
    // Without environment variables, which clap would include in the usage line.
    let typed = without_environment(Cli::command()).try_get_matches_from(args);
    let mut error = typed.err().filter(clap::Error::use_stderr).unwrap_or(error);
    // Only values from the environment are left; they are quoted only here.
    let is_secret = error
        .get(clap::error::ContextKind::InvalidArg)
        .is_some_and(|argument| argument.to_string().contains("--notify-url"));
    let quoted: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            // The URL of a monitor is a secret, even if it is invalid.
            clap::error::ContextValue::String(_)
                if is_secret && kind == clap::error::ContextKind::InvalidValue =>
            {
                Some((kind, "(hidden)".to_owned()))
            }
            clap::error::ContextValue::String(text) => Some((kind, escape_for_terminal(text).into_owned())),
            _ => None,
        })
        .collect();
    for (kind, text) in quoted {
        drop(error.insert(kind, clap::error::ContextValue::String(text)));
    }
    error
}

fn without_environment(command: Command) -> Command {
    command.mut_args(|arg| arg.env(None::<&str>)).mut_subcommands(without_environment)
}
