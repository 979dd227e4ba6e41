//! Discards rows and acceptances that were never sent: they are not sent, unless their list brings them again.

use rusqlite::{Connection, Transaction};

use super::super::steps::{CurrentStep, STANDING, State, StepEvent, StepKind, take_all};
use super::super::stored::{collect, is_named, is_path, json, tried, value};
use super::super::{Ledger, Result, RowId};
use super::agreement;
use tenantry_model::problem::Rule;

/// How many rows are named before the operator agrees.
const NAMED: u32 = 3;

/// Which pending rows and acceptances to discard. Both conditions have to be met.
#[derive(Debug, Clone, Default)]
pub struct DiscardSelection {
    /// Of these domains, in full or by their prefix; all domains if empty.
    pub domains: Vec<String>,
    /// Of these lists: their paths as given, or only their names; all lists if empty.
    pub lists: Vec<String>,
}

/// The rows that are discarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscardReport {
    /// Rows that are declined.
    pub declined: u64,
    /// Rows that were refused before they were retried: they are refused again.
    pub refused_again: u64,
    /// Acceptances of the agreement.
    pub agreements: u64,
    /// Rows that match and stay pending, because they may have been sent.
    pub may_be_sent: u64,
    /// The first domains.
    pub domains: Vec<String>,
}

impl DiscardReport {
    /// Rows and acceptances that are discarded.
    pub fn discarded(&self) -> u64 {
        self.declined + self.refused_again + self.agreements
    }
}

impl Ledger {
    /// Discards the pending rows and acceptances of `selection`. `for_show`: leaves the ledger unchanged.
    pub async fn discard(&self, selection: DiscardSelection, for_show: bool) -> Result<DiscardReport> {
        self.write(move |tx| tried(tx, for_show, || discard(tx, &selection))).await
    }
}

/// A pending row whose create cannot have been done by any send. The lost ledger of a restored copy may have sent the
/// rows that are looked up first.
const NEVER_SENT: &str = "next_step = 'create' AND NOT unclear_before AND NOT success_unread";

/// Pending rows, each with whether it was never sent, and pending acceptances: both as queries of the domains `?1` and
/// the lists `?2`.
fn chosen() -> (String, String) {
    let matches = format!(
        "{} AND (?2 = '[]' OR EXISTS (SELECT 1 FROM json_each(?2) list WHERE {}))",
        is_named("r.domain", "r.id", "?1"),
        is_path("s.path", "list.value")
    );
    let rows = format!(
        "SELECT r.id, {NEVER_SENT} AS never_sent
           FROM customer_rows r JOIN sources s ON s.id = r.source_id WHERE r.state = 'pending' AND {matches}"
    );
    let agreements = format!(
        "SELECT a.id
           FROM (SELECT * FROM agreements WHERE state = 'pending' AND {STANDING}) a
           JOIN customer_rows r ON r.id = a.row_id JOIN sources s ON s.id = a.source_id WHERE {matches}"
    );
    (rows, agreements)
}

/// How many rows and acceptances would be discarded, and how many rows would stay because they may have been sent.
pub(in super::super) fn count(connection: &Connection, selection: &DiscardSelection) -> Result<(u64, u64)> {
    let (rows, agreements) = chosen();
    let chosen = (json(&selection.domains)?, json(&selection.lists)?);
    let sql = format!(
        "SELECT count(*) FILTER (WHERE never_sent) + (SELECT count(*) FROM ({agreements})),
                count(*) FILTER (WHERE NOT never_sent) FROM ({rows})"
    );
    Ok(connection.query_row(&sql, chosen, |row| row.try_into())?)
}

