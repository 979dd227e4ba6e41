//! What must hold of one life of the program: what the ledger was before it, and what it is after it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::{Attempt, Broken, Journal, Ledger, Row, ensure};

/// What became of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lived {
    /// `None`: it was killed.
    pub exit_code: Option<u8>,
    pub disk_failed: bool,
    pub was_signalled: bool,
    /// The machine lost power, during this life or right after it.
    pub lost_power: bool,
    /// Sends what is open.
    pub submits: bool,
    /// Makes a ledger if there is none.
    pub imports: bool,
    /// An option, or the service, may have stopped it.
    pub may_stop: bool,
    pub is_dry: bool,
    /// What would create more is refused, and stays as it was.
    pub has_max_new: bool,
    /// How many rows it may begin.
    pub begins_at_most: Option<usize>,
    /// How many requests it may send, and in which time.
    pub rate: Option<(usize, Duration)>,
}

/// History only grows, and what is final stays as it is.
pub fn follows(before: &Ledger, now: &Ledger) -> Result<(), Broken> {
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

/// Without a ledger that can be read, nothing was sent and no list was read to its end. An import would have made a ledger,
/// and the other commands that send say that there is none. `why`: why it cannot be read.
pub fn may_be_without_ledger(
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
pub fn exit_code_is_right(ledger: &Ledger, lived: &Lived) -> Result<(), Broken> {
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
pub fn answers_are_recorded(ledger: &Ledger, answered: &[String]) -> Result<(), Broken> {
    let attempts = ledger.attempts_by_correlation();
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
