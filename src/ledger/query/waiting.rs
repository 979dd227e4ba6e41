//! Rows that wait for their file, and rows that were discarded unsent: by file, and why.

use std::path::Path;

use serde::{Serialize, Serializer};

use super::super::steps::{State, is_not_held_by_a_copy, is_standing};
use super::super::stored::{collect, is_after_copy, is_no_retry, is_same_list, list_key};
use super::super::{InputOptions, ListRefusal, Result, RunId};
use super::Queries;
use super::plan::is_undecided;
use tenantry_model::files;
use tenantry_model::printable::escape_for_terminal;

/// A condition: a restored copy waits for the file `s` of the unresolved row `r`.
pub(super) fn is_unresolved_and_held() -> String {
    format!("(r.state = 'unresolved' AND r.acknowledged_at IS NULL AND NOT {})", is_not_held_by_a_copy())
}

/// Why rows of a file are held back until the file is imported again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// It was not read to its end.
    Unread,
    /// The list was refused as a whole. `None`: an earlier version of the program did not store why.
    Refused(Option<ListRefusal>),
    /// The program died before the operator had agreed to send them.
    Undecided,
    /// It was read before this copy of the ledger was made; the lost ledger may have sent them.
    Restored,
}

impl HoldReason {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            HoldReason::Unread => "unread",
            HoldReason::Refused(Some(ListRefusal::TooManyNew { .. })) => "too_many_new",
            HoldReason::Refused(_) => "invalid",
            HoldReason::Undecided => "undecided",
            HoldReason::Restored => "restored",
        }
    }

    /// The `--max-new` that lets a list through that would create too many customers.
    pub fn max_new(self) -> Option<u64> {
        match self {
            HoldReason::Refused(Some(ListRefusal::TooManyNew { new, .. })) => Some(new),
            _ => None,
        }
    }
}

impl Serialize for HoldReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A file that holds rows back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldSource {
    #[serde(rename = "file")]
    pub path: String,
    /// Its rows, and acceptances of its rows, that wait.
    #[serde(rename = "rows")]
    pub waiting: u64,
    pub why: HoldReason,
    /// The options by which it was read and validated, if they are known.
    #[serde(skip)]
    pub given: InputOptions,
    /// Only consent is missing: `resume` asks for it.
    #[serde(skip)]
    pub is_settled_by_consent: bool,
}

/// A file with rows that were discarded unsent and not imported again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiscardedSource {
    #[serde(rename = "file")]
    pub path: String,
    pub rows: u64,
}

impl HeldSource {
    /// Why its rows are held back, and what to do.
    pub fn describe(&self) -> String {
        let path = escape_for_terminal(&self.path);
        let (waiting, are) = (self.waiting, if self.waiting == 1 { "is" } else { "are" });
        // Another sheet of the workbook is another list.
        let list = match &self.given.found_sheet {
            Some(sheet) => format!("`{path}` (sheet `{}`)", escape_for_terminal(sheet)),
            None => format!("`{path}`"),
        };
        match self.why {
            HoldReason::Restored => format!(
                "{list}: {waiting} of its rows {are} held back because the ledger was restored: import it \
                 again, corrected rows first."
            ),
            HoldReason::Unread => format!(
                "{list} was not read to its end, so {waiting} of its rows {are} held back: import it again."
            ),
            HoldReason::Refused(refusal) => format!(
                "{list}: {waiting} of its rows {are} held back, because {}: {}.",
                refusal.map_or_else(|| "the list was refused as a whole".to_owned(), |it| it.to_string()),
                match self.why.max_new() {
                    Some(new) =>
                        format!("check the list; if it is right, import it again with `--max-new {new}`"),
                    None => "correct the list and import it again, or remove the rows that you do not want"
                        .to_owned(),
                }
            ),
            HoldReason::Undecided => format!(
                "{list} was read, but the run ended before you agreed to send its rows, so {waiting} of \
                 its rows {are} held back: {}.",
                if self.is_settled_by_consent {
                    "import it again, or run `tenantry resume` and agree"
                } else {
                    "import it again"
                }
            ),
        }
    }
}

