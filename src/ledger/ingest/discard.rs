//! Discards rows and acceptances that were never sent: they are not sent, unless their list brings them again.

use rusqlite::{Connection, Transaction};

use super::super::steps::{CurrentStep, STANDING, State, StepEvent, StepKind, take_all};
use super::super::stored::{collect, is_list_named, is_named, is_same_list, json, tried, value};
use super::super::{Ledger, Result, RowId};
use super::agreement;
use tenantry_model::files;
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

/// The condition on a pending row `row` that a send of its own may have created its customer. What it corrects may have
/// been sent too (`unclear_before`), but not with its values.
pub(super) fn is_unclear(row: &str) -> String {
    format!(
        "({row}.success_unread OR ({row}.unclear_before AND EXISTS (
            SELECT 1 FROM http_attempts h WHERE h.row_id = {row}.id AND h.operation = 'create')))"
    )
}

/// The condition on a pending row `row` whose create cannot have been done by any send. The lost ledger of a restored
/// copy may have sent the rows that are looked up first.
pub(super) fn never_sent(row: &str) -> String {
    format!("{row}.next_step = 'create' AND NOT {}", is_unclear(row))
}

/// Pending rows, each with whether it was never sent, and pending acceptances: both as queries of the domains `?1` and
/// the lists `?2`.
fn chosen() -> (String, String) {
    let domains = is_named("r.domain", "r.id", "?1");
    // Found once, because there may be many rows and many readings.
    let lists = |by: &str| {
        let is_it = is_list_named("s", "(list.value ->> 'name')", "(list.value ->> 'full')");
        format!(
            "(?2 = '[]' OR {by}.source_id IN (SELECT s.id FROM sources s, json_each(?2) list WHERE {is_it}))"
        )
    };
    let rows = format!(
        "SELECT r.id, {} AS never_sent FROM customer_rows r WHERE r.state = 'pending' AND {domains} AND {}",
        never_sent("r"),
        lists("r")
    );
    let agreements = format!(
        "SELECT a.id
           FROM (SELECT * FROM agreements WHERE state = 'pending' AND {STANDING}) a
           JOIN customer_rows r ON r.id = a.row_id WHERE {domains} AND {}",
        lists("a")
    );
    (rows, agreements)
}

/// The lists with their absolute paths.
fn named(lists: &[String]) -> serde_json::Value {
    lists
        .iter()
        .map(|name| serde_json::json!({ "name": name, "full": files::list_full_path(name) }))
        .collect()
}

/// How many rows and acceptances would be discarded, and how many rows would stay because they may have been sent.
pub(in super::super) fn count(connection: &Connection, selection: &DiscardSelection) -> Result<(u64, u64)> {
    let (rows, agreements) = chosen();
    let chosen = (json(&selection.domains)?, json(&named(&selection.lists))?);
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
    let chosen = (json(&selection.domains)?, json(&named(&selection.lists))?);
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
    let unsent = format!("{} AND {which}", never_sent("customer_rows"));
    Ok((refused_again, decline(tx, State::Pending, &unsent)?))
}

/// Declines the rows in this state that match `which`. What they have corrected counts again. Returns how many.
pub(super) fn decline(tx: &Transaction<'_>, state: State, which: &str) -> Result<u64> {
    let sql = format!(
        "SELECT id, coalesce((SELECT k.id FROM customer_rows k WHERE k.key_domain = customer_rows.domain), replaced_by)
           FROM customer_rows
          WHERE state = 'superseded'
            AND (replaced_by IN (SELECT id FROM customer_rows WHERE state = '{state}' AND {which})
                 OR (replaced_by IN (SELECT id FROM customer_rows WHERE state = 'declined')
                     AND domain IN (SELECT key_domain FROM customer_rows WHERE state = '{state}' AND {which})))"
    );
    let corrected = collect(tx, &sql, [], |row| row.try_into())?;
    let discarded = (StepKind::Create, state, StepEvent::Discarded);
    let declined = take_all(tx, discarded, "key_domain = NULL", which)?;
    take_back_corrected(tx, corrected)?;
    Ok(declined)
}

/// Rows whose correction was discarded are refused again, or wait again: for what is found out about them, or to be sent,
/// if a list other than that of the correction still contains them. Otherwise one that had never been sent stays
/// replaced, because its list has other values now; what that one had corrected counts again.
///
/// `corrected`: each row with the one that was discarded and had its domain, or had replaced it.
fn take_back_corrected(tx: &Transaction<'_>, mut corrected: Vec<(RowId, RowId)>) -> Result<()> {
    // The lists that contain the row were noted beside the one that had its domain.
    let lists = |by: &str| {
        format!(
            "(SELECT by.also_in FROM customer_rows by WHERE by.id = {by} AND by.domain = customer_rows.domain)"
        )
    };
    let is_listed = format!(
        "customer IS NOT NULL AND EXISTS (
            SELECT 1 FROM json_each({}) met JOIN sources s ON s.id = met.value
              JOIN sources own ON own.id = customer_rows.source_id
             WHERE s.completed_at IS NOT NULL
               AND ({} OR s.id IN (SELECT value FROM json_each(customer_rows.also_in))))",
        lists("?2"),
        is_same_list("s", "own")
    );
    while let Some((row, by)) = corrected.pop() {
        let sql = format!(
            "SELECT error_code, request_id IS NOT NULL, customer IS NOT NULL AND NOT ({}),
                    EXISTS (SELECT 1 FROM customer_rows k WHERE k.key_domain = customer_rows.domain),
                    {is_listed}
               FROM customer_rows WHERE id = ?1",
            never_sent("customer_rows")
        );
        type Facts = (Option<String>, bool, bool, bool, bool);
        let (code, was_valid, may_be_sent, is_domain_taken, is_listed): Facts =
            tx.prepare_cached(&sql)?.query_row((row, by), |found| found.try_into())?;
        let is_rule = |rule: Rule| code.as_deref() == Some(rule.name());
        let event = match code {
            Some(_) if was_valid && !is_rule(Rule::MixedResellers) => StepEvent::TakenBack,
            Some(_) => StepEvent::Rejected,
            None if may_be_sent || is_listed => StepEvent::TakenUp,
            None => {
                let behind = "SELECT id FROM customer_rows WHERE state = 'superseded' AND replaced_by = ?1";
                let behind: Vec<RowId> = collect(tx, behind, [row], |found| found.get(0))?;
                corrected.extend(behind.into_iter().map(|behind| (behind, by)));
                continue;
            }
        };
        // A row that repeated the domain of another one had no key. Where another row has the domain now, it stays replaced
        // by its correction: that other row may be of another company.
        let had_key = !is_rule(Rule::DuplicateDomain);
        if !(had_key && is_domain_taken) {
            let key = if had_key { "domain" } else { "NULL" };
            let lists = lists(&by.to_string());
            let facts = format!("replaced_by = NULL, key_domain = {key}, also_in = {lists}");
            CurrentStep::of(tx, StepKind::Create, row)?.take(tx, event, &facts, &[])?;
        }
    }
    Ok(())
}

/// Rows that were refused before they were retried become refused again.
pub(super) fn take_back_refused(tx: &Transaction<'_>, which: &str) -> Result<u64> {
    let condition = format!("next_step = 'create' AND error_code IS NOT NULL AND {which}");
    take_all(tx, (StepKind::Create, State::Pending, StepEvent::TakenBack), "", &condition)
}
