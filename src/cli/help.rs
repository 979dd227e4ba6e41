//! Builds the command line for help, manual pages and completions, and prints help.
//!
//! `-h` and `tenantry help COMMAND` fit one screen: they show the options for every day. `--help` shows everything.

use std::sync::LazyLock;

use clap::{Arg, Command, CommandFactory, ValueEnum};

use super::args::Cli;
use super::exit_code::ExitCode;
use super::{Failure, Output, markdown, topics};
use crate::nearest::nearest;

/// The most columns of any help.
pub(super) const WIDTH: usize = 80;

/// The options that the short help shows, besides those without a heading, which are the command's own.
const EVERYDAY: [&str; 23] = [
    "all",
    "client-id",
    "client-secret-file",
    "country",
    "default",
    "dry-run",
    "fix",
    "force",
    "json",
    "ledger",
    "limit",
    "map",
    "max-failures",
    "max-new",
    "output",
    "online",
    "profile",
    "require-valid",
    "reseller-id",
    "results",
    "simulate",
    "tenant-id",
    "yes",
];

/// The whole command line, built once: without optimization, building takes a third of a short command's time.
pub(super) fn command() -> &'static Command {
    static COMMAND: LazyLock<Command> = LazyLock::new(built);
    &COMMAND
}

fn built() -> Command {
    let codes = ExitCode::value_variants().iter();
    let codes: Vec<_> = codes.map(|code| format!("  {:>3}  {}", code.number(), code.meaning())).collect();
    let first = "  tenantry import --simulate samples/customers.csv   rehearse without an account
  tenantry check customers.csv                       list every problem
  tenantry status                                    count rows by state";
    let topics = topic_names();
    Cli::command()
        .after_help(topics.clone())
        .after_long_help(format!("{topics}\n\nExamples:\n{first}\n\nExit codes:\n{}", codes.join("\n")))
}

/// The names of the topics, in lines that fit.
fn topic_names() -> String {
    let names: Vec<&str> = topics::ALL.iter().map(|topic| topic.name).collect();
    let list = format!("Topics: {}. Show one with `tenantry help TOPIC`.", names.join(", "));
    markdown::render(&list, WIDTH, false).trim_end().to_owned()
}

/// The command line as the short help shows it: without environment variables and rare options.
pub(super) fn short() -> Command {
    shortened(command().clone(), "")
}

fn shortened(command: Command, above: &str) -> Command {
    let name = format!("{above}{}", command.get_name());
    let is_root = above.is_empty();
    let has_rare = command.get_arguments().any(|arg| !is_everyday(arg));
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.mut_args(|arg| match is_everyday(&arg) {
        true => arg.hide_env(true).help_heading(None),
        false => arg.hide(true),
    });
    let command = match has_rare && !is_root {
        true => command.after_help(format!("{examples}\n\nAll options: {name} --help")),
        false => command,
    };
    let prefix = format!("{name} ");
    command.mut_subcommands(|command| shortened(command, &prefix))
}

fn is_everyday(arg: &Arg) -> bool {
    arg.is_positional()
        || arg.get_help_heading().is_none()
        || arg.get_long().is_some_and(|name| EVERYDAY.contains(&name))
}

/// `tenantry help`: prints the short help of the command with these words, or a topic.
pub(super) fn show(words: &[String], output: &Output) -> Result<ExitCode, Failure> {
    let topic = if let [name] = words { topics::find(name) } else { None };
    match topic {
        Some(topic) => {
            let width = console::Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| columns.into());
            let text = markdown::render(topic.text, width.clamp(WIDTH / 2, WIDTH), console::colors_enabled());
            output.own_text(&text)?;
        }
        None => output.result(&find_in(short(), words)?.render_help().to_string())?,
    }
    Ok(ExitCode::Done)
}

/// The command with these words. Its name is that of its manual page, such as `tenantry-import`.
pub(super) fn find(words: &[String]) -> Result<Command, Failure> {
    find_in(command().clone(), words)
}

