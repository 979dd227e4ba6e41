//! The command line: parses arguments into settings, calls the library, prints the result, returns an exit code.
//!
//! Each command has its own file.

mod account;
mod acknowledge;
mod args;
mod backup;
mod bars;
mod check;
mod cloud;
mod completion;
mod config;
mod consent;
mod credentials;
mod descriptor;
mod discard;
mod doctor;
mod dry_run;
mod ended;
mod exit_code;
mod export;
mod failure;
mod first_token;
mod forget;
mod help;
mod import;
mod input;
mod inquiry;
mod list;
mod manual;
mod markdown;
mod next_command;
mod notify;
mod options;
mod output;
mod panics;
mod parse;
mod partner;
#[cfg(windows)]
mod patterns;
mod plan;
mod recipient;
mod replacing;
mod report;
mod results;
mod resume;
mod retry;
mod rules;
mod run_log;
mod session;
mod settings;
mod shell;
mod show;
mod sign_in;
mod signals;
mod simulator;
mod sink;
mod status;
mod stop;
mod template;
mod terminal;
mod topics;
mod trusted_hosts;
mod usage;
mod wait_lock;

/// What `tests/fuzz` runs of the command line.
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzed {
    pub use super::config::fuzzed::settings;
    pub use super::next_command::fuzzed::next_commands;
    pub use super::shell::fuzzed::shells;
}

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::catch_unwind;
use std::path::Path;

use args::{Cli, Command, ConfigCommand, RulesCommand};
use ended::Ended;
pub(crate) use exit_code::ExitCode;
use failure::Failure;
use notify::RunNotifier;
use output::Output;
use replacing::{Guarded, beginning, not_over};
use run_log::RunLog;

use crate::report::counted;
use crate::submitter::Mode;
use crate::telemetry::{self, Format};

/// The version, with the commit and its date if the sources were in a git clone (`src/build.rs`).
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("TENANTRY_COMMIT"));

/// Runs the program with its command line. The only place that turns a failure into text and an exit code.
pub(crate) fn run() -> std::process::ExitCode {
    // Before the first output, and before the first thread.
    crate::limits::survive_writes();
    let arguments: Vec<_> = std::env::args_os().collect();
    // Before the first message, which may be that the arguments are wrong.
    choose_format(config::chosen_log_format(&arguments));
    // Settles standard error at the end, however the program ends.
    let _settled = Settled;
    panics::report();
    // Before the first secret is read.
    let private = crate::memory::keep_private();
    let resolved = config::resolve(&arguments);
    let is_unusable = resolved.as_ref().map_or(true, |(_, provenance)| provenance.unusable().is_some());
    if is_unusable && !crate::message::is_json() {
        choose_format(config::log_format_of_file(&arguments));
    }
    let (cli, provenance) = match resolved {
        Ok(invocation) => invocation,
        Err(config::InvocationError::Usage(error)) => {
            if error.use_stderr() {
                let (output, error) = (Output::without_command(), usage::made_visible(*error));
                output.usage(&error);
                if usage::is_json_typed(&arguments) {
                    output.error_object(&usage::failure(&error));
                }
                notify_of_mistake(&arguments, usage::failure(&error));
                return ExitCode::Usage.into();
            }
            return print_help(&error).into();
        }
        Err(config::InvocationError::Failure(failure)) => {
            let output = Output::without_command();
            output.failure(&failure);
            if usage::is_json_typed(&arguments) {
                output.error_object(&failure);
            }
            let exit_code = failure.exit_code;
            notify_of_mistake(&arguments, failure);
            return exit_code.into();
        }
    };
    if !is_unusable {
        choose_format(Some(cli.logging.log_format));
    }
    let output = Output::new(cli.logging.quiet, provenance.matches().clone(), provenance.names_in_file());
    report_settings(&cli.command, &provenance, &output);
    let run_log = RunLog::of(&cli.command);
    let logging = start_logging(&cli);
    RunLog::begun(&cli.command, &provenance);
    if let Err(error) = private {
        tracing::warn!(%error, "core files could not be forbidden; one would hold secrets");
    }
    // The builder panics if it cannot start its threads.
    let runtime = catch_unwind(build_runtime)
        .map_err(|_| panics::failure())
        .and_then(|built| built.map_err(|error| Failure::io("could not start", &error)));
    let (runtime, result) = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(panics::caught(command(cli.command, logging, provenance, &output)));
            (Some(runtime), result)
        }
        Err(failure) => (None, Err(failure)),
    };
    // The reader of the output has read enough, so the command is done.
    let result =
        result.or_else(|failure| if failure.reader_is_gone { Ok(ExitCode::Done) } else { Err(failure) });
    let result = result.map_err(Failure::seen_with_limits);
    run_log.ended(&result);
    report_lost_lines(&cli.logging, &output);
    let exit_code = match result {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            output.json_failure(&failure);
            failure.exit_code
        }
    };
    // Only now, because without it no signal is heard, such as one that ends the wait for a reader of the output. Requests
    // may still be in flight, after a second Ctrl-C: the operator asked not to wait for them.
    if let Some(runtime) = runtime {
        runtime.shutdown_background();
    }
    exit_code.into()
}

