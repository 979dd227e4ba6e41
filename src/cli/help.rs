//! The command line as help, manual pages and completions show it: with examples.

use clap::{Command, CommandFactory};

use super::args::Cli;
use super::exit_code::ExitCode;

/// Under the help of each command, by its words after `tenantry`.
const EXAMPLES: [(&str, &str); 23] = [
    (
        "import",
        "  tenantry import customers.csv                         look at the plan, say yes, create
  tenantry import --simulate customers.csv              rehearse, without an account
  tenantry import --yes --json customers.csv            from a scheduler
  tenantry import --profile contoso customers.csv       with the settings of a tenantry.toml
  tenantry import --dry-run customers.xlsx              what would be done, and nothing else
  tenantry import --map \"Firma=company_name\" list.csv   a column under another name",
    ),
    (
        "check",
        "  tenantry check customers.csv
  tenantry check --online --rate 100/min customers.csv  also ask Partner Center
  tenantry check -o problems.csv customers.csv          a copy to be mended and imported
  tenantry check --json customers.csv > problems.json",
    ),
    (
        "resume",
        "  tenantry resume
  tenantry resume --wait-lock 10m --json                after another run, from a scheduler",
    ),
    (
        "retry",
        "  tenantry retry --code 600051                          what was refused for this reason
  tenantry retry --all --yes                            from a scheduler, rejected rows too",
    ),
    ("reconcile", "  tenantry resume && tenantry reconcile"),
    (
        "status",
        "  tenantry status
  tenantry status --json --ledger contoso.db",
    ),
    (
        "show",
        "  tenantry show contoso.onmicrosoft.com
  tenantry show --line 17",
    ),
    (
        "template",
        "  tenantry template --for-excel -o customers.csv
  tenantry template --explain",
    ),
    (
        "report",
        "  tenantry report -o report.html
  tenantry report --format md --run 3",
    ),
    (
        "export",
        "  tenantry export failed -o failed.csv
  tenantry export rejected --for-excel -o rejected.csv",
    ),
    (
        "credentials",
        "  tenantry credentials -o passwords.csv
  tenantry credentials --domain contoso.onmicrosoft.com --identity key.txt",
    ),
    ("backup", "  tenantry backup copy.db"),
    ("login", "  tenantry login --tenant-id contoso.onmicrosoft.com --client-id 0f6e2c1a-…"),
    ("logout", "  tenantry logout --tenant-id contoso.onmicrosoft.com --client-id 0f6e2c1a-…"),
    ("whoami", "  tenantry whoami --profile contoso"),
    ("rules", "  tenantry rules update customers.csv"),
    (
        "rules update",
        "  tenantry rules update customers.csv
  tenantry rules update --country PT --country US",
    ),
    (
        "simulator",
        "  tenantry simulator --listen 127.0.0.1:8787 --state simulator.json
  tenantry simulator --scenario faulty,seed=7",
    ),
    ("config", "  tenantry config show --profile contoso"),
    (
        "config show",
        "  tenantry config show
  tenantry config show --profile contoso --json
  TENANTRY_RATE=100/min tenantry config show --strict",
    ),
    (
        "config trust",
        "  tenantry config trust
  tenantry config trust nightly/tenantry.toml",
    ),
    (
        "completions",
        "  tenantry completions bash > ~/.local/share/bash-completion/completions/tenantry
  tenantry completions powershell >> $PROFILE",
    ),
    (
        "man",
        "  tenantry man import | man -l -
  tenantry man -o /usr/local/share/man/man1",
    ),
];

/// In their order.
const EXIT_CODES: [ExitCode; 10] = [
    ExitCode::Done,
    ExitCode::Failed,
    ExitCode::Usage,
    ExitCode::SomeRefused,
    ExitCode::SignIn,
    ExitCode::Stopped,
    ExitCode::SomeUnresolved,
    ExitCode::InUse,
    ExitCode::Interrupted,
    ExitCode::Terminated,
];

/// The whole command line.
pub(super) fn command() -> Command {
    let codes = EXIT_CODES.map(|code| format!("  {:>3}  {}", code.number(), code.meaning())).join("\n");
    let first = "  tenantry import --simulate samples/customers.csv      rehearse, without an account
  tenantry check customers.csv                          every problem of a file
  tenantry status                                       where things stand";
    let command = Cli::command().after_help(format!("Examples:\n{first}\n\nExit codes:\n{codes}"));
    with_examples(command, "")
}

fn with_examples(command: Command, words: &str) -> Command {
    let example = EXAMPLES.iter().find(|(of, _)| *of == words);
    let command = match example {
        Some((_, lines)) => command.after_help(format!("Examples:\n{lines}")),
        None => command,
    };
    command.mut_subcommands(|command| {
        let words = format!("{words} {}", command.get_name());
        with_examples(command, words.trim_start())
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn words_of(command: &Command, above: &str) -> Vec<String> {
        let of_each = command.get_subcommands().flat_map(|command| {
            let words = format!("{above} {}", command.get_name()).trim_start().to_owned();
            let below = words_of(command, &words);
            std::iter::once(words).chain(below)
        });
        of_each.collect()
    }

    #[test]
    fn every_command_has_examples() {
        let words = words_of(&command(), "");
        for words in &words {
            assert!(EXAMPLES.iter().any(|(of, _)| of == words), "no example for `{words}`");
        }
        assert_eq!(words.len(), EXAMPLES.len());
    }

    /// The example's own words, without its remark, redirections and further commands.
    fn arguments(line: &str) -> Vec<OsString> {
        let line = line.trim();
        let line = line.split("   ").next().unwrap();
        let line = line.split(['>', '|', '&']).next().unwrap();
        let line = &line[line.find("tenantry").unwrap()..];
        line.split_whitespace().map(|word| word.trim_matches('"').into()).collect()
    }

    #[test]
    fn every_example_is_understood() {
        for (of, lines) in EXAMPLES {
            for line in lines.lines() {
                let arguments = arguments(line);
                let parsed = crate::cli::config::whole().try_get_matches_from(&arguments);
                assert!(parsed.is_ok(), "{of}: {line}: {:?}", parsed.err().map(|error| error.to_string()));
            }
        }
    }
}
