//! What has to hold after every life, judged from outside: the ledger through its documented views, beside what the
//! service has done and what it was sent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tenantry_simulator::{Acceptance, Creation, Operation};
use tokio::time::Instant;

use crate::disk;
use crate::service::Arrived;

/// A promise that was broken, in words.
pub(crate) type Broken = String;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) domain: Option<String>,
    pub(crate) state: String,
    customer_id: Option<String>,
    pub(crate) has_credentials: bool,
    agreement: Option<String>,
    is_acknowledged: bool,
    password_erased: bool,
    /// Its list was read to the end; until then a power cut may take it.
    list_is_read: bool,
}

impl Row {
    fn is_history(&self) -> bool {
        matches!(self.state.as_str(), "superseded" | "declined")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    id: i64,
    row: i64,
    operation: String,
    request_id: String,
    correlation_id: String,
    outcome: Option<String>,
}

impl Attempt {
    /// A create that may have been done, as far as this call tells.
    fn leaves_doubt(&self) -> bool {
        self.operation == "create"
            && matches!(self.outcome.as_deref(), None | Some("unknown" | "intercepted" | "interrupted"))
    }

    fn is_answered(&self, operation: &str) -> bool {
        self.operation == operation && self.outcome.as_deref() == Some("answered")
    }
}

/// A ledger at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) rows: Vec<Row>,
    attempts: Vec<Attempt>,
    read: i64,
    known: i64,
    duplicates: i64,
    agreements_refused: i64,
    agreements_open: i64,
    lists_unread: i64,
    last_exit_code: Option<i64>,
}

/// The last attempt of each row by which it was definitely refused, so that nothing of before is in doubt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(HashMap<i64, i64>);

impl Refused {
    pub(crate) fn note(&mut self, ledger: &Ledger) {
        let failed: HashSet<i64> =
            ledger.rows.iter().filter(|row| row.state == "failed").map(|row| row.id).collect();
        // In the order of their ids.
        self.0.extend(ledger.attempts.iter().filter(|it| failed.contains(&it.row)).map(|it| (it.row, it.id)));
    }
}

/// What the service has done, and what it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    pub(crate) creations: Vec<Creation>,
    pub(crate) acceptances: Vec<Acceptance>,
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) replays_passwords: bool,
}

impl Ledger {
    /// Reads a copy, so that neither the files nor their locks are touched, after `sabotage` in SQL has changed it. `None`:
    /// there is no ledger yet.
    pub(crate) fn read(path: &Path, copy: &Path, sabotage: &str) -> Result<Option<Ledger>, Broken> {
        for suffix in ["", "-wal", "-journal", "-shm"] {
            let beside = |path: &Path| {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                std::path::PathBuf::from(name)
            };
            drop(std::fs::remove_file(beside(copy)));
            if suffix != "-shm" && beside(path).exists() {
                std::fs::copy(beside(path), beside(copy)).expect("there is room");
            }
        }
        if std::fs::metadata(copy).map_or(0, |it| it.len()) == 0 {
            return Ok(None);
        }
        Self::read_copy(copy, sabotage).map_err(|error| format!("the ledger cannot be read: {error}"))
    }

