//! What must hold of one life of the program: what the ledger was before it, and what it is after it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::{Attempt, Broken, Journal, Ledger, Row, ensure};

/// What became of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lived<'a> {
    /// The word after the program's name.
    pub command: &'a str,
    /// It only shows what it would do.
    pub is_dry: bool,
    /// `None`: it was killed.
    pub exit_code: Option<u8>,
    pub disk_failed: bool,
    pub was_signalled: bool,
    /// The machine lost power, during this life or right after it.
    pub lost_power: bool,
    /// The service may have refused its sign-in.
    pub may_be_refused: bool,
    /// What would create more is refused, and stays as it was.
    pub has_max_new: bool,
    /// The ledger was put back to an earlier time, in this life or before.
    pub is_restored: bool,
}

impl Lived<'_> {
    /// Sends what is open.
    pub fn submits(&self) -> bool {
        !self.is_dry && matches!(self.command, "import" | "resume" | "retry")
    }
}

/// History only grows, and what is final stays as it is.
pub fn follows(before: &Ledger, now: &Ledger) -> Result<(), Broken> {
    let by_id: HashMap<i64, &Row> = now.rows.iter().map(|row| (row.id, row)).collect();
    for was in &before.rows {
        let Some(is) = by_id.get(&was.id) else {
            ensure!(!was.list_is_read, "a row is gone: {was:?}");
            continue;
        };
        if was.is_customer() {
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
    let customers: HashSet<i64> =
        before.rows.iter().filter(|row| row.is_customer()).map(|row| row.id).collect();
    let newest = before.attempts.last().map_or(0, |attempt| attempt.id);
    for attempt in now.attempts.iter().filter(|it| it.id > newest && it.operation == "create") {
        ensure!(!customers.contains(&attempt.row), "it was a customer, and was sent again: {attempt:?}");
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

/// Without a ledger that can be read, nothing was sent and no list was read to its end. An import would have made a ledger,
/// and the other commands that send report that it is missing. `why`: why it cannot be read.
pub fn may_be_without_ledger(
    before: &Ledger,
    journal: &Journal,
    lived: &Lived<'_>,
    why: &str,
) -> Result<(), Broken> {
    let Journal { arrived, .. } = journal;
    ensure!(arrived.is_empty(), "something was sent, and there is no ledger: {why}");
    follows(before, &Ledger::default()).map_err(|broken| format!("{broken}, and no ledger: {why}"))?;
    let Some(code) = lived.exit_code else { return Ok(()) };
    ensure!(code != 101, "it panicked");
    let is_right = match code {
        1 => lived.disk_failed || lived.command != "import",
        130 => lived.was_signalled,
        _ => !lived.submits(),
    };
    ensure!(is_right, "exit code {code}, and no ledger: {why}");
    Ok(())
}

/// A dry run leaves everything as it was.
pub fn is_unchanged(before: &Ledger, now: &Ledger) -> Result<(), Broken> {
    ensure!(before == now, "a dry run has changed the ledger: {before:#?}, {now:#?}");
    Ok(())
}

/// No more rows were begun than an option allows. Those that may have been sent before do not count.
pub fn no_more_were_begun(before: &Ledger, now: &Ledger, most: usize) -> Result<(), Broken> {
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
pub fn rate_is_kept(sent: &[Duration], requests: usize, window: Duration) -> Result<(), Broken> {
    for part in sent.windows(requests + 1) {
        let took = part[requests] - part[0];
        ensure!(took >= window, "{} requests within {took:?}, and {requests} were allowed", requests + 1);
    }
    Ok(())
}

/// The exit code is the one that the contract gives.
pub fn exit_code_is_right(ledger: &Ledger, lived: &Lived<'_>) -> Result<(), Broken> {
    let Some(code) = lived.exit_code else { return Ok(()) };
    ensure!(code != 101, "it panicked");
    if !lived.submits() && lived.command != "reconcile" {
        return Ok(());
    }
    let settled = ledger.settled_exit_code();
    // Without sign-in it has asked about none of them.
    let leaves_unresolved =
        lived.command == "reconcile" && ledger.rows.iter().any(|row| row.state == "unresolved");
    match code {
        0 | 3 | 6 => ensure!(code == settled, "exit code {code}, and the ledger says {settled}"),
        5 => ensure!(
            settled == 5 || lived.disk_failed || lived.has_max_new || leaves_unresolved,
            "exit code 5, and nothing is open: the ledger says {settled}"
        ),
        130 => ensure!(lived.was_signalled, "interrupted without a signal"),
        4 => ensure!(lived.may_be_refused, "sign-in was refused for no reason"),
        1 => ensure!(lived.disk_failed || !lived.submits(), "exit code 1 without a reason"),
        // What nothing is known of yet.
        2 if !lived.submits() => {}
        other => return Err(format!("exit code {other}")),
    }
    if lived.submits() && !lived.disk_failed && !lived.lost_power {
        let recorded = ledger.last_exit_code;
        ensure!(recorded == Some(i64::from(code)), "exit code {code}, recorded as {recorded:?}");
    }
    Ok(())
}

/// Rows change their states only as this command may change them. `before`: right before this life.
pub fn states_change_as_allowed(before: &Ledger, now: &Ledger, lived: &Lived<'_>) -> Result<(), Broken> {
    let old: HashMap<i64, &Row> = before.rows.iter().map(|row| (row.id, row)).collect();
    for is in &now.rows {
        match old.get(&is.id) {
            Some(was) => {
                let to = is.state.as_str();
                ensure!(may_become(lived, was, to), "`{}` has made it {to}: {was:?}, {is:?}", lived.command);
                acknowledgement_is_kept(was, is, lived)?;
            }
            None => {
                let may_come = matches!(lived.command, "import" | "retry");
                ensure!(may_come && !is.is_acknowledged, "`{}` has made a row: {is:?}", lived.command);
            }
        }
    }
    Ok(())
}

/// The states that a row can have after a command. A run can do several steps with it.
fn may_become(lived: &Lived<'_>, was: &Row, to: &str) -> bool {
    let from = was.state.as_str();
    let is_sent = matches!(to, "pending" | "in_flight" | "created" | "existing" | "failed" | "unresolved");
    let is_asked = matches!(to, "in_flight" | "created" | "existing" | "failed" | "unresolved");
    from == to
        || match (lived.command, from) {
            ("import" | "retry" | "resume", "in_flight") => is_sent,
            // What an import has found that its list no longer contains.
            ("retry" | "resume", "pending") => is_sent || to == "declined" && was.is_gone,
            ("import", "pending") => is_sent || matches!(to, "superseded" | "declined" | "rejected"),
            ("import" | "retry", "failed") => is_sent || to == "superseded",
            ("import", "declined") => is_sent || to == "superseded",
            ("import", "rejected") => matches!(to, "superseded" | "declined"),
            ("retry", "rejected") | ("resume", "failed" | "rejected") => to == "superseded",
            // Its correction is not to be sent.
            ("import" | "discard", "superseded") => matches!(to, "failed" | "rejected" | "pending"),
            ("discard", "pending") => matches!(to, "declined" | "failed"),
            ("reconcile", "in_flight" | "unresolved") => is_asked,
            ("reconcile", "pending") => lived.is_restored && is_asked,
            _ => false,
        }
}

/// Only `acknowledge` acknowledges, and what changes is not acknowledged any more.
fn acknowledgement_is_kept(was: &Row, is: &Row, lived: &Lived<'_>) -> Result<(), Broken> {
    let is_new = is.is_acknowledged && !was.is_acknowledged;
    ensure!(!is_new || lived.command == "acknowledge", "`{}` has acknowledged it: {is:?}", lived.command);
    let is_same = is.state == was.state && is.error_code == was.error_code;
    ensure!(!is.is_acknowledged || !was.is_acknowledged || is_same, "still acknowledged: {was:?}, {is:?}");
    Ok(())
}

/// What the program got in an answer, in a life that went to its end on a healthy disk, is recorded, with its password.
/// `answered`: the correlation ids of creates that were answered as created.
pub fn answers_are_recorded(ledger: &Ledger, journal: &Journal, answered: &[String]) -> Result<(), Broken> {
    let attempts = ledger.attempts_by_correlation();
    let rows: HashMap<i64, &Row> = ledger.rows.iter().map(|row| (row.id, row)).collect();
    for correlation_id in answered {
        let Some(attempt) = attempts.get(correlation_id.as_str()) else {
            return Err(format!("answered, and not recorded: {correlation_id}"));
        };
        let Some(row) = rows.get(&attempt.row) else { return Err(format!("it has no row: {attempt:?}")) };
        ensure!(row.state == "created", "answered as created, and {row:?}: {attempt:?}");
        let has_made_it =
            || journal.creations.iter().any(|it| it.correlation_id.to_string() == *correlation_id);
        ensure!(
            row.has_credentials || row.password_erased || !(journal.replays_passwords || has_made_it()),
            "its password was answered, and is not there: {row:?}, {attempt:?}"
        );
    }
    Ok(())
}