impl DiscardedSource {
    /// What happened to its rows, and how to bring them back.
    pub fn describe(&self) -> String {
        let path = escape_for_terminal(&self.path);
        let (rows, were) = (self.rows, if self.rows == 1 { "was" } else { "were" });
        format!("`{path}`: {rows} of its rows {were} discarded unsent: import the list again to create them.")
    }
}

impl Queries {
    /// Files that hold rows back; the one that was read last is at the end.
    pub fn unfinished_sources(&self) -> Result<Vec<HeldSource>> {
        let (open, unresolved) = (State::sql_list(State::is_open), is_unresolved_and_held());
        let sql = format!(
            "SELECT s.path, held.waiting, held.is_restored, s.read_at, s.invalid_at, s.given, s.refusal, s.full_path, {} FROM
                     (SELECT count(*) AS waiting, max(id) AS newest,
                             max(NOT {}) AS is_restored
                        FROM (SELECT s.* FROM sources s JOIN customer_rows r ON r.source_id = s.id
                               WHERE s.completed_at IS NULL AND (r.state IN ({open}) OR {unresolved})
                              UNION ALL
                              SELECT s.* FROM sources s JOIN agreements a ON a.source_id = s.id
                               WHERE s.completed_at IS NULL AND a.state IN ({open}) AND {}) AS s
                       GROUP BY {}) AS held
                     JOIN sources s ON s.id = held.newest
                    ORDER BY s.id",
            is_undecided("s"),
            is_after_copy("s"),
            is_standing("a"),
            list_key("s")
        );
        collect(&self.connection, &sql, [], |row| {
            let (is_restored, read_at, invalid_at): (bool, Option<i64>, Option<i64>) =
                (row.get(2)?, row.get(3)?, row.get(4)?);
            let why = match (is_restored, read_at, invalid_at) {
                (true, ..) => HoldReason::Restored,
                (false, None, _) => HoldReason::Unread,
                (false, Some(_), Some(_)) => HoldReason::Refused(row.get(6)?),
                (false, Some(_), None) => HoldReason::Undecided,
            };
            let given = row.get::<_, Option<InputOptions>>(5)?.unwrap_or_default();
            Ok(HeldSource {
                path: from_here(row.get(0)?, row.get(7)?),
                waiting: row.get(1)?,
                why,
                given,
                is_settled_by_consent: row.get(8)?,
            })
        })
    }

    /// Files with discarded rows that no later reading brought again. `during`: only those that were discarded since this
    /// run began.
    pub fn discarded_sources(&self, during: Option<RunId>) -> Result<Vec<DiscardedSource>> {
        let sql = format!(
            "SELECT s.path, count(DISTINCT r.domain), s.full_path FROM sources s JOIN customer_rows r ON r.source_id = s.id
                    WHERE s.let_go_at IS NOT NULL AND r.state = 'declined'
                      AND (?1 IS NULL
                           OR s.let_go_at >= (SELECT started_at FROM program_runs WHERE id = ?1))
                      AND NOT EXISTS (SELECT 1 FROM customer_rows again WHERE again.key_domain = r.domain)
                      AND NOT EXISTS (SELECT 1 FROM sources later
                                       WHERE {} AND later.id > s.id AND {}
                                         AND later.completed_at IS NOT NULL)
                    GROUP BY {} ORDER BY max(s.id)",
            is_same_list("later", "s"),
            is_no_retry("later"),
            list_key("s")
        );
        collect(&self.connection, &sql, [during], |row| {
            Ok(DiscardedSource { path: from_here(row.get(0)?, row.get(2)?), rows: row.get(1)? })
        })
    }
}

/// The path by which the list is found from the working folder. One that was moved is named as it was given.
fn from_here(path: String, full_path: Option<String>) -> String {
    let is_elsewhere =
        |full: &String| files::list_full_path(&path).as_ref() != Some(full) && Path::new(full).exists();
    full_path.filter(is_elsewhere).unwrap_or(path)
}
