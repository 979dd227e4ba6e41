//! `tenantry doctor`: checks what a run needs, before the first import or when something is wrong.
//!
//! Each check is a function with one result. It uses the code that a run uses, and says what the run would end with.
//! Nothing is created, at Partner Center or on this machine, and no lock is taken. A stored sign-in is renewed, as in
//! every run.

mod finding;
mod local;
mod service;
mod unattended;

use serde_json::json;

use super::config::Provenance;
use super::signals::Interruption;
use super::{ExitCode, Failure, Output, args};
use crate::report::pretty;

pub(crate) async fn run(
    args: args::DoctorArgs,
    provenance: &Provenance,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let args::DoctorArgs { unattended: is_unattended, input, run, .. } = args;
    let interruption = Interruption::listen();
    let service::ServiceFindings { findings: of_service, connection, environment } =
        service::check(&run, &input, &interruption).await?;
    let path = run.ledger.path();
    let (ledger, queries) = local::ledger(&path, environment.as_ref());
    let mut findings = vec![local::settings(provenance, &input)];
    findings.extend(of_service);
    findings.extend([
        ledger,
        local::folder(&path, &run.submission),
        local::identity(&run, queries.as_ref(), is_unattended),
        local::key_store(&run, connection.as_ref()),
    ]);
    if is_unattended {
        findings.extend(unattended::check(&run, provenance, connection.as_ref()));
    }
    if let Some(connection) = connection {
        connection.close().await;
    }
    let exit_code = finding::exit_code(&findings);
    if run.submission.json {
        output.json(&pretty(&json!({ "exit_code": exit_code.number(), "checks": findings })))?;
    } else {
        output.result(&finding::text(&findings))?;
    }
    Ok(exit_code)
}
