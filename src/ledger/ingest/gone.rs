//! Rows that a list no longer contains, found when the list was read to its end.
//!
//! Rows that are settled are not looked for: there are many, and nothing follows from it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use rusqlite::Transaction;

use super::super::steps::{CurrentStep, State, StepEvent, StepKind};
use super::super::stored::{collect, each, field_of, from_json, is_no_retry, json, update, value};
use super::super::{Error, Result, RowId, SourceId};
use super::IngestSession;
use super::apply::point_to;
use tenantry_model::clock;

/// How many corrections are described.
const CORRECTIONS_NAMED: usize = 10;

/// How many rows are in memory at once.
const BATCH: u32 = 10_000;

/// Refused rows of a list that a row with the same external id and reseller has replaced.
#[derive(Debug, Default)]
pub struct Corrections {
    pub rows: u64,
    /// The first of them.
    pub first: Vec<Correction>,
    /// Those that are replaced only when the list is agreed to, each with the row that replaces it.
    pub(super) after_consent: Vec<(RowId, RowId)>,
}

/// A refused row that its list no longer contains, and the row that replaces it.
#[derive(Debug)]
pub struct Correction {
    /// The domain of the refused row; `None` if its cell is not a domain.
    pub refused: Option<String>,
    pub state: State,
    /// Line and domain of the row that replaces it.
    pub line: u32,
    pub domain: Option<String>,
}

/// A table of steps, its column with the id of the row, and which steps can be current. Acceptances are found by an
/// index on those that were not replaced.
const STEPS: [(&str, &str, &str); 2] =
    [("customer_rows", "id", "TRUE"), ("agreements", "row_id", "replaced_by IS NULL")];

