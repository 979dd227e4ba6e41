//! `tenantry credentials`: opens the sealed one-time admin passwords as CSV.
//!
//! Each opening is recorded first, row by row. A password counts as opened only when its output was written, so that a
//! full disk or a closed pipe does not hide a password that was never seen.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use zeroize::Zeroizing;

use super::account::who;
use super::replacing::Guarded;
use super::settings::identity_file;
use super::shell::quoted;
use super::sink::Sink;
use super::{ExitCode, Failure, Output, args, descriptor, next_command};
use crate::credentials::{self, CannotOpen, Identities, NotIdentity, Opener};
use crate::ledger::{Filter, Opening, PasswordFilter, Queries, RunId, SealedPassword};
use crate::limits::Resource;
use crate::printable::escape_for_terminal;
use crate::report::{Cell, Column, Content, Style, Table, TableError, counted};

/// The number of passwords that are recorded and written together: where they are read at once, each time takes two
/// commits.
const TOGETHER: usize = 4096;

/// What to do if the private key is not at hand.
const WITHOUT_KEY: &str = "put the identity file with that key back, or name it with `--identity F`; if the key is \
                           lost, reset the password of admin@DOMAIN in Partner Center";

/// The most domains listed for each reason why passwords do not open.
const NAMED: usize = 10;

pub(crate) fn run(args: args::CredentialsArgs, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = args.ledger.path();
    let queries = args.ledger.read()?;
    let identity = identity_file(&args.identity)?;
    let identities = Identities::read(&identity).map_err(|error| match error {
        credentials::Error::IdentityFile { ref source, .. } if source.kind() == ErrorKind::NotFound => {
            Failure::from(error).with_hint(WITHOUT_KEY)
        }
        error => error.into(),
    })?;
    let unused = identities.unused().cloned();
    let domain = args.domain.map(|domain| domain.trim().to_ascii_lowercase());
    let filter =
        PasswordFilter { domain: domain.as_deref(), run: args.run.map(RunId), unopened: args.unopened };
    if let Some(domain) = filter.domain {
        must_hold_a_password_of(domain, &queries, &ledger, output)?;
    }
    if let Some(run) = filter.run {
        must_know_run(run, &queries, &ledger, output)?;
    }
    let target = args.to.target();
    let file = target.file;
    let guarded = Guarded::default().and_files_of(&queries, file)?;
    if let Some(path) = file {
        // Check before recording that passwords were opened.
        guarded.check(path, target.force)?;
    }
    if target.file.is_none() && descriptor::stdout_is_closed() {
        return Err(Failure::new(ExitCode::Failed, "cannot write the passwords: standard output is closed")
            .with_hint("name a file with `-o`; no password counts as opened"));
    }
    let (opening, snapshot) = queries.begin_opening(&who()).map_err(unrecorded)?;
    let opener = Opener::new(identities, queries.ledger_id()?, queries.data_keys()?);
    let mut sink = Sink::open(target, &guarded)?;
    let is_read_at_once = sink.is_read_at_once();
    let style = style(&queries, args.form.for_excel)?;
    let table = Table::begin(&mut sink, style, columns()).map_err(unwritten)?;
    let handout = Handout { opening, table, is_read_at_once, result: OpenedPasswords::default() };
    let Handout { mut opening, table, result: opened, .. } = open_all(&queries, filter, opener, handout)?;
    drop(snapshot);
    let failure = opened.failure(&identity, unused.as_ref());
    if opened.count == 0
        && let Some(failure) = failure
    {
        // The file of an earlier call is not replaced.
        return Err(failure);
    }
    table.end().map_err(unwritten)?;
    sink.finish()?;
    opening.written().map_err(unrecorded)?;
    // Only a person opens a file in a spreadsheet.
    opened.note(output, file, &ledger, filter, file.is_some() || args.form.for_excel);
    if let Some(failure) = failure {
        return Err(failure);
    }
    let lost = queries.created_without_credentials()?;
    if lost > 0 && filter.domain.is_none() && filter.run.is_none() {
        output.note(format_args!(
            "{} without a password here: reset that of admin@DOMAIN in Partner Center.",
            counted(lost, "created customer")
        ));
    }
    Ok(ExitCode::Done)
}

fn must_hold_a_password_of(
    domain: &str,
    queries: &Queries,
    ledger: &Path,
    output: &Output,
) -> Result<(), Failure> {
    let mut is_there = false;
    queries.each_password(PasswordFilter { domain: Some(domain), ..PasswordFilter::default() }, |_| {
        is_there = true;
        Ok::<_, Failure>(())
    })?;
    if is_there {
        return Ok(());
    }
    let message = format!("the ledger `{}` holds no password of `{domain}`", ledger.display());
    let show = next_command::of(output, &format!("show {}", quoted(domain)));
    Err(Failure::new(ExitCode::Failed, message)
        .with_hint(format!("`{show}` says whether it was created, and whether its password was lost")))
}