fn find_in(mut root: Command, words: &[String]) -> Result<Command, Failure> {
    root.build();
    let mut found = &root;
    for (at, word) in words.iter().enumerate() {
        found = found.find_subcommand(word).ok_or_else(|| {
            let topics = topics::ALL.iter().map(|topic| topic.name).filter(|_| words.len() == 1);
            let near = nearest(word, found.get_subcommands().map(Command::get_name).chain(topics));
            Failure::usage(format!("there is no command or topic `{}`", words.join(" "))).with_hint(
                match near {
                    Some(near) => {
                        let above: String = words[..at].iter().map(|word| format!("{word} ")).collect();
                        format!("did you mean `{above}{near}`?")
                    }
                    None => "`tenantry --help` lists the commands".to_owned(),
                },
            )
        })?;
    }
    Ok(found.clone())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    /// The full name of each command, with its examples.
    fn examples(command: &Command, above: &str) -> Vec<(String, String)> {
        let of_each = command.get_subcommands().flat_map(|command| {
            let words = format!("{above} {}", command.get_name()).trim_start().to_owned();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let below = examples(command, &words);
            std::iter::once((words, help)).chain(below)
        });
        of_each.collect()
    }

    /// `-h` of each command.
    fn screens(command: &Command) -> Vec<(String, String)> {
        let below = command.get_subcommands().flat_map(screens);
        let name = command.get_bin_name().unwrap_or_default().to_owned();
        std::iter::once((name, command.clone().render_help().to_string())).chain(below).collect()
    }

    #[test]
    fn short_help_fits_a_screen() {
        let mut root = short();
        root.build();
        for (name, help) in screens(&root) {
            assert!(help.lines().count() <= 40, "{name}: {} lines\n{help}", help.lines().count());
            for line in help.lines() {
                assert!(console::measure_text_width(line) <= WIDTH, "{name}: {line}");
            }
        }
    }

    #[test]
    fn long_help_is_whole() {
        let mut root = command().clone();
        root.build();
        for mut command in root.get_subcommands().cloned().collect::<Vec<_>>() {
            let help = command.render_long_help().to_string();
            for arg in command.get_arguments().filter_map(|arg| arg.get_long().filter(|_| !arg.is_hide_set()))
            {
                assert!(help.contains(&format!("--{arg}")), "{}: --{arg}", command.get_name());
            }
        }
    }

    #[test]
    fn every_command_has_examples() {
        for (words, help) in examples(command(), "") {
            assert!(help.starts_with("Examples:\n  tenantry "), "no example for `{words}`");
            // A line that wraps is no command to copy.
            for line in help.lines() {
                assert!(console::measure_text_width(line) <= WIDTH, "`{words}`: {line}");
            }
        }
    }

    /// The arguments of an example, without its remark, redirections and further commands.
    fn arguments(line: &str) -> Vec<OsString> {
        let line = line.trim();
        let line = line.split("   ").next().unwrap();
        let line = line.split(['>', '|', '&']).next().unwrap();
        let line = &line[line.find("tenantry").unwrap()..];
        line.split_whitespace().map(|word| word.trim_matches('"').into()).collect()
    }

    /// Windows PowerShell knows no `&&`, cmd no single quotes; `NAME=value` before a command is for Unix, and a comma makes a
    /// list in PowerShell.
    #[test]
    fn every_example_runs_in_every_shell() {
        for (of, help) in examples(command(), "") {
            for line in help.lines().skip(1) {
                let command = line.trim().split("   ").next().unwrap();
                let is_for_all = command.starts_with("tenantry ") && !command.contains(['&', '\'', '`', '%']);
                let unquoted: String = command.split('"').step_by(2).collect();
                assert!(is_for_all && !unquoted.contains(','), "{of}: {line}");
            }
        }
    }

    #[test]
    fn every_example_is_understood() {
        for (of, help) in examples(command(), "") {
            for line in help.lines().skip(1) {
                let arguments = arguments(line);
                let parsed = crate::cli::config::whole().try_get_matches_from(&arguments);
                assert!(parsed.is_ok(), "{of}: {line}: {:?}", parsed.err().map(|error| error.to_string()));
            }
        }
    }
}