fn discard(tx: &Transaction<'_>, selection: &DiscardSelection) -> Result<DiscardReport> {
    tx.execute_batch(
        "CREATE TEMP TABLE chosen_rows (id INTEGER PRIMARY KEY, never_sent INTEGER NOT NULL);
         CREATE TEMP TABLE chosen_agreements (id INTEGER PRIMARY KEY)",
    )?;
    let (rows, agreements) = chosen();
    let chosen = (json(&selection.domains)?, json(&selection.lists)?);
    tx.execute(&format!("INSERT INTO temp.chosen_rows {rows}"), (&chosen.0, &chosen.1))?;
    tx.execute(&format!("INSERT INTO temp.chosen_agreements {agreements}"), (&chosen.0, &chosen.1))?;
    let may_be_sent = value(tx, "SELECT count(*) FROM temp.chosen_rows WHERE NOT never_sent", [])?;
    let sql = "SELECT r.domain FROM customer_rows r
                WHERE r.id IN (SELECT id FROM temp.chosen_rows WHERE never_sent)
                   OR r.id IN (SELECT row_id FROM agreements WHERE id IN (SELECT id FROM temp.chosen_agreements))
                ORDER BY r.id LIMIT ?1";
    let first = collect(tx, sql, [NAMED], |row| row.get(0))?;
    let (refused_again, declined) =
        withdraw_rows(tx, "id IN (SELECT id FROM temp.chosen_rows WHERE never_sent)")?;
    let agreements =
        agreement::withdraw(tx, "id IN (SELECT id FROM temp.chosen_agreements)", agreement::UNSENT)?;
    tx.execute_batch("DROP TABLE temp.chosen_rows; DROP TABLE temp.chosen_agreements")?;
    Ok(DiscardReport { declined, refused_again, agreements, may_be_sent, domains: first })
}

/// Discards what the files of `sources` (a query for their ids) brought and that was never sent: new rows become
/// declined, retried rows become refused again. Returns how many rows and how many acceptances were discarded.
pub(super) fn withdraw(tx: &Transaction<'_>, sources: &str) -> Result<(u64, u64)> {
    let of_sources = format!("source_id IN ({sources})");
    let (refused_again, declined) = withdraw_rows(tx, &of_sources)?;
    let agreements = agreement::withdraw(tx, &of_sources, agreement::UNSENT)?;
    Ok((refused_again + declined, agreements))
}

/// Returns how many rows are refused again, and how many are declined.
fn withdraw_rows(tx: &Transaction<'_>, which: &str) -> Result<(u64, u64)> {
    let refused_again = take_back_refused(tx, which)?;
    let unsent = format!("{NEVER_SENT} AND {which}");
    let sql = format!(
        "SELECT id FROM customer_rows
          WHERE state = 'superseded'
            AND replaced_by IN (SELECT id FROM customer_rows WHERE state = 'pending' AND {unsent})"
    );
    let corrected: Vec<RowId> = collect(tx, &sql, [], |row| row.get(0))?;
    let discarded = (StepKind::Create, State::Pending, StepEvent::Discarded);
    let declined = take_all(tx, discarded, "key_domain = NULL", &unsent, [])?;
    for row in corrected {
        take_back_corrected(tx, row)?;
    }
    Ok((refused_again, declined))
}

/// A row whose correction was discarded is refused again, or waits again for what is found out about it. One that had
/// never been sent stays replaced: its list has other values now.
fn take_back_corrected(tx: &Transaction<'_>, row: RowId) -> Result<()> {
    let sql =
        format!("SELECT error_code, request_id IS NOT NULL, {NEVER_SENT} FROM customer_rows WHERE id = ?1");
    let (code, was_valid, never_sent): (Option<String>, bool, bool) =
        tx.prepare_cached(&sql)?.query_row([row], |found| found.try_into())?;
    let event = match code.as_deref() {
        Some(code) if was_valid && code != Rule::MixedResellers.name() => StepEvent::TakenBack,
        Some(_) => StepEvent::Rejected,
        None if never_sent => return Ok(()),
        None => StepEvent::TakenUp,
    };
    // A row that repeats the domain of another one has no key; and by now another row may have this one's.
    let facts = format!(
        "replaced_by = NULL,
         key_domain = iif(error_code IS '{}' OR domain IN (SELECT key_domain FROM customer_rows), NULL, domain)",
        Rule::DuplicateDomain.name()
    );
    CurrentStep::of(tx, StepKind::Create, row)?.take(tx, event, &facts, &[])
}

/// Rows that were refused before they were retried become refused again.
pub(super) fn take_back_refused(tx: &Transaction<'_>, which: &str) -> Result<u64> {
    let condition = format!("next_step = 'create' AND error_code IS NOT NULL AND {which}");
    take_all(tx, (StepKind::Create, State::Pending, StepEvent::TakenBack), "", &condition, [])
}
