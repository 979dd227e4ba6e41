//! What exports gave out of a row that comes back.
//!
//! A row has several versions: its own cells, those that brought its acceptance of the agreement (`export agreements`),
//! and those of the rows that have replaced it, because a file that was corrected may come again. A row that is rejected
//! because a spreadsheet has changed it holds the changed cells; the problems have the values of before.

use rusqlite::{Row, Transaction};

use super::super::stored::{collect, stored_problems, value};
use super::super::{InputOptions, Result, RowId, SourceId};
use super::{Candidate, KnownRows};
use tenantry_model::problem::{Problem, Rule, Severity};

/// A row that was corrected more often was so over years.
const VERSIONS_MAX: u32 = 16;

/// The versions of a row that comes back.
#[derive(Debug, Default)]
pub struct Originals {
    /// The versions of the row that it names, oldest first.
    pub named: Vec<Original>,
    /// The versions of the current row of its domain, if that is another row.
    pub of_domain: Vec<Original>,
    /// It names a row that the ledger does not have. A restored ledger lacks the rows of after its copy.
    pub is_unknown: bool,
    /// `forget` has erased the row that it names.
    pub is_erased: bool,
}

/// A version of a row.
#[derive(Debug)]
pub struct Original {
    pub row: RowId,
    pub source: SourceId,
    /// The header record of its file as CSV.
    pub header: Vec<u8>,
    /// The options by which its file was read and validated, if they are known.
    pub given: Option<InputOptions>,
    /// The operator's own cells as one CSV record.
    pub cells: Vec<u8>,
    /// What a spreadsheet has changed in it. The suggestions are the values of before.
    pub changed: Vec<Problem>,
}

/// The originals of a row that comes back, or that repeats one which was rejected because a spreadsheet has changed it.
pub(super) fn of(tx: &Transaction<'_>, candidate: &Candidate, known: &KnownRows) -> Result<Originals> {
    let standing = known.standing.as_ref();
    let was_changed =
        |error_code: &Option<String>| error_code.as_deref() == Some(Rule::SpreadsheetChange.name());
    if !candidate.is_returned && !standing.is_some_and(|standing| was_changed(&standing.error_code)) {
        return Ok(Originals::default());
    }
    let named = candidate.corrects.map_or(Ok(Vec::new()), |row| versions(tx, row))?;
    let other = standing.filter(|standing| named.iter().all(|version| version.row != standing.row));
    let of_domain = other.map_or(Ok(Vec::new()), |other| versions(tx, other.row))?;
    let is_restored = || value(tx, "SELECT EXISTS (SELECT 1 FROM copies WHERE restored_at IS NOT NULL)", []);
    let is_unknown = candidate.corrects.is_some() && known.named.is_none() && !is_restored()?;
    let is_erased = named.is_empty() && known.named.is_some();
    Ok(Originals { named, of_domain, is_unknown, is_erased })
}

fn versions(tx: &Transaction<'_>, row: RowId) -> Result<Vec<Original>> {
    // Nothing is known of a row whose cells were erased.
    let sql = format!(
        "WITH RECURSIVE versions (id) AS (
           SELECT ?1
           UNION
           SELECT r.replaced_by FROM versions v JOIN customer_rows r ON r.id = v.id
            WHERE r.replaced_by IS NOT NULL LIMIT {VERSIONS_MAX})
         SELECT r.id, s.id, s.header, s.given, r.cells, r.problems
           FROM versions v JOIN customer_rows r ON r.id = v.id JOIN sources s ON s.id = r.source_id
          WHERE length(r.cells) > 0
          UNION ALL
         SELECT a.row_id, s.id, s.header, s.given, a.cells, NULL
           FROM versions v JOIN agreements a ON a.row_id = v.id JOIN sources s ON s.id = a.source_id
          WHERE length(a.cells) > 0"
    );
    let load = |found: &Row<'_>| {
        let original = Original {
            row: found.get(0)?,
            source: found.get(1)?,
            header: found.get(2)?,
            given: found.get(3)?,
            cells: found.get(4)?,
            changed: Vec::new(),
        };
        Ok((original, found.get::<_, Option<String>>(5)?))
    };
    let found: Vec<(Original, Option<String>)> = collect(tx, &sql, [row], load)?;
    found.into_iter().map(|(original, problems)| with_changes(original, problems.as_deref())).collect()
}

fn with_changes(original: Original, problems: Option<&str>) -> Result<Original> {
    let rule = Rule::SpreadsheetChange.name();
    // Nearly every row has none of these problems.
    let problems = problems.filter(|json| json.contains(rule));
    let mut changed = stored_problems(original.row, problems)?;
    changed.retain(|problem| problem.rule == rule && problem.severity == Severity::Error);
    Ok(Original { changed, ..original })
}