    fn read_copy(copy: &Path, sabotage: &str) -> rusqlite::Result<Option<Ledger>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let ledger = Connection::open_with_flags_and_vfs(copy, flags, disk::REAL)?;
        let has_tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'http_attempts'";
        if ledger.query_row(has_tables, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(None);
        }
        ledger.execute_batch(sabotage)?;
        let mut rows = ledger.prepare(
            "SELECT row_id, c.domain, c.state, c.customer_id, has_credentials, agreement_state,
                    c.acknowledged_at IS NOT NULL, r.password_erased_at IS NOT NULL,
                    s.completed_at IS NOT NULL
               FROM customers c JOIN customer_rows r ON r.id = row_id JOIN sources s ON s.id = r.source_id
              ORDER BY row_id",
        )?;
        let rows = rows.query_map([], |row| {
            Ok(Row {
                id: row.get(0)?,
                domain: row.get(1)?,
                state: row.get(2)?,
                customer_id: row.get(3)?,
                has_credentials: row.get(4)?,
                agreement: row.get(5)?,
                is_acknowledged: row.get(6)?,
                password_erased: row.get(7)?,
                list_is_read: row.get(8)?,
            })
        })?;
        let rows = rows.collect::<Result<_, _>>()?;
        let mut attempts = ledger.prepare(
            "SELECT attempt_id, row_id, operation, request_id, correlation_id, outcome
               FROM attempts ORDER BY attempt_id",
        )?;
        let attempts = attempts.query_map([], |row| {
            Ok(Attempt {
                id: row.get(0)?,
                row: row.get(1)?,
                operation: row.get(2)?,
                request_id: row.get(3)?,
                correlation_id: row.get(4)?,
                outcome: row.get(5)?,
            })
        })?;
        let attempts = attempts.collect::<Result<_, _>>()?;
        let number = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Some(Ledger {
            rows,
            attempts,
            read: number("SELECT coalesce(sum(rows_read), 0) FROM sources")?,
            known: number("SELECT coalesce(sum(rows_known), 0) FROM sources")?,
            duplicates: number("SELECT coalesce(sum(duplicates), 0) FROM sources")?,
            agreements_refused: number(
                "SELECT count(*) FROM agreements WHERE replaced_by IS NULL AND acknowledged_at IS NULL
                    AND state IN ('failed', 'rejected')",
            )?,
            agreements_open: number(
                "SELECT count(*) FROM agreements a JOIN customer_rows r ON r.id = a.row_id
                  WHERE a.replaced_by IS NULL AND a.state IN ('pending', 'in_flight')
                    AND r.state IN ('created', 'existing')",
            )?,
            lists_unread: number(
                "SELECT count(*) FROM sources s WHERE completed_at IS NULL AND let_go_at IS NULL
                    AND EXISTS (SELECT 1 FROM customer_rows r WHERE r.source_id = s.id AND r.state = 'pending')",
            )?,
            // None if the program died before its first run had begun.
            last_exit_code: ledger
                .query_row("SELECT exit_code FROM runs ORDER BY run_id DESC LIMIT 1", [], |row| row.get(0))
                .optional()?
                .flatten(),
        }))
    }

    /// The rows that are not history, by domain.
    fn standing(&self) -> HashMap<&str, &Row> {
        let rows = self.rows.iter().filter(|row| !row.is_history());
        rows.filter_map(|row| Some((row.domain.as_deref()?, row))).collect()
    }

    fn count(&self, state: &str) -> usize {
        self.rows.iter().filter(|row| row.state == state && !row.is_acknowledged).count()
    }

    pub(crate) fn open(&self) -> usize {
        self.count("pending") + self.count("in_flight")
    }

    /// The exit code of a run that went to its end, as the contract gives it.
    pub(crate) fn settled_exit_code(&self) -> u8 {
        if self.open() > 0 || self.agreements_open > 0 {
            5
        } else if self.count("unresolved") > 0 {
            6
        } else if self.count("failed") + self.count("rejected") > 0 || self.agreements_refused > 0 {
            3
        } else {
            0
        }
    }
}

macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}

