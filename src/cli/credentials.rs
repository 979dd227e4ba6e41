//! `tenantry credentials`: opens the sealed one-time admin passwords as CSV. Each opening is recorded first.

use std::io::Write as _;

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::output::Output;
use super::replacing::Guarded;
use super::settings::{LedgerChoice, identity_file};
use super::sink::{self, Sink};
use crate::credentials::Opener;
use crate::report::{counted, harmless};

pub(crate) fn run(args: args::Credentials, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = LedgerChoice::from(&args.ledger);
    let queries = ledger.read()?;
    let identity = identity_file(&args.identity)?;
    let opener = Opener::from_identity(&identity)?;
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
    let file = sink::file(args.output.as_deref());
    let guarded = Guarded::default().and_files_of(&queries, file)?;
    if let Some(path) = file {
        // Before it is recorded that they were opened.
        guarded.check(path)?;
    }
    opening.record(&who(), count).map_err(recorded)?;

    let mut sink = Sink::open(file, &guarded)?;
    let unwritten = |error: csv::Error| Failure::of(ExitCode::Failed, &error);
    let mut writer = csv::Writer::from_writer(&mut sink);
    writer.write_record(["domain", "customer_id", "user_name", "password"]).map_err(unwritten)?;
    let (mut opened, mut sealed_to_others): (u64, u64) = (0, 0);
    queries.each_password(domain.as_deref(), |sealed| {
        // One of another key must not keep the others from being opened.
        let Ok(password) = opener.open(&sealed.sealed) else {
            sealed_to_others += 1;
            return Ok(());
        };
        opened += 1;
        let user_name = format!("{}@{}", sealed.user_name, sealed.domain);
        // The password alone comes out byte for byte; `report::formula` says why.
        let (customer_id, user_name) = (harmless(&sealed.customer_id), harmless(&user_name));
        let record: [&[u8]; 4] =
            [sealed.domain.as_bytes(), customer_id.as_bytes(), user_name.as_bytes(), &password];
        writer.write_record(record).map_err(unwritten)
    })?;
    let foreign: Option<Failure> = (sealed_to_others > 0).then(|| {
        let are = if sealed_to_others == 1 { "is" } else { "are" };
        let others = format!(
            "{sealed_to_others} of {} {are} sealed to another key than that of `{}` ({})",
            counted(count, "password"),
            identity.display(),
            opener.recipient()
        );
        Failure::new(ExitCode::Failed, others).with_hint(
            "name with `--identity F` the file that holds the private half of the key of those imports: of their \
             `--recipient`, or of the identity that they used",
        )
    });
    let foreign = match foreign {
        // What an earlier call has written stays.
        Some(foreign) if opened == 0 => return Err(foreign),
        foreign => foreign,
    };
    writer.flush().map_err(|error| Failure::io("could not write the passwords", &error))?;
    drop(writer);
    sink.flush().map_err(|error| Failure::io("could not write the passwords", &error))?;
    sink.finish()?;
    let ledger_path = ledger.path.display();
    match (file, opened) {
        (None, 0) => output.note(format_args!("The ledger `{ledger_path}` holds no passwords.")),
        (Some(path), 0) => output.note(format_args!(
            "The ledger `{ledger_path}` holds no passwords: `{}` has nothing but its header.",
            path.display()
        )),
        (Some(path), _) => output.note(format_args!(
            "{} written to `{}`. Hand them out and delete the file.",
            counted(opened, "password"),
            path.display()
        )),
        (None, _) => {}
    }
    if let Some(foreign) = foreign {
        return Err(foreign);
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