fn must_know_run(run: RunId, queries: &Queries, ledger: &Path, output: &Output) -> Result<(), Failure> {
    if queries.has_run(run)? {
        return Ok(());
    }
    let message = format!("the ledger `{}` has no run {run}", ledger.display());
    let status = next_command::status(output);
    Err(Failure::new(ExitCode::Failed, message).with_hint(format!("`{status}` lists the last runs")))
}

fn unrecorded(error: crate::ledger::Error) -> Failure {
    Failure::from(error).because("each opening of passwords is recorded in it first")
}

fn unwritten(error: TableError) -> Failure {
    Failure::from(error).within("could not write the passwords")
}

/// A script reads commas; a spreadsheet, what the lists have.
fn style(queries: &Queries, for_excel: bool) -> Result<Style, Failure> {
    let style = Style::of(None, for_excel);
    let delimiter = if for_excel { queries.delimiter_of(Filter::All)? } else { None };
    Ok(delimiter.map_or(style, |delimiter| style.with_delimiter(delimiter)))
}

fn columns() -> Vec<Column> {
    let ours = ["company_name", "domain", "customer_id", "user_name"]
        .map(|name| Column::new(name, Content::Tenantry));
    // Only the password is written byte for byte; see `formula`.
    ours.into_iter().chain([Column::new("password", Content::Exact)]).collect()
}

/// Passwords that are open, but not yet recorded or written.
type Batch = Vec<(SealedPassword, Zeroizing<Vec<u8>>)>;

/// Opens passwords while another thread hands out those before them: both take about as long.
fn open_all<W: Write + Send>(
    queries: &Queries,
    filter: PasswordFilter<'_>,
    mut opener: Opener,
    mut handout: Handout<W>,
) -> Result<Handout<W>, Failure> {
    thread::scope(|scope| {
        let (opened, batches) = mpsc::sync_channel::<Batch>(1);
        let hand_out = move || {
            batches.into_iter().try_for_each(|batch| handout.hand_out(batch))?;
            Ok::<_, Failure>(handout)
        };
        let handing_out = thread::Builder::new()
            .name("passwords".to_owned())
            .spawn_scoped(scope, hand_out)
            .map_err(|error| {
            let failure = Failure::of(ExitCode::Failed, &error).within("could not start a thread");
            failure.with_hint(Resource::Threads.hint())
        })?;
        let (mut batch, mut cannot_open) = (Batch::new(), BTreeMap::<CannotOpen, Domains>::new());
        let read = queries.each_password(filter, |sealed| {
            match opener.open(&sealed) {
                Ok(password) => batch.push((sealed, password)),
                // A password that does not open must not prevent opening the others.
                Err(why) => {
                    cannot_open.entry(why).or_default().add(escape_for_terminal(&sealed.domain).into_owned());
                }
            }
            if batch.len() < TOGETHER {
                return Ok(());
            }
            opened.send(std::mem::take(&mut batch)).map_err(|_| Stopped::HandingOut)
        });
        if read.is_ok() {
            // If it is not wanted any more, the other thread says why.
            drop(opened.send(batch));
        }
        drop(opened);
        let handout = handing_out.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (handout, read) {
            (Err(failure), _) | (Ok(_), Err(Stopped::Reading(failure))) => Err(failure),
            (Ok(mut handout), Ok(()) | Err(Stopped::HandingOut)) => {
                handout.result.cannot_open = cannot_open;
                Ok(handout)
            }
        }
    })
}

/// Why no more passwords are opened.
enum Stopped {
    Reading(Failure),
    HandingOut,
}

impl From<crate::ledger::Error> for Stopped {
    fn from(error: crate::ledger::Error) -> Self {
        Self::Reading(error.into())
    }
}

/// Records that passwords are opened, and writes them, in this order.
struct Handout<W: Write + Send> {
    opening: Opening,
    table: Table<W>,
    /// The output is no file that exists only when it is complete.
    is_read_at_once: bool,
    result: OpenedPasswords,
}

impl<W: Write + Send> Handout<W> {
    fn hand_out(&mut self, opened: Batch) -> Result<(), Failure> {
        self.opening.record(opened.iter().map(|(sealed, _)| sealed)).map_err(unrecorded)?;
        for (sealed, password) in opened {
            self.result.count += 1;
            self.result.like_formulas += u64::from(is_like_formula(&password));
            let row: [Cell<'_>; 5] = [
                sealed.company.as_deref().unwrap_or_default().into(),
                sealed.domain.as_str().into(),
                sealed.customer_id.as_str().into(),
                sealed.user_name.as_str().into(),
                password.as_slice().into(),
            ];
            self.table.row(row).map_err(unwritten)?;
            if let Some(kept) = sealed.kept {
                self.result.kept.push((sealed.domain, kept.asked_for));
            }
        }
        if self.is_read_at_once {
            self.table.flush().map_err(unwritten)?;
            self.opening.written().map_err(unrecorded)?;
        }
        Ok(())
    }
}