/// History only grows, and what is final stays as it is.
pub(crate) fn follows(before: &Ledger, now: &Ledger) -> Result<(), Broken> {
    let by_id: HashMap<i64, &Row> = now.rows.iter().map(|row| (row.id, row)).collect();
    for was in &before.rows {
        let Some(is) = by_id.get(&was.id) else {
            ensure!(!was.list_is_read, "a row is gone: {was:?}");
            continue;
        };
        // A row is refused again, or waits again, if its correction was discarded.
        let may_be_back = matches!(is.state.as_str(), "superseded" | "failed" | "rejected" | "pending");
        ensure!(was.state != "superseded" || may_be_back, "history was changed: {was:?}, {is:?}");
        if matches!(was.state.as_str(), "created" | "existing") {
            ensure!(is.state == was.state, "a final state has changed: {was:?}, {is:?}");
            ensure!(is.customer_id == was.customer_id, "another customer: {was:?}, {is:?}");
        }
        // What may have been sent does not become a row that was never sent but by a definite answer.
        let may_be_sent = matches!(was.state.as_str(), "in_flight" | "unresolved");
        let is_unsent = matches!(is.state.as_str(), "rejected" | "declined");
        ensure!(!(may_be_sent && is_unsent), "it may have been sent: {was:?}, {is:?}");
        ensure!(
            !was.has_credentials || is.has_credentials || is.password_erased,
            "a password is gone: {was:?}, {is:?}"
        );
        let is_recorded = was.agreement.as_deref() == Some("recorded");
        ensure!(!is_recorded || is.agreement == was.agreement, "an acceptance is gone: {was:?}, {is:?}");
    }
    let by_id: HashMap<i64, &Attempt> = now.attempts.iter().map(|attempt| (attempt.id, attempt)).collect();
    for was in &before.attempts {
        let Some(is) = by_id.get(&was.id) else { return Err(format!("an attempt is gone: {was:?}")) };
        let outcome_may_come = was.outcome.is_none();
        let is_same = Attempt { outcome: was.outcome.clone(), ..Attempt::clone(is) } == *was;
        ensure!(is_same, "an attempt was rewritten: {was:?}, {is:?}");
        ensure!(outcome_may_come || is.outcome == was.outcome, "a second outcome: {was:?}, {is:?}");
    }
    Ok(())
}

/// Ledger and service agree, as far as things have come. `knows_all`: the ledger was never put back to an earlier time, and
/// nobody else works for this partner.
pub(crate) fn agree(
    ledger: &Ledger,
    journal: &Journal,
    refused: &Refused,
    knows_all: bool,
) -> Result<(), Broken> {
    let mut creations: HashMap<String, &Creation> = HashMap::new();
    for creation in &journal.creations {
        let earlier = creations.insert(creation.domain.to_ascii_lowercase(), creation);
        ensure!(earlier.is_none(), "created twice: {creation:?}");
    }
    sums(ledger)?;
    created_rows_are_creations(ledger, &creations)?;
    all_that_was_sent_was_intended(ledger, journal)?;
    if knows_all {
        creations_are_recorded(ledger, &creations)?;
    }
    request_ids_are_kept(ledger, refused)?;
    no_password_is_lost(ledger, journal, &creations)?;
    if knows_all { acceptances_are_recorded(ledger, journal) } else { Ok(()) }
}

fn sums(ledger: &Ledger) -> Result<(), Broken> {
    let Ledger { read, known, duplicates, rows, .. } = ledger;
    let stored = i64::try_from(rows.len()).expect("few");
    ensure!(
        *read == stored + known + duplicates,
        "the counts do not add up: {read} read, {stored} stored, {known} known, {duplicates} equal"
    );
    Ok(())
}

fn created_rows_are_creations(ledger: &Ledger, creations: &HashMap<String, &Creation>) -> Result<(), Broken> {
    let mut standing = HashSet::new();
    for row in ledger.rows.iter().filter(|row| row.state == "created") {
        let domain = row.domain.clone().unwrap_or_default();
        // A send without an answer, and then a customer of ours: nobody can tell that it was there before.
        let may_be_older = domain.starts_with("ours") && !row.has_credentials;
        let Some(creation) = creations.get(&domain) else {
            ensure!(may_be_older, "never created: {row:?}");
            continue;
        };
        let customer_id = creation.customer_id.to_string();
        ensure!(
            row.customer_id.as_ref() == Some(&customer_id),
            "the service made it as customer {customer_id}: {row:?}"
        );
        ensure!(standing.insert(domain), "two rows say that they are it: {row:?}");
    }
    Ok(())
}