/// One thread for all tasks, beside the thread of the command: tasks do little between their waits, and on threads of
/// their own they would mostly wake each other.
fn build_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

/// Carries out one command inside another program, on its runtime: what [`run`] does without what belongs to a process of
/// its own, such as logging.
pub(crate) async fn run_inside(arguments: &[OsString]) -> u8 {
    let exit_code = match config::resolve(arguments) {
        Ok((cli, provenance)) => {
            let output =
                Output::new(cli.logging.quiet, provenance.matches().clone(), provenance.names_in_file());
            match command(cli.command, Ok(()), provenance, &output).await {
                Ok(exit_code) => exit_code,
                Err(failure) => {
                    output.failure(&failure);
                    failure.exit_code
                }
            }
        }
        Err(config::InvocationError::Usage(_)) => ExitCode::Usage,
        Err(config::InvocationError::Failure(failure)) => failure.exit_code,
    };
    exit_code.number()
}

/// Notifies monitors of a run whose arguments or environment have a mistake.
fn notify_of_mistake(arguments: &[OsString], failure: Failure) {
    let Some((cli, provenance)) = config::resolve_for_monitors(arguments) else { return };
    let output = Output::new(true, provenance.matches().clone(), Vec::new());
    let has_settings = provenance.unusable().is_none();
    let Some(notifier) = RunNotifier::of(&cli.command, has_settings, &output) else { return };
    // Without its log, the run is still reported.
    drop(start_logging(&cli));
    let runtime = catch_unwind(build_runtime);
    if let Ok(Ok(runtime)) = runtime {
        // The failure was printed.
        drop(runtime.block_on(notifier.around(async { Err(failure) }, &output)));
        runtime.shutdown_background();
    }
}

fn choose_format(format: Option<Format>) {
    crate::message::choose_json(format == Some(Format::Json));
}

/// Waits for a limited time, when dropped, until standard error is written.
struct Settled;

impl Drop for Settled {
    fn drop(&mut self) {
        crate::outlet::stderr().settle();
    }
}

/// Help and version are results, so they go to standard output.
fn print_help(help: &clap::Error) -> ExitCode {
    let printed = help.print().and_then(|()| io::stdout().flush());
    match output::ignore_closed_pipe(printed) {
        Ok(()) => ExitCode::Done,
        Err(error) => {
            Output::without_command().failure(&output::unwritten(&error));
            ExitCode::Failed
        }
    }
}

fn report_lost_lines(args: &args::Logging, output: &Output) {
    let lost = crate::telemetry::settle();
    if let (1.., Some(file)) = (lost, &args.log_file) {
        let lines = counted(lost, "line");
        output.note(format_args!("{lines} could not be written to the log file `{}`.", file.display()));
    }
}

fn start_logging(Cli { command, logging: args, .. }: &Cli) -> Result<(), Failure> {
    if let Some(file) = &args.log_file {
        check_log_file(file, &Guarded::of_command(command))?;
    }
    let verbosity = if args.quiet { -1 } else { i8::try_from(args.verbose).unwrap_or(3) };
    // Otherwise a good night would look like a night without a run.
    let verbosity = if args.log_file.is_some() { verbosity.max(1) } else { verbosity };
    let filter = telemetry::filter(verbosity).map_err(|why| {
        Failure::usage(format!("TENANTRY_LOG is not a filter of log events: {why}"))
            .with_hint("set it to a level, such as `TENANTRY_LOG=tenantry=debug`, or leave it out")
    })?;
    let started = telemetry::start(args.log_format, args.log_file.as_deref(), filter);
    started.map_err(|error| match &args.log_file {
        Some(file) => {
            let usual = "name a file with `--log-file` that you may write to; its folder must be there";
            Failure::io(format!("could not open the log file `{}`", file.display()), &error)
                .with_hint(usual)
                .at_file(file, &error)
        }
        None => Failure::io("could not start logging", &error),
    })
}

