//! `tenantry simulator`: runs the Partner Center simulator as a server.

use tenantry_simulator::{Config, Simulator};

use super::{ExitCode, Failure, Output, args};
use crate::files;

pub(crate) async fn run(args: args::SimulatorArgs, output: &Output) -> Result<ExitCode, Failure> {
    let mut signals = super::signals::listen();
    if !args.listen.ip().to_canonical().is_loopback() {
        tracing::warn!(
            listen = %args.listen,
            "the simulator can be reached from other machines: each can read every row that is sent to it"
        );
    }
    let config = Config {
        listen: args.listen,
        state_file: args.state,
        open: files::open_no_link,
        scenario: args.scenario,
        public_url: args.public_url,
        ..Config::default()
    };
    let simulator = Simulator::start(config)
        .await
        .map_err(|error| Failure::io(format!("could not start the simulator on {}", args.listen), &error))?;
    let url = simulator.url();
    output.result(&format!("{url}\n"))?;
    output.note(format_args!("Simulating Partner Center and its sign-in at {url}. Use it with"));
    let import = format!("tenantry import FILE --api-url {url} --ledger rehearsal.db");
    output.note(format_args!("  bash         TENANTRY_ACCESS_TOKEN=any {import}"));
    output.note(format_args!("  PowerShell   $env:TENANTRY_ACCESS_TOKEN='any'; {import}"));
    output.note(format_args!("  cmd          set TENANTRY_ACCESS_TOKEN=any&& {import}"));
    output.note("Ctrl-C ends it.");
    // Any signal ends the server normally, so it is not a failure.
    signals.recv().await;
    simulator.stop().await;
    Ok(ExitCode::Done)
}
