//! Why lists were refused as a whole, after they were read to their ends.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// Why nothing of a list may be sent. Stored as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum ListRefusal {
    /// This many rows failed validation, with `--require-valid`.
    NotAllValid { rows: u64 },
    /// More customers would be created than `--max-new` allows.
    TooManyNew { new: u64, allowed: u64 },
    /// A list as a whole has a problem, with `--strict`.
    Problem,
}

/// The reason in a few words, for people.
impl fmt::Display for ListRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        match *self {
            ListRefusal::NotAllValid { rows } => {
                write!(f, "{rows} row{} failed validation (--require-valid)", plural(rows))
            }
            ListRefusal::TooManyNew { new, allowed } => {
                write!(f, "{new} customer{} would be created, and --max-new allows {allowed}", plural(new))
            }
            ListRefusal::Problem => f.write_str("the list as a whole has a problem (--strict)"),
        }
    }
}

impl ToSql for ListRefusal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(self).expect("a reason is plain data");
        Ok(text.into())
    }
}

impl FromSql for ListRefusal {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map_err(FromSqlError::other)
    }
}