/// No request that has an effect left without a durable record of it.
fn all_that_was_sent_was_intended(ledger: &Ledger, journal: &Journal) -> Result<(), Broken> {
    let attempts: HashMap<&str, &Attempt> =
        ledger.attempts.iter().map(|attempt| (attempt.correlation_id.as_str(), attempt)).collect();
    for arrived in &journal.arrived {
        let Some(attempt) = attempts.get(arrived.correlation_id.as_str()) else {
            return Err(format!("sent without a record: {arrived:?}"));
        };
        let operation = match arrived.operation {
            Operation::Create => "create",
            _ => "record_agreement",
        };
        ensure!(
            attempt.request_id == arrived.request_id && attempt.operation == operation,
            "recorded otherwise: {arrived:?}, {attempt:?}"
        );
        ensure!(attempt.outcome.as_deref() != Some("not_sent"), "it was sent: {arrived:?}, {attempt:?}");
    }
    Ok(())
}

/// Every creation stands in the ledger as created or, while its answer is missing, as open.
fn creations_are_recorded(ledger: &Ledger, creations: &HashMap<String, &Creation>) -> Result<(), Broken> {
    let standing = ledger.standing();
    for (domain, creation) in creations {
        let Some(row) = standing.get(domain.as_str()) else {
            return Err(format!("unrecorded: {creation:?}"));
        };
        ensure!(
            matches!(row.state.as_str(), "created" | "in_flight" | "unresolved"),
            "it exists, and the ledger says otherwise: {row:?}, {creation:?}"
        );
    }
    Ok(())
}

/// Every create of a row goes under one request id until it is known what became of it. Another one may be drawn
/// after a definite answer, also one to a question, or when asking has twice said that the customer is not there.
fn request_ids_are_kept(ledger: &Ledger, refused: &Refused) -> Result<(), Broken> {
    let mut owner = HashMap::new();
    let mut correlation_ids = HashSet::new();
    let mut stories: BTreeMap<i64, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &ledger.attempts {
        ensure!(correlation_ids.insert(&attempt.correlation_id), "used twice: {attempt:?}");
        if attempt.operation == "create" {
            let row = *owner.entry(&attempt.request_id).or_insert(attempt.row);
            ensure!(row == attempt.row, "one request id for two rows: {attempt:?}");
        }
        if refused.0.get(&attempt.row).is_none_or(|last| attempt.id > *last) {
            stories.entry(attempt.row).or_default().push(attempt);
        }
    }
    for story in stories.values() {
        for index in 1..story.len() {
            if story[index].operation == "create" {
                a_new_id_was_earned(&story[..index], story[index])?;
            }
        }
    }
    Ok(())
}

fn a_new_id_was_earned(before: &[&Attempt], next: &Attempt) -> Result<(), Broken> {
    let Some(last) = before.iter().rfind(|it| it.operation == "create") else { return Ok(()) };
    if last.request_id == next.request_id {
        return Ok(());
    }
    let under_last = |it: &&&Attempt| it.operation == "create" && it.request_id == last.request_id;
    let Some(first_doubt) = before.iter().position(|it| under_last(&it) && it.leaves_doubt()) else {
        return Ok(());
    };
    let asked = |part: &[&Attempt]| {
        part.iter().any(|it| it.is_answered("find_customer"))
            && part.iter().any(|it| it.is_answered("check_domain"))
    };
    let last_send = before.iter().rposition(|it| under_last(&it)).expect("there was one");
    ensure!(asked(&before[last_send..]), "drawn while in doubt, unasked: {before:#?} then {next:?}");
    // A restored ledger asks before a send that is the first it knows of: there may have been one before.
    let is_first_known = !before[..first_doubt].iter().any(|it| it.operation == "create");
    let asked_from = if is_first_known { 0 } else { first_doubt };
    let is_asked_twice = !last.leaves_doubt() || asked(&before[asked_from..last_send]);
    ensure!(is_asked_twice, "asked once only: {before:#?} then {next:?}");
    Ok(())
}