impl IngestSession {
    /// Marks the rows that this list no longer contains, nor an earlier list of this run, and takes the mark from the rows
    /// that it contains, whichever list brought them first. A row that was acknowledged while it was gone needs attention
    /// again when it comes back.
    pub(super) fn mark_gone(&self, tx: &Transaction<'_>, list: &HashSet<SourceId>) -> Result<()> {
        let is_unsettled = State::sql_list(|state| state.needs_attention() || state.is_open());
        let now = clock::now().as_millisecond();
        for (table, row, is_current) in STEPS {
            // A waiting row is missing in its own list, whichever other one contains it.
            let marked = format!(
                "SELECT id, {row}, source_id, state = 'pending' FROM {table} WHERE gone_at IS NOT NULL"
            );
            let update = format!(
                "UPDATE {table} SET gone_at = NULL,
                        acknowledged_at = iif(acknowledged_at >= gone_at, NULL, acknowledged_at) WHERE id = ?1"
            );
            let marked: Vec<(i64, RowId, SourceId, bool)> = collect(tx, &marked, [], |step| step.try_into())?;
            let is_back = |(_, row, source, waits): &(i64, RowId, SourceId, bool)| match waits {
                true => self.seen.contains(*row) && list.contains(source),
                false => self.seen.line_of(*row).is_some(),
            };
            for (id, ..) in marked.into_iter().filter(is_back) {
                tx.prepare_cached(&update)?.execute([id])?;
            }
            // A waiting row for which an earlier list of this run is noted is kept by that note.
            let is_noted = match table {
                "customer_rows" => format!(
                    "state = 'pending' AND EXISTS (SELECT 1 FROM json_each(also_in)
                                                    WHERE value IN (SELECT id FROM sources WHERE run_id = {}))",
                    self.run
                ),
                _ => "FALSE".to_owned(),
            };
            let waits = if table == "customer_rows" { "state = 'pending'" } else { "FALSE" };
            // Rows of this reading have just been met.
            let unsettled = format!(
                "SELECT id, {row}, source_id, {is_noted}, {waits} FROM {table}
                  WHERE {is_current} AND state IN ({is_unsettled}) AND source_id <> {}",
                self.source
            );
            // A clock that was ahead would hide later readings.
            let update = format!(
                "UPDATE {table} SET gone_at = ?2 WHERE id = ?1 AND (gone_at IS NULL OR gone_at > ?2)"
            );
            for id in self.missing(tx, &unsettled, list)? {
                tx.prepare_cached(&update)?.execute((id, now))?;
            }
        }
        Ok(())
    }

    /// Notes which open rows of other lists this list contains, too: they are not missing while the last reading of a list
    /// that was agreed to is among those that have found them. This reading counts only then, too, so an earlier one
    /// that was agreed to is kept beside it.
    pub(super) fn note_also_in(&self, tx: &Transaction<'_>, list: &HashSet<SourceId>) -> Result<()> {
        let agreed = format!(
            "SELECT id FROM sources s WHERE completed_at IS NOT NULL AND id <> ?1 AND {}",
            is_no_retry("s")
        );
        let agreed: Vec<SourceId> = collect(tx, &agreed, [self.source], |row| row.get(0))?;
        let last_agreed = agreed.into_iter().filter(|reading| list.contains(reading)).max();
        let kept = last_agreed.filter(|_| self.info.needs_consent);
        // Those of this reading are in its list.
        let sql = format!(
            "SELECT id, source_id, also_in FROM customer_rows
              WHERE state = ?1 AND id > ?2 AND (source_id <> {} OR also_in IS NOT NULL) ORDER BY id LIMIT ?3",
            self.source
        );
        for state in State::OF_ROWS.into_iter().filter(|state| state.is_open()) {
            let mut last = RowId(0);
            loop {
                type Open = (RowId, SourceId, Option<String>);
                let batch: Vec<Open> = collect(tx, &sql, (state, last, BATCH), |row| row.try_into())?;
                let Some((row, ..)) = batch.last() else { break };
                last = *row;
                for (row, source, before) in batch {
                    let is_met = self.seen.contains(row) && !list.contains(&source);
                    if is_met || before.is_some() {
                        let counts = |reading: &SourceId| !list.contains(reading) || Some(*reading) == kept;
                        set_also_in(tx, row, before.as_deref(), counts, is_met.then_some(self.source))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Replaces refused rows that this list no longer contains by the row that it contains with the same external id and
    /// reseller, unless that is of another company. If several rows have them, none is the corrected one. If the
    /// operator says no to the list, they count again.
    pub(super) fn replace_corrected(
        &self,
        tx: &Transaction<'_>,
        list: &HashSet<SourceId>,
    ) -> Result<Corrections> {
        let mut corrections = Corrections::default();
        let sql = format!(
            "SELECT id, source_id, domain, state, external_id, reseller_id FROM customer_rows
              WHERE gone_at IS NOT NULL AND state IN ({}) AND external_id IS NOT NULL",
            State::sql_list(State::is_refused)
        );
        type Refused = (RowId, SourceId, Option<String>, State, String, Option<String>);
        let refused: Vec<Refused> = collect(tx, &sql, [], |row| row.try_into())?;
        // Thousands of rows may have one external id, such as 0.
        let mut only_rows = HashMap::new();
        for (row, source, domain, state, external_id, reseller) in refused {
            if !list.contains(&source) || self.seen.line_of(row).is_some() {
                continue;
            }
            let only_row = match only_rows.entry((external_id, reseller)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let (external_id, reseller) = new.key();
                    let only_row = self.only_row(tx, external_id, reseller.as_deref())?;
                    *new.insert(only_row)
                }
            };
            let Some((by, line)) = only_row else { continue };
            if is_another_company(tx, row, by)? {
                continue;
            }
            // A row that cannot be declined with the list would not give it back.
            if !self.info.needs_consent || self.brings(tx, by)? {
                replace(tx, row, by)?;
            } else {
                corrections.after_consent.push((row, by));
            }
            corrections.rows += 1;
            if corrections.first.len() < CORRECTIONS_NAMED {
                let sql = "SELECT domain FROM customer_rows WHERE id = ?1";
                let by = tx.prepare_cached(sql)?.query_row([by], |row| row.get(0))?;
                corrections.first.push(Correction { refused: domain, state, line, domain: by });
            }
        }
        Ok(corrections)
    }

    /// Is it a row that waits, of this reading?
    fn brings(&self, tx: &Transaction<'_>, row: RowId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM customer_rows WHERE id = ?1 AND source_id = ?2 AND state = 'pending')";
        value(tx, sql, (row, self.source))
    }

    /// The only row that this reading has met with this external id and reseller, and its line.
    fn only_row(
        &self,
        tx: &Transaction<'_>,
        external_id: &str,
        reseller: Option<&str>,
    ) -> Result<Option<(RowId, u32)>> {
        let sql = format!(
            "SELECT id FROM customer_rows
              WHERE external_id = ?1 AND reseller_id IS ?2 AND state NOT IN ({})",
            State::sql_list(State::is_history)
        );
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query((external_id, reseller))?;
        let mut only = None;
        while let Some(found) = rows.next()? {
            let id = found.get(0)?;
            let Some(line) = self.seen.line_of(id) else { continue };
            if only.replace((id, line)).is_some() {
                return Ok(None);
            }
        }
        Ok(only)
    }

    /// Of the steps found by the query, with the ids of their row and of their reading, whether an earlier list of this
    /// run is noted, and whether it is a waiting row: those of these readings whose row was met neither by this reading
    /// nor by such a list that is not noted.
    fn missing(&self, tx: &Transaction<'_>, sql: &str, readings: &HashSet<SourceId>) -> Result<Vec<i64>> {
        let mut missing = Vec::new();
        each(tx, sql, [], |step| {
            let (row, reading) = (step.get(1)?, step.get(2)?);
            let (is_noted, waits): (bool, bool) = (step.get(3)?, step.get(4)?);
            let is_met = self.seen.line_of(row).is_some()
                || (waits && self.seen.contains(row))
                || (self.seen.earlier.place_of(row).is_some() && !is_noted);
            if readings.contains(&reading) && !is_met {
                missing.push(step.get(0)?);
            }
            Ok::<_, Error>(())
        })?;
        Ok(missing)
    }
}

/// Do these rows have nothing in common but their external id? A list may count its rows from 1 each day.
fn is_another_company(tx: &Transaction<'_>, row: RowId, by: RowId) -> Result<bool> {
    let differs = ["company_name", "email", "address_line1", "last_name"].map(|field| {
        format!("{} <> {} COLLATE NOCASE", field_of("old.customer", field), field_of("new.customer", field))
    });
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM customer_rows old JOIN customer_rows new ON new.id = ?2
                         WHERE old.id = ?1 AND old.domain <> new.domain AND {})",
        differs.join(" AND ")
    );
    value(tx, &sql, (row, by))
}

/// Stores the readings that have found the row in other lists than its own: of those before, what `counts`, and one more.
fn set_also_in(
    tx: &Transaction<'_>,
    row: RowId,
    before: Option<&str>,
    counts: impl Fn(&SourceId) -> bool,
    added: Option<SourceId>,
) -> Result<()> {
    let readings = before.map_or(Ok(Vec::new()), |readings| from_json(readings, "lists"));
    let mut readings: Vec<SourceId> = readings.map_err(|what| Error::Stored { row: row.0, what })?;
    readings.retain(counts);
    readings.extend(added);
    let now = if readings.is_empty() { None } else { Some(json(&readings)?) };
    if now.as_deref() != before {
        update(tx, "customer_rows", &row, &[("also_in", &now)])?;
    }
    Ok(())
}

/// Is `row` still refused, and `by` a current row?
pub(super) fn is_correction(tx: &Transaction<'_>, row: RowId, by: RowId) -> Result<bool> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM customer_rows WHERE id = ?1 AND state IN ({}))
            AND EXISTS (SELECT 1 FROM customer_rows WHERE id = ?2 AND state NOT IN ({}))",
        State::sql_list(State::is_refused),
        State::sql_list(State::is_history)
    );
    value(tx, &sql, (row, by))
}

pub(super) fn replace(tx: &Transaction<'_>, row: RowId, by: RowId) -> Result<()> {
    let step = CurrentStep::of(tx, StepKind::Create, row)?;
    step.take(tx, StepEvent::Replaced, "key_domain = NULL", &[])?;
    point_to(tx, row, by)
}
