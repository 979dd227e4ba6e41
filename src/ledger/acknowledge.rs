//! Acknowledges refused and unresolved rows, refused acceptances and lost passwords: they keep their state, and no
//! longer need attention.
//!
//! A change of state or code ends an acknowledgement (`steps::CurrentStep::take`), and so does a row with changed
//! content, which replaces the acknowledged one. A row that was acknowledged while its list did not contain it needs
//! attention again when it comes back (`ingest::gone`).

use rusqlite::Transaction;

use super::query::{CREATED_ROWS, PASSWORD_IS_LOST};
use super::steps::{STANDING, State};
use super::stored::{NamedRow, is_named, json, value};
use super::{Ledger, Result};
use tenantry_model::clock;

/// The code of a lost password in a selection.
pub const LOST_PASSWORD: &str = "password_lost";

/// Which rows to acknowledge. All conditions have to be met.
#[derive(Debug, Clone, Default)]
pub struct AcknowledgeSelection {
    /// These rows; all rows if empty.
    pub named: Vec<NamedRow>,
    /// Rows with one of these codes; all codes if empty. A lost password has the code [`LOST_PASSWORD`].
    pub codes: Vec<String>,
    /// Only rows that their list no longer contains. A lost password is not one of them: it has to be reset in any case.
    pub gone: bool,
}

/// How many rows were acknowledged, or needed attention again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AcknowledgeReport {
    pub failed: u64,
    pub rejected: u64,
    pub unresolved: u64,
    /// Lost passwords.
    pub passwords: u64,
    /// Refused acceptances of the agreement.
    pub agreements: u64,
    /// Rows that match, and were so before.
    pub unchanged: u64,
    /// Of those that need attention again: rows and acceptances whose data `forget` has erased.
    pub erased: u64,
}

impl AcknowledgeReport {
    /// Rows, acceptances and passwords that were changed.
    pub fn changed(&self) -> u64 {
        self.failed + self.rejected + self.unresolved + self.passwords + self.agreements
    }
}

impl Ledger {
    /// Acknowledges the rows of `selection`; `undo`: they need attention again. An erased row can be looked up, corrected
    /// or retried after a list has brought its data again.
    pub async fn acknowledge(
        &self,
        selection: AcknowledgeSelection,
        undo: bool,
    ) -> Result<AcknowledgeReport> {
        self.write(move |tx| acknowledge(tx, &selection, undo)).await
    }
}

/// Steps of one kind: their table, which of them can be acknowledged, and SQL for code, domain and id of their row, and
/// whether they are erased.
type Steps<'a> = (&'a str, &'a str, &'a str, (&'a str, &'a str), &'a str);

fn acknowledge(
    tx: &Transaction<'_>,
    selection: &AcknowledgeSelection,
    undo: bool,
) -> Result<AcknowledgeReport> {
    const ROWS: &str = "customer_rows";
    const CODE: &str = "error_code";
    const ROW: (&str, &str) = ("domain", "customer_rows.id");
    const ERASED: &str = "erased_at IS NOT NULL";
    const ERASED_ROW: &str = "(SELECT erased_at IS NOT NULL FROM customer_rows WHERE id = agreements.row_id)";
    const ITS_ROW: (&str, &str) =
        ("(SELECT domain FROM customer_rows WHERE id = agreements.row_id)", "agreements.row_id");
    let lost = format!("'{LOST_PASSWORD}'");
    let agreements = format!("{STANDING} AND state IN ({})", State::sql_list(State::is_refused));
    let acknowledged_at = (!undo).then(|| clock::now().as_millisecond());
    let mut report = AcknowledgeReport::default();
    let mut mark = |(table, are_meant, code, (domain, row), is_erased): Steps<'_>| -> Result<u64> {
        let matches = format!(
            "{are_meant} AND (?1 = '[]' OR {code} IN (SELECT value FROM json_each(?1)))
               AND {} AND (NOT ?3 OR gone_at IS NOT NULL)",
            is_named(domain, row, "?2")
        );
        let (codes, named) = (json(&selection.codes)?, json(&selection.named)?);
        let sql = format!("SELECT count(*) FROM {table} WHERE {matches}");
        let found: u64 = value(tx, &sql, (&codes, &named, selection.gone))?;
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE ?4 AND {matches} AND acknowledged_at IS NOT NULL AND {is_erased}"
        );
        report.erased += value::<u64>(tx, &sql, (&codes, &named, selection.gone, undo))?;
        let sql = format!(
            "UPDATE {table} SET acknowledged_at = ?4
              WHERE {matches} AND (acknowledged_at IS NULL) <> (?4 IS NULL)"
        );
        let changed = tx.execute(&sql, (codes, named, selection.gone, acknowledged_at))? as u64;
        report.unchanged += found - changed;
        Ok(changed)
    };
    let failed = mark((ROWS, "state = 'failed'", CODE, ROW, ERASED))?;
    let rejected = mark((ROWS, "state = 'rejected'", CODE, ROW, ERASED))?;
    let unresolved = mark((ROWS, "state = 'unresolved'", CODE, ROW, ERASED))?;
    // A row may have been gone while it was refused.
    let passwords =
        if selection.gone { 0 } else { mark((CREATED_ROWS, PASSWORD_IS_LOST, &lost, ROW, "FALSE"))? };
    let agreements = mark(("agreements", &agreements, CODE, ITS_ROW, ERASED_ROW))?;
    Ok(AcknowledgeReport { failed, rejected, unresolved, passwords, agreements, ..report })
}
