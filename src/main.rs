//! The `tenantry` program: parses the command line, runs the command, turns the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenantry::run()
}