/// Accepts a log file that is a log, is empty or does not exist. Devices and pipes are always accepted.
fn check_log_file(file: &Path, guarded: &Guarded) -> Result<(), Failure> {
    if file.metadata().is_ok_and(|there| !there.is_file()) {
        return Ok(());
    }
    guarded.refuse_precious(file)?;
    if !crate::log_file::is_log(&beginning(file)) {
        return Err(
            not_over(file, "it is not a log of Tenantry").with_hint("name a new file with `--log-file`")
        );
    }
    Ok(())
}

/// Reports which settings file is in use, and variables that look misspelt.
fn report_settings(command: &Command, provenance: &config::Provenance, output: &Output) {
    for (name, near) in config::misspelt_variables() {
        output.note(format_args!("{name} is not a variable of tenantry; did you mean {near}?"));
    }
    if let Some(words) = provenance.describe()
        && matches!(command.nature().settings, args::Settings::Used | args::Settings::Examined)
    {
        let words = format!("Settings from {words}.");
        // A file that was found must not be able to hide itself by setting `quiet`.
        if provenance.is_quiet_asked_for() { output.note(words) } else { output.prompt(&words) }
    }
}

/// Carries out a command. `logging`: whether its log could be started. If it could not, or if the settings cannot be used,
/// monitors get the end of the run all the same.
async fn command(
    command: Command,
    logging: Result<(), Failure>,
    mut provenance: config::Provenance,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let is_examined = command.nature().settings == args::Settings::Examined;
    let unusable = if is_examined { None } else { provenance.take_unusable() };
    let notifier = RunNotifier::of(&command, unusable.is_none(), output);
    let run = Box::pin(async {
        unusable.map_or(Ok(()), Err)?;
        logging?;
        carry_out(command, &provenance, output).await
    });
    match notifier {
        Some(notifier) => notifier.around(run, output).await,
        None => run.await?.report(output),
    }
}

async fn carry_out(
    command: Command,
    provenance: &config::Provenance,
    output: &Output,
) -> Result<Ended, Failure> {
    let done = match command {
        Command::Import(args) => return Box::pin(import::run(args, output)).await,
        Command::Resume(args) => return Box::pin(resume::run(Mode::Submit, args, output)).await,
        Command::Retry(args) => return Box::pin(retry::run(args, output)).await,
        Command::Reconcile(args) => return Box::pin(resume::run(Mode::LookUpOnly, args, output)).await,
        Command::Check(args) => Box::pin(check::run(args, output)).await,
        Command::Status(args) => status::run(args, output),
        Command::Doctor(args) => Box::pin(doctor::run(args, provenance, output)).await,
        Command::Show(args) => show::run(args, output),
        Command::List(args) => list::run(args, output),
        Command::Template(args) => template::run(args, output),
        Command::Export(args) => export::run(args, output),
        Command::Report(args) => report::run(args, output),
        Command::Acknowledge(args) => acknowledge::run(args, output).await,
        Command::Discard(args) => Box::pin(discard::run(args, output)).await,
        Command::Backup { copy, ledger } => backup::run(&copy, &ledger.path(), output),
        Command::Credentials(args) => credentials::run(args, output),
        Command::Forget(args) => Box::pin(forget::run(args, output)).await,
        Command::Login(args) => Box::pin(sign_in::login(args, output)).await,
        Command::Logout(args) => sign_in::logout(args, output),
        Command::Whoami(args) => Box::pin(sign_in::whoami(args, output)).await,
        Command::Rules(RulesCommand::Update(args)) => Box::pin(rules::update(args, output)).await,
        Command::Simulator(args) => Box::pin(simulator::run(args, output)).await,
        Command::Config(ConfigCommand::Show { json }) => config::show(json, provenance, output),
        Command::Config(ConfigCommand::Trust { file }) => config::trust(file, output),
        Command::Completions { shell } => manual::completions(shell, output),
        Command::Help { words } => help::show(&words, output),
        Command::Man(args) => manual::man(&args, output),
    };
    done.map(Ended::reported)
}

#[cfg(test)]
mod tests {
    mod fuzzed;
}
