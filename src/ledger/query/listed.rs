//! Rows with the columns of the view `customers`, for `list`.

use rusqlite::types::ValueRef;
use serde::Serialize;

use super::super::steps::State;
use super::super::stored::{each, json};
use super::super::{Error, InputOptions, Result};
use super::Queries;

/// Columns that are true or false; SQLite has only numbers for these.
const BOOLEANS: [&str; 3] = ["has_credentials", "domain_burned", "acknowledged"];

/// Which rows to list. The conditions are combined with AND.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Rows in one of these states; if empty, all current rows.
    pub states: Vec<State>,
    /// Rows that were refused with this code, or whose agreement was.
    pub code: Option<String>,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ListedValue {
    None,
    Bool(bool),
    Integer(i64),
    Text(String),
}

/// A row with the values of [`Queries::listed_columns`].
#[derive(Debug)]
pub struct ListedRow {
    pub values: Vec<ListedValue>,
    /// The stored customer as JSON; `None` if validation failed.
    pub customer: Option<String>,
    /// The row as it was read, if there is no customer.
    pub as_read: Option<RowAsRead>,
}

/// The cells of a row, and what is needed to assign them to fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAsRead {
    /// The header record of its file as CSV.
    pub header: Vec<u8>,
    /// The options by which its file was read and validated, if they are known.
    pub given: Option<InputOptions>,
    /// The operator's own cells as one CSV record; empty if they were erased.
    pub cells: Vec<u8>,
}

/// The columns of the view, and those that only a list has.
const COLUMNS: &str = "c.*, c.source_line AS line,
    (c.acknowledged_at IS NOT NULL
     OR EXISTS (SELECT 1 FROM agreements g
                 WHERE g.row_id = c.row_id AND g.replaced_by IS NULL AND g.acknowledged_at IS NOT NULL)) AS acknowledged";

/// The columns after [`COLUMNS`].
const AS_READ: [&str; 4] = [
    "r.customer",
    "iif(r.customer IS NULL, s.header, NULL)",
    "iif(r.customer IS NULL, s.given, NULL)",
    "iif(r.customer IS NULL, r.cells, NULL)",
];

const ROWS: &str = "customers c JOIN customer_rows r ON r.id = c.row_id JOIN sources s ON s.id = r.source_id";

impl Queries {
    /// The names of the columns of a listed row.
    pub fn listed_columns(&self) -> Result<Vec<String>> {
        let statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM {ROWS} LIMIT 0"))?;
        Ok(statement.column_names().into_iter().map(str::to_owned).collect())
    }

    /// Calls `visit` with each row that matches `filter`, in the order in which rows were read. Keeps one row in memory.
    pub fn each_listed<E: From<Error>>(
        &self,
        filter: &ListFilter,
        mut visit: impl FnMut(ListedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = self.listed_columns()?;
        let is_boolean: Vec<bool> = columns.iter().map(|name| BOOLEANS.contains(&name.as_str())).collect();
        let count = is_boolean.len();
        let sql = format!(
            "SELECT {COLUMNS}, {} FROM {ROWS}
              WHERE iif(?1 = '[]', r.state NOT IN ({}), r.state IN (SELECT value FROM json_each(?1)))
                AND (?2 IS NULL OR c.error_code = ?2 OR c.agreement_error_code = ?2)
              ORDER BY r.id",
            AS_READ.join(", "),
            State::sql_list(State::is_history)
        );
        let parameters = (json(&filter.states)?, &filter.code);
        each(&self.connection, &sql, parameters, |row| {
            let mut values = Vec::with_capacity(count);
            for (index, is_boolean) in is_boolean.iter().enumerate() {
                values.push(listed_value(row.get_ref(index).map_err(Error::from)?, *is_boolean));
            }
            let listed = || {
                let as_read = match row.get::<_, Option<Vec<u8>>>(count + 1)? {
                    Some(header) => {
                        Some(RowAsRead { header, given: row.get(count + 2)?, cells: row.get(count + 3)? })
                    }
                    None => None,
                };
                Ok::<_, rusqlite::Error>(ListedRow { values, customer: row.get(count)?, as_read })
            };
            visit(listed().map_err(Error::from)?)
        })
    }
}

fn listed_value(value: ValueRef<'_>, is_boolean: bool) -> ListedValue {
    match value {
        ValueRef::Integer(number) if is_boolean => ListedValue::Bool(number != 0),
        ValueRef::Integer(number) => ListedValue::Integer(number),
        ValueRef::Text(text) => ListedValue::Text(String::from_utf8_lossy(text).into_owned()),
        // The view has no columns of these types.
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => ListedValue::None,
    }
}
