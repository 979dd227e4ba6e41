//! `tenantry credentials`: opens the sealed one-time admin passwords as CSV. Each opening is recorded first.

use std::io::Write as _;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::output::Output;
use super::replacing::Guarded;
use super::settings::{LedgerChoice, identity_file};
use super::sink::Sink;
use crate::credentials::Opener;
use crate::ledger::Queries;
use crate::report::{counted, harmless};

pub(crate) fn run(args: args::Credentials, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = LedgerChoice::from(&args.ledger);
    let queries = Queries::open(&ledger.path)?;
    let opener = Opener::from_identity(&identity_file(&args.identity)?)?;
    let domain = args.domain.map(|domain| domain.trim().to_ascii_lowercase());
    let recorded = |error| Failure::from(error).because("each opening of passwords is recorded in it first");
    let opening = queries.begin_opening().map_err(recorded)?;
    let mut count: u64 = 0;
    queries.each_password(domain.as_deref(), |_| {
        count += 1;
        Ok::<_, Failure>(())
    })?;
    if let (Some(domain), 0) = (&domain, count) {
        let message = format!("the ledger `{}` holds no password of `{domain}`", ledger.path.display());
        return Err(Failure::new(ExitCode::Failed, message).with_hint(
            "`tenantry show DOMAIN` says whether it was created, and whether its password was lost",
        ));
    }
    let guarded = Guarded::default().and_files_of(&queries, args.output.as_deref())?;
    if let Some(path) = &args.output {
        // Before it is recorded that they were opened.
        guarded.check(path)?;
    }
    opening.record(&who(), count).map_err(recorded)?;

    let mut sink = Sink::open(args.output.as_deref(), &guarded)?;
    let unwritten = |error: csv::Error| Failure::of(ExitCode::Failed, &error);
    let mut writer = csv::Writer::from_writer(&mut sink);
    writer.write_record(["domain", "customer_id", "user_name", "password"]).map_err(unwritten)?;
    let (mut opened, mut sealed_to_others) = (0, 0);
    queries.each_password(domain.as_deref(), |sealed| {
        let password = match opener.open(&sealed.domain, &sealed.sealed) {
            Ok(password) => password,
            // One of another key must not keep the others from being opened.
            Err(error) => {
                sealed_to_others += 1;
                output.note(&error);
                return Ok(());
            }
        };
        opened += 1;
        let user_name = format!("{}@{}", sealed.user_name, sealed.domain);
        // The password alone comes out byte for byte; `report::formula` says why.
        let (customer_id, user_name) = (harmless(&sealed.customer_id), harmless(&user_name));
        let record: [&[u8]; 4] =
            [sealed.domain.as_bytes(), customer_id.as_bytes(), user_name.as_bytes(), &password];
        writer.write_record(record).map_err(unwritten)
    })?;
    writer.flush().map_err(|error| Failure::io("could not write the passwords", &error))?;
    drop(writer);
    sink.flush().map_err(|error| Failure::io("could not write the passwords", &error))?;
    sink.finish()?;
    if let Some(path) = &args.output {
        output.note(format_args!(
            "{} written to `{}`. Hand them out and delete the file.",
            counted(opened, "password"),
            path.display()
        ));
    }
    if sealed_to_others > 0 {
        let message = format!("{sealed_to_others} of {count} passwords are sealed to another key");
        return Err(Failure::new(ExitCode::Failed, message)
            .with_hint("name the file that holds its private key with `--identity F`"));
    }
    let lost = queries.created_without_credentials()?;
    if lost > 0 && domain.is_none() {
        output.note(format_args!(
            "{} without a password here: reset that of admin@DOMAIN in Partner Center.",
            counted(lost, "created customer")
        ));
    }
    Ok(ExitCode::Done)
}

/// The operating system's name for the user, for the record; whoever can open the file can forge it.
fn who() -> String {
    ["USER", "USERNAME", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}
