//! Shows usage errors. They quote arguments: a line break in an argument must not start a line that looks like ours.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue};

use super::{Failure, config};
use crate::nearest::distance_within;
use crate::printable::escape_for_terminal;
use crate::variables::variable;

/// With more differences, a word is not a misspelt command.
const SLIPS_MAX: usize = 2;

/// The options whose invalid value is not quoted: the URL of a monitor is a secret, and a private key may have been given
/// in place of a public one.
const MAY_BE_SECRET: [&str; 2] = ["--notify-url", "--recipient"];

/// The error with all quoted text on one line.
pub(super) fn made_visible(error: clap::Error) -> clap::Error {
    // Parse escaped arguments again: clap quotes arguments in places that cannot be changed afterwards, such as the
    // message of a value parser.
    let args = std::env::args_os().map(|arg| escape_for_terminal(&arg.to_string_lossy()).into_owned());
    // Without environment variables, which clap would include in the usage line.
    let typed = without_environment(config::whole()).try_get_matches_from(args);
    let typed = typed.err().filter(clap::Error::use_stderr);
    let is_of_environment = typed.is_none();
    let mut error = typed.unwrap_or(error);
    if is_of_environment && let Some(tip) = variable_tip(&error) {
        drop(error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()])));
    }
    // Only values from the environment are left; they are quoted only here.
    let is_secret = error
        .get(ContextKind::InvalidArg)
        .is_some_and(|argument| MAY_BE_SECRET.iter().any(|option| argument.to_string().contains(option)));
    let quoted: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(_) if is_secret && kind == ContextKind::InvalidValue => {
                Some((kind, "(hidden)".to_owned()))
            }
            ContextValue::String(text) => Some((kind, escape_for_terminal(text).into_owned())),
            _ => None,
        })
        .collect();
    for (kind, text) in quoted {
        drop(error.insert(kind, ContextValue::String(text)));
    }
    suggest_only_near(&mut error);
    error
}

/// Names the variable that the wrong value of an option comes from.
fn variable_tip(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let name = config::variable_of(option.strip_prefix("--")?.split(|c| !is_of_name(c)).next()?);
    variable(&name).map(|_| format!("the value is from the environment variable {name}"))
}

/// Of the commands that clap finds similar to an unknown one, leaves the nearest.
fn suggest_only_near(error: &mut clap::Error) {
    let (Some(ContextValue::String(typed)), Some(ContextValue::Strings(similar))) =
        (error.get(ContextKind::InvalidSubcommand), error.get(ContextKind::SuggestedSubcommand))
    else {
        return;
    };
    let typed = typed.to_lowercase();
    let slips_of = |name: &str| distance_within(&typed, name, SLIPS_MAX);
    let fewest = similar.iter().filter_map(|name| slips_of(name)).min();
    let near = similar.iter().filter(|name| fewest.is_some() && slips_of(name) == fewest);
    let near: Vec<String> = near.cloned().collect();
    if near.is_empty() {
        // Without any tip, clap would leave a line empty for it.
        drop(error.remove(ContextKind::SuggestedSubcommand));
        drop(error.remove(ContextKind::Suggested));
    } else {
        drop(error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(near)));
    }
}

/// The arguments of a command line that could not be understood, up to `--`, after which there are only files.
pub(super) fn before_files(arguments: &[OsString]) -> impl Iterator<Item = Cow<'_, str>> {
    arguments
        .iter()
        .skip(1)
        .map(|argument| argument.to_string_lossy())
        .take_while(|argument| argument != "--")
}

/// Whether `--json` is among these arguments.
pub(super) fn is_json_typed(arguments: &[OsString]) -> bool {
    before_files(arguments).any(|argument| argument == "--json")
}

/// The error as the failure that `--json` shows: its first paragraph, and clap's tip.
pub(super) fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default();
    let failure = Failure::usage(message.strip_prefix("error: ").unwrap_or(message));
    match paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ")) {
        Some(tip) => failure.with_hint(tip),
        None => failure,
    }
}

/// The command line whose options are set only by flags.
pub(super) fn without_environment(command: Command) -> Command {
    command.mut_args(|arg| arg.env(None::<&str>)).mut_subcommands(without_environment)
}
