//! The command line: arguments to settings, one library call, print, exit code. One file per command.

mod args;
mod backup;
mod bars;
mod check;
mod cloud;
mod credentials;
mod ending;
mod exit_code;
mod export;
mod failure;
mod first_token;
mod import;
mod input;
mod inquiry;
mod output;
mod parse;
mod resume;
mod rules;
mod session;
mod settings;
mod show;
mod sign_in;
mod signals;
mod simulator;
mod status;

use clap::Parser;

use args::{Cli, Command, LogFormat};
pub(crate) use exit_code::ExitCode;
use failure::Failure;
use output::Output;

/// Runs the program as it was called. The only place that turns a failure into words and an exit code.
pub(crate) fn run() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() {
                Output::new(false).usage(&error);
                return ExitCode::Usage.into();
            }
            // Where help cannot be printed there is nobody to tell.
            drop(error.print());
            return ExitCode::Done.into();
        }
    };
    let output = Output::new(cli.logging.quiet);
    let result = start_logging(&cli.logging, &output).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::io("could not start", &error))?;
        let result = runtime.block_on(command(cli.command, &output));
        // A second Ctrl-C leaves requests in the air; waiting for them is what it asked us not to do.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(code) => code.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code.into()
        }
    }
}

fn start_logging(args: &args::Logging, output: &Output) -> Result<(), Failure> {
    let format = match args.log_format {
        LogFormat::Text => crate::telemetry::Format::Text,
        LogFormat::Json => crate::telemetry::Format::Json,
    };
    let verbosity = if args.quiet { -1 } else { i8::try_from(args.verbose).unwrap_or(3) };
    crate::telemetry::start(format, args.log_file.as_deref(), verbosity, output.bars())
        .map_err(|error| Failure::io("could not start logging", &error))
}

async fn command(command: Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::Import(args) => Box::pin(import::run(args, output)).await,
        Command::Check(args) => Box::pin(check::run(args, output)).await,
        Command::Resume(args) => Box::pin(resume::resume(args, output)).await,
        Command::Reconcile(args) => Box::pin(resume::reconcile(args, output)).await,
        Command::Status(args) => status::run(args, output),
        Command::Show(args) => show::run(args, output),
        Command::Export(args) => export::run(args, output),
        Command::Backup(args) => backup::run(args, output),
        Command::Credentials(args) => credentials::run(args, output),
        Command::Login(args) => Box::pin(sign_in::login(args, output)).await,
        Command::Logout(args) => sign_in::logout(args, output),
        Command::Whoami(args) => Box::pin(sign_in::whoami(args, output)).await,
        Command::Rules(args) => Box::pin(rules::run(args, output)).await,
        Command::Simulator(args) => Box::pin(simulator::run(args, output)).await,
    }
}
