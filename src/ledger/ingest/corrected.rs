//! Recognizes a row that was corrected under another domain, although its values in a list have changed since.

use std::collections::HashMap;
use std::sync::LazyLock;

use rusqlite::{OptionalExtension, Transaction};

use super::super::steps::State;
use super::super::stored::collect;
use super::super::{Result, RowId};
use super::Candidate;
use super::known::SeenRows;

/// What a row is recognized by although its values have changed: domain, external id and reseller.
pub(super) type Identity = (String, String, Option<String>);

/// The rows that were replaced under another domain, which are few. They may come again in any list: its name may have the
/// date in it.
pub(super) fn replaced_rows(tx: &Transaction<'_>) -> Result<HashMap<Identity, RowId>> {
    let sql = "SELECT r.domain, r.external_id, r.reseller_id, r.id
                 FROM customer_rows r INDEXED BY rows_by_state
                 JOIN customer_rows new ON new.id = r.replaced_by AND new.domain IS NOT r.domain
                WHERE r.state = 'superseded' AND r.domain IS NOT NULL AND r.external_id IS NOT NULL";
    let rows: Vec<(Identity, RowId)> =
        collect(tx, sql, [], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?)))?;
    Ok(rows.into_iter().collect())
}

/// See [`KnownRows::corrected`](super::KnownRows::corrected).
pub(super) fn corrected(
    tx: &Transaction<'_>,
    candidate: &Candidate,
    seen: &SeenRows,
) -> Result<Option<RowId>> {
    if seen.replaced.is_empty() {
        return Ok(None);
    }
    let (Some(domain), Some(external_id)) = (&candidate.domain, &candidate.external_id) else {
        return Ok(None);
    };
    let reseller = candidate.reseller.map(|id| id.to_string());
    let identity = (domain.as_str().to_owned(), external_id.clone(), reseller);
    let Some(&row) = seen.replaced.get(&identity) else { return Ok(None) };
    static MAY_BE_CUSTOMER: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT last.id FROM customer_rows last
              WHERE last.id = ({}) AND last.external_id = ?2 AND last.reseller_id IS ?3
                AND last.acknowledged_at IS NULL AND last.state IN ({})",
            last_correction("?1"),
            State::sql_list(|state| state.is_customer() || state.is_in_doubt() || state.is_open())
        )
    });
    let (_, external_id, reseller) = identity;
    let last =
        tx.prepare_cached(&MAY_BE_CUSTOMER)?.query_row((row, external_id, reseller), |found| found.get(0));
    // Where the list has both, they are two customers.
    let last: Option<RowId> = last.optional()?;
    Ok(last.filter(|last| seen.line_of(*last).is_none()).map(|_| row))
}

/// A query for the id of the last of the corrections of `row`.
pub(super) fn last_correction(row: &str) -> String {
    format!(
        "WITH RECURSIVE chain (id, replaced_by) AS (
            SELECT id, replaced_by FROM customer_rows WHERE id = (SELECT replaced_by FROM customer_rows WHERE id = {row})
            UNION ALL
            SELECT c.id, c.replaced_by FROM customer_rows c JOIN chain ON c.id = chain.replaced_by)
        SELECT id FROM chain WHERE replaced_by IS NULL"
    )
}