/// A created row may be without a password in two cases only: no create of it was ever answered as created, so that asking
/// has settled it; or only a repeat was, and this service leaves the password out of those.
fn no_password_is_lost(
    ledger: &Ledger,
    journal: &Journal,
    creations: &HashMap<String, &Creation>,
) -> Result<(), Broken> {
    let lost = |row: &&Row| row.state == "created" && !row.has_credentials && !row.password_erased;
    let lost: HashMap<i64, &Row> = ledger.rows.iter().filter(lost).map(|row| (row.id, row)).collect();
    for attempt in &ledger.attempts {
        let Some(row) = lost.get(&attempt.row) else { continue };
        let made_by = row.domain.as_ref().and_then(|domain| creations.get(domain));
        let is_lost = attempt.operation == "create"
            && attempt.outcome.as_deref() == Some("created")
            && (journal.replays_passwords
                || made_by.is_some_and(|it| it.correlation_id.to_string() == attempt.correlation_id));
        ensure!(!is_lost, "its password was answered, and is lost: {row:?}, {attempt:?}");
    }
    Ok(())
}

/// Every acceptance that the service holds stands in the ledger, as recorded or while its answer is missing as in flight,
/// and the other way round.
fn acceptances_are_recorded(ledger: &Ledger, journal: &Journal) -> Result<(), Broken> {
    let mut domains = HashSet::new();
    let standing = ledger.standing();
    for acceptance in &journal.acceptances {
        let domain = acceptance.domain.to_ascii_lowercase();
        ensure!(domains.insert(domain.clone()), "accepted twice: {acceptance:?}");
        let state = standing.get(domain.as_str()).and_then(|row| row.agreement.as_deref());
        ensure!(matches!(state, Some("recorded" | "in_flight")), "{state:?} for {acceptance:?}");
    }
    for row in ledger.rows.iter().filter(|row| row.agreement.as_deref() == Some("recorded")) {
        let domain = row.domain.clone().unwrap_or_default();
        ensure!(domains.contains(&domain), "the service has no acceptance of {domain}");
    }
    Ok(())
}

/// What became of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lived {
    /// `None`: it was killed.
    pub(crate) exit_code: Option<u8>,
    pub(crate) disk_failed: bool,
    pub(crate) was_signalled: bool,
    /// The machine lost power, during this life or right after it.
    pub(crate) lost_power: bool,
    /// Sends what is open.
    pub(crate) submits: bool,
    /// Makes a ledger if there is none.
    pub(crate) imports: bool,
    /// An option, or the service, may have stopped it.
    pub(crate) may_stop: bool,
    pub(crate) is_dry: bool,
    /// What would create more is refused, and stays as it was.
    pub(crate) has_max_new: bool,
    /// How many rows it may begin.
    pub(crate) begins_at_most: Option<usize>,
    /// How many requests it may send, and in which time.
    pub(crate) rate: Option<(usize, Duration)>,
}

/// Without a ledger that can be read, nothing was sent and no list was read to its end. An import would have made a ledger,
/// and the other commands that send say that there is none. `why`: why it cannot be read.
pub(crate) fn may_be_without_ledger(
    before: &Ledger,
    journal: &Journal,
    lived: &Lived,
    why: &str,
) -> Result<(), Broken> {
    let Journal { arrived, .. } = journal;
    ensure!(arrived.is_empty(), "something was sent, and there is no ledger: {why}");
    follows(before, &Ledger::default()).map_err(|broken| format!("{broken}, and no ledger: {why}"))?;
    let Some(code) = lived.exit_code else { return Ok(()) };
    ensure!(code != 101, "it panicked");
    let is_right = match code {
        1 => lived.disk_failed || !lived.imports,
        130 => lived.was_signalled,
        _ => !lived.submits,
    };
    ensure!(is_right, "exit code {code}, and no ledger: {why}");
    Ok(())
}

/// A dry run leaves everything as it was.
pub(crate) fn is_unchanged(before: &Ledger, now: &Ledger) -> Result<(), Broken> {
    ensure!(before == now, "a dry run has changed the ledger: {before:#?}, {now:#?}");
    Ok(())
}

/// No more rows were begun than an option allows. Those that may have been sent before do not count.
pub(crate) fn no_more_were_begun(before: &Ledger, now: &Ledger, most: usize) -> Result<(), Broken> {
    let is_in_doubt = |row: &&Row| matches!(row.state.as_str(), "in_flight" | "unresolved");
    let in_doubt: HashSet<i64> = before.rows.iter().filter(is_in_doubt).map(|row| row.id).collect();
    let earlier: HashSet<&str> = before.attempts.iter().map(|it| it.correlation_id.as_str()).collect();
    let is_begun = |it: &&Attempt| {
        it.operation == "create"
            && !in_doubt.contains(&it.row)
            && !earlier.contains(it.correlation_id.as_str())
    };
    let begun: HashSet<i64> = now.attempts.iter().filter(is_begun).map(|it| it.row).collect();
    ensure!(begun.len() <= most, "{} rows were begun, and {most} were allowed", begun.len());
    Ok(())
}