/// The result of opening passwords.
#[derive(Default)]
struct OpenedPasswords {
    count: u64,
    /// Of these: see [`is_like_formula`].
    like_formulas: u64,
    /// Domains whose password came with the answer to another row, each with the domain of that row.
    kept: Vec<(String, String)>,
    cannot_open: BTreeMap<CannotOpen, Domains>,
}

impl OpenedPasswords {
    /// Lists what did not open, and why. `unused`: a line of the identity file that is not used.
    fn failure(&self, identity: &Path, unused: Option<&NotIdentity>) -> Option<Failure> {
        let cannot_open: u64 = self.cannot_open.values().map(|domains| domains.count).sum();
        if cannot_open == 0 {
            return None;
        }
        let all = counted(self.count + cannot_open, "password");
        let cannot = Failure::new(ExitCode::Failed, format!("{cannot_open} of {all} cannot be opened"));
        let failure = self.cannot_open.iter().fold(cannot, |failure, (why, domains)| {
            failure.because(format!("{} ({domains})", describe(why, identity)))
        });
        let has_other_key = self.cannot_open.keys().any(|why| matches!(why, CannotOpen::OtherKey(_)));
        let unused = unused.filter(|_| has_other_key);
        let failure = unused.into_iter().fold(failure, |failure, unused| {
            failure.because(format!("not every line of `{}` is used: {unused}", identity.display()))
        });
        Some(failure.with_hint(if has_other_key {
            WITHOUT_KEY
        } else {
            "restore the ledger from a backup, or reset the password of admin@DOMAIN in Partner Center"
        }))
    }

    fn note(
        &self,
        output: &Output,
        file: Option<&Path>,
        ledger: &Path,
        filter: PasswordFilter<'_>,
        is_for_spreadsheet: bool,
    ) {
        let ledger = ledger.display();
        let which = if filter.unopened { "unopened passwords" } else { "passwords" };
        let of_domain = filter.domain.map(|domain| format!(" of `{domain}`")).unwrap_or_default();
        let of_run = filter.run.map(|run| format!(" of run {run}")).unwrap_or_default();
        let none = format!("The ledger `{ledger}` has no {which}{of_domain}{of_run}");
        match (file, self.count) {
            (None, 0) => output.note(format_args!("{none}.")),
            (Some(path), 0) => {
                output.note(format_args!("{none}: `{}` has only its header.", path.display()));
            }
            (Some(path), _) => output.note(format_args!(
                "{} written to `{}`. Pass on what is in it, then delete the file.",
                counted(self.count, "password"),
                path.display()
            )),
            (None, _) => {}
        }
        if self.like_formulas > 0 && is_for_spreadsheet {
            let begin = if self.like_formulas == 1 { "begins" } else { "begin" };
            output.note(format_args!(
                "{} {begin} with = + - or @, which Excel takes for a formula. Do not open the file with a double-click: in \
                 Excel, use Data > From Text/CSV and set the column `password` to Text.",
                counted(self.like_formulas, "password")
            ));
        }
        for (domain, asked_for) in &self.kept {
            let came = match (domain == asked_for, escape_for_terminal(domain)) {
                (true, domain) => {
                    format!("A password of `{domain}` came with an answer that belongs to another customer")
                }
                (false, domain) => {
                    format!("The password of `{domain}` came with the answer to `{asked_for}`")
                }
            };
            output.note(format_args!(
                "{came}: check that it signs in. `{}` lists that answer.",
                next_command::of(output, &format!("show {}", quoted(asked_for)))
            ));
        }
    }
}

/// Would a spreadsheet take the password for a formula? It gets no apostrophe, because that would change it.
fn is_like_formula(password: &[u8]) -> bool {
    matches!(password.first(), Some(b'=' | b'+' | b'-' | b'@'))
}

fn describe(why: &CannotOpen, identity: &Path) -> String {
    let file = identity.display();
    match why {
        CannotOpen::OtherKey(Some(recipient)) => {
            format!("sealed to another key than those of `{file}`: {recipient}")
        }
        CannotOpen::OtherKey(None) => format!("sealed to another key than those of `{file}`"),
        CannotOpen::Damaged => "damaged, or sealed by a newer version of this program".to_owned(),
        CannotOpen::NotItsOwn => "changed in the ledger, or the password of another row".to_owned(),
    }
}

/// A number of domains; the first are listed.
#[derive(Default)]
struct Domains {
    count: u64,
    first: Vec<String>,
}

impl Domains {
    fn add(&mut self, domain: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(domain);
        }
    }
}

impl fmt::Display for Domains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
