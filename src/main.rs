//! The `tenantry` program: parses the command line, runs the command, returns an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenantry::run()
}