/// No window holds more requests than the rate allows. `sent`: when each of a life was sent.
pub(crate) fn rate_is_kept(sent: &[Instant], requests: usize, window: Duration) -> Result<(), Broken> {
    for part in sent.windows(requests + 1) {
        let took = part[requests] - part[0];
        ensure!(took >= window, "{} requests within {took:?}, and {requests} were allowed", requests + 1);
    }
    Ok(())
}

/// The exit code is the one that the contract gives.
pub(crate) fn exit_code_is_right(ledger: &Ledger, lived: &Lived) -> Result<(), Broken> {
    let Some(code) = lived.exit_code else { return Ok(()) };
    if !lived.submits {
        ensure!(code != 101, "it panicked");
        return Ok(());
    }
    let settled = ledger.settled_exit_code();
    match code {
        0 | 3 | 6 => ensure!(code == settled, "exit code {code}, and the ledger says {settled}"),
        5 => ensure!(
            settled == 5 || ledger.lists_unread > 0 || lived.disk_failed || lived.has_max_new,
            "exit code 5, and nothing is open: the ledger says {settled}"
        ),
        130 => ensure!(lived.was_signalled, "interrupted without a signal"),
        4 => ensure!(lived.may_stop, "sign-in was refused for no reason"),
        1 => ensure!(lived.disk_failed, "exit code 1 without a reason"),
        other => return Err(format!("exit code {other}")),
    }
    if let (Some(recorded), false) = (ledger.last_exit_code, lived.disk_failed) {
        ensure!(recorded == i64::from(code), "exit code {code}, recorded as {recorded}");
    }
    Ok(())
}

/// What the program got in an answer, in a life that went to its end on a healthy disk, is recorded.
pub(crate) fn answers_are_recorded(ledger: &Ledger, answered: &[String]) -> Result<(), Broken> {
    let attempts: HashMap<&str, &Attempt> =
        ledger.attempts.iter().map(|attempt| (attempt.correlation_id.as_str(), attempt)).collect();
    let rows: HashMap<i64, &Row> = ledger.rows.iter().map(|row| (row.id, row)).collect();
    for correlation_id in answered {
        let Some(attempt) = attempts.get(correlation_id.as_str()) else {
            return Err(format!("answered, and not recorded: {correlation_id}"));
        };
        let Some(row) = rows.get(&attempt.row) else { return Err(format!("it has no row: {attempt:?}")) };
        ensure!(row.state == "created", "answered as created, and {row:?}: {attempt:?}");
    }
    Ok(())
}

/// The opened passwords are those that the service gave. `opened`: CSV as `credentials` prints it.
pub(crate) fn passwords_are_those_answered(
    ledger: &Ledger,
    journal: &Journal,
    opened: &[u8],
) -> Result<(), Broken> {
    let creations: HashMap<String, &Creation> =
        journal.creations.iter().map(|it| (it.domain.to_ascii_lowercase(), it)).collect();
    let mut found = HashSet::new();
    for record in csv::Reader::from_reader(opened).records() {
        let record = record.map_err(|error| error.to_string())?;
        let domain = record[1].to_owned();
        let Some(creation) = creations.get(&domain) else { continue };
        ensure!(record[2] == creation.customer_id.to_string(), "the password of {domain} for {}", &record[2]);
        ensure!(record[4] == creation.password, "not the password of {domain}");
        found.insert(domain);
    }
    for row in ledger.rows.iter().filter(|row| row.has_credentials) {
        let domain = row.domain.clone().unwrap_or_default();
        ensure!(found.contains(&domain), "its password does not open: {row:?}");
    }
    Ok(())
}
