//! Builds the command line for help, manual pages and completions, and prints help.

use std::sync::LazyLock;

use clap::{Command, CommandFactory, ValueEnum};

use super::args::Cli;
use super::exit_code::ExitCode;
use super::{Failure, Output, topics};
use crate::nearest::nearest;

/// The whole command line, built once: without optimization, building takes a third of a short command's time.
pub(super) fn command() -> &'static Command {
    static COMMAND: LazyLock<Command> = LazyLock::new(built);
    &COMMAND
}

fn built() -> Command {
    let codes = ExitCode::value_variants().iter();
    let codes: Vec<_> = codes.map(|code| format!("  {:>3}  {}", code.number(), code.meaning())).collect();
    let first = "  tenantry import --simulate samples/customers.csv      rehearse, without an account
  tenantry check customers.csv                          every problem of a file
  tenantry status                                       where things stand";
    Cli::command().after_help(format!("Examples:\n{first}\n\nExit codes:\n{}", codes.join("\n")))
}

/// `tenantry help`: prints the help of the command with these words, or a topic.
pub(super) fn show(words: &[String], output: &Output) -> Result<ExitCode, Failure> {
    let topic = if let [name] = words { topics::text(name) } else { None };
    let text = match topic {
        Some(text) => text,
        None => find(words)?.render_long_help().to_string(),
    };
    output.result(&text)?;
    Ok(ExitCode::Done)
}

/// The command with these words. Its name is that of its manual page, such as `tenantry-import`.
pub(super) fn find(words: &[String]) -> Result<Command, Failure> {
    let mut root = command().clone();
    root.build();
    let mut found = &root;
    for (at, word) in words.iter().enumerate() {
        found = found.find_subcommand(word).ok_or_else(|| {
            let topics = topics::NAMES.into_iter().filter(|_| words.len() == 1);
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

    #[test]
    fn every_command_has_examples() {
        for (words, help) in examples(command(), "") {
            assert!(help.starts_with("Examples:\n  tenantry "), "no example for `{words}`");
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
