//! What must hold between a ledger and its service at any time.

use std::collections::{BTreeMap, HashMap, HashSet};

use tenantry_simulator::{Creation, Operation};

use crate::{Attempt, Broken, Journal, Ledger, Row, ensure};

/// The last attempt of each row by which it was definitely refused, so that nothing of before is in doubt.
#[derive(Debug, Clone, Default)]
pub struct Refused(HashMap<i64, i64>);

impl Refused {
    pub fn note(&mut self, ledger: &Ledger) {
        let failed: HashSet<i64> =
            ledger.rows.iter().filter(|row| row.state == "failed").map(|row| row.id).collect();
        // In the order of their ids.
        self.0.extend(ledger.attempts.iter().filter(|it| failed.contains(&it.row)).map(|it| (it.row, it.id)));
    }
}

/// Ledger and service agree, as far as things have come. `knows_all`: the ledger was never put back to an earlier time, and
/// no other ledger creates customers for this partner.
pub fn agree(ledger: &Ledger, journal: &Journal, refused: &Refused, knows_all: bool) -> Result<(), Broken> {
    let mut creations: HashMap<String, &Creation> = HashMap::new();
    for creation in &journal.creations {
        let earlier = creations.insert(creation.domain.to_ascii_lowercase(), creation);
        ensure!(earlier.is_none(), "created twice: {creation:?}");
    }
    sums(ledger)?;
    customers_are_those_of_the_service(ledger, &creations, knows_all)?;
    unsent_and_refused_rows_are_what_they_say(ledger)?;
    ensure!(ledger.sent_by_others == 0, "a command has sent something that sends nothing");
    ensure!(ledger.agreements_missing == 0, "an acceptance has no step: {}", ledger.agreements_missing);
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

/// Every customer of the ledger is one of the service, and of one row.
fn customers_are_those_of_the_service(
    ledger: &Ledger,
    creations: &HashMap<String, &Creation>,
    knows_all: bool,
) -> Result<(), Broken> {
    let in_doubt: HashSet<i64> =
        ledger.attempts.iter().filter(|it| it.leaves_doubt()).map(|it| it.row).collect();
    let doubted: HashSet<&str> = (ledger.rows.iter().filter(|row| in_doubt.contains(&row.id)))
        .filter_map(|row| row.domain.as_deref())
        .collect();
    let (mut domains, mut ids) = (HashSet::new(), HashSet::new());
    for row in ledger.rows.iter().filter(|row| row.is_customer()) {
        let domain = row.domain.as_deref().unwrap_or_default();
        ensure!(domains.insert(domain), "two rows say that they are it: {row:?}");
        let id = row.customer_id.as_ref().map(|id| id.to_ascii_lowercase());
        ensure!(ids.insert(id), "another row has its customer id: {row:?}");
        // The simulator's name for what was a customer before anything was sent.
        let was_before = domain.starts_with("ours");
        let creation = creations.get(domain);
        if let Some(Creation { customer_id, .. }) = creation {
            ensure!(
                row.customer_id.as_ref() == Some(&customer_id.to_string()),
                "the service made it as customer {customer_id}: {row:?}"
            );
        }
        if row.state == "existing" {
            ensure!(was_before || creation.is_some(), "never a customer: {row:?}");
            ensure!(!row.has_credentials, "a customer that existed before has a password: {row:?}");
            continue;
        }
        let Some(creation) = creation else {
            // After a send without an answer, an older customer looks like one that the send has created.
            let may_be_older = was_before && !row.has_credentials && (!knows_all || doubted.contains(domain));
            ensure!(may_be_older, "never created: {row:?}");
            continue;
        };
        let commerce_id = creation.commerce_id.to_string();
        ensure!(
            row.commerce_id.as_ref().is_none_or(|its| *its == commerce_id),
            "its commerce id is {commerce_id}: {row:?}"
        );
    }
    Ok(())
}

/// A failed row was refused, and a declined one was neither refused nor may it have been created.
fn unsent_and_refused_rows_are_what_they_say(ledger: &Ledger) -> Result<(), Broken> {
    let stories = ledger.stories();
    let of = |row: &Row| stories.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    for row in &ledger.rows {
        let is_refused = of(row).iter().any(|it| it.is_refused());
        match row.state.as_str() {
            // Another one has the domain: lookups alone can show that.
            "failed" if row.error_code.as_deref() != Some("domain_taken") => {
                ensure!(is_refused, "failed, and never refused: {row:?}");
            }
            "declined" => {
                let is_done =
                    of(row).iter().any(|it| it.leaves_doubt() || it.outcome.as_deref() == Some("created"));
                ensure!(!is_refused && !is_done, "declined, and it was sent: {row:?}, {:#?}", of(row));
            }
            "superseded" => {
                ensure!(row.replaced_by.is_some(), "superseded by nothing: {row:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// No request that has an effect left without a durable record of it.
fn all_that_was_sent_was_intended(ledger: &Ledger, journal: &Journal) -> Result<(), Broken> {
    let (attempts, mut seen) = (ledger.attempts_by_correlation(), HashSet::new());
    for arrived in &journal.arrived {
        ensure!(seen.insert(&arrived.correlation_id), "one correlation id for two calls: {arrived:?}");
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

/// Every creation stands in the ledger as created or, while its answer is missing, as open; and the call that made it was
/// written down before.
fn creations_are_recorded(ledger: &Ledger, creations: &HashMap<String, &Creation>) -> Result<(), Broken> {
    let (standing, attempts) = (ledger.standing(), ledger.attempts_by_correlation());
    for (domain, creation) in creations {
        let Some(row) = standing.get(domain.as_str()) else {
            return Err(format!("unrecorded: {creation:?}"));
        };
        ensure!(
            matches!(row.state.as_str(), "created" | "in_flight" | "unresolved"),
            "it exists, and the ledger says otherwise: {row:?}, {creation:?}"
        );
        let Some(attempt) = attempts.get(creation.correlation_id.to_string().as_str()) else {
            return Err(format!("no attempt stands for {creation:?}"));
        };
        ensure!(
            attempt.row == row.id && attempt.request_id == creation.request_id.to_string(),
            "another row has made it: {creation:?}, {attempt:?}, {row:?}"
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
    // A restored ledger asks before a send that is the first it knows of, but for those that did nothing: there may have
    // been one before.
    let is_first_known =
        before[..first_doubt].iter().all(|it| it.operation != "create" || it.request_id == last.request_id);
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
/// and the other way round; each was written down before, and none is there twice.
fn acceptances_are_recorded(ledger: &Ledger, journal: &Journal) -> Result<(), Broken> {
    let mut domains = HashSet::new();
    let (standing, attempts) = (ledger.standing(), ledger.attempts_by_correlation());
    for acceptance in &journal.acceptances {
        let domain = acceptance.domain.to_ascii_lowercase();
        ensure!(domains.insert(domain.clone()), "accepted twice: {acceptance:?}");
        let state = standing.get(domain.as_str()).and_then(|row| row.agreement.as_deref());
        ensure!(matches!(state, Some("recorded" | "in_flight")), "{state:?} for {acceptance:?}");
        let correlation_id = acceptance.correlation_id.unwrap_or_default().to_string();
        let made_by = attempts.get(correlation_id.as_str()).map(|attempt| &attempt.request_id);
        ensure!(
            made_by == acceptance.request_id.map(|id| id.to_string()).as_ref(),
            "no attempt stands for {acceptance:?}"
        );
    }
    for row in ledger.rows.iter().filter(|row| row.agreement.as_deref() == Some("recorded")) {
        let domain = row.domain.clone().unwrap_or_default();
        ensure!(domains.contains(&domain), "the service has no acceptance of {domain}");
    }
    Ok(())
}

/// Every row and every agreement has its outcome.
pub fn all_is_settled(ledger: &Ledger) -> Result<(), Broken> {
    let is_open =
        |row: &&Row| row.is_open() || matches!(row.agreement.as_deref(), Some("pending" | "in_flight"));
    let open: Vec<&Row> = ledger.rows.iter().filter(is_open).collect();
    ensure!(open.is_empty(), "left open: {open:#?}");
    Ok(())
}

/// No password was given up before one more send had asked for it, after asking had found the customer. Holds while request
/// ids are younger than the idempotency window, of a service that replays passwords.
pub fn passwords_were_asked_for(ledger: &Ledger) -> Result<(), Broken> {
    for row in ledger.rows.iter().filter(|row| row.state == "created" && !row.has_credentials) {
        let story: Vec<&Attempt> = ledger.attempts.iter().filter(|it| it.row == row.id).collect();
        let Some(found) = story.iter().rposition(|it| it.is_answered("find_customer")) else {
            return Err(format!("given up unasked: {row:?}"));
        };
        let is_asked_for = story[found..].iter().any(|it| it.operation == "create");
        ensure!(is_asked_for, "given up without one more send: {row:?}, {story:#?}");
    }
    Ok(())
}

/// The opened passwords are those that the service gave. `opened`: CSV as `credentials` prints it. Passwords
/// from answers to other rows are among them, also for domains that the ledger does not have.
pub fn passwords_are_those_answered(ledger: &Ledger, journal: &Journal, opened: &[u8]) -> Result<(), Broken> {
    let creations: HashMap<String, &Creation> =
        journal.creations.iter().map(|it| (it.domain.to_ascii_lowercase(), it)).collect();
    let own = ledger.rows.iter().filter(|row| row.has_credentials);
    let mut missing: HashMap<&str, &Row> =
        own.map(|row| (row.domain.as_deref().unwrap_or_default(), row)).collect();
    for record in csv::Reader::from_reader(opened).records() {
        let record = record.map_err(|error| error.to_string())?;
        let domain = &record[1];
        let is_own = missing.remove(domain).is_some();
        let Some(creation) = creations.get(domain) else {
            ensure!(!is_own, "a password of {domain}, which was never created");
            continue;
        };
        ensure!(record[2] == creation.customer_id.to_string(), "the password of {domain} for {}", &record[2]);
        ensure!(
            record[3] == format!("{}@{domain}", creation.user_name),
            "the password of {domain} for {}",
            &record[3]
        );
        ensure!(record[4] == creation.password, "not the password of {domain}");
    }
    ensure!(missing.is_empty(), "its password does not open: {:?}", missing.values());
    for row in ledger.rows.iter().filter(|row| row.has_credentials) {
        ensure!(row.state == "created", "a password of what is not created: {row:?}");
    }
    Ok(())
}
