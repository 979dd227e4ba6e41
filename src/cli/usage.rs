//! Usage errors quote what was typed: a line break in an argument must not begin what looks like a line of ours.

use clap::{Command, CommandFactory};

use super::args::Cli;
use crate::printable::escape_for_terminal;

/// The error with everything that it quotes on one line.
pub(super) fn made_visible(error: clap::Error) -> clap::Error {
    // The error of arguments without such characters, for it quotes them in places that cannot be reached any more,
    // such as the reason that a parser of ours has given.
    let args = std::env::args_os().map(|arg| escape_for_terminal(&arg.to_string_lossy()).into_owned());
    // And without the environment, which would stand in the line that shows how to use it.
    let typed = without_environment(Cli::command()).try_get_matches_from(args);
    let mut error = typed.err().filter(clap::Error::use_stderr).unwrap_or(error);
    // What came from the environment is left, and is quoted only here.
    let is_secret = error
        .get(clap::error::ContextKind::InvalidArg)
        .is_some_and(|argument| argument.to_string().contains("--notify-url"));
    let quoted: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            // An address of a monitor is a secret, also where it is none.
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
