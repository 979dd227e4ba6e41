//! The command line as help, manual pages and completions show it.

use std::sync::LazyLock;

use clap::{Command, CommandFactory, ValueEnum};

use super::args::Cli;
use super::exit_code::ExitCode;

/// The whole command line, built once: without optimization that takes a third of a short command's time.
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
